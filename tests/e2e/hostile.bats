# Files that were made to do harm: each is refused by `pomona inspect` itself, within a second of CPU and 64 MB,
# whatever it is; and by the server that runs the same, which does not grow by it.
# (POMONA_BIN: a release build; sanitizers take more of both.)
load lib/pomona

setup_file() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	POMONA=$POMONA_RELEASE pomona_prepare
}

setup() {
	POMONA_BIN=$POMONA_RELEASE
	[ -x "$POMONA_BIN" ] || skip "no $POMONA_BIN"
	POMONA=$POMONA_RELEASE
	HOSTILE=$(mktemp -d)
}

teardown() {
	[ -z "$HOSTILE" ] || rm -rf "$HOSTILE"
	pomona_stop
}

GROWTH_MAX_KB=8192	# what all of them together may leave behind in the memory of the server

rss() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$PID/status"; }

# What `inspect` has refused is refused by the server in the same words; so is what is no archive at all.
refused_by_the_server() {	# LOG: of hostile.py
	local name code before after refused=0
	pomona_start
	app warm.ipa mb=8 build=1
	upload "$W/warm.ipa"
	expect_status 201
	blobs >"$W/blobs.before"
	before=$(rss)
	while read -r name code; do
		upload "$HOSTILE/$name"
		expect_problem 422 "$code" || { echo "it was $name"; return 1; }
		refused=$((refused + 1))
	done < <(sed -nE 's/^ok +4 .* MB  ([^ ]+): ([a-z_]+): .*/\1 \2/p' "$1"
		find "$HOSTILE/" -name '*.plist' -printf '%P not_zip\n')
	after=$(rss)
	echo "$refused refused; the server had $before KB before, and $after KB behind them"
	[ "$refused" -ge "$2" ]
	[ $((after - before)) -le $GROWTH_MAX_KB ]
	wait_until no_leftovers
	diff "$W/blobs.before" <(blobs)
	upload "$IPAS/enterprise.ipa"
	expect_status 201
}

@test "our own hostile files are refused soon and in little memory" {
	python3 "$ROOT/tests/data/make_ipas.py" --hostile "$HOSTILE"
	python3 "$ROOT/tests/e2e/hostile.py" "$POMONA_BIN" "$HOSTILE" >"$BATS_TEST_TMPDIR/out" || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
	refused_by_the_server "$BATS_TEST_TMPDIR/out" 4
}

@test "the generated set of hostile archives and property lists is refused too" {
	generator=$SHARED/hostile/gen_hostile.py
	[ -r "$generator" ] || skip "no $generator"
	python3 "$generator" "$HOSTILE"
	python3 "$ROOT/tests/e2e/hostile.py" "$POMONA_BIN" "$HOSTILE" >"$BATS_TEST_TMPDIR/out" || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
	refused_by_the_server "$BATS_TEST_TMPDIR/out" 90
}

@test "no file outside is opened while a stranger's file is read" {
	command -v strace >/dev/null || skip "no strace"
	strace -f -qq -e trace=all -o "$HOSTILE/trace" "$POMONA_BIN" inspect "$IPAS/watch-first.ipa" >/dev/null
	# What the child does once seccomp has taken hold (the library asks for it a few times before).
	awk '/seccomp\(/ { child = $1; n = 0; next } $1 == child && !/<\.\.\./ { calls[n++] = $2 }
		END { for (i = 0; i < n; i++) print calls[i] }' "$HOSTILE/trace" |
		sed 's/(.*//' | sort -u > "$HOSTILE/calls"
	cat "$HOSTILE/calls"
	grep -qx pread64 "$HOSTILE/calls"
	run grep -vxE 'pread64|brk|mmap|munmap|mremap|madvise|write|futex|getrandom|getpid|exit_group|\+\+\+' "$HOSTILE/calls"
	[ "$status" -eq 1 ]
}
