# Managed devices for the people of IT: in the console, by the API and on the command line.
bats_require_minimum_version 1.5.0
load lib/pomona
load lib/sending
load lib/devices

setup_file() { devices_prepare; }
setup() { command -v sqlite3 >/dev/null || skip "no sqlite3"; devices_start; }
teardown() { stop_started; devices_stop; }

# cli ARGS...: the command line, on the data of the running server.
cli() { run --separate-stderr "$POMONA" device "$@" --data "$DATA"; }
audited() { sql "SELECT count(*) FROM audit WHERE act = '$1'"; }
device_page() { as anna get "/admin/devices/$ID$1"; expect_status 200; CSRF=$(form_csrf); }
# does_on_page PATH FIELD=VALUE...: a form of the device's page.
does_on_page() {
	local path=$1 field fields=(); shift
	for field in "$@"; do fields+=(--data-urlencode "$field"); done
	as anna post "/admin/devices/$ID/$path" --data-urlencode "csrf=$CSRF" "${fields[@]}"
}
name_of_phone() { of_phone 's["Device"]["DeviceName"]'; }

@test "a device that has just enrolled is asked for everything, and its page shows what it said" {
	enrolled_phone
	[ "$(sql "SELECT count(*) FROM command_history WHERE state = 'acknowledged'")" = 8 ]
	get "/api/v1/devices/$ID" -H "$(bearer admin)"
	expect_status 200
	expect_json .state managed
	expect_json .network.wifi_mac "$(of_phone 's["Device"]["WiFiMAC"]')"
	expect_json .network.bluetooth_mac "$(of_phone 's["Device"]["BluetoothMAC"]')"
	expect_json .device.serial "$(of_phone 's["SerialNumber"]')"
	expect_json .device.udid "$UDID"
	expect_json .device.os_version "$(of_phone 's["Device"]["OSVersion"]')"
	expect_json '.apps.apps | length' 1
	expect_json '.apps.provisions | length' 0
	expect_json '.compliance.mobileconfigs | length' 1
	expect_json '.compliance.passcode_present' true
	expect_json '.reported | length' 9
	sign_in anna
	device_page ""
	expect_body "$(of_phone 's["Device"]["WiFiMAC"]')"
	expect_body "Weather &amp; Wind"
	expect_body "Ask for certificates"
	as anna get /admin/devices
	expect_body "/admin/devices/$ID"
	expect_body "1 managed, 0 silent"
	judged
}

@test "lists and groups are files for spreadsheets" {
	enrolled_phone
	get /api/v1/devices.csv -H "$(bearer admin)"
	expect_status 200
	expect_header Content-Disposition '*devices-*.csv*'
	grep -q "^$ID,.*,$UDID," "$W/body"
	local table
	for table in network device compliance apps provisions mobileconfigs certificates; do
		get "/api/v1/devices/$ID/$table.csv" -H "$(bearer admin)"
		expect_status 200
	done
	expect_body "sha256,name,identity,expires"
	get "/api/v1/devices/$ID/nothing.csv" -H "$(bearer admin)"
	expect_status 404
	get "/api/v1/devices/$ID/answers/SecurityInfo" -H "$(bearer admin)"
	expect_body "<key>SecurityInfo</key>"
}

@test "the list is narrowed by what one looks for" {
	enrolled_phone
	local query
	for query in "q=$(name_of_phone | head -c 5)" "q=$(of_phone 's["SerialNumber"]')" state=managed app=com.example.weather "os=$(of_phone 's["Device"]["OSVersion"]')"; do
		as_admin_list "$query" 1
	done
	for query in q=nobody state=removed silent=yes app=com.example.none os=1 person=mia; do
		as_admin_list "$query" 0
	done
}
as_admin_list() {
	get "/api/v1/devices" -G --data-urlencode "$1" -H "$(bearer admin)"
	expect_status 200
	expect_json '.items | length' "$2" || { echo "$1"; return 1; }
}

