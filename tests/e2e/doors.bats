# The ways around the doors that are none.  Who may go through which is tests/test_matrix.c.
load lib/pomona

setup_file() { pomona_prepare; }
setup()      { pomona_start; }
teardown()   { pomona_stop; }

# ---- addresses ----

@test "an address that is none is 404 for everybody, a method that is none is 405" {
	get /nothing/here
	expect_problem 404 not_found
	get /admin/nothing
	expect_status 404
	ask PUT /login
	expect_status 405
	expect_header Allow '*POST*'
	ask TRACE /
	[ "$STATUS" = 405 ] || [ "$STATUS" = 501 ] || [ "$STATUS" = 400 ]
}

# ---- across sites ----

@test "a change with a cookie from another site is refused, whatever the browser says of it" {
	sign_in anna
	local change
	# each is refused for where it comes from, although its csrf value is right
	for change in "-H Sec-Fetch-Site:cross-site" "-H Sec-Fetch-Site:same-site" "-H Origin:https://evil.example.com" \
		"-H Origin:null" "-H Origin:http://apps.example.com.evil.example.com" "-H X-Nothing:here" \
		"-H Sec-Fetch-Site:cross-site -H Origin:$BASE"; do
		post /account/tokens -b "$W/jar.anna" ${change} -d "label=x&scope=read&csrf=$CSRF"
		expect_problem 403 cross_site
	done
	get /api/v1/tokens -H "$(bearer admin)"
	expect_json '[.items[] | select(.label == "x")] | length' 0
	post /account/tokens -b "$W/jar.anna" -H 'Sec-Fetch-Site: same-origin' -H 'Accept: application/json' -d "label=x&scope=read&csrf=$CSRF"
	expect_status 201
}

@test "every route that changes something refuses another site's page" {
	sign_in anna
	local method path who scope rest n=0
	while read -r method path who scope rest; do
		case "$method $who" in GET*|OPTIONS*|*\ link|*\ device) continue ;; esac	# those bring no cookie that counts
		path=$(sed -E 's|:bundle|com.example.none|; s|:[a-z]+|none0000|g' <<<"$path")
		ask "$method" "$path" -b "$W/jar.anna" -H 'Sec-Fetch-Site: cross-site' -H 'Origin: https://evil.example.com' \
			-H "X-CSRF-Token: $CSRF" -H 'Accept: application/json'
		echo "$method $path"
		expect_problem 403 cross_site
		n=$((n + 1))
	done < <("$POMONA" --routes)
	[ $n -ge 20 ]
}

@test "a form of an older page, or without its csrf value, is refused" {
	sign_in anna
	local old=$CSRF
	as anna post /account/tokens -d "label=x&scope=read"
	expect_status 403
	as anna post /account/tokens -d "label=x&scope=read&csrf=${old}x"
	expect_status 403
	sign_in anna		# a new session: the page of the one before is stale
	[ "$CSRF" != "$old" ]
	post /account/tokens -b "$W/jar.anna" -H "Origin: $BASE" -H 'Accept: application/json' -d "label=x&scope=read&csrf=$old"
	expect_problem 403 stale_page
	get /api/v1/tokens -H "$(bearer admin)"
	expect_json '[.items[] | select(.label == "x")] | length' 0
}

# ---- signing in and out ----

@test "signing in sets a cookie that scripts and other sites do not get" {
	sign_in mia
	get /login -H 'Accept: text/html' -c "$W/jar"
	local form
	form=$(form_csrf)
	post /login -b "$W/jar" -H "Origin: $BASE" --data-urlencode "name=mia" --data-urlencode "password=$(cat "$W/password.mia")" -d "csrf=$form&next=/apps/com.example.app"
	expect_status 303
	expect_header Location /apps/com.example.app
	expect_header Set-Cookie '*; HttpOnly*'
	expect_header Set-Cookie '*; SameSite=Lax*'
	expect_header Set-Cookie '*Path=/;*'
	expect_header Cache-Control '*no-store*'
}

