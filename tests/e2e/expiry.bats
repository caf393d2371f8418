# What ends: told by mail once, shown on the page, in a calendar, to programs and on the command line.
load lib/pomona
load lib/sending

setup_file() { pomona_prepare; }
setup()      { command -v sqlite3 >/dev/null || skip "no sqlite3"; pomona_data; }
teardown()   { local rc=0; pomona_stop || rc=1; stop_started; return $rc; }

in_days() { date -u -d "$NOW + $1 days" +%s; }
# A push certificate that ends in so many days, counted from the first day of the story.
push_ends() {
	sql "DELETE FROM push_certificate;
		INSERT INTO push_certificate (id, topic, state, sealed_key, not_after, created, changed)
		VALUES ('p', 'com.apple.mgmt.External.1', 'current', x'00', $(in_days "$1"), 1, 1)"
}
has_mail() { sql "UPDATE person SET email = '$2' WHERE name = '$1'"; }
mails() { [ "$(cat "$W"/mail/*.eml 2>/dev/null | grep -c '^Message-ID:')" = "$1" ]; }
# The sweep of this moment is through: its next one is of another day.
swept() { [ "$(sql "SELECT count(*) FROM job WHERE kind = 'endings' AND owner = '' AND due > $(date -u -d "$(cat "$W/clock")" +%s)")" = 1 ]; }
with_mail() {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
}
to_day() { set_clock "$(date -u -d "$NOW + $1 days" +%Y-%m-%dT%H:%M:%SZ)"; wait_until swept; }
read_mail() {
	"$DEBIAN_PYTHON" -c 'import email, sys; from email import policy
m = email.message_from_bytes(open(sys.argv[1], "rb").read(), policy=policy.default)
print(m["Subject"]); print(m["To"]); print(m.get_body(("plain",)).get_content())' "$W/mail/$1.eml" >"$W/mail.txt"
}

@test "an admin reads once at each step what ends, in one mail, and nothing of what was renewed (behaviour 11)" {
	with_mail
	push_ends 29
	pomona_start
	has_mail anna anna@example.com
	# it begins: nobody was told of the 30 days yet
	to_day 0
	wait_until mails 1
	read_mail 1
	grep -qFx 'Push certificate ends on 21 December 2026' "$W/mail.txt"
	grep -qFx 'anna@example.com' "$W/mail.txt"
	grep -qF 'In 29 days' "$W/mail.txt"
	grep -qF "http://$HOST/admin/push" "$W/mail.txt"
	# a server that begins anew, and the days between, say nothing
	to_day 0
	to_day 1
	[ "$(sql 'SELECT count(*) FROM message')" = 1 ]
	# 14 and 7 days before were slept through: once, as the nearest; with another thing in the same mail
	"$POMONA" token new --data "$DATA" --user anna --scope read --days 25 >"$W/token.short"
	sql "UPDATE token SET label = 'nightly' WHERE expires IS NOT NULL"
	to_day 24
	wait_until mails 2
	read_mail 2
	grep -q '^2 things end soon at ' "$W/mail.txt"
	grep -qF 'Push certificate ends on 21 December 2026' "$W/mail.txt"
	grep -qF 'nightly' "$W/mail.txt"
	[ "$(sql 'SELECT group_concat(days) FROM (SELECT days FROM ending_notice ORDER BY days)')" = 7,7,30 ]
	# renewed: the day before its old end is silent
	push_ends 400
	to_day 28
	wait_until mails 3	# the token is over: that is told, since its last notice was slept through
	read_mail 3
	grep -q 'nightly.* ended on ' "$W/mail.txt"
	expect_not_in "$W/mail.txt" 'Push certificate'
}

@test "kill -9 in the middle of telling leaves no notice without its mail, and sends none twice" {
	with_mail
	push_ends 6
	pomona_start
	has_mail anna anna@example.com
	pomona_stop
	local i
	for i in 1 2 3; do
		pomona_again
		pomona_kill
		[ "$(sql 'SELECT count(*) FROM ending_notice')" = "$(sql "SELECT count(*) FROM message WHERE about = 'endings'")" ]
	done
	pomona_again
	wait_until swept
	[ "$(sql 'SELECT count(*) FROM ending_notice')" = 1 ]
	[ "$(sql "SELECT count(*) FROM message WHERE about = 'endings'")" = 1 ]
	# what a server was killed over goes out again as the same message
	expect_state anna@example.com sent
	[ "$(cat "$W"/mail/*.eml | grep '^Message-ID:' | sort -u | wc -l)" = 1 ]
}

