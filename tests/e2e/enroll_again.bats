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
