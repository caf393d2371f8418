#!/usr/bin/env python3
"""make_renewal.py DIR NOW: what the stories of renewal are told with, made anew each time because of its dates.

DIR/root.pem			the root that stands for Apple's
DIR/NAME.ipa			stock (two extensions, a watch app), beacon, field (under a wildcard): their provisions end 40 days after NOW
DIR/NAME.mobileprovision	newer ones, a year long: stock, share, note, watch, beacon, wildcard
DIR/other-*.mobileprovision	newer ones that do not fit: -certificate, -team, -entitlement, -tampered, -store, -expired,
				-signer (of share, one of another certificate); -certificate and -signer last a month longer
DIR/adhoc.ipa adhoc.mobileprovision	for the UDIDs in the environment (UDIDS, by commas)
DIR/worn.ipa		stock, signed with a certificate that ends 20 days after NOW
DIR/resigned.ipa		a newer build of it, signed anew with another certificate
DIR/again.ipa		worn with its very numbers, signed anew with the other certificate
DIR/lasting.ipa		stock with its very numbers, signed anew with the other certificate, its provisions a year long
DIR/next.ipa			beacon, a newer build, a year long
"""
import datetime, os, plistlib, struct, subprocess, sys, tempfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_ipas  # noqa: E402

TEAM = "A1B2C3D4E5"
DAY = datetime.timedelta(days=1)
OUT, NOW = sys.argv[1], datetime.datetime.strptime(sys.argv[2], "%Y-%m-%dT%H:%M:%SZ")
SOON, LATER = NOW + 40 * DAY, NOW + 365 * DAY


def certificate(name, issuer=None, end=NOW + 900 * DAY):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer[0].subject if issuer else subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 400 * DAY).not_valid_after(end)
            .add_extension(x509.BasicConstraints(issuer is None, None), critical=True))
    return made.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(pair):
    return pair[0].public_bytes(serialization.Encoding.PEM)


def der(pair):
    return pair[0].public_bytes(serialization.Encoding.DER)


def sign(content, signer, *options):
    with tempfile.TemporaryDirectory() as folder:
        def put(file, data):
            with open(os.path.join(folder, file), "wb") as out:
                out.write(data)
            return os.path.join(folder, file)
        key = signer[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())
        return subprocess.run(["openssl", "cms", "-sign", "-binary", "-outform", "DER", *options, "-in",
                               put("content", content), "-signer", put("cert", pem(signer)), "-inkey", put("key", key)],
                              check=True, capture_output=True).stdout


ROOT = certificate("Example Root Authority", end=NOW + 3650 * DAY)
SIGNER = certificate("Example Provision Signing", ROOT)
DEVELOPER = certificate("iPhone Distribution: Example GmbH (A1B2C3D4E5)", ROOT)
ANOTHER = certificate("iPhone Distribution: Another (A1B2C3D4E5)", ROOT)
WORN = certificate("iPhone Distribution: Worn (A1B2C3D4E5)", ROOT, end=NOW + 20 * DAY)
STRANGER = certificate("Stranger")


def entitlements(app_id, **more):
    return {"application-identifier": app_id, "com.apple.developer.team-identifier": TEAM, "get-task-allow": False, **more}


def provision(uuid, app_id, expires, team=TEAM, certificates=(), udids=None, signer=SIGNER, grants=None, **more):
    facts = {
        "AppIDName": "Example", "ApplicationIdentifierPrefix": [team], "TeamIdentifier": [team], "TeamName": "Example GmbH",
        "CreationDate": NOW - 300 * DAY, "ExpirationDate": expires, "Name": "Example " + app_id, "UUID": uuid, "Version": 1,
        "Platform": ["iOS"], "TimeToLive": 365, "DeveloperCertificates": [der(c) for c in certificates or (DEVELOPER,)],
        "Entitlements": entitlements(team + "." + app_id, **(grants or {"keychain-access-groups": [team + ".*"]})),
    }
    facts.update({"ProvisionedDevices": udids} if udids else {"ProvisionsAllDevices": True})
    facts.update(more)
    return sign(plistlib.dumps({k: v for k, v in facts.items() if v is not None}), signer, "-nodetach")


def blob(magic, body):
    return struct.pack(">II", magic, 8 + len(body)) + body


def macho(claims, signer):
    """An executable of arm64 whose signature says who signed it and what it claims."""
    ident = b"com.example\0"
    directory = blob(0xfade0c02, struct.pack(">IIIIIIIBBBBIII", 0x20400, 0, 0, 52, 0, 0, 0, 32, 2, 0, 12, 0, 0, 52 + len(ident)) +
                     ident + TEAM.encode() + b"\0")
    blobs = [(0, directory), (5, blob(0xfade7171, plistlib.dumps(claims))), (0x10000, blob(0xfade0b01, sign(directory, signer)))]
    index, body, at = b"", b"", 12 + 8 * len(blobs)
    for slot, data in blobs:
        index += struct.pack(">II", slot, at + len(body))
        body += data
    signature = blob(0xfade0cc0, struct.pack(">I", len(blobs)) + index + body)
    commands = struct.pack("<6I", 0x32, 24, 2, 0x100000, 0x110000, 0)
    commands += struct.pack("<4I", 0x1d, 16, 32 + len(commands) + 16, len(signature))
    return struct.pack("<8I", 0xfeedfacf, 0x100000c, 0, 2, 2, len(commands), 0, 0) + commands + signature


