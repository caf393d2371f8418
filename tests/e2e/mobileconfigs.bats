# Mobileconfigs that the company keeps: given in, assigned, on the devices of the people they are for, and off them again.
load lib/pomona
load lib/sending
load lib/devices

setup_file() { devices_prepare; }

setup() {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	devices_start
}

teardown() { devices_stop; }

# enrolls N PERSON: phone N, of this person.
enrolls() {
	post /api/v1/enroll/sessions -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"person\":\"$2\"}"
	expect_status 201
	json .url >"$W/url.$1"
	device_on fleet --first "$1" --count 1 --enroll "$W/url.$1" --drain >"$W/fleet" || { cat "$W/fleet"; tail -n 5 "$W/ledger" "$W/log"; return 1; }
	DEVICE_OF[$1]=$(sql "SELECT d.id FROM device d JOIN person p ON p.id = d.person_id WHERE p.name = '$2'")
}

# connect N: once the server has thought, until it has nothing more for phone N.
connect() {
	wait_until nothing_to_find_out || { sql "SELECT * FROM device_mobileconfig"; sql "SELECT * FROM job"; return 1; }
	device_on fleet --first "$1" --count 1 --drain >"$W/fleet" || { cat "$W/fleet"; tail -5 "$W/ledger"; return 1; }
}
nothing_to_find_out() {
	[ "$(sql "SELECT (SELECT count(*) FROM desired_due) + (SELECT count(*) FROM device_mobileconfig r
		JOIN device d ON d.id = r.device_id WHERE r.due <= strftime('%s', 'now') AND r.state IN ('wanted', 'failed')
		AND d.enrollment_id IS NOT NULL)")" = 0 ]
}

# give NAME FILE|JSON [QUERY]: as a form or a file.
give() {
	local body=$2
	[ -f "$body" ] || { printf '%s' "$2" >"$W/form.json"; body=$W/form.json; }
	ask PUT "/api/v1/mobileconfigs/$1${3-}" -H "$(bearer admin)" -T "$body"
}
assign() {	# ID MOBILECONFIG AUDIENCE [DEVICES]
	ask PUT "/api/v1/assignments/$1" -H "$(bearer admin)" -H 'Content-Type: application/json' \
		-d "{\"mobileconfig\":\"$2\",\"audience\":$3,\"devices\":${4-{\}}}"
}
of_device() { get "/api/v1/devices/${DEVICE_OF[$1]}/mobileconfigs" -H "$(bearer admin)"; }
declare -A DEVICE_OF

# What phone N holds besides its enrollment and its web clip.
holds() { PHONE=$1 of_phone "' '.join(sorted(m['PayloadIdentifier'] for m in s['Mobileconfigs'] if m['IsManaged'] and not m['PayloadIdentifier'].endswith('.clip')))"; }
uuids() { PHONE=$1 of_phone "[(m['PayloadUUID'], [c['PayloadUUID'] for c in m['PayloadContent']]) for m in s['Mobileconfigs'] if m['PayloadIdentifier'] == '$2']"; }
forget() { python3 - "$W/phones" "$1" "$2" <<'PY'
import glob, plistlib, sys
for path in glob.glob(sys.argv[1] + "/*.plist"):
    s = plistlib.load(open(path, "rb"))
    if s.get("Number") == int(sys.argv[2]):
        s["Mobileconfigs"] = [m for m in s["Mobileconfigs"] if m["PayloadIdentifier"] != sys.argv[3]]
        plistlib.dump(s, open(path, "wb"))
PY
}
arrived() { cat "$W"/kept/payload-array.*; }

wifi() { printf '{"name":"Office","payloads":[{"id":"wifi","type":"com.apple.wifi.managed","name":"Wi-Fi","keys":{"SSID_STR":"%s","EncryptionType":"WPA2","Password":"%s"}}]}' "$1" "$2"; }

