/*
 * Everything that ends: the page, its feeds, the API, what Today and the page of one's account say of it.
 *
 * Everybody sees what concerns them: admins all, publishers what is about their apps, and each their own tokens.
 */
#include "catalog/calendar.h"
#include "catalog/ending_reader.h"
#include "core/clock.h"
#include "core/num.h"
#include "mdm/ends.h"
#include "web/endings_page.h"
#include "web/rooms.h"
#include <string.h>

#define DAYS_MAX	(40 * 366)
#define TODAY_ENDINGS	12
#define UNHEARD_MAX	20	/* whom a page names */

struct view {
	const struct endings *all;
	const struct ending **list;	/* of them, what the one who asks may see */
	size_t n;
	time_t now;
};

static void
see(struct req *req, const struct endings *all, struct view *ret)
{
	*ret = (struct view){ .all = all, .now = clock_now(), .list = mem_array(req, const struct ending *, all->n + 1) };
	ret->n = endings_seen(req, all, ret->list);
}

/* The menu of this page counts the same. */
static bool
look_at_all(struct req *req, struct view *ret, struct err *err)
{
	struct endings *all;

	if (!endings_fresh(req, req->site, req->person->id, &all, err))
		return false;
	see(req, all, ret);
	return true;
}

static bool
look(struct req *req, time_t until, struct view *ret, struct err *err)
{
	struct endings *all;

	if (!endings_list_for(req, req->site, req->person->id, until, &all, err))
		return false;
	see(req, all, ret);
	return true;
}

/* ---- who hears nothing ---- */

/* To whom of those who look after something no mail goes; [{name, why}]: "off" they want none, "address" there is
 * none.  *anybody: an admin gets it. */
static bool
unheard(struct req *req, json_t **ret, bool *anybody, struct err *err)
{
	struct ending_reader *readers;
	json_t *list = json_array();
	size_t n;

	*anybody = false;
	if (!ending_readers(req, req->site->db, &readers, &n, err)) {
		json_decref(list);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (readers[i].mails && *readers[i].email)
			*anybody |= readers[i].person->role == ROLE_ADMIN;
		else if (json_array_size(list) < UNHEARD_MAX)
			json_array_append_new(list, json_pack("{s:s, s:s}", "name", readers[i].person->name, "why",
							      readers[i].mails ? "address" : "off"));
	}
	*anybody = *anybody && *site_conf(req->site)->smtp_url;
	*ret = list;
	return true;
}

/* ---- today ---- */

static bool
unheard_todo(struct req *req, json_t *todo, struct err *err)
{
	const char *names = "";
	json_t *list, *one;
	size_t i, n = 0;
	bool anybody;

	if (req->person->role != ROLE_ADMIN)
		return true;
	if (!unheard(req, &list, &anybody, err))
		return false;
	json_array_foreach(list, i, one)
		if (strcmp(text_of(one, "why"), "address") == 0)
			names = mem_printf(req, "%s%s%s", names, n++ ? ", " : "", text_of(one, "name"));
	json_decref(list);
	if (!anybody)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s}", "kind", "endings_unheard", "level", "warning", "url",
						      *site_conf(req->site)->smtp_url ? "/account" : "/admin/sending"));
	else if (n)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:s}", "kind", "endings_no_address", "level", "info", "url",
						      "/admin/expiry", "names", names));
	return true;
}

static json_t *
todo_item(struct req *req, const struct ending *e, time_t now)
{
	json_t *item = page_ending(req, e, now);

	json_object_set_new(item, "kind", json_string("ending"));
	json_object_set_new(item, "app_name", json_null());
	if (!e->href)
		json_object_set_new(item, "url", json_string("/admin/expiry"));
	return item;
}

/* Who ends first, and of many the number. */
static void
add_todo(struct req *req, const struct view *v, json_t *todo)
{
	int64_t n = 0;

	for (size_t i = 0; i < v->n; i++)
		if (ending_needs(v->list[i], v->now) && n++ < TODAY_ENDINGS)
			json_array_append_new(todo, todo_item(req, v->list[i], v->now));
	if (n > TODAY_ENDINGS)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:I}", "kind", "endings_more", "level", "warning", "url",
						      "/admin/expiry", "count", (json_int_t)(n - TODAY_ENDINGS)));
	for (size_t i = 0; i < v->all->failed_n && req->person->role == ROLE_ADMIN; i++)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:s}", "kind", "endings_unknown", "level", "warning", "url",
						      "/admin/expiry", "what", v->all->failed[i]));
}

bool
endings_todo(struct req *req, json_t *todo, struct endings_today *ret, struct err *err)
{
	struct view v;

	if (!look_at_all(req, &v, err))
		return false;
	add_todo(req, &v, todo);
	ret->weeks = page_weeks(req, v.list, v.n, v.now);
	ret->apps = json_object();
	for (size_t i = 0; i < v.n; i++)
		if (v.list[i]->bundle_id && ending_days_left(v.now, v.list[i]->ends) <= ENDING_DAYS)
			json_object_set_new(ret->apps, v.list[i]->bundle_id, json_true());
	return unheard_todo(req, todo, err);
}

