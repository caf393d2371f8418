# The SCEP server and the clients that people have: strongSwan's pki, certmonger, micromdm's scepclient, and curl.
# Each enrolls with a server whose CA does all by itself, and with one that stands under a root.
load lib/pomona

SCEP_LOAD=${POMONA_SCEP_LOAD_BIN:-$ROOT/build/debug/scep_load}

setup_file() {
	[ -x "$SCEP_LOAD" ] || skip "no $SCEP_LOAD"
	pomona_prepare
	mkdir "$BATS_FILE_TMPDIR/under-root"
	"$POMONA" init --data "$BATS_FILE_TMPDIR/under-root/data" --base-url "http://$HOST" --ca-root \
		--master-key "$BATS_FILE_TMPDIR/under-root/master.key" >/dev/null 2>&1
}

teardown() { pomona_stop; }

# serve one|root: real clients look at the time, so the server's stands still at the real one.
serve() {
	if [ "$1" = root ]; then
		W=$BATS_TEST_TMPDIR
		cp -r "$BATS_FILE_TMPDIR/prepared/." "$W/"
		rm -rf "$W/data"
		cp -r "$BATS_FILE_TMPDIR/under-root/." "$W/"
		DATA=$W/data CONF=$W/data/pomona.conf
		sed -i "s|master_file = .*|master_file = \"$W/master.key\"|" "$CONF"
		: >"$W/log"
		setting clock file "\"$W/clock\""
	else
		pomona_data
	fi
	date -u +%Y-%m-%dT%H:%M:%SZ >"$W/clock"
	BASE=http://$HOST
	pomona_serve --plain
	find_ca
}

