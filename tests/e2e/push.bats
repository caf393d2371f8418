# Devices are woken through Apple's push service: a fake of it over real HTTP/2 stands in (tests/device/apns.h).
load lib/pomona
load lib/sending
load lib/push

setup_file() { pomona_prepare; }
setup() {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	[ -x "$POMONA" ] || skip "no $POMONA"
	export POMONA__CLIP__ON=no POMONA__MDM__REFRESH_HOURS=0	# the house wakes nobody by itself
	apns_serve
}
teardown() { local rc=0; pomona_stop || rc=1; stop_started; return $rc; }

# By the fake's own judgement, and by one that knows nothing of it.
nothing_wrong() {
	[ "$(apns_count .wrong)" = 0 ] || { apns counts; return 1; }
	judged
}

# ---- the fake ----

# One thing wrong in each; what is right is taken.
@test "the fake judges as Apple does, so that nothing wrong passes unseen" {
	push_certificate push
	local url good=(-H "apns-topic: $TOPIC" -H 'apns-push-type: mdm' -H 'apns-priority: 10' -H 'apns-expiration: 1900000000') n=0
	url=$(cat "$W/apns/url")/3/device/
	sent() {	# REASON|200 TOKEN BODY HEADERS...
		local want=$1 to=$2 body=$3 got; shift 3
		got=$(curl -sS --http2 --cacert "$W/apns/ca.pem" -E "$W/push.pem" -w '%{http_code}' -d "$body" "$@" "$url$to")
		[[ $got == *$want* ]] || { echo "$*: $got, not $want"; return 1; }
		[ "$want" = 200 ] || n=$((n + 1))
		[ "$(apns_count .wrong)" = $n ]
	}
	local token; token=$(token_of 7)
	sent 200 "$token" '{"mdm":"x"}' "${good[@]}"
	sent BadDeviceToken "${token^^}" '{"mdm":"x"}' "${good[@]}"
	sent BadDeviceToken abcd '{"mdm":"x"}' "${good[@]}"
	sent BadPayload "$token" '{"mdm":"x","aps":{}}' "${good[@]}"
	sent BadPayload "$token" '{"aps":{}}' "${good[@]}"
	sent BadPayload "$token" '{"mdm":7}' "${good[@]}"
	sent PayloadEmpty "$token" '' "${good[@]}"
	sent MissingTopic "$token" '{"mdm":"x"}' "${good[@]:2}"
	sent TopicDisallowed "$token" '{"mdm":"x"}' -H "apns-topic: $OTHER_TOPIC" "${good[@]:2}"
	sent InvalidPushType "$token" '{"mdm":"x"}' "${good[@]:0:2}" "${good[@]:4}"
	sent InvalidPushType "$token" '{"mdm":"x"}' "${good[@]:0:2}" -H 'apns-push-type: alert' "${good[@]:4}"
	sent BadPriority "$token" '{"mdm":"x"}' "${good[@]:0:4}" -H 'apns-priority: 5' "${good[@]:6}"
	sent BadExpirationDate "$token" '{"mdm":"x"}' "${good[@]:0:6}"
	sent BadMessageId "$token" '{"mdm":"x"}' "${good[@]}" -H 'apns-id: 7'
	sent DuplicateHeaders "$token" '{"mdm":"x"}' "${good[@]}" -H 'apns-priority: 10'
	sent MethodNotAllowed "$token" '{"mdm":"x"}' "${good[@]}" -X PUT
	# the other judge finds the same ones, and what it is answered that Apple does not say
	run judged
	[[ ${lines[-1]} == "$((n + 1)) judged, $n wrong" ]] || { echo "$output"; return 1; }
	for answer in '410 Unregistered' '400 Unregistered' '429 NobodyKnows'; do
		apns answer '*' $answer
		curl -sS --http2 --cacert "$W/apns/ca.pem" -E "$W/push.pem" -d '{"mdm":"x"}' "${good[@]}" "$url$token" >"$W/out"
		n=$((n + 1))
		run judged
		[[ ${lines[-1]} == "$((n + 1)) judged, $n wrong" ]] || { echo "$output"; return 1; }
	done
}

# ---- the certificate ----

