# Nothing stops launching because its provision ran out: newer ones reach every device that holds the app, in waves,
# before the old ones end, whatever the devices do and however often the server is killed.
# With POMONA_WHOLE there are 2,000 phones, else 100; POMONA_PHONES says otherwise.
load lib/pomona
load lib/sending
load lib/devices

WHOLE=${POMONA_WHOLE-}
PHONES=${POMONA_PHONES:-$([ -n "$WHOLE" ] && echo 2000 || echo 100)}
WAIT_STEPS=2400

setup_file() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	POMONA=$POMONA_RELEASE devices_prepare
	TODAY=$(date -u +%Y-%m-%dT%H:00:00Z)
	# the first two phones, as the simulated ones are numbered
	UDIDS=$(python3 -c 'import hashlib
print(",".join("00008120-%04X%s" % (n, hashlib.sha256(n.to_bytes(4, "little")).digest()[:6].hex().upper()) for n in range(2)))') \
		python3 "$ROOT/tests/data/make_renewal.py" "$BATS_FILE_TMPDIR/prepared/made" "$TODAY"
	cat "$IPAS/root.pem" "$BATS_FILE_TMPDIR/prepared/made/root.pem" >"$BATS_FILE_TMPDIR/prepared/roots.pem"
	export TODAY
}

setup() {
	[ -x "$POMONA_RELEASE" ] || skip "no $POMONA_RELEASE"
	POMONA=$POMONA_RELEASE
	devices_data
	export POMONA__APPLE__EXTRA_PROVISION_ROOTS=$W/roots.pem
	echo "$TODAY" >"$W/clock"
	PHONES_CLOCK=$W/clock
	setting clock file "\"$W/clock\""
	export POMONA__MDM__REFRESH_HOURS=720	# what phones are asked each day is another story
	pomona_start_tls
	SERVE_OPTIONS+=(--listen "127.0.0.1:$PORT")	# phones remember where it is
}

teardown() { devices_stop; }

# What phones hold that have the apps NAME...: a property list for --holds.  What is signed is signed with the only
# certificate that its own provision names.
holds() {
	python3 - "$W/made" "$@" <<-'PY' >"$W/holds.plist"
		import plistlib, subprocess, sys, zipfile
		apps, provisions = [], []
		for name in sys.argv[2:]:
		    bundles = []
		    with zipfile.ZipFile(f"{sys.argv[1]}/{name}.ipa") as ipa:
		        for member in ipa.namelist():
		            if member.count("/") == 2 and member.endswith("Info.plist"):
		                info = plistlib.loads(ipa.read(member))
		                apps.append({"Identifier": info["CFBundleIdentifier"], "Name": name, "Version": info["CFBundleVersion"],
		                             "ShortVersion": info["CFBundleShortVersionString"], "BundleSize": 1000, "DynamicSize": 1,
		                             "Bundles": bundles})
		            if member.endswith("embedded.mobileprovision"):
		                xml = subprocess.run(["openssl", "cms", "-verify", "-noverify", "-inform", "DER"], input=ipa.read(member),
		                                     check=True, capture_output=True).stdout
		                p = plistlib.loads(xml)
		                folder = member.rsplit("/", 1)[0]
		                inner = plistlib.loads(ipa.read(folder + "/Info.plist"))["CFBundleIdentifier"]
		                provisions.append({"Name": p["Name"], "UUID": p["UUID"], "ExpiryDate": p["ExpirationDate"],
		                                   "AppID": p["Entitlements"]["application-identifier"],
		                                   "Certificates": p["DeveloperCertificates"], "Managed": False})
		                bundles.append({"AppID": p["TeamIdentifier"][0] + "." + inner, "Certificate": p["DeveloperCertificates"][0]})
		sys.stdout.buffer.write(plistlib.dumps({"Apps": apps, "Provisions": provisions}))
	PY
}

published() { local name; for name in "$@"; do upload "$W/made/$name.ipa" admin; expect_status 201; done; }
add() { ask PUT /api/v1/provisions -T "$W/made/$1.mobileprovision" -H "$(bearer admin)"; }

# join N: phones come into management with what they hold.
join() {
	sessions "$1" direct_url
	device_on fleet --count "$1" --enroll "$W/urls" --holds "$W/holds.plist" --drain >"$W/joined" 2>&1 ||
		{ cat "$W/joined"; tail -5 "$W/log"; return 1; }
}

# The clock goes on by so much, while the server is killed and comes back.
later() {
	pomona_kill
	date -u -d "$(cat "$W/clock" | tr T ' ' | tr -d Z) UTC + $*" +%Y-%m-%dT%H:%M:%SZ >"$W/clock.new"
	mv "$W/clock.new" "$W/clock"
	pomona_again
}

rows() { sql "SELECT count(*) FROM $1"; }
# No job of ours is due or at work.
idle() { [ "$(sql "SELECT count(*) FROM job WHERE (kind LIKE 'renewal%' OR kind LIKE 'provision%') AND NOT dead AND due <= $(date -d "$(cat "$W/clock")" +%s)")" = 0 ]; }
settled() { wait_until idle || { sql "SELECT * FROM job"; tail -5 "$W/log"; return 1; }; }

