"""The rows of devices in bench.py: check-in, queue, and what a hundred thousand enrolled devices change.

The client is `device load` (tests/device/load.h): one thread, prebuilt messages, 8 kept-alive connections, on the
same two cores.  No other device management server is installed here: beside the Idle rows nginx answers the very
same requests with an empty 200, which shows what machine and client can do at all; beside the rows of a full
database the peer is our own small one in the same run.
"""
import copy
import json
import os
import secrets
import shutil
import statistics
import subprocess
import time

PHONES = 200
CONNECTIONS = 8
IDLE_SIGNED, IDLE_HEADER, DRAIN = 7000, 10000, 5000
P99_MS = 10
COMMANDS = 25			# for each phone in a drain
DEVICES, HISTORY = 100000, 1000000
ENQUEUE_S = 2.0
LATENCY_RATIO = 1.25
REST_MB, MOST_MB = 24, 96
TOPIC = "com.apple.mgmt.External.9f0e2a6c-1111-4222-8333-444455556666"


class Fleet:
    """A server, PHONES enrolled phones, and the fake APNs that takes its pushes."""

    def __init__(self, bench, house):
        self.bench, self.house = bench, house
        here = os.path.dirname(os.path.abspath(__file__))
        self.device = os.environ.get("POMONA_DEVICE_BIN") or os.path.join(here, "../../build/device")
        if not os.path.exists(self.device):
            raise bench.CannotRun("no %s" % self.device)
        self.apns = house.path("apns")
        os.makedirs(self.apns, exist_ok=True)
        house.start([self.device, "apns", self.apns, "--fast"], "apns.log", stdout=subprocess.DEVNULL)
        self.wait(os.path.join(self.apns, "url"))
        bench.run(self.device, "ca", house.path("apple"))
        push = house.path("push.pem")
        with open(push, "w", encoding="ascii") as file:
            file.write(bench.run(self.device, "apns-cert", self.apns, TOPIC))
        self.server = bench.Server(house, "fleet")
        with open(os.path.join(self.apns, "url"), encoding="ascii") as file:
            url = file.read().strip()
        self.server.env.update({
            "POMONA__ENROLL__DIRECT": "yes", "POMONA__APPLE__EXTRA_DEVICE_ROOTS": house.path("apple", "root.pem"),
            "POMONA__APNS__URL": url, "POMONA__APNS__CA_FILE": os.path.join(self.apns, "ca.pem"),
            "POMONA__SERVER__TRUSTED_PROXIES": "127.0.0.1", "POMONA__SERVER__CLIENT_CERT_HEADER": "Client-Cert"})
        self.server.cli("push", "import", push)
        self.token = self.server.cli("token", "new", "--user", "bench", "--scope", "admin").strip()
        self.server.start()

    def wait(self, path):
        for _ in range(200):
            if os.path.exists(path) and os.path.getsize(path):
                return
            time.sleep(0.05)
        raise self.bench.CannotRun("no %s" % path)

    def another(self, name):
        """A server of its own with a copy of what this one has; ours is stopped meanwhile."""
        self.server.stop()
        twin = copy.copy(self.server)
        twin.name, twin.data, twin.port = name, self.house.path(name), self.bench.free_port()
        shutil.copytree(self.server.data, twin.data)
        twin.base = "http://localhost:%d" % twin.port
        conf = os.path.join(twin.data, "pomona.conf")
        with open(conf, encoding="utf-8") as file:
            text = file.read()
        with open(conf, "w", encoding="utf-8") as file:
            file.write(text.replace(self.server.base, twin.base))
        ret = copy.copy(self)
        ret.server = twin
        self.server.start()
        return ret

    def api(self, path, body):
        out = self.bench.run("curl", "-sS", "-H", "Authorization: Bearer " + self.token, "-H",
                             "Content-Type: application/json", "-d", "@-", self.server.base + path,
                             input=json.dumps(body).encode())
        return json.loads(out)

    def with_phones(self, command, *more):
        return [self.device, command, "--ca", self.house.path("apple"), "--state", self.house.path("phones"), "--http",
                "--count", PHONES, "--connect", "127.0.0.1:%d" % self.server.port, *more]

    def enroll(self):
        urls = self.house.path("urls")
        with open(urls, "w", encoding="ascii") as file:
            for _ in range(PHONES):
                file.write(self.api("/api/v1/enroll/sessions", {"person": None})["direct_url"] + "\n")
        self.bench.run(*self.with_phones("fleet", "--enroll", urls, "--drain"))

    def cpu(self):
        """Seconds of CPU that the server has used."""
        with open("/proc/%d/stat" % self.server.process.pid, encoding="ascii") as file:
            words = file.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, way, proof, *more, port=None):
        command = [str(part) for part in self.with_phones("load", way, "--proof", proof, "--connections", CONNECTIONS, *more)]
        if port:
            command[command.index("--connect") + 1] = "127.0.0.1:%d" % port
        before = self.cpu()
        said = json.loads(self.bench.run(*command))
        said["server_ms"] = (self.cpu() - before) / said["requests"] * 1000
        if said["wrong"]:
            raise self.bench.CannotRun("%d answers were wrong, such as %d" % (said["wrong"], said["last_wrong"]))
        return said

    def ids(self, db):
        return [row[0] for row in db.execute("SELECT id FROM device ORDER BY created, id LIMIT %d" % PHONES)]

    def order(self, ids, n):
        for i in range(n):
            answer = self.api("/api/v1/commands", {"request_type": "DeviceLock", "params": {"Message": "no %d" % i},
                                                   "devices": ids})
            if not answer.get("uuid"):
                raise self.bench.CannotRun("an order was answered %s" % json.dumps(answer)[:300])


