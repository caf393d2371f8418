/* Answers read: a property list as JSON, whose keys are Apple's.  A value of another type was not reported. */
#include "mdm/inventory.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/pack.h"
#include "core/text.h"
#include "core/x509.h"
#include "mdm/inventory_inner.h"
#include <string.h>

static const char *
text_at(TALLOC_CTX *ctx, const json_t *dict, const char *key)
{
	const json_t *v = json_object_get(dict, key);
	const char *text = json_string_value(v);

	if (!text || !text_valid(text, json_string_length(v)))
		return NULL;
	return text_cut(ctx, text, INVENTORY_TEXT_MAX);
}

static int64_t
int_at(const json_t *dict, const char *key)
{
	const json_t *v = json_object_get(dict, key);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? json_integer_value(v) : MISSING;
}

static int
bool_at(const json_t *dict, const char *key)
{
	const json_t *v = json_object_get(dict, key);

	return json_is_boolean(v) ? json_is_true(v) : MISSING;
}

static int64_t
time_at(const json_t *dict, const char *key)
{
	const char *text = json_string_value(json_object_get(dict, key));
	struct err err;
	time_t at;

	return text && clock_parse(text, &at, &err) ? (int64_t)at : MISSING;
}

/* As kept in the database; NULL when it is too long for that. */
static const char *
dumped(TALLOC_CTX *ctx, const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
	const char *ret = text && strlen(text) <= INVENTORY_JSON_MAX ? mem_text(ctx, text) : NULL;

	free(text);
	return ret;
}

/* ---- facts ---- */

static void
add_fact(struct inventory *inv, const char *name, const char *value)
{
	inv->facts[inv->facts_n++] = (struct inventory_fact){ name, value };
}

static const json_t *
key_at(const json_t *dict, const char *key)
{
	const char *dot = strchr(key, '.');
	char outer[64];

	if (!dot)
		return json_object_get(dict, key);
	snprintf(outer, sizeof outer, "%.*s", (int)(dot - key), key);
	return json_object_get(json_object_get(dict, outer), dot + 1);
}

static bool
has_type(const json_t *v, enum fact_type type)
{
	switch (type) {
	case FACT_BOOL:	return json_is_boolean(v);
	case FACT_INT:	return json_is_integer(v);
	case FACT_REAL:	return json_is_number(v);
	default:	return json_is_string(v);
	}
}

static const char *
fact_value(TALLOC_CTX *ctx, const struct fact *fact, const json_t *v)
{
	const char *text = json_string_value(v);
	json_t *json;

	if (!v || !has_type(v, fact->type))
		return NULL;
	if (!text)
		return dumped(ctx, v);
	if (!text_valid(text, json_string_length(v)))
		return NULL;
	json = json_string(text_cut(ctx, text, INVENTORY_TEXT_MAX));
	text = dumped(ctx, json);
	json_decref(json);
	return text;
}

/* The SIM that carries data, or the first. */
static const json_t *
main_sim(const json_t *sims)
{
	const json_t *sim;
	size_t i;

	json_array_foreach(sims, i, sim)
		if (json_is_true(json_object_get(sim, "IsDataPreferred")))
			return sim;
	return json_array_get(sims, 0);
}

static void
read_facts(struct inventory *inv, const json_t *dict, enum fact_source source)
{
	const json_t *sim = main_sim(json_object_get(dict, "ServiceSubscriptions"));
	const struct fact *fact;
	const char *value;

	for (size_t i = 0; i < fact_table_n; i++) {
		fact = &fact_table[i];
		if (fact->source != source)
			continue;
		value = fact_value(inv, fact, key_at(dict, fact->key));
		if (!value && fact->also)
			value = fact_value(inv, fact, key_at(dict, fact->also));
		if (!value && fact->sim)
			value = fact_value(inv, fact, json_object_get(sim, fact->key));
		add_fact(inv, fact->name, value);
	}
}

/* Each SIM under our names; MCC and MNC are left to the raw answer. */
static const char *
sims_of(TALLOC_CTX *ctx, const json_t *sims)
{
	static const struct { const char *name, *key; } keys[] = {
		{ "slot", "Slot" }, { "label", "Label" }, { "iccid", "ICCID" }, { "eid", "EID" }, { "imei", "IMEI" },
		{ "phone_number", "PhoneNumber" }, { "current_carrier", "CurrentCarrierNetwork" },
		{ "sim_carrier", "SubscriberCarrierNetwork" }, { "carrier_settings", "CarrierSettingsVersion" },
		{ "data_preferred", "IsDataPreferred" }, { "roaming", "IsRoaming" },
	};
	json_t *list = json_array(), *item, *v;
	const json_t *sim;
	const char *text;
	size_t i;

	json_array_foreach(sims, i, sim) {
		item = json_object();
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
			v = json_object_get(sim, keys[k].key);
			if (json_is_string(v) || json_is_boolean(v))
				json_object_set(item, keys[k].name, v);
			else
				json_object_set_new(item, keys[k].name, json_null());
		}
		json_array_append_new(list, item);
	}
	text = json_is_array(sims) ? dumped(ctx, list) : NULL;
	json_decref(list);
	return text;
}

