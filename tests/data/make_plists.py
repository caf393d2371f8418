#!/usr/bin/env python3
"""Makes tests/data/plists: good property lists in both formats with what they say as JSON, and
refused ones (named by why); and tests/data/infos: an app's Info.plist and InfoPlist.strings of
every age.  All are seeds of fuzz_plist and fuzz_info too, and files named found-* are what those
found: they stay.  Run from anywhere; the output is the same every time."""
import base64, datetime, json, os, plistlib, struct

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, 'plists')
INFOS = os.path.join(HERE, 'infos')
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
DOCTYPE = ('<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" '
           '"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n')


def write(name, data):
    with open(os.path.join(OUT, name), 'wb') as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def xml(body):
    return HEAD + DOCTYPE + '<plist version="1.0">' + body + '</plist>\n'


def binary(objects, root=0, offset_size=2, ref_size=1, count=None, table=None, offsets=None):
    """A binary plist of raw objects, with every number of the trailer free to lie."""
    out, places = b'bplist00', []
    for data in objects:
        places.append(len(out))
        out += data
    at = len(out)
    out += b''.join(place.to_bytes(offset_size, 'big') for place in offsets or places)
    return out + bytes(6) + bytes([offset_size, ref_size]) + struct.pack(
        '>QQQ', len(objects) if count is None else count, root, at if table is None else table)


def shared_chain(length):
    """39 levels, reached at once and again through a chain of `length`: visited once, counted twice."""
    last = 41 + length - 1
    return binary([b'\xa2\1\x29'] + [b'\xa1' + bytes([i + 1]) for i in range(1, 40)] + [b'\x09'] +
                  [b'\xa1' + bytes([i + 1]) for i in range(41, last)] + [b'\xa1\1'])


