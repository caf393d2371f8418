# The story of a fleet: iPhones that enroll, sleep, refuse and lose their connections, while the server's plug is
# pulled again and again; and an old backup that is put back.
# With POMONA_WHOLE there are 1,000 phones and 200 kills, else 100 and 20; POMONA_PHONES and POMONA_KILLS say otherwise.
# The server is the release binary.
load lib/pomona
load lib/sending
load lib/devices

WHOLE=${POMONA_WHOLE-}
PHONES=${POMONA_PHONES:-$([ -n "$WHOLE" ] && echo 1000 || echo 100)}
KILLS=${POMONA_KILLS:-$([ -n "$WHOLE" ] && echo 200 || echo 20)}
WAIT_STEPS=2400			# these waits are for many

setup_file() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	POMONA=$POMONA_RELEASE devices_prepare
}

setup() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	POMONA=$POMONA_RELEASE
	devices_data
	start apns "$DEVICE" apns "$W/apns" --keep "$W/kept"
	wait_until test -s "$W/apns/url"
	export POMONA__APNS__URL POMONA__APNS__CA_FILE=$W/apns/ca.pem
	POMONA__APNS__URL=$(cat "$W/apns/url")
	# half of the phones stand behind a proxy that does TLS
	export POMONA__SERVER__TRUSTED_PROXIES=127.0.0.1 POMONA__SERVER__CLIENT_CERT_HEADER=Client-Cert
	: >"$W/told"
	pomona_start_tls
	SERVE_OPTIONS+=(--listen "127.0.0.1:$PORT")	# phones remember where it is
}

teardown() { devices_stop; }

# ways FROM N: a way into management for each of the phones FROM.., half of them by phases, half directly.
ways() {
	local from=$1 n=$2
	sessions "$n" url
	cp "$W/urls" "$W/urls.phases"
	sessions "$n" direct_url
	cp "$W/urls" "$W/urls.direct"
	paste -d '\n' "$W/urls.phases" "$W/urls.direct" | awk 'NR % 4 == 1 || NR % 4 == 0' >"$W/urls.$from"
}

# join FROM N: phones FROM.. come into management, in peace.
join() {
	local from=$1 n=$2
	ways "$from" "$n"
	device_on fleet --first "$from" --count "$n" --enroll "$W/urls.$from" --drain >"$W/joined" 2>"$W/joined.err" ||
		{ cat "$W/joined" "$W/joined.err"; tail -5 "$W/log"; return 1; }
}

# The fingerprints of the identities that the phones have.
shown_identities() {
	python3 - "$W" <<-'PY'
		import glob, hashlib, plistlib, sys
		for path in glob.glob(sys.argv[1] + "/phones/*.plist"):
		    with open(path, "rb") as f:
		        print(hashlib.sha256(plistlib.load(f)["Enrollment"]["Identity"]).hexdigest())
	PY
}

# joins STEP N: so many certificates, Authenticates (staged) or TokenUpdates (enrolled) there are by now.
joins() {
	local sql
	case $1 in
	0)	sql="SELECT count(*) FROM certificate WHERE purpose = 'mdm'" ;;
	1)	sql="SELECT count(*) FROM enrollment" ;;
	2)	sql="SELECT count(*) FROM enrollment WHERE state = 'enrolled'" ;;
	esac
	[ "$(sql "$sql")" -ge "$2" ]
}
# comes_to STEP N: that many, or it is as far as it gets: whom a kill has cost the answer that counted waits for a person.
comes_to() {
	local now
	if joins "$@"; then return 0; fi
	now=$(sql "SELECT count(*) || ' ' || (SELECT count(*) FROM enrollment) FROM certificate")
	[ "$now" = "$SEEN" ] || STILL=0
	SEEN=$now STILL=$((STILL + 1))
	[ $STILL -ge 100 ]
}