# The certificates of GetCACert, and which of them are for what: $CA (the one that issues), $ENC, $SIG, $ROOTCA.
find_ca() {
	local i=0 file use
	U=http://127.0.0.1:$PORT/scep
	curl -sS "$U?operation=GetCACert" -o "$W/getca"
	mkdir -p "$W/ca"
	if openssl x509 -inform DER -in "$W/getca" -out "$W/ca/ca.pem" 2>/dev/null; then
		CA=$W/ca/ca.pem ENC=$CA SIG=$CA ROOTCA=$CA
		return
	fi
	openssl pkcs7 -inform DER -in "$W/getca" -print_certs | awk -v to="$W/ca/" '/BEGIN/ { n++ } n { print > (to n ".crt") }'
	for file in "$W"/ca/*.crt; do
		use=$(openssl x509 -in "$file" -noout -ext keyUsage,basicConstraints)
		case $use in
		*CA:TRUE*) if [ "$(openssl x509 -in "$file" -noout -subject_hash)" = "$(openssl x509 -in "$file" -noout -issuer_hash)" ]
			then ROOTCA=$file; else CA=$file; fi ;;
		*Encipherment*) ENC=$file ;;
		*) SIG=$file ;;
		esac
	done
}

challenge() { "$POMONA" challenge new --data "$DATA" --subject "${1:-CN=printer 7,O=Example}" "${@:2}"; }
certificates() { sqlite3 "$DATA/pomona.db" "SELECT count(*) FROM certificate${1:+ WHERE $1}"; }
sql() { sqlite3 "$DATA/pomona.db" "$1"; }

subject_of() { openssl x509 -in "$1" -noout -subject -nameopt RFC2253; }
verified() {	# FILE: by the CA, as it is served
	cat "$CA" "$ROOTCA" >"$W/chain.pem"
	openssl verify -CAfile "$W/chain.pem" -purpose sslclient "$1"
}

# message [CHALLENGE [TRANSACTION [ber]]]: a PKCSReq in $W/message.
message() { "$SCEP_LOAD" message "$ENC" "$@" >"$W/message"; }
lines() { openssl base64 -in "$W/message" | sed "s/+/%2B/g; s/\$/$1/" | tr -d '\n'; }	# each ends with $1
base64_of() { openssl base64 -A -in "$W/message"; }

# What a CertRep says: $SAID is its pkiStatus, and " failInfo" behind it.
said() {
	SAID=$(openssl asn1parse -inform DER -in "$W/body" |
		awk -F: '/2.16.840.1.113733.1.9.3$/ { want = "s" } /2.16.840.1.113733.1.9.4$/ { want = "f" }
			/PRINTABLESTRING/ && want { got[want] = $NF; want = "" } END { print got["s"] (got["f"] == "" ? "" : " " got["f"]) }')
}

expect_said() {
	expect_status 200
	expect_header Content-Type application/x-pki-message
	said
	[ "$SAID" = "$1" ] || { echo "it said: $SAID"; tail -3 "$W/log"; return 1; }
}

operation() { ask POST "http://$HOST${1-/scep}?operation=PKIOperation" --data-binary "@$W/message" -H 'Content-Type: application/x-pki-message'; }

# ---- the wire ----

@test "MUST 38: GetCACaps is these bytes, lines end with LF alone, 200" {
	serve one
	get '/scep?operation=GetCACaps&message=any'
	expect_status 200
	expect_header Content-Type text/plain
	printf 'AES\nDES3\nSHA-1\nSHA-256\nSHA-384\nSHA-512\nPOSTPKIOperation\nSCEPStandard\nRenewal\n' | cmp - "$W/body"
	get '/scep/some-token-that-is-over?operation=GetCACaps'
	printf 'AES\nDES3\nSHA-1\nSHA-256\nSHA-384\nSHA-512\nPOSTPKIOperation\nSCEPStandard\nRenewal\n' | cmp - "$W/body"
}

@test "MUST 39: GetCACert of one CA is DER with the exact type, of a CA under a root SignedData with its RAs" {
	serve one
	get '/scep?operation=GetCACert'
	expect_header Content-Type application/x-x509-ca-cert
	openssl x509 -inform DER -in "$W/body" -noout -ext keyUsage | grep -q 'Digital Signature, Key Encipherment, Certificate Sign, CRL Sign'
	pomona_stop
	rm -rf "$W/ca"
	serve root
	get '/scep?operation=GetCACert'
	expect_header Content-Type application/x-x509-ca-ra-cert
	[ "$(openssl pkcs7 -inform DER -in "$W/body" -print_certs -noout | grep -c ^subject)" = 4 ]
	[ -n "$ENC" ]
	[ -n "$SIG" ]
	[ "$ENC" != "$SIG" ]
	[ "$ENC" != "$CA" ]
	openssl x509 -in "$SIG" -noout -ext keyUsage | tail -1 | grep -qx ' *Digital Signature'
	openssl x509 -in "$ENC" -noout -ext keyUsage | tail -1 | grep -qx ' *Key Encipherment'
}

@test "a message comes by POST, and by GET in base64 or base64url, with blanks for plus signs, lines, or no padding (MUST 41, behaviour 8)" {
	serve one
	local plain n=0 form
	message "$(challenge)" "A+/1="
	plain=$(base64_of)
	[[ $plain == *+* && $plain == */* ]]
	operation
	expect_said 0
	for form in "${plain//+/%2B}" "$plain" "$(tr -- '+/' '-_' <<<"$plain")" "$(tr -- '+/' '-_' <<<"$plain" | tr -d =)" \
		"$(lines %0A)" "$(lines %0D%0A)"; do
		get "/scep?operation=PKIOperation&message=$form"
		expect_said 0		# the same request again: the same certificate
		n=$((n + 1))
		get "/scep?message=$form&operation=PKIOperation"
		expect_said 0
	done
	ask POST "http://$HOST/scep?message=${plain//+/%2B}&operation=PKIOperation" --data-binary "@$W/message" \
		-H 'Content-Type: application/x-pki-message'	# as mdmb does
	expect_said 0
	[ $n = 6 ]
	[ "$(certificates)" = 1 ]
	# with indefinite lengths, as iPhones write it
	for form in POST GET; do
		message "$(challenge)" "indefinite $form" ber
		[ "$(head -c 2 "$W/message" | od -An -tx1 | tr -d ' \n')" = 3080 ]
		if [ $form = POST ]; then operation; else get "/scep?operation=PKIOperation&message=$(lines "")"; fi
		expect_said 0
	done
	[ "$(certificates)" = 3 ]
}

@test "a request line of nearly 16 KB is taken" {
	serve one
	message "$(challenge)"
	get "/scep?operation=PKIOperation&message=$(base64_of | sed 's/+/%2B/g')&pad=$(head -c 11000 /dev/zero | tr '\0' x)"
	expect_said 0
}

