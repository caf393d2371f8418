#!/usr/bin/env python3
"""./dev bench [--runs N] [--only ROW[,ROW]] [--seconds S] [--json FILE]: the product beside a peer.

Ours and the peer take turns, so that both meet the same noise, and every figure is the median of its
runs.  The peers: cp and openssl for an upload, nginx for a download, micromdm's scepserver for SCEP; where only our own figure has a
target, nginx sends the same bytes from a file, to show what the machine can do at all.

Rows:	upload, download, manifest, catalog, devices, scep, push
Exit code: 0 all targets are met, 1 some are not, 2 it could not run.

Needs python3, openssl, curl, nginx and wrk; uses ports of its own, keeps everything in one temporary
directory (POMONA_BENCH_DIR: where; about 2 GB) and ends what it started.
"""
import argparse
import hashlib
import json
import os
import plistlib
import secrets
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "../data")
POMONA = os.environ.get("POMONA_BIN") or os.path.join(HERE, "../../build/pomona")

SCEP_LOAD = os.path.join(os.path.dirname(POMONA), "scep_load")

IPA_MB = 500
UPLOAD_RATIO = 1.3
UPLOAD_SERVER_MB = 16
UPLOAD_CHILD_MB = 64
DOWNLOAD_PLAIN = 0.9
DOWNLOAD_TLS = 1.0
MANIFESTS = 20000
MANIFEST_CONNECTIONS = 16
CATALOG_MS = 10
CATALOG_CONNECTIONS = 8
APPS, BUILDS = 1000, 20000
SCEP_CERTS, SCEP_PARALLEL = 600, 8
SCEP_RATE = 800
SCEP_CPU_MS = 1.3
SCEP_ISSUED = 100000
SCEP_SLOWER = 1.2
SCEP_MB = 96

TLS_SUITE = "TLS_AES_128_GCM_SHA256"
MB = 1000 * 1000


class CannotRun(Exception):
    pass


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    if done.returncode != 0:
        raise CannotRun("%s: %s" % (" ".join(map(str, command[:3])), done.stderr.decode(errors="replace").strip()[-400:]))
    return done.stdout.decode(errors="replace")


def seconds(*command):
    began = time.monotonic()
    run(*command)
    return time.monotonic() - began


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(port, process, what):
    for _ in range(200):
        if process.poll() is not None:
            raise CannotRun("%s ended with %d" % (what, process.returncode))
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise CannotRun("%s does not answer" % what)


class House:
    """The directory and the processes of one run of the benchmark."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="pomona-bench-", dir=os.environ.get("POMONA_BENCH_DIR"))
        self.processes = []
        self.cert, self.key = self.path("cert.pem"), self.path("key.pem")

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def start(self, command, log, **more):
        with open(self.path(log), "ab") as out:
            process = subprocess.Popen([str(part) for part in command], stderr=out, **more)
        self.processes.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.processes:
            self.processes.remove(process)

    def close(self):
        for process in list(self.processes):
            self.stop(process)
        shutil.rmtree(self.dir, ignore_errors=True)

    def make_certificate(self):
        if not os.path.exists(self.cert):
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2",
                "-keyout", self.key, "-out", self.cert)


class Server:
    """One `pomona serve` with a data directory of its own."""

    def __init__(self, house, name, tls=False):
        self.house, self.name, self.tls = house, name, tls
        self.port = free_port()
        self.base = "%s://localhost:%d" % ("https" if tls else "http", self.port)
        self.data = house.path(name)
        self.process = None
        self.env = {"POMONA__APPLE__EXTRA_PROVISION_ROOTS": os.path.join(DATA, "ipas/root.pem"),
                    "POMONA__GRANT__CI_INSTALLS": "100000"}
        self.env.update({k: v for k, v in os.environ.items() if not k.startswith("POMONA__")})
        os.mkdir(self.data)
        password = house.path("password")
        with open(password, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(18) + "\n")
        self.cli("init", "--base-url", self.base, "--master-key", house.path(name + ".key"))
        self.cli("user", "add", "bench", "--admin", "--password-file", password)

    def cli(self, *command):
        return run(POMONA, *command, "--data", self.data, env=self.env)

    def database(self):
        return sqlite3.connect(os.path.join(self.data, "pomona.db"))

    def start(self):
        how = ["--tls-cert", self.house.cert, "--tls-key", self.house.key] if self.tls else ["--plain"]
        if self.tls:
            self.house.make_certificate()
        self.process = self.house.start([POMONA, "serve", "--data", self.data, "--listen",
                                         "127.0.0.1:%d" % self.port, *how], self.name + ".log", env=self.env,
                                        stdout=subprocess.DEVNULL)
        wait_for(self.port, self.process, "pomona")

    def stop(self):
        self.house.stop(self.process)

    def memory(self, key):
        """VmRSS or VmHWM, in MB."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024 / MB
        raise CannotRun("no %s" % key)

    def upload(self, ipa, token):
        """Seconds to the answer, and the answer."""
        out = run("curl", "-sS", "-k", "-T", ipa, "-H", "Authorization: Bearer " + token, "-H", "Expect:",
                  "-w", "\n%{http_code} %{time_total}", self.base + "/api/v1/upload")
        answer, line = out.rsplit("\n", 1)
        status, took = line.split()
        if status != "201":
            raise CannotRun("the upload was answered %s: %s" % (status, answer[:300]))
        return float(took), json.loads(answer)

    def token(self):
        return self.cli("token", "new", "--user", "bench", "--scope", "upload").strip()


