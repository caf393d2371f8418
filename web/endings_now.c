/*
 * What every page and /metrics say of what ends.  Listing it asks the database for much: the numbers come from a list
 * that is kept for a minute, and who must have it as it is now gets one that was begun after they asked.  One is made
 * at a time, whoever asks meanwhile: they wait for it, and share it.
 */
#include "core/clock.h"
#include "core/log.h"
#include "web/endings.h"
#include <string.h>

#define KEEP_MS 60000

struct kept {
	struct endings *endings;	/* below this */
	size_t users;			/* whoever has it, the keeper among them */
};

struct endings_now {
	struct kept *kept;	/* NULL: none yet */
	int64_t made_ms;
	uint64_t asked, made;	/* how often it was to be forgotten; and when the kept one was begun */
	bool making;
	pthread_cond_t over;	/* the making */
};

/* ---- with the site's lock ---- */

static void
let_go(struct kept *kept)
{
	if (kept && --kept->users == 0)
		talloc_free(kept);
}

static int
end_now(struct endings_now *now)
{
	let_go(now->kept);
	pthread_cond_destroy(&now->over);
	return 0;
}

static struct endings_now *
now_of(struct site *site)
{
	struct endings_now *now = site->endings_now;

	if (now)
		return now;
	now = site->endings_now = mem_new(site, struct endings_now);
	pthread_cond_init(&now->over, NULL);
	talloc_set_destructor(now, end_now);
	return now;
}

/* While a newer one is made the last one does for a while more. */
static bool
is_enough(const struct endings_now *now, uint64_t asked)
{
	return now->kept && now->made >= asked && clock_ms() - now->made_ms < (now->making ? 2 * KEEP_MS : KEEP_MS);
}

/* Without the lock while it asks. */
static bool
make(struct site *site, struct endings_now *now, struct err *err)
{
	struct kept *kept = mem_new(NULL, struct kept);
	uint64_t asked = now->asked;
	bool ok;

	now->making = true;
	pthread_mutex_unlock(&site->lock);
	ok = endings_list(kept, site, NULL, clock_now() + ENDING_EVER_S, &kept->endings, err);
	pthread_mutex_lock(&site->lock);
	now->making = false;
	pthread_cond_broadcast(&now->over);
	if (!ok) {
		talloc_free(kept);
		return false;
	}
	let_go(now->kept);
	kept->users = 1;
	now->kept = kept;
	now->made = asked;
	now->made_ms = clock_ms();
	return true;
}

/* ---- */

struct loan {
	struct site *site;
	struct kept *kept;
};

static int
end_loan(struct loan *loan)
{
	pthread_mutex_lock(&loan->site->lock);
	let_go(loan->kept);
	pthread_mutex_unlock(&loan->site->lock);
	return 0;
}

/* Until ctx is freed. */
static bool
borrow(TALLOC_CTX *ctx, struct site *site, bool fresh, const struct endings **ret, struct err *err)
{
	struct loan *loan = mem_new(ctx, struct loan);
	struct endings_now *now;
	uint64_t asked;
	bool ok = true;

	pthread_mutex_lock(&site->lock);
	now = now_of(site);
	asked = now->asked += fresh;
	while (ok && !is_enough(now, asked))
		if (now->making)
			pthread_cond_wait(&now->over, &site->lock);
		else
			ok = make(site, now, err);
	if (ok) {
		now->kept->users++;
		*loan = (struct loan){ site, now->kept };
		talloc_set_destructor(loan, end_loan);
		*ret = loan->kept->endings;
	}
	pthread_mutex_unlock(&site->lock);
	return ok;
}

void
endings_forget(struct site *site)
{
	pthread_mutex_lock(&site->lock);
	now_of(site)->asked++;
	pthread_mutex_unlock(&site->lock);
}

bool
endings_fresh(TALLOC_CTX *ctx, struct site *site, const struct endings **ret, struct err *err)
{
	return borrow(ctx, site, true, ret, err);
}

bool
endings_count(struct site *site, const struct person *person, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	time_t now = clock_now();
	const struct endings *all;

	if (!borrow(ctx, site, false, &all, err))
		return false;
	*ret = 0;
	for (size_t i = 0; i < all->n; i++)
		*ret += ending_needs(&all->list[i], now) && ending_concerns(&all->list[i], person);
	return true;
}

/* ---- for Prometheus ---- */

static void
print_kind(struct buf *soonest, struct buf *within, const struct endings *all, const char *kind, time_t now)
{
	static const int days[] = { 0, 1, 7, 14, 30, ENDING_DAYS };
	int64_t n[sizeof days / sizeof *days] = { 0 };
	const struct ending *first = NULL;

	for (size_t i = 0; i < all->n; i++) {
		const struct ending *e = &all->list[i];

		if (strcmp(e->source->kind, kind) != 0 || e->quiet)
			continue;
		first = first ? first : e;
		for (size_t d = 0; d < sizeof days / sizeof *days; d++)
			n[d] += e->ends <= now || (days[d] && ending_days_left(now, e->ends) <= days[d]);
	}
	if (!first)
		return;
	buf_addf(soonest, "pomona_ending_seconds{kind=\"%s\"} %lld\n", kind, (long long)first->ends);
	for (size_t d = 0; d < sizeof days / sizeof *days; d++)
		buf_addf(within, "pomona_endings{kind=\"%s\",days=\"%d\"} %lld\n", kind, days[d], (long long)n[d]);
}

bool
endings_print(struct site *site, struct buf *out, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct buf soonest, within;
	const struct endings *all;

	buf_init(&soonest, ctx, 64u << 10);
	buf_init(&within, ctx, 64u << 10);
	if (!borrow(ctx, site, false, &all, err))
		return false;
	for (const struct ending_source *s = ending_sources; s->kind; s++)
		if (s == ending_sources || strcmp(s->kind, s[-1].kind) != 0)
			print_kind(&soonest, &within, all, s->kind, clock_now());
	buf_addf(&within, "# HELP pomona_endings_unknown Kinds of which it cannot be told when they end\n"
		 "# TYPE pomona_endings_unknown gauge\npomona_endings_unknown %zu\n", all->failed_n);
	buf_text(out, "# HELP pomona_ending_seconds When the next of its kind ends, seconds since 1970\n"
		 "# TYPE pomona_ending_seconds gauge\n");
	buf_text(out, buf_str(&soonest));
	buf_text(out, "# HELP pomona_endings How many end within so many days; days=\"0\": have ended\n"
		 "# TYPE pomona_endings gauge\n");
	buf_text(out, buf_str(&within));
	return true;
}
