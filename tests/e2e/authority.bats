# The certificate authority of devices, as who runs it meets it: made, kept, shown, revoked by, renewed, lost.
load lib/pomona

setup_file() { pomona_prepare; }
setup()      { pomona_data; without_clock "$CONF"; }	# the command line has the machine's own time
teardown()   { pomona_stop; }

ca() { "$POMONA" ca "$@" --data "$DATA"; }
openssl_ok() { openssl "$@" 2>&1 || { echo "openssl $*"; return 1; }; }

# identity NAME: a key and the certificate that SCEP gave for it, $W/NAME.key and NAME.pem; $SERIAL.
identity() {
	command -v pki >/dev/null || skip "no pki (strongswan-pki)"
	pki --gen --type rsa --size 2048 --outform pem >"$W/$1.key" 2>/dev/null
	"$POMONA" challenge new --data "$DATA" --subject "CN=$1,O=Example" >"$W/challenge"
	ca export >"$W/ca.pem"
	pki --scep --url "http://127.0.0.1:$PORT/scep" --in "$W/$1.key" --dn "O=Example, CN=$1" \
		--password "$(cat "$W/challenge")" --cacert-enc "$W/ca.pem" --cacert-sig "$W/ca.pem" --outform pem \
		>"$W/$1.pem" 2>"$W/pki" || { cat "$W/pki"; tail -5 "$W/log"; return 1; }
	SERIAL=$(openssl x509 -in "$W/$1.pem" -noout -serial | sed 's/serial=//')
}

fetch_crl() {	# [PATH]: $W/crl.pem
	get "${1:-/crl}"
	expect_status 200
	expect_header Content-Type application/pkix-crl
	openssl_ok crl -inform DER -in "$W/body" -out "$W/crl.pem"
}

judged() {	# NAME: by openssl, with the CRL
	ca export >"$W/ca.pem"
	openssl verify -purpose sslclient -crl_check -CRLfile "$W/crl.pem" -CAfile "$W/ca.pem" "$W/$1.pem" 2>&1
}

without_ca() { sqlite3 "$DATA/pomona.db" 'DELETE FROM authority'; }

# ---- made ----

@test "init makes a CA, and its key is nowhere in the data directory" {
	run ca show
	[ "$status" -eq 0 ]
	[[ $output == *"CN=apps.example.com device CA,O=apps.example.com (in_use)"* ]]
	[[ $output == *"CRL http://apps.example.com/crl"* ]]
	ca export | openssl x509 -noout -text >"$W/text"
	grep -q 'Digital Signature, Key Encipherment, Certificate Sign, CRL Sign' "$W/text"
	[ -z "$(grep -rlaE 'PRIVATE KEY' "$DATA")" ]
	[ "$(sqlite3 "$DATA/pomona.db" "SELECT count(*) FROM audit WHERE act = 'ca.make'")" = 1 ]
}

@test "the root of init --ca-root is in a file apart, and outside of the data directory" {
	run "$POMONA" init --data "$W/new" --base-url https://apps.example.com --master-key "$W/new.key" --ca-root
	[ "$status" -eq 0 ]
	[[ $output == *"$W/root-ca.key"* && $output == *offline* ]]
	[ "$(stat -c %a "$W/root-ca.key")" = 600 ]
	openssl_ok pkey -in "$W/root-ca.key" -noout
	[ -z "$(grep -rlaE 'PRIVATE KEY' "$W/new")" ]
	"$POMONA" ca export --data "$W/new" >"$W/ca.pem"
	[ "$(grep -c BEGIN "$W/ca.pem")" = 2 ]
	[ "$("$POMONA" ca show --json --data "$W/new" | jq -r '[.authorities[].role] | sort | join(" ")')" = "above ca ra_decrypt ra_sign" ]

	run "$POMONA" init --data "$W/other" --base-url https://apps.example.com --master-key "$W/other.key" --ca-root --root-key "$W/other/root.key"
	[ "$status" -eq 3 ]
	[[ $output == *"must not lie inside"* ]]
	[ ! -e "$W/other/root.key" ]
	# and never over one that is there
	run "$POMONA" init --data "$W/other" --base-url https://apps.example.com --master-key "$W/other.key" --ca-root --root-key "$W/root-ca.key"
	[ "$status" -eq 4 ]
	[[ $output == *"is there already"* ]]
}

