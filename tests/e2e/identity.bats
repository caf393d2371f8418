# A year later: the identities of a fleet end within forty days of each other's last word, and every device that comes
# online has a new one before its old one ended, without enrolling again and with all that waits for it.
# With POMONA_WHOLE there are 2,000 phones and a step is two days, else 100 and four days; POMONA_PHONES says otherwise.
# The server is the release binary, and does not ask the phones for their facts all the time.
load lib/pomona
load lib/sending
load lib/devices

WHOLE=${POMONA_WHOLE-}
PHONES=${POMONA_PHONES:-$([ -n "$WHOLE" ] && echo 2000 || echo 100)}
STEP=$([ -n "$WHOLE" ] && echo 2 || echo 4)

setup_file() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	POMONA=$POMONA_RELEASE devices_prepare
}

setup() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	POMONA=$POMONA_RELEASE
	BEGUN=$(date +%s)
	devices_data
	export POMONA__CLOCK__FILE=$W/clock POMONA__MDM__REFRESH_HOURS=720
	days 0
	pomona_start_tls
	SERVE_OPTIONS+=(--listen "127.0.0.1:$PORT")	# phones remember where it is
}

teardown() { devices_stop; }

# days N: so long after the beginning it is now, for the server alone.
days() {
	NOW_S=$((BEGUN + $1 * 86400))
	date -u -d "@$NOW_S" +%FT%TZ >"$W/clock.new"
	mv "$W/clock.new" "$W/clock"
}

swept() { [ "$(sql "SELECT count(*) FROM job WHERE kind = 'identity_sweep' AND owner = '' AND due > $NOW_S")" = 1 ]; }

# online FIRST N [HABITS]: those phones connect until there is nothing more for any of them.
online() {
	local first=$1 n=$2; shift 2
	[ "$n" -gt 0 ] || return 0
	device_on fleet --first "$first" --count "$n" --drain "$@" >"$W/fleet" 2>&1 || { cat "$W/fleet"; tail -n 5 "$W/ledger" "$W/log"; return 1; }
}

enrolled_fleet() {
	sessions "$PHONES" direct_url
	online 0 "$PHONES" --enroll "$W/urls"
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = "$PHONES" ]
}

# What is to be there at the end, whatever happens: not before the day that the old identities end.
order_for_later() {
	local ids
	ids=$(sql "SELECT json_group_array(id) FROM device")
	post /api/v1/commands -H "$(bearer admin)" -d "{\"request_type\":\"ProfileList\",\"reason\":\"later\",\"dedupe_key\":\"later\",
		\"not_before\":$((BEGUN + 366 * 86400)),\"devices\":$ids}"
	expect_status 202
}

