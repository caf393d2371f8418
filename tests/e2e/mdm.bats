# Check-in and commands as a device sees them, by curl and openssl: which proof is believed, and which status it gets.
load lib/pomona
load lib/devices

DEVICE_UDID=00008120-001A2B3C4D5E801E
OTHER_UDID=00008120-00000000000000FF
CHECKIN=application/x-apple-aspen-mdm-checkin
REPORT='application/x-apple-aspen-mdm; charset=UTF-8'

setup_file() {
	command -v pki >/dev/null || skip "no pki"
	devices_prepare
}
setup() { devices_data; setting enroll direct yes; }
teardown() {
	[ -z "${FRONT_PID-}" ] || { kill "$FRONT_PID" 2>/dev/null && wait "$FRONT_PID"; } || true
	FRONT_PID=
	devices_stop
}

sql() { sqlite3 -cmd '.timeout 20000' "$DATA/pomona.db" "$1"; }

# ---- a device in shell ----

# identity NAME: a session, its mobileconfig, a key, and by SCEP a certificate: $W/NAME.key, $W/NAME.pem.
identity() {
	local name=$1
	sessions 1 direct_url
	get "$(cat "$W/urls")&plain=1"
	expect_status 200
	python3 - "$W/body" >"$W/$name.scep" <<-'PY'
		import plistlib, sys
		for p in plistlib.load(open(sys.argv[1], "rb"))["PayloadContent"]:
		    if p["PayloadType"] == "com.apple.security.scep":
		        print(p["PayloadContent"]["URL"], p["PayloadContent"]["Challenge"])
	PY
	scep_identity "$name" $(cat "$W/$name.scep")
}

scep_identity() {	# NAME URL CHALLENGE
	local name=$1 url=$2 challenge=$3
	# pki has no option for another address: it asks the plain port that the name leads to.
	openssl genrsa -out "$W/$name.key" 2048 2>/dev/null
	"$POMONA" ca export --data "$DATA" >"$W/ca-export.pem"
	openssl x509 -in "$W/ca-export.pem" -out "$W/ca-first.pem"
	pki --scep --url "http://127.0.0.1:$PLAIN_PORT${url#*://*$HOST}" --in "$W/$name.key" --dn "CN=device" \
		--password "$challenge" --cacert-enc "$W/ca-first.pem" --cacert-sig "$W/ca-first.pem" --outform pem \
		>"$W/$name.pem" 2>"$W/$name.log" || { cat "$W/$name.log"; tail -5 "$W/log"; return 1; }
}

plist() { printf '<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict>%s</dict></plist>\n' "$1"; }
authenticate() { plist "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>$TOPIC</string><key>UDID</key><string>$1</string>"; }
token_update() {
	plist "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>$TOPIC</string><key>UDID</key><string>$1</string><key>PushMagic</key><string>M-1</string><key>Token</key><data>q83vq83vq83vq83vq83vq83vq83vq83vq83vq83vq80=</data>"
}
report() { plist "<key>UDID</key><string>$1</string><key>Status</key><string>$2</string>${3:+<key>CommandUUID</key><string>$3</string>}"; }

signature() { openssl cms -sign -binary -in "$W/said" -signer "$W/$1.pem" -inkey "$W/$1.key" -outform DER -md sha256 | base64 -w0; }

# says NAME PATH TYPE < body: signed by that identity.  With PROOF=tls it shows it instead, with PROOF=none nothing.
says() {
	local name=$1 path=$2 type=$3
	cat >"$W/said"
	case ${PROOF-signature} in
	signature) ask PUT "$path" -H "Content-Type: $type" --data-binary "@$W/said" -H "Mdm-Signature: $(signature "$name")" ;;
	tls)	   ask PUT "$path" -H "Content-Type: $type" --data-binary "@$W/said" --cert "$W/$name.pem" --key "$W/$name.key" ;;
	none)	   ask PUT "$path" -H "Content-Type: $type" --data-binary "@$W/said" ;;
	esac
}

enrolls() {	# NAME UDID
	identity "$1"
	says "$1" /mdm/checkin $CHECKIN < <(authenticate "$2")
	expect_status 200
	says "$1" /mdm/checkin $CHECKIN < <(token_update "$2")
	expect_status 200
	ID=$(sql "SELECT id FROM device WHERE udid = '$2'")
	[ -n "$ID" ]
}

served() {
	BASE=http://$HOST
	setting server base_url "\"$BASE\""
	sed -i "s|https://$HOST|$BASE|" "$CONF"
	pomona_serve --plain "$@"
	PLAIN_PORT=$PORT
}

