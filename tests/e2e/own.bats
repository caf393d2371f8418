# A person's own mobileconfig at /eas: in a browser and on a simulated iPhone, directly, behind nginx and behind HAProxy.
load lib/pomona
load lib/directory
load lib/devices
load lib/sending
load lib/front

setup_file() {
	devices_prepare
	"$POMONA" ca show --data "$BATS_FILE_TMPDIR/prepared/data" >/dev/null
}
setup() {
	devices_data
	export POMONA__EAS__HOST=mail.example.com POMONA__OWN__UPN='%username%@corp.example.com'
	sql "UPDATE person SET email = name || '@example.com', display = CASE name WHEN 'mia' THEN 'Mia Nair' ELSE name END"
}
teardown() {
	front_stops
	devices_stop
	directory_stop
}
sql() { sqlite3 -cmd '.timeout 20000' "$DATA/pomona.db" "$@"; }
audited() { sql "SELECT count(*) FROM audit WHERE act = '$1'"; }
certs() { sql "SELECT count(*) FROM certificate WHERE purpose = 'person' AND revoked IS $1 NULL"; }
good() { certs ''; }
revoked() { certs NOT; }

# button NAME [FIELD...]: what is pressed on /eas; $URL is where it leads.
button() {
	local name=$1 fields=(); shift
	while [ $# -gt 0 ]; do fields+=(--data-urlencode "$1"); shift; done
	[ -e "$W/jar.$name" ] || sign_in "$name"
	as "$name" get /eas -A "$SAFARI"
	expect_status 200
	as "$name" post /eas -A "$SAFARI" --data-urlencode "csrf=$(form_csrf)" "${fields[@]}"
	expect_status 303
	URL=$(header Location)
	TOKEN_=$(sed -n 's|.*/eas/\([^/]*\)/.*|\1|p' <<<"$URL")
}

# phone [NUMBER] [OPTIONS]: installs what is at $URL, as Settings does.
phone() {
	local number=${1-0}; [ $# -eq 0 ] || shift
	PHONE_RC=0
	device_on eas "$URL" --number "$number" "$@" >"$W/phone.out" 2>"$W/phone.err" || PHONE_RC=$?
	[ $PHONE_RC -lt 2 ] || { cat "$W/phone.err"; tail -5 "$W/log"; return 1; }
}
took() { [ "$PHONE_RC" = 0 ] || { cat "$W/phone.err"; tail -20 "$W/log"; return 1; }; }

# identity [NUMBER]: what phone NUMBER carries of it: $W/me.pem, $W/me.key.
identity() {
	"$DEVICE" show "$W/phones" "${1-0}" | python3 -c '
import plistlib, subprocess, sys
state = plistlib.loads(sys.stdin.buffer.read())
one = [c for c in state["Certificates"] if ".eas." in c["Owner"]][-1]
open(sys.argv[1] + ".der", "wb").write(one["Data"])
open(sys.argv[1] + ".key", "wb").write(one["Key"])' "$W/me"
	openssl x509 -inform DER -in "$W/me.der" -out "$W/me.pem"
}

# The payload of a type in what phones were sent and opened, as python says it.
payload() {	# TYPE EXPRESSION of p
	python3 - "$1" "$2" "$W"/kept/payload-array.* <<-'PY'
		import plistlib, sys
		found = [p for f in sys.argv[3:] for p in plistlib.load(open(f, "rb")) if p["PayloadType"] == sys.argv[1]]
		print(eval(sys.argv[2], {"p": found[-1], "all": found}))
	PY
}

judge_all() {
	[ -f "$SHARED/apple-schema/check_plist.py" ] || return 0
	python3 "$ROOT/tests/device/judge.py" "$W/kept" "$SHARED/apple-schema/check_plist.py"
}

@test "a person taps the button, and their iPhone has their mail account with their own certificate" {
	pomona_start_tls
	button mia
	[[ $URL == "$BASE"/eas/*/mia.mobileconfig ]]
	get "$URL" -A "$SAFARI"
	expect_header Content-Type application/x-apple-aspen-config
	expect_header Content-Disposition '*"mia.mobileconfig"*'
	phone
	took
	judge_all
	identity
	openssl x509 -in "$W/me.pem" -noout -text >"$W/text"
	grep -q 'Subject: .*CN = Mia Nair' "$W/text"
	grep -q 'email:mia@example.com' "$W/text"
	openssl x509 -in "$W/me.pem" -noout -ext subjectAltName | grep -q 'othername'
	openssl asn1parse -in "$W/me.pem" -strparse "$(openssl asn1parse -in "$W/me.pem" | grep -A1 'X509v3 Subject Alternative Name' | tail -1 | cut -d: -f1)" |
		grep -A2 'Microsoft User Principal Name' | grep -q mia@corp.example.com
	grep -q "URI:$BASE/crl" "$W/text"
	grep -q "OCSP - URI:$BASE/ocsp" "$W/text"
	grep -q 'TLS Web Client Authentication' "$W/text"
	[ "$(payload com.apple.eas.account 'p["Host"], p["EmailAddress"], p["UserName"], p["SSL"], "Password" in p')" = "('mail.example.com', 'mia@example.com', 'mia', True, False)" ]
	[ "$(payload com.apple.eas.account 'p["PayloadCertificateUUID"]')" = "$(payload com.apple.security.scep 'p["PayloadUUID"]')" ]
	[ "$(sql "SELECT p.name, o.state, o.udid <> '' FROM own_mobileconfig o JOIN person p ON p.id = o.person_id")" = "mia|offered|1" ]
	[ "$(audited own.begin)$(audited own.answered)$(audited own.issued)$(audited own.refused)" = 1110 ]
	as mia get /eas -A "$SAFARI"
	expect_body "given out"
	expect_not_in "$W/log" "$TOKEN_"
}

@test "embedded as PKCS#12 the key is made here, opens with the password beside it, and is nowhere kept" {
	export POMONA__OWN__IDENTITY=pkcs12 POMONA__OWN__CERTIFICATE_DAYS=30
	pomona_start_tls
	button mia
	phone
	took
	judge_all
	identity
	openssl x509 -in "$W/me.pem" -noout -ext subjectAltName | grep -q 'email:mia@example.com'
	openssl x509 -in "$W/me.pem" -noout -checkend $((29 * 86400))
	run openssl x509 -in "$W/me.pem" -noout -checkend $((31 * 86400))
	[ "$status" != 0 ]
	openssl pkey -in "$W/me.key" -pubout | cmp - <(openssl x509 -in "$W/me.pem" -noout -pubkey)
	[ "$(payload com.apple.eas.account 'p["PayloadCertificateUUID"]')" = "$(payload com.apple.security.pkcs12 'p["PayloadUUID"]')" ]
	[ "$(sql "SELECT count(*) FROM challenge WHERE purpose = 'person'")" = 0 ]
	local password
	password=$(payload com.apple.security.pkcs12 'p["Password"]')
	[ ${#password} -ge 20 ]
	expect_not_in "$W/log" "$password"
	pomona_stop
	never grep -qF -- "$password" "$DATA/pomona.db"
	openssl pkey -in "$W/me.key" -outform DER | tail -c 64 >"$W/part"
	never python3 -c 'import sys; sys.exit(open(sys.argv[1], "rb").read() not in open(sys.argv[2], "rb").read())' "$W/part" "$DATA/pomona.db"
}

@test "installed again it is the same to iOS with a new certificate, and the old one ends once the new one works" {
	pomona_start_tls
	button mia
	phone
	took
	identity
	cp "$W/me.pem" "$W/old.pem"
	button mia
	phone
	took
	identity
	never cmp -s "$W/me.pem" "$W/old.pem"
	[ "$(payload com.apple.eas.account 'len({q["PayloadUUID"] for q in all}), len({q["PayloadIdentifier"] for q in all}), len(all)')" = "(1, 1, 2)" ]
	[ "$(payload com.apple.security.scep 'len({q["PayloadUUID"] for q in all if ".eas." in q["PayloadIdentifier"] and "mail" not in q["PayloadIdentifier"]}) <= 2')" = True ]
	[ "$("$DEVICE" show "$W/phones" 0 | grep -c 'Mobileconfigs')" = 1 ]
	[ "$(sql "SELECT count(*) FROM own_mobileconfig")" = 1 ]
	[ "$(good)" = 2 ]
	as mia get /eas -A "$SAFARI"
	expect_body "An older certificate of it is still good"
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -d "act=works&id=$(sql 'SELECT id FROM own_mobileconfig')"
	expect_status 303
	[ "$(good)|$(sql "SELECT lower(reason) FROM certificate WHERE purpose = 'person' AND revoked IS NOT NULL")" = "1|superseded" ]
	[ "$(sql "SELECT state FROM own_mobileconfig")" = installed ]
	ocsp "$W/old.pem"
	grep -q 'old.pem: revoked' "$W/ocsp"
	grep -q 'Reason: superseded' "$W/ocsp"
	ocsp "$W/me.pem"
	grep -q 'me.pem: good' "$W/ocsp"
	# nobody says that it works: a week later the old one ends by itself
	button mia
	phone
	took
	[ "$(good)" = 2 ]
	sql "UPDATE certificate SET issued = issued - 8 * 86400 WHERE purpose = 'person'"
	sql "UPDATE job SET due = 0 WHERE kind = 'sweep'"
	ended_by_itself() { [ "$(good)" = 1 ]; }
	wait_until ended_by_itself
	# nobody but its owner can say that it is gone from a phone without management; what comes of that is confirmed
	says() {
		as mia get /eas -A "$SAFARI"
		as mia post /eas --data-urlencode "csrf=$(form_csrf)" -d "act=$1&id=$(sql 'SELECT id FROM own_mobileconfig')"
		expect_status 303
	}
	says removed
	[ "$(sql "SELECT state FROM own_mobileconfig")|$(good)" = "removed|1" ]
	as mia get /eas -A "$SAFARI"
	expect_body "removed, certificate still good"
	says revoke
	[ "$(sql "SELECT state FROM own_mobileconfig")|$(good)|$(audited own.removed)|$(audited own.revoke)" = "revoked|0|1|1" ]
	identity
	ocsp "$W/me.pem"
	grep -q 'me.pem: revoked' "$W/ocsp"
}

@test "an embedded certificate may have been declined in Settings: the old one ends when the new one is seen, not by time" {
	export POMONA__OWN__IDENTITY=pkcs12
	pomona_start_tls
	button mia
	phone
	took
	button mia
	phone
	took
	[ "$(good)" = 2 ]
	sql "UPDATE certificate SET issued = issued - 8 * 86400 WHERE purpose = 'person'"
	sql "UPDATE job SET due = 0 WHERE kind = 'sweep'"
	swept() { [ "$(sql "SELECT due > 0 FROM job WHERE kind = 'sweep'")" = 1 ]; }
	wait_until swept
	[ "$(good)|$(revoked)" = "2|0" ]
	as mia get /eas -A "$SAFARI"
	expect_body "An older certificate of it is still good"
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -d "act=works&id=$(sql 'SELECT id FROM own_mobileconfig')"
	expect_status 303
	[ "$(good)|$(revoked)" = "1|1" ]
	# by SCEP since: what came before it ends after the week, embedded or not
	pomona_stop
	export POMONA__OWN__IDENTITY=scep
	pomona_serve --tls-cert "$W/tls/cert.pem" --tls-key "$W/tls/key.pem"
	button mia
	phone
	took
	[ "$(good)" = 2 ]
	sql "UPDATE certificate SET issued = issued - 8 * 86400 WHERE purpose = 'person'"
	sql "UPDATE job SET due = 0 WHERE kind = 'sweep'"
	wait_until swept
	[ "$(good)|$(revoked)" = "1|2" ]
}

# ocsp CERT [OPTIONS]: what the responder says, verified by openssl; $W/ocsp.
ocsp() {
	local cert=$1; shift
	"$POMONA" ca export --data "$DATA" >"$W/ca.pem"
	openssl ocsp -issuer "$W/ca.pem" -cert "$cert" -reqout "$W/request" "$@" >"$W/ocsp" 2>&1 || true
	post /ocsp -H 'Content-Type: application/ocsp-request' --data-binary "@$W/request"
	expect_status 200
	expect_header Content-Type application/ocsp-response
	openssl ocsp -CAfile "$W/ca.pem" -reqin "$W/request" -respin "$W/body" >"$W/ocsp.nonce" 2>&1	# and the nonce is right
	grep -q 'Response verify OK' "$W/ocsp.nonce"
	openssl ocsp -issuer "$W/ca.pem" -cert "$cert" -CAfile "$W/ca.pem" -respin "$W/body" -no_nonce >"$W/ocsp" 2>&1
	grep -q 'Response verify OK' "$W/ocsp"
}

@test "OCSP says good, revoked and unknown, with and without a nonce, by POST and by GET, and keeps what it may" {
	pomona_start_tls
	button mia
	phone
	took
	identity
	ocsp "$W/me.pem"
	grep -q 'me.pem: good' "$W/ocsp"
	expect_header Cache-Control no-store		# a nonce comes once
	openssl ocsp -respin "$W/body" -resp_text -noverify 2>&1 | grep -q 'OCSP Nonce'
	ocsp "$W/me.pem" -no_nonce
	grep -q 'me.pem: good' "$W/ocsp"
	expect_header Cache-Control 'max-age=3600, public*'
	cp "$W/body" "$W/first"
	ocsp "$W/me.pem" -no_nonce
	cmp "$W/first" "$W/body"			# signed once
	get "/ocsp/$(base64 -w0 "$W/request" | sed 's|+|%2B|g; s|=|%3D|g')"
	cmp "$W/first" "$W/body"
	get "/ocsp/$(base64 -w0 "$W/request" | sed 's|/|%2F|g; s|+|%2B|g; s|=|%3D|g')"
	cmp "$W/first" "$W/body"

	# one that we never issued, under our name
	openssl ocsp -issuer "$W/ca.pem" -serial 0x1234 -reqout "$W/request" -no_nonce >/dev/null 2>&1 || true
	post /ocsp -H 'Content-Type: application/ocsp-request' --data-binary "@$W/request"
	openssl ocsp -issuer "$W/ca.pem" -serial 0x1234 -CAfile "$W/ca.pem" -respin "$W/body" -no_nonce >"$W/ocsp" 2>&1
	grep -q '0x1234: unknown' "$W/ocsp"
	expect_header Cache-Control no-store
	# and of another CA
	openssl ocsp -issuer "$W/tls/ca.pem" -cert "$W/tls/cert.pem" -reqout "$W/request" >/dev/null 2>&1 || true
	post /ocsp -H 'Content-Type: application/ocsp-request' --data-binary "@$W/request"
	openssl ocsp -respin "$W/body" -noverify -resp_text 2>&1 | grep -qi unauthorized
	# no request at all
	post /ocsp -H 'Content-Type: application/ocsp-request' --data-binary nothing
	openssl ocsp -respin "$W/body" -noverify -resp_text 2>&1 | grep -qi malformedrequest
	get /ocsp/%25%25
	openssl ocsp -respin "$W/body" -noverify -resp_text 2>&1 | grep -qi malformedrequest
	post /ocsp -H 'Content-Type: text/plain' --data-binary nothing
	expect_status 415
	head -c 5000 /dev/zero >"$W/huge"
	post /ocsp -H 'Content-Type: application/ocsp-request' --data-binary "@$W/huge"
	expect_status 413

	# a revocation is told at once, whatever was kept
	post "/api/v1/own/$(sql 'SELECT id FROM own_mobileconfig')/revoke" -H "$(bearer devices)" -d '{"reason":"keyCompromise"}'
	expect_status 200
	ocsp "$W/me.pem" -no_nonce
	grep -q 'me.pem: revoked' "$W/ocsp"
	grep -q 'Reason: keyCompromise' "$W/ocsp"
	get /crl
	openssl crl -inform DER -in "$W/body" -noout -text | grep -qi "$(openssl x509 -in "$W/me.pem" -noout -serial | cut -d= -f2)"
}

@test "who asks OCSP without end costs no signatures: the answer is one that is kept, without their nonce" {
	pomona_start_tls
	button mia
	phone
	took
	identity
	ocsp "$W/me.pem" -no_nonce
	cp "$W/body" "$W/first"
	ocsp "$W/me.pem"
	never cmp -s "$W/first" "$W/body"
	curl -s --cacert "$W/tls/ca.pem" --connect-to "::127.0.0.1:$PORT" "$BASE/ocsp/nothing[1-300]" -o /dev/null
	openssl ocsp -issuer "$W/ca.pem" -cert "$W/me.pem" -reqout "$W/request" >/dev/null 2>&1 || true
	post /ocsp -H 'Content-Type: application/ocsp-request' --data-binary "@$W/request"
	expect_status 200
	cmp "$W/first" "$W/body"
	openssl ocsp -issuer "$W/ca.pem" -serial 0x1234 -reqout "$W/request" -no_nonce >/dev/null 2>&1 || true
	post /ocsp -H 'Content-Type: application/ocsp-request' --data-binary "@$W/request"
	expect_header Cache-Control no-store
	openssl ocsp -respin "$W/body" -noverify -resp_text 2>&1 | grep -qi trylater
}

# managed NAME: phone 0 is this person's and under management; $ID.
managed() {
	post /api/v1/enroll/sessions -H "$(bearer devices)" -d "{\"person\":\"$1\"}"
	UDID=$(device_on enroll "$(json .url)")
	ID=$(sql "SELECT id FROM device WHERE udid = '$UDID'")
	[ -n "$ID" ]
	connects
}
state() { sql "SELECT state FROM own_mobileconfig"; }

@test "on an enrolled device it comes by itself, encrypted for it; reinstalled, removed in Settings, and revoked" {
	pomona_start_tls
	managed mia
	button mia "device=$ID"
	[ "$URL" = "/eas?done=sent" ]
	[ "$(sql "SELECT count(*) FROM challenge WHERE purpose = 'person'")" = 0 ]	# nothing secret waits
	button mia "device=$ID"
	[ "$(sql "SELECT count(*) FROM command_queue q JOIN command c ON c.id = q.command_id WHERE c.kind = 'own_mobileconfig'")" = 1 ]
	connects
	judge_all
	[ "$(state)|$(good)" = "installed|1" ]
	identity
	[ "$(payload com.apple.eas.account 'p["EmailAddress"]')" = mia@example.com ]
	as mia get /eas -A "$SAFARI"
	expect_body "installed"
	cp "$W/me.pem" "$W/old.pem"
	button mia "device=$ID"
	connects
	[ "$(state)|$(good)|$(revoked)" = "installed|1|1" ]		# CertificateList has the new one
	identity
	ocsp "$W/old.pem"
	grep -q 'old.pem: revoked' "$W/ocsp"
	[ "$(payload com.apple.eas.account 'len({q["PayloadUUID"] for q in all}), len(all)')" = "(1, 2)" ]

	device_on remove "$(sql 'SELECT identifier FROM own_mobileconfig')"
	order ProfileList
	connects
	[ "$(state)|$(good)" = "removed|1" ]
	as mia get /eas -A "$SAFARI"
	expect_body "removed, certificate still good"
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -d "act=revoke&id=$(sql 'SELECT id FROM own_mobileconfig')"
	expect_status 303
	[ "$(state)|$(good)|$(audited own.revoke)|$(audited own.removed)" = "revoked|0|1|1" ]

	# it changes hands: what is mia's own goes from it, and the certificate is good no more
	button mia "device=$ID"
	connects
	[ "$(state)|$(good)" = "installed|1" ]
	ask PUT "/api/v1/devices/$ID/person" -H "$(bearer devices)" -d '{"person":"anna"}'
	expect_status 204
	[ "$(state)|$(good)|$(audited device.person)" = "revoked|0|1" ]
	connects
	[ "$(sql "SELECT count(*) FROM installed_mobileconfig i JOIN own_mobileconfig o ON o.identifier = i.identifier")" = 0 ]
	ask PUT "/api/v1/devices/$ID/person" -H "$(bearer devices)" -d '{"person":"mia"}'
	expect_status 204

	# what came by management goes with it
	button mia "device=$ID"
	connects
	[ "$(state)|$(good)" = "installed|1" ]
	post "/api/v1/devices/$ID/retire" -H "$(bearer devices)" -d '{"reason":"a test"}'
	expect_status 204
	[ "$(state)|$(good)" = "removed|1" ]
	as mia get /eas -A "$SAFARI"
	expect_body "removed, certificate still good"
}

@test "nobody gets another person's: not by guessing, by their device, by another session, nor by its signer" {
	pomona_start_tls
	managed anna
	local annas=$ID
	button mia
	local mine=$TOKEN_ url=$URL
	# guesses, and mia's token under another name
	get /eas/aaaaaaaaaaaaaaaaaaaaaaaaaaa/anna.mobileconfig
	expect_problem 404 not_found
	get "/eas/$mine/anna.mobileconfig"
	expect_problem 404 not_found
	get /eas.mobileconfig -H 'Accept: application/json'
	expect_status 401
	# anna's device is not mia's to send to
	as mia get /eas -A "$SAFARI"
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -d "device=$annas" -H 'Accept: application/json'
	expect_problem 404 not_found
	[ "$(sql "SELECT count(*) FROM own_mobileconfig")" = 0 ]
	# nor is one of hers that mia says is removed, revoked or works
	sign_in anna
	as anna get /eas -A "$SAFARI"
	as anna post /eas --data-urlencode "csrf=$(form_csrf)" -d "device=$annas"
	expect_status 303
	local hers
	hers=$(sql "SELECT id FROM own_mobileconfig")
	for act in works removed revoke; do
		as mia get /eas -A "$SAFARI"
		expect_not_in "$W/body" "$hers"
		as mia post /eas --data-urlencode "csrf=$(form_csrf)" -d "act=$act&id=$hers" -H 'Accept: application/json'
		expect_problem 404 not_found
	done
	[ "$(state)" = offered ]

	# two sessions, and the passing identity of one at the other
	URL=$url
	download
	device_cert
	signs mia "$CHALLENGE" "$mine"
	expect_status 200
	passing mine 10
	button anna
	local other=$TOKEN_
	download
	signs mia "$CHALLENGE" "$mine"		# anna's challenge at mia's session
	expect_problem 403 bad_challenge
	signs mia "$CHALLENGE" "$other"
	expect_status 200
	signs mine "" "$other"
	expect_problem 403 bad_identity
	signs mine "" "$mine" 00008120-00000000000000BB	# another device
	expect_problem 403 bad_identity
	# an enrolled device's identity signs for nobody
	managed_identity
	signs managed "" "$mine"
	expect_problem 403 bad_identity
	signs mine "" "$mine"
	expect_status 200
	# and only that key opens it
	run opens mia
	[ "$status" != 0 ]
	opens mine
	[ "$(audited own.refused)" = 4 ]
	# what came of it is no way back in: its certificate neither signs a phase nor speaks as a device
	person_certificate 11
	signs person "" "$mine"
	expect_problem 403 bad_identity
	printf '<plist version="1.0"><dict><key>MessageType</key><string>Authenticate</string><key>Topic</key><string>%s</string><key>UDID</key><string>00008120-001A2B3C4D5E801E</string></dict></plist>' "$TOPIC" >"$W/checkin"
	openssl cms -sign -binary -outform DER -signer "$W/person.pem" -inkey "$W/person.key" -in "$W/checkin" -out "$W/checkin.sig"
	ask PUT /mdm/checkin -H 'Content-Type: application/x-apple-aspen-mdm-checkin' --data-binary "@$W/checkin" \
		-H "Mdm-Signature: $(base64 -w0 "$W/checkin.sig")"
	expect_status 400
}

# ---- a phone by hand ----

unsigned() { openssl cms -verify -inform DER -in "$1" -CAfile "$W/tls/ca.pem" -purpose any -binary -out "$2" 2>"$W/openssl"; }
plist() {	# FILE PATH
	python3 - "$@" <<-'PY'
		import plistlib, sys
		at = plistlib.load(open(sys.argv[1], "rb"))
		for key in sys.argv[2].split("."):
		    at = at[int(key) if isinstance(at, list) else key]
		print(at)
	PY
}
download() {
	get "$URL"
	expect_status 200
	unsigned "$W/body" "$W/service.plist"
	[ "$(plist "$W/service.plist" PayloadContent.URL)" = "${URL%/*}" ]
	CHALLENGE=$(plist "$W/service.plist" PayloadContent.Challenge)
}
device_cert() {	# as Apple gives devices: $W/mia.pem and .key
	openssl req -newkey rsa:2048 -nodes -subj "/CN=phone" -keyout "$W/mia.key" -out "$W/mia.csr" 2>/dev/null
	openssl x509 -req -in "$W/mia.csr" -CA "$W/apple/ca.pem" -CAkey "$W/apple/ca.key" -set_serial 77 -days 30 -out "$W/mia.pem" \
		-extfile <(printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment') 2>/dev/null
}
attributes() {	# CHALLENGE [UDID]
	printf '<plist version="1.0"><dict><key>UDID</key><string>%s</string>' "${2:-00008120-001A2B3C4D5E801E}"
	printf '<key>PRODUCT</key><string>iPhone15,4</string><key>VERSION</key><string>22B83</string><key>SERIAL</key><string>F2LTEST0001</string>'
	[ -z "$1" ] || printf '<key>CHALLENGE</key><string>%s</string>' "$1"
	echo '</dict></plist>'
}
signs() {	# NAME CHALLENGE TOKEN [UDID]: what the device says, signed, posted to that session
	attributes "$2" "${4-}" >"$W/attributes"
	openssl cms -sign -nodetach -binary -outform DER -signer "$W/$1.pem" -inkey "$W/$1.key" -certfile "$W/apple/ca.pem" \
		-in "$W/attributes" -out "$W/answer"
	post "/eas/$3" -H 'Content-Type: application/pkcs7-signature' --data-binary "@$W/answer"
}
passing() {	# NAME NUMBER: the identity that the answer in $W/body is for
	unsigned "$W/body" "$W/phase2.plist"
	scep_of "$W/phase2.plist" 0.PayloadContent "$1" "$2"
}
scep_of() {	# FILE PATH NAME NUMBER
	"$DEVICE" scep "$(plist "$1" "PayloadContent.$2.URL")" --number "$4" --ca "$W/apple" --state "$W/phones" \
		--connect "127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" --out "$W/$3.pem" --key-out "$W/$3.key" \
		--challenge "$(plist "$1" "PayloadContent.$2.Challenge")" 2>"$W/scep.err"
}
opens() {	# NAME: with its key
	unsigned "$W/body" "$W/phase3.plist"
	python3 -c 'import plistlib, sys
open(sys.argv[2], "wb").write(plistlib.load(open(sys.argv[1], "rb"))["EncryptedPayloadContent"])' "$W/phase3.plist" "$W/sealed.der"
	openssl cms -decrypt -inform DER -binary -in "$W/sealed.der" -inkey "$W/$1.key" -recip "$W/$1.pem" -out "$W/payloads.plist"
}
person_certificate() {	# NUMBER: what the SCEP payload of phase 3 brings
	python3 -c 'import plistlib, sys
plistlib.dump({"PayloadContent": plistlib.load(open(sys.argv[1], "rb"))}, open(sys.argv[2], "wb"))' "$W/payloads.plist" "$W/opened.plist"
	scep_of "$W/opened.plist" 0.PayloadContent person "$1"
}
managed_identity() {	# of phone 0: $W/managed.pem and .key
	"$DEVICE" show "$W/phones" 0 | python3 -c 'import plistlib, sys
e = plistlib.loads(sys.stdin.buffer.read())["Enrollment"]
open(sys.argv[1], "wb").write(e["Identity"])
print(e["KeyNumber"])' "$W/managed.der" >"$W/number"
	openssl x509 -inform DER -in "$W/managed.der" -out "$W/managed.pem"
	"$DEVICE" key "$(cat "$W/number")" >"$W/managed.key"
}

# ---- behind a proxy that asks for it ----

# signed_in_by nginx|haproxy: who shows the certificate of /eas is signed in by it, with their name; see docs/proxy.
signed_in_by() {
	HOST=127.0.0.1
	mkdir -p "$W/front"
	people_certificates >/dev/null 2>&1
	"$POMONA" ca export --data "$DATA" >"$W/front/pomona-ca.pem"
	empty_crl
	setting signin proxy_header '"X-Remote-User"'
	setting server client_cert_header '"Client-Cert"'
	behind "$1" 4
}
empty_crl() {	# the proxy wants one before there is a server to ask
	"$POMONA" serve --data "$DATA" --listen 127.0.0.1:0 --plain >"$W/ready" 2>>"$W/log" 3>&- &
	PID=$!
	wait_until grep -q '^ready ' "$W/ready"
	PORT=$(sed -n 's/^ready .*:\([0-9]*\)$/\1/p' "$W/ready") BASE=http://$HOST
	crl
	pomona_stop
}
crl() {
	get /crl
	expect_status 200
	openssl crl -inform DER -in "$W/body" -out "$W/front/pomona-crl.pem"
}
new_crl() {	# as the hourly fetch does
	crl
	front_stops
	front_begins
}
certified() { local how=$1; shift; "$how" "$@" --cert "$W/${ME-me}.pem" --key "$W/${ME-me}.key" -H 'Accept: text/html' -H "Origin: $BASE"; }

story_behind() {
	signed_in_by "$1"
	# without a certificate people sign in as ever, and get one
	button mia
	[[ $URL == "$BASE"/eas/*/mia.mobileconfig ]]
	# no certificate is set to sign with, and the proxy has that of TLS: our own CA signs
	get "$URL"
	openssl cms -verify -inform DER -in "$W/body" -CAfile "$W/front/pomona-ca.pem" -binary -out "$W/service.plist" 2>"$W/openssl"
	[ "$(plist "$W/service.plist" PayloadContent.URL)" = "${URL%/*}" ]
	phone
	took
	judge_all
	identity
	rm "$W/jar.mia"
	# with it they are signed in by their name, and it is known to be in use
	certified get /account
	expect_status 200
	expect_body "mia"
	link_asks --cert "$W/me.pem" --key "$W/me.key"
	get /account -H 'Accept: application/json' -H 'X-Remote-User: mia'	# a name alone is nobody
	expect_status 401
	[ "$(state)" = offered ]
	certified get /eas -A "$SAFARI"
	expect_status 200
	expect_body "installed"
	[ "$(state)" = installed ]
	# installed again, by the certificate that there is: once the new one is shown the old one is revoked
	cp "$W/me.pem" "$W/old.pem"; cp "$W/me.key" "$W/old.key"
	certified post /eas -A "$SAFARI" --data-urlencode "csrf=$(form_csrf)"
	expect_status 303
	URL=$(header Location)
	phone
	took
	identity
	[ "$(good)" = 2 ]
	ME=old certified get /eas
	expect_status 200
	[ "$(good)" = 2 ]
	certified get /eas -A "$SAFARI"
	[ "$(good)|$(revoked)" = "1|1" ]
	new_crl
	ME=old certified get /eas
	expect_status 403
	[ -z "$(header X-Content-Type-Options)" ]			# the proxy's word
	ME=old certified get /healthz					# what is open to devices stays so
	expect_status 200
	ME=old certified get /i/none0000
	expect_status 404
	[ -n "$(header X-Content-Type-Options)" ]
	# nor is anybody by a name that nobody of ours has signed
	cp "$W/front/stranger.pem" "$W/front/stranger.key" "$W/"
	ME=stranger certified get /account
	expect_status 403
	[ -z "$(header X-Content-Type-Options)" ]
	ME=stranger certified get /c/none0000
	expect_status 404
	certified get /eas -A "$SAFARI"
	expect_status 200
	# another person's certificate beside somebody's sign-in is refused
	button anna
	phone 1
	took
	cp "$W/me.pem" "$W/mias.pem"; cp "$W/me.key" "$W/mias.key"
	ME=mias certified get /account -b "$W/jar.anna"
	expect_body "mia"						# the proxy's word counts, not the cookie
	# revoked by IT: the proxy refuses it from its next list on
	post "/api/v1/own/$(sql "SELECT o.id FROM own_mobileconfig o JOIN person p ON p.id = o.person_id WHERE p.name = 'mia'")/revoke" \
		-H "$(bearer devices)" -d '{}'
	expect_status 200
	new_crl
	ME=mias certified get /eas
	expect_status 403
}

@test "nginx asks for the certificate of /eas, passes it on with its person's name, and refuses a revoked one" {
	story_behind nginx
}

@test "HAProxy asks for the certificate of /eas, passes it on with its person's name, and refuses a revoked one" {
	story_behind haproxy
}

@test "who is disabled keeps no good certificate, and what was begun brings none" {
	pomona_start_tls
	button mia
	phone
	took
	identity
	button mia
	local begun=$URL
	ask PATCH "/api/v1/people/$(sql "SELECT id FROM person WHERE name = 'mia'")" -H "$(bearer admin)" -d '{"disabled":true}'
	expect_status 200
	[ "$(good)|$(revoked)|$(state)" = "0|1|revoked" ]
	[ "$(sql "SELECT reason FROM certificate WHERE purpose = 'person'")" = affiliationChanged ]
	[ "$(sql "SELECT actor FROM audit WHERE act = 'certificate.revoke'")" = "$(sql "SELECT actor FROM audit WHERE act = 'person.disable'")" ]
	ocsp "$W/me.pem"
	grep -q 'me.pem: revoked' "$W/ocsp"
	get "$begun"
	expect_problem 404 not_found
	get /eas -b "$W/jar.mia" -H 'Accept: application/json'
	expect_status 401
}

@test "IT sees who has which and takes it back; what is wrong for a person is said before anything is downloaded" {
	pomona_start_tls
	button mia
	phone
	took
	sign_in anna
	as anna get '/admin/own?q=MIA'
	expect_body mia
	expect_body "given out"
	as anna get '/admin/own?q=nobody'
	expect_body "Nobody has any yet"
	# by the week in which the certificate ends, as the watch over what ends links here
	local ends
	ends=$(sql "SELECT date(not_after, 'unixepoch') FROM certificate WHERE purpose = 'person'")
	as anna get "/admin/own?ends=$ends"
	expect_body "given out"
	as anna get "/admin/own?ends=$(date -u -d "$ends + 7 days" +%F)"
	expect_body "Nobody has any yet"
	get '/api/v1/own?person=mia' -H "$(bearer devices)"
	expect_json '.items | length' 1
	expect_json '.items[0].person' mia
	expect_json '.items[0].certificate.revoked' null
	expect_json '.items[0].state' offered
	local id
	id=$(json '.items[0].id')
	get '/api/v1/own?person=nobody' -H "$(bearer devices)"
	expect_json '.items | length' 0
	get /api/v1/own -H "$(bearer upload)"
	expect_status 403
	post "/api/v1/own/$id/revoke" -H "$(bearer devices)" -d '{"reason":"bad luck"}'
	expect_status 422
	as anna get '/admin/own'
	as anna post "/admin/own/$id/revoke" --data-urlencode "csrf=$(form_csrf)" -d reason=keyCompromise
	expect_status 303
	[ "$(good)|$(sql "SELECT reason FROM certificate WHERE purpose = 'person'")" = "0|keyCompromise" ]
	[ "$(audited own.revoke)" = 1 ]
	# installed again it is good again
	button mia
	phone
	took
	[ "$(good)|$(state)" = "1|offered" ]
	# without an address there is no account to make
	sql "UPDATE person SET email = '' WHERE name = 'mia'"
	as mia get /eas -A "$SAFARI"
	expect_body "%email%"
	expect_not_in "$W/body" 'name="mobileconfig"'
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -H 'Accept: application/json'
	expect_problem 409 missing_variable
	# and where nothing is set up, the page says so
	pomona_stop
	POMONA__EAS__HOST='' pomona_again
	sign_in mia
	as mia get /eas -A "$SAFARI"
	expect_body "There is nothing here for you yet"
}

@test "without an identity only what holds no secret goes out, under the person's name" {
	export POMONA__OWN__IDENTITY=none
	pomona_start_tls
	button mia plain=1
	get "$URL" -b "$W/jar.mia"
	expect_header Content-Disposition '*"mia.mobileconfig"*'
	unsigned "$W/body" "$W/plain.plist"
	judge profile "$W/plain.plist"
	[ "$(plist "$W/plain.plist" PayloadContent.0.EmailAddress)" = mia@example.com ]
	[ "$(sql "SELECT udid, state FROM own_mobileconfig")" = "|offered" ]
	pomona_stop
	POMONA__OWN__IDENTITY=scep pomona_again
	sign_in mia
	as mia get /eas -A "$SAFARI"
	expect_not_in "$W/body" 'name="plain"'
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -d plain=1 -H 'Accept: application/json'
	expect_problem 409 needs_identity
}
judge() {	# SCHEMA FILE
	[ -f "$SHARED/apple-schema/check_plist.py" ] || return 0
	python3 "$SHARED/apple-schema/check_plist.py" --strict "$1" "$2"
}

upn_is() {	# in the certificate's subjectAltName
	openssl asn1parse -in "$W/me.pem" -strparse "$(openssl asn1parse -in "$W/me.pem" | grep -A1 'X509v3 Subject Alternative Name' | tail -1 | cut -d: -f1)" |
		grep -A2 'Microsoft User Principal Name' | grep -q ":$1$"
}
# attribute NAME ATTRIBUTE VALUE: as an admin fills it in on the page of an account of this server.
attribute() {
	local page
	page=/admin/people/$(sql "SELECT id FROM person WHERE name = '$1'")
	[ -e "$W/jar.anna" ] || sign_in anna
	as anna get "$page"
	as anna post "$page/attributes" --data-urlencode "csrf=$(form_csrf)" --data-urlencode "attributes=$2 = $3"
	expect_status 303
}

doctor_says() {	# PATTERN: pomona doctor
	"$POMONA" doctor --data "$DATA" >"$W/doctor" || true
	grep -E "$1" "$W/doctor"
}

# it_reads_who_lacks_it NAME...: these people, in the console; on the page that lists who has which.
it_reads_who_lacks_it() {
	local name
	as anna get /admin/own
	expect_status 200
	expect_body "$# of $(sql "SELECT count(*) FROM person WHERE NOT disabled AND NOT resting") people get no certificate"
	expect_body "They have no %upn%, and own.upn is %upn%."
	for name in "$@"; do
		expect_body "<a href=\"/admin/people/$(sql "SELECT id FROM person WHERE name = '$name'")\"><bdi>$name</bdi></a>"
	done
}

@test "no certificate without userPrincipalName and address: what is missing is named, to the person and to IT, and nothing stands in for it" {
	unset POMONA__OWN__UPN
	pomona_start_tls
	doctor_says '^fail +own +own.upn is %upn%, and ([0-9]+) of \1 people have no %upn%: '
	POMONA__OWN__IDENTITY=none never doctor_says '^[a-z]+ +own '
	sign_in anna
	it_reads_who_lacks_it anna mia paul
	sign_in mia
	as mia get /eas -A "$SAFARI"
	expect_body "%upn%"
	expect_body "setting own.upn"
	expect_not_in "$W/body" 'name="mobileconfig"'
	as mia get /eas -A "$SAFARI" -H 'Accept-Language: de'
	expect_body "im Verzeichnis"
	as mia get /account
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -H 'Accept: application/json'
	expect_problem 409 missing_variable
	expect_body "own.upn"
	# both at once
	sql "UPDATE person SET email = '' WHERE name = 'mia'"
	as mia get /account
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -H 'Accept: application/json'
	expect_problem 409 missing_variable
	expect_body "%upn%, %email%"
	# letters that a certificate cannot say
	sql "UPDATE person SET email = 'mïa@example.com' WHERE name = 'mia'"
	attribute mia userPrincipalName mia.nair@corp.example.com
	as mia get /account
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -H 'Accept: application/json'
	expect_problem 409 bad_email
	[ "$(sql "SELECT (SELECT count(*) FROM own_session) + (SELECT count(*) FROM certificate WHERE purpose = 'person')")" = 0 ]
	doctor_says '^warn +own +own.upn is %upn%, and [0-9]+ of [0-9]+ people have no %upn%: .*set own.upn, such as %email%'
	it_reads_who_lacks_it anna paul
	expect_not_in "$W/body" '>mia<'
	sql "UPDATE person SET email = 'mia@example.com' WHERE name = 'mia'"
	button mia
	phone
	took
	identity
	upn_is mia.nair@corp.example.com
	openssl x509 -in "$W/me.pem" -noout -text | grep -q 'email:mia@example.com'
	# an address stands in for it where that was said, and one text for everybody is none
	pomona_stop
	POMONA__OWN__UPN=%email% pomona_again
	button mia
	phone
	took
	identity
	upn_is mia@example.com
	as anna get /admin/own
	expect_not_in "$W/body" "people get no certificate"
}

# warned N: the log, of own.upn.
warned() { [ "$(grep -c 'no certificate is issued to people until own.upn is set' "$W/log")" -ge "$1" ]; }

@test "an own.upn that several people would have alike keeps no server from starting, and nobody gets a certificate by it" {
	unset POMONA__OWN__UPN
	devices_data
	setting own upn '"%serial%@corp.example.com"'
	pomona_start_tls
	wait_until warned 1
	doctor_says '^fail +own .*own.upn is "%serial%@corp.example.com".*set one of a person.s own'
	sign_in mia
	as mia get /eas -A "$SAFARI"
	expect_status 200
	expect_body "several people would have alike"
	expect_not_in "$W/body" 'name="mobileconfig"'
	as mia get /account
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -H 'Accept: application/json'
	expect_problem 409 bad_upn
	sed -i 's/%serial%@corp/%department%@corp/' "$CONF"
	kill -HUP "$PID"
	wait_until warned 2
	as mia get /account
	as mia post /eas --data-urlencode "csrf=$(form_csrf)" -H 'Accept: application/json'
	expect_problem 409 bad_upn
	[ "$(sql "SELECT (SELECT count(*) FROM own_session) + (SELECT count(*) FROM certificate WHERE purpose = 'person')")" = 0 ]
	sed -i 's/%department%@corp/%username%@corp/' "$CONF"
	kill -HUP "$PID"
	begins() {
		as mia get /account
		as mia post /eas --data-urlencode "csrf=$(form_csrf)"
		[ "$STATUS" = 303 ]
	}
	wait_until begins
	never doctor_says '^[a-z]+ +own '
	warned 2
	never warned 3
}

@test "an admin's own template has Wi-Fi and VPN by the same identity, and without it only the rest" {
	pomona_start_tls
	cat >"$W/form.json" <<-'JSON'
		{"name": "Office", "description": "For %full_name%", "payloads": [
		 {"id": "identity", "type": "com.apple.security.scep", "keys": {"PayloadContent": {"URL": "https://apps.example.com/scep", "Keysize": 2048}}},
		 {"id": "wifi", "type": "com.apple.wifi.managed", "keys": {"SSID_STR": "Example", "EncryptionType": "WPA2",
		  "EAPClientConfiguration": {"AcceptEAPTypes": [13], "UserName": "%username%"}, "PayloadCertificateUUID": {"$payload": "identity"}}},
		 {"id": "vpn", "type": "com.apple.vpn.managed", "keys": {"UserDefinedName": "VPN of %upn%", "VPNType": "IKEv2",
		  "IKEv2": {"RemoteAddress": "vpn.example.com", "RemoteIdentifier": "vpn.example.com", "LocalIdentifier": "%email%",
		   "AuthenticationMethod": "Certificate", "PayloadCertificateUUID": {"$payload": "identity"}}}},
		 {"id": "people", "type": "com.apple.ldap.account", "keys": {"LDAPAccountHostName": "ldap.example.com", "LDAPAccountUseSSL": true}}]}
	JSON
	ask PUT '/api/v1/mobileconfigs/office?purpose=own' -H "$(bearer admin)" -H 'Content-Type: application/json' \
		-T "$W/form.json"
	expect_status 201
	ask PUT /api/v1/assignments/office -H "$(bearer admin)" -d '{"mobileconfig":"office","audience":{"everyone":true}}'
	expect_status 201
	attribute mia userPrincipalName mia.nair@corp.example.com
	sign_in mia
	as mia get /eas -A "$SAFARI"
	expect_body "Office"
	local id
	id=$(sql "SELECT id FROM mobileconfig WHERE name = 'office'")
	button mia "mobileconfig=$id"
	phone
	took
	judge_all
	local uuid
	uuid=$(payload com.apple.security.scep '[q for q in all if "mobileconfig" not in q][-1]["PayloadUUID"]')
	[ "$(payload com.apple.wifi.managed 'p["PayloadCertificateUUID"]')" = "$uuid" ]
	[ "$(payload com.apple.vpn.managed 'p["IKEv2"]["PayloadCertificateUUID"]')" = "$uuid" ]
	[ "$(payload com.apple.vpn.managed 'p["UserDefinedName"]')" = "VPN of mia.nair@corp.example.com" ]
	button mia "mobileconfig=$id" plain=1
	get "$URL" -b "$W/jar.mia"
	unsigned "$W/body" "$W/plain.plist"
	judge profile "$W/plain.plist"
	[ "$(plist "$W/plain.plist" PayloadContent.0.PayloadType)" = com.apple.ldap.account ]
	never grep -qE "com.apple.(wifi|vpn|security)" "$W/plain.plist"
}

# says NAME VALUE...: what the directory says of ada from now on.
says() {
	{
		echo "dn: uid=ada,ou=people,$SUFFIX"
		echo "changetype: modify"
		while [ $# -gt 0 ]; do printf 'replace: %s\n%s: %s\n-\n' "$1" "$1" "$2"; shift 2; done
	} | directory_change
}
heard() { [ "$(sql "SELECT value FROM person_attribute WHERE name = 'department'")" = "$1" ]; }
thought() { [ "$(sql "SELECT (SELECT count(*) FROM desired_due) + (SELECT count(*) FROM device_mobileconfig WHERE state = 'wanted')")" = 0 ]; }
phone_1() { device_on fleet --first 1 --count 1 --drain "$@" >"$W/fleet" || { cat "$W/fleet"; tail -5 "$W/ledger"; return 1; }; }

@test "what the company's directory says of a person is in their certificate and mobileconfig, and on their device anew when it changes" {
	directory_make
	directory_start
	directory_use
	says mail ada@example.com displayName "Ada Ad" department "R&D <Mail>"
	unset POMONA__OWN__UPN	# as it is set where nothing is
	export POMONA__EAS__USER_NAME='%upn%'
	pomona_start_tls
	try ada "pass of ada"
	expect_status 303
	heard "R&D <Mail>"
	button ada
	[[ $URL == "$BASE"/eas/*/ada.ad.mobileconfig ]]	# sAMAccountName
	phone
	took
	judge_all
	identity
	upn_is ada@corp.example.com
	openssl x509 -in "$W/me.pem" -noout -text | grep -q 'email:ada@example.com'
	openssl x509 -in "$W/me.pem" -noout -subject | grep -q 'CN = Ada Ad'
	[ "$(payload com.apple.eas.account 'p["UserName"], p["EmailAddress"]')" = "('ada@corp.example.com', 'ada@example.com')" ]
	# a mobileconfig of the company on a managed device of hers
	ask PUT /api/v1/mobileconfigs/badge -H "$(bearer admin)" -H "Content-Type: application/json" -d '{"name":"Badge","payloads":[{"id":"ldap","type":"com.apple.ldap.account",
		"keys":{"LDAPAccountDescription":"%department%: %upn%","LDAPAccountHostName":"ldap.example.com","LDAPAccountUseSSL":true}}]}'
	expect_status 201
	ask PUT /api/v1/assignments/badge -H "$(bearer admin)" -d '{"mobileconfig":"badge","audience":{"everyone":true}}'
	expect_status 201
	post /api/v1/enroll/sessions -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"person":"ada.ad"}'
	expect_status 201
	json .url >"$W/url"
	phone_1 --enroll "$W/url"
	wait_until thought
	phone_1
	badge() { payload com.apple.ldap.account 'p["LDAPAccountDescription"]'; }
	[ "$(badge)" = "R&D <Mail>: ada@corp.example.com" ]
	# the directory says otherwise: the hourly look hears it
	says department Post userPrincipalName ada.ad@corp.example.com
	sql "UPDATE job SET due = 0 WHERE kind = 'directory_check'"
	wait_until heard Post
	wait_until thought
	phone_1
	[ "$(badge)" = "Post: ada.ad@corp.example.com" ]
	cp "$W/me.pem" "$W/old.pem"
	button ada
	phone
	took
	identity
	upn_is ada.ad@corp.example.com
	[ "$(payload com.apple.eas.account 'p["UserName"]')" = ada.ad@corp.example.com ]
	judge_all
}

@test "an answer that a crash swallowed is given again to the same device, and a kill in between leaves one" {
	pomona_start_tls
	button mia
	download
	device_cert
	signs mia "$CHALLENGE" "$TOKEN_"
	expect_status 200
	pomona_kill
	pomona_again
	signs mia "$CHALLENGE" "$TOKEN_"
	expect_status 200
	passing mine 10
	signs mine "" "$TOKEN_"
	expect_status 200
	pomona_kill
	pomona_again
	signs mine "" "$TOKEN_"
	expect_status 200
	[ "$(sql "SELECT count(*) FROM own_mobileconfig")" = 1 ]
	[ "$(sql "SELECT count(*) FROM challenge WHERE purpose = 'person' AND used IS NULL AND expires > $(date +%s)")" = 1 ]
	opens mine
	person_certificate 11
	signs mine "" "$TOKEN_"			# a certificate came of it: the next begins anew
	expect_problem 403 not_now
	for _ in $(seq 20); do post "/eas/$TOKEN_" -H 'Content-Type: application/pkcs7-signature' -d nothing; done
	signs mine "" "$TOKEN_"
	expect_problem 404 not_found
	[ "$(good)" = 1 ]
}

@test "a certificate of somebody else, or a revoked one, beside a vouched name is refused everywhere" {
	setting server trusted_proxies '"127.0.0.1"'
	setting signin proxy_header '"X-Remote-User"'
	setting server client_cert_header '"Client-Cert"'
	pomona_start_tls
	button mia
	phone
	took
	identity
	local shown
	shown=$(openssl x509 -in "$W/me.pem" -outform DER | base64 -w0)
	get /eas -H 'X-Remote-User: mia' -H "Client-Cert: :$shown:" -H 'Accept: application/json'
	expect_status 200
	expect_json '.mine[0].state' installed
	get /eas -H 'X-Remote-User: anna' -H "Client-Cert: :$shown:" -H 'Accept: application/json'
	expect_problem 403 other_person
	get /account -H 'X-Remote-User: anna' -H "Client-Cert: :$shown:" -H 'Accept: application/json'
	expect_problem 403 other_person
	post /eas -H 'X-Remote-User: anna' -H "Client-Cert: :$shown:" -H 'Accept: application/json' -d 'act=revoke&id=x'
	expect_status 403
	post "/api/v1/own/$(sql 'SELECT id FROM own_mobileconfig')/revoke" -H "$(bearer devices)" -d '{}'
	get /account -H 'X-Remote-User: mia' -H "Client-Cert: :$shown:" -H 'Accept: application/json'
	expect_problem 403 certificate_revoked
	pomona_stop
	POMONA__OWN__IDENTITY=paper run "$POMONA" serve --data "$DATA" --listen 127.0.0.1:0 --plain
	[ "$status" != 0 ]
	[[ $output == *own.identity* ]]
}

@test "nginx asks OCSP instead of reading a list, and refuses a revoked certificate without being told" {
	command -v nginx >/dev/null || skip "no nginx"
	HOST=127.0.0.1 FRONT=$(free_port) BACK=$(free_port)
	mkdir -p "$W/front"
	people_certificates >/dev/null 2>&1
	"$POMONA" ca export --data "$DATA" >"$W/front/pomona-ca.pem"
	setting server trusted_proxies '"127.0.0.1"'
	setting server client_cert_header '"Client-Cert"'
	export POMONA__SERVER__BASE_URL=https://127.0.0.1:$FRONT
	BASE=$POMONA__SERVER__BASE_URL
	: >"$W/ready"
	"$POMONA" serve --data "$DATA" --listen "127.0.0.1:$BACK" --plain >"$W/ready" 2>>"$W/log" 3>&- &
	PID=$!
	wait_until grep -q '^ready ' "$W/ready"
	cat >"$W/front/nginx.conf" <<-CONF
		daemon off; master_process off; pid $W/front/pid; error_log $W/front/log;
		events { worker_connections 256; }
		http {
			access_log off;
			client_body_temp_path $W/front/b; proxy_temp_path $W/front/p; fastcgi_temp_path $W/front/f;
			uwsgi_temp_path $W/front/u; scgi_temp_path $W/front/s;
			server {
				listen 127.0.0.1:$FRONT ssl;
				ssl_certificate $W/front/cert.pem; ssl_certificate_key $W/front/key.pem;
				ssl_client_certificate $W/front/pomona-ca.pem;
				ssl_verify_client optional;
				ssl_ocsp leaf;
				ssl_ocsp_responder http://127.0.0.1:$BACK/ocsp;
				location / {
					proxy_pass http://127.0.0.1:$BACK;
					proxy_set_header Host 127.0.0.1:$FRONT;
					proxy_set_header X-Forwarded-For \$remote_addr;
					proxy_set_header X-Forwarded-Proto https;
					proxy_set_header Client-Cert \$ssl_client_escaped_cert;
				}
			}
		}
	CONF
	nginx -e "$W/front/log" -p "$W/front" -c "$W/front/nginx.conf" >/dev/null 2>&1 3>&- &
	FRONT_PID=$!
	PORT=$FRONT
	wait_until front_answers && kill -0 "$FRONT_PID" || { cat "$W/front/log"; return 1; }
	button mia
	phone
	took
	identity
	certified get /eas -b "$W/jar.mia" -A "$SAFARI"
	expect_status 200
	expect_body installed
	grep -q 'path=/ocsp/' "$W/log"
	post "/api/v1/own/$(sql 'SELECT id FROM own_mobileconfig')/revoke" -H "$(bearer devices)" -d '{}'
	expect_status 200
	certified get /eas -b "$W/jar.mia" || true
	[ "$STATUS" = 400 ]
	get /eas -b "$W/jar.mia" -H 'Accept: text/html'
	expect_status 200
}

@test "a person's certificate that ends is watched over: its person is told, and nobody but them and IT sees it" {
	export POMONA__OWN__CERTIFICATE_DAYS=40
	devices_start
	button mia
	phone
	took
	"$POMONA" expiry --json --data "$DATA" >"$W/body"
	expect_json '[.items[] | select(.kind == "own")] | length' 1
	[[ $(json '.items[] | select(.kind == "own") | .name') == *mia* ]]
	local first
	first=$(json '.items[] | select(.kind == "own") | .ends')
	button mia
	phone
	took
	"$POMONA" expiry --json --data "$DATA" >"$W/body"
	expect_json '[.items[] | select(.kind == "own")] | length' 1	# the newest is what it carries
	[ ! "$(json '.items[] | select(.kind == "own") | .ends')" \< "$first" ]
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "own")] | length' 1
	sign_in paul
	as paul get /admin/expiry
	expect_not_in "$W/body" '(mia'
}

waiting() { sql "SELECT count(*) FROM command_queue q JOIN command c ON c.id = q.command_id WHERE c.kind = 'own_mobileconfig'"; }
became() { sql "SELECT h.state FROM command_history h JOIN command c ON c.id = h.command_id WHERE c.kind = 'own_mobileconfig' ORDER BY c.id DESC LIMIT 1"; }

@test "a device that never answers is not made keys for ever, and of what was lost on the way little is left good" {
	export POMONA__OWN__IDENTITY=pkcs12
	pomona_start_tls
	managed mia
	button mia "device=$ID"
	deaf() {
		device_on fleet --for 1 --poll-ms 20 --sleep-ms 20 --deaf 100 >"$W/fleet" || return 1
		[ "$(waiting)" = 0 ]
	}
	wait_until deaf
	[ "$(became)" = error ]
	[ "$(sql "SELECT count(*) FROM certificate WHERE purpose = 'person'")" = 8 ]
	[ "$(good)|$(sql "SELECT DISTINCT lower(reason) FROM certificate WHERE purpose = 'person' AND revoked IS NOT NULL")" = "2|superseded" ]
	# asked for again, and heard: only that is left
	button mia "device=$ID"
	connects
	[ "$(state)|$(good)" = "installed|1" ]
}

@test "what was taken back does not come by a way that was begun before, nor by a command that waits" {
	pomona_start_tls
	button mia
	phone
	took
	local id udid begun answered elsewhere
	id=$(sql "SELECT id FROM own_mobileconfig") udid=$(sql "SELECT udid FROM own_mobileconfig")
	device_cert
	button mia
	begun=$URL
	button mia
	download
	signs mia "$CHALLENGE" "$TOKEN_" "$udid"
	expect_status 200
	passing mine 10
	answered=$TOKEN_
	button mia
	download
	signs mia "$CHALLENGE" "$TOKEN_" 00008120-00000000000000BB
	expect_status 200
	passing other 11
	elsewhere=$TOKEN_
	post "/api/v1/own/$id/revoke" -H "$(bearer devices)" -d '{"reason":"keyCompromise"}'
	expect_status 200
	get "$begun"
	expect_problem 404 not_found
	signs mine "" "$answered" "$udid"
	expect_problem 404 not_found
	[ "$(state)|$(good)" = "revoked|0" ]
	signs other "" "$elsewhere" 00008120-00000000000000BB	# another device of theirs
	expect_status 200

	managed mia
	button mia "device=$ID"
	id=$(sql "SELECT id FROM own_mobileconfig WHERE device_id = '$ID'")
	post "/api/v1/own/$id/revoke" -H "$(bearer devices)" -d '{}'
	expect_status 200
	[ "$(waiting)" = 1 ]
	connects
	[ "$(waiting)|$(became)|$(good)|$(sql "SELECT state FROM own_mobileconfig WHERE id = '$id'")" = "0|error|0|revoked" ]
}
