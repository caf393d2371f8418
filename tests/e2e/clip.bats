# The catalog on the home screen: its web clip comes to a phone by itself, its page needs no sign-in and proves that
# phone alone, and it ends with the enrollment.
load lib/pomona
load lib/sending
load lib/devices

CLIP=yes

setup_file() { devices_prepare; }
setup()      { devices_start; }
teardown()   { devices_stop; }

# phone_of N NAME [OPTIONS]: phone N in management as NAME's, all that it is asked at first behind it; $ID.
phone_of() {
	local n=$1 name=$2 url; shift 2
	PHONE_IS=(--first "$n" "$@") PHONE=$n
	post /api/v1/enroll/sessions -H "$(bearer admin)" -H 'Content-Type: application/json' -d "{\"person\":\"$name\"}"
	expect_status 201
	url=$(json .url)
	UDID=$(device_on enroll "$url" --number "$n" "$@") || { tail -n 5 "$W/ledger" "$W/log"; return 1; }
	ID=$(sql "SELECT id FROM device WHERE udid = '$UDID'")
	connects
}

# Of the web clip of phone $PHONE: a key of its payload, or of what came back.
clip_key() {
	of_phone "[p for m in s['Mobileconfigs'] for p in m.get('WebClips', [])][0]['$1']"
}
clip_state() { sql "SELECT c.state FROM clip c JOIN device d ON d.enrollment_id = c.enrollment_id WHERE d.id = '$ID'"; }
clip_is() { [ "$(clip_state)" = "$1" ]; }
clips() { of_phone "len([p for m in s['Mobileconfigs'] for p in m.get('WebClips', [])])"; }
launch() { get "$(clip_key URL)" -H 'Accept: text/html' "$@"; }	# as iOS opens it: no cookie, no script

settle_clips() {	# the job has looked; phones fetch
	wait_until jobs_rest
	connects
}
jobs_rest() { [ "$(sql "SELECT count(*) FROM job WHERE kind = 'clip' AND due <= strftime('%s')")" = 0 ]; }

save_clip() {	# FIELDS of the settings page's form
	as anna post /admin/settings/clip --data-urlencode "csrf=$CSRF" "$@"
	expect_status 303
	settle_clips
}

@test "a phone that comes into management has the catalog on its home screen" {
	phone_of 0 mia
	clip_is installed || { clip_state; tail -3 "$W/ledger"; return 1; }
	[ "$(clip_key Label)" = "App Catalog" ]
	[ "$(clip_key FullScreen)" = False ]
	[ "$(of_phone "'IgnoreManifestScope' in [p for m in s['Mobileconfigs'] for p in m.get('WebClips', [])][0]")" = False ]
	[ "$(clip_key IsRemovable)" = True ]
	[[ $(clip_key URL) =~ ^https://apps.example.com/c/[A-Za-z0-9_-]{22}$ ]]
	# nothing of it waits in the database, the log or the queue's history
	never grep -aqF "$(clip_key URL | sed 's|.*/||')" "$DATA/pomona.db" "$DATA/pomona.db-wal" "$W/log"
	nobody_sent_away
	judged
}

@test "MUST 58: its icon is a square PNG of the company's colour and letter, and of its logo where there is one" {
	phone_of 0 mia
	icon() { of_phone "__import__('base64').b64encode([p for m in s['Mobileconfigs'] for p in m.get('WebClips', [])][0]['Icon']).decode()" | base64 -d >"$W/icon.png"; }
	size() { python3 -c 'import struct, sys; print(*struct.unpack(">II", open(sys.argv[1], "rb").read()[16:24]))' "$W/icon.png"; }
	icon
	[ "$(size)" = "180 180" ]
	cp "$W/icon.png" "$W/drawn.png"
	python3 -c 'import struct, sys, zlib
def chunk(t, d): return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
rows = b"".join(b"\0" + bytes([200, 30, 60, 255]) * 300 for _ in range(100))
sys.stdout.buffer.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 300, 100, 8, 6, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))' >"$W/logo.png"
	sign_in anna
	as anna post /admin/settings -F "csrf=$CSRF" -F company_name="Example Corp" -F accent=#0a6bd6 -F "logo=@$W/logo.png;type=image/png"
	expect_status 303
	settle_clips
	clip_is installed
	icon
	[ "$(size)" = "180 180" ]
	never cmp -s "$W/icon.png" "$W/drawn.png"
	judged
	# what no icon could be made of is no logo: nobody finds a letter there instead
	printf '\xff\xd8\xff\xe0\0\x10JFIF\0' >"$W/logo.jpg"
	as anna post /admin/settings -F "csrf=$CSRF" -F company_name="Example Corp" -F accent=#0a6bd6 -F "logo=@$W/logo.jpg;type=image/jpeg"
	expect_status 422
	expect_body 'the icon on home screens is made from it'
}

