# People of the company's directory: who gets in with which role, and what happens when it is not there.
load lib/pomona
load lib/directory

setup_file() { pomona_prepare; directory_make; }
setup()      { pomona_data; directory_start; directory_use; }
teardown()   { pomona_stop; directory_stop; }

@test "a person of the directory signs in, is made at the first time, and is the same one at the second" {
	pomona_start
	try eva "pass of eva"
	expect_status 303
	get /account -b "$W/jar.eva" -H 'Accept: text/html'
	expect_body '<bdi>eva</bdi>'
	expect_body 'belongs to the company directory'
	try EVA@example.com "pass of eva"
	expect_status 303
	[ "$(sql "SELECT source, external_id, dn, display, email, phone, role FROM person WHERE name = 'eva'")" = \
		"directory|00000001000040008000000000000001|uid=eva,ou=people,$SUFFIX|Eva Nair (QA)|eva@example.com|+49 151 0001|member" ]
	[ "$(sql "SELECT count(*) FROM person WHERE source = 'directory'")" = 1 ]
	# the server is not asked again for what it has said
	never grep -q 'pass of eva' "$W/log"
}

@test "roles come from groups, also from those in a circle of groups, at every sign-in" {
	pomona_start
	try otto "pass of otto"
	expect_status 303
	try paula "pass of paula"
	expect_status 303
	[ "$(sql "SELECT name, role FROM person WHERE source = 'directory' ORDER BY name")" = $'otto|admin\npaula|publisher' ]
	get /admin/settings -b "$W/jar.otto" -H 'Accept: text/html'
	expect_status 200
	directory_change <<-LDIF
		dn: cn=leads,ou=groups,$SUFFIX
		changetype: modify
		delete: member
		member: uid=otto,ou=people,$SUFFIX
	LDIF
	try otto "pass of otto"
	expect_status 303
	[ "$(sql "SELECT role FROM person WHERE name = 'otto'")" = member ]
	get /admin/settings -b "$W/jar.otto" -H 'Accept: application/json'
	expect_status 403
}

@test "groups of groups are stored, each once, and those of another person of that name are not" {
	pomona_start
	try eva "pass of eva"
	expect_status 303
	[ "$(sql "SELECT g.name FROM group_person m JOIN people_group g ON g.id = m.group_id ORDER BY 1")" = $'qa\ntesters\nunix' ]
	directory_change <<-LDIF
		dn: cn=testers,ou=groups,$SUFFIX
		changetype: modify
		delete: member
		member: uid=eva,ou=people,$SUFFIX
	LDIF
	try eva "pass of eva"
	[ "$(sql "SELECT g.name FROM group_person m JOIN people_group g ON g.id = m.group_id ORDER BY 1")" = unix ]
}

@test "a group that the directory renames and moves stays the same, and one made anew with its name is another" {
	pomona_start
	try eva "pass of eva"
	local id
	id=$(sql "SELECT id FROM people_group WHERE name = 'testers' AND length(external_id) = 32")
	[ -n "$id" ]
	directory_change <<-LDIF
		dn: cn=testers,ou=groups,$SUFFIX
		changetype: modrdn
		newrdn: cn=triers
		deleteoldrdn: 1
	LDIF
	try eva "pass of eva"
	[ "$(sql "SELECT name, dn FROM people_group WHERE id = '$id'")" = "triers|cn=triers,ou=groups,$SUFFIX" ]
	[ "$(sql "SELECT count(*) FROM people_group WHERE source = 'directory'")" = 3 ]
	[ "$(sql "SELECT object, detail FROM audit WHERE act = 'group.rename'")" = 'testers|triers' ]
	directory_change <<-LDIF
		dn: cn=triers,ou=groups,$SUFFIX
		changetype: delete

		dn: cn=triers,ou=groups,$SUFFIX
		changetype: add
		objectClass: groupOfNames
		cn: triers
		member: uid=eva,ou=people,$SUFFIX
	LDIF
	try eva "pass of eva"
	[ "$(sql "SELECT count(*) FROM group_person WHERE group_id = '$id'")" = 0 ]
	[ "$(sql "SELECT g.name FROM group_person m JOIN people_group g ON g.id = m.group_id ORDER BY 1")" = $'triers (2)\nunix' ]
}

