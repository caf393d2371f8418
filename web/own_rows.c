#include "web/own_rows.h"
#include "core/clock.h"
#include "mdm/model.h"
#include "web/rooms.h"
#include <string.h>

static const char *
certificate_state(const json_t *cert)
{
	if (json_is_integer(json_object_get(cert, "revoked")))
		return "revoked";
	return json_integer_value(json_object_get(cert, "not_after")) <= clock_now() ? "expired" : "valid";
}

static json_t *
certificate_of(struct req *req, const json_t *cert)
{
	if (!json_is_object(cert))
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:o}", "serial", text_of(cert, "serial"), "url",
			 mem_printf(req, "/admin/ca/certificates/%s", text_of(cert, "sha256")), "state", certificate_state(cert),
			 "until", page_date(req->language, (time_t)json_integer_value(json_object_get(cert, "not_after"))));
}

static const char *
state_of(const json_t *item)
{
	const json_t *cert = json_object_get(item, "certificate");
	const char *state = text_of(item, "state");
	bool good = json_is_object(cert) && strcmp(certificate_state(cert), "valid") == 0;

	if (strcmp(state, "offered") == 0)
		return good ? "issued" : "offered";
	return strcmp(state, "removed") == 0 && (good || json_integer_value(json_object_get(item, "old"))) ? "removed_open" : state;
}

json_t *
own_rows(struct req *req, const json_t *items)
{
	json_t *list = json_array(), *item;
	size_t i;

	json_array_foreach(items, i, item) {
		const char *product = text_of(item, "product"), *model = model_name(product), *name = text_of(item, "device");
		bool managed = json_is_true(json_object_get(item, "managed"));

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:b, s:s?, s:s, s:s, s:I, s:o, s:o}",
			"id", text_of(item, "id"), "person", text_of(item, "person"), "person_id", text_of(item, "person_id"),
			"title", text_of(item, "title"), "device", *name ? name : model ? model : product, "model", model,
			"managed", managed, "device_id", managed ? text_of(item, "device_id") : NULL, "state", state_of(item), "why", text_of(item, "why"),
			"old", json_integer_value(json_object_get(item, "old")),
			"changed", page_moment(req->language, (time_t)json_integer_value(json_object_get(item, "changed"))),
			"certificate", certificate_of(req, json_object_get(item, "certificate"))));
	}
	return list;
}