@test "from a request to devices that can be woken, by the command line, while the server runs" {
	enrolled 0 1
	pomona_start
	run push show --json
	[ "$(jq -r .state <<<"$output")" = none ]
	push csr >"$W/push.csr" 2>"$W/said"
	grep -q identity.apple.com "$W/said"
	openssl req -in "$W/push.csr" -noout -verify -text >"$W/text" 2>&1
	grep -q 'Public-Key: (2048 bit)' "$W/text"
	[ "$(push show --json | jq -r '.state + " " + (.wanted | length | tostring)')" = "wanted 1" ]
	push_certificate given "$TOPIC" --request "$W/push.csr"
	push import "$W/given.pem" >"$W/out"
	grep -q "topic    $TOPIC" "$W/out"
	run "$POMONA" doctor --data "$DATA"
	grep -Eq '^ok +push +the certificate is good until 2027-11-22' <<<"$output" || { echo "$output"; return 1; }
	[ "$(push show --json | jq -r '.state + " " + .topic + " " + .expires')" = "works $TOPIC 2027-11-22T12:00:00Z" ]
	[ "$(sql "SELECT count(*) FROM audit WHERE act IN ('push.csr', 'push.import')")" = 2 ]
	post /api/v1/push/test -H "$(bearer admin)" -d '{"device":"SERIAL0"}'
	expect_json .status 200
	wait_until apns_counted '.answers."200"' 1
	nothing_wrong
	# the key is sealed: nothing of it is in the data directory
	openssl x509 -in "$W/given.pem" -noout -modulus >"$W/modulus"
	never grep -rq 'PRIVATE KEY' "$DATA"
}

@test "MUST 37: a certificate of another topic than that of the enrolled devices is refused, unless it is meant" {
	enrolled 0 3
	push_certificate first
	push_certificate second "$OTHER_TOPIC"
	push import "$W/first.pem" --key "$W/first.pem"
	run push import "$W/second.pem"
	[ "$status" = 4 ]
	[[ $output == *"3 devices are enrolled under another topic"* ]]
	[ "$(push show --json | jq -r .topic)" = "$TOPIC" ]
	push import "$W/second.pem" --new-topic
	[ "$(push show --json | jq -r '.topic + " " + (.certificates | length | tostring)')" = "$OTHER_TOPIC 2" ]
	# those that are enrolled are still woken, with their own
	pomona_start
	wanted 0 3
	wait_until due_is 0
	[ "$(apns_count ".topics.\"$TOPIC\"")" = 3 ]
	nothing_wrong
}

@test "an admin brings the certificate on the page, wakes a device and sees what Apple answers" {
	enrolled 0 2
	pomona_start
	apns answer "$(token_of 1)" 410 Unregistered 4000000000000
	push_certificate own
	sign_in anna
	as anna get /admin/push
	expect_body 'Devices cannot be woken yet'
	as anna post /admin/push/import -F "csrf=$CSRF" -F "file=@$W/own.pem;filename=a.pem"
	expect_status 303
	as anna get /admin/push
	expect_body "$TOPIC"
	as anna post /admin/push/test --data-urlencode "csrf=$CSRF" -d 'device=Phone 0'
	expect_status 200
	expect_body 'Apple has taken the push'
	as anna post /admin/push/test --data-urlencode "csrf=$CSRF" -d device=SERIAL1
	expect_body 'Apple has not taken the push'
	expect_body Unregistered
	as anna post /admin/push/test --data-urlencode "csrf=$CSRF" -d device=nobody
	expect_status 404
	as anna post /admin/push/csr --data-urlencode "csrf=$CSRF"
	openssl req -in "$W/body" -noout -verify
	as anna post /admin/push/import -F "csrf=$CSRF" -F "file=@$CONF"
	expect_status 422
	expect_body 'this is no certificate'
	nothing_wrong
}

@test "a certificate is replaced without a restart, and nothing is sent with the old one" {
	enrolled 0 20
	push_certificate first
	push_certificate second
	push import "$W/first.pem"
	pomona_start
	wanted 0 20
	wait_until due_is 0
	[ "$(apns_count .connections)" = 1 ]
	push import "$W/second.pem"
	wait_until eval '[ "$(apns_count .open)" = 0 ]'
	wanted 0 20
	wait_until due_is 0
	[ "$(apns_count '.answers."200"')" = 40 ]
	[ "$(apns_count .connections)" = 2 ]
	nothing_wrong
}

@test "Today says when Apple refuses the certificate, and when it is about to end" {
	enrolled 0 1
	push_certificate own "$TOPIC" --days 20
	push import "$W/own.pem"
	pomona_start
	sign_in anna
	as anna get /admin
	expect_body 'Push certificate ends on 12 December 2026'
	apns answer '*' 403 BadCertificate
	wanted 0 1
	wait_until eval '[ "$(push show --json | jq -r .state)" = halted ]'
	as anna get /admin
	expect_body 'Apple refuses the push certificate'
	metric() { get /metrics; grep -q "^$1 $2\$" "$W/body"; }
	wait_until metric pomona_push_halted 1
	metric pomona_push_certificate_expires_seconds "$(date -u -d 2026-12-12T12:00:00Z +%s)"
	grep -q 'level=error.*APNs refuses the push certificate' "$W/log"
	due_is 1
	apns answer '*' 200
	push resume
	wait_until due_is 0
	wait_until metric pomona_push_halted 0
	nothing_wrong
}

