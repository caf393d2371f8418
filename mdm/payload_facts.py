#!/usr/bin/env python3
"""payload_facts.py DIR > payload_facts.tsv - the payload types an iPhone takes, from Apple's published schema.

DIR is a copy of github.com/apple/device-management: its mdm/profiles/*.yaml are read.  Facts alone are taken
over, no sentences.  What iOS does not have, or has no more, is left out, and so is what needs Shared iPad.
TopLevel is the envelope, CommonPayloadKeys what every payload has.

Columns as command_facts.py has them (no payload asks for an access right), and four more:
  flags    also m several of this type on a device, i installed by MDM alone, l a list of such values too (Apple's
           errata), x secret (our list below)
  values   of an array: how many items
  since    iOS version; until: the one that deprecated it; - as above, or none
  preset   what iOS takes when the key is not there
  format   a regular expression (POSIX extended) that the text must match
A type that stands twice has variants; the one whose only values fit is meant.
"""
import glob
import os
import sys

import yaml

from command_facts import flags, here, ios, values

SECRETS = {
    "Password", "password", "UserPassword", "ProxyPassword", "HTTPProxyPassword", "AuthPassword", "XAuthPassword",
    "SharedSecret", "IncomingPassword", "OutgoingPassword", "CalDAVPassword", "CardDAVPassword",
    "LDAPAccountPassword", "SubCalAccountPassword", "CertificatePassword", "RemovalPassword", "Challenge",
    "RegistrationToken", "ClientIdentifier",
    "com.apple.security.pkcs12/PayloadContent", "com.apple.eas.account/Certificate", "com.apple.relay.managed/ANY",
}

# Payloads of which Apple says in a sentence, and not by keys, that they have the keys of another; None: all of them.
SAME = {
    # com.apple.vpn.managed.applayer.yaml, payload content: the VPN payload's fields, and a few more.
    "com.apple.vpn.managed.applayer": ("com.apple.vpn.managed", None),
    # com.apple.globalethernet.managed.yaml, ANY: keys of 802.1X, and the proxy's; Wi-Fi has the same, and they are named.
    "com.apple.globalethernet.managed": ("com.apple.wifi.managed", {
        "PayloadCertificateUUID", "EAPClientConfiguration", "ProxyType", "ProxyServer", "ProxyServerPort",
        "ProxyUsername", "ProxyPassword", "ProxyPACURL", "ProxyPACFallbackAllowed"}),
}


def ours(key, kind="<string>"):
    return {"key": key, "type": kind, "presence": "optional"}


# What Apple's schema leaves out and iOS reads: nothing else tells a VPN of an app (VPNType VPN) its server.  A key
# that a newer schema has is Apple's.
OURS = {
    # Configuration Profile Reference (Apple, 2010 to 2019), VPN payload, VPN dictionary; the example of Apple's page
    # AppToAppLayerVPNMapping; GlobalProtect administrator's guide, example of an iOS device-level VPN configuration.
    "com.apple.vpn.managed/VPN": [ours("RemoteAddress"), ours("AuthName"), ours("AuthPassword")],
    # Configuration Profile Reference, VPN payload: VendorConfig is the vendor's own, its four keys are examples;
    # Apple: NetworkVPNVPNPluginVendorConfigObject, vendor-specific too.
    "com.apple.vpn.managed/VendorConfig": [ours("ANY", "<any>")],
}

LISTS = {"com.apple.security.scep/" + name for name in ("rfc822Name", "dNSName", "uniformResourceIdentifier")}


def text(fact):
    return {True: "true", False: "false"}.get(fact, str(fact)) if fact not in (None, "") else "-"


def marks(kind, fact, system, owner):
    found = flags(fact, system).strip("-")
    if kind == "payload":
        found += "m" if system.get("multiple") else ""
        found += "" if system.get("allowmanualinstall", True) else "i"
    path = "%s/%s" % (owner, fact.get("key"))
    found += "l" if path in LISTS else ""
    found += "x" if fact.get("key") in SECRETS or path in SECRETS else ""
    return found or "-"


def count(fact):
    items = fact.get("subkeys") or []
    bounds = items[0].get("repetition") if len(items) == 1 else None
    return "%s..%s" % (bounds.get("min", ""), bounds.get("max", "")) if bounds else "-"


def row(depth, name, kind, fact, system, owner):
    allowed = count(fact) if kind == "array" else values(fact)
    since = system.get("introduced") if kind == "payload" else ios(fact).get("introduced")
    print(depth, name, kind, marks(kind, fact, system, owner), "-", allowed, text(since),
          text(system.get("deprecated")), text(fact.get("default")), text(fact.get("format")), sep="\t")


def keys(facts, depth, owner, above):
    for fact in facts or []:
        if not here(ios(fact)):
            continue
        # A dictionary inside itself (a folder of the home screen) has no further folders.
        again = any(fact is f for f in above)
        name = "*" if fact["key"].startswith("ANY") else fact["key"]
        row(depth, name, (fact.get("type") or "<any>").strip("<>"), fact, ios(fact), owner)
        inner = fact.get("subkeys") or []
        if again and fact["type"] == "<dictionary>":
            inner = [f for f in inner if not f.get("subkeys")]
        keys(inner, depth + 1, owner, above + [fact])


def add_ours(payloads):
    for place, more in OURS.items():
        name, key = place.split("/")
        for fact in payloads[name]["payloadkeys"]:
            if fact["key"] == key:
                there = {f["key"] for f in fact["subkeys"]}
                fact["subkeys"] += [f for f in more if f["key"] not in there]


def all_keys(payload, payloads):
    name, own = payload["payload"]["payloadtype"], payload.get("payloadkeys") or []
    if name not in SAME:
        if "fields in this payload are the same" in " ".join(str(payload["payload"].get("content")).split()):
            sys.exit("%s: its keys are those of another payload: give it a row of SAME" % name)
        return own
    other, wanted = SAME[name]
    there = {f["key"] for f in own}
    return [f for f in payloads[other]["payloadkeys"]
            if f["key"] not in there and (wanted is None or f["key"] in wanted)] + own


def main(root):
    print("# Made by payload_facts.py from Apple's published schema (device-management, mdm/profiles).")
    payloads = []
    for path in sorted(glob.glob(os.path.join(root, "mdm", "profiles", "*.yaml"))):
        with open(path, encoding="utf-8") as file:
            payloads.append(yaml.safe_load(file))
    by_name = {p["payload"]["payloadtype"]: p for p in payloads}
    add_ours(by_name)
    for payload in sorted(payloads, key=lambda p: p["payload"]["payloadtype"]):
        system = ios(payload["payload"])
        if not here(system) or not system:
            continue
        name = payload["payload"]["payloadtype"]
        row(0, name, "payload", {}, system, name)
        keys(all_keys(payload, by_name), 1, name, [])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