# join_killed FROM N KILLS: the same, while the server is killed.  A phone tries its way in again by itself; what its
# person sees fail in the end, because the answer to a step that counted was lost, begins anew with another.
join_killed() {
	local from=$1 n=$2 kills=$3 k amid=0 enrolled
	ways "$from" "$n"
	device_with
	start joining "$DEVICE" fleet "${WITH[@]}" --first "$from" --count "$n" --enroll "$W/urls.$from" --threads 4 --poll-ms 500
	FLEET=$LAST
	for ((k = 0; k < kills; k++)); do
		# FROM phones had all of it before
		STILL=0
		wait_until comes_to $((k % 3)) $((from + 1 + k * n / (kills + 2)))
		pomona_kill
		enrolled=$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")
		# where nothing moves any more there is nobody to meet
		[ "$enrolled" = $((from + n)) ] || [ $STILL -ge 100 ] || amid=$((amid + 1))
		pomona_again
	done
	echo "$amid of $kills kills met phones that were on their way in"
	[ $amid -ge $((kills * 3 / 5)) ]
	kill -TERM "$FLEET"
	wait "$FLEET" || true		# some are not in
	started=("${started[0]}")
	# by phases: who was staged directly, for nobody, is only taken from itself by a proof of its UDID
	sessions "$n" url
	device_on fleet --first "$from" --count "$n" --enroll "$W/urls" --drain >"$W/joined" 2>"$W/joined.err" ||
		{ cat "$W/joined"; sort "$W/joined.err" | uniq -c; tail -5 "$W/log"; return 1; }
	cat "$W/joined"
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = $((from + n)) ]
	[ "$(sql "SELECT count(DISTINCT device_id) FROM enrollment WHERE state = 'enrolled'")" = $((from + n)) ]
	[ "$(sql "SELECT count(*) FROM device d JOIN enrollment e ON e.id = d.enrollment_id AND e.state = 'enrolled'")" = $((from + n)) ]
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'staged'")" = 0 ]
	# what a phone shows has its row and is good, and no other identity of it is taken
	[ "$(sql "SELECT count(*) FROM enrollment e JOIN certificate c ON c.sha256 = e.identity WHERE e.state = 'enrolled' AND
		c.revoked IS NULL")" = $((from + n)) ]
	[ "$(sql "SELECT count(*) FROM enrollment e JOIN certificate c ON c.sha256 IN (e.identity, e.next_identity, e.old_identity)
		WHERE e.state <> 'enrolled' AND c.revoked IS NULL")" = 0 ]
	sql "SELECT lower(c.sha256) FROM enrollment e JOIN certificate c ON c.sha256 = e.identity WHERE e.state = 'enrolled' ORDER BY 1" >"$W/server.identities"
	shown_identities | LC_ALL=C sort | diff - "$W/server.identities"
}

# live [HABITS]: all phones, in two programs, until settle.
live() {
	local half=$((PHONES / 2))
	device_with
	start phones1 "$DEVICE" fleet "${WITH[@]}" --count $half --apns "$W/apns" "$@" --seed 11
	FLEET=$LAST
	start phones2 "$DEVICE" fleet "${WITH[@]}" --first $half --count $((PHONES - half)) --proof client-cert --apns "$W/apns" "$@" --seed 12
	FLEET="$FLEET $LAST"
}

settle() {
	local pid
	for pid in $FLEET; do kill -TERM "$pid"; done
	for pid in $FLEET; do wait "$pid" || { cat "$W"/{phones?,unknown}.out; return 1; }; done
	started=("${started[0]}")
}

# drained [FLEET OPTIONS]: everybody connects, in peace, until the server has nothing more for anybody.
drained() {
	local half=$((PHONES / 2))
	device_on fleet --count $half --drain >"$W/fleet" || { cat "$W/fleet"; return 1; }
	device_on fleet --first $half --count $((PHONES - half)) --proof client-cert --drain >"$W/fleet" || { cat "$W/fleet"; return 1; }
}

# What is ordered in round N, in the background: the JSON bodies.
orders() {
	local n=$1 restrict
	restrict=$(sed "s/@/$n/g" <<-'XML' | base64 -w0
		<?xml version="1.0" encoding="UTF-8"?>
		<plist version="1.0"><dict><key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>
		<key>PayloadIdentifier</key><string>com.example.round@</string><key>PayloadUUID</key><string>5A5DAB47-2F41-4F2D-9DBB-00000000000A</string>
		<key>PayloadDisplayName</key><string>Round @</string><key>PayloadContent</key><array><dict>
		<key>PayloadType</key><string>com.apple.applicationaccess</string><key>PayloadVersion</key><integer>1</integer>
		<key>PayloadIdentifier</key><string>com.example.round@.access</string><key>PayloadUUID</key><string>5A5DAB47-2F41-4F2D-9DBB-00000000000B</string>
		<key>allowCamera</key><false/></dict></array></dict></plist>
	XML
	)
	printf '{"request_type":"InstallProfile","params":{"Payload":"%s"},"devices":%s}\n' "$restrict" "$(some $n 7)"
	printf '{"request_type":"DeviceInformation","params":{"Queries":["DeviceName","BatteryLevel"]},"devices":%s}\n' "$(some $n 3)"
	printf '{"request_type":"DeviceLock","params":{"Message":"Round %d"},"devices":%s}\n' "$n" "$(some $n 5)"
}

