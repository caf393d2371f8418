"""The row of pushes in bench.py: what the worker sends over one connection, from rows that are due to rows that are done.

The other end is the fake APNs in its fast mode (tests/device/apns.h), on the same two cores: real HTTP/2 over TLS,
which judges each request.  Rows are prepared while the server is down; the clock runs from the first request that
arrives to the last one, and then nothing may be due any more.
"""
import json
import os
import socket
import subprocess
import time

PUSHES = 100000
RATE = 20000
TOPIC = "com.apple.mgmt.External.9f0e2a6c-1111-4222-8333-444455556666"


class Door:
    """The fake's unix socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)

    def say(self, line):
        self.sock.sendall(line.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += self.sock.recv(65536)
        return answer.decode()

    def counts(self):
        return json.loads(self.say("counts"))


def prepare(db, n):
    now = int(time.time())
    ids = range(n)
    db.executemany("INSERT INTO device (id, udid, enrollment_id, seen, created, changed) VALUES (?, ?, ?, ?, ?, ?)",
                   (("d%d" % i, "U%d" % i, "e%d" % i, now, now, now) for i in ids))
    db.executemany("INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, topic, push_magic, token,"
                   " token_at, created, enrolled) VALUES (?, ?, 's', 'enrolled', ?, 8191, ?, ?, ?, ?, ?, ?)",
                   (("e%d" % i, "d%d" % i, "i%d" % i, TOPIC, "8F2C1A90-5B1E-4C7A-9D3E-%012d" % i, b"\xab" * 24 + i.to_bytes(8, "big"),
                     now, now, now) for i in ids))
    db.commit()


def want(db):
    db.execute("INSERT INTO push_due (enrollment_id, topic, bulk, due, reason) SELECT id, topic, FALSE, ?, 'command' FROM enrollment",
               (int(time.time()),))
    db.commit()


def cpu(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def once(bench, server, door):
    """Pushes a second, the server's CPU microseconds for each, its memory in MB."""
    with server.database() as db:
        want(db)
    door.say("reset")
    server.start()
    began = last = None
    while True:
        now, counts = time.monotonic(), door.counts()
        if counts["requests"]:
            began = began or (now, counts["requests"])
            if counts["requests"] >= PUSHES:
                last = now
                break
        if server.process.poll() is not None:
            raise bench.CannotRun("pomona ended with %d" % server.process.returncode)
        time.sleep(0.005)
    for _ in range(400):
        with server.database() as db:
            if not db.execute("SELECT count(*) FROM push_due").fetchone()[0]:
                break
        time.sleep(0.05)
    else:
        raise bench.CannotRun("pushes stay due")
    used, memory = cpu(server.process.pid), server.memory("VmHWM")
    counts = door.counts()
    if counts["wrong"] or counts["requests"] != PUSHES or counts["connections"] != 1:
        raise bench.CannotRun("the fake APNs says %s" % counts)
    server.stop()
    return (PUSHES - began[1]) / (last - began[0]), used * 1e6 / PUSHES, memory


def bench_push(bench, house, table, opts):
    here = os.path.dirname(os.path.abspath(__file__))
    device = os.environ.get("POMONA_DEVICE_BIN") or os.path.join(here, "../../build/device")
    if not os.path.exists(device):
        raise bench.CannotRun("no %s" % device)
    apns = house.path("push-apns")
    os.makedirs(apns, exist_ok=True)
    fake = house.start([device, "apns", apns, "--fast"], "push-apns.log", stdout=subprocess.DEVNULL)
    for _ in range(200):
        if os.path.exists(os.path.join(apns, "url")):
            break
        time.sleep(0.05)
    with open(house.path("push-bench.pem"), "w", encoding="ascii") as file:
        file.write(bench.run(device, "apns-cert", apns, TOPIC))
    server = bench.Server(house, "push")
    with open(os.path.join(apns, "url"), encoding="ascii") as file:
        # what the server wants of a phone by itself (its web clip) would be pushed next
        server.env["POMONA__CLIP__ON"] = "no"
        server.env.update({"POMONA__APNS__URL": file.read().strip(), "POMONA__APNS__CA_FILE": os.path.join(apns, "ca.pem")})
    server.cli("push", "import", house.path("push-bench.pem"))
    with server.database() as db:
        prepare(db, PUSHES)
    door = Door(os.path.join(apns, "door"))
    runs = [once(bench, server, door) for _ in range(opts.runs)]
    table.add("%d pushes that are due, one connection, TLS" % PUSHES, [rate for rate, _, _ in runs], None, "/s",
              ">= %d/s" % RATE, lambda rate, _: rate >= RATE)
    print("%-54s %12s" % ("  the server's CPU for each (its start too)", "%.1f us" % min(used for _, used, _ in runs)))
    table.add("  its memory at most", [max(memory for _, _, memory in runs)], None, " MB", "<= 96 MB", lambda most, _: most <= 96)
    house.stop(fake)
