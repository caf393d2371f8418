#include "web/mobileconfig_show.h"
#include "catalog/person_attribute.h"
#include "core/text.h"
#include "mdm/device_list.h"
#include "mdm/mobileconfig_form.h"
#include "web/commanding.h"
#include "web/rooms.h"
#include <string.h>

#define PREVIEW_MAX	FORM_OUT_MAX

/* ---- what was sent ---- */

static char *
lower(TALLOC_CTX *ctx, const char *name)
{
	char *text = mem_text(ctx, name);

	for (char *c = text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	return text;
}

/* "jqsmith" of "jqsmith.mobileconfig"; NULL: it is no such name. */
static const char *
person_of_name(TALLOC_CTX *ctx, const char *name)
{
	size_t len = strlen(name), suffix = strlen(MOBILECONFIG_SUFFIX);

	return len > suffix && strcmp(name + len - suffix, MOBILECONFIG_SUFFIX) == 0 ? mem_textn(ctx, name, len - suffix) : NULL;
}

bool
mobileconfig_take(struct req *req, const struct mobileconfig_sent *sent, bool *created, struct kept_mobileconfig **ret,
		  const char **signer, struct err *err)
{
	struct site *site = req->site;
	const char *name = lower(req, sent->name), *by = NULL;
	struct mobileconfig_put put = { .actor = person_actor(req, req->person), .name = name, .purpose = sent->purpose,
		.person = sent->person, .note = sent->note, .form = sent->form, .base_url = site->base_url };
	struct kept_mobileconfig *before;
	struct err missing;
	json_t *form;

	/* Whose it is was decided when it was made: people are renamed, its name is not. */
	if (!put.person && !mobileconfig_find(req, site->db, name, &before, &missing))
		put.person = person_of_name(req, name);
	if (!put.form) {
		if (!mobileconfig_form_read(req, sent->file, &form, &put.identifier, &by, err))
			return false;
		put.form = json_hold(req, form);
	}
	if (signer)
		*signer = by;
	return mobileconfig_put(req, site->db, site->sealer, &put, created, ret, err);
}

/* ---- shown ---- */

bool
mobileconfig_shown(struct req *req, const char *id, int64_t version, json_t **ret, struct err *err)
{
	json_t *form;

	if (!mobileconfig_read(req, req->site->db, req->site->sealer, id, version, &form, NULL, err))
		return false;
	*ret = mobileconfig_form_masked(form);
	return true;
}

/* ---- preview ---- */

struct previewing {
	TALLOC_CTX *ctx;
	struct values *values;
	json_t *missing;
};

/* What is not known stays as it is written, so that all of it can be seen. */
static const char *
value(void *arg, const char *name)
{
	struct previewing *p = arg;
	const char *known = values_get(p->values, name);
	json_t *item;
	size_t i;

	if (known)
		return known;
	json_array_foreach(p->missing, i, item)
		if (strcmp(json_string_value(item), name) == 0)
			return mem_printf(p->ctx, "%%%s%%", name);
	json_array_append_new(p->missing, json_string(name));
	return mem_printf(p->ctx, "%%%s%%", name);
}

struct whose {
	const char *device_id, *person_id, *person;
	struct form_target target;
};

static bool
find_whose(struct req *req, const char *device_id, const char *person, struct whose *ret, struct err *err)
{
	const json_t *supervised, *owner;
	struct person *p;
	json_t *device;

	*ret = (struct whose){ .device_id = device_id, .target = { NULL, -1 } };
	if (device_id) {
		if (!device_show(req->site->db, device_id, device_silent_s(req), &device, err))
			return false;
		supervised = json_object_get(device, "supervised");
		owner = json_object_get(device, "person");
		ret->target.supervised = json_is_boolean(supervised) ? json_is_true(supervised) : -1;
		ret->target.os_version = *text_of(device, "os_version") ? mem_text(req, text_of(device, "os_version")) : NULL;
		ret->person_id = *text_of(owner, "id") ? mem_text(req, text_of(owner, "id")) : NULL;
		ret->person = mem_text(req, text_of(owner, "name"));
		json_decref(device);
	} else if (person) {
		if (!person_by_name(req, req->site->db, person, &p, err))
			return false;
		ret->person_id = p->id;
		ret->person = p->name;
	}
	return true;
}

/* Where the secrets stand. */
static void
note_masks(const json_t *json, json_t *hidden)
{
	const char *key, *place = json_string_value(json_object_get(json, "$kept"));
	json_t *item;
	size_t i;

	if (place)
		json_array_append_new(hidden, json_string(place));
	json_array_foreach(json, i, item)
		note_masks(item, hidden);
	json_object_foreach((json_t *)(uintptr_t)json, key, item)
		note_masks(item, hidden);
}

static bool
preview_xml(struct req *req, const json_t *form, const char *identifier, struct previewing *p, json_t **hidden,
	    struct buf *xml, struct err *err)
{
	json_t *masked = mobileconfig_form_masked(form), *filled;
	bool ok;

	note_masks(masked, *hidden = json_array());
	json_decref(masked);
	if (!mobileconfig_form_fill(form, value, p, &filled, err))
		return false;
	buf_init(xml, req, PREVIEW_MAX);
	ok = mobileconfig_form_preview(req, filled, identifier, xml, err) && buf_ok(xml, err);
	json_decref(filled);
	return ok;
}

bool
mobileconfig_preview(struct req *req, const struct kept_mobileconfig *m, const char *device_id, const char *person,
		     json_t **ret, struct err *err)
{
	struct previewing p = { .ctx = req };
	json_t *form, *hidden = NULL;
	struct whose whose;
	struct buf xml;

	if (!find_whose(req, device_id, person, &whose, err) ||
	    !mobileconfig_read(req, req->site->db, req->site->sealer, m->id, 0, &form, NULL, err) ||
	    !values_of(req, req->site->db, whose.person_id, device_id, &p.values, err))
		return false;
	p.missing = json_array();
	if (!preview_xml(req, form, m->identifier, &p, &hidden, &xml, err)) {
		json_decref(hidden);
		json_decref(p.missing);
		return false;
	}
	*ret = json_pack("{s:s, s:I, s:s?, s:s?, s:s, s:o, s:o, s:o, s:o, s:b}", "mobileconfig", m->name, "version",
			 (json_int_t)m->version, "device", device_id, "person",
			 whose.person && *whose.person ? whose.person : NULL, "xml", buf_str(&xml), "missing", p.missing, "hidden",
			 hidden, "unfit", mobileconfig_form_unfit(form, &whose.target), "warnings", mobileconfig_form_warnings(form), "secret", mobileconfig_form_secret(form));
	return *ret || err_set(err, ERR_INTERNAL, "a preview cannot be written as JSON");
}