# some N K: every K-th device, beginning with the N-th, as JSON.
some() { awk -v n="$1" -v k="$2" 'BEGIN { printf "[" } NR % k == n % k { printf "%s\"%s\"", sep, $0; sep = "," } END { printf "]" }' "$W/ids"; }

# What the server says it has taken counts; what it could not say may have been taken.
send_orders() {
	local n=$1 i=0 line
	orders "$n" | while read -r line; do
		i=$((i + 1))
		curl -sS --connect-to "::127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" -H "$(bearer admin)" -H 'Content-Type: application/json' \
			-d "$line" -o "$W/taken.$n.$i" -w '%{http_code}' "$BASE/api/v1/commands" >"$W/code.$n.$i" 2>/dev/null || echo 000 >"$W/code.$n.$i"
	done
}

count_taken() {
	local n=$1 i code
	for i in 1 2 3; do
		code=$(head -c 3 "$W/code.$n.$i" 2>/dev/null || echo 000)
		case $code in
		202|207) jq -r '.uuid as $u | .items[] | select(.uuid) | $u + " " + .device' "$W/taken.$n.$i" >>"$W/told" ;;
		000|"")	;;
		*)	echo "an order was answered $code"; cat "$W/taken.$n.$i"; return 1 ;;
		esac
	done
}

@test "no command is lost and none recorded twice, whenever the server is killed (behaviours 1 and 14)" {
	local round sender early=$((KILLS / 4)) late=$((PHONES / 4))
	RANDOM=4711
	join 0 $((PHONES - late))
	join_killed $((PHONES - late)) $late $early
	sql "SELECT id FROM device ORDER BY udid" >"$W/ids"
	live --poll-ms 2000 --not-now 10 --error 3 --unsent 4 --half 3 --deaf 5 --dead 3 --asleep 5
	for ((round = 1; round <= KILLS - early; round++)); do
		send_orders $round 3>&- &
		sender=$!
		# at some moment, counted in what the phones do; every other time when all was taken
		[ $((round % 2)) -eq 0 ] || wait_until test -s "$W/code.$round.3"
		ledger_mark
		wait_until ledger_grew $((RANDOM % 200))
		pomona_kill
		wait $sender
		count_taken $round
		pomona_again
	done
	settle
	echo "$(wc -l <"$W/told") orders were taken"
	[ "$(wc -l <"$W/told")" -gt "$PHONES" ]
	drained
	python3 "$ROOT/tests/device/oracle.py" "$W/ledger" "$DATA/pomona.db" "$W/told"
	# pushes woke phones, by their own magic
	grep -q ' pushed rightly' "$W/ledger"
	never grep -q 'with another magic' "$W/ledger"
	# every device ends as it should
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = "$PHONES" ]
	post /api/v1/commands -H "$(bearer admin)" -d "{\"request_type\":\"ProfileList\",\"devices\":$(some 0 1)}"
	expect_status 202
	drained
	each_has_what_the_server_thinks
	"$POMONA" doctor --data "$DATA" >"$W/doctor" || true
	grep -qE '^ok +audit' "$W/doctor"
	judged
}

# The list of mobileconfigs and the push token of each phone, on both sides.
each_has_what_the_server_thinks() {
	sql "SELECT d.udid || ' ' || e.push_magic || ' ' || hex(e.token) FROM device d JOIN enrollment e ON e.id = d.enrollment_id ORDER BY 1" >"$W/server.tokens"
	sql "SELECT d.udid || ' ' || m.identifier FROM installed_mobileconfig m JOIN device d ON d.id = m.device_id ORDER BY 1" >"$W/server.configs"
	python3 - "$W" <<-'PY'
		import glob, plistlib, sys
		tokens, configs = [], []
		for path in glob.glob(sys.argv[1] + "/phones/*.plist"):
		    s = plistlib.load(open(path, "rb"))
		    e = s["Enrollment"]
		    tokens.append("%s %s %s" % (s["UDID"], e["PushMagic"], e["Token"].hex().upper()))
		    configs += ["%s %s" % (s["UDID"], m["PayloadIdentifier"]) for m in s["Mobileconfigs"]]
		open(sys.argv[1] + "/phone.tokens", "w").write("".join(t + "\n" for t in sorted(tokens)))
		open(sys.argv[1] + "/phone.configs", "w").write("".join(c + "\n" for c in sorted(configs)))
	PY
	LC_ALL=C sort "$W/server.tokens" | diff - "$W/phone.tokens"
	LC_ALL=C sort "$W/server.configs" | diff - "$W/phone.configs"
}

