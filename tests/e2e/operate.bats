# What whoever runs it relies on: it says what is wrong before it starts, changes while it runs, ends in order.
load lib/pomona

setup_file() { pomona_prepare; }
setup()      { pomona_data; }
teardown()   { pomona_stop; [ -z "${MOUNTED-}" ] || umount "$MOUNTED"; }

# What was said wrongly; the command exits where it stands, with what it had in memory.
usage() {
	run env ASAN_OPTIONS=detect_leaks=0 "$POMONA" "$@"
	[ "$status" -eq 2 ] || { echo "exit code $status: $output"; return 1; }
}

# ---- init ----

@test "init makes everything that serve needs, and says where it is" {
	run "$POMONA" init --data "$W/new" --base-url https://apps.example.com --master-key "$W/new.key"
	[ "$status" -eq 0 ]
	[[ $output == *"$W/new/pomona.conf"* && $output == *"$W/new.key"* ]]
	[ "$(stat -c %a "$W/new")" = 700 ]
	[ "$(stat -c %a "$W/new.key")" = 600 ]
	[ "$(stat -c %a "$W/new/pomona.conf")" = 600 ]
	DATA=$W/new
	pomona_start
	get /healthz
	expect_status 200
}

@test "init again changes nothing that is there" {
	(cd "$W" && sha256sum data/pomona.conf master.key) >"$W/before"
	run "$POMONA" init --data "$DATA" --base-url https://other.example.com --master-key "$W/master.key"
	[ "$status" -eq 0 ]
	(cd "$W" && sha256sum -c "$W/before")
	"$POMONA" user list --data "$DATA" | grep -q '^anna '
}

@test "init refuses a master key beside the data that it protects" {
	local key
	for key in "$W/new/master.key" "$W/new/keys/master.key" "$W/new/../new/master.key"; do
		run "$POMONA" init --data "$W/new" --base-url https://apps.example.com --master-key "$key"
		[ "$status" -eq 3 ]
		[[ $output == *"must not lie inside"* ]]
		[ ! -e "$W/new/master.key" ]
		[ ! -e "$W/new/keys/master.key" ]
	done
	ln -s "$W/new" "$W/elsewhere"
	run "$POMONA" init --data "$W/new" --base-url https://apps.example.com --master-key "$W/elsewhere/master.key"
	[ "$status" -eq 3 ]
	[ ! -e "$W/new/pomona.conf" ]
}

@test "init wants a base URL that is one" {
	local url
	for url in apps.example.com https://apps.example.com/path ftp://apps.example.com https://; do
		run "$POMONA" init --data "$W/new" --base-url "$url" --master-key "$W/new.key"
		[ "$status" -eq 4 ]
	done
	usage init --data "$W/new"
}

@test "init --local makes a private CA, a certificate, an admin and a code for the phone's camera" {
	run "$POMONA" init --local --data "$W/local"
	[ "$status" -eq 0 ]
	[[ $output == *"one-time password"* && $output == */trust* && $output == *▄* ]]
	openssl verify -CAfile "$W/local/tls/ca.pem" "$W/local/tls/cert.pem"
	[ "$(stat -c %a "$W/local/tls/ca.key")" = 600 ]
	[ "$(stat -c %a "$W/local/tls/key.pem")" = 600 ]
	cp "$W/local/tls/cert.pem" "$W/cert"
	run "$POMONA" init --local --data "$W/local"
	[ "$status" -eq 0 ]
	[[ $output != *"one-time password"* ]]
	cmp "$W/local/tls/cert.pem" "$W/cert"
}