/* ---- the page ---- */

/* ?week=2026-11-23: that one alone; 0: all. */
static bool
week_asked(struct req *req, time_t *ret, struct err *err)
{
	const char *week = req_query(req, "week");

	*ret = 0;
	if (!week || !*week)
		return true;
	if (!clock_parse(week, ret, err))
		return false;
	*ret = ends_week_of(*ret);
	return true;
}

static void
fill_rows(struct req *req, const struct view *v, time_t week, json_t *needs, json_t *later, json_t *data)
{
	int64_t left_out = 0;

	for (size_t i = 0; i < v->n; i++) {
		const struct ending *e = v->list[i];
		json_t *list = ending_needs(e, v->now) ? needs : later;

		if (week && (e->ends < week || e->ends >= week + 7 * DAY_S))
			continue;
		if (json_array_size(list) == ENDING_ROWS_MAX)
			left_out++;
		else
			json_array_append_new(list, page_ending(req, e, v->now));
	}
	json_object_set_new(data, "left_out", json_integer(left_out));
}

static bool
feeds_of(struct req *req, json_t **ret, struct err *err)
{
	json_t *feed;
	size_t i;

	if (!calendar_list(req->site->db, req->person, ret, err))
		return false;
	json_array_foreach(*ret, i, feed) {
		json_object_set_new(feed, "revoke_url", json_sprintf("/admin/expiry/feeds/%s/revoke", text_of(feed, "id")));
		json_object_set_new(feed, "created", page_moment_of(req, feed, "created"));
		json_object_set_new(feed, "used", page_moment_of(req, feed, "used"));
	}
	return true;
}

static json_t *
failed_of(struct req *req, const struct endings *all)
{
	json_t *list = json_array();

	for (size_t i = 0; i < all->failed_n && req->person->role == ROLE_ADMIN; i++) {
		const char *what = pages_word(req->site->pages, req->language, mem_printf(req, "ending_%s", all->failed[i]));

		json_array_append_new(list, json_pack("{s:s, s:s}", "what", what ? what : all->failed[i], "why", all->why[i]));
	}
	return list;
}

/* feed: the address of one that has just been made, shown this once; or NULL. */
static bool
page(struct req *req, struct reply *reply, int status, const char *feed, struct err *err)
{
	json_t *feeds = NULL, *unheard_ones = NULL, *data, *needs = json_array(), *later = json_array();
	bool anybody = true;
	time_t week = 0;
	struct view v;

	data = json_pack("{s:o, s:o, s:s?}", "needs", needs, "later", later, "feed_new", feed);
	if (!week_asked(req, &week, err) || !look_at_all(req, &v, err) || !feeds_of(req, &feeds, err) ||
	    (req->person->role == ROLE_ADMIN && !unheard(req, &unheard_ones, &anybody, err))) {
		json_decref(data);
		json_decref(feeds);
		return false;
	}
	fill_rows(req, &v, week, needs, later, data);
	json_object_set_new(data, "weeks", page_weeks(req, v.list, v.n, v.now));
	json_object_set_new(data, "week", week ? page_date(req->language, week) : json_null());
	json_object_set_new(data, "failed", failed_of(req, v.all));
	json_object_set_new(data, "feeds", feeds);
	json_object_set_new(data, "may_make", json_boolean(json_array_size(feeds) < CALENDARS_MAX));
	json_object_set_new(data, "unheard", unheard_ones ? unheard_ones : json_array());
	json_object_set_new(data, "mail", json_boolean(*site_conf(req->site)->smtp_url));
	json_object_set_new(data, "changed", json_boolean(req_query(req, "changed") != NULL));
	return reply_page_status(reply, req, status, "expiry", data, err);
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	return page(req, reply, 200, NULL, err);
}

/* ---- devices whose identity is not renewed ---- */

static bool
get_identities(struct req *req, struct reply *reply, struct err *err)
{
	struct ends_span span = endings_identity_span(req->site, clock_now() + ENDING_EVER_S);
	json_t *list, *data, *device;
	size_t i;

	if (!whole_admin(req, err) ||
	    !ends_identity_list(req->site->db, &span, req_query(req, "after"), ENDS_PAGE_MAX, &list, err))
		return false;
	data = json_pack("{s:O, s:s?}", "devices", json_object_get(list, "items"), "next_url",
			 page_next(req, "/admin/expiry/identities", "", list));
	json_decref(list);
	json_array_foreach(json_object_get(data, "devices"), i, device) {
		json_object_set_new(device, "url", json_sprintf("/admin/devices/%s", text_of(device, "id")));
		json_object_set_new(device, "over", json_boolean(strcmp(text_of(device, "ends"), clock_text(req, clock_now())) <= 0));
		json_object_set_new(device, "ends", page_date_of(req, device, "ends"));
		json_object_set_new(device, "seen", page_moment_of(req, device, "seen"));
	}
	return reply_page(reply, req, "identities", data, err);
}

