/*
 * A build as every page shows it.
 */
#include "catalog/family.h"
#include "core/clock.h"
#include "ipa/verdict.h"
#include "web/markdown.h"
#include "web/rooms.h"
#include <string.h>

#define EXPIRING_S	(VERDICT_EXPIRING_DAYS * DAY_S)

json_t *
page_date_of(struct req *req, const json_t *json, const char *key)
{
	const char *iso = json_string_value(json_object_get(json, key));
	struct err err;
	time_t at;

	return iso && clock_parse(iso, &at, &err) ? page_date(req->language, at) : json_null();
}

json_t *
page_moment_of(struct req *req, const json_t *json, const char *key)
{
	const char *iso = json_string_value(json_object_get(json, key));
	struct err err;
	time_t at;

	return iso && clock_parse(iso, &at, &err) ? page_moment(req->language, at) : json_null();
}

json_t *
page_markdown(const char *text)
{
	struct err err;
	json_t *blocks;

	return markdown_blocks((struct bytes){ text, strlen(text) }, &blocks, &err) ? blocks : json_array();
}

/* "iPhone, iPad" from device families 1, 2, 3, 4 and 7. */
static const char *
works_on(TALLOC_CTX *ctx, const json_t *facts)
{
	static const char *const names[] = { [1] = "iPhone", [2] = "iPad", [3] = "Apple TV", [4] = "Apple Watch",
					     [7] = "Apple Vision" };
	const char *text = "";
	json_t *family;
	size_t i;

	json_array_foreach(json_object_get(facts, "device_family"), i, family) {
		json_int_t n = json_integer_value(family);

		if (n > 0 && n < 8 && names[n])
			text = mem_printf(ctx, "%s%s%s", text, *text ? ", " : "", names[n]);
	}
	return text;
}

const char *
names_joined(TALLOC_CTX *ctx, const json_t *list)
{
	const char *text = "";
	json_t *name;
	size_t i;

	json_array_foreach(list, i, name)
		text = mem_printf(ctx, "%s%s%s", text, *text ? ", " : "", json_string_value(name));
	return text;
}

static time_t
expires_of(const json_t *build)
{
	struct err err;
	time_t at;

	return clock_parse(text_of(build, "expires"), &at, &err) ? at : 0;
}

/* Who iOS will name when it asks for trust; it asks for what was not installed by a device management
 * service and is signed for a team (enterprise). */
static json_t *
trust_of(const json_t *facts)
{
	const json_t *provision = json_object_get(facts, "provision");

	if (strcmp(text_of(provision, "kind"), "enterprise") != 0)
		return json_null();
	return json_pack("{s:s}", "signer", text_of(provision, "team_name"));
}

/* May it be installed now, and for how long: a verdict of the past does not know today. */
const char *
build_verdict_word(const json_t *build)
{
	time_t until = expires_of(build), now = clock_now();

	if (!json_is_true(json_object_get(build, "installable")) || (until && until <= now))
		return "cannot";
	return until && until - now < EXPIRING_S ? "expiring" : "installs";
}

json_t *
page_build_row(struct req *req, const json_t *build)
{
	json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
		"id", text_of(build, "id"), "bundle_id", text_of(build, "bundle_id"), "name", text_of(build, "name"),
		"version", text_of(build, "version"), "build", text_of(build, "build"),
		"size", page_size(req, req->language, json_integer_value(json_object_get(build, "size"))),
		"verdict", build_verdict_word(build),
		"channels", names_joined(req, json_object_get(build, "channels")));
	const char *by = text_of(build, "by");

	json_object_set_new(row, "until", page_date_of(req, build, "expires"));
	json_object_set_new(row, "uploaded", page_moment_of(req, build, "created"));
	json_object_set_new(row, "by", json_string(*by ? by : "-"));
	return row;
}

json_t *
page_build(struct req *req, const json_t *build)
{
	const json_t *facts = json_object_get(build, "facts"), *verdict = json_object_get(build, "verdict");
	const char *bundle_id = text_of(build, "bundle_id"), *id = text_of(build, "id"), *word = build_verdict_word(build);
	json_t *page = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
		"id", id, "bundle_id", bundle_id, "name", text_of(build, "name"),
		"version", text_of(build, "version"), "build", text_of(build, "build"),
		"minimum_os", text_of(build, "minimum_os"), "sha256", text_of(build, "sha256"),
		"icon_url", mem_printf(req, "/apps/%s/icon/512.png", bundle_id),
		"size", page_size(req, req->language, json_integer_value(json_object_get(build, "size"))),
		"verdict", word);
	const char *by = json_string_value(json_object_get(build, "by"));

	json_object_set_new(page, "works_on", json_string(works_on(req, facts)));
	json_object_set_new(page, "ipad_only", json_boolean(family_is_ipads(facts)));
	json_object_set_new(page, "installable", json_boolean(strcmp(word, "cannot") != 0));
	json_object_set_new(page, "reasons", page_reasons(req->site->pages, req->language,
							  json_object_get(verdict, "reasons")));
	json_object_set_new(page, "notes", page_markdown(text_of(build, "notes")));
	json_object_set_new(page, "launches_until", page_date_of(req, build, "expires"));
	json_object_set_new(page, "until", page_date_of(req, build, "expires"));
	json_object_set_new(page, "expiring", json_boolean(strcmp(word, "expiring") == 0));
	json_object_set_new(page, "released", page_date_of(req, build, "created"));
	json_object_set_new(page, "uploaded", page_moment_of(req, build, "created"));
	json_object_set_new(page, "trust", trust_of(facts));
	json_object_set_new(page, "by", by ? json_string(by) : json_string("-"));
	json_object_set_new(page, "channels", json_string(names_joined(req, json_object_get(build, "channels"))));
	json_object_set_new(page, "channel", json_string(text_of(build, "channel")));
	json_object_set_new(page, "subtitle", json_null());
	json_object_set_new(page, "publisher", by ? json_string(by) : json_null());
	json_object_set_new(page, "category", json_null());
	json_object_set_new(page, "contact", json_null());
	json_object_set_new(page, "from", by ? json_string(by) : json_null());
	json_object_set_new(page, "get_url", json_string(mem_printf(req, "/apps/%s/builds/%s/install", bundle_id, id)));
	json_object_set_new(page, "url", json_string(mem_printf(req, "/apps/%s/builds/%s", bundle_id, id)));
	return page;
}