@test "init --local keeps what the operator has written since, and says when the address in it is gone" {
	"$POMONA" init --local --data "$W/local" >/dev/null
	printf 'smtp {\n\tfrom = "apps@example.com"\n}\n' >>"$W/local/pomona.conf"
	cp "$W/local/pomona.conf" "$W/mine"
	run "$POMONA" init --local --data "$W/local"
	[ "$status" -eq 0 ]
	cmp "$W/mine" "$W/local/pomona.conf"
	[[ $output != *"no longer has"* ]]
	# another network, after the laptop moved: a certificate for where it is now, and one line for the operator
	sed -i "s|base_url = .*|base_url = 'https://192.0.2.7:8443'|" "$W/local/pomona.conf"
	echo "laptop 192.0.2.7" >"$W/local/tls/names"
	cp "$W/local/pomona.conf" "$W/mine"
	cp "$W/local/tls/cert.pem" "$W/cert"
	run "$POMONA" init --local --data "$W/local"
	[ "$status" -eq 0 ]
	cmp "$W/mine" "$W/local/pomona.conf"
	[[ $output == *"no longer has the address 192.0.2.7: write base_url = 'https://"*":8443'"*"$W/local/pomona.conf"* ]]
	never cmp -s "$W/cert" "$W/local/tls/cert.pem"
	openssl verify -CAfile "$W/local/tls/ca.pem" "$W/local/tls/cert.pem"
	# a name is no address
	sed -i "s|base_url = .*|base_url = 'https://apps.example.com'|" "$W/local/pomona.conf"
	run "$POMONA" init --local --data "$W/local"
	[[ $output == *"https://apps.example.com"* && $output != *"no longer has"* ]]
}

@test "init writes every path so that serve reads it back to the letter" {
	local odd="$W/it's \"odd\" \\ \${HOME} # and ; so"
	mkdir -p "$odd"
	cd "$odd"
	"$POMONA" init --data "$odd/data" --base-url https://apps.example.com --master-key "keys of it/master.key"
	DATA=$odd/data
	"$POMONA" doctor --data "$odd/data" >doctor || true
	grep -F "master key" doctor
	grep -qxF "ok    master key   $odd/keys of it/master.key" doctor
	"$POMONA" init --local --data "$odd/local"
	cd /
	"$POMONA" doctor --data "$odd/local" >"$odd/doctor" || true
	grep -q '^ok    certificate' "$odd/doctor"
	grep -qxF "ok    master key   $odd/local.master.key" "$odd/doctor"
}

@test "init that ends at any moment is followed by one that makes the rest" {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	# no half a key, whatever a crash left
	head -c 7 /dev/urandom >"$W/new.key.new"
	: >"$W/half.new"
	run "$POMONA" init --data "$W/new" --base-url https://apps.example.com --master-key "$W/new.key"
	[ "$status" -eq 0 ]
	[ "$(wc -c <"$W/new.key")" = 65 ]
	[ ! -e "$W/new.key.new" ]
	# the first admin never stands there without the mark that the password is for one sign-in
	"$POMONA" init --local --data "$W/local" >"$W/out"
	[ "$(sqlite3 "$W/local/pomona.db" "SELECT password_once FROM person WHERE name = 'admin'")" = 1 ]
	sqlite3 "$W/local/pomona.db" "DELETE FROM person" "CREATE TRIGGER torn BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'torn'); END"
	run "$POMONA" init --local --data "$W/local"
	[ "$status" -ne 0 ]
	[ "$(sqlite3 "$W/local/pomona.db" "SELECT count(*) FROM person")" = 0 ]
	sqlite3 "$W/local/pomona.db" "DROP TRIGGER torn"
	run "$POMONA" init --local --data "$W/local"
	[ "$status" -eq 0 ]
	[[ $output == *"one-time password"* ]]
}

# ---- serve ----

refuses_to_serve() {	# what it should say, as a pattern
	run timeout 60 "$POMONA" serve --data "$DATA" --listen 127.0.0.1:0 --plain
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	[[ $output != *"ready http"* ]]
	# shellcheck disable=SC2053
	[[ $output == $1 ]] || { echo "it says: $output"; return 1; }
}

@test "a setting that there is not is refused with its file and line" {
	local line
	line=$(($(wc -l <"$CONF") + 2))
	printf 'upload {\n\tmax_md = 5\n}\n' >>"$CONF"
	refuses_to_serve "*pomona.conf:$line:*max_md*did you mean upload { max_mb }?*"
}

