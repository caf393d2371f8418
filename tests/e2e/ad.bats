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
	pomona_start
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
	! knows paula "pass of paula"
}
