/*
 * Commands about the device itself.
 */
#include <string.h>
#include "tests/device/world.h"

static plist_t
device(const struct job *job)
{
	return tree_at(job->h->state, "Device", PLIST_DICT);
}

/* What rights a question needs: 32 for the network's, 16 for all the others. */
static bool
of_network(const char *query)
{
	static const char *const names[] = {
		"ICCID", "BluetoothMAC", "WiFiMAC", "EthernetMAC", "CurrentCarrierNetwork", "SubscriberCarrierNetwork", "CarrierSettingsVersion", "PhoneNumber", "DataRoamingEnabled",
		"VoiceRoamingEnabled", "PersonalHotspotEnabled", "IsNetworkTethered", "IsRoaming", "SubscriberMCC",
		"SubscriberMNC", "CurrentMCC", "CurrentMNC", "ServiceSubscriptions",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(query, names[i]) == 0)
			return true;
	return false;
}

/* Only what was asked, and of that what this model knows. */
void
do_device_information(struct job *job)
{
	plist_t queries = tree_must(job->command, "Queries", PLIST_ARRAY, "DeviceInformation");
	plist_t answers = tree_put_new(job->answer, "QueryResponses", PLIST_DICT);
	int64_t rights = tree_int(handset_enrollment(job->h), "AccessRights", 0);

	for (uint32_t i = 0; i < plist_array_get_size(queries); i++) {
		const char *query = plist_get_string_ptr(plist_array_get_item(queries, i), NULL);

		if (!query)
			refuse("a query of DeviceInformation is no text");
		if (rights & (of_network(query) ? 32 : 16))
			tree_copy(answers, query, device(job));
	}
}

void
do_security_info(struct job *job)
{
	tree_put(job->answer, "SecurityInfo", plist_copy(tree_at(job->h->state, "Security", PLIST_DICT)));
}

void
do_lock(struct job *job)
{
	plist_t locked = tree_put_new(job->h->state, "Locked", PLIST_DICT);

	tree_copy(locked, "Message", job->command);
	tree_copy(locked, "PhoneNumber", job->command);
	if (plist_dict_get_size(locked) > 0)
		tree_put_text(job->answer, "MessageResult", "Success");
}

void
do_clear_passcode(struct job *job)
{
	struct bytes token = tree_data(job->command, "UnlockToken");
	struct bytes own = tree_data(handset_enrollment(job->h), "UnlockToken");

	if (!token.p || token.len != own.len || memcmp(token.p, own.p, own.len) != 0) {
		job_fail(job, "MCMDMErrorDomain", 12009, "The unlock token is not valid.");
		return;
	}
	tree_put_bool(tree_at(job->h->state, "Security", PLIST_DICT), "PasscodePresent", false);
}

void
do_erase(struct job *job)
{
	tree_put_bool(job->h->state, "Erased", true);
}

void
do_restart(struct job *job)
{
	tree_put_int(job->h->state, "Restarts", tree_int(job->h->state, "Restarts", 0) + 1);
}

/* ---- lost mode ---- */

void
do_lost_mode_on(struct job *job)
{
	plist_t lost;

	if (!tree_text(job->command, "Message") && !tree_text(job->command, "PhoneNumber"))
		refuse("lost mode needs a message or a phone number");
	lost = tree_put_new(job->h->state, "LostMode", PLIST_DICT);
	tree_copy(lost, "Message", job->command);
	tree_copy(lost, "PhoneNumber", job->command);
	tree_copy(lost, "Footnote", job->command);
	tree_put_bool(device(job), "IsMDMLostModeEnabled", true);
}

static bool
lost(struct job *job)
{
	if (tree_bool(device(job), "IsMDMLostModeEnabled"))
		return true;
	job_fail(job, "MCMDMErrorDomain", 12067, "The device is not in lost mode.");
	return false;
}

void
do_lost_mode_off(struct job *job)
{
	if (!lost(job))
		return;
	tree_drop(job->h->state, "LostMode");
	tree_put_bool(device(job), "IsMDMLostModeEnabled", false);
}