@test "a value that cannot be is refused with its file and line" {
	printf 'upload {\n\tmax_mb = 0\n}\n' >>"$CONF"
	refuses_to_serve "*pomona.conf:*upload.max_mb is 0, not between*"
}

@test "a setting of the environment that there is not is refused" {
	export POMONA__UPLOAD__MAX_MD=5
	refuses_to_serve "*POMONA__UPLOAD__MAX_MD*"
	unset POMONA__UPLOAD__MAX_MD
	POMONA__UPLOAD__MAX_MB=1 pomona_start
	head -c 2000000 /dev/zero >"$W/large"
	upload "$W/large"
	expect_status 413
}

@test "a database of a newer program is not touched" {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	sqlite3 "$DATA/pomona.db" "UPDATE meta SET value = '9999' WHERE key = 'schema'"
	sqlite3 "$DATA/pomona.db" .dump | sha256sum >"$W/before"
	refuses_to_serve "*schema 9999*start the newer program again*"
	sqlite3 "$DATA/pomona.db" .dump | sha256sum | cmp - "$W/before"
}

@test "a second server on the same data is refused, and the first goes on" {
	pomona_start
	refuses_to_serve "*$DATA*"
	get /healthz
	expect_status 200
	upload "$IPAS/enterprise.ipa"
	expect_status 201
}

@test "serve wants a certificate, or to be told that a proxy has it" {
	run timeout 60 "$POMONA" serve --data "$DATA" --listen 127.0.0.1:0
	[ "$status" -eq 4 ]
	[[ $output == *--tls-cert*--plain* ]]
	usage serve --data "$DATA" --plain --tls-cert x --tls-key y
}

@test "a command that is told no place, or one where nothing is, says what to say" {
	local command
	for command in serve doctor "user list" "token new --user anna --scope read" "inspect $IPAS/enterprise.ipa"; do
		# shellcheck disable=SC2086
		run "$POMONA" $command --data "$W/nothing"
		[ "$status" -eq 2 ] || { echo "$command: exit code $status"; return 1; }
		[[ $output == *"$W/nothing/pomona.conf is not there"*"pomona init"* ]]
	done
	run "$POMONA" serve --config "$W/nothing.conf"
	[ "$status" -eq 2 ]
}

@test "SIGHUP takes a renewed certificate and changed settings without ending a connection" {
	pomona_start_tls
	serial() { openssl s_client -connect "127.0.0.1:$PORT" -servername $HOST </dev/null 2>/dev/null | openssl x509 -noout -serial; }
	local before pid=$PID
	before=$(serial)
	[ -n "$before" ]
	cp -r "$W/tls" "$W/tls.old"
	pomona_certificate "$W/tls"
	setting upload max_mb 1
	kill -HUP "$PID"
	renewed() { local now; now=$(serial); [ -n "$now" ] && [ "$now" != "$before" ]; }
	wait_until renewed
	get /healthz
	expect_status 200
	head -c 2000000 /dev/zero >"$W/large"
	limited() { upload "$W/large" && [ "$STATUS" = 413 ]; }
	wait_until limited
	[ "$PID" = "$pid" ]
	kill -0 "$PID"

	# what cannot be read changes nothing and is said
	echo "nonsense {" >>"$CONF"
	kill -HUP "$PID"
	complained() { grep -q 'msg=reload.*the running settings stay' "$W/log"; }
	wait_until complained
	get /healthz
	expect_status 200
}

