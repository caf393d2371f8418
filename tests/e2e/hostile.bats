# Files that were made to do harm: each is refused by `pomona inspect` itself, within a second of
# CPU and 64 MB, whatever it is.  (POMONA_BIN: a release build; sanitizers take more of both.)

setup() {
	POMONA_BIN=${POMONA_BIN:-build/pomona}
	[ -x "$POMONA_BIN" ] || skip "no $POMONA_BIN"
	HOSTILE=$(mktemp -d)
}

teardown() {
	[ -z "$HOSTILE" ] || rm -rf "$HOSTILE"
}

@test "our own hostile files are refused soon and in little memory" {
	python3 tests/data/make_ipas.py --hostile "$HOSTILE"
	run python3 tests/e2e/hostile.py "$POMONA_BIN" "$HOSTILE"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "the generated set of hostile archives and property lists is refused too" {
	generator=${POMONA_SHARED:-../shared}/hostile/gen_hostile.py
	[ -r "$generator" ] || skip "no $generator"
	python3 "$generator" "$HOSTILE"
	run python3 tests/e2e/hostile.py "$POMONA_BIN" "$HOSTILE"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "no file outside is opened while a stranger's file is read" {
	command -v strace >/dev/null || skip "no strace"
	strace -f -qq -e trace=all -o "$HOSTILE/trace" "$POMONA_BIN" inspect tests/data/ipas/watch-first.ipa >/dev/null
	# What the child does once seccomp has taken hold (the library asks for it a few times before).
	awk '/seccomp\(/ { child = $1; n = 0; next } $1 == child && !/<\.\.\./ { calls[n++] = $2 }
		END { for (i = 0; i < n; i++) print calls[i] }' "$HOSTILE/trace" |
		sed 's/(.*//' | sort -u > "$HOSTILE/calls"
	cat "$HOSTILE/calls"
	grep -qx pread64 "$HOSTILE/calls"
	run grep -vxE 'pread64|brk|mmap|munmap|mremap|madvise|write|futex|getrandom|getpid|exit_group|\+\+\+' "$HOSTILE/calls"
	[ "$status" -eq 1 ]
}