@test "what is assigned arrives encrypted, is brought up to date and repaired, and goes with the audience" {
	local id before
	enrolls 0 mia
	enrolls 1 paul
	give wifi "$(wifi office first-secret)"
	expect_status 201
	expect_json .version 1
	expect_not_in "$W/body" first-secret
	id=$(json .identifier)
	assign everyone wifi '{"everyone":true}'
	expect_status 201
	connect 0
	connect 1
	[ "$(holds 0)" = "$id" ]
	[ "$(holds 1)" = "$id" ]
	of_device 0
	expect_json '"\(.installed) of \(.wanted)"' "1 of 1"
	expect_json '.items[0].state' installed
	# its password was in nobody's sight: encrypted on the way, sealed at rest, masked when shown
	arrived | grep -q first-secret
	cat "$W"/kept/profile.* | grep -c first-secret | grep -qx 0
	expect_not_in "$W/log" first-secret
	cat "$DATA"/pomona.db* | grep -c first-secret | grep -qx 0
	get /api/v1/mobileconfigs/wifi -H "$(bearer admin)"
	expect_not_in "$W/body" first-secret

	# a new version with the masked form of the old one keeps its secret, and its names on the device
	before=$(uuids 0 "$id")
	json .form >"$W/masked.json"
	sed -i 's/"office"/"office-5"/' "$W/masked.json"
	give wifi "$W/masked.json" '?note=five'
	expect_status 200
	expect_json .version 2
	connect 0
	[ "$(uuids 0 "$id")" = "$before" ]
	arrived | grep -q 'office-5'
	of_device 0
	expect_json '.items[0].sent_version' 2
	expect_json '.items[0].state' installed

	# taken off by hand: the next list tells, and it is put back
	forget 0 "$id"
	[ -z "$(holds 0)" ]
	ID=${DEVICE_OF[0]}
	order ProfileList
	connect 0
	[ "$(holds 0)" = "$id" ]
	of_device 0
	expect_json '.items[0].repairs' 1

	# paul is not meant any more
	assign everyone wifi '{"not":{"person":"paul"}}'
	expect_status 200
	connect 0
	connect 1
	[ "$(holds 0)" = "$id" ]
	[ -z "$(holds 1)" ]
	of_device 1
	expect_json '.items | length' 0

	# back to the first version, then away with it
	post /api/v1/mobileconfigs/wifi/versions/1/restore -H "$(bearer admin)"
	expect_json .version 3
	connect 0
	get /api/v1/mobileconfigs/wifi/devices -H "$(bearer admin)"
	expect_json '.items | length' 1
	expect_json '.items[0].sent_version' 3
	delete /api/v1/mobileconfigs/wifi -H "$(bearer admin)"
	expect_status 204
	connect 0
	[ -z "$(holds 0)" ]
	nobody_sent_away
	judged
}

