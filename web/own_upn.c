#include "web/own_upn.h"
#include "catalog/mobileconfig.h"
#include "catalog/person_attribute.h"
#include "core/json.h"
#include "core/log.h"
#include "mdm/mobileconfig_form.h"
#include "web/own_house.h"
#include "web/rooms.h"
#include <string.h>
#include <strings.h>

static const char *const device_s[] = { "serial", "udid", "product", "device_name", "os_version" };
/* What several people have alike.  Other attributes are the company's own: it knows what they say. */
static const char *const shared[] = {
	"full_name", "displayName", "cn", "givenName", "sn", "initials", "title", "description", "department",
	"departmentNumber", "division", "company", "organization", "o", "ou", "employeeType", "businessCategory", "manager",
	"costCenter", "office", "physicalDeliveryOfficeName", "roomNumber", "location", "l", "city", "st", "state", "c", "co",
	"country", "countryCode", "postalCode", "street", "streetAddress", "preferredLanguage", "memberOf", "gidNumber",
	"primaryGroupID", "facsimileTelephoneNumber",
};

static bool
is_among(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
is_device_s(const char *name)
{
	return is_among(device_s, sizeof device_s / sizeof *device_s, name);
}

static bool
is_shared(const char *name)
{
	return is_device_s(name) || is_among(shared, sizeof shared / sizeof *shared, name);
}

/* Of its variables one is enough. */
static bool
is_of_a_person(const char *upn)
{
	json_t *form = json_pack("{s:s}", "name", upn), *names = mobileconfig_form_variables(form), *name;
	bool ok = false;
	size_t i;

	json_array_foreach(names, i, name)
		ok |= !is_shared(json_string_value(name));
	json_decref(form);
	json_decref(names);
	return ok;
}

bool
own_upn_fits(const struct conf *conf, struct err *err)
{
	return strcmp(conf->own_identity, "none") == 0 || is_of_a_person(conf->own_upn) ||
	       err_code(err, ERR_CONFLICT, "bad_upn", "own.upn is \"%.80s\", which several people would have alike; set one of a"
			" person's own, such as %%username%%@corp.example.com or %%email%%", conf->own_upn);
}

void
own_upn_warn(const struct conf *conf)
{
	struct err err = { 0 };

	if (!own_upn_fits(conf, &err))
		log_warn("no certificate is issued to people until own.upn is set", KV("why", err.cause));
}

/* ---- who lacks what ---- */

/* Reads no further than the first that does. */
static bool
is_wanted(struct db *db, const struct sealer *sealer, const struct conf *conf, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char **ids;
	size_t n;

	*ret = false;
	if (strcmp(conf->own_identity, "none") == 0)
		return true;
	if ((*ret = *conf->eas_host))
		return true;
	if (!mobileconfig_own_all(ctx, db, &ids, &n, err))
		return false;
	for (size_t i = 0; i < n && !*ret; i++) {
		void *here SCOPED(mem) = talloc_new(NULL);
		json_t *form;

		if (!mobileconfig_read(here, db, sealer, ids[i], 0, &form, NULL, err))
			return false;
		*ret = own_wants_identity(form);
	}
	return true;
}

bool
own_upn_lacking(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const struct conf *conf,
		struct own_upn_lack *ret, struct err *err)
{
	json_t *form = json_hold(ctx, json_pack("{s:s}", "name", conf->own_upn)), *name;
	json_t *names = json_hold(ctx, mobileconfig_form_variables(form));
	struct own_upn_lack lack = { 0 };
	bool wanted;
	size_t i;

	*ret = lack;
	if (!is_wanted(db, sealer, conf, &wanted, err))
		return false;
	json_array_foreach(names, i, name) {
		lack.variable = mem_text(ctx, json_string_value(name));
		if (!wanted || is_device_s(lack.variable))
			continue;
		if (!person_attribute_lacking(db, lack.variable, &lack.lacking, &lack.people, err))
			return false;
		if (lack.lacking) {
			*ret = lack;
			return true;
		}
	}
	return true;
}
