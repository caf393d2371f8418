# The way into management: the page, the phases of the Profile Service, the direct way; a simulated iPhone does what iOS does.
load lib/pomona

DEVICE=${POMONA_DEVICE_BIN:-$ROOT/build/debug/device}
TOPIC=com.apple.mgmt.External.9f0e2a6c-1111-4222-8333-444455556666
SAFARI='Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'

setup_file() {
	[ -x "$DEVICE" ] || skip "no $DEVICE"
	pomona_prepare https
	"$DEVICE" ca "$BATS_FILE_TMPDIR/prepared/apple"
	pomona_token "$BATS_FILE_TMPDIR/prepared" anna devices >"$BATS_FILE_TMPDIR/prepared/token.devices"
}

setup() {
	pomona_data
	export POMONA__APPLE__EXTRA_DEVICE_ROOTS=$W/apple/root.pem
}

teardown() { pomona_stop; }

sql() { sqlite3 -cmd '.timeout 20000' "$DATA/pomona.db" "$@"; }
audited() { sql "SELECT count(*) FROM audit WHERE act = '$1'"; }

# serve [OPTIONS]: with a push certificate, of which enrollment needs the topic alone.
serve() {
	pomona_start_tls "$@"
	topic
}
topic() {
	sql "INSERT INTO push_certificate (id, topic, state, sealed_key, created, changed)
		VALUES ('push', '$TOPIC', 'current', x'00', 1, 1)"
}

# begin NAME [WAY]: the button on the page; $URL is the mobileconfig, $TOKEN_ the session's.
begin() {
	sign_in "$1"
	as "$1" get /enroll -A "$SAFARI"
	expect_status 200
	CSRF=$(form_csrf)
	as "$1" post /enroll -A "$SAFARI" --data-urlencode "csrf=$CSRF" ${2:+--data-urlencode "way=$2"}
	expect_status 303
	URL=$(header Location)
	SESSION=$(sed 's|.*/enroll/\([^/]*\)/.*|\1|' <<<"$URL")
}

# phone [OPTIONS]: enrolls at $URL; its property lists are in $W/kept.
phone() {
	mkdir -p "$W/kept"
	PHONE=0
	"$DEVICE" enroll "$URL" --ca "$W/apple" --connect "127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" --state "$W/phones" \
		--keep "$W/kept" --ledger "$W/ledger" "$@" >"$W/phone.out" 2>"$W/phone.err" || PHONE=$?
	[ $PHONE -lt 2 ] || { cat "$W/phone.err"; tail -5 "$W/log"; return 1; }
}
took() { [ "$PHONE" = 0 ] || { cat "$W/phone.err"; tail -20 "$W/log"; return 1; }; }

@test "a person signs in, taps the button, and their iPhone is managed" {
	serve
	begin mia
	phone
	took
}
