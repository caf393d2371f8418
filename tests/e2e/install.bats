# What a phone fetches to install an app: manifest, icons and the app itself, by the grant in the path alone.
load lib/pomona

setup_file() { pomona_prepare https; }
setup()      { pomona_start_tls; }
teardown()   { pomona_stop; }

# published [FILE]: $BUILD, and $D, where its grant's files are.
published() {
	upload "${1:-$IPAS/enterprise.ipa}"
	expect_status 201
	BUILD=$(json .build.id) PAGE=$(json .install_url) D=$(json .manifest_url)
	D=${D%/manifest.plist}
}

# One value of the manifest just fetched, by a path such as items.0.metadata.title.
manifest() {
	python3 -c '
import plistlib, sys
value = plistlib.load(open(sys.argv[1], "rb"))
for key in sys.argv[2].split("."):
    value = value[int(key) if key.isdigit() else key]
print(" ".join(value) if isinstance(value, list) else value)' "$W/body" "$1"
}

phone() { local path=$1; shift; get "$D/$path" -A "phone-${PHONE:-1}" "$@"; }

expect_same_404() {	# the refusal is the same as for what never was
	expect_status 404
	cp "$W/body" "$W/refused"; tr -d '\r' <"$W/head" | grep -viE '^(date|x-request-id|content-length):' >"$W/refused.head"
	get "$BASE/d/00000000000000000000000000000000/manifest.plist"
	expect_status 404
	[ "$(jq -S 'del(.instance)' "$W/refused")" = "$(jq -S 'del(.instance)' "$W/body")" ]
	diff "$W/refused.head" <(tr -d '\r' <"$W/head" | grep -viE '^(date|x-request-id|content-length):')
}

