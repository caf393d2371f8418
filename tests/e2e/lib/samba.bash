# Active Directory for the stories, as Samba has it: provisioned once a file, served on a loopback address of
# its own.  Its ports are LDAP's (389, 636), so it takes the right to listen there.
#
#	samba_make	the domain CORP.EXAMPLE.COM with its people, once a file (setup_file)
#	samba_start	a copy of it, at $AD (an address); its CA is $S/tls/ca.pem
#	samba_stop
#	ad_tool ...	samba-tool upon it

AD=127.0.7.7
AD_SUFFIX=DC=corp,DC=example,DC=com
AD_ADMIN=Passw0rd.Admin

samba_make() {
	command -v samba samba-tool >/dev/null && [ -d /usr/share/samba/setup ] || skip "no samba-ad-dc with samba-ad-provision"
	python3 -c "import socket; s = socket.socket(); s.bind(('$AD', 389))" 2>/dev/null || skip "nobody may listen on $AD:389 here"
	local dir=$BATS_FILE_TMPDIR/samba
	mkdir -p "$dir/tls"
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=CORP CA" -keyout "$dir/tls/ca.key" -out "$dir/tls/ca.pem" 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -subj "/CN=dc1.corp.example.com" -keyout "$dir/tls/key.pem" -out "$dir/tls/csr.pem" 2>/dev/null
	openssl x509 -req -in "$dir/tls/csr.pem" -CA "$dir/tls/ca.pem" -CAkey "$dir/tls/ca.key" -days 30 -out "$dir/tls/cert.pem" \
		-extfile <(echo "subjectAltName=DNS:dc1.corp.example.com,IP:$AD") 2>/dev/null
	chmod 600 "$dir/tls/key.pem"
	samba-tool domain provision --targetdir="$dir" --realm=CORP.EXAMPLE.COM --domain=CORP --server-role=dc \
		--dns-backend=NONE --adminpass="$AD_ADMIN" --host-ip="$AD" --host-name=dc1 >"$dir/provision.log" 2>&1 ||
		{ tail -20 "$dir/provision.log"; return 1; }
	S=$dir
	samba_conf
	samba_people >"$dir/people.log" 2>&1 || { tail -20 "$dir/people.log"; return 1; }
}

samba_conf() {
	cat >"$S/smb.conf" <<-CONF
	[global]
		workgroup = CORP
		realm = CORP.EXAMPLE.COM
		netbios name = DC1
		server role = active directory domain controller
		server services = ldap
		interfaces = $AD/8
		bind interfaces only = yes
		private dir = $S/private
		state directory = $S/state
		cache directory = $S/cache
		lock directory = $S
		pid directory = $S
		ncalrpc dir = $S/ncalrpc
		binddns dir = $S/bind-dns
		log file = $S/log.%m
		tls enabled = yes
		tls cafile = $S/tls/ca.pem
		tls certfile = $S/tls/cert.pem
		tls keyfile = $S/tls/key.pem
	CONF
}

ad_tool() { samba-tool "$@" -s "$S/smb.conf"; }

samba_people() {
	local name
	ad_tool domain passwordsettings set --complexity=off --min-pwd-length=4 --history-length=0 --min-pwd-age=0 --max-pwd-age=0 \
		--account-lockout-threshold=6 --reset-account-lockout-after=30
	for name in pomona eva otto paula 'zoë'; do ad_tool user create "$name" "pass of $name" --given-name="$name" --surname=Corp; done
	for name in Testers Ops Leads Publishers; do ad_tool group add "$name"; done
	ad_tool group addmembers Testers eva
	# otto is admin by a group in a group; the two are in each other
	ad_tool group addmembers Leads otto
	ad_tool group addmembers Ops Leads
	ad_tool group addmembers Leads Ops
	ad_tool group addmembers Publishers paula
}

samba_start() {
	S=$BATS_TEST_TMPDIR/samba
	cp -r "$BATS_FILE_TMPDIR/samba" "$S"
	samba_conf
	samba -i -M single --debug-stdout -s "$S/smb.conf" >"$S/log" 2>&1 3>&- &
	S_PID=$!
	wait_until env LDAPTLS_CACERT="$S/tls/ca.pem" ldapsearch -x -H "ldaps://$AD" -b "" -s base
}

samba_stop() {
	[ -n "${S_PID-}" ] || return 0
	local pid=$S_PID
	S_PID=
	kill -TERM "$pid" 2>/dev/null || true
	wait "$pid" || true
}