@test "behind https the cookie is Secure and bound to the host" {
	pomona_stop
	sed -i "s|base_url = .*|base_url = \"https://$HOST\"|" "$CONF"
	pomona_start_tls
	sign_in mia
	expect_status 200
	expect_header Strict-Transport-Security 'max-age=*'
	grep -q '#HttpOnly_apps.example.com	FALSE	/	TRUE	[0-9]*	__Host-pomona	' "$W/jar.mia"
	# a script's cookie of the plain name is nobody's
	get /account -H 'Accept: application/json' -H "Cookie: pomona=$(awk '$6 == "__Host-pomona" { print $7 }' "$W/jar.mia")"
	expect_status 401
}

@test "after signing in one comes back to where one was, and nowhere else" {
	get '/apps/com.example.app?x=1' -H 'Accept: text/html'
	expect_status 303
	expect_header Location '/login?next=%2Fapps%2Fcom.example.app%3Fx%3D1'
	local next
	for next in //evil.example.com https://evil.example.com '/\evil.example.com' javascript:alert; do
		get /login -H 'Accept: text/html' -c "$W/jar" -b "$W/jar"
		post /login -b "$W/jar" -H "Origin: $BASE" --data-urlencode name=mia --data-urlencode "password=$(cat "$W/password.mia")" \
			--data-urlencode "csrf=$(form_csrf)" --data-urlencode "next=$next"
		expect_status 303
		expect_header Location /
	done
}

@test "a wrong name is answered like a wrong password" {
	local name
	for name in mia nobody; do
		get /login -H 'Accept: text/html' -c "$W/jar" -b "$W/jar"
		post /login -b "$W/jar" -H "Origin: $BASE" -H 'Accept: application/json' --data-urlencode "name=$name" \
			--data-urlencode "password=certainly wrong" --data-urlencode "csrf=$(form_csrf)"
		expect_problem 401 wrong_password
		jq -S 'del(.instance)' "$W/body" >"$W/said.$name"
		[ -z "$(header Set-Cookie)" ]
	done
	diff "$W/said.mia" "$W/said.nobody"
}

@test "after five wrong passwords the account waits, for the right one too" {
	local i
	try() {
		get /login -H 'Accept: text/html' -c "$W/jar" -b "$W/jar"
		post /login -b "$W/jar" -H "Origin: $BASE" -H 'Accept: application/json' --data-urlencode name=mia \
			--data-urlencode "password=$1" --data-urlencode "csrf=$(form_csrf)"
	}
	for i in 1 2 3 4 5; do
		try "wrong $i"
		expect_status 401
	done
	try "$(cat "$W/password.mia")"
	expect_problem 429 too_often
	expect_header Retry-After 1
	set_clock 2026-11-22T12:00:02Z
	try "$(cat "$W/password.mia")"
	expect_status 303
}

@test "an address that guesses waits for its next try, whatever name it says, and another address does not" {
	local i
	try() {	# NAME PASSWORD [OPTIONS]
		local name=$1 password=$2; shift 2
		get /login -H 'Accept: text/html' -c "$W/jar" -b "$W/jar" "$@"
		post /login -b "$W/jar" -H "Origin: $BASE" -H 'Accept: text/html' --data-urlencode "name=$name" \
			--data-urlencode "password=$password" --data-urlencode "csrf=$(form_csrf)" "$@"
	}
	pomona_stop
	setting server trusted_proxies '"127.0.0.1"'
	pomona_again
	for ((i = 0; i < 30; i++)); do
		try "name$i" wrong -H "X-Forwarded-For: 2001:db8:1:2::$i"
		expect_status 401
	done
	try mia "$(cat "$W/password.mia")" -H 'X-Forwarded-For: 2001:db8:1:2:ffff::1'
	expect_status 429
	expect_header Retry-After 20
	expect_body 'Wait 20 s, then try again'
	try mia "$(cat "$W/password.mia")" -H 'X-Forwarded-For: 2001:db8:1:3::1'
	expect_status 303
	# one row of the audit for all of it
	pomona_stop
	[ "$(sqlite3 "$DATA/pomona.db" "SELECT count(*) FROM audit WHERE act = 'sign_in.refused'")" = 1 ]
	pomona_again
}

@test "signing out ends the session" {
	sign_in mia
	as mia get /account
	expect_status 200
	cp "$W/jar.mia" "$W/kept"
	as mia post /logout -d "csrf=$CSRF"
	expect_status 303
	get /account -b "$W/kept" -H 'Accept: application/json'
	expect_status 401
}

