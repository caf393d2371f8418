#!/usr/bin/env bats
# Testers and their links: made, opened as Safari does, installed as the install daemon does, and what is
# known of it afterwards.
load lib/pomona
load lib/sending

SAFARI='Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'
DAEMON='com.apple.appstored/1.0 iOS/18.1 model/iPhone15,4 hwp/t8130 build/22B83 (6; dt:311)'

setup_file() { pomona_prepare https; }
setup()      { pomona_start_tls; }
teardown()   { stop_started; pomona_stop; }

published() {	# [FILE] [QUERY]
	upload "${1:-$IPAS/enterprise.ipa}" upload ${2:+"$2"}
	expect_status 201
	BUILD=$(json .build.id)
}

# new_link JSON [TOKEN]: $LINK its id, $URL its address.
new_link() {
	post /api/v1/links -H "$(bearer "${2:-upload}")" -H 'Content-Type: application/json' -d "$1"
	expect_status 201
	LINK=$(json .id) URL=$(json .url)
}

# safari NAME get|post PATH [OPTIONS]: an iPhone's browser with its cookies.
safari() {
	local name=$1 how=$2; shift 2
	"$how" "$@" -A "$SAFARI" -H 'Accept: text/html' -b "$W/jar.$name" -c "$W/jar.$name"
}
daemon() { local path=$1; shift; get "$D/$path" -A "${AGENT:-$DAEMON}" "$@"; }