@test "a CA of the company's own is brought, and its chain shown to proxies" {
	(
		cd "$W"
		openssl req -x509 -newkey rsa:2048 -nodes -keyout r.key -out r.pem -days 90 -subj '/O=Company/CN=Root'
		openssl req -newkey rsa:2048 -nodes -keyout s.key -out s.csr -subj '/O=Company/CN=Devices'
		openssl x509 -req -in s.csr -CA r.pem -CAkey r.key -days 60 -out s.pem -extfile \
			<(printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n')
	) 2>/dev/null
	run "$POMONA" init --data "$W/new" --base-url https://apps.example.com --master-key "$W/new.key" \
		--ca-cert "$W/s.pem" --ca-key "$W/s.key"
	[ "$status" -eq 4 ]
	[[ $output == *"--ca-chain"* ]]
	run "$POMONA" init --data "$W/new" --base-url https://apps.example.com --master-key "$W/new.key" \
		--ca-cert "$W/s.pem" --ca-key "$W/s.key" --ca-chain "$W/r.pem"
	[ "$status" -eq 0 ]
	[[ $output == *"CN=Devices,O=Company"* ]]
	[ "$("$POMONA" ca export --data "$W/new" | grep -c BEGIN)" = 2 ]
	[ -z "$(grep -rlaE 'PRIVATE KEY' "$W/new")" ]
}

# ---- missing, lost ----

@test "without a CA everything else is served, it is said, and one that is made is taken up while the server runs" {
	without_ca
	pomona_start
	grep -q 'there is no certificate authority' "$W/log"
	get /healthz
	expect_status 200
	get /crl
	expect_status 404
	sign_in anna
	as anna get /admin
	expect_body /admin/ca
	as anna get /admin/ca
	expect_status 200
	expect_body 'pomona ca make'
	run ca make
	[ "$status" -eq 0 ]
	crl_is_there() { get /crl; [ "$STATUS" = 200 ]; }
	wait_until crl_is_there
	run ca make
	[ "$status" -eq 4 ]
	[[ $output == *"ca renew"* ]]
}

@test "with another master key nothing starts, and it says why" {
	echo 00112233445566778899aabbccddeeff >"$W/master.key"
	run timeout 60 "$POMONA" serve --data "$DATA" --listen 127.0.0.1:0 --plain
	[ "$status" -eq 4 ]
	[[ $output == *"sealed with another master key"* ]]
}

@test "a lost master key is survived: a new one, a new CA, and the old identities are believed" {
	pomona_start
	identity phone
	pomona_stop
	echo 00112233445566778899aabbccddeeff >"$W/master.key"
	run ca renew
	[ "$status" -eq 0 ]
	pomona_start
	fetch_crl "$(ca show --json | jq -r '.authorities[0].crl_url' | sed 's|http://[^/]*||')"
	run ca export --crl
	[ "$status" -eq 0 ]
	[[ $output == *"another master key"*"BEGIN X509 CRL"* || $output == *"BEGIN X509 CRL"*"another master key"* ]]
	ca export >"$W/ca.pem"
	openssl_ok verify -purpose sslclient -CAfile "$W/ca.pem" "$W/phone.pem"
}

@test "init again, on an installation from before there were CAs, makes one" {
	without_ca
	run "$POMONA" init --data "$DATA" --base-url http://$HOST --master-key "$W/master.key"
	[ "$status" -eq 0 ]
	[[ $output == *"device CA "* ]]
	[ "$(ca export | grep -c BEGIN)" = 1 ]
}

# ---- revoked ----

@test "a revocation is on the list that anyone may fetch, at once" {
	pomona_start
	identity phone
	fetch_crl
	run judged phone
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[ "$(openssl x509 -in "$W/phone.pem" -noout -ext crlDistributionPoints | grep -o 'URI:.*')" = "URI:http://$HOST/crl" ]

	sign_in anna
	as anna get "/admin/ca?q=phone"
	expect_body "CN=phone,O=Example"
	local url
	url=$(grep -o '/admin/ca/certificates/[0-9a-f]*' "$W/body" | head -1)
	as anna get "$url"
	expect_body "${SERIAL,,}"
	as anna post "$url/revoke" --data-urlencode "csrf=$CSRF" --data-urlencode reason=keyCompromise
	expect_status 303
	as anna get "$url"
	fetch_crl
	run judged phone
	[ "$status" -ne 0 ]
	[[ $output == *"certificate revoked"* ]]
	openssl crl -in "$W/crl.pem" -noout -text | grep -q 'Key Compromise'
	[ "$(sqlite3 "$DATA/pomona.db" "SELECT actor || ' ' || object FROM audit WHERE act = 'certificate.revoke'")" = "anna CN=phone,O=Example" ]
	# a second time is refused in words
	as anna post "$url/revoke" --data-urlencode "csrf=$CSRF" --data-urlencode reason=superseded
	expect_status 422
	expect_body "was revoked before"
}

@test "certificates are found by a part of their subject, and by how a serial begins as people write it" {
	pomona_start
	identity printer
	identity phone
	get "/api/v1/certificates?q=PRINT" -H "$(bearer admin)"
	expect_json '[.items[].subject] | join("|")' 'CN=printer,O=Example'
	get "/api/v1/certificates?q=$(sed 's/../&:/g; s/:$//' <<<"${SERIAL:0:8}")" -H "$(bearer admin)"
	expect_json '[.items[].subject] | join("|")' 'CN=phone,O=Example'
	local first		# both may be of one second
	get "/api/v1/certificates?limit=1" -H "$(bearer admin)"
	first=$(json '.items[].subject')
	get "/api/v1/certificates?limit=1&after=$(json .next)" -H "$(bearer admin)"
	expect_json .next null
	[ "$(printf '%s\n' "$first" "$(json '.items[].subject')" | sort | paste -sd' ')" = 'CN=phone,O=Example CN=printer,O=Example' ]
	get "/api/v1/certificates?q=%25" -H "$(bearer admin)"
	expect_json '.items | length' 0
	get /api/v1/ca -H "$(bearer admin)"
	expect_json .certificates.valid 2
	expect_json '.authorities[0].state' in_use
}

@test "who is no admin sees no certificate and revokes none" {
	pomona_start
	identity phone
	local sha=$(sqlite3 "$DATA/pomona.db" 'SELECT sha256 FROM certificate')
	for token in read upload; do
		get /api/v1/ca -H "$(bearer $token)"
		expect_status 403
		post "/api/v1/certificates/$sha/revoke" -H "$(bearer $token)" -d '{}'
		expect_status 403
	done
	post "/api/v1/certificates/$sha/revoke" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"reason":"because"}'
	expect_status 422
	[ -z "$(sqlite3 "$DATA/pomona.db" 'SELECT revoked FROM certificate')" ]
}

