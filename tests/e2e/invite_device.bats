# The invited person's whole way with an iPhone; and devices that come back after an old backup, on their page.
load lib/pomona
load lib/sending
load lib/devices

setup_file() { command -v sqlite3 >/dev/null || skip "no sqlite3"; devices_prepare; }
setup()      { devices_start; }
teardown()   { devices_stop; }

SAFARI='Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'

state_now() { get "/api/v1/invitations?q=$1" -H "$(bearer admin)"; json '.items[0].state'; }

# begins NAME: taps the button on /enroll; $URL is the mobileconfig.
begins() {
	as "$1" get /enroll -A "$SAFARI"
	expect_status 200
	as "$1" post /enroll -A "$SAFARI" --data-urlencode "csrf=$(form_csrf)"
	expect_status 303
	URL=$(header Location)
}

@test "who is invited signs in, installs, and is shown as set up; a second device is asked for by itself" {
	run "$POMONA" enroll invite --data "$DATA" --user mia --by link
	[ "$status" = 0 ]
	local link=$output
	sign_in mia
	as mia get "$link" -A "$SAFARI"
	expect_header Location /enroll
	begins mia
	[ "$(state_now mia)" = began ]
	UDID=$(device_on enroll "$URL")
	[ "$(state_now mia)" = enrolled ]
	# it is used: the same 404 as one that never was
	as mia get "$link" -A "$SAFARI"
	expect_status 404
	as mia get /enrolled -A "$SAFARI"
	expect_body 'Your iPhone is set up'
	run "$POMONA" enroll invite --data "$DATA" --user mia --by link
	[ "$status" = 4 ]
	[[ $output == *'has a device already'* ]]
	run "$POMONA" enroll invite --data "$DATA" --user mia --by link --another
	[ "$status" = 0 ]
}

@test "where only the invited may set up a device, others are told so and get nothing" {
	export POMONA__ENROLL__OPEN=no
	pomona_stop
	pomona_again
	sign_in mia
	as mia get /enroll -A "$SAFARI"
	expect_body 'Devices are set up here by invitation'
	as mia post /enroll -A "$SAFARI" --data-urlencode "csrf=$(form_csrf)"
	expect_status 403
	[ -z "$(sql 'SELECT 1 FROM enroll_session')" ]
	run "$POMONA" enroll invite --data "$DATA" --user mia --by link
	[ "$status" = 0 ]
	begins mia
	device_on enroll "$URL"
	[ "$(state_now mia)" = enrolled ]
	# its right ends with it
	as mia get /enroll -A "$SAFARI"
	expect_body 'Devices are set up here by invitation'
}

@test "a link for the help desk sets up one device for its person, without a sign-in" {
	run "$POMONA" enroll link --data "$DATA" --user mia
	[ "$status" = 0 ]
	UDID=$(device_on enroll "$output")
	[ "$(sql "SELECT p.name FROM device d JOIN person p ON p.id = d.person_id WHERE d.udid = '$UDID'")" = mia ]
}

owner_of() {
	sql "SELECT COALESCE(p.name, 'nobody') FROM device d JOIN enrollment e ON e.id = d.enrollment_id LEFT JOIN person p
		ON p.id = d.person_id WHERE d.id = '$1' AND d.person_id IS e.person_id"
}