nothing_waits() { [ "$STATUS" = 200 ] && [ ! -s "$W/body" ]; }

@test "a device comes into management, gets its commands one by one, and leaves (MUSTs 1, 15 and 16)" {
	served
	enrolls phone $DEVICE_UDID
	says phone /mdm/command "$REPORT" < <(report $DEVICE_UDID Idle)
	expect_status 200
	local n=0 uuid
	while [ -s "$W/body" ] && [ $n -lt 40 ]; do
		uuid=$(python3 -c 'import plistlib, sys; print(plistlib.load(open(sys.argv[1], "rb"))["CommandUUID"])' "$W/body")
		says phone /mdm/command "$REPORT" < <(report $DEVICE_UDID Acknowledged "$uuid")
		expect_status 200
		n=$((n + 1))
	done
	nothing_waits
	[ "$n" -gt 3 ]
	[ "$n" = "$(sql "SELECT count(*) FROM command_history WHERE state = 'acknowledged'")" ]
	# either URL takes either message, as its type begins; and nothing but PUT
	local path method
	for path in /mdm/checkin /mdm/command; do
		for method in GET POST DELETE; do
			report $DEVICE_UDID Idle >"$W/said"
			ask $method $path -H "Content-Type: $REPORT" --data-binary "@$W/said" -H "Mdm-Signature: $(signature phone)"
			expect_status 405
		done
	done
	says phone /mdm/checkin "$REPORT" < <(report $DEVICE_UDID Idle)
	nothing_waits
	says phone /mdm/command "$CHECKIN; charset=UTF-8" < <(plist "<key>MessageType</key><string>CheckOut</string><key>Topic</key><string>$TOPIC</string><key>UDID</key><string>$DEVICE_UDID</string>")
	expect_status 200
	[ "$(sql "SELECT state FROM enrollment")" = removed ]
}

@test "whatever is wrong, it is never 401: 400 for what is not believed, 413 for what is too large (MUSTs 2, 10, 11, 12 and 13, behaviours 6 and 15)" {
	served
	enrolls phone $DEVICE_UDID
	identity thief
	report $DEVICE_UDID Idle >"$W/idle"
	local path
	for path in /mdm/checkin /mdm/command; do
		PROOF=none says phone $path "$REPORT" <"$W/idle"
		expect_problem 400 no_identity
		ask PUT $path -H "Content-Type: $REPORT" --data-binary "@$W/idle" -H "Mdm-Signature: rubbish"
		expect_problem 400 bad_identity
		cp "$W/idle" "$W/said"
		ask PUT $path -H "Content-Type: $REPORT" --data-binary "@$W/urls" -H "Mdm-Signature: $(signature phone)"
		expect_status 400	# another body
		ask PUT $path -H "Content-Type: $REPORT" --data-binary "@$W/idle" -H "Mdm-Signature: $(signature phone)" -H "Mdm-Signature: $(signature phone)"
		expect_status 400
		says thief $path "$REPORT" <"$W/idle"
		expect_problem 400 not_its_identity	# it never began, and may be anybody
		says thief $path $CHECKIN < <(authenticate $DEVICE_UDID)
		expect_problem 400 not_its_identity
		ask PUT $path -H "Content-Type: $REPORT" --data-binary "@$W/idle" -H "Authorization: Bearer nobody"
		expect_status 400
		ask PUT $path --data-binary "@$W/idle" -H 'Content-Type:'
		expect_status 400
		head -c 17000000 /dev/zero >"$W/large"
		ask PUT $path -H "Content-Type: $REPORT" --data-binary "@$W/large" -H "Mdm-Signature: x"
		expect_status 413
	done
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=device -keyout "$W/stranger.key" -out "$W/stranger.pem" 2>/dev/null
	says stranger /mdm/command "$REPORT" <"$W/idle"
	expect_problem 400 bad_identity
	says phone /mdm/checkin $CHECKIN < <(plist "<key>MessageType</key><string>GetToken</string><key>UDID</key><string>$DEVICE_UDID</string><key>TokenServiceType</key><string>com.example</string>")
	expect_status 400
	says phone /mdm/checkin $CHECKIN < <(plist "<key>MessageType</key><string>Frobnicate</string><key>UDID</key><string>$DEVICE_UDID</string>")
	expect_status 400
	says phone /mdm/checkin $CHECKIN < <(token_update $DEVICE_UDID | sed 's|<key>Topic|<key>Brand New</key><array><dict/></array><key>Topic|')
	expect_status 200
	grep -q 'Brand New' "$W/said"
	says phone /mdm/checkin $CHECKIN < <(plist "<key>MessageType</key><string>UserAuthenticate</string><key>UDID</key><string>$DEVICE_UDID</string><key>UserID</key><string>U</string>")
	expect_status 410
	says phone /mdm/command "$REPORT" <"$W/idle"
	expect_status 200
	never grep 'path=/mdm/.* status=401' "$W/log"
	[ "$(sql "SELECT count(*) FROM audit WHERE act = 'enrollment.refused'")" = 1 ]
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = 1 ]
}