/* ---- feeds ---- */

static bool
post_feed(struct req *req, struct reply *reply, struct err *err)
{
	char *token;

	return calendar_new(req, req->site->db, req->person, &token, err) &&
	       page(req, reply, 201, mem_printf(req, "%s/expiry/%s" EXPIRY_FEED_SUFFIX, req->site->base_url, token), err);
}

static bool
post_feed_revoke(struct req *req, struct reply *reply, struct err *err)
{
	return calendar_revoke(req->site->db, req->person, req_param(req, "id"), err) &&
	       reply_see(reply, "/admin/expiry?changed=feed");
}

/* ---- one's account ---- */

bool
endings_account(struct req *req, json_t *data, struct err *err)
{
	struct ending_reader reader;

	if (!ending_reader(req, req->site->db, req->person->id, &reader, err))
		return false;
	json_object_set_new(data, "endings", json_pack("{s:b, s:b, s:s, s:s, s:o, s:b}", "mails", reader.mails, "may_address",
		reader.may_address, "email", reader.own_email,
		"known", *reader.own_email ? "" : reader.email, "languages", page_language_choice(reader.language), "saved",
		req_query(req, "saved") != NULL));
	return true;
}

static bool
post_account(struct req *req, struct reply *reply, struct err *err)
{
	const char *email = req_form(req, "email"), *language = req_form(req, "language"), *mails = req_form(req, "mails");
	struct ending_wish wish = { mails && !says_no(mails), email ? email : "", language ? language : "" };

	if (*wish.language)
		wish.language = pages_language(wish.language);
	return ending_reader_set(req->site->db, req->person, &wish, err) && reply_see(reply, "/account?saved=1#endings");
}

/* ---- for programs ---- */

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	const char *days = req_query(req, "days");
	int64_t n, attention = 0;
	json_t *items, *failed;
	struct view v;

	if (!days ? !look_at_all(req, &v, err) : !num_parse(days, 0, DAYS_MAX, &n, err) ||
	    !look(req, clock_now() - clock_now() % DAY_S + (n + 1) * DAY_S, &v, err))
		return false;
	items = json_array();
	for (size_t i = 0; i < v.n; i++) {
		attention += ending_needs(v.list[i], v.now);
		json_array_append_new(items, ending_json(v.list[i], v.now));
	}
	failed = json_array();
	for (size_t i = 0; i < v.all->failed_n && req->person->role == ROLE_ADMIN; i++)
		json_array_append_new(failed, json_string(v.all->failed[i]));
	return reply_json(reply, 200, json_pack("{s:o, s:n, s:I, s:o}", "items", items, "next", "attention",
						(json_int_t)attention, "unknown", failed));
}

static bool
api_identities(struct req *req, struct reply *reply, struct err *err)
{
	struct ends_span span = endings_identity_span(req->site, clock_now() + ENDING_EVER_S);
	json_t *list;

	return whole_admin(req, err) &&
	       ends_identity_list(req->site->db, &span, req_query(req, "after"), query_limit(req, ENDS_PAGE_MAX), &list, err) &&
	       reply_json(reply, 200, list);
}

const struct route expiry_routes[] = {
	{ GET,  "/admin/expiry",                   WHO_PUBLISHER, "0",   ON_WORKER, get_page,         NULL, NULL, "What ends, when, and what is done about it: ?week=" },
	{ GET,  "/admin/expiry/identities",        WHO_ADMIN,     "0",   ON_WORKER, get_identities,   NULL, NULL, "Devices whose identity ends and is not renewed" },
	{ POST, "/admin/expiry/feeds",             WHO_PUBLISHER, "16K", ON_WORKER, post_feed,        NULL, NULL, "Make a calendar feed" },
	{ POST, "/admin/expiry/feeds/:id/revoke",  WHO_PUBLISHER, "16K", ON_WORKER, post_feed_revoke, NULL, NULL, "Revoke a calendar feed" },
	{ GET,  "/expiry/:file",                   WHO_LINK,      "0",   ON_WORKER, expiry_feed,         NULL, NULL, "A calendar feed of what ends: <token>.ics" },
	{ POST, "/account/endings",                WHO_PERSON,    "16K", ON_WORKER, post_account,     NULL, NULL, "Mail about what ends: mails, email, language" },
	{ GET,  "/api/v1/expiry",                  WHO_PERSON,    "0",   ON_WORKER, api_list,         NULL, "read", "What ends, who ends first: ?days=" },
	{ GET,  "/api/v1/expiry/identities",       WHO_ADMIN,     "0",   ON_WORKER, api_identities,   NULL, "devices", "Devices whose identity ends and is not renewed: ?after= &limit=" },
	{ 0 }
};
