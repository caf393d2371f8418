# Apps on managed devices: asked for, required, kept current, declined, failed, removed; each told by a simulated
# iPhone, which fetches manifest and .ipa as the install daemon does.
bats_require_minimum_version 1.5.0
load lib/pomona
load lib/sending
load lib/devices

APP=com.example.app

# The clock begins at the machine's own time, since certificates are of today, and is moved by `passes`.
setup() {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	devices_data
	T=$(date +%s)
	date -u -d "@$T" +%FT%TZ >"$W/clock"
	setting clock file "\"$W/clock\""
	pomona_start_tls
}
setup_file() { devices_prepare; }
teardown() { stop_started; devices_stop; }

passes() {	# SECONDS
	T=$((T + $1))
	date -u -d "@$T" +%FT%TZ >"$W/clock"
	sleep 1.1	# the clock is read at most once a second
}

# phone_of PERSON [OPTIONS of the phone]: phone 0 is theirs; $UDID, $ID.
phone_of() {
	local person=$1; shift
	PHONE_IS=("$@")
	post /api/v1/enroll/sessions -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"person\":\"$person\"}"
	UDID=$(device_on enroll "$(json .url)" --number "${NUMBER-0}" "$@") || { tail -n 5 "$W/ledger" "$W/log"; return 1; }
	ID=$(sql "SELECT id FROM device WHERE udid = '$UDID'")
	[ -n "$ID" ]
	connects
}

published() {	# [WORDS of make_app.py]: in main; $BUILD
	current_app a.ipa "$@"
	upload "$W/a.ipa"
	[ "$STATUS" = 201 ] || [ "$STATUS" = 200 ] || { show; return 1; }
	BUILD=$(json .build.id)
}

wants() {	# [BUNDLE]
	post "/api/v1/devices/$ID/apps" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"bundle_id\":\"${1-$APP}\"}"
}
goes() { delete "/api/v1/devices/$ID/apps/${1-$APP}" -H "$(bearer admin)"; }