@test "the command line revokes while the server runs" {
	pomona_start
	identity phone
	fetch_crl
	ca revoke "$(sed 's/../&:/g; s/:$//' <<<"$SERIAL")" --reason cessationOfOperation
	fetch_crl
	run judged phone
	[ "$status" -ne 0 ]
	[[ $output == *"certificate revoked"* ]]
	run ca revoke 00
	[ "$status" -eq 4 ]
	run ca revoke "$SERIAL"
	[ "$status" -eq 4 ]
	[[ $output == *"revoked before"* ]]
}

# ---- renewed ----

@test "a successor issues while the server runs, and what the old one issued is believed as before" {
	pomona_start
	identity before
	run ca renew
	[ "$status" -eq 0 ]
	[[ $output == *"device CA 2"* ]]
	[ "$(ca show --json | jq -r '[.authorities[].state] | join(" ")')" = "in_use retired" ]
	served() {
		get '/scep?operation=GetCACert'
		openssl x509 -inform DER -in "$W/body" -noout -subject 2>/dev/null | grep -q 'device CA 2'
	}
	wait_until served
	ca export | awk '/BEGIN/ { n++ } n == 1' >"$W/newest.pem"
	pki --gen --type rsa --size 2048 --outform pem >"$W/after.key" 2>/dev/null
	pki --scep --url "http://127.0.0.1:$PORT/scep" --in "$W/after.key" --dn "O=Example, CN=after" \
		--password "$("$POMONA" challenge new --data "$DATA" --subject CN=after)" \
		--cacert-enc "$W/newest.pem" --cacert-sig "$W/newest.pem" --outform pem >"$W/after.pem" 2>"$W/pki" || { cat "$W/pki"; false; }

	fetch_crl
	cp "$W/crl.pem" "$W/crl.1"
	local path
	path=$(openssl x509 -in "$W/after.pem" -noout -ext crlDistributionPoints | grep -o '/crl/[0-9a-f]*')
	fetch_crl "$path"
	cat "$W/crl.1" >>"$W/crl.pem"
	local name
	for name in before after; do
		run judged $name
		[ "$status" -eq 0 ] || { echo "$name: $output"; false; }
	done
	# what a proxy is given is the same
	ca export --crl >"$W/exported"
	[ "$(grep -c 'BEGIN X509 CRL' "$W/exported")" = 2 ]
	get /crl/00
	expect_status 404
}

