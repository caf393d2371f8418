# The CA that is to come: staged, told to SCEP clients before it takes over (RFC 8894 section 4.7), and switched to.
load lib/pomona

setup_file() { pomona_prepare; }
setup()      { pomona_start; }
teardown()   { pomona_stop; }

caps_have() { get '/scep?operation=GetCACaps' && grep -qx GetNextCACert "$W/body"; }
caps_lack() { get '/scep?operation=GetCACaps' && ! grep -qx GetNextCACert "$W/body"; }
fingerprint() { openssl x509 "$@" -noout -fingerprint -sha256; }
in_state() { "$POMONA" ca show --json --data "$DATA" | jq -r ".authorities[] | select(.role == \"ca\" and .state == \"$1\") | .sha256"; }

@test "without a next CA there is no such capability, and nothing to get" {
	caps_lack
	get '/scep?operation=GetNextCACert'
	expect_status 404
	run "$POMONA" ca switch --data "$DATA"
	[ "$status" -ne 0 ]
}

@test "a staged CA is told to clients, signed by the one in use, and issues nothing until it takes over" {
	get '/scep?operation=GetCACert'
	cp "$W/body" "$W/now.der"
	"$POMONA" ca renew --stage --data "$DATA"
	wait_until caps_have
	run "$POMONA" ca renew --stage --data "$DATA"
	[ "$status" -ne 0 ]
	get '/scep?operation=GetNextCACert'
	expect_status 200
	expect_header Content-Type application/x-x509-next-ca-cert
	openssl x509 -inform DER -in "$W/now.der" -out "$W/now.pem"
	openssl cms -verify -inform DER -in "$W/body" -CAfile "$W/now.pem" -purpose any -out "$W/inner.der" 2>/dev/null
	openssl pkcs7 -inform DER -in "$W/inner.der" -print_certs -out "$W/next.pem"
	[ "$(grep -c BEGIN "$W/next.pem")" = 1 ]
	[ "$(fingerprint -in "$W/next.pem")" != "$(fingerprint -in "$W/now.pem")" ]
	# what is served and what issues is still the old one
	get '/scep?operation=GetCACert'
	cmp "$W/body" "$W/now.der"
	# a proxy believes both already
	"$POMONA" ca export --data "$DATA" >"$W/export.pem"
	[ "$(grep -c BEGIN "$W/export.pem")" = 2 ]
	"$POMONA" ca switch --data "$DATA"
	wait_until caps_lack
	get '/scep?operation=GetCACert'
	openssl x509 -inform DER -in "$W/body" -out "$W/served.pem"
	[ "$(fingerprint -in "$W/served.pem")" = "$(fingerprint -in "$W/next.pem")" ]
	get '/scep?operation=GetNextCACert'
	expect_status 404
}

@test "a message that the CA in use has not signed is not taken for the next CA" {
	"$POMONA" ca renew --stage --data "$DATA"
	wait_until caps_have
	get '/scep?operation=GetNextCACert'
	run openssl cms -verify -inform DER -in "$W/body" -CAfile "$W/tls/ca.pem" -purpose any -out /dev/null
	[ "$status" -ne 0 ]
}
