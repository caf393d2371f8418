#include "web/endings_owned.h"
#include "core/clock.h"
#include "mdm/ends.h"
#include <stdlib.h>
#include <string.h>

/* ---- by the week ---- */

struct week {
	time_t monday;
	int64_t n, loud, of_day[7];	/* of_day: those that are not quiet */
	time_t life;		/* the longest of them; of whose beginning is not known, 0 for all */
	bool ageless;
	size_t first[OWNED_NAMED];	/* in `held` */
};

struct owned_weeks {
	const struct ending_source *source;
	struct week *list;
	size_t n;
	struct endings *held;
};

struct owned_weeks *
owned_weeks_new(TALLOC_CTX *ctx, const struct ending_source *source)
{
	struct owned_weeks *weeks = mem_new(ctx, struct owned_weeks);

	weeks->source = source;
	weeks->held = mem_new(weeks, struct endings);
	return weeks;
}

/* They come by their end, or are of some months: it is one of the last. */
static struct week *
week_of(struct owned_weeks *weeks, time_t ends)
{
	time_t monday = ends_week_of(ends);

	for (size_t i = weeks->n; i > 0; i--)
		if (weeks->list[i - 1].monday == monday)
			return &weeks->list[i - 1];
	weeks->list = mem_grow(weeks, weeks->list, struct week, weeks->n + 1);
	weeks->list[weeks->n] = (struct week){ .monday = monday };
	return &weeks->list[weeks->n++];
}

void
owned_weeks_add(struct owned_weeks *weeks, const struct ending *e)
{
	struct week *week = week_of(weeks, e->ends);
	struct ending one = *e;

	one.source = weeks->source;
	week->ageless |= !e->begins;
	if (e->begins && e->ends - e->begins > week->life)
		week->life = e->ends - e->begins;
	if (week->n < OWNED_NAMED && endings_keep(weeks->held, &one))
		week->first[week->n] = weeks->held->n - 1;
	week->of_day[(e->ends - week->monday) / DAY_S] += !e->quiet;
	week->loud += !e->quiet;
	week->n++;
}

static bool
keep_week(const struct owned_weeks *weeks, const struct week *week, enum owned_for what, struct endings *all)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *names = "", *page = weeks->source->week_page;
	char day[11];
	struct ending e = {
		.ends = week->monday, .begins = week->ageless ? 0 : week->monday - week->life, .devices = -1, .people = -1,
		.many = week->n, .doing = what == OWNED_TOLD ? "unheard" : "owners", .unheard = what == OWNED_TOLD,
		.quiet = !week->loud, .source = weeks->source,
	};

	memcpy(e.of_day, week->of_day, sizeof e.of_day);
	for (int64_t i = 0; i < week->n && i < OWNED_NAMED; i++) {
		const char *name = weeks->held->list[week->first[i]].name;

		if (name)
			names = mem_printf(ctx, "%s%s%s", names, *names ? ", " : "", name);
	}
	e.subject = clock_day(week->monday, day);
	e.name = *names ? mem_printf(ctx, "%s%s", names, week->n > OWNED_NAMED ? ", …" : "") : NULL;
	e.href = page ? mem_printf(ctx, "%s%s", page, e.subject) : "/admin/expiry";
	return endings_keep(all, &e);
}

bool
owned_weeks_list(const struct owned_weeks *weeks, enum owned_for what, struct endings *all)
{
	for (size_t i = 0; i < weeks->n; i++) {
		const struct week *week = &weeks->list[i];

		if (what == OWNED_TOLD || week->n > OWNED_NAMED) {
			if (!keep_week(weeks, week, what, all))
				return false;
			continue;
		}
		for (int64_t k = 0; k < week->n; k++)
			if (!endings_keep(all, &weeks->held->list[week->first[k]]))
				return false;
	}
	return true;
}

/* ---- one person's ---- */

struct keep {
	struct endings *all;
	const struct ending_source *source;
};

static bool
keep(void *arg, const struct ending *e)
{
	const struct keep *k = arg;
	struct ending one = *e;

	one.source = k->source;
	return endings_keep(k->all, &one);
}

void
owned_by(struct site *site, const struct ending_source *sources, const char *person_id, time_t until, struct endings *all)
{
	for (const struct ending_source *s = sources ? sources : ending_sources; s->kind; s++) {
		void *scratch SCOPED(mem) = talloc_new(NULL);
		struct err why = { 0 };

		if (s->whom == ENDING_FOR_OWNER && !s->of(scratch, site, person_id, until, keep, &(struct keep){ all, s }, &why))
			endings_failed(all, s->kind, &why);
	}
}

/* ---- who they are ---- */

struct owning {
	struct owners *owners;
	TALLOC_CTX *ctx;
	size_t room;
	time_t from;
};

static bool
own(void *arg, const struct ending *e)
{
	struct owning *o = arg;
	struct owners *owners = o->owners;

	if (!e->person_id || e->ends < o->from || (owners->n && strcmp(owners->ids[owners->n - 1], e->person_id) == 0))
		return true;
	if (owners->n == o->room)
		owners->ids = mem_grow(o->ctx, owners->ids, const char *, o->room = 2 * o->room + 32);
	owners->ids[owners->n++] = mem_text(o->ctx, e->person_id);
	return true;
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
owners_of(TALLOC_CTX *ctx, struct site *site, const struct ending_source *sources, time_t from, time_t until,
	  struct endings *all, struct owners *ret)
{
	struct owners owners = { 0 };
	struct owning o = { &owners, ctx, 0, from };
	size_t n = 0;

	for (const struct ending_source *s = sources ? sources : ending_sources; s->kind; s++) {
		void *scratch SCOPED(mem) = talloc_new(NULL);
		struct err why = { 0 };

		if (s->whom == ENDING_FOR_OWNER && !s->list(scratch, site, until, own, &o, &why))
			endings_failed(all, s->kind, &why);
	}
	if (owners.n)
		qsort(owners.ids, owners.n, sizeof *owners.ids, by_id);
	for (size_t i = 0; i < owners.n; i++)
		if (n == 0 || strcmp(owners.ids[n - 1], owners.ids[i]) != 0)
			owners.ids[n++] = owners.ids[i];
	owners.n = n;
	*ret = owners;
}
