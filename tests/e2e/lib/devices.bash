# What stories of managed devices are told with: simulated iPhones (tests/device) and what they need of a server.
#
#	setup_file() { devices_prepare; }	pomona_prepare, an Apple of the tests, a push certificate
#	setup()      { devices_start; }		served with TLS at $BASE; the clock is the machine's own
#	teardown()   { devices_stop; }
#
# The phones of a test are kept in $W/phones, their ledger is $W/ledger, and what both sides said $W/kept.
# $PHONES_CLOCK, when it is set, is the file that has their time.

DEVICE=${POMONA_DEVICE_BIN:-$ROOT/build/debug/device}
TOPIC=com.apple.mgmt.External.9f0e2a6c-1111-4222-8333-444455556666
PHONE_IS=()

devices_prepare() {
	[ -x "$DEVICE" ] || skip "no $DEVICE"
	pomona_prepare https
	local dir=$BATS_FILE_TMPDIR/prepared
	without_clock "$dir/data/pomona.conf"	# certificates of today are shown and made
	"$DEVICE" ca "$dir/apple"
	push_papers "$dir"
	"$POMONA" push import "$dir/push.pem" --data "$dir/data" >/dev/null
	pomona_token "$dir" anna devices >"$dir/token.devices" 2>/dev/null || cp "$dir/token.admin" "$dir/token.devices"
}

# The fake APNs makes its papers, and a push certificate: DIR/apns, DIR/push.pem.
push_papers() {
	local dir=$1 pid
	mkdir -p "$dir/apns"
	"$DEVICE" apns "$dir/apns" >/dev/null 2>&1 3>&- &
	pid=$!
	wait_until test -s "$dir/apns/url"
	"$DEVICE" apns-cert "$dir/apns" "$TOPIC" >"$dir/push.pem"
	kill "$pid"
	wait "$pid" || true
	rm -f "$dir/apns/url" "$dir/apns/door"
}

devices_data() {
	pomona_data
	mkdir -p "$W/kept"
	export POMONA__APNS__URL=https://127.0.0.1:9	# nobody; and never Apple's
	export POMONA__CLIP__ON=${CLIP-no}	# but in the stories that are about it
	export POMONA__APPLE__EXTRA_DEVICE_ROOTS=$W/apple/root.pem POMONA__ENROLL__DIRECT=yes
	cat "$IPAS/root.pem" "$W/tls/ca.pem" >"$W/provision_roots.pem"
	export POMONA__APPLE__EXTRA_PROVISION_ROOTS=$W/provision_roots.pem
}

# Stories of apps that go on for weeks from the machine's own day, whatever day that is.
# current_app FILE [words of app]: what is in it ends 60 days after its first use.
current_app() {
	[ -d "$W/current" ] || python3 "$ROOT/tests/e2e/lib/make_current.py" "$W/current" "$W/tls/cert.pem" "$W/tls/key.pem" \
		"$(date -u -d "$(cat "$W/clock") 60 days" +%FT%TZ)"
	app "$@" provisions="$W/current"
}

devices_start() {	# [OPTIONS of serve]
	devices_data
	pomona_start_tls "$@"
}

devices_stop() {
	stop_started
	pomona_stop
}

# device_on COMMAND [OPTIONS]: with all that is the same each time.
device_on() {
	local command=$1; shift
	device_with
	"$DEVICE" "$command" "${WITH[@]}" "$@"
}
device_with() {
	WITH=(--ca "$W/apple" --cacert "$W/tls/ca.pem" --connect "127.0.0.1:$PORT" --state "$W/phones" --ledger "$W/ledger"
		--keep "$W/kept" ${PHONES_CLOCK:+--clock "$PHONES_CLOCK"})
}

# What the phones do after ledger_mark is counted: a ledger of many phones is long.
ledger_mark() { MARK=$(stat -c %s "$W/ledger"); }
ledger_grew() { [ "$(tail -c +$((MARK + 1)) "$W/ledger" | wc -l)" -ge "$1" ]; }

