/*
 * How iOS compares entitlements is not written down in one place; what is known: booleans must be granted when
 * they are claimed as true, texts are equal or covered by a text that ends in "*", lists are covered item by item,
 * and a granted "*" covers any list.
 */
#include "ipa/fit.h"
#include "core/clock.h"
#include "core/json.h"
#include "ipa/provision.h"
#include <stdio.h>
#include <string.h>

const char *
fit_name(enum fit_verdict verdict)
{
	static const char *const names[] = {
		[FIT_YES] = "fits", [FIT_STORE] = "store", [FIT_SIGNATURE] = "signature", [FIT_APP_ID] = "app_id",
		[FIT_CERTIFICATE] = "certificate", [FIT_ENTITLEMENT] = "entitlement", [FIT_ENDED] = "ended",
		[FIT_UNKNOWN] = "unknown",
	};

	return names[verdict];
}

/* ---- entitlements ---- */

static bool
text_covers(const char *granted, const char *claimed)
{
	size_t len = strlen(granted);

	if (len && granted[len - 1] == '*')
		return strncmp(granted, claimed, len - 1) == 0;
	return strcmp(granted, claimed) == 0;
}

static bool
one_grants(const json_t *granted, const json_t *claimed)
{
	if (json_is_string(granted) && json_is_string(claimed))
		return text_covers(json_string_value(granted), json_string_value(claimed));
	return json_equal(granted, claimed);
}

static bool
any_grants(const json_t *granted, const json_t *claimed)
{
	json_t *item;
	size_t i;

	if (json_is_string(granted) && strcmp(json_string_value(granted), "*") == 0)
		return true;
	if (!json_is_array(granted))
		return one_grants(granted, claimed);
	json_array_foreach((json_t *)(uintptr_t)granted, i, item)
		if (one_grants(item, claimed))
			return true;
	return false;
}

/* One value of the entitlement granted, one claimed: equal, covered by a "*" at its end, or each of a list. */
static bool
fit_grants(const json_t *granted, const json_t *claimed)
{
	json_t *item;
	size_t i;

	if (json_is_false(claimed) || json_is_null(claimed))
		return true;
	if (json_is_true(claimed))
		return json_is_true(granted);
	if (!json_is_array(claimed))
		return any_grants(granted, claimed);
	json_array_foreach((json_t *)(uintptr_t)claimed, i, item)
		if (!any_grants(granted, item))
			return false;
	return true;
}

static bool
grants_all(const json_t *granted, const json_t *claimed, char *detail)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)claimed, key, value) {
		if (fit_grants(json_object_get(granted, key), value))
			continue;
		if (detail)
			snprintf(detail, FIT_DETAIL_MAX, "%.*s", FIT_DETAIL_MAX - 1, key);
		return false;
	}
	return true;
}

/* ---- certificates ---- */

static bool
names(const json_t *provision, const char *sha1)
{
	json_t *cert;
	size_t i;

	json_array_foreach(json_object_get(provision, "certificates"), i, cert)
		if (strcmp(text_of(cert, "sha1"), sha1) == 0)
			return true;
	return false;
}

/* Any of the embedded provision's may have signed it. */
static bool
names_all_of(const json_t *provision, const json_t *own)
{
	json_t *list = json_object_get(own, "certificates"), *cert;
	size_t i;

	json_array_foreach(list, i, cert)
		if (!names(provision, text_of(cert, "sha1")))
			return false;
	return json_array_size(list) > 0;
}

/* ---- all together ---- */

/* "A1B2C3D4E5" of "A1B2C3D4E5.com.example.app". */
static bool
same_team(const char *a, const char *b)
{
	const char *end = strchr(a, '.');

	return end && strncmp(a, b, (size_t)(end - a) + 1) == 0;
}

static time_t
ends(const json_t *provision)
{
	struct err none;
	time_t at;

	return clock_parse(text_of(provision, "expires"), &at, &none) ? at : 0;
}

enum fit_verdict
fit(const json_t *provision, const struct fit_bundle *bundle, char *detail)
{
	const struct provision covers = { .app_id = text_of(provision, "app_id") };
	const char *signature = text_of(provision, "signature");
	const json_t *own = bundle->own;

	if (detail)
		*detail = '\0';
	if (!json_is_object(own))
		return FIT_UNKNOWN;
	if (strcmp(text_of(provision, "kind"), "store") == 0)
		return FIT_STORE;
	if (strcmp(signature, "apple") != 0 && strcmp(signature, "other:test") != 0)
		return FIT_SIGNATURE;
	if (!provision_covers(&covers, bundle->bundle_id) || !same_team(covers.app_id, text_of(own, "app_id")))
		return FIT_APP_ID;
	if (*bundle->certificate ? !names(provision, bundle->certificate) : !names_all_of(provision, own))
		return FIT_CERTIFICATE;
	if (!grants_all(json_object_get(provision, "entitlements"),
			bundle->entitlements ? bundle->entitlements : json_object_get(own, "entitlements"), detail))
		return FIT_ENTITLEMENT;
	return ends(provision) > ends(own) || strcmp(text_of(provision, "uuid"), text_of(own, "uuid")) == 0 ? FIT_YES :
	       FIT_ENDED;
}
