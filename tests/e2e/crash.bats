# The machine's plug is pulled, again and again, in the middle of uploads: what was answered is there.
# With POMONA_WHOLE the server is killed 200 times, else 20; it is the release binary.
load lib/pomona

TUS='Tus-Resumable: 1.0.0'

setup_file() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	POMONA=$POMONA_RELEASE pomona_prepare
}
setup()    { [ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"; POMONA=$POMONA_RELEASE; pomona_data; }
teardown() { pomona_stop; }

KILLS=$([ -n "${POMONA_WHOLE-}" ] && echo 200 || echo 20)

# One sender: its app, to its end or the server's, by one of three ways.  What it was told goes to $W/told.N and
# $W/status.N; of a resumable upload also how far it was told to be, to $W/far.N: its path, its bytes.
WAYS=(raw form tus)
sender() {	# N WAY
	local status
	status=$("send_$2" "$1") || true
	echo "$status" >"$W/status.$1"
}
say() {	# N PATH [OPTIONS]: the status
	local n=$1 path=$2; shift 2
	curl -sS --connect-to "::127.0.0.1:$PORT" -H "$(bearer upload)" -o "$W/told.$n" -D "$W/heads.$n" -w '%{http_code}' "$@" "$BASE$path" 2>/dev/null
}
send_raw() { say "$1" /api/v1/upload -T "$W/app.$1"; }
send_form() { say "$1" /api/v1/upload -H 'Accept: application/json' -F channel=main -F "file=@$W/app.$1"; }
send_tus() {	# in two parts
	local n=$1 size status at=0 u
	size=$(stat -c %s "$W/app.$n")
	status=$(say "$n" /api/v1/uploads -X POST -H "$TUS" -H "Upload-Length: $size") || true
	[ "$status" = 201 ] || { echo "$status"; return; }
	u=$(tr -d '\r' <"$W/heads.$n" | sed -n "s|^Location: ||p")
	u=${u#"$BASE"}
	echo "$u 0" >"$W/far.$n"
	for part in $((size / 2)) $((size - size / 2)); do
		status=$(tail -c "+$((at + 1))" "$W/app.$n" | head -c "$part" | say "$n" "$u" -X PATCH -H "$TUS" -H "Upload-Offset: $at" \
			-H 'Content-Type: application/offset+octet-stream' --data-binary @-) || true
		[ "$status" = 204 ] || { echo "$status"; return; }
		at=$((at + part))
		echo "$u $at" >"$W/far.$n"
	done
	while status=$(say "$n" "$u") && [ "$status" = 202 ]; do sleep 0.02; done
	echo "$status"
}

# What a resumable upload was told to have is there after the kill; told to have all, it becomes a build by itself.
# One that is not whole goes on or is given up; here it is given up.
expect_as_far() {	# N
	local u at size
	[ -e "$W/far.$1" ] || return 0
	read -r u at <"$W/far.$1"
	size=$(stat -c %s "$W/app.$1")
	ask HEAD "$u" -H "$TUS" -H "$(bearer upload)"
	expect_status 200
	[ "$(header Upload-Offset)" -ge "$at" ] || { echo "of $at bytes $(header Upload-Offset) are there"; return 1; }
	if [ "$(header Upload-Offset)" -eq "$size" ]; then
		read_by_now() { get "$u" -H "$(bearer upload)" && [ "$STATUS" != 202 ]; }
		wait_until read_by_now
		expect_status 201
		expect_json .build.sha256 "$(sha256 "$W/app.$1")"
		jq -r '.build.id + " " + .build.sha256' "$W/body" >>"$W/kept"
		case $(cat "$W/status.$1") in 20[01]) ;; *) resumed=$((resumed + 1)) ;; esac
	else
		delete "$u" -H "$TUS" -H "$(bearer upload)"
		expect_status 204
	fi
}

# What no row speaks of, and what a row speaks of that is not there.
no_orphans() {
	sqlite3 "$DATA"/*.db "SELECT sha256 FROM build UNION SELECT icon57 FROM build UNION SELECT icon120 FROM build UNION SELECT icon512 FROM build" |
		sort -u >"$W/wanted"
	blobs >"$W/here"
	diff "$W/wanted" "$W/here" >"$W/orphans" || return 1
	{ find "$DATA/blobs/tmp" -type f; (cd "$DATA/uploads" && find . -type f -printf '%f\n') |
		grep -vxF "$(sqlite3 "$DATA"/*.db "SELECT '-' UNION SELECT id FROM upload WHERE status < 2")"; } >"$W/orphans" || true
	[ ! -s "$W/orphans" ]
}
expect_no_orphans() { wait_until no_orphans || { cat "$W/orphans"; return 1; }; }

@test "killed at any moment of an upload, the server loses nothing that it has answered" {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	one_answered() { cat "$W/status.$((n - 2))" "$W/status.$((n - 1))" "$W/status.$n" 2>/dev/null | grep -q 201; }
	local round n=0 sent answered=0 resumed=0 builds pids
	: >"$W/kept"
	BASE=http://$HOST
	pomona_serve --plain
	RANDOM=4711		# the same moments each time, as far as a clock allows
	for ((round = 0; round < KILLS; round++)); do
		pids=()
		for sent in 1 2 3; do
			n=$((n + 1))
			app "app.$n" build=$n mb=0.$((RANDOM % 10))
			sender $n "${WAYS[(n + round) % 3]}" 3>&- &
			pids+=($!)
		done
		# at some moment; every other time, right behind the first answer
		if [ $((round % 2)) -eq 0 ]; then sleep "0.$((RANDOM % 3))$((RANDOM % 10))"; else wait_until one_answered; fi
		pomona_kill
		wait "${pids[@]}"
		for sent in $((n - 2)) $((n - 1)) $n; do
			case $(cat "$W/status.$sent") in
			201)	answered=$((answered + 1))
				jq -r '.build.id + " " + .build.sha256' "$W/told.$sent" >>"$W/kept"
				[ "$(jq -r .build.sha256 "$W/told.$sent")" = "$(sha256 "$W/app.$sent")" ] ;;
			000|100)	;;
			*)	echo "an upload was answered $(cat "$W/status.$sent")"; cat "$W/told.$sent"; return 1 ;;
			esac
			sha256 "$W/app.$sent" >>"$W/offered"
		done
		pomona_serve --plain
		for sent in $((n - 2)) $((n - 1)) $n; do
			expect_as_far $sent
			rm -f "$W/app.$sent"
		done
		expect_no_orphans
	done
	echo "$n uploads, $answered answered before the server was killed, $resumed resumable ones whole behind it"
	[ "$resumed" -ge 1 ]
	[ "$answered" -ge $((KILLS / 2)) ]
	[ "$answered" -lt $n ]
	# each that was answered is whole
	while read -r id sum; do
		get "/api/v1/builds/$id" -H "$(bearer read)"
		expect_json .sha256 "$sum"
		post "/api/v1/builds/$id/grants" -H "$(bearer upload)" -H 'Content-Type: application/json' -d '{}'
		get "$(json .manifest_url | sed 's/manifest.plist$/app.ipa/')"
		[ "$(sha256 "$W/body")" = "$sum" ]
	done < <(sort -u "$W/kept")
	# of the others, what is visible is whole too: it had committed and could not say so
	get "/api/v1/apps/com.example.app/builds?limit=200" -H "$(bearer read)"
	builds=$(json '.items | length')
	[ "$builds" -ge "$answered" ] || [ "$builds" -eq 200 ]
	json '.items[].sha256' | while read -r sum; do
		grep -qx "$sum" "$W/offered"
		[ "$(sha256 "$(find "$DATA/blobs" -name "$sum")")" = "$sum" ]
	done
	# and the record of it all has no gap
	"$POMONA" doctor --data "$DATA" >"$W/doctor" || true
	grep -qE '^ok +audit' "$W/doctor"
	# the same file, sent once more by who got no answer, is accepted
	app again.ipa build=$n
	upload "$W/again.ipa"
	[ "$STATUS" = 200 ] || [ "$STATUS" = 201 ]
}

@test "killed in the middle of everything at once, the server starts again by itself" {
	BASE=http://$HOST
	pomona_serve --plain
	app big.ipa mb=30
	upload "$IPAS/enterprise.ipa"
	local id i pids=()
	id=$(json .build.id)
	for i in 1 2 3 4 5; do
		curl -s --connect-to "::127.0.0.1:$PORT" -T "$W/big.ipa" -H "$(bearer upload)" "$BASE/api/v1/upload" -o /dev/null 3>&- &
		pids+=($!)
		curl -s --connect-to "::127.0.0.1:$PORT" -X POST "$BASE/api/v1/builds/$id/grants" -H "$(bearer upload)" -o /dev/null 3>&- &
		pids+=($!)
	done
	some_leftover() { [ -n "$(leftovers)" ]; }
	wait_until some_leftover
	pomona_kill
	wait "${pids[@]}" || true
	pomona_serve --plain
	no_leftovers
	get /readyz
	expect_json .ready true
	upload "$W/big.ipa"
	[ "$STATUS" = 200 ] || [ "$STATUS" = 201 ]
	expect_json .build.sha256 "$(sha256 "$W/big.ipa")"
}
