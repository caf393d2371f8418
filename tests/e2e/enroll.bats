# The way into management: the page, the phases of the Profile Service, the direct way; a simulated iPhone does what iOS does.
load lib/pomona

DEVICE=${POMONA_DEVICE_BIN:-$ROOT/build/debug/device}
TOPIC=com.apple.mgmt.External.9f0e2a6c-1111-4222-8333-444455556666
SAFARI='Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'

setup_file() {
	[ -x "$DEVICE" ] || skip "no $DEVICE"
	pomona_prepare https
	"$DEVICE" ca "$BATS_FILE_TMPDIR/prepared/apple"
	pomona_token "$BATS_FILE_TMPDIR/prepared" anna devices >"$BATS_FILE_TMPDIR/prepared/token.devices"
}

setup() {
	pomona_data
	export POMONA__APPLE__EXTRA_DEVICE_ROOTS=$W/apple/root.pem
}

teardown() { pomona_stop; }

sql() { sqlite3 -cmd '.timeout 20000' "$DATA/pomona.db" "$@"; }
audited() { sql "SELECT count(*) FROM audit WHERE act = '$1'"; }

# serve [OPTIONS]: with a push certificate, of which enrollment needs the topic alone.
serve() {
	pomona_start_tls "$@"
	topic
}
topic() {
	sql "INSERT INTO push_certificate (id, topic, state, sealed_key, created, changed)
		VALUES ('push', '$TOPIC', 'current', x'00', 1, 1)"
}

# begin NAME [WAY]: the button on the page; $URL is the mobileconfig, $TOKEN_ the session's.
begin() {
	sign_in "$1"
	as "$1" get /enroll -A "$SAFARI"
	expect_status 200
	CSRF=$(form_csrf)
	as "$1" post /enroll -A "$SAFARI" --data-urlencode "csrf=$CSRF" ${2:+--data-urlencode "way=$2"}
	expect_status 303
	URL=$(header Location)
	SESSION=$(sed 's|.*/enroll/\([^/]*\)/.*|\1|' <<<"$URL")
}

# phone [OPTIONS]: enrolls at $URL; its property lists are in $W/kept.
phone() {
	mkdir -p "$W/kept"
	PHONE=0
	"$DEVICE" enroll "$URL" --ca "$W/apple" --connect "127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" --state "$W/phones" \
		--keep "$W/kept" --ledger "$W/ledger" "$@" >"$W/phone.out" 2>"$W/phone.err" || PHONE=$?
	[ $PHONE -lt 2 ] || { cat "$W/phone.err"; tail -5 "$W/log"; return 1; }
}
took() { [ "$PHONE" = 0 ] || { cat "$W/phone.err"; tail -20 "$W/log"; return 1; }; }

@test "a person signs in, taps the button, and their iPhone is managed" {
	serve
	begin mia
	phone
	took
	[ "$(sql "SELECT s.kind, s.state, p.name FROM enroll_session s JOIN person p ON p.id = s.person_id")" = "ota|done|mia" ]
	[ "$(sql "SELECT e.state, p.name, e.topic FROM enrollment e JOIN person p ON p.id = e.person_id")" = "enrolled|mia|$TOPIC" ]
	[ "$(sql "SELECT group_concat(purpose) FROM (SELECT purpose FROM certificate ORDER BY issued, purpose DESC)")" = "ota,mdm" ]
	[ "$(audited enroll.begin)$(audited enroll.answered)$(audited enroll.issued)$(audited enroll.refused)" = 1110 ]
	as mia get /enroll -H 'Accept: application/json'
	expect_json .over true
	expect_json '.devices[0].state' enrolled
	expect_json '[.steps[].state] | unique | join(",")' "done"
	as mia get /enrolled
	expect_body "Your iPhone is set up"
	judge_all
}

# ---- a phone by hand: its certificates, what it signs, what it is told ----

