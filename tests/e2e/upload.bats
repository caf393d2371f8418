# A build reaches the catalog: by curl, by a form, by the command line; and what is refused leaves nothing.
load lib/pomona

setup_file() { pomona_prepare; }
setup()      { pomona_start; }
teardown()   { pomona_stop; }

@test "curl -T with a token publishes a build and gets its links" {
	upload "$IPAS/enterprise.ipa"
	expect_status 201
	expect_json .build.bundle_id com.example.app
	expect_json .build.version 1.2
	expect_json .build.build 34
	expect_json .build.sha256 "$(sha256 "$IPAS/enterprise.ipa")"
	expect_json .build.size "$(stat -c %s "$IPAS/enterprise.ipa")"
	expect_json .build.channel main
	expect_json '.build.id | length > 0' true
	expect_json .verdict.installable true
	expect_json ".install_url | startswith(\"$BASE/i/\")" true
	expect_json ".manifest_url | test(\"^$BASE/d/[A-Za-z0-9_-]+/manifest.plist$\")" true
	expect_json ".qr_url | startswith(\"$BASE/i/\")" true
}

@test "the same bytes again are the same build" {
	upload "$IPAS/enterprise.ipa"
	expect_status 201
	local id
	id=$(json .build.id)
	upload "$IPAS/enterprise.ipa"
	expect_status 200
	expect_json .build.id "$id"
	expect_json '.install_url | length > 0' true
	get /api/v1/apps/com.example.app/builds -H "$(bearer read)"
	expect_json '.items | length' 1
}

@test "the same bytes for another channel are promoted, and stay one build" {
	upload "$IPAS/enterprise.ipa" upload '?channel=beta'
	expect_status 201
	expect_json .build.channel beta
	upload "$IPAS/enterprise.ipa" upload '?channel=release'
	expect_status 200
	expect_json '.build.channels | join(" ")' 'beta release'
	get /api/v1/apps/com.example.app/builds?channel=release -H "$(bearer read)"
	expect_json '.items | length' 1
}

@test "what was deleted and comes again is a new build" {
	upload "$IPAS/enterprise.ipa"
	local id
	id=$(json .build.id)
	delete "/api/v1/builds/$id" -H "$(bearer upload)"
	expect_status 204
	get "/api/v1/builds/$id" -H "$(bearer read)"
	expect_status 404
	upload "$IPAS/enterprise.ipa"
	expect_status 201
	[ "$(json .build.id)" != "$id" ]
	get "$(json .manifest_url)"
	expect_status 200
}

@test "a deleted build's files are removed, and nobody else's" {
	app one.ipa build=1
	app two.ipa build=2
	upload "$W/one.ipa"
	local id
	id=$(json .build.id)
	upload "$W/two.ipa"
	blobs | grep -qx "$(sha256 "$W/one.ipa")"
	delete "/api/v1/builds/$id" -H "$(bearer upload)"
	expect_status 204
	one_is_gone() { ! blobs | grep -qx "$(sha256 "$W/one.ipa")"; }
	wait_until one_is_gone
	blobs | grep -qx "$(sha256 "$W/two.ipa")"
	get /api/v1/apps/com.example.app -H "$(bearer read)"
	expect_json .newest.build 2
	get /apps/com.example.app/icon/120.png -H "$(bearer read)"
	expect_status 200
}

@test "where a build comes from is kept, from the query" {
	upload "$IPAS/enterprise.ipa" upload \
		'?channel=beta&changelog=One%20line%0AAnother&branch=main&git_commit=abc123&ci_url=https%3A%2F%2Fci.example.com%2F7&source=ci&custom_fields=%7B%22ticket%22%3A%22X-1%22%7D'
	expect_status 201
	expect_json .build.notes $'One line\nAnother'
	expect_json .build.branch main
	expect_json .build.git_commit abc123
	expect_json .build.ci_url https://ci.example.com/7
	expect_json .build.source ci
	expect_json .build.custom_fields.ticket X-1
	get '/api/v1/apps/com.example.app/builds?commit=abc123&version=1.2&build=34' -H "$(bearer read)"
	expect_json '.items | length' 1
	get '/api/v1/apps/com.example.app/builds?commit=none' -H "$(bearer read)"
	expect_json '.items | length' 0
}

