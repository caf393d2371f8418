# One iPhone's whole way into management and out of it: a simulated one (tests/device), as strict as iOS.
load lib/pomona
load lib/sending
load lib/devices

setup_file() { devices_prepare; }
setup()      { devices_start; }
teardown()   { devices_stop; }

@test "a phone comes into management by the phases of the Profile Service" {
	enrolled_phone
	[ "$(sql "SELECT state FROM enrollment")" = enrolled ]
	[ "$(sql "SELECT state FROM enroll_session")" = done ]
	[ "$(sql "SELECT count(*) FROM certificate WHERE purpose = 'ota'")" = 1 ]
	[ "$(sql "SELECT count(*) FROM certificate WHERE purpose = 'mdm'")" = 1 ]
	[ "$(sql "SELECT identity FROM enrollment")" = "$(sql "SELECT sha256 FROM certificate WHERE purpose = 'mdm'")" ]
	[ "$(sql "SELECT hex(token) FROM enrollment")" = "$(of_phone 's["Enrollment"]["Token"].hex().upper()')" ]
	[ "$(sql "SELECT push_magic FROM enrollment")" = "$(of_phone 's["Enrollment"]["PushMagic"]')" ]
	[ "$(sql "SELECT serial || ' ' || product || ' ' || os_build FROM device")" = \
		"$(of_phone 's["SerialNumber"] + " " + s["ProductName"] + " 22B83"')" ]
	connects
	nobody_sent_away
	judged
}

@test "a phone comes into management by one mobileconfig, where that is allowed" {
	WAY=direct_url enrolled_phone
	[ "$(sql "SELECT state FROM enrollment")" = enrolled ]
	[ "$(sql "SELECT count(*) FROM certificate")" = 1 ]
	connects
	judged
}

@test "SCEP by GET and with 3DES is as good" {
	enrolled_phone --scep-get --des3
	connects
	nobody_sent_away
}

@test "a mobileconfig enrolls once" {
	enrolled_phone
	run device_on enroll "$(cat "$W/urls")" --number 1
	[ "$status" = 1 ]
	[ "$(sql "SELECT count(*) FROM enrollment")" = 1 ]
}

# What all four groups of the device page are made of, as refresh asks for it.
@test "each command that asks is answered, and what was answered is there to be read" {
	enrolled_phone
	does DeviceInformation '{"Queries":["UDID","DeviceName","SerialNumber","WiFiMAC","BluetoothMAC","ICCID","PhoneNumber","IMEI","ModelName","ProductName","OSVersion","BuildVersion","ModemFirmwareVersion","DeviceCapacity","AvailableDeviceCapacity","CurrentCarrierNetwork","SubscriberCarrierNetwork","CarrierSettingsVersion","DataRoamingEnabled","BatteryLevel","ServiceSubscriptions","IsSupervised"]}'
	local type
	for type in SecurityInfo InstalledApplicationList ManagedApplicationList ProfileList ProvisioningProfileList \
		CertificateList; do
		does $type
	done
	does Restrictions '{"ProfileRestrictions":true}'
	get "/api/v1/devices/$ID" -H "$(bearer admin)"
	expect_status 200
	[ "$(json '.network | .. | strings' | grep -cF "$(of_phone 's["Device"]["WiFiMAC"]')")" -ge 1 ]
	[ "$(json '.device | .. | strings' | grep -cF "$(of_phone 's["SerialNumber"]')")" -ge 1 ]
	[ "$(json '.. | strings' | grep -cF 'Weather & Wind')" -ge 1 ]
	[ "$(sql "SELECT bundle_id || ' ' || version FROM installed_app")" = 'com.example.weather 812' ]
	[ "$(sql "SELECT count(*) FROM installed_mobileconfig")" = 1 ]
	judged
}

restrictions() {	# allowCamera or nothing; a mobileconfig in $W/restrict.mobileconfig
	python3 - "$W/restrict.mobileconfig" "$@" <<-'PY'
		import plistlib, sys
		payload = {"PayloadType": "com.apple.applicationaccess", "PayloadVersion": 1, "PayloadUUID": "5A5DAB47-2F41-4F2D-9DBB-1F2C7A7F0001",
		           "PayloadIdentifier": "com.example.restrict.access", "allowCamera": len(sys.argv) > 2}
		plistlib.dump({"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadUUID": "5A5DAB47-2F41-4F2D-9DBB-1F2C7A7F0000",
		               "PayloadIdentifier": "com.example.restrict", "PayloadDisplayName": "Restrictions",
		               "PayloadContent": [payload]}, open(sys.argv[1], "wb"))
	PY
}