@test "an answer longer than what is read is taken, ends its command, and the next one comes" {
	served
	enrolls phone $DEVICE_UDID
	says phone /mdm/command "$REPORT" < <(report $DEVICE_UDID Idle)
	local uuid
	uuid=$(python3 -c 'import plistlib, sys; print(plistlib.load(open(sys.argv[1], "rb"))["CommandUUID"])' "$W/body")
	report $DEVICE_UDID Acknowledged "$uuid" >"$W/long"
	head -c 9000000 /dev/zero | tr '\0' ' ' >>"$W/long"
	says phone /mdm/command "$REPORT" <"$W/long"
	expect_status 200
	[ -s "$W/body" ]
	never grep -q "$uuid" "$W/body"
	[ "$(sql "SELECT state FROM command_history h JOIN command c ON c.id = h.command_id WHERE c.uuid = '$uuid'")" = error ]
}

@test "a database that fails is 503, and nothing is lost by it (MUST 2)" {
	served
	enrolls phone $DEVICE_UDID
	report $DEVICE_UDID Idle >"$W/idle"
	local table path
	for table in enrollment command_queue; do
		sqlite3 "$DATA/pomona.db" "PRAGMA legacy_alter_table = ON; ALTER TABLE $table RENAME TO away"
		for path in /mdm/checkin /mdm/command; do
			says phone $path "$REPORT" <"$W/idle"
			expect_status 503
			expect_not_in "$W/body" "$table"	# what failed is for the log
		done
		if [ $table = enrollment ]; then
			says phone /mdm/checkin $CHECKIN < <(authenticate $DEVICE_UDID)
			expect_status 503
			says phone /mdm/checkin $CHECKIN < <(token_update $DEVICE_UDID)
			expect_status 503
		fi
		sqlite3 "$DATA/pomona.db" "PRAGMA legacy_alter_table = ON; ALTER TABLE away RENAME TO $table"
		says phone /mdm/command "$REPORT" <"$W/idle"
		expect_status 200
	done
	[ -s "$W/body" ]	# its first commands wait still
}

@test "who was retired is told to leave by Apple's code, and nobody else (MUST 3)" {
	served
	enrolls phone $DEVICE_UDID
	enrolls other $OTHER_UDID
	post "/api/v1/devices/$(sql "SELECT id FROM device WHERE udid = '$DEVICE_UDID'")/retire" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"reason":"lost"}'
	case $STATUS in 2*) ;; *) show; return 1 ;; esac
	says phone /mdm/command "$REPORT" < <(report $DEVICE_UDID Idle)
	expect_status 403
	expect_header Content-Type 'application/json*'
	[ "$(jq -c . "$W/body")" = '{"code":"com.apple.unrecognized.device"}' ]
	says phone /mdm/checkin $CHECKIN < <(authenticate $DEVICE_UDID)
	expect_status 403
	says other /mdm/command "$REPORT" < <(report $OTHER_UDID Idle)
	expect_status 200
}

@test "a certificate of ours that a restored backup does not know gets 503, and a place on the list (MUST 3)" {
	served
	enrolls phone $DEVICE_UDID
	cp "$DATA/pomona.db" "$W/was.db"
	pomona_stop
	sqlite3 "$DATA/pomona.db" "UPDATE device SET enrollment_id = NULL; DELETE FROM enrollment; UPDATE challenge SET certificate = NULL; DELETE FROM certificate; DELETE FROM enroll_session"
	pomona_again
	PLAIN_PORT=$PORT
	report $DEVICE_UDID Idle >"$W/idle"
	says phone /mdm/command "$REPORT" <"$W/idle"
	expect_problem 503 came_back
	says phone /mdm/checkin $CHECKIN < <(token_update $DEVICE_UDID)
	expect_status 503
	[ "$(sql "SELECT state FROM came_back")" = waiting ]
}

# ---- TLS ----

asks_for_certificate() {	# PORT: the names of CAs that a client may choose from
	openssl s_client -connect "127.0.0.1:$1" -servername $HOST -CAfile "$W/tls/ca.pem" </dev/null 2>/dev/null >"$W/s_client"
	grep -q 'Acceptable client certificate CA names' "$W/s_client"
}

