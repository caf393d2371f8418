# People are asked to set up a device: by mail, by SMS, one or a group; and how far each of them is.
load lib/pomona
load lib/sending

setup_file() { pomona_prepare; }
setup()      { command -v sqlite3 >/dev/null || skip "no sqlite3"; pomona_data; }
teardown()   { local rc=0; pomona_stop || rc=1; stop_started; return $rc; }

has_mail() { sql "UPDATE person SET email = '$2' WHERE name = '$1'"; }
has_number() { sql "UPDATE person SET phone = '$2' WHERE name = '$1'"; }
api() { local how=$1 path=$2; shift 2; "$how" "/api/v1/invitations$path" -H "$(bearer admin)" "$@"; }
state_now() {	# NAME: of their newest invitation
	api get "?q=$1"
	json '.items[0].state'
}
state_becomes() { [ "$(state_now "$1")" = "$2" ]; }
mails() { [ "$(cat "$W"/mail/*.eml 2>/dev/null | grep -c '^Message-ID:')" = "$1" ]; }

# The text of mail N, and the link in it: $LINK.
read_mail() {
	"$DEBIAN_PYTHON" -c 'import email, sys; from email import policy
m = email.message_from_bytes(open(sys.argv[1], "rb").read(), policy=policy.default)
print(m["Subject"]); print(m.get_body(("plain",)).get_content())' "$W/mail/$1.eml" >"$W/mail.txt"
	LINK=$(grep -o "$BASE/e/[A-Za-z0-9_-]*" "$W/mail.txt" | head -1)
}

with_mail() {
	smtpd mail
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	pomona_start
}

@test "who is invited by mail reads who asks, opens the link and signs in; nobody else gets further with it" {
	with_mail
	has_mail mia mia@example.com
	run "$POMONA" enroll invite --data "$DATA" --user mia --by mail --note 'Before Friday, please.'
	[ "$status" = 0 ]
	[ "$output" = "mia: mail to mia@example.com" ]
	wait_until mails 1
	read_mail 1
	grep -qF 'sign in as mia' "$W/mail.txt"
	grep -qF 'Before Friday, please.' "$W/mail.txt"
	wait_until state_becomes mia sent
	# not signed in: what will happen, and nobody's name
	get "$LINK" -H 'Accept: text/html'
	expect_status 200
	expect_body 'IT cannot see'
	expect_body "/login?next=/e/${LINK##*/}"
	expect_not_in "$W/body" mia
	expect_not_in "$W/body" 'Before Friday'
	wait_until state_becomes mia opened
	# somebody else: whom it is for, and no way on
	sign_in paul
	as paul get "$LINK"
	expect_status 403
	expect_body 'This invitation is for mia'
	get "$LINK" -b "$W/jar.paul"
	expect_problem 403 not_yours
	expect_not_in "$W/body" mia
	wait_until state_becomes mia opened
	# from there the way to sign in as her comes back here
	as paul get /account
	as paul post /logout --data-urlencode "csrf=$(form_csrf)" --data-urlencode "next=/e/${LINK##*/}"
	expect_status 303
	expect_header Location "/login?next=%2Fe%2F${LINK##*/}"
	sign_in mia
	as mia get "$LINK"
	expect_status 303
	expect_header Location /enroll
	[ "$(state_now mia)" = signed_in ]
	as mia get /enroll
	expect_status 200
	expect_body 'Before Friday, please.'
}

@test "a link that is revoked is the same 404 to the byte as one that never was" {
	pomona_start
	run "$POMONA" enroll invite --data "$DATA" --user mia --by link
	[ "$status" = 0 ]
	LINK=$output
	get "$LINK" -H 'Accept: text/html'
	expect_status 200
	get "$BASE/e/AAAAAAAAAAAAAAAAAAAAAA" -H 'Accept: text/html'
	expect_status 404
	cp "$W/body" "$W/never"
	api get '?q=mia'
	api delete "/$(json '.items[0].id')"
	expect_status 204
	get "$LINK" -H 'Accept: text/html'
	expect_status 404
	cmp "$W/body" "$W/never"
	post "$LINK/decline" -H 'Accept: text/html'
	expect_status 404
	cmp "$W/body" "$W/never"
	# nobody has two that stand: now a new one can be made
	"$POMONA" enroll invite --data "$DATA" --user mia --by link
	run "$POMONA" enroll invite --data "$DATA" --user mia --by link
	[ "$status" = 4 ]
	[[ $output == *"mia: is invited already"* ]]
}

@test "an invitation by SMS is one message with a whole link" {
	gateway sms
	settings_of sms driver '"http"' url "\"http://127.0.0.1:$GATEWAY/send?to={to}&text={text}\""
	settings_of egress allow '"127.0.0.1"'
	pomona_start
	has_number mia '+49 170 1234567'
	api post '' -d '{"person": "mia", "by": "sms"}'
	expect_status 201
	expect_json '.items[0].by' sms
	local url; url=$(json '.items[0].url')
	expect_state +491701234567 sent
	grep -qF "${url##*/}" "$W/sms/asked"
	[ "$(state_now mia)" = sent ]
}

@test "an invitation by SMS goes out through Kannel, whose report makes it delivered" {
	kannel
	read -r PORT < <(free_ports 1)		# Kannel tells the base URL
	sed -i "s|base_url = .*|base_url = \"http://127.0.0.1:$PORT\"|" "$CONF"
	settings_of sms driver kannel url "\"http://127.0.0.1:$KANNEL/cgi-bin/sendsms\"" user pomona password s3cret from Apps
	BASE=http://127.0.0.1:$PORT
	SERVE_OPTIONS=(--plain)
	"$POMONA" serve --data "$DATA" --listen "127.0.0.1:$PORT" --plain >"$W/ready" 2>>"$W/log" 3>&- & PID=$!
	wait_until pomona_answers_or_ended
	has_number mia '+49 170 1234567'
	run "$POMONA" enroll invite --data "$DATA" --user mia --by sms
	[ "$output" = "mia: sms to +49 170 1234567" ]
	wait_until state_becomes mia delivered
	wait_until grep -q "Got message.*Apps +491701234567 text Please set up your iPhone.*$BASE/e/" "$W/smsc.out"
}