@test "a mobileconfig is installed, replaced and removed, and its restrictions are in effect meanwhile" {
	enrolled_phone
	restrictions
	does InstallProfile "{\"Payload\":\"$(base64 -w0 "$W/restrict.mobileconfig")\"}"
	does ProfileList
	[ "$(sql "SELECT managed FROM installed_mobileconfig WHERE identifier = 'com.example.restrict'")" = 1 ]
	does Restrictions
	[ "$(of_phone '[m["Restrictions"]["allowCamera"] for m in s["Mobileconfigs"] if "Restrictions" in m]')" = "[False]" ]
	restrictions on
	does InstallProfile "{\"Payload\":\"$(base64 -w0 "$W/restrict.mobileconfig")\"}"
	[ "$(of_phone '[m["Restrictions"]["allowCamera"] for m in s["Mobileconfigs"] if "Restrictions" in m]')" = "[True]" ]
	does RemoveProfile '{"Identifier":"com.example.restrict"}'
	does ProfileList
	[ "$(sql "SELECT count(*) FROM installed_mobileconfig")" = 1 ]
	order RemoveProfile '{"Identifier":"com.example.restrict"}'
	connects
	becomes error
	judged
}

@test "a provision comes and goes, and its list says until when it is good" {
	enrolled_phone
	local file=$ROOT/tests/data/provisions/enterprise.mobileprovision uuid
	does InstallProvisioningProfile "{\"ProvisioningProfile\":\"$(base64 -w0 "$file")\"}"
	does ProvisioningProfileList
	uuid=$(sql "SELECT uuid FROM installed_provision")
	[ "$uuid" = "$(of_phone 's["Provisions"][0]["UUID"]')" ]
	[ "$(sql "SELECT expires FROM installed_provision")" = \
		"$(of_phone 'int(s["Provisions"][0]["ExpiryDate"].replace(tzinfo=__import__("datetime").timezone.utc).timestamp())')" ]
	does RemoveProvisioningProfile "{\"UUID\":\"$uuid\"}"
	does ProvisioningProfileList
	[ "$(sql "SELECT count(*) FROM installed_provision")" = 0 ]
	judged
}

managed_state() { sql "SELECT state FROM installed_app WHERE managed"; }

@test "an app is downloaded as the install daemon does it, and managed when it is there" {
	enrolled_phone --install-polls 2
	upload "$IPAS/enterprise.ipa"
	expect_status 201
	local manifest i
	manifest=$(json .manifest_url)
	does InstallApplication "{\"ManifestURL\":\"$manifest\",\"ManagementFlags\":1}"
	[ "$(managed_state)" != Managed ]
	for ((i = 0; i < 6; i++)); do
		[ "$(managed_state)" != Managed ] || break
		does ManagedApplicationList
	done
	[ "$i" -gt 0 ]
	[ "$(managed_state)" = Managed ]
	does InstalledApplicationList
	[ "$(of_phone 's["Apps"][1]["BundleSize"]')" = "$(stat -c %s "$IPAS/enterprise.ipa")" ]
	does RemoveApplication "{\"Identifier\":\"$(of_phone 's["Apps"][1]["Identifier"]')\"}"
	does InstalledApplicationList
	does ManagedApplicationList
	[ "$(sql "SELECT count(*) FROM installed_app")" = 1 ]
	judged
}

# of_answer FILTER: of what the phone answered to $UUID.
of_answer() {
	get "/api/v1/devices/$ID/commands/$UUID" -H "$(bearer admin)"
	json ".answer.$1"
}

