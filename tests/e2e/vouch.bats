# A proxy in front says who it is: believed of the proxies that are set, and of nobody else.
# The requests of these stories come from 127.0.0.1, which is such a proxy or is none.
load lib/pomona
load lib/directory

setup_file() { pomona_prepare; directory_make; }
setup()      { pomona_data; }
teardown()   { pomona_stop; directory_stop; [ -z "${SILENT-}" ] || kill "$SILENT" 2>/dev/null || true; }

behind_proxy() {	# [KEY VALUE...] of signin
	setting server trusted_proxies '"127.0.0.1"'
	setting signin proxy_header '"X-Remote-User"'
	while [ $# -gt 0 ]; do setting signin "$1" "$2"; shift 2; done
}
user() { printf 'X-Remote-User: %s' "$1"; }

@test "a name in the proxy's header is that person, made at the first time" {
	behind_proxy
	pomona_start
	get / -H "$(user anna)" -H 'Accept: text/html'
	expect_status 200
	get /account -H "$(user 'new.one')" -H 'Accept: text/html'
	expect_status 200
	expect_body '<bdi>new.one</bdi>'
	expect_body 'There is no password here'
	get /account -H "$(user 'NEW.ONE')" -H 'Accept: text/html'
	[ "$(sql "SELECT name, source, role FROM person WHERE folded = 'new.one'")" = 'new.one|proxy|member' ]
	# anna is the local account, with her role
	get /admin/people -H "$(user anna)" -H 'Accept: text/html'
	expect_status 200
	get /admin/people -H "$(user new.one)" -H 'Accept: application/json'
	expect_status 403
	[ "$(sql "SELECT actor, detail FROM audit WHERE act = 'sign_in' AND object = 'new.one'")" = "new.one|a proxy's header" ]
	# without the header, or with two, nobody is
	get /account -H 'Accept: application/json'
	expect_status 401
	get /account -H "$(user anna)" -H "$(user mia)" -H 'Accept: application/json'
	expect_status 401
	get /account -H "$(user 'a/b<c')" -H 'Accept: application/json'
	expect_status 422
	# a name that is not hers, and folds to hers
	get /admin/people -H "$(user ANNA)" -H 'Accept: application/json'
	expect_problem 403 not_allowed
	get /admin/people -H "$(user $'\xef\xbd\x81nna')" -H 'Accept: application/json'
	expect_problem 403 not_allowed
	get /admin/people -H "$(user ANNA)" -H 'Accept: application/json'
	[ "$(sql "SELECT count(*) FROM audit WHERE act = 'sign_in.refused' AND object = 'ANNA'")" = 1 ]
}

@test "the header signs in nobody for another site's page" {
	behind_proxy
	pomona_start
	get /account -H "$(user anna)" -H 'Accept: text/html'
	local csrf
	csrf=$(form_csrf)
	[ -n "$csrf" ]
	post /account/tokens -H "$(user anna)" -H 'Origin: https://evil.example.com' -d "label=x&scope=read&csrf=$csrf"
	expect_problem 403 cross_site
	post /account/tokens -H "$(user anna)" -d "label=x&scope=read&csrf=$csrf"
	expect_problem 403 cross_site
	post /account/tokens -H "$(user anna)" -H "Origin: $BASE" -d "label=x&scope=read"
	expect_problem 403 stale_page
	get /account -H "$(user mia)" -H 'Accept: text/html'
	post /account/tokens -H "$(user anna)" -H "Origin: $BASE" -d "label=x&scope=read&csrf=$(form_csrf)"
	expect_problem 403 stale_page
	post /account/tokens -H "$(user anna)" -H "Origin: $BASE" -H 'Accept: application/json' -d "label=x&scope=read&csrf=$csrf"
	expect_status 201
}

@test "from elsewhere the header is dropped, and the audit hears of it once" {
	setting server trusted_proxies '"192.0.2.1"'
	setting signin proxy_header '"X-Remote-User"'
	setting server client_cert_header '"Client-Cert"'
	pomona_start
	local i
	for i in 1 2 3 4 5; do
		get /account -H "$(user anna)" -H 'Accept: application/json'
		expect_status 401
		get /healthz -H 'Client-Cert: :AAAA:'
		expect_status 200
	done
	pomona_stop
	[ "$(sql "SELECT actor, object, detail FROM audit WHERE act = 'proxy.spoofed'")" = 'system|127.0.0.1|X-Remote-User' ]
	[ "$(grep -c 'came from elsewhere and was dropped' "$W/log")" = 1 ]
}

@test "a header that would sign somebody in is audited wherever it is shown" {
	setting server trusted_proxies '"192.0.2.1"'
	setting signin proxy_header '"X-Remote-User"'
	pomona_start
	local how n=0
	while read -r -a how; do
		get "${how[@]}" -H "$(user anna)"
		pomona_stop
		[ "$(sql "SELECT object, detail FROM audit WHERE act = 'proxy.spoofed'")" = '127.0.0.1|X-Remote-User' ]
		sql "DELETE FROM audit WHERE act = 'proxy.spoofed'"
		pomona_again
		n=$((n + 1))
	done <<-WAYS
		/account --oauth2-bearer pom_nobody
		/api/v1/apps --oauth2-bearer $TOKEN
		/i/none0000
		/udid/none0000
		/d/none0000/manifest.plist
		/scep?operation=GetCACaps
	WAYS
	[ $n = 6 ]
}

# ---- a link that asks who is there ----

# asking_link: $LINK asks for a sign-in.
asking_link() {
	upload "$IPAS/enterprise.ipa"
	post /api/v1/links -H "$(bearer upload)" -H 'Content-Type: application/json' -d "{\"build\":\"$(json .build.id)\",\"sign_in\":true}"
	expect_status 201
	LINK=/i/$(json .url | sed 's|.*/i/||')
}
SAFARI='Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1'
browser() {	# METHOD PATH [OPTIONS]: with the cookies of $JAR
	local method=$1 path=$2; shift 2
	ask "$method" "$path" -A "$SAFARI" -H 'Accept: text/html' -b "$W/jar.$JAR" -c "$W/jar.$JAR" "$@"
}
sessions() { sql "SELECT count(*) FROM session s JOIN person p ON p.id = s.person_id WHERE p.name = '$1'"; }

@test "who is vouched for at the sign-in is known to the link that asked for it, and to nothing else" {
	local csrf hash JAR=phone
	behind_proxy
	pomona_start
	asking_link
	browser GET "$LINK"
	expect_body "href=\"/login?next=$LINK\""
	browser GET "/login?next=$LINK" -H "$(user new.one)"
	expect_status 303
	expect_header Location "$LINK"
	[ "$(sessions new.one)" = 1 ]
	[ "$(sql "SELECT detail FROM audit WHERE act = 'sign_in' AND detail LIKE '%links'")" = "a proxy's word, for links" ]
	browser GET "$LINK"			# where the proxy passes no header on
	expect_status 200
	expect_body itms-services
	# the cookie is nobody wherever the proxy's word is asked for
	browser GET /account -H 'Accept: application/json'
	expect_problem 401 sign_in
	browser GET /
	expect_status 303
	expect_header Location "/login*"
	# it is theirs to see and to end
	browser GET /account -H "$(user new.one)"
	expect_body 'action="/logout"'
	csrf=$(form_csrf)
	browser POST /logout -H "$(user new.one)" -H "Origin: $BASE" --data-urlencode "csrf=$csrf"
	expect_status 303
	[ "$(sessions new.one)" = 0 ]
	# a page of the link says it in its own form, as what that leads to hears the proxy
	browser GET "/login?next=$LINK" -H "$(user new.one)"
	hash=$(sql "SELECT hash FROM session")
	browser GET "$LINK"
	browser POST "$LINK" -H "Origin: $BASE"
	expect_status 303
	expect_header Location "$LINK*"
	# another one is another person's, and a new one each time: what was there before ends
	browser GET "/login?next=$LINK" -H "$(user other.one)"
	[ "$(sessions new.one)|$(sessions other.one)" = "0|1" ]
	[ "$(sql "SELECT count(*) FROM session WHERE hash = '$hash'")" = 0 ]
}

@test "a proxy's word begins no session where none is needed, nor for another site's page" {
	local JAR=phone
	behind_proxy
	pomona_start
	asking_link
	browser GET /login -H "$(user mia)"
	browser GET "/login?next=/account" -H "$(user mia)"
	browser GET "/login?next=//evil.example.com/i/x" -H "$(user mia)"
	expect_header Location /
	browser GET "/login?next=$LINK" -H "$(user mia)" -H 'Sec-Fetch-Dest: image' -H 'Sec-Fetch-Site: cross-site'
	browser GET "/login?next=$LINK" -H "$(user mia)" -H 'Sec-Fetch-Dest: iframe' -H 'Sec-Fetch-Site: cross-site'
	browser HEAD "/login?next=$LINK" -H "$(user mia)"
	get "/login?next=$LINK" -H "$(user mia)" -H 'Accept: application/json'
	[ "$(sessions mia)" = 0 ]
	browser GET "/login?next=$LINK" -H "$(user mia)" -H 'Sec-Fetch-Dest: document' -H 'Sec-Fetch-Site: cross-site'
	[ "$(sessions mia)" = 1 ]	# as the way back from a sign-in elsewhere is
	set_clock 2026-11-23T00:00:01Z
	browser GET "$LINK"
	expect_body "/login?next="
	browser GET /account -H "$(user mia)"
	never grep -q 'action="/logout"' "$W/body"
}

@test "forwarded addresses from elsewhere are not believed: counted each time, audited once where there are proxies" {
	local i
	forwarded() { get /metrics; sed -n 's/^pomona_http_forwarded_dropped_total //p' "$W/body"; }
	pomona_start
	get /healthz -H 'X-Forwarded-For: 203.0.113.7'
	[ "$(forwarded)" = 1 ]
	pomona_stop
	[ "$(sql "SELECT count(*) FROM audit WHERE act = 'proxy.spoofed'")" = 0 ]	# nobody is trusted: it means nothing
	setting server trusted_proxies '"192.0.2.1"'
	setting signin proxy_header '"X-Remote-User"'
	pomona_again
	for i in 1 2 3 4 5; do
		get /healthz -H 'X-Forwarded-For: 203.0.113.7'
		get /d/none/manifest.plist -H 'X-Forwarded-Proto: https'
	done
	[ "$(forwarded)" = 10 ]
	get /account -H "$(user anna)" -H 'Accept: application/json'	# what would sign in is not hidden by it
	expect_status 401
	pomona_stop
	[ "$(sql "SELECT object, detail FROM audit WHERE act = 'proxy.spoofed' ORDER BY id")" = $'127.0.0.1|X-Forwarded-For\n127.0.0.1|X-Remote-User' ]
	expect_not_in "$W/log" 203.0.113.7
}

@test "where a grant, a link or a device decides, the header is not looked at" {
	setting server trusted_proxies '"192.0.2.1"'
	setting signin proxy_header '"X-Remote-User"'
	pomona_start
	local path
	for path in /d/none/manifest.plist /i/none /udid/none; do
		get $path -H "$(user anna)"
		expect_status 404
	done
	pomona_stop
	sed -i 's/192.0.2.1/127.0.0.1/' "$CONF"
	pomona_again
	for path in /d/none/manifest.plist /i/none /udid/none; do
		get $path -H "$(user somebody.new)"
		expect_status 404
	done
	[ "$(sql "SELECT count(*) FROM person WHERE name = 'somebody.new'")" = 0 ]
}

@test "whoever is disabled is not let in by the header either, at once" {
	behind_proxy
	pomona_start
	get / -H "$(user mia)" -H 'Accept: application/json'
	expect_status 200
	ask PATCH "/api/v1/people/$(sql "SELECT id FROM person WHERE name = 'mia'")" -H "$(bearer admin)" -d '{"disabled":true}'
	expect_status 200
	get / -H "$(user mia)" -H 'Accept: application/json'
	expect_problem 403 account_disabled
	get /login -H "$(user mia)" -H 'Accept: text/html'
	expect_status 200
}

@test "a token is what it says, also behind a proxy that names somebody" {
	behind_proxy
	pomona_start
	get /api/v1/people -H "$(user anna)" -H "$(bearer read)"
	expect_status 403
}

@test "with a directory the header's person is the directory's, with its groups, also while that is down" {
	directory_start
	directory_use
	behind_proxy local_login no
	pomona_start
	get /account -H "$(user eva)" -H 'Accept: text/html'
	expect_status 200
	get /admin/people -H "$(user otto)" -H 'Accept: application/json'
	expect_status 200
	[ "$(sql "SELECT name, source, role FROM person WHERE name IN ('eva', 'otto') ORDER BY name")" = $'eva|directory|member\notto|directory|admin' ]
	get /account -H "$(user nobody)" -H 'Accept: application/json'
	expect_problem 403 not_allowed
	get /account -H "$(user gus)" -H 'Accept: application/json'
	expect_problem 403 account_disabled
	get /account -H "$(user anna)" -H 'Accept: application/json'	# a local account, and those are off
	expect_problem 403 not_allowed
	get /account -H "$(user '*')" -H 'Accept: application/json'
	expect_problem 403 not_allowed
	directory_stop
	pomona_stop; pomona_again		# what was remembered is forgotten
	get /account -H "$(user eva)" -H 'Accept: text/html'
	expect_status 200
	get /account -H "$(user paula)" -H 'Accept: application/json'
	expect_problem 502 directory_down
}

@test "HTTP Basic that a proxy passes on is checked, costs one bind, and uploads from a script" {
	directory_start
	directory_use
	behind_proxy proxy_basic yes
	pomona_start
	app a.ipa
	local i before
	get /api/v1/apps -u 'paula:pass of paula'
	expect_status 200
	before=$(grep -c ' BIND dn="uid=paula' "$D/log")
	[ "$before" -gt 0 ]
	for i in 1 2 3 4 5 6 7 8; do
		get /api/v1/apps -u 'paula:pass of paula'
		expect_status 200
	done
	ask PUT /api/v1/upload -T "$W/a.ipa" -u 'paula:pass of paula'
	expect_status 201
	[ "$(grep -c ' BIND dn="uid=paula' "$D/log")" = "$before" ]
	get /api/v1/apps -u 'paula:wrong'
	expect_problem 401 wrong_password
	get /api/v1/apps -u 'paula:'
	expect_status 401
	# what is no text, or text with a NUL in it, is nobody's name, and no server hears of it
	before=$(grep -c ' BIND ' "$D/log")
	get /api/v1/apps -H "Authorization: Basic $(printf 'paula\0:pass of paula' | base64)"
	expect_problem 401 sign_in
	get /api/v1/apps -H "Authorization: Basic $(printf 'paul\377a:pass of paula' | base64)"
	expect_problem 401 sign_in
	[ "$(grep -c ' BIND ' "$D/log")" = "$before" ]
	get /api/v1/people -u "anna:$(cat "$W/password.anna")"	# a local account
	expect_status 200
	# a browser that has it is asked for the page's own value, like any other
	post /account/tokens -u 'paula:pass of paula' -H "Origin: https://evil.example.com" -d 'label=x&scope=read'
	expect_problem 403 cross_site
	post /account/tokens -u 'paula:pass of paula' -H "Origin: $BASE" -d 'label=x&scope=read'
	expect_problem 403 stale_page
	# and an upload's own proof holds
	ask PUT /api/v1/upload -T "$W/a.ipa" -u 'paula:pass of paula' -H "Origin: $BASE"
	expect_problem 403 stale_page
	expect_not_in "$W/log" 'pass of paula'
}

@test "HTTP Basic that comes from elsewhere, or is not asked for, is nobody" {
	setting server trusted_proxies '"192.0.2.1"'
	setting signin proxy_basic yes
	pomona_start
	get /api/v1/apps -u "anna:$(cat "$W/password.anna")"
	expect_status 401
	pomona_stop
	sed -i 's/192.0.2.1/127.0.0.1/; s/proxy_basic = yes/proxy_basic = no/' "$CONF"
	pomona_again
	get /api/v1/apps -u "anna:$(cat "$W/password.anna")"
	expect_status 401
}

@test "guessing by HTTP Basic is counted like the form's guesses" {
	behind_proxy proxy_basic yes
	pomona_start
	local i
	for i in 1 2 3 4 5; do
		get /api/v1/apps -u "mia:wrong $i"
		expect_status 401
	done
	get /api/v1/apps -u "mia:$(cat "$W/password.mia")"
	expect_problem 429 too_often
	expect_header Retry-After 1
}

@test "a directory that says nothing keeps nobody else waiting" {
	python3 - "$W/silent" 3>&- <<-'PY' &
	import socket, sys, time
	s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(64)
	open(sys.argv[1], "w").write(str(s.getsockname()[1]))
	held = []
	while True: held.append(s.accept())
	PY
	SILENT=$!
	wait_until test -s "$W/silent"
	D_PORT=0
	directory_use urls "ldap://127.0.0.1:$(cat "$W/silent")"
	behind_proxy
	pomona_start
	local i pids=()
	for i in 1 2 3 4 5 6 7 8; do
		curl -s -o /dev/null --connect-to "::127.0.0.1:$PORT" -H "$(user "somebody$i")" "$BASE/account" & pids+=($!)
	done
	asked() { [ "$(ss -tn state established "( dport = :$(cat "$W/silent") )" | grep -c 127)" -ge 1 ]; }
	wait_until asked
	get /healthz
	expect_status 200
	get /api/v1/apps -H "$(bearer read)"
	expect_status 200
	# ... while those who are asked about still wait
	local waiting=0
	for i in "${pids[@]}"; do if kill -0 "$i" 2>/dev/null; then waiting=$((waiting + 1)); fi; done
	[ $waiting -ge 1 ]
	for i in "${pids[@]}"; do wait "$i" || true; done
}

@test "settings that would believe anybody, or nobody, refuse to start" {
	refuses() {	# WORDS
		run env ASAN_OPTIONS=detect_leaks=0 timeout 20 "$POMONA" serve --data "$DATA" --listen 127.0.0.1:0 --plain
		[ "$status" -ne 0 ]
		[ "$status" -ne 124 ]
		[[ $output == *"$1"* ]] || { echo "expected: $1"; echo "$output"; return 1; }
	}
	setting signin proxy_header '"X-Remote-User"'
	refuses 'server.trusted_proxies'
	setting server trusted_proxies '"127.0.0.1"'
	setting signin proxy_header '"Cookie"'
	refuses 'means something else'
	setting signin proxy_header '"X Remote"'
	refuses 'is no name of a header'
}