class Nginx:
    """Serves one directory, plain and (with a certificate) TLS 1.3, as near to its defaults as is fair."""

    def __init__(self, house, name, tls=False):
        self.house, self.root = house, house.path(name)
        self.port = free_port()
        self.base = "%s://localhost:%d" % ("https" if tls else "http", self.port)
        os.makedirs(self.root, exist_ok=True)
        conf = house.path(name + ".conf")
        if tls:
            house.make_certificate()
        with open(conf, "w", encoding="utf-8") as file:
            file.write("""
daemon off;
user %s;
worker_processes 2;
pid %s.pid;
error_log stderr;
events { worker_connections 1024; }
http {
	types { text/xml plist; text/html html; }
	default_type application/octet-stream;
	access_log %s.access;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	client_body_temp_path %s.tmp; proxy_temp_path %s.tmp; fastcgi_temp_path %s.tmp;
	uwsgi_temp_path %s.tmp; scgi_temp_path %s.tmp;
	server {
		listen 127.0.0.1:%d%s;
		%s
		root %s;
	}
}
""" % (("root",) + (conf,) * 7 + (self.port, " ssl" if tls else "", """
		ssl_certificate %s;
		ssl_certificate_key %s;
		ssl_protocols TLSv1.3;
		ssl_conf_command Ciphersuites %s;""" % (house.cert, house.key, TLS_SUITE) if tls else "", self.root)))
        self.process = house.start([shutil.which("nginx") or "/usr/sbin/nginx", "-p", house.dir, "-c", conf],
                                   name + ".log")
        wait_for(self.port, self.process, "nginx")

    def put(self, name, content):
        with open(os.path.join(self.root, name), "wb") as file:
            file.write(content)


class Table:
    COLUMNS = "%-54s %12s %12s %7s %12s  %s"

    def __init__(self):
        self.rows = []
        print("%d processors, load %.1f before it began" % (os.cpu_count(), os.getloadavg()[0]))
        print(self.COLUMNS % ("row", "ours", "peer", "ratio", "target", ""), flush=True)

    def add(self, name, ours, peer, unit, target, met):
        """`ours` and `peer` (may be None) are lists of runs; `met` judges the medians."""
        mine, theirs = statistics.median(ours), statistics.median(peer) if peer else None
        ratio = mine / theirs if theirs else None
        ok = met(mine, ratio)

        def text(value):
            return "-" if value is None else ("%.0f %s" if value >= 1000 else "%.3g %s") % (value, unit)

        print(self.COLUMNS % (name, text(mine), text(theirs), "-" if ratio is None else "%.2f" % ratio, target,
                              "ok" if ok else "MISS"), flush=True)
        spread = lambda runs: "%.3g..%.3g" % (min(runs), max(runs)) if runs else "-"
        print("%-54s %12s %12s" % ("  lowest..highest of %d" % len(ours), spread(ours), spread(peer)), flush=True)
        self.rows.append({"row": name, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio, "target": target,
                          "ok": ok})


