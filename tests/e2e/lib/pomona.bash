# What the stories are told with: a server of one's own for each test, and words for asking it.
#
#	setup_file() { pomona_prepare; }	data directory with people and tokens, once a file
#	setup()      { pomona_start; }		a copy of it, served at $BASE
#	teardown()   { pomona_stop; }		ends it, and fails when it did not end well
#
# The server's clock stands at $NOW.  It listens on a free port of 127.0.0.1 and is reached by its base URL's own name, so that
# every URL it hands out can be followed as it is.  ANNA is admin, PAUL publisher, MIA member.

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
POMONA=${POMONA_DEBUG_BIN:-$ROOT/build/debug/pomona}
POMONA_RELEASE=${POMONA_BIN:-$ROOT/build/pomona}
SHARED=${POMONA_SHARED:-$ROOT/../shared}
IPAS=$ROOT/tests/data/ipas
HOST=apps.example.com
NOW=2026-11-22T12:00:00Z		# the provisions of tests/data end on 2026-12-31
export POMONA__EXPIRY__LOOK=no	# nobody is asked for $HOST
WAIT_STEPS=1200			# of 0.05 s: the bound of every wait

# wait_until WORDS...: until the command succeeds, or a failure after a minute.  What is not there within two seconds is
# asked for less often: to ask takes processor time, too.
wait_until() {
	local i step=1 pause=0.05
	for ((i = 0; i < WAIT_STEPS; i += step)); do
		if "$@" >/dev/null 2>&1; then return 0; fi
		[ $i -lt 40 ] || step=5 pause=0.25
		sleep $pause
	done
	echo "waited in vain for: $*"
	return 1
}

# never WORDS...: the command must say no.  (bash lets `! command` pass by wherever it stands but at a function's end, and
# `[ a ] && [ b ]` when a is wrong; tests/lint.sh refuses both.)  That grep or cmp could not read, or that there is no
# such command, is no such answer.  Behind a pipe: `one | never two`.
never() {
	local rc=0
	"$@" || rc=$?
	case ${1##*/}:$rc in
	*:0 | *:12[6-9] | *:1[3-9]? | *:2?? | grep:2 | cmp:2)
		echo "this must not be, and answered $rc: $*"
		return 1 ;;
	esac
}

# ---- server ----