@test "a session that has ended keeps nobody from the sign-in page" {
	sign_in mia
	cp "$W/jar.mia" "$W/kept"
	as mia post /logout -d "csrf=$CSRF"
	get /login -b "$W/kept" -H 'Accept: text/html'
	expect_status 200
	get /healthz -b "$W/kept"
	expect_status 200
}

@test "signing out everywhere ends every session of that person, and nobody else's" {
	sign_in paul
	cp "$W/jar.paul" "$W/elsewhere"
	sign_in paul
	sign_in mia
	as paul get /account
	[ "$(grep -c 'Another browser' "$W/body")" = 1 ]
	[ "$(grep -c 'This browser' "$W/body")" = 1 ]
	as paul post /account/sign-out -d "csrf=$(form_csrf)"
	expect_status 303
	get /account -b "$W/elsewhere" -H 'Accept: application/json'
	expect_status 401
	as paul get /account -H 'Accept: application/json'
	expect_status 401
	as mia get /account
	expect_status 200
}

@test "two open sign-in pages both work, and the second sign-in ends the first one's session" {
	local first second
	get /login -H 'Accept: text/html' -c "$W/jar" -b "$W/jar"
	first=$(form_csrf)
	get /login -H 'Accept: text/html' -c "$W/jar" -b "$W/jar"
	second=$(form_csrf)
	post /login -b "$W/jar" -c "$W/jar" -H "Origin: $BASE" -d "name=mia&csrf=$first" --data-urlencode "password=$(cat "$W/password.mia")"
	expect_status 303
	cp "$W/jar" "$W/before"
	post /login -b "$W/jar" -c "$W/jar" -H "Origin: $BASE" -d "name=paul&csrf=$second" --data-urlencode "password=$(cat "$W/password.paul")"
	expect_status 303
	get /account -b "$W/jar" -H 'Accept: text/html'
	expect_body '<bdi>paul</bdi>'
	get /account -b "$W/before" -H 'Accept: application/json'
	expect_status 401
}

@test "changing the password ends every other session" {
	sign_in mia
	cp "$W/jar.mia" "$W/elsewhere"
	sign_in mia
	as mia post /account/password -d "csrf=$CSRF" --data-urlencode "old=$(cat "$W/password.mia")" -d 'new=a better one&again=a better one'
	expect_status 303
	get /account -b "$W/elsewhere" -H 'Accept: application/json'
	expect_status 401
	as mia get /account
	expect_status 200
	rm "$W/jar.mia"
	sign_in mia "a better one"
}

@test "a session ends when it was idle, an admin's sooner" {
	sign_in anna
	sign_in mia
	set_clock 2026-11-22T12:29:00Z
	as anna get /account
	expect_status 200
	set_clock 2026-11-22T13:00:01Z
	get /account -b "$W/jar.anna" -H 'Accept: application/json'
	expect_status 401
	as mia get /account
	expect_status 200
	set_clock 2026-11-29T14:10:00Z
	get /account -b "$W/jar.mia" -H 'Accept: application/json'
	expect_status 401
}