@test "what is done on the page waits there, and then stands under what happened" {
	enrolled_phone
	sign_in anna
	device_page ""
	does_on_page do verb=lock "message=Call IT" phone=+4930901820
	expect_status 303
	device_page "?changed=sent"
	expect_body "Goes out as soon as the phone asks."
	expect_body "It goes out as soon as the device asks."
	connects
	[ "$(of_phone 's["Locked"]["Message"]')" = "Call IT" ]
	device_page ""
	expect_not_in "$W/body" "Goes out as soon as the phone asks."
	[ "$(audited device.lock)" = 1 ]
}

@test "the phone said not now: the page says so, and when" {
	enrolled_phone
	sign_in anna
	order ProfileList
	start sleepy device_on fleet --count 1 --poll-ms 500 --not-now 100
	wait_until becomes not_now
	stop_started
	device_page ""
	expect_body "The phone said “not now”"
}

@test "what the phone could not do stands there with its whole chain, and can be sent again or taken back" {
	enrolled_phone
	sign_in anna
	order RemoveProfile '{"Identifier":"com.example.none"}'
	connects
	becomes error
	device_page ""
	expect_body "Did not work"
	expect_body "MCMDMErrorDomain"
	does_on_page "commands/$UUID/resend"
	expect_status 303
	[ "$(sql "SELECT count(*) FROM command_queue")" = 1 ]
	UUID=$(sql "SELECT c.uuid FROM command_queue q JOIN command c ON c.id = q.command_id")
	does_on_page "commands/$UUID/cancel"
	expect_status 303
	[ "$(sql "SELECT count(*) FROM command_queue")" = 0 ]
	[ "$(audited command.resend)$(audited command.cancel)" = 11 ]
	does_on_page do verb=refresh
	does_on_page clear
	[ "$(sql "SELECT count(*) FROM command_queue")" = 0 ]
}

@test "nobody erases by a slip: a reason is wanted and the device's name, and both stay" {
	enrolled_phone
	sign_in anna
	device_page ""
	does_on_page do verb=erase reason=lost
	expect_status 422
	expect_body "is not the name of this device"
	does_on_page do verb=erase "reason=" "confirm=$(name_of_phone)"
	expect_status 422
	does_on_page do verb=erase reason=lost confirm=something
	expect_status 422
	[ "$(sql "SELECT count(*) FROM command_queue")" = 0 ]
	does_on_page do verb=erase "reason=left in a taxi" "confirm=$(name_of_phone)"
	expect_status 303
	run connects
	[ "$(of_phone 's["Enrollment"]["State"]')" = removed ]
	[ "$(sql "SELECT detail LIKE 'erase %: left in a taxi' FROM audit WHERE act = 'device.erase'")" = 1 ]
}

@test "a device that is released leaves at its next word, and is on the list as such" {
	enrolled_phone
	sign_in anna
	device_page ""
	does_on_page retire reason=sold confirm=no
	expect_status 422
	does_on_page retire reason=sold "confirm=$(name_of_phone)"
	expect_status 303
	run connects
	[ "$(of_phone 's["Enrollment"]["State"]')" = removed ]
	as_admin_list state=retired 1
	post "/api/v1/devices/$ID/commands" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"verb":"lock"}'
	expect_problem 409 not_enrolled
}

@test "a mobileconfig and a provision are sent from the page, and their lists follow by themselves" {
	enrolled_phone
	sign_in anna
	device_page ""
	as anna post "/admin/devices/$ID/do" -F "csrf=$CSRF" -F verb=install-provision -F "provision=@$ROOT/tests/data/provisions/enterprise.mobileprovision"
	expect_status 303
	connects
	[ "$(sql "SELECT count(*) FROM installed_provision")" = 1 ]
	device_page ""
	expect_body "Provisions and when they run out"
	does_on_page do verb=remove-provision "uuid=$(sql "SELECT uuid FROM installed_provision")"
	expect_status 303
	connects
	[ "$(sql "SELECT count(*) FROM installed_provision")" = 0 ]
	as anna post "/admin/devices/$ID/do" -F "csrf=$CSRF" -F verb=install-mobileconfig -F "mobileconfig=@$ROOT/README.md"
	expect_status 422
	expect_body "no mobileconfig"
	judged
}

