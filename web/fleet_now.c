#include "web/fleet_now.h"
#include "catalog/fleet.h"
#include "core/clock.h"
#include "web/endings_page.h"
#include "web/kept.h"
#include "web/managed.h"
#include "web/site.h"
#include <string.h>

#define KEEP_MS	60000
#define WEEKS	4
#define DAYS	(7 * WEEKS)

#define SHARE_WIDTH	1000	/* of the picture of devices ... */
#define SHARE_LEAST	8	/* ... and of what is not none in it */
#define SHARE_GAP	4
#define CHART_HEIGHT	160
#define CHART_STEP	25
#define CHART_LEAST	4	/* what its top stands for, at least */

struct fleet_now {
	struct fleet_count count;
	struct fleet_day *days;
	size_t n;
	int64_t first_day;
};

/* ---- the numbers ---- */

static bool
make(void *arg, void **ret, struct err *err)
{
	struct site *site = arg;
	struct fleet_now *fresh = mem_new(NULL, struct fleet_now);

	fresh->first_day = clock_now() / DAY_S - DAYS + 1;
	if (!fleet_count(site->db, site_conf(site)->mdm_silent_days * DAY_S, &fresh->count, err) ||
	    !fleet_installs(fresh, site->db, fresh->first_day, &fresh->days, &fresh->n, err)) {
		talloc_free(fresh);
		return false;
	}
	*ret = fresh;
	return true;
}

static struct kept *
kept_of(struct site *site)
{
	struct kept *kept;

	pthread_mutex_lock(&site->lock);
	if (!site->fleet_now)
		site->fleet_now = kept_new(site, &site->lock, KEEP_MS, make, site);
	kept = site->fleet_now;
	pthread_mutex_unlock(&site->lock);
	return kept;
}

struct day {
	int64_t first, again;
};

/* Of those apps that this person publishes. */
static bool
numbers(struct req *req, struct fleet_count *count, struct day days[DAYS], int64_t *first_day, struct err *err)
{
	const struct fleet_now *now;
	const void *held;

	if (!kept_hold(kept_of(req->site), false, &held, err))
		return false;
	now = held;
	*count = now->count;
	*first_day = now->first_day;
	for (size_t i = 0; i < now->n; i++) {
		const struct fleet_day *d = &now->days[i];

		if (d->day < now->first_day || d->day >= now->first_day + DAYS || !person_publishes(req->person, d->bundle_id))
			continue;
		days[d->day - now->first_day].first += d->first;
		days[d->day - now->first_day].again += d->again;
	}
	pthread_mutex_unlock(&req->site->lock);
	return true;
}

/* ---- devices ---- */

static json_t *
devices_part(struct req *req, const struct fleet_count *c)
{
	const struct { const char *state; int64_t n; } rows[] = { { "current", c->current }, { "updating", c->updating },
								  { "quiet", c->quiet }, { "attention", c->attention } };
	int64_t total = c->current + c->updating + c->quiet + c->attention, shown = 0, x = 0;
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		shown += rows[i].n > 0;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t room = SHARE_WIDTH - shown * (SHARE_LEAST + SHARE_GAP), width = rows[i].n ? SHARE_LEAST + rows[i].n * room / total : 0;

		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:o}", "state", rows[i].state, "count", (json_int_t)rows[i].n,
			"x", (json_int_t)x, "width", (json_int_t)width, "url", json_sprintf("/admin/devices?state=%s",
			strcmp(rows[i].state, "quiet") == 0 ? "silent" : rows[i].state)));
		x += width ? width + SHARE_GAP : 0;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "total", (json_int_t)total, "current", (json_int_t)c->current,
			 "updating", (json_int_t)c->updating, "quiet", (json_int_t)c->quiet, "attention", (json_int_t)c->attention,
			 "silent_days", (json_int_t)site_conf(req->site)->mdm_silent_days, "rows", list);
}

/* ---- installs ---- */

/* 4, 10, 20, 40, 100, ...: what the top of the picture stands for, so that half of it is a number too. */
static int64_t
top_of(int64_t most)
{
	int64_t top = CHART_LEAST, ten = 1;

	while (top < most)
		if (top == 4 * ten)
			top = 10 * ten;
		else if (top == 10 * ten)
			top = 20 * ten;
		else
			top = 40 * ten, ten *= 10;
	return top;
}

static json_t *
bars_of(const struct day days[DAYS], int64_t top)
{
	json_t *bars = json_array();

	for (int i = 0; i < DAYS; i++) {
		int64_t again = days[i].again * CHART_HEIGHT / top, all = (days[i].again + days[i].first) * CHART_HEIGHT / top;

		json_array_append_new(bars, json_pack("{s:i, s:I, s:I, s:I, s:I}", "x", CHART_STEP * i + 4, "again",
			(json_int_t)again, "again_y", (json_int_t)(CHART_HEIGHT - again), "first", (json_int_t)(all - again), "first_y",
			(json_int_t)(CHART_HEIGHT - all)));
	}
	return bars;
}

static json_t *
weeks_of(const char *language, const struct day days[DAYS], int64_t first_day)
{
	json_t *weeks = json_array();

	for (int week = 0; week < WEEKS; week++) {
		struct day sum = { 0 };

		for (int i = 7 * week; i < 7 * week + 7; i++) {
			sum.first += days[i].first;
			sum.again += days[i].again;
		}
		json_array_append_new(weeks, json_pack("{s:o, s:I, s:I}", "at", page_date(language, (first_day + 7 * week) * DAY_S), "first",
						       (json_int_t)sum.first, "again", (json_int_t)sum.again));
	}
	return weeks;
}

static json_t *
installs_part(struct req *req, const struct day days[DAYS], int64_t first_day)
{
	int64_t most = 0, total = 0, top;
	int peak = 0;

	for (int i = 0; i < DAYS; i++) {
		int64_t n = days[i].first + days[i].again;

		total += n;
		if (n > most) {
			most = n;
			peak = i;
		}
	}
	top = top_of(most);
	return json_pack("{s:I, s:I, s:o, s:I, s:I, s:s, s:s, s:s, s:o, s:o}", "total", (json_int_t)total, "most", (json_int_t)most,
		"peak", page_date(req->language, (first_day + peak) * DAY_S), "top", (json_int_t)top, "half", (json_int_t)(top / 2),
		"from", page_short_day(req, req->language, first_day * DAY_S),
		"middle", page_short_day(req, req->language, (first_day + DAYS / 2) * DAY_S),
		"to", page_short_day(req, req->language, (first_day + DAYS - 1) * DAY_S), "bars", bars_of(days, top),
		"weeks", weeks_of(req->language, days, first_day));
}

bool
fleet_today(struct req *req, json_t *data, struct err *err)
{
	struct day days[DAYS] = { { 0, 0 } };
	struct fleet_count count;
	int64_t first_day;

	if (!numbers(req, &count, days, &first_day, err))
		return false;
	json_object_set_new(data, "devices", req->person->role == ROLE_ADMIN && !req->person->bundle_id ? devices_part(req, &count)
											       : json_null());
	json_object_set_new(data, "installs", installs_part(req, days, first_day));
	return true;
}