# ---- what arrives ----

@test "a device that was offline gets its push when it comes back, and only the last one (behaviour 10)" {
	enrolled 0 1
	push_certificate own
	push import "$W/own.pem"
	pomona_start
	for i in 1 2 3; do
		sql "UPDATE enrollment SET push_magic = 'MAGIC-$i'"
		wanted 0 1
		wait_until due_is 0
	done
	[ "$(apns_count '.answers."200"')" = 3 ]
	python3 - "$W/apns/door" "$TOPIC" "$(token_of 0)" >"$W/heard" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(60)
	s.connect(sys.argv[1])
	s.sendall(f"attach {sys.argv[2]} {sys.argv[3]}\n".encode())
	print(s.recv(4096).decode(), end="")
	END
	[ "$(cat "$W/heard")" = "push $TOPIC $(token_of 0) MAGIC-3" ]
	[ "$(apns_count .delivered)" = 1 ]
	nothing_wrong
}

@test "a push is kept for seven days and no longer" {
	enrolled 0 1
	push_certificate own
	push import "$W/own.pem"
	pomona_start
	wanted 0 1
	wait_until due_is 0
	pomona_stop		# or it would push again, since the device is silent
	later $((7 * 86400 - 60))
	sleep 1.2		# the fake looks at the clock once a second
	[ "$(apns_count .kept)" = 1 ]
	later $((86400))
	sleep 1.2
	printf 'attach %s %s\n' "$TOPIC" "$(token_of 0)" | timeout 2 python3 -c 'import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);s.sendall(sys.stdin.read().encode());s.settimeout(1);print(s.recv(99))' "$W/apns/door" || true
	[ "$(apns_count .expired)" = 1 ]
	[ "$(apns_count .delivered)" = 0 ]
	nothing_wrong
}

# ---- what goes wrong ----

@test "MUST 36: connections that Apple ends, one after the other, lose no push" {
	enrolled 0 300
	push_certificate own
	push import "$W/own.pem"
	apns streams 5
	apns slow 100
	pomona_start
	wanted 0 300
	for i in 1 2 3; do
		wait_until apns_counted '.answers."200"' $((i * 40))
		apns goaway
		wait_until apns_counted .goaways "$i"
	done
	apns close
	wait_until due_is 0 || { tail -20 "$W/log"; apns counts; sql "SELECT taken, attempt, due, count(*) FROM push_due GROUP BY 1, 2, 3"; return 1; }
	[ "$(apns_count .kept)" = 300 ]
	nothing_wrong
}

@test "while APNs is away nothing is lost, and it is found again by itself" {
	enrolled 0 50
	push_certificate own
	push import "$W/own.pem"
	apns down
	pomona_start
	wanted 0 50
	wait_until grep -q 'APNs cannot be reached' "$W/log"
	due_is 50
	get /api/v1/push -H "$(bearer admin)"
	expect_json '.stuck != null and .due == 50' true
	apns up
	wait_until due_is 0
	[ "$(apns_count .kept)" = 50 ]
	grep -q 'APNs can be reached again' "$W/log"
	nothing_wrong
}

@test "killed at any moment of pushing, every device gets its push" {
	local all=$([ -n "${POMONA_WHOLE-}" ] && echo 5000 || echo 500) kills=0
	POMONA=$POMONA_RELEASE
	[ -x "$POMONA" ] || skip "no $POMONA"
	enrolled 0 "$all"
	push_certificate own
	push import "$W/own.pem"
	apns streams 10
	apns slow 20
	RANDOM=4712
	wanted 0 "$all"
	while ! due_is 0; do
		pomona_serve --plain
		if [ $kills -lt 5 ]; then
			wait_until apns_counted .requests $((kills * all / 10 + 1 + RANDOM % 20))
			sleep "0.0$((RANDOM % 10))"
			pomona_kill
			kills=$((kills + 1))
		else
			wait_until due_is 0
			pomona_stop
		fi
	done
	[ "$(apns_count .kept)" = "$all" ]
	[ "$kills" -gt 2 ]
	nothing_wrong
}
