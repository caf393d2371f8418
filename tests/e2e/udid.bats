# Testers register their iPhones for ad hoc builds by a link; a simulated iPhone (tests/device) does what iOS does.
load lib/pomona
load lib/sending

DEVICE=${POMONA_DEVICE_BIN:-$ROOT/build/debug/device}
MINE=00008120-001A2B3C4D5E801E		# the phone's
OTHER=0123456789abcdef0123456789abcdef01234567
HEAD_LINE=$'Device ID\tDevice Name\tDevice Platform'

setup_file() {
	[ -x "$DEVICE" ] || skip "no $DEVICE"
	pomona_prepare https
	"$DEVICE" ca "$BATS_FILE_TMPDIR/prepared/apple"
}

setup() {
	pomona_data
	cat "$IPAS/root.pem" "$W/tls/ca.pem" >"$W/provision_roots.pem"
	export POMONA__APPLE__EXTRA_PROVISION_ROOTS=$W/provision_roots.pem
	export POMONA__APPLE__EXTRA_DEVICE_ROOTS=$W/apple/root.pem
	pomona_start_tls
}

teardown() { stop_started; pomona_stop; }

# adhoc BUILD UDIDS: an uploaded build that lists these devices; $BUILD is its id.
adhoc() {
	python3 "$ROOT/tests/e2e/lib/make_adhoc.py" "$W/app-$1.ipa" "$W/tls/cert.pem" "$W/tls/key.pem" "$2" "build=$1"
	upload "$W/app-$1.ipa" upload "${NOTIFY-?notify=no}"	# what testers of a channel are told is a story of its own
	expect_status 201
	expect_json .verdict.installable true
	BUILD=$(json .build.id)
}

