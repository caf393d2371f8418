#!/usr/bin/env python3
"""Every file made to do harm is refused by `pomona inspect`, soon and in little memory.

Usage: hostile.py POMONA DIRECTORY.  Reads the .ipa and .plist files of DIRECTORY; a property list is
also tried as the Info.plist of an app and of an extension, as a provision and as localized names.
Prints a line for each: exit code, CPU seconds, peak memory in MB, code and text of the refusal.
"""
import json
import os
import subprocess
import sys
import time
import zipfile

CPU_MAX_S = 1.0
MEMORY_MAX_MB = 64
GOOD = b"""<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>
<key>CFBundleIdentifier</key><string>com.example.%s</string>
<key>CFBundleExecutable</key><string>A</string></dict></plist>"""


def wrapped(directory, name, where):
    """An otherwise good app with the bytes of `name` at `where`."""
    path = os.path.join(directory, "%s.%s.ipa" % (name, where.replace("/", "_")))
    files = {"Info.plist": GOOD % b"demo", "PlugIns/S.appex/Info.plist": GOOD % b"demo.share"}
    with open(os.path.join(directory, name), "rb") as file:
        files[where] = file.read()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in files.items():
            archive.writestr("Payload/A.app/" + member, data)
    return path


def run(pomona, path):
    """Exit code, CPU and memory of the command and its child together, and what it printed."""
    child = subprocess.Popen([pomona, "inspect", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.stdout.close()
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed


def main(pomona, directory):
    bad = 0
    # What must be refused, and what an app can be without and may be ignored instead.
    must = ["Info.plist", "PlugIns/S.appex/Info.plist"]
    may = ["embedded.mobileprovision", "de.lproj/InfoPlist.strings"]
    cases = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".plist"):
            cases.append((os.path.join(directory, name), True))
            cases += [(wrapped(directory, name, where), where in must) for where in must + may]
        elif name.endswith(".ipa") and ".plist." not in name:
            cases.append((os.path.join(directory, name), True))
    for path, must_refuse in cases:
        code, cpu, memory, printed = run(pomona, path)
        try:
            answer = json.loads(printed)
        except ValueError:
            answer = {}
        error = answer.get("error", {})
        ok = cpu <= CPU_MAX_S and memory <= MEMORY_MAX_MB and bool(answer)
        ok = ok and (code == 4 and "code" in error or code == 0 and not must_refuse)
        bad += not ok
        print("%-4s %d %5.2f s %5.1f MB  %s: %s %s" % ("ok" if ok else "BAD", code, cpu, memory,
              os.path.basename(path), error.get("code", ""), error.get("text", "")))
    print("%d files, %d not as they should be" % (len(cases), bad))
    return 1 if bad or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