row() { sql "SELECT $1 FROM managed_app WHERE device_id = '$ID' AND bundle_id = '${2-$APP}'"; }
state_is() { [ "$(row state)" = "$1" ]; }
expect_state() {	# STATE [WHY]
	wait_until state_is "$1" || { row '*'; tail -n 5 "$W/ledger"; tail -n 5 "$W/log"; return 1; }
	[ $# = 1 ] || [ "$(row why)" = "$2" ] || { row '*'; return 1; }
}
command_waits() { [ "$(sql "SELECT count(*) FROM command_queue q JOIN command c ON c.id = q.command_id WHERE c.request_type = '$1'")" -ge 1 ]; }
# Its lists are asked again when their time has come, and the phone answers.
polled() {
	passes "${1-61}"
	wait_until command_waits ManagedApplicationList
	connects
}
timeline() { sql "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM install_event WHERE install_id = '$(row install_id)' ORDER BY at, rowid)"; }
# An install that was asked for is brought to its end.
arrives() { connects "$@"; polled 31 && { state_is installed || polled 61; }; expect_state installed; }
last_event() { sql "SELECT kind || ' ' || detail FROM install_event WHERE install_id = '$(row install_id)' ORDER BY at DESC, rowid DESC LIMIT 1"; }
version_on_phone() { of_phone "[a.get('Version') for a in s['Apps'] if a['Identifier'] == '$APP'] or 'none'"; }

@test "an app that is asked for arrives: acknowledged is not installed, the device's list decides (MUST 64)" {
	published build=34
	phone_of mia --supervised
	wants
	expect_status 202
	expect_json .state queued
	# the phone takes the command, and has not got it yet
	connects --install-polls 3
	expect_state installing
	get "/api/v1/devices/$ID/apps" -H "$(bearer admin)"
	expect_json '.items[0].state' installing
	expect_json '.items[0].installed_version' null
	polled 31
	polled 61
	expect_state installed
	[ "$(version_on_phone)" = "['34']" ]
	get "/api/v1/devices/$ID/apps" -H "$(bearer admin)"
	expect_json '.items[0].installed_version' 34
	# what happened is told by its timeline, down to the last
	fetched() { [ "$(sql "SELECT count(*) FROM install_event WHERE install_id = '$(row install_id)' AND kind IN ('manifest', 'ipa')")" = 2 ]; }
	wait_until fetched
	[[ "$(timeline)" == *tapped*installed* ]] || { timeline; return 1; }
	# asked for once more it is there already, and nothing is sent
	wants
	expect_problem 409 already_there
	never command_waits InstallApplication
	# a newer build: the same address, another build behind it
	published build=35
	wants
	arrives
	[ "$(version_on_phone)" = "['35']" ]
	[ "$(sql "SELECT count(*) FROM install_grant WHERE kind = 'device'")" = 1 ]
	goes
	expect_status 202
	connects
	expect_state removed
	[ "$(version_on_phone)" = none ]
	judged
}

@test "what goes wrong has an end, is told, and is tried again a few times at most (behaviour 12)" {
	published build=34
	phone_of mia
	# the owner declines: nobody asks again by itself
	wants
	connects --decline 100
	expect_state declined user
	[ "$(last_event)" = "declined UserRejected" ]
	passes 90000
	never command_waits InstallApplication
	# a person asks again; the owner does not say, for a day
	wants
	expect_status 202
	connects --prompt 100
	expect_state acknowledged prompting
	passes 40000
	wait_until command_waits ManagedApplicationList
	connects --prompt 100
	expect_state acknowledged prompting
	passes 50000
	expect_state timed_out prompting
	[[ "$(last_event)" == "timed_out"* ]]
	# tried again later, and then it comes
	passes 900
	wait_until command_waits InstallApplication
	on_phone 'apps["com.example.app"]["Status"] = "Failed"; del apps["com.example.app"]["Next"]'
	arrives
	# an update fails on the device; then it is rejected; the copy stays as it is
	published build=35
	wants
	connects --app-fails 100
	expect_state failed device
	[ "$(version_on_phone)" = "['34']" ]
	passes 900
	wait_until command_waits InstallApplication
	connects --app-reject CouldNotVerifyAppID
	expect_state failed rejected
	[ "$(row detail)" = "The app is not taken. (MCMDMErrorDomain 12000)" ]
	# the same for a reason that stays: no further attempt
	passes 3600
	wait_until command_waits InstallApplication
	connects --app-reject NotSupported
	expect_state failed rejected
	[ "$(row "due IS NULL")" = 1 ]
	# accepted, and the old version stays: the list does not lie to us
	wants
	connects --app-lost 100
	expect_state acknowledged older
	passes 86400
	expect_state timed_out older
	# at the end of all attempts it rests
	while [ "$(row "due IS NULL")" = 0 ]; do
		[ "$(row attempts)" -lt 5 ]
		passes 86400
		wait_until command_waits InstallApplication
		connects --error 100
		wait_until state_is failed
	done
	[ "$(row attempts)" = 5 ]
	judged
}

@test "a phone that takes an install and never answers keeps nobody waiting for more than a month, and is brought up" {
	published build=34
	phone_of mia
	wants
	# it has the command, and dies over it each time
	local phone
	delivered_twice() { [ "$(sql "SELECT coalesce(max(q.sent_count), 0) FROM command_queue q JOIN command c ON c.id = q.command_id WHERE c.request_type = 'InstallApplication'")" -ge 2 ]; }
	device_with
	"$DEVICE" fleet "${WITH[@]}" --deaf 100 >"$W/fleet" 2>&1 3>&- &
	phone=$!
	wait_until delivered_twice || { kill "$phone"; return 1; }
	kill "$phone"
	wait "$phone" || true
	state_is sent
	passes $((20 * 86400))
	order DeviceInformation '{"Queries":["OSVersion"]}'
	# the reaper takes it out of the queue, and that is told
	passes $((10 * 86400 + 60))
	expect_state timed_out not_delivered
	[[ "$(last_event)" == "timed_out"* ]]
	never command_waits InstallApplication
	connects
	becomes acknowledged
	expect_state timed_out not_delivered
	# that was no answer, so no attempt either; the next one comes through, in the same timeline
	passes 901
	wait_until command_waits InstallApplication
	[ "$(row attempts)" = 1 ]
	arrives
	[[ "$(timeline)" == tapped*timed_out*installed* ]] || { timeline; return 1; }
	[ "$(sql "SELECT count(*) FROM install")" = 1 ]
	judged
}

@test "a copy that its owner installed is taken over; a newer one is left alone; an old iOS is not offered it, nor an iPhone what is for the iPad" {
	published build=34
	phone_of mia
	on_phone 's["Apps"].append({"Identifier": "com.example.app", "Name": "Demo", "Version": "30", "ShortVersion": "1.0", "BundleSize": 1, "DynamicSize": 1})'
	# we have not heard of that copy: the phone says so (12025), and the next command takes it over
	wants
	connects --prompt 100
	expect_state acknowledged prompting
	polled 31
	polled 61
	expect_state installed
	[ "$(of_phone "[a['Status'] for a in s['Apps'] if a['Identifier'] == '$APP']")" = "['Managed']" ]
	# what is newer is not touched
	on_phone 'apps["com.example.app"]["Version"] = "99"'
	order InstalledApplicationList
	connects
	wants
	expect_problem 409 newer_there
	published id=com.example.future build=1 minimum=19.0
	wants com.example.future
	expect_problem 409 needs_ios
	published id=com.example.tablet build=1 family=2
	wants com.example.tablet
	expect_problem 409 needs_ipad
	expect_body 'made for the iPad alone'
	[ "$(sql "SELECT count(*) FROM managed_app WHERE bundle_id = 'com.example.future'")" = 0 ]
	wants com.example.none
	expect_status 404
	judged
}

@test "a device's address of a manifest is its own, and ends with its enrollment (MUSTs 60, 61, 63)" {
	published build=34
	phone_of mia
	wants
	connects
	local url ipa
	url=$(grep -ho 'https://[^<]*/d/[^<]*manifest.plist' "$W"/kept/* | head -1)
	[ -n "$url" ]
	get "$url"
	expect_status 200
	expect_header Content-Type '*xml*'
	python3 "$SHARED/apple-schema/check_plist.py" manifest "$W/body" 2>/dev/null || [ ! -d "$SHARED/apple-schema" ]
	python3 -c 'import plistlib, sys; m = plistlib.load(open(sys.argv[1], "rb"))["items"][0]; assert m["metadata"]["bundle-version"] == "34"; assert all(a["url"].startswith("https://") for a in m["assets"])' "$W/body"
	ipa=$(grep -o 'https://[^<]*app.ipa' "$W/body")
	get "$ipa" -r 0-99
	expect_status 206
	ask HEAD "$ipa"
	expect_header Content-Length "$(stat -c %s "$W/a.ipa")"
	# of another device's app nothing can be guessed: it has another address
	NUMBER=1 phone_of mia
	wants
	device_on fleet --first 1 --count 1 --drain >/dev/null
	[ "$(grep -ho 'https://[^<]*/d/[^<]*manifest.plist' "$W"/kept/* | sort -u | wc -l)" = 2 ]
	# it ends with the enrollment
	ID=$(sql "SELECT device_id FROM enrollment WHERE id = (SELECT enrollment_id FROM install_grant WHERE kind = 'device' ORDER BY rowid LIMIT 1)")
	post "/api/v1/devices/$ID/retire" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"reason":"lost"}'
	get "$url"
	expect_status 404
	get "$ipa"
	expect_status 404
}

audience() {	# CHANNEL TREE
	ask PUT "/api/v1/apps/$APP/channels/$1/audience" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "$2"
	expect_status 200
}
required() { ask PUT "/api/v1/apps/$APP/channels/$1/required" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"required\":${2-true}}"; expect_status 200; }
rollout() { ask PUT "/api/v1/apps/$APP/rollout" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "$1"; expect_status 200; }
row_there() { [ -n "$(row state)" ]; }
row_gone() { [ -z "$(row state)" ]; }
no_job() { [ "$(sql "SELECT count(*) FROM job WHERE kind IN ('managed_app_app', 'managed_app_device') OR (kind = 'managed_app_sweep' AND due <= $T)")" = 0 ]; }
settled() { wait_until no_job; }

@test "a required app arrives by itself, is kept current, and goes when its person leaves the audience" {
	published build=34
	audience main '{"person":"mia"}'
	required main
	phone_of mia --supervised
	wait_until row_there
	arrives
	[ "$(row cause)" = required ]
	# it cannot be taken away where it must be, and comes back when its owner takes it away
	goes
	expect_problem 409 required
	on_phone 'apps["com.example.app"]["Status"] = "ManagedButUninstalled"; del apps["com.example.app"]["Version"]'
	order ManagedApplicationList
	connects
	expect_state wanted owner_removed
	passes 86400
	arrives
	# the server dies between any two steps of an update: it arrives all the same, once
	published build=35
	wait_until state_is queued
	pomona_kill; pomona_again
	connects --install-polls 2
	pomona_kill; pomona_again
	polled 31
	pomona_kill; pomona_again
	state_is installed || polled 61
	expect_state installed
	[ "$(version_on_phone)" = "['35']" ]
	[ "$(sql "SELECT count(*) FROM command_history h JOIN command c ON c.id = h.command_id WHERE c.request_type = 'InstallApplication'")" = 3 ]
	# an older one that is put in front again does not go back by itself, unless that is allowed
	local old
	old=$(sql "SELECT id FROM build WHERE build = '34'")
	post "/api/v1/builds/$old/promote" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"channel":"main"}'
	expect_status 200
	settled
	expect_state installed
	rollout '{"back":true}'
	wait_until state_is queued
	arrives
	[ "$(version_on_phone)" = "['34']" ]
	# mia is in the audience no more
	rollout '{"remove_on_leave":true}'
	audience main '{"person":"paul"}'
	wait_until state_is removing
	never command_waits RemoveApplication
	passes 3600
	wait_until command_waits RemoveApplication
	connects
	expect_state removed
	[ "$(version_on_phone)" = none ]
	judged
}

