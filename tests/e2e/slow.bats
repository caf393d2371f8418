#!/usr/bin/env bats
# Thousands of connections that give or take a byte now and then keep nobody out: slowhttptest's slow heads (Slowloris),
# slow bodies and slow reads, from as many addresses as there are connections, as far as the server can tell.
# With POMONA_WHOLE they are 10,000, which is the default of server.connections_max, else 1,000 of 1,000; the server is
# the release binary.
load lib/pomona

N=$([ -n "${POMONA_WHOLE-}" ] && echo 10000 || echo 1000)

setup_file() { pomona_prepare; }
setup() {
	command -v slowhttptest >/dev/null || skip "no slowhttptest"
	[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -gt $((N + 1000)) ] || skip "a process may have $(ulimit -Hn) files here, not $N and more"
	POMONA__SERVER__CONNECTIONS_MAX=$N POMONA__SERVER__CONNECTIONS_PER_ADDRESS_MAX=0 PROGRAM=$POMONA_RELEASE pomona_start
	CROWD=()
}
teardown() { over; pomona_stop; }

# As the kernel counts them: those that wait for the server, too.
at_the_door() { awk -v port=":$(printf %04X "$PORT")" '$2 ~ port "$" && $4 == "01"' /proc/net/tcp | wc -l; }
# Half of them are there, or have been: on a slow machine, or with sanitizers, the first are ended before the last are there.
crowded() { local gone; gone=$(reaped); [ $(($(at_the_door) + ${gone:-$BEFORE} - BEFORE)) -ge $((N / 2)) ]; }
reaped() { get /metrics -m 60 >/dev/null 2>&1 || return 0; sed -n 's/^pomona_http_reaped_total //p' "$W/body"; }	# full: nothing
counted() { BEFORE=$(reaped); [ -n "$BEFORE" ]; }	# until it is a number: one answer that did not come is none
gone() { ! kill -0 "${CROWD[@]}" 2>/dev/null; }

# open_are N: by the server's own count, with the connection that asks.
open_are() {
	get /metrics -m 60
	OPEN=$(sed -n 's/^pomona_http_connections //p' "$W/body")
	[ "$OPEN" = "$1" ]
}

# comes N PATH OPTIONS of slowhttptest: so many connections, opened within a second or two and never again.
comes() {
	local n=$1 path=$2; shift 2
	slowhttptest -c "$n" -r "$n" -l 600 -p 600 -u "http://127.0.0.1:$PORT$path" "$@" >"$W/crowd.${#CROWD[@]}" 2>&1 3>&- &
	CROWD+=($!)
}

over() {
	[ ${#CROWD[@]} -gt 0 ] || return 0
	kill "${CROWD[@]}" 2>/dev/null || true
	wait "${CROWD[@]}" || true
	CROWD=()
}

# The server has let go of every one of them; all the while whoever means it gets an answer, the first one while it is full.
honest_until_over() {
	local answers=0
	until open_are 1; do
		[ $answers -lt 600 ] || { echo "$OPEN are open still"; return 1; }
		get /login -H 'Accept: text/html' -m 60
		expect_status 200
		answers=$((answers + 1))
		sleep 0.2
	done
	get /login -H 'Accept: text/html' -m 60
	expect_status 200
	echo "# $((answers + 1)) answers meanwhile"
}

@test "slow heads, slow bodies and slow reads keep nobody out, and the server lets go of each" {
	open_are 1
	wait_until counted
	comes $((N / 2)) /login -H -i 3
	comes $((N / 2)) /login -B -i 3 -s 16000	# within what the route takes: a longer body is refused by its head
	WAIT_STEPS=4800 wait_until crowded
	honest_until_over
	wait_until gone
	[ "$(cat "$W"/crowd.? | grep -c 'No open connections left')" = 2 ]	# it was the server that ended them
	over
	wait_until counted
	comes "$N" /api/v1/openapi.json -X -w 10 -y 20 -n 5 -z 5
	WAIT_STEPS=4800 wait_until crowded
	honest_until_over
	never gone	# it reads on what its own kernel has, and does not see that nobody is there any more
	over
	kill -0 "$PID"
	open_are 1
}
