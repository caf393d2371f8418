#!/usr/bin/env bash
# The rules of the house that a compiler does not know: who may include whom, where SQL stands, words.
# Prints TAP; a broken rule is shown with its place.
set -uo pipefail
cd "$(dirname "$0")/.."
n=0 bad=0

rule() {	# NAME FINDINGS
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n $1"
	else
		bad=1
		echo "not ok $n $1"
		printf '%s\n' "$2" | head -10 | sed 's/^/# /'
	fi
}

includes() { grep -nE "#include \"($2)" $1/*.[ch] 2>/dev/null; }

rule "includes run one way: cli -> web -> catalog -> mdm, ipa -> core" "$(
	includes core 'ipa|mdm|catalog|web|cli/'
	includes ipa 'mdm/|catalog/|web/|cli/|core/db|core/job|core/blob'
	includes mdm 'ipa/|catalog/|web/|cli/'
	includes catalog 'web/|cli/'
	includes web 'cli/')"

rule "to fuzz what is not there is an error" "$(./dev fuzz 1 fuzz_nothing >/dev/null 2>&1 && echo "./dev fuzz 1 fuzz_nothing succeeds")"

outside() { grep -nE "#include <$1" -r --include='*.[ch]' core ipa mdm catalog web cli 2>/dev/null | grep -vE "^($2)"; }
rule "each library has its one room" "$(
	outside microhttpd 'web/server\.c'
	outside plist/ 'core/plist'
	outside sqlite3 'core/db'
	outside zlib 'core/pack|ipa/(icon|member)|mdm/refresh'
	outside png 'ipa/icon|web/qr'
	outside seccomp 'ipa/sandbox'
	outside argon2 'catalog/person'
	outside confuse 'core/conf'
	outside qrencode 'web/qr'
	outside gnutls 'web/(tls|server)'
	outside curl/ 'core/(fetch|mail)|cli/(upload|doctor)'
	outside '(nghttp2/|openssl/ssl)' 'mdm/apns'
	outside '(ldap|lber)' 'catalog/directory')"

owners=$(awk -F'|' '/^\| `/ { gsub(/[` ]/, ""); n = split($3, files, ","); for (i = 1; i <= n; i++) print $2, files[i] }' docs/tables.md)
rule "a table is written by its owner alone" "$(
	while read -r table; do
		files=$(awk -v t="$table" '$1 == t { print $2 }' <<<"$owners" | sed 's/\./\\./g' | paste -sd'|')
		grep -nE "(INSERT INTO|DELETE FROM|\"UPDATE|UPDATE) $table[ \"]" -r --include='*.c' core ipa mdm catalog web cli |
			grep -vE "^($files):"
	done < <(awk '{ print $1 }' <<<"$owners" | sort -u))"
rule "SQL stands in files that own a table" "$(
	grep -nE '"(SELECT|INSERT INTO|DELETE FROM|UPDATE) ' -r --include='*.c' core ipa mdm catalog web cli |
		grep -vE "^($(awk '{print $2}' <<<"$owners" | sort -u | sed 's/\./\\./g' | paste -sd'|')|core/db[a-z_]*\.c):")"
rule "every table has an owner" "$(
	grep -hoE '^CREATE TABLE [a-z_]+' core/schema/*.sql | awk '{print $3}' | while read -r t; do
		grep -q "^$t " <<<"$owners" || echo "table $t is not in docs/tables.md"
	done)"
rule "of words in braces SQL has only {id} {blob} {skip_locked}" "$(
	grep -noE '\{[a-z_]+\}' core/schema/*.sql $(awk '{print $2}' <<<"$owners" | sort -u) 2>/dev/null |
		grep -vE '\{(id|blob|skip_locked)\}')"
rule "nothing is named profile: a provision or a mobileconfig" "$(
	grep -nwiE '[a-z_]*profiles?[a-z_]*' -r --include='*.[ch]' core ipa mdm catalog web cli |
		grep -vE '^[^:]*:[0-9]+:[ 	]*(\*|/\*|//)|/\*.*rofile|//.*rofile|"[^"]*[Pp]rofile[^"]*"')"
rule "no unfinished work" "$(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' -r --include='*.[ch]' --include='*.sh' --include='*.bats' --include='*.html' --include='*.py' core ipa mdm catalog web cli tests 2>/dev/null | grep -v '^tests/lint.sh' | grep -v node_modules)"
rule "a document that is named is one of the project" "$(
	grep -rnoE '[A-Za-z0-9_./$-]+\.md\b' --include='*.'{c,h,sql,sh,bats,bash,py,mjs,js,md,html,css,txt,tsv} README.md dev CMakeLists.txt \
		core ipa mdm catalog web cli tests docs 2>/dev/null | grep -v node_modules | while IFS=: read -r file line name; do
		case $name in *'$'*) continue ;; esac	# made by a test
		[ -f "docs/${name##*/}" ] || [ "${name##*/}" = README.md ] || echo "$file:$line: $name"
	done)"