# pomona_prepare [http|https]: what all tests of the file begin with.
pomona_prepare() {
	[ -x "$POMONA" ] || skip "no $POMONA"
	local scheme=${1:-http} dir=$BATS_FILE_TMPDIR/prepared name
	mkdir -p "$dir"
	pomona_certificate "$dir/tls"
	echo "$NOW" >"$dir/clock"
	POMONA__CLOCK__FILE=$dir/clock "$POMONA" init --data "$dir/data" --base-url "$scheme://$HOST" \
		--master-key "$dir/master.key" >/dev/null 2>&1
	cat >>"$dir/data/pomona.conf" <<-CONF
		apple {
			extra_provision_roots = "$IPAS/root.pem"
		}
		clock {
			file = "$dir/clock"
		}
	CONF
	for name in anna:--admin paul:--publisher mia:; do
		echo "secret of ${name%%:*}" >"$dir/password.${name%%:*}"
		"$POMONA" user add "${name%%:*}" ${name#*:} --data "$dir/data" --password-file "$dir/password.${name%%:*}"
	done
	pomona_token "$dir" paul upload >"$dir/token.upload"
	pomona_token "$dir" paul read >"$dir/token.read"
	pomona_token "$dir" anna admin >"$dir/token.admin"
	pomona_token "$dir" paul upload --app com.example.other >"$dir/token.other"
}

pomona_token() {	# DIR USER SCOPE [OPTIONS]
	local dir=$1 user=$2 scope=$3; shift 3
	"$POMONA" token new --data "$dir/data" --user "$user" --scope "$scope" "$@"
}

# A CA and a certificate of it for $HOST: DIR/ca.pem cert.pem key.pem.
pomona_certificate() {
	local dir=$1
	mkdir -p "$dir"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj "/CN=Test CA of $HOST" \
		-keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$HOST" \
		-keyout "$dir/key.pem" -out "$dir/csr.pem" 2>/dev/null
	openssl x509 -req -in "$dir/csr.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -days 90 -out "$dir/cert.pem" \
		-extfile <(echo "subjectAltName=DNS:$HOST") 2>/dev/null
}

# A copy of what was prepared, without starting the server.
pomona_data() {
	[ -z "${W-}" ] || return 0
	W=$BATS_TEST_TMPDIR
	cp -r "$BATS_FILE_TMPDIR/prepared/." "$W/"
	DATA=$W/data CONF=$W/data/pomona.conf
	sed -i "s|master_file = .*|master_file = \"$W/master.key\"|" "$CONF"
	TOKEN=$(cat "$W/token.upload")
	: >"$W/log"
	sed -i "s|file = \"$BATS_FILE_TMPDIR/prepared/clock\"|file = \"$W/clock\"|" "$CONF"
}

# The machine's own time from here on.
without_clock() {	# CONFIGURATION
	sed -i '/^\tclock {/,/^\t}/d; /^clock {/,/^}/d' "$1"
}

# setting SECTION KEY VALUE: one more in the configuration file.
setting() {
	printf '%s {\n\t%s = %s\n}\n' "$1" "$2" "$3" >>"$CONF"
}

pomona_start() {	# [OPTIONS of serve]; PROGRAM names another binary
	pomona_data
	BASE=http://$HOST
	pomona_serve --plain "$@"
}

pomona_start_tls() {
	pomona_data
	BASE=https://$HOST
	pomona_serve --tls-cert "$W/tls/cert.pem" --tls-key "$W/tls/key.pem" "$@"
}

pomona_serve() {
	SERVE_OPTIONS=("$@")
	: >"$W/ready"
	"${PROGRAM:-$POMONA}" serve --data "$DATA" --listen 127.0.0.1:0 "$@" >"$W/ready" 2>>"$W/log" 3>&- &
	PID=$!
	wait_until pomona_answers_or_ended
	PORT=$(sed -n 's/^ready .*:\([0-9]*\)$/\1/p' "$W/ready")
	[ -n "$PORT" ] || { cat "$W/log"; return 1; }
}

pomona_answers_or_ended() {
	grep -q '^ready ' "$W/ready" || ! kill -0 "$PID" 2>/dev/null
}

# Ends the server as an operator does; it must end well, and no sanitizer may have spoken.
pomona_stop() {
	[ -n "${PID-}" ] || { pomona_log_clean; return; }
	local rc=0 pid=$PID
	PID=
	kill -TERM "$pid"
	wait "$pid" || rc=$?
	[ $rc -eq 0 ] || { echo "the server ended with $rc"; tail -40 "$W/log"; return 1; }
	pomona_log_clean
}

pomona_log_clean() {
	[ -f "${W-/nowhere}/log" ] || return 0
	never grep -E -A 30 'ERROR: AddressSanitizer|runtime error|LeakSanitizer' "$W/log"
}

# As power loss would, but for what the kernel holds.
pomona_kill() {
	kill -KILL "$PID"
	wait "$PID" || true
	PID=
}

pomona_again() { pomona_serve "${SERVE_OPTIONS[@]}"; }

# The server's time stands still; this moves it, across a restart.
set_clock() {	# ISO 8601
	[ -z "${PID-}" ] || pomona_stop
	echo "$1" >"$W/clock"
	pomona_again
}

# ---- asking ----

# ask METHOD PATH|URL [OPTIONS of curl]: $STATUS, $W/head, $W/body.
ask() {
	local method=$1 url=$2; shift 2
	case $url in /*) url=$BASE$url ;; esac
	local how=(-X "$method")
	if [ "$method" = HEAD ]; then how=(-I); fi
	rm -f "$W/body" "$W/head"
	STATUS=$(curl -sS "${how[@]}" --connect-to "::127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" --path-as-is --max-time 60 \
		-o "$W/body" -D "$W/head" -w '%{http_code}' "$@" "$url" 2>"$W/curl") || CURL_FAILED=$?
	[ -e "$W/body" ] || : >"$W/body"
	[ "$STATUS" != 000 ] || {	# said here, since many a story expects it and looks no further
		echo "$method $url: no answer: $(cat "$W/curl")"
		return 1
	}
}

get() { ask GET "$@"; }
post() { ask POST "$@"; }
delete() { ask DELETE "$@"; }

bearer() { printf 'Authorization: Bearer %s' "$(cat "$W/token.$1")"; }

# upload FILE [TOKEN] [OPTIONS or ?QUERY]
upload() {
	local file=$1 token=${2:-upload} query=; shift; if [ $# -gt 0 ]; then shift; fi
	case ${1-} in \?*) query=$1; shift ;; esac
	ask PUT "/api/v1/upload$query" -T "$file" -H "$(bearer "$token")" "$@"
}

app() {	# FILE [name=.. build=.. version=.. id=.. mb=..]: made as tests/e2e/lib/make_app.py says
	local file=$1; shift
	python3 "$ROOT/tests/e2e/lib/make_app.py" "$W/$file" "$@"
}

json() { jq -r "$1" "$W/body"; }
header() {	# the last answer's, without its name
	tr -d '\r' <"$W/head" | awk -v name="${1,,}" 'BEGIN { FS = ": " }
		/^HTTP\// { value = "" } tolower($1) == name { value = substr($0, length(name) + 3) } END { print value }'
}
sha256() { sha256sum "$1" | cut -d' ' -f1; }

# sign_in NAME: a browser's way, through the form; the cookies are in $W/jar.NAME, the csrf value in $CSRF.
sign_in() {
	local name=$1 password=${2-$(cat "$W/password.$1")} form
	rm -f "$W/jar.$name"
	get /login -c "$W/jar.$name" -b "$W/jar.$name" -H 'Accept: text/html'
	form=$(form_csrf)
	post /login -c "$W/jar.$name" -b "$W/jar.$name" -H "Origin: $BASE" -H 'Accept: text/html' \
		--data-urlencode "name=$name" --data-urlencode "password=$password" --data-urlencode "csrf=$form"
	expect_status 303
	as "$name" get /account
	CSRF=$(form_csrf)
}

# A page's own csrf value.
form_csrf() { sed -n 's/.*name="csrf" value="\([^"]*\)".*/\1/p' "$W/body" | head -1; }

# as NAME get|post|... PATH [OPTIONS]: with the session of sign_in, from our own pages.
as() {
	local name=$1 how=$2; shift 2
	"$how" "$@" -b "$W/jar.$name" -c "$W/jar.$name" -H "Origin: $BASE" -H 'Accept: text/html'
}

# ---- expecting ----

show() { echo "answer: $STATUS"; cat "$W/head" "$W/curl"; head -c 2000 "$W/body"; echo; }

expect_status() { [ "$STATUS" = "$1" ] || { echo "expected: $1"; show; return 1; }; }
expect_json() {	# FILTER VALUE
	local is
	is=$(json "$1") || { show; return 1; }
	[ "$is" = "$2" ] || { echo "expected $1: $2"; echo "it is: $is"; show; return 1; }
}
expect_header() {	# NAME PATTERN
	local is
	is=$(header "$1")
	# shellcheck disable=SC2053
	[[ $is == $2 ]] || { echo "expected $1: $2"; show; return 1; }
}
expect_body() { grep -qF -- "$1" "$W/body" || { echo "expected in the body: $1"; show; return 1; }; }
expect_not_in() {	# FILE TEXT
	if grep -nF -- "$2" "$1"; then echo "$2 stands in $1"; return 1; fi
}
expect_problem() {	# STATUS CODE
	expect_status "$1"
	expect_header Content-Type "application/problem+json*"
	expect_json .code "$2"
}

# All that the phones, the fake APNs and the server said to each other ($W/kept) is right by Apple's schema.
judged() {
	[ -f "$SHARED/apple-schema/check_plist.py" ] || skip "no apple-schema to judge by"
	python3 "$ROOT/tests/device/judge.py" "$W/kept" "$SHARED/apple-schema/check_plist.py"
}

# ---- what is on the disk ----

blobs() { (cd "$DATA/blobs" && find . -path ./tmp -prune -o -type f -regextype posix-extended -regex '.*/[0-9a-f]{64}' -printf '%f\n') | sort; }
leftovers() { find "$DATA/blobs/tmp" "$DATA/uploads" -type f 2>/dev/null; }
expect_nothing_left() {
	wait_until no_leftovers || { leftovers; return 1; }
	[ -z "$(blobs)" ] || { echo "blobs:"; blobs; return 1; }
}
no_leftovers() { [ -z "$(leftovers)" ]; }