def take_turns(runs, ours, peer):
    """`runs` of each, who begins alternating."""
    mine, theirs = [], []
    for i in range(runs):
        for which in (0, 1) if i % 2 == 0 else (1, 0):
            if which == 0:
                mine.append(ours())
            else:
                theirs.append(peer())
    return mine, theirs


# ---- the .ipa ----

def read(*names):
    with open(os.path.join(DATA, *names), "rb") as file:
        return file.read()


def make_ipa(path):
    """An installable app around one large stored member."""
    info = {"CFBundleIdentifier": "com.example.app", "CFBundleName": "Bench", "CFBundleExecutable": "Bench",
            "CFBundleShortVersionString": "1.0", "CFBundleVersion": "1", "MinimumOSVersion": "15.0",
            "CFBundlePackageType": "APPL", "CFBundleSupportedPlatforms": ["iPhoneOS"], "DTPlatformName": "iphoneos",
            "UIDeviceFamily": [1, 2]}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, body in (("Info.plist", plistlib.dumps(info, fmt=plistlib.FMT_BINARY)),
                           ("Bench", read("machos/arm64.macho")),
                           ("embedded.mobileprovision", read("provisions/enterprise.mobileprovision"))):
            archive.writestr("Payload/Bench.app/" + name, body)
        with archive.open("Payload/Bench.app/assets.bin", "w", force_zip64=False) as member:
            for _ in range(IPA_MB):
                member.write(os.urandom(MB))