@test "the device listener asks for a certificate and believes it, and the main one asks no browser (behaviour 6)" {
	served
	enrolls phone $DEVICE_UDID
	pomona_stop
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	BASE=https://$HOST
	pomona_serve --tls-cert "$W/tls/cert.pem" --tls-key "$W/tls/key.pem" --device-listen "127.0.0.1:$port"
	never asks_for_certificate "$PORT"
	asks_for_certificate "$port"
	local main=$PORT
	PORT=$port
	report $DEVICE_UDID Idle >"$W/idle"
	PROOF=tls says phone /mdm/command "$REPORT" <"$W/idle"
	expect_status 200
	[ -s "$W/body" ]
	PROOF=none says phone /mdm/command "$REPORT" <"$W/idle"
	expect_problem 400 no_identity
	says phone /mdm/command "$REPORT" <"$W/idle"	# signed is as good here
	expect_status 200
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=device -keyout "$W/stranger.key" -out "$W/stranger.pem" 2>/dev/null
	PROOF=tls says stranger /mdm/command "$REPORT" <"$W/idle"
	expect_problem 400 bad_identity
	get /login	# it is for devices alone
	expect_status 404
	PORT=$main
	PROOF=tls says phone /mdm/command "$REPORT" <"$W/idle"	# offered, and not asked for
	expect_problem 400 no_identity
	get /login
	expect_status 200
}

@test "without TLS of its own the device listener refuses to start" {
	run "$POMONA" serve --data "$DATA" --plain --listen 127.0.0.1:0 --device-listen 127.0.0.1:0
	[ "$status" -ne 0 ]
	grep -q 'device_listen needs server.tls_cert' <<<"$output"
}

# ---- behind a proxy ----

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# behind NAME: the shipped file with its port for devices; devices ask $FRONT, pki the server itself.
behind() {
	local name=$1 file
	command -v "$name" >/dev/null || skip "no $name"
	case $name in nginx) file=nginx.conf ;; haproxy) file=haproxy.cfg ;; esac
	setting server trusted_proxies '"127.0.0.1"'
	setting server client_cert_header '"Client-Cert"'
	served
	BACK=$PORT FRONT=$(free_port) PAGES=$(free_port)
	enrolls phone $DEVICE_UDID
	enrolls other $OTHER_UDID
	mkdir -p "$W/front"
	"$POMONA" ca export --data "$DATA" >"$W/front/ca.pem"
	cat "$W/tls/cert.pem" "$W/tls/key.pem" >"$W/front/both.pem"
	sed -e 's/#3//' "$ROOT/docs/proxy/$file" >"$W/front/shipped"
	"front_$name"
	wait_until curl -s --cacert "$W/tls/ca.pem" --connect-to "::127.0.0.1:$FRONT" "https://$HOST/x" -o "$W/x" || { cat "$W/front/log"; return 1; }
}

front_nginx() {
	sed -i -e "s|unix:/run/pomona/http.sock|127.0.0.1:$BACK|" -e "s|listen 443|listen 127.0.0.1:$PAGES|" -e "s|listen 8444|listen 127.0.0.1:$FRONT|" \
		-e "s|/etc/ssl/apps.example.com.pem|$W/tls/cert.pem|" -e "s|/etc/ssl/apps.example.com.key|$W/tls/key.pem|" \
		-e "s|/etc/ssl/pomona-ca.pem|$W/front/ca.pem|" "$W/front/shipped"
	cat >"$W/front/nginx.conf" <<-CONF
		daemon off; master_process off; pid $W/front/pid; error_log $W/front/log;
		events { worker_connections 256; }
		http {
			access_log off;
			client_body_temp_path $W/front/b; proxy_temp_path $W/front/p; fastcgi_temp_path $W/front/f;
			uwsgi_temp_path $W/front/u; scgi_temp_path $W/front/s;
			include $W/front/shipped;
		}
	CONF
	nginx -e "$W/front/log" -p "$W/front" -c "$W/front/nginx.conf" >/dev/null 2>&1 3>&- &
	FRONT_PID=$!
}

front_haproxy() {
	sed -i -e "s|bind :443|bind 127.0.0.1:$PAGES|" -e "s|bind :8444|bind 127.0.0.1:$FRONT|" -e "s|127.0.0.1:8080|127.0.0.1:$BACK|" \
		-e "s|/etc/ssl/apps.example.com.pem|$W/front/both.pem|" -e "s|/etc/ssl/pomona-ca.pem|$W/front/ca.pem|" "$W/front/shipped"
	haproxy -db -f "$W/front/shipped" >"$W/front/log" 2>&1 3>&- &
	FRONT_PID=$!
}

