#include "web/endings_page.h"
#include "core/clock.h"
#include "mdm/ends.h"
#include "web/page.h"
#include <stdio.h>
#include <string.h>

#define WEEK_S		(7 * DAY_S)

size_t
endings_seen(struct req *req, const struct endings *all, const struct ending **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (ending_concerns(&all->list[i], req->person))
			ret[n++] = &all->list[i];
	return n;
}

json_t *
page_ending(struct req *req, const struct ending *e, time_t now)
{
	struct site *site = req->site;
	const char *language = req->language, *what = ending_word(req, site, language, e, "");

	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o, s:s, s:s, s:s, s:s, s:s?}", "kind", e->source->kind, "what", what,
			 "title", ending_title(req, site, language, e, now), "why", ending_word(req, site, language, e, "_why"),
			 "name", e->name, "at", page_date(language, e->ends), "left", ending_left(req, site, language, e, now),
			 "touches", ending_touches(req, site, language, e), "doing", ending_doing(req, site, language, e, now),
			 "level", ending_level(e, now), "url",
			 ending_href(req, e, req->person));
}

/* ---- the calendar ---- */

char *
page_short_day(TALLOC_CTX *ctx, const char *language, time_t at)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { .tm_mday = 1 };

	gmtime_r(&at, &tm);
	if (strcmp(language, "en") == 0)
		return mem_printf(ctx, "%d %.3s", tm.tm_mday, months + 3 * tm.tm_mon);
	if (strcmp(language, "de") == 0)
		return mem_printf(ctx, "%d.%d.", tm.tm_mday, tm.tm_mon + 1);
	if (strcmp(language, "ja") == 0 || strncmp(language, "zh", 2) == 0)
		return mem_printf(ctx, "%d月%d日", tm.tm_mon + 1, tm.tm_mday);
	return mem_printf(ctx, "%d/%d", tm.tm_mday, tm.tm_mon + 1);
}

/* The name of the only one where that is an app's, else the kind where it is one for all. */
static const char *
what_of(struct req *req, const struct ending *const *list, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (list[i]->source != list[0]->source)
			return "";
	if (n == 1 && list[0]->bundle_id && list[0]->name)
		return list[0]->name;
	return n ? ending_word(req, req->site, req->language, list[0], "_short") : "";
}

static const char *
worst_of(const struct ending *const *list, size_t n, time_t now)
{
	const char *worst = "";

	for (size_t i = 0; i < n; i++) {
		const char *level = ending_level(list[i], now);

		if (strcmp(level, "error") == 0)
			return "danger";
		if (strcmp(level, "warning") == 0)
			worst = "warn";
		else if (!*worst)
			worst = "info";
	}
	return worst;
}

/* Of people's own one stands for many. */
static int64_t
count_of(const struct ending *const *list, size_t n)
{
	int64_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += list[i]->many ? list[i]->many : 1;
	return count;
}

json_t *
page_weeks(struct req *req, const struct ending *const *list, size_t n, time_t now)
{
	time_t monday = ends_week_of(now);
	json_t *weeks = json_array();
	size_t at = 0;

	while (at < n && list[at]->ends < monday)
		at++;
	for (int i = 0; i < WEEKS_SHOWN; i++, monday += WEEK_S) {
		size_t from = at;
		char day[11];

		while (at < n && list[at]->ends < monday + WEEK_S)
			at++;
		clock_day(monday, day);
		json_array_append_new(weeks, json_pack("{s:{s:s, s:s}, s:I, s:s, s:s, s:o}", "at", "iso", day, "text",
			page_short_day(req, req->language, monday), "count", (json_int_t)count_of(list + from, at - from), "level",
			worst_of(list + from, at - from, now), "what", what_of(req, list + from, at - from), "url",
			json_sprintf("/admin/expiry?week=%s", day)));
	}
	return weeks;
}