@test "the page, the API, the command line and the metrics name the same things, to each what concerns them" {
	push_ends 10
	pomona_start
	sign_in anna; sign_in paul; sign_in mia
	as anna get /admin/expiry
	expect_status 200
	expect_body 'Push certificate ends on 2 December 2026'
	expect_body 'In 10 days'
	expect_body 'No mail server is set up'
	# in the calendar, and on Today with its button
	expect_body '/admin/expiry?week=2026-11-30'
	as anna get '/admin/expiry?week=2026-11-30'
	expect_body 'Push certificate ends on 2 December 2026'
	as anna get '/admin/expiry?week=2026-12-07'
	expect_not_in "$W/body" 'ends on 2 December'
	as anna get '/admin/expiry?week=never'
	expect_status 422
	as anna get /admin
	expect_body 'Push certificate ends on 2 December 2026'
	expect_body 'href="/admin/push"'
	expect_body 'class="count">1<'
	get /api/v1/expiry -H "$(bearer admin)"
	expect_status 200
	expect_json '[.items[] | select(.kind == "push")][0] | [.ends, .days, .level, .needs, .url] | @json' '["2026-12-02T12:00:00Z",10,"error",true,"/admin/push"]'
	expect_json .attention 1
	expect_json .next null
	get '/api/v1/expiry?days=9' -H "$(bearer admin)"
	expect_json '.items | length' 0
	run "$POMONA" expiry --data "$DATA"
	[ "$status" = 0 ]
	[[ $output == *"2026-12-02     10 days  error    Push certificate"* ]]
	"$POMONA" expiry --data "$DATA" --json --days 20 | jq -e '.items | length == 1 and .[0].kind == "push"'
	get /metrics
	expect_body "pomona_ending_seconds{kind=\"push\"} $(in_days 10)"
	expect_body 'pomona_endings{kind="push",days="7"} 0'
	expect_body 'pomona_endings{kind="push",days="14"} 1'
	# a publisher sees their own, who publishes nothing sees no console
	as paul get /admin/expiry
	expect_status 200
	expect_not_in "$W/body" 'Push certificate ends'
	get /api/v1/expiry -H "$(bearer read)"
	expect_json '.items | length' 0
	as mia get /admin/expiry
	expect_status 403
	get /api/v1/expiry
	expect_status 401
}

@test "the builds of an app that end together are one thing, with their number; another end of it is another" {
	pomona_start
	sql "INSERT INTO app (id, bundle_id, name, folded, created) VALUES ('stock', 'com.example.stock', 'Stock', 'stock', 1)"
	local build
	for build in 7:20 8:20 9:40; do
		sql "INSERT INTO channel (id, app_id, name, created, newest_build_id) VALUES ('c$build', 'stock', 'c$build', 1, 'b$build');
			INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id, provision_uuid, expires,
			certificate, certificate_name, certificate_expires) VALUES ('b$build', '', 'com.example.stock', '1.0', '${build%:*}', 1,
			'com.example.stock', 'p$build', $(in_days "${build#*:}"), 'c', 'C', $(in_days 900))"
	done
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "build") | [.subject, .name, .days, .builds]] | @json' \
		'[["com.example.stock","Stock",20,2],["com.example.stock","Stock 1.0 (9)",40,1]]'
	sign_in anna
	as anna get /admin/expiry
	expect_body 'Build Stock ends on 12 December 2026'
	expect_body 'Builds: 2'
	get /metrics
	expect_body 'pomona_endings{kind="build",days="30"} 1'
	expect_body 'pomona_endings{kind="build",days="60"} 2'
	# in the calendar each has a name of its own
	as anna post /admin/expiry/feeds --data-urlencode "csrf=$CSRF"
	get "$(grep -o "http://$HOST/expiry/[A-Za-z0-9_-]*\.ics" "$W/body" | head -1)"
	[ "$(grep -c '^SUMMARY:Build Stock' "$W/body")" = 2 ]
	[ "$(grep '^UID:build-' "$W/body" | sort -u | wc -l)" = 2 ]
}