@test "every device has the newer provisions before the old ones end, in waves, whatever happens (MUST 66, behaviour 13)" {
	local asleep=$((PHONES / 10)) awake wave sent before=0 uuid fleet i
	awake=$((PHONES - asleep))
	published stock beacon field
	holds stock beacon field
	join "$PHONES"
	settled
	[ "$(rows "held_app")" = $((3 * PHONES)) ]

	# for whom: the number on the page leads to the devices, each with its provision and certificate
	sign_in anna
	as anna get /admin/provisions
	expect_body 'href="/admin/held?build='
	as anna get "$(grep -o '/admin/held?build=[^"]*' "$W/body" | head -1 | sed 's/&amp;/\&/g')"
	expect_status 200
	expect_body 'iPhone Distribution: Example GmbH'
	as anna get '/admin/held.csv?bundle_id=com.example.stock'
	[ "$(wc -l <"$W/body")" = $((PHONES + 1)) ]
	get '/api/v1/held?cause=certificate' -H "$(bearer admin)"
	expect_json '.items | length' 0
	get '/api/v1/held?ends=soon' -H "$(bearer admin)"
	expect_problem 422 bad_ends

	# a set that is not whole stays here, and it is said what is missing
	add stock
	expect_status 201
	expect_json '.renews[0].devices' "$PHONES"
	expect_json '.missing | length' 3
	json '.missing[]' | grep -qF 'extension Share.appex: no newer provision is for com.example.stock.share'
	json '.missing[]' | grep -qF 'watch app Clock.app: no newer provision is for com.example.stock.watch'
	add share
	add note
	expect_json '.missing | length' 1
	settled
	[ "$(rows renewal)" = 0 ]

	# whole, it goes out in waves; what another certificate signed would not be enough to launch
	add watch
	expect_json '.missing | length' 0
	for uuid in beacon wildcard other-certificate other-signer; do add $uuid; expect_status 201; done
	settled
	for ((wave = 1; wave <= 8; wave++)); do
		sent=$(sql "SELECT count(DISTINCT device_id) FROM renewal WHERE sent > 0")
		echo "wave $wave: $sent of $PHONES"
		# a fifth an hour and no more; those whose turn comes again after an error count, too
		[ "$sent" -gt "$before" ]
		[ "$sent" -le $((before + PHONES / 5)) ]
		[ "$sent" -lt "$PHONES" ] || break
		before=$sent
		# all but those that sleep come by; the server dies in the middle of it
		ledger_mark
		device_on fleet --count "$awake" --drain --not-now 5 --error 2 --seed $wave >"$W/fleet" 2>&1 3>&- &
		fleet=$!
		wait_until ledger_grew $((awake / 4))
		pomona_kill
		pomona_again
		wait $fleet || { cat "$W/fleet"; return 1; }
		nothing_stopped
		later 61 minutes
		settled
	done
	[ "$wave" -ge 5 ]
	[ "$sent" = "$PHONES" ]

	# what failed is brought up; those that slept for a week, too
	later 3 days
	settled
	device_on fleet --count "$awake" --drain --not-now 5 >"$W/fleet"
	later 4 days
	settled
	device_on fleet --count "$PHONES" --drain --error 2 >"$W/fleet"
	later 26 hours
	for i in 1 2 3; do	# what goes follows what came
		settled
		device_on fleet --count "$PHONES" --drain >"$W/fleet"
		later 61 minutes
	done
	settled
	nothing_stopped
	[ "$(rows "renewal WHERE state <> 'done'")" = 0 ]

	# every phone has the six new ones, as it says itself; the old ones are gone
	python3 - "$W/phones" <<-'PY' | sort | uniq -c >"$W/have"
		import glob, plistlib, sys
		for path in glob.glob(sys.argv[1] + "/*.plist"):
		    with open(path, "rb") as file:
		        print(" ".join(sorted(p["UUID"][:8] for p in plistlib.load(file)["Provisions"])))
	PY
	cat "$W/have"
	[ "$(wc -l <"$W/have")" = 1 ]
	grep -q "$PHONES 00000110 00000111 00000112 00000113 00000120 00000130" "$W/have"

	# the old ones' day comes and goes: nothing stops, as each phone says
	later 33 days
	settled
	device_on fleet --count "$PHONES" --drain >"$W/fleet"
	[ "$(rows "held_app WHERE ends < $(date -d "$(cat "$W/clock")" +%s)")" = 0 ]
	[ "$(rows "held_app")" = $((3 * PHONES)) ]
	nothing_stopped
	grep -q ' says .* Acknowledged RemoveProvisioningProfile$' "$W/ledger"	# and the old ones did go
	nobody_sent_away
	judged
}

# In the ledger, where phones write down, whenever they connect and whenever a provision goes, what would not launch, or
# not as long as before (tests/device/launch.c): nothing.  MUST 66.
nothing_stopped() { ! grep -E -m 5 ' (stops|loses) ' "$W/ledger"; }

