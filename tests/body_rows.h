#pragma once
/*
 * body_rows - a body for every route that reads one, which it takes: what test_bodies turns into something else.
 *
 * For test_bodies.c alone.  $name is a thing of its house, in paths and bodies.  A route that is new and reads a body
 * needs its row here: test_bodies fails until it has one.
 */
#include "tests/check_asker.h"

static const struct body_row body_rows[] = {
	/* what apps are */
	{ "PUT /api/v1/apps/$app/channels/main/audience", AS_JSON,
	  "{\"any\": [{\"group\": \"qa\"}, {\"all\": [{\"person\": \"olga\"}, {\"not\": {\"person\": \"ines\"}}]}]}" },
	{ "PUT /api/v1/apps/$app/channels/main/required", AS_JSON, "{\"required\": true}" },
	{ "PUT /api/v1/apps/$app/settings", AS_JSON,
	  "{\"subtitle\": \"Short\", \"description\": \"Long\", \"categories\": [\"Tools\"], \"link_sign_in\": true}" },
	{ "PUT /api/v1/apps/$app/links", AS_JSON, "{\"sign_in\": true}" },
	{ "PUT /api/v1/apps/$app/rollout", AS_JSON,
	  "{\"keep_current\": true, \"pace\": \"step\", \"percent\": 20, \"paused\": false, \"hours\": \"08:00-17:00\", \"zone\": \"server\","
	  " \"back\": false, \"remove_on_leave\": true, \"with_management\": true, \"no_backup\": false}", .nulls = "hours" },
	{ "POST /api/v1/apps/$app/rollout/step", AS_JSON, "{\"build_id\": \"$build\"}", NULL, MAY_FAIL },
	{ "POST /api/v1/apps/$app/rollout/stop", AS_JSON, "{\"build_id\": \"$build\"}", NULL, MAY_FAIL },
	{ "POST /api/v1/apps/$app/configurations", AS_JSON,
	  "{\"name\": \"Berlin\", \"audience\": {\"group\": \"qa\"}, \"configuration\": {\"server\": \"a\", \"n\": 5, \"list\": [1, \"x\"],"
	  " \"deep\": {\"a\": 1.5}}, \"place\": 1}", "configuration audience" },
	{ "PUT /api/v1/apps/$app/configurations/$configuration", AS_JSON,
	  "{\"name\": \"Other\", \"configuration\": {\"server\": \"b\"}, \"place\": 2}", "configuration" },
	{ "POST /api/v1/builds/$build/promote", AS_JSON, "{\"channel\": \"beta\", \"notify\": false}" },
	{ "PUT /api/v1/builds/$build/changelog", AS_JSON, "{\"changelog\": \"news\"}" },
	{ "POST /api/v1/builds/$build/grants", AS_JSON, "{\"ttl\": 3600}" },
	{ "POST /api/v1/categories", AS_JSON, "{\"name\": \"Travel\"}" },
	{ "PUT /api/v1/categories/$category", AS_JSON, "{\"name\": \"Tools and more\", \"place\": 2}" },
	{ "PUT /api/v1/featured", AS_JSON, "{\"apps\": [\"$app\"]}" },
	{ "POST /api/v1/items", AS_JSON, "{\"kind\": \"web\", \"name\": \"Wiki\", \"url\": \"https://wiki.example.com/\", \"subtitle\": \"All\","
	  " \"audience\": {\"group\": \"qa\"}, \"categories\": [\"Tools\"]}", "audience" },
	{ "PUT /api/v1/items/$item", AS_JSON, "{\"kind\": \"web\", \"name\": \"Wiki\", \"url\": \"https://wiki.example.com/\"}" },

	/* testers */
	{ "POST /api/v1/contacts", AS_JSON, "{\"name\": \"Zoe\", \"email\": \"zoe@example.com\", \"phone\": \"+49 30 901820\", \"language\": \"de\","
	  " \"quiet\": false}" },
	{ "PUT /api/v1/contacts/$contact", AS_JSON, "{\"name\": \"Zoe\", \"email\": \"zoe@example.com\", \"phone\": \"\", \"language\": \"fr\", \"quiet\": true}" },
	{ "POST /api/v1/contacts/import?keep=yes", AS_BYTES, "$csv" },
	{ "POST /api/v1/contact-groups", AS_JSON, "{\"name\": \"Beta\"}" },
	{ "POST /api/v1/links", AS_JSON, "{\"build\": \"$build\", \"email\": \"new@example.com\", \"expires\": \"2026-12-01T00:00:00Z\","
	  " \"max_installs\": 3, \"pin\": \"123456\", \"sign_in\": false, \"send\": \"mail\"}", "expires pin send", .nulls = "email max_installs sign_in" },
	{ "POST /api/v1/links", AS_JSON, "{\"bundle_id\": \"$app\", \"channel\": \"main\", \"contact\": \"$contact\", \"expires\": 86400,"
	  " \"pin\": true, \"send\": [\"mail\"]}", "expires pin send", .nulls = "contact channel bundle_id" },
	{ "POST /api/v1/links/$link/send", AS_JSON, "{\"send\": [\"mail\"]}", "send" },
	{ "PUT /api/v1/test-devices/$tester", AS_JSON, "{\"label\": \"Zoe's\"}" },

	/* people */
	{ "POST /api/v1/people", AS_JSON, "{\"name\": \"noah\", \"role\": \"publisher\"}", NULL, SLOW },
	{ "PATCH /api/v1/people/$person", AS_JSON, "{\"role\": \"publisher\", \"email\": \"paul@example.com\", \"disabled\": false, \"all_apps\": false, \"apps\": [\"$app\"]}" },
	{ "PATCH /api/v1/people/$person/attributes", AS_JSON, "{\"department\": \"Sales\", \"title\": \"Head\"}", .nulls = "department title" },
	{ "POST /api/v1/directory/test", AS_JSON, "{\"name\": \"olga\", \"password\": \"x\"}", NULL, MAY_FAIL },
	{ "POST /api/v1/groups", AS_JSON, "{\"name\": \"Sales\"}" },
	{ "PUT /api/v1/groups/$group", AS_JSON, "{\"name\": \"Quality\"}" },
	{ "POST /api/v1/tokens", AS_JSON, "{\"scope\": \"read\", \"bundle_id\": \"$app\", \"label\": \"ci\", \"days\": 30}" },

	/* devices */
	{ "POST /api/v1/enroll/sessions", AS_JSON, "{\"person\": \"olga\"}", "person" },
	{ "POST /api/v1/invitations", AS_JSON, "{\"persons\": [\"olga\"], \"groups\": [\"qa\"], \"by\": \"link\", \"note\": \"Hello\", \"language\": \"de\","
	  " \"days\": 5, \"another\": true, \"remind\": false}", "persons groups" },
	{ "POST /api/v1/invitations", AS_JSON, "{\"person\": \"olga\", \"by\": \"mail\", \"to\": \"olga@example.com\", \"another\": true}", "person" },
	{ "POST /api/v1/devices/$device/retire", AS_JSON, "{\"reason\": \"sold\"}" },
	{ "PUT /api/v1/devices/$device/person", AS_JSON, "{\"person\": \"olga\"}", "person" },
	{ "POST /api/v1/devices/$device/apps", AS_JSON, "{\"bundle_id\": \"$app\"}" },
	{ "POST /api/v1/devices/$device/commands", AS_JSON, "{\"verb\": \"lock\", \"params\": {\"message\": \"Call IT\", \"phone\": \"+49 30 901820\"},"
	  " \"reason\": \"left in a taxi\", \"dedupe_key\": \"k\", \"priority\": 5, \"not_before\": \"2026-11-23T06:00:00Z\"}", "params not_before", .nulls = "reason dedupe_key priority" },
	{ "POST /api/v1/devices/$device/commands", AS_JSON, "{\"request_type\": \"Settings\", \"params\": {\"Settings\": [{\"Item\":"
	  " \"ApplicationConfiguration\", \"Identifier\": \"$app\", \"Configuration\": {\"server\": \"a\"}}]}, \"not_before\": 1795400000}", "params not_before" },
	{ "POST /api/v1/devices/$device/commands", AS_JSON, "{\"verb\": \"install-app\", \"params\": {\"manifest_url\": \"https://apps.example.com/m\","
	  " \"flags\": 1, \"configuration\": {\"a\": [1]}, \"change_management\": \"Managed\"}}", "params" },
	{ "POST /api/v1/devices/$device/commands", AS_JSON, "{\"request_type\": \"ScheduleOSUpdate\", \"params\": {\"Updates\": [{\"ProductKey\": \"k\","
	  " \"InstallAction\": \"Default\", \"MaxUserDeferrals\": 3}]}}", "params", MAY_FAIL },
	{ "POST /api/v1/commands", AS_JSON, "{\"verb\": \"erase\", \"params\": {\"preserve_data_plan\": true}, \"reason\": \"lost\","
	  " \"devices\": [\"$device\", \"$phone\"]}", "params devices" },
	{ "POST /api/v1/came-back/take", AS_JSON, "{\"as_recorded\": true}" },
	{ "POST /api/v1/came-back/$came/take", AS_JSON, "{\"person\": \"olga\", \"as_recorded\": false, \"replaces\": \"e\"}", "person" },
	{ "PUT /api/v1/mobileconfigs/wifi?note=x", AS_JSON, "{\"name\": \"Office Wi-Fi\", \"description\": \"x\", \"organization\": \"Example\","
	  " \"consent\": {\"default\": \"Yes\", \"de\": \"Ja\"}, \"removable\": false, \"expires\": \"2027-01-01T00:00:00Z\", \"payloads\": [{\"id\": \"wifi\","
	  " \"type\": \"com.apple.wifi.managed\", \"name\": \"Wi-Fi\", \"keys\": {\"SSID_STR\": \"office\", \"EncryptionType\": \"WPA2\","
	  " \"Password\": \"secret\", \"AutoJoin\": true}}]}", "payloads" },
	{ "PUT /api/v1/mobileconfigs/new", AS_JSON, "{\"name\": \"Mail\", \"removal_password\": \"secret\", \"remove_after_s\": 86400, \"payloads\": [{\"id\":"
	  " \"restrictions\", \"type\": \"com.apple.applicationaccess\", \"keys\": {\"allowCamera\": false, \"ratingApps\": 600,"
	  " \"autonomousSingleAppModePermittedAppIDs\": [\"com.example.a\"]}}]}", "payloads" },
	{ "POST /api/v1/mobileconfigs/wifi/retry", AS_JSON, "{\"device\": \"$device\"}", .nulls = "device" },
	{ "PUT /api/v1/assignments/sales", AS_JSON, "{\"mobileconfig\": \"wifi\", \"audience\": {\"group\": \"qa\"}, \"devices\": {\"product\":"
	  " [\"iPhone*\", \"iPad*\"], \"os\": {\"from\": \"16\"}, \"supervised\": true, \"not\": {\"serial\": \"F2L*\"}}}", "audience devices" },
	{ "POST /api/v1/own/$own/revoke", AS_JSON, "{\"reason\": \"superseded\"}", .nulls = "reason" },
	{ "POST /api/v1/certificates/$certificate/revoke", AS_JSON, "{\"reason\": \"superseded\"}", .nulls = "reason" },
	{ "POST /api/v1/challenges", AS_JSON, "{\"subject\": \"CN=printer\", \"ttl\": 600, \"device\": \"$device\", \"purpose\": \"client\"}", .nulls = "ttl device purpose" },
	{ "POST /api/v1/scep-requests/$scep/approve", AS_JSON, "{\"subject\": \"CN=printer\"}", .nulls = "subject" },

	/* running it */
	{ "POST /api/v1/messages/test", AS_JSON, "{\"kind\": \"mail\", \"to\": \"a@example.com\"}", NULL, SLOW },
	{ "POST /api/v1/push/test", AS_JSON, "{\"device\": \"$device\"}", NULL, SLOW | MAY_FAIL },

	/* ---- forms ---- */

	{ "POST /admin/apps/$app/settings", AS_FORM, "subtitle=Short&description=Long&category=Tools&link_sign_in=yes" },
	{ "POST /admin/apps/$app/channels/main", AS_FORM, "who=some&rule=any-group&name=qa&rule=none-person&name=ines&required=yes" },
	{ "POST /admin/apps/$app/channels/main", AS_FORM, "as=json&json=%7B%22any%22%3A%5B%7B%22group%22%3A%22qa%22%7D%5D%7D" },
	{ "POST /admin/apps/$app/rollout", AS_FORM, "keep_current=yes&percent=50&hours=08%3A00-17%3A00&pace=step&zone=server&paused=yes" },
	{ "POST /admin/apps/$app/wave", AS_FORM, "build_id=$build&act=step", NULL, MAY_FAIL },
	{ "POST /admin/apps/$app/configurations", AS_FORM, "act=add&name=Bremen&who=everyone&configuration=%7B%22a%22%3A1%7D" },
	{ "POST /admin/apps/$app/configurations", AS_FORM, "act=change&id=$configuration&name=Bremen&configuration=%7B%22a%22%3A1%7D" },
	{ "POST /admin/ca/certificates/$certificate/revoke", AS_FORM, "reason=superseded" },
	{ "POST /admin/builds/$build/promote", AS_FORM, "channel=beta&notify=yes&changelog=x" },
	{ "POST /admin/builds/$build/delete", AS_FORM, "word=1.0", NULL, MAY_FAIL },
	{ "POST /admin/builds/$build/send", AS_FORM, "to=build&way=mail&contact=$contact&group=$testers&typed=a%40example.com&days=5&installs=2&pin=yes"
	  "&sign_in=yes" },
	{ "POST /admin/builds/$build/send", AS_FORM, "to=channel%3Amain&way=any&contact=$contact", NULL, MAY_FAIL },
	{ "POST /admin/links/$link/send", AS_FORM, "way=mail" },
	{ "POST /admin/testers", AS_FORM, "name=Zoe&email=zoe%40example.com&phone=%2B4930901820&language=de" },
	{ "POST /admin/testers/$contact", AS_FORM, "name=Zoe&email=zoe%40example.com&phone=&language=fr&group=$testers&quiet=yes" },
	{ "POST /admin/testers/import", AS_FORM, "csv=name%2Cemail%0D%0AYan%2Cyan%40example.com&group=$testers&keep=yes" },
	{ "POST /admin/tester-groups", AS_FORM, "name=Beta" },
	{ "POST /admin/test-devices/$tester/name", AS_FORM, "label=Zoe" },
	{ "POST /i/$token", AS_FORM, "pin=123456", NULL, MAY_FAIL | WRITES },
	{ "POST /i/$token/tapped", AS_FORM, "at=1", NULL, MAY_FAIL | WRITES },
	{ "POST /i/$token/unsubscribe", AS_FORM, "again=yes", NULL, MAY_FAIL },
	{ "POST /hooks/sms/nobody", AS_FORM, "MessageStatus=undelivered&ErrorCode=30003", NULL, MAY_FAIL },
	{ "POST /login", AS_FORM, "name=anna&password=a+good+password&csrf=x&next=%2Fadmin", NULL, MAY_FAIL | WRITES | SLOW },
	{ "POST /logout", AS_FORM, "next=%2Fadmin" },
	{ "POST /account/password", AS_FORM, "old=a+good+password&new=another+good+one&again=another+good+one", NULL, SLOW | WRITES | MAY_FAIL },
	{ "POST /account/tokens", AS_FORM, "label=ci&scope=read&app=$app&days=30" },
	{ "POST /account/endings", AS_FORM, "mails=yes&email=a%40example.com&language=de" },
	{ "POST /admin/people", AS_FORM, "name=noah&role=publisher", NULL, SLOW },
	{ "POST /admin/people/$person/role", AS_FORM, "role=publisher" },
	{ "POST /admin/people/$person/email", AS_FORM, "email=paul%40example.com" },
	{ "POST /admin/people/$person/apps", AS_FORM, "which=some&apps=$app" },
	{ "POST /admin/people/$person/attributes", AS_FORM, "attributes=department%3DSales%0D%0Atitle%3DHead" },
	{ "POST /admin/directory", AS_FORM, "name=olga&password=x", NULL, MAY_FAIL },
	{ "POST /admin/groups", AS_FORM, "name=Sales" },
	{ "POST /admin/groups/$group", AS_FORM, "name=Quality" },
	{ "POST /admin/groups/$group/people", AS_FORM, "name=olga" },
	{ "POST /admin/catalog-items", AS_FORM, "kind=web&title=x&url=https%3A%2F%2Fa.example.com&subtitle=s&category=Tools&who=everyone", NULL, MAY_FAIL },
	{ "POST /admin/catalog-items/$item", AS_FORM, "kind=web&title=x&url=https%3A%2F%2Fa.example.com&subtitle=s&category=Tools&who=same" },
	{ "POST /admin/featured", AS_FORM, "app=$app&app=" },
	{ "POST /admin/categories", AS_FORM, "name=Travel" },
	{ "POST /admin/categories/$category", AS_FORM, "name=More&place=2" },
	{ "POST /enroll", AS_FORM, "way=phases", NULL, MAY_FAIL },
	{ "POST /admin/invitations/new", AS_FORM, "person=olga&group=qa&way=link&language=de&note=Hello&days=5&another=yes&remind=yes" },
	{ "POST /admin/devices", AS_FORM, "verb=lock&device=$device&device=$phone" },
	{ "POST /admin/devices/$device/do", AS_FORM, "verb=lock&message=Call&phone=1&reason=x" },
	{ "POST /admin/devices/$device/do", AS_FORM, "verb=configure-app&bundle_id=$app&configuration=%7B%22a%22%3A1%7D" },
	{ "POST /admin/devices/$device/do", AS_FORM, "verb=erase&preserve_data_plan=yes&reason=lost&confirm=$device", NULL, MAY_FAIL },
	{ "POST /admin/devices/$device/do", AS_FORM, "verb=settings&settings=%5B%7B%22Item%22%3A%22DataRoaming%22%2C%22Enabled%22%3Afalse%7D%5D" },
	{ "POST /admin/devices/$device/command", AS_FORM, "command=%7B%22request_type%22%3A%22DeviceInformation%22%2C%22params%22%3A%7B%22Queries%22%3A%5B"
	  "%22UDID%22%5D%7D%7D", NULL, MAY_FAIL },
	{ "POST /admin/devices/$device/retire", AS_FORM, "reason=sold&confirm=x", NULL, MAY_FAIL },
	{ "POST /admin/devices/$device/person", AS_FORM, "person=olga" },
	{ "POST /admin/devices/$device/apps", AS_FORM, "bundle_id=$app&act=install" },
	{ "POST /apps/$app/devices/$device", AS_FORM, "x=1", NULL, MAY_FAIL },
	{ "POST /admin/devices/came-back/take", AS_FORM, "as_recorded=yes" },
	{ "POST /admin/devices/came-back/$came/take", AS_FORM, "person=olga&replaces=e" },
	{ "POST /admin/settings/clip", AS_FORM, "label=Apps&on=yes&full_screen=yes&removable=no" },
	{ "POST /admin/mobileconfigs", AS_FORM, "name=vpn&title=VPN&purpose=device&person=" },
	{ "POST /admin/mobileconfigs/wifi", AS_FORM, "version=1&title=Wi-Fi&description=x&organization=y&consent=Yes&remove_on=&expires=2027-01-01&remove_days=5"
	  "&password=secret&fixed=yes", NULL, MAY_FAIL },
	{ "POST /admin/mobileconfigs/wifi", AS_FORM, "version=1&as=json&json=%7B%22name%22%3A%22a%22%2C%22payloads%22%3A%5B%5D%7D" },
	{ "POST /admin/mobileconfigs/wifi/payloads", AS_FORM, "version=1&type=com.apple.wifi.managed&payload.id=b&payload.name=c", NULL, MAY_FAIL },
	{ "POST /admin/mobileconfigs/wifi/payloads/wifi", AS_FORM, "version=1&payload.id=wifi&payload.name=c", NULL, MAY_FAIL },
	{ "POST /admin/mobileconfigs/wifi/payloads/wifi/remove", AS_FORM, "version=1" },
	{ "POST /admin/mobileconfigs/wifi/assignments", AS_FORM, "who=some&rule=any-group&name=qa&which=some&fact=product&pattern=iPhone%2A&fact=not-serial"
	  "&pattern=F2L%2A&os_from=16&os_below=19&supervised=yes&kind=device" },
	{ "POST /admin/mobileconfigs/wifi/assignments/sales", AS_FORM, "who=everyone&as=devices&devices=%7B%22product%22%3A%22iPad%2A%22%7D" },
	{ "POST /admin/mobileconfigs/wifi/back", AS_FORM, "to=1" },
	{ "POST /admin/mobileconfigs/wifi/retry", AS_FORM, "device=$device" },
	{ "POST /admin/mobileconfigs/wifi/remove", AS_FORM, "confirm=wifi" },
	{ "POST /eas", AS_FORM, "act=revoke&id=$own", NULL, MAY_FAIL },
	{ "POST /eas", AS_FORM, "mobileconfig=eas&device=$device", NULL, MAY_FAIL },
	{ "POST /admin/own/$own/revoke", AS_FORM, "reason=superseded" },
	{ "POST /admin/settings", AS_FORM, "company_name=Example&accent=%230a58ca&remove_logo=yes" },
	{ "POST /admin/settings", AS_FORM, "company_name=Example&accent=%230a58ca&preview=yes" },
	{ "POST /admin/sending/mail", AS_FORM, "to=a%40example.com", NULL, SLOW },
	{ "POST /admin/sending/sms", AS_FORM, "to=%2B4930901820", NULL, SLOW | MAY_FAIL },
	{ "POST /admin/push/test", AS_FORM, "device=$device", NULL, SLOW | MAY_FAIL },
	{ "POST /admin/scep-requests/$scep/approve", AS_FORM, "subject=CN%3Dprinter" },

	/* ---- what a device says ---- */

	{ "PUT /mdm/checkin", AS_PLIST, "{\"MessageType\": \"Authenticate\", \"Topic\": \"$topic\", \"UDID\": \"$udid\", \"OSVersion\": \"18.1\","
	  " \"BuildVersion\": \"22B83\", \"ProductName\": \"iPhone15,4\", \"SerialNumber\": \"F2LX1234\", \"DeviceName\": \"Zoe's\", \"IMEI\": \"35 000\"}" },
	{ "PUT /mdm/checkin", AS_PLIST, "{\"MessageType\": \"TokenUpdate\", \"Topic\": \"$topic\", \"UDID\": \"$udid\", \"PushMagic\": \"m\","
	  " \"Token\": {\"$data\": \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}, \"UnlockToken\": {\"$data\": \"AAEC\"},"
	  " \"AwaitingConfiguration\": false, \"NotOnConsole\": false}" },
	{ "PUT /mdm/checkin", AS_PLIST, "{\"MessageType\": \"CheckOut\", \"Topic\": \"$topic\", \"UDID\": \"$udid\"}" },
	{ "PUT /mdm/checkin", AS_PLIST, "{\"MessageType\": \"SetBootstrapToken\", \"UDID\": \"$udid\", \"BootstrapToken\": {\"$data\": \"AAEC\"}}", NULL, MAY_FAIL },
	{ "PUT /mdm/checkin", AS_PLIST, "{\"MessageType\": \"DeclarativeManagement\", \"UDID\": \"$udid\", \"Endpoint\": \"tokens\", \"Data\": {\"$data\": \"e30=\"}}",
	  NULL, MAY_FAIL },
	{ "PUT /mdm/command", AS_PLIST, "{\"Status\": \"Idle\", \"UDID\": \"$udid\"}" },
	{ "PUT /mdm/command", AS_PLIST, "{\"Status\": \"Error\", \"UDID\": \"$udid\", \"CommandUUID\": \"$profile_list\", \"ErrorChain\": [{\"ErrorCode\": 12021,"
	  " \"ErrorDomain\": \"MCMDMErrorDomain\", \"LocalizedDescription\": \"no\", \"USEnglishDescription\": \"no\"}]}" },
	{ "PUT /mdm/command", AS_PLIST, "{\"Status\": \"Acknowledged\", \"UDID\": \"$udid\", \"CommandUUID\": \"$device_information\", \"QueryResponses\":"
	  " {\"DeviceName\": \"Zoe's\", \"OSVersion\": \"18.1\", \"BuildVersion\": \"22B83\", \"SerialNumber\": \"F2LX1234\", \"ProductName\": \"iPhone15,4\","
	  " \"DeviceCapacity\": 119.5, \"AvailableDeviceCapacity\": 80.25, \"BatteryLevel\": 0.5, \"IsSupervised\": true, \"WiFiMAC\": \"00:11:22:33:44:55\","
	  " \"LastCloudBackupDate\": {\"$date\": \"2026-11-01T00:00:00Z\"}, \"ServiceSubscriptions\": [{\"Slot\": \"CTSubscriptionSlotOne\","
	  " \"IMEI\": \"35 000\", \"IsDataPreferred\": true, \"PhoneNumber\": \"+49\"}]}}" },
	{ "PUT /mdm/command", AS_PLIST, "{\"Status\": \"Acknowledged\", \"UDID\": \"$udid\", \"CommandUUID\": \"$security_info\", \"SecurityInfo\":"
	  " {\"HardwareEncryptionCaps\": 3, \"PasscodePresent\": true, \"PasscodeCompliant\": true, \"PasscodeLockGracePeriod\": 0,"
	  " \"ManagementStatus\": {\"IsUserEnrollment\": false}}}" },
	{ "PUT /mdm/command", AS_PLIST, "{\"Status\": \"Acknowledged\", \"UDID\": \"$udid\", \"CommandUUID\": \"$profile_list\", \"ProfileList\":"
	  " [{\"PayloadIdentifier\": \"com.example.a\", \"PayloadUUID\": \"A\", \"PayloadDisplayName\": \"A\", \"PayloadVersion\": 1, \"IsManaged\": true,"
	  " \"PayloadContent\": [{\"PayloadType\": \"com.apple.wifi.managed\", \"PayloadIdentifier\": \"b\"}]}]}" },
	{ "PUT /mdm/command", AS_PLIST, "{\"Status\": \"Acknowledged\", \"UDID\": \"$udid\", \"CommandUUID\": \"$installed_application_list\","
	  " \"InstalledApplicationList\": [{\"Identifier\": \"$app\", \"Version\": \"1\", \"ShortVersion\": \"1.0\", \"Name\": \"Plain\", \"BundleSize\": 1000,"
	  " \"DynamicSize\": 10, \"IsValidated\": true}]}" },
	{ "PUT /mdm/command", AS_PLIST, "{\"Status\": \"Acknowledged\", \"UDID\": \"$udid\", \"CommandUUID\": \"$certificate_list\", \"CertificateList\":"
	  " [{\"CommonName\": \"a\", \"Data\": {\"$data\": \"MAA=\"}, \"IsIdentity\": true}]}" },
	{ "PUT /mdm/command", AS_PLIST, "{\"Status\": \"Acknowledged\", \"UDID\": \"$udid\", \"CommandUUID\": \"$provisioning_profile_list\","
	  " \"ProvisioningProfileList\": [{\"Name\": \"a\", \"UUID\": \"b\", \"ExpiryDate\": {\"$date\": \"2027-01-01T00:00:00Z\"}}]}" },
	{ "PUT /mdm/command", AS_PLIST, "{\"Status\": \"Acknowledged\", \"UDID\": \"$udid\", \"CommandUUID\": \"$managed_application_list\","
	  " \"ManagedApplicationList\": {\"$app\": {\"Status\": \"Managed\", \"ManagementFlags\": 1, \"HasConfiguration\": true}}}" },

	/* ---- bytes ---- */

	{ "POST /api/v1/devices/$device/commands?reason=x", AS_BYTES, "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>RequestType</key>"
	  "<string>RemoveProfile</string><key>Identifier</key><string>com.example.a</string></dict></plist>" },
	{ "PUT /api/v1/mobileconfigs/file", AS_BYTES, "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadType</key><string>Configuration</string>"
	  "<key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key><string>com.example.file</string><key>PayloadUUID</key>"
	  "<string>3C2E1A60-1111-4222-8333-444455556666</string><key>PayloadDisplayName</key><string>File</string><key>PayloadContent</key><array><dict>"
	  "<key>PayloadType</key><string>com.apple.wifi.managed</string><key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key>"
	  "<string>com.example.file.wifi</string><key>PayloadUUID</key><string>3C2E1A60-1111-4222-8333-444455556667</string><key>SSID_STR</key>"
	  "<string>office</string><key>EncryptionType</key><string>None</string></dict></array></dict></plist>" },
	{ "PUT /api/v1/provisions", AS_BYTES, "@provisions/adhoc.mobileprovision", NULL, MAY_FAIL },
	{ "PUT /api/v1/provisions", AS_BYTES, "@provisions/adhoc-binary.mobileprovision", NULL, MAY_FAIL },
	{ "POST /admin/provisions", AS_FILE, "@provisions/adhoc.mobileprovision", NULL, MAY_FAIL },
	{ "PUT /api/v1/items/$item/icon", AS_BYTES, "\x89PNG\r\n\x1a\n    IHDR", NULL, MAY_FAIL },
	{ "PUT /api/v1/push/certificate", AS_BYTES, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", NULL, MAY_FAIL },
	{ "POST /admin/push/import", AS_FILE, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", NULL, MAY_FAIL },
	{ "POST /api/v1/messages/bounces", AS_BYTES, "From: a@example.com\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n"
	  "Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; zed@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--x--\r\n", NULL, MAY_FAIL },
	{ "POST /scep?operation=PKIOperation", AS_BYTES, "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30", NULL, MAY_FAIL },
	{ "POST /ocsp", AS_BYTES, "0\x1e\x30\x1c\x30\x1a\x30\x18\x30\x16\x30", NULL, MAY_FAIL },
	{ "POST /enroll/$session", AS_BYTES, "<plist/>", NULL, MAY_FAIL | WRITES },
	{ "PUT /api/v1/upload", AS_BYTES, "PK\x05\x06                  ", NULL, MAY_FAIL | SLOW },
	{ "POST /api/v1/upload", AS_FILE, "PK\x05\x06                  ", NULL, MAY_FAIL | SLOW },
	{ "POST /admin/upload", AS_FILE, "PK\x05\x06                  ", NULL, MAY_FAIL | SLOW },
};
#define BODY_ROWS (sizeof body_rows / sizeof *body_rows)