@test "a file from elsewhere is for one person by its name, and is on no device of another" {
	local cert=$W/tls/cert.pem
	enrolls 0 mia
	enrolls 1 paul
	cat >"$W/mia.plist" <<-'XML'
		<?xml version="1.0" encoding="UTF-8"?>
		<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
		<plist version="1.0"><dict><key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>
		<key>PayloadIdentifier</key><string>org.example.of.mia</string><key>PayloadUUID</key><string>5A5DAB47-2F41-4F2D-9DBB-00000000000A</string>
		<key>PayloadDisplayName</key><string>Of Mia</string><key>PayloadContent</key><array><dict>
		<key>PayloadType</key><string>com.apple.applicationaccess</string><key>PayloadVersion</key><integer>1</integer>
		<key>PayloadIdentifier</key><string>org.example.of.mia.access</string><key>PayloadUUID</key><string>5A5DAB47-2F41-4F2D-9DBB-00000000000B</string>
		<key>PayloadDisplayName</key><string>Restrictions</string><key>allowCamera</key><false/></dict></array></dict></plist>
	XML
	openssl cms -sign -nodetach -binary -outform DER -signer "$cert" -inkey "$W/tls/key.pem" -in "$W/mia.plist" -out "$W/mia.mobileconfig"
	give mia.mobileconfig "$W/mia.mobileconfig"
	expect_status 201
	expect_json .person mia
	expect_json .identifier org.example.of.mia
	json .was_signed_by | grep -q "$HOST"
	connect 0
	connect 1
	[ "$(holds 0)" = org.example.of.mia ]
	[ -z "$(holds 1)" ]
	give nobody.mobileconfig "$W/mia.mobileconfig"
	expect_problem 422 unknown_person
	assign too mia.mobileconfig '{"everyone":true}'
	expect_status 409
	openssl cms -encrypt -binary -aes-256-cbc -outform DER -in "$W/mia.plist" -out "$W/sealed.mobileconfig" "$cert"
	give sealed "$W/sealed.mobileconfig"
	expect_problem 422 encrypted
	# and one that is for everyone, as Apple Configurator may write it: in binary
	python3 - "$W/mia.plist" "$W/all.mobileconfig" <<-'PY'
		import plistlib, sys
		p = plistlib.load(open(sys.argv[1], "rb"))
		p["PayloadIdentifier"], p["PayloadUUID"] = "org.example.of.all", "5A5DAB47-2F41-4F2D-9DBB-0000000000AA"
		for payload in p["PayloadContent"]:
		    payload["PayloadIdentifier"] = p["PayloadIdentifier"] + ".x"
		    payload["PayloadUUID"] = "5A5DAB47-2F41-4F2D-9DBB-0000000000AB"
		plistlib.dump(p, open(sys.argv[2], "wb"), fmt=plistlib.FMT_BINARY)
	PY
	give all "$W/all.mobileconfig"
	expect_status 201
	assign all all '{"everyone":true}'
	expect_status 201
	connect 0
	connect 1
	[ "$(holds 0)" = 'org.example.of.all org.example.of.mia' ]
	[ -z "$(uuids 1 org.example.of.mia | tr -d '[]')" ]
	[ "$(uuids 1 org.example.of.all)" = "[('5A5DAB47-2F41-4F2D-9DBB-0000000000AA', ['5A5DAB47-2F41-4F2D-9DBB-0000000000AB'])]" ]
	# the console takes the same files, by their own names too, and says on its page what it refuses
	sign_in anna
	as anna get /admin/mobileconfigs
	CSRF=$(form_csrf)
	uploads() { as anna post /admin/mobileconfigs -F "csrf=$CSRF" -F "name=$2" -F "file=@$W/$1"; }
	delete /api/v1/mobileconfigs/mia.mobileconfig -H "$(bearer admin)"
	expect_status 204
	uploads mia.mobileconfig ""
	expect_status 303
	expect_header Location '/admin/mobileconfigs/mia.mobileconfig?*'
	get /api/v1/mobileconfigs/mia.mobileconfig -H "$(bearer admin)"
	expect_json .person mia
	uploads sealed.mobileconfig sealed
	expect_status 422
	expect_body 'encrypted for the key of one device'
	cp "$W/all.mobileconfig" "$W/nobody.mobileconfig"
	uploads nobody.mobileconfig ""
	expect_status 422
	expect_body 'nobody'
	judged
}

@test "values come from the person and the device; what is missing is named before anything is sent" {
	enrolls 0 mia
	give mail '{"name":"Mail","payloads":[{"id":"eas","type":"com.apple.eas.account","name":"Exchange","keys":{"Host":"mail.example.com","SSL":true,"UserName":"%username%","EmailAddress":"%upn%"}}]}'
	expect_status 201
	assign all mail '{"everyone":true}' '{"product":"iPhone*"}'
	expect_status 201
	connect 0
	[ -z "$(holds 0)" ]
	of_device 0
	expect_json '.items[0] | "\(.state) \(.code) \(.why) \(.keeper)"' "blocked missing_variable upn admin"
	get '/api/v1/mobileconfigs/mail/preview?person=mia' -H "$(bearer admin)"
	expect_json '.missing[0]' upn
	json .xml | grep -q '<string>mia</string>'
	json .xml | grep -q '<string>%upn%</string>'
	PERSON=$(sql "SELECT id FROM person WHERE name = 'mia'")
	ask PATCH "/api/v1/people/$PERSON/attributes" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"userPrincipalName":"mia@example.com"}'
	expect_status 200
	expect_json .userprincipalname mia@example.com
	connect 0
	[ "$(holds 0 | wc -w)" = 1 ]
	arrived | grep -q '<string>mia@example.com</string>'
	get "/api/v1/mobileconfigs/mail/preview?device=${DEVICE_OF[0]}" -H "$(bearer admin)"
	expect_json '.missing | length' 0
	assign all mail '{"everyone":true}' '{"product":"iPad*"}'
	connect 0
	[ -z "$(holds 0)" ]
	assign all mail '{"everyone":true}' '{"colour":"red"}'
	expect_problem 422 bad_filter
	judged
}