def bundle(bundle_id, embedded, signer=DEVELOPER, build="7", **claims):
    return {"Info.plist": make_ipas.info(CFBundleIdentifier=bundle_id, CFBundleDisplayName=bundle_id.split(".")[2].title(),
                                         CFBundleIcons=None, CFBundleShortVersionString="1.0", CFBundleVersion=build),
            "Demo": macho(entitlements(TEAM + "." + bundle_id, **claims), signer), "embedded.mobileprovision": embedded}


def app(main, inner=()):
    members = {make_ipas.APP + name: body for name, body in main.items()}
    for path, one in dict(inner).items():
        members.update({make_ipas.APP + f"{path}/{name}": body for name, body in one.items()})
    return make_ipas.pack(members)


def write(name, data):
    with open(os.path.join(OUT, name), "wb") as out:
        out.write(data)


def uuid(n):
    return "%08x-0000-4000-8000-000000000000" % n


def stock(signer, first, build="7", end=SOON):
    def one(n, bundle_id, **claims):
        return bundle(bundle_id, provision(uuid(first + n), bundle_id, end, certificates=(signer,)), signer, build, **claims)
    return app(one(0, "com.example.stock", **{"keychain-access-groups": [TEAM + ".com.example.stock"]}),
               {"PlugIns/Share.appex": one(1, "com.example.stock.share"), "PlugIns/Note.appex": one(2, "com.example.stock.note"),
                "Watch/Clock.app": one(3, "com.example.stock.watch")})


def main():
    os.makedirs(OUT, exist_ok=True)
    write("root.pem", pem(ROOT))
    write("stock.ipa", stock(DEVELOPER, 0x10))
    write("beacon.ipa", app(bundle("com.example.beacon", provision(uuid(0x20), "com.example.beacon", SOON))))
    write("next.ipa", app({**bundle("com.example.beacon", provision(uuid(0x21), "com.example.beacon", LATER)),
                           "Info.plist": make_ipas.info(CFBundleIdentifier="com.example.beacon", CFBundleDisplayName="Beacon",
                                                        CFBundleIcons=None, CFBundleShortVersionString="1.1",
                                                        CFBundleVersion="8")}))
    write("field.ipa", app(bundle("com.example.field.main", provision(uuid(0x30), "com.example.field.*", SOON))))
    write("worn.ipa", stock(WORN, 0x60))
    write("resigned.ipa", stock(ANOTHER, 0x40, "8"))
    write("again.ipa", stock(ANOTHER, 0x70))
    write("lasting.ipa", stock(ANOTHER, 0x80, end=LATER))
    write("stock.mobileprovision", provision(uuid(0x110), "com.example.stock", LATER))
    write("share.mobileprovision", provision(uuid(0x111), "com.example.stock.share", LATER))
    write("note.mobileprovision", provision(uuid(0x112), "com.example.stock.note", LATER))
    write("watch.mobileprovision", provision(uuid(0x113), "com.example.stock.watch", LATER))
    write("beacon.mobileprovision", provision(uuid(0x120), "com.example.beacon", LATER))
    write("wildcard.mobileprovision", provision(uuid(0x130), "com.example.field.*", LATER))
    write("other-certificate.mobileprovision", provision(uuid(0x201), "com.example.stock", LATER + 30 * DAY, certificates=(ANOTHER,)))
    write("other-signer.mobileprovision", provision(uuid(0x202), "com.example.stock.share", LATER + 30 * DAY, certificates=(ANOTHER,)))
    write("other-team.mobileprovision", provision(uuid(0x203), "com.example.stock", LATER, team="Z9Y8X7W6V5"))
    write("other-entitlement.mobileprovision", provision(uuid(0x204), "com.example.stock", LATER, grants={"a": True}))
    write("other-store.mobileprovision", provision(uuid(0x205), "com.example.stock", LATER, ProvisionsAllDevices=None))
    write("other-expired.mobileprovision", provision(uuid(0x206), "com.example.stock", NOW - DAY))
    write("other-stranger.mobileprovision", provision(uuid(0x207), "com.example.stock", LATER, signer=STRANGER))
    write("other-tampered.mobileprovision",
          provision(uuid(0x208), "com.example.stock", LATER).replace(b"com.example.stock", b"com.example.stocl"))
    udids = os.environ.get("UDIDS")
    if udids:
        half = udids.split(",")
        write("adhoc.ipa", app(bundle("com.example.adhoc", provision(uuid(0x50), "com.example.adhoc", SOON, udids=half))))
        write("adhoc.mobileprovision", provision(uuid(0x150), "com.example.adhoc", LATER, udids=half[:1]))


main()
