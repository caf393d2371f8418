#!/usr/bin/env python3
"""Makes one app: make_app.py OUT [name=Demo] [id=com.example.app] [version=1.2] [build=34] [mb=0]
[kind=enterprise] [minimum=16.4] [family=1,2] [provisions=DIR, with KIND.mobileprovision].  The same words give the same bytes; mb= adds so many megabytes that do not pack.
"""
import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../data"))
import make_ipas  # noqa: E402


def main():
    out, words = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:])
    kind = words.get("kind", "enterprise" if words.get("id", "com.example.app") == "com.example.app" else "wildcard")
    info = make_ipas.info(
        CFBundleIdentifier=words.get("id", "com.example.app"), CFBundleDisplayName=words.get("name", "Demo App"),
        CFBundleShortVersionString=words.get("version", "1.2"), CFBundleVersion=words.get("build", "34"),
        **({"MinimumOSVersion": words["minimum"]} if "minimum" in words else {}),
        **({"UIDeviceFamily": [int(n) for n in words["family"].split(",")]} if "family" in words else {}))
    members = make_ipas.app(kind, **{"Info.plist": info})
    if "provisions" in words:
        with open(os.path.join(words["provisions"], kind + ".mobileprovision"), "rb") as file:
            members[make_ipas.APP + "embedded.mobileprovision"] = file.read()
    if "mb" in words:
        # an ending that is stored as it is
        dice, left, filler = random.Random(1), int(float(words["mb"]) * 1000000), bytearray()
        while left:
            filler += dice.randbytes(min(left, 1 << 20))
            left -= min(left, 1 << 20)
        members[make_ipas.APP + "filler.png"] = bytes(filler)
    with open(out, "wb") as file:
        file.write(make_ipas.pack(members))


main()