@test "whatever the pace, what is newer is on every device at the latest 30 days before the end" {
	local phones=10
	setting renewal paused yes
	pomona_stop
	pomona_again
	published stock
	holds stock
	join $phones
	local uuid
	for uuid in stock share note watch; do add $uuid; expect_status 201; done
	settled
	# 31 days before nothing moves
	later 9 days
	settled
	device_on fleet --count $phones --drain >"$W/fleet"
	[ "$(rows "renewal WHERE state = 'wanted' AND action = 'install'")" = $((4 * phones)) ]
	[ "$(rows "renewal WHERE sent > 0")" = 0 ]
	# and it is said that waves stand still: it is nothing that needs nobody
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "provision")][0] | [.doing, .needs] | @json' '["provision_stands",true]'
	sign_in anna
	as anna get /admin/provisions
	expect_body 'renewal.paused'
	# 30 days before it goes to all, paused or not, and they say that they have it
	later 25 hours
	settled
	device_on fleet --count $phones --drain >"$W/fleet"
	all_listed() { [ "$(rows "renewal WHERE action = 'install' AND state = 'done'")" = $((4 * phones)) ]; }
	wait_until all_listed
	[ "$(rows "installed_provision WHERE uuid LIKE '0000011%'")" = $((4 * phones)) ]
	# what is old goes by waves alone: it stays
	[ "$(rows "renewal WHERE action = 'remove' AND sent > 0")" = 0 ]
	later 34 days
	settled
	device_on fleet --count $phones --drain >"$W/fleet"
	nothing_stopped
}

@test "a newer provision that stands inside a newer build goes to devices that keep the older one, and to who comes back after weeks" {
	published beacon
	holds beacon
	join 4
	settled
	published next
	settled
	sent() { [ "$(rows "renewal WHERE action = 'install' AND sent > 0")" = 4 ]; }
	local i
	for i in 1 2 3 4 5 6; do
		later 61 minutes
		settled
	done
	wait_until sent
	# two phones are there, and two are away until their command has ended
	device_on fleet --count 2 --drain >"$W/fleet"
	have_it() { [ "$(rows "installed_provision WHERE uuid LIKE '00000021%'")" = "$1" ]; }
	wait_until have_it 2
	later 32 days
	ended() { [ "$(sql "SELECT count(*) FROM command_history h JOIN command c ON c.id = h.command_id WHERE c.request_type = 'InstallProvisioningProfile' AND h.state = 'expired'")" = 2 ]; }
	wait_until ended
	later 25 hours
	settled
	brought_up() { device_on fleet --count 4 --drain >"$W/fleet"; have_it 4; }
	wait_until brought_up
	[ "$(sql "SELECT count(*) || ' ' || count(DISTINCT version) FROM installed_app WHERE bundle_id = 'com.example.beacon'")" = "4 1" ]
	[ "$(rows "command WHERE request_type = 'InstallApplication'")" = 0 ]
	later 9 days
	device_on fleet --count 4 --drain >"$W/fleet"
	nothing_stopped
}

refused() { add "$1"; expect_problem 422 "$2"; }

@test "what devices would refuse is not taken, and of what does not fit it is said why (behaviour 13)" {
	published stock
	refused other-stranger provision_signature
	refused other-tampered provision_signature
	refused other-store provision_store
	refused other-expired provision_expired
	cp "$IPAS/enterprise.ipa" "$W/made/no.mobileprovision"
	refused no not_provision
	: >"$W/made/no.mobileprovision"
	refused no not_provision
	# right, and for nothing that is here; or nearly
	add other-team
	expect_status 201
	expect_json '(.renews | length) + (.missing | length)' 0
	add other-certificate
	expect_json '.renews | length' 0
	json '.missing[]' | grep -qF 'com.example.stock 1.0 (7): no newer provision names its certificate, iPhone Distribution: Example GmbH'
	add other-signer
	json '.missing[]' | grep -qF 'extension Share.appex: no newer provision names its certificate'
	add other-entitlement
	json '.missing[]' | grep -qF 'the newer provision does not grant its entitlement keychain-access-groups'
	# the same once more is known; who publishes something else may not
	add other-team
	expect_status 200
	ask PUT /api/v1/provisions -T "$W/made/stock.mobileprovision" -H "$(bearer other)"
	expect_status 403
	ask PUT /api/v1/provisions -T "$W/made/stock.mobileprovision"
	expect_status 401
	# from a terminal, as a set, beside the server
	"$POMONA" provision add --data "$DATA" "$W"/made/{stock,share,note,watch}.mobileprovision >"$W/cli" 2>"$W/cli.err"
	grep -q 'renews com.example.stock 1.0 (7) PlugIns/Note.appex' "$W/cli"
	grep -q 'renews com.example.stock 1.0 (7) Watch/Clock.app' "$W/cli"
	never grep -q missing "$W/cli.err"
	never "$POMONA" provision add --data "$DATA" "$W/made/other-stranger.mobileprovision" 2>"$W/cli.err"
	grep -q 'it is signed, but not by Apple' "$W/cli.err"
	"$POMONA" provision list --data "$DATA" | grep -q '^00000111-.*com.example.stock.share'
	# in the console, several files at once; the page says what they are for
	sign_in paul
	as paul get /admin/provisions
	post /admin/provisions -b "$W/jar.paul" -H "Origin: $BASE" -H 'Accept: text/html' -F "csrf=$(form_csrf)" \
		-F "file=@$W/made/beacon.mobileprovision" -F "file=@$W/made/other-tampered.mobileprovision"
	expect_status 422
	expect_body 'Example com.example.beacon'
	expect_body 'it was changed after it was signed'
	as paul get /admin/provisions/00000111-0000-4000-8000-000000000000
	expect_body 'PlugIns/Share.appex'
	get /api/v1/provisions -H "$(bearer read)"
	expect_json '[.items[] | select(.uuid[:8] == "00000110")][0].apps[0]' com.example.stock
	[ "$(sql "SELECT count(*) FROM audit WHERE act = 'provision.add'")" = 9 ]
}