as_rfc9440() { printf ':%s:' "$(openssl x509 -in "$W/$1.pem" -outform DER | base64 -w0)"; }

proven_by() {
	behind "$1"
	report $DEVICE_UDID Idle >"$W/idle"
	report $OTHER_UDID Idle >"$W/idle2"
	BASE=https://$HOST PORT=$FRONT
	PROOF=tls says phone /mdm/command "$REPORT" <"$W/idle"
	expect_status 200
	[ -s "$W/body" ]
	PROOF=tls says phone /mdm/command "$REPORT" <"$W/idle2"
	expect_problem 400 not_its_identity
	PROOF=none says phone /mdm/command "$REPORT" <"$W/idle"
	expect_problem 400 no_identity
	# A client that writes the header itself: the proxy replaces it.
	ask PUT /mdm/command -H "Content-Type: $REPORT" --data-binary "@$W/idle" -H "Client-Cert: $(as_rfc9440 phone)"
	expect_problem 400 no_identity
	ask PUT /mdm/command -H "Content-Type: $REPORT" --data-binary "@$W/idle2" -H "Client-Cert: $(as_rfc9440 other)" \
		--cert "$W/phone.pem" --key "$W/phone.key"
	expect_problem 400 not_its_identity
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=device -keyout "$W/stranger.key" -out "$W/stranger.pem" 2>/dev/null
	PROOF=tls says stranger /mdm/command "$REPORT" <"$W/idle"
	expect_problem 400 bad_identity
	# one that has ended is Pomona's to judge as well
	openssl req -newkey rsa:2048 -nodes -subj /CN=device -keyout "$W/ended.key" -out "$W/ended.csr" 2>/dev/null
	openssl x509 -req -in "$W/ended.csr" -CA "$W/stranger.pem" -CAkey "$W/stranger.key" -days -1 -out "$W/ended.pem" 2>/dev/null
	PROOF=tls says ended /mdm/command "$REPORT" <"$W/idle"
	expect_problem 400 bad_identity
	get /login
	expect_status 404
	never grep 'path=/mdm/.* status=401' "$W/log"
}

@test "nginx passes a device's certificate on, and a client's own header is nothing (MUST 6)"	{ proven_by nginx; }
@test "HAProxy passes a device's certificate on, and a client's own header is nothing (MUST 6)"	{ proven_by haproxy; }

token_of() { sql "SELECT hex(e.token) || e.push_magic || e.state FROM enrollment e JOIN device d ON d.id = e.device_id WHERE d.udid = '$1'"; }

# by_header NAME PATH TYPE < body: with that identity's certificate in the header, and nothing else.
by_header() {
	cat >"$W/said"
	ask PUT "$2" -H "Content-Type: $3" --data-binary "@$W/said" -H "Client-Cert: $(as_rfc9440 "$1")"
}

@test "a certificate header from elsewhere than a trusted proxy is dropped and stands in the audit log (MUST 6, behaviour 6)" {
	setting server trusted_proxies '"192.0.2.1"'
	setting server client_cert_header '"Client-Cert"'
	served
	enrolls phone $DEVICE_UDID
	local was path
	was=$(token_of $DEVICE_UDID)
	[ -n "$was" ]
	authenticate $DEVICE_UDID >"$W/authenticate"
	token_update $DEVICE_UDID | sed 's/q83vq83v/AAAAAAAA/; s/M-1/M-2/' >"$W/token_update"
	plist "<key>MessageType</key><string>CheckOut</string><key>Topic</key><string>$TOPIC</string><key>UDID</key><string>$DEVICE_UDID</string>" >"$W/check_out"
	report $DEVICE_UDID Idle >"$W/idle"
	for path in /mdm/checkin /mdm/command; do
		for said in authenticate token_update check_out; do
			by_header phone $path $CHECKIN <"$W/$said"
			expect_problem 400 no_identity
		done
		by_header phone $path "$REPORT" <"$W/idle"
		expect_problem 400 no_identity
	done
	[ "$(token_of $DEVICE_UDID)" = "$was" ]
	[ "$(sql "SELECT count(*) FROM enrollment")" = 1 ]
	pomona_stop
	[ "$(sql "SELECT count(*) FROM audit WHERE act = 'proxy.spoofed' AND detail LIKE 'Client-Cert%'")" -ge 1 ]
	# the same header from a proxy that is trusted is believed
	setting server trusted_proxies '"127.0.0.1"'
	pomona_again
	by_header phone /mdm/checkin $CHECKIN <"$W/token_update"
	expect_status 200
	case $(token_of $DEVICE_UDID) in 000000000000*M-2enrolled) ;; *) token_of $DEVICE_UDID; return 1 ;; esac
}
