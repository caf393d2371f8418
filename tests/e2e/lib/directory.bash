# A company's directory for the stories: a real slapd of one's own, on free ports of 127.0.0.1.
#
#	directory_make			its database, once a file (setup_file)
#	directory_start [LINE...]	a copy of it, served; LINEs go to the head of slapd.conf
#	directory_stop			ends it
#	directory_use [KEY VALUE...]	the settings by which pomona asks it
#
# Passwords are "pass of NAME".  People: eva (in testers, and through it in qa), otto (admin by a group in a
# group), paula (publisher), gus gina greta gregor (disabled, each in another way), we*ird()\ and Zoë Ångström.

SLAPD=$(command -v slapd || echo /usr/sbin/slapd)
SUFFIX=dc=example,dc=com
ROOT_DN=cn=root,$SUFFIX
SERVICE_DN=cn=pomona,ou=services,$SUFFIX

directory_make() {
	[ -x "$SLAPD" ] && [ -d /etc/ldap/schema ] || skip "no slapd"
	local dir=$BATS_FILE_TMPDIR/directory
	mkdir -p "$dir/db" "$dir/tls"
	directory_schema >"$dir/ad.schema"
	directory_certificate "$dir/tls"
	directory_conf "$dir" >"$dir/slapd.conf"
	directory_people | "$SLAPD" -T add -f "$dir/slapd.conf" >"$dir/add.log" 2>&1 || { cat "$dir/add.log"; return 1; }
}

# What Active Directory and others say of people, as far as slapd can hold it.
directory_schema() {
	cat <<-'SCHEMA'
	attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
	attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
	attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
	attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
	attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
	attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
	attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
	attributetype ( 1.2.840.113556.1.2.141 NAME 'department' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
	objectclass ( 1.3.6.1.4.1.4203.666.99.1 NAME 'adPerson' SUP top AUXILIARY MAY ( objectGUID $ sAMAccountName $ userPrincipalName $ objectCategory $ userAccountControl $ accountExpires $ nsAccountLock $ department ) )
	SCHEMA
}

# For 127.0.0.1, from a CA of the directory's own.
directory_certificate() {
	local dir=$1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Directory CA" \
		-keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=directory.example.com" \
		-keyout "$dir/key.pem" -out "$dir/csr.pem" 2>/dev/null
	openssl x509 -req -in "$dir/csr.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -days 30 -out "$dir/cert.pem" \
		-extfile <(echo "subjectAltName=IP:127.0.0.1") 2>/dev/null
}

directory_conf() {	# DIR [LINE...]
	local dir=$1 line; shift
	for line in "$@"; do printf '%s\n' "$line"; done
	cat <<-CONF
	modulepath /usr/lib/ldap
	moduleload back_mdb
	moduleload ppolicy
	include /etc/ldap/schema/core.schema
	include /etc/ldap/schema/cosine.schema
	include /etc/ldap/schema/nis.schema
	include /etc/ldap/schema/inetorgperson.schema
	include $dir/ad.schema
	pidfile $dir/pid
	TLSCACertificateFile $dir/tls/ca.pem
	TLSCertificateFile $dir/tls/cert.pem
	TLSCertificateKeyFile $dir/tls/key.pem
	database mdb
	suffix $SUFFIX
	rootdn $ROOT_DN
	rootpw root
	directory $dir/db
	maxsize 33554432
	overlay ppolicy
	index entryUUID,objectClass,uid,member eq
	access to attrs=userPassword by anonymous auth by * none
	access to * by users read by anonymous auth
	CONF
}

uuid() { printf '%08x-0000-4000-8000-%012x' "$1" "$1"; }

# person N UID CN [LINE...]: no line where slapd would choose for itself, entryUUID neither
directory_person() {
	local n=$1 uid=$2 cn=$3; shift 3
	printf 'dn:: %s\n' "$(printf 'uid=%s,ou=people,%s' "$(directory_rdn "$uid")" "$SUFFIX" | base64 -w0)"
	printf 'objectClass: inetOrgPerson\nobjectClass: shadowAccount\nobjectClass: adPerson\n'
	printf 'uid:: %s\ncn:: %s\nsn:: %s\n' "$(printf %s "$uid" | base64 -w0)" "$(printf %s "$cn" | base64 -w0)" "$(printf %s "$cn" | base64 -w0)"
	printf 'userPassword:: %s\nentryUUID: %s\n' "$(printf 'pass of %s' "$uid" | base64 -w0)" "$(uuid "$n")"
	local line
	for line in "$@"; do printf '%s\n' "$line"; done
	echo
}

directory_rdn() { sed -e 's/[\\,+"<>;=#]/\\&/g' <<<"$1"; }

directory_group() {	# KIND MEMBER-ATTRIBUTE CN MEMBER...
	local kind=$1 attribute=$2 cn=$3 member; shift 3
	printf 'dn: cn=%s,ou=groups,%s\nobjectClass: %s\ncn: %s\n' "$cn" "$SUFFIX" "$kind" "$cn"
	for member in "$@"; do printf '%s: %s,%s\n' "$attribute" "$member" "$SUFFIX"; done
	echo
}

directory_people() {
	cat <<-LDIF
	dn: $SUFFIX
	objectClass: domain
	dc: example

	dn: ou=people,$SUFFIX
	objectClass: organizationalUnit
	ou: people

	dn: ou=elsewhere,$SUFFIX
	objectClass: organizationalUnit
	ou: elsewhere

	dn: ou=groups,$SUFFIX
	objectClass: organizationalUnit
	ou: groups

	dn: ou=services,$SUFFIX
	objectClass: organizationalUnit
	ou: services

	dn: $SERVICE_DN
	objectClass: organizationalRole
	objectClass: simpleSecurityObject
	cn: pomona
	userPassword: service secret

	LDIF
	directory_person 1 eva "Eva Nair" 'mail: eva@example.com' 'mobile: +49 151 0001' 'displayName: Eva Nair (QA)'
	directory_person 2 otto "Otto Ops"
	directory_person 3 paula "Paula Pub"
	directory_person 4 gus Gus 'shadowExpire: 1'
	directory_person 5 gina Gina 'nsAccountLock: true'
	directory_person 6 greta Greta 'userAccountControl: 514'
	directory_person 7 gregor Gregor 'pwdAccountLockedTime: 000001010000Z'
	directory_person 8 'we*ird()\' Weird
	directory_person 9 'Zoë Ångström' 'Zoë Ångström'
	directory_person 10 twin1 "Twin One" 'mail: twins@example.com'
	directory_person 11 twin2 "Twin Two" 'mail: twins@example.com'
	directory_person 12 ada "Ada Ad" 'sAMAccountName: ada.ad' 'userPrincipalName: ada@corp.example.com' 'userAccountControl: 512' \
		"objectGUID:: $(printf '\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020' | base64)"
	directory_group groupOfNames member testers uid=eva,ou=people cn=leads,ou=groups
	directory_group groupOfNames member qa cn=testers,ou=groups
	# a circle: ops is in leads, and leads in ops
	directory_group groupOfNames member leads uid=otto,ou=people cn=ops,ou=groups
	directory_group groupOfNames member ops cn=leads,ou=groups
	directory_group groupOfUniqueNames uniqueMember publishers uid=paula,ou=people uid=eva,ou=elsewhere
	printf 'dn: cn=unix,ou=groups,%s\nobjectClass: posixGroup\ncn: unix\ngidNumber: 1000\nmemberUid: eva\n\n' "$SUFFIX"
}

directory_ports() {
	python3 -c 'import socket
s = [socket.socket() for _ in range(3)]
for x in s: x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))'
}