@test "a CA under a root is renewed with the root's key, and with that alone" {
	"$POMONA" init --data "$W/new" --base-url https://apps.example.com --master-key "$W/new.key" --ca-root >/dev/null 2>&1
	run "$POMONA" ca renew --data "$W/new"
	[ "$status" -eq 4 ]
	[[ $output == *"--root-key"* ]]
	openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out "$W/wrong.key" 2>/dev/null
	run "$POMONA" ca renew --data "$W/new" --root-key "$W/wrong.key"
	[ "$status" -eq 4 ]
	run "$POMONA" ca renew --data "$W/new" --root-key "$W/root-ca.key"
	[ "$status" -eq 0 ]
	"$POMONA" ca export --data "$W/new" | awk -v dir="$W" '/BEGIN/ { n++ } { print > dir "/c" n ".pem" }'
	[ "$(ls "$W"/c?.pem | wc -l)" = 3 ]
	cat "$W"/c?.pem >"$W/all.pem"
	openssl_ok verify -CAfile "$W/all.pem" "$W/c1.pem" "$W/c2.pem" "$W/c3.pem"
}

@test "Today tells of a CA that ends soon, and its page says how to renew it" {
	echo 2036-10-01T00:00:00Z >"$W/clock"
	setting clock file "\"$W/clock\""
	pomona_start
	sign_in anna
	as anna get /admin
	expect_body 'Renew it long before'
	as anna get /admin/ca
	expect_body 'pomona ca renew'
	get /api/v1/ca -H "$(bearer admin)"
	expect_json '.authorities[0].days < 90' true
}

# ---- an outside CA ----

@test "an outside CA is read at start and again with SIGHUP, and a file that is none is refused" {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$W/o.key" -out "$W/o.pem" -days 90 -subj '/CN=Outside' 2>/dev/null
	setting scep external_ca_file "\"$W/o.pem\""
	pomona_start
	echo nothing >"$W/o.pem"
	kill -HUP "$PID"
	wait_until grep -q 'scep.external_ca_file' "$W/log"
	get /healthz
	expect_status 200
	pomona_stop
	run timeout 60 "$POMONA" serve --data "$DATA" --listen 127.0.0.1:0 --plain
	[ "$status" -eq 4 ]
	[[ $output == *"scep.external_ca_file"* ]]
}