@test "every launch is answered 200, with a cookie, without a redirect, and shows what its person may see" {
	upload "$IPAS/enterprise.ipa"
	phone_of 0 mia
	local i
	for i in 1 2; do
		launch
		expect_status 200
		expect_header Set-Cookie '__Host-pomona-clip=*HttpOnly*Secure*'
		expect_body 'Demo App'
		never grep -qE 'http-equiv="refresh"|/account|/eas' "$W/body"
	done
	launch -H 'Cookie: __Host-pomona-clip=nonsense; __Host-pomona=nonsense'
	expect_status 200
	expect_body 'viewport-fit=cover'
	expect_body 'apple-touch-icon'
	expect_body 'theme-color'
	get "$(clip_key URL)/manifest.webmanifest"
	expect_header Content-Type 'application/manifest+json*'
	expect_json .start_url "$(clip_key URL | sed "s|$BASE||")"
	get "$(clip_key URL)/apps/com.example.app" -H 'Accept: text/html'
	expect_status 200
	expect_not_in "$W/body" paul		# whoever published it
	expect_not_in "$W/body" itms-services
	get "$(clip_key URL)/apps/com.example.app/icon/120.png"
	expect_status 200
}

@test "it proves a device and no person" {
	upload "$IPAS/enterprise.ipa"
	phone_of 0 anna				# an admin's
	launch -c "$W/jar"
	local path
	for path in / /account /admin /eas /enroll /apps/com.example.app /api/v1/devices; do
		get "$path" -b "$W/jar" -H 'Accept: text/html'
		[[ $STATUS == 303 || $STATUS == 401 || $STATUS == 404 ]] || { echo "$path"; show; return 1; }
		[[ $(header Location) == "" || $(header Location) == /login* ]]
	done
	post /apps/com.example.app/builds/x/install -b "$W/jar" -H "Origin: $BASE" -d x=y
	[ "$STATUS" = 401 ]
	[ "$(sql "SELECT count(*) FROM install_grant WHERE kind = 'tap'")" = 0 ]
}

@test "another device's web clip shows its own person's apps, and neither can act for the other" {
	upload "$IPAS/enterprise.ipa"
	ask PUT /api/v1/apps/com.example.app/channels/main/audience -H "$(bearer admin)" -H 'Content-Type: application/json' \
		-d '{"any":[{"person":"mia"}]}'
	expect_status 200
	phone_of 0 mia
	launch
	expect_body 'Demo App'
	MIAS=$(clip_key URL)
	printf 'secret of tom' >"$W/password.tom"
	"$POMONA" user add tom --data "$DATA" --password-file "$W/password.tom"
	phone_of 1 tom
	[ "$(clip_key URL)" != "$MIAS" ]
	launch
	expect_status 200
	expect_not_in "$W/body" 'Demo App'
	post "$(clip_key URL)/apps/com.example.app" -H "Origin: $BASE" -d from=app
	expect_status 404
	get "$(clip_key URL)/apps/com.example.app/icon/120.png"
	expect_status 404
}