@test "where a build comes from is kept, from X-Pomona headers" {
	upload "$IPAS/enterprise.ipa" upload -H 'X-Pomona-Channel: nightly' -H 'X-Pomona-Git-Commit: fee1' \
		-H 'X-Pomona-Changelog: Gr%C3%BC%C3%9Fe%0Aall' -H 'X-Pomona-Branch: topic/x' -H 'X-Pomona-Ci-Url: http://ci.example.com/'
	expect_status 201
	expect_json .build.channel nightly
	expect_json .build.git_commit fee1
	expect_json .build.notes $'Grüße\nall'
	expect_json .build.branch topic/x
	expect_json .build.ci_url http://ci.example.com/
}

@test "a form with the file in it publishes too, wherever the file stands among the fields" {
	"$POMONA" --routes | grep -q '^POST  */api/v1/upload ' || skip "no form upload in this build"
	post /api/v1/upload -H "$(bearer upload)" -H 'Accept: application/json' -F channel=beta -F "file=@$IPAS/enterprise.ipa" -F changelog=New
	expect_status 201
	expect_json .build.channel beta
	expect_json .build.notes New
	expect_json .build.sha256 "$(sha256 "$IPAS/enterprise.ipa")"
	post /api/v1/upload -H "$(bearer upload)" -H 'Accept: application/json' -F "file=@$IPAS/enterprise.ipa"
	expect_status 200
	ask PUT /api/v1/upload -H "$(bearer upload)" -H 'Accept: application/json' -F "file=@$IPAS/enterprise.ipa" -F channel=gamma
	expect_status 200
	expect_json '.build.channels | join(" ")' 'beta gamma'
}

@test "a field that cannot be kept is refused before anything is published" {
	upload "$IPAS/enterprise.ipa" upload '?channel=no%20blank'
	expect_problem 422 invalid
	upload "$IPAS/enterprise.ipa" upload '?ci_url=javascript%3Aalert(1)'
	expect_problem 422 invalid
	upload "$IPAS/enterprise.ipa" upload '?custom_fields=%5B1%5D'
	expect_problem 422 invalid
	expect_nothing_left
}

@test "a form that is wrong hears it, however large its file is" {
	truncate -s 400M "$W/huge.ipa"
	post /api/v1/upload -H "$(bearer upload)" -H 'Accept: application/json' -F "ipa=@$W/huge.ipa"
	expect_problem 422 invalid
	expect_body 'in the field \"file\", not \"ipa\"'
	expect_nothing_left
}

