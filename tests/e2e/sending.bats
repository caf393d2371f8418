# Mail and SMS: handed to real servers, tried again, never twice for one acknowledged send.
load lib/pomona
load lib/sending

setup_file() { pomona_prepare; }
setup()      { command -v sqlite3 >/dev/null || skip "no sqlite3"; pomona_data; }
teardown()   { local rc=0; pomona_stop || rc=1; stop_started; return $rc; }

# ---- mail ----

@test "a mail goes out over STARTTLS with an account, and is the message that was meant" {
	smtpd mail --tls starttls --auth 'apps:s3 cret'
	mail_settings "smtp://127.0.0.1:$SMTP" user apps password '"s3 cret"' reply_to '"help@example.com"'
	pomona_start
	mail_to 'Anna <anna@example.com>' '{"text":"Prüfe die neue Version\n.\nHier","html":"<p>Prüfe <img src=\"cid:qr\"></p>","qr":"https://apps.example.com/i/x","unsubscribe_url":"https://apps.example.com/u/x"}'
	expect_state 'Anna <anna@example.com>' sent
	jq -e '.to == ["anna@example.com"] and .from == "apps@example.com" and .tls and .auth and .helo == "apps.example.com"' "$W/mail/ledger"
	[[ $(message provider_id 'Anna <anna@example.com>') == *"queued as Q1"* ]]
	[ -z "$(message body 'Anna <anna@example.com>')" ]		# its links are as good as passwords
	"$DEBIAN_PYTHON" - "$W/mail/1.eml" "$(message id 'Anna <anna@example.com>')" <<-'PY'
		import email, sys
		from email import policy
		raw = open(sys.argv[1], 'rb').read()
		m = email.message_from_bytes(raw, policy=policy.default)
		assert not m.defects and all(not p.defects for p in m.walk()), [p.defects for p in m.walk()]
		assert m['Message-ID'] == f'<{sys.argv[2]}@apps.example.com>', m['Message-ID']
		assert m['Subject'] == 'New build' and m['Reply-To'] == 'help@example.com'
		assert m['Date'].datetime.isoformat() == '2026-11-22T12:00:00+00:00'
		assert m['List-Unsubscribe'] == '<https://apps.example.com/u/x>' and m['List-Unsubscribe-Post'] == 'List-Unsubscribe=One-Click'
		assert m.get_body(('plain',)).get_content().replace('\r', '') == 'Prüfe die neue Version\n.\nHier', m.get_body(('plain',)).get_content()
		assert m.get_body(('html',)).get_content().replace('\r', '') == '<p>Prüfe <img src="cid:qr"></p>'
		png = [p for p in m.walk() if p.get_content_type() == 'image/png'][0]
		assert png['Content-ID'] == '<qr>' and png.get_content().startswith(b'\x89PNG\r\n')
	PY
}

@test "a mail goes out over implicit TLS, many of them over one connection" {
	smtpd mail --tls tls --auth apps:secret
	mail_settings "smtps://127.0.0.1:$SMTP" user apps password secret
	pomona_start
	mail_to 'tester%d@example.com' '{"text":"Hello"}' 20
	all_sent() { [ "$(count_state sent)" = 20 ]; }
	wait_until all_sent
	[ "$(wc -l <"$W/mail/ledger")" = 20 ]
	[ "$(jq -r .to[0] "$W/mail/ledger" | sort -u | wc -l)" = 20 ]
	jq -se 'all(.tls and .auth)' "$W/mail/ledger"
	[ "$(jq -r .connection "$W/mail/ledger" | sort -u | wc -l)" -le 4 ]	# a worker's, and one that it left behind
}

@test "without the right certificate, STARTTLS or account nothing is handed over, and the list says why" {
	smtpd mail --tls starttls --auth apps:secret
	mail_settings "smtp://127.0.0.1:$SMTP" user apps password secret ca_file '""'
	pomona_start
	mail_to anna@example.com
	why() { message error anna@example.com | grep -F -- "$1"; }
	wait_until why 'the certificate of 127.0.0.1 is not accepted'
	[ "$(message state anna@example.com)" = waiting ]
	mail_settings "smtp://127.0.0.1:$SMTP" user apps password wrong
	kill -HUP $PID
	wait_later why "answers 535"
	smtpd open
	mail_settings "smtp://127.0.0.1:$SMTP"
	kill -HUP $PID
	wait_later why 'offers no STARTTLS'
	# nobody was given anything; put right, it goes by itself
	[ ! -e "$W/mail/ledger" ] && [ ! -e "$W/open/ledger" ]
	expect_not_in "$W/log" secret
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	kill -HUP $PID
	wait_later state_is anna@example.com sent
}

