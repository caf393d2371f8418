# Uploads that survive a bad line: tus 1.0, by hand with curl and with the client everybody uses.
load lib/pomona

setup_file() { pomona_prepare; }
setup()      { pomona_start; }
teardown()   { pomona_stop; }

V='Tus-Resumable: 1.0.0'

b64() { printf '%s' "$1" | base64 -w0; }

# create LENGTH [METADATA]: $U is its path.
create() {
	post /api/v1/uploads -H "$V" -H "$(bearer upload)" -H "Upload-Length: $1" ${2:+-H "Upload-Metadata: $2"}
	expect_status 201
	expect_header Tus-Resumable 1.0.0
	U=$(header Location)
	U=${U#"$BASE"}
}

# send FROM FILE [OPTIONS]: FILE's bytes, all of them, to be at FROM.
send() {
	local from=$1 file=$2; shift 2
	ask PATCH "$U" -H "$V" -H "$(bearer upload)" -H "Upload-Offset: $from" -H 'Content-Type: application/offset+octet-stream' \
		--data-binary "@$file" "$@"
}

piece() {	# FROM COUNT: of $W/app.ipa, in $W/piece
	tail -c "+$(($1 + 1))" "$W/app.ipa" | head -c "$2" >"$W/piece"
}

offset() { ask HEAD "$U" -H "$V" -H "$(bearer upload)"; header Upload-Offset; }

expect_offset() {
	ask HEAD "$U" -H "$V" -H "$(bearer upload)"
	expect_status 200
	expect_header Upload-Offset "$1"
	expect_header Cache-Control no-store
}

answered() { get "$U" -H "$(bearer upload)" && [ "$STATUS" != 202 ]; }

# The upload's own answer, once its bytes were read.
expect_published() {
	wait_until answered
	expect_status "${1:-201}"
	expect_json .build.sha256 "$(sha256 "$W/app.ipa")"
	get "$(json .manifest_url | sed 's/manifest.plist$/app.ipa/')"
	cmp "$W/body" "$W/app.ipa"
}

@test "OPTIONS says what is spoken" {
	ask OPTIONS /api/v1/uploads
	expect_status 204
	expect_header Tus-Version 1.0.0
	expect_header Tus-Extension '*creation*'
	expect_header Tus-Extension '*checksum*'
	expect_header Tus-Extension '*expiration*'
	expect_header Tus-Extension '*termination*'
	expect_header Tus-Max-Size 4000000000
	expect_header Tus-Checksum-Algorithm '*sha1*'
}

@test "an upload in pieces is published when the last one is here" {
	app app.ipa mb=2
	local size at count
	size=$(stat -c %s "$W/app.ipa")
	create "$size" "filename $(b64 Demo.ipa),channel $(b64 beta),git_commit $(b64 abc),changelog $(b64 $'Grüße\nan alle')"
	expect_offset 0
	expect_header Upload-Length "$size"
	for ((at = 0; at < size; at += count)); do
		count=$((size - at < 700000 ? size - at : 700000))
		piece $at $count
		send $at "$W/piece"
		expect_status 204
		expect_header Upload-Offset $((at + count))
		expect_header Tus-Resumable 1.0.0
	done
	wait_until answered
	expect_status 201
	expect_json .build.channel beta
	expect_json .build.git_commit abc
	expect_json .build.notes $'Grüße\nan alle'
	expect_published
	expect_offset "$size"
	wait_until no_leftovers
}

@test "the answer is the raw upload's: the same bytes are the same build, what is no app is refused" {
	cp "$IPAS/enterprise.ipa" "$W/app.ipa"
	upload "$W/app.ipa"
	local id
	id=$(json .build.id)
	create "$(stat -c %s "$W/app.ipa")"
	send 0 "$W/app.ipa"
	expect_status 204
	wait_until answered
	expect_status 200
	expect_json .build.id "$id"
	create "$(stat -c %s "$IPAS/bad-top.ipa")"
	send 0 "$IPAS/bad-top.ipa"
	expect_status 204
	wait_until answered
	expect_problem 422 no_payload
	expect_json .error.code no_payload
	create 0
	expect_offset 0
	wait_until answered
	expect_problem 422 not_zip
	wait_until no_leftovers
}

@test "asked again, a finished upload repeats its answer and grants nothing more" {
	cp "$IPAS/enterprise.ipa" "$W/app.ipa"
	create "$(stat -c %s "$W/app.ipa")"
	send 0 "$W/app.ipa"
	expect_published
	get "$U" -H "$(bearer upload)"
	cp "$W/body" "$W/first"
	for _ in 1 2 3; do
		get "$U" -H "$(bearer upload)"
		expect_status 201
		cmp "$W/body" "$W/first"
	done
	get "$(json .install_url)" -H 'Accept: text/html'
	expect_status 200
	get "/api/v1/builds/$(jq -r .build.id "$W/first")/grants" -H "$(bearer upload)"
	expect_json '.items | length' 1
}

@test "a piece for another place is refused and changes nothing" {
	cp "$IPAS/enterprise.ipa" "$W/app.ipa"
	create "$(stat -c %s "$W/app.ipa")"
	piece 0 1000
	send 0 "$W/piece"
	send 0 "$W/piece"
	expect_problem 409 conflict
	send 2000 "$W/piece"
	expect_status 409
	expect_offset 1000
	# more than was announced
	send 1000 "$W/app.ipa"
	expect_status 413
	expect_offset 1000
	# of another type, of another version of the protocol, without a place
	ask PATCH "$U" -H "$V" -H "$(bearer upload)" -H 'Upload-Offset: 1000' -H 'Content-Type: application/json' --data-binary "@$W/piece"
	expect_status 415
	ask PATCH "$U" -H 'Tus-Resumable: 0.2.2' -H "$(bearer upload)" -H 'Upload-Offset: 1000' -H 'Content-Type: application/offset+octet-stream' --data-binary "@$W/piece"
	expect_status 412
	ask PATCH "$U" -H "$V" -H "$(bearer upload)" -H 'Content-Type: application/offset+octet-stream' --data-binary "@$W/piece"
	expect_status 400
	expect_offset 1000
	piece 1000 100000000
	send 1000 "$W/piece"
	expect_status 204
	expect_published
}

@test "a piece whose checksum is wrong is not kept" {
	cp "$IPAS/enterprise.ipa" "$W/app.ipa"
	create "$(stat -c %s "$W/app.ipa")"
	local at=0 kind
	sum() { printf '%s %s' "$1" "$(openssl dgst "-$1" -binary "$2" | base64 -w0)"; }
	for kind in sha1 sha256 md5; do
		piece $at 1000
		send $at "$W/piece" -H "Upload-Checksum: $(sum "$kind" "$W/app.ipa")"
		expect_status 460
		expect_offset $at
		send $at "$W/piece" -H "Upload-Checksum: $(sum "$kind" "$W/piece")"
		expect_status 204
		at=$((at + 1000))
		expect_offset $at
	done
	send $at "$W/piece" -H 'Upload-Checksum: crc32 AAAAAA=='
	expect_status 400
	send $at "$W/piece" -H 'Upload-Checksum: sha1 short'
	expect_status 400
	expect_offset $at
	piece $at 100000000
	send $at "$W/piece" -H "Upload-Checksum: $(sum sha256 "$W/piece")"
	expect_status 204
	expect_published
}

@test "killed before a part was proved right, the server does not count it" {
	app app.ipa mb=6
	local sum size=$(stat -c %s "$W/app.ipa")
	create "$size"
	piece 0 1000
	send 0 "$W/piece"
	piece 1000 100000000
	cp "$W/piece" "$W/rest"
	sum="sha256 $(openssl dgst -sha256 -binary "$W/rest" | base64 -w0)"
	curl -sS --connect-to "::127.0.0.1:$PORT" -X PATCH -H "$V" -H "$(bearer upload)" -H 'Upload-Offset: 1000' -H "Upload-Checksum: $sum" \
		--limit-rate 100k -H 'Content-Type: application/offset+octet-stream' --data-binary "@$W/rest" "$BASE$U" -o /dev/null 2>/dev/null 3>&- &
	local sender=$!
	written() { [ "$(stat -c %s "$DATA/uploads/${U##*/}")" -gt 1000 ]; }
	wait_until written
	expect_offset 1000		# what is on its way does not count yet either
	pomona_kill
	wait $sender || true
	written
	pomona_again
	expect_offset 1000
	# the rest by parts of both sorts
	piece 1000 5000
	send 1000 "$W/piece"
	expect_status 204
	expect_offset 6000
	[ "$(stat -c %s "$DATA/uploads/${U##*/}")" = 6000 ]
	piece 6000 100000000
	send 6000 "$W/piece" -H "Upload-Checksum: sha256 $(openssl dgst -sha256 -binary "$W/piece" | base64 -w0)"
	expect_status 204
	expect_published
}

@test "an upload says when it is forgotten" {
	local then='Mon, 23 Nov 2026 12:00:00 GMT'
	create 2000
	expect_header Upload-Expires "$then"
	head -c 1000 /dev/zero >"$W/piece"
	send 0 "$W/piece"
	expect_header Upload-Expires "$then"
	expect_offset 1000
	expect_header Upload-Expires "$then"
}

@test "an upload that is given up is gone" {
	cp "$IPAS/enterprise.ipa" "$W/app.ipa"
	create "$(stat -c %s "$W/app.ipa")"
	piece 0 1000
	send 0 "$W/piece"
	delete "$U" -H "$V" -H "$(bearer upload)"
	expect_status 204
	ask HEAD "$U" -H "$V" -H "$(bearer upload)"
	expect_status 404
	send 1000 "$W/piece"
	expect_status 404
	expect_nothing_left
}

@test "an upload is its owner's alone" {
	create 1000
	get "$U" -H "$(bearer admin)"
	expect_status 404
	get "$U" -H "$(bearer other)"
	expect_status 404
	get "$U" -H "$(bearer read)"
	expect_status 403
	get "$U"
	expect_status 401
	ask HEAD "/api/v1/uploads/${U##*/}x" -H "$V" -H "$(bearer upload)"
	expect_status 404
	get "/api/v1/uploads/..%2f..%2fpomona.conf" -H "$V" -H "$(bearer upload)"
	[ "$STATUS" -ge 400 ]
	[ "$STATUS" -lt 500 ]
	create 1000
	[ "$(find "$DATA/uploads" -type f | wc -l)" -eq 2 ]
}

@test "larger than allowed, or malformed, is refused when it begins" {
	post /api/v1/uploads -H "$V" -H "$(bearer upload)" -H 'Upload-Length: 4000000001'
	expect_status 413
	post /api/v1/uploads -H "$V" -H "$(bearer upload)" -H 'Upload-Length: -1'
	[ "$STATUS" = 400 ] || [ "$STATUS" = 422 ]
	post /api/v1/uploads -H "$V" -H "$(bearer upload)"
	expect_status 400
	post /api/v1/uploads -H "$V" -H "$(bearer upload)" -H 'Upload-Length: 5' -H 'Upload-Metadata: channel !!!'
	expect_status 400
	post /api/v1/uploads -H "$V" -H "$(bearer upload)" -H 'Upload-Length: 5' -H "Upload-Metadata: channel $(b64 'no blank')"
	expect_status 422
	post /api/v1/uploads -H "$(bearer upload)" -H 'Upload-Length: 5'
	expect_status 412
	expect_nothing_left
}

@test "an upload that nobody finished is forgotten after a day, its bytes too" {
	create 1000
	piece_of_it() { head -c 500 /dev/zero >"$W/piece"; }
	piece_of_it
	send 0 "$W/piece"
	set_clock 2026-11-23T11:59:59Z
	expect_offset 500
	set_clock 2026-11-23T12:00:01Z
	ask HEAD "$U" -H "$V" -H "$(bearer upload)"
	expect_status 404
	wait_until no_leftovers
}

@test "one request at a time sends to an upload" {
	app app.ipa mb=4
	create "$(stat -c %s "$W/app.ipa")"
	curl -sS --connect-to "::127.0.0.1:$PORT" -X PATCH -H "$V" -H "$(bearer upload)" -H 'Upload-Offset: 0' --limit-rate 500K \
		-H 'Content-Type: application/offset+octet-stream' --data-binary "@$W/app.ipa" "$BASE$U" -o /dev/null 2>/dev/null 3>&- &
	local sender=$!
	under_way() { [ "$(offset)" -gt 0 ]; }
	wait_until under_way
	piece 0 10
	send 0 "$W/piece"
	expect_status 423
	kill -KILL $sender
	wait $sender || true
	# what had arrived by then stays
	goes_on() { local at; at=$(offset); piece "$at" 100000000; send "$at" "$W/piece"; [ "$STATUS" = 204 ]; }
	wait_until goes_on
	expect_published
}

@test "killed in the middle, the server goes on where the bytes end" {
	app app.ipa mb=6
	create "$(stat -c %s "$W/app.ipa")"
	curl -sS --connect-to "::127.0.0.1:$PORT" -X PATCH -H "$V" -H "$(bearer upload)" -H 'Upload-Offset: 0' --limit-rate 100k \
		-H 'Content-Type: application/offset+octet-stream' --data-binary "@$W/app.ipa" "$BASE$U" -o /dev/null 2>/dev/null 3>&- &
	local sender=$! at
	under_way() { [ "$(offset)" -gt 0 ]; }
	wait_until under_way
	pomona_kill
	wait $sender || true
	pomona_again
	at=$(offset)
	[ "$at" -gt 0 ]
	[ "$at" -lt "$(stat -c %s "$W/app.ipa")" ]
	piece "$at" 100000000
	send "$at" "$W/piece"
	expect_status 204
	expect_published
	wait_until no_leftovers
}

@test "killed between the last byte and its answer, the upload is finished when it is asked for" {
	cp "$IPAS/enterprise.ipa" "$W/app.ipa"
	local size
	size=$(stat -c %s "$W/app.ipa")
	create "$size"
	piece 0 1000
	send 0 "$W/piece"
	pomona_kill
	piece 1000 100000000
	cat "$W/piece" >>"$DATA/uploads/${U##*/}"	# as if these had come, and then the end
	pomona_again
	expect_offset "$size"
	expect_published
}

@test "killed while an upload is read, it is read again" {
	app app.ipa mb=2
	create "$(stat -c %s "$W/app.ipa")"
	send 0 "$W/app.ipa"
	expect_status 204
	pomona_kill		# its job is in the table; begun or not, the next server takes it up at once
	pomona_again
	expect_published
}

# The job of $U, as if it had begun and its server had been killed so often.
begun_and_killed() {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	sqlite3 "$DATA/pomona.db" "UPDATE upload SET status = 1;
		INSERT INTO job (id, kind, args, created, due, lease, owner, attempt) SELECT 'j', 'upload_finish',
		'{\"upload\":\"' || id || '\"}', created, created, created + 300, 'dead', $1 FROM upload"
}

@test "an upload that kills the server each time it is read answers that it failed" {
	cp "$IPAS/enterprise.ipa" "$W/app.ipa"
	create "$(stat -c %s "$W/app.ipa")"
	pomona_stop
	cp "$W/app.ipa" "$DATA/uploads/${U##*/}"
	begun_and_killed 5
	pomona_again
	wait_until answered
	expect_problem 422 upload_failed
	post /api/v1/uploads -H "$V" -H "$(bearer upload)" -H 'Upload-Length: 1'	# it does not count as under way
	expect_status 201
}

@test "whose account was disabled meanwhile has an answer too" {
	cp "$IPAS/enterprise.ipa" "$W/app.ipa"
	create "$(stat -c %s "$W/app.ipa")"
	pomona_stop
	cp "$W/app.ipa" "$DATA/uploads/${U##*/}"
	begun_and_killed 1
	sqlite3 -cmd '.timeout 10000' "$DATA/pomona.db" "UPDATE person SET disabled = TRUE WHERE name = 'paul'"
	pomona_again
	refused() { [ "$(sqlite3 "$DATA/pomona.db" "SELECT status FROM upload")" = 403 ]; }
	wait_until refused
	sqlite3 -cmd '.timeout 10000' "$DATA/pomona.db" "UPDATE person SET disabled = FALSE WHERE name = 'paul'"
	get "$U" -H "$(bearer upload)"
	expect_problem 403 not_allowed
	get /api/v1/builds -H "$(bearer read)"
	expect_json '.items | length' 0
}

# ---- the client that browsers and CI jobs use ----

tus_client() {
	command -v node >/dev/null && command -v npm >/dev/null || skip "no node and npm"
	local dir=$ROOT/build/tus-client
	mkdir -p "$dir"
	cp "$ROOT"/tests/e2e/tus/* "$dir/"
	[ -d "$dir/node_modules/tus-js-client" ] ||
		(cd "$dir" && npm install --no-audit --no-fund --silent >/dev/null 2>&1) || skip "npm cannot install tus-js-client here"
	TUS=$dir/upload.mjs
	# it follows the address that it is told, which is the base URL's: make that the real one
	pomona_stop
	sed -i "s|base_url = .*|base_url = \"http://127.0.0.1:$PORT\"|" "$CONF"
	"$POMONA" serve --data "$DATA" --plain --listen "127.0.0.1:$PORT" >"$W/ready" 2>>"$W/log" 3>&- &
	PID=$!
	wait_until pomona_answers_or_ended
	BASE=http://127.0.0.1:$PORT
}

@test "tus-js-client uploads a build" {
	tus_client
	app app.ipa mb=4
	node "$TUS" "$BASE/api/v1/uploads" "$W/app.ipa" "$TOKEN" >"$W/out"
	grep -qx done "$W/out"
	U=$(sed -n 's|^address http://[^/]*||p' "$W/out")
	wait_until answered
	expect_json .build.channel beta
	expect_json .build.notes Grüße
	expect_published
}

@test "tus-js-client goes on after it was interrupted, and after the server was killed" {
	tus_client
	app app.ipa mb=4
	node "$TUS" "$BASE/api/v1/uploads" "$W/app.ipa" "$TOKEN" 2000000 >"$W/out"
	U=$(sed -n 's|^address http://[^/]*||p' "$W/out")
	[ -n "$U" ]
	expect_offset 2000000
	pomona_kill
	"$POMONA" serve --data "$DATA" --plain --listen "127.0.0.1:$PORT" >"$W/ready" 2>>"$W/log" 3>&- &
	PID=$!
	wait_until pomona_answers_or_ended
	RESUME=$BASE$U node "$TUS" "$BASE/api/v1/uploads" "$W/app.ipa" "$TOKEN" >"$W/out"
	grep -qx done "$W/out"
	expect_published
}

@test "a real app comes by curl, the command line and tus-js-client; its manifest is Apple's, and its bytes are the same" {
	local shared=${POMONA_SHARED:-$BATS_TEST_DIRNAME/../../../shared}
	local real=$shared/fixtures/ipa/expo-SmallestAppExample.ipa size at manifest
	[ -e "$real" ] || skip "no $real"
	size=$(stat -c %s "$real")
	upload "$real"
	expect_status 201
	expect_json .build.installable true
	manifest=$(json .manifest_url)
	get "$manifest"
	expect_status 200
	sed "s|http://$HOST|https://$HOST|" "$W/body" | python3 "$shared/apple-schema/check_plist.py" manifest -	# this server is plain
	: >"$W/ranges"
	for ((at = 0; at < size; at += 1000000)); do
		get "${manifest%manifest.plist}app.ipa" -r "$at-$((at + 999999))"
		expect_status 206
		cat "$W/body" >>"$W/ranges"
	done
	cmp "$W/ranges" "$real"
	"$POMONA" upload --server "http://127.0.0.1:$PORT" --token-file "$W/token.upload" --channel cli --json "$real" >"$W/out"
	[ "$(jq -r .build.sha256 "$W/out")" = "$(sha256 "$real")" ]
	tus_client
	node "$TUS" "$BASE/api/v1/uploads" "$real" "$TOKEN" >"$W/out"
	grep -qx done "$W/out"
	U=$(sed -n 's|^address http://[^/]*||p' "$W/out")
	wait_until answered
	expect_json '.build.channels | join(" ")' 'beta cli main'
	expect_json .build.sha256 "$(sha256 "$real")"
}
