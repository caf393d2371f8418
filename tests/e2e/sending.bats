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
	[ ! -e "$W/mail/ledger" ]
	[ ! -e "$W/open/ledger" ]
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
	[ "$(count_state waiting)" = 30 ]
	[ "$(count_state failed)" = 0 ]
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

@test "a mail server that never answers does not hold up the end of the server, and its message waits" {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	echo 'data * wait' >"$W/mail/control"
	pomona_start
	mail_to anna@example.com
	under_way() { [ "$(message state anna@example.com)" = sending ]; }
	wait_until under_way
	pomona_stop
	[ "$(message state anna@example.com)" = waiting ]
	[[ $(message error anna@example.com) == *"had not answered yet when this server stopped" ]]
	: >"$W/mail/control"
	pomona_start
	wait_later state_is anna@example.com sent
	[ "$(wc -l <"$W/mail/ledger")" = 1 ]
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

@test "a mail that came back later is marked with the words of the server that returned it" {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	pomona_start
	mail_to left@example.com
	expect_state left@example.com sent
	{
		cat <<-'END'
			From: MAILER-DAEMON@mail.example.com
			To: apps@example.com
			Message-ID: <other@mail.example.com>
			Content-Type: multipart/report; report-type=delivery-status; boundary="b"

			--b

			I am sorry to have to inform you.
			--b
			Content-Type: message/delivery-status

			Reporting-MTA: dns; mail.example.com

			Final-Recipient: rfc822; left@example.com
			Action: failed
			Status: 5.1.1
			Diagnostic-Code: smtp; 550 5.1.1 <left@example.com>:
			 Recipient address rejected: has left the company
			--b
			Content-Type: message/rfc822

		END
		cat "$W/mail/1.eml"
		echo --b--
	} >"$W/bounce.eml"
	post /api/v1/messages/bounces -H "$(bearer admin)" -H 'Content-Type: message/rfc822' --data-binary @"$W/bounce.eml"
	expect_status 204
	[ "$(message state left@example.com)" = bounced ]
	[ "$(message error left@example.com)" = '550 5.1.1 <left@example.com>: Recipient address rejected: has left the company' ]
	# nobody else's, and nothing that is none
	sed "s/$(message id left@example.com)/mailabc/" "$W/bounce.eml" >"$W/other.eml"
	post /api/v1/messages/bounces -H "$(bearer admin)" -H 'Content-Type: message/rfc822' --data-binary @"$W/other.eml"
	expect_problem 404 not_found
	post /api/v1/messages/bounces -H "$(bearer admin)" -H 'Content-Type: message/rfc822' --data-binary @"$W/mail/1.eml"
	expect_problem 422 invalid
	post /api/v1/messages/bounces -H "$(bearer upload)" -H 'Content-Type: message/rfc822' --data-binary @"$W/bounce.eml"
	expect_problem 403 not_allowed
}

# ---- SMS ----

@test "an SMS goes through Kannel to the network, in letters that arrive, and its report comes back" {
	kannel
	pomona_data
	# Kannel tells the base URL; here that is the port the server will have
	read -r PORT < <(free_ports 1)
	sed -i "s|base_url = .*|base_url = \"http://127.0.0.1:$PORT\"|" "$CONF"
	settings_of sms driver kannel url "\"http://127.0.0.1:$KANNEL/cgi-bin/sendsms\"" user pomona password s3cret from Apps
	BASE=http://127.0.0.1:$PORT
	SERVE_OPTIONS=(--plain)
	"$POMONA" serve --data "$DATA" --listen "127.0.0.1:$PORT" --plain >"$W/ready" 2>>"$W/log" 3>&- & PID=$!
	wait_until pomona_answers_or_ended
	sms_to +491701234567 'Fieldbook 4.3: 5 € für Größe & Maß https://apps.example.com/i/x'
	sms_to +819012345678 '倉庫 新しいバージョン'
	expect_state +491701234567 delivered
	expect_state +819012345678 delivered
	[[ $(message provider_id +491701234567) == "0: Accepted for delivery" ]]
	network_got() { [ "$(grep -c 'Got message' "$W/smsc.out")" -ge "$1" ]; }
	wait_until network_got 2
	grep -F 'Got message' "$W/smsc.out" | grep -F '<Apps +491701234567 text Fieldbook 4.3: 5 € für Größe & Maß https://apps.example.com/i/x>'
	grep -F 'Got message' "$W/smsc.out" | grep -F '<Apps +819012345678 ucs-2 P%09'
	[ "$(grep -c 'Got message' "$W/smsc.out")" = 2 ]
	# the report's address is as good as a password
	never grep -oE 'hooks/sms/[A-Za-z0-9_-]{12,}' "$W/log"
	get /hooks/sms/0123456789abcdefghijklmnopq?status=1
	expect_status 404
	# what Kannel refuses has failed, with its words
	sql "INSERT INTO message (id, kind, recipient, body, asked, created, changed) VALUES ('odd1', 'sms', 'abc', '{\"text\":\"x\"}', 1795348800, 1795348800, 1795348800);
		INSERT INTO job (id, kind, args, created, due) VALUES ('jodd1', 'message_send', '{\"message\":\"odd1\"}', 1, 1)"
	expect_state abc failed
	[[ $(message error abc) == *"answers 400: Number(s) has/have been denied"* ]]
}

@test "a wrong password for Kannel keeps every SMS waiting, and none is lost" {
	kannel
	settings_of sms driver kannel url "\"http://127.0.0.1:$KANNEL/cgi-bin/sendsms\"" user pomona password wrong from Apps
	pomona_start
	sms_to '+4917012345%02d' Hello 10
	refused() { [ "$(sql "SELECT count(*) FROM message WHERE error LIKE '%refuses the account: 403, Authorization failed%'")" -ge 1 ]; }
	wait_until refused
	[ "$(count_state waiting)" = 10 ]
	sign_in anna
	as anna get /admin		# Today says so
	expect_body 'refuses the account: 403, Authorization failed'
	settings_of sms driver kannel url "\"http://127.0.0.1:$KANNEL/cgi-bin/sendsms\"" user pomona password s3cret from Apps
	kill -HUP $PID
	all_sent() { [ "$(sql "SELECT count(*) FROM message WHERE state IN ('sent', 'delivered')")" = 10 ]; }
	wait_later all_sent
	got_ten() { [ "$(grep -c 'Got message' "$W/smsc.out")" = 10 ]; }
	wait_until got_ten
	expect_not_in "$W/log" s3cret
}

@test "Twilio gets the form it wants, and what it answers and reports is read" {
	gateway twilio
	echo '201 {"sid": "SM123", "status": "queued"}' >"$W/twilio/answer"
	settings_of sms driver twilio url "\"http://127.0.0.1:$GATEWAY\"" user AC42 password token42 from '"+14155552671"'
	sed -i "s|base_url = .*|base_url = \"https://$HOST\"|" "$CONF"
	pomona_start_tls
	grep -q 'settings="[^"]*sms.url' "$W/log"	# a gateway for tests in Twilio's place is said aloud
	sms_to +491701234567 'Hi & bye'
	expect_state +491701234567 sent
	[ "$(message provider_id +491701234567)" = SM123 ]
	jq -e '.method == "POST" and .path == "/2010-04-01/Accounts/AC42/Messages.json" and .headers.Authorization == "Basic QUM0Mjp0b2tlbjQy"' "$W/twilio/asked"
	jq -r .body "$W/twilio/asked" >"$W/form"
	grep -F 'To=%2B491701234567&From=%2B14155552671&Body=Hi%20%26%20bye&StatusCallback=https%3A%2F%2Fapps.example.com%2Fhooks%2Fsms%2F' "$W/form"
	local hook=/hooks/sms/${BATS_TEST_NAME:+$(sed 's/.*sms%2F//' "$W/form")}
	post "$hook" -d 'MessageStatus=sent&MessageSid=SM123'
	expect_status 204
	[ "$(message state +491701234567)" = sent ]
	post "$hook" -d 'MessageStatus=undelivered&ErrorCode=30003'
	expect_status 204
	[ "$(message state +491701234567)" = failed ]
	[ "$(message error +491701234567)" = 'the network reports: not delivered (undelivered, 30003)' ]
	# refused for good, with the number that explains it
	echo '400 {"code": 21211, "message": "Invalid To Phone Number"}' >"$W/twilio/answer"
	sms_to +4999999
	expect_state +4999999 failed
	[ "$(message error +4999999)" = 'the gateway answers 400: Invalid To Phone Number (Twilio error 21211)' ]
}

@test "any gateway can be named by a URL and a body, and a redirect is not followed" {
	gateway any
	settings_of sms driver http url "\"http://127.0.0.1:$GATEWAY/v1/messages\"" body '"{\"to\":\"{digits}\",\"text\":\"{text}\"}"' \
		content_type '"application/json"' user key password k3y
	pomona_start
	sms_to +491701234567 'Say hi'
	expect_state +491701234567 sent
	jq -e '.method == "POST" and .path == "/v1/messages" and (.body | fromjson) == {to: "491701234567", text: "Say hi"}' "$W/any/asked"
	echo '302 ' >"$W/any/answer"
	sms_to +491701234568
	moved() { [[ $(message error +491701234568) == *"no redirect is followed"* ]]; }
	wait_until moved
	expect_state +491701234568 waiting
	never grep -q elsewhere "$W/any/asked"
}

# ---- console ----

@test "an admin sees what became of each message and tries the settings step by step" {
	smtpd mail --tls starttls --auth apps:secret
	mail_settings "smtp://127.0.0.1:$SMTP" user apps password wrong
	pomona_start
	sign_in anna
	as anna get /admin/sending
	expect_status 200
	expect_body "smtp://127.0.0.1:$SMTP"
	expect_not_in "$W/body" wrong
	as anna post /admin/sending/mail -d "csrf=$CSRF" --data-urlencode 'to=anna@example.com'
	expect_status 200
	expect_body 'answers 535'
	mail_settings "smtp://127.0.0.1:$SMTP" user apps password secret
	kill -HUP $PID
	accepted() {
		post /api/v1/messages/test -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"kind":"mail","to":"anna@example.com"}'
		[ "$(json .ok)" = true ]
	}
	wait_until accepted
	expect_json '[.steps[] | .step + " " + .state] | join(", ")' 'settings done, resolve done, connect done, tls done, sign_in done, accept done'
	grep -q 'Content-ID: <qr>' "$W/mail/1.eml"
	post /api/v1/messages/test -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"kind":"mail","to":"anna"}'
	expect_json .ok false
	post /api/v1/messages/test -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"kind":"sms","to":"+491701234567"}'
	expect_json '[.ok, .steps[0].state, .error] | @json' '[false,"fail","sms.driver is not set"]'
	# the list
	echo 'rcpt nobody@example.com 550 5.1.1 <b>no such mailbox</b>' >"$W/mail/control"
	mail_to nobody@example.com
	expect_state nobody@example.com failed
	as anna get '/admin/messages?state=failed'
	expect_body '&lt;b&gt;no such mailbox&lt;/b&gt;'
	: >"$W/mail/control"
	as anna post "/admin/messages/$(message id nobody@example.com)/retry" -d "csrf=$CSRF"
	expect_status 303
	expect_state nobody@example.com sent
	get '/api/v1/messages?limit=1' -H "$(bearer admin)"
	expect_json '.items[0] | [.recipient, .state, .may_retry] | @json' '["nobody@example.com","sent",false]'
	# for admins alone, and not for a token of one app
	get /api/v1/messages -H "$(bearer upload)"
	expect_problem 403 not_allowed
	sign_in paul
	as paul get /admin/messages
	expect_status 403
	"$POMONA" doctor --data "$DATA" >"$W/doctor" || true
	grep -E '^ok +mail .*encrypted, and knows the account' "$W/doctor"
}

@test "no more go out in a minute than the settings say" {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	settings_of message per_minute 120
	pomona_start
	mail_to 'tester%d@example.com' '{"text":"Hello"}' 12
	all_sent() { [ "$(count_state sent)" = 12 ]; }
	wait_until all_sent
	# half a second lies between two of them; the server's own clock says so
	jq -se '[.[].at] | sort | (last - first) >= 5' "$W/mail/ledger"
}