def make_new(path):
    """Other bytes at the end: another build."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = secrets.token_hex(16).encode()
    with open(path, "rb") as file:	# it is in the page cache for all who come
        while file.read(8 * MB):
            pass


# ---- rows ----

def bench_upload(house, table, opts):
    ipa, copy = house.path("app.ipa"), house.path("copy.ipa")
    make_ipa(ipa)
    server = Server(house, "upload")
    server.start()
    token = server.token()
    fresh, growth = server.memory("VmRSS"), []

    def ours():
        make_new(ipa)
        took, answer = server.upload(ipa, token)
        growth.append(server.memory("VmHWM") - fresh)
        time.sleep(1.5)		# the MD5 job of this upload is not the next one's
        # Both give back the memory that held their file: memory never used before is slow in a virtual machine.
        sha256 = answer["build"]["sha256"]
        os.unlink(os.path.join(server.data, "blobs", sha256[:2], sha256))
        return took

    def peer():
        took = seconds("cp", ipa, copy) + seconds("openssl", "dgst", "-sha256", ipa) + \
            seconds("openssl", "dgst", "-sha256", ipa)
        os.unlink(copy)
        return took

    ours()	# warm
    mine, theirs = take_turns(opts.runs, ours, peer)
    table.add("upload %d MB to 201, 1 connection, plain" % IPA_MB, mine, theirs, "s", "<= %.1fx" % UPLOAD_RATIO,
              lambda _, ratio: ratio <= UPLOAD_RATIO)
    table.add("  the server's memory grows by at most", [max(growth)], None, "MB", "<= %d MB" % UPLOAD_SERVER_MB,
              lambda most, _: most <= UPLOAD_SERVER_MB)
    server.stop()
    process = subprocess.Popen([POMONA, "inspect", ipa], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=server.env)
    _, status, usage = os.wait4(process.pid, 0)		# of it and of the child that it waited for
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise CannotRun("inspect ended with %d" % process.returncode)
    table.add("  the inspect child's memory", [usage.ru_maxrss * 1024 / MB], None, "MB",
              "<= %d MB" % UPLOAD_CHILD_MB, lambda most, _: most <= UPLOAD_CHILD_MB)
    shutil.rmtree(server.data)


def download(url, tls):
    how = ["-k", "--tlsv1.3", "--tls13-ciphers", TLS_SUITE] if tls else []
    out = run("curl", "-sS", *how, "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{time_total}", url)
    status, size, took = out.split()
    if status != "200" or int(size) < IPA_MB * MB:
        raise CannotRun("%s was answered %s with %s bytes" % (url, status, size))
    return int(size) / float(took) / MB


def bench_download(house, table, opts):
    ipa = house.path("app.ipa")
    if not os.path.exists(ipa):
        make_ipa(ipa)
    for tls, least in ((False, DOWNLOAD_PLAIN), (True, DOWNLOAD_TLS)):
        name = "download-tls" if tls else "download"
        server = Server(house, name, tls)
        server.start()
        make_new(ipa)
        answer = server.upload(ipa, server.token())[1]
        nginx = Nginx(house, "nginx-" + name, tls)
        os.link(ipa, os.path.join(nginx.root, "app.ipa"))
        url = answer["manifest_url"]
        run("curl", "-sSkf", "-o", "/dev/null", url)	# begins the time in which the .ipa may be fetched
        url = url.replace("manifest.plist", "app.ipa")
        theirs = nginx.base + "/app.ipa"
        download(url, tls), download(theirs, tls)
        time.sleep(2)
        table.add("download %d MB, 1 connection, %s" % (IPA_MB, "TLS 1.3 AES-128-GCM" if tls else "plain"),
                  *take_turns(opts.runs, lambda: download(url, tls), lambda: download(theirs, tls)), "MB/s",
                  ">= %.1fx" % least, lambda _, ratio, least=least: ratio >= least)
        house.stop(nginx.process)
        server.stop()
        shutil.rmtree(server.data)


def wrk(url, connections, opts, *headers):
    """Requests a second, p99 in ms."""
    extra = [part for header in headers for part in ("-H", header)]
    out = run("wrk", "-t2", "-c%d" % connections, "-d%ds" % opts.seconds, "--latency", *extra, url)
    rate = p99 = None
    for line in out.splitlines():
        words = line.split()
        if line.startswith("Requests/sec:"):
            rate = float(words[1])
        elif words[:1] == ["99%"]:
            for unit, factor in (("us", 0.001), ("ms", 1.0), ("m", 60000.0), ("s", 1000.0)):
                if words[1].endswith(unit):
                    p99 = float(words[1][:-len(unit)]) * factor
                    break
        elif "Non-2xx" in line or "Socket errors" in line:
            raise CannotRun("%s: %s" % (url, line.strip()))
    if rate is None or p99 is None:
        raise CannotRun("wrk said nothing about %s" % url)
    return rate, p99


def fetch(url, *headers):
    extra = [part for header in headers for part in ("-H", header)]
    return run("curl", "-sSf", *extra, url)


def seed(server, apps, builds):
    """A catalog of many apps, each build with the facts of a real one; and a session and a grant."""
    out = run(POMONA, "inspect", os.path.join(DATA, "ipas/enterprise.ipa"), "--extra-root",
              os.path.join(DATA, "ipas/root.pem"), env=server.env)
    facts = json.loads(out)
    now = int(time.time())
    words = ("Field", "Sales", "Stock", "Route", "Visit", "Expense", "Travel", "Safety", "Shift", "Parts")
    db = server.database()
    person = db.execute("SELECT id FROM person").fetchone()[0]
    with db:
        # Who looks: a member, for whom half of the apps are by way of a group and a tenth are not at all.
        db.execute("INSERT INTO person (id, name, folded, role, password, created)"
                   " VALUES ('member', 'Mia', 'mia', 'member', '', ?)", (now,))
        for audience, held in (("staff", ["member"]), ("others", [])):
            db.execute("INSERT INTO audience (id, tree, hash, created) VALUES (?, '{}', ?, ?)",
                       (audience, audience, now))
            db.executemany("INSERT INTO audience_person (audience_id, person_id) VALUES (?, ?)",
                           [(audience, one) for one in held])
        for a in range(apps):
            app, bundle = "app%05d" % a, "com.example.app%05d" % a
            name = "%s %s %d" % (words[a % 10], words[a // 10 % 10], a)
            db.execute("INSERT INTO app (id, bundle_id, name, folded, created) VALUES (?, ?, ?, ?, ?)",
                       (app, bundle, name, (name + "\n" + bundle).lower(), now))
            db.execute("INSERT INTO channel (id, app_id, name, created, audience_id) VALUES (?, ?, 'main', ?, ?)",
                       ("ch%05d" % a, app, now, "others" if a % 10 == 9 else "staff" if a % 2 else None))
            for b in range(a, builds, apps):
                build, size = "build%06d" % b, 20 * MB + b * 1234
                sha256 = hashlib.sha256(build.encode()).hexdigest()
                facts.update(bundle_id=bundle, name=name, build=str(b), version="1.%d" % (b // apps))
                facts["file"] = {"size": size, "sha256": sha256}
                db.execute("INSERT INTO build (id, app_id, sha256, size, version, build, minimum_os, installable,"
                           " expires, facts, chunk_sha256s, icon57, icon120, icon512, notes, branch, git_commit,"
                           " ci_url, source, custom_fields, person_id, created, name, folded, installs_until)"
                           " VALUES (?, ?, ?, ?, ?, ?, '15.0', 1,"
                           " ?, ?, ?, ?, ?, ?, 'Fixes and improvements.', 'main', ?, '', 'bench', '{}', ?, ?, ?, ?, ?)",
                           (build, app, sha256, size, facts["version"], str(b), now + 300 * 86400,
                            json.dumps(facts), " ".join([sha256] * (size // (10 << 20) + 1)), sha256, sha256, sha256,
                            sha256[:40], person, now - (builds - b) * 60, name, (name + "\n" + bundle).lower(),
                            now + 300 * 86400))
                db.execute("INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id,"
                           " provision_uuid, expires, certificate, certificate_name, certificate_expires)"
                           " VALUES (?, '', ?, ?, ?, ?, ?, ?, ?, '', '', 0)",
                           (build, bundle, facts["version"], str(b), now, bundle, build, now + 300 * 86400))
                db.execute("INSERT INTO placement (channel_id, build_id, person_id, at) VALUES (?, ?, ?, ?)",
                           ("ch%05d" % a, build, person, now))
            db.execute("UPDATE app SET newest_build_id = ? WHERE id = ?", (build, app))
            db.execute("UPDATE channel SET newest_build_id = ?, newest_at = ?, newest_folded = ? WHERE app_id = ?",
                       (build, now, (name + "\n" + bundle).lower(), app))
        cookie, grant = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        hashed = lambda text: hashlib.sha256(text.encode()).hexdigest()
        db.execute("INSERT INTO session (hash, person_id, csrf, created, seen) VALUES (?, ?, ?, ?, ?)",
                   (hashed(cookie), "member", secrets.token_urlsafe(32), now, now))
        db.execute("INSERT INTO install_grant (hash, id, kind, build_id, person_id, manifest_until, ipa_seconds,"
                   " installs_max, created) VALUES (?, 'grant', 'ci', 'build000000', ?, ?, 86400, 20, ?)",
                   (hashed(grant), person, now + 7 * 86400, now))
    db.close()
    return cookie, grant


def catalog_server(house):
    server = Server(house, "catalog")
    cookie, grant = seed(server, APPS, BUILDS)
    server.start()
    return server, cookie, grant


def bench_manifest(house, table, opts):
    server, _, grant = catalog_server(house)
    nginx = Nginx(house, "nginx-manifest")
    url = "%s/d/%s/manifest.plist" % (server.base, grant)
    nginx.put("manifest.plist", fetch(url).encode())
    peer = nginx.base + "/manifest.plist"
    once = lambda at: wrk(at, MANIFEST_CONNECTIONS, opts)[0]
    once(url)
    table.add("manifests, %d connections, plain (peer: the same file)" % MANIFEST_CONNECTIONS,
              *take_turns(opts.runs, lambda: once(url), lambda: once(peer)), "/s", ">= %d/s" % MANIFESTS,
              lambda mine, _: mine >= MANIFESTS)
    house.stop(nginx.process)
    server.stop()
    shutil.rmtree(server.data)


def bench_catalog(house, table, opts):
    server, cookie, _ = catalog_server(house)
    headers = ["Cookie: pomona=" + cookie, "Accept: text/html"]
    page = fetch(server.base + "/", *headers)
    if page.count("<li ") < 20:
        raise CannotRun("the catalog page shows no apps")
    nginx = Nginx(house, "nginx-catalog")
    nginx.put("index.html", page.encode())
    once = lambda base: wrk(base + "/", CATALOG_CONNECTIONS, opts, *headers)
    once(server.base)
    mine, theirs = take_turns(opts.runs, lambda: once(server.base), lambda: once(nginx.base))
    name = "catalog of %d apps, %d connections, plain, p99" % (APPS, CATALOG_CONNECTIONS)
    table.add(name, [p99 for _, p99 in mine], [p99 for _, p99 in theirs], "ms", "<= %d ms" % CATALOG_MS,
              lambda p99, _: p99 <= CATALOG_MS)
    print("%-54s %12s %12s" % ("  pages a second", "%.0f /s" % statistics.median(rate for rate, _ in mine),
                               "%.0f /s" % statistics.median(rate for rate, _ in theirs)))
    house.stop(nginx.process)
    server.stop()
    shutil.rmtree(server.data)


def bench_devices(house, table, opts):
    from bench_devices import bench_devices as rows
    rows(sys.modules[__name__], house, table, opts)


# ---- SCEP ----

class Scepserver:
    """micromdm's, with an RSA-2048 CA too.  It listens everywhere, so it has a network of its own."""

    def __init__(self, house):
        self.house, self.depot = house, house.path("scepserver")
        run("scepserver", "ca", "-init", "-depot", self.depot, "-keySize", "2048")

    def certificates(self, challenge):
        """One run with a fresh depot: it reads and writes all of its index for each certificate."""
        depot = self.house.path("depot")
        shutil.rmtree(depot, ignore_errors=True)
        shutil.copytree(self.depot, depot)
        with open(self.house.path("static"), "w", encoding="ascii") as file:
            file.write(challenge + "\n")
        out = run("unshare", "-n", "sh", "-c", """
            ip link set lo up
            scepserver -depot "$1" -port 18089 -challenge "$2" -allowrenew 0 >/dev/null 2>&1 &
            for i in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:18089/scep?operation=GetCACaps && break; sleep 0.05; done
            "$3" run http://127.0.0.1:18089/scep "$1/ca.pem" "$4" "$5" "$6"
            kill $!""", "sh", depot, challenge, SCEP_LOAD, SCEP_CERTS, SCEP_PARALLEL, self.house.path("static"))
        return json.loads(out.splitlines()[-1])["rate"]


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def new_challenges(server, path, n):
    """As `pomona challenge new`, n at once."""
    texts, now = [secrets.token_urlsafe(20) for _ in range(n)], int(time.time())
    db = server.database()
    with db:
        db.executemany("INSERT INTO challenge (hash, purpose, subject, created, expires) VALUES (?, 'client', ?, ?, ?)",
                       [(hashlib.sha256(text.encode()).hexdigest(), "CN=load %d" % i, now, now + 3600)
                        for i, text in enumerate(texts)])
    db.close()
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(texts) + "\n")