@test "MUST 44: a refusal is 200 and a CertRep; only garbage is 4xx" {
	serve one
	message wrong
	operation
	expect_said "2 2"
	openssl asn1parse -inform DER -in "$W/body" | never grep pkcs7-envelopedData
	head -c 500 "$W/message" >"$W/half"
	mv "$W/half" "$W/message"
	operation
	expect_problem 400 bad_message
	get '/scep?operation=PKIOperation&message=!!!'
	expect_problem 400 bad_message
	get '/scep?operation=GetNextCACert'		# nothing is staged
	expect_problem 404 not_found
	get '/scep?operation=GetOldCACert'
	expect_problem 400 bad_operation
	get /scep
	expect_problem 400 bad_operation
	head -c 70000 /dev/zero >"$W/message"
	operation
	expect_status 413
}

@test "a challenge is for the base path, once, and for as long as it says" {
	serve one
	local first
	first=$(challenge 'CN=printer 8' --ttl 60)
	[[ $first =~ ^[A-Za-z0-9_-]{27}$ ]]
	message "$first" one
	operation /scep/some-session
	expect_said "2 2"
	operation
	expect_said 0
	message "$first" two
	operation
	expect_said "2 2"
	[ "$(sql "SELECT act || ' ' || object FROM audit WHERE act = 'challenge.new'")" = "challenge.new CN=printer 8" ]
	[ "$(sql "SELECT count(*) FROM audit WHERE act = 'challenge.misused'")" = 1 ]
	first=$(challenge 'CN=printer 9' --ttl 60)
	set_clock "$(date -u -d "now + 10 minutes" +%Y-%m-%dT%H:%M:%SZ)"
	message "$first" three
	operation
	expect_said "2 2"
	[ "$(certificates)" = 1 ]
	expect_not_in "$W/log" "$first"
	[ -z "$(sql "SELECT 1 FROM challenge WHERE hash LIKE '%$first%'")" ]
}

@test "pomona challenge new says what is wrong with what it is told" {
	serve one
	run "$POMONA" challenge new --data "$DATA" --subject "printer"
	[ "$status" -eq 4 ]
	run "$POMONA" challenge new --data "$DATA"
	[ "$status" -eq 2 ]
	run "$POMONA" challenge new --data "$DATA" --subject CN=x --ttl 0
	[ "$status" -eq 4 ]
	run "$POMONA" challenge new --data "$DATA" --subject CN=x --purpose mdm
	[ "$status" -eq 4 ]
	run "$POMONA" challenge new --data "$DATA" --subject CN=x --device nobody
	[ "$status" -eq 4 ]
	[[ $output == *"device nobody: there is none with this id"* ]]
	post /api/v1/challenges -H "$(bearer admin)" -d '{"subject":"CN=x","device":"nobody"}'
	expect_status 404
	post /api/v1/challenges -H "$(bearer admin)" -d '{"subject":"CN=scanner 1","ttl":120}'
	expect_status 201
	expect_json .url "http://$HOST/scep"
	message "$(json .challenge)"
	operation
	expect_said 0
	post /api/v1/challenges -H "$(bearer upload)" -d '{"subject":"CN=scanner 1"}'
	expect_status 403
}

# What was acknowledged is there after kill -9, and the same request gets the same certificate again.
@test "a certificate that was handed out is kept when the server is killed at once" {
	serve one
	message "$(challenge)" before
	operation
	pomona_kill
	expect_said 0
	pomona_again
	[ "$(certificates)" = 1 ]
	operation
	expect_said 0
	[ "$(certificates)" = 1 ]
	[ "$(sql "SELECT count(*) FROM challenge WHERE used IS NOT NULL AND certificate IS NOT NULL")" = 1 ]
}

@test "fifty clients at once with one challenge get one certificate" {
	serve one
	local text i
	text=$(challenge)
	for i in $(seq 50); do
		"$SCEP_LOAD" message "$ENC" "$text" "racer-$i" >"$W/message.$i"
	done
	for i in $(seq 50); do
		curl -sS "$U?operation=PKIOperation" -H 'Content-Type: application/x-pki-message' --data-binary "@$W/message.$i" \
			-o "$W/reply.$i" 3>&- &
	done
	wait $(jobs -p | grep -vx "$PID")
	local issued=0
	for i in $(seq 50); do
		cp "$W/reply.$i" "$W/body"
		said
		if [ "$SAID" = 0 ]; then issued=$((issued + 1)); fi
	done
	[ "$issued" = 1 ]
	[ "$(certificates)" = 1 ]
}

