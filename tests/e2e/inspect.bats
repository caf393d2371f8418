# `pomona inspect FILE`: what scripts rely on - JSON on stdout, exit codes, words on stderr.

IPAS=tests/data/ipas

setup() {
	POMONA_BIN=${POMONA_BIN:-build/pomona}
	[ -x "$POMONA_BIN" ] || skip "no $POMONA_BIN"
}

field() { python3 -c 'import functools, json, sys
print(functools.reduce(lambda o, k: o[k], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"; }

@test "an app is told as JSON, with exit code 0 and nothing on stderr" {
	"$POMONA_BIN" inspect --extra-root $IPAS/root.pem $IPAS/enterprise.ipa >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	[ "$(field bundle_id <"$BATS_TEST_TMPDIR/out")" = com.example.app ]
	[ "$(field file.sha256 <"$BATS_TEST_TMPDIR/out")" = "$(sha256sum <$IPAS/enterprise.ipa | cut -d' ' -f1)" ]
	[ ! -s "$BATS_TEST_TMPDIR/err" ]
}

@test "what is not an app exits with 4 and says why on stdout" {
	run "$POMONA_BIN" inspect $IPAS/bad-many.ipa
	[ "$status" -eq 4 ]
	[ "$(field error.code <<<"$output")" = many_apps ]
}

@test "a file that cannot be read, and a wrong call, exit with 2" {
	for args in "$IPAS/no-such.ipa" "$IPAS" "/dev/null" "" "--no-such-option x" "--now tomorrow $IPAS/adhoc.ipa" \
		"$IPAS/adhoc.ipa $IPAS/adhoc.ipa" "--extra-root $IPAS/no-such.pem $IPAS/adhoc.ipa"; do
		# shellcheck disable=SC2086 # each is several words
		run "$POMONA_BIN" inspect $args
		[ "$status" -eq 2 ]
	done
}

@test "the time can be another one, and devices are listed on request" {
	run "$POMONA_BIN" inspect --now 2027-06-01T00:00:00Z --udids --extra-root $IPAS/root.pem $IPAS/adhoc.ipa
	[ "$status" -eq 0 ]
	[[ "$output" == *provision_expired* ]]
	[[ "$output" == *'"udids"'* ]]
}

@test "an empty file is no zip" {
	: >"$BATS_TEST_TMPDIR/empty.ipa"
	run "$POMONA_BIN" inspect "$BATS_TEST_TMPDIR/empty.ipa"
	[ "$status" -eq 4 ]
	[ "$(field error.code <<<"$output")" = not_zip ]
}

@test "of several certificates the one that signed the app decides" {
	local ipa=${POMONA_SHARED:-$BATS_TEST_DIRNAME/../../../shared}/fixtures/ipa/app-info-iphone.ipa
	[ -e "$ipa" ] || skip "no $ipa"
	run "$POMONA_BIN" inspect --now 2017-05-01T00:00:00Z "$ipa"
	[ "$status" -eq 0 ]
	[ "$(field verdict.installable <<<"$output")" = False ]
	[[ "$output" == *certificate_expired* ]]
}

@test "the release program reads every real file in its sandbox, and says of each what is known of it" {
	local shared=${POMONA_SHARED:-$BATS_TEST_DIRNAME/../../../shared}/fixtures
	[ -e "$shared/expected.jsonl" ] || skip "no $shared"
	python3 - "$POMONA_BIN" "$shared" <<-'PY'
		import json, os, subprocess, sys
		program, shared = sys.argv[1:]
		known = {item["path"]: item for item in map(json.loads, open(shared + "/expected.jsonl"))}
		codes = {"appium-BadZippedApp.zip": "not_zip", "appium-TestApp-simulator.app.zip": "no_payload", "fastlane-not-an-ipa.ipa": "not_zip",
		         "ostorlab-ios-dummy.ipa": "not_zip", "fastlane-gym-with_swift_twice.ipa": "no_info"}
		apps = 0
		for name in sorted(os.listdir(shared + "/ipa")):
		    said = subprocess.run([program, "inspect", shared + "/ipa/" + name], capture_output=True, text=True)
		    facts, item = json.loads(said.stdout), known.get(name, {})
		    if not item.get("apps") or name in codes:
		        assert said.returncode == 4 and facts["error"]["code"] == codes.get(name, "no_payload"), (name, facts)
		        continue
		    apps += 1
		    prov = item.get("prov")
		    assert said.returncode == 0, (name, said)
		    assert facts["platform"] == (item.get("DTPlatformName") or ""), (name, facts["platform"])
		    assert facts["binary"]["signed"] == item["codesig"] and (facts["provision"] is not None) == bool(prov), name
		    assert facts["bundle_id"] == item["CFBundleIdentifier"] and facts["build"] == item["CFBundleVersion"], name
		    assert not prov or facts["provision"]["signature"] in ("apple", "other"), name
		assert apps == 12, apps
	PY
}
