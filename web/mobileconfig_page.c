#include "web/mobileconfig_page.h"
#include "catalog/assignment.h"
#include "catalog/desired.h"
#include "core/clock.h"
#include "core/num.h"
#include "mdm/mobileconfig_form.h"
#include "web/audience_form.h"
#include "web/filter_form.h"
#include "web/mobileconfig_show.h"
#include "web/payload_form.h"
#include "web/rooms.h"
#include <stdlib.h>
#include <string.h>

#define DEVICES_SHOWN	100
#define VALUE_SHOWN	200	/* bytes of a value in a difference */
#define PATH_SHOWN	200

/* ---- a list ---- */

bool
mobileconfigs_data(struct req *req, json_t **ret, struct err *err)
{
	json_t *list, *one;
	size_t i;

	if (!mobileconfig_list(req->site->db, NULL, &list, err))
		return false;
	json_array_foreach(json_object_get(list, "items"), i, one) {
		json_object_set_new(one, "url", json_sprintf("/admin/mobileconfigs/%s", text_of(one, "name")));
		json_object_set_new(one, "changed", page_date_of(req, one, "changed"));
	}
	*ret = json_pack("{s:O}", "mobileconfigs", json_object_get(list, "items"));
	json_decref(list);
	return true;
}

/* ---- differences ---- */

static const char *
shown(const json_t *value, char text[VALUE_SHOWN + 8])
{
	char *dump = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	if (dump)
		snprintf(text, VALUE_SHOWN + 8, "%.*s%s", VALUE_SHOWN, dump, strlen(dump) > VALUE_SHOWN ? "…" : "");
	free(dump);
	return value ? text : NULL;
}

/* What is cut inside a letter loses that letter. */
static json_t *
text_json(const char *text)
{
	size_t len = text ? strlen(text) : 0;
	json_t *json = NULL;

	if (!text)
		return json_null();
	for (; len && !(json = json_stringn(text, len)); len--)
		;
	return json ? json : json_string("");
}

static void
add_row(json_t *rows, const char *path, const json_t *before, const json_t *after)
{
	char a[VALUE_SHOWN + 8], b[VALUE_SHOWN + 8];

	json_array_append_new(rows, json_pack("{s:s, s:o, s:o}", "path", path, "before", text_json(shown(before, a)), "after",
					      text_json(shown(after, b))));
}

static void
compare(json_t *rows, const char *path, const json_t *before, const json_t *after)
{
	char below[PATH_SHOWN];
	const char *key;
	json_t *value;

	if (json_equal((json_t *)(uintptr_t)before, (json_t *)(uintptr_t)after))
		return;
	if (!json_is_object(before) || !json_is_object(after)) {
		add_row(rows, path, before, after);
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)before, key, value) {
		snprintf(below, sizeof below, "%s%s%s", path, *path ? " › " : "", key);
		compare(rows, below, value, json_object_get(after, key));
	}
	json_object_foreach((json_t *)(uintptr_t)after, key, value)
		if (!json_object_get(before, key)) {
			snprintf(below, sizeof below, "%s%s%s", path, *path ? " › " : "", key);
			add_row(rows, below, NULL, value);
		}
}

/* Payloads by their ids, so that another order is no change of all of them. */
static json_t *
by_id(const json_t *form)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)form), *payloads = json_object(), *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload)
		json_object_set(payloads, text_of(payload, "id"), payload);
	json_object_del(copy, "payloads");
	json_object_update(copy, payloads);
	json_decref(payloads);
	return copy;
}

/* What is not alike in two forms: [{path, before, after}], each NULL where there is nothing. */
static json_t *
mobileconfig_difference(const json_t *before, const json_t *after)
{
	json_t *rows = json_array(), *a = by_id(before), *b = by_id(after);

	compare(rows, "", a, b);
	json_decref(a);
	json_decref(b);
	return rows;
}

/* ---- parts of one ---- */

static json_t *
payload_rows(struct req *req, const struct kept_mobileconfig *m, const json_t *form)
{
	json_t *rows = json_array(), *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload) {
		const char *name = text_of(payload, "name"), *label = payload_type_label(req, text_of(payload, "type"));

		json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:o, s:o}", "id", text_of(payload, "id"), "name",
			*name ? name : label, "label", label, "url",
			json_sprintf("/admin/mobileconfigs/%s/payloads/%s", m->name, text_of(payload, "id")), "remove_url",
			json_sprintf("/admin/mobileconfigs/%s/payloads/%s/remove", m->name, text_of(payload, "id"))));
	}
	return rows;
}

