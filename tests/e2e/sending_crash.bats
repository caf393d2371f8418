# The machine's plug is pulled while messages are going out.  Each recipient gets his, and none that the
# database has as sent is sent again.  What was handed over at the very moment of a kill may go out twice,
# with the same Message-ID: one for each worker (OUTBOX_WORKERS in web/outbox.h) and kill.
# With POMONA_WHOLE 1,000 mails and 100 SMS, else 100 and 10; it is the release binary.
load lib/pomona
load lib/sending

setup_file() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	POMONA=$POMONA_RELEASE pomona_prepare
}
setup() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	POMONA=$POMONA_RELEASE
	pomona_data
}
teardown() { local rc=0; pomona_stop || rc=1; stop_started; return $rc; }

MAILS=$([ -n "${POMONA_WHOLE-}" ] && echo 1000 || echo 100)
DELAY=$([ -n "${POMONA_WHOLE-}" ] && echo 0.02 || echo 0.2)	# of each: few messages are to last for several kills
WORKERS=2

# Every line a recipient and what names the message: the Message-ID, or the text of the SMS.
ledger() {
	jq -r '.to[0] + " " + .id' "$W/mail/ledger" 2>/dev/null
	jq -r '.path | capture("to=(?<to>[^&]*)&text=(?<text>.*)") | .to + " " + .text' "$W/sms/asked" 2>/dev/null
}
lines() { { ledger; } | wc -l; }
grown() { [ "$(lines)" -ge "$1" ]; }
nothing_left() { [ "$(sql "SELECT count(*) FROM message WHERE state <> 'sent'")" = 0 ]; }
recorded() { sql "SELECT replace(recipient, '+', '%2B') FROM message WHERE state = 'sent'" | sort; }

@test "killed at any moment of sending, every recipient gets his message, and what is recorded as sent only once" {
	local sms=$((MAILS / 10)) all=$((MAILS + MAILS / 10)) kills=0 seen repeats
	smtpd mail --delay "$DELAY"
	gateway sms
	echo "$DELAY" >"$W/sms/delay"
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	settings_of sms driver http url "\"http://127.0.0.1:$GATEWAY/send?to={to}&text={text}\"" from Apps
	mail_to 'tester%d@example.com' '{"text":"Hello"}' "$MAILS"
	sms_to '+4917%08d' Hello "$sms"
	RANDOM=4711
	while ! nothing_left; do
		pomona_serve --plain
		seen=$(lines)
		# in the middle of it, a little after some of them; the last are left in peace
		if [ $((all - seen)) -gt $((all / 10)) ]; then
			wait_until grown $((seen + 1 + RANDOM % (all / 20)))
			sleep "0.0$((RANDOM % 10))"
			pomona_kill
			kills=$((kills + 1))
			sleep 0.1		# what was on its way to the servers is in their ledgers
			recorded >"$W/recorded.$kills"
			echo "$(wc -l <"$W/mail/ledger") $(cat "$W/sms/asked" 2>/dev/null | wc -l)" >"$W/counts.$kills"
		else
			wait_until nothing_left
			pomona_stop
		fi
	done
	repeats=$(($(lines) - all))
	echo "$all messages, $kills kills, $repeats sent twice"
	[ "$kills" -ge 3 ]
	# each has his
	[ "$(ledger | cut -d' ' -f1 | sort -u | wc -l)" = "$all" ]
	# one message a recipient, however often
	[ "$(ledger | grep @ | sort -u | wc -l)" = "$MAILS" ]
	[ "$repeats" -le $((kills * WORKERS)) ]
	# none that was recorded as sent came again after that
	for ((i = 1; i <= kills; i++)); do
		ledger_after "$i" | sort >"$W/after"
		comm -12 "$W/recorded.$i" "$W/after" >"$W/again"
		[ ! -s "$W/again" ] || { echo "sent again after kill $i:"; cat "$W/again"; return 1; }
	done
	[ "$(sql 'SELECT count(*) FROM job WHERE kind = '"'message_send'")" = 0 ]
}