# ---- by hand ----

@test "a request without a challenge waits for an admin, and is issued with what the admin says" {
	pomona_data
	setting scep manual_approval true
	serve one
	"$SCEP_LOAD" message "$ENC" >"$W/message"
	operation
	expect_said 3
	sign_in anna
	as anna get /admin
	expect_body "Certificate requests that wait: 1"
	as anna get /admin/scep-requests
	expect_body "asked for"
	local id
	id=$(sql "SELECT id FROM scep_request")
	as anna post "/admin/scep-requests/$id/approve" --data-urlencode "csrf=$CSRF" --data-urlencode "subject=CN=scanner 3,O=Example"
	expect_status 303
	operation
	expect_said 0
	[ "$(certificates "subject = 'CN=scanner 3,O=Example'")" = 1 ]
	"$SCEP_LOAD" message "$ENC" "" other >"$W/message"
	operation
	expect_said 3			# another one is another decision
}

@test "the API lists requests that wait, approves and refuses" {
	pomona_data
	setting scep manual_approval true
	serve one
	local id
	"$SCEP_LOAD" message "$ENC" >"$W/message"
	operation
	expect_said 3
	get /api/v1/scep-requests -H "$(bearer admin)"
	expect_json '.items[0].state' waiting
	id=$(json '.items[0].id')
	post "/api/v1/scep-requests/$id/refuse" -H "$(bearer admin)"
	expect_status 204
	operation
	expect_said "2 2"
	post "/api/v1/scep-requests/$id/approve" -H "$(bearer admin)" -d '{}'
	expect_problem 409 decided
	get /api/v1/scep-requests -H "$(bearer upload)"
	expect_status 403
	[ "$(sql "SELECT count(*) FROM audit WHERE act = 'scep.refuse'")" = 1 ]
}

# ---- strongSwan ----

pki_scep() {	# FILE OPTIONS
	local to=$1 rc=0; shift
	pki --scep --url "$U" --cacert-enc "$ENC" --cacert-sig "$SIG" --cacert "$CA" --cacert "$ROOTCA" --outform pem "$@" \
		>"$to" 2>"$W/pki.err" || rc=$?
	return $rc
}

strongswan() {	# one|root
	command -v pki >/dev/null || skip "no strongSwan pki"
	serve "$1"
	local cipher digest
	pki --gen --type rsa --size 2048 --outform pem >"$W/k.pem" 2>/dev/null
	pki --gen --type rsa --size 2048 --outform pem >"$W/k2.pem" 2>/dev/null
	for cipher in aes des3; do
		for digest in sha256 sha384 sha1; do
			pki_scep "$W/$cipher.pem" --in "$W/k.pem" --dn "C=CH, O=Somebody, CN=whatever" --san dev.example.com \
				--password "$(challenge "CN=$cipher $digest,O=Example")" --cipher $cipher --digest $digest ||
				{ cat "$W/pki.err"; return 1; }
			[ "$(subject_of "$W/$cipher.pem")" = "subject=CN=$cipher $digest,O=Example" ]
			verified "$W/$cipher.pem"
		done
	done
	pki_scep "$W/next.pem" --in "$W/k2.pem" --dn "CN=whatever" --cert "$W/aes.pem" --key "$W/k.pem"
	[ "$(subject_of "$W/next.pem")" = "subject=CN=aes sha1,O=Example" ]
	verified "$W/next.pem"
	cmp <(openssl x509 -in "$W/next.pem" -noout -pubkey) <(openssl pkey -in "$W/k2.pem" -pubout)
	local rc=0
	pki_scep "$W/none.pem" --in "$W/k2.pem" --dn "CN=x" --password wrong || rc=$?
	[ $rc = 1 ]
	grep -q 'failInfo: *badRequest' "$W/pki.err"
	[ "$(certificates)" = 7 ]
}

@test "strongSwan's pki enrolls with AES and 3DES, renews without a challenge, and is told of a wrong one" { strongswan one; }
@test "strongSwan's pki does so with a CA under a root and its RAs" { strongswan root; }

