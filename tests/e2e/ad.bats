# People of an Active Directory (Samba's): what slapd cannot be asked.
load lib/pomona
load lib/directory
load lib/samba

setup_file() { pomona_prepare; samba_make; }
setup()      { pomona_data; samba_start; corp; }
teardown()   { pomona_stop; samba_stop; }

corp() {
	D_PORT=0
	directory_use urls "ldaps://$AD" tls ldaps ca_file "$S/tls/ca.pem" bind_dn "pomona@corp.example.com" bind_password "pass of pomona" \
		user_bases "CN=Users,$AD_SUFFIX" group_base "$AD_SUFFIX" \
		user_filter "(&(objectCategory=person)(|(sAMAccountName=%s)(userPrincipalName=%s)(mail=%s)))" \
		admin_groups "cn=ops,cn=users,dc=corp,dc=example,dc=com" publisher_groups "CN=Publishers,CN=Users,$AD_SUFFIX" "$@"
}

@test "a person signs in by sAMAccountName or userPrincipalName, known by objectGUID, with groups in groups" {
	pomona_start
	try eva "pass of eva"
	expect_status 303
	try eva@corp.example.com "pass of eva"
	expect_status 303
	try otto "pass of otto"
	expect_status 303
	try paula "pass of paula"
	expect_status 303
	try 'zoë' 'pass of zoë'
	expect_status 303
	[ "$(sql "SELECT name, role FROM person WHERE source = 'directory' ORDER BY name")" = $'eva|member\notto|admin\npaula|publisher\nzoë|member' ]
	[ "$(sql "SELECT g.name FROM group_person m JOIN people_group g ON g.id = m.group_id JOIN person p ON p.id = m.person_id WHERE p.name = 'otto' ORDER BY 1")" = $'Leads\nOps' ]
	[ "$(sql "SELECT count(*) FROM person WHERE source = 'directory' AND length(external_id) = 32")" = 4 ]
	try eva ""
	expect_status 401
	try eva "wrong"
	expect_status 401
	try '*' "pass of eva"
	expect_status 401
}

@test "people bind as themselves where there is no account of ours" {
	corp bind_dn "" bind_password "" user_bind_template "%s@corp.example.com"
	pomona_start
	try eva "pass of eva"
	expect_status 303
	try eva "wrong"
	expect_status 401
}

@test "whoever is disabled, expired or must change the password is told so, behind the right password alone" {
	pomona_start
	ad_tool user disable eva
	ad_tool user setpassword paula --newpassword="pass of paula" --must-change-at-next-login
	try eva "pass of eva"
	expect_status 401
	expect_body 'Your account is disabled'
	try eva "wrong"
	expect_status 401
	expect_body 'Name or password is not right'
	try paula "pass of paula"
	expect_status 401
	expect_body 'Your password has expired'
}

@test "whoever is disabled, or taken away, loses the session within the hour" {
	POMONA__SESSION__ADMIN_IDLE_MINUTES=120 pomona_start	# it is the directory that ends them
	try eva "pass of eva"
	expect_status 303
	try paula "pass of paula"
	expect_status 303
	try otto "pass of otto"
	expect_status 303
	ad_tool user disable eva
	ad_tool user delete paula
	ad_tool user rename otto --samaccountname=otto.new
	echo 2026-11-22T12:51:00Z >"$W/clock"
	gone() { get / -b "$W/jar.$1" -H 'Accept: application/json'; [ "$STATUS" = 401 ]; }
	wait_until gone eva
	# one view of a directory may be a part of it: who is not found is looked for again
	missed() { [ "$(sql "SELECT missed > 0 FROM person WHERE name = 'paula'")" = 1 ]; }
	wait_until missed
	echo 2026-11-22T12:57:00Z >"$W/clock"
	wait_until gone paula
	get / -b "$W/jar.otto" -H 'Accept: application/json'
	expect_status 200
	renamed() { [ "$(sql "SELECT count(*) FROM person WHERE name = 'otto.new' AND role = 'admin'")" = 1 ]; }
	wait_until renamed
}

