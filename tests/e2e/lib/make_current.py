#!/usr/bin/env python3
"""make_current.py DIR CERT KEY ENDS: the provisions enterprise and wildcard of tests/data, but that they, and the certificate
in them, which is CERT, are good at the time of a story: signed with CERT and KEY, made yesterday, over at ENDS."""
import datetime
import os
import plistlib
import ssl
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../data"))
import make_ipas  # noqa: E402


def openssl(content, *words):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return subprocess.run(["openssl", "cms", *words, "-in", file.name], check=True, capture_output=True).stdout


def main():
    out, cert, key, ends = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    with open(cert, encoding="ascii") as file:
        signer = ssl.PEM_cert_to_DER_cert(file.read())
    for kind in ("enterprise", "wildcard"):
        facts = plistlib.loads(openssl(make_ipas.provision(kind), "-verify", "-noverify", "-inform", "DER"))
        facts["CreationDate"] = datetime.datetime.utcnow().replace(microsecond=0) - datetime.timedelta(days=1)
        facts["ExpirationDate"] = datetime.datetime.strptime(ends, "%Y-%m-%dT%H:%M:%SZ")
        facts["DeveloperCertificates"] = [signer]
        with open(os.path.join(out, kind + ".mobileprovision"), "wb") as file:
            file.write(openssl(plistlib.dumps(facts), "-sign", "-binary", "-nodetach", "-outform", "DER", "-signer", cert,
                               "-inkey", key))


main()
