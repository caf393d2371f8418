/*
 * Provisions and their renewal: what stops working, when, for whom, and what is being done about it; and where newer
 * ones are handed in.
 */
#include "catalog/provision_keep.h"
#include "catalog/renewal.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "web/endings.h"
#include "web/http.h"
#include "web/ending_sources.h"
#include "web/provision_take.h"
#include "web/rooms.h"
#include <string.h>

#define FILES_MAX	32		/* of one form: a set */
#define SOON_S		(90 * DAY_S)	/* what the page lists as ending */
#define CSV_MAX		(8u << 20)
#define DEVICES_SHOWN	200

static time_t
time_at(const json_t *json, const char *key)
{
	struct err none;
	time_t at;

	return clock_parse(text_of(json, key), &at, &none) ? at : 0;
}

/* ---- API ---- */

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return provision_list(req->site->db, viewer_of(req->person), req_query(req, "after"), query_limit(req, PROVISIONS_PAGE_MAX),
			      &list, err) && reply_json(reply, 200, list);
}

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	json_t *json;

	return provision_show(req->site->db, viewer_of(req->person), req_param(req, "uuid"), &json, err) && reply_json(reply, 200, json);
}

static bool
api_devices(struct req *req, struct reply *reply, struct err *err)
{
	json_t *json, *list;

	if (!whole_admin(req, err) || !provision_show(req->site->db, viewer_of(req->person), req_param(req, "uuid"), &json, err))
		return false;
	json_decref(json);
	return renewal_devices(req->site->db, req_param(req, "uuid"), NULL, req_query(req, "after"), query_limit(req, 500), &list, err) &&
	       reply_json(reply, 200, list);
}

static bool
api_add(struct req *req, struct reply *reply, struct err *err)
{
	json_t *json;

	if (!provision_take(req, req->site->db, site_conf(req->site), req->person, req->body, &json, err))
		return err_at(err, "provision");
	jobs_wake(req->site->jobs);
	return reply_json(reply, json_is_true(json_object_get(json, "fresh")) ? 201 : 200, json);
}

static bool
change(struct req *req, bool paused, struct err *err)
{
	if (!renewal_pause(req->site->db, req->person, req_param(req, "uuid"), paused, err))
		return false;
	endings_forget(req->site);
	jobs_wake(req->site->jobs);
	return true;
}

static bool
api_pause(struct req *req, struct reply *reply, struct err *err)
{
	return change(req, true, err) && api_show(req, reply, err);
}

static bool
api_resume(struct req *req, struct reply *reply, struct err *err)
{
	return change(req, false, err) && api_show(req, reply, err);
}

/* ---- the page ---- */

/* What a form of several files came to. */
struct taken {
	json_t *added, *refused;	/* [{name, app_id, renews, missing[]}], [{file, text}] */
};

static const char *
doing_of(struct req *req, const json_t *ending)
{
	json_int_t anew = json_integer_value(json_object_get(ending, "anew"));
	bool offered = json_integer_value(json_object_get(ending, "offered")) > 0;

	if (strcmp(text_of(ending, "cause"), "certificate") == 0)
		return offered ? "offered" : anew > 0 ? "anew" : "resign";
	if (json_integer_value(json_object_get(ending, "failed")) > 0)
		return "failing";
	if (json_integer_value(json_object_get(ending, "paused")) > 0 || renewal_stands(req->site, ending))
		return "paused";
	if (json_integer_value(json_object_get(ending, "waiting")) > 0)
		return "renewing";
	return offered ? "offered" : anew > 0 ? "anew" : "missing";
}