@test "a wrong password, a wrong name and an empty password are answered alike, also where an empty one binds" {
	directory_stop
	directory_start "allow bind_anon_dn bind_anon_cred"
	# the trap is set: this server takes a name without a password
	ldapwhoami -x -H "ldap://127.0.0.1:$D_PORT" -D "uid=eva,ou=people,$SUFFIX" -w '' >"$W/anonymous"
	pomona_start
	local name n=0
	for name in eva nobody; do
		get /login -H 'Accept: text/html' -c "$W/jar" -b "$W/jar"
		post /login -b "$W/jar" -H "Origin: $BASE" -H 'Accept: application/json' -d "name=$name&password=wrong&csrf=$(form_csrf)"
		expect_problem 401 wrong_password
		jq -S 'del(.instance)' "$W/body" >"$W/said.$name"
	done
	diff "$W/said.eva" "$W/said.nobody"
	: >"$D/log.before"; cp "$D/log" "$D/log.before"
	post /login -b "$W/jar" -H "Origin: $BASE" -H 'Accept: application/json' -d "name=eva&password=&csrf=$(form_csrf)"
	get /login -H 'Accept: text/html' -c "$W/jar" -b "$W/jar"
	post /login -b "$W/jar" -H "Origin: $BASE" -H 'Accept: application/json' -d "name=eva&password=&csrf=$(form_csrf)"
	expect_problem 401 wrong_password
	# no server heard of it
	[ "$(grep -c 'BIND' "$D/log")" = "$(grep -c 'BIND' "$D/log.before")" ]
	[ "$(sql "SELECT count(*) FROM person WHERE source = 'directory'")" = 0 ]
}

@test "names with letters that mean something to LDAP are names, and nothing else" {
	pomona_start
	local name
	for name in '*' 'e*' 'eva)(uid=*' '*)(|(uid=*' 'eva\2a' '\65va' 'eva)(|(userPassword=*)' 'uid=eva'; do
		try "$name" "pass of eva"
		expect_status 401
	done
	[ "$(sql "SELECT count(*) FROM person WHERE source = 'directory'")" = 0 ]
	try 'we*ird()\' 'pass of we*ird()\'
	expect_status 303
	try 'zoë ångström' 'pass of Zoë Ångström'
	expect_status 303
	[ "$(sql "SELECT name FROM person WHERE source = 'directory' ORDER BY created, name")" = $'Zoë Ångström\nwe*ird()_' ]
	# a NUL is no text at all
	get /login -c "$W/jar" -b "$W/jar" -H 'Accept: text/html'
	post /login -b "$W/jar" -H "Origin: $BASE" -H 'Accept: application/json' --data-binary "name=eva%00x&password=pass%20of%20eva&csrf=$(form_csrf)"
	expect_status 400
}