@test "a one-time password signs in to change it and for nothing else" {
	pomona_stop
	"$POMONA" init --local --data "$W/local" >"$W/out"
	local password
	password=$(sed -n 's/^sign in .*one-time password \(.*\)$/\1/p' "$W/out")
	[ ${#password} -ge 12 ]
	DATA=$W/local
	POMONA__SERVER__BASE_URL=$BASE POMONA__SERVER__TRUST_LISTEN= pomona_serve --plain
	get /login -c "$W/jar.admin" -b "$W/jar.admin" -H 'Accept: text/html'
	as admin post /login --data-urlencode name=admin --data-urlencode "password=$password" -d "csrf=$(form_csrf)"
	expect_status 303
	as admin get /
	expect_status 303
	expect_header Location '/account*'
	as admin get /account
	expect_status 200
	CSRF=$(form_csrf)
	local path
	for path in /account/tokens /account/tokens/none/revoke; do
		post "$path" -b "$W/jar.admin" -H "Origin: $BASE" -H 'Accept: application/json' -d "label=x&scope=admin&csrf=$CSRF"
		expect_problem 403 change_password
	done
	get /api/v1/apps -b "$W/jar.admin" -H 'Accept: application/json'
	expect_problem 403 change_password
	as admin post /account/password -d "csrf=$CSRF&new=my own now&again=my own now" --data-urlencode "old=$password"
	expect_status 303
	as admin get /
	expect_status 200
}

# ---- tokens ----

@test "a token is shown once, used until it is revoked, and no more" {
	sign_in paul
	local token before revoke
	as paul get /account
	before=$(grep -o '/account/tokens/[a-z0-9]*/revoke' "$W/body")
	as paul post /account/tokens -d "csrf=$CSRF&label=CI&scope=upload"
	expect_status 201
	token=$(grep -o 'pom_[A-Za-z0-9_-]*' "$W/body" | head -1)
	[ ${#token} -ge 30 ]
	get /api/v1/apps -H "Authorization: Bearer $token"
	expect_status 200
	as paul get /account
	expect_body CI
	expect_not_in "$W/body" "$token"
	CSRF=$(form_csrf)
	revoke=$(grep -o '/account/tokens/[a-z0-9]*/revoke' "$W/body" | grep -vxF "$before")
	as paul post "$revoke" -d "csrf=$CSRF"
	expect_status 303
	get /api/v1/apps -H "Authorization: Bearer $token"
	expect_status 401
}

@test "nobody makes a token that may more than they may" {
	sign_in mia
	post /account/tokens -b "$W/jar.mia" -H "Origin: $BASE" -H 'Accept: application/json' -d "csrf=$CSRF&label=x&scope=upload"
	expect_status 403
	sign_in paul
	post /account/tokens -b "$W/jar.paul" -H "Origin: $BASE" -H 'Accept: application/json' -d "csrf=$CSRF&label=x&scope=admin"
	expect_status 403
	local bound
	bound=$(pomona_token "$W" anna admin --app com.example.app)
	post /api/v1/tokens -H "Authorization: Bearer $bound" -H 'Content-Type: application/json' -d '{"scope":"admin"}'
	expect_status 403
	post /api/v1/tokens -H "Authorization: Bearer $bound" -H 'Content-Type: application/json' -d '{"scope":"admin","bundle_id":"com.example.other"}'
	expect_status 403
	post /api/v1/tokens -H "Authorization: Bearer $bound" -H 'Content-Type: application/json' -d '{"scope":"read","bundle_id":"com.example.app"}'
	expect_status 201
	run "$POMONA" token new --data "$DATA" --user mia --scope upload
	[ "$status" -eq 3 ]
}

# ---- what every answer carries ----

@test "every page carries the headers that keep it to itself" {
	upload "$IPAS/enterprise.ipa"
	local build page path
	build=$(json .build.id) page=$(json .install_url)
	sign_in anna
	for path in / /apps/com.example.app /admin /admin/apps "/admin/apps/com.example.app/builds/$build" /admin/upload \
		/admin/settings /account /login "$page" /trust /nothing/here; do
		as anna get "$path" -H 'Accept: text/html'
		expect_header Content-Security-Policy "*frame-ancestors 'none'*"
		expect_header Content-Security-Policy "default-src 'none'*"
		expect_header X-Content-Type-Options nosniff
		expect_header Referrer-Policy same-origin
		expect_header Cache-Control '*no-store*'
		expect_header X-Request-Id '????????????????'
		# nothing in a page that its own policy forbids
		if grep -nE '<script[^>]*>[^<]|<style|style="|onclick=' "$W/body"; then echo "in $path"; return 1; fi
	done
}

@test "an error is problem+json with a code for machines and an id for the log" {
	get /api/v1/apps/com.example.none -H "$(bearer read)"
	expect_problem 404 not_found
	expect_json .status 404
	expect_json '.title | length > 0' true
	expect_json '.detail | length > 0' true
	local id
	id=$(header X-Request-Id)
	expect_json .instance "$id"
	grep -q "request=$id" "$W/log"
	get /api/v1/apps -H "$(bearer read)" -H 'Accept: text/html;q=0.1, application/json'
	expect_header Content-Type 'application/json*'
	get /api/v1/apps/com.example.none -H "$(bearer read)" -H 'Accept: text/html'
	expect_status 404
	expect_header Content-Type 'text/html*'
	expect_body "$(header X-Request-Id)"
}

@test "openapi.json describes every route below /api, each method" {
	get /api/v1/openapi.json
	expect_status 200
	expect_json .openapi 3.1.0
	jq -r '.paths | to_entries[] | .key as $p | .value | keys[] | ascii_upcase + " " + $p' "$W/body" | sort >"$W/described"
	"$POMONA" --routes | awk '$2 ~ "^/api/" { print $1, $2 }' | sed -E 's/:([a-z_0-9]+)/{\1}/g' | sort >"$W/routes"
	diff "$W/routes" "$W/described"
	# each operation says who may, and each name in a path is a parameter
	expect_json '[.paths[][] | select(has("security") and has("summary") and has("responses") | not)] | length' 0
	expect_json '[.paths | to_entries[] | (.key | [scan("{([a-z_0-9]+)}")[0]] | sort) as $names | .value[]
		| select(([.parameters[] | select(.in == "path") | .name] | sort) != $names)] | length' 0
}

@test "a few who send very much, and then stand still, take the room for bodies from nobody" {
	pomona_stop
	PROGRAM=$POMONA_RELEASE pomona_again
	# each at half of what a device may answer; none has said who it is
	python3 - "$PORT" "$W/held" >/dev/null 2>&1 3>&- <<-'PY' &
		import os, socket, sys, time
		held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(40)]
		for s in held:
		    s.sendall(b"PUT /mdm/command HTTP/1.1\r\nHost: apps.example.com\r\nContent-Length: 16000000\r\n\r\n" + b"x" * 8500000)
		held.append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
		held[-1].sendall(b"PUT /mdm/checkin HTTP/1.1\r\nHost: apps.example.com\r\nContent-Length: 100\r\n\r\n1")
		open(sys.argv[2], "w").close()
		time.sleep(600)
	PY
	local crowd=$!
	they_hold() { [ -e "$W/held" ]; }
	wait_until they_hold
	post /api/v1/tokens -H "$(bearer admin)" -H 'Content-Type: application/json' \
		-d "{\"label\": \"$(head -c 90 /dev/zero | tr '\0' x)\"}"
	kill $crowd
	wait $crowd || true
	expect_status 201
}

@test "counters and readiness are for loopback, an admin or a token, and not there for others" {
	get /metrics
	expect_status 200
	expect_header Content-Type 'text/plain; version=0.0.4*'
	expect_body 'pomona_http_requests_total{status="2xx"}'
	get /readyz
	expect_status 200
	expect_json .ready true
	# what comes through a proxy, known to us or not, is not from this host
	local path
	for path in /metrics /readyz; do
		get $path -H 'X-Forwarded-For: 203.0.113.9'
		expect_problem 404 not_found
		get $path -H 'X-Forwarded-For: 127.0.0.1' -H 'X-Forwarded-For: 127.0.0.1'
		expect_status 404
		get $path -H 'Forwarded: for=203.0.113.9'
		expect_status 404
	done
	pomona_stop
	setting metrics token '"a long secret"'
	setting server trusted_proxies '"127.0.0.1"'
	pomona_again
	for path in /metrics /readyz; do
		# a proxy on this host that names nobody speaks for somebody all the same
		get $path
		expect_status 404
		get $path -H 'Authorization: Bearer a long secret'
		expect_status 200
		get $path -H 'X-Forwarded-For: 203.0.113.9'
		expect_status 404
		get $path -H 'X-Forwarded-For: 127.0.0.1'
		expect_status 404
		get $path -H 'X-Forwarded-For: 203.0.113.9' -H 'Authorization: Bearer a long secret'
		expect_status 200
		get $path -H 'X-Forwarded-For: 203.0.113.9' -H 'Authorization: Bearer another secret'
		expect_status 404
	done
	get /healthz -H 'X-Forwarded-For: 203.0.113.9'
	expect_status 200
}

@test "what is set for tests is said on every page of the console and on /readyz" {
	get /readyz
	expect_json '.warning | contains("clock.file") and contains("apple.extra_provision_roots")' true
	grep -q 'level=warn.*clock.file' "$W/log"
	sign_in anna
	local page
	for page in /admin /admin/apps /admin/upload /admin/settings; do
		as anna get $page
		expect_body clock.file
		expect_body apple.extra_provision_roots
	done
}
