#!/usr/bin/env python3
"""Makes one ad hoc app: make_adhoc.py OUT CERT KEY UDIDS [build=34] [id=com.example.app]: its provision lists the
devices UDIDS (by commas) and is signed with CERT and KEY."""
import os
import plistlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../data"))
import make_ipas  # noqa: E402


def sign(content, cert, key):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return subprocess.run(["openssl", "cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-in", file.name,
                               "-signer", cert, "-inkey", key], check=True, capture_output=True).stdout


def main():
    out, cert, key, udids = sys.argv[1:5]
    words = dict(word.split("=", 1) for word in sys.argv[5:])
    made = subprocess.run(["openssl", "cms", "-verify", "-noverify", "-inform", "DER"],
                          input=make_ipas.provision("wildcard"), check=True, capture_output=True).stdout
    facts = plistlib.loads(made)
    facts["ProvisionedDevices"] = udids.split(",")
    info = make_ipas.info(CFBundleIdentifier=words.get("id", "com.example.app"), CFBundleDisplayName="Demo App",
                          CFBundleShortVersionString="1.2", CFBundleVersion=words.get("build", "34"))
    members = make_ipas.app("wildcard", **{"Info.plist": info,
                                           "embedded.mobileprovision": sign(plistlib.dumps(facts), cert, key)})
    with open(out, "wb") as file:
        file.write(make_ipas.pack(members))


main()
