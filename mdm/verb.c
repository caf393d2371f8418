#include "mdm/verb.h"
#include "mdm/fact.h"
#include "mdm/queue.h"
#include <assert.h>
#include <string.h>

/* ---- those that are more than their fields ---- */

/* An app's configuration is a setting with the app's right; no configuration takes it away. */
static bool
make_configuration(const json_t *fields, json_t **params, struct err *err)
{
	const char *bundle_id = json_string_value(json_object_get(fields, "bundle_id"));
	json_t *configuration = json_object_get(fields, "configuration");
	json_t *item;

	if (!bundle_id)
		return err_code(err, ERR_INVALID, "bad_command", "bundle_id is missing");
	item = json_pack("{s:s, s:s}", "Item", "ApplicationConfiguration", "Identifier", bundle_id);
	if (configuration && !json_is_null(configuration))
		json_object_set(item, "Configuration", configuration);
	*params = json_pack("{s:[o]}", "Settings", item);
	return true;
}

/* ---- the table ---- */

#define URGENT	QUEUE_PRIORITY_URGENT
#define PERSON	QUEUE_PRIORITY_PERSON

const struct verb verbs[] = {
	{ "refresh", NULL, "", NULL, NULL, PERSON, false, false, "device.command", NULL },
	{ "lock", "DeviceLock", "message=Message phone=PhoneNumber", NULL, NULL, URGENT, false, false, "device.lock", NULL },
	{ "clear-passcode", "ClearPasscode", "", "clear-passcode", VERB_KIND_CLEAR_PASSCODE, URGENT, true, false,
	  "device.clear_passcode", NULL },
	{ "erase", "EraseDevice", "preserve_data_plan=PreserveDataPlan disallow_proximity_setup=DisallowProximitySetup", "erase",
	  VERB_KIND_ERASE, URGENT, true, true, "device.erase", NULL },
	{ "restart", "RestartDevice", "", "restart", NULL, PERSON, false, false, "device.command", NULL },
	{ "shut-down", "ShutDownDevice", "", "shut-down", NULL, PERSON, false, false, "device.command", NULL },
	{ "lost-mode-on", "EnableLostMode", "message=Message phone=PhoneNumber footnote=Footnote", NULL, NULL, URGENT, false, false,
	  "device.lost_mode", NULL },
	{ "lost-mode-off", "DisableLostMode", "", NULL, NULL, URGENT, false, false, "device.lost_mode", NULL },
	{ "locate", "DeviceLocation", "", "locate", NULL, URGENT, false, false, "device.locate", NULL },
	{ "lost-mode-sound", "PlayLostModeSound", "", "sound", NULL, URGENT, false, false, "device.lost_mode", NULL },
	{ "install-mobileconfig", "InstallProfile", "mobileconfig=Payload", NULL, VERB_KIND_CHANGES, PERSON, false, false, "device.command", NULL },
	{ "remove-mobileconfig", "RemoveProfile", "identifier=Identifier", NULL, VERB_KIND_CHANGES, PERSON, false, false, "device.command", NULL },
	{ "install-provision", "InstallProvisioningProfile", "provision=ProvisioningProfile", NULL, VERB_KIND_CHANGES, PERSON, false, false,
	  "device.command", NULL },
	{ "remove-provision", "RemoveProvisioningProfile", "uuid=UUID", NULL, VERB_KIND_CHANGES, PERSON, false, false, "device.command", NULL },
	{ "install-app", "InstallApplication", "manifest_url=ManifestURL store_id=iTunesStoreID flags=ManagementFlags"
	  " configuration=Configuration attributes=Attributes change_management=ChangeManagementState", NULL, VERB_KIND_CHANGES, PERSON, false, false,
	  "device.command", NULL },
	{ "remove-app", "RemoveApplication", "bundle_id=Identifier", NULL, VERB_KIND_CHANGES, PERSON, false, false, "device.command", NULL },
	{ "configure-app", "Settings", "bundle_id=Settings.ApplicationConfiguration.Identifier"
	  " configuration=Settings.ApplicationConfiguration.Configuration", NULL, NULL, PERSON, false, false, "device.command",
	  make_configuration },
	{ "app-configuration", "ManagedApplicationConfiguration", "bundle_ids=~Identifiers", NULL, NULL, PERSON, false, false,
	  "device.command", NULL },
	{ "app-feedback", "ManagedApplicationFeedback", "bundle_ids=~Identifiers delete=DeleteFeedback", NULL, NULL, PERSON, false,
	  false, "device.command", NULL },
	{ "settings", "Settings", "settings=Settings", NULL, NULL, PERSON, false, false, "device.command", NULL },
	{ "validate-apps", "ValidateApplications", "bundle_ids=~Identifiers", NULL, NULL, PERSON, false, false, "device.command", NULL },
	{ 0 }
};