@test "without an account of ours, who is disabled is shut out by their own next try, and admins are told what is missing" {
	directory_use bind_dn "" bind_password "" user_bind_template "uid=%s,ou=people,$SUFFIX" \
		admin_groups "cn=testers,ou=groups,$SUFFIX"
	pomona_start
	try eva "pass of eva"
	expect_status 303
	cp "$W/jar.eva" "$W/jar.old"
	get /admin/directory -b "$W/jar.old" -H 'Accept: text/html'
	expect_status 200
	expect_body "Nobody is looked up while they are away"
	run "$POMONA" doctor --data "$DATA"
	echo "$output" | grep -E '^warn +directory +hourly check: ldap.bind_dn is empty'
	"$POMONA" token new --data "$DATA" --user eva --scope admin >"$W/token.eva"
	get /api/v1/apps -H "$(bearer eva)"
	expect_status 200
	directory_change <<-LDIF
		dn: uid=eva,ou=people,$SUFFIX
		changetype: modify
		replace: shadowExpire
		shadowExpire: 1
	LDIF
	# a wrong password tells nobody, and ends nothing
	try eva "pass of otto"
	expect_status 401
	get /api/v1/apps -H "$(bearer eva)"
	expect_status 200
	try eva "pass of eva"
	expect_status 401
	expect_body 'disabled'
	get /api/v1/apps -H "$(bearer eva)"
	expect_status 401
	get /account -b "$W/jar.old" -H 'Accept: application/json'
	expect_status 401
	[ "$(sql "SELECT detail FROM audit WHERE act = 'person.disable'")" = "disabled in the directory by shadowExpire" ]
	directory_change <<-LDIF
		dn: uid=eva,ou=people,$SUFFIX
		changetype: modify
		delete: shadowExpire
	LDIF
	try eva "pass of eva"
	expect_status 303
	get /api/v1/apps -H "$(bearer eva)"
	expect_status 200
}

@test "without an account of ours, tokens of whom nobody has confirmed for a month rest until the next sign-in" {
	directory_use bind_dn "" bind_password "" user_bind_template "uid=%s,ou=people,$SUFFIX" \
		admin_groups "cn=testers,ou=groups,$SUFFIX"
	pomona_start
	try eva "pass of eva"
	expect_status 303
	"$POMONA" token new --data "$DATA" --user eva --scope admin >"$W/token.eva"
	may() { get /api/v1/apps -H "$(bearer eva)"; [ "$STATUS" = 200 ]; }
	rests() { ! may; }
	may
	# a week before she is told, and admins see it
	"$POMONA" expiry --data "$DATA" --json | jq -e '.items[] | select(.kind == "rest") | .name == "eva" and (.ends | startswith("2026-12-22"))'
	echo 2026-12-22T12:51:00Z >"$W/clock"
	wait_until rests
	expect_problem 401 sign_in
	[ "$(sql "SELECT detail FROM audit WHERE act = 'person.rest'")" = "not confirmed since 2026-11-22" ]
	try eva "pass of otto"
	rests
	try eva "pass of eva"
	expect_status 303
	may
}

@test "a name that fits two people lets neither in, and the log says why" {
	pomona_start
	try twins@example.com "pass of twin1"
	expect_status 401
	grep -q 'level=warn.*fits several people' "$W/log"
	try twin1 "pass of twin1"
	expect_status 303
}

@test "LDAPS and StartTLS work with the directory's own CA, and with nobody else's" {
	directory_use urls "ldaps://127.0.0.1:$D_TLS_PORT" tls ldaps ca_file "$D/tls/ca.pem"
	pomona_start
	try eva "pass of eva"
	expect_status 303
	pomona_stop
	directory_use urls "ldap://127.0.0.1:$D_PORT" tls starttls ca_file "$D/tls/ca.pem"
	pomona_again
	try eva "pass of eva"
	expect_status 303
	grep -q 'STARTTLS' "$D/log"
	local urls tls ca
	while read -r urls tls ca; do
		pomona_stop
		directory_use urls "$urls" tls "$tls" ca_file "$ca"
		pomona_again
		: >"$D/log"
		try eva "pass of eva"
		expect_status 502
		expect_body 'Signing in does not work at the moment'
		never grep -q 'BIND' "$D/log"
		grep 'level=warn.*msg=sign-in' "$W/log" | tail -1 | grep -q 'TLS: '
		: >"$W/log"
	done <<-CASES
		ldaps://127.0.0.1:$D_TLS_PORT ldaps $W/tls/ca.pem
		ldap://127.0.0.1:$D_PORT starttls $W/tls/ca.pem
		ldaps://127.0.0.2:$D_TLS_PORT ldaps $D/tls/ca.pem
	CASES
}