void
do_location(struct job *job)
{
	static const struct { const char *key; double value; } values[] = {
		{ "Latitude", 52.5163 }, { "Longitude", 13.3777 }, { "HorizontalAccuracy", 65 }, { "VerticalAccuracy", 10 },
		{ "Altitude", 34.5 }, { "Speed", -1 }, { "Course", -1 },
	};

	if (!lost(job))
		return;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		tree_put(job->answer, values[i].key, plist_new_real(values[i].value));
	tree_put_text(job->answer, "Timestamp", "2026-11-22T12:00:00Z");
}

void
do_lost_mode_sound(struct job *job)
{
	if (lost(job))
		tree_put_int(job->h->state, "Sounds", tree_int(job->h->state, "Sounds", 0) + 1);
}

/* ---- settings ---- */

static bool
set_app(struct job *job, plist_t item, const char *key)
{
	plist_t app = tree_find(tree_at(job->h->state, "Apps", PLIST_ARRAY), "Identifier",
				tree_must_text(item, "Identifier", "the setting"), NULL);

	if (!app || !tree_text(app, "Status"))
		return false;
	tree_drop(app, key);
	tree_copy(app, key, item);
	return true;
}

static bool
set(struct job *job, plist_t item, const char *name)
{
	bool enabled = tree_bool(item, "Enabled");

	if (strcmp(name, "DataRoaming") == 0)
		tree_put_bool(device(job), "DataRoamingEnabled", enabled);
	else if (strcmp(name, "VoiceRoaming") == 0)
		tree_put_bool(device(job), "VoiceRoamingEnabled", enabled);
	else if (strcmp(name, "PersonalHotspot") == 0)
		tree_put_bool(device(job), "PersonalHotspotEnabled", enabled);
	else if (strcmp(name, "DeviceName") == 0 && !tree_bool(device(job), "IsSupervised"))
		return false;
	else if (strcmp(name, "DeviceName") == 0)
		tree_put_text(device(job), "DeviceName", tree_must_text(item, "DeviceName", "the setting"));
	else if (strcmp(name, "OrganizationInfo") == 0)
		tree_copy(device(job), "OrganizationInfo", item);
	else if (strcmp(name, "MDMOptions") == 0)
		tree_copy(device(job), "MDMOptions", item);
	else if (strcmp(name, "TimeZone") == 0)
		tree_put_text(device(job), "TimeZone", tree_must_text(item, "TimeZone", "the setting"));
	else if (strcmp(name, "ApplicationConfiguration") == 0)
		return set_app(job, item, "Configuration");
	else if (strcmp(name, "ApplicationAttributes") == 0)
		return set_app(job, item, "Attributes");
	else
		return strcmp(name, "Bluetooth") == 0 || strcmp(name, "Wallpaper") == 0;
	return true;
}

static plist_t
result_of(plist_t item, bool done)
{
	plist_t result = plist_new_dict();

	tree_put_text(result, "Status", done ? "Acknowledged" : "Error");
	tree_copy(result, "Identifier", item);
	if (!done) {
		plist_t one = plist_new_dict();

		tree_put_int(one, "ErrorCode", 12017);
		tree_put_text(one, "ErrorDomain", "MCMDMErrorDomain");
		tree_put_text(one, "LocalizedDescription", "The setting is not known here.");
		plist_array_append_item(tree_put_new(result, "ErrorChain", PLIST_ARRAY), one);
	}
	return result;
}

/* Apple's schema has room for one result: it is that of the first that failed. */
void
do_settings(struct job *job)
{
	plist_t settings = tree_must(job->command, "Settings", PLIST_ARRAY, "Settings"), failed = NULL, item = NULL;

	for (uint32_t i = 0; i < plist_array_get_size(settings); i++) {
		item = plist_array_get_item(settings, i);
		if (!set(job, item, tree_must_text(item, "Item", "a setting")) && !failed)
			failed = item;
	}
	if (item)
		tree_put(job->answer, "Settings", result_of(failed ? failed : item, !failed));
}