@test "any other command is typed in, checked, and sent" {
	enrolled_phone
	sign_in anna
	device_page ""
	does_on_page command 'command={"request_type":"RemoveApplication","params":{"Identifer":"com.example.none"}}'
	expect_status 422
	expect_body "iOS has no key &quot;Identifer&quot; here"
	does_on_page command 'command=<plist version="1.0"><dict><key>RequestType</key><string>CertificateList</string></dict></plist>'
	expect_status 303
	does_on_page command 'command={"request_type":"EraseDevice"}' "confirm=$(name_of_phone)"
	expect_status 422
	does_on_page command 'command={"request_type":"EraseDevice","reason":"a slip"}'
	expect_status 422
	[ "$(sql "SELECT count(*) FROM command_queue")" = 1 ]
}

@test "what a device answered stands under its command, and a secret one is opened by who is written down" {
	enrolled_phone
	local feedback
	on_phone 'apps["com.example.weather"].update(Status="Managed", Feedback={"queue": 7}, Configuration={"password": "s3cret"})'
	does_verb app-feedback '{"bundle_ids":["com.example.weather"]}'
	feedback=$UUID
	does_verb app-configuration '{"bundle_ids":["com.example.weather"]}'
	sign_in anna
	device_page ""
	expect_body '&quot;queue&quot;: 7'
	expect_body "The whole answer (JSON)"	# of the lists, which stand in tables
	expect_body "It may hold secrets."
	expect_not_in "$W/body" s3cret
	expect_not_in "$W/body" '&quot;CommandUUID&quot;'
	local whole
	whole=$(grep -o "/api/v1/devices/$ID/commands/[0-9A-Za-z-]*" "$W/body" | head -1)
	[ "$(audited command.reveal)" = 0 ]
	does_on_page "commands/$UUID/reveal"
	expect_status 200
	expect_header Cache-Control '*no-store*'
	expect_body '&quot;password&quot;: &quot;s3cret&quot;'
	[ "$(sql "SELECT actor || ' ' || object || ' ' || detail FROM audit WHERE act = 'command.reveal'")" = "anna $ID $UUID" ]
	device_page ""
	expect_not_in "$W/body" s3cret
	# of an older page of the history as well
	does_on_page "commands/$UUID/reveal?after=99999"
	expect_body s3cret
	does_on_page "commands/$feedback/reveal"
	expect_status 409
	expect_body "the answer is no secret"
	does_on_page "commands/nothing/reveal"
	expect_status 404
	as anna get "$whole"
	expect_status 200
	expect_json '.answer | type' object
	sign_in paul
	as paul post "/admin/devices/$ID/commands/$UUID/reveal" -d "csrf=$CSRF"
	expect_status 403
	[ "$(audited command.reveal)" = 2 ]
	judged
}

@test "apps are configured and asked, and settings changed, by one form of the page" {
	enrolled_phone
	on_phone 'apps["com.example.weather"].update(Status="Managed", Feedback={"queue": 7})'
	sign_in anna
	device_page ""
	local verb
	for verb in configure-app app-configuration app-feedback validate-apps settings; do
		expect_body "<option value=\"$verb\""
	done
	# as a browser sends it: the other fields are there, and empty
	form() {
		local name
		for name in bundle_id bundle_ids configuration settings; do
			[[ " $*" == *" $name="* ]] || set -- "$@" "$name="
		done
		does_on_page do "$@"
	}
	form verb=configure-app bundle_id=com.example.weather 'configuration={"server": "a.example.com", "ports": [80]}'
	expect_status 303
	form verb=app-feedback 'bundle_ids=com.example.weather
com.example.other' delete=yes
	expect_status 303
	form verb=app-configuration bundle_ids=com.example.weather
	expect_status 303
	form verb=validate-apps bundle_ids=com.example.weather
	expect_status 303
	form verb=settings 'settings=[{"Item": "DataRoaming", "Enabled": true}]'
	expect_status 303
	connects
	[ "$(sql "SELECT count(*) FROM command_history WHERE state <> 'acknowledged'")" = 0 ]
	[ "$(of_phone 's["Apps"][0]["Configuration"], "Feedback" in s["Apps"][0], s["Apps"][0]["IsValidated"], s["Device"]["DataRoamingEnabled"]')" = \
		"({'server': 'a.example.com', 'ports': [80]}, False, True, True)" ]
	[ "$(told ManagedApplicationFeedback 'c["Identifiers"]')" = "['com.example.weather', 'com.example.other']" ]
	# what is wrong is refused, and what was typed stays
	form verb=configure-app bundle_id=com.example.weather 'configuration={"server": }'
	expect_status 422
	expect_body "configuration is no JSON: line 1"
	expect_body '{&quot;server&quot;: }</textarea>'
	expect_body '<option value="configure-app" selected>'
	form verb=settings 'settings={"Item":"DataRoaming","Enabled":"on"}'
	expect_status 422
	expect_body "must be true or false"
	form verb=app-feedback bundle_ids=com.example.weather 'configuration={"server":1}'
	expect_status 422
	expect_body "app-feedback takes no configuration"
	[ "$(sql "SELECT count(*) FROM command_queue")" = 0 ]
	judged
}