# A machine that gives us no processor for longer than any deadline: what came meanwhile is not late.
@test "a server that stood still for eleven seconds answers whoever asked meanwhile" {
	pomona_start
	python3 - "$PORT" "$PID" <<-'PY'
		import os, signal, socket, sys, time
		port, pid, N = int(sys.argv[1]), int(sys.argv[2]), 30
		HEAD = b"GET /healthz HTTP/1.1\r\nHost: apps.example.com\r\n\r\n"
		POST = b"POST /login HTTP/1.1\r\nHost: apps.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 30\r\n\r\n"
		clients = lambda: [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(N)]
		fresh, kept, posting = clients(), clients(), clients()
		for s in kept:
		    s.sendall(HEAD)
		    s.recv(65536)
		    s.sendall(HEAD[:20])
		for s in posting:
		    s.sendall(POST)
		time.sleep(0.6)			# until that is looked at, and their time runs
		os.kill(pid, signal.SIGSTOP)
		for s in fresh: s.sendall(HEAD)
		for s in kept: s.sendall(HEAD[20:])
		for s in posting: s.sendall(b"a" * 30)
		time.sleep(11)
		os.kill(pid, signal.SIGCONT)
		for name, all in ("fresh", fresh), ("kept", kept), ("posting", posting):
		    answered = 0
		    for s in all:
		        try: answered += s.recv(65536).startswith(b"HTTP/1.1 ")
		        except OSError: pass
		    assert answered == N, "%s: %d of %d are answered" % (name, answered, N)
	PY
}

@test "a TLS client that brings an X25519 key along, as phones do, is not asked for another" {
	local groups
	hellos() { openssl s_client -connect "127.0.0.1:$PORT" -groups "$1" -msg </dev/null 2>/dev/null | grep -c ', ServerHello'; }
	pomona_start_tls
	for groups in X25519 X25519:P-256 P-256 P-384; do
		[ "$(hellos $groups)" = 1 ] || { echo "$groups: $(hellos $groups)"; return 1; }
	done
}

@test "SIGTERM lets an upload under way finish, and takes no new one" {
	pomona_start
	app big.ipa mb=4
	curl -sS --connect-to "::127.0.0.1:$PORT" -T "$W/big.ipa" -H "$(bearer upload)" --limit-rate 2M "$BASE/api/v1/upload" \
		-o "$W/answer" -w '%{http_code}' >"$W/status" 2>/dev/null 3>&- &
	local sender=$! pid=$PID
	under_way() { [ -n "$(leftovers)" ]; }
	wait_until under_way
	kill -TERM "$pid"
	refused() { ! curl -s --max-time 5 "http://127.0.0.1:$PORT/healthz" -o /dev/null; }
	wait_until refused
	wait $sender
	[ "$(cat "$W/status")" = 201 ]
	wait "$pid"
	PID=
	[ "$(jq -r .build.sha256 "$W/answer")" = "$(sha256 "$W/big.ipa")" ]
	grep -q 'msg=stopping signal=15' "$W/log"
	pomona_start
	get "/api/v1/builds/$(jq -r .build.id "$W/answer")" -H "$(bearer read)"
	expect_status 200
}

@test "a unix socket is served, and removed at the end" {
	"$POMONA" serve --data "$DATA" --plain --listen "unix:$W/socket" >"$W/ready" 2>>"$W/log" 3>&- &
	PID=$!
	wait_until pomona_answers_or_ended
	grep -qx "ready unix:$W/socket" "$W/ready"
	[ "$(curl -s --unix-socket "$W/socket" http://localhost/healthz)" = ok ]
	pomona_stop
	[ ! -e "$W/socket" ]
}

# ---- the command line ----

