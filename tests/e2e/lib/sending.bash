# What stories of sending are told with: mail servers and SMS gateways of one's own, and messages put into
# the outbox as their causes do, by the row and its job.

FAKESMSC=/usr/lib/kannel/test/fakesmsc
DEBIAN_PYTHON=/usr/bin/python3	# whose aiosmtpd it is

started=()

# start NAME COMMAND...: in the background, its output in $W/NAME.out; ended by stop_started.
start() {
	local name=$1; shift
	"$@" >"$W/$name.out" 2>&1 3>&- &
	started+=($!)
	LAST=$!
}

stop_started() {
	local pid
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
	started=()
}

# A certificate of the test's CA for the host and for 127.0.0.1.
local_certificate() {
	local dir=$W/tls
	[ ! -f "$dir/local.pem" ] || return 0
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=mail.example.com" \
		-keyout "$dir/local.key" -out "$dir/local.csr" 2>/dev/null
	openssl x509 -req -in "$dir/local.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -days 30 -out "$dir/local.pem" \
		-extfile <(echo "subjectAltName=DNS:mail.example.com,DNS:localhost,IP:127.0.0.1") 2>/dev/null
}

# smtpd NAME [OPTIONS]: a mail server with its papers in $W/NAME; its port is $SMTP.
smtpd() {
	local name=$1; shift
	"$DEBIAN_PYTHON" -c 'import aiosmtpd' 2>/dev/null || skip "no aiosmtpd"
	local_certificate
	mkdir -p "$W/$name"
	rm -f "$W/$name/port"
	start "$name" "$DEBIAN_PYTHON" "$ROOT/tests/e2e/lib/smtpd.py" "$W/$name" --cert "$W/tls/local.pem" --key "$W/tls/local.key" "$@"
	wait_until test -s "$W/$name/port"
	SMTP=$(cat "$W/$name/port")
}

# mail_settings URL [KEY VALUE]...: replaces what was set before.
mail_settings() {
	local url=$1; shift
	settings_of smtp url "\"$url\"" from '"Apps <apps@example.com>"' ca_file "\"$W/tls/ca.pem\"" "$@"
}

# settings_of SECTION KEY VALUE...: as the section's only ones.
settings_of() {
	local section=$1; shift
	sed -i "/^$section {\$/,/^}\$/d" "$CONF"
	{ echo "$section {"; while [ $# -gt 0 ]; do echo "	$1 = $2"; shift 2; done; echo "}"; } >>"$CONF"
}

sql() { sqlite3 -cmd '.timeout 10000' "$DATA/pomona.db" "$1"; }

# queue KIND TO JSON [N]: one message, or N to TO with %d in it, as message_mail and message_sms write them.
queue() {
	local kind=$1 to=$2 body=$3 n=${4:-1} now
	now=$(date -u -d "$(cat "$W/clock")" +%s)
	sql "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $n)
		INSERT INTO message (id, kind, recipient, subject, body, about, asked, created, changed)
		SELECT '$kind' || lower(hex(randomblob(4))) || 'n' || i, '$kind', printf('$to', i), CASE '$kind' WHEN 'mail' THEN 'New build' ELSE '' END,
			'$body', 'test', $now, $now, $now FROM c;
		INSERT INTO job (id, kind, args, dedupe_key, created, due)
		SELECT 'j' || id, 'message_send', '{\"message\":\"' || id || '\"}', id, $now, $now FROM message m
		WHERE state = 'waiting' AND NOT EXISTS (SELECT 1 FROM job j WHERE j.dedupe_key = m.id);"
}

mail_to() { queue mail "$1" "${2:-{\"text\":\"Hello\"\}}" "${3:-1}"; }
sms_to() { queue sms "$1" "{\"text\":\"${2:-Hello}\"}" "${3:-1}"; }

# message COLUMN TO: of the newest to that recipient.
message() { sql "SELECT $1 FROM message WHERE recipient = '$2' ORDER BY rowid DESC LIMIT 1"; }
state_is() { [ "$(message state "$1")" = "$2" ]; }
expect_state() {	# TO STATE
	wait_until state_is "$1" "$2" || { echo "$1 is $(message 'state, error' "$1"), not $2"; tail -5 "$W/log"; return 1; }
}
count_state() { sql "SELECT count(*) FROM message WHERE state = '$1'"; }

# wait_later COMMAND...: as wait_until, while half a minute passes at each look.
wait_later() {
	local i
	for ((i = 0; i < 100; i++)); do
		if "$@" >/dev/null 2>&1; then return 0; fi
		later 30
		sleep 0.3
	done
	echo "waited in vain for: $*"
	return 1
}

# later SECONDS: the server's clock goes on, without a restart.
later() {
	date -u -d "$(cat "$W/clock") + $1 seconds" +%Y-%m-%dT%H:%M:%SZ >"$W/clock.new"
	mv "$W/clock.new" "$W/clock"
}

# gateway NAME: an HTTP gateway with its papers in $W/NAME; its port is $GATEWAY.
gateway() {
	mkdir -p "$W/$1"
	start "$1" python3 "$ROOT/tests/e2e/lib/gateway.py" "$W/$1"
	wait_until test -s "$W/$1/port"
	GATEWAY=$(cat "$W/$1/port")
}

free_ports() {	# N
	python3 -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[s.getsockname()[1] for s in held])' "$1"
}

# Kannel with a network of its own (fakesmsc); what that network got is in $W/smsc.out.  Its port is $KANNEL.
kannel() {
	[ -x /usr/sbin/bearerbox ] && [ -x /usr/sbin/smsbox ] && [ -x "$FAKESMSC" ] || skip "no Kannel"
	local ports
	read -ra ports < <(free_ports 4)
	KANNEL=${ports[3]} KANNEL_ADMIN=${ports[0]}
	cat >"$W/kannel.conf" <<-END
		group = core
		admin-port = ${ports[0]}
		admin-interface = 127.0.0.1
		admin-password = admin
		smsbox-port = ${ports[1]}
		box-allow-ip = "127.0.0.1"
		dlr-storage = internal

		group = smsc
		smsc = fake
		smsc-id = fake
		host = localhost
		port = ${ports[2]}
		connect-allow-ip = 127.0.0.1

		group = smsbox
		bearerbox-host = 127.0.0.1
		sendsms-port = ${ports[3]}
		sendsms-interface = 127.0.0.1
		sendsms-chars = "0123456789 +-"
		http-request-retry = 10
		http-queue-delay = 1

		group = sendsms-user
		username = pomona
		password = "s3cret"
		max-messages = 5
		concatenation = true
	END
	start bearerbox /usr/sbin/bearerbox "$W/kannel.conf"
	wait_until listens "${ports[1]}"
	start smsbox /usr/sbin/smsbox "$W/kannel.conf"
	wait_until listens "${ports[3]}"
	wait_until listens "${ports[2]}"
	mkfifo "$W/hold"	# without an end of its input it waits for what it is sent
	start smsc bash -c 'exec "$@" <>"$0"' "$W/hold" "$FAKESMSC" -H 127.0.0.1 -r "${ports[2]}" -i 0.01
	wait_until kannel_online
}

listens() { (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
kannel_online() {
	curl -s "http://127.0.0.1:$KANNEL_ADMIN/status.txt?password=admin" >"$W/kannel.status"
	grep -q 'fake.*online' "$W/kannel.status" || return 1
	grep -q 'smsbox:' "$W/kannel.status"
}
