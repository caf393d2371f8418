/* The table of payload types, for people and programs: the documentation of what may stand in a mobileconfig. */
#include "mdm/payload_fact.h"
#include "web/page.h"
#include "web/payload_form.h"
#include "web/rooms.h"
#include <string.h>

static json_t *
text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* "a | b | c" wraps where "a|b|c" does not. */
static json_t *
values_of(struct req *req, const char *values)
{
	struct buf out;

	buf_init(&out, req, 8192);
	for (const char *p = values; p && *p; p++)
		if (*p == '|')
			buf_text(&out, " | ");
		else
			buf_add(&out, p, 1);
	return json_string(buf_str(&out));
}

/* ---- pages ---- */

static void
add_rows(struct req *req, const struct apple_fact *fact, const char *above, json_t *rows)
{
	bool items = fact->type == APPLE_ARRAY;

	for (const struct apple_fact *f = fact->under; f; f = f->next) {
		const char *name = items ? "" : f->name;
		const char *path = !*above ? name : !*name ? above : mem_printf(req, "%s › %s", above, name);
		json_t *row = json_pack("{s:s, s:b, s:s, s:b, s:b, s:o, s:b}", "path", path, "item", items, "takes",
			apple_type_name(f->type), "required", f->required && !items, "secret", f->secret, "values",
			values_of(req, f->values), "supervised", f->supervised);

		json_object_set_new(row, "since", text_or_null(f->since));
		json_object_set_new(row, "until", text_or_null(f->until));
		json_object_set_new(row, "preset", text_or_null(f->preset));
		json_array_append_new(rows, row);
		add_rows(req, f, path, rows);
	}
}

static const struct apple_fact *
find(struct req *req, struct err *err)
{
	const struct apple_fact *fact = payload_fact(req_param(req, "type"));

	if (!fact)
		err_set(err, ERR_MISSING, "iOS has no payload type \"%.100s\"", req_param(req, "type"));
	return fact;
}

static bool
get_types(struct req *req, struct reply *reply, struct err *err)
{
	json_t *types = payload_types(req), *type;
	size_t i;

	json_array_foreach(types, i, type)
		json_object_set_new(type, "url", json_sprintf("/admin/payload-types/%s", text_of(type, "type")));
	return reply_page(reply, req, "payloadtypes", json_pack("{s:o}", "types", types), err);
}

static bool
get_type(struct req *req, struct reply *reply, struct err *err)
{
	const struct apple_fact *fact = find(req, err), *first = fact;
	json_t *data, *variants = fact ? json_array() : NULL;

	if (!fact)
		return false;
	for (; fact; fact = payload_fact_next(fact)) {
		json_t *rows = json_array();

		add_rows(req, fact, "", rows);
		json_array_append_new(variants, json_pack("{s:b, s:o}", "first", fact == first, "keys", rows));
	}
	data = json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:o}", "type", first->name, "label", payload_type_label(req, first->name),
			 "supervised", first->supervised, "by_mdm", first->by_mdm, "once", !first->many, "not_user",
			 first->not_user, "variants", variants);
	json_object_set_new(data, "since", text_or_null(first->since));
	json_object_set_new(data, "until", text_or_null(first->until));
	return reply_page(reply, req, "payloadtype", data, err);
}

/* ---- API: facts as they are, nested ---- */

static json_t *
fact_json(const struct apple_fact *fact)
{
	json_t *ret = json_pack("{s:s, s:s, s:b}", "name", fact->name, "type", apple_type_name(fact->type), "required",
				fact->required);
	json_t *keys = json_array();

	if (fact->values)
		json_object_set_new(ret, "values", json_string(fact->values));
	if (fact->since)
		json_object_set_new(ret, "since", json_string(fact->since));
	if (fact->until)
		json_object_set_new(ret, "deprecated_since", json_string(fact->until));
	if (fact->preset)
		json_object_set_new(ret, "default", json_string(fact->preset));
	if (fact->format)
		json_object_set_new(ret, "format", json_string(fact->format));
	if (fact->supervised)
		json_object_set_new(ret, "supervised", json_true());
	if (fact->secret)
		json_object_set_new(ret, "secret", json_true());
	for (const struct apple_fact *f = fact->under; f; f = f->next)
		json_array_append_new(keys, fact_json(f));
	if (fact->under)
		json_object_set(ret, "keys", keys);
	json_decref(keys);
	return ret;
}

static json_t *
type_json(struct req *req, const struct apple_fact *fact)
{
	json_t *ret = json_pack("{s:s, s:s, s:b, s:b, s:b, s:b}", "type", fact->name, "label", payload_type_label(req, fact->name),
		"supervised", fact->supervised, "by_mdm_only", fact->by_mdm, "one_on_a_device", !fact->many,
		"not_with_user_enrollment", fact->not_user);

	json_object_set_new(ret, "since", text_or_null(fact->since));
	json_object_set_new(ret, "deprecated_since", text_or_null(fact->until));
	return ret;
}

static bool
api_types(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list = json_array();

	(void)err;
	for (const struct apple_fact *f = payload_facts(), *last = NULL; f; last = f, f = f->next)
		if (!last || strcmp(last->name, f->name) != 0)
			json_array_append_new(list, type_json(req, f));
	return reply_json(reply, 200, json_pack("{s:o}", "payload_types", list));
}

static bool
api_type(struct req *req, struct reply *reply, struct err *err)
{
	const struct apple_fact *fact = find(req, err);
	json_t *ret, *variants;

	if (!fact)
		return false;
	ret = type_json(req, fact);
	variants = json_array();
	for (; fact; fact = payload_fact_next(fact)) {
		json_t *shown = fact_json(fact), *keys = json_object_get(shown, "keys");

		json_array_append_new(variants, json_pack("{s:O?}", "keys", keys));
		json_decref(shown);
	}
	json_object_set_new(ret, "variants", variants);
	return reply_json(reply, 200, ret);
}

const struct route payload_routes[] = {
	{ GET, "/admin/payload-types", WHO_ADMIN, "0", ON_WORKER, get_types, NULL, NULL, "what may stand in a mobileconfig" },
	{ GET, "/admin/payload-types/:type", WHO_ADMIN, "0", ON_WORKER, get_type, NULL, NULL, "the keys of a payload type" },
	{ GET, "/api/v1/payload-types", WHO_ADMIN, "0", ON_WORKER, api_types, NULL, "admin", "what may stand in a mobileconfig" },
	{ GET, "/api/v1/payload-types/:type", WHO_ADMIN, "0", ON_WORKER, api_type, NULL, "admin",
	  "the keys of a payload type: types, values, since which iOS" },
	{ 0 }
};