def nginx_idle(bench, house):
    """The same requests, answered with nothing."""
    nginx = bench.Nginx(house, "nginx-idle")
    house.stop(nginx.process)
    conf = house.path("nginx-idle.conf")
    with open(conf, encoding="utf-8") as file:
        text = file.read()
    with open(conf, "w", encoding="utf-8") as file:
        file.write(text.replace("root %s;" % nginx.root, "location / { return 200; }"))
    nginx.process = house.start(["nginx", "-p", house.dir, "-c", conf], "nginx-idle.log")
    bench.wait_for(nginx.port, nginx.process, "nginx")
    return nginx


def idle(bench, table, fleet, nginx, opts, proof, words, target):
    ours, peers = [], []
    fleet.load("idle", proof, "--for", 1)
    for _ in range(opts.runs):
        ours.append(fleet.load("idle", proof, "--for", opts.seconds))
        peers.append(fleet.load("idle", proof, "--for", 1, port=nginx.port))
    table.add("Idle, %s, %d connections (peer: nginx, empty 200)" % (words, CONNECTIONS), [run["rate"] for run in ours],
              [run["rate"] for run in peers], "/s", ">= %d/s" % target, lambda mine, _: mine >= target)
    p99(table, ours)


def p99(table, runs):
    table.add("  p99", [run["p99_ms"] for run in runs], None, "ms", "<= %d ms" % P99_MS, lambda mine, _: mine <= P99_MS)
    print("%-54s %12s %12s" % ("  CPU a request: of the server, of the client", *("%.3f ms" % statistics.median(
        ms) for ms in ([run["server_ms"] for run in runs], [run["cpu_s"] / run["requests"] * 1000 for run in runs]))))


def drain_once(bench, fleet):
    db = fleet.server.database()
    fleet.order(fleet.ids(db), COMMANDS)
    run = fleet.load("drain", "client-cert")
    # What the server wants of a phone by itself meanwhile (its lists, its web clip) is no part of the order.
    waiting = db.execute("SELECT count(*) FROM command_queue q JOIN command c ON c.id = q.command_id"
                         " WHERE q.enrollment_id NOT LIKE 'enr%' AND c.request_type = 'DeviceLock'").fetchone()[0]
    db.close()
    if run["answers"] < PHONES * COMMANDS or waiting:
        raise bench.CannotRun("%d answers, not %d; %d still wait" % (run["answers"], PHONES * COMMANDS, waiting))
    return run


def device_id(i):
    """As long as ours."""
    return "dev%023d" % i


def enrollment_id(i):
    return "enr%023d" % i