@test "a managed app is told its configuration, says its feedback, and is validated" {
	enrolled_phone
	upload "$IPAS/enterprise.ipa"
	expect_status 201
	local manifest app i
	manifest=$(json .manifest_url)
	does InstallApplication "{\"ManifestURL\":\"$manifest\",\"ManagementFlags\":1,\"Configuration\":{\"server\":\"a.example.com\"}}"
	for ((i = 0; i < 6; i++)); do
		[ "$(managed_state)" != Managed ] || break
		does ManagedApplicationList
	done
	app=$(of_phone 's["Apps"][1]["Identifier"]')
	# what it was told is read back, sealed until it is asked for; then it is told something else, and nothing
	reads() {
		does_verb app-configuration "{\"bundle_ids\":[\"$app\"]}"
		get "/api/v1/devices/$ID/commands/$UUID" -H "$(bearer admin)"
		expect_json .sealed true
		expect_json .answer null
		post "/api/v1/devices/$ID/commands/$UUID/reveal" -H "$(bearer admin)"
		expect_status 200
		[ "$(json '.answer.ApplicationConfigurations[0].Identifier')" = "$app" ]
		[ "$(json '.answer.ApplicationConfigurations[0].Configuration' | jq -Sc .)" = "$1" ] || { cat "$W/body"; return 1; }
	}
	reads '{"server":"a.example.com"}'
	does_verb configure-app "{\"bundle_id\":\"$app\",\"configuration\":{\"server\":\"b.example.com\",\"ports\":[80,443],\"on\":true}}"
	reads '{"on":true,"ports":[80,443],"server":"b.example.com"}'
	does_verb configure-app "{\"bundle_id\":\"$app\"}"
	reads null
	# what it says is heard once, and then forgotten where that was asked for
	on_phone 'apps["'"$app"'"]["Feedback"] = {"queue": 7, "last": "full"}'
	does_verb app-feedback "{\"bundle_ids\":[\"$app\",\"com.example.weather\"],\"delete\":true}"
	[ "$(of_answer 'ManagedApplicationFeedback | length')" = 1 ]
	[ "$(of_answer ManagedApplicationFeedback[0].Feedback.queue)" = 7 ]
	does_verb app-feedback "{\"bundle_ids\":[\"$app\"]}"
	[ "$(of_answer ManagedApplicationFeedback[0].Feedback)" = null ]
	# and validated are those that were named
	on_phone 'apps["'"$app"'"]["IsValidated"] = False'
	does_verb validate-apps '{"bundle_ids":["com.example.none"]}'
	[ "$(of_phone 's["Apps"][1]["IsValidated"]')" = False ]
	does_verb validate-apps "{\"bundle_ids\":[\"$app\"]}"
	[ "$(of_phone 's["Apps"][1]["IsValidated"]')" = True ]
	judged
}

@test "a device is locked, its passcode cleared, and in the end it is erased" {
	enrolled_phone
	does DeviceLock '{"Message":"Please return me","PhoneNumber":"+491511234567"}'
	[ "$(of_phone 's["Locked"]["Message"]')" = "Please return me" ]
	does ClearPasscode
	[ "$(of_phone 's["Security"]["PasscodePresent"]')" = False ]
	does Settings '{"Settings":[{"Item":"DataRoaming","Enabled":true}]}'
	[ "$(of_phone 's["Device"]["DataRoamingEnabled"]')" = True ]
	order DeviceInformation '{"Queries":["OSVersion"]}'	# it waits behind what is urgent
	order EraseDevice
	connects || true
	becomes acknowledged
	[ "$(of_phone 's["Enrollment"]["State"]')" = removed ]
	# and it is managed no more: nothing waits for it, nobody pushes it
	[ "$(sql "SELECT state || ', ' || why FROM enrollment")" = "retired, it was erased" ]
	[ "$(sql "SELECT count(*) FROM command_queue")" = 0 ]
	[ "$(sql "SELECT count(*) FROM push_due")" = 0 ]
	[ "$(sql "SELECT count(*) FROM device WHERE enrollment_id IS NOT NULL")" = 0 ]
	judged
}

@test "a supervised device is named, restarted, lost and found" {
	enrolled_phone --supervised
	does Settings '{"Settings":[{"Item":"DeviceName","DeviceName":"Cold store 7"}]}'
	[ "$(of_phone 's["Device"]["DeviceName"]')" = "Cold store 7" ]
	does RestartDevice
	does EnableLostMode '{"Message":"Call us","PhoneNumber":"+491511234567"}'
	does DeviceLocation
	does PlayLostModeSound
	[ "$(of_phone 's["LostMode"]["Message"], s["Sounds"]')" = "('Call us', 1)" ]
	does DisableLostMode
	order DeviceLocation
	connects
	becomes error
	judged
}