@test "a challenge for a device is good for strongSwan while the device is managed, and its certificates end with that" {
	command -v pki >/dev/null || skip "no strongSwan pki"
	serve one
	local id unused rc=0
	for id in d1 d2; do
		sqlite3 -cmd '.timeout 60000' "$DATA/pomona.db" "INSERT INTO device (id, udid, enrollment_id, created, changed)
			VALUES ('$id', 'UDID-$id', 'e-$id', 1, 1);
			INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created, turn)
			VALUES ('e-$id', '$id', 's-$id', 'enrolled', 'i-$id', 8191, 1, 1)" >"$W/out"
		pki --gen --type rsa --size 2048 --outform pem >"$W/$id.key" 2>/dev/null
		pki_scep "$W/$id.pem" --in "$W/$id.key" --dn CN=x --password "$(challenge "CN=VPN of $id" --device $id)"
		verified "$W/$id.pem"
	done
	pki --gen --type rsa --size 2048 --outform pem >"$W/next.key" 2>/dev/null
	pki_scep "$W/next.pem" --in "$W/next.key" --dn CN=x --cert "$W/d1.pem" --key "$W/d1.key"
	unused=$(challenge "CN=VPN of d1" --device d1)
	get /api/v1/certificates -H "$(bearer admin)"
	expect_json '[.items[].device] | sort | join(" ")' "d1 d1 d2"
	post /api/v1/devices/d1/retire -H "$(bearer admin)" -d '{"reason":"lost"}'
	expect_status 204
	pki --gen --type rsa --size 2048 --outform pem >"$W/k.pem" 2>/dev/null
	pki_scep "$W/none.pem" --in "$W/k.pem" --dn CN=x --password "$unused" || rc=$?
	[ $rc = 1 ]
	grep -q 'failInfo: *badRequest' "$W/pki.err"
	get /api/v1/certificates -H "$(bearer admin)"
	expect_json '[.items[] | .device + " " + .state + " " + .reason] | sort | join(", ")' \
		"d1 revoked cessationOfOperation, d1 revoked cessationOfOperation, d2 valid "
	get /crl
	[ "$(openssl crl -inform DER -in "$W/body" -noout -text | grep -c 'Serial Number:')" = 2 ]
	run challenge CN=x --device d1
	[ "$status" -eq 4 ]
	[[ $output == *"device d1: this device is not under management"* ]]
}

@test "strongSwan's pki polls until an admin has approved" {
	command -v pki >/dev/null || skip "no strongSwan pki"
	pomona_data
	setting scep manual_approval true
	serve one
	pki --gen --type rsa --size 2048 --outform pem >"$W/k.pem" 2>/dev/null
	pki_scep "$W/c.pem" --in "$W/k.pem" --dn "O=Example, CN=gateway" --interval 1 --maxpolltime 120 3>&- &
	local client=$!
	waits() { [ "$(sql "SELECT count(*) FROM scep_request")" = 1 ]; }
	wait_until waits
	get /api/v1/scep-requests -H "$(bearer admin)"
	expect_json '.items[0].subject' "CN=gateway,O=Example"
	post "/api/v1/scep-requests/$(json '.items[0].id')/approve" -H "$(bearer admin)" -d '{}'
	expect_status 204
	wait $client
	[ "$(subject_of "$W/c.pem")" = "subject=CN=gateway,O=Example" ]
}

# ---- certmonger ----

# Runs the lines of stdin beside a certmonger of our own; what they print is in $W/cm/out.
with_certmonger() {
	mkdir -p "$W/cm/"{config,requests,cas,local,tmp}
	cat >"$W/cm/do.sh"
	CERTMONGER_CONFIG_DIR=$W/cm/config CERTMONGER_REQUESTS_DIR=$W/cm/requests CERTMONGER_CAS_DIR=$W/cm/cas \
		CERTMONGER_LOCAL_CA_DIR=$W/cm/local TMPDIR=$W/cm/tmp \
		timeout 120 certmonger -n -L -P "$W/cm/sock" -c "sh $W/cm/do.sh" >"$W/cm/out" 2>&1 3>&-
}

