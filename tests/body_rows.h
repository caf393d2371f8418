#pragma once
/*
 * body_rows - a body for every route that reads one, which it takes: what test_bodies turns into something else.
 *
 * For test_bodies.c alone.  $name is a thing of its house, in paths and bodies.  A route that is new and reads a body
 * needs its row here: test_bodies fails until it has one.
 */
#include <stddef.h>

enum body_kind {
	AS_JSON,
	AS_FORM,
	AS_PLIST,	/* of a device: signed by its identity */
	AS_BYTES,	/* as they are: $name is the file of that name */
	AS_FILE,	/* the same in a multipart form, as its file */
};

#define MAY_FAIL	1	/* the good one is refused as well: what it is about is not in this house */
#define SLOW		2	/* each costs much: a few are enough */
#define WRITES		4	/* a refusal is written down: tries, who was refused */

static const struct body_row {
	const char *request;
	enum body_kind kind;
	const char *good;
	/* Keys that take a value of any type, or several ("send" is true or a text); blanks between; "*" all. */
	const char *any;
	int flags;
	const char *nulls;	/* keys for which null is none, as if they were left out */
} body_rows[] = {
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
	{ "PATCH /api/v1/people/$person", AS_JSON, "{\"role\": \"publisher\", \"disabled\": false, \"all_apps\": false, \"apps\": [\"$app\"]}" },
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
	{ "POST /api/v1/came-back/$came/take", AS_JSON, "{\"person\": \"olga\", \"as_recorded\": false}", "person" },
	{ "PUT /api/v1/mobileconfigs/wifi?note=x", AS_JSON, "{\"name\": \"Office Wi-Fi\", \"description\": \"x\", \"organization\": \"Example\","
	  " \"consent\": {\"default\": \"Yes\", \"de\": \"Ja\"}, \"removable\": false, \"expires\": \"2027-01-01T00:00:00Z\", \"payloads\": [{\"id\": \"wifi\","
	  " \"type\": \"com.apple.wifi.managed\", \"name\": \"Wi-Fi\", \"keys\": {\"SSID_STR\": \"office\", \"EncryptionType\": \"WPA2\","
	  " \"Password\": \"secret\", \"AutoJoin\": true}}]}", "payloads" },
	{ "PUT /api/v1/mobileconfigs/new", AS_JSON, "{\"name\": \"Mail\", \"removal_password\": \"secret\", \"remove_after_s\": 86400, \"payloads\": [{\"id\":"
	  " \"restrictions\", \"type\": \"com.apple.applicationaccess\", \"keys\": {\"allowCamera\": false, \"ratingApps\": 600,"
	  " \"autonomousSingleAppModePermittedAppIDs\": [\"com.example.a\"]}}]}", "payloads" },
	{ "POST /api/v1/mobileconfigs/wifi/retry", AS_JSON, "{\"device\": \"$device\"}" },
	{ "PUT /api/v1/assignments/sales", AS_JSON, "{\"mobileconfig\": \"wifi\", \"audience\": {\"group\": \"qa\"}, \"devices\": {\"product\":"
	  " [\"iPhone*\", \"iPad*\"], \"os\": {\"from\": \"16\"}, \"supervised\": true, \"not\": {\"serial\": \"F2L*\"}}}", "audience devices" },
	{ "POST /api/v1/own/$own/revoke", AS_JSON, "{\"reason\": \"superseded\"}" },
	{ "POST /api/v1/certificates/$certificate/revoke", AS_JSON, "{\"reason\": \"superseded\"}" },
	{ "POST /api/v1/challenges", AS_JSON, "{\"subject\": \"CN=printer\", \"ttl\": 600, \"device\": \"$device\", \"purpose\": \"client\"}", .nulls = "ttl device purpose" },
	{ "POST /api/v1/scep-requests/$scep/approve", AS_JSON, "{\"subject\": \"CN=printer\"}" },

	/* running it */
	{ "POST /api/v1/messages/test", AS_JSON, "{\"kind\": \"mail\", \"to\": \"a@example.com\"}", NULL, SLOW },
	{ "POST /api/v1/push/test", AS_JSON, "{\"device\": \"$device\"}", NULL, SLOW | MAY_FAIL },
};
#define BODY_ROWS (sizeof body_rows / sizeof *body_rows)
