#include "web/endings.h"
#include "core/clock.h"
#include "web/ending_sources.h"
#include "web/endings_owned.h"
#include "web/page.h"
#include <stdlib.h>
#include <string.h>

#define YEARS_FROM	(2 * 365)	/* days */

const struct ending_source ending_sources[] = {
	{ "provision",             ENDING_FOR_PUBLISHERS, ending_provisions, .whose = ending_provision_devices },
	{ "signature",             ENDING_FOR_PUBLISHERS, ending_signatures, .whose = ending_signature_devices },
	{ "build",                 ENDING_FOR_PUBLISHERS, ending_builds },
	{ "distribution",          ENDING_FOR_PUBLISHERS, ending_distribution, .whose = ending_distribution_devices },
	{ "push",                  ENDING_FOR_ADMINS, ending_push },
	{ "ca",                    ENDING_FOR_ADMINS, ending_ca },
	{ "ca_above",              ENDING_FOR_ADMINS, ending_ca_above },
	{ "ca_before",             ENDING_FOR_ADMINS, ending_ca_before },
	{ "ra",                    ENDING_FOR_ADMINS, ending_ra },
	{ "trusted_ca",            ENDING_FOR_ADMINS, ending_trusted_ca },
	{ "tls",                   ENDING_FOR_ADMINS, ending_tls },	/* several of one kind stand together */
	{ "tls",                   ENDING_FOR_ADMINS, ending_tls_in_front },
	{ "tls",                   ENDING_FOR_ADMINS, ending_tls_devices },
	{ "tls_ca",                ENDING_FOR_ADMINS, ending_tls_ca },
	{ "signing",               ENDING_FOR_ADMINS, ending_signing },
	{ "signing_own",           ENDING_FOR_ADMINS, ending_signing_own },
	{ "identities",            ENDING_FOR_ADMINS, ending_identities, .whose = ending_identity_devices },
	{ "directory_certificate", ENDING_FOR_ADMINS, ending_directory_certificate },
	{ "directory_password",    ENDING_FOR_ADMINS, ending_directory_password },
	{ "own",                   ENDING_FOR_OWNER,  ending_own, ending_own_of, "/admin/own?ends=" },
	{ "token",                 ENDING_FOR_OWNER,  ending_tokens, ending_tokens_of },
	{ "rest",                  ENDING_FOR_OWNER,  ending_rest, ending_rest_of },
	{ 0 }
};

/* ---- listing ---- */

struct gather {
	struct endings *all;
	const struct ending_source *source;
	struct owned_weeks *weeks;	/* of a source of what people own */
};

static const char *const *
copy_list(TALLOC_CTX *ctx, const char *const *list)
{
	const char **copy;
	size_t n = 0;

	while (list && list[n])
		n++;
	if (!n)
		return NULL;
	copy = mem_array(ctx, const char *, n + 1);
	for (size_t i = 0; i < n; i++)
		copy[i] = mem_text(copy, list[i]);
	return copy;
}

bool
endings_keep(struct endings *all, const struct ending *e)
{
	struct ending *copy;

	if (all->n == ENDINGS_MAX)
		return false;
	if (all->n == all->room)
		all->list = mem_grow(all, all->list, struct ending, all->room = 2 * all->room + 32);
	copy = &all->list[all->n++];
	*copy = *e;
	copy->subject = mem_text(all, e->subject);
	copy->name = mem_text(all, e->name);
	copy->bundle_id = mem_text(all, e->bundle_id);
	copy->apps = copy_list(all, e->apps);
	copy->doing = mem_text(all, e->doing ? e->doing : "nothing");
	copy->href = mem_text(all, e->href);
	copy->devices_href = mem_text(all, e->devices_href);
	copy->person_id = mem_text(all, e->person_id);
	return true;
}

static bool
gather(void *arg, const struct ending *e)
{
	struct gather *g = arg;
	struct ending one = *e;

	one.source = g->source;
	if (!g->weeks)
		return endings_keep(g->all, &one);
	owned_weeks_add(g->weeks, &one);
	return true;
}

static int
by_end(const void *a_, const void *b_)
{
	const struct ending *a = a_, *b = b_;

	if (a->ends != b->ends)
		return a->ends < b->ends ? -1 : 1;
	return strcmp(a->source->kind, b->source->kind) ? strcmp(a->source->kind, b->source->kind) : strcmp(a->subject, b->subject);
}