@test "a newer build goes out in waves, which can be paused, stepped and stopped, and at the hours that are set" {
	published build=34
	rollout '{"keep_current":true,"pace":"step","percent":25}'
	phone_of mia --supervised
	wants
	arrives
	# 100 devices that have the app, as their lists say: the waves are about rows, not about phones
	sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
		INSERT INTO device (id, udid, person_id, os_version, created, changed) SELECT 'wave' || i, 'udid' || i, (SELECT id FROM person WHERE name = 'mia'), '18.1', 0, 0 FROM n;
		INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created) SELECT 'e' || id, id, 's', 'enrolled', id, 8191, 0 FROM device WHERE id LIKE 'wave%';
		UPDATE device SET enrollment_id = 'e' || id WHERE id LIKE 'wave%';
		INSERT INTO installed_app (device_id, bundle_id, version, installed, managed, state, at) SELECT id, '$APP', '34', TRUE, TRUE, 'Managed', 0 FROM device WHERE id LIKE 'wave%';
		INSERT INTO managed_app (device_id, bundle_id, build_id, cause, state, ours, changed) SELECT id, '$APP', '$BUILD', 'asked', 'installed', TRUE, 0 FROM device WHERE id LIKE 'wave%';"
	on_their_way() { sql "SELECT count(*) FROM managed_app WHERE build_id = '$BUILD' AND state = 'queued'"; }
	published build=35
	settled
	local first
	first=$(on_their_way)
	[ "$first" -ge 10 ] && [ "$first" -le 40 ] || { echo "$first of 100 at 25 %"; return 1; }
	# paused: what waits for its device goes back, and a step later nobody has more
	rollout '{"paused":true}'
	settled
	[ "$(on_their_way)" = 0 ]
	[ "$(sql "SELECT count(*) FROM managed_app WHERE build_id = '$BUILD' AND state = 'wanted' AND why = 'held' AND attempts = 0")" = "$first" ]
	never command_waits InstallApplication
	post "/api/v1/apps/$APP/rollout/step" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"build_id\":\"$BUILD\"}"
	expect_status 200
	settled
	[ "$(on_their_way)" = 0 ]
	rollout '{"paused":false}'
	settled
	local second
	second=$(on_their_way)
	[ "$second" -gt "$first" ] && [ "$second" -le 75 ] || { echo "$second of 100 at 50 %"; return 1; }
	# stopped: what has not gone out yet does not
	post "/api/v1/apps/$APP/rollout/stop" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"build_id\":\"$BUILD\"}"
	settled
	[ "$(on_their_way)" = 0 ]
	get "/api/v1/apps/$APP/rollout" -H "$(bearer admin)"
	expect_json '.waves[0].stopped' true
	expect_json '.waves[0].reached' 50
	# by the day: all of them in four days, and none before its hour
	local hours
	hours=$(TZ=Europe/Berlin date -d "@$((T + 7200))" +%H):00-$(TZ=Europe/Berlin date -d "@$((T + 10800))" +%H):00
	rollout "{\"pace\":\"day\",\"hours\":\"$hours\",\"zone\":\"device\"}"
	sql "INSERT INTO device_fact (device_id, name, value, at) SELECT id, 'time_zone', '\"Europe/Berlin\"', 0 FROM device WHERE id LIKE 'wave%'"
	published build=36
	settled
	[ "$(on_their_way)" = 0 ]
	[ "$(sql "SELECT count(*) FROM managed_app WHERE build_id = '$BUILD' AND state = 'wanted' AND due > $T")" -ge 10 ]
	passes 7200
	settled
	[ "$(on_their_way)" -ge 10 ]
	local day
	for day in 1 2 3; do passes 86400; settled; wait_until sh -c "[ \$(sqlite3 '$DATA/pomona.db' \"SELECT reached FROM rollout_wave WHERE build_id = '$BUILD'\") = $((25 + 25 * day)) ]"; settled; done
	passes 60
	settled
	[ "$(sql "SELECT count(*) FROM managed_app WHERE build_id = '$BUILD' AND state IN ('queued', 'wanted', 'timed_out', 'sent')")" -ge 99 ] || { sql "SELECT state, count(*) FROM managed_app GROUP BY state"; return 1; }
}