static bool
missing_of(struct req *req, const json_t *ending, json_t **ret, struct err *err)
{
	json_t *list, *one, *texts = json_array();
	size_t i;

	if (!provision_missing(req->site->db, text_of(ending, "build_id"), &list, err)) {
		json_decref(texts);
		return false;
	}
	json_array_foreach(list, i, one) {
		const char *path = text_of(one, "path"), *slash = strrchr(path, '/');

		json_array_append_new(texts, json_pack("{s:s, s:s, s:s, s:s, s:s}", "inside", slash ? slash + 1 : path, "id",
			text_of(one, "bundle_id"), "why", text_of(one, "why"), "detail", text_of(one, "detail"), "certificate",
			text_of(one, "certificate")));
	}
	json_decref(list);
	*ret = texts;
	return true;
}

static bool
endings_of(struct req *req, json_t **ret, struct err *err)
{
	json_t *list, *shown = json_array(), *e;
	time_t now = clock_now();
	bool ok = true;
	size_t i;

	if (!renewal_endings(req->site->db, viewer_of(req->person), NULL, now + SOON_S, &list, err)) {
		json_decref(shown);
		return false;
	}
	json_array_foreach(list, i, e) {
		json_t *missing = NULL;
		const char *doing = doing_of(req, e);
		bool stands = renewal_stands(req->site, e);
		time_t ends = time_at(e, "ends");

		if (!(ok = missing_of(req, e, &missing, err)))
			break;
		json_array_append_new(shown, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:O, s:O, s:O, s:b, s:s, s:o, s:O, s:s, s:s?, s:O}",
			"app", text_of(e, "app"), "url", mem_printf(req, "/admin/apps/%s/builds/%s", text_of(e, "bundle_id"),
			text_of(e, "build_id")), "version", text_of(e, "version"), "build", text_of(e, "build"),
			"ends", page_date_of(req, e, "ends"), "next", page_date_of(req, e, "next"), "doing", doing,
			"provision", text_of(e, "provision"), "devices", json_object_get(e, "devices"), "waiting",
			json_object_get(e, "waiting"), "failed", json_object_get(e, "failed"), "over", ends <= now, "uuid",
			text_of(e, "uuid"), "missing", missing, "paused", json_object_get(e, stands ? "wanted" : "paused"),
			"paused_by", stands ? "renewal.paused" : text_of(e, "paused_by"), "devices_url", req->person->role == ROLE_ADMIN ? mem_printf(req,
			"/admin/held?build=%s&cause=%s&ends=%s", text_of(e, "build_id"), text_of(e, "cause"), text_of(e, "ends")) : NULL, "anew", json_object_get(e, "anew")));
	}
	json_decref(list);
	if (!ok) {
		json_decref(shown);
		return false;
	}
	*ret = shown;
	return true;
}

static json_t *
row_of(struct req *req, const json_t *p)
{
	time_t at = time_at(p, "expires"), now = clock_now();
	const json_t *paused = json_object_get(p, "paused");

	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:O, s:O, s:O, s:b, s:b, s:o}", "uuid", text_of(p, "uuid"), "name",
		text_of(p, "name"), "app_id", text_of(p, "app_id"), "kind", text_of(p, "kind"), "expires", page_date_of(req, p, "expires"),
		"apps", names_joined(req, json_object_get(p, "apps")), "source", text_of(p, "source"), "devices",
		json_object_get(p, "devices"), "waiting", json_object_get(p, "waiting"), "failed", json_object_get(p, "failed"),
		"over", at <= now, "soon", at > now && at < now + 60 * DAY_S, "stands",
		json_is_object(paused) ? json_pack("{s:s, s:o, s:I}", "by", text_of(paused, "by"), "at", page_date_of(req, paused, "at"),
		"days", (json_int_t)site_conf(req->site)->renewal_days_before) : json_null());
}