# So many phones were told to come again later, as the server does not know them.
all_refused() { [ "$(grep ' 503$' "$W/ledger" | cut -d' ' -f2 | sort -u | wc -l)" = "$1" ]; }

came_back() { get /api/v1/came-back -H "$(bearer admin)"; }

@test "an old backup is put back: nobody is sent away, and those that it does not know are taken in again" {
	local old=$((PHONES / 2)) new=$((PHONES / 10))
	join 0 $old
	pomona_stop
	cp -r "$DATA" "$W/backup"
	pomona_again
	join $old $new
	device_on fleet --count $((old + new)) --drain >"$W/fleet"
	pomona_stop
	rm -rf "$DATA"
	mv "$W/backup" "$DATA"
	pomona_again
	: >"$W/ledger"
	device_on fleet --count $old --drain >"$W/fleet"
	nobody_sent_away
	never grep -q ' 503$' "$W/ledger"
	device_with
	start unknown "$DEVICE" fleet "${WITH[@]}" --first $old --count $new
	FLEET=$LAST
	wait_until all_refused $new
	settle
	nobody_sent_away
	came_back
	expect_status 200
	[ "$(json '[.items[] | select(.state == "waiting")] | length')" = $new ]
	post /api/v1/came-back/take -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{}"
	expect_status 200
	: >"$W/ledger"
	device_on fleet --count $((old + new)) --drain >"$W/fleet"
	nobody_sent_away
	never grep -q ' 503$' "$W/ledger"
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = $((old + new)) ]
	# and they do what they are told
	sql "SELECT id FROM device ORDER BY udid" >"$W/ids"
	post /api/v1/commands -H "$(bearer admin)" -d "{\"request_type\":\"DeviceLock\",\"devices\":$(some 0 1)}"
	expect_status 202
	device_on fleet --count $((old + new)) --drain >"$W/fleet"
	[ "$(sql "SELECT count(*) FROM command_history h JOIN command c ON c.id = h.command_id WHERE c.request_type = 'DeviceLock' AND h.state = 'acknowledged'")" = $((old + new)) ]
}

# ---- many are written to while many speak ----

CROWD=$([ -n "$WHOLE" ] && echo 200 || echo 20)		# phones that are connected at the same time
LISTED=$([ -n "$WHOLE" ] && echo 10000 || echo 1000)	# devices of one request, of which 1 % are nobody

# silent_devices N: so many more are under management, and are never heard of.
silent_devices() {
	sql "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) INSERT INTO device (id, udid, enrollment_id,
		created, changed) SELECT printf('silent%020d', i), 'SILENT-' || i, 'esilent' || i, unixepoch(), unixepoch() FROM n"
	sql "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) INSERT INTO enrollment (id, device_id,
		session_id, state, identity, access_rights, created, enrolled, turn) SELECT 'esilent' || i, printf('silent%020d', i), 'none', 'enrolled',
		'none' || i, 8191, unixepoch(), unixepoch(), i + 100000 FROM n"
}

# crowd OPTIONS: all of them in four programs, a thread for each phone; half of them stand behind the proxy.
crowd() {
	local quarter=$((CROWD / 4)) i proof
	FLEET=
	device_with
	for i in 0 1 2 3; do
		if [ $((i % 2)) -eq 0 ]; then proof=signature; else proof=client-cert; fi
		start phones$i "$DEVICE" fleet "${WITH[@]}" --first $((i * quarter)) --count $quarter --threads $quarter --proof $proof --seed $i "$@"
		FLEET="$FLEET $LAST"
	done
}

# The four of them have ended by themselves, and well.
crowd_is_done() {
	local pid
	for pid in $FLEET; do wait "$pid" || { cat "$W"/phones?.out; return 1; }; done
	started=("${started[0]}")
}