@test "a phone that is renewed has another identity, and lost nothing" {
	local way uuid old
	for way in "" --quiet-renewal; do
		enrolled_phone $way
		old=$(sql "SELECT identity FROM enrollment")
		order DeviceLock
		uuid=$UUID
		post "/api/v1/devices/$ID/renew" -H "$(bearer admin)" -d '{}'
		expect_status 202
		UUID=$(json .uuid)
		connects
		becomes acknowledged
		UUID=$uuid
		becomes acknowledged
		[ "$(sql "SELECT count(*) FROM enrollment")" = 1 ]
		[ "$(sql "SELECT identity FROM enrollment")" != "$old" ]
		does DeviceLock
		nobody_sent_away
		judged
		devices_stop
		rm -rf "$W"/*
		unset W
		devices_start
	done
}

@test "each of the three proofs says who a phone is" {
	pomona_stop
	export POMONA__SERVER__TRUSTED_PROXIES=127.0.0.1 POMONA__SERVER__CLIENT_CERT_HEADER=Client-Cert
	local port=$((20000 + RANDOM % 20000)) proof n=0
	pomona_start_tls --device-listen "127.0.0.1:$port"
	for proof in signature client-cert escaped tls; do
		sessions 1
		UDID=$(device_on enroll "$(cat "$W/urls")" --number $n --proof "$proof" --connect-tls "127.0.0.1:$port")
		ID=$(sql "SELECT id FROM device WHERE udid = '$UDID'")
		PHONE_IS=(--first $n --proof "$proof" --connect-tls "127.0.0.1:$port")
		does DeviceLock
		n=$((n + 1))
	done
	nobody_sent_away
}

@test "a command that this iOS does not know is a CommandFormatError, kept as one" {
	enrolled_phone
	order RefreshCellularPlans '{"eSIMServerURL":"https://esim.example.com"}'
	connects
	becomes error
	[ "$(sql "SELECT count(*) FROM command_history WHERE state = 'error'")" = 1 ]
}

@test "a phone that its owner takes out of management says so" {
	enrolled_phone
	run device_on fleet --drain --leaves 100
	[ "$(sql "SELECT state FROM enrollment")" = removed ]
	grep -q 'http CheckOut 200' "$W/ledger"
	nobody_sent_away
	judged
}

@test "a phone comes back after it left, and its old commands do not" {
	enrolled_phone
	order DeviceLock
	run device_on fleet --drain --leaves 100
	sessions 1
	rm "$W"/phones/*.plist
	device_on enroll "$(cat "$W/urls")"
	[ "$(sql "SELECT count(*) FROM device")" = 1 ]
	[ "$(sql "SELECT state FROM enrollment ORDER BY created, id" | sort | tr '\n' ' ')" = "enrolled removed " ]
	connects
	never grep -q "got $UUID" "$W/ledger"
	nobody_sent_away
}

@test "a phone that came and went under an older version, which looked at it no more, is looked at once" {
	local gone there
	sessions 2
	device_on fleet --count 2 --enroll "$W/urls" --drain
	run device_on fleet --drain --leaves 100
	gone=$(sql "SELECT device_id FROM enrollment WHERE state = 'removed'")
	there=$(sql "SELECT device_id FROM enrollment WHERE state = 'enrolled'")
	pomona_stop
	sql "UPDATE enrollment SET returns = 3, returned = unixepoch() - 7200"
	sql "DELETE FROM job WHERE kind = 'enrollment_settle'"
	sqlite3 "$DATA/pomona.db" <"$ROOT/core/schema/0039_settle.sql"	# what the newer version does to such a database
	pomona_again
	wait_until settled
	[ "$(sql "SELECT count(*) FROM audit WHERE object = '$there' AND act = 'enrollment.returned' AND detail LIKE '%and 3 times%'")" = 1 ]
	[ "$(sql "SELECT count(*) FROM audit WHERE object = '$gone' AND act = 'enrollment.removed' AND detail LIKE '%back 3 times%'")" = 1 ]
	[ "$(sql "SELECT count(*) FROM job WHERE kind = 'enrollment_settle'")" = 0 ]
}
settled() { [ "$(sql "SELECT count(*) FROM enrollment WHERE returns > 0")" = 0 ]; }