static bool
page(struct req *req, struct reply *reply, const struct taken *taken, struct err *err)
{
	json_t *endings, *list, *rows = json_array(), *p;
	const char *next;
	size_t i;
	bool refused = taken && json_array_size(taken->refused) > 0;

	if (!endings_of(req, &endings, err)) {
		json_decref(rows);
		return false;
	}
	if (!provision_list(req->site->db, viewer_of(req->person), req_query(req, "after"), PROVISIONS_PAGE_MAX, &list, err)) {
		json_decref(endings);
		json_decref(rows);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, p)
		json_array_append_new(rows, row_of(req, p));
	next = json_string_value(json_object_get(list, "next"));
	next = next ? mem_printf(req, "/admin/provisions?after=%s", next) : NULL;
	json_decref(list);
	return reply_page_status(reply, req, refused ? 422 : 200, "provisions", json_pack("{s:o, s:o, s:s?, s:o, s:o, s:b, s:b}", "endings", endings,
		"provisions", rows, "next_url", next, "added", taken ? json_incref(taken->added) : json_array(), "refused",
		taken ? json_incref(taken->refused) : json_array(), "paused", site_conf(req->site)->renewal_paused,
		"may_see", req->person->role == ROLE_ADMIN), err);
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	return page(req, reply, NULL, err);
}

static bool
post_page(struct req *req, struct reply *reply, struct err *err)
{
	struct taken t = { json_array(), json_array() };
	bool ok = true;
	struct bytes file;

	for (size_t n = 0; ok && n < FILES_MAX && (file = req_form_files(req, "file", n)).p; n++) {
		struct err why = { 0 };
		json_t *json;

		if (provision_take(req, req->site->db, site_conf(req->site), req->person, file, &json, &why)) {
			const json_t *p = json_object_get(json, "provision");

			json_array_append_new(t.added, json_pack("{s:s, s:s, s:s, s:o, s:I, s:O, s:O}", "name", text_of(p, "name"), "uuid",
				text_of(p, "uuid"), "apps", names_joined(req, json_object_get(p, "apps")), "expires",
				page_date_of(req, p, "expires"), "renews", (json_int_t)json_array_size(json_object_get(json, "renews")),
				"missing", json_object_get(json, "missing"), "fresh", json_object_get(json, "fresh")));
			json_decref(json);
		} else if (why.kind == ERR_INVALID || why.kind == ERR_DENIED) {
			char text[520];

			json_array_append_new(t.refused, json_pack("{s:s}", "text", err_text(&why, text, sizeof text)));
		} else {
			*err = why;
			ok = false;
		}
	}
	jobs_wake(req->site->jobs);
	if (ok && json_array_size(t.added) + json_array_size(t.refused) == 0)
		ok = err_code(err, ERR_INVALID, "no_file", "choose one or more .mobileprovision files");
	ok = ok && page(req, reply, &t, err);
	json_decref(t.added);
	json_decref(t.refused);
	return ok;
}

/* ---- one of them ---- */

static json_t *
device_row(struct req *req, const json_t *d)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:O}", "name", text_of(d, "name"), "url",
			 mem_printf(req, "/admin/devices/%s", text_of(d, "device_id")), "person", text_of(d, "person"), "ends",
			 page_date_of(req, d, "ends"), "state", *text_of(d, "state") ? text_of(d, "state") : "holds", "why", text_of(d, "why"),
			 "attempts", json_object_get(d, "attempts"));
}

/* Names of devices and people are for admins. */
static bool
devices_part(struct req *req, const char *uuid, json_t **ret, const char **next, struct err *err)
{
	json_t *rows = json_array(), *list, *d;
	size_t i;

	*ret = rows;
	*next = NULL;
	if (req->person->role != ROLE_ADMIN)
		return true;
	if (!renewal_devices(req->site->db, uuid, NULL, req_query(req, "after"), DEVICES_SHOWN, &list, err)) {
		json_decref(rows);
		return false;
	}
	json_array_foreach(json_object_get(list, "items"), i, d)
		json_array_append_new(rows, device_row(req, d));
	if (json_is_string(json_object_get(list, "next")))
		*next = mem_printf(req, "/admin/provisions/%s?after=%s", uuid, text_of(list, "next"));
	json_decref(list);
	return true;
}