# "MUST 12<tab>test_x: name" for each number in a test's name: must_12_and_behaviour_3_name, "name (MUSTs 2 and 13)".
numbered() {
	{
		grep -noE '^(must|behaviour)_[a-z0-9_]+\(void' tests/test_*.c | sed -E 's|^tests/(test_[^.]*)\.c:[0-9]+:(.*)\(void$|\1: \2|'
		grep -nE '^@test ".*(MUST|behaviour)' tests/e2e/*.bats | sed -E 's|^tests/e2e/([^:]*):[0-9]+:@test "(.*)".*|\1: \2|'
	} | awk '{
		name = $0; sub(/^[^:]*: /, "", name)
		if ($0 ~ /^test_/) {
			n = split(name, word, "_"); kind = ""
			for (i = 1; i <= n; i++)
				if (word[i] == "must" || word[i] == "behaviour") kind = word[i] == "must" ? "MUST" : word[i]
				else if (word[i] ~ /^[0-9]+$/) print kind " " word[i] "\t" $0
				else if (word[i] != "and") break
		} else
			while (match(name, /(MUST|behaviour)s? [0-9]+((, | and )[0-9]+)*/)) {
				n = split(substr(name, RSTART, RLENGTH), word, /[ ,]+/); name = substr(name, RSTART + RLENGTH)
				kind = word[1]; sub(/s$/, "", kind)
				for (i = 2; i <= n; i++) if (word[i] != "and") print kind " " word[i] "\t" $0
			}
	}' | sort -u
}
promised() { awk -F' \\| ' '/^\| (MUST|behaviour) / { sub(/^\| /, "", $1); n = split($3, t, "`"); for (i = 2; i <= n; i += 2) print $1 "\t" t[i] }' docs/conformance.md | sort -u; }
rule "every promise to devices is named by a test that there is (docs/conformance.md)" "$(
	comm -13 <(numbered) <(promised) | sed 's/^/there is no such test: /'
	comm -23 <(numbered) <(promised) | sed 's/^/docs\/conformance.md does not have: /'
	for n in $(seq 1 23) $(seq 30 67); do echo "MUST $n"; done | grep -vxFf <(numbered | cut -f1)
	for n in $(seq 1 15); do echo "behaviour $n"; done | grep -vxFf <(numbered | cut -f1))"
words_once() { cat "$@" | LC_ALL=C tr -cs 'A-Za-z0-9_' '\n' | LC_ALL=C sort | uniq -u; }
rule "a function that only tests call is in the tests, or its header says what it is for" "$(
	LC_ALL=C comm -12 <(words_once {core,ipa,mdm,catalog,web}/*.h) <(words_once {core,ipa,mdm,catalog,web,cli}/*.c) |
		grep -v ^scoped_ | grep -xFf <(grep -hoE '^[a-z][a-z0-9_]*\(' {core,ipa,mdm,catalog,web}/*.c | tr -d '(') | while read -r f; do
		grep -hE "\b$f\(" -B1 {core,ipa,mdm,catalog,web}/*.h | grep -qE 'for (tests|the fuzzer)' || echo "$f"
	done)"
rule "no handler writes an error's status by itself" "$(grep -nE 'reply_(text|empty)\([a-z]+, (4|5)[0-9][0-9]' web/routes_*.c)"
rule "every act of the audit log can be filtered by, and has its words" "$(
	grep -rhzoP 'audit_add\([^;]*?;' --include='*.c' core ipa mdm catalog web cli 2>/dev/null | tr '\n\0' ' \n' |
		grep -oE '"(sign_in|setting|[a-z_]+\.[a-z_.]+)"' | tr -d '"' | sort -u | while read -r act; do
		grep -q "\"$act\"" web/routes_audit.c || echo "$act is not in web/routes_audit.c"
		grep -q "\"act_${act//./_}\":" web/words/en.json || echo "web/words has no act_${act//./_}"
	done)"
rule "every setting that code reads is in the table" "$(
	grep -ohE 'conf->[a-z_0-9]+' -r --include='*.c' --exclude=server.c web cli catalog | sort -u | sed 's/conf->//' | while read -r f; do
		section=${f%%_*} key=${f#*_}
		grep -qE "[TNB]\($section, " core/conf.h || continue
		grep -qE "[TNB]\($section, +$key," core/conf.h || echo "conf->$f"
	done)"
# What a line of bash does without what is quoted, substituted, in parentheses or a comment.
bare() {
	sed -E -e "s/'[^']*'//g" -e ':q s/"[^"]*"//; tq; s/\[\[[^]]*\]\]/test/g; :p s/\$?\([^()]*\)//; tp; s/(^|[[:space:]])#.*//'
}
# "FILE:LINE: WORDS" of each line that cannot fail a story: bash ends nothing for `! command`, nor for a of `a && b`.
# It may, as the last word of a function of one line; and a && b may where || says what happens otherwise.
dead() {	# FILES
	local file
	for file; do
		bare <"$file" | awk -v file="$file" '
			/^[ \t]*! / || /[;{] *! [^;]*; *[^ }]/ { print file ":" NR ": ! does not end a story: never COMMAND (lib/pomona.bash): " $0; next }
			/&&/ && !/\|\|/ && !/\{.*\}/ && !/^[ \t]*((if|elif|while|until) |\()/ { print file ":" NR ": what stands before && does not end a story: a line each: " $0 }'
	done
}
rule "each line of a story can fail it" "$(
	dead tests/e2e/*.bats tests/e2e/lib/*.bash
	# this rule itself: what it is for, and what it is to leave alone
	[ "$(printf '\t%s\n' '! grep -q x y' '[ a ] && [ b ]' 'f() { ! one; two; }' 'one && two' 'for i in 1; do [ a ] && b; done' | dead /dev/stdin | wc -l)" = 5 ] ||
		echo "dead() lets something pass"
	printf '\t%s\n' 'f() { one && ! two; }' 'f() { ! one; }' 'one && two || { three; }' 'if ! one; then two; fi' '[[ a && b ]]' 'grep "! a && b" c' \
		'n=$(one && two)' '(cd x && y)' 'until a && b; do' '# ! a' | dead /dev/stdin)"
exit $bad