const struct verb *
verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

/* Whatever can be said by a verb keeps the verb's weight: a raw EraseDevice wants a reason too. */
const struct verb *
verb_of(const char *request_type)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (v->request_type && strcmp(v->request_type, request_type) == 0 && !v->make)
			return v;
	return NULL;
}

/* Apple's key of a field of ours, into `key`; false: the verb has none of this name. */
static bool
key_of(const struct verb *verb, const char *field, char key[VERB_FIELD_MAX], bool *list)
{
	size_t len = strlen(field), key_len;

	for (const char *at = verb->fields; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
		if (strncmp(at, field, len) != 0 || at[len] != '=')
			continue;
		at += len + 1;
		*list = *at == '~';
		at += *list;
		key_len = strcspn(at, " ");
		if (key_len >= VERB_FIELD_MAX)
			return false;
		memcpy(key, at, key_len);
		key[key_len] = '\0';
		return true;
	}
	return false;
}

bool
verb_type(const struct verb *verb, const char *name, enum apple_type *type)
{
	const struct apple_fact *fact = verb->request_type ? command_fact(verb->request_type) : NULL;
	char path[VERB_FIELD_MAX], *rest = path;
	const char *key;
	bool list;

	if (!key_of(verb, name, path, &list))
		return false;
	while (fact && (key = strsep(&rest, ".")))
		fact = apple_fact_under(fact, key);
	assert(fact);	/* the table is ours */
	*type = fact->type;
	return true;
}

bool
verb_field(const struct verb *verb, size_t n, char name[VERB_FIELD_MAX], enum apple_type *type)
{
	const char *at = verb->fields;

	for (; n > 0 && *at; n--)
		at += strcspn(at, " "), at += strspn(at, " ");
	if (!*at)
		return false;
	snprintf(name, VERB_FIELD_MAX, "%.*s", (int)strcspn(at, "="), at);
	return verb_type(verb, name, type);
}

bool
verb_params(const struct verb *verb, const json_t *fields, json_t **params, struct err *err)
{
	char key[VERB_FIELD_MAX];
	json_t *made = json_object(), *v;
	const char *field;
	bool list = false;

	json_object_foreach((json_t *)fields, field, v) {
		if (!key_of(verb, field, key, &list)) {
			json_decref(made);
			return err_code(err, ERR_INVALID, "bad_command", "%s takes no %.100s", verb->name, field);
		}
		if (json_is_null(v) || verb->make)
			continue;
		if (list && json_is_string(v))
			json_object_set_new(made, key, json_pack("[O]", v));
		else
			json_object_set(made, key, v);
	}
	if (!verb->make) {
		*params = made;
		return true;
	}
	json_decref(made);
	return verb->make(fields, params, err);
}

bool
verb_is_rendered(const struct verb *verb)
{
	return verb && verb->kind && strcmp(verb->kind, VERB_KIND_CLEAR_PASSCODE) == 0;
}

/* ---- refresh ---- */

const char *const verb_refresh[] = {
	"DeviceInformation", "SecurityInfo", "InstalledApplicationList", "ManagedApplicationList", "ProvisioningProfileList",
	"ProfileList", "CertificateList", "Restrictions", NULL
};

const char *const *
verb_changes(const char *request_type)
{
	static const char *const none[] = { NULL }, *const mobileconfigs[] = { "ProfileList", NULL };
	static const char *const provisions[] = { "ProvisioningProfileList", NULL };
	static const char *const apps[] = { "InstalledApplicationList", "ManagedApplicationList", NULL };
	static const struct { const char *request_type; const char *const *lists; } rows[] = {
		{ "InstallProfile", mobileconfigs }, { "RemoveProfile", mobileconfigs }, { "InstallProvisioningProfile", provisions },
		{ "RemoveProvisioningProfile", provisions }, { "InstallApplication", apps }, { "RemoveApplication", apps },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].request_type, request_type) == 0)
			return rows[i].lists;
	return none;
}

json_t *
verb_refresh_params(const char *request_type, const struct command_target *target)
{
	const char *const *queries;
	json_t *params = json_object();
	struct err err;
	size_t n;

	if (strcmp(request_type, "DeviceInformation") == 0) {
		queries = fact_queries(&n);
		json_object_set_new(params, "Queries", command_queries(queries, n, target));
		if (json_array_size(json_object_get(params, "Queries")) > 0)
			return params;
	} else if (command_may(request_type, params, target, &err)) {
		return params;
	}
	json_decref(params);
	return NULL;
}
