/*
 * What every page and /metrics say of what ends.  Listing it asks the database for much: the numbers come from a list
 * that is kept for a minute (web/kept.h).
 */
#include "core/clock.h"
#include "core/log.h"
#include "web/endings_owned.h"
#include "web/kept.h"
#include <string.h>

#define KEEP_MS 60000

static bool
make(void *arg, void **ret, struct err *err)
{
	struct endings *fresh;

	if (!endings_list(NULL, arg, NULL, clock_now() + ENDING_EVER_S, &fresh, err))
		return false;
	*ret = fresh;
	return true;
}

static struct kept *
kept_of(struct site *site)
{
	struct kept *kept;

	pthread_mutex_lock(&site->lock);
	if (!site->endings_now)
		site->endings_now = kept_new(site, &site->lock, KEEP_MS, make, site);
	kept = site->endings_now;
	pthread_mutex_unlock(&site->lock);
	return kept;
}

/* With the site's lock held when it returns true, so that the list stays. */
static bool
hold(struct site *site, bool anew, const struct endings **ret, struct err *err)
{
	const void *all;

	if (!kept_hold(kept_of(site), anew, &all, err))
		return false;
	*ret = all;
	return true;
}

void
endings_forget(struct site *site)
{
	kept_forget(kept_of(site));
}

uint64_t
endings_made(struct site *site)
{
	return kept_made(kept_of(site));
}

static struct endings *
copy_of(TALLOC_CTX *ctx, const struct endings *all)
{
	struct endings *copy = mem_new(ctx, struct endings);

	for (size_t i = 0; i < all->n; i++)
		endings_keep(copy, &all->list[i]);
	copy->failed = mem_array(copy, const char *, all->failed_n + 1);
	copy->why = mem_array(copy, const char *, all->failed_n + 1);
	for (; copy->failed_n < all->failed_n; copy->failed_n++) {
		copy->failed[copy->failed_n] = all->failed[copy->failed_n];
		copy->why[copy->failed_n] = mem_text(copy, all->why[copy->failed_n]);
	}
	return copy;
}

bool
endings_fresh(TALLOC_CTX *ctx, struct site *site, const char *person_id, struct endings **ret, struct err *err)
{
	const struct endings *all;

	if (!hold(site, true, &all, err))
		return false;
	*ret = copy_of(ctx, all);
	pthread_mutex_unlock(&site->lock);
	endings_add_own(*ret, site, person_id, clock_now() + ENDING_EVER_S);
	return true;
}

static bool
is_among(const struct endings *all, const struct ending *e)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].ends == e->ends && all->list[i].source == e->source && strcmp(all->list[i].subject, e->subject) == 0)
			return true;
	return false;
}

/* What is theirs stands in the list where few of its week do; else it is counted here. */
bool
endings_count(struct site *site, const struct person *person, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct endings *mine = mem_new(ctx, struct endings);
	const struct endings *all;
	time_t now = clock_now();

	owned_by(site, NULL, person->id, now + ENDING_EVER_S, mine);
	if (!hold(site, false, &all, err))
		return false;
	*ret = 0;
	for (size_t i = 0; i < all->n; i++)
		*ret += ending_needs(&all->list[i], now) && ending_concerns(&all->list[i], person);
	for (size_t i = 0; i < mine->n; i++)
		*ret += ending_needs(&mine->list[i], now) && ending_concerns(&mine->list[i], person) && !is_among(all, &mine->list[i]);
	pthread_mutex_unlock(&site->lock);
	return true;
}

/* ---- for Prometheus ---- */

static const int within_days[] = { 0, 1, 7, 14, 30, ENDING_DAYS };
#define WITHIN (sizeof within_days / sizeof *within_days)

static void
count_end(int64_t n[WITHIN], time_t *first, time_t ends, int64_t many, time_t now)
{
	*first = *first && *first < ends ? *first : ends;
	for (size_t d = 0; d < WITHIN; d++)
		if (ends <= now || (within_days[d] && ending_days_left(now, ends) <= within_days[d]))
			n[d] += many;
}

/* Those of a week by the day, which is over when they are. */
static void
print_kind(struct buf *soonest, struct buf *within, const struct endings *all, const char *kind, time_t now)
{
	int64_t n[WITHIN] = { 0 };
	time_t first = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct ending *e = &all->list[i];

		if (strcmp(e->source->kind, kind) != 0 || e->quiet)
			continue;
		if (!e->many)
			count_end(n, &first, e->ends, 1, now);
		for (int day = 0; day < 7; day++)
			if (e->of_day[day])
				count_end(n, &first, e->ends + (day + 1) * DAY_S - 1, e->of_day[day], now);
	}
	if (!first)
		return;
	buf_addf(soonest, "pomona_ending_seconds{kind=\"%s\"} %lld\n", kind, (long long)first);
	for (size_t d = 0; d < WITHIN; d++)
		buf_addf(within, "pomona_endings{kind=\"%s\",days=\"%d\"} %lld\n", kind, within_days[d], (long long)n[d]);
}

bool
endings_print(struct site *site, struct buf *out, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct buf soonest, within;
	const struct endings *all;

	buf_init(&soonest, ctx, 64u << 10);
	buf_init(&within, ctx, 64u << 10);
	if (!hold(site, false, &all, err))
		return false;
	for (const struct ending_source *s = ending_sources; s->kind; s++)
		if (s == ending_sources || strcmp(s->kind, s[-1].kind) != 0)
			print_kind(&soonest, &within, all, s->kind, clock_now());
	buf_addf(&within, "# HELP pomona_endings_unknown Kinds of which it cannot be told when they end\n"
		 "# TYPE pomona_endings_unknown gauge\npomona_endings_unknown %zu\n", all->failed_n);
	pthread_mutex_unlock(&site->lock);
	buf_text(out, "# HELP pomona_ending_seconds When the next of its kind ends, seconds since 1970\n"
		 "# TYPE pomona_ending_seconds gauge\n");
	buf_text(out, buf_str(&soonest));
	buf_text(out, "# HELP pomona_endings How many end within so many days; days=\"0\": have ended\n"
		 "# TYPE pomona_endings gauge\n");
	buf_text(out, buf_str(&within));
	return true;
}
