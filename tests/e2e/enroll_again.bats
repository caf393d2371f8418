# Those who were enrolled before: a new identity, leaving and coming back, and who may not.
load lib/pomona
load lib/sending
load lib/devices

setup_file() { devices_prepare; }
setup()      { devices_start; }
teardown()   { devices_stop; }

audited() { sql "SELECT count(*) FROM audit WHERE act = '$1'"; }
identity_now() { sql "SELECT identity FROM enrollment WHERE state = 'enrolled'"; }

# renew: asked for, not yet fetched; $UUID.
renew() {
	post "/api/v1/devices/$ID/renew" -H "$(bearer devices)"
	expect_status 202
	UUID=$(json .uuid)
}

@test "an identity is renewed by a command, and everything else of the enrollment stays" {
	enrolled_phone
	local before enrollment
	before=$(identity_now)
	enrollment=$(sql "SELECT id FROM enrollment")
	rm -f "$W"/kept/*
	renew
	[ "$(sql "SELECT count(*) FROM enroll_session")" = 1 ]	# nothing of it is made before the device comes
	connects
	becomes acknowledged
	connects
	[ "$(identity_now)" != "$before" ]
	[ "$(sql "SELECT id FROM enrollment WHERE state = 'enrolled'")" = "$enrollment" ]
	[ "$(sql "SELECT kind || state FROM enroll_session WHERE kind = 'renewal'")" = renewaldone ]
	[ "$(sql "SELECT count(*) FROM certificate WHERE purpose = 'mdm'")" = 2 ]
	does DeviceInformation '{"Queries":["DeviceName"]}'
	nobody_sent_away
	judged
}

@test "two who ask for it get one renewal, and a device that does not exist gets none" {
	enrolled_phone
	renew
	local first=$UUID
	renew
	[ "$UUID" = "$first" ]
	connects
	becomes acknowledged
	post /api/v1/devices/nobodys/renew -H "$(bearer devices)"
	expect_problem 404 not_found
	post "/api/v1/devices/$ID/renew" -H "$(bearer upload)"
	expect_status 403
}

@test "a renewal that the phone did not live to answer is handed out anew, and the challenge before is void" {
	enrolled_phone
	local before
	before=$(identity_now)
	renew
	device_on fleet --dead 100 --poll-ms 100 --for 60 >"$W/fleet" 2>&1 3>&- &
	DEVICE_PIDS=$!
	handed_out() { [ "$(sql "SELECT count(*) FROM enroll_session WHERE kind = 'renewal'")" -ge 1 ]; }
	wait_until handed_out
	kill "$DEVICE_PIDS"
	wait "$DEVICE_PIDS" || true
	DEVICE_PIDS=
	pomona_kill
	pomona_again
	connects
	becomes acknowledged
	connects
	[ "$(identity_now)" != "$before" ]
	[ "$(sql "SELECT count(*) FROM enroll_session WHERE kind = 'renewal' AND state = 'issued'")" = 0 ]
	[ "$(sql "SELECT count(*) FROM enroll_session WHERE kind = 'renewal' AND state = 'done'")" = 1 ]
	[ "$(sql "SELECT count(*) FROM enroll_session WHERE kind = 'renewal' AND state = 'expired'")" -ge 1 ]
	[ "$(sql "SELECT count(*) FROM certificate WHERE purpose = 'mdm'")" = 2 ]
	[ "$(sql "SELECT count(*) FROM enrollment")" = 1 ]
	nobody_sent_away
}

# own NAME: phone 0 enrolls for a person, by the page.
own() {
	sign_in "$1"
	as "$1" post /enroll --data-urlencode "csrf=$CSRF"
	expect_status 303
	UDID=$(device_on enroll "$(header Location)") || { tail -n 5 "$W/ledger" "$W/log"; return 1; }
	ID=$(sql "SELECT id FROM device WHERE udid = '$UDID'")
}

shown() {	# NAME FILTER VALUE: of the page's data
	as "$1" get /enroll -H 'Accept: application/json'
	expect_json "$2" "$3"
}

@test "who leaves sees that they left, and is taken in anew when they come back" {
	own mia
	shown mia '.devices | map(.state) | join(" ")' enrolled
	device_on fleet --leaves 100 --poll-ms 100 --for 5 >"$W/fleet" || true
	[ "$(sql "SELECT state FROM enrollment")" = removed ]
	shown mia '.devices | map(.state) | join(" ")' removed
	own mia
	shown mia '.devices | map(.state) | join(" ")' enrolled
	[ "$(sql "SELECT count(*) FROM device")" = 1 ]
	[ "$(sql "SELECT count(*) FROM enrollment")" = 2 ]
	[ "$(sql "SELECT count(*) FROM enroll_session WHERE state = 'done'")" = 2 ]
	connects
	nobody_sent_away
}

@test "a second person on the same device takes it over by a session of their own, and the first sees it no more" {
	own mia
	device_on fleet --leaves 100 --poll-ms 100 --for 5 >"$W/fleet" || true
	own paul
	shown paul '.devices | map(.state) | join(" ")' enrolled
	sign_in mia
	shown mia '.devices | length' 0
	[ "$(sql "SELECT p.name FROM device d JOIN person p ON p.id = d.person_id")" = paul ]
}

@test "somebody who was disabled meanwhile enrolls nothing any more" {
	sign_in mia
	as mia post /enroll --data-urlencode "csrf=$CSRF"
	local url
	url=$(header Location)
	sql "UPDATE person SET disabled = TRUE WHERE name = 'mia'"
	run device_on enroll "$url"
	[ "$status" = 1 ]
	get "$url"
	expect_problem 404 not_found
	[ "$(sql "SELECT count(*) FROM certificate")" = 0 ]
}

@test "a person sets up as many devices as they may, and is told" {
	POMONA__ENROLL__DEVICES_MAX=1
	export POMONA__ENROLL__DEVICES_MAX
	pomona_stop
	pomona_again
	own mia
	sign_in mia
	as mia post /enroll --data-urlencode "csrf=$CSRF"
	run device_on enroll "$(header Location)" --number 1
	[ "$status" = 1 ]
	[ "$(sql "SELECT count(*) FROM device")" = 1 ]
	shown mia .full true
	shown mia '.why != null' true
	unset POMONA__ENROLL__DEVICES_MAX
}

@test "an invited person enrolls where devices are set up by invitation alone, and the invitation knows" {
	pomona_stop
	POMONA__ENROLL__OPEN=no pomona_again
	sign_in paul
	as paul post /enroll --data-urlencode "csrf=$CSRF"
	expect_status 403
	post /api/v1/invitations -H "$(bearer admin)" -d '{"persons":["mia"],"by":"link"}'
	expect_status 201
	local id
	id=$(sql "SELECT id FROM invitation")
	own mia
	get "/api/v1/invitations/$id" -H "$(bearer admin)"
	expect_json .state enrolled
	[ "$(sql "SELECT session_id = (SELECT id FROM enroll_session) FROM invitation")" = 1 ]
	[ "$(sql "SELECT invitation_id FROM enroll_session")" = "$id" ]
}

@test "a device that IT has released may be set up again by its person, and what it was stays to be read" {
	own mia
	post "/api/v1/devices/$ID/retire" -H "$(bearer devices)" -d '{"reason":"a new phone"}'
	[ "$STATUS" -lt 300 ]
	shown mia '.devices | map(.state) | join(" ")' retired
	connects || true			# it is told to leave
	[ "$(of_phone 's["Enrollment"]["State"]')" = removed ]
	own mia
	shown mia '.devices | map(.state) | join(" ")' enrolled
	[ "$(sql "SELECT group_concat(state, ' ') FROM (SELECT state FROM enrollment ORDER BY created, state DESC)")" = "retired enrolled" ]
	does DeviceInformation '{"Queries":["DeviceName"]}'
}

told() { [ -z "$(sql "SELECT 1 FROM enrollment WHERE token IS NOT NULL")" ]; }

@test "a phone older than iOS 17 takes no notice of 403, and leaves by the command that removes its mobileconfig" {
	own mia
	python3 - "$W"/phones/*.plist <<-'PY'
		import plistlib, sys
		for path in sys.argv[1:]:
		    s = plistlib.load(open(path, "rb"))
		    if "Device" in s:
		        s["Device"]["OSVersion"] = "16.7.10"
		        plistlib.dump(s, open(path, "wb"))
	PY
	sql "UPDATE device SET os_version = '16.7.10'"
	post "/api/v1/devices/$ID/retire" -H "$(bearer devices)" -d '{"reason":"a new phone"}'
	[ "$STATUS" -lt 300 ]
	connects || true
	[ "$(of_phone 's["Enrollment"]["State"]')" = removed ]
	grep -q 'RemoveProfile' "$W/ledger"
	grep -q 'http CheckOut 200' "$W/ledger"
	[ -z "$(grep ' 403$' "$W/ledger")" ]
	wait_until told
	shown mia '.devices | map(.state) | join(" ")' retired
	judged
}

# ---- a phone's backup ----

# What iTunes, Finder or iCloud keep of phone 0, and what of it is on it again.
backed_up()  { cp "$W/phones/$UDID.plist" "$W/backup.plist"; }
restored()   { cp "$W/backup.plist" "$W/phones/$UDID.plist"; }
leaves()     { device_on fleet --leaves 100 --drain >"$W/fleet" || true; }
states()     { sql "SELECT group_concat(state, ' ') FROM (SELECT state FROM enrollment ORDER BY turn)"; }
has_token()  { [ -n "$(sql "SELECT token FROM enrollment WHERE state = 'enrolled' AND token IS NOT NULL")" ]; }

# is_refused [--first N]: whatever it says for a while is answered 400, and it goes on as if nothing were wrong with it.
is_refused() {
	: >"$W/ledger"
	device_on fleet --poll-ms 100 --for 2 "$@" >"$W/fleet"
	grep -q ' http Idle 400$' "$W/ledger"
	never grep -v ' http Idle 400$' "$W/ledger"
}

# is_back: phone 0 after its restoration, when it left some hours ago.
is_back() {
	restored
	connects				# a straggler of before, for all that the server can know
	[ "$(states)" = removed ]
	sql "UPDATE enrollment SET ended = ended - 7200"
	connects
	[ "$(states)" = enrolled ]
	[ "$(audited enrollment.returned)" = "$1" ]
	connects				# it has told its push token, which nobody has kept
	has_token
	does DeviceInformation '{"Queries":["DeviceName"]}'
	[ "$(sql "SELECT count(*) FROM device")" = 1 ]
	[ "$(audited enrollment.refused)" = 0 ]
}

@test "a phone that left and is restored from its backup is managed as it was, while its person may be, and may enroll anew" {
	local enrollment
	own mia
	connects
	enrollment=$(sql "SELECT id FROM enrollment")
	backed_up
	leaves
	[ "$(states)" = removed ]
	is_back 1
	[ "$(sql "SELECT id FROM enrollment")" = "$enrollment" ]
	shown mia '.devices | map(.state) | join(" ")' enrolled
	own mia
	[ "$(states)" = "replaced enrolled" ]
	does DeviceInformation '{"Queries":["DeviceName"]}'
	nobody_sent_away
	judged
}

@test "a phone that IT erased does not come back from its backup, nor one that left and that IT then releases" {
	own mia
	connects
	backed_up
	order EraseDevice
	connects || true
	[ "$(of_phone 's["Enrollment"]["State"]')" = removed ]
	[ "$(states)" = retired ]
	restored
	sql "UPDATE enrollment SET ended = ended - 7200"
	connects || true			# it is told to leave
	[ "$(of_phone 's["Enrollment"]["State"]')" = removed ]
	[ "$(states)" = retired ]
	own mia
	backed_up
	leaves
	[ "$(states)" = "retired removed" ]
	post "/api/v1/devices/$ID/retire" -H "$(bearer devices)" -d '{"reason":"stolen"}'
	expect_status 204
	restored
	sql "UPDATE enrollment SET ended = ended - 7200"
	connects || true
	[ "$(states)" = "retired retired" ]
	[ "$(sql "SELECT count(*) FROM device WHERE enrollment_id IS NOT NULL")" = 0 ]
	[ "$(audited enrollment.returned)" = 0 ]
	judged
}

# The backup of before: the phone refuses to be who it was then, and its person sets it up once more.
is_too_old() {
	local now
	now=$(identity_now) was=$(states)
	restored
	is_refused
	[ "$(identity_now)" = "$now" ]
	[ "$(states)" = "$was" ]
	shown mia '.devices | map(.state) | join(" ")' enrolled
	own mia
	[ "$(states)" = "${was% enrolled} replaced enrolled" ]
	does DeviceInformation '{"Queries":["DeviceName"]}'
}

@test "a backup from before the phone was set up anew takes nothing back, and the person sets it up once more" {
	own mia
	backed_up
	leaves
	own mia
	[ "$(states)" = "removed enrolled" ]
	is_too_old
	backed_up
	own mia				# this time it did not leave before
	[ "$(states)" = "removed replaced replaced enrolled" ]
	is_too_old
	[ "$(audited enrollment.refused)" = 1 ]
	[ "$(audited enrollment.old_identity)" = 1 ]
	[ "$(sql "SELECT count(*) FROM device")" = 1 ]
	judged
}

# moved PYTHON: phone 1, new out of its box, gets the backup of phone 0; s is what was kept, n the new one.
moved() {
	"$DEVICE" show "$W/phones" 1 >"$W/new.plist"
	python3 - "$W" "$1" <<-'PY'
		import plistlib, sys
		def load(path):
		    with open(path, "rb") as f: return plistlib.load(f)
		s, n = load(sys.argv[1] + "/backup.plist"), load(sys.argv[1] + "/new.plist")
		for key in ("Number", "UDID", "SerialNumber", "IMEI", "ProductName", "Device"): s[key] = n[key]
		exec(sys.argv[2])
		with open("%s/phones/%s.plist" % (sys.argv[1], s["UDID"]), "wb") as f: plistlib.dump(s, f)
	PY
}

@test "a new iPhone filled from the backup of the old one is a device of its own, whatever the backup brought" {
	own mia
	connects
	backed_up
	local identity udid=$UDID id=$ID
	identity=$(identity_now)
	# were the identity in it, it would be that of another device: refused, written down, and nothing changes
	moved pass
	is_refused --first 1
	[ "$(states)" = enrolled ]
	[ "$(identity_now)" = "$identity" ]
	[ "$(audited enrollment.refused)" = 1 ]
	[ "$(sql "SELECT count(*) FROM device")" = 1 ]
	# as iOS does it: what management brought is not there, and the person opens /enroll
	moved 'del s["Enrollment"]; s["Mobileconfigs"] = []; s["Certificates"] = []'
	sign_in mia
	as mia post /enroll --data-urlencode "csrf=$CSRF"
	expect_status 303
	device_on enroll "$(header Location)" --number 1 >"$W/udid"
	[ "$(states)" = "enrolled enrolled" ]
	[ "$(sql "SELECT count(*) FROM device WHERE enrollment_id IS NOT NULL")" = 2 ]
	shown mia '.devices | map(.state) | join(" ")' "enrolled enrolled"
	# the old one lies in a drawer, until somebody takes it up again
	heard_of() { [ -n "$(sql "SELECT seen FROM device WHERE id = '$id' AND seen > 0")" ]; }
	wait_until heard_of
	sql "UPDATE device SET seen = seen - 15 * 86400 WHERE id = '$id'"
	get "/api/v1/devices/$id" -H "$(bearer admin)"
	expect_json .state silent
	ID=$(sql "SELECT id FROM device WHERE udid = '$(cat "$W/udid")'") PHONE_IS=(--first 1)
	does DeviceInformation '{"Queries":["DeviceName"]}'
	ID=$id UDID=$udid PHONE_IS=()
	does DeviceInformation '{"Queries":["DeviceName"]}'
	nobody_sent_away
	judged
}
