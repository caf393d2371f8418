/* Table `app` too: what somebody sees, joined with what their device reported. */
#include "catalog/app_device.h"
#include "catalog/family.h"
#include "catalog/rows.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/num.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define SCHEME_MAX	64

bool
app_device_scheme_ok(const char *scheme)
{
	static const char *const taken[] = { "javascript", "data", "vbscript", "blob", "about", "file", "filesystem", "http",
		"https", "ws", "wss", "ftp", "tel", "sms", "mailto", "facetime", "facetime-audio", "itms", "itmss", "itms-apps",
		"itms-appss", "itms-services", "prefs", "app-prefs", "view-source", "webcal", "maps", "shortcuts" };
	size_t len = strlen(scheme);

	if (len < 2 || len > SCHEME_MAX || !isalpha((unsigned char)*scheme))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii((unsigned char)scheme[i]) || (!isalnum((unsigned char)scheme[i]) && !strchr("+-.", scheme[i])))
			return false;
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		if (strcasecmp(scheme, taken[i]) == 0)
			return false;
	return true;
}

static const char *
scheme_of(TALLOC_CTX *ctx, const char *facts_text)
{
	json_t *facts = json_loads(facts_text, 0, NULL), *scheme;
	const char *ret = "";
	size_t i;

	json_array_foreach(json_object_get(facts, "url_schemes"), i, scheme)
		if (json_is_string(scheme) && app_device_scheme_ok(json_string_value(scheme))) {
			ret = mem_text(ctx, json_string_value(scheme));
			break;
		}
	json_decref(facts);
	return ret;
}

static const char *
or_empty(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	const char *text = rows_text(ctx, rows, column);

	return text ? text : "";
}

static json_t *
item(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:b, s:s, s:s, s:b, s:s, s:b}", "kind", "app",
		"bundle_id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1), "subtitle", rows_text(ctx, rows, 2),
		"build_id", rows_text(ctx, rows, 3), "version", rows_text(ctx, rows, 4), "build", rows_text(ctx, rows, 5),
		"size", (json_int_t)rows_int(rows, 6), "minimum_os", rows_text(ctx, rows, 7), "installable",
		rows_int(rows, 8) > clock_now(), "required", rows_bool(rows, 9),
		"installed_version", or_empty(ctx, rows, 10), "installed_build", or_empty(ctx, rows, 11), "installing",
		rows_bool(rows, 12), "scheme", scheme_of(ctx, rows_text(ctx, rows, 13)), "ipad_only",
		rows_bool(rows, 14));
}

bool
app_device_list(struct db *db, struct viewer viewer, const char *device_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, db, "SELECT a.bundle_id, b.name, a.subtitle, b.id, b.version, b.build, b.size,"
		" b.minimum_os, b.installs_until, " VIEWER_REQUIRED ", i.short_version, i.version, i.installing, b.facts, b.ipad_only"
		" FROM installed_app i JOIN app a ON a.bundle_id = i.bundle_id JOIN build b ON b.id = " VIEWER_NEWEST
		" WHERE i.device_id = $4 AND i.installed ORDER BY b.folded, a.id", VIEWER(viewer), db_text(device_id));

	return rows_list(rows, item, ret, err) || err_at(err, "the apps of a device");
}

static bool
one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* What the device did not say is not older than anything. */
static bool
is_newer(const json_t *app, const json_t *here)
{
	const char *version = text_of(here, "installed_version"), *build = text_of(here, "installed_build");
	int order = *version ? num_version_compare(text_of(app, "version"), version) : 0;

	return order ? order > 0 : *build && num_version_compare(text_of(app, "build"), build) > 0;
}

const char *
app_device_state(const json_t *app, const json_t *here, const json_t *asked, const char *os, const char *product)
{
	static const char *const waiting[] = { "wanted", "queued", "sent", NULL }, *const busy[] = { "acknowledged", "installing", NULL };
	const char *state = text_of(asked, "state"), *minimum = text_of(app, "minimum_os");
	bool fits = json_is_true(json_object_get(app, "installable"));
	bool old = *os && *minimum && num_version_compare(minimum, os) > 0;
	bool other = family_is_phone(product) && json_is_true(json_object_get(app, "ipad_only"));

	if (strcmp(state, "removing") == 0)
		return "leaving";
	if (one_of(state, waiting))
		return "waiting";
	if (one_of(state, busy) || json_is_true(json_object_get(here, "installing")))
		return "installing";
	if (here)
		return is_newer(app, here) && fits && !old && !other ? "update" : "open";
	return !fits ? "not_now" : other ? "needs_ipad" : old ? "needs_ios" : "get";
}

const char *
app_device_note(const char *state, const json_t *asked)
{
	static const char *const ends[] = { "declined", "failed", "timed_out", NULL };
	const char *how = text_of(asked, "state");

	return (strcmp(state, "get") == 0 || strcmp(state, "update") == 0) && one_of(how, ends) ? how : "";
}