@test "the manifest names the app, its build and four absolute addresses without a query (MUST 63)" {
	published
	phone manifest.plist
	expect_status 200
	expect_header Content-Type 'text/xml*'
	expect_header Cache-Control '*no-store*'
	[ "$(manifest items.0.metadata.bundle-identifier)" = com.example.app ]
	[ "$(manifest items.0.metadata.bundle-version)" = 34 ]		# CFBundleVersion, not the short one
	[ "$(manifest items.0.metadata.kind)" = software ]
	[ "$(manifest items.0.metadata.title)" = "Demo App" ]
	[ "$(manifest items.0.assets.0.kind)" = software-package ]
	[ "$(manifest items.0.assets.0.url)" = "$D/app.ipa" ]
	[ "$(manifest items.0.assets.1.url)" = "$D/57.png" ]
	[ "$(manifest items.0.assets.2.url)" = "$D/512.png" ]
	[[ $D =~ ^https://apps.example.com/d/[A-Za-z0-9_-]{22,}$ ]]
}

@test "an independent judge finds nothing wrong with the manifest (MUST 60)" {
	[ -r "$SHARED/apple-schema/check_plist.py" ] || skip "no judge of property lists here"
	app odd.ipa name='R&D <“Obst”> 🍐'
	local file
	for file in "$IPAS/enterprise.ipa" "$W/odd.ipa"; do
		published "$file"
		phone manifest.plist
		expect_status 200
		run python3 "$SHARED/apple-schema/check_plist.py" manifest "$W/body"
		echo "$output"
		[ "$status" -eq 0 ]
	done
}

@test "the manifest's hashes are those of the app's chunks" {
	app big.ipa mb=21
	published "$W/big.ipa"
	chunks() { python3 -c '
import hashlib, sys
data = open(sys.argv[2], "rb").read()
print(" ".join(hashlib.new(sys.argv[1], data[i:i + 10485760]).hexdigest() for i in range(0, len(data), 10485760)))' "$@"; }
	phone manifest.plist
	[ "$(manifest items.0.assets.0.sha256-size)" = 10485760 ]
	[ "$(manifest items.0.assets.0.sha256s)" = "$(chunks sha256 "$W/big.ipa")" ]
	md5_there() { phone manifest.plist && manifest items.0.assets.0.md5s; }
	wait_until md5_there		# a job adds them for old iOS
	[ "$(manifest items.0.assets.0.md5-size)" = 10485760 ]
	[ "$(manifest items.0.assets.0.md5s)" = "$(chunks md5 "$W/big.ipa")" ]
}

@test "the app comes whole, in ranges and again, byte for byte (MUST 61)" {
	app big.ipa mb=3
	published "$W/big.ipa"
	local size etag last
	size=$(stat -c %s "$W/big.ipa")
	phone app.ipa
	expect_status 200
	cmp "$W/body" "$W/big.ipa"
	expect_header Content-Length "$size"
	expect_header Content-Type application/octet-stream
	expect_header Accept-Ranges bytes
	expect_header Cache-Control '*immutable*'
	etag=$(header ETag)
	[[ $etag == '"'?*'"' ]]

	ask HEAD "$D/app.ipa"
	expect_status 200
	expect_header Content-Length "$size"
	expect_header ETag "$etag"

	: >"$W/pieces"
	local from
	for ((from = 0; from < size; from += 1000000)); do
		last=$((from + 999999 < size ? from + 999999 : size - 1))
		phone app.ipa -H "Range: bytes=$from-$((from + 999999))"
		expect_status 206
		expect_header Content-Range "bytes $from-$last/$size"
		expect_header Content-Length $((last - from + 1))
		cat "$W/body" >>"$W/pieces"
	done
	cmp "$W/pieces" "$W/big.ipa"

	phone app.ipa -H 'Range: bytes=-100'
	expect_status 206
	cmp "$W/body" <(tail -c 100 "$W/big.ipa")
	phone app.ipa -H "Range: bytes=$((size - 10))-"
	expect_status 206
	cmp "$W/body" <(tail -c 10 "$W/big.ipa")
	phone app.ipa -H "Range: bytes=$size-"
	expect_status 416
	expect_header Content-Range "bytes \*/$size"

	phone app.ipa -H 'Range: bytes=0-9' -H "If-Range: $etag"
	expect_status 206
	phone app.ipa -H 'Range: bytes=0-9' -H 'If-Range: "another"'
	expect_status 200
	expect_header Content-Length "$size"
	phone app.ipa -H "If-None-Match: $etag"
	expect_status 304
	[ ! -s "$W/body" ]
}

@test "a download that broke off goes on where it was" {
	app big.ipa mb=3
	published "$W/big.ipa"
	head -c 1234567 "$W/big.ipa" >"$W/part"
	curl -sS --connect-to "::127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" -C - -o "$W/part" "$D/app.ipa"
	cmp "$W/part" "$W/big.ipa"
}

@test "the icons are pictures of 57 and 512 points" {
	local app side
	for app in enterprise png-icon catalog-icon; do		# the last has none that can be read
		published "$IPAS/$app.ipa"
		for side in 57 512; do
			phone $side.png
			expect_status 200
			expect_header Content-Type image/png
			[ "$(python3 -c '
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n" and b"CgBI" not in data
at, idat = 8, b""
while at < len(data):
    length, = struct.unpack(">I", data[at:at + 4])
    kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + length]
    assert struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0] == zlib.crc32(kind + body)
    if kind == b"IHDR": head = struct.unpack(">IIBBBBB", body)
    idat += body if kind == b"IDAT" else b""
    at += 12 + length
assert kind == b"IEND" and zlib.decompress(idat)
print(*head[:2])' "$W/body")" = "$side $side" ]
		done
	done
	phone 58.png
	expect_status 404
}

@test "nothing that the install daemon fetches redirects, sets a cookie or asks who is there (MUST 60)" {
	published
	local path
	for path in manifest.plist app.ipa 57.png 512.png; do
		phone $path -H 'Accept: text/html' -H 'Cookie: __Host-pomona=nonsense' -H 'Authorization: Basic bm86bm8='
		expect_status 200
		[ -z "$(header Set-Cookie)$(header Location)$(header WWW-Authenticate)" ]
	done
}

@test "a stranger's grant is refused, and the refusal says nothing" {
	published
	local path
	for path in manifest.plist app.ipa 57.png 512.png; do
		get "$BASE/d/0000000000000000000000/$path"
		expect_problem 404 not_found
		expect_json .detail 'Not found'
		[ -z "$(header WWW-Authenticate)$(header Location)" ]
	done
	# one letter more, one less, another's case
	get "${D}a/manifest.plist"
	expect_status 404
	get "${D%?}/manifest.plist"
	expect_status 404
	# a browser at a link that is none gets a page, not a sign-in
	get "$BASE/i/0000000000000000000000" -H 'Accept: text/html'
	expect_status 404
	expect_header Content-Type 'text/html*'
}

@test "a link of an upload's answer ends after its seven days" {
	published
	set_clock 2026-11-29T11:59:59Z
	phone manifest.plist
	expect_status 200
	get "$PAGE"
	expect_status 200
	set_clock 2026-11-29T12:00:00Z
	phone manifest.plist
	expect_same_404
	get "$PAGE"
	expect_status 404
	# what has begun has its day to finish
	phone app.ipa
	expect_status 200
	set_clock 2026-11-30T11:59:58Z
	phone app.ipa
	expect_status 200
	set_clock 2026-11-30T12:00:00Z
	phone app.ipa
	expect_same_404
	phone 57.png
	expect_status 404
}

@test "a link is good for as many phones as it says" {
	pomona_stop
	setting grant ci_installs 2
	pomona_again
	published
	PHONE=1 phone manifest.plist
	expect_status 200
	PHONE=1 phone manifest.plist		# iOS asks several times: still one install
	expect_status 200
	PHONE=2 phone manifest.plist
	expect_status 200
	PHONE=3 phone manifest.plist
	expect_same_404
	get "$PAGE"
	expect_status 404
	PHONE=1 phone manifest.plist		# who began goes on
	expect_status 200
	PHONE=1 phone app.ipa
	expect_status 200
}

@test "a phone that changes its IPv6 address is one install, and one in another network is another" {
	pomona_stop
	setting grant ci_installs 1
	setting server trusted_proxies '"127.0.0.1"'
	pomona_again
	published
	local at
	for at in 2001:db8:1:1::1 2001:db8:1:1:8a2e:370:7334:1 2001:db8:1:1:ffff:ffff:ffff:ffff; do
		phone manifest.plist -H "X-Forwarded-For: $at"
		expect_status 200
	done
	phone manifest.plist -H 'X-Forwarded-For: 2001:db8:1:2::1'
	expect_same_404
	phone app.ipa -H 'X-Forwarded-For: 2001:db8:1:1::2'
	expect_status 200
}

@test "two phones at once do not share the last install" {
	pomona_stop
	setting grant ci_installs 3
	pomona_again
	published
	local i pids=()
	for i in 1 2 3 4 5 6 7 8; do
		curl -s --connect-to "::127.0.0.1:$PORT" --cacert "$W/tls/ca.pem" -A "phone-$i" -o /dev/null -w '%{http_code}\n' \
			"$D/manifest.plist" >"$W/race.$i" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(cat "$W"/race.* | grep -c 200)" -eq 3 ]
	[ "$(cat "$W"/race.* | grep -c 404)" -eq 5 ]
}

@test "a revoked link is as if it had never been" {
	published
	phone manifest.plist
	get "/api/v1/builds/$BUILD/grants" -H "$(bearer upload)"
	expect_json '.items | length' 1
	expect_json '.items[0].installs' 1
	local id
	id=$(json '.items[0].id')
	delete "/api/v1/grants/$id" -H "$(bearer upload)"
	expect_status 204
	phone manifest.plist
	expect_same_404
	phone app.ipa
	expect_same_404
	delete "/api/v1/grants/$id" -H "$(bearer upload)"
	expect_status 404
}

@test "a deleted build's links are as if they had never been" {
	published
	delete "/api/v1/builds/$BUILD" -H "$(bearer upload)"
	expect_status 204
	phone manifest.plist
	expect_same_404
	phone app.ipa
	expect_same_404
}

# tapped NAME: NAME taps Get in the catalog; $D is the grant's.
tapped() {
	as "$1" post "/apps/com.example.app/builds/$BUILD/install" -d "csrf=$CSRF"
	expect_status 200
	ITMS=$(grep -o 'itms-services://[^"]*' "$W/body" | head -1 | sed 's/&amp;/\&/g')
	D=$(python3 -c 'import sys, urllib.parse; print(urllib.parse.unquote(sys.argv[1].partition("&url=")[2]))' "$ITMS")
	D=${D%/manifest.plist}
}

@test "a tap on Get opens the manifest for an hour, and the app for a day after that (MUST 60)" {
	published
	sign_in mia
	tapped mia
	set_clock 2026-11-22T12:59:59Z
	phone manifest.plist
	expect_status 200
	set_clock 2026-11-22T13:00:00Z
	phone manifest.plist
	expect_same_404
	set_clock 2026-11-23T12:59:58Z
	phone app.ipa -H 'Range: bytes=100-199'
	expect_status 206
	set_clock 2026-11-23T13:00:00Z
	phone app.ipa
	expect_same_404
}

@test "a tap that was not followed is worth nothing after an hour" {
	published
	sign_in mia
	tapped mia
	set_clock 2026-11-22T13:00:00Z
	phone manifest.plist
	expect_same_404
	phone app.ipa
	expect_same_404
}

@test "the button's address survives the phone: percent-encoded, ASCII, without a query (MUST 62)" {
	published
	sign_in mia
	tapped mia
	[[ $ITMS =~ ^itms-services://\?action=download-manifest\&url=https%3A%2F%2Fapps\.example\.com%2Fd%2F[A-Za-z0-9_-]+%2Fmanifest\.plist$ ]]
	phone manifest.plist
	expect_status 200
	get "$PAGE" -H 'Accept: text/html'
	grep -q 'href="itms-services://?action=download-manifest&amp;url=https%3A%2F%2Fapps.example.com%2Fd%2F' "$W/body"
	post "/api/v1/builds/$BUILD/grants" -H "$(bearer upload)" -H 'Content-Type: application/json' -d '{"ttl":60}'
	expect_status 201
	expect_json .expires 2026-11-22T12:01:00Z
	expect_json '.itms_url | startswith("itms-services://?action=download-manifest&url=https%3A%2F%2F")' true
	get "$(json .manifest_url)"
	expect_status 200
}

@test "an app's name may hold & < > \" ' and an emoji, in the manifest and on every page" {
	local name="R&D <u>\"Obst\"</u> 'n' 🍐"
	app odd.ipa name="$name"
	published "$W/odd.ipa"
	phone manifest.plist
	[ "$(manifest items.0.metadata.title)" = "$name" ]
	sign_in paul
	local page
	for page in / /apps/com.example.app "$PAGE" /admin /admin/apps "/admin/apps/com.example.app/builds/$BUILD" "/admin/upload?build=$BUILD"; do
		as paul get "$page"
		expect_status 200
		expect_body '&lt;u&gt;'
		expect_body '🍐'
		expect_not_in "$W/body" '<u>'
	done
	get /api/v1/apps -H "$(bearer read)"
	expect_json '.items[0].name' "$name"
}

@test "today says what needs attention, and the most urgent has the one filled button" {
	published
	app other.ipa id=com.example.other
	published "$W/other.ipa"
	set_clock 2026-10-20T12:00:00Z		# the provisions end on 31 December
	sign_in anna
	as anna get /admin
	[ "$(grep -c '<a class="btn small[^>]*href="/admin/apps/' "$W/body")" = 0 ]
	set_clock 2026-12-15T12:00:00Z
	sign_in anna
	as anna get /admin
	grep -o '<a class="btn small[^>]*>' "$W/body" >"$W/buttons"
	[ "$(grep -c 'href="/admin/apps/com.example.[a-z]*"' "$W/buttons")" = 2 ]
	[ "$(grep -c primary "$W/buttons")" = 1 ]
	head -1 "$W/buttons" | grep -q 'primary.*href="/admin/apps/'
	as anna get /admin/apps
	[ "$(grep -o 'class="badge warn"' "$W/body" | wc -l)" = 2 ]
	set_clock 2027-01-15T12:00:00Z
	sign_in anna
	as anna get /admin/apps
	[ "$(grep -o 'class="badge danger"' "$W/body" | wc -l)" = 2 ]
	as anna get /admin/apps/com.example.other
	[ "$(grep -o 'class="badge danger"' "$W/body" | wc -l)" = 1 ]
}

@test "the page behind a link needs no sign-in and says what is installed" {
	published
	get "$PAGE" -H 'Accept: text/html'
	expect_status 200
	expect_header Content-Type 'text/html*'
	expect_header Cache-Control '*no-store*'
	expect_body 'Demo App'
	expect_body '1.2'
	[ -z "$(header Set-Cookie)" ]
	get "$PAGE/qr.svg"
	expect_status 200
	expect_header Content-Type 'image/svg+xml*'
	# inside another app's browser the button would do nothing: it says so instead
	get "$PAGE" -H 'Accept: text/html' -A 'Mozilla/5.0 (iPhone) MicroMessenger/8.0'
	expect_body Safari
}

@test "an app whose provision has run out since is not offered any more" {
	published
	set_clock 2027-01-01T00:00:00Z
	sign_in mia
	get "/api/v1/builds/$BUILD" -H "$(bearer read)"
	expect_status 200
	post "/api/v1/builds/$BUILD/grants" -H "$(bearer upload)" -H 'Content-Type: application/json' -d '{}'
	expect_problem 409 not_installable
	upload "$IPAS/enterprise.ipa"
	expect_status 200
	expect_json .install_url null
	expect_json .build.installable false
	expect_json .verdict.installable false
	expect_json '.verdict.reasons | any(.code == "provision_expired" and .level == "error")' true
	tapped mia
	[ -z "$ITMS" ]
	# nor by the link that was handed on before, nor by a new one of the console
	get "$PAGE" -H 'Accept: text/html'
	expect_status 404
	sign_in paul
	as paul post "/admin/builds/$BUILD/links" --data-urlencode "csrf=$CSRF"
	expect_status 409
	as paul get "/admin/apps/com.example.app/builds/$BUILD"
	never grep -q "builds/$BUILD/links\"" "$W/body"
}