def issue_before(server, n):
    """n certificates, as if they had been issued: rows alone, each of a subject, key and serial number of its own."""
    now, db = int(time.time()), server.database()
    with db:
        authority, der = db.execute("SELECT id, certificate FROM authority LIMIT 1").fetchone()
        first = db.execute("SELECT COALESCE(max(turn), 0) FROM certificate").fetchone()[0] + 1
        db.executemany("INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256, der, session_id,"
                       " not_before, not_after, issued, turn) VALUES (?, ?, ?, 'client', ?, ?, ?, NULL, ?, ?, ?, ?)",
                       ((secrets.token_hex(32), secrets.token_hex(16), authority, "CN=before %d" % i, secrets.token_hex(32), der,
                         now - 86400, now + 365 * 86400, now - 86400, first + i) for i in range(n)))
        db.execute("UPDATE turn SET last = ? WHERE name = 'certificate'", (first + n,))
    db.close()


class ScepServer:
    """Ours, with so many certificates from before."""

    def __init__(self, house, name, before):
        self.house, self.before = house, before
        self.server, self.ca, self.cpu, self.runs = Server(house, name), house.path(name + ".pem"), [], 0
        if before:
            issue_before(self.server, before)
        self.server.start()
        der = subprocess.run(["curl", "-sS", self.server.base + "/scep?operation=GetCACert"], stdout=subprocess.PIPE, check=True)
        with open(self.ca, "wb") as file:
            file.write(subprocess.run(["openssl", "x509", "-inform", "DER"], input=der.stdout, stdout=subprocess.PIPE,
                                      check=True).stdout)

    def rate(self):
        new_challenges(self.server, self.house.path("challenges"), SCEP_CERTS)
        began = cpu_seconds(self.server.process.pid)
        out = run(SCEP_LOAD, "run", "http://127.0.0.1:%d/scep" % self.server.port, self.ca, SCEP_CERTS, SCEP_PARALLEL,
                  self.house.path("challenges"))
        self.cpu.append((cpu_seconds(self.server.process.pid) - began) * 1000 / SCEP_CERTS)
        self.runs += 1
        return json.loads(out)["rate"]

    def close(self):
        """All that it answered is kept.  What its memory was at most, in MB."""
        most = self.server.memory("VmHWM")
        count = self.server.database().execute("SELECT count(*) FROM certificate").fetchone()[0]
        if count != self.before + self.runs * SCEP_CERTS:
            raise CannotRun("%d certificates are kept of %d" % (count, self.before + self.runs * SCEP_CERTS))
        self.server.stop()
        shutil.rmtree(self.server.data)
        return most


