# A person's own mobileconfig at /eas: in a browser and on a simulated iPhone, directly, behind nginx and behind HAProxy.
load lib/pomona
load lib/devices
load lib/sending

SAFARI='Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'

setup_file() {
	devices_prepare
	"$POMONA" ca show --data "$BATS_FILE_TMPDIR/prepared/data" >/dev/null
}
setup() {
	devices_data
	export POMONA__EAS__HOST=mail.example.com
	sql "UPDATE person SET email = name || '@example.com', display = CASE name WHEN 'mia' THEN 'Mia Nair' ELSE name END"
}
teardown() {
	front_stops
	devices_stop
}
front_stops() {
	[ -z "${FRONT_PID-}" ] || { kill "$FRONT_PID" 2>/dev/null && wait "$FRONT_PID"; } || true
	FRONT_PID=
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
		grep -A2 'Microsoft User Principal Name' | grep -q mia@example.com
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
	! grep -qF -- "$password" "$DATA/pomona.db"
	openssl pkey -in "$W/me.key" -outform DER | tail -c 64 >"$W/part"
	! python3 -c 'import sys; sys.exit(open(sys.argv[1], "rb").read() not in open(sys.argv[2], "rb").read())' "$W/part" "$DATA/pomona.db"
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
	! cmp -s "$W/me.pem" "$W/old.pem"
	[ "$(payload com.apple.eas.account 'len({q["PayloadUUID"] for q in all}), len({q["PayloadIdentifier"] for q in all}), len(all)')" = "(1, 1, 2)" ]
	[ "$(payload com.apple.security.scep 'len({q["PayloadUUID"] for q in all if ".eas." in q["PayloadIdentifier"] and "mail" not in q["PayloadIdentifier"]}) <= 2')" = True ]
	[ "$("$DEVICE" show "$W/phones" 0 | grep -c 'Mobileconfigs')" = 1 ]
	[ "$(sql "SELECT count(*) FROM own_mobileconfig")" = 1 ]
	[ "$(good)" = 2 ]
	as mia get /eas
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
