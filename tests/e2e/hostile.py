#!/usr/bin/env python3
"""Every file made to do harm is refused by `pomona inspect`, soon and in little memory.

Usage: hostile.py POMONA DIRECTORY.  Reads the .ipa and .plist files of DIRECTORY; a property list is
also tried as the Info.plist of an app and of an extension, as a provision and as localized names.
Prints a line for each: exit code, CPU seconds and peak memory of the command and its child, and the
refusal.
"""
import json
import os
import subprocess
import sys
import zipfile

CPU_MAX_S = 1.0
MEMORY_MAX_MB = 64
GOOD = b"""<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>
<key>CFBundleIdentifier</key><string>com.example.%s</string>
<key>CFBundleExecutable</key><string>A</string></dict></plist>"""
PLACES = {  # where a property list can be: must it refuse the app, or may it be left out?
    "Info.plist": True, "PlugIns/S.appex/Info.plist": True,
    "embedded.mobileprovision": False, "de.lproj/InfoPlist.strings": False,
}
# These are read within bounds like everything else, but an app may have them: its icon is then the drawn one.
# (Of the generated set nothing is: bpdag4 alone expands to few enough nodes to be read, 11,111 of them, and is
# refused as an Info.plist, because an array is none.  Where any app may have what nobody can read, as its
# localized names, it is left out like the rest.)
HARMLESS = ("giant-icon", "icon-bomb")


def wrap(directory, name):
    """The bytes of `name` in otherwise good apps, one for each place."""
    with open(os.path.join(directory, name), "rb") as file:
        bad = file.read()
    for number, where in enumerate(PLACES):
        files = {"Info.plist": GOOD % b"demo", "PlugIns/S.appex/Info.plist": GOOD % b"demo.share", where: bad}
        with zipfile.ZipFile(os.path.join(directory, "%s.%d.ipa" % (name, number)), "w",
                             zipfile.ZIP_DEFLATED) as archive:
            for member, data in files.items():
                archive.writestr("Payload/A.app/" + member, data)


def run(pomona, path):
    child = subprocess.Popen([pomona, "inspect", path], stdout=subprocess.PIPE)
    printed = child.stdout.read()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed


def judge(pomona, directory):
    bad = count = 0
    worst_cpu = worst_memory = 0
    for name in sorted(os.listdir(directory)):
        base, _, place = name[:-len(".ipa")].rpartition(".")
        must = list(PLACES.values())[int(place)] if base.endswith(".plist") else True
        must = must and not name.startswith(HARMLESS)
        code, cpu, memory, printed = run(pomona, os.path.join(directory, name))
        try:
            error = json.loads(printed).get("error")
        except ValueError:
            error, must, code = {"code": "", "text": "no JSON"}, True, -1
        ok = cpu <= CPU_MAX_S and memory <= MEMORY_MAX_MB
        ok = ok and (code == 4 and bool(error) or code == 0 and not must)
        bad += not ok
        count += 1
        worst_cpu, worst_memory = max(cpu, worst_cpu), max(memory, worst_memory)
        error = error or {"code": "an app", "text": ""}
        print("%-4s %d %5.2f s %5.1f MB  %s: %s: %s" % ("ok" if ok else "BAD", code, cpu, memory, name,
                                                       error["code"], error["text"]))
    print("%d files, %d not as they should be; at most %.2f s of CPU and %.1f MB" %
          (count, bad, worst_cpu, worst_memory))
    return 1 if bad or not count else 0


def main():
    pomona, directory = sys.argv[1:3]
    if sys.argv[3:] == ["--wrapped"]:
        sys.exit(judge(pomona, directory))
    for name in os.listdir(directory):
        if name.endswith(".plist"):
            wrap(directory, name)
    # Anew: a child's peak memory counts from what its parent had at the time of the fork.
    os.execv(sys.executable, [sys.executable, *sys.argv[:3], "--wrapped"])


main()
