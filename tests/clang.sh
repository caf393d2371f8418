#!/usr/bin/env bash
# Warnings are errors with clang as well: it reads every source of the product as the release build compiles it, and what
# is fuzzed, which nothing else of ./dev test compiles.  (`./dev lint` builds with it, and has clang-tidy look.)  Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

wanted=$(ls core/*.c ipa/*.c mdm/*.c catalog/*.c web/*.c cli/*.c tests/fuzz/*.c | wc -l)
targets=$(ls tests/fuzz/*.c)
cd build
jq -r '.[] | select(.file | test("/(core|ipa|mdm|catalog|web|cli)/[^/]*\\.c$")) | .command' compile_commands.json |
	sed -E 's/^[^ ]+( [^ -][^ ]*)* -/clang -fsyntax-only -/; s/ -o [^ ]+ -c / /' | sort -u >"$dir/commands"
command=$(head -1 "$dir/commands")
printf "${command% *} ../%s\n" $targets >>"$dir/commands"
n=$(wc -l <"$dir/commands")
if [ "$n" -ge "$wanted" ] && tr '\n' '\0' <"$dir/commands" | xargs -0 -P2 -n1 sh -c >"$dir/out" 2>&1; then
	echo "ok 1 clang finds nothing in the product's and the fuzzers' $n sources"
else
	head -60 "$dir/out" 2>/dev/null | sed 's/^/# /'
	echo "not ok 1 clang finds nothing in the product's and the fuzzers' $wanted sources, of which it read $n"
	exit 1
fi