# tap PATH [FIELD]: as the button of a page of this web clip does.
tap() { post "$(clip_key URL)$1" -H "Origin: $BASE" -H 'Accept: text/html' -d "${2-from=list}"; }
# state_of BUNDLE: of an app on the page of phone $PHONE.
state_of() { get "$(clip_key URL)" && json ".apps[] | select(.bundle_id == \"$1\") | .state"; }
app_is() { [ "$(state_of com.example.app)" = "$1" ]; }
# reaches STATE: while the phone connects, is asked what it has, and jobs run.
reaches() {
	local i
	for ((i = 0; i < 60; i++)); do
		connects
		does ManagedApplicationList
		does InstalledApplicationList
		if app_is "$1"; then return 0; fi
		sleep 0.25
	done
	echo "the app is $(state_of com.example.app), not $1"; tail -n 3 "$W/ledger" "$W/log"; return 1
}

@test "a tap puts the app on that device alone, and the page says how far it is" {
	upload "$IPAS/enterprise.ipa"
	phone_of 0 mia
	local other=$ID
	phone_of 1 mia
	app_is get
	tap /apps/com.example.app
	expect_status 303
	expect_header Location "$(clip_key URL | sed "s|$BASE||")"
	app_is waiting
	get "$(clip_key URL)" -H 'Accept: text/html'
	expect_body 'Waiting for your device'
	expect_body 'http-equiv="refresh"'		# only while something is under way
	reaches open
	[ "$(sql "SELECT count(*) FROM command_history h JOIN enrollment e ON e.id = h.enrollment_id JOIN command c ON c.id = h.command_id
		WHERE c.request_type = 'InstallApplication' AND e.device_id = '$ID'")" = 1 ]
	[ "$(sql "SELECT count(*) FROM command_history h JOIN enrollment e ON e.id = h.enrollment_id JOIN command c ON c.id = h.command_id
		WHERE c.request_type = 'InstallApplication' AND e.device_id = '$other'")" = 0 ]
	[ "$(sql "SELECT count(*) FROM command_queue q JOIN enrollment e ON e.id = q.enrollment_id JOIN command c ON c.id = q.command_id
		WHERE c.request_type = 'InstallApplication' AND e.device_id = '$other'")" = 0 ]
	# a newer build: Update, by one button for all
	app newer.ipa id=com.example.app version=99.1 build=99
	upload "$W/newer.ipa"
	expect_status 201
	app_is update
	get "$(clip_key URL)"
	expect_json '.updates | length' 1
	tap /updates x=y
	expect_status 303
	app_is waiting
	judged
}

@test "who signs in on a managed device of theirs installs by management, and elsewhere as ever" {
	upload "$IPAS/enterprise.ipa"
	local build
	build=$(json .build.id)
	phone_of 0 mia
	sign_in mia
	get "$(clip_key URL)" -b "$W/jar.mia" -c "$W/jar.mia"		# the cookie
	expect_status 200
	as mia get /
	expect_status 200
	as mia post "/apps/com.example.app/builds/$build/install" --data-urlencode "csrf=$CSRF"
	expect_status 303
	expect_header Location /apps/com.example.app
	app_is waiting
	[ "$(sql "SELECT count(*) FROM install_grant WHERE kind = 'tap'")" = 0 ]
	# somebody else, with that cookie: their own way
	sign_in paul
	grep pomona-clip "$W/jar.mia" >>"$W/jar.paul"
	as paul post "/apps/com.example.app/builds/$build/install" --data-urlencode "csrf=$CSRF"
	expect_status 200
	expect_body 'itms-services'
}

@test "what changes something comes from our own pages, and not too often" {
	upload "$IPAS/enterprise.ipa"
	phone_of 0 mia
	local url
	url=$(clip_key URL)/apps/com.example.app
	post "$url" -d from=app
	expect_status 403
	post "$url" -H 'Origin: https://elsewhere.example.com' -d from=app
	expect_status 403
	post "$url" -H "Origin: $BASE" -H 'Sec-Fetch-Site: cross-site' -d from=app
	expect_status 403
	# one program for all, which a slow machine sends within the minute as well
	curl -sS --connect-to "::127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" -o "$W/answer.#1" -w '%{http_code}\n' -H "Origin: $BASE" \
		-d x=y "$(clip_key URL)/updates?[1-61]" >"$W/answers"
	grep -qx 429 "$W/answers"
	post "$(clip_key URL)/updates" -H "Origin: $BASE" -d x=y
	expect_status 429
	[ -n "$(header Retry-After)" ]
}