@test "a group is invited by one button, who cannot be is listed with why, and the file tells how far they are" {
	with_mail
	has_mail mia mia@example.com
	post /api/v1/groups -H "$(bearer admin)" -d '{"name": "Sales"}'
	local group; group=$(json .id)
	for name in mia paul; do ask PUT "/api/v1/groups/$group/people/$name" -H "$(bearer admin)"; done
	sign_in anna
	as anna get /admin/invitations/new
	expect_status 200
	expect_body 'Sales'
	as anna post /admin/invitations/new --data-urlencode "csrf=$CSRF" -d "group=$group&way=any&remind=yes&days=14&language=de&note="
	expect_status 201
	expect_body 'Invited: 1'
	expect_body 'has no address or number that this server can send to'
	wait_until mails 1
	read_mail 1
	grep -qF 'lädt Sie ein' "$W/mail.txt"
	wait_until state_becomes mia sent
	as anna get "/admin/invitations?group=Sales"
	expect_status 200
	expect_body 'mia'
	get /admin/invitations.csv -H "$(bearer admin)"
	expect_header Content-Type 'text/csv*'
	[ "$(wc -l <"$W/body")" = 2 ]
	grep -q '^mia,mia,mia@example.com,,sent,mail,,anna,2026-11-22T12:00:00Z' "$W/body"
	api get /missing
	[ "$(json '[.items[].name] | sort | join(" ")')" = "anna paul" ]
	# not by who may not
	get /admin/invitations.csv -H "$(bearer upload)"
	expect_status 403
}

@test "who says no is shown as declined, and may change their mind by the same link" {
	pomona_start
	run "$POMONA" enroll invite --data "$DATA" --user mia --by link --json
	[ "$status" = 0 ]
	LINK=$(jq -r '.items[0].url' <<<"$output")
	post "$LINK/decline" -H 'Accept: text/html'
	expect_status 200
	expect_body 'Somebody with this link has said no'
	[ "$(state_now mia)" = declined ]
	sign_in mia
	as mia get "$LINK"
	expect_status 303
	[ "$(state_now mia)" = signed_in ]
	# and on the page where she is signed in
	as mia get /enroll
	as mia post /invitation/decline --data-urlencode "csrf=$(form_csrf)"
	expect_status 303
	[ "$(state_now mia)" = declined ]
	get '/api/v1/audit?act=invitation.decline' -H "$(bearer admin)"
	[ "$(json '[.items[].actor] | join(" ")')" = "mia mia" ]
	[ "$(json '.items[1].detail')" = 'by the link, without a sign-in' ]
}

@test "the silent are reminded once, after three days" {
	with_mail
	has_mail mia mia@example.com
	api post '' -d '{"persons": ["mia"], "by": "mail"}'
	wait_until mails 1
	wait_until state_becomes mia sent
	later $((3 * 86400 + 60))
	wait_until mails 2
	read_mail 2
	grep -qF 'is not set up for' "$W/mail.txt"
	wait_until state_becomes mia silent
	api get '?state=silent'
	[ "$(json '.items[0].reminded')" != null ]
	later $((3 * 86400))
	wait_until sql "SELECT 1 FROM job WHERE kind = 'sweep'"
	[ -z "$(sql "SELECT 1 FROM job WHERE kind = 'invitation_remind'")" ]
	mails 2
}

@test "what was answered as invited is sent, though the server dies at once" {
	smtpd mail
	mail_settings "smtp://127.0.0.1:1" tls none	# nobody there
	pomona_start
	for ((i = 0; i < 20; i++)); do
		sql "INSERT INTO person (id, name, folded, words, role, password, source, email, created)
			VALUES ('p$i', 'p$i', 'p$i', 'p$i', 'member', '', 'proxy', 'p$i@example.com', 1)"
	done
	api post '' -d "$(jq -nc '{persons: [range(20) | "p\(.)"], by: "mail"}')"
	expect_status 201
	[ "$(json '.items | length')" = 20 ]
	pomona_kill
	mail_settings "smtp://127.0.0.1:$SMTP" tls none
	pomona_again
	all_out() { later 60; [ "$(count_state sent)" = 20 ]; }
	wait_until all_out
	[ "$(jq -r '.to[0]' "$W/mail/ledger" | sort -u | wc -l)" = 20 ]
}

@test "enroll link prints where a session's mobileconfig is, for one person" {
	pomona_start
	run "$POMONA" enroll link --data "$DATA" --user mia --json
	[ "$status" = 0 ]
	[ "$(sql "SELECT p.name FROM enroll_session s JOIN person p ON p.id = s.person_id WHERE s.id = '$(jq -r .id <<<"$output")'")" = mia ]
	[[ $(jq -r .url <<<"$output") == "$BASE/enroll/"* ]]
	run "$POMONA" enroll link --data "$DATA" --user nobody
	[ "$status" = 4 ]
	[[ $output == *'nobody who may sign in is called "nobody"'* ]]
	run "$POMONA" enroll link --data "$DATA"
	[ "$status" = 2 ]
	run "$POMONA" enroll invite --data "$DATA" --user mia --by mail
	[ "$status" = 4 ]
	[[ $output == *"no mail server is set up"* ]]
}
