#!/usr/bin/env python3
"""Makes tests/data/provisions: provisions of every kind, signed under a root of our own, and what
goes wrong with them.  Needs openssl and python3-cryptography.  Keys are new at every run and not
kept; nothing in here is Apple's or anybody's."""
import datetime, os, plistlib, subprocess, tempfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, 'provisions')
TEAM = 'A1B2C3D4E5'
UDIDS = ['00008101-000000000000001E', '0123456789abcdef0123456789abcdef01234567']
DAY = datetime.timedelta(days=1)
FROM = datetime.datetime(2026, 1, 1)
UNTIL = datetime.datetime(2027, 1, 1)


def name(common_name, organization='Example'):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name),
                      x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])


def certificate(common_name, issuer=None, start=FROM, end=UNTIL):
    """(certificate, key), self-signed without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    is_ca = issuer is None or common_name.endswith('Authority')
    builder = (x509.CertificateBuilder().subject_name(name(common_name)).public_key(key.public_key())
               .issuer_name(issuer[0].subject if issuer else name(common_name))
               .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
               .add_extension(x509.BasicConstraints(is_ca, None), critical=True))
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def der(pair):
    return pair[0].public_bytes(serialization.Encoding.DER)


def pem(pair):
    return pair[0].public_bytes(serialization.Encoding.PEM)


def sign(content, signer, chain=(), options=('-nodetach',)):
    with tempfile.TemporaryDirectory() as folder:
        def put(file, data):
            with open(os.path.join(folder, file), 'wb') as out:
                out.write(data)
            return os.path.join(folder, file)
        key = signer[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())
        command = ['openssl', 'cms', '-sign', '-binary', '-outform', 'DER', '-md', 'sha256', *options,
                   '-in', put('content', content), '-signer', put('cert', pem(signer)), '-inkey', put('key', key)]
        if chain:
            command += ['-certfile', put('chain', b''.join(map(pem, chain)))]
        return subprocess.run(command, check=True, capture_output=True).stdout


def facts(kind, **changes):
    values = {
        'AppIDName': 'Example', 'ApplicationIdentifierPrefix': [TEAM], 'CreationDate': FROM + 30 * DAY,
        'ExpirationDate': datetime.datetime(2026, 12, 31, 12, 0, 0), 'Name': f'Example {kind}',
        'Platform': ['iOS', 'xrOS', 'visionOS'], 'TeamIdentifier': [TEAM], 'TeamName': 'Example GmbH',
        'TimeToLive': 335, 'UUID': '0f8fad5b-d9cb-469f-a165-70867728950e', 'Version': 1,
        'DeveloperCertificates': [der(DEVELOPER)],
        'Entitlements': {'application-identifier': f'{TEAM}.com.example.app',
                         'com.apple.developer.team-identifier': TEAM, 'get-task-allow': kind == 'development',
                         'keychain-access-groups': [f'{TEAM}.*']},
    }
    if kind == 'enterprise':
        values['ProvisionsAllDevices'] = True
    if kind in ('development', 'adhoc'):
        values['ProvisionedDevices'] = UDIDS
    for key, value in changes.items():
        if value is None:
            values.pop(key)
        else:
            values[key] = value
    return values


def tlv(tag, *parts):
    body = b''.join(parts)
    size = len(body).to_bytes(4, 'big').lstrip(b'\0') or b'\0'
    return bytes([tag]) + (size if len(body) < 128 else bytes([0x80 | len(size)]) + size) + body


def write(file, data):
    with open(os.path.join(OUT, file), 'wb') as out:
        out.write(data)


os.makedirs(OUT, exist_ok=True)
for file in os.listdir(OUT):
    if not file.startswith('found-'):
        os.remove(os.path.join(OUT, file))

ROOT = certificate('Example Root Authority', end=FROM + 3650 * DAY)
MIDDLE = certificate('Example Provision Authority', ROOT)
SIGNER = certificate('Example Provision Signing', MIDDLE)
DEVELOPER = certificate('iPhone Distribution: Example GmbH (A1B2C3D4E5)', MIDDLE)
XML = {kind: plistlib.dumps(facts(kind)) for kind in ('enterprise', 'adhoc', 'development', 'store')}
write('root.pem', pem(ROOT))

for kind, content in XML.items():
    write(f'{kind}.mobileprovision', sign(content, SIGNER, [MIDDLE]))
write('enterprise-indefinite.mobileprovision', sign(XML['enterprise'], SIGNER, [MIDDLE], ('-nodetach', '-stream')))
write('enterprise-tail.mobileprovision', sign(XML['enterprise'], SIGNER, [MIDDLE]) + b'\n')
write('adhoc-binary.mobileprovision', sign(plistlib.dumps(facts('adhoc'), fmt=plistlib.FMT_BINARY), SIGNER, [MIDDLE]))
write('enterprise-bare.mobileprovision', XML['enterprise'])
write('enterprise-bare-binary.mobileprovision', plistlib.dumps(facts('enterprise'), fmt=plistlib.FMT_BINARY))
write('signer-expired.mobileprovision',
      sign(XML['adhoc'], certificate('Example Provision Signing', MIDDLE, FROM - 900 * DAY, FROM - 500 * DAY), [MIDDLE]))
write('signer-alone.mobileprovision', sign(XML['adhoc'], certificate('Example Provision Signing')))
# whoever takes Apple's name does not have Apple's root
write('signer-named-apple.mobileprovision',
      sign(XML['adhoc'], certificate('Apple iPhone OS Provisioning Profile Signing', MIDDLE), [MIDDLE]))
write('chain-missing.mobileprovision', sign(XML['adhoc'], SIGNER))
write('tampered.mobileprovision', sign(XML['enterprise'], SIGNER, [MIDDLE]).replace(b'com.example.app', b'com.example.apq'))
write('wildcard.mobileprovision', sign(plistlib.dumps(facts('adhoc', Entitlements={
    'application-identifier': f'{TEAM}.com.example.*', 'get-task-allow': False})), SIGNER, [MIDDLE]))
write('late.mobileprovision', sign(plistlib.dumps(facts('store', ExpirationDate=datetime.datetime(2117, 1, 4))), SIGNER, [MIDDLE]))
write('certificate-odd.mobileprovision', sign(plistlib.dumps(facts(
    'adhoc', DeveloperCertificates=[b'no certificate', der(DEVELOPER), b''])), SIGNER, [MIDDLE]))
write('names-odd.mobileprovision', plistlib.dumps(facts('adhoc', Name='\u202eevil\u2066 \tname\u200b', TeamName=7, Platform='iOS')))

write('bad-no-uuid.mobileprovision', sign(plistlib.dumps(facts('adhoc', UUID=None)), SIGNER, [MIDDLE]))
write('bad-no-expiry.mobileprovision', sign(plistlib.dumps(facts('adhoc', ExpirationDate=None)), SIGNER, [MIDDLE]))
write('bad-expiry-text.mobileprovision', plistlib.dumps(facts('adhoc', ExpirationDate='tomorrow')))
write('bad-list.mobileprovision', plistlib.dumps([1, 2]))
write('bad-empty.mobileprovision', b'')
write('bad-text.mobileprovision', b'no provision\n')
write('bad-truncated.mobileprovision', sign(XML['enterprise'], SIGNER, [MIDDLE])[:1500])
write('bad-detached.mobileprovision', sign(XML['enterprise'], SIGNER, [MIDDLE], ()))
write('bad-deep.mobileprovision', b'\x30\x80' * 5000)
write('bad-inside.mobileprovision', sign(b'nothing\n', SIGNER, [MIDDLE]))
bomb = open(os.path.join(HERE, 'plists/hostile-dag-8.binary.plist'), 'rb').read()
write('bad-bomb-inside.mobileprovision', sign(bomb, SIGNER, [MIDDLE]))


def by_nobody(digest_count):
    """A signature that names no certificate; the content would be hashed once for each digest."""
    sha512 = tlv(0x30, bytes.fromhex('0609608648016503040203'))
    data = tlv(0x30, bytes.fromhex('06092a864886f70d010701'), tlv(0xa0, tlv(0x04, XML['store'])))
    signer = tlv(0x30, b'\2\1\3', tlv(0x80, bytes(20)), sha512, tlv(0x30, bytes.fromhex('06082a8648ce3d040304')),
                 tlv(0x04, bytes(8)))
    signed = tlv(0x30, b'\2\1\3', tlv(0x31, *[sha512] * digest_count), data, tlv(0x31, signer))
    return tlv(0x30, bytes.fromhex('06092a864886f70d010702'), tlv(0xa0, signed))


write('signer-nobody.mobileprovision', by_nobody(4))
write('bad-digests.mobileprovision', by_nobody(5))