@test "the second server is asked when the first is dead" {
	directory_use urls "ldap://127.0.0.1:$D_DEAD_PORT ldap://127.0.0.1:$D_PORT"
	pomona_start
	try eva "pass of eva"
	expect_status 303
	try paula "pass of paula"
	expect_status 303
}

@test "a directory that is down keeps nobody from what they are doing, says so, and is back by itself" {
	pomona_start
	try eva "pass of eva"
	expect_status 303
	directory_stop
	get / -b "$W/jar.eva" -H 'Accept: text/html'
	expect_status 200
	try paula "pass of paula"
	expect_status 502
	expect_body 'Signing in does not work at the moment'
	never grep -q 'is not right' "$W/body"
	get /login -c "$W/jar" -b "$W/jar" -H 'Accept: text/html'
	post /login -b "$W/jar" -H "Origin: $BASE" -H 'Accept: application/json' -d "name=paula&password=x&csrf=$(form_csrf)"
	expect_problem 502 directory_down
	expect_not_in "$W/body" 127.0.0.1
	grep -q "level=warn.*msg=sign-in.*127.0.0.1" "$W/log"
	sign_in anna		# a local account needs no directory
	directory_start
	signs_in() { try paula "pass of paula"; [ "$STATUS" = 303 ]; }
	wait_until signs_in
	get / -b "$W/jar.eva" -H 'Accept: text/html'
	expect_status 200
}

@test "many sign-ins while the directory stops and starts: each is in, refused for a reason, or told to wait" {
	pomona_start
	try paula "pass of paula"
	expect_status 303
	local i pids=()
	one() {	# N: until it is over
		local W=$BATS_TEST_TMPDIR/one.$1 k
		mkdir -p "$W/tls"
		cp "$BATS_TEST_TMPDIR/tls/ca.pem" "$W/tls/"
		for ((k = 0; k < 2000; k++)); do
			try eva "pass of eva"
			echo "$STATUS" >>"$W/statuses"
			if [ -e "$BATS_TEST_TMPDIR/over" ]; then return 0; fi
			sleep 0.1
		done
		return 1
	}
	answers() { cat "$W"/one.*/statuses | grep -c "$1" || true; }
	more() { [ "$(answers "$1")" -ge "$2" ]; }	# STATUS N
	meets() { wait_until more "$1" $(($(answers "$1") + $2)); }	# N more of them
	for i in 1 2 3 4; do one $i & pids+=($!); done
	meets 303 4
	for i in 1 2; do
		directory_stop
		meets 502 4
		# who is in goes on while it is away
		get / -b "$W/jar.paula" -H 'Accept: text/html'
		expect_status 200
		expect_body paula
		get /api/v1/apps -b "$W/jar.paula" -H 'Accept: application/json'
		expect_status 200
		directory_start
		meets 303 4
	done
	: >"$W/over"
	for i in "${pids[@]}"; do wait "$i"; done
	cat "$W"/one.*/statuses | sort | uniq -c
	cat "$W"/one.*/statuses | never grep -vE '^(303|502|503)$'
	[ "$(sql "SELECT count(*) FROM person WHERE source = 'directory'")" = 2 ]
}

@test "somebody who is renamed and moved in the directory stays who they are" {
	pomona_start
	try eva "pass of eva"
	expect_status 303
	local id
	id=$(sql "SELECT id FROM person WHERE name = 'eva'")
	directory_change <<-LDIF
		dn: uid=eva,ou=people,$SUFFIX
		changetype: modrdn
		newrdn: uid=eva.berg
		deleteoldrdn: 1

		dn: uid=eva.berg,ou=people,$SUFFIX
		changetype: modify
		replace: displayName
		displayName: Eva Berg
	LDIF
	try eva.berg "pass of eva"
	expect_status 303
	[ "$(sql "SELECT id, name, display, dn FROM person WHERE source = 'directory'")" = "$id|eva.berg|Eva Berg|uid=eva.berg,ou=people,$SUFFIX" ]
	# a new eva is somebody else
	directory_person 20 eva "Eva Neu" >"$W/new.ldif"
	sed -i '/^entryUUID/d; s/^objectClass: inetOrgPerson/changetype: add\n&/' "$W/new.ldif"
	directory_change <"$W/new.ldif"
	try eva "pass of eva"
	expect_status 303
	[ "$(sql "SELECT count(*) FROM person WHERE source = 'directory'")" = 2 ]
}