static bool
get_one(struct req *req, struct reply *reply, struct err *err)
{
	const char *uuid = req_param(req, "uuid"), *next;
	json_t *p, *rows, *covers = json_array(), *certificates = json_array(), *c, *data;
	size_t i;

	if (!provision_show(req->site->db, viewer_of(req->person), uuid, &p, err)) {
		json_decref(covers);
		json_decref(certificates);
		return false;
	}
	if (!devices_part(req, uuid, &rows, &next, err)) {
		json_decref(p);
		json_decref(covers);
		json_decref(certificates);
		return false;
	}
	json_array_foreach(json_object_get(p, "covers"), i, c)
		json_array_append_new(covers, json_pack("{s:s, s:s, s:s, s:s, s:s, s:O, s:O}", "app", text_of(c, "app"), "version",
			text_of(c, "version"), "build", text_of(c, "build"), "path", text_of(c, "path"), "id", text_of(c, "bundle_id"),
			"own", json_object_get(c, "own"), "devices", json_object_get(c, "devices")));
	json_array_foreach(json_object_get(p, "certificates"), i, c)
		json_array_append_new(certificates, json_pack("{s:s, s:o}", "subject", text_of(c, "subject"), "expires",
			page_date_of(req, c, "expires")));
	data = row_of(req, p);
	json_object_set_new(data, "team_id", json_string(text_of(p, "team_id")));
	json_object_set(data, "devices_listed", json_object_get(p, "devices_listed"));
	json_object_set_new(data, "by", json_string(text_of(p, "by")));
	json_object_set_new(data, "created", page_date_of(req, p, "created"));
	json_object_set_new(data, "covers", covers);
	json_object_set_new(data, "certificates", certificates);
	json_object_set_new(data, "who", rows);
	json_object_set_new(data, "next_url", next ? json_string(next) : json_null());
	json_object_set_new(data, "may_pause", json_boolean(renewal_may_pause(req->person, p)));
	json_object_set_new(data, "csv_url", req->person->role == ROLE_ADMIN ? json_sprintf("/admin/provisions/%s/devices.csv", uuid) :
			    json_null());
	json_decref(p);
	return reply_page(reply, req, "provision", data, err);
}

static bool
see(struct req *req, struct reply *reply)
{
	return reply_see(reply, mem_printf(req, "/admin/provisions/%s", req_param(req, "uuid")));
}

static bool
post_pause(struct req *req, struct reply *reply, struct err *err)
{
	return change(req, true, err) && see(req, reply);
}

static bool
post_resume(struct req *req, struct reply *reply, struct err *err)
{
	return change(req, false, err) && see(req, reply);
}

/* ---- as a file ---- */

static void
csv_field(struct buf *out, const char *text, bool last)
{
	buf_csv(out, text, strlen(text));
	buf_text(out, last ? "\r\n" : ",");
}

static bool
reply_csv(struct req *req, struct reply *reply, const char *name, const struct buf *out, struct err *err)
{
	if (!buf_ok(out, err))
		return false;
	reply_header(reply, "Content-Disposition", mem_printf(req, "attachment; filename=\"%s\"", name));
	return reply_bytes(reply, 200, "text/csv; charset=utf-8", (struct bytes){ out->p, out->len });
}

static const char *
number(struct req *req, const json_t *json, const char *key)
{
	return mem_printf(req, "%lld", (long long)json_integer_value(json_object_get(json, key)));
}

static bool
get_csv(struct req *req, struct reply *reply, struct err *err)
{
	static const char *const texts[] = { "app", "bundle_id", "version", "build", "ends", "cause", "next", "path", "uuid", "provision" };
	static const char *const numbers[] = { "devices", "people", "waiting", "failed" };
	json_t *list, *e;
	struct buf out;
	size_t i;

	if (!renewal_endings(req->site->db, viewer_of(req->person), NULL, INT64_MAX, &list, err))
		return false;
	buf_init(&out, req, CSV_MAX);
	buf_text(&out, "app,bundle_id,version,build,ends,cause,next,inside,provision_uuid,provision,devices,people,waiting,failed\r\n");
	json_array_foreach(list, i, e) {
		for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
			csv_field(&out, text_of(e, texts[k]), false);
		for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
			csv_field(&out, number(req, e, numbers[k]), k + 1 == sizeof numbers / sizeof *numbers);
	}
	json_decref(list);
	return reply_csv(req, reply, "provisions.csv", &out, err);
}

