/*
 * Who has which of their own mobileconfigs, for IT: with certificate, state and device; and taking one back.
 */
#include "catalog/person_attribute.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/num.h"
#include "mdm/ends.h"
#include "mdm/own_mobileconfig.h"
#include "web/own_rows.h"
#include "web/own_upn.h"
#include "web/rooms.h"
#include <string.h>

#define PAGE_ROWS	50
#define SEARCH_MAX	200
#define LACKING_SHOWN	10

static bool
list(struct req *req, const char *person, int64_t limit, json_t **ret, struct err *err)
{
	const char *q = req_query(req, "q");
	const char *ends = req_query(req, "ends");	/* a day: the week of it, as the watch over what ends links here */
	time_t day = 0;
	struct own_filter filter = { .search = q && strlen(q) <= SEARCH_MAX ? q : NULL, .after = req_query(req, "after"),
					   .person = person && *person ? person : NULL };

	if (ends && *ends) {
		if (!clock_parse(ends, &day, err))
			return false;
		filter.ends_from = ends_week_of(day);
		filter.ends_until = filter.ends_from + 7 * DAY_S;
	}
	return own_list(req->site->db, &filter, limit, ret, err);
}

/* What is revoked already has no button. */
static json_t *
rows_part(struct req *req, const json_t *all)
{
	json_t *rows = own_rows(req, json_object_get(all, "items")), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		json_object_set_new(row, "revoke_url", strcmp(text_of(row, "state"), "revoked") == 0 ? json_null() :
				    json_sprintf("/admin/own/%s/revoke", text_of(row, "id")));
	return rows;
}

static json_t *
reasons_part(void)
{
	static const char *const reasons[] = { "privilegeWithdrawn", "keyCompromise", "cessationOfOperation",
					       "affiliationChanged" };
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		json_array_append_new(list, json_pack("{s:s}", "reason", reasons[i]));
	return list;
}

/* Null, or the people for whom no certificate can be made. */
static bool
lacks_part(struct req *req, json_t **ret, struct err *err)
{
	struct own_upn_lack lack;
	json_t *list, *someone;
	size_t i;

	*ret = NULL;
	if (!own_upn_lacking(req, req->site->db, req->site->sealer, site_conf(req->site), &lack, err))
		return false;
	if (!lack.variable) {
		*ret = json_null();
		return true;
	}
	if (!person_attribute_lackers(req->site->db, lack.variable, LACKING_SHOWN, &list, err))
		return false;
	json_array_foreach(list, i, someone)
		json_object_set_new(someone, "url", json_sprintf("/admin/people/%s", text_of(someone, "id")));
	*ret = json_pack("{s:s, s:s, s:I, s:I, s:b, s:o}", "upn", site_conf(req->site)->own_upn, "variable", lack.variable, "count",
			 (json_int_t)lack.lacking, "all", (json_int_t)lack.people, "others", lack.lacking > LACKING_SHOWN, "people", list);
	return true;
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	const char *q = req_query(req, "q"), *revoked = req_query(req, "revoked"), *ends = req_query(req, "ends");
	json_t *all, *page, *lacks;

	if (!whole_admin(req, err) || !lacks_part(req, &lacks, err))
		return false;
	if (!list(req, NULL, PAGE_ROWS, &all, err)) {
		json_decref(lacks);
		return false;
	}
	page = json_pack("{s:o, s:s?, s:s, s:o, s:s?, s:b, s:s, s:o}", "lacks", lacks, "ends", ends && *ends ? ends : NULL, "q", q ? q : "", "rows", rows_part(req, all),
			 "next_url", page_next(req, "/admin/own", "q ends", all), "revoked", revoked != NULL,
			 "base", strstr(req->site->base_url, "://") + 3, "reasons", reasons_part());
	json_decref(all);
	return reply_page(reply, req, "owned", page, err);
}

static bool
revoke(struct req *req, const char *reason, struct err *err)
{
	return whole_admin(req, err) && own_revoke(req->site->db, person_actor(req, req->person), req_param(req, "id"), NULL,
						   reason && *reason ? reason : "privilegeWithdrawn", err);
}

static bool
post_revoke(struct req *req, struct reply *reply, struct err *err)
{
	return revoke(req, req_form(req, "reason"), err) && reply_see(reply, "/admin/own?revoked=1");
}

/* ---- for programs ---- */

static void
set_moment(json_t *object, const char *key)
{
	const json_t *at = json_object_get(object, key);
	char text[CLOCK_ISO_SIZE];

	if (json_is_integer(at))
		json_object_set_new(object, key, json_string(clock_iso((time_t)json_integer_value(at), text)));
}

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	json_t *all, *item;
	size_t i;

	if (!whole_admin(req, err) || !list(req, req_query(req, "person"), query_limit(req, OWN_PAGE_MAX), &all, err))
		return false;
	json_array_foreach(json_object_get(all, "items"), i, item) {
		json_t *cert = json_object_get(item, "certificate");

		set_moment(item, "created");
		set_moment(item, "changed");
		set_moment(cert, "not_after");
		set_moment(cert, "revoked");
		set_moment(cert, "issued");
	}
	return reply_json(reply, 200, all);
}

static bool
api_revoke(struct req *req, struct reply *reply, struct err *err)
{
	const char *reason = NULL;
	json_t *body;

	return req_json(req, &body, err) && (json_drop_nulls(body), JSON_READ(body, err, { "reason", JSON_IS_TEXT, &reason })) &&
	       revoke(req, reason, err) &&
	       reply_json(reply, 200, json_pack("{s:s, s:s}", "id", req_param(req, "id"), "state", "revoked"));
}

const struct route own_console_routes[] = {
	{ GET,  "/admin/own",             WHO_ADMIN, "0",   ON_WORKER, get_page,    NULL, NULL, "Who has which of their own mobileconfigs" },
	{ POST, "/admin/own/:id/revoke",  WHO_ADMIN, "64K", ON_WORKER, post_revoke, NULL, NULL, "Revoke its certificates: {reason}" },
	{ GET,  "/api/v1/own",            WHO_ADMIN, "0",   ON_WORKER, api_list,    NULL, "devices", "Who has which of their own mobileconfigs: ?person= &q= &after= &limit=" },
	{ POST, "/api/v1/own/:id/revoke", WHO_ADMIN, "64K", ON_WORKER, api_revoke,  NULL, "devices", "Revoke its certificates: {reason}" },
	{ 0 }
};