@test "the command line works while the server runs" {
	pomona_start
	echo "a new password" >"$W/password.eva"
	"$POMONA" user add eva --publisher --data "$DATA" --password-file "$W/password.eva"
	sign_in eva
	"$POMONA" user list --data "$DATA" --json | jq -e 'any(.name == "eva" and .role == "publisher")'
	"$POMONA" token new --data "$DATA" --user eva --scope upload >"$W/token.eva" 2>"$W/said"
	[ "$(wc -l <"$W/token.eva")" -eq 1 ]
	[ ! -s "$W/said" ]
	sqlite3 -cmd '.timeout 20000' "$DATA/pomona.db" "UPDATE person SET resting = TRUE WHERE name = 'eva'"
	"$POMONA" token new --data "$DATA" --user eva --scope read >"$W/token.rests" 2>"$W/said"
	[ "$(wc -l <"$W/token.rests")" -eq 1 ]
	grep -q 'eva .*401 until they sign in' "$W/said"
	sqlite3 -cmd '.timeout 20000' "$DATA/pomona.db" "UPDATE person SET resting = FALSE"
	upload "$IPAS/enterprise.ipa" eva
	expect_status 201
	echo "another password" >"$W/password.eva"
	"$POMONA" user passwd eva --data "$DATA" --password-file "$W/password.eva"
	get /account -b "$W/jar.eva" -H 'Accept: application/json'	# her sessions have ended
	expect_status 401
	sign_in eva
}

@test "commands say in their exit code what was wrong" {
	run "$POMONA" user add anna --data "$DATA" --password-file "$W/password.anna"
	[ "$status" -eq 4 ]
	[[ $output == *"exists already"* ]]
	echo short >"$W/short"
	run "$POMONA" user add eva --data "$DATA" --password-file "$W/short"
	[ "$status" -eq 4 ]
	run "$POMONA" token new --data "$DATA" --user nobody --scope read
	[ "$status" -eq 4 ]
	run "$POMONA" token new --data "$DATA" --user paul --scope everything
	[ "$status" -eq 4 ]
	usage user
	usage nothing
	usage upload
	usage inspect "$W/nothing.ipa"
	run "$POMONA" inspect "$IPAS/bad-top.ipa"
	[ "$status" -eq 4 ]
}

@test "inspect prints the facts of an app as JSON" {
	"$POMONA" inspect "$IPAS/enterprise.ipa" --extra-root "$IPAS/root.pem" --now "$NOW" >"$W/body"
	expect_json .bundle_id com.example.app
	expect_json .version 1.2
	expect_json .build 34
	expect_json .platform iphoneos
	expect_json .provision.kind enterprise
	expect_json .provision.signature other:test
	expect_json .icon.source cgbi
	expect_json .file.sha256 "$(sha256 "$IPAS/enterprise.ipa")"
	expect_json .verdict.installable true
}

@test "--routes, --config-help and --version tell without a server" {
	"$POMONA" --version | grep -qxE 'pomona [0-9]+\.[0-9]+\.[0-9]+'
	"$POMONA" --routes | grep -qE '^PUT +/api/v1/upload +publisher +upload '
	"$POMONA" --config-help >"$W/help"
	grep -qx 'upload.max_mb' "$W/help"
	# each setting that the file here has is in it
	"$POMONA" --help | grep -q ' serve '
	local command
	for command in init serve inspect upload user token doctor; do
		ASAN_OPTIONS=detect_leaks=0 "$POMONA" $command --help | grep -qi usage
	done
}

@test "doctor says of each part ok, warn or fail, and what to do" {
	run "$POMONA" doctor --data "$DATA"
	echo "$output"
	[ "$status" -eq 4 ]		# nothing answers at the base URL
	[[ $output != *$'\n'[!owf]* ]]
	grep -qE '^ok +settings' <<<"$output"
	grep -qE '^warn +settings .*clock.file' <<<"$output"
	grep -qE '^ok +database +writable, schema [0-9]+' <<<"$output"
	grep -qE '^ok +audit +[0-9]+ rows, the chain is whole' <<<"$output"
	grep -qE '^ok +people +3' <<<"$output"
	grep -qE '^ok +disk' <<<"$output"
	grep -qE '^ok +master key' <<<"$output"
	grep -qE '^fail +base URL .*https' <<<"$output"
	grep -qE '^fail +outside' <<<"$output"
	chmod 644 "$W/master.key"
	run "$POMONA" doctor --data "$DATA"
	grep -qE '^fail +master key .*chmod 600' <<<"$output"
}