@test "builds of before are read when the server starts" {
	published stock
	settled
	sql "DELETE FROM provision_fit; DELETE FROM build_bundle; DELETE FROM provision_device; DELETE FROM provision"
	pomona_stop
	pomona_again
	read_again() { [ "$(rows provision_fit)" = 4 ]; }
	wait_until read_again
	[ "$(rows "build_bundle WHERE certificate <> '' AND entitlements LIKE '%com.example.stock%'")" = 4 ]
}

# installs NAME: taps Get in the catalog, and the phone, which nobody manages, fetches it all.
installs() {
	local d
	as "$1" post "/apps/com.example.beacon/builds/$BUILD/install" -d "csrf=$CSRF"
	expect_status 200
	d=$(grep -o 'itms-services://[^"]*' "$W/body" | head -1 | sed 's/&amp;/\&/g')
	d=$(python3 -c 'import sys, urllib.parse; print(urllib.parse.unquote(sys.argv[1].partition("&url=")[2]))' "$d")
	get "$d" -A "phone of $1"
	expect_status 200
	get "${d%/manifest.plist}/app.ipa" -A "phone of $1"
	expect_status 200
}

@test "who is not managed is told once that what they installed ends, with a link to the newer build" {
	smtpd mail --tls tls
	mail_settings "smtps://127.0.0.1:$SMTP"
	settings_of sms driver '"http"' url '"http://127.0.0.1:9/send?to={to}&text={text}"'
	pomona_stop
	pomona_again
	local name
	published beacon
	BUILD=$(json .build.id)
	for name in anna quiet; do
		post /api/v1/links -H "$(bearer admin)" -H 'Content-Type: application/json' \
			-d "{\"bundle_id\":\"com.example.beacon\",\"channel\":\"main\",\"email\":\"$name@example.com\"}"
		expect_status 201
	done
	# both have it, as the timeline says
	sql "INSERT INTO install (id, build_id, link_id, contact_id, state, created, changed) SELECT 'i' || l.id, b.id, l.id, l.contact_id,
		'whole', 1000, 1000 FROM link l JOIN build b ON b.app_id = l.app_id"
	sql "UPDATE contact SET quiet = TRUE WHERE email = 'quiet@example.com'"
	# and people from the catalog: mia reads German, paul wants no such mail
	sign_in mia
	as mia get /account
	expect_body 'id="endings"'
	expect_not_in "$W/body" 'name="email"'
	# she is no publisher: no mail goes to an address that nobody has confirmed
	as mia post /account/endings -d "csrf=$CSRF" -d mails=yes --data-urlencode email=stranger@example.com -d language=de
	expect_status 403
	as mia post /account/endings -d "csrf=$CSRF" -d mails=yes -d language=de
	expect_status 303
	sql "UPDATE person SET email = 'mia@example.com' WHERE name = 'mia'"	# as the directory has it
	installs mia
	sign_in paul
	as paul post /account/endings -d "csrf=$CSRF" --data-urlencode email=paul@example.com
	installs paul
	sign_in anna	# of her the directory knows a number alone
	sql "UPDATE person SET phone = '+4915112345678' WHERE name = 'anna'"
	installs anna
	all_whole() { [ "$(rows "install WHERE state = 'whole' AND person_id IS NOT NULL")" = 3 ]; }
	wait_until all_whole
	upload "$W/made/next.ipa" admin '?notify=no'
	expect_status 201
	# her iPhone has the newer one already; her iPad holds the old one still
	sql "UPDATE install SET model = 'iPad14,1' WHERE id LIKE 'i%' AND link_id IS NOT NULL AND created = 1000"
	sql "INSERT INTO install (id, build_id, link_id, contact_id, model, state, created, changed) SELECT 'n' || l.id, '$(json .build.id)', l.id,
		l.contact_id, 'iPhone15,4', 'whole', 2000, 2000 FROM link l JOIN contact c ON c.id = l.contact_id WHERE c.email = 'anna@example.com'"
	later 5 days
	settled
	[ "$(rows message)" = 0 ]
	later 6 days
	all_told() { [ "$(rows "message WHERE state = 'sent'")" = 2 ]; }
	wait_until all_told || { sql "SELECT * FROM job"; sql "SELECT recipient, state FROM message"; tail -5 "$W/log"; return 1; }
	later 1 day
	settled
	[ "$(rows message)" = 3 ]
	sql "SELECT body FROM message WHERE kind = 'sms' AND recipient = '+4915112345678'" | grep -q "stops working on .*$BASE/apps/com.example.beacon"
	sql "SELECT subject FROM message WHERE recipient LIKE '%anna@example.com%'" | grep -q 'stops launching on'
	[ "$(rows renewal_told)" = 1 ]
	# the app in the catalog, and where to say that one wants none
	sql "SELECT subject FROM message WHERE recipient = 'mia@example.com'" | grep -q 'startet ab .* nicht mehr'
	[ "$(rows renewal_told_person)" = 2 ]
	python3 - "$W"/mail/*.eml <<-PY
		import email, email.policy, sys
		mails = [email.message_from_file(open(path), policy=email.policy.default) for path in sys.argv[1:]]
		text = [m for m in mails if m["To"] == "mia@example.com"][0].get_body(("plain",)).get_content()
		assert "$BASE/apps/com.example.beacon" in text and "$BASE/account" in text, text
	PY
	# the page behind the link is the newer build's
	sign_in mia
	as mia get /apps/com.example.beacon
	expect_body "/apps/com.example.beacon/builds/$(sql "SELECT newest_build_id FROM app WHERE bundle_id = 'com.example.beacon'")/install"
}

@test "who is not managed is told also of a build that was deleted since, and testers get a link like the one they had" {
	smtpd mail --tls tls
	mail_settings "smtps://127.0.0.1:$SMTP"
	pomona_stop
	pomona_again
	published beacon
	BUILD=$(json .build.id)
	post /api/v1/links -H "$(bearer admin)" -H 'Content-Type: application/json' \
		-d "{\"build\":\"$BUILD\",\"email\":\"anna@example.com\",\"max_installs\":7}"
	expect_status 201
	sql "INSERT INTO install (id, build_id, link_id, contact_id, state, created, changed) SELECT 'i' || l.id, l.build_id, l.id, l.contact_id,
		'whole', 1000, 1000 FROM link l"
	sql "UPDATE person SET email = 'mia@example.com' WHERE name = 'mia'"
	sign_in mia
	installs mia
	all_whole() { [ "$(rows "install WHERE state = 'whole'")" = 2 ]; }
	wait_until all_whole
	upload "$W/made/next.ipa" admin '?notify=no'
	expect_status 201
	delete "/api/v1/builds/$BUILD" -H "$(bearer admin)"
	expect_status 204
	get /api/v1/installs -H "$(bearer admin)"
	[ "$(json '.items | map(select(.removed and .version != "")) | length')" = 2 ]
	later 11 days
	all_told() { [ "$(rows "message WHERE state = 'sent'")" = 2 ]; }
	wait_until all_told || { sql "SELECT * FROM job"; sql "SELECT recipient, state FROM message"; tail -5 "$W/log"; return 1; }
	later 1 day
	settled
	[ "$(rows message)" = 2 ]
	sql "SELECT revoked || ' ' || installs_max FROM link ORDER BY created" | paste -sd, | grep -qx '1 7,0 7'
}

@test "a tester for whom no link can be made hears whom to ask, once; and who cannot be reached hears it when they can be" {
	smtpd mail --tls tls
	mail_settings "smtps://127.0.0.1:$SMTP"
	settings_of sms driver '"http"' url '"http://127.0.0.1:9/send?to={to}&text={text}"'
	pomona_stop
	pomona_again
	local to
	published beacon
	BUILD=$(json .build.id)
	# a PIN for a new link is the sender's to hand on; paul's links go with him
	for to in '"email":"pin@example.com","pin":"482913"' '"phone":"+4915112345678","pin":"482913"' '"email":"later@example.com","pin":"482913"'; do
		post /api/v1/links -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"build\":\"$BUILD\",$to}"
		expect_status 201
	done
	post /api/v1/links -H "$(bearer upload)" -H 'Content-Type: application/json' -d "{\"build\":\"$BUILD\",\"email\":\"gone@example.com\"}"
	expect_status 201
	sql "INSERT INTO install (id, build_id, link_id, contact_id, state, created, changed) SELECT 'i' || l.id, b.id, l.id, l.contact_id,
		'whole', 1000, 1000 FROM link l JOIN build b ON b.app_id = l.app_id"
	sql "UPDATE contact SET email = '' WHERE email = 'later@example.com'"
	sql "UPDATE person SET disabled = TRUE WHERE name = 'paul'"
	upload "$W/made/next.ipa" admin '?notify=no'
	expect_status 201
	later 11 days
	all_told() { [ "$(rows "message WHERE state = 'sent'")" = 2 ]; }
	wait_until all_told || { sql "SELECT * FROM job"; sql "SELECT recipient, state FROM message"; tail -5 "$W/log"; return 1; }
	settled
	later 1 day
	settled
	[ "$(rows message)" = 3 ]
	[ "$(rows renewal_told)" = 3 ]
	sql "SELECT body FROM message WHERE kind = 'sms'" | grep -q 'stops working on .* Ask anna for a new link\.'
	python3 - "$W"/mail/*.eml <<-PY
		import email, email.policy, sys
		mails = {m["To"]: m for m in (email.message_from_file(open(path), policy=email.policy.default) for path in sys.argv[1:])}
		words = {to: m.get_body(("plain",)).get_content() for to, m in mails.items()}
		assert "ask anna for a link" in words["pin@example.com"], words
		assert "ask at " in words["gone@example.com"] and "paul" not in words["gone@example.com"], words
		for to, m in mails.items():
		    assert "stops launching on" in m["Subject"] and "newer version" not in m["Subject"], m["Subject"]
		    assert "/i/" not in words[to] and "/unsubscribe" in m["List-Unsubscribe"], words[to]
		    assert not [p for p in m.walk() if p.get_content_maintype() == "image"], "a code without a link"
	PY
	# its publisher sees it at the link that they had
	[ "$(sql "SELECT count(*) FROM message m JOIN link l ON m.about = 'link:' || l.id")" = 3 ]
	sql "UPDATE contact SET email = 'later@example.com' WHERE email = '' AND phone = ''"
	later 1 day
	last_told() { [ "$(rows "message WHERE recipient = 'later@example.com' AND state = 'sent'")" = 1 ]; }
	wait_until last_told
	[ "$(rows renewal_told)" = 4 ]
}

@test "the waves of a provision are paused and go on, by page, API and command line; the end is told all the same" {
	local uuid
	published beacon
	holds beacon
	join 5
	settled
	add beacon
	expect_status 201
	uuid=$(json .provision.uuid)
	settled
	reached() { settled; [ "$(rows "renewal WHERE action = 'install' AND sent > 0")" = "$1" ] || { sql "SELECT * FROM renewal"; return 1; }; }
	reached 1
	needs() { get /api/v1/expiry -H "$(bearer admin)"; expect_json '[.items[] | select(.kind == "provision")][0] | "\(.doing) \(.needs)"' "$1"; }
	needs "provision false"
	# by its page: it says who, and since when; what is on its way to everybody needs nobody, and this does
	sign_in paul
	as paul post "/admin/provisions/$uuid/pause" -d "csrf=$CSRF"
	expect_status 303
	as paul get "/admin/provisions/$uuid"
	expect_body 'Its waves are paused'
	expect_body 'By paul since'
	expect_body "/admin/provisions/$uuid/resume"
	as paul get /admin/provisions
	expect_body 'paused, waiting: 4'
	needs "provision_paused true"
	later 61 minutes
	reached 1
	# by API
	post "/api/v1/provisions/$uuid/resume" -H "$(bearer read)"
	expect_status 403
	post "/api/v1/provisions/$uuid/resume" -H "$(bearer other)"
	expect_status 404
	post "/api/v1/provisions/$uuid/resume" -H "$(bearer upload)"
	expect_status 200
	expect_json .paused null
	reached 2
	post "/api/v1/provisions/$uuid/pause" -H "$(bearer upload)"
	expect_json .paused.by "$(sql "SELECT actor FROM audit WHERE act = 'provision.pause' ORDER BY id DESC LIMIT 1")"
	# from a terminal, beside the server
	"$POMONA" provision resume --data "$DATA" "$uuid"
	later 61 minutes
	reached 3
	"$POMONA" provision pause --data "$DATA" "$uuid"
	"$POMONA" provision list --data "$DATA" | grep -q "^$uuid .*paused by cli"
	never "$POMONA" provision pause --data "$DATA" 00000000-0000-4000-8000-000000000000 2>"$W/cli.err"
	grep -q 'no such provision' "$W/cli.err"
	later 61 minutes
	reached 3
	# thirty days before the end nothing holds it
	later 12 days
	reached 5
	[ "$(rows "audit WHERE act IN ('provision.pause', 'provision.resume')")" = 5 ]
}

told() { [ "$(sql "SELECT count(*) FROM message WHERE recipient = 'anna@example.com' AND state = 'sent'")" -ge 1 ]; }
read_mails() {
	"$DEBIAN_PYTHON" -c 'import email, sys; from email import policy
for path in sys.argv[1:]:
    m = email.message_from_bytes(open(path, "rb").read(), policy=policy.default)
    print(m["Subject"], m.get_body(("plain",)).get_content())' "$W"/mail/*.eml
}
# What program, page and people say of an app whose certificate ends.
provisions_of() { python3 -c 'import plistlib, sys
print(" ".join(sorted(p["UUID"][:8] for p in plistlib.load(open(sys.argv[1], "rb"))["Provisions"])))' "$W/phones/$1.plist"; }
has_build() { [ "$(sql "SELECT count(*) FROM installed_app WHERE bundle_id = 'com.example.stock' AND version = '$1'")" = 2 ]; }

@test "an ad hoc provision goes to whom it lists; a certificate that ends is told until a build signed anew is there (MUST 67)" {
	local phone i
	smtpd mail --tls tls
	mail_settings "smtps://127.0.0.1:$SMTP"
	pomona_stop
	pomona_again
	sql "UPDATE person SET email = 'anna@example.com' WHERE name = 'anna'"
	published worn adhoc
	holds worn adhoc
	join 2
	settled
	local mias
	mias=$(sql "SELECT id FROM device ORDER BY id LIMIT 1")
	ask PUT "/api/v1/devices/$mias/person" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"person":"mia"}'
	expect_status 204
	for phone in $(sql "SELECT id FROM device"); do	# asked for once; nobody keeps it current
		post "/api/v1/devices/$phone/apps" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"bundle_id":"com.example.stock"}'
		expect_status 202
	done
	[ "$(sql "SELECT group_concat(cause) FROM (SELECT DISTINCT cause FROM held_app WHERE bundle_id = 'com.example.stock')")" = certificate ]

	# of two phones the newer ad hoc provision lists one
	add adhoc
	expect_status 201
	for i in 1 2 3; do
		settled
		device_on fleet --count 2 --drain >"$W/fleet"
		later 61 minutes
	done
	settled
	local mine other
	mine=$(sql "SELECT udid FROM device WHERE lower(udid) IN (SELECT udid FROM provision_device WHERE uuid LIKE '00000150%')")
	other=$(sql "SELECT udid FROM device WHERE udid <> '$mine'")
	[ -n "$mine" ]
	[ -n "$other" ]
	provisions_of "$mine" | grep -q 00000150
	provisions_of "$other" | never grep 00000150
	never grep "^[^ ]* $other got .*InstallProvisioningProfile" "$W/ledger"
	[ "$(sql "SELECT count(*) FROM held_app h JOIN device d ON d.id = h.device_id WHERE d.udid = '$other' AND h.bundle_id = 'com.example.adhoc'
		AND h.ends < $(date -u -d "$TODAY + 41 days" +%s)")" = 1 ]

	# nothing that can be renewed helps the other app: page, Today, program, terminal and mail say what does
	sign_in anna
	as anna get /admin/provisions
	expect_body 'needs a build signed anew'
	as anna get /admin
	expect_body 'Signature of Stock 1.0 (7) ends on'
	expect_body 'Sign it anew with a newer certificate and upload that build in time.'
	as anna get /admin/expiry
	expect_body 'A build that is signed anew is needed.'
	expect_body 'Signing certificate iPhone Distribution: Worn'
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "signature" and .bundle_id == "com.example.stock")] | [length, .[0].doing, .[0].devices, .[0].needs] | @json' \
		'[1,"resign",2,true]'
	expect_json '[.items[] | select(.kind == "distribution" and (.name | test("Worn")))] | [length, .[0].doing, .[0].devices] | @json' '[1,"resign",2]'
	"$POMONA" expiry --data "$DATA" | grep -q 'Signing certificate iPhone Distribution: Worn'
	later 1 day
	wait_until told || { sql "SELECT recipient, state, subject FROM message"; tail -5 "$W/log"; return 1; }
	read_mails >"$W/mail.txt"
	grep -qF 'Signature of Stock 1.0 (7) ends on' "$W/mail.txt"
	grep -qF 'Sign it anew with a newer certificate and upload that build in time.' "$W/mail.txt"
	grep -qF 'A build that is signed anew is needed.' "$W/mail.txt"
	grep -qF 'Signing certificate iPhone Distribution: Worn' "$W/mail.txt"
	# the mail names whose they are; it and Today lead to the very devices
	grep -qF "mia ($(sql "SELECT name FROM device WHERE id = '$mias'")), $(sql "SELECT name FROM device WHERE id <> '$mias'")" "$W/mail.txt"
	local worn
	worn=$(sql "SELECT certificate FROM build_bundle WHERE certificate_name LIKE '%Worn%' LIMIT 1")
	grep -qF "/admin/held?certificate=$worn" "$W/mail.txt"
	sign_in anna
	as anna get /admin
	expect_body "/admin/held?certificate=$worn"
	as anna get "/admin/held?certificate=$worn"
	[ "$(grep -o '/admin/devices/[a-z0-9]*"' "$W/body" | sort -u | wc -l)" = 2 ]

	# the way out: signed anew it goes out by itself, whatever its numbers, and nothing of it ends any more
	ask PUT /api/v1/apps/com.example.stock/rollout -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"paused":true}'
	published resigned
	settled
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "signature")][0].doing' anew_offered
	as anna get /admin/provisions
	expect_body 'a build that lasts longer is here'
	ask PUT /api/v1/apps/com.example.stock/rollout -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"paused":false}'
	wait_until is_wanted "$(sql "SELECT newest_build_id FROM app WHERE bundle_id = 'com.example.stock'")"
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "signature")][0].doing' anew
	for i in 1 2 3; do
		device_on fleet --count 2 --drain >"$W/fleet"
		later 61 minutes
	done
	wait_until has_build 8 || { sql "SELECT * FROM managed_app"; sql "SELECT * FROM installed_app"; return 1; }
	settled
	[ "$(rows "held_app WHERE cause = 'certificate'")" = 0 ]
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "signature" or (.name // "" | test("Worn")))] | length' 0
	judged
}

brought() { [ "$(sql "SELECT count(*) FROM managed_app WHERE state = 'installed' AND brought = '$1'")" = 2 ]; }
is_wanted() { [ "$(sql "SELECT count(*) FROM managed_app WHERE build_id = '$1'")" = 2 ]; }
rounds() {	# phones connect, and time goes by
	local i
	for i in 1 2 3; do
		device_on fleet --count 2 --drain >"$W/fleet"
		later 61 minutes
	done
}

# two_have NAME CAUSE: each of two phones asks for the app and has it; $old is its build, of which that is what ends.
two_have() {
	local phone
	published "$1"
	old=$(json .build.id)
	holds
	join 2
	for phone in $(sql "SELECT id FROM device"); do
		post "/api/v1/devices/$phone/apps" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"bundle_id":"com.example.stock"}'
		expect_status 202
	done
	rounds
	wait_until brought "$old" || { sql "SELECT * FROM managed_app"; sql "SELECT * FROM installed_app"; return 1; }
	settled
	[ "$(rows "held_app WHERE cause = '$2' AND build_id = '$old'")" = 2 ]
}

@test "a build signed anew with the very numbers of the old one gets to who has that by itself, before its certificate ends" {
	local old new
	two_have worn certificate
	provisions_of "$(sql "SELECT udid FROM device LIMIT 1")" | grep -q '0000006'

	# nobody asked for updates to go out by themselves: this is none
	published again
	new=$(json .build.id)
	[ "$old" != "$new" ]
	[ "$(sql "SELECT count(*) FROM (SELECT DISTINCT version, build FROM build)")" = 1 ]
	wait_until is_wanted "$new" || { sql "SELECT * FROM job"; sql "SELECT * FROM managed_app"; return 1; }
	# until it is there, every page that says what ends says that it is coming
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "signature")][0].doing' anew
	get "/api/v1/held?cause=certificate" -H "$(bearer admin)"
	expect_json '[.items[].doing] | unique | @json' '["renewing"]'
	sign_in anna
	as anna get /admin/provisions
	expect_body 'a build signed anew is on its way: 2'
	as anna get "/admin/devices/$(sql "SELECT id FROM device LIMIT 1")"
	expect_body 'A build that is signed anew is on its way to this device'
	rounds
	wait_until brought "$new" || { sql "SELECT * FROM managed_app"; sql "SELECT * FROM install_event"; return 1; }
	settled
	[ "$(rows "held_app WHERE cause = 'certificate'")" = 0 ]
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "signature" or (.name // "" | test("Worn")))] | length' 0

	# what launches there is signed by the other one, each part of it
	python3 - "$W"/phones/*.plist <<-'PY'
		import plistlib, sys
		from cryptography import x509
		for path in sys.argv[1:]:
		    app = [a for a in plistlib.load(open(path, "rb"))["Apps"] if a["Identifier"] == "com.example.stock"][0]
		    names = [x509.load_der_x509_certificate(b["Certificate"]).subject.rfc4514_string() for b in app["Bundles"]]
		    assert len(names) == 4 and all("Another" in name for name in names), names
	PY

	# once, and the phones launch it when the old certificate is long over
	device_on fleet --count 2 --drain >"$W/fleet"
	[ "$(sql "SELECT count(*) FROM command WHERE request_type = 'InstallApplication'")" = 4 ]
	later 25 days
	device_on fleet --count 2 --drain >"$W/fleet"
	nothing_stopped
	[ "$(sql "SELECT count(*) FROM command WHERE request_type = 'InstallApplication'")" = 4 ]
	judged
}

# Its provisions go on for 20 days more: the stories about certificates rest on this.
@test "a phone launches nothing that was signed by a certificate which has ended, whatever its provisions say" {
	holds worn
	join 1
	later 19 days
	device_on fleet --count 1 --drain >"$W/fleet"
	nothing_stopped
	later 2 days
	device_on fleet --count 1 --drain >"$W/fleet"
	[ "$(grep -o ' stops .*' "$W/ledger" | sort -u | wc -l)" = 4 ]	# the app, both extensions, the watch app
}

@test "where the provision is what ends and no newer one fits, a build signed anew gets to who has that by itself, and outlives it" {
	local old new
	two_have stock provision
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "provision" and .bundle_id == "com.example.stock")] | [length, .[0].doing, .[0].devices, .[0].needs] | @json' \
		'[1,"provision_none",2,true]'

	# its provisions are for another certificate: none of them helps what is there
	published lasting
	new=$(json .build.id)
	[ "$(sql "SELECT count(*) FROM (SELECT DISTINCT version, build FROM build)")" = 1 ]
	wait_until is_wanted "$new" || { sql "SELECT * FROM job"; sql "SELECT * FROM managed_app"; return 1; }
	settled
	[ "$(rows "renewal WHERE action = 'install'")" = 0 ]
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "provision" and .bundle_id == "com.example.stock")][0].doing' anew
	rounds
	wait_until brought "$new" || { sql "SELECT * FROM managed_app"; sql "SELECT * FROM install_event"; return 1; }
	settled
	[ "$(rows "held_app WHERE bundle_id = 'com.example.stock' AND build_id = '$new' AND ends > $(date -d "$TODAY + 300 days" +%s)")" = 2 ]
	get /api/v1/expiry -H "$(bearer admin)"
	expect_json '[.items[] | select(.kind == "provision" and .bundle_id == "com.example.stock" and .days < 100)] | length' 0

	# once, and the phones launch it when the old provisions are long over
	later 45 days
	device_on fleet --count 2 --drain >"$W/fleet"
	nothing_stopped
	[ "$(sql "SELECT count(*) FROM command WHERE request_type = 'InstallApplication'")" = 4 ]
	judged
}
