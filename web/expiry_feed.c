/* The calendar feed of what ends: GET /expiry/<token>.ics, for programs that subscribe to it. */
#include "catalog/calendar.h"
#include "catalog/ending_reader.h"
#include "core/clock.h"
#include "core/secret.h"
#include "web/endings_page.h"
#include "web/ical.h"
#include "web/outbox.h"
#include "web/rooms.h"
#include <string.h>

#define FEED_MAX	(8u << 20)
#define EVENT_MAX	(64u << 10)	/* of one: who ends last is left out of a feed that is full */
#define FEED_PAST_S	(30 * DAY_S)

/* The same for as long as the thing is: a date that moves, moves.  What else of it ends later is told apart by its date. */
static const char *
uid_of(struct req *req, const struct ending *e, json_t *before)
{
	const char *what = mem_printf(req, "%s %s", e->source->kind, e->subject);
	char hash[SECRET_HASH_SIZE];

	if (json_object_get(before, what))
		what = mem_printf(req, "%s %lld", what, (long long)e->ends);
	else
		json_object_set_new(before, what, json_true());
	secret_hash(what, hash);
	return mem_printf(req, "%s-%.16s@%s", e->source->kind, hash, outbox_host(req, site_conf(req->site)));
}

static void
add_event(struct req *req, struct buf *out, const struct ending *e, json_t *before, const char *language, time_t now)
{
	struct site *site = req->site;
	const char *what = ending_word(req, site, language, e, ""), *touches = ending_touches(req, site, language, e);
	const char *href = ending_href(req, e, req->person);
	struct ical_event event = {
		.uid = uid_of(req, e, before), .day = e->ends,
		.summary = mem_printf(req, "%s%s%s", what, e->name ? " " : "", e->name ? e->name : ""),
		.description = mem_printf(req, "%s%s%s\n%s", touches, *touches ? "\n" : "", ending_word(req, site, language, e, "_why"),
					  ending_doing(req, site, language, e, now)),
		.url = href ? mem_printf(req, "%s%s", site->base_url, href) : NULL,
	};

	ical_event(out, &event, now);
}

/* Whoever holds the address: it names no session, and every other address is the same 404. */
bool
expiry_feed(struct req *req, struct reply *reply, struct err *err)
{
	const char *file = req_param(req, "file"), *language;
	size_t len = strlen(file), suffix = strlen(EXPIRY_FEED_SUFFIX);
	time_t now = clock_now();
	const struct ending **list;
	struct ending_reader reader;
	struct endings *all;
	json_t *before;
	struct buf out;
	size_t n;

	if (len <= suffix || strcmp(file + len - suffix, EXPIRY_FEED_SUFFIX) != 0)
		return err_set(err, ERR_MISSING, "no such calendar");
	if (!calendar_open(req, req->site->db, mem_textn(req, file, len - suffix), &req->person, err) ||
	    !ending_reader(req, req->site->db, req->person->id, &reader, err) ||
	    !endings_fresh(req, req->site, req->person->id, &all, err))
		return false;
	list = mem_array(req, const struct ending *, all->n + 1);
	n = endings_seen(req, all, list);
	language = pages_language(*reader.language ? reader.language : site_conf(req->site)->company_language);
	before = json_object();
	buf_init(&out, req, FEED_MAX);
	ical_begin(&out, mem_printf(req, "%s: %s", site_name(req->site), pages_word(req->site->pages, language, "expiry")));
	for (size_t i = 0; i < n && out.len < FEED_MAX - EVENT_MAX; i++)
		if (list[i]->ends > now - FEED_PAST_S)
			add_event(req, &out, list[i], before, language, now);
	ical_end(&out);
	json_decref(before);
	if (!buf_ok(&out, err))
		return false;
	reply_header(reply, "Cache-Control", "private, max-age=3600");
	return reply_bytes(reply, 200, "text/calendar; charset=utf-8", (struct bytes){ out.p, out.len });
}