def bench_scep(house, table, opts):
    if not os.path.exists(SCEP_LOAD) or not shutil.which("scepserver"):
        raise CannotRun("no %s, or no scepserver" % SCEP_LOAD)
    fresh, peer = ScepServer(house, "scep", 0), Scepserver(house)
    mine, theirs = take_turns(opts.runs, fresh.rate, lambda: peer.certificates("static"))
    table.add("SCEP certificates, %d in parallel, plain" % SCEP_PARALLEL, mine, theirs, "/s", ">= %d/s" % SCEP_RATE,
              lambda rate, _: rate >= SCEP_RATE)
    table.add("SCEP certificates, CPU of the server for each", fresh.cpu, None, "ms", "<= %.1f ms" % SCEP_CPU_MS,
              lambda ms, _: ms <= SCEP_CPU_MS)
    full = ScepServer(house, "scep-full", SCEP_ISSUED)
    many, none = take_turns(opts.runs, full.rate, fresh.rate)
    table.add("SCEP certificates behind %d issued; the peer: ours, none" % SCEP_ISSUED, many, none, "/s",
              "<= %.1f slower" % SCEP_SLOWER, lambda _, ratio: ratio * SCEP_SLOWER >= 1)
    table.add("SCEP, the server's memory at most", [max(fresh.close(), full.close())], None, "MB", "<= %d MB" % SCEP_MB,
              lambda mb, _: mb <= SCEP_MB)