static bool
get_devices_csv(struct req *req, struct reply *reply, struct err *err)
{
	static const char *const texts[] = { "device_id", "name", "product", "person", "ends", "next", "state", "why" };
	const char *uuid = req_param(req, "uuid"), *after = NULL;
	json_t *shown, *list, *d;
	struct buf out;
	size_t i;

	if (!whole_admin(req, err) || !provision_show(req->site->db, viewer_of(req->person), uuid, &shown, err))
		return false;
	json_decref(shown);
	buf_init(&out, req, CSV_MAX);
	buf_text(&out, "device,name,model,person,ends,next,state,why\r\n");
	do {
		if (!renewal_devices(req->site->db, uuid, NULL, after, 500, &list, err))
			return false;
		json_array_foreach(json_object_get(list, "items"), i, d)
			for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
				csv_field(&out, text_of(d, texts[k]), k + 1 == sizeof texts / sizeof *texts);
		after = mem_text(req, json_string_value(json_object_get(list, "next")));
		json_decref(list);
	} while (after);
	return reply_csv(req, reply, "devices.csv", &out, err);
}

const struct route provision_routes[] = {
	{ GET,  "/admin/provisions",                   WHO_PUBLISHER, "0",    ON_WORKER, get_page,        NULL, NULL, "What stops working, when, for whom; provisions" },
	{ POST, "/admin/provisions",                   WHO_PUBLISHER, "4M",   ON_WORKER, post_page,       NULL, NULL, "Newer provisions, several files as a set" },
	{ GET,  "/admin/provisions.csv",               WHO_PUBLISHER, "0",    ON_WORKER, get_csv,         NULL, NULL, "The same as a file" },
	{ GET,  "/admin/provisions/:uuid",             WHO_PUBLISHER, "0",    ON_WORKER, get_one,         NULL, NULL, "One provision" },
	{ POST, "/admin/provisions/:uuid/pause",       WHO_PUBLISHER, "16K",  ON_WORKER, post_pause,      NULL, NULL, "Its waves stand still" },
	{ POST, "/admin/provisions/:uuid/resume",      WHO_PUBLISHER, "16K",  ON_WORKER, post_resume,     NULL, NULL, "They go on" },
	{ GET,  "/admin/provisions/:uuid/devices.csv", WHO_ADMIN,     "0",    ON_WORKER, get_devices_csv, NULL, NULL, "Who is to get it or has it" },
	{ GET,  "/api/v1/provisions",                  WHO_PUBLISHER, "0",    ON_WORKER, api_list,        NULL, "read", "Provisions, by end" },
	{ PUT,  "/api/v1/provisions",                  WHO_PUBLISHER, "3M",   ON_WORKER, api_add,         NULL, "upload", "A newer provision: a .mobileprovision as the body" },
	{ GET,  "/api/v1/provisions/:uuid",            WHO_PUBLISHER, "0",    ON_WORKER, api_show,        NULL, "read", "One of them, and what it is for" },
	{ POST, "/api/v1/provisions/:uuid/pause",      WHO_PUBLISHER, "16K",  ON_WORKER, api_pause,       NULL, "upload", "Its waves stand still" },
	{ POST, "/api/v1/provisions/:uuid/resume",     WHO_PUBLISHER, "16K",  ON_WORKER, api_resume,      NULL, "upload", "They go on" },
	{ GET,  "/api/v1/provisions/:uuid/devices",    WHO_ADMIN,     "0",    ON_WORKER, api_devices,     NULL, "devices", "Who is to get it or has it" },
	{ 0 }
};