@test "doctor finds the row of the audit that was changed" {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	"$POMONA" doctor --data "$DATA" | grep -qE '^ok +audit'
	sqlite3 "$DATA/pomona.db" "UPDATE audit SET actor = 'nobody' WHERE id = 2"
	"$POMONA" doctor --data "$DATA" | grep -E '^fail +audit .*\b2\b'
	sqlite3 "$DATA/pomona.db" "UPDATE audit SET actor = 'cli' WHERE id = 2"
	"$POMONA" doctor --data "$DATA" | grep -qE '^ok +audit'
	sqlite3 "$DATA/pomona.db" "DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)"
	"$POMONA" doctor --data "$DATA" | grep -qE '^fail +audit'
}

# ---- disk, log, retention ----

small_disk() {	# SIZE: where the data is from now on
	[ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
	mkdir "$W/disk"
	mount -t tmpfs -o "size=$1" none "$W/disk" 2>/dev/null || skip "no tmpfs can be mounted here"
	MOUNTED=$W/disk
	mv "$DATA" "$W/disk/data"
	DATA=$W/disk/data CONF=$DATA/pomona.conf
}

@test "room that one resumable upload was promised is not promised to another" {
	small_disk 100m
	setting upload keep_free_mb 8
	pomona_start
	local first
	begins() {	# BYTES STATUS
		post /api/v1/uploads -H 'Tus-Resumable: 1.0.0' -H "$(bearer upload)" -H "Upload-Length: $1"
		expect_status "$2"
	}
	begins 40000000 201
	first=$(header Location)
	begins 60000000 507
	begins 20000000 201
	begins 40000000 507
	# what has come of it is counted once: half of the first is on the disk, and only its other half is owed
	head -c 20000000 /dev/zero >"$W/half"
	ask PATCH "${first#"$BASE"}" -H 'Tus-Resumable: 1.0.0' -H "$(bearer upload)" -H 'Upload-Offset: 0' \
		-H 'Content-Type: application/offset+octet-stream' --data-binary "@$W/half"
	expect_status 204
	begins 40000000 507
	begins 15000000 201
	pomona_stop
	pomona_again
	begins 20000000 507
	# what stands still for long keeps nobody out
	touch -d '-20 minutes' "$DATA/uploads/${first##*/}"
	begins 20000000 201
	delete "$(header Location | sed "s|^$BASE||")" -H 'Tus-Resumable: 1.0.0' -H "$(bearer upload)"
	expect_status 204
	touch "$DATA/uploads/${first##*/}"
	begins 20000000 507
	delete "${first#"$BASE"}" -H 'Tus-Resumable: 1.0.0' -H "$(bearer upload)"
	expect_status 204
	begins 20000000 201
	pomona_stop
	umount "$MOUNTED"
	MOUNTED=
}

@test "a full disk refuses uploads with 507, and nothing else" {
	small_disk 48m
	setting upload keep_free_mb 8
	pomona_start
	app one.ipa mb=10 build=1
	upload "$W/one.ipa"
	expect_status 201
	local grant
	grant=$(json .manifest_url)
	head -c $(($(df --output=avail -B1 "$W/disk" | tail -1) - 12000000)) /dev/zero >"$W/disk/ballast"
	truncate -s 400M "$W/huge.ipa"	# begins well, and hears that it is over however much of it follows
	upload - upload -H 'Transfer-Encoding: chunked' <"$W/huge.ipa"
	expect_problem 507 no_room
	wait_until no_leftovers
	head -c 3000000 /dev/zero >>"$W/disk/ballast"
	app two.ipa mb=4 build=2
	upload "$W/two.ipa"
	expect_problem 507 no_room
	post /api/v1/uploads -H 'Tus-Resumable: 1.0.0' -H "$(bearer upload)" -H 'Upload-Length: 4000000'
	expect_status 507
	upload - upload -H 'Transfer-Encoding: chunked' <"$W/two.ipa"	# its length is known too late
	expect_status 507
	head -c 4000000 /dev/zero >>"$W/disk/ballast"
	get /readyz
	expect_status 503
	expect_json .ready false
	# reading goes on, and small writes too
	get "${grant%manifest.plist}app.ipa"
	[ "$(sha256 "$W/body")" = "$(sha256 "$W/one.ipa")" ]
	get "$grant"
	expect_status 200
	sign_in mia
	# to the last byte
	cat /dev/zero >>"$W/disk/ballast" 2>/dev/null || true
	get "${grant%manifest.plist}app.ipa"
	expect_status 200
	upload "$W/two.ipa"
	expect_status 507
	# and with room again everything works, without a restart
	rm "$W/disk/ballast"
	no_leftovers
	upload "$W/two.ipa"
	expect_status 201
	get /readyz
	expect_status 200
	"$POMONA" doctor --data "$DATA" | grep -qE '^ok +audit'
	pomona_stop
	umount "$MOUNTED"
	MOUNTED=
}

@test "no token, password, cookie or grant stands in the log" {
	pomona_start
	setting log level '"debug"'
	kill -HUP "$PID"
	upload "$IPAS/enterprise.ipa"
	local secrets=() file manifest page
	manifest=$(json .manifest_url) page=$(json .install_url)
	get "$manifest"
	get "${manifest%manifest.plist}app.ipa?x=1"
	get "$page"
	get "$page/qr.svg"
	get "/d/$(basename "$(dirname "$manifest")")x/manifest.plist"
	sign_in anna
	as anna post /account/tokens -d "csrf=$CSRF&label=CI&scope=admin"
	secrets+=("$(grep -o 'pom_[A-Za-z0-9_-]*' "$W/body" | head -1)")
	get "/api/v1/apps?token=${secrets[0]}" -H "Authorization: Bearer ${secrets[0]}"
	get /api/v1/apps -H "Authorization: Bearer ${secrets[0]}x"
	get '/login?next=%2F' -H 'Accept: text/html' -c "$W/jar" -b "$W/jar"
	post /login -b "$W/jar" -H "Origin: $BASE" --data-urlencode name=mia --data-urlencode "password=wrong and secret" --data-urlencode "csrf=$(form_csrf)"
	secrets+=("wrong and secret" "$(basename "$page")" "$(basename "$(dirname "$manifest")")")
	secrets+=("$(awk '$6 == "pomona" { print $7 }' "$W/jar.anna")")
	for file in "$W"/token.* "$W"/password.*; do secrets+=("$(cat "$file")"); done
	secrets+=("$(cat "$W/master.key")")
	pomona_stop
	[ "$(grep -c msg=request "$W/log")" -ge 10 ]
	local secret
	for secret in "${secrets[@]}"; do
		[ ${#secret} -ge 8 ]
		expect_not_in "$W/log" "$secret"
	done
	expect_not_in "$W/log" "$CSRF"
	# nor is any of them on the disk as it is
	for secret in "${secrets[@]}"; do
		never grep -rqaF -- "$secret" "$DATA"
	done
}

@test "with keep_builds the oldest builds of a channel go, with their files, and the newest stay" {
	setting retention keep_builds 2
	pomona_start
	local i sums=()
	for i in 1 2 3 4; do
		app "app.$i" build=$i
		sums+=("$(sha256 "$W/app.$i")")
		upload "$W/app.$i" upload "?channel=$([ $i = 1 ] && echo release || echo main)"
		expect_status 201
	done
	three() { get /api/v1/apps/com.example.app/builds -H "$(bearer read)" && [ "$(json '[.items[].build] | join(" ")')" = "4 3 1" ]; }
	wait_until three	# 2 was the third of main; 1 is the newest of its channel
	gone() { ! blobs | grep -qx "${sums[1]}"; }
	wait_until gone
	for i in 0 2 3; do blobs | grep -qx "${sums[$i]}"; done
	get /api/v1/apps/com.example.app -H "$(bearer read)"
	expect_json .newest.build 4
}
