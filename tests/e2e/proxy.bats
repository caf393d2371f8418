# Behind real proxies, each with the very file that docs/proxy ships; only names and paths are put in.
load lib/pomona
load lib/front

HOST=127.0.0.1
DEVICE_PATHS="/mdm/checkin /mdm/command /scep /scep/none0000 /d/none0000/manifest.plist /d/none0000/app.ipa
	/i/none0000 /c/none0000 /udid/none0000 /enroll/none0000 /eas/none0000/mia.mobileconfig /ocsp/MA%3D%3D
	/.well-known/com.apple.remotemanagement"

setup_file() { pomona_prepare https; }
setup() {
	pomona_data
	mkdir -p "$W/front" "$DATA/tls"
	cp "$W/tls/ca.pem" "$DATA/tls/ca.pem"	# as that of a private installation: doctor trusts it
	# People's certificates, and the proxy's own with the address in it.
	people_certificates >/dev/null 2>&1
}
teardown() {
	front_stops
	pomona_stop
}

# ---- what holds whatever the proxy ----

devices_are_not_asked() {	# [OPTIONS of curl]
	local path
	for path in $DEVICE_PATHS; do
		get "$path" "$@"
		case $STATUS in 401|3*|5*) echo "$path"; show; return 1 ;; esac
		expect_header Server "*" && [ -n "$(header X-Content-Type-Options)" ] || { echo "$path is not answered by Pomona"; show; return 1; }
	done
}

doctor_is_content() {
	run "$POMONA" doctor --data "$DATA"
	echo "$output"
	grep -qE '^ok +outside' <<<"$output"
	[ "$(grep -cE '^ok +(installs|links|devices) ' <<<"$output")" -ge 8 ]
	grep -q '^[a-z]* *certificate *what stands in front shows: ' <<<"$output"	# the proxy's own, by a handshake
	never grep -E '^fail +(outside|installs|links|devices) ' <<<"$output"
}

# The address is the client's as the proxy sees it, whatever the client says of itself.
address_is_told() {
	get /login -H 'X-Forwarded-For: 203.0.113.7' -H 'X-Forwarded-Proto: http'
	expect_status 200
	expect_header Set-Cookie '__Host-*Secure*'
	grep -q 'address=127.0.0.1' "$W/log"
	expect_not_in "$W/log" 203.0.113.7
}

# 16 KB of request line: `GET /?q=...`, ` HTTP/1.1` and its end.
long_lines_pass() {
	local long
	long=$(head -c $((16384 - 8 - 9 - 2)) /dev/zero | tr '\0' a)
	get "/?q=$long" -H 'Accept: application/json'
	case $STATUS in 401|303) ;; *) show; return 1 ;; esac	# Pomona's own answer
}

uploads_pass() {
	local mb=50
	[ -z "${POMONA_WHOLE-}" ] || mb=500
	app big.ipa mb=$mb
	upload "$W/big.ipa"
	expect_status 201
	expect_json .build.size "$(stat -c %s "$W/big.ipa")"
	get "$(json .manifest_url)"
	expect_status 200
	get "$(grep -o 'https://[^<]*app.ipa' "$W/body" | head -1)"
	expect_status 200
	[ "$(sha256 "$W/body")" = "$(sha256 "$W/big.ipa")" ]
	expect_not_in "$W/head" "Location:"
	rm "$W/big.ipa" "$W/body"
}

refusals_arrive() {
	app demo.ipa
	ask PUT /api/v1/upload -T "$W/demo.ipa" -H 'Authorization: Bearer pom_nobody'
	expect_problem 401 sign_in
}

person_signs_in() { sign_in anna; as anna get /admin; expect_status 200; }

whole_story() {
	behind "$1"
	devices_are_not_asked
	doctor_is_content
	address_is_told
	long_lines_pass
	refusals_arrive
	person_signs_in
	uploads_pass
}

@test "behind nginx everything passes, and devices are asked nothing"	{ whole_story nginx; }
@test "behind HAProxy everything passes, and devices are asked nothing"	{ whole_story haproxy; }
@test "behind Caddy everything passes, and devices are asked nothing"	{ whole_story caddy; }