static void
read_device(struct inventory *inv, const json_t *dict)
{
	read_facts(inv, dict, FACT_FROM_DEVICE);
	add_fact(inv, FACT_SIMS, sims_of(inv, json_object_get(dict, "ServiceSubscriptions")));
	inv->name = text_at(inv, dict, "DeviceName");
	inv->os_version = text_at(inv, dict, "OSVersion");
	inv->os_build = text_at(inv, dict, "BuildVersion");
	inv->product = text_at(inv, dict, "ProductName");
	inv->serial = text_at(inv, dict, "SerialNumber");
	inv->udid = text_at(inv, dict, "UDID");
	inv->supervised = bool_at(dict, "IsSupervised");
}

/* What an enrolling device says before anybody asks: a few facts, and nothing of the others. */
static void
read_authenticate(struct inventory *inv, const json_t *dict)
{
	size_t kept = 0;

	read_facts(inv, dict, FACT_FROM_DEVICE);
	for (size_t i = 0; i < inv->facts_n; i++)
		if (inv->facts[i].value)
			inv->facts[kept++] = inv->facts[i];
	inv->facts_n = kept;
}

static void
read_security(struct inventory *inv, const json_t *dict)
{
	read_facts(inv, dict, FACT_FROM_SECURITY);
}

static void
read_restrictions(struct inventory *inv, const json_t *dict)
{
	add_fact(inv, FACT_RESTRICTIONS, json_is_object(dict) ? dumped(inv, dict) : NULL);
}

/* ---- lists ---- */

static void
read_apps(struct inventory *inv, const json_t *list)
{
	const json_t *app;
	const char *id;
	size_t i;

	inv->apps = mem_array(inv, struct inventory_app, json_array_size(list));
	json_array_foreach(list, i, app) {
		id = text_at(inv, app, "Identifier");
		if (!id || !*id || inv->apps_n == INVENTORY_APPS_MAX)
			continue;
		inv->apps[inv->apps_n++] = (struct inventory_app){ id, text_at(inv, app, "Name"), text_at(inv, app, "Version"),
			text_at(inv, app, "ShortVersion"), NULL, int_at(app, "BundleSize"), int_at(app, "DynamicSize"),
			bool_at(app, "Installing") };
	}
}

static void
read_managed(struct inventory *inv, const json_t *dict)
{
	const json_t *app;
	const char *id;

	inv->apps = mem_array(inv, struct inventory_app, json_object_size(dict));
	json_object_foreach((json_t *)dict, id, app) {
		if (!*id || strlen(id) > INVENTORY_TEXT_MAX || inv->apps_n == INVENTORY_APPS_MAX)
			continue;
		inv->apps[inv->apps_n++] = (struct inventory_app){ .bundle_id = mem_text(inv, id),
								   .state = text_at(inv, app, "Status") };
	}
}

static void
read_provisions(struct inventory *inv, const json_t *list)
{
	const json_t *item;
	const char *uuid;
	size_t i;

	inv->provisions = mem_array(inv, struct inventory_provision, json_array_size(list));
	json_array_foreach(list, i, item) {
		uuid = text_at(inv, item, "UUID");
		if (uuid && *uuid && inv->provisions_n < INVENTORY_PROVISIONS_MAX)
			inv->provisions[inv->provisions_n++] = (struct inventory_provision){ uuid, text_at(inv, item, "Name"),
				time_at(item, "ExpiryDate") };
	}
}

static const char *
payloads_of(TALLOC_CTX *ctx, const json_t *list)
{
	json_t *ret = json_array();
	const json_t *item;
	const char *text;
	size_t i;

	json_array_foreach(list, i, item)
		json_array_append_new(ret, json_pack("{s:s?, s:s?, s:s?}", "type", text_at(ctx, item, "PayloadType"),
			"identifier", text_at(ctx, item, "PayloadIdentifier"), "name", text_at(ctx, item, "PayloadDisplayName")));
	text = dumped(ctx, ret);
	json_decref(ret);
	return text ? text : "[]";
}

static void
read_mobileconfigs(struct inventory *inv, const json_t *list)
{
	struct inventory_mobileconfig *m;
	const json_t *item;
	const char *id;
	size_t i;
	int fixed;

	inv->mobileconfigs = mem_array(inv, struct inventory_mobileconfig, json_array_size(list));
	json_array_foreach(list, i, item) {
		id = text_at(inv, item, "PayloadIdentifier");
		if (!id || !*id || inv->mobileconfigs_n == INVENTORY_MOBILECONFIGS_MAX)
			continue;
		fixed = bool_at(item, "PayloadRemovalDisallowed");
		m = &inv->mobileconfigs[inv->mobileconfigs_n++];
		*m = (struct inventory_mobileconfig){ id, text_at(inv, item, "PayloadUUID"),
			text_at(inv, item, "PayloadDisplayName"), text_at(inv, item, "PayloadOrganization"),
			payloads_of(inv, json_object_get(item, "PayloadContent")), int_at(item, "PayloadVersion"),
			bool_at(item, "IsManaged"), bool_at(item, "IsEncrypted"), fixed == MISSING ? MISSING : !fixed };
	}
}

