#!/usr/bin/env python3
"""Makes tests/data/machos: executables of a few hundred bytes, with the load commands and code
signatures that Pomona looks at and nothing that could run."""
import os, plistlib, struct

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, 'machos')
ARM, ARM64, ARM64_32, X86, X86_64, PPC = 12, 0x100000c, 0x200000c, 7, 0x1000007, 18
IOS, TVOS, IOS_SIMULATOR, VISION_SIMULATOR = 2, 3, 7, 12
ENTITLEMENTS = plistlib.dumps({'application-identifier': 'A1B2C3D4E5.com.example.app', 'get-task-allow': False})


def blob(magic, body):
    return struct.pack('>II', magic, 8 + len(body)) + body


def code_directory(team=b'A1B2C3D4E5', version=0x20400):
    ident = b'com.example.app\0'
    team_at = 52 + len(ident) if team else 0
    return blob(0xfade0c02, struct.pack('>IIIIIIIBBBBIII', version, 0, 0, 52, 0, 0, 0, 32, 2, 0, 12, 0, 0, team_at) +
                ident + (team + b'\0' if team else b''))


def super_blob(*blobs):
    """Of (slot, blob) pairs."""
    index, body, at = b'', b'', 12 + 8 * len(blobs)
    for slot, data in blobs:
        index += struct.pack('>II', slot, at + len(body))
        body += data
    return blob(0xfade0cc0, struct.pack('>I', len(blobs)) + index + body)


SIGNATURE = super_blob((0, code_directory()), (5, blob(0xfade7171, ENTITLEMENTS)), (0x10000, blob(0xfade0b01, b'cms')))


def macho(cpu=ARM64, subtype=0, wide=True, order='<', crypt=None, platform=None, minimum=None, signature=SIGNATURE,
          commands=b'', count=None, room=None):
    def command(kind, *words):
        return struct.pack(f'{order}{2 + len(words)}I', kind, 8 + 4 * len(words), *words)
    all_of, number = commands, 1 if commands else 0
    if crypt is not None:
        all_of += command(0x2c, 0, 0, crypt, 0) if wide else command(0x21, 0, 0, crypt)
        number += 1
    if platform is not None:
        all_of += command(0x32, platform, 0x100000, 0x110000, 0)
        number += 1
    if minimum is not None:
        all_of += command(minimum, 0x90000, 0x90000)
        number += 1
    head = 32 if wide else 28
    if signature is not None:
        all_of += command(0x1d, head + len(all_of) + 16, len(signature))
        number += 1
    return struct.pack(f'{order}7I', 0xfeedfacf if wide else 0xfeedface, cpu, subtype, 2,
                       number if count is None else count, len(all_of) if room is None else room, 0) + (
        b'\0' * (head - 28)) + all_of + (signature or b'')


def fat(*slices, wide=False, count=None):
    """Of (cpu, subtype, bytes)."""
    head = struct.pack('>II', 0xcafebabf if wide else 0xcafebabe, len(slices) if count is None else count)
    at = 8 + len(slices) * (32 if wide else 20)
    for cpu, subtype, data in slices:
        head += struct.pack('>IIQQII', cpu, subtype, at, len(data), 0, 0) if wide else (
            struct.pack('>IIIII', cpu, subtype, at, len(data), 0))
        at += len(data)
    return head + b''.join(data for _, _, data in slices)


