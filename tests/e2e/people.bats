# Who looks after people: makes accounts, gives roles, lets in and no more, and cannot lock everybody out.
load lib/pomona
load lib/directory
load lib/sending

setup_file() { pomona_prepare; directory_make; }
setup()      { pomona_start; }
teardown()   { local rc=0; pomona_stop || rc=1; stop_started; directory_stop; return $rc; }

admin() { local how=$1 path=$2; shift 2; ask "$how" "/api/v1$path" -H "$(bearer admin)" "$@"; }
id_of() { sql "SELECT id FROM person WHERE name = '$1'"; }
form() { as anna post "$1" --data-urlencode "csrf=$CSRF" "${@:2}"; }

@test "an account is made with a password for one sign-in, shown once" {
	sign_in anna
	form /admin/people -d 'name=new.one&role=publisher'
	expect_status 201
	local password
	password=$(sed -n 's/.*<code>\([a-z0-9]*\)<\/code>.*/\1/p' "$W/body" | head -1)
	[ ${#password} -ge 12 ]
	as anna get "/admin/people?q=new.one"
	expect_not_in "$W/body" "$password"
	expect_not_in "$W/log" "$password"
	try new.one "$password"
	expect_status 303
	get / -b "$W/jar.newone" -H 'Accept: text/html'
	expect_status 303
	expect_header Location '/account?once=1'
	form /admin/people -d 'name=new.one&role=member'
	expect_status 409
	expect_body 'exists already'
	form /admin/people -d 'name=a/b&role=member'
	expect_status 422
	form /admin/people -d 'name=x&role=king'
	expect_status 422
}

@test "people are listed in pages, found by name and mail, and the API says the same" {
	local i after='' n=0
	for i in $(seq 1 12); do admin POST /people -d "{\"name\":\"person $i\"}"; expect_status 201; done
	while :; do
		admin GET "/people?limit=5$after"
		expect_status 200
		n=$((n + $(json '.items | length')))
		[ "$(json .next)" != null ] || break
		after="&after=$(json '.next | @uri')"
	done
	[ $n = 15 ]
	admin GET '/people?q=PERSON%201'
	expect_json '[.items[].name] | join(",")' 'person 1,person 10,person 11,person 12'
	admin GET '/people?q=%25'
	expect_json '.items | length' 0
	admin GET '/people?source=directory'
	expect_json '.items | length' 0
	sign_in anna
	as anna get '/admin/people?q=person%201'
	expect_body 'person 12'
	expect_not_in "$W/body" 'person 2'
}

@test "a role that is given counts from the next request on" {
	sign_in anna
	sign_in mia
	get /admin/upload -b "$W/jar.mia" -H 'Accept: application/json'
	expect_status 403
	CSRF=; as anna get /account; CSRF=$(form_csrf)
	form "/admin/people/$(id_of mia)/role" -d role=publisher
	expect_status 303
	get /admin/upload -b "$W/jar.mia" -H 'Accept: application/json'
	expect_status 200
	admin PATCH "/people/$(id_of mia)" -d '{"role":"member"}'
	expect_json .role member
	get /admin/upload -b "$W/jar.mia" -H 'Accept: application/json'
	expect_status 403
	[ "$(sql "SELECT actor || ' ' || object || ' ' || detail FROM audit WHERE act = 'person.role' ORDER BY id" | head -1)" = "anna mia publisher" ]
}

@test "an admin gives local accounts their addresses, and an invitation goes where that says" {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	pomona_stop
	pomona_again
	run "$POMONA" enroll invite --data "$DATA" --user mia --by mail
	[ "$status" -ne 0 ]
	sign_in anna
	form "/admin/people/$(id_of mia)/email" --data-urlencode 'email=mia at example'
	expect_status 422
	expect_body 'is no e-mail address'
	form "/admin/people/$(id_of mia)/email" --data-urlencode email=mia.moss@example.com
	expect_status 303
	get "$(header Location)" -b "$W/jar.anna" -H 'Accept: text/html'
	expect_body 'The e-mail address is set'
	expect_body 'value="mia.moss@example.com"'
	admin PATCH "/people/$(id_of paul)" -d '{"email":"Paul <paul@example.com>"}'
	expect_status 422
	admin PATCH "/people/$(id_of paul)" -d '{"email":"paul@example.com"}'
	expect_status 200
	expect_json .email paul@example.com
	run "$POMONA" user email anna anna --data "$DATA"
	[ "$status" = 4 ]
	run "$POMONA" user email nobody nobody@example.com --data "$DATA"
	[ "$status" = 4 ]
	"$POMONA" user email anna anna@example.com --data "$DATA"
	admin GET '/people?q=anna@example'
	expect_json '[.items[].name] | join(" ")' anna
	[ "$(sql "SELECT actor || ' ' || object || ' ' || detail FROM audit WHERE act = 'person.email' ORDER BY id")" = \
		$'anna mia mia.moss@example.com\nanna (token '"$(sql "SELECT id FROM token WHERE scope = 'admin'")"$') paul paul@example.com\ncli anna anna@example.com' ]
	"$POMONA" enroll invite --data "$DATA" --user mia --by mail
	expect_state mia.moss@example.com sent
	grep -q '^To: mia.moss@example.com' "$W/mail/1.eml"
	# and from whom it was taken away again gets none
	admin PATCH "/people/$(id_of paul)" -d '{"email":""}'
	expect_json .email ''
	run "$POMONA" enroll invite --data "$DATA" --user paul --by mail
	[ "$status" -ne 0 ]
	[[ $output == *paul* ]]
}

@test "whoever is disabled is out at once: session, token and the links made for them" {
	app a.ipa
	upload "$W/a.ipa"
	expect_status 201
	local link token
	link=$(json .manifest_url)
	sign_in paul
	get "${link#"$BASE"}"
	expect_status 200
	admin PATCH "/people/$(id_of paul)" -d '{"disabled":true}'
	expect_json .disabled true
	get / -b "$W/jar.paul" -H 'Accept: application/json'
	expect_status 401
	get /api/v1/apps -H "$(bearer read)"
	expect_status 401
	get "${link#"$BASE"}"
	expect_status 404
	try paul "$(cat "$W/password.paul")"
	expect_status 401
	admin PATCH "/people/$(id_of paul)" -d '{"disabled":false}'
	get /api/v1/apps -H "$(bearer read)"
	expect_status 200
	get "${link#"$BASE"}"
	expect_status 200
	get / -b "$W/jar.paul" -H 'Accept: application/json'
	expect_status 401		# a session does not come back
}

@test "an admin signs somebody out everywhere, and unlocks whoever mistyped too often" {
	local i
	sign_in mia
	admin DELETE "/people/$(id_of mia)/sessions"
	expect_status 204
	get / -b "$W/jar.mia" -H 'Accept: application/json'
	expect_status 401
	for i in 1 2 3 4 5; do try mia "wrong $i"; done
	try mia "$(cat "$W/password.mia")"
	expect_status 429
	admin GET "/people/$(id_of mia)"
	[ "$(json .locked_until)" != null ]
	admin POST "/people/$(id_of mia)/unlock"
	expect_status 204
	try mia "$(cat "$W/password.mia")"
	expect_status 303
}

@test "a publisher of named apps uploads, promotes and deletes those and no others" {
	app a.ipa
	app b.ipa id=com.example.other name=Other
	admin PATCH "/people/$(id_of paul)" -d '{"all_apps":false,"apps":["com.example.app"]}'
	expect_json '.apps | join(",")' com.example.app
	upload "$W/a.ipa"
	expect_status 201
	local build
	build=$(json .build.id)
	upload "$W/b.ipa"
	expect_problem 403 not_allowed
	ask PUT /api/v1/upload -T "$W/b.ipa" -H "$(bearer admin)"
	expect_status 201
	local other
	other=$(json .build.id)
	post "/api/v1/builds/$other/promote" -H "$(bearer upload)" -d '{"channel":"qa"}'
	[ "$STATUS" = 403 ] || [ "$STATUS" = 404 ]
	post "/api/v1/builds/$build/promote" -H "$(bearer upload)" -d '{"channel":"qa"}'
	expect_status 200
	# of no app at all
	admin PATCH "/people/$(id_of paul)" -d '{"all_apps":false,"apps":[]}'
	app c.ipa build=35
	upload "$W/c.ipa"
	expect_problem 403 not_allowed
	admin PATCH "/people/$(id_of paul)" -d '{"all_apps":true}'
	upload "$W/c.ipa"
	expect_status 201
	admin PATCH "/people/$(id_of paul)" -d '{"apps":["no app"]}'
	expect_status 422
}

@test "the last admin cannot lock everybody out" {
	sign_in anna
	form "/admin/people/$(id_of anna)/role" -d role=member
	expect_status 409
	expect_body 'nobody else is admin'
	form "/admin/people/$(id_of anna)/disable"
	expect_status 409
	admin PATCH "/people/$(id_of anna)" -d '{"disabled":true}'
	expect_problem 409 last_admin
	admin PATCH "/people/$(id_of mia)" -d '{"role":"admin"}'
	expect_status 200
	form "/admin/people/$(id_of anna)/role" -d role=member
	expect_status 303
	get /admin/people -b "$W/jar.anna" -H 'Accept: application/json'
	expect_status 403
}

@test "two admins who disable each other at once do not both succeed" {
	admin PATCH "/people/$(id_of mia)" -d '{"role":"admin"}'
	pomona_stop
	"$POMONA" token new --data "$DATA" --user mia --scope admin >"$W/token.mia"
	pomona_again
	local anna mia a b
	anna=$(id_of anna) mia=$(id_of mia)
	curl -s -o /dev/null --connect-to "::127.0.0.1:$PORT" -X PATCH -H "$(bearer admin)" "$BASE/api/v1/people/$mia" -d '{"disabled":true}' & a=$!
	curl -s -o /dev/null --connect-to "::127.0.0.1:$PORT" -X PATCH -H "$(bearer mia)" "$BASE/api/v1/people/$anna" -d '{"disabled":true}' & b=$!
	wait $a $b
	[ "$(sql "SELECT count(*) FROM person WHERE role = 'admin' AND NOT disabled")" = 1 ]
}

@test "a token for one app reaches nobody's account, and lists only its own kind" {
	"$POMONA" token new --data "$DATA" --user anna --scope admin --app com.example.app >"$W/token.bound"
	get /api/v1/people -H "$(bearer bound)"
	expect_problem 403 not_allowed
	ask PATCH "/api/v1/people/$(id_of mia)" -H "$(bearer bound)" -d '{"role":"admin"}'
	expect_problem 403 not_allowed
	post /api/v1/directory/test -H "$(bearer bound)" -d '{}'
	expect_problem 403 not_allowed
	get /api/v1/tokens -H "$(bearer bound)"
	expect_json '[.items[].bundle_id] | unique | join(",")' com.example.app
	get /api/v1/tokens -H "$(bearer admin)"
	expect_json '.items | length' 2
	local whole
	whole=$(json '[.items[] | select(.bundle_id == null)][0].id')
	delete "/api/v1/tokens/$whole" -H "$(bearer bound)"
	expect_status 404
	get /api/v1/people -H "$(bearer admin)"
	expect_status 200
}

@test "a token says when it was used last" {
	get /api/v1/tokens -H "$(bearer admin)"
	used() { get /api/v1/tokens -H "$(bearer admin)"; [ "$(json '.items[0].used')" = "$NOW" ]; }
	wait_until used
	sign_in anna
	as anna get /account
	expect_body 'Last used'
}

# ---- the directory's people ----

with_directory() {
	pomona_stop
	directory_start
	directory_use "$@"
	pomona_again
}

@test "roles and passwords of the directory's people are the directory's" {
	with_directory
	try eva "pass of eva"
	expect_status 303
	admin PATCH "/people/$(id_of eva)" -d '{"role":"admin"}'
	expect_problem 409 role_of_directory
	expect_body 'ldap.admin_groups and ldap.publisher_groups'	# where it is said instead
	sign_in anna
	as anna get "/admin/people/$(id_of eva)"
	expect_body 'decide it; ldap.admin_groups and ldap.publisher_groups say which'
	local before
	before=$(sql "SELECT email FROM person WHERE name = 'eva'")
	admin PATCH "/people/$(id_of eva)" -d '{"email":"else@example.com"}'
	expect_problem 409 email_of_directory
	run "$POMONA" user email eva else@example.com --data "$DATA"
	[ "$status" -eq 4 ]
	[[ $output == *"is what the company's directory says: change it there"* ]]
	[ "$(sql "SELECT email FROM person WHERE name = 'eva'")" = "$before" ]
	admin POST "/people/$(id_of eva)/password"
	expect_status 409
	run "$POMONA" user passwd eva --data "$DATA" --password-file "$W/password.mia"
	[ "$status" -eq 4 ]
	admin PATCH "/people/$(id_of eva)" -d '{"disabled":true}'
	expect_status 200
	try eva "pass of eva"
	expect_status 403
	# the hourly check does not bring back whom an admin has disabled
	echo 2026-11-22T12:51:00Z >"$W/clock"
	checked() { [ "$(sql "SELECT checked FROM person WHERE name = 'eva'")" = "$(date -ud 2026-11-22T12:51:00Z +%s)" ]; }
	wait_until checked
	[ "$(sql "SELECT disabled, disabled_by FROM person WHERE name = 'eva'")" = '1|admin' ]
}

@test "without groups for roles, an admin gives roles to the directory's people" {
	with_directory admin_groups "" publisher_groups ""
	try eva "pass of eva"
	admin PATCH "/people/$(id_of eva)" -d '{"role":"publisher"}'
	expect_status 200
	try eva "pass of eva"
	expect_status 303
	[ "$(sql "SELECT role FROM person WHERE name = 'eva'")" = publisher ]
}

@test "the directory is tested step by step, from the console and from the command line" {
	with_directory
	sign_in anna
	form /admin/directory -d 'name=otto'
	expect_status 200
	expect_body 'Every step went well'
	expect_body 'uid=otto,ou=people'
	expect_body 'cn=ops,ou=groups'
	expect_not_in "$W/body" 'service secret'
	form /admin/directory -d 'name=otto' --data-urlencode 'password=wrong'
	expect_body 'refused: wrong_password'
	form /admin/directory -d 'name=gus'
	expect_body 'disabled there by shadowExpire'
	post /api/v1/directory/test -H "$(bearer admin)" -d '{"name":"eva","password":"pass of eva"}'
	expect_json .ok true
	expect_json '[.steps[] | select(.step == "password")][0].level' ok
	ldap() { run env ASAN_OPTIONS=detect_leaks=1 "$POMONA" ldap test --data "$DATA" "$@" </dev/null; echo "$output"; }
	ldap --user otto
	[ "$status" -eq 0 ]
	[[ $output == *"ok    connect"* && $output == *"ok    role         admin"* ]]
	echo 'pass of eva' >"$W/pw"
	ldap --user eva --password-file "$W/pw"
	[ "$status" -eq 0 ]
	[[ $output == *"ok    password"* && $output != *"pass of eva"* ]]
	ldap --user nobody
	[ "$status" -eq 4 ]
	[[ $output == *"fail  search"*"nobody fits"* ]]
	directory_use urls "ldap://127.0.0.1:$D_DEAD_PORT ldap://127.0.0.1:$D_PORT"
	ldap --user eva
	[ "$status" -eq 4 ]
	[[ $output == *"fail  connect"*"ok    search"* ]]
	directory_use bind_password wrong
	ldap --user eva
	[ "$status" -eq 4 ]
	[[ $output == *"fail  bind"*"ldap.bind_password"* ]]
	directory_use urls "ldaps://127.0.0.1:$D_TLS_PORT" tls ldaps ca_file "$W/tls/ca.pem"
	ldap --user eva
	[ "$status" -eq 4 ]
	[[ $output == *"fail  TLS"*"ldap.ca_file"* ]]
	directory_use user_filter "(mail=%s)"
	ldap --user twins@example.com
	[[ $output == *"several people"* ]]
	directory_use admin_groups "cn=nowhere,ou=groups,$SUFFIX;cn=x,dc=elsewhere"
	ldap --user eva
	[[ $output == *"warn  groups"*"cn=nowhere"*"not under ldap.group_base"* ]]
	directory_use bind_dn "" bind_password "" user_bind_template "uid=%s,ou=people,$SUFFIX"
	ldap --user eva --password-file "$W/pw"
	[ "$status" -eq 0 ]
	[[ $output == *"warn  hourly check ldap.bind_dn is empty"* ]]
	run "$POMONA" doctor --data "$DATA"
	[[ $output == *"directory    server:"* ]]
}

@test "ldap test asks for the password on the terminal, where nobody sees it" {
	with_directory
	cat >"$W/terminal.py" <<-'PY'
	import os, pty, sys
	pid, fd = pty.fork()
	if pid == 0:
	    os.execv(sys.argv[1], [sys.argv[1], "ldap", "test", "--user", "eva", "--data", sys.argv[2]])
	out = b""
	while b"it): " not in out:
	    out += os.read(fd, 1000)
	os.write(fd, b"pass of eva\n")
	try:
	    while True:
	        more = os.read(fd, 1000)
	        if not more: break
	        out += more
	except OSError:
	    pass
	print(out.decode(), "ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	PY
	run timeout 60 python3 "$W/terminal.py" "$POMONA" "$DATA"
	echo "$output"
	[[ $output == *"Password of eva"* && $output == *"ok    password"* && $output == *"ended with 0"* ]]
	[[ $output != *"pass of eva"* ]]
}