def as_json(value):
    """What plist_json promises."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.strftime('%Y-%m-%dT%H:%M:%SZ')
    if isinstance(value, int) and not isinstance(value, bool) and value > 2**63 - 1:
        return None
    return value


GOOD = {
    'text': 'Übergröße 🍎 <&>"\'', 'empty': '', 'ascii': 'plain', 'lines': 'one\ntwo\tthree',
    'uuid': '4C4C4544-0043-3010-8053-B1C04F4E3733',
    'int': 5, 'neg': -7, 'byte': 200, 'short': 60000, 'word': 4000000000,
    'largest': 2**63 - 1, 'smallest': -2**63, 'unsigned': 2**64 - 1,
    'real': 1.5, 'small real': -2.25e-10, 'true': True, 'false': False,
    'late': datetime.datetime(2117, 1, 4, 13, 44, 1), 'early': datetime.datetime(1999, 12, 31, 23, 59, 59),
    'data': bytes(range(256)), 'no data': b'', 'one byte': b'a', 'two bytes': b'ab',
    'list': [1, 'a', [], {}, [[['deep']]]], 'dict': {'a': {'b': ['c']}, 'ö': 'umlaut'},
    'long': 'x' * 3000, 'many': list(range(300)),
}


def good():
    write('good.binary.plist', plistlib.dumps(GOOD, fmt=plistlib.FMT_BINARY))
    write('good.xml.plist', plistlib.dumps(GOOD))
    with open(os.path.join(OUT, 'good.json'), 'w') as file:
        json.dump(as_json(GOOD), file, ensure_ascii=False, indent=1, sort_keys=True)
        file.write('\n')
    write('good-mark.xml.plist', b'\xef\xbb\xbf' + plistlib.dumps({'a': 1}))
    write('good-without-declaration.xml.plist', DOCTYPE + '<plist version="1.0"><dict/></plist>')
    write('good-comments.xml.plist', xml('<!-- <dict> --><dict><!-- & --><key>a<!-- -->b</key>'
                                         '<string>x<![CDATA[<y>&amp;]]>&#x1F34E;&#10;</string>\n</dict>'))
    write('good-spaces.xml.plist', xml('<array >\n<true\t/> <integer> 0x1F </integer><date>\n'
                                       '2026-11-22T02:46:49Z </date ></array >'))
    write('good-depth-64.xml.plist', xml('<array>' * 64 + '<true/>' + '</array>' * 64))
    write('good-depth-64.binary.plist', binary([b'\xa1' + bytes([i + 1]) for i in range(64)] + [b'\x09']))
    write('good-depth-64-shared.binary.plist', shared_chain(24))
    write('good-shared.binary.plist', binary([b'\xa3\1\1\2', b'\xd1\2\3', b'\x51a', b'\x61\0b']))


def refused_xml():
    nested = '<array>' * 65 + '</array>' * 65
    cases = {
        'depth-65': xml(nested),
        'key-twice': xml('<dict><key>a</key><true/><key>&#97;</key><false/></dict>'),
        'key-twice-cdata': xml('<dict><key>ab</key><true/><key>a<![CDATA[b]]></key><false/></dict>'),
        'key-twice-inside': xml('<array><dict><key>x</key><dict><key>b</key><true/><key>b</key><true/>'
                                '</dict></dict></array>'),
        'key-long': xml('<dict><key>' + 'k' * 1025 + '</key><true/></dict>'),
        'entities': HEAD + '<!DOCTYPE plist [<!ENTITY a "aaaa">]><plist version="1.0"><string>&a;</string></plist>',
        'external-entity': HEAD + '<!DOCTYPE plist [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
                                  '<plist version="1.0"><string>&a;</string></plist>',
    }
    for name, data in cases.items():
        write(f'hostile-{name}.xml.plist', data)
    cases = {
        'nul-reference': xml('<string>a&#0;b</string>'), 'nul': xml('<string>a\0b</string>'),
        'surrogate-reference': xml('<string>&#xD83C;</string>'), 'unknown-entity': xml('<string>&nbsp;</string>'),
        'bare-ampersand': xml('<string>a & b</string>'), 'key-without-value': xml('<dict><key>a</key></dict>'),
        'value-without-key': xml('<dict><true/></dict>'), 'two-keys': xml('<dict><key>a</key><key>b</key></dict>'),
        'key-in-array': xml('<array><key>a</key></array>'), 'unclosed': xml('<array><true/>'),
        'crossed': xml('<array><dict></array></dict>'), 'two-values': xml('<true/><false/>'), 'nothing': xml(''),
        'attribute': xml('<string a="/">x</string>'), 'unknown-tag': xml('<null/>'), 'text': xml('<array>x</array>'),
        'octal': xml('<integer>010</integer>'), 'integer-large': xml('<integer>18446744073709551616</integer>'),
        'integer-empty': xml('<integer/>'), 'real': xml('<real>1.5.2</real>'), 'date': xml('<date>yesterday</date>'),
        'date-month': xml('<date>2026-13-01T00:00:00Z</date>'), 'instruction': xml('<?php ?><true/>'),
        'tail': xml('<true/>') + 'x', 'no-plist': HEAD + '<dict/>', 'latin1': b'<?xml version="1.0" encoding='
        b'"ISO-8859-1"?><plist version="1.0"><string>\xfc</string></plist>', 'utf8': xml('<true/>').encode() + b'\xc3',
        'quoted-end': '<?xml version="1.0" a="?>"?>' + '<plist version="1.0"><true/></plist>',
        'json': '{"a": 1}', 'old-style': '{ a = 1; }', 'html': '<html><body>404</body></html>',
    }
    for name, data in cases.items():
        write(f'bad-{name}.xml.plist', data)


def refused_binary():
    leaf = b'\x51a'
    dag = [b'\xaa' + bytes([i + 1]) * 10 for i in range(8)] + [leaf]
    text = b'\x5f\x11\x40\x00' + b'x' * 0x4000
    cases = {
        'dag-8': binary(dag),	# 148 bytes, a hundred million values
        'dag-of-texts': binary([b'\xaf\x11\x04\x01' + b'\1' * 0x401, text]),
        'cycle': binary([b'\xa1\1', b'\xa1\0']), 'self': binary([b'\xa1\0']),
        'depth-65': binary([b'\xa1' + bytes([i + 1]) for i in range(65)] + [b'\x09']),
        'depth-65-shared': shared_chain(25),
        'key-twice': binary([b'\xd2\1\2\3\3', b'\x51a', b'\x51a', b'\x09']),
        'key-twice-utf16': binary([b'\xd2\1\2\3\3', b'\x51a', b'\x61\0a', b'\x09']),
        'key-shared': binary([b'\xd2\1\1\2\2', b'\x51a', b'\x09']),
        'key-long': binary([b'\xd1\1\2', b'\x5f\x11\x04\x01' + b'k' * 0x401, b'\x09']),
    }
    for name, data in cases.items():
        write(f'hostile-{name}.binary.plist', data)
    cases = {
        'key-integer': binary([b'\xd1\1\2', b'\x10\1', b'\x09']), 'reference': binary([b'\xa1\7']),
        'root': binary([leaf], root=1), 'count-zero': binary([leaf], count=0),
        'count-huge': binary([leaf], count=2**63), 'table': binary([leaf], table=2**40),
        'table-wraps': binary([leaf], table=2**64 - 8), 'table-in-header': binary([leaf], table=3),
        'offset-outside': binary([leaf], offsets=[0x7fff]), 'offset-in-table': binary([leaf], offsets=[10]),
        'offset-in-header': binary([leaf], offsets=[3]), 'offset-size-0': binary([], count=1, offset_size=1)[:-26] +
        bytes([0, 1]) + struct.pack('>QQQ', 1, 0, 8), 'size-9': binary([leaf], offset_size=9),
        'ref-size-9': binary([leaf], ref_size=9), 'text-outside': binary([b'\x5f\x13' + b'\xff' * 8]),
        'array-outside': binary([b'\xaf\x12\xff\xff\xff\xff']), 'dict-outside': binary([b'\xdf\x13\x80' + bytes(7)]),
        'utf16-outside': binary([b'\x6f\x13\x80' + bytes(7)]), 'size-of-text': binary([b'\x5f\x51a']),
        'size-17': binary([b'\x5f\x1f']), 'integer-32-bytes': binary([b'\x15' + bytes(32)]),
        'integer-large': binary([b'\x14\1' + bytes(15)]), 'real': binary([b'\x20\0']), 'date': binary([b'\x32' + bytes(4)]),
        'date-nan': binary([b'\x33\x7f\xf8' + bytes(6)]), 'date-far': binary([b'\x33' + struct.pack('>d', 1e300)]),
        'surrogate': binary([b'\x61\xd8\x3c']), 'surrogates-crossed': binary([b'\x62\xdf\x4e\xd8\x3c']),
        'nul-utf16': binary([b'\x62\0a\0\0']), 'nul': binary([b'\x52a\0']), 'latin1': binary([b'\x51\xfc']),
        'set': binary([b'\xc1\1', leaf]), 'null': binary([b'\x00']), 'fill': binary([b'\x0f']),
        'unknown': binary([b'\x70']), 'version': b'bplist15' + binary([leaf])[8:], 'short': b'bplist00' + bytes(30),
    }
    for name, data in cases.items():
        write(f'bad-{name}.binary.plist', data)


IPHONE = {
    'CFBundleIdentifier': 'com.example.app', 'CFBundleName': 'App', 'CFBundleDisplayName': 'Obstgarten 🍎',
    'CFBundleShortVersionString': '1.2.3', 'CFBundleVersion': '45', 'CFBundleExecutable': 'App',
    'CFBundlePackageType': 'APPL', 'MinimumOSVersion': '16.4', 'UIDeviceFamily': [1, 2],
    'DTPlatformName': 'iphoneos', 'CFBundleSupportedPlatforms': ['iPhoneOS'],
    'CFBundleURLTypes': [{'CFBundleURLName': 'a', 'CFBundleURLSchemes': ['example', 'example-2', 'no scheme', 7]},
                         'no dictionary', {'CFBundleURLSchemes': ['com.example+x']}],
    'CFBundleIcons': {'CFBundlePrimaryIcon': {'CFBundleIconName': 'AppIcon', 'CFBundleIconFiles': [
        'AppIcon20x20', 'AppIcon60x60', 'AppIcon40x40', 'AppIcon60x60']}},
    'CFBundleIcons~ipad': {'CFBundlePrimaryIcon': {'CFBundleIconFiles': ['AppIcon83.5x83.5', 'AppIcon60x60',
                                                                         'AppIcon76x76']}},
}
OLD = {'CFBundleIdentifier': 'com.example.old', 'CFBundleVersion': '1', 'UIDeviceFamily': '1',
       'CFBundleIconFiles': ['Icon.png', 'Icon@2x.png', ''], 'CFBundleIconFile': 'Icon-72.png',
       'CFBundleSupportedPlatforms': ['iPhoneOS']}
TV = {'CFBundleIdentifier': 'com.example.tv', 'CFBundleName': 'TV', 'DTPlatformName': 'appletvos',
      'UIDeviceFamily': [3], 'CFBundleIcons': {'CFBundlePrimaryIcon': 'App Icon'}}
ODD = {'CFBundleIdentifier': 'com.example.odd', 'CFBundleName': ['list'], 'CFBundleDisplayName': '\u202e\u2066 ',
       'CFBundleShortVersionString': 7, 'UIDeviceFamily': ['2', 'x', -1, 400, [1]], 'CFBundleURLTypes': 'none',
       'CFBundleIcons': [1], 'CFBundleIconFiles': {'a': 'b'}, 'DTPlatformName': '<b>', 'CFBundleExecutable': 'a\nb',
       'MinimumOSVersion': '9' * 400}
STRINGS = """/* Localized versions */
// "CFBundleName" = "no";
"NSHumanReadableCopyright" = "a \\"quoted\\" = text; \\U00e9 \\\\";
CFBundleName = "Garten";
"CFBundleDisplayName" = "Obst\\ngarten \U0001F34E";
"""
NAMES = {'CFBundleName': 'Garten', 'CFBundleDisplayName': 'Obst garten 🍎'}


def infos():
    def put(name, data):
        with open(os.path.join(INFOS, name), 'wb') as file:
            file.write(data)
    for name, values in {'iphone': IPHONE, 'old': OLD, 'tv': TV, 'odd': ODD}.items():
        put(f'{name}.plist', plistlib.dumps(values))
    put('iphone.binary.plist', plistlib.dumps(IPHONE, fmt=plistlib.FMT_BINARY))
    put('utf8.strings', STRINGS.encode())
    put('utf8-mark.strings', b'\xef\xbb\xbf' + STRINGS.encode())
    put('utf16le-mark.strings', b'\xff\xfe' + STRINGS.encode('utf-16-le'))
    put('utf16be-mark.strings', b'\xfe\xff' + STRINGS.encode('utf-16-be'))
    put('utf16le.strings', STRINGS.encode('utf-16-le'))
    put('xml.strings', plistlib.dumps(NAMES))
    put('binary.strings', plistlib.dumps(NAMES, fmt=plistlib.FMT_BINARY))
    put('braces.strings', ('{' + STRINGS + '}').encode())


for folder in (OUT, INFOS):
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if not name.startswith('found-'):
            os.remove(os.path.join(folder, name))
good()
refused_xml()
refused_binary()
infos()