@test "it is dead at CheckOut, and when it is retired: the same 404 as what never was" {
	phone_of 0 mia
	local url way
	url=$(clip_key URL)
	gone() {
		get "$url" -H 'Accept: text/html'
		expect_status 404
		cp "$W/body" "$W/dead"
		get /c/AAAAAAAAAAAAAAAAAAAAAA -H 'Accept: text/html'
		expect_status 404
		cmp "$W/dead" "$W/body"
	}
	run device_on fleet --drain --leaves 100
	[ "$(sql "SELECT state FROM enrollment")" = removed ]
	gone
	phone_of 1 mia
	url=$(clip_key URL)
	get "$url"
	expect_status 200
	post "/api/v1/devices/$ID/retire" -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"reason":"a test"}'
	gone
}

@test "another name, another way to open it: it is sent again, once, and to be seen on the settings page" {
	phone_of 0 mia
	local url
	url=$(clip_key URL)
	sign_in anna
	save_clip -d on=yes --data-urlencode 'label=Läden & Apps' -d full_screen=yes
	clip_is installed
	[ "$(clip_key Label)" = 'Läden & Apps' ]
	[ "$(clip_key FullScreen)" = True ]
	[ "$(clip_key IgnoreManifestScope)" = True ]
	[ "$(clip_key IsRemovable)" = False ]
	[ "$(clip_key URL)" = "$url" ]
	[ "$(clips)" = 1 ]
	save_clip -d on=yes --data-urlencode 'label=Läden & Apps' -d full_screen=yes	# nothing new
	[ "$(sql "SELECT count(*) FROM command WHERE kind = 'clip'")" = 2 ]
	as anna get /admin/settings
	expect_body 'Läden &amp; Apps'
	judged
}

@test "gone although it should be there, it is sent again, and not for ever" {
	phone_of 0 mia
	local identifier i
	identifier=$(sql "SELECT identifier FROM installed_mobileconfig WHERE identifier LIKE '%clip'")
	lose_it() {
		order RemoveProfile "{\"Identifier\":\"$identifier\"}"
		connects
		settle_clips
	}
	lose_it
	clip_is installed
	[ "$(clips)" = 1 ]
	lose_it				# the second time it is not at once
	clip_is failed
	[ "$(sql "SELECT why FROM clip")" = removed ]
	[ "$(clips)" = 0 ]
	for ((i = 0; i < 6; i++)); do
		sql "UPDATE clip SET due = 1 WHERE due IS NOT NULL; UPDATE job SET due = 1 WHERE kind = 'clip'"
		settle_clips
		lose_it || break
	done
	[ "$(sql "SELECT due IS NULL FROM clip")" = 1 ]
	[ "$(sql "SELECT count(*) FROM command WHERE kind = 'clip'")" = 5 ]
	post "/api/v1/devices/$ID/clip" -H "$(bearer admin)" -d '{}'
	expect_status 202
	settle_clips
	clip_is installed
}

@test "switched off it goes from every home screen and its page ends; switched on it is back" {
	phone_of 0 mia
	local url
	url=$(clip_key URL)
	sign_in anna
	save_clip --data-urlencode 'label=App Catalog'
	clip_is gone
	[ "$(clips)" = 0 ]
	get "$url"
	expect_status 404
	save_clip -d on=yes --data-urlencode 'label=App Catalog'
	clip_is installed
	[ "$(clip_key URL)" = "$url" ]
	get "$url"
	expect_status 200
	judged
}

@test "a device whose management may not install apps is told to sign in" {
	setting enroll access_rights 2047
	pomona_stop
	pomona_again
	upload "$IPAS/enterprise.ipa"
	phone_of 0 mia
	launch
	expect_status 200
	expect_body 'Sign in to install apps'
	expect_body '/apps/com.example.app"'
	post "$(clip_key URL)/apps/com.example.app" -H "Origin: $BASE" -d from=app
	expect_status 409
}
