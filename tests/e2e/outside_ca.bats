# Identities by a SCEP server that is not ours, as a company with a CA of its own has it: micromdm's scepserver.
load lib/pomona
load lib/sending
load lib/devices

setup_file() {
	command -v scepserver >/dev/null || skip "no scepserver (package scep)"
	devices_prepare
}

setup() {
	devices_data
	outside_ca one
	export POMONA__SCEP__EXTERNAL_URL=$URL POMONA__SCEP__EXTERNAL_CHALLENGE="of the company" POMONA__SCEP__EXTERNAL_CA_FILE=$W/one/depot/ca.pem
}

teardown() { devices_stop; }

# outside_ca NAME: a CA with the key usages that iOS wants, which the one that scepserver makes has not, and a SCEP server
# for it at $URL, whose certificates are in $W/NAME/depot.
outside_ca() {
	local dir=$W/$1
	mkdir -p "$dir/depot"
	openssl req -x509 -newkey rsa:2048 -nodes -days 400 -subj "/O=Example/CN=Outside CA" -keyout "$dir/key.pem" -out "$dir/depot/ca.pem" \
		-addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign 2>/dev/null
	openssl rsa -in "$dir/key.pem" -traditional -aes128 -passout pass:of_the_key -out "$dir/depot/ca.key" 2>/dev/null
	start "apart.$1" python3 "$ROOT/tests/e2e/lib/apart.py" "$dir" 8080 scepserver -depot "$dir/depot" -capass of_the_key -port 8080 \
		-challenge "of the company" -crtvalid 30 -allowrenew 0
	wait_until there_or_gone "$dir/port" "$LAST"
	[ -s "$dir/port" ] || { cat "$W/apart.$1.out" "$dir/out"; skip "no network of its own for scepserver"; }
	URL=http://127.0.0.1:$(cat "$dir/port")/scep
}
there_or_gone() { [ -s "$1" ] || ! kill -0 "$2"; }

issued()     { find "$W/$1/depot" -name 'device *.pem' -printf '%f\n' | sort; }
of_session() { find "$W/one/depot" -name "device $1.*.pem"; }
hash_of()    { openssl x509 -in "$1" -outform DER | sha256sum | cut -d' ' -f1; }
ends_of()    { date -d "$(openssl x509 -in "$1" -noout -enddate | sed 's/notAfter=//')" +%s; }

# has_identity_of SESSION: whoever is enrolled shows the certificate that was issued with the subject of that session.
has_identity_of() {
	local file
	file=$(of_session "$1")
	[ "$(openssl x509 -in "$file" -noout -subject)" = "subject=O = Example Corp, CN = device $1" ]
	[ "$(sql "SELECT identity FROM enrollment WHERE state = 'enrolled'")" = "$(hash_of "$file")" ]
	[ "$(sql "SELECT identity_ends FROM enrollment WHERE state = 'enrolled'")" = "$(ends_of "$file")" ]
}

@test "a phone gets its identity from the company's SCEP server, is managed by it, and renews it there" {
	export POMONA__COMPANY__NAME="Example Corp"
	devices_start
	enrolled_phone --outside-scep "$URL"
	local before enrollment session
	session=$(sql "SELECT id FROM enroll_session WHERE kind = 'ota'")
	has_identity_of "$session"
	[ "$(issued one | wc -l)" = 1 ]
	[ "$(sql "SELECT count(*) FROM certificate WHERE purpose = 'mdm'")" = 0 ]	# ours were for passing alone
	does DeviceInformation '{"Queries":["DeviceName"]}'
	before=$(sql "SELECT identity FROM enrollment")
	enrollment=$(sql "SELECT id FROM enrollment")
	# 30 days is all that it has, so it is to be renewed: by the house within the day, or by hand
	get /api/v1/identities -H "$(bearer devices)"
	expect_json '.items | map(.device + .why) | join(" ")' "${ID}ends"
	post "/api/v1/devices/$ID/renew" -H "$(bearer devices)"
	expect_status 202
	UUID=$(json .uuid)
	connects
	becomes acknowledged
	connects
	session=$(sql "SELECT id FROM enroll_session WHERE kind = 'renewal'")
	has_identity_of "$session"
	[ "$(sql "SELECT old_identity FROM enrollment")" = "$before" ]
	[ "$(sql "SELECT id FROM enrollment WHERE state = 'enrolled'")" = "$enrollment" ]
	[ "$(sql "SELECT state FROM enroll_session WHERE id = '$session'")" = done ]
	[ "$(issued one | wc -l)" = 2 ]
	does DeviceInformation '{"Queries":["DeviceName"]}'
	nobody_sent_away
	judged
}

plist() { printf '<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict>%s</dict></plist>\n' "$1"; }

# claims NAME: Authenticate as the phone $UDID, signed with $W/NAME.pem and $W/NAME.key.
claims() {
	plist "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>$TOPIC</string><key>UDID</key><string>$UDID</string>" >"$W/said"
	ask PUT /mdm/checkin -H 'Content-Type: application/x-apple-aspen-mdm-checkin' --data-binary "@$W/said" -H "Mdm-Signature: $(
		openssl cms -sign -binary -in "$W/said" -signer "$W/$1.pem" -inkey "$W/$1.key" -outform DER -md sha256 | base64 -w0)"
}