@test "every variable is filled, of person, directory and device, and what stands around the payloads is said to iOS" {
	local mia=mia@example.com
	enrolls 0 mia
	give all '{"name":"All","organization":"Ex & Co","description":"For you","consent":{"default":"May we?","de":"Dürfen wir?"},
		"expires":"2027-05-01T00:00:00Z","remove_on":"2027-06-01T00:00:00Z","removal_password":"let me","payloads":[{"id":"eas",
		"type":"com.apple.eas.account","name":"Exchange","keys":{"Host":"mail.example.com","EmailAddress":"%email%",
		"UserName":"%username%|%email%|%upn%|%full_name%|%department%|%serial%|%udid%|%costCenter%|%%"}}]}'
	expect_status 201
	assign all all '{"everyone":true}'
	connect 0
	of_device 0
	expect_json '.items[0] | "\(.state) \(.code) \(.why)"' 'blocked missing_variable email, upn, full_name, department, costCenter'
	ask PATCH "/api/v1/people/$(sql "SELECT id FROM person WHERE name = 'mia'")/attributes" -H "$(bearer admin)" -H 'Content-Type: application/json' \
		-d "{\"userPrincipalName\":\"m@ad.example.com\",\"department\":\"R&D\",\"costCenter\":\"47\",\"email\":\"$mia\",\"full_name\":\"Mia Bær\"}"
	expect_status 200
	connect 0
	of_device 0
	expect_json '.items[0].state' installed
	arrived | grep -qF "<string>mia|$mia|m@ad.example.com|Mia Bær|R&amp;D|$(of_phone 's["SerialNumber"]')|$(sql 'SELECT udid FROM device')|47|%</string>"
	arrived | grep -qF '<key>RemovalPassword</key><string>let me</string>'
	# the very bytes that it was sent: signed, and with all that is not for its key alone
	python3 - "$W/kept" <<-'PY'
		import datetime, glob, plistlib, subprocess, sys
		sent = [plistlib.load(open(f, "rb"))["Command"]["Payload"] for f in glob.glob(sys.argv[1] + "/command:InstallProfile.*")]
		seen = []
		for payload in sent:
		    p = plistlib.loads(subprocess.run(["openssl", "cms", "-verify", "-noverify", "-inform", "DER"], input=payload, check=True,
		                                      capture_output=True).stdout)
		    if p["PayloadDisplayName"] == "All":
		        seen.append(p)
		assert len(seen) == 1, len(seen)
		p = seen[0]
		assert p["ConsentText"] == {"default": "May we?", "de": "Dürfen wir?"} and p["PayloadOrganization"] == "Ex & Co", p
		assert p["RemovalDate"] == datetime.datetime(2027, 6, 1) and p["PayloadExpirationDate"] == datetime.datetime(2027, 5, 1), p
		assert p["HasRemovalPasscode"] is True and b"let me" not in plistlib.dumps(p) and "PayloadContent" not in p, p
	PY
	judged
}

@test "no device loses a mobileconfig because the server was killed" {
	enrolls 0 mia
	give one "$(wifi one a-secret)"
	assign one one '{"everyone":true}'
	pomona_kill
	pomona_serve --tls-cert "$W/tls/cert.pem" --tls-key "$W/tls/key.pem" --listen "127.0.0.1:$PORT"
	connect 0
	[ "$(holds 0 | wc -w)" = 1 ]
	give two "$(wifi two another-secret)"
	assign two two '{"person":"mia"}'
	wait_until nothing_to_find_out
	pomona_kill
	pomona_serve --tls-cert "$W/tls/cert.pem" --tls-key "$W/tls/key.pem" --listen "127.0.0.1:$PORT"
	connect 0
	[ "$(holds 0 | wc -w)" = 2 ]
	of_device 0
	expect_json '"\(.installed) of \(.wanted)"' "2 of 2"
}

# form PATH FIELD=VALUE...: as a browser sends it, with the page it came from.
form() {
	local path=$1 fields=() f; shift
	for f in "$@"; do fields+=(--form-string "$f"); done
	as anna post "$path" --form-string "csrf=$CSRF" "${fields[@]}"
}