connected() {	# N
	local is
	is=$(curl -sS --connect-to "::127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" -H "Authorization: Bearer of the metrics" "$BASE/metrics" |
		sed -n 's/^pomona_http_connections //p')
	[ "${is:-0}" -ge "$1" ]
}

# order_listed N: one request for all that are listed.
order_listed() {
	jq -cR --slurp --arg n "$1" '{request_type: "DeviceInformation", params: {Queries: ["DeviceName"]}, reason: ("round " + $n),
		devices: (rtrimstr("\n") / "\n")}' "$W/listed" >"$W/order"
	post /api/v1/commands -H "$(bearer admin)" -H 'Content-Type: application/json' --data-binary "@$W/order"
}

# order_all N: what was taken of it goes to $W/told.
order_all() {
	order_listed "$1"
	expect_status 207
	expect_json '[.items[] | select(.verdict == "added" and .uuid)] | length' $((LISTED - LISTED / 100))
	expect_json '[.items[] | select(.verdict == "unknown")] | length' $((LISTED / 100))
	json '.items[] | select(.uuid) | .uuid + " " + .device' >>"$W/told"
}

@test "one order for thousands is taken while many phones are connected: nothing is lost, recorded twice, or refused a phone (behaviour 14)" {
	local round i
	pomona_stop
	POMONA__METRICS__TOKEN="of the metrics" POMONA__MDM__REFRESH_HOURS=0 pomona_again
	join 0 $CROWD
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = "$CROWD" ]
	silent_devices $((LISTED - LISTED / 100 - CROWD))
	{ sql "SELECT id FROM device"; for ((i = 0; i < LISTED / 100; i++)); do echo "nobody$i"; done; } | sort -R --random-source=<(yes) >"$W/listed"
	[ "$(wc -l <"$W/listed")" = "$LISTED" ]
	crowd --poll-ms 2 --not-now 10 --error 3
	for round in 1 2 3; do
		wait_until connected $((CROWD / 2))
		ledger_mark
		order_all $round
		ledger_grew 1			# they were heard meanwhile
		wait_until ledger_grew $CROWD
	done
	settle
	crowd --drain
	crowd_is_done
	python3 "$ROOT/tests/device/oracle.py" "$W/ledger" "$DATA/pomona.db" "$W/told"
	never grep -E ' (http|said) .* (0|5[0-9][0-9])$' "$W/ledger"
	never grep -w unanswered "$W/ledger"
	# each order once for each device that there is: in the history, or waiting
	[ "$(sql "SELECT count(*) FROM (SELECT 1 FROM command c JOIN (SELECT enrollment_id, command_id FROM command_queue UNION ALL
		SELECT enrollment_id, command_id FROM command_history) r ON r.command_id = c.id WHERE c.uuid IN ($(cut -d' ' -f1 "$W/told" |
		sort -u | sed "s/.*/'&'/" | paste -sd,)))")" = $((3 * (LISTED - LISTED / 100))) ]
	judged
}

@test "one request takes 100,000 devices and tells each its verdict, in 80 MB, and not one more" {
	local round strangers=1000
	silent_devices $((100000 - strangers))
	{ sql "SELECT id FROM device"; for ((i = 0; i < strangers; i++)); do printf 'nobody%020d\n' $i; done; } |
		sort -R --random-source=<(yes) >"$W/listed"
	[ "$(wc -l <"$W/listed")" = 100000 ]
	for round in 1 2 3; do
		order_listed $round
		expect_status 207
		[ "$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$PID/status")" -le $((80000 * 1000 / 1024)) ]
		json '.items[].device' | cmp - "$W/listed"
		expect_json '[.items[] | select(.verdict == "added" and .uuid)] | length' $((100000 - strangers))
		expect_json '[.items[] | select(.verdict == "unknown" and .uuid == null)] | length' $strangers
		[ "$(sql "SELECT count(*) FROM command_queue")" = $((round * (100000 - strangers))) ]
	done
	echo nobody >>"$W/listed"
	order_listed 4
	expect_status 422
	expect_body "a list of 1 to 100000 ids"
	head -c 4194305 /dev/zero >"$W/order"
	post /api/v1/commands -H "$(bearer admin)" --data-binary "@$W/order"
	expect_status 413
	expect_json .code too_large
	[ "$(sql "SELECT count(*) FROM command_queue")" = $((3 * (100000 - strangers))) ]
}
