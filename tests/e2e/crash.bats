# The machine's plug is pulled, again and again, in the middle of uploads: what was answered is there.
# With POMONA_WHOLE the server is killed 200 times, else 20; it is the release binary.
load lib/pomona

setup_file() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	POMONA=$POMONA_RELEASE pomona_prepare
}
setup()    { [ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"; POMONA=$POMONA_RELEASE; pomona_data; }
teardown() { pomona_stop; }

KILLS=$([ -n "${POMONA_WHOLE-}" ] && echo 200 || echo 20)

# One sender: its app, to its end or the server's.  What it was told goes to $W/told.N.
sender() {	# N
	local status
	status=$(curl -sS --connect-to "::127.0.0.1:$PORT" -T "$W/app.$1" -H "$(bearer upload)" -o "$W/told.$1" -w '%{http_code}' \
		"$BASE/api/v1/upload" 2>/dev/null) || true
	echo "$status" >"$W/status.$1"
}

# What no row speaks of, and what a row speaks of that is not there.
expect_no_orphans() {
	{ sqlite3 "$DATA"/*.db "SELECT sha256 FROM build UNION SELECT icon57 FROM build UNION SELECT icon120 FROM build UNION SELECT icon512 FROM build"; } |
		sort -u >"$W/wanted"
	blobs >"$W/here"
	diff "$W/wanted" "$W/here"
	no_leftovers || { leftovers; return 1; }
}

@test "killed at any moment of an upload, the server loses nothing that it has answered" {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	one_answered() { cat "$W/status.$((n - 2))" "$W/status.$((n - 1))" "$W/status.$n" 2>/dev/null | grep -q 201; }
	local round n=0 sent answered=0 builds pids
	: >"$W/kept"
	BASE=http://$HOST
	pomona_serve --plain
	RANDOM=4711		# the same moments each time, as far as a clock allows
	for ((round = 0; round < KILLS; round++)); do
		pids=()
		for sent in 1 2 3; do
			n=$((n + 1))
			app "app.$n" build=$n mb=0.$((RANDOM % 10))
			sender $n 3>&- &
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
			rm -f "$W/app.$sent"
		done
		pomona_serve --plain
		expect_no_orphans
	done
	echo "$n uploads, $answered answered before the server was killed"
	[ "$answered" -ge $((KILLS / 2)) ]
	[ "$answered" -lt $n ]
	# each that was answered is whole
	while read -r id sum; do
		get "/api/v1/builds/$id" -H "$(bearer read)"
		expect_json .sha256 "$sum"
		post "/api/v1/builds/$id/grants" -H "$(bearer upload)" -H 'Content-Type: application/json' -d '{}'
		get "$(json .manifest_url | sed 's/manifest.plist$/app.ipa/')"
		[ "$(sha256 "$W/body")" = "$sum" ]
	done <"$W/kept"
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