# link [MORE OF THE JSON]: a tester's link to $BUILD; $LINK is its id, $URL where it registers, $INSTALL its page.
link() {
	post /api/v1/links -H "$(bearer upload)" -d "{\"build\":\"$BUILD\"${1:+,$1}}"
	expect_status 201
	LINK=$(json .id) INSTALL=$(json .url)
	URL=$BASE/udid/${INSTALL##*/}
}

# named NAME: what the only contact is called.
named() { sql "UPDATE contact SET name = '$1'"; }

# A mail server, whose papers are in $W/mail.
mail() {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls '"none"'
	kill -HUP "$PID"
	wait_until grep -q 'read again' "$W/log"
}
mails() { [ "$(cat "$W"/mail/*.eml 2>/dev/null | grep -c '^Message-ID:')" = "$1" ]; }

# The text of mail N, and the link in it: $MAILED.
read_mail() {
	"$DEBIAN_PYTHON" -c 'import email, sys; from email import policy
m = email.message_from_bytes(open(sys.argv[1], "rb").read(), policy=policy.default)
print(m["Subject"]); print(m.get_body(("plain",)).get_content())' "$W/mail/$1.eml" >"$W/mail.txt"
	MAILED=$(grep -o "$BASE/i/[A-Za-z0-9_-]*" "$W/mail.txt" | head -1)
}

# phone [OPTIONS]: registers at $URL; what it saw is in $W/said.
phone() {
	mkdir -p "$W/seen"
	PHONE=0
	"$DEVICE" register "$URL" --ca "$W/apple" --connect "127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" --save "$W/seen" \
		"$@" >"$W/said" 2>"$W/phone.err" || PHONE=$?
	[ $PHONE -lt 2 ] || { cat "$W/phone.err"; tail -5 "$W/log"; return 1; }
}

said() { jq -r "$1" "$W/said"; }
expect_said() { [ "$(said "$1")" = "$2" ] || { echo "expected $1: $2"; cat "$W/said"; tail -3 "$W/log"; return 1; }; }
devices() { sql "SELECT count(*) FROM tester_device"; }
audited() { sql "SELECT count(*) FROM audit WHERE act = '$1'"; }

@test "a tester registers an iPhone by a link, without an account, a cookie or a UDID in any address" {
	adhoc 1 "$OTHER"
	link '"email":"anna@example.com"'
	named "Anna Berg"
	get "$URL" -H 'Accept: text/html'
	expect_status 200
	expect_body "register.mobileconfig"
	[ -z "$(header Set-Cookie)" ]
	phone
	expect_said .status 301
	expect_said .cookie false
	[[ $(said .location) == "$URL"/done/* ]]
	expect_said .done 200
	grep -q 'Anna Berg' "$W/seen/done.html"
	grep -q 'iPhone 15' "$W/seen/done.html"
	grep -q 'iOS 18 (22B83)' "$W/seen/done.html"
	[ "$(sql "SELECT udid, product, version, name FROM tester_device")" = "$MINE|iPhone15,4|22B83|Anna's iPhone" ]
	[ "$(audited device.register)" = 1 ]
	expect_not_in "$W/seen/done.html" "$MINE"
	expect_not_in "$W/log" "$MINE"
	expect_not_in "$W/log" "${URL##*/}"
	expect_not_in "$W/log" "$(basename "$(said .location)")"
	[ -z "$(sql "SELECT 1 FROM audit WHERE object || detail LIKE '%$MINE%'")" ]
	get "$URL" -H 'Accept: text/html'
	expect_body "You are registered"
}

@test "the page after it tells whom it is for, and is nobody else's" {
	adhoc 1 "$MINE"
	link
	phone --name "Lab iPhone"
	get "$(said .location)" -H 'Accept: application/json'
	expect_json .name "Lab iPhone"
	expect_json .listed true
	expect_json .install_url "$INSTALL"
	local view first=$URL
	view=$(basename "$(said .location)")
	link
	get "$URL/done/$view"
	expect_problem 404 not_found
	get "$first/done/x"
	expect_problem 404 not_found
}

@test "the mobileconfig is signed with the server's certificate, and Apple's schema has nothing against it" {
	adhoc 1 "$OTHER"
	link
	phone
	expect_said .signer "$HOST"
	openssl cms -verify -inform DER -in "$W/seen/mobileconfig" -CAfile "$W/tls/ca.pem" -purpose any -out "$W/verified" 2>/dev/null
	cmp "$W/verified" "$W/seen/mobileconfig.plist"
	python3 - "$W/seen/mobileconfig.plist" "$URL" <<-'PY'
		import plistlib, sys
		m = plistlib.load(open(sys.argv[1], "rb"))
		assert m["PayloadType"] == "Profile Service" and m["PayloadVersion"] == 1, m
		assert m["PayloadIdentifier"] == "com.example.apps.udid", m
		assert m["PayloadContent"]["URL"] == sys.argv[2] + "/answer", m
		assert m["PayloadContent"]["DeviceAttributes"] == ["UDID", "PRODUCT", "VERSION", "DEVICE_NAME"], m
		assert len(m["PayloadContent"]["Challenge"]) >= 22, m
	PY
	local first
	first=$(said .challenge)
	phone
	[ "$(said .challenge)" != "$first" ]
	[ -f "$SHARED/apple-schema/check_plist.py" ] || skip "no apple-schema to judge by"
	python3 "$SHARED/apple-schema/check_plist.py" profile-service "$W/seen/mobileconfig.plist"
	openssl cms -verify -noverify -inform DER -in "$W/seen/answer" -out "$W/attributes" 2>/dev/null
	python3 "$SHARED/apple-schema/check_plist.py" ota-device "$W/attributes"
}

@test "registration.sign_cert signs instead, is read anew without a restart, and doctor knows its end" {
	adhoc 1 "$OTHER"
	link
	for name in one two; do
		openssl req -x509 -newkey rsa:2048 -nodes -days 28 -subj "/CN=Example Corp $name" -keyout "$W/$name.key" \
			-out "$W/$name.pem" 2>/dev/null
	done
	cp "$W/one.pem" "$W/sign.pem"
	cp "$W/one.key" "$W/sign.key"
	pomona_stop
	printf 'registration {\n\tsign_cert = "%s"\n\tsign_key = "%s"\n}\n' "$W/sign.pem" "$W/sign.key" >>"$CONF"
	pomona_again
	phone
	expect_said .signer "Example Corp one"
	cp "$W/two.pem" "$W/sign.pem"
	cp "$W/two.key" "$W/sign.key"
	phone
	expect_said .signer "Example Corp two"
	mv "$W/sign.key" "$W/gone.key"
	get "$URL/register.mobileconfig"
	expect_status 500
	expect_not_in "$W/body" sign.key
	mv "$W/gone.key" "$W/sign.key"
	run "$POMONA" doctor --data "$DATA"
	echo "$output" | grep -qE '^warn +signing +mobileconfigs are signed with registration.sign_cert, good until 20'
	set_clock "$(date -u -d '23 days' +%Y-%m-%dT%H:%M:%SZ)"	# openssl made it for four weeks from now
	sign_in anna
	as anna get /admin
	expect_body "Certificate that signs mobileconfigs Example Corp two ends on"
	cp "$W/apple/root.pem" "$W/sign.pem"
	cp "$W/apple/root.key" "$W/sign.key"	# it ended in 2022
	run "$POMONA" doctor --data "$DATA"
	echo "$output" | grep -qE '^fail +signing +registration.sign_cert, which signs mobileconfigs, has expired'
}

@test "without a certificate to sign with its own CA signs the mobileconfig, and without that it is unsigned; both are said" {
	adhoc 1 "$OTHER"
	link
	get "$URL" -H 'Accept: text/html'
	expect_not_in "$W/body" "Not Signed"
	pomona_stop
	sed -i 's|https://|http://|' "$CONF"
	BASE=http://$HOST URL=http://${URL#https://}
	pomona_serve --plain
	get "$URL" -H 'Accept: text/html'
	expect_body "“Not Verified” in red"
	phone
	expect_said .signer "$HOST"
	pomona_stop
	sql "DELETE FROM signing_certificate; UPDATE authority SET retired = 1"
	pomona_serve --plain
	get "$URL" -H 'Accept: text/html'
	expect_body "Not Signed"
	link
	phone
	expect_said .signer null
	expect_said .status 301
}

# The rows of `device answers` that no device sends.
forged() { "$DEVICE" answers | sed -n '/^wrong-ca/,$s/ .*//p' | grep -v '^root-signed$'; }

@test "what no device sends is refused, said once in the log, audited, and kept nowhere" {
	adhoc 1 "$OTHER"
	local kind n=0 lines
	for kind in $(forged); do
		link
		lines=$(grep -c 'path=/udid/.*/answer' "$W/log" || true)
		phone --answer "$kind" || { echo "$kind"; return 1; }
		[[ $(said .status) == 4?? ]] || { echo "$kind: $(said .status)"; return 1; }
		expect_said .location null
		[ "$(grep -c 'path=/udid/.*/answer' "$W/log")" = $((lines + 1)) ] || { echo "$kind: log"; tail -3 "$W/log"; return 1; }
		n=$((n + 1))
		if [ "$kind" = huge ]; then n=$((n - 1)); fi	# refused on its head, before anyone looks
		[ "$(audited device.refused)" = $n ] || { echo "$kind: $(audited device.refused) audit rows, not $n"; return 1; }
	done
	[ "$(devices)" = 0 ]
	[ "$(sql "SELECT count(*) FROM registration_challenge WHERE view <> ''")" = 0 ]
	"$POMONA" doctor --data "$DATA" | grep -qE '^ok +audit'
}

@test "answers as old and new phones give them are taken" {
	adhoc 1 "$OTHER"
	local kind
	for kind in honest der sha1 no-attributes challenge-data; do
		link
		phone --answer "$kind"
		expect_said .status 301
	done
	[ "$(devices)" = 1 ]
}

@test "a challenge is good for one answer to one link within an hour" {
	adhoc 1 "$OTHER"
	link
	phone
	expect_said .status 301
	cp "$W/seen/answer" "$W/first"
	phone --replay "$W/first"
	expect_said .status 403
	local mine=$URL foreign
	link
	get "$URL/register.mobileconfig"
	foreign=$(openssl cms -verify -noverify -inform DER -in "$W/body" 2>/dev/null | sed -n 's/.*<key>Challenge<\/key><string>\(.*\)<\/string>.*/\1/p')
	[ ${#foreign} -ge 22 ]
	URL=$mine
	phone --challenge "$foreign" --udid "$OTHER"
	expect_said .status 403
	phone --challenge "made up" --udid "$OTHER"
	expect_said .status 403
	phone --answer no-challenge --udid "$OTHER"
	expect_said .status 403
	get "$URL/register.mobileconfig"
	foreign=$(openssl cms -verify -noverify -inform DER -in "$W/body" 2>/dev/null | sed -n 's/.*<key>Challenge<\/key><string>\(.*\)<\/string>.*/\1/p')
	set_clock 2026-11-22T13:00:01Z
	phone --challenge "$foreign" --udid "$OTHER"
	expect_said .status 403
	[ "$(devices)" = 1 ]
	[ "$(sql "SELECT count(*) FROM audit WHERE act = 'device.refused' AND detail LIKE '%challenge is unknown, used, expired%'")" = 5 ]
	phone --udid "$OTHER"
	expect_said .status 301
	[ "$(devices)" = 2 ]
}

@test "a link that is unknown, expired or revoked opens nothing here either" {
	adhoc 1 "$OTHER"
	link
	local path
	for path in "" /register.mobileconfig /done/x; do
		get "$BASE/udid/0000000000000000000000$path"
		expect_problem 404 not_found
	done
	post "$BASE/udid/0000000000000000000000/answer" -H 'Content-Type: application/pkcs7-signature' --data-binary x
	expect_problem 404 not_found
	post "$URL/answer" -H 'Content-Type: text/plain' --data-binary x
	expect_status 415
	delete "/api/v1/links/$LINK" -H "$(bearer upload)"
	expect_status 204
	get "$URL"
	expect_problem 404 not_found
	get "$URL/register.mobileconfig"
	expect_problem 404 not_found
	[ "$(audited device.refused)" = 1 ]
}

@test "a link that asks for a sign-in gives its mobileconfig to who is signed in" {
	adhoc 1 "$OTHER"
	link '"sign_in":true'
	get "$URL/register.mobileconfig" -H 'Accept: application/json'
	expect_problem 401 sign_in
	get "$URL/register.mobileconfig" -H 'Accept: text/html'
	expect_status 303
	expect_header Location "/login?next=/udid/${INSTALL##*/}"
	[ "$(sql 'SELECT count(*) FROM registration_challenge')" = 0 ]
	sign_in mia
	as mia get "$URL/register.mobileconfig" -H 'Accept: text/html'
	expect_status 200
	expect_header Content-Type application/x-apple-aspen-config
}

@test "a link that is answered wrongly too often is not looked at for an hour" {
	adhoc 1 "$OTHER"
	link
	local i
	for i in $(seq 20); do
		post "$URL/answer" -H 'Content-Type: application/pkcs7-signature' --data-binary "nothing $i"
		expect_status 400
	done
	phone
	expect_said .status 429
	[ "$(audited device.refused)" = 20 ]
	set_clock 2026-11-22T13:00:01Z
	phone
	expect_said .status 301
}

@test "Apple's names under another root are nothing without the seam for tests" {
	adhoc 1 "$OTHER"
	link
	pomona_stop
	unset POMONA__APPLE__EXTRA_DEVICE_ROOTS
	pomona_again
	phone
	expect_said .status 403
	[ "$(devices)" = 0 ]
}

filled() { [ "$(sql "SELECT count(*) FROM build_device" 2>/dev/null)" = 2 ]; }

@test "builds of before device registration are looked at by the job that its schema leaves" {
	adhoc 1 "$OTHER,$MINE"
	filled
	pomona_stop
	sql "DELETE FROM build_device"
	sed -n '/^INSERT INTO job/,$p' "$ROOT/core/schema/0007_registration.sql" >"$W/left.sql"
	sql ".read '$W/left.sql'"
	pomona_again
	wait_until filled
	link
	phone
	get "$(said .location)" -H 'Accept: application/json'
	expect_json .listed true
}

invited() { [ "$(sql "SELECT state FROM device_app")" = invited ]; }

@test "who waits is seen by publishers, listed for Apple's site, and invited by the build that lists them" {
	adhoc 1 "$OTHER"
	link '"email":"anna@example.com"'
	named "Anna Berg"
	phone
	get "$(said .location)" -H 'Accept: application/json'
	expect_json .listed false
	sign_in paul
	as paul get /admin/test-devices
	expect_status 200
	expect_body "Anna Berg, iPhone 15"
	expect_body "Devices that wait for a build of Demo App: 1"
	expect_not_in "$W/body" "$MINE"
	[ "$(audited device.udids)" = 0 ]
	as paul get '/admin/test-devices?udids=yes'
	expect_body "$MINE"
	[ "$(audited device.udids)" = 1 ]
	as paul get '/api/v1/devices.txt?app=com.example.app'
	expect_status 200
	expect_header Content-Disposition '*devices.txt*'
	[ "$(cat "$W/body")" = "$HEAD_LINE"$'\n'"$MINE"$'\tAnna Berg, iPhone 15\tios' ]
	[ "$(audited devices.txt)" = 1 ]
	# CI reads it by the token it publishes with, and one for another app reads of none
	get '/api/v1/devices.txt?app=com.example.app' -H "$(bearer upload)"
	expect_status 200
	[ "$(cat "$W/body")" = "$HEAD_LINE"$'\n'"$MINE"$'\tAnna Berg, iPhone 15\tios' ]
	get '/api/v1/devices.txt?app=com.example.app' -H "$(bearer other)"
	expect_status 200
	[ "$(cat "$W/body")" = "$HEAD_LINE" ]
	[ "$(audited devices.txt)" = 3 ]
	as paul get /admin
	expect_body "Devices that wait for a build of Demo App: 1"
	adhoc 2 "$OTHER,$MINE"
	wait_until invited
	as paul get /admin/test-devices
	expect_not_in "$W/body" "Devices that wait"
	as paul get '/api/v1/devices.txt?app=com.example.app'
	[ "$(cat "$W/body")" = "$HEAD_LINE" ]
	as paul get /api/v1/devices.txt
	[ "$(cat "$W/body")" = "$HEAD_LINE"$'\n'"$MINE"$'\tAnna Berg, iPhone 15\tios' ]
}

@test "who waited is told by mail, once, and by a link that installs" {
	mail
	adhoc 1 "$OTHER"
	link '"email":"anna@example.com"'
	phone
	get "$(said .location)" -H 'Accept: application/json'
	expect_json .told true
	NOTIFY='?notify=yes' adhoc 2 "$OTHER"		# lands in the channel of their link, and is not for their device
	NOTIFY='?notify=yes' adhoc 3 "$OTHER,$MINE"
	told_all() { [ "$(sql "SELECT count(*) FROM job WHERE kind IN ('registration_invite', 'notice_build')")" = 0 ]; }
	wait_until told_all
	wait_until mails 1
	read_mail 1
	grep -q "Demo App 1.2 is ready for your device" "$W/mail.txt"
	grep -q "You registered your device for Demo App and waited" "$W/mail.txt"
	expect_not_in "$W/mail.txt" "$MINE"
	[ "$MAILED" != "$INSTALL" ]		# that one is to build 1, which lists nobody of them
	get "$MAILED" -H 'Accept: application/json'
	expect_status 200
	expect_json .build 3
	expect_json .fit listed
	[ "$(sql "SELECT state || told FROM device_app")" = invited1 ]
	post "/api/v1/builds/$BUILD/promote" -H "$(bearer upload)" -d '{"channel":"qa"}'
	adhoc 4 "$OTHER,$MINE"
	idle() { [ "$(sql "SELECT count(*) FROM job WHERE kind = 'registration_invite'")" = 0 ]; }
	wait_until idle
	mails 1
	[ "$(sql 'SELECT count(*) FROM link')" = 2 ]
	[ "$(audited device.invite)" = 1 ]
}

@test "a link to a channel that still works is the one they are told of" {
	mail
	adhoc 1 "$OTHER"
	post /api/v1/links -H "$(bearer upload)" -d '{"bundle_id":"com.example.app","channel":"main","email":"anna@example.com"}'
	expect_status 201
	INSTALL=$(json .url) URL=$BASE/udid/${INSTALL##*/}
	phone
	adhoc 2 "$MINE"
	wait_until mails 1
	read_mail 1
	[ "$MAILED" = "$INSTALL" ]
	[ "$(sql 'SELECT count(*) FROM link')" = 1 ]
}

# pin PIN: given on the page of $URL; $COOKIE is what Safari has of it then.
pin() {
	post "$URL" -H 'Accept: text/html' -H 'Sec-Fetch-Site: same-origin' -d "pin=$1"
	COOKIE=$(header Set-Cookie | grep -o 'pomona_pin=[A-Za-z0-9_-]*' || true)
}

@test "a link that asks for a PIN registers no device before it was given, and five wrong ones make it wait" {
	adhoc 1 "$OTHER"
	link '"email":"anna@example.com","pin":"482913"'
	local mine=$URL other
	get "$URL" -H 'Accept: text/html'
	expect_status 200
	expect_body 'name="pin"'
	[ "$(grep -c register.mobileconfig "$W/body")" = 0 ]
	get "$URL/register.mobileconfig" -H 'Accept: text/html'
	expect_status 303
	[ "$(header Location)" = "/udid/${URL##*/}" ]
	get "$URL/register.mobileconfig"
	expect_problem 403 not_allowed
	[ "$(sql 'SELECT count(*) FROM registration_challenge')" = 0 ]
	pin 000000
	expect_status 422
	expect_body 'aria-invalid'
	[ -z "$COOKIE" ]
	pin 482913
	expect_status 303
	[[ $(header Set-Cookie) == *"Path=/udid/${URL##*/};"*HttpOnly*SameSite=Lax*Secure* ]]
	phone --cookie "$COOKIE"
	expect_said .status 301
	[ "$(devices)" = 1 ]
	local first=$COOKIE
	# Of another link it opens nothing.
	link '"email":"ben@example.com","pin":"111111"'
	get "$URL/register.mobileconfig" -H "Cookie: $first"
	expect_problem 403 not_allowed
	for other in 000000 000001 000002 000003 000004; do pin $other; done
	expect_body '15'
	pin 111111
	expect_status 429
	[ -z "$COOKIE" ]
	# Who gave it on the install page is not asked again; who gave a wrong one there has nothing of it.
	INSTALL=${mine/udid/i}
	post "$INSTALL" -H 'Accept: text/html' -H 'Sec-Fetch-Site: same-origin' -d pin=000000
	expect_status 422
	[ "$(grep -ic '^set-cookie: pomona_pin' "$W/head")" = 0 ]
	post "${URL/udid/i}" -H 'Accept: text/html' -H 'Sec-Fetch-Site: same-origin' -d pin=111111
	expect_status 429
	[ "$(grep -ic '^set-cookie: pomona_pin' "$W/head")" = 0 ]
	post "$INSTALL" -H 'Accept: text/html' -H 'Sec-Fetch-Site: same-origin' -d pin=482913
	expect_status 303
	[ "$(grep -ic "^set-cookie: $first; Path=/udid/${INSTALL##*/};" "$W/head")" = 1 ]
}

@test "a link that asks for a sign-in and a PIN lets nobody try PINs who has not signed in" {
	adhoc 1 "$OTHER"
	link '"email":"anna@example.com","pin":"482913","sign_in":true'
	for _ in 1 2 3 4 5 6; do pin 000000; done
	expect_status 303
	[[ $(header Location) == */login?next=/udid/* ]]
	[ "$(sql 'SELECT count(*) FROM link WHERE pin_failures > 0')" = 0 ]
}

@test "who cannot be told is invited all the same" {
	mail
	adhoc 1 "$OTHER"
	link '"email":"anna@example.com","pin":"123456"'	# a PIN for a new link is the sender's to hand on
	pin 123456
	phone --cookie "$COOKIE"
	link
	phone --udid 00008120-00000000000000AA
	link '"phone":"+491701234567"'				# and there is no SMS gateway
	phone --udid 00008120-00000000000000BB
	get "$(said .location)" -H 'Accept: application/json'
	expect_json .told false
	link '"email":"odd@example.com"'			# and no mail server takes that one
	sql "UPDATE contact SET email = 'odd@-example.com' WHERE email = 'odd@example.com'"
	phone --udid 00008120-00000000000000CC
	adhoc 2 "$OTHER,$MINE,00008120-00000000000000AA,00008120-00000000000000BB,00008120-00000000000000CC"
	all_invited() { [ "$(sql "SELECT count(*) FROM device_app WHERE state = 'invited' AND NOT told")" = 4 ]; }
	wait_until all_invited
	[ "$(sql 'SELECT count(*) FROM link')" = 4 ]
	[ "$(sql 'SELECT count(*) FROM message')" = 0 ]
}

@test "a build without the device sends its tester here, and one with it lets them install" {
	adhoc 1 "$OTHER"
	link '"email":"anna@example.com"'
	get "$INSTALL" -H 'Accept: text/html' -A 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'
	expect_body "/udid/${INSTALL##*/}"
	phone
	get "$INSTALL" -H 'Accept: application/json'
	expect_json .fit waiting
	adhoc 2 "$MINE"
	link '"email":"anna@example.com"'
	get "$INSTALL" -H 'Accept: application/json'
	expect_json .fit listed
}

@test "nobody but publishers sees devices, and they name and remove them" {
	adhoc 1 "$OTHER"
	link
	phone
	local path id
	id=$(sql "SELECT id FROM tester_device")
	for path in /admin/test-devices /api/v1/devices.txt /api/v1/test-devices; do
		get "$path"
		expect_status 401
	done
	sign_in mia
	for path in /admin/test-devices /api/v1/devices.txt /api/v1/test-devices; do
		as mia get "$path"
		expect_status 403
	done
	get "/api/v1/builds/$BUILD" -H "$(bearer read)"
	expect_json .facts.provision.devices 1
	expect_not_in "$W/body" "$OTHER"
	get /api/v1/devices.txt -H "$(bearer read)"
	expect_problem 403 not_allowed
	get /api/v1/devices.txt -H "$(bearer admin)"
	expect_status 200
	sign_in paul
	as paul post "/admin/test-devices/$id/name" --data-urlencode "csrf=$CSRF" --data-urlencode "label=Cold store 7"
	expect_status 303
	as paul get /api/v1/devices.txt
	expect_body $'\tCold store 7\tios'
	as paul post "/admin/test-devices/$id/remove" --data-urlencode "csrf=$CSRF"
	expect_status 303
	[ "$(devices)" = 0 ]
	as paul post "/admin/test-devices/$id/remove" --data-urlencode "csrf=$CSRF"
	expect_status 404
	[ "$(audited device.rename)$(audited device.remove)" = 11 ]
}
