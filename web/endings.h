#pragma once
/*
 * endings - one watch over everything that ends: a table of sources, one row a kind.
 *
 * A source lists what it knows of; who sees it, who is told, when, and that it is once, is the watch's.  What it needs
 * besides a row are its words: ending_<kind> (what it is), ending_<kind>_short (in a box of the calendar),
 * ending_<kind>_why (what happens then, and what to do), and ending_doing_<doing>.
 *
 * Nothing is kept of what is listed: what was renewed is gone from the next list, and nobody is told of it.
 */
#include <jansson.h>
#include "catalog/ending.h"
#include "web/site.h"

enum ending_for {
	ENDING_FOR_ADMINS,
	ENDING_FOR_PUBLISHERS,		/* of the app it is about, and admins */
	ENDING_FOR_OWNER,		/* person_id is told, or admins where no mail goes there; admins see it */
};

struct ending {
	const char *subject;		/* what ends: an id, a setting; stays while the thing is the same, renewed or not */
	const char *name;		/* as people call it: "Canteen", "apps.example.com"; NULL: its kind says it all */
	const char *bundle_id;		/* the app it is about; NULL: none, or several */
	const char *const *apps;	/* bundle ids of several, ends with NULL; NULL: none */
	time_t ends;
	int64_t devices, people;	/* whom it touches; -1: does not apply */
	int64_t builds;			/* of the app, so many; 0: does not apply */
	const char *doing;		/* a word of the page: "renewing", "nothing", ...; what is done about it */
	const char *href;		/* of the page where one does something about it; NULL: none */
	const char *devices_href;	/* for an admin, who may see them: the very devices that it touches; NULL: the same page */
	time_t begins;			/* of a certificate or token; 0: not known */
	const char *person_id;		/* whose it is; NULL: the company's */
	bool quiet;			/* sees to itself: it is shown, nobody is told and it needs nobody */
	const struct ending_source *source;	/* set by the watch */
	bool unheard;			/* set while it is told: no mail goes to its owner */
	int64_t many;			/* so many of several owners in the week of `ends`, a Monday; 0: one thing */
	int64_t of_day[7];		/* of those, from Monday on */
};

typedef bool ending_add(void *arg, const struct ending *ending);	/* copies it; false: there are too many */

struct ending_source {
	const char *kind;		/* "provision" */
	enum ending_for whom;
	/* Calls `add` for each that ends before `until`, and for those that ended within the last 90 days. */
	bool (*list)(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err);
	/* ENDING_FOR_OWNER: those of this person alone.  There `list` holds a page of them at a time: they are many. */
	bool (*of)(TALLOC_CTX *ctx, struct site *site, const char *person_id, time_t until, ending_add *add, void *arg,
		   struct err *err);
	const char *week_page;		/* where admins see whose end in the week of the day behind it; NULL: nowhere */
	/* The first of the devices that it touches: [{device, person|null}], at most `most`; NULL: they have no list. */
	bool (*whose)(struct site *site, const struct ending *ending, int64_t most, json_t **ret, struct err *err);
};

extern const struct ending_source ending_sources[];	/* ends with kind NULL; one of a kind that fails hides no other of it */

#define ENDINGS_MAX	20000	/* held at once; of what people own the weeks are held */
#define ENDING_PAST_S	(90 * DAY_S)
#define ENDING_EVER_S	(40LL * 366 * DAY_S)	/* beyond the life of any root */
#define ENDING_SOON	14	/* days: then it is urgent */

struct endings {
	struct ending *list;	/* who ends first, first */
	size_t n;
	const char **failed;	/* kinds that could not be looked at, once each, and why: they hide no other one */
	const char **why;
	size_t failed_n;
	size_t room;
};

/* Of these sources (NULL: ending_sources), before `until`; of what people own see web/endings_owned.h.  False only where
 * nothing can be known at all. */
bool endings_list(TALLOC_CTX *ctx, struct site *site, const struct ending_source *sources, time_t until,
		  struct endings **ret, struct err *err) CHECKED;