# Where the page's button leads: $D.
button() {
	local itms
	itms=$(grep -o 'itms-services://[^"]*' "$W/body" | head -1)
	[ -n "$itms" ] || { echo "no button"; show; return 1; }
	D=$(python3 -c 'import sys, urllib.parse as u, html
print(u.parse_qs(u.urlsplit(html.unescape(sys.argv[1])).query)["url"][0])' "$itms")
	D=${D%/manifest.plist}
}

# installs of the link: the only one's id in $INSTALL, its events as "opened tapped manifest".
events() {
	get "/api/v1/links/$LINK" -H "$(bearer upload)"
	expect_status 200
	INSTALL=$(json '.installs_seen[0].id')
	EVENTS=$(json '[.installs_seen[0].events[] | .kind + (if .kind == "ipa" then " " + .detail else "" end)] | join(" ")')
}
events_are() { events && [ "$EVENTS" = "$1" ]; }
expect_events() { wait_until events_are "$1" || { echo "expected $1"; echo "they are $EVENTS"; return 1; }; }
state_is_now() { get "/api/v1/links/$LINK" -H "$(bearer upload)" && [ "$(json .state)" = "$1" ]; }
expect_link() { wait_until state_is_now "$1" || { echo "expected $1"; json .state; return 1; }; }

# stalls WHY: the page's own data, once the clock that was moved is seen (the server reads it each second).
stall_is() { safari anna get "$URL" -H 'Accept: application/json' && [ "$(json .stall)" = "$1" ]; }
stalls() { wait_until stall_is "$1" || { json '.stall, .steps'; return 1; }; }
answers() { "${@:2}"; [ "$STATUS" = "$1" ]; }	# STATUS COMMAND...

bare() { tr -d '\r' <"$1" | grep -viE '^(date|x-request-id):'; }

@test "a link leads from Safari to the home screen, and its publisher sees each step" {
	published "$IPAS/enterprise.ipa" '?changelog=Draw'
	new_link "{\"build\":\"$BUILD\",\"email\":\"Anna@Example.com\"}"
	[[ $URL =~ ^https://apps.example.com/i/[A-Za-z0-9_-]{22}$ ]]
	expect_link not_opened
	safari anna get "$URL"
	expect_status 200
	expect_body 'sent to you by paul'
	expect_body 'What to test'
	button
	expect_link opened
	expect_events opened
	safari anna post "$URL/tapped"
	expect_status 204
	expect_events 'opened tapped'
	daemon manifest.plist
	expect_status 200
	daemon manifest.plist
	daemon 57.png
	expect_status 200
	expect_events 'opened tapped manifest icon'
	expect_link used
	daemon app.ipa -r 0-99
	expect_status 206
	daemon app.ipa
	expect_status 200
	expect_events 'opened tapped manifest icon ipa 100 % whole'
	get "/api/v1/installs/$INSTALL" -H "$(bearer read)"
	expect_json .model iPhone15,4
	expect_json .os 18.1
	expect_json .contact anna@example.com
	expect_json .percent 100
	get "/api/v1/installs/$INSTALL" -H "X-Pomona-Link: ${URL##*/}"
	expect_json .state whole
	get "/api/v1/installs/$INSTALL" -H "X-Pomona-Link: AAAAAAAAAAAAAAAAAAAAAA"
	expect_problem 404 not_found
	get "/api/v1/installs/$INSTALL" -H "$(bearer other)"
	expect_problem 404 not_found
	get "/api/v1/installs/$INSTALL"
	expect_problem 404 not_found
}

@test "one browser is one phone from every network and with the next build, and two are two behind one address" {
	pomona_stop
	setting server trusted_proxies '"127.0.0.1"'
	pomona_again
	published "$IPAS/enterprise.ipa" '?channel=qa'
	new_link '{"bundle_id":"com.example.app","channel":"qa","email":"anna@example.com","max_installs":2}'
	local at theirs
	safari anna get "$URL"
	button
	for at in 192.0.2.1 198.51.100.7 2001:db8::1 2001:db8:2::1; do		# Wi-Fi, LTE and their privacy addresses
		daemon manifest.plist -H "X-Forwarded-For: $at"
		expect_status 200
	done
	expect_link used
	expect_json .installs 1
	theirs=$D
	safari ben get "$URL"
	button
	[ "$D" != "$theirs" ]
	daemon manifest.plist -H 'X-Forwarded-For: 192.0.2.1'			# the same model behind the same address
	expect_status 200
	expect_link used_up
	safari cid get "$URL"
	expect_status 404
	app newer.ipa build=35
	upload "$W/newer.ipa" upload '?channel=qa'
	expect_status 201
	safari cid get "$URL"
	expect_status 404
	safari anna get "$URL"			# used up, and by her too: the next build is hers as well
	expect_status 200
	expect_not_in "$W/body" 'Installs left'
	button
	[ "$D" != "$theirs" ]
	safari anna post "$URL/tapped"
	expect_status 204
	daemon manifest.plist -H 'X-Forwarded-For: 203.0.113.9'
	expect_status 200
	get "/api/v1/links/$LINK" -H "$(bearer upload)"
	expect_json .installs 2
	local cookie
	cookie=$(awk '$6 == "pomona_phone" { print $7 }' "$W/jar.anna")
	[ "${#cookie}" -ge 22 ]
	[ "$(sql 'SELECT phone FROM install' | grep -cF "$cookie")" = 0 ]
}

@test "the page after the tap shows what is true, also to who comes back" {
	published
	new_link "{\"build\":\"$BUILD\"}"
	safari anna get "$URL"
	button
	safari anna post "$URL/tapped"
	daemon manifest.plist
	daemon app.ipa -r 0-999
	expect_events 'opened tapped manifest ipa '"$((1000 * 100 / $(stat -c %s "$IPAS/enterprise.ipa"))) %"
	safari anna get "$URL"
	expect_body 'Install again'
	expect_body '<noscript><meta http-equiv="refresh"'
	safari anna get "$URL" -H 'Accept: application/json'
	expect_json '[.steps[].state] | join(" ")' 'done done now wait'
	safari ben get "$URL"		# another one begins for themselves
	expect_not_in "$W/body" 'Install again'
}

@test "a tap that iOS does not follow up is explained after a minute" {
	published
	new_link "{\"build\":\"$BUILD\"}"
	safari anna get "$URL"
	button
	safari anna post "$URL/tapped"
	later 61
	stalls not_asked
	safari anna get "$URL"
	expect_body 'from the App Store is already here'
	daemon manifest.plist
	later 61
	stalls not_begun
	daemon 57.png
	later 61
	stalls not_loading
	safari anna get "$URL"
	expect_body 'Free some storage'
	sql "UPDATE build SET minimum_os = '18.2'"
	stalls old
	safari anna get "$URL"
	expect_body 'Your device says that it has iOS 18.1'
	sign_in paul
	as paul get "/admin/links/$LINK"
	expect_body 'The device has iOS 18.1, the build needs 18.2.'
	sql "UPDATE build SET minimum_os = '16.0'"
	daemon app.ipa
	look_is() { safari anna get "$URL" -H 'Accept: application/json' && [ "$(json .look)" = "$1" ]; }
	wait_until look_is trust
	as paul get "/admin/links/$LINK"
	expect_body 'have them trust the developer'
}

@test "unknown, expired, used up and revoked: the same page to the byte" {
	published
	new_link "{\"build\":\"$BUILD\",\"max_installs\":1}"
	local used=$URL
	safari anna get "$URL"
	button
	daemon manifest.plist
	expect_status 200
	new_link "{\"build\":\"$BUILD\"}"
	local revoked=$URL
	delete "/api/v1/links/$LINK" -H "$(bearer upload)"
	expect_status 204
	new_link "{\"build\":\"$BUILD\",\"expires\":\"2026-11-22T12:30:00Z\"}"
	local expired=$URL
	later 1800
	wait_until answers 404 safari ben get "$expired"
	safari ben get "$BASE/i/AAAAAAAAAAAAAAAAAAAAAA"
	expect_status 404
	cp "$W/body" "$W/unknown"; bare "$W/head" >"$W/unknown.head"
	local url
	for url in "$used" "$revoked" "$expired"; do
		safari ben get "$url"
		expect_status 404
		cmp "$W/body" "$W/unknown"
		diff <(bare "$W/head") "$W/unknown.head"
		safari ben post "$url" -d pin=123456
		expect_status 404
		cmp "$W/body" "$W/unknown"
		get "$url"
		expect_problem 404 not_found
	done
	grep -q 'does not work any more' "$W/unknown"
	daemon app.ipa			# who had begun the last install finishes it
	expect_status 200
	AGENT=other daemon manifest.plist	# what was handed on counts as who had it
	expect_status 200
	get "/api/v1/links?build=$BUILD" -H "$(bearer upload)"
	expect_json '[.items[] | select(.state == "used_up") | .installs] | join(" ")' 1
}

@test "revoking ends what the link has given, at once" {
	published
	new_link "{\"build\":\"$BUILD\"}"
	safari anna get "$URL"
	button
	daemon manifest.plist
	expect_status 200
	delete "/api/v1/links/$LINK" -H "$(bearer upload)"
	expect_status 204
	local file
	for file in manifest.plist app.ipa 57.png 512.png; do
		daemon "$file"
		expect_status 404
	done
	safari anna get "$URL"
	expect_status 404
}

@test "a PIN stands before the button, and five wrong ones make it wait" {
	published
	new_link "{\"build\":\"$BUILD\",\"pin\":\"482913\"}"
	safari anna get "$URL"
	expect_body 'inputmode="numeric"'
	expect_not_in "$W/body" itms-services
	local i
	for i in 4 3 2 1; do
		safari anna post "$URL" -d pin=000000
		expect_status 422
		expect_body "Tries left: $i."
	done
	safari anna post "$URL" -d pin=000000
	expect_status 422
	expect_body 'Wait 15 minutes'
	safari anna post "$URL" -d pin=482913
	expect_status 429
	later 900
	wait_until answers 422 post "$URL" -d pin=1
	expect_problem 422 wrong_pin
	safari anna post "$URL" -d pin=482913
	expect_status 303
	expect_header Location "/i/${URL##*/}?begin=yes"
	safari anna get "$URL?begin=yes"
	button
	expect_body data-begin
	expect_not_in "$W/body" 'inputmode="numeric"'
	expect_events 'opened tapped'
	daemon manifest.plist
	expect_status 200
	safari ben get "$URL"		# has not given it
	expect_not_in "$W/body" itms-services
	new_link "{\"build\":\"$BUILD\",\"pin\":true}"
	[[ $(json .pin) =~ ^[0-9]{6}$ ]]
}

@test "taps of one link have bounds, and who taps again goes on with their install" {
	installs() { sqlite3 "$DATA/pomona.db" 'SELECT count(*) FROM install'; }
	no_button() { safari anna get "$URL" && ! grep -q itms-services "$W/body"; }

	published
	new_link "{\"build\":\"$BUILD\",\"pin\":\"482913\"}"
	safari anna post "$URL" -d pin=482913
	expect_status 303
	local i
	for i in 1 2 3; do
		safari anna post "$URL" -d pin=482913
		expect_status 303
	done
	[ "$(installs)" = 1 ]
	later 3600
	wait_until no_button
	safari anna post "$URL" -d pin=482913	# her grant is over: a new one
	expect_status 303
	[ "$(installs)" = 2 ]

	# Whoever keeps no cookie makes so many a minute and no more.
	for i in $(seq 64); do
		post "$URL" -d pin=482913
		echo "$STATUS"
	done >"$W/codes"
	[ "$(grep -c 303 "$W/codes")" -ge 58 ]
	[ "$(tail -1 "$W/codes")" = 429 ]
	[ "$(installs)" -le 62 ]
}

@test "a link that was sent to somebody and forwarded installs nothing for whoever it was forwarded to" {
	published
	new_link "{\"build\":\"$BUILD\",\"email\":\"anna@example.com\",\"sign_in\":true}"
	sql "UPDATE person SET email = 'Anna@Example.com' WHERE name = 'anna'"
	sign_in mia
	as mia get "$URL" -A "$SAFARI"
	expect_status 403
	expect_body 'This link is for somebody else'
	expect_body 'Ask paul for your own link to Demo App'
	expect_not_in "$W/body" itms-services
	as mia post "$URL" -A "$SAFARI" -d pin=
	expect_status 403
	as mia get "${URL/\/i\///udid/}/register.mobileconfig" -A "$SAFARI"
	expect_status 403
	as mia get "$URL" -A "$SAFARI" -H 'Accept: application/json'
	expect_problem 403 not_recipient
	[ "$(sql 'SELECT count(*) FROM install')" = 0 ]
	sign_in anna
	as anna get "$URL" -A "$SAFARI"
	expect_status 200
	button
	daemon manifest.plist
	expect_status 200
	# It ends with her account, also for who has the address of the manifest.
	sql "UPDATE person SET disabled = 1 WHERE name = 'anna'"
	daemon manifest.plist
	expect_status 404
	daemon app.ipa
	expect_status 404
	safari ben get "$URL"
	expect_status 404
	expect_body 'does not work any more'
}

@test "a link that asks for a sign-in shows its button to who is signed in" {
	published
	new_link "{\"build\":\"$BUILD\",\"sign_in\":true}"
	safari mia get "$URL"
	expect_body "/login?next=/i/${URL##*/}"
	expect_not_in "$W/body" itms-services
	safari mia post "$URL"
	expect_header Location "/login?next=/i/${URL##*/}"
	sign_in mia
	as mia get "$URL" -A "$SAFARI"
	button
	daemon manifest.plist
	expect_status 200
	get "/api/v1/links/$LINK" -H "$(bearer upload)"
	expect_json '.installs_seen[0].person' mia
	new_link "{\"build\":\"$BUILD\"}"
	ask PUT /api/v1/apps/com.example.app/links -H "$(bearer upload)" -d '{"sign_in":true}'
	expect_status 200
	safari ben get "$URL"
	expect_not_in "$W/body" itms-services
}

@test "a link to a channel follows it" {
	published "$IPAS/enterprise.ipa" '?channel=qa'
	new_link '{"bundle_id":"com.example.app","channel":"qa","contact":null,"phone":"+49 151 2345678"}'
	safari anna get "$URL"
	button
	local first=$D
	get "/api/v1/links/$LINK" -H "$(bearer upload)"
	expect_json '(.expires | fromdate) - (.created | fromdate) | . / 86400' 90
	app newer.ipa build=35 version=9.9
	upload "$W/newer.ipa" upload '?channel=qa'
	expect_status 201
	safari anna get "$URL"
	expect_body 9.9
	button
	[ "$D" != "$first" ]
	daemon manifest.plist
	expect_status 200
}

@test "links of apps that somebody does not publish are missing to them" {
	published
	new_link "{\"build\":\"$BUILD\"}"
	post /api/v1/links -H "$(bearer other)" -d "{\"build\":\"$BUILD\"}"
	expect_problem 404 not_found
	post /api/v1/links -H "$(bearer other)" -d '{"bundle_id":"com.example.app","channel":"main"}'
	expect_problem 404 not_found
	get "/api/v1/links/$LINK" -H "$(bearer other)"
	expect_problem 404 not_found
	delete "/api/v1/links/$LINK" -H "$(bearer other)"
	expect_problem 404 not_found
	post "/api/v1/links/$LINK/send" -H "$(bearer other)"
	expect_problem 404 not_found
	get "/api/v1/links" -H "$(bearer other)"
	expect_json '.items | length' 0
	get "/api/v1/installs" -H "$(bearer other)"
	expect_json '.items | length' 0
	get "/api/v1/links" -H "$(bearer read)"
	expect_status 403
	get "/api/v1/links?build=$BUILD" -H "$(bearer upload)"
	expect_json '.items | length' 1
	post /api/v1/links -H "$(bearer upload)" -d '{"build":"aaaaaaaaaaaaaaaa"}'
	expect_problem 404 not_found
	[ "$(sqlite3 "$DATA/pomona.db" 'SELECT count(*) FROM contact')" = 0 ]
}

@test "what makes no sense is refused with its reason" {
	published
	local body
	for body in '{}' "{\"build\":\"$BUILD\",\"expires\":\"2020-01-01T00:00:00Z\"}" "{\"build\":\"$BUILD\",\"expires\":true}" \
		"{\"build\":\"$BUILD\",\"pin\":\"12\"}" "{\"build\":\"$BUILD\",\"pin\":482913}" "{\"build\":\"$BUILD\",\"max_installs\":-1}" \
		"{\"build\":\"$BUILD\",\"send\":\"pigeon\"}" "{\"build\":\"$BUILD\",\"send\":true}" "{\"build\":7}" \
		"{\"build\":\"$BUILD\",\"email\":\"no address\"}" "{\"build\":\"$BUILD\",\"phone\":\"0151\"}" \
		"{\"build\":\"$BUILD\",\"channel\":\"main\",\"bundle_id\":\"com.example.app\"}"; do
		post /api/v1/links -H "$(bearer upload)" -d "$body"
		expect_status 422 || { echo "$body"; return 1; }
	done
	post /api/v1/links -H "$(bearer upload)" -d "{\"build\":\"$BUILD\",\"email\":\"a@example.com\",\"send\":\"mail\"}"
	expect_problem 409 no_mail
	[ "$(sqlite3 "$DATA/pomona.db" 'SELECT (SELECT count(*) FROM link) + (SELECT count(*) FROM contact)')" = 0 ]
}

@test "other apps' browsers are sent to Safari, and what a preview fetches opens nothing" {
	published
	new_link "{\"build\":\"$BUILD\"}"
	get "$URL" -A 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)' -H 'Accept: text/html'
	expect_status 200
	ask HEAD "$URL" -A "$SAFARI"
	expect_status 200
	expect_link not_opened
	get "$URL" -A 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0' -H 'Accept: text/html'
	expect_body 'Open this page in Safari'
	expect_not_in "$W/body" itms-services
	expect_link opened
	get "$URL" -A 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15' -H 'Accept: text/html'
	button			# an iPad may say that it is a Mac
	expect_body 'class="qr"'
	get "$URL/qr.svg"
	expect_header Content-Type image/svg+xml
}

@test "an iOS that is too old is told before the tap, as far as Safari tells" {
	published	# needs 15.0
	new_link "{\"build\":\"$BUILD\"}"
	get "$URL" -H 'Accept: text/html' -A 'Mozilla/5.0 (iPhone; CPU iPhone OS 14_8 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/14.1.2 Mobile/15E148 Safari/604.1'
	expect_body 'needs iOS 15.0'
	expect_body 'has iOS 14.8'
	expect_body 'Install anyway'
}

@test "an iPhone is told that a build is made for the iPad alone, and an iPad is not" {
	app tablet.ipa id=com.example.tablet name=Tablet family=2
	published "$W/tablet.ipa"
	new_link "{\"build\":\"$BUILD\"}"
	safari anna get "$URL"
	expect_status 200
	expect_body 'Not made for iPhone'
	expect_body 'This version runs on: iPad'
	expect_body 'Install anyway'
	get "$URL" -H 'Accept: application/json' -A "$SAFARI"
	[ "$(json .fit)" = family ]
	local ipad
	for ipad in '(iPad; CPU OS 18_1 like Mac OS X)' '(Macintosh; Intel Mac OS X 10_15_7)'; do
		get "$URL" -H 'Accept: text/html' -A "Mozilla/5.0 $ipad AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
		expect_status 200
		expect_not_in "$W/body" 'Not made for iPhone'
		button
	done
	# and of one that is made for both nobody hears it
	app both.ipa id=com.example.both name=Both family=1,2
	published "$W/both.ipa"
	new_link "{\"build\":\"$BUILD\"}"
	safari anna get "$URL"
	expect_status 200
	expect_not_in "$W/body" 'Not made for iPhone'
	button
}

# The address is loopback's, so the kernel's count of what was taken is that of a real connection.
@test "a download under way shows how far it is, and one that breaks off counts for what arrived" {
	app big.ipa mb=24
	published "$W/big.ipa"
	new_link "{\"build\":\"$BUILD\"}"
	safari anna get "$URL"
	button
	daemon manifest.plist
	curl -sS --connect-to "::127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" -A "$DAEMON" --limit-rate 4M -o "$W/part" "$D/app.ipa" 3>&- &
	local loading=$!
	under_way() { events && [[ $EVENTS =~ ipa\ ([0-9]+)\ %$ ]] && [ "${BASH_REMATCH[1]}" -ge 10 ]; }
	wait_until under_way || { echo "$EVENTS"; return 1; }
	kill "$loading"; wait "$loading" || true
	[ "${BASH_REMATCH[1]}" -lt 100 ]
	local have size
	have=$(stat -c %s "$W/part") size=$(stat -c %s "$W/big.ipa")
	written() { events && [ "$(json '.installs_seen[0].bytes')" -gt 0 ]; }
	wait_until written
	daemon app.ipa -r "$have-"
	expect_status 206
	# What was in the sockets when it broke counts too: so it may be whole, or short of a little.
	expect_done() { events && [[ $EVENTS == *whole || $EVENTS =~ ipa\ 9[0-9]\ %$ ]]; }
	wait_until expect_done || { echo "$EVENTS"; return 1; }
	daemon app.ipa
	expect_events 'opened manifest ipa 100 % whole'
}

@test "behind a proxy on a unix socket a download shows how far it is as well" {
	pomona_stop
	settings_of server base_url "\"https://$HOST\"" trusted_proxies '"unix"'
	"$POMONA" serve --data "$DATA" --listen "unix:$W/sock" --plain >"$W/ready" 2>>"$W/log" 3>&- &
	PID=$!
	wait_until grep -q '^ready ' "$W/ready"
	SOCKET=(--unix-socket "$W/sock")
	app big.ipa mb=24
	local base=http://$HOST
	curl -sS "${SOCKET[@]}" -T "$W/big.ipa" -H "$(bearer upload)" -o "$W/body" $base/api/v1/upload
	BUILD=$(json .build.id)
	curl -sS "${SOCKET[@]}" -H "$(bearer upload)" -d "{\"build\":\"$BUILD\"}" -o "$W/body" $base/api/v1/links
	LINK=$(json .id) URL=$(json .url)
	curl -sS "${SOCKET[@]}" -A "$SAFARI" -H 'Accept: text/html' -o "$W/body" "$base/i/${URL##*/}"
	button
	D=$base/d/${D##*/}
	curl -sS "${SOCKET[@]}" -A "$DAEMON" -o /dev/null "$D/manifest.plist"
	curl -sS "${SOCKET[@]}" -A "$DAEMON" --limit-rate 4M -o "$W/part" "$D/app.ipa" 3>&- &
	local loading=$!
	under_way() {
		curl -sS "${SOCKET[@]}" -H "$(bearer upload)" -o "$W/body" "$base/api/v1/links/$LINK"
		[[ $(json '.installs_seen[0].percent') =~ ^[0-9]+$ ]] || return 1
		[ "$(json '.installs_seen[0].percent')" -ge 10 ]
	}
	wait_until under_way
	[ "$(json '.installs_seen[0].percent')" -lt 100 ]
	kill "$loading"; wait "$loading" || true
}

@test "an install from the catalog tells its person how far it is" {
	published
	sign_in mia
	as mia post "/apps/com.example.app/builds/$BUILD/install" --data-urlencode "csrf=$CSRF"
	expect_status 200
	button
	local status
	status=$(grep -o 'data-live="[^"]*"' "$W/body" | cut -d'"' -f2)
	[[ $status == /apps/com.example.app/installs/* ]]
	daemon manifest.plist
	follows() { as mia get "$status" -H 'Accept: application/json' && [ "$(json '[.steps[].state] | join(" ")')" = 'done done now wait' ]; }
	wait_until follows
	as mia get "$status"
	expect_body 'Install again'
	sign_in anna
	as anna get "$status"
	expect_status 404
	get "/api/v1/installs/${status##*/}" -H "$(bearer admin)"
	expect_json .person mia
	get "/api/v1/installs?person=mia" -H "$(bearer admin)"
	expect_json '[.items[].id] | join(" ")' "${status##*/}"
	get "/api/v1/installs?person=paul" -H "$(bearer admin)"
	expect_json '.items | length' 0
	as anna get "/admin/installs?person=mia"
	expect_body "mia"
	as anna get "/admin/installs?person=paul"
	expect_body "card empty"
}

@test "kill -9 loses no link and no count of installs" {
	published
	new_link "{\"build\":\"$BUILD\",\"max_installs\":1}"
	safari anna get "$URL"
	button
	daemon manifest.plist
	expect_status 200
	pomona_kill
	pomona_again
	safari ben get "$URL"
	expect_status 404
	daemon app.ipa
	expect_status 200
}

# ---- the console, and sending ----

form() { local name=$1 path=$2; shift 2; as "$name" post "$path" --data-urlencode "csrf=$CSRF" "$@"; }

@test "a publisher sends a build to a group from the console, by mail and SMS, and sees what became of it" {
	smtpd mail --tls tls
	mkdir "$W/gateway"
	start gateway "$DEBIAN_PYTHON" "$ROOT/tests/e2e/lib/gateway.py" "$W/gateway"
	wait_until test -s "$W/gateway/port"
	settings_of smtp url "\"smtps://127.0.0.1:$SMTP\"" from '"Apps <apps@example.com>"' ca_file "\"$W/tls/ca.pem\""
	settings_of sms driver '"http"' url "\"http://127.0.0.1:$(cat "$W/gateway/port")/send?to={to}&text={text}\""
	settings_of egress allow '"127.0.0.1"'
	set_clock "$NOW"
	published "$IPAS/enterprise.ipa" '?changelog=Draw%20with%20gloves'
	sign_in paul
	form paul /admin/testers -d name=Anna --data-urlencode 'email=anna@example.com' -d language=de
	expect_status 303
	form paul /admin/testers -d name=Ben --data-urlencode 'phone=+49 151 2345678'
	expect_status 303
	form paul /admin/testers -d name=Carl --data-urlencode 'email=ANNA@example.com'
	expect_status 409
	expect_body 'anna@example.com is Anna'
	form paul /admin/tester-groups -d name=QA
	as paul get /admin/testers
	local group anna ben
	group=$(grep -o '/admin/tester-groups/[a-z0-9]*' "$W/body" | head -1 | cut -d/ -f4)
	anna=$(sqlite3 "$DATA/pomona.db" "SELECT id FROM contact WHERE name = 'Anna'") ben=$(sqlite3 "$DATA/pomona.db" "SELECT id FROM contact WHERE name = 'Ben'")
	form paul "/admin/testers/$anna" -d name=Anna --data-urlencode 'email=anna@example.com' -d language=de -d "group=$group"
	expect_status 303
	as paul get "/admin/builds/$BUILD/send"
	expect_status 200
	expect_body 'of the 160 characters of one SMS'
	form paul "/admin/builds/$BUILD/send" -d to=build -d "group=$group" -d "contact=$ben" -d days=3 -d installs=1 -d pin=yes -d way=any
	expect_status 201
	expect_body 'Links are made'
	local pin
	pin=$(grep -o 'PIN <bdi>[0-9]*' "$W/body" | grep -o '[0-9]*$')
	[ ${#pin} = 6 ]
	expect_state anna@example.com sent
	expect_state +491512345678 sent
	# The mail is German, has a button, a code and a way out; the PIN is not in it.
	python3 - "$W/mail" "$pin" <<-'PY'
		import email, email.policy, glob, sys
		mail = email.message_from_bytes(open(sorted(glob.glob(sys.argv[1] + "/*.eml"))[-1], "rb").read(), policy=email.policy.default)
		assert mail["Subject"] == "Demo App 1.2 zum Testen", mail["Subject"]
		assert mail["List-Unsubscribe"] and "/unsubscribe" in mail["List-Unsubscribe"], mail["List-Unsubscribe"]
		assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
		text = mail.get_body(("plain",)).get_content()
		assert "Draw with gloves" in text and "paul schickt" in text and "PIN" in text and sys.argv[2] not in text, text
		assert "https://apps.example.com/i/" in text
	PY
	local sms
	sms=$(python3 -c 'import json, sys, urllib.parse as u
print(u.parse_qs(u.urlsplit(json.loads(open(sys.argv[1]).readline())["path"]).query)["text"][0])' "$W/gateway/asked")
	[ ${#sms} -le 160 ]
	[[ $sms == *https://apps.example.com/i/* ]]
	as paul get "/admin/links?build=$BUILD"
	expect_body 'not opened'
	URL=${sms#*https://apps.example.com} URL=$BASE${URL%% *}
	safari ben post "$URL" -d "pin=$pin"
	expect_status 303
	safari ben get "$URL"
	button
	daemon manifest.plist
	expect_status 200
	LINK=$(sqlite3 "$DATA/pomona.db" "SELECT id FROM link WHERE contact_id = '$ben'")
	expect_events 'opened tapped manifest'
	as paul get "/admin/links/$LINK"
	expect_body 'iPhone15,4, iOS 18.1'
	expect_body 'used up'
	as paul get "/admin/installs?build=$BUILD"
	expect_body 'The device asked for the app'
	# Sent again it is the same address.
	LINK=$(sqlite3 "$DATA/pomona.db" "SELECT id FROM link WHERE contact_id = '$anna'")
	form paul "/admin/links/$LINK/send"
	expect_header Location "/admin/links/$LINK?changed=sent"
	wait_until test -s "$W/mail/2.eml"
	addresses() { cat "$W"/mail/*.eml | grep -o 'List-Unsubscribe: <[^>]*' | sort -u; }
	[ "$(addresses | wc -l)" = 1 ]
	form paul "/admin/links/$LINK/revoke"
	expect_header Location "/admin/links/$LINK?changed=revoked"
	form paul "/admin/links/$LINK/send"
	expect_status 409
	form paul "/admin/testers/$anna/remove"
	expect_header Location "/admin/testers?changed=removed"
}

@test "a table of testers is shown first, bad rows with their reason, and kept when they say so" {
	sign_in paul
	printf '\xef\xbb\xbfMobil;Name;E-Mail;Gruppe\r\n+49 151 2345678;"Nair; Anna";anna@example.com;QA\r\n;;no address;\r\n' >"$W/testers.csv"
	as paul post /admin/testers/import -F "csrf=$CSRF" -F "file=@$W/testers.csv" -F group=Field
	expect_status 200
	expect_body 'Nair; Anna'
	expect_body '&quot;no address&quot; is no e-mail address'
	[ "$(sqlite3 "$DATA/pomona.db" 'SELECT count(*) FROM contact')" = 0 ]
	form paul /admin/testers/import --data-urlencode "csv@$W/testers.csv" -d group=Field -d keep=yes
	expect_status 303
	[ "$(sqlite3 "$DATA/pomona.db" 'SELECT count(*) FROM contact_member')" = 2 ]
	post '/api/v1/contacts/import?keep=yes' -H "$(bearer upload)" -H 'Content-Type: text/csv' --data-binary "@$W/testers.csv"
	expect_json .counts.same 1
	expect_json '.items[1].line' 3
	get /api/v1/contacts -H "$(bearer upload)"
	expect_json '.items[0].groups | map(.name) | join(" ")' 'Field QA'
	get /api/v1/contacts -H "$(bearer other)"
	expect_status 403
	get /api/v1/contacts -H "$(bearer read)"
	expect_status 403
	as paul post /admin/testers/import -F "csrf=$CSRF" -F "file=@$IPAS/enterprise.ipa"
	expect_status 422
	sign_in mia
	as mia get /admin/testers
	expect_status 403
}

@test "one click ends the notices, without a sign-in, and looking changes nothing" {
	published
	new_link "{\"build\":\"$BUILD\",\"email\":\"anna@example.com\"}"
	quiet() { sqlite3 "$DATA/pomona.db" 'SELECT quiet FROM contact'; }
	safari anna get "$URL/unsubscribe"
	expect_status 200
	[ "$(quiet)" = 0 ]
	post "$URL/unsubscribe" -d List-Unsubscribe=One-Click
	expect_status 200
	[ "$(quiet)" = 1 ]
	safari anna post "$URL/unsubscribe" -d again=yes
	[ "$(quiet)" = 0 ]
	delete "/api/v1/links/$LINK" -H "$(bearer upload)"
	post "$URL/unsubscribe" -d List-Unsubscribe=One-Click
	expect_status 200
	[ "$(quiet)" = 1 ]
	# which tokens there were is told to nobody: what is over is answered as what never was, to the letter
	local token do
	said() { expect_status 200; sed "s/$token/TOKEN/g" "$W/body" >>"$W/said.$token"; }
	for token in "${URL##*/}" AAAAAAAAAAAAAAAAAAAAAA short; do
		for do in List-Unsubscribe=One-Click again=yes; do
			get "/i/$token/unsubscribe" -H 'Accept: application/json'; said
			get "/i/$token/unsubscribe" -H 'Accept: text/html'; said
			post "/i/$token/unsubscribe" -H 'Accept: application/json' -d "$do"; said
			post "/i/$token/unsubscribe" -H 'Accept: text/html' -d "$do"; said
		done
	done
	[ "$(quiet)" = 0 ]
	diff "$W/said.${URL##*/}" "$W/said.AAAAAAAAAAAAAAAAAAAAAA"
	diff "$W/said.${URL##*/}" "$W/said.short"
	[ "$(grep -c TOKEN "$W/said.short")" -ge 8 ]
	[ "$(grep -c 'Demo App' "$W/said.${URL##*/}")" = 0 ]
}

# What was sent to somebody, a subject a line.
sent_to() { sqlite3 "$DATA/pomona.db" "SELECT subject FROM message WHERE recipient = '$1' ORDER BY rowid"; }
no_notices_wait() { [ "$(sqlite3 "$DATA/pomona.db" "SELECT count(*) FROM job WHERE kind = 'notice_build' AND NOT dead")" = 0 ]; }

@test "testers of a channel are told of a new build once, and those of earlier builds get a link to it" {
	smtpd mail --tls tls
	settings_of smtp url "\"smtps://127.0.0.1:$SMTP\"" from '"Apps <apps@example.com>"' ca_file "\"$W/tls/ca.pem\""
	settings_of egress allow '"127.0.0.1"'
	set_clock "$NOW"
	published "$IPAS/enterprise.ipa" '?channel=qa'
	new_link '{"bundle_id":"com.example.app","channel":"qa","email":"anna@example.com"}'
	local anna=$URL
	new_link "{\"build\":\"$BUILD\",\"email\":\"ben@example.com\"}"
	new_link "{\"build\":\"$BUILD\",\"email\":\"pia@example.com\",\"pin\":true}"
	new_link '{"bundle_id":"com.example.app","channel":"qa","email":"quiet@example.com"}'
	post "$URL/unsubscribe" -d List-Unsubscribe=One-Click
	# one that no mail server takes, from before addresses were looked at so closely: before everybody else
	new_link '{"bundle_id":"com.example.app","channel":"qa","email":"odd@example.com"}'
	sqlite3 "$DATA/pomona.db" "PRAGMA foreign_keys = OFF; UPDATE contact SET email = 'odd@-example.com', id = '0' WHERE email LIKE 'odd@%';
		UPDATE link SET contact_id = '0' WHERE contact_id NOT IN (SELECT id FROM contact)"
	app newer.ipa build=35 version=9.9
	upload "$W/newer.ipa" upload '?channel=qa&changelog=Draw%20with%20gloves'
	expect_status 201
	expect_state anna@example.com sent
	expect_state ben@example.com sent
	wait_until no_notices_wait
	[ "$(sent_to anna@example.com)" = 'New: Demo App 9.9 (35)' ]
	[ -z "$(sent_to quiet@example.com)$(sent_to pia@example.com)" ]
	# Its publisher hears of the other two, and why.
	grep -q 'testers are not told of a build.*channel=qa testers=1 why="their links lead to an earlier build and ask for a PIN"' "$W/log"
	sign_in paul
	as paul get "/admin/apps/com.example.app/builds/$(sql "SELECT id FROM build WHERE build = '35'")" -H 'Accept: application/json'
	expect_json '.build.notices | [.told, (.missed[] | .why, .n)] | join(" ")' '2 pin 1 address 1'
	as paul get "/admin/apps/com.example.app/builds/$(sql "SELECT id FROM build WHERE build = '35'")"
	expect_body 'Testers not told'
	python3 - "$W/mail" "$anna" <<-'PY'
		import email, email.policy, glob, re, sys
		texts = {}
		for name in glob.glob(sys.argv[1] + "/*.eml"):
		    mail = email.message_from_bytes(open(name, "rb").read(), policy=email.policy.default)
		    texts[mail["To"].addresses[0].addr_spec] = mail.get_body(("plain",)).get_content()
		assert sys.argv[2] in texts["anna@example.com"], texts
		assert "Draw with gloves" in texts["anna@example.com"]
		ben = re.search(r"https://apps\.example\.com/i/\S+", texts["ben@example.com"]).group()
		assert ben != sys.argv[2]
		open(sys.argv[1] + "/ben", "w").write(ben)
	PY
	safari ben get "$(cat "$W/mail/ben")"
	expect_status 200
	expect_body 9.9
	# The same once more tells nobody again; a silent one nobody at all.
	local id
	id=$(sqlite3 "$DATA/pomona.db" "SELECT id FROM build WHERE build = '35'")
	post "/api/v1/builds/$id/promote" -H "$(bearer upload)" -d '{"channel":"qa"}'
	expect_status 200
	app third.ipa build=36 version=9.9
	upload "$W/third.ipa" upload '?channel=qa&notify=no'
	wait_until no_notices_wait
	[ "$(sent_to anna@example.com | wc -l)" = 1 ]
	[ "$(sent_to ben@example.com | wc -l)" = 1 ]
	app fourth.ipa build=37 version=9.9
	ask PUT /api/v1/upload -T "$W/fourth.ipa" -H "$(bearer upload)" -H 'X-Pomona-Channel: qa' -H 'X-Pomona-Notify: false'
	wait_until no_notices_wait
	[ "$(sent_to anna@example.com | wc -l)" = 1 ]
}

@test "a link shows the icon and the name of its own build, whatever was uploaded to another channel" {
	published
	new_link "{\"build\":\"$BUILD\"}"
	local mine=$URL
	get "$mine/icon.png"
	expect_status 200
	cp "$W/body" "$W/icon"
	published "$IPAS/catalog-icon.ipa" '?channel=secret'	# its icon is drawn
	get "$mine/icon.png"
	expect_status 200
	cmp "$W/body" "$W/icon"
	app rebrand.ipa name=Rebrand build=35
	upload "$W/rebrand.ipa" upload '?channel=secret'
	expect_status 201
	safari anna get "$mine"
	expect_body 'Demo App'
	never grep -q Rebrand "$W/body"
	button
	daemon manifest.plist
	expect_status 200
	expect_body 'Demo App'
	never grep -q Rebrand "$W/body"
	new_link "{\"build\":\"$BUILD\"}"
	get "$URL/icon.png"
	expect_status 200
	never cmp -s "$W/body" "$W/icon"
}

@test "kill -9 in the middle of telling hundreds tells each of them, and nobody twice" {
	# No mail server answers: what is written is what counts here.
	settings_of smtp url '"smtps://127.0.0.1:1"' from '"Apps <apps@example.com>"' ca_file "\"$W/tls/ca.pem\""
	set_clock "$NOW"
	local n=${POMONA_WHOLE:+2000}; n=${n:-200}
	published "$IPAS/enterprise.ipa" '?channel=qa'
	sqlite3 -cmd ".timeout 20000" "$DATA/pomona.db" "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $n)
		INSERT INTO contact (id, name, folded, email, created) SELECT printf('c%05d', i), 'T' || i, 't' || i, 't' || i || '@example.com', 0 FROM c;"
	new_link "{\"build\":\"$BUILD\",\"email\":\"anna@example.com\"}"
	sqlite3 -cmd ".timeout 20000" "$DATA/pomona.db" "INSERT INTO link (id, hash, app_id, build_id, contact_id, person_id, expires, installs_max, created)
		SELECT 'l' || c.id, 'h' || c.id, l.app_id, l.build_id, c.id, l.person_id, l.expires, 0, l.created FROM contact c, link l
		WHERE l.id = '$LINK' AND c.id LIKE 'c0%';"
	app newer.ipa build=35 version=9.9
	upload "$W/newer.ipa" upload '?channel=qa'
	expect_status 201
	told() { [ "$(sqlite3 "$DATA/pomona.db" 'SELECT count(*) FROM notice')" -ge "$1" ]; }
	wait_until told $((n / 10))
	pomona_kill
	local before
	before=$(sqlite3 "$DATA/pomona.db" 'SELECT count(*) FROM notice')
	echo "told $before of $((n + 1)) before"
	[ "$(sqlite3 "$DATA/pomona.db" 'SELECT count(*) FROM message')" = "$before" ]
	pomona_again
	wait_until told $((n + 1)) || { sqlite3 "$DATA/pomona.db" "SELECT count(*) FROM notice; SELECT kind, attempt, owner <> '', last_error FROM job WHERE kind = 'notice_build'"; return 1; }
	wait_until no_notices_wait
	[ "$(sqlite3 "$DATA/pomona.db" 'SELECT count(*) || " " || count(DISTINCT recipient) FROM message')" = "$((n + 1)) $((n + 1))" ]
}
