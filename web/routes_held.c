/*
 * Apps on managed devices, joined: which device has which app, which build, under which provision and signing
 * certificate, until when, and what is being done.  The list behind every number of the page Provisions.
 */
#include "catalog/held_list.h"
#include "core/clock.h"
#include "core/json.h"
#include "web/http.h"
#include "web/rooms.h"
#include <string.h>

#define CSV_MAX	(16u << 20)
#define SHOWN	200

/* ---- what is asked for ---- */

#define FILTER "build bundle_id certificate provision cause ends"

static bool
filter_of(struct req *req, struct held_filter *ret, struct err *err)
{
	const char *ends = req_query(req, "ends");
	time_t at = 0;

	if (ends && *ends && !clock_parse(ends, &at, err))
		return err_code(err, ERR_INVALID, "bad_ends", "ends: %s is no moment such as 2026-12-31T00:00:00Z", ends);
	*ret = (struct held_filter){ .build_id = req_query(req, "build"), .bundle_id = req_query(req, "bundle_id"),
		.certificate = req_query(req, "certificate"), .uuid = req_query(req, "provision"), .cause = req_query(req, "cause"),
		.ends = at };
	return true;
}

static bool
find(struct req *req, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	struct held_filter filter;

	return whole_admin(req, err) && filter_of(req, &filter, err) && held_list(req->site->db, &filter, after, limit, ret, err);
}

/* ---- API ---- */

static bool
api_held(struct req *req, struct reply *reply, struct err *err)
{
	json_t *list;

	return find(req, req_query(req, "after"), query_limit(req, HELD_PAGE_MAX), &list, err) && reply_json(reply, 200, list);
}

/* ---- the page ---- */

static json_t *
or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *
row_of(struct req *req, const json_t *item)
{
	const json_t *provision = json_object_get(item, "provision"), *certificate = json_object_get(item, "certificate");
	const char *part = text_of(item, "part"), *slash = strrchr(part, '/'), *name = text_of(provision, "name"), *ends = text_of(item, "ends");
	struct err ignored;
	time_t at = 0;
	bool over = *ends && clock_parse(ends, &at, &ignored) && at <= clock_now();

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:o, s:s, s:o, s:s, s:o, s:o, s:s}",
		"device", text_of(item, "device"), "url", mem_printf(req, "/admin/devices/%s", text_of(item, "device_id")),
		"whose", text_of(item, "person"), "app", text_of(item, "app"), "version", text_of(item, "version"),
		"build", text_of(item, "build"), "build_url", mem_printf(req, "/admin/apps/%s/builds/%s", text_of(item, "bundle_id"),
		text_of(item, "build_id")), "ends", page_date_of(req, item, "ends"), "over", over, "next", page_date_of(req, item, "next"),
		"inside", slash ? slash + 1 : part, "provision", or_null(*name ? name : text_of(provision, "uuid")),
		"provision_url", mem_printf(req, "/admin/provisions/%s", text_of(provision, "uuid")), "certificate",
		or_null(text_of(certificate, "name")), "certificate_ends", page_date_of(req, certificate, "expires"),
		"doing", text_of(item, "doing"));
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	struct held_filter filter;
	json_t *list, *names, *item, *rows, *data;
	size_t i;

	if (!find(req, req_query(req, "after"), SHOWN, &list, err))
		return false;
	if (!filter_of(req, &filter, err) || !held_names(req->site->db, &filter, &names, err)) {
		json_decref(list);
		return false;
	}
	rows = json_array();
	json_array_foreach(json_object_get(list, "items"), i, item)
		json_array_append_new(rows, row_of(req, item));
	data = json_pack("{s:o, s:o, s:b, s:s, s:s?}", "rows", rows, "only", names,
		"filtered", *page_url(req, "", FILTER, NULL, NULL) != '\0',
		"csv_url", page_url(req, "/admin/held.csv", FILTER, NULL, NULL),
		"next_url", page_next(req, "/admin/held", FILTER, list));
	json_decref(list);
	return reply_page(reply, req, "held", data, err);
}

/* ---- as a file ---- */

static void
line(struct buf *out, const json_t *item)
{
	static const char *const ways[][2] = { { "device_id", "" }, { "device", "" }, { "product", "" }, { "person", "" }, { "bundle_id", "" },
		{ "app", "" }, { "version", "" }, { "build", "" }, { "ends", "" }, { "cause", "" }, { "next", "" }, { "part", "" },
		{ "provision", "uuid" }, { "provision", "name" }, { "provision", "expires" }, { "certificate", "sha1" },
		{ "certificate", "name" }, { "certificate", "expires" }, { "doing", "" } };

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		const char *text = *ways[i][1] ? text_of(json_object_get(item, ways[i][0]), ways[i][1]) : text_of(item, ways[i][0]);

		if (i)
			buf_text(out, ",");
		buf_csv(out, text, strlen(text));
	}
	buf_text(out, "\r\n");
}

static bool
get_csv(struct req *req, struct reply *reply, struct err *err)
{
	const char *after = NULL;
	json_t *list, *item;
	struct buf out;
	size_t i;

	buf_init(&out, req, CSV_MAX);
	buf_text(&out, "device_id,device,model,person,bundle_id,app,version,build,ends,cause,next,inside,provision_uuid,provision,"
		 "provision_expires,certificate_sha1,certificate,certificate_expires,doing\r\n");
	do {
		if (!find(req, after, HELD_PAGE_MAX, &list, err))
			return false;
		json_array_foreach(json_object_get(list, "items"), i, item)
			line(&out, item);
		after = json_is_string(json_object_get(list, "next")) ? mem_text(req, text_of(list, "next")) : NULL;
		json_decref(list);
	} while (after);
	if (!buf_ok(&out, err))
		return err_at(err, "more than fits into one file; choose a build");
	reply_header(reply, "Content-Disposition", "attachment; filename=\"apps-on-devices.csv\"");
	return reply_bytes(reply, 200, "text/csv; charset=utf-8", (struct bytes){ out.p, out.len });
}

const struct route held_routes[] = {
	{ GET, "/admin/held",     WHO_ADMIN, "0", ON_WORKER, get_page, NULL, NULL, "Which device has which app, under which provision and certificate, until when" },
	{ GET, "/admin/held.csv", WHO_ADMIN, "0", ON_WORKER, get_csv,  NULL, NULL, "The same as a file" },
	{ GET, "/api/v1/held",    WHO_ADMIN, "0", ON_WORKER, api_held, NULL, "devices", "The same: ?build= bundle_id= certificate= provision= cause= ends=" },
	{ 0 }
};
