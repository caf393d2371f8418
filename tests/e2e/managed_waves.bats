# An app that everybody must have goes to a fleet in waves, while phones say NotNow, fail, fall silent in the middle
# and sleep for a week, and the server is killed on the way.  With POMONA_WHOLE there are 500 phones, else 20.
load lib/pomona
load lib/sending
load lib/devices

APP=com.example.app
PHONES=$([ -n "${POMONA_WHOLE-}" ] && echo 500 || echo 20)
WAIT_STEPS=2400

setup_file() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	POMONA=$POMONA_RELEASE devices_prepare
}

setup() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	POMONA=$POMONA_RELEASE
	devices_data
	T=$(date +%s)
	date -u -d "@$T" +%FT%TZ >"$W/clock"
	setting clock file "\"$W/clock\""
	pomona_start_tls
	SERVE_OPTIONS+=(--listen "127.0.0.1:$PORT")	# phones remember where it is
}

teardown() { devices_stop; }

# The clock goes on by so much, while the server is killed and comes back.
later() {	# SECONDS
	pomona_kill
	T=$((T + $1))
	date -u -d "@$T" +%FT%TZ >"$W/clock"
	pomona_again
	settled
}

no_job() { [ "$(sql "SELECT count(*) FROM job WHERE kind LIKE 'managed_app%' AND NOT dead AND due <= $T")" = 0 ]; }
settled() { wait_until no_job || { sql "SELECT * FROM job"; tail -5 "$W/log"; return 1; }; }
published() {	# BUILD
	current_app a.ipa build="$1"
	upload "$W/a.ipa"
	expect_status 201
	BUILD=$(json .build.id)
	settled
}
change() { ask "$1" "/api/v1/apps/$APP/$2" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "$3"; expect_status 200; }
rows() { sql "SELECT count(*) FROM managed_app WHERE $1"; }
ledger_has() { [ "$(wc -l <"$W/ledger")" -ge "$1" ]; }
# How many phones have that build, as they say themselves.
have() {
	python3 - "$W/phones" "$APP" "$1" <<-'PY'
		import glob, plistlib, sys
		def version(path):
		    with open(path, "rb") as file:
		        return [a.get("Version") for a in plistlib.load(file)["Apps"] if a["Identifier"] == sys.argv[2] and a.get("Status", "Managed") == "Managed"]
		print(sum(version(path) == [sys.argv[3]] for path in glob.glob(sys.argv[1] + "/*.plist")))
	PY
}

@test "a required app reaches every phone in waves, whatever phones do and however often the server is killed" {
	local asleep=$((PHONES / 8)) awake wave sent before=0 fleet lines i
	awake=$((PHONES - asleep))
	published 34
	change PUT channels/main/required '{"required":true}'
	sessions "$PHONES" direct_url
	device_on fleet --count "$PHONES" --enroll "$W/urls" --drain >"$W/joined" 2>&1 || { cat "$W/joined"; tail -5 "$W/log"; return 1; }
	for ((i = 0; i < 6 && $(rows "state = 'installed'") < PHONES; i++)); do
		later 61
		device_on fleet --count "$PHONES" --drain >"$W/fleet"
	done
	[ "$(rows "state = 'installed'")" = "$PHONES" ]
	[ "$(have 34)" = "$PHONES" ]

	change PUT rollout '{"pace":"step","percent":25}'
	published 35
	for ((wave = 1; wave <= 4; wave++)); do
		sent=$(rows "build_id = '$BUILD'")
		echo "wave $wave: $sent of $PHONES"
		[ "$sent" -gt "$before" ]
		[ $wave = 4 ] || [ "$sent" -lt "$PHONES" ]
		before=$sent
		# all but those that sleep come by; the server dies in the middle of it
		lines=$(wc -l <"$W/ledger")
		device_on fleet --count "$awake" --drain --not-now 15 --error 8 --app-fails 8 --deaf 4 --install-polls 1 --seed $wave >"$W/fleet" 2>&1 3>&- &
		fleet=$!
		wait_until ledger_has $((lines + awake))
		pomona_kill
		pomona_again
		wait $fleet || { cat "$W/fleet"; return 1; }
		later 61
		device_on fleet --count "$awake" --drain --not-now 15 --seed $((10 * wave)) >"$W/fleet"
		# nobody has it whose turn has not come
		[ "$(have 35)" -le "$sent" ]
		[ $wave = 4 ] || { post "/api/v1/apps/$APP/rollout/step" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"build_id\":\"$BUILD\"}"; expect_status 200; settled; }
	done
	[ "$before" = "$PHONES" ]
	# there was something to get over, and sleepers have not got it
	[ "$(sql "SELECT count(*) FROM command_history h JOIN command c ON c.id = h.command_id WHERE c.request_type IN ('InstallApplication', 'ManagedApplicationList', 'InstalledApplicationList') AND (h.not_now_count > 0 OR h.status = 'Error')")" -gt 0 ]
	[ "$(have 35)" -le "$awake" ]

	# a week later they wake, and what failed is tried again
	later $((7 * 86400))
	for ((i = 0; i < 12 && $(rows "state = 'installed'") < PHONES; i++)); do
		device_on fleet --count "$PHONES" --drain --not-now 5 --seed $((100 + i)) >"$W/fleet"
		later $((i % 3 ? 61 : 86401))
	done
	device_on fleet --count "$PHONES" --drain >"$W/fleet"
	[ "$(rows "state = 'installed' AND build_id = '$BUILD'")" = "$PHONES" ] || { sql "SELECT state, why, count(*) FROM managed_app GROUP BY 1, 2"; return 1; }
	[ "$(have 35)" = "$PHONES" ]
	[ "$(sql "SELECT max(attempts) FROM managed_app")" -le 5 ]
	nobody_sent_away
	judged
}