void
endings_failed(struct endings *all, const char *kind, const struct err *why)
{
	char text[520];

	err_text(why, text, sizeof text);
	for (size_t i = 0; i < all->failed_n; i++)
		if (strcmp(all->failed[i], kind) == 0 && strcmp(all->why[i], text) == 0)
			return;
	if (all->failed_n && strcmp(all->failed[all->failed_n - 1], kind) == 0) {
		all->why[all->failed_n - 1] = mem_printf(all, "%s; %s", all->why[all->failed_n - 1], text);
		return;
	}
	all->failed = mem_grow(all, all->failed, const char *, all->failed_n + 1);
	all->why = mem_grow(all, all->why, const char *, all->failed_n + 1);
	all->failed[all->failed_n] = kind;
	all->why[all->failed_n++] = mem_text(all, text);
}

/* Of one kind, subject and end there is one: it has one row of each notice, and one UID in a calendar. */
static void
drop_doubles(struct endings *all)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (n == 0 || by_end(&all->list[n - 1], &all->list[i]) != 0)
			all->list[n++] = all->list[i];
	all->n = n;
}

void
endings_sort(struct endings *all)
{
	if (all->n)
		qsort(all->list, all->n, sizeof *all->list, by_end);
	drop_doubles(all);
}

static bool
list_source(struct site *site, const struct ending_source *source, time_t until, struct endings *all, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct owned_weeks *weeks = source->whom == ENDING_FOR_OWNER ? owned_weeks_new(scratch, source) : NULL;
	struct gather g = { all, source, weeks };
	size_t before = all->n;

	if (source->list(scratch, site, until, gather, &g, err) &&
	    (!weeks || owned_weeks_list(weeks, OWNED_SHOWN, all) || err_set(err, ERR_LIMIT, "more than %d things end", ENDINGS_MAX)))
		return true;
	all->n = before;
	return false;
}

static bool
list(TALLOC_CTX *ctx, struct site *site, const struct ending_source *sources, bool owned, time_t until, struct endings **ret,
     struct err *err)
{
	struct endings *all = mem_new(ctx, struct endings);
	size_t tried = 0, failed = 0;

	for (const struct ending_source *s = sources ? sources : ending_sources; s->kind; s++) {
		struct err why = { 0 };

		if (s->whom == ENDING_FOR_OWNER && !owned)
			continue;
		tried++;
		if (list_source(site, s, until, all, &why))
			continue;
		endings_failed(all, s->kind, &why);
		failed++;
		*err = why;
	}
	if (failed && failed == tried) {
		talloc_free(all);
		return err_at(err, "what ends");
	}
	endings_sort(all);
	*ret = all;
	return true;
}

bool
endings_list(TALLOC_CTX *ctx, struct site *site, const struct ending_source *sources, time_t until, struct endings **ret,
	     struct err *err)
{
	return list(ctx, site, sources, true, until, ret, err);
}

bool
endings_list_house(TALLOC_CTX *ctx, struct site *site, const struct ending_source *sources, time_t until,
		   struct endings **ret, struct err *err)
{
	return list(ctx, site, sources, false, until, ret, err);
}

void
endings_add_own(struct endings *all, struct site *site, const char *person_id, time_t until)
{
	owned_by(site, NULL, person_id, until, all);
	endings_sort(all);
}

bool
endings_list_for(TALLOC_CTX *ctx, struct site *site, const char *person_id, time_t until, struct endings **ret, struct err *err)
{
	if (!list(ctx, site, NULL, true, until, ret, err))
		return false;
	endings_add_own(*ret, site, person_id, until);
	return true;
}

/* ---- for whom, and how urgent ---- */

static bool
is_admin(const struct person *person)
{
	return person->role == ROLE_ADMIN && !person->bundle_id;
}

static bool
publishes(const struct ending *e, const struct person *person)
{
	if (is_admin(person))
		return true;
	for (const char *const *app = e->apps; app && *app; app++)
		if (person_publishes(person, *app))
			return true;
	/* What is about no app in particular is for those who publish every one. */
	return e->bundle_id ? person_publishes(person, e->bundle_id)
			    : person_publishes(person, NULL) && !person->apps && !person->bundle_id;
}

bool
ending_concerns(const struct ending *e, const struct person *person)
{
	if (e->person_id && strcmp(e->person_id, person->id) == 0 && !person->bundle_id)
		return true;
	return e->source->whom == ENDING_FOR_PUBLISHERS ? publishes(e, person) : is_admin(person);
}

bool
ending_tells(const struct ending *e, const struct person *person)
{
	if (e->quiet)
		return false;
	if (e->source->whom == ENDING_FOR_OWNER && !e->unheard)
		return e->person_id && strcmp(e->person_id, person->id) == 0;
	return ending_concerns(e, person);
}