@test "whoever the directory has disabled does not get in, whichever way it says so" {
	pomona_start
	local name
	for name in gus gina greta; do
		try $name "pass of $name"
		expect_status 401
		expect_body 'Your account is disabled'
		try $name "wrong"
		expect_status 401
		expect_body 'Name or password is not right'
	done
	try gregor "pass of gregor"	# slapd itself refuses the bind
	expect_status 401
	[ "$(sql "SELECT count(*) FROM person WHERE source = 'directory'")" = 0 ]
}

@test "whoever is disabled in the directory, or gone from it, is signed out within the hour, and can come back" {
	POMONA__SESSION__ADMIN_IDLE_MINUTES=120 pomona_start	# it is the directory that ends them
	local name
	for name in eva otto paula; do try $name "pass of $name"; expect_status 303; done
	"$POMONA" token new --data "$DATA" --user paula --scope read >"$W/token.paula"
	get /api/v1/apps -H "$(bearer paula)"
	expect_status 200
	directory_change <<-LDIF
		dn: uid=eva,ou=people,$SUFFIX
		changetype: modify
		replace: shadowExpire
		shadowExpire: 1

		dn: uid=paula,ou=people,$SUFFIX
		changetype: delete
	LDIF
	get / -b "$W/jar.eva" -H 'Accept: application/json'
	expect_status 200
	echo 2026-11-22T12:51:00Z >"$W/clock"
	gone() { get / -b "$W/jar.$1" -H 'Accept: application/json'; [ "$STATUS" = 401 ]; }
	wait_until gone eva
	# who is not to be found is asked for once more before anything ends
	missed() { [ "$(sql "SELECT missed > 0 FROM person WHERE name = 'paula'")" = 1 ]; }
	wait_until missed
	get /api/v1/apps -H "$(bearer paula)"
	expect_status 200
	echo 2026-11-22T12:57:00Z >"$W/clock"
	wait_until gone paula
	get / -b "$W/jar.otto" -H 'Accept: application/json'
	expect_status 200
	get /api/v1/apps -H "$(bearer paula)"
	expect_status 401
	[ "$(sql "SELECT name, disabled, disabled_by FROM person WHERE disabled ORDER BY name")" = $'eva|1|directory\npaula|1|directory' ]
	[ "$(sql "SELECT count(*) FROM session s JOIN person p ON p.id = s.person_id WHERE p.disabled")" = 0 ]
	directory_change <<-LDIF
		dn: uid=eva,ou=people,$SUFFIX
		changetype: modify
		delete: shadowExpire
	LDIF
	try eva "pass of eva"
	expect_status 303
	[ "$(sql "SELECT disabled, disabled_by FROM person WHERE name = 'eva'")" = '0|' ]
}

@test "what ldap.attributes names is kept of people, at sign-in and within the hour" {
	directory_use attributes "title, departmentNumber"
	directory_change <<-LDIF
		dn: uid=eva,ou=people,$SUFFIX
		changetype: modify
		replace: title
		title: Nurse
		-
		replace: departmentNumber
		departmentNumber: 42
	LDIF
	pomona_start
	try eva "pass of eva"
	expect_status 303
	attributes() { sql "SELECT group_concat(name || '=' || value, ' ') FROM (SELECT name, value FROM person_attribute ORDER BY name)"; }
	[ "$(attributes)" = "departmentnumber=42 title=Nurse" ]
	get "/api/v1/people/$(sql "SELECT id FROM person WHERE name = 'eva'")/attributes" -H "$(bearer admin)"
	expect_json .title Nurse
	ask PATCH "/api/v1/people/$(sql "SELECT id FROM person WHERE name = 'eva'")/attributes" -H "$(bearer admin)" -d '{"title":"Boss"}'
	expect_problem 409 directory_person
	directory_change <<-LDIF
		dn: uid=eva,ou=people,$SUFFIX
		changetype: modify
		delete: title
		-
		replace: departmentNumber
		departmentNumber: 43
	LDIF
	echo 2026-11-22T12:51:00Z >"$W/clock"
	now_says() { [ "$(attributes)" = "departmentnumber=43" ]; }
	wait_until now_says
}