@test "what waited for a device goes neither into a pause nor past its hours, comes back after a cleared queue, and what somebody asks for goes" {
	published build=34
	rollout '{"keep_current":true}'
	phone_of mia --supervised
	wants
	arrives
	published build=35
	wait_until state_is queued
	# the phone comes when its hours are over
	local hours
	hours=$(TZ=UTC date -d "@$((T + 7200))" +%H):00-$(TZ=UTC date -d "@$((T + 14400))" +%H):00
	rollout "{\"hours\":\"$hours\",\"zone\":\"server\"}"
	connects
	expect_state wanted held
	[ "$(version_on_phone)" = "['34']" ]
	[ "$(row attempts)" = 0 ]
	never command_waits InstallApplication
	passes 7200
	wait_until command_waits InstallApplication
	# a queue that is cleared says nothing of the app
	delete "/api/v1/devices/$ID/commands" -H "$(bearer admin)"
	expect_status 200
	expect_state wanted cleared
	passes 901
	wait_until command_waits InstallApplication
	# paused while it waits: nothing begins, but for who asks
	rollout '{"paused":true,"hours":""}'
	expect_state wanted held
	connects
	[ "$(version_on_phone)" = "['34']" ]
	wants
	expect_status 202
	arrives
	[ "$(version_on_phone)" = "['35']" ]
	judged
}