/* The fields around the payloads, as texts. */
static json_t *
settings_of(const json_t *form)
{
	const json_t *after = json_object_get(form, "remove_after_s");

	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:o}", "title", text_of(form, "name"), "description",
		text_of(form, "description"), "organization", text_of(form, "organization"), "consent",
		text_of(json_object_get(form, "consent"), "default"), "fixed", json_is_false(json_object_get(form, "removable")),
		"has_password", json_object_get(form, "removal_password") != NULL, "remove_on", text_of(form, "remove_on"),
		"expires", text_of(form, "expires"), "remove_days",
		json_is_number(after) ? json_sprintf("%.0f", json_number_value(after) / DAY_S) : json_string(""));
}

static json_t *
assignment_part(struct req *req, const struct kept_mobileconfig *m, const json_t *a, const struct mobileconfig_refused *refused)
{
	const char *id = text_of(a, "id"), *part = *id ? id : "assign";
	bool here = refused && strcmp(refused->where, part) == 0;
	json_t *part_json = audience_rows(req, here && refused->audience ? refused->audience : json_object_get(a, "audience"));

	if (here && refused->typed_audience) {
		json_object_set_new(part_json, "json", json_string(refused->typed_audience));
		json_object_set_new(part_json, "audience_open", json_true());
	}
	json_object_set_new(part_json, "id", json_string(part));
	json_object_set_new(part_json, "people", json_incref(json_object_get(a, "people")));
	json_object_update_new(part_json, filter_part(req, here && refused->devices ? refused->devices : json_object_get(a, "devices"),
						      here ? refused->typed : NULL));
	json_object_set_new(part_json, "url", *id ? json_sprintf("/admin/mobileconfigs/%s/assignments/%s", m->name, id)
						  : json_sprintf("/admin/mobileconfigs/%s/assignments", m->name));
	json_object_set_new(part_json, "remove_url", *id ? json_sprintf("/admin/mobileconfigs/%s/assignments/%s/remove", m->name, id)
							 : json_null());
	json_object_set_new(part_json, "refused", here ? json_string(refused->text) : json_null());
	return part_json;
}

/* Those there are, and one to be filled in. */
static bool
assignment_parts(struct req *req, const struct kept_mobileconfig *m, const struct mobileconfig_refused *refused, json_t *page,
		 struct err *err)
{
	json_t *list, *parts = json_array(), *one, *fresh = json_pack("{s:[], s:i}", "audience", "people", 0);
	size_t i;

	json_object_set_new(page, "assignments", parts);
	json_object_set_new(fresh, "audience", json_pack("{s:[]}", "any"));
	if (!assignment_list(req->site->db, m->name, &list, err)) {
		json_decref(fresh);
		return false;
	}
	json_array_foreach(list, i, one)
		json_array_append_new(parts, assignment_part(req, m, one, refused));
	json_object_set_new(page, "fresh", m->person_id ? json_null() : assignment_part(req, m, fresh, refused));
	json_decref(list);
	json_decref(fresh);
	return true;
}

static bool
version_part(struct req *req, const struct kept_mobileconfig *m, const json_t *form, json_t *page, struct err *err)
{
	const char *asked = req_query(req, "diff");
	int64_t version = 0;
	json_t *versions, *one, *before;
	struct err why;
	size_t i;

	json_object_set_new(page, "difference", json_null());
	if (!mobileconfig_versions(req->site->db, m->id, &versions, err))
		return false;
	json_array_foreach(versions, i, one) {
		int64_t n = json_integer_value(json_object_get(one, "version"));

		json_object_set_new(one, "created", page_moment_of(req, one, "created"));
		json_object_set_new(one, "current", json_boolean(n == m->version));
		json_object_set_new(one, "url", json_sprintf("/admin/mobileconfigs/%s?diff=%lld#difference", m->name, (long long)n));
		json_object_set_new(one, "back_url", json_sprintf("/admin/mobileconfigs/%s/back", m->name));
	}
	json_object_set_new(page, "versions", versions);
	if (!asked || !num_parse(asked, 1, INT64_MAX, &version, &why))
		return true;
	if (!mobileconfig_shown(req, m->id, version, &before, err))
		return err->kind == ERR_MISSING;
	json_object_set_new(page, "difference", json_pack("{s:I, s:I, s:o}", "from", (json_int_t)version, "to",
							  (json_int_t)m->version, "rows", mobileconfig_difference(before, form)));
	json_decref(before);
	return true;
}