# ---- the proxy signs people in ----

signed_in_by() {
	setting signin proxy_header '"X-Remote-User"'
	behind "$1" 1
	devices_are_not_asked
	doctor_is_content
	get /admin -H 'Accept: text/html'
	expect_status 401		# the proxy's
	get /admin -u 'anna:proxy secret' -H 'Accept: text/html'
	expect_status 200
	get /account -u 'mia:proxy secret' -H 'Accept: text/html' -H 'X-Remote-User: anna'
	expect_status 200
	expect_body mia
	get /admin -u 'mia:proxy secret' -H 'Accept: application/json' -H 'X-Remote-User: anna'
	expect_problem 403 not_allowed
	get /i/none0000 -H 'X-Remote-User: anna'
	expect_status 404
	link_asks -u 'mia:proxy secret'
	# a program's token is Pomona's to judge
	get /api/v1/apps -H "$(bearer read)"
	expect_status 200
	get /api/v1/apps -H 'Authorization: Bearer pom_nobody' -H 'X-Remote-User: anna'
	expect_status 401
}

@test "people whom nginx signed in are signed in, and a client's own header is nothing"	  { signed_in_by nginx; }
@test "people whom HAProxy signed in are signed in, and a client's own header is nothing" { signed_in_by haproxy; }
@test "people whom Caddy signed in are signed in, and a client's own header is nothing"	  { signed_in_by caddy; }

@test "a header from elsewhere than a trusted proxy is dropped and stands in the audit log" {
	setting signin proxy_header '"X-Remote-User"'
	setting server trusted_proxies '"192.0.2.1"'
	pomona_serve --plain
	BASE=http://$HOST
	get /admin -H 'X-Remote-User: anna' -H 'Accept: application/json'
	expect_problem 401 sign_in
	pomona_stop
	sqlite3 "$DATA/pomona.db" 'SELECT act, detail FROM audit' | grep -i 'X-Remote-User'
}

# ---- people's certificates ----

certified_by() {
	behind "$1" 2
	devices_are_not_asked
	doctor_is_content
	get / -H 'Accept: text/html'
	[ "$STATUS" = 403 ]		# the proxy's
	shows mia
	get / "${SHOWN[@]}" -H 'Accept: text/html'
	expect_status 303
	# what devices show is often not people's: their paths take each, with all of a request, and people's pages none
	local who
	for who in stranger ended; do
		shows $who
		devices_are_not_asked "${SHOWN[@]}"
		get /healthz
		cp "$W/body" "$W/plain"
		get /healthz "${SHOWN[@]}"
		cmp "$W/plain" "$W/body"
		head -c 40000 /dev/zero | tr '\0' x >"$W/said"
		ask PUT /mdm/checkin "${SHOWN[@]}" -H 'Content-Type: application/x-apple-aspen-mdm-checkin' --data-binary "@$W/said"
		expect_problem 400 no_identity
		for path in / /admin /login /enroll /api/v1/apps; do
			get "$path" "${SHOWN[@]}" -H 'Accept: text/html'
			[ "$STATUS" = 403 ]
			[ -z "$(header X-Content-Type-Options)" ]	# the proxy's
		done
	done
}
shows() { SHOWN=(--cert "$W/front/$1.pem" --key "$W/front/$1.key"); }

@test "nginx asks people for a certificate, and devices for none"	{ certified_by nginx; }
@test "HAProxy asks people for a certificate, and devices for none"	{ certified_by haproxy; }

@test "doctor sees a proxy that keeps devices out by the certificate they have" {
	behind nginx 2
	front_stops
	sed -i '/error_page 495/d' "$W/front/shipped"
	nginx -e "$W/front/log" -p "$W/front" -c "$W/front/nginx.conf" >/dev/null 2>&1 3>&- &
	FRONT_PID=$!
	wait_until front_answers
	run "$POMONA" doctor --data "$DATA"
	echo "$output"
	[ "$status" -ne 0 ]
	grep -E "^ok +devices +/mdm/checkin answers" <<<"$output"
	grep -E "^fail +devices +/mdm/checkin behind another CA's certificate answers 400, and that is not Pomona's" <<<"$output"
}
