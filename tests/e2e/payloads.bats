# What may stand in a mobileconfig: told to people and programs from the table, and a payload filled in without a script.
load lib/pomona
load lib/sending
load lib/devices

setup_file() { devices_prepare; }
setup() {
	command -v sqlite3 >/dev/null || skip "no sqlite3"
	devices_start
}
teardown() { devices_stop; }

@test "every payload type and key is told to programs and people, in their language, and to nobody else" {
	get /api/v1/payload-types -H "$(bearer admin)"
	expect_status 200
	[ "$(json '.payload_types | length')" -ge 47 ]
	expect_json '.payload_types[] | select(.type == "com.apple.app.lock") | .supervised' true
	get /api/v1/payload-types/com.apple.wifi.managed -H "$(bearer admin)"
	expect_status 200
	expect_json '.variants[0].keys[] | select(.name == "Password") | .secret' true
	expect_json '.variants[0].keys[] | select(.name == "EAPClientConfiguration") | .keys[] | select(.name == "AcceptEAPTypes") | .keys[0].values' \
		'13|17|18|21|23|25|43'
	get /api/v1/payload-types/com.apple.nothing -H "$(bearer admin)"
	expect_status 404
	sign_in anna
	as anna get /admin/payload-types -H 'Accept-Language: de'
	expect_status 200
	expect_body WLAN
	as anna get /admin/payload-types/com.apple.wifi.managed
	expect_body 'EAPClientConfiguration › AcceptEAPTypes'
	get /admin/payload-types -H 'Accept: application/json'
	expect_status 401
}

@test "a secret that was typed is in no page, no answer and no preview, and stays when the page is sent back without it" {
	ask PUT /api/v1/mobileconfigs/office -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"name":"Office","payloads":[
		{"id":"wifi","type":"com.apple.wifi.managed","keys":{"SSID_STR":"office","EncryptionType":"WPA2","Password":"open sesame"}}]}'
	[[ $STATUS == 20? ]]
	get /api/v1/mobileconfigs/office -H "$(bearer admin)"
	expect_json '.form.payloads[0].keys.Password["$kept"]' wifi/Password
	sign_in anna
	as anna get /admin/mobileconfigs/office/payloads/wifi
	expect_status 200
	expect_body 'value="wifi/Password"'
	expect_not_in "$W/body" 'open sesame'
	local csrf version
	csrf=$(grep -o 'name="csrf" value="[^"]*"' "$W/body" | head -1 | cut -d'"' -f4)
	version=$(grep -o 'name="version" value="[^"]*"' "$W/body" | cut -d'"' -f4)
	as anna post /admin/mobileconfigs/office/payloads/wifi -F "csrf=$csrf" -F "version=$version" \
		-F payload~type=com.apple.wifi.managed -F payload~id=wifi -F payload/SSID_STR=house -F payload/EncryptionType=WPA2 \
		-F payload/Password= -F payload/Password~kept=wifi/Password
	expect_status 303
	get /api/v1/mobileconfigs/office -H "$(bearer admin)"
	expect_json '.form.payloads[0].keys.SSID_STR' house
	expect_json '.form.payloads[0].keys.Password["$kept"]' wifi/Password
	get "/api/v1/mobileconfigs/office/preview?person=anna" -H "$(bearer admin)"
	expect_status 200
	expect_not_in "$W/body" 'open sesame'
	expect_body house
	# what is wrong is said with its place, and nothing is kept of it
	ask PUT /api/v1/mobileconfigs/office -H "$(bearer admin)" -H 'Content-Type: application/json' -d '{"name":"Office","payloads":[
		{"id":"wifi","type":"com.apple.wifi.managed","keys":{"SSID_STR":"office","EncryptionType":"ROT13"}}]}'
	expect_status 422
	expect_body 'wifi (com.apple.wifi.managed): EncryptionType: '
	# a button adds an item: nothing is kept, and what was typed goes along, the secret sealed
	local typed
	as anna post /admin/mobileconfigs/office/payloads -F "csrf=$csrf" -F version=2 -F note=Beamers -F payload~type=com.apple.airplay \
		-F payload~id=tv -F 'payload~do=add payload/Passwords' -F payload/Passwords/0~item=1 -F payload/Passwords/0/DeviceName=Lobby \
		-F 'payload/Passwords/0/Password=another sesame'
	expect_status 200
	expect_body 'value="Lobby"'
	expect_body 'value="Beamers"'
	expect_body 'name="payload/Passwords/1~item"'
	expect_not_in "$W/body" 'another sesame'
	typed=$(grep -o 'name="payload/Passwords/0/Password~typed" value="[^"]*"' "$W/body" | cut -d'"' -f4)
	get /api/v1/mobileconfigs/office -H "$(bearer admin)"
	expect_json .version 2
	as anna post /admin/mobileconfigs/office/payloads -F "csrf=$csrf" -F version=2 -F payload~type=com.apple.airplay -F payload~id=tv \
		-F payload/Passwords/0~item=1 -F payload/Passwords/0/DeviceName=Lobby -F payload/Passwords/0/Password= \
		-F "payload/Passwords/0/Password~typed=$typed" -F payload/Passwords/1~item=1
	expect_status 303
	get /api/v1/mobileconfigs/office -H "$(bearer admin)"
	expect_json '.form.payloads[1].keys.Passwords | length' 1
	expect_json '.form.payloads[1].keys.Passwords[0].Password["$kept"]' tv/Passwords/0/Password
}