@test "in the console one is made, filled from the table of payloads, assigned, seen on a device, changed, taken back and removed" {
	enrolls 0 mia
	sign_in anna
	form /admin/mobileconfigs title="Office Wi-Fi" name=wifi purpose=device
	expect_status 303
	form /admin/mobileconfigs title=Again name=wifi purpose=device
	expect_status 422
	as anna get '/admin/mobileconfigs/wifi/payloads/new?type=com.apple.wifi.managed'
	expect_status 200
	expect_body 'payload/SSID_STR'
	form /admin/mobileconfigs/wifi/payloads version=1 payload~type=com.apple.wifi.managed payload~id=wifi payload~name=Wi-Fi \
		payload/SSID_STR=office payload/EncryptionType=WPA2 payload/Password=a-secret
	expect_status 303
	# who has the page of before does not write over it
	form /admin/mobileconfigs/wifi version=1 title=Stale
	expect_status 422
	as anna get /admin/mobileconfigs/wifi
	expect_status 200
	expect_body 'href="/admin/settings"'	# the page of an admin, whosoever mobileconfig it is
	expect_not_in "$W/body" a-secret
	form /admin/mobileconfigs/wifi/assignments who=some rule=any-person name=mia which=rows fact=product 'pattern=iPhone*' \
		fact=not-name 'pattern=Kiosk *' fact=not-serial pattern= os_from=12 kind=device
	expect_status 303
	get '/api/v1/assignments?mobileconfig=wifi' -H "$(bearer admin)"
	expect_json '.items[0].devices | @json' '{"kind":"device","not":{"name":"Kiosk *"},"os":{"from":"12"},"product":"iPhone*"}'
	form /admin/mobileconfigs/wifi/assignments who=everyone which=rows os_from=seventeen
	expect_status 422
	expect_body 'value="seventeen"'
	form /admin/mobileconfigs/wifi/assignments who=everyone as=devices 'devices={"product"'
	expect_status 422
	# a refusal of the one half of it loses nothing of the other, nor makes it wider
	form /admin/mobileconfigs/wifi/assignments who=some as=json 'json={"any": [' which=rows fact=product 'pattern=iPad9*' os_below=18.7
	expect_status 422
	expect_body 'value="iPad9*"'
	expect_body 'value="18.7"'
	expect_body '{&quot;any&quot;: [</textarea>'
	connect 0
	[ "$(holds 0 | wc -w)" = 1 ]
	as anna get "/admin/devices/${DEVICE_OF[0]}"
	expect_status 200
	expect_body 'Mobileconfigs: 1 of 1'
	as anna get /admin/mobileconfigs
	expect_body 'Installed 1'
	# the settings around it, and what that has changed
	form /admin/mobileconfigs/wifi version=2 title="Office Wi-Fi" description="For all offices" remove_days=30 note=described
	expect_status 303
	as anna get '/admin/mobileconfigs/wifi?diff=2'
	expect_body '<ins><bdi>&quot;For all offices&quot;'
	form /admin/mobileconfigs/wifi version=3 as=json 'json={"name": '
	expect_status 422
	form /admin/mobileconfigs/wifi/back to=2
	expect_status 303
	as anna get '/admin/mobileconfigs/wifi/preview?person=mia'
	expect_status 200
	expect_body 'SSID_STR'
	expect_not_in "$W/body" a-secret
	connect 0
	of_device 0
	expect_json '.items[0].sent_version' 4
	as anna get /admin/mobileconfigs/wifi/payloads/wifi
	expect_status 200
	expect_not_in "$W/body" a-secret
	form /admin/mobileconfigs/wifi/remove confirm=wrong
	expect_status 422
	form /admin/mobileconfigs/wifi/remove confirm=wifi
	expect_status 303
	connect 0
	[ -z "$(holds 0)" ]
	sql "SELECT act FROM audit WHERE act LIKE 'mobileconfig.%' OR act LIKE 'assignment.%' ORDER BY id" | tr '\n' ' ' |
		grep -qx 'mobileconfig.add mobileconfig.version assignment.set mobileconfig.version mobileconfig.back mobileconfig.remove '
	judged
}