@test "a selection is locked at once, and who does not get it is named" {
	enrolled_phone
	sign_in anna
	as anna get /admin/devices
	CSRF=$(form_csrf)
	as anna post /admin/devices -d "csrf=$CSRF" -d verb=restart -d "device=$ID"
	expect_status 200
	expect_body "only for supervised devices"
	as anna post /admin/devices -d "csrf=$CSRF" -d verb=lock -d "device=$ID" -d device=nobody
	expect_body "On its way to 1 devices."
	[ "$(sql "SELECT count(*) FROM command_queue")" = 1 ]
	as anna post /admin/devices -d "csrf=$CSRF" -d verb=erase -d "device=$ID"
	expect_status 422
	post /api/v1/commands -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"verb\":\"lock\",\"devices\":[\"$ID\",\"nobody\"]}"
	expect_status 207
	expect_json '.items[1].verdict' unknown
	post /api/v1/commands -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"verb\":\"refresh\",\"devices\":[\"$ID\"]}"
	expect_status 202
}

@test "devices are an admin's alone" {
	enrolled_phone
	local path name
	for name in paul mia; do
		sign_in $name
		for path in /admin/devices "/admin/devices/$ID" /api/v1/devices "/api/v1/devices/$ID" "/api/v1/devices/$ID/commands"; do
			as $name get "$path"
			expect_status 403
		done
		as $name post "/admin/devices/$ID/do" -d "csrf=$CSRF" -d verb=lock
		expect_status 403
	done
	"$POMONA" token new --data "$DATA" --user anna --scope devices --app com.example.app >"$W/token.one"
	get "/api/v1/devices/$ID" -H "$(bearer one)"
	expect_status 403
	get "/api/v1/devices/$ID" -H "$(bearer read)"
	expect_status 403
	get "/api/v1/devices/$ID" -H "$(bearer devices)"
	expect_status 200
}

@test "the command line looks and commands while the server runs" {
	enrolled_phone
	cli list
	[ "$status" = 0 ]
	[[ $output == "$ID "*managed* ]]
	cli list --json --state removed
	[ "$output" = "[]" ]
	cli show "$UDID" --json
	[ "$(jq -r .network.wifi_mac <<<"$output")" = "$(of_phone 's["Device"]["WiFiMAC"]')" ]
	cli show "$(of_phone 's["SerialNumber"]')"
	[[ $output == *passcode_present*true* ]]
	cli lock "$ID" --message "Call IT"
	[ "$status" = 0 ]
	UUID=$output
	connects
	becomes acknowledged
	[ "$(of_phone 's["Locked"]["Message"]')" = "Call IT" ]
	cli refresh "$ID" --json
	[ "$(jq -r .verdict <<<"$output")" = added ]
	cli clear-passcode "$ID"
	[ "$status" = 4 ]
	[[ $stderr == *"say why"* ]]
	cli clear-passcode "$ID" --reason forgotten
	[ "$status" = 0 ]
	connects
	[ "$(of_phone 's["Security"]["PasscodePresent"]')" = False ]
	echo '{"request_type":"CertificateList"}' >"$W/command.json"
	cli command "$ID" --file "$W/command.json"
	[ "$status" = 0 ]
	echo '{"request_type":"CertificateLists"}' >"$W/command.json"
	cli command "$ID" --file "$W/command.json"
	[ "$status" = 4 ]
	cli restart "$ID"
	[ "$status" = 3 ]
	cli lock nobody
	[ "$status" = 4 ]
	cli lock
	[ "$status" = 2 ]
	cli erase "$ID" --reason "end of life"
	[ "$status" = 0 ]
	run connects
	[ "$(of_phone 's["Enrollment"]["State"]')" = removed ]
	[ "$(sql "SELECT count(*) FROM audit WHERE actor = 'cli' AND act LIKE 'device.%'")" = 5 ]
	judged
}