@test "after an old backup an admin sees who came back, takes one in again and lets another leave" {
	sqlite3 "$DATA/pomona.db" ".backup $W/old.db"
	sessions 2
	device_on fleet --count 2 --enroll "$W/urls" --drain >"$W/fleet"
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = 2 ]
	sql 'SELECT udid FROM device ORDER BY udid' >"$W/udids"
	local first second one other
	first=$(sed -n 1p "$W/udids") second=$(sed -n 2p "$W/udids")
	pomona_stop
	rm -f "$DATA"/pomona.db-wal "$DATA"/pomona.db-shm
	cp "$W/old.db" "$DATA/pomona.db"
	pomona_again
	device_on fleet --count 2 --for 3 >"$W/fleet" 2>&1 || true
	sign_in anna
	as anna get /admin
	expect_body '/admin/devices/came-back'
	as anna get /admin/devices/came-back
	expect_status 200
	expect_body "$first"
	expect_body "$second"
	get /api/v1/came-back -H "$(bearer admin)"
	[ "$(json '[.items[].state] | join(" ")')" = "waiting waiting" ]
	one=$(json ".items[] | select(.udid == \"$first\") | .sha256")
	other=$(json ".items[] | select(.udid == \"$second\") | .sha256")
	as anna get /admin/devices/came-back
	CSRF=$(form_csrf)
	as anna post "/admin/devices/came-back/$one/take" --data-urlencode "csrf=$CSRF" -d person=zoe
	expect_status 422
	expect_body 'nobody who may sign in is called zoe'
	# the one is managed under another identity, in the records: its place is given to nobody who was not looked at
	sql "INSERT INTO device (id, udid, name, serial, enrollment_id, created, changed) VALUES ('sleeps', '$first', 'Phone of before', 'F2LBEFORE', 'before', 1, 1)"
	sql "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created, enrolled, turn)
		VALUES ('before', 'sleeps', 'none', 'enrolled', 'an identity of before', 8191, 1, 1, 900000)"
	as anna get /admin/devices/came-back
	expect_body "/admin/devices/came-back/$one\""
	never expect_body "/admin/devices/came-back/$one/take"
	expect_body "/admin/devices/came-back/$other/take"
	as anna post "/admin/devices/came-back/$one/take" --data-urlencode "csrf=$CSRF" -d person=mia
	expect_status 409
	expect_body 'name="replaces" value="before"'
	as anna post "/admin/devices/came-back/$one/take" --data-urlencode "csrf=$CSRF" -d person=mia -d replaces=another
	expect_status 409
	as anna get "/admin/devices/came-back/$one"
	expect_status 200
	expect_body 'Phone of before'
	expect_body 'an identity of before'
	as anna post "/admin/devices/came-back/$one/take" --data-urlencode "csrf=$CSRF" -d person=zoe -d replaces=before
	expect_status 422
	expect_body 'nobody who may sign in is called zoe'
	as anna post "/admin/devices/came-back/$one/take" --data-urlencode "csrf=$CSRF" -d person=mia -d replaces=before
	expect_header Location '*changed=taken_in'
	[ "$(sql "SELECT state FROM enrollment WHERE id = 'before'")" = replaced ]
	as anna get '/admin/audit?act=came_back.taken_in'
	expect_body 'takes the place of enrollment before'
	as anna post "/admin/devices/came-back/$other/refuse" --data-urlencode "csrf=$CSRF"
	expect_header Location '*changed=refused'
	as anna post "/admin/devices/came-back/$other/take" --data-urlencode "csrf=$CSRF"
	expect_status 404
	expect_body 'Nothing was changed'
	device_on fleet --count 2 --for 3 >"$W/fleet" 2>&1 || true
	[ "$(sql "SELECT e.state FROM device d JOIN enrollment e ON e.id = d.enrollment_id WHERE d.udid = '$first'")" = enrolled ]
	grep "$second" "$W/ledger" | grep -q ' 403'
	grep "$first" "$W/ledger" | never grep ' 40[13]'
	# whose it is was said there, and is said otherwise on its page and by the API
	local id
	id=$(sql "SELECT id FROM device WHERE udid = '$first'")
	[ "$(owner_of "$id")" = mia ]
	as anna get "/admin/devices/$id"
	expect_body 'name="person" value="mia"'
	as anna post "/admin/devices/$id/person" --data-urlencode "csrf=$CSRF" -d person=
	expect_header Location '*changed=person_set'
	[ "$(owner_of "$id")" = nobody ]
	ask PUT "/api/v1/devices/$id/person" -H "$(bearer admin)" -d '{"person":"zoe"}'
	expect_problem 422 no_such_person
	ask PUT "/api/v1/devices/$id/person" -H "$(bearer admin)" -d '{"person":"mia"}'
	expect_status 204
	[ "$(owner_of "$id")" = mia ]
}