json_t *
mobileconfig_device_rows(struct req *req, const json_t *items)
{
	json_t *rows = json_array(), *row, *item;
	const char *state, *name;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)items, i, item) {
		row = json_copy(item);
		state = text_of(item, "state");
		name = text_of(item, "mobileconfig");
		json_object_set_new(row, "removing", json_boolean(strcmp(text_of(item, "goal"), "remove") == 0));
		json_object_set_new(row, "under_way", json_boolean(strcmp(state, "wanted") == 0 || strcmp(state, "queued") == 0 ||
								    strcmp(state, "taken") == 0));
		json_object_set_new(row, "due", page_moment_of(req, item, "due"));
		json_object_set_new(row, "title", json_string(*text_of(item, "title") ? text_of(item, "title") : text_of(item, "identifier")));
		json_object_set_new(row, "url", *text_of(item, "device")
			? json_sprintf("/admin/devices/%s", text_of(item, "device"))
			: *name ? json_sprintf("/admin/mobileconfigs/%s", name) : json_null());
		if (!json_is_string(json_object_get(row, "keeper")))
			json_object_set_new(row, "keeper", json_string(""));
		json_array_append_new(rows, row);
	}
	return rows;
}

static bool
device_part(struct req *req, const struct kept_mobileconfig *m, json_t *page, struct err *err)
{
	const char *next;
	json_t *list;

	if (!desired_of(req->site->db, m->id, NULL, req_query(req, "after"), DEVICES_SHOWN, &list, err))
		return false;
	next = json_string_value(json_object_get(list, "next"));
	json_object_set_new(page, "devices", mobileconfig_device_rows(req, json_object_get(list, "items")));
	json_object_set_new(page, "next_url", next ? json_sprintf("/admin/mobileconfigs/%s?after=%s#h-devices", m->name, next)
						   : json_null());
	json_decref(list);
	return true;
}

/* Is it about this part? */
static json_t *
refused_at(const struct mobileconfig_refused *refused, const char *where)
{
	return refused && strcmp(refused->where, where) == 0 ? json_string(refused->text) : json_null();
}

static bool
add_parts(struct req *req, const struct kept_mobileconfig *m, const struct mobileconfig_refused *refused, const json_t *form,
	  json_t *page, struct err *err)
{
	char *dump = json_dumps(form, JSON_INDENT(1));
	bool typed = refused && refused->typed && strcmp(refused->where, "settings") == 0;
	json_t *groups;

	json_object_set_new(page, "json", json_string(typed ? refused->typed : dump));
	free(dump);
	json_object_set_new(page, "json_open", json_boolean(typed));
	json_object_update_new(page, settings_of(form));
	json_object_set_new(page, "payloads", payload_rows(req, m, form));
	json_object_set_new(page, "types", payload_types(req));
	json_object_set_new(page, "warnings", mobileconfig_form_warnings(form));
	if (!assignment_parts(req, m, refused, page, err) || !version_part(req, m, form, page, err) ||
	    !device_part(req, m, page, err) || !groups_part(req, &groups, err))
		return false;
	json_object_set_new(page, "groups", groups);
	return true;
}

bool
mobileconfig_data(struct req *req, const struct kept_mobileconfig *m, const struct mobileconfig_refused *refused, json_t **ret,
		  struct err *err)
{
	const char *changed = req_query(req, "changed");
	json_t *page, *form;
	bool ok;

	if (!mobileconfig_show(req->site->db, m->name, &page, err))
		return false;
	if (!mobileconfig_shown(req, m->id, 0, &form, err)) {
		json_decref(page);
		return false;
	}
	json_object_set_new(page, "only", json_incref(json_object_get(page, "person")));
	json_object_del(page, "person");	/* on a page that is who looks */
	json_object_set_new(page, "counts", json_incref(json_object_get(page, "devices")));
	json_object_set_new(page, "url", json_sprintf("/admin/mobileconfigs/%s", m->name));
	json_object_set_new(page, "changed", changed && !refused ? json_string(changed) : json_null());
	json_object_set_new(page, "refused_settings", refused_at(refused, "settings"));
	json_object_set_new(page, "refused_payloads", refused_at(refused, "payloads"));
	json_object_set_new(page, "refused_remove", refused_at(refused, "remove"));
	ok = add_parts(req, m, refused, form, page, err);
	json_decref(form);
	if (!ok)
		json_decref(page);
	else
		*ret = page;
	return ok;
}