@test "identities that end in forty days are renewed before, whatever the phones and the server go through (behaviour 9)" {
	local day asleep awake from
	enrolled_fleet
	sql "SELECT id, identity FROM enrollment ORDER BY id" >"$W/before"
	order_for_later
	local tenth=$((PHONES / 10))
	for ((day = 325; day <= 368; day += STEP)); do
		days "$day"
		wait_until swept
		# each week another tenth of them sleeps all week long
		from=$(((day - 325) / 7 % 10 * tenth))
		online 0 "$from" --not-now 5 --error 2 --deaf 2 --seed "$day" 3>&- &
		asleep=$!
		if [ $(((day - 325) / STEP % 5)) -eq 1 ]; then	# in the middle of it the plug is pulled
			ledger_mark
			device_on fleet --first $((from + tenth)) --count $((PHONES - from - tenth)) --drain --not-now 5 --error 2 --deaf 2 \
				--seed "$day" >"$W/fleet2" 2>&1 3>&- &
			awake=$!
			wait_until ledger_grew 20
			pomona_kill
			pomona_again
			wait $awake || { cat "$W/fleet2"; tail -5 "$W/ledger"; return 1; }
		else
			online $((from + tenth)) $((PHONES - from - tenth)) --not-now 5 --error 2 --deaf 2 --seed "$day"
		fi
		wait $asleep
	done
	# Nobody enrolled again, and nobody was sent away.
	[ "$(sql "SELECT count(*) FROM enrollment")" = "$PHONES" ]
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = "$PHONES" ]
	[ "$(sql "SELECT count(*) FROM audit WHERE act IN ('enrollment.enrolled', 'enrollment.returned')")" = "$PHONES" ]
	nobody_sent_away
	# Each has a new identity, issued before its first one ended.
	[ "$(sql "SELECT count(*) FROM enrollment e JOIN certificate n ON n.sha256 = e.identity JOIN certificate o ON o.session_id = e.session_id
		WHERE n.sha256 <> o.sha256 AND n.issued < o.not_after AND n.not_after > $NOW_S + 300 * 86400 AND n.revoked IS NULL")" = "$PHONES" ]
	# One attempt a day.
	[ "$(sql "SELECT count(*) FROM (SELECT h.enrollment_id FROM command_history h JOIN command c ON c.id = h.command_id
		WHERE c.kind = 'renew_identity' GROUP BY h.enrollment_id, c.created / 86400 HAVING count(DISTINCT c.id) > 1)")" = 0 ]
	[ "$(sql "SELECT count(*) FROM command_history h JOIN command c ON c.id = h.command_id WHERE c.kind = 'renew_identity' AND h.state = 'error'")" -ge 1 ]
	# And the old ones are revoked, which the CRL tells.
	days 375
	wait_until swept
	online 0 "$PHONES"
	# What waited for them is done under the new one.
	[ "$(sql "SELECT count(*) FROM command_history h JOIN command c ON c.id = h.command_id WHERE c.request_type = 'ProfileList'
		AND c.created_by <> 'house' AND h.state IN ('acknowledged', 'error')")" = "$PHONES" ]
	days 380
	wait_until swept
	[ "$(sql "SELECT count(*) FROM enrollment WHERE old_identity IS NOT NULL")" = 0 ]
	while IFS='|' read -r _ identity; do echo "$identity"; done <"$W/before" >"$W/old"
	[ "$(sql "SELECT count(*) FROM certificate WHERE purpose = 'mdm' AND reason = 'superseded'")" -ge "$PHONES" ]
	[ "$(sql "SELECT sha256 FROM certificate WHERE revoked IS NOT NULL" | grep -cFxf "$W/old")" = "$PHONES" ]
	get /api/v1/identities -H "$(bearer devices)"
	expect_json '.items | length' 0
	judged
}

@test "the old identity of a renewed device stands in the CRL while it has not ended" {
	local serial
	enrolled_phone
	serial=$(sql "SELECT upper(c.serial) FROM enrollment e JOIN certificate c ON c.sha256 = e.identity")
	days 330
	wait_until swept
	connects
	connects	# under the new one
	get /crl
	openssl crl -inform DER -in "$W/body" -noout -text >"$W/crl"
	never grep -q "$serial" "$W/crl"
	days 334
	wait_until swept
	get /crl
	openssl crl -inform DER -in "$W/body" -noout -text >"$W/crl"
	grep -q "$serial" "$W/crl"
	connects
	does DeviceInformation '{"Queries":["DeviceName"]}'
	nobody_sent_away
}

# Its renewal is acknowledged by nobody, and its new identity is used without a word before (mdmb).
@test "a device that uses its new identity and never says so is renewed once (behaviour 9)" {
	enrolled_phone --quiet-renewal
	local before
	before=$(sql "SELECT identity FROM enrollment")
	days 330
	wait_until swept
	device_on fleet --dead 0 --drain --quiet-renewal --deaf 60 --seed 7 >"$W/fleet" 2>&1 || true
	connects
	connects
	[ "$(sql "SELECT identity FROM enrollment")" != "$before" ]
	[ "$(sql "SELECT count(*) FROM command_queue WHERE dedupe_key = 'renew_identity'")" = 0 ]
	days 331
	wait_until swept
	[ "$(sql "SELECT count(*) FROM command WHERE kind = 'renew_identity'")" = 1 ]
	nobody_sent_away
}

@test "a fleet moves to a new certificate authority without enrolling again" {
	enrolled_phone
	local before
	before=$(sql "SELECT c.authority_id FROM enrollment e JOIN certificate c ON c.sha256 = e.identity")
	"$POMONA" ca renew --data "$DATA" >"$W/renewed" 2>&1 || { cat "$W/renewed"; return 1; }
	days 1
	wait_until swept
	[ "$(sql "SELECT count(*) FROM command_queue WHERE dedupe_key = 'renew_identity'")" = 1 ]
	kill -HUP "$PID"	# else the authority is looked at every five seconds
	wait_until grep -q 'configuration and certificates read again' "$W/log"
	connects
	connects
	[ "$(sql "SELECT c.authority_id FROM enrollment e JOIN certificate c ON c.sha256 = e.identity")" != "$before" ]
	[ "$(sql "SELECT count(*) FROM enrollment")" = 1 ]
	nobody_sent_away
}
