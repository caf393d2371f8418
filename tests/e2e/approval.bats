# enroll.approval: a device that somebody sets up waits for an admin before it comes under management.
load lib/pomona
load lib/sending
load lib/devices

setup_file() { devices_prepare; }
setup()      { devices_data; export POMONA__ENROLL__APPROVAL=yes; pomona_start_tls; }
teardown()   { devices_stop; }

# button NAME [way]: they sign in and press it; $URL, where it leads.
button() {
	sign_in "$1"
	as "$1" post /enroll --data-urlencode "csrf=$CSRF" ${2:+-d way=$2}
	expect_status 303
	URL=$(header Location)
}
waiting() { get /api/v1/enroll/approvals -H "$(bearer admin)" && json '.items | length'; }
page_says() { as mia get /enroll && grep -qF "$1" "$W/body"; }
decide() { post "/api/v1/enroll/approvals/$1/$2" -H "$(bearer admin)" -d '{}'; expect_status 204; }

@test "a phone waits until IT lets it in, and then comes in by a second download" {
	button mia
	run device_on enroll "$URL"
	[ "$status" = 1 ]
	[ "$(sql "SELECT count(*) FROM certificate")" = 0 ]		# not even a passing identity
	[ "$(sql "SELECT count(*) FROM enrollment")" = 0 ]
	[ "$(waiting)" = 1 ]
	expect_json '.items[0].person' mia
	expect_json '.items[0].direct' false
	[ -n "$(json '.items[0].udid')" ]
	[ -n "$(json '.items[0].serial')" ]
	page_says 'IT looks at this device first'
	# again, without patience: it waits once
	button mia
	run device_on enroll "$URL"
	[ "$status" = 1 ]
	[ "$(waiting)" = 1 ]
	sign_in anna
	as anna get /admin
	expect_body '/admin/enrollments'
	as anna get /admin/enrollments
	expect_body 'mia'
	decide "$(waiting >/dev/null; json '.items[0].id')" approve
	page_says 'IT has approved this device'
	button mia
	device_on enroll "$URL" || { tail -n 3 "$W/ledger" "$W/log"; return 1; }
	[ "$(sql "SELECT state FROM enrollment")" = enrolled ]
	[ "$(waiting)" = 0 ]
}

@test "an approval is for one device of one person, once" {
	button mia
	run device_on enroll "$URL" --number 0
	waiting
	decide "$(json '.items[0].id')" approve
	local old=$URL
	button mia				# another phone of theirs
	run device_on enroll "$URL" --number 1
	[ "$status" = 1 ]
	[ "$(waiting)" = 1 ]
	run device_on enroll "$old" --number 2	# another one by the link that was approved
	[ "$status" = 1 ]
	[ "$(sql "SELECT count(*) FROM enrollment")" = 0 ]
}

@test "who is turned away is told so, and does not come in by the same link" {
	button mia
	run device_on enroll "$URL"
	waiting
	decide "$(json '.items[0].id')" refuse
	page_says 'IT does not want this device under management'
	run device_on enroll "$URL"
	[ "$status" = 1 ]
	[ "$(sql "SELECT count(*) FROM enrollment")" = 0 ]
	post "/api/v1/enroll/approvals/nobody/approve" -H "$(bearer admin)" -d '{}'
	expect_status 404
}

@test "the direct way waits too" {
	button mia direct
	run device_on enroll "$URL"
	[ "$status" = 1 ]
	[ "$(sql "SELECT count(*) FROM certificate")" = 0 ]
	[ "$(waiting)" = 1 ]
	expect_json '.items[0].direct' true
	decide "$(json '.items[0].id')" approve
	device_on enroll "$URL" || { tail -n 3 "$W/ledger" "$W/log"; return 1; }
	[ "$(sql "SELECT state FROM enrollment")" = enrolled ]
}

@test "a session that an admin makes needs no approval" {
	enrolled_phone
	[ "$(sql "SELECT state FROM enrollment")" = enrolled ]
	[ "$(sql "SELECT approval FROM enroll_session WHERE kind <> 'renewal'")" = "" ]
}