@test "a calendar is read by its address alone, until it is revoked: then it is the same 404 as any other" {
	push_ends 10
	pomona_start
	sign_in anna
	as anna post /admin/expiry/feeds --data-urlencode "csrf=$CSRF"
	expect_status 201
	local feed; feed=$(grep -o "http://$HOST/expiry/[A-Za-z0-9_-]*\.ics" "$W/body" | head -1)
	[ -n "$feed" ]
	as anna get /admin/expiry	# shown that once
	expect_not_in "$W/body" "$feed"
	get "$feed"
	expect_status 200
	expect_header Content-Type 'text/calendar; charset=utf-8'
	python3 - "$W/body" <<-'PY'
		import sys
		raw = open(sys.argv[1], 'rb').read()
		assert raw.endswith(b'END:VCALENDAR\r\n') and b'\n' not in raw.replace(b'\r\n', b'')
		assert all(len(line) <= 75 for line in raw.split(b'\r\n'))
		lines = raw.replace(b'\r\n ', b'').decode().split('\r\n')
		events = [dict(l.split(':', 1) for l in e.split('\n') if ':' in l) for e in '\n'.join(lines).split('BEGIN:VEVENT')[1:]]
		push = [e for e in events if e['SUMMARY'] == 'Push certificate']
		assert len(push) == 1, events
		assert push[0]['DTSTART;VALUE=DATE'] == '20261202' and push[0]['DTEND;VALUE=DATE'] == '20261203'
		assert push[0]['URL'].endswith('/admin/push') and push[0]['UID'].endswith('@apps.example.com')
		open(sys.argv[1] + '.uid', 'w').write(push[0]['UID'])
	PY
	# renewed, it moves and is the same event
	push_ends 300
	get "$feed"
	grep -qF "$(cut -c1-70 "$W/body.uid")" "$W/body"
	grep -qF 'DTSTART;VALUE=DATE:20270918' "$W/body"
	[ "$(grep -c 'SUMMARY:Push certificate' "$W/body")" = 1 ]
	expect_not_in "$W/log" "${feed##*/}"
	# a publisher's own shows what that one may see
	sign_in paul
	as paul post /admin/expiry/feeds --data-urlencode "csrf=$CSRF"
	get "$(grep -o "http://$HOST/expiry/[A-Za-z0-9_-]*\.ics" "$W/body" | head -1)"
	expect_status 200
	expect_not_in "$W/body" BEGIN:VEVENT
	# revoked
	get "http://$HOST/expiry/AAAAAAAAAAAAAAAAAAAAAAAAAAA.ics"
	expect_status 404
	cp "$W/body" "$W/never"
	sign_in anna
	as anna get /admin/expiry
	as anna post "$(grep -o '/admin/expiry/feeds/[a-z0-9]*/revoke' "$W/body" | head -1)" --data-urlencode "csrf=$(form_csrf)"
	expect_status 303
	get "$feed"
	expect_status 404
	sed 's/[A-Za-z0-9_-]*\.ics/X/g; s/"instance":"[^"]*"//; s/"request_id":"[^"]*"//' "$W/body" >"$W/gone"
	sed 's/[A-Za-z0-9_-]*\.ics/X/g; s/"instance":"[^"]*"//; s/"request_id":"[^"]*"//' "$W/never" | cmp - "$W/gone"
}

@test "whether mail comes, where to and in which language is one's own setting" {
	with_mail
	push_ends 6
	pomona_start
	sign_in anna
	as anna post /account/endings --data-urlencode "csrf=$CSRF" --data-urlencode 'mails=yes' --data-urlencode 'email=no address' --data-urlencode 'language=de'
	expect_status 422
	as anna post /account/endings --data-urlencode "csrf=$CSRF" --data-urlencode 'email=anna@example.com' --data-urlencode 'language=de'
	expect_status 303
	to_day 0	# she wants none
	[ "$(sql 'SELECT count(*) FROM message')" = 0 ]
	sign_in anna
	as anna get /admin
	expect_body 'Nobody gets mail about what ends'
	as anna post /account/endings --data-urlencode "csrf=no" --data-urlencode 'mails=yes'
	expect_status 403
	as anna post /account/endings --data-urlencode "csrf=$CSRF" --data-urlencode 'mails=yes' --data-urlencode 'email=anna@example.com' --data-urlencode 'language=de'
	expect_status 303
	as anna get /admin
	expect_not_in "$W/body" 'Nobody gets mail about what ends'
	to_day 0
	wait_until mails 1
	read_mail 1
	grep -qFx 'Push-Zertifikat endet am 28. November 2026' "$W/mail.txt"
}

@test "a token that ends is refused from its day on" {
	pomona_start
	"$POMONA" token new --data "$DATA" --user anna --scope admin --days 3 >"$W/token.short"
	run "$POMONA" token new --data "$DATA" --user anna --scope admin --days 0
	[ "$status" = 4 ]
	get /api/v1/expiry -H "$(bearer short)"
	expect_status 200
	expect_json '[.items[] | select(.kind == "token")][0].days' 3
	post /api/v1/tokens -H "$(bearer admin)" -d '{"scope": "read", "label": "x", "days": -1}'
	expect_status 422
	post /api/v1/tokens -H "$(bearer admin)" -d '{"scope": "read", "label": "x", "days": 7}'
	expect_status 201
	set_clock "$(date -u -d "$NOW + 3 days" +%Y-%m-%dT%H:%M:%SZ)"
	get /api/v1/expiry -H "$(bearer short)"
	expect_status 401
	get /api/v1/tokens -H "$(bearer admin)"
	expect_json '[.items[] | select(.label == "x")][0].expires' 2026-11-29T12:00:00Z
}