certmonger_story() {	# one|root
	command -v certmonger >/dev/null || skip "no certmonger"
	serve "$1"
	with_certmonger <<-DO
		getcert add-scep-ca -c peer -u $U -r $ENC -N $ROOTCA -I $CA
		getcert request -c peer -k $W/cm.key -f $W/cm.crt -N 'CN=x,O=y' -L $(challenge 'CN=host 1,O=Example') -I r1 -g 2048 -w -v
		cp $W/cm.crt $W/first.crt
		cp $W/cm.key $W/first.key
		getcert resubmit -i r1 -w -v
		cp $W/cm.crt $W/second.crt
		getcert rekey -i r1 -w -v
		getcert list -i r1 >$W/cm/list
	DO
	grep -q 'status: MONITORING' "$W/cm/list" || { grep -v Wrote "$W/cm/out" | tail -20; cat "$W/cm/list"; return 1; }
	local file
	for file in first second cm; do
		[ "$(subject_of "$W/$file.crt")" = "subject=CN=host 1,O=Example" ]
		verified "$W/$file.crt"
	done
	[ "$(openssl x509 -in "$W/first.crt" -noout -serial)" != "$(openssl x509 -in "$W/second.crt" -noout -serial)" ]
	[ "$(openssl x509 -in "$W/first.crt" -noout -pubkey)" = "$(openssl x509 -in "$W/second.crt" -noout -pubkey)" ]
	cmp <(openssl x509 -in "$W/cm.crt" -noout -pubkey) <(openssl pkey -in "$W/cm.key" -pubout)
	never cmp -s "$W/first.key" "$W/cm.key"
	[ "$(certificates)" = 3 ]
	[ "$(sql "SELECT count(*) FROM challenge WHERE used IS NOT NULL")" = 1 ]
}

@test "certmonger enrolls, resubmits and rekeys by GET, and ends MONITORING" { certmonger_story one; }
@test "certmonger does so with a CA under a root" { certmonger_story root; }

# ---- micromdm's scepclient ----

scepclient_story() {	# one|root
	command -v scepclient >/dev/null || skip "no scepclient"
	pomona_data
	if [ "$1" = one ]; then setting scep allow_single_des true; fi
	if [ "$1" = root ]; then
		export POMONA__SCEP__ALLOW_SINGLE_DES=true
	fi
	serve "$1"
	mkdir -p "$W/go"
	(cd "$W/go" && timeout 60 scepclient -server-url "$U" -challenge "$(challenge 'CN=go 1,O=Example')" -private-key k.pem \
		-certificate c.pem >log 2>&1) || { cat "$W/go/log"; return 1; }
	[ "$(subject_of "$W/go/c.pem")" = "subject=CN=go 1,O=Example" ]
	verified "$W/go/c.pem"
	local first
	first=$(openssl x509 -in "$W/go/c.pem" -noout -serial)
	(cd "$W/go" && timeout 60 scepclient -server-url "$U" -private-key k.pem -certificate c.pem >log 2>&1) || { cat "$W/go/log"; return 1; }
	[ "$(openssl x509 -in "$W/go/c.pem" -noout -serial)" != "$first" ]
	grep -q 'settings for tests are in use' "$W/log"
}

@test "micromdm's scepclient, which knows single DES alone, enrolls and renews where the switch is on" { scepclient_story one; }
@test "micromdm's scepclient does so with a CA under a root, where it envelopes for every certificate" { scepclient_story root; }

@test "MUST 48: without the switch single DES is badAlg" {
	command -v scepclient >/dev/null || skip "no scepclient"
	serve one
	mkdir -p "$W/go"
	local rc=0
	(cd "$W/go" && timeout 60 scepclient -server-url "$U" -challenge "$(challenge)" -private-key k.pem -certificate c.pem >log 2>&1) || rc=$?
	[ $rc != 0 ]
	grep -q 'badAlg (0)' "$W/go/log"
	[ "$(certificates)" = 0 ]
}

@test "what came of requests is counted" {
	serve one
	message "$(challenge)"
	operation
	operation
	message wrong
	operation
	get /metrics
	expect_body 'pomona_scep_requests_total{result="issued"} 1'
	expect_body 'pomona_scep_requests_total{result="same"} 1'
	expect_body 'pomona_scep_requests_total{result="refused"} 1'
}