@test "a directory that is down, or shows nobody at all, signs nobody out" {
	pomona_start
	try eva "pass of eva"
	expect_status 303
	directory_stop
	echo 2026-11-22T12:51:00Z >"$W/clock"
	asked_in_vain() { grep -q 'cannot be asked who is still there' "$W/log"; }
	wait_until asked_in_vain
	# back, but nothing in it can be read any more
	: >"$W/log"
	directory_conf "$D" | sed 's/^access to \* .*/access to * by anonymous auth by * search/' >"$D/blind.conf"
	directory_serve "$D/blind.conf"
	echo 2026-11-22T13:05:00Z >"$W/clock"
	wait_until asked_in_vain
	[ "$(sql "SELECT count(*) FROM person WHERE disabled")" = 0 ]
	get / -b "$W/jar.eva" -H 'Accept: application/json'
	expect_status 200
}

@test "trying passwords here locks nobody out of the directory" {
	pomona_start
	local i before
	for i in 1 2 3 4; do
		try eva "wrong $i"
		expect_status 401
	done
	before=$(grep -c 'uid=eva.* method=128' "$D/log")
	[ "$(sql "SELECT count(*) FROM audit WHERE act = 'sign_in.refused' AND object = 'eva'")" = 2 ]	# the first and the last
	# whichever way the name is written, and with the right password too
	for i in eva EVA eva@example.com; do
		try "$i" "pass of eva"
		expect_status 429
		expect_header Retry-After 1800
		expect_body 'Wait 30 min'
	done
	[ "$(grep -c 'uid=eva.* method=128' "$D/log")" = "$before" ]
	echo 2026-11-22T12:30:01Z >"$W/clock"
	signs_in() { try eva "pass of eva"; [ "$STATUS" = 303 ]; }
	wait_until signs_in
	# nobody is told apart from somebody
	for i in 1 2 3 4; do
		try nobody "wrong $i"
		expect_status 401
	done
	try nobody "wrong"
	expect_status 429
}

@test "many tries at once reach the directory no oftener than tries in a row" {
	setting server workers 24
	pomona_start
	get /login -c "$W/jar" -H 'Accept: text/html'
	local i pids=() csrf
	csrf=$(form_csrf)
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		curl -s -o /dev/null --connect-to "::127.0.0.1:$PORT" -b "$W/jar" -H "Origin: $BASE" -d name=eva \
			--data-urlencode "password=wrong $i" --data-urlencode "csrf=$csrf" "$BASE/login" & pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	i=$(grep -c 'BIND dn="uid=eva.* method=128' "$D/log")
	[ "$i" -ge 1 ]
	[ "$i" -le 4 ]
}

@test "blanks in a name make no other name of it where people bind as themselves" {
	directory_use bind_dn "" bind_password "" user_bind_template "uid=%s,ou=people,$SUFFIX"
	pomona_start
	local name
	for name in eva ' eva' 'eva ' '  EVA  '; do
		try "$name" "wrong"
		expect_status 401
	done
	try eva "pass of eva"
	expect_status 429
}