def bench_push(house, table, opts):
    from bench_push import bench_push as rows
    rows(sys.modules[__name__], house, table, opts)


ROWS = {"upload": bench_upload, "download": bench_download, "manifest": bench_manifest, "catalog": bench_catalog,
        "devices": bench_devices, "scep": bench_scep, "push": bench_push}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="of each figure; the table shows their median (9)")
    parser.add_argument("--only", default="", metavar="ROW[,ROW]", help="of %s" % ", ".join(ROWS))
    parser.add_argument("--seconds", type=int, default=3, help="of a run of wrk (3)")
    parser.add_argument("--json", metavar="FILE", help="every run's figure too")
    opts = parser.parse_args()
    names = opts.only.split(",") if opts.only else list(ROWS)
    if opts.runs < 1 or any(name not in ROWS for name in names):
        parser.error("rows are %s" % ", ".join(ROWS))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    house = House()
    try:
        table = Table()
        for name in names:
            ROWS[name](house, table, opts)
    except (CannotRun, OSError) as why:
        print("bench: %s" % why, file=sys.stderr)
        return 2
    finally:
        house.close()
    if opts.json:
        with open(opts.json, "w", encoding="utf-8") as file:
            json.dump(table.rows, file, indent=1)
    missed = sum(not row["ok"] for row in table.rows)
    print("%d of %d targets met" % (len(table.rows) - missed, len(table.rows)))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
