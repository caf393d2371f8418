#pragma once
/*
 * endings_owned - what ends of people's own: as many as there are people, so nobody is shown or told a line of each.
 *
 * Who owns it sees and hears of each of theirs.  Admins see it by the week in which it ends, and hear of it, by the week
 * too, where no mail reaches the owner.  Of a week its number and its first are held, so that any number of them fits.
 */
#include "web/endings.h"

#define OWNED_NAMED	3	/* of a week; so many stand alone where they are shown */

struct owned_weeks;	/* of one source */
struct owned_weeks *owned_weeks_new(TALLOC_CTX *ctx, const struct ending_source *source);
void owned_weeks_add(struct owned_weeks *weeks, const struct ending *ending);	/* copies what it needs */

enum owned_for {
	OWNED_SHOWN,	/* few of a week each alone, with its very end */
	OWNED_TOLD,	/* always the week, so that who comes to it later makes no other ending of it; they are unheard */
};
/* Into `all`; false: it is full. */
bool owned_weeks_list(const struct owned_weeks *weeks, enum owned_for what, struct endings *all);

/* Into `all`: what is this person's of these sources.  What fails hides no other: all->failed. */
void owned_by(struct site *site, const struct ending_source *sources, const char *person_id, time_t until,
	      struct endings *all);

/* Who owns something that ends between the two, once each: an id is what is held of each.  What fails is in all->failed. */
struct owners {
	const char **ids;
	size_t n;
};
void owners_of(TALLOC_CTX *ctx, struct site *site, const struct ending_source *sources, time_t from, time_t until,
	       struct endings *all, struct owners *ret);