@test "a local account wins over the directory's person of that name while local accounts may sign in" {
	echo "local secret" >"$W/local"
	"$POMONA" user add eva --data "$DATA" --password-file "$W/local"
	pomona_start
	try eva "pass of eva"
	expect_status 401
	try eva "local secret"
	expect_status 303
	pomona_stop
	setting signin local_login no
	pomona_again
	try eva "local secret"
	expect_status 401
	try eva "pass of eva"
	expect_status 303
	[ "$(sql "SELECT name, source FROM person WHERE folded LIKE 'eva%' ORDER BY name")" = $'eva|local\neva (2)|directory' ]
	try anna "$(cat "$W/password.anna")"
	expect_status 401
}

@test "once local accounts may not sign in their sessions are over, and their tokens go on and are counted" {
	pomona_start
	sign_in mia
	as mia get /account
	expect_status 200
	setting signin local_login no
	kill -HUP "$PID"
	is_out() { as mia get /account; [ "$STATUS" = 303 ]; }
	wait_until is_out
	get /api/v1/apps -H "$(bearer read)"
	expect_status 200
	run "$POMONA" doctor --data "$DATA"
	grep -E '^warn +sign-in .*local_login is off.*: 4, 1 of them with the scope admin' <<<"$output"
	sql "DELETE FROM token WHERE scope = 'admin'"
	run "$POMONA" doctor --data "$DATA"
	grep -E '^ok +sign-in .*: 3, 0 of them' <<<"$output"
	sed -i 's/local_login = no/local_login = yes/' "$CONF"
	kill -HUP "$PID"
	is_in() { as mia get /account; [ "$STATUS" = 200 ]; }
	wait_until is_in
	run "$POMONA" doctor --data "$DATA"
	never grep -E '^[a-z]+ +sign-in' <<<"$output"
}

@test "people bind as themselves where there is no account of ours" {
	directory_use bind_dn "" bind_password "" user_bind_template "uid=%s,ou=people,$SUFFIX"
	pomona_start
	try eva "pass of eva"
	expect_status 303
	try eva "wrong"
	expect_status 401
	try 'we*ird()\' 'pass of we*ird()\'
	expect_status 303
	try 'eva,ou=people' "pass of eva"
	expect_status 401
	grep -q 'level=warn.*ldap.bind_dn' "$W/log"
}

@test "only people of the groups that are asked for get in" {
	directory_use required_groups "cn=qa,ou=groups,$SUFFIX;cn=none,ou=groups,$SUFFIX"
	pomona_start
	try eva "pass of eva"
	expect_status 303
	try paula "pass of paula"
	expect_status 403
	expect_body 'may not use this server'
}

@test "settings that would let nobody in, or passwords travel in the clear, refuse to start" {
	pomona_data
	refuses() {	# WORDS
		run env ASAN_OPTIONS=detect_leaks=0 timeout 20 "$POMONA" serve --data "$DATA" --listen 127.0.0.1:0 --plain
		[ "$status" -ne 0 ]
		[ "$status" -ne 124 ]
		[[ $output == *"$1"* ]] || { echo "expected: $1"; echo "$output"; return 1; }
	}
	directory_use bind_password ""
	refuses 'ldap.bind_password is empty'
	directory_use tls ldaps
	refuses 'does not begin with ldaps://'
	directory_use tls perhaps
	refuses 'not one of ldaps, starttls, none'
	directory_use user_filter "(uid=anna)"
	refuses 'has no %s'
	directory_use user_filter "(&(uid=%s)"
	refuses 'is no filter'
	directory_use admin_groups "no group"
	refuses 'is no DN'
	directory_use user_bases ""
	refuses 'ldap.user_bases is empty'
	directory_use ca_file "$W/nowhere.pem"
	refuses 'nowhere.pem'
	directory_use urls ""
	setting signin local_login no
	refuses 'nobody could sign in'
}

