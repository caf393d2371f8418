#!/usr/bin/env python3
"""oracle.py LEDGER DATABASE TOLD: was anything lost, and was anything recorded twice?

LEDGER is what the phones wrote down (world.h), TOLD what the server has acknowledged to whoever ordered it:
a line "UUID DEVICE-ID" for each command and device that it took.  A device of which the ledger has no line is played by
nobody: what it was ordered must wait for it, once.  Prints what is wrong, exit 1.
"""
import collections
import sqlite3
import sys

TERMINAL = {"Acknowledged": "acknowledged", "Error": "error", "CommandFormatError": "error"}


def read_ledger(path):
    """(udid, uuid) -> [(status, HTTP status the server gave, 0: no answer)]"""
    said, got, http, phones = collections.defaultdict(list), set(), collections.Counter(), set()
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if len(words) < 3:
                sys.exit("the ledger has a broken line: %r" % line)
            udid, what = words[1], words[2]
            phones.add(udid)
            if what == "got":
                got.add((udid, words[3]))
            elif what == "said":
                said[udid, words[3]].append((words[4], int(words[5])))
                http[int(words[5])] += 1
            elif what == "http":
                http[int(words[4])] += 1
    return said, got, http, phones


def could_be(answers):
    """States that the server may have recorded: it keeps the first that reached it, and a lost answer may have."""
    states = set()
    for status, code in answers:
        if status in TERMINAL:
            states.add(TERMINAL[status])
            if code == 200:
                break
    return states


def main():
    said, got, http, phones = read_ledger(sys.argv[1])
    db = sqlite3.connect("file:%s?mode=ro" % sys.argv[2], uri=True, timeout=30)
    with open(sys.argv[3], encoding="ascii") as file:
        told = {tuple(line.split()) for line in file if line.strip()}
    udid_of = dict(db.execute("SELECT id, udid FROM device"))
    history = collections.defaultdict(list)
    # What we asked an enrollment of which the phone never heard that it was one: it began anew, and is asked again.
    unheard = set()
    for udid, uuid, state, first in db.execute(
            "SELECT d.udid, c.uuid, h.state, e.state = 'replaced' AND c.created_by = 'house' FROM command_history h JOIN enrollment e ON e.id = h.enrollment_id"
            " JOIN device d ON d.id = e.device_id JOIN command c ON c.id = h.command_id"):
        history[udid, uuid].append(state)
        if first and (udid, uuid) not in said and (udid, uuid) not in got:
            unheard.add((udid, uuid))
    waiting = collections.Counter(db.execute(
        "SELECT d.udid, c.uuid FROM command_queue q JOIN enrollment e ON e.id = q.enrollment_id"
        " JOIN device d ON d.id = e.device_id JOIN command c ON c.id = q.command_id"))
    wrong = []
    for uuid, device in sorted(told):
        key = (udid_of[device], uuid)
        if key[0] not in phones:
            if waiting[key] != 1 or history[key]:
                wrong.append("%s for %s, whom nobody plays, waits %d times and has %d rows in the history" %
                             (uuid, key[0], waiting[key], len(history[key])))
        elif len(history[key]) != 1:
            wrong.append("%s for %s has %d rows in the history, the phone said %s" %
                         (uuid, key[0], len(history[key]), said.get(key)))
    for key, states in history.items():
        for state in states:
            if state in ("acknowledged", "error") and state not in could_be(said.get(key, [])):
                wrong.append("%s of %s is %s, the phone said %s" % (key[1], key[0], state, said.get(key)))
            if state in ("expired", "cancelled") and (state == "expired" or key not in unheard):
                wrong.append("%s of %s is %s" % (key[1], key[0], state))
        if len(states) > 1:
            wrong.append("%s of %s is recorded %d times" % (key[1], key[0], len(states)))
    for key, answers in said.items():
        if any(code == 200 and status in TERMINAL for status, code in answers) and not history.get(key):
            wrong.append("%s of %s was answered and is not in the history" % (key[1], key[0]))
    left = sum(n for (udid, _), n in waiting.items() if udid in phones)
    if left:
        wrong.append("%d commands still wait for phones" % left)
    for code in (401, 403):
        if http[code]:
            wrong.append("%d requests of phones were answered %d" % (http[code], code))
    repeated = sum(1 for answers in said.values() if len([1 for status, _ in answers if status in TERMINAL]) > 1)
    for line in wrong[:20]:
        print(line)
    print("%d ordered, %d wait for whom nobody plays, %d delivered, %d answered more than once, %d recorded; requests by status: %s; %d wrong" %
          (len(told), sum(waiting.values()) - left, len(got), repeated, sum(map(len, history.values())),
           ", ".join("%d: %d" % pair for pair in sorted(http.items())), len(wrong)))
    return 1 if wrong else 0


sys.exit(main())