def fill(bench, fleet):
    """DEVICES enrolled devices, with a queue that is empty and a history of HISTORY rows, as their rows are."""
    db = fleet.server.database()
    now = int(time.time())
    topic, rights = db.execute("SELECT topic, access_rights FROM enrollment LIMIT 1").fetchone()
    first = db.execute("SELECT coalesce(max(id), 0) + 1 FROM command").fetchone()[0]
    commands = HISTORY // DEVICES
    with db:
        db.executemany("INSERT INTO device (id, udid, serial, product, name, os_version, enrollment_id, created, changed)"
                       " VALUES (?, ?, ?, 'iPhone15,4', 'Bench', '18.1', ?, ?, ?)",
                       ((device_id(i), "00008120-%016X" % i, "SER%06d" % i, enrollment_id(i), now, now) for i in range(DEVICES)))
        db.executemany("INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, topic, push_magic,"
                       " token, token_at, created, enrolled) VALUES (?, ?, 'bench', 'enrolled', ?, ?, ?, ?, ?, ?, ?, ?)",
                       ((enrollment_id(i), device_id(i), secrets.token_hex(32), rights, topic, "magic%06d" % i,
                         secrets.token_bytes(32), now, now, now) for i in range(DEVICES)))
        db.executemany("INSERT INTO command (id, uuid, kind, request_type, created_by, created)"
                       " VALUES (?, ?, 'plain', 'DeviceInformation', 'house', ?)",
                       ((first + k, "BENCH-%d" % k, now) for k in range(commands)))
        db.executemany("INSERT INTO command_history (enrollment_id, command_id, state, status, sent, sent_count, not_now_count,"
                       " ended, answer) VALUES (?, ?, 'acknowledged', 'Acknowledged', ?, 1, 0, ?, ?)",
                       ((enrollment_id(i), first + k, now, now - k, b"x" * 300) for k in range(commands) for i in range(DEVICES)))
    db.close()


def enqueue(bench, table, fleet, opts):
    """One command for all of them, in one request."""
    path = fleet.house.path("order")
    took, cpu = [], []
    for run in range(min(opts.runs, 3)):
        with open(path, "w", encoding="ascii") as file:
            json.dump({"request_type": "DeviceLock", "params": {"Message": "run %d" % run},
                       "devices": [device_id(i) for i in range(DEVICES)]}, file)
        began, before = time.monotonic(), fleet.cpu()
        said = bench.run("curl", "-sS", "-H", "Authorization: Bearer " + fleet.token, "-H",
                         "Content-Type: application/json", "-d", "@" + path, "-o", fleet.house.path("verdicts"), "-w",
                         "%{http_code}", fleet.server.base + "/api/v1/commands")
        took.append(time.monotonic() - began)
        cpu.append(fleet.cpu() - before)
        if said != "202":
            raise bench.CannotRun("the order was answered %s" % said)
    table.add("enqueue one command to %d devices, one request" % DEVICES, took, None, "s", "<= %g s" % ENQUEUE_S,
              lambda mine, _: mine <= ENQUEUE_S)
    print("%-54s %12s" % ("  CPU of the server", "%.2f s" % statistics.median(cpu)))


def bench_devices(bench, house, table, opts):
    fleet = Fleet(bench, house)
    time.sleep(2)
    table.add("the server's memory at rest", [fleet.server.memory("VmRSS")], None, "MB", "<= %d MB" % REST_MB,
              lambda mine, _: mine <= REST_MB)
    fleet.enroll()
    nginx = nginx_idle(bench, house)
    idle(bench, table, fleet, nginx, opts, "signature", "Mdm-Signature", IDLE_SIGNED)
    idle(bench, table, fleet, nginx, opts, "client-cert", "certificate header", IDLE_HEADER)
    house.stop(nginx.process)
    full = fleet.another("full")
    fill(bench, full)
    full.server.start()
    drain_once(bench, fleet), drain_once(bench, full)
    large, small = bench.take_turns(opts.runs, lambda: drain_once(bench, full), lambda: drain_once(bench, fleet))
    table.add("queue drained, certificate header, durable", [run["answers_rate"] for run in small], None, "/s",
              ">= %d/s" % DRAIN, lambda mine, _: mine >= DRAIN)
    p99(table, small)
    table.add("next command, %d devices, %d rows of history (peer: ours, small)" % (DEVICES, HISTORY),
              [run["p50_ms"] for run in large], [run["p50_ms"] for run in small], "ms", "<= %.2fx" % LATENCY_RATIO,
              lambda _, ratio: ratio <= LATENCY_RATIO)
    p99(table, large)
    enqueue(bench, table, full, opts)
    table.add("the server's memory at most, under all of this", [max(fleet.server.memory("VmHWM"),
              full.server.memory("VmHWM"))], None, "MB", "<= %d MB" % MOST_MB, lambda mine, _: mine <= MOST_MB)
    fleet.server.stop()
    full.server.stop()
