#!/usr/bin/env python3
"""command_facts.py DIR > command_facts.tsv - what an iPhone takes as a command, from Apple's published schema.

DIR is a copy of github.com/apple/device-management: its mdm/commands/*.yaml are read.  Facts alone are taken
over, no sentences.  What iOS does not have, or has no more, is left out, and so is what needs Shared iPad.

Columns, by tabs: depth, name, type, flags, access right (bits of the MDM payload's AccessRights; - as above),
values.  Depth 0 are request types; what stands deeper belongs to the row above it.
  type   command string integer real boolean date data array dictionary any, and word: one of a list of texts
  name   * stands for any name; below an array it only tells the items apart
  flags  r required, s only where supervised, u never where a user enrolled, d deprecated; - none
  values a|b|c, or from..to; - any
"""
import glob
import os
import sys

import yaml

RIGHTS = {
    "AllowInspection": 1, "AllowInstallationRemoval": 2, "AllowPasscodeRemovalAndLock": 4,
    "DeviceLockAndRemovePasscode": 4, "AllowDeviceErase": 8, "AllowQueryDeviceInformation": 16,
    "AllowQueryNetworkInformation": 32, "AllowProvisioningInspection": 64,
    "AllowProvisioningInstallationRemoval": 128, "AllowQueryApplications": 256, "QueryInstalledApps": 256,
    "AllowQueryRestrictions": 512, "AllowQuerySecurity": 1024, "AllowSettings": 2048, "AllowAppInstallation": 4096,
    "None": 0, "n/a": 0, "Special Case": 0,
}


def ios(fact):
    return (fact.get("supportedOS") or {}).get("iOS") or {}


def here(system):
    return (str(system.get("introduced", "")) != "n/a" and "removed" not in system
            and (system.get("sharedipad") or {}).get("mode") != "required")


def flags(fact, system):
    found = "r" if fact.get("presence") == "required" else ""
    found += "s" if system.get("supervised") is True or system.get("requiresdep") is True else ""
    found += "u" if (system.get("userenrollment") or {}).get("mode") == "forbidden" else ""
    found += "d" if "deprecated" in system else ""
    return found or "-"


def values(fact):
    if fact.get("rangelist") is not None:
        return "|".join(str(v) for v in fact["rangelist"])
    bounds = fact.get("range") or {}
    return "%s..%s" % (bounds.get("min", ""), bounds.get("max", "")) if bounds else "-"


def row(depth, name, kind, marks, system, allowed="-"):
    right = system.get("accessrights")
    print(depth, name, kind, marks, "-" if right is None else RIGHTS[str(right)], allowed, sep="\t")


def keys(facts, depth, inside_word):
    for fact in facts or []:
        system = ios(fact)
        if not here(system):
            continue
        kind = (fact.get("type") or "<any>").strip("<>")
        words = inside_word and kind == "string"
        name = "*" if fact["key"].startswith("ANY") else fact["key"].replace(" ", "")
        row(depth, name, "word" if words else kind, flags(fact, system), system, values(fact))
        keys(fact.get("subkeys"), depth + 1, kind == "string")


def main(root):
    print("# Made by command_facts.py from Apple's published schema (device-management, mdm/commands).")
    commands = []
    for path in glob.glob(os.path.join(root, "mdm", "commands", "*.yaml")):
        with open(path, encoding="utf-8") as file:
            commands.append(yaml.safe_load(file))
    for command in sorted(commands, key=lambda c: c["payload"]["requesttype"]):
        system = ios(command["payload"])
        if not here(system) or not system:
            continue
        row(0, command["payload"]["requesttype"], "command", flags({}, system), system)
        keys(command.get("payloadkeys"), 1, False)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