@test "an address that is refused has failed at once, with the server's words; one put off goes later" {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	cat >"$W/mail/control" <<-'END'
		rcpt nobody@example.com 550 5.1.1 <nobody@example.com>: no such mailbox
		rcpt grey@example.com 450 4.2.0 greylisted, come back later
		data full@example.com 452 4.2.2 mailbox full
		data spam@example.com 554 5.7.1 rejected as spam
	END
	pomona_start
	for who in nobody grey full spam anna; do mail_to "$who@example.com"; done
	expect_state nobody@example.com failed
	[[ $(message error nobody@example.com) == *"answers 550: 5.1.1 <nobody@example.com>: no such mailbox"* ]]
	expect_state spam@example.com failed
	expect_state anna@example.com sent
	expect_state grey@example.com waiting
	wait_until test -n "$(message error grey@example.com)"
	[[ $(message error grey@example.com) == *"450: 4.2.0 greylisted"* ]]
	[[ $(message error full@example.com) == *"452"* ]]
	[ "$(jq -r .to[0] "$W/mail/ledger")" = anna@example.com ]
	# not before its time
	sleep 1.5
	[ "$(message attempts grey@example.com)" = 1 ]
	: >"$W/mail/control"
	later 65
	expect_state grey@example.com sent
	expect_state full@example.com sent
	[ "$(message attempts grey@example.com)" = 2 ]
	# and no further attempt at what was refused
	[ "$(message attempts nobody@example.com)" = 1 ]
	[ "$(sql "SELECT count(*) FROM job WHERE kind = 'message_send'")" = 0 ]
}

@test "while the mail server is away everything waits, and goes out within a minute of its return" {
	local i
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	kill "$LAST"; wait "$LAST" || true
	pomona_start
	mail_to 'tester%d@example.com' '{"text":"Hello"}' 30
	one_waits_with_words() { [ "$(sql "SELECT count(*) FROM message WHERE error LIKE '%does not answer on port%'")" -ge 1 ]; }
	wait_until one_waits_with_words
	for i in 1 2 3; do later 200; sleep 0.5; done
	[ "$(count_state waiting)" = 30 ] && [ "$(count_state failed)" = 0 ]
	# few of them were tried: the others looked and went on waiting
	[ "$(sql 'SELECT sum(attempts) FROM message')" -le 4 ]
	# it comes back on the same port
	"$DEBIAN_PYTHON" - "$W/mail/port" "$SMTP" "$ROOT/tests/e2e/lib/smtpd.py" >"$W/smtpd.again" <<-'PY'
		import sys
		source = open(sys.argv[3]).read().replace("'127.0.0.1', 0,", f"'127.0.0.1', {sys.argv[2]},")
		print(source)
	PY
	start mail2 "$DEBIAN_PYTHON" "$W/smtpd.again" "$W/mail"
	all_sent() { [ "$(count_state sent)" = 30 ]; }
	wait_later all_sent
	[ "$(wc -l <"$W/mail/ledger")" = 30 ]
	grep -q 'messages go out again' "$W/log"
}

@test "a message is given up after a day, and sent when somebody asks again" {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	echo 'rcpt * 451 4.3.0 try later' >"$W/mail/control"
	pomona_start
	mail_to anna@example.com
	tried() { [ "$(message attempts anna@example.com)" -ge "$1" ]; }
	wait_until tried 1
	later 43200
	wait_until tried 2
	expect_state anna@example.com waiting
	later 43300
	expect_state anna@example.com failed
	[[ $(message error anna@example.com) == "given up after 24 hours: "*"451: 4.3.0 try later" ]]
	: >"$W/mail/control"
	sleep 1.5
	[ ! -e "$W/mail/ledger" ]
	post "/api/v1/messages/$(message id anna@example.com)/retry" -H "$(bearer admin)"
	expect_status 200
	expect_state anna@example.com sent
	# and not a second time
	post "/api/v1/messages/$(message id anna@example.com)/retry" -H "$(bearer admin)"
	expect_problem 409 conflict
	[ "$(wc -l <"$W/mail/ledger")" = 1 ]
}