@test "an app is told what it is told for its person, and again when that changes" {
	published build=34
	phone_of mia --supervised
	configure() { ask "$1" "/api/v1/apps/$APP/configurations$2" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "$3"; }
	configure POST "" '{"name":"paul","audience":{"person":"paul"},"configuration":{"server":"https://paul.example.com"}}'
	expect_status 201
	configure POST "" '{"name":"all","configuration":{"server":"https://example.com/%username%","tries":3,"on":true,"list":["a",{"b":1.5}],"rate":"5%%"}}'
	expect_status 201
	local id
	id=$(json .id)
	expect_not_in "$DATA/pomona.db" "https://example.com/"
	configure POST "" '{"name":"bad","configuration":{"a":null}}'
	expect_problem 422 bad_configuration
	wants
	arrives
	told() { of_phone "[(lambda c: c and dict(sorted(c.items())))(a.get('Configuration')) for a in s['Apps'] if a['Identifier'] == '$APP'][0]"; }
	[ "$(told)" = "{'list': ['a', {'b': 1.5}], 'on': True, 'rate': '5%', 'server': 'https://example.com/mia', 'tries': 3}" ] || { told; return 1; }
	configure PUT "/$id" '{"name":"all","configuration":{"server":"https://two.example.com"}}'
	expect_status 200
	wait_until command_waits Settings
	connects
	[ "$(told)" = "{'server': 'https://two.example.com'}" ] || { told; return 1; }
	# what is not known of her is no text that stays empty: it is said
	configure PUT "/$id" '{"name":"all","configuration":{"who":"%employee_number%"}}'
	wait_until command_waits Settings
	connects
	[[ "$(sql "SELECT error FROM command_history h JOIN command c ON c.id = h.command_id WHERE c.request_type = 'Settings' AND h.state = 'error'")" == *employee_number* ]]
	# known at last, it goes out by itself; and again when it is another one, but not for what is not in it
	attribute() { ask PATCH "/api/v1/people/$(sql "SELECT id FROM person WHERE name = 'mia'")/attributes" -H "$(bearer admin)" \
		-H 'Content-Type: application/json' -d "{\"$1\":\"$2\"}"; }
	for number in 17 18; do
		attribute employee_number "$number"
		expect_status 200
		wait_until command_waits Settings
		connects
		[ "$(told)" = "{'who': '$number'}" ] || { told; return 1; }
	done
	attribute office 4
	looked() { [ "$(sql "SELECT count(*) FROM job WHERE kind = 'managed_app_device' AND dedupe_key NOT LIKE '%again%'")" = 0 ]; }
	wait_until looked
	never command_waits Settings
	delete "/api/v1/apps/$APP/configurations/$id" -H "$(bearer admin)"
	expect_status 204
	wait_until command_waits Settings
	connects
	[ "$(told)" = None ] || { told; return 1; }
	judged
}