@test "SIGHUP takes over what is set of the directory, and keeps what was when that is wrong" {
	directory_use urls ""
	pomona_start
	try eva "pass of eva"
	expect_status 401
	directory_use
	kill -HUP "$PID"
	signs_in() { try eva "pass of eva"; [ "$STATUS" = 303 ]; }
	wait_until signs_in
	directory_use user_filter "(uid=nobody)"
	kill -HUP "$PID"
	complained() { grep -q 'the running settings stay.*ldap.user_filter' "$W/log"; }
	wait_until complained
	try paula "pass of paula"
	expect_status 303
	directory_use bind_password wrong
	kill -HUP "$PID"
	refused() { try otto "pass of otto"; [ "$STATUS" = 502 ]; }
	wait_until refused
}

@test "without TLS only this very host is asked" {
	local address
	address=$(hostname -I 2>/dev/null | awk '{print $1}')
	[ -n "$address" ] || skip "this machine has no other address"
	directory_use urls "ldap://$address:$D_PORT"
	pomona_start
	try eva "pass of eva"
	expect_status 502
	grep -q 'ldap.tls is none, and' "$W/log"
}

@test "an entry as Active Directory has it is known by its objectGUID" {
	directory_use user_filter "(|(sAMAccountName=%s)(userPrincipalName=%s))"
	pomona_start
	try ada.ad "pass of ada"
	expect_status 303
	try ADA@corp.example.com "pass of ada"
	expect_status 303
	[ "$(sql "SELECT name, external_id FROM person WHERE source = 'directory'")" = 'ada.ad|0102030405060708090a0b0c0d0e0f10' ]
	directory_change <<-LDIF
		dn: uid=ada,ou=people,$SUFFIX
		changetype: modify
		replace: userAccountControl
		userAccountControl: 514
	LDIF
	echo 2026-11-22T12:51:00Z >"$W/clock"
	gone() { get / -b "$W/jar.adaad" -H 'Accept: application/json'; [ "$STATUS" = 401 ]; }
	wait_until gone
}

@test "when the password of our own account ends is asked of a directory that knows" {
	local changed
	ends() { "$POMONA" expiry --data "$DATA" --json | jq -r '.items[] | select(.kind == "directory_password") | .ends'; }
	it_ends() { [ "$(ends)" = "$1" ]; }
	asked() { [ "$(sql "SELECT count(*) FROM job WHERE kind = 'endings' AND owner = '' AND attempt = 0 AND due > $(date -u -d "$(cat "$W/clock")" +%s)")" = 1 ]; }
	pomona_start
	wait_until asked
	[ -z "$(ends)" ]	# it does not tell
	directory_change <<-LDIF
		dn: cn=rules,ou=services,$SUFFIX
		changetype: add
		objectClass: organizationalRole
		objectClass: pwdPolicy
		cn: rules
		pwdAttribute: userPassword
		pwdMaxAge: 8640000

		dn: $SERVICE_DN
		changetype: modify
		replace: userPassword
		userPassword: service secret
		-
		add: pwdPolicySubentry
		pwdPolicySubentry: cn=rules,ou=services,$SUFFIX
	LDIF
	changed=$(ldapsearch -LLL -x -H "ldap://127.0.0.1:$D_PORT" -D "$ROOT_DN" -w root -b "$SERVICE_DN" -s base pwdChangedTime | sed -n 's/^pwdChangedTime: \([0-9]\{8\}\)\([0-9][0-9]\)\([0-9][0-9]\)\([0-9][0-9]\).*/\1 \2:\3:\4/p')
	[ -n "$changed" ]
	pomona_stop
	pomona_again
	wait_until it_ends "$(date -u -d "$changed UTC + 100 days" +%Y-%m-%dT%H:%M:%SZ)"
	directory_change <<-LDIF
		dn: $SERVICE_DN
		changetype: modify
		add: pwdEndTime
		pwdEndTime: 20591230120000Z
	LDIF
	pomona_stop
	pomona_again
	wait_until it_ends 2059-12-30T12:00:00Z
	# a directory that is down says nothing, and nothing is forgotten
	directory_stop
	pomona_stop
	pomona_again
	wait_until asked
	it_ends 2059-12-30T12:00:00Z
}