tried() { [ "$(grep -c 'cannot be recorded' "$W/log")" -ge 1 ]; }

@test "what a gateway took while the database cannot be written is recorded when it can be, and is not sent again" {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	pomona_serve --plain
	sql "CREATE TRIGGER full BEFORE UPDATE ON message WHEN new.state = 'sent' BEGIN SELECT RAISE(FAIL, 'the disk is full'); END"
	mail_to 'tester%d@example.com' '{"text":"Hello"}' 1
	wait_until tried
	sleep $([ -n "${POMONA_WHOLE-}" ] && echo 75 || echo 7)
	[ "$(wc -l <"$W/mail/ledger")" = 1 ]
	sql 'DROP TRIGGER full'
	wait_until nothing_left
	[ "$(wc -l <"$W/mail/ledger")" = 1 ]
}

# The recipients that stand in the two ledgers behind what stood there at that kill.
ledger_after() {
	local mails sms
	read -r mails sms <"$W/counts.$1"
	jq -r '.to[0]' "$W/mail/ledger" | tail -n "+$((mails + 1))"
	jq -r '.path | capture("to=(?<to>[^&]*)&") | .to' "$W/sms/asked" | tail -n "+$((sms + 1))"
}

# What stands between a gateway's word and its record is what a crash can make to be sent twice.
@test "between a gateway's word and its record stands a commit, and nothing that waits for anybody else" {
	command -v strace >/dev/null || skip "no strace"
	smtpd mail
	gateway sms
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	settings_of sms driver http url "\"http://127.0.0.1:$GATEWAY/send?to={to}&text={text}\"" from Apps
	without_clock "$CONF"		# the seam is a file, which is read
	date -u +%Y-%m-%dT%H:%M:%SZ >"$W/clock"
	pomona_serve --plain
	start strace strace -f -qq -ttt -s 120 -o "$W/trace" -p "$PID"
	wait_until test -s "$W/trace" || { cat "$W/strace.out"; skip "nobody may be traced here"; }
	mail_to 'tester%d@example.com' '{"text":"Hello"}' 20
	sms_to '+4917%08d' Hello 10
	wait_until nothing_left
	stop_started
	python3 - "$W/trace" <<-'PY'
		import re, statistics, sys
		OURS = {"futex", "close", "mprotect", "brk", "madvise", "munmap", "mmap"}	# the writer's word, sockets, memory
		WORDS = {"250 2.0.0 Ok: queued": OURS, "HTTP/1.0 200": OURS | {"poll", "recvfrom"}}	# the rest of its answer
		waits, seen, ms, syncs = {}, {word: 0 for word in WORDS}, [], []
		for line in open(sys.argv[1], errors="replace"):
		    thread, at, what = re.match(r"(\d+) +(\d+\.\d+) (.*)", line).groups()
		    word = next((w for w in WORDS if w in what and "recv" in what), None)
		    if word:
		        waits[thread] = word, float(at), 0
		    elif thread in waits and "message sent" in what:
		        word, since, n = waits.pop(thread)
		        seen[word] += 1
		        ms.append((float(at) - since) * 1000)
		        syncs.append(n)
		    elif thread in waits and "resumed>" not in what:
		        assert what.split("(")[0] in WORDS[waits[thread][0]], "after its gateway's word it does " + what
		    elif re.match(r"fdatasync\(|<... fdatasync resumed", what):
		        waits = {t: (w, s, n + ("resumed" in what or "= 0" in what)) for t, (w, s, n) in waits.items()}
		print("%d acknowledgements, traced: %.1f ms at the middle, %.1f at most; %d to %d syncs" %
		      (len(ms), statistics.median(ms), max(ms), min(syncs), max(syncs)))
		assert list(seen.values()) == [20, 10], seen
		assert min(syncs) >= 1 and statistics.median(syncs) <= 2, syncs
	PY
}