@test "in the catalog one's own managed devices are offered, and nobody else's; the console shows how far an app is" {
	published build=34
	phone_of mia --supervised
	sign_in mia
	as mia get "/apps/$APP"
	expect_status 200
	expect_body "/apps/$APP/devices/$ID"
	CSRF=$(form_csrf)
	as mia post "/apps/$APP/devices/$ID" --data-urlencode "csrf=$CSRF"
	expect_status 303
	expect_state queued
	[ "$(row cause)" = asked ]
	# paul's page has no device, and hers is none of his
	sign_in paul
	as paul get "/apps/$APP"
	expect_not_in "$W/body" "$ID"
	CSRF=$(form_csrf)
	as paul post "/apps/$APP/devices/$ID" --data-urlencode "csrf=$CSRF"
	expect_status 404
	arrives
	sign_in anna
	as anna get "/admin/devices/$ID/apps"
	expect_status 200
	expect_body "1.2 (34)"
	CSRF=$(form_csrf)
	as anna post "/admin/devices/$ID/apps" --data-urlencode "csrf=$CSRF" --data-urlencode "bundle_id=$APP" --data-urlencode act=install
	expect_status 409
	expect_body "34 is there already"
	as anna post "/admin/devices/$ID/apps" --data-urlencode "csrf=$CSRF" --data-urlencode "bundle_id=$APP" --data-urlencode act=remove
	expect_status 303
	connects
	expect_state removed
	as anna get "/admin/apps/$APP/devices"
	expect_status 200
	CSRF=$(form_csrf)
	as anna post "/admin/apps/$APP/rollout" --data-urlencode "csrf=$CSRF" -d keep_current=yes -d percent=30 -d pace=day -d zone=server -d hours=22-5
	expect_status 422
	expect_body "is not like 22:00-05:00"
	as anna post "/admin/apps/$APP/rollout" --data-urlencode "csrf=$CSRF" -d keep_current=yes -d percent=30 -d pace=day -d zone=server -d hours=22:00-05:00
	expect_status 303
	as anna post "/admin/apps/$APP/configurations" --data-urlencode "csrf=$CSRF" -d act=add -d name=north -d who=everyone --data-urlencode 'configuration={"a": 1}'
	expect_status 303
	as anna get "/admin/apps/$APP/devices"
	expect_body 'value="30"'
	expect_body "north"
	get "/api/v1/apps/$APP/rollout" -H "$(bearer admin)"
	expect_json .keep_current true
	expect_json .zone server
	expect_json .with_management false
}