# device_cert NAME [CA]: a certificate as Apple gives devices, in $W/NAME.pem and .key.
device_cert() {
	local ca=${2:-$W/apple/ca}
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$W/$1.key" -out "$W/$1.csr" 2>/dev/null
	openssl x509 -req -in "$W/$1.csr" -CA "$ca.pem" -CAkey "$ca.key" -set_serial "0x$RANDOM" -days 30 -out "$W/$1.pem" \
		-extfile <(printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment') 2>/dev/null
}

# answer NAME CHALLENGE [UDID]: what the device says, signed, in $W/answer; without a challenge for "".
answer() {
	{
		echo '<plist version="1.0"><dict>'
		printf '<key>UDID</key><string>%s</string>' "${3:-00008120-001A2B3C4D5E801E}"
		printf '<key>PRODUCT</key><string>iPhone15,4</string><key>VERSION</key><string>22B83</string>'
		printf '<key>SERIAL</key><string>F2LTEST0001</string><key>IMEI</key><string>35 123456 789012 3</string>'
		[ -z "$2" ] || printf '<key>CHALLENGE</key><string>%s</string>' "$2"
		echo '</dict></plist>'
	} >"$W/attributes"
	openssl cms -sign -nodetach -binary -outform DER -signer "$W/$1.pem" -inkey "$W/$1.key" -certfile "$W/apple/ca.pem" \
		-in "$W/attributes" -out "$W/answer"
}

# say [FILE]: posts it to the session.
say() { post "/enroll/$SESSION" -H 'Content-Type: application/pkcs7-signature' --data-binary "@${1:-$W/answer}"; }

# download: the Profile Service mobileconfig at $URL; $CHALLENGE.
download() {
	get "$URL" -A "$SAFARI"
	expect_status 200
	unsigned "$W/body" "$W/service.plist"
	CHALLENGE=$(plist "$W/service.plist" 'PayloadContent.Challenge')
}

unsigned() {
	openssl cms -verify -inform DER -in "$1" -CAfile "$W/tls/ca.pem" -purpose any -binary -out "$2" 2>"$W/openssl"
}

# plist FILE PATH: a value by its keys and numbers, joined with dots.
plist() {
	python3 - "$@" <<-'PY'
		import plistlib, sys
		at = plistlib.load(open(sys.argv[1], "rb"))
		for key in sys.argv[2].split("."):
		    at = at[int(key) if isinstance(at, list) else key]
		print(at)
	PY
}

judge_all() {	# all that the phone and the server said
	[ -f "$SHARED/apple-schema/check_plist.py" ] || return 0
	python3 "$ROOT/tests/device/judge.py" "$W/kept" "$SHARED/apple-schema/check_plist.py"
}

judge() {	# SCHEMA FILE
	[ -f "$SHARED/apple-schema/check_plist.py" ] || return 0
	python3 "$SHARED/apple-schema/check_plist.py" --strict "$1" "$2"
}

@test "the CA of a private installation goes along, enveloped with the rest" {
	pomona_data
	mkdir -p "$DATA/tls"
	cp "$W/tls/ca.pem" "$DATA/tls/ca.pem"
	serve
	begin mia
	phone
	took
	judge_all
	[ "$(plist "$W"/kept/payload-array.* 2.PayloadType)" = com.apple.security.root ]
	openssl x509 -in "$W/tls/ca.pem" -outform DER | cmp - <(python3 -c 'import plistlib, sys
sys.stdout.buffer.write(plistlib.load(open(sys.argv[1], "rb"))[2]["PayloadContent"])' "$W"/kept/payload-array.*)
	unsigned_kept() { unsigned "$1" "$W/open.plist" && ! grep -q com.apple.mdm "$W/open.plist"; }
	unsigned_kept "$(grep -l EncryptedPayloadContent "$W"/kept/profile.*)"
}

@test "what Safari downloads is signed, asks for the right things, and is the same at each download" {
	serve
	begin mia
	[[ $URL == "$BASE"/enroll/*/service.mobileconfig ]]
	download
	expect_header Content-Type application/x-apple-aspen-config
	expect_header Content-Disposition '*enroll.mobileconfig*'
	judge profile-service "$W/service.plist"
	[ "$(plist "$W/service.plist" PayloadContent.URL)" = "$BASE/enroll/$SESSION" ]
	[ "$(plist "$W/service.plist" PayloadContent.DeviceAttributes)" = "['UDID', 'VERSION', 'PRODUCT', 'SERIAL', 'DEVICE_NAME', 'IMEI', 'MEID']" ]
	cp "$W/service.plist" "$W/first.plist"
	download
	cmp "$W/first.plist" "$W/service.plist"
	device_cert phone
	answer phone "$CHALLENGE"
	say
	expect_status 200
	get "$URL"
	expect_problem 404 not_found
	expect_not_in "$W/log" "$SESSION"
	expect_not_in "$W/log" "$CHALLENGE"
}

@test "a forged, foreign, replayed or late answer is refused, written down, and gets nothing (MUST 52)" {
	serve
	begin mia
	download
	device_cert phone
	openssl req -x509 -newkey rsa:2048 -nodes -days 20 -subj "/O=Apple Inc./OU=Apple iPhone/CN=Apple iPhone Device CA" \
		-addext keyUsage=critical,keyCertSign -keyout "$W/wrong.key" -out "$W/wrong.pem" 2>/dev/null
	device_cert forged "$W/wrong"
	answer forged "$CHALLENGE"
	say
	expect_problem 403 bad_signature
	answer phone "x$CHALLENGE"
	say
	expect_problem 403 bad_challenge
	answer phone ""
	say
	expect_problem 403 bad_challenge
	post "/enroll/$SESSION" -H 'Content-Type: text/plain' --data-binary "@$W/answer"
	expect_status 415
	echo nothing >"$W/answer"
	say
	expect_problem 400 bad_cms
	head -c 70000 /dev/zero >"$W/huge"
	say "$W/huge"
	expect_status 413
	[ "$(audited enroll.refused)" = 5 ]
	[ "$(sql "SELECT count(*) FROM challenge")" = 0 ]

	answer phone "$CHALLENGE"
	say
	expect_status 200
	device_cert thief
	answer thief "$CHALLENGE" 00008120-00000000000000BB
	say
	expect_problem 403 bad_challenge
	answer thief "$CHALLENGE"			# it says that it is the phone
	say
	expect_problem 403 bad_challenge
	local first=$SESSION used=$CHALLENGE
	begin mia
	answer phone "$used"				# that was another session's
	say
	expect_problem 403 bad_challenge
	set_clock 2026-11-22T13:00:01Z
	download_is_over() { get "$URL"; expect_problem 404 not_found; }
	download_is_over
	answer phone "$used"
	SESSION=$first
	say
	expect_problem 404 not_found
	SESSION=nobodys
	say
	expect_problem 404 not_found
	[ "$(audited enroll.refused)" = 9 ]
	[ "$(sql "SELECT count(*) FROM certificate")" = 0 ]
}

# passing NAME [NUMBER]: the identity that the answer in $W/body is for, in $W/NAME.pem and .key.
passing() {
	unsigned "$W/body" "$W/phase2.plist"
	judge profile "$W/phase2.plist"
	"$DEVICE" scep "$(plist "$W/phase2.plist" PayloadContent.0.PayloadContent.URL)" --number "${2-0}" --ca "$W/apple" \
		--state "$W/phones" --connect "127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" --out "$W/$1.pem" --key-out "$W/$1.key" \
		--challenge "$(plist "$W/phase2.plist" PayloadContent.0.PayloadContent.Challenge)" 2>"$W/scep.err"
}

# checks_in NAME: PUTs what it says at /mdm/checkin, signed by that identity.
checks_in() {
	printf '<plist version="1.0"><dict><key>MessageType</key><string>Authenticate</string><key>Topic</key><string>%s</string><key>UDID</key><string>00008120-001A2B3C4D5E801E</string></dict></plist>' "$TOPIC" >"$W/checkin"
	openssl cms -sign -binary -outform DER -signer "$W/$1.pem" -inkey "$W/$1.key" -in "$W/checkin" -out "$W/checkin.sig"
	ask PUT /mdm/checkin -H 'Content-Type: application/x-apple-aspen-mdm-checkin' --data-binary "@$W/checkin" \
		-H "Mdm-Signature: $(base64 -w0 "$W/checkin.sig")"
}

@test "the passing identity gets its own enrollment, enveloped for it, and is good for nothing else" {
	serve
	device_cert phone
	begin mia
	local other=$URL other_session=$SESSION
	download
	answer phone "$CHALLENGE"
	say
	passing other 1
	begin mia
	[ "$URL" != "$other" ]
	download
	answer phone "$CHALLENGE"
	say
	expect_status 200
	passing mine 0
	answer other ""					# another session's
	say
	expect_problem 403 bad_identity
	answer mine "" 00008120-00000000000000BB	# another device
	say
	expect_problem 403 bad_identity
	checks_in mine
	expect_status 400
	[ "$(sql "SELECT count(*) FROM enrollment")" = 0 ]

	answer mine ""
	say
	expect_status 200
	unsigned "$W/body" "$W/phase3.plist"
	judge profile "$W/phase3.plist"
	python3 - "$W/phase3.plist" "$W/sealed.der" <<-'PY'
		import plistlib, sys
		m = plistlib.load(open(sys.argv[1], "rb"))
		assert m["IsEncrypted"] is True and "PayloadContent" not in m, m
		open(sys.argv[2], "wb").write(m["EncryptedPayloadContent"])
	PY
	openssl cms -decrypt -inform DER -binary -in "$W/sealed.der" -inkey "$W/mine.key" -recip "$W/mine.pem" -out "$W/payloads.plist"
	judge payload-array "$W/payloads.plist"
	[ "$(plist "$W/payloads.plist" 0.PayloadUUID)" = "$(plist "$W/payloads.plist" 1.IdentityCertificateUUID)" ]
	[ "$(plist "$W/payloads.plist" 0.PayloadContent.URL)" = "$BASE/scep/$SESSION" ]
	expect_not_in "$W/phase3.plist" "$TOPIC"
	run openssl cms -decrypt -inform DER -binary -in "$W/sealed.der" -inkey "$W/other.key" -recip "$W/other.pem"
	[ "$status" != 0 ]
	SESSION=$other_session				# and the other one is not this session's
	answer mine ""
	say
	expect_problem 403 bad_identity
	[ "$(audited enroll.refused)" = 3 ]
}

@test "a session takes so many wrong answers, and then none at all" {
	serve
	begin mia
	download
	echo nothing >"$W/wrong"
	for _ in $(seq 25); do say "$W/wrong"; done
	expect_problem 404 not_found
	[ "$(audited enroll.refused)" = 20 ]
	device_cert phone
	answer phone "$CHALLENGE"
	say
	expect_problem 404 not_found
	sign_in mia
	as mia get /enroll -A "$SAFARI"
	expect_body "The last try ended"
}

@test "an answer that a crash swallowed is given again, to the same device" {
	serve
	begin mia
	download
	device_cert phone
	device_cert thief
	answer phone "$CHALLENGE"
	say
	expect_status 200
	unsigned "$W/body" "$W/one.plist"
	pomona_kill
	pomona_again
	answer thief "$CHALLENGE"
	say
	expect_problem 403 bad_challenge
	answer phone "$CHALLENGE"
	say
	expect_status 200
	unsigned "$W/body" "$W/two.plist"
	judge profile "$W/two.plist"
	[ "$(plist "$W/one.plist" PayloadUUID)" = "$(plist "$W/two.plist" PayloadUUID)" ]
	[ "$(plist "$W/one.plist" PayloadContent.0.PayloadContent.Challenge)" != "$(plist "$W/two.plist" PayloadContent.0.PayloadContent.Challenge)" ]
	[ "$(sql "SELECT count(*) FROM challenge WHERE used IS NULL AND expires > $(date -d $NOW +%s)")" = 1 ]
}

@test "the page is for people who are signed in, and says what keeps them from it" {
	pomona_start_tls
	get /enroll -H 'Accept: text/html'
	expect_status 303
	expect_header Location '/login?next=%2Fenroll'
	sign_in mia
	as mia get /enroll -A "$SAFARI"
	expect_body "This server cannot set up devices yet"
	expect_not_in "$W/body" 'action="/enroll"'
	as mia post /enroll --data-urlencode "csrf=$CSRF" -H 'Accept: application/json'
	expect_status 409
	topic
	as mia get /enroll -A "$SAFARI"
	expect_body 'action="/enroll"'
	as mia get /enroll -A "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"
	expect_body 'class="qr"'
	expect_body 'action="/enroll"'			# iPads say that they are Macs
	as mia get /enroll -A "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	expect_body 'class="qr"'
	expect_not_in "$W/body" 'action="/enroll"'
	as mia get /enroll -A "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 300"
	expect_body "Safari"
	expect_not_in "$W/body" 'action="/enroll"'
	pomona_stop
	setting enroll open false
	pomona_again
	sign_in mia
	as mia get /enroll -A "$SAFARI"
	expect_body "Devices are set up here by invitation"
	as mia post /enroll --data-urlencode "csrf=$CSRF"
	expect_status 403
	[ "$(sql "SELECT count(*) FROM enroll_session")" = 0 ]
}

@test "an admin begins a session for a person, and the direct way is there only where it is switched on" {
	serve
	post /api/v1/enroll/sessions -H "$(bearer devices)" -d '{"person":"mia"}'
	expect_status 201
	expect_json .direct_url null
	get "/api/v1/enroll/sessions/$(json .id)" -H "$(bearer devices)"
	expect_json .state offered
	expect_json .person mia
	post /api/v1/enroll/sessions -H "$(bearer devices)" -d '{"person":"nobody"}'
	expect_problem 422 no_such_person
	post /api/v1/enroll/sessions -H "$(bearer devices)" -d '{}'
	expect_problem 422 invalid
	post /api/v1/enroll/sessions -H "$(bearer upload)" -d '{"person":"mia"}'
	expect_status 403
	get "/enroll/direct.mobileconfig?session=x"
	expect_problem 404 not_found
	pomona_stop
	setting enroll direct true
	pomona_again
	post /api/v1/enroll/sessions -H "$(bearer devices)" -d '{"person":null}'
	expect_status 201
	URL=$(json .direct_url)
	ask HEAD "$URL"
	expect_status 200
	[ "$(sql "SELECT count(*) FROM challenge")" = 0 ]
	get "$URL&plain=1"
	expect_status 200
	cp "$W/body" "$W/plain.plist"
	judge profile "$W/plain.plist"
	[ "$(plist "$W/plain.plist" PayloadContent.1.ServerURL)" = "$BASE/mdm/command" ]
	get "$URL"
	unsigned "$W/body" "$W/signed.plist"
	judge profile "$W/signed.plist"
	phone
	took
	[ "$(sql "SELECT kind, state, udid = (SELECT udid FROM device) FROM enroll_session WHERE kind = 'direct'")" = "direct|done|1" ]
	get "$URL"
	expect_problem 404 not_found
	expect_not_in "$W/log" "${URL#*session=}"
	begin mia direct
	[[ $URL == "$BASE/enroll/direct.mobileconfig?session="* ]]
	get "$URL&plain=1"
	expect_status 200
}

@test "devices hear of another address where mdm.base_url says so" {
	serve
	pomona_stop
	setting mdm base_url '"https://apps.example.com:8444"'
	setting enroll direct true
	pomona_again
	post /api/v1/enroll/sessions -H "$(bearer devices)" -d '{"person":"mia"}'
	get "$(json .direct_url)&plain=1"
	[ "$(plist "$W/body" PayloadContent.1.CheckInURL)" = "https://apps.example.com:8444/mdm/checkin" ]
	[[ $(plist "$W/body" PayloadContent.0.PayloadContent.URL) == "$BASE"/scep/* ]]
	pomona_stop
	sed -i 's|https://apps.example.com:8444|https://apps.example.com/|' "$CONF"
	run "$POMONA" serve --data "$DATA" --listen 127.0.0.1:0 --plain
	[ "$status" != 0 ]
	[[ $output == *"mdm.base_url"* ]]
}

@test "account-driven enrollment is refused as Apple says" {
	serve
	get '/.well-known/com.apple.remotemanagement?user-identifier=anna@example.com&model-family=iPhone'
	expect_status 403
	expect_header Content-Type 'application/json'
	expect_json .code com.apple.well-known.failed
	judge error:well-known.failed "$W/body"
}
