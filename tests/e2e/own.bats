# A person's own mobileconfig at /eas: in a browser and on a simulated iPhone, directly, behind nginx and behind HAProxy.
load lib/pomona
load lib/devices

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