@test "trying passwords here locks nobody out of the domain" {
	pomona_start
	local i
	knows() {	# NAME PASSWORD, without us
		LDAPTLS_CACERT=$S/tls/ca.pem ldapsearch -x -H "ldaps://$AD" -D "$1@corp.example.com" -w "$2" -b "$AD_SUFFIX" -s base dn
	}
	for i in 1 2 3 4 5 6 7 8; do try eva "wrong $i"; done
	expect_status 429
	knows eva "pass of eva"
	# it would have been: the domain locks after six
	for i in 1 2 3 4 5 6 7 8; do knows paula "wrong $i" || true; done
	never knows paula "pass of paula"
}

@test "when the password of our own account ends is read of the domain: on a day, never, or now" {
	local ends
	ends() { "$POMONA" expiry --data "$DATA" --json | jq -r '.items[] | select(.kind == "directory_password") | .ends'; }
	it_ends() { [ "$(ends)" = "$1" ]; }
	asked() { [ "$(sql "SELECT count(*) FROM job WHERE kind = 'endings' AND owner = '' AND attempt = 0 AND due > $(date -u -d "$(cat "$W/clock")" +%s)")" = 1 ]; }
	knows() {	# BIND_DN: our account by this name; what is known of it is forgotten, and asked for anew
		pomona_stop
		corp bind_dn "$1" ${2+bind_password "$2"}
		sql "DELETE FROM ending_known"
		pomona_again
		wait_until asked
	}
	# FILETIME: 100 ns since 1601
	set_at() { ldapsearch -LLL -x -H "ldaps://$AD" -D "eva@corp.example.com" -w "pass of eva" -b "$AD_SUFFIX" "(sAMAccountName=pomona)" pwdLastSet | awk '$1 == "pwdLastSet:" { printf "%d", $2 / 10000000 - 11644473600 }'; }
	export LDAPTLS_CACERT=$S/tls/ca.pem
	date -u +%Y-%m-%dT%H:%M:%SZ >"$W/clock"	# the domain has the machine's time
	pomona_start
	wait_until asked
	[ -z "$(ends)" ]	# samba_people: passwords of this domain end never
	# no user_bases holds it: accounts of programs stand elsewhere than people
	ad_tool ou create "OU=Programs,$AD_SUFFIX"
	ad_tool user move pomona "OU=Programs,$AD_SUFFIX"
	ad_tool domain passwordsettings set --max-pwd-age=42
	ends=$(date -u -d "@$(($(set_at) + 42 * 86400))" +%Y-%m-%dT%H:%M:%SZ)
	local name
	for name in pomona@corp.example.com 'CORP\pomona' "CN=pomona Corp,OU=Programs,$AD_SUFFIX"; do
		knows "$name"
		it_ends "$ends" || { echo "$name: $(ends), not $ends"; tail -3 "$W/log"; return 1; }
	done
	# without a userPrincipalName of its own it is by its domain
	ldapmodify -x -H "ldaps://$AD" -D "administrator@corp.example.com" -w "$AD_ADMIN" <<-LDIF
		dn: CN=pomona Corp,OU=Programs,$AD_SUFFIX
		changetype: modify
		delete: userPrincipalName
	LDIF
	knows pomona@corp.example.com
	it_ends "$ends"
	# an account whose password ends never
	ad_tool user setexpiry pomona --noexpiry
	knows pomona@corp.example.com
	[ -z "$(ends)" ]
	# one that is to be changed: it is over from the day on when we see that, and stays one ending
	ad_tool user setexpiry pomona --days=400	# the account's; its password ends again like others
	ad_tool user setpassword pomona --newpassword="pass of pomona" --must-change-at-next-login
	knows pomona@corp.example.com
	ends=$(ends)
	[ -n "$ends" ] || { tail -3 "$W/log"; return 1; }
	[ "$(date -u -d "$ends" +%s)" -le "$(date -u -d "$(cat "$W/clock")" +%s)" ]
	date -u -d "$(cat "$W/clock") + 1 day" +%Y-%m-%dT%H:%M:%SZ >"$W/clock"
	wait_until asked
	it_ends "$ends"
	"$POMONA" ldap test --user eva --data "$DATA" >"$W/said" || true
	grep -q "its password ran out or must be changed" "$W/said"
	# given a new one it ends when that one does
	ad_tool user setpassword pomona --newpassword="another of pomona"
	ends=$(date -u -d "@$(($(set_at) + 42 * 86400))" +%Y-%m-%dT%H:%M:%SZ)
	pomona_stop
	corp bind_password "another of pomona"
	pomona_again
	wait_until it_ends "$ends"
}