# by CA SESSION: a certificate with the subject that this session asks for, $W/CA.pem and $W/CA.key.
by() {
	"$DEVICE" scep "http://127.0.0.1:$(cat "$W/$1/port")/scep" --outside-scep any --challenge "of the company" \
		--subject "O=Example Corp/CN=device $2" --out "$W/$1.pem" --key-out "$W/$1.key"
}

@test "an identity of another outside CA is nobody's, and one of the right CA is good in the session that asked for it alone" {
	local right=$URL session
	outside_ca two
	POMONA__SCEP__EXTERNAL_URL=$URL devices_start
	sessions 1
	# the phone does not take one from there: the payload names the CA that is trusted
	run device_on enroll "$(cat "$W/urls")" --outside-scep "$URL"
	[ "$status" = 1 ]
	[[ $output == *CAFingerprint* ]]
	[ "$(issued two | wc -l)" = 0 ]
	session=$(sql "SELECT id FROM enroll_session WHERE state = 'issued'")
	UDID=$(sql "SELECT udid FROM enroll_session WHERE id = '$session'")
	[ -n "$session$UDID" ]
	# who does take one, with all the right words in it, is refused; so is the right CA's with another session's
	by two "$session"
	claims two
	expect_problem 400 bad_identity
	by one "$session-"
	claims one
	expect_problem 400 not_its_identity
	by one "$session"
	UDID=00008120-FFFFFFFFFFFFFFFF claims one
	expect_problem 400 not_its_identity
	[ "$(sql "SELECT count(*) FROM enrollment")" = 0 ]
	# and what makes the difference is the CA, the session and the device
	claims one
	expect_status 200
	[ "$(sql "SELECT state FROM enrollment")" = staged ]
	pomona_stop

	POMONA__SCEP__EXTERNAL_URL=$right pomona_again
	SERVE_OPTIONS+=(--listen "127.0.0.1:$PORT")
	enrolled_phone --outside-scep "$right"
	# a CA that is not believed any more: its devices wait, and are not sent away
	pomona_stop
	POMONA__SCEP__EXTERNAL_CA_FILE=$W/two/depot/ca.pem pomona_again
	: >"$W/ledger"
	device_on fleet --poll-ms 100 --for 2 >"$W/fleet"
	grep -q ' http Idle 400$' "$W/ledger"
	never grep -v ' http Idle 400$' "$W/ledger"
	pomona_stop
	pomona_again
	does DeviceInformation '{"Queries":["DeviceName"]}'
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = 1 ]
	nobody_sent_away
}

@test "phones that enrolled or renewed at an outside CA after the backup that is put back wait, are listed and taken in again" {
	devices_start
	SERVE_OPTIONS+=(--listen "127.0.0.1:$PORT")	# phones remember where it is
	enrolled_phone --outside-scep "$URL"
	local before renewed sha256 enrollment
	before=$(sql "SELECT identity FROM enrollment")
	pomona_stop
	cp -r "$DATA" "$W/backup"
	pomona_again
	post "/api/v1/devices/$ID/renew" -H "$(bearer devices)"
	expect_status 202
	connects
	connects
	renewed=$(sql "SELECT identity FROM enrollment")
	[ "$renewed" != "$before" ]
	sessions 1
	device_on fleet --first 1 --enroll "$W/urls" --outside-scep "$URL" --drain >"$W/fleet"
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled'")" = 2 ]
	pomona_stop
	rm -rf "$DATA"
	mv "$W/backup" "$DATA"
	pomona_again
	: >"$W/ledger"
	device_on fleet --count 2 --outside-scep "$URL" --poll-ms 100 --for 2 >"$W/fleet"
	[ "$(grep ' 503$' "$W/ledger" | cut -d' ' -f2 | sort -u | wc -l)" = 2 ]
	never grep -E ' (400|401|403)$' "$W/ledger"
	get /api/v1/came-back -H "$(bearer admin)"
	expect_json '[.items[] | .state] | join(" ")' "waiting waiting"
	# the new one is nobody else; the renewed one is managed under the identity that the backup has
	post /api/v1/came-back/take -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{}"
	expect_json '"\(.taken_in) \(.left_managed)"' "1 1"
	get /api/v1/came-back -H "$(bearer admin)"
	sha256=$(json '.items[] | select(.managed) | .sha256')
	[ "$sha256" = "$renewed" ]
	post "/api/v1/came-back/$sha256/take" -H "$(bearer admin)"
	expect_problem 409 managed
	get "/api/v1/came-back/$sha256" -H "$(bearer admin)"
	expect_json .now.identity "$before"
	expect_json .issuer "CN=Outside CA,O=Example"
	enrollment=$(json .now.enrollment)
	post "/api/v1/came-back/$sha256/take" -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"replaces\": \"$enrollment\"}"
	expect_status 204
	: >"$W/ledger"
	device_on fleet --count 2 --outside-scep "$URL" --drain >"$W/fleet"
	nobody_sent_away
	never grep -q ' 503$' "$W/ledger"
	[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled' AND identity_ends IS NOT NULL")" = 2 ]
	does DeviceInformation '{"Queries":["DeviceName"]}'
	# whose push token was not known is asked for it, and has a new identity from there by that
	asked_anew() {
		device_on fleet --count 2 --outside-scep "$URL" --drain >"$W/fleet"
		[ "$(sql "SELECT count(*) FROM enrollment WHERE state = 'enrolled' AND old_identity = '$renewed' AND token IS NOT NULL")" = 1 ]
	}
	wait_until asked_anew
	nobody_sent_away
	judged
}