static void
read_certificates(struct inventory *inv, const json_t *list)
{
	struct inventory_certificate *c;
	const json_t *item;
	const char *text;
	struct bytes der;
	struct err err;
	time_t expires;
	size_t i;

	inv->certificates = mem_array(inv, struct inventory_certificate, json_array_size(list));
	json_array_foreach(list, i, item) {
		SCOPED(x509) X509 *cert = NULL;
		char hex[X509_FINGERPRINT_SIZE];

		text = json_string_value(json_object_get(item, "Data"));
		if (!text || inv->certificates_n == INVENTORY_CERTIFICATES_MAX ||
		    !num_unbase64(inv, text, strlen(text), &der) || !x509_read_der(der, &cert, &err))
			continue;
		c = &inv->certificates[inv->certificates_n++];
		*c = (struct inventory_certificate){ mem_text(inv, x509_sha256(cert, hex)), text_at(inv, item, "CommonName"),
			bool_at(item, "IsIdentity"), x509_expires(cert, &expires) ? (int64_t)expires : MISSING };
	}
}

/* ---- answers ---- */

/* `from`: where it stands in the answer; NULL: it is the answer. */
static const struct {
	const char *request_type, *from;
	void (*read)(struct inventory *inv, const json_t *from);
	bool list;
} answers[] = {
	{ "Authenticate", NULL, read_authenticate, false },
	{ "DeviceInformation", "QueryResponses", read_device, false },
	{ "SecurityInfo", "SecurityInfo", read_security, false },
	{ "Restrictions", "GlobalRestrictions", read_restrictions, false },
	{ "InstalledApplicationList", "InstalledApplicationList", read_apps, true },
	{ "ManagedApplicationList", "ManagedApplicationList", read_managed, false },
	{ "ProvisioningProfileList", "ProvisioningProfileList", read_provisions, true },
	{ "ProfileList", "ProfileList", read_mobileconfigs, true },
	{ "CertificateList", "CertificateList", read_certificates, true },
};

bool
inventory_read(TALLOC_CTX *ctx, const char *request_type, plist_t answer, struct bytes raw, struct inventory **ret,
	       struct err *err)
{
	struct inventory *inv;
	json_t *from;
	size_t i = 0;
	plist_t node;

	(void)err;
	*ret = NULL;
	while (i < sizeof answers / sizeof *answers && strcmp(answers[i].request_type, request_type) != 0)
		i++;
	if (i == sizeof answers / sizeof *answers)
		return true;
	node = answers[i].from ? plist_at(answer, answers[i].from) : answer;
	if (!node || plist_get_node_type(node) != (answers[i].list ? PLIST_ARRAY : PLIST_DICT))
		return true;
	inv = mem_new(ctx, struct inventory);
	inv->request_type = answers[i].request_type;
	inv->packed = pack(inv, raw);
	inv->supervised = MISSING;
	inv->facts = mem_array(inv, struct inventory_fact, fact_table_n + 2);
	from = plist_json(node);
	answers[i].read(inv, from);
	json_decref(from);
	*ret = inv;
	return true;
}

/* ---- what was asked ---- */

static bool
has_text(const char *const *texts, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(texts[i], text) == 0)
			return true;
	return false;
}

static bool
fact_was_asked(const char *name, const char *const *queries, size_t n)
{
	const struct fact *fact = NULL;

	for (size_t i = 0; i < fact_table_n; i++)
		if (strcmp(fact_table[i].name, name) == 0)
			fact = &fact_table[i];
	if (!fact)
		return has_text(queries, n, "ServiceSubscriptions");
	return has_text(queries, n, fact->key) || (fact->also && has_text(queries, n, fact->also)) ||
	       (fact->sim && has_text(queries, n, "ServiceSubscriptions"));
}

void
inventory_asked(struct inventory *inv, struct bytes payload)
{
	SCOPED(plist) plist_t command = NULL;
	const char **queries;
	struct err err;
	bool managed_only = false;
	size_t n = 0, kept = 0;

	if (payload.len == 0 || !plist_open(payload, PLIST_BYTES_MAX, &command, &err))
		return;
	plist_bool_at(command, "ManagedAppsOnly", &managed_only);
	if (!managed_only)
		plist_bool_at(command, "ManagedOnly", &managed_only);
	inv->partial = managed_only || plist_count_at(command, "Identifiers") > 0;
	queries = plist_texts_at(inv, command, "Queries", PLIST_NODES_MAX, &n);
	if (strcmp(inv->request_type, "DeviceInformation") != 0)
		return;
	for (size_t i = 0; i < inv->facts_n; i++)
		if (inv->facts[i].value || fact_was_asked(inv->facts[i].name, queries, n))
			inv->facts[kept++] = inv->facts[i];
	inv->facts_n = kept;
}