directory_start() {
	local try
	for try in 1 2 3 4 5; do
		[ -n "${D-}" ] || {
			D=$BATS_TEST_TMPDIR/directory
			rm -rf "$D"
			cp -r "$BATS_FILE_TMPDIR/directory" "$D"
			read -r D_PORT D_TLS_PORT D_DEAD_PORT < <(directory_ports)
		}
		directory_conf "$D" "$@" >"$D/slapd.conf"
		directory_serve "$D/slapd.conf"
		if kill -0 "$D_PID" 2>/dev/null; then D_STARTED=yes; return 0; fi
		# somebody else was faster with one of the ports
		cat "$D/log"
		[ -z "${D_STARTED-}" ] || return 1
		D=
	done
	return 1
}

directory_serve() {	# CONF
	"$SLAPD" -f "$1" -h "ldap://127.0.0.1:$D_PORT/ ldaps://127.0.0.1:$D_TLS_PORT/ ldaps://127.0.0.2:$D_TLS_PORT/" \
		-d stats >"$D/log" 2>&1 3>&- &
	D_PID=$!
	wait_until directory_answers_or_ended
}

directory_answers_or_ended() {
	if kill -0 "$D_PID" 2>/dev/null; then ldapsearch -x -H "ldap://127.0.0.1:$D_PORT" -b "" -s base; fi
}

directory_stop() {
	[ -n "${D_PID-}" ] || return 0
	local pid=$D_PID
	D_PID=
	kill -TERM "$pid" 2>/dev/null || true
	wait "$pid" || true
}

# The directory as somebody changes it: LDIF on stdin.
directory_change() { ldapmodify -x -H "ldap://127.0.0.1:$D_PORT" -D "$ROOT_DN" -w root >"$D/change.log" 2>&1 || { cat "$D/change.log"; return 1; }; }

directory_use() {
	pomona_data
	local key
	declare -A set=(
		[urls]="ldap://127.0.0.1:$D_PORT" [tls]=none [bind_dn]=$SERVICE_DN [bind_password]="service secret"
		[user_bases]="ou=people,$SUFFIX" [group_base]="ou=groups,$SUFFIX"
		[user_filter]="(&(objectClass=inetOrgPerson)(|(uid=%s)(mail=%s)))"
		[admin_groups]="CN=ops, OU=groups,DC=example,DC=com" [publisher_groups]="cn=publishers,ou=groups,$SUFFIX"
	)
	while [ $# -gt 0 ]; do set[$1]=$2; shift 2; done
	sed -i '/^ldap {$/,/^}$/d' "$CONF"
	{
		echo "ldap {"
		for key in "${!set[@]}"; do printf '\t%s = "%s"\n' "$key" "$(sed 's/\\/\\\\/g' <<<"${set[$key]}")"; done
		echo "}"
	} >>"$CONF"
}

# try NAME PASSWORD [OPTIONS]: the form, without any expectation; a session that comes of it is in $W/jar.NAME
try() {
	local name=$1 password=$2 jar; shift 2
	jar=$W/jar.$(tr -dc 'a-z0-9' <<<"$name")
	rm -f "$jar"
	get /login -c "$jar" -b "$jar" -H 'Accept: text/html' "$@"
	post /login -c "$jar" -b "$jar" -H "Origin: $BASE" -H 'Accept: text/html' --data-urlencode "name=$name" \
		--data-urlencode "password=$password" --data-urlencode "csrf=$(form_csrf)" "$@"
}

sql() { sqlite3 "$DATA/pomona.db" "$@"; }