ARMV7 = macho(ARM, 9, wide=False, crypt=0, minimum=0x25)
FILES = {
    'arm64': macho(platform=IOS, crypt=0),
    'arm64e': macho(subtype=0x80000002, platform=IOS),
    'arm64_32': macho(ARM64_32, 1, wide=False, platform=4),
    'armv7-armv7s-arm64': fat((ARM, 9, ARMV7), (ARM, 11, macho(ARM, 11, wide=False)), (ARM64, 0, macho(platform=IOS))),
    'fat64': fat((ARM, 9, ARMV7), (ARM64, 0, macho(platform=IOS)), wide=True),
    'encrypted': macho(platform=IOS, crypt=1),
    'encrypted-second-slice': fat((ARM, 9, ARMV7), (ARM64, 0, macho(platform=IOS, crypt=1))),
    'encrypted-32': macho(ARM, 9, wide=False, crypt=1),
    'unsigned': macho(platform=IOS, signature=None),
    'signature-empty': macho(platform=IOS, signature=bytes(64)),
    'signature-without-directory': macho(signature=super_blob((5, blob(0xfade7171, ENTITLEMENTS)))),
    'no-team': macho(signature=super_blob((0, code_directory(b'')))),
    'old-directory': macho(signature=super_blob((0, code_directory(version=0x20100)))),
    'team-odd': macho(signature=super_blob((0, code_directory(b'<script>')))),
    'no-entitlements': macho(signature=super_blob((0, code_directory()))),
    'simulator-arm64': macho(platform=IOS_SIMULATOR),
    'simulator-vision': macho(platform=VISION_SIMULATOR),
    'simulator-fat': fat((X86_64, 3, macho(X86_64, 3, platform=IOS_SIMULATOR)), (ARM64, 0, macho(platform=IOS_SIMULATOR))),
    'simulator-old': fat((X86, 3, macho(X86, 3, wide=False, minimum=0x25)), (X86_64, 3, macho(X86_64, 3, minimum=0x25))),
    'simulator-and-device': fat((X86_64, 3, macho(X86_64, 3, minimum=0x25)), (ARM64, 0, macho(platform=IOS))),
    'mac-intel': macho(X86_64, 3, minimum=0x24),
    'big-endian-32': macho(PPC, 100, wide=False, order='>', crypt=1),
    'big-endian-64': macho(PPC | 0x1000000, 0, order='>'),
    'bad-java': bytes.fromhex('cafebabe00000034') + bytes(60),
    'bad-text': b'#!/bin/sh\necho no\n',
    'bad-elf': b'\x7fELF' + bytes(60),
    'bad-short': b'\xcf\xfa',
    'bad-fat-in-fat': fat((ARM64, 0, fat((ARM64, 0, macho())))),
    'bad-slice-outside': fat((ARM64, 0, macho()))[:-20],
    'bad-fat64-wraps': struct.pack('>IIIIQQII', 0xcafebabf, 1, ARM64, 0, 2**64 - 8, 64, 0, 0) + bytes(64),
    'bad-fat-none': fat(),
    'bad-fat-many': fat(count=17) + bytes(17 * 20),
    'bad-commands-outside': macho(room=0x8000),
    'bad-commands-large': macho(room=0x7fffffff),
    'bad-commands-many': macho(count=0x7fffffff),
    'bad-command-size-0': macho(commands=bytes(8)),
    'bad-command-size': macho(commands=struct.pack('<II', 0x99, 0x1000)),
    'bad-signature-outside': macho(commands=struct.pack('<IIII', 0x1d, 16, 0xfffffff0, 0x20)),
    'bad-blob-outside': macho(signature=super_blob((0, blob(0xfade0c02, bytes(60))[:4] + b'\0\1\0\0' + bytes(52)))),
    'bad-blob-short': macho(signature=super_blob((0, struct.pack('>II', 0xfade0c02, 4)))),
    'bad-blobs-many': macho(signature=blob(0xfade0cc0, struct.pack('>I', 65) + bytes(65 * 8))),
    'bad-entitlements-outside': macho(signature=super_blob((5, struct.pack('>II', 0xfade7171, 0xffffffff)))),
}

os.makedirs(OUT, exist_ok=True)
for file in os.listdir(OUT):
    if not file.startswith('found-'):
        os.remove(os.path.join(OUT, file))
for name, data in FILES.items():
    with open(os.path.join(OUT, name + '.macho'), 'wb') as out:
        out.write(data)