@test "the command line takes numbers, lists and JSON, and its help names every verb with its fields" {
	enrolled_phone
	cli install-app "$ID" --set manifest_url=https://apps.example.com/m.plist --set flags=one
	[ "$status" = 4 ]
	[[ $stderr == *'flags is a whole number, and not "one"'* ]]
	cli install-app "$ID" --set manifest_url=https://apps.example.com/m.plist --set flags=3
	[ "$status" = 4 ]
	[[ $stderr == *"ManagementFlags: 3 is none of 1|4|5"* ]]
	cli app-feedback --set bundle_ids=com.example.a,com.example.b --set bundle_ids=com.example.c --set delete=yes "$ID"
	[ "$status" = 0 ]
	cli validate-apps "$ID" --set 'bundle_ids=["com.example.weather"]'
	[ "$status" = 0 ]
	cli settings "$ID" --set 'settings={"Item":"DataRoaming","Enabled":true}'
	[ "$status" = 0 ]
	UUID=$output
	cli lock "$ID" --message one --set message=two
	[ "$status" = 4 ]
	[[ $stderr == *"message is said twice"* ]]
	connects
	becomes acknowledged
	[ "$(of_phone 's["Device"]["DataRoamingEnabled"]')" = True ]
	[ "$(told ManagedApplicationFeedback 'c["Identifiers"], c["DeleteFeedback"]')" = \
		"(['com.example.a', 'com.example.b', 'com.example.c'], True)" ]
	[ "$(told ValidateApplications 'c["Identifiers"]')" = "['com.example.weather']" ]
	cli --help
	local verb
	for verb in lock erase install-app configure-app app-feedback app-configuration validate-apps settings refresh; do
		grep -qE "^  $verb( |$)" <<<"$output" || { echo "$verb"; return 1; }
	done
	[[ $output == *"flags=NUMBER"*"configuration=JSON"*"bundle_ids=LIST"* ]]
	judged
}

@test "who is silent or cannot be woken stands on Today, and on the list" {
	enrolled_phone
	sign_in anna
	as anna get /admin
	expect_not_in "$W/body" "Devices not heard from"
	sql "UPDATE device SET seen = 1"
	as anna get /admin
	expect_body "Devices not heard from for a while: 1"
	as_admin_list silent=yes 1
	sql "UPDATE enrollment SET token_bad = 'Unregistered'"
	as anna get /admin
	expect_body "Devices that cannot be woken: 1"
	device_page ""
	expect_body "Unregistered"
	as_admin_list state=push_broken 1
	sign_in paul
	as paul get /admin
	expect_not_in "$W/body" "Devices that cannot be woken"
}

@test "a lost phone that is supervised is found from its page" {
	enrolled_phone --supervised
	sign_in anna
	device_page ""
	expect_body "Lost mode"
	does_on_page do verb=lost-mode-on "message=Lost, please call" phone=+4930901820
	expect_status 303
	does_on_page do verb=locate
	expect_status 303
	connects
	device_page ""
	expect_body " ± "
	does_on_page do verb=lost-mode-off
	connects
	[ "$(sql "SELECT count(*) FROM command_history WHERE state <> 'acknowledged'")" = 0 ]
	[ "$(audited device.locate)$(audited device.lost_mode)" = 12 ]
	judged
}
