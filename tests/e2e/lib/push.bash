# What stories of waking devices are told with: the fake APNs (tests/device/apns.h) and enrolled devices by their rows.
#
#	apns_serve [OPTIONS]	in $W/apns, with the server's clock; needs start and stop_started of lib/sending
#				what it is sent and says is in $W/kept, for judged
#	apns WORD...		says a line at its door
#	apns_count PATH		of its counts, a jq path
#	push_certificate NAME [TOPIC] [OPTIONS]	$W/NAME.pem: what Apple would give, with its key
#	enrolled FROM N [TOPIC]	devices "e<n>" whose token begins with that number
#	wanted FROM N		a push is due for each

DEVICE=${POMONA_DEVICE_BIN:-$ROOT/build/debug/device}
TOPIC=com.apple.mgmt.External.11111111-1111-4111-8111-111111111111
OTHER_TOPIC=com.apple.mgmt.External.22222222-2222-4222-8222-222222222222

apns_serve() {
	[ -x "$DEVICE" ] || skip "no $DEVICE"
	pomona_data
	rm -f "$W/apns/url"
	mkdir -p "$W/kept"
	start apns "$DEVICE" apns "$W/apns" --clock "$W/clock" --keep "$W/kept" "$@"
	APNS_PID=$LAST
	wait_until test -s "$W/apns/url"
	grep -q '^apns {' "$CONF" || printf 'apns {\n\turl = "%s"\n\tca_file = "%s"\n}\n' "$(cat "$W/apns/url")" "$W/apns/ca.pem" >>"$CONF"
}

apns() { "$DEVICE" apns-tell "$W/apns" "$@"; }
apns_count() { apns counts | jq -r "$1"; }
apns_counted() { [ "$(apns_count "$1")" -ge "$2" ]; }	# for wait_until

push_certificate() {
	local name=$1 topic=${2:-$TOPIC}
	shift; [ $# -eq 0 ] || shift
	"$DEVICE" apns-cert "$W/apns" "$topic" --clock "$W/clock" "$@" >"$W/$name.pem"
}

token_of() { printf '%08xabcdef%050d' "$1" 0; }	# lower-case hex, 32 bytes

enrolled() {
	local from=$1 n=$2 topic=${3:-$TOPIC} now
	now=$(date -u -d "$(cat "$W/clock")" +%s)
	for ((i = from; i < from + n; i++)); do
		echo "INSERT INTO device (id, udid, serial, name, enrollment_id, seen, created, changed) VALUES ('d$i', 'UDID-$i', 'SERIAL$i', 'Phone $i', 'e$i', $now, $now, $now);"
		echo "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, topic, push_magic, token, token_at, created, enrolled) VALUES ('e$i', 'd$i', 's', 'enrolled', 'i$i', 8191, '$topic', 'MAGIC-$i', x'$(token_of "$i")', $now, $now, $now);"
	done >"$W/enrolled.sql"
	{ echo 'BEGIN IMMEDIATE;'; cat "$W/enrolled.sql"; echo 'COMMIT;'; } | sqlite3 -cmd '.timeout 20000' "$DATA/pomona.db"
}

wanted() {
	local from=$1 n=$2 now
	now=$(date -u -d "$(cat "$W/clock")" +%s)
	sql "INSERT INTO push_due (enrollment_id, topic, bulk, due, reason) SELECT id, topic, FALSE, $now, 'command' FROM enrollment
		WHERE CAST(substr(id, 2) AS INTEGER) BETWEEN $from AND $((from + n - 1))"
}
due() { sql 'SELECT count(*) FROM push_due'; }
due_is() { [ "$(due)" = "$1" ]; }

push() { "$POMONA" push "$@" --data "$DATA"; }