bool
ending_needs(const struct ending *e, time_t now)
{
	/* people are told of their own; somebody is needed where they have not seen to it */
	if (e->many && !e->unheard && ending_days_left(now, e->ends) > ENDING_SOON)
		return false;
	return !e->quiet && (e->ends <= now || ending_notice_at(now, e->begins, e->ends) > 0);
}

const char *
ending_level(const struct ending *e, time_t now)
{
	return !ending_needs(e, now) ? "info" : ending_days_left(now, e->ends) <= ENDING_SOON ? "error" : "warning";
}

/* ---- in words ---- */

static json_t *
count_or_null(int64_t n)
{
	return n < 0 ? json_null() : json_integer(n);
}

json_t *
ending_json(const struct ending *e, time_t now)
{
	char at[CLOCK_ISO_SIZE];

	return json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:I, s:s, s:b, s:o, s:o, s:o, s:I, s:s, s:s?}", "kind", e->source->kind,
			 "subject", e->subject, "name", e->name, "bundle_id", e->bundle_id, "ends", clock_iso(e->ends, at),
			 "days", (json_int_t)ending_days_left(now, e->ends), "level", ending_level(e, now), "needs",
			 ending_needs(e, now), "devices", count_or_null(e->devices), "people", count_or_null(e->people),
			 "builds", e->builds ? json_integer(e->builds) : json_null(), "count", (json_int_t)(e->many ? e->many : 1), "doing", e->doing, "url", e->href);
}

const char *
ending_word(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *e, const char *what)
{
	const char *week = e->many ? "_week" : "";
	const char *word = pages_word(site->pages, language, mem_printf(ctx, "ending_%s%s%s", e->source->kind, week, what));

	return word ? word : e->source->kind;
}

char *
ending_title(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *e, time_t now)
{
	const char *what = ending_word(ctx, site, language, e, ""), *own = mem_printf(ctx, "ending_%s_title", e->source->kind);
	const char *key = e->many ? "ending_week_title" : pages_word(site->pages, language, own) ? own : e->ends <= now ? "ending_over" : "ending_on";
	json_t *at = page_date(language, e->ends), *data;
	char *title;

	data = json_pack("{s:s, s:o, s:I}", "what", e->name && !e->many ? mem_printf(ctx, "%s %s", what, e->name) : what, "at", at,
			 "count", (json_int_t)e->many);
	title = page_say(ctx, site->pages, language, key, data);
	json_decref(data);
	return title;
}

char *
ending_left(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *e, time_t now)
{
	int64_t days = ending_days_left(now, e->ends);
	json_t *data = json_pack("{s:I, s:I}", "days", (json_int_t)days, "years", (json_int_t)(days / 365));
	char *text = page_say(ctx, site->pages, language, e->ends <= now ? "ending_left_none" : days == 0 ? "ending_left_today" :
			      days == 1 ? "ending_left_tomorrow" : days < YEARS_FROM ? "ending_left" : "ending_left_years", data);

	json_decref(data);
	return text;
}

const char *
ending_doing(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *e, time_t now)
{
	const char *doing = strcmp(e->doing, "nothing") == 0 && !ending_needs(e, now) ? "later" : e->doing;
	const char *word = pages_word(site->pages, language, mem_printf(ctx, "ending_doing_%s", doing));

	return word ? word : e->doing;
}

const char *
ending_href(TALLOC_CTX *ctx, const struct ending *e, const struct person *reader)
{
	bool others = e->person_id && strcmp(e->person_id, reader->id) != 0;

	if (others)
		return mem_printf(ctx, "/admin/people/%s", e->person_id);
	return e->devices_href && e->devices > 0 && is_admin(reader) ? e->devices_href : e->href;
}

bool
ending_names_devices(const struct ending *e, const struct person *reader)
{
	return e->source->whose && e->devices > 0 && is_admin(reader);
}

char *
ending_touches(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *e)
{
	const char *text = "";
	const struct { int64_t n; const char *key; } of[] = { { e->devices, "ending_devices" }, { e->people, "ending_people" },
		{ e->builds > 1 ? e->builds : -1, "ending_builds" }, { e->many ? e->many : -1, "ending_many" } };

	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		json_t *data;

		if (of[i].n < 0)
			continue;
		data = json_pack("{s:I}", "count", (json_int_t)of[i].n);
		text = mem_printf(ctx, "%s%s%s", text, *text ? ", " : "", page_say(ctx, site->pages, language, of[i].key, data));
		json_decref(data);
	}
	return mem_text(ctx, text);
}