# sessions N [url|direct_url]: N enrollment sessions of nobody in particular; the URLs go to $W/urls, one a line.
sessions() {
	local n=$1 which=${2-url} i
	for ((i = 0; i < n; i++)); do
		printf 'url = "%s/api/v1/enroll/sessions"\nrequest = "POST"\nheader = "%s"\nheader = "Content-Type: application/json"\n' \
			"$BASE" "$(bearer admin)"
		printf 'data = "{\\"person\\":null}"\ncacert = "%s"\nconnect-to = "::127.0.0.1:%s"\nsilent\nshow-error\nfail\n' "$W/tls/ca.pem" "$PORT"
		[ $i -eq $((n - 1)) ] || echo next
	done >"$W/sessions.curl"
	curl -K "$W/sessions.curl" | jq -r ".$which" >"$W/urls"
	[ "$(grep -c ^http "$W/urls")" = "$n" ] || { head -3 "$W/urls"; tail -5 "$W/log"; return 1; }
}

# enrolled_phone [OPTIONS of the phone]: phone 0 in management, with what it is asked at first behind it;
# $UDID, and $ID as the server names it.  The options are those of connects from now on.
enrolled_phone() {
	PHONE_IS=("$@")
	sessions 1 "${WAY-url}"
	UDID=$(device_on enroll "$(cat "$W/urls")" "${PHONE_IS[@]}") || { tail -n 5 "$W/ledger" "$W/log"; return 1; }
	ID=$(sql "SELECT id FROM device WHERE udid = '$UDID'")
	[ -n "$ID" ]
	connects
}

# connects [OPTIONS of device fleet]: the phone connects until the server has nothing more.
connects() {
	if device_on fleet --drain "${PHONE_IS[@]}" "$@" >"$W/fleet"; then return; fi
	cat "$W/fleet"
	tail -5 "$W/ledger"
	grep -o 'err=.*' "$W/log" | sort | uniq -c	# why the server refused it
	return 1
}

# order TYPE [PARAMS as JSON]: queued for $ID; $UUID.
order() {
	post "/api/v1/devices/$ID/commands" -H "$(bearer admin)" -H 'Content-Type: application/json' \
		-d "{\"request_type\":\"$1\",\"reason\":\"a test\",\"params\":${2-{\}}}"
	expect_status 202
	UUID=$(json .uuid)
}

# becomes STATE: what $UUID is in.
becomes() {
	get "/api/v1/devices/$ID/commands/$UUID" -H "$(bearer admin)"
	expect_json .state "$1"
}

# does TYPE [PARAMS]: queued, fetched, done.
does() {
	order "$@"
	connects
	becomes acknowledged || { grep "$UUID" "$W/ledger"; tail -3 "$W/ledger"; return 1; }
}

# does_verb VERB [PARAMS]: the same in our words.
does_verb() {
	post "/api/v1/devices/$ID/commands" -H "$(bearer admin)" -H 'Content-Type: application/json' \
		-d "{\"verb\":\"$1\",\"reason\":\"a test\",\"params\":${2-{\}}}"
	expect_status 202
	UUID=$(json .uuid)
	connects
	becomes acknowledged || { grep "$UUID" "$W/ledger"; tail -3 "$W/ledger"; return 1; }
}

# of_phone KEY...: from the state of phone 0; python's words.
of_phone() {
	"$DEVICE" show "$W/phones" "${PHONE-0}" | python3 -c 'import plistlib, sys; s = plistlib.loads(sys.stdin.buffer.read()); print(eval(sys.argv[1]))' "$1"
}

# on_phone PYTHON: done to the state of the phone, s.
on_phone() {
	python3 - "$W/phones/$UDID.plist" "$1" <<-'PY'
		import plistlib, sys
		with open(sys.argv[1], "rb") as f: s = plistlib.load(f)
		apps = {a["Identifier"]: a for a in s["Apps"]}
		exec(sys.argv[2])
		with open(sys.argv[1], "wb") as f: plistlib.dump(s, f)
	PY
}

# told TYPE PYTHON: of c, the last command of this type that a phone was sent.
told() {
	python3 - "$2" "$(ls "$W"/kept/command:"$1".* | tail -1)" <<-'PY'
		import plistlib, sys
		with open(sys.argv[2], "rb") as f: c = plistlib.load(f)["Command"]
		print(eval(sys.argv[1]))
	PY
}

# In the ledger: nobody was ever told to leave.
nobody_sent_away() { ! grep -E ' (401|403)$' "$W/ledger"; }
