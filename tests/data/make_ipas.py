#!/usr/bin/env python3
"""Makes tests/data/ipas: small apps as different tools pack them, and what is none.

Composed of tests/data/provisions (whose root is copied beside them) and tests/data/machos: run their
scripts first.  Needs nothing but python3.  With --hostile DIR it writes files that do harm, too large
to keep, to DIR instead.
"""
import io
import os
import plistlib
import struct
import sys
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "ipas")
SEEDS = os.path.join(HERE, "../fuzz/seeds")
APP = "Payload/Demo.app/"


def data(folder, name):
    with open(os.path.join(HERE, folder, name), "rb") as file:
        return file.read()


def provision(kind):
    return data("provisions", kind + ".mobileprovision")


def macho(kind):
    return data("machos", kind + ".macho")


def info(fmt=plistlib.FMT_BINARY, **changes):
    values = {
        "CFBundleIdentifier": "com.example.app", "CFBundleName": "Demo", "CFBundleDisplayName": "Demo App",
        "CFBundleShortVersionString": "1.2", "CFBundleVersion": "34", "MinimumOSVersion": "15.0",
        "CFBundleExecutable": "Demo", "CFBundlePackageType": "APPL", "DTPlatformName": "iphoneos",
        "CFBundleSupportedPlatforms": ["iPhoneOS"], "UIDeviceFamily": [1, 2],
        "CFBundleURLTypes": [{"CFBundleURLSchemes": ["demo", "demo-sso"]}],
        "CFBundleIcons": {"CFBundlePrimaryIcon": {"CFBundleIconFiles": ["AppIcon60x60"]}},
    }
    values.update(changes)
    return plistlib.dumps({k: v for k, v in values.items() if v is not None}, fmt=fmt)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def icon(side, parts):
    """Apple's variant of PNG (parts: how many IDAT), or an ordinary one with parts 0."""
    rows = b""
    for y in range(side):
        rows += b"\0"
        for x in range(side):
            alpha = 128 if x < side // 4 else 255
            red, green, blue = 200, 40 + y * 200 // side, 60
            if parts:
                red, green, blue = (c * alpha // 255 for c in (red, green, blue))
                rows += bytes((blue, green, red, alpha))
            else:
                rows += bytes((red, green, blue, alpha))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15 if parts else 15)
    packed = packer.compress(rows) + packer.flush()
    out = b"\x89PNG\r\n\x1a\n" + (chunk(b"CgBI", b"\x50\0\x20\2") if parts else b"")
    out += chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0))
    for part in range(max(parts, 1)):
        count = max(parts, 1)
        out += chunk(b"IDAT", packed[len(packed) * part // count:len(packed) * (part + 1) // count])
    return out + chunk(b"IEND", b"")


def app(kind="enterprise", binary="arm64", **changes):
    """The members of a good app, in an order; a change by its path replaces, adds or (None) removes."""
    members = {
        "": b"",
        "Info.plist": info(),
        "Demo": macho(binary),
        "embedded.mobileprovision": provision(kind) if kind else None,
        "AppIcon60x60@2x.png": icon(120, 1),
        "AppIcon60x60@3x.png": icon(180, 3),
        "_CodeSignature/CodeResources": plistlib.dumps({"files": {}}),
    }
    members.update(changes)
    return {APP + path: body for path, body in members.items() if body is not None}


class Pipe(io.RawIOBase):
    """Cannot seek, so the sizes follow each member."""

    def __init__(self):
        super().__init__()
        self.parts = []

    def writable(self):
        return True

    def write(self, part):
        self.parts.append(bytes(part))
        return len(part)


def pack(members, into=None, zip64=False):
    into = into if into is not None else io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name, body in members.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            entry.external_attr = (0o40755 if name.endswith("/") else 0o100644) << 16
            entry.create_system = 3
            with archive.open(entry, "w", force_zip64=zip64) as member:
                member.write(body)
    return b"".join(into.parts) if isinstance(into, Pipe) else into.getvalue()


def without_utf8_flag(archive):
    """Names stay UTF-8, unannounced, as Apple's tools write them."""
    out = bytearray(archive)
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = out.find(signature)
        while at >= 0:
            out[at + flags + 1] &= ~0x08
            at = out.find(signature, at + 4)
    return bytes(out)


def inner(bundle_id, kind):
    return {"Info.plist": info(CFBundleIdentifier=bundle_id, CFBundleIcons=None),
            "embedded.mobileprovision": provision(kind)}


def inside(path, members):
    return {path + "/" + name: body for name, body in members.items()}


STRINGS = '/* the name */\n"CFBundleDisplayName" = "Vorführung";\n'
UMLAUT = {"Übung.txt": b"a name that is not ASCII", "梨.txt": b"nor this"}
WATCH = {APP + name: body for name, body in {
    **inside("Watch/Clock.app", inner("com.example.app.watchkitapp", "wildcard")),
    **inside("Watch/Clock.app/PlugIns/Face.appex", inner("com.example.app.watchkitapp.face", "wildcard")),
    **inside("PlugIns/Share.appex", inner("com.example.app.share", "wildcard")),
    **inside("Extensions/Note.appex", inner("com.example.app.note", "wildcard")),
    **inside("AppClips/Try.app", inner("com.example.app.Clip", "wildcard")),
    "Frameworks/Kit.framework/Info.plist": info(CFBundleIdentifier="com.example.kit"),
}.items()}
OLD_WATCH = {APP + name: body for name, body in {
    **inside("PlugIns/Old.appex", inner("com.example.app.old", "wildcard")),
    **inside("PlugIns/Old.appex/Old.app", inner("com.example.app.old.watch", "wildcard")),
}.items()}


def ipas():
    return {
        "enterprise": pack(app(**{"de.lproj/InfoPlist.strings": STRINGS.encode("utf-16"),
                                  "en.lproj/InfoPlist.strings": plistlib.dumps({"CFBundleName": "Demonstration"}),
                                  "fr.lproj/Localizable.strings": b"not this one"})),
        "adhoc": pack(app("adhoc")),
        "development": pack(app("development")),
        "store": pack(app("store")),
        "no-provision": pack(app(None)),
        "bare-provision": pack(app("enterprise-bare")),
        "tampered-provision": pack(app("tampered")),
        "broken-provision": pack(app("bad-text")),
        "encrypted": pack(app(binary="encrypted")),
        "simulator": pack(app(None, binary="simulator-arm64")),
        "unsigned": pack(app(binary="unsigned")),
        "no-executable": pack(app(Demo=None)),
        "tvos": pack(app(**{"Info.plist": info(DTPlatformName="appletvos", CFBundleSupportedPlatforms=["AppleTVOS"],
                                               UIDeviceFamily=[3])})),
        "other-id": pack(app(**{"Info.plist": info(CFBundleIdentifier="com.example.other")})),
        "xml-info": pack(app(**{"Info.plist": info(plistlib.FMT_XML)})),
        "png-icon": pack(app(**{"AppIcon60x60@2x.png": icon(120, 0), "AppIcon60x60@3x.png": b"no picture"})),
        "catalog-icon": pack(app(**{"AppIcon60x60@2x.png": None, "AppIcon60x60@3x.png": None, "Assets.car": b"BOMStore",
                                    "Info.plist": info(CFBundleIcons={"CFBundlePrimaryIcon": {
                                        "CFBundleIconName": "AppIcon"}})})),
        "watch-first": pack({**WATCH, **app("wildcard")}),
        "old-watch": pack({**OLD_WATCH, **app("wildcard")}),
        "descriptors": pack(app(), Pipe()),
        "zip64": pack(app(), zip64=True),
        "names": pack({**app(), **{APP + name: body for name, body in UMLAUT.items()}}),
        "names-unannounced": without_utf8_flag(pack({**app(), **{APP + name: body for name, body in UMLAUT.items()}})),
        "macosx": pack({**app(), "__MACOSX/Payload/._Demo.app": b"x", "__MACOSX/Payload/Demo.app/._Info.plist": b"x"}),

        "bad-nested": pack({"Demo/" + name: body for name, body in app().items()}),
        "bad-top": pack({name[len("Payload/"):]: body for name, body in app().items()}),
        "bad-many": pack({**app(), "Payload/Other.app/Info.plist": info()}),
        "bad-no-info": pack({name: body for name, body in app().items() if not name.endswith("Info.plist")}),
        "bad-info": pack(app(**{"Info.plist": b"bplist00 and then nothing"})),
        "bad-info-id": pack(app(**{"Info.plist": info(CFBundleIdentifier="no id; at all")})),
        "bad-extension-info": pack(app(**{"PlugIns/S.appex/Info.plist": b"nothing"})),
        "bad-plist-bomb": pack(app(**{"Info.plist": data("plists", "hostile-dag-8.binary.plist")})),
        "bad-strings-bomb": pack(app(**{"de.lproj/InfoPlist.strings": b"A" * 250000})),
    }


def hostile(folder):
    """What is refused by its size: not kept, made when the test runs."""
    zeros = bytes(1 << 20)

    def big(name, path, times, level=9):
        target = os.path.join(folder, name + ".ipa")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
            for member, body in app().items():
                if member != APP + path:
                    archive.writestr(member, body)
            with archive.open(APP + path, "w", force_zip64=True) as member:
                for _ in range(times):
                    member.write(zeros)

    os.makedirs(folder, exist_ok=True)
    big("executable-bomb", "Demo", 512)
    big("icon-bomb", "AppIcon60x60@2x.png", 15)
    big("provision-bomb", "embedded.mobileprovision", 100)
    names = {APP + "f%06d/%s" % (i, "n" * 240): b"" for i in range(200001)}
    with open(os.path.join(folder, "too-many.ipa"), "wb") as file:
        file.write(pack(names))
    # 150,000 names whose folding is dear
    names = {APP + "%06d%s" % (i, "\u0390\u1fe7" * 40): b"" for i in range(150000)}
    with open(os.path.join(folder, "folding.ipa"), "wb") as file:
        file.write(pack({**names, APP + "x": b"", APP + "X": b""}))
    pixels = chunk(b"IHDR", struct.pack(">IIBBBBB", 0x7fffffff, 0x7fffffff, 16, 6, 0, 0, 1))
    with open(os.path.join(folder, "giant-icon.ipa"), "wb") as file:
        file.write(pack({**app(**{"AppIcon60x60@2x.png": b"\x89PNG\r\n\x1a\n" + pixels,
                                  "Info.plist": b"bplist00"})}))


def seed(target, name, body):
    folder = os.path.join(SEEDS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(body)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--hostile":
        hostile(sys.argv[2])
        return
    os.makedirs(OUT, exist_ok=True)
    for name, body in ipas().items():
        with open(os.path.join(OUT, name + ".ipa"), "wb") as file:
            file.write(body)
    with open(os.path.join(OUT, "root.pem"), "wb") as file:
        file.write(data("provisions", "root.pem"))
    small = {"a.txt": b"a" * 40, "b/": b"", "b/c.png": b"stored"}
    for name, body in (("plain", pack(small)), ("zip64", pack(small, zip64=True)), ("later", pack(small, Pipe())),
                       ("unannounced", without_utf8_flag(pack({"\u00dc.txt": b"umlaut"})))):
        seed("zip", name, body)
    for parts in range(4):
        seed("icon", "icon-%d" % parts, icon(12, parts))


if __name__ == "__main__":
    main()