@test "a connection that ends as the phone asks costs it a second one, and nothing else (RFC 9112 9.3.1)" {
	local server=$PORT
	published build=34
	mkdir -p "$W/relay"
	start relay python3 "$ROOT/tests/e2e/lib/relay.py" "$W/relay" "$PORT"
	wait_until test -s "$W/relay/port"
	PORT=$(cat "$W/relay/port")	# for phones; a shell asks once a connection
	phone_of mia --supervised
	wants
	arrives
	[ "$(version_on_phone)" = "['34']" ]
	[ "$(grep -c . "$W/relay/cut")" -ge 10 ]
	never grep -E ' unanswered | 0$' "$W/ledger"
	nobody_sent_away
	PORT=$server
}

# What Today says, as a program gets it.
today() { as "$1" get /admin -H 'Accept: application/json'; expect_status 200; }
# phone N: it alone connects; $ID.
only() { ID=$(sql "SELECT id FROM device ORDER BY created, rowid LIMIT 1 OFFSET $1"); PHONE_IS=(--first "$1" --count 1); }

heard_of() { [ "$(sql "SELECT count(*) FROM device WHERE seen > $(($(date -u -d "$(cat "$W/clock")" +%s) - 86400))")" = "$1" ]; }	# written behind

@test "Today counts devices by what they need and installs by day, and each number leads to just those" {
	local n ids=()
	published build=34
	for n in 0 1 2 3; do
		NUMBER=$n phone_of mia
		only $n
		ids+=("$ID")
		connects
	done
	passes $((15 * 86400))
	for n in 0 1 3; do only $n; connects; done	# number 2 is heard of no more
	# it comes to two, of which mia has it for the first time once; is on its way to a third, and fails there
	only 0; wants; arrives
	passes 60
	only 1; wants; arrives
	only 3; wants; connects --app-reject NotSupported; expect_state failed rejected
	published build=35
	only 1; wants; expect_state queued
	wait_until heard_of 3
	sign_in anna
	today anna
	expect_json '.devices | "\(.total) \(.current) \(.updating) \(.quiet) \(.attention) \(.silent_days)"' '4 1 1 1 1 14'
	expect_json '.installs | "\(.total) \(.most) \(.weeks[3].first) \(.weeks[3].again) \(.bars | length) \(.bars[27].first)"' '2 2 1 1 28 40'
	for n in "0 current" "1 updating" "2 silent" "3 attention"; do
		get "/api/v1/devices?state=${n#* }" -H "$(bearer admin)"
		expect_json '[.items[].id] | @json' "[\"${ids[${n% *}]}\"]"
		as anna get "/admin/devices?state=${n#* }"
		expect_body "/admin/devices/${ids[${n% *}]}"
		[ "$("$POMONA" device list --state "${n#* }" --data "$DATA" --json | jq -r '.[].id')" = "${ids[${n% *}]}" ]
	done
	as anna get /admin
	expect_body 'Need attention'
	expect_body 'Quiet for 14 days'
	expect_body 'href="/admin/devices?state=attention">1</a>'
	expect_body 'Updates'
	# installs are for whoever publishes the app, devices for admins
	sign_in paul
	today paul
	expect_json .devices null
	expect_json .installs.total 2
	sql "UPDATE person SET all_apps = FALSE WHERE name = 'paul'"
	sql "INSERT INTO publisher_app (person_id, bundle_id) SELECT id, 'com.example.other' FROM person WHERE name = 'paul'"
	today paul
	expect_json .installs.total 0
	as paul get /admin
	expect_body 'No app was installed in the last four weeks.'
	expect_not_in "$W/body" 'Need attention'
}