/* The same, and each that is this person's own. */
bool endings_list_for(TALLOC_CTX *ctx, struct site *site, const char *person_id, time_t until, struct endings **ret,
		      struct err *err) CHECKED;
/* Without what people own. */
bool endings_list_house(TALLOC_CTX *ctx, struct site *site, const struct ending_source *sources, time_t until,
			struct endings **ret, struct err *err) CHECKED;
bool endings_keep(struct endings *all, const struct ending *ending);	/* copies it; false: there are ENDINGS_MAX */
void endings_sort(struct endings *all);		/* and each once */
void endings_add_own(struct endings *all, struct site *site, const char *person_id, time_t until);	/* what is theirs, and sorts */
void endings_failed(struct endings *all, const char *kind, const struct err *why);

bool ending_concerns(const struct ending *ending, const struct person *person);	/* may they see it? */
bool ending_tells(const struct ending *ending, const struct person *person);	/* are they told of it? */
bool ending_needs(const struct ending *ending, time_t now);	/* somebody: a notice has come due, or it is over */
const char *ending_level(const struct ending *ending, time_t now);	/* "error", "warning"; "info": nobody is needed */

/*
 * What Today, the page, the API and the command line say of one: {kind, subject, name|null, bundle_id|null, ends, days,
 * level, needs, devices|null, people|null, builds|null, count, doing, url|null}; count: how many of people's own, in a week.
 */
json_t *ending_json(const struct ending *ending, time_t now);
/* "Push certificate: ends on 3 December 2026", in the reader's language. */
char *ending_title(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *ending, time_t now);
const char *ending_word(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *ending,
			const char *what);	/* "", "_short", "_why" */
char *ending_left(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *ending, time_t now);	/* "in 14 days" */
const char *ending_doing(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *ending, time_t now);
/* Where this reader sees to it; NULL: nowhere.  What is somebody else's is looked at where they are. */
const char *ending_href(TALLOC_CTX *ctx, const struct ending *ending, const struct person *reader);
bool ending_names_devices(const struct ending *ending, const struct person *reader);	/* by its source's `whose`: admins see devices */
char *ending_touches(TALLOC_CTX *ctx, struct site *site, const char *language, const struct ending *ending);	/* or "" */

/* ---- endings_tell.c: the notices ---- */
#define ENDINGS_JOB	"endings"
/* Tells everybody what they are owed at this moment.  What one of them cannot be told keeps no other waiting. */
bool endings_sweep(struct site *site, const struct ending_source *sources, struct err *err) CHECKED;
bool job_endings(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
/* Where nobody answered there: the look alone is tried again each hour; nobody is told then. */
#define ENDINGS_LOOK_JOB "endings_look"
bool job_endings_look(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool endings_begin(struct site *site, struct err *err) CHECKED;	/* at start: what was slept through */

/* ---- endings_now.c: what every page and /metrics say, from a list that is a minute old, or two while one is made ---- */
bool endings_count(struct site *site, const struct person *person, int64_t *ret, struct err *err) CHECKED;
bool endings_print(struct site *site, struct buf *out, struct err *err) CHECKED;	/* Prometheus text */
void endings_forget(struct site *site);	/* something was renewed: look again */
/* endings_list_for, as it is now and ENDING_EVER_S ahead.  Who asks at the same time shares one list, and has a copy. */
bool endings_fresh(TALLOC_CTX *ctx, struct site *site, const char *person_id, struct endings **ret, struct err *err) CHECKED;
uint64_t endings_made(struct site *site);	/* lists so far; for tests that they are shared */

/* ---- routes_expiry.c ---- */
struct endings_today {
	json_t *weeks;	/* the calendar, as page_weeks */
	json_t *apps;	/* {bundle id: true} of those that the watch speaks of: their builds need not */
};
/* What Today says: rows for its list, and the rest, which is the caller's (NULL: none yet). */
bool endings_todo(struct req *req, json_t *todo, struct endings_today *ret, struct err *err) CHECKED;
bool endings_account(struct req *req, json_t *data, struct err *err) CHECKED;	/* the part of one's account */

struct ends_span;
struct ends_span endings_identity_span(struct site *site, time_t until);