@test "what is no app is refused with a code and words" {
	local file code
	for file in bad-top:no_payload bad-many:many_apps bad-no-info:no_info bad-info:bad_info bad-plist-bomb:hostile_plist; do
		code=${file#*:} file=${file%:*}
		upload "$IPAS/$file.ipa"
		expect_problem 422 "$code"
		expect_json .error.code "$code"
		expect_json '.error.text | length > 10' true
		expect_json .status 422
	done
	echo "no zip at all" >"$W/text.ipa"
	upload "$W/text.ipa"
	expect_problem 422 not_zip
	expect_json .error.code not_zip
	: >"$W/empty.ipa"
	upload "$W/empty.ipa"
	expect_problem 422 not_zip
	expect_nothing_left
	get /api/v1/apps -H "$(bearer read)"
	expect_json '.items | length' 0
}

@test "an app that no phone may install is kept, says why, and gets no link" {
	local kind
	for kind in store:store_signed tvos:wrong_platform no-provision:no_provision; do
		upload "$IPAS/${kind%:*}.ipa"
		expect_status 201
		expect_json .verdict.installable false
		expect_json ".verdict.reasons | any(.code == \"${kind#*:}\" and .level == \"error\")" true
		expect_json .install_url null
		expect_json .manifest_url null
		expect_json .qr_url null
		post "/api/v1/builds/$(json .build.id)/grants" -H "$(bearer upload)" -H 'Content-Type: application/json' -d '{}'
		expect_problem 409 not_installable
	done
}

@test "nobody uploads without a token that may" {
	ask PUT /api/v1/upload -T "$IPAS/enterprise.ipa"
	expect_problem 401 sign_in
	expect_header WWW-Authenticate 'Bearer*'
	ask PUT /api/v1/upload -T "$IPAS/enterprise.ipa" -H 'Authorization: Bearer pom_0000000000000000000000000000'
	expect_status 401
	upload "$IPAS/enterprise.ipa" read
	expect_status 403
	expect_nothing_left
}

@test "a token for one app learns nothing of another" {
	upload "$IPAS/enterprise.ipa" other
	expect_status 403
	cp "$W/body" "$W/first"
	expect_nothing_left
	upload "$IPAS/enterprise.ipa"
	expect_status 201
	local id
	id=$(json .build.id)
	upload "$IPAS/enterprise.ipa" other
	expect_status 403
	[ "$(jq -S 'del(.instance)' "$W/first")" = "$(jq -S 'del(.instance)' "$W/body")" ]
	expect_not_in "$W/body" "$id"
	# each way to it: the same 404 as for what is not there
	local path
	for path in "GET /api/v1/builds/$id" "GET /api/v1/apps/com.example.app" "GET /api/v1/apps/com.example.app/builds" \
		"DELETE /api/v1/builds/$id" "GET /api/v1/builds/$id/grants"; do
		ask ${path} -H "$(bearer other)"
		expect_status 404
		expect_not_in "$W/body" com.example.app
	done
	post "/api/v1/builds/$id/promote" -H "$(bearer other)" -H 'Content-Type: application/json' -d '{"channel":"beta"}'
	expect_status 404
	ask PUT "/api/v1/builds/$id/changelog" -H "$(bearer other)" -H 'Content-Type: application/json' -d '{"changelog":"x"}'
	expect_status 404
	get /api/v1/builds/$id/grants -H "$(bearer upload)"
	local grant
	grant=$(json '.items[0].id')
	delete "/api/v1/grants/$grant" -H "$(bearer other)"
	expect_status 404
	get "/api/v1/builds/$id" -H "$(bearer read)"
	expect_json '.channels | join(" ")' main
}

@test "a token for one app uploads that app" {
	app other.ipa id=com.example.other
	upload "$W/other.ipa" other
	expect_status 201
	get /api/v1/apps -H "$(bearer other)"
	expect_json '[.items[].bundle_id] | join(" ")' com.example.other
}

too_large_is_said_before_the_body_is_read() {
	head -c 30000000 /dev/zero >"$W/large.ipa"
	local counted
	upload "$W/large.ipa"
	expect_problem 413 too_large
	# curl waits for a 100 Continue; without asking for it the body is on its way, and the answer arrives all the same
	upload "$W/large.ipa" upload -H 'Expect:'
	expect_problem 413 too_large
	# of unknown length, it is refused at the limit
	upload - upload -H 'Transfer-Encoding: chunked' <"$W/large.ipa"
	expect_status 413
	# however much follows
	truncate -s 400M "$W/huge.ipa"
	upload - upload -H 'Transfer-Encoding: chunked' <"$W/huge.ipa"
	expect_problem 413 too_large
	get /metrics
	counted=$(sed -n 's/^pomona_upload_bytes_total //p' "$W/body")
	[ "$counted" -le 2000000 ]
	expect_nothing_left
}

@test "too large is said before the body is read" {
	pomona_stop
	setting upload max_mb 1
	pomona_start
	too_large_is_said_before_the_body_is_read
}

@test "too large is said before the body is read, with TLS too" {
	pomona_stop
	setting upload max_mb 1
	pomona_start_tls
	too_large_is_said_before_the_body_is_read
}

@test "an upload that does not come from our own page is refused before the body is read" {
	head -c 30000000 /dev/zero >"$W/large.ipa"
	sign_in paul
	as paul ask PUT /api/v1/upload -T "$W/large.ipa"
	expect_status 403
	as paul ask PUT /api/v1/upload -T "$W/large.ipa" -H 'X-CSRF-Token: of-another-session' -H 'Expect:'
	expect_status 403
	as paul get /account
	get /metrics
	grep -qx 'pomona_upload_bytes_total 0' "$W/body"
	expect_nothing_left
	as paul ask PUT /api/v1/upload -T "$IPAS/enterprise.ipa" -H "X-CSRF-Token: $CSRF" -H 'Accept: application/json'
	expect_status 201
}

@test "an upload that breaks off leaves nothing" {
	app big.ipa mb=8
	curl -sS --connect-to "::127.0.0.1:$PORT" -T "$W/big.ipa" -H "$(bearer upload)" --limit-rate 1M "$BASE/api/v1/upload" -o /dev/null 2>/dev/null 3>&- &
	local sender=$!
	some_leftover() { [ -n "$(leftovers)" ]; }
	wait_until some_leftover
	kill -KILL $sender
	wait $sender || true
	expect_nothing_left
}

@test "one person has four uploads at once, and the fifth is told to wait" {
	app big.ipa mb=8
	local i senders=()
	for i in 1 2 3 4; do
		curl -sS --connect-to "::127.0.0.1:$PORT" -T "$W/big.ipa" -H "$(bearer upload)" --limit-rate 1M "$BASE/api/v1/upload" -o /dev/null 2>/dev/null 3>&- &
		senders+=($!)
	done
	four_under_way() { [ "$(leftovers | wc -l)" -eq 4 ]; }
	wait_until four_under_way
	upload "$IPAS/enterprise.ipa"
	expect_problem 429 too_often
	expect_header Retry-After '?*'
	kill -KILL "${senders[@]}"
	wait "${senders[@]}" || true
	expect_nothing_left
	published() { upload "$IPAS/enterprise.ipa" && [ "$STATUS" = 201 ]; }
	wait_until published
}

# a_hundred PASS: at once, of which so many are taken; $W/answers.  While they are held, whoever else uploads is not in their way.
a_hundred() {
	local pid size drafts
	rm -f "$W/held"
	python3 "$ROOT/tests/e2e/lib/parallel.py" "$PORT" "$HOST" "$(cat "$W/token.upload")" "$W/big.ipa" 100 "$1" "$W/held" >"$W/answers" 3>&- &
	pid=$!
	wait_until test -e "$W/held"
	[ "$(sort "$W/answers" | uniq -c | sed 's/^ *//')" = "$((100 - $1)) 429 too_often" ]
	# each has all of its room, though a thousand bytes of it have come
	size=$(stat -c %s "$W/big.ipa")
	drafts=$(leftovers)
	[ "$(wc -l <<<"$drafts")" -eq "$1" ]
	if fallocate -l 4096 "$W/may"; then
		[ "$(xargs -d '\n' stat -c %b <<<"$drafts" | sort -n | head -1)" -ge $((size / 512)) ]
	fi
	upload "$IPAS/enterprise.ipa" admin
	[[ $STATUS == 20[01] ]]
	rm "$W/held"
	wait "$pid"
	[ "$(grep -c '^20[01] -$' "$W/answers")" = "$1" ]
	[ "$(wc -l <"$W/answers")" = 100 ]
	wait_until no_leftovers || { leftovers; return 1; }
}

@test "of a hundred uploads at once exactly as many are taken as one may have, and nothing is left of any" {
	app big.ipa mb=2
	a_hundred 4
	[ "$(sort "$W/answers" | uniq -c | sed 's/^ *//' | grep '20. -' | sort)" = $'1 201 -\n3 200 -' ]
	blobs >"$W/blobs.before"
	a_hundred 4	# the four have given back what they had
	pomona_stop
	setting upload parallel_max 7
	pomona_again
	a_hundred 7
	diff "$W/blobs.before" <(blobs)		# the same bytes are kept once
}

# ---- pomona upload ----

upload_command() {	# what is left of the command line
	"$POMONA" upload --server "http://127.0.0.1:$PORT" --token-file "$W/token.upload" "$@"
}

@test "pomona upload prints the install link and nothing else" {
	echo "* New things" >"$W/notes"
	upload_command "$IPAS/enterprise.ipa" --channel beta --notes-file "$W/notes" >"$W/out" 2>"$W/err"
	[ "$(wc -l <"$W/out")" -eq 1 ]
	grep -q "^$BASE/i/[A-Za-z0-9_-]*$" "$W/out"
	grep -q '^warning: ' "$W/err"
	never grep -q '%' "$W/err"		# progress is for terminals
	get "$(cat "$W/out")"
	expect_status 200
	get /api/v1/apps/com.example.app/builds -H "$(bearer read)"
	expect_json '.items[0].channel' beta
	expect_json '.items[0].notes' '* New things'
}

@test "pomona upload takes server and token from the environment and prints JSON when asked" {
	POMONA_ENDPOINT=http://127.0.0.1:$PORT POMONA_TOKEN=$(cat "$W/token.upload") \
		"$POMONA" upload "$IPAS/enterprise.ipa" --json >"$W/out" 2>/dev/null
	[ "$(jq -r .build.bundle_id "$W/out")" = com.example.app ]
}

@test "pomona upload shows progress on a terminal" {
	command -v script >/dev/null || skip "no script(1) to make a terminal"
	script -qec "'$POMONA' upload '$IPAS/enterprise.ipa' --server http://127.0.0.1:$PORT --token-file '$W/token.upload'" /dev/null >"$W/out" 3>&-
	grep -q '100 %' "$W/out"
}

@test "pomona upload's exit code says who is to act: 3 the person, 4 the file, 5 the network" {
	run "$POMONA" upload --server "http://127.0.0.1:$PORT" --token-file "$W/token.read" "$IPAS/enterprise.ipa"
	[ "$status" -eq 3 ]
	run upload_command "$IPAS/bad-top.ipa"
	[ "$status" -eq 4 ]
	[[ $output == *no_payload* ]]
	run upload_command "$IPAS/nothing-here.ipa"
	[ "$status" -eq 2 ]
	run "$POMONA" upload "$IPAS/enterprise.ipa" --token-file "$W/token.upload"
	[ "$status" -eq 2 ]
	pomona_stop
	run upload_command "$IPAS/enterprise.ipa"
	[ "$status" -eq 5 ]
	[[ $output != *"$TOKEN"* ]]
}

# Says "go on", takes a little of the file and is gone.
GONE='
import socket, sys
door = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1] + ".new", "w").write(str(door.getsockname()[1]))
__import__("os").rename(sys.argv[1] + ".new", sys.argv[1])
caller, _ = door.accept()
caller.recv(65536)
caller.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
caller.recv(65536)
caller.close()
'

@test "pomona upload says that it was the network when the connection ends in the middle of the file" {
	app big.ipa mb=8
	timeout 60 python3 -c "$GONE" "$W/door" 3>&- &
	local gone=$!
	wait_until test -s "$W/door"
	run "$POMONA" upload --server "http://127.0.0.1:$(cat "$W/door")" --token-file "$W/token.upload" "$W/big.ipa"
	wait $gone
	[ "$status" -eq 5 ] || { echo "$status: $output"; return 1; }
	[[ $output != *refused* && $output == *"http://127.0.0.1:"* ]]
}
