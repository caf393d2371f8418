#pragma once
/*
 * ending - who is told when that something ends, and that it is once.
 *
 * A notice goes at 60, 30, 14, 7 and 1 days before, by calendar days of UTC; what was slept through goes once, as
 * the nearest of them.  It is owed to a person, for a thing and its date: another date is another ending, and who
 * came later is told what is still ahead.  All that is owed to somebody stands in one mail, at most one a day, and
 * its rows are written in the transaction of that mail.
 */
#include "core/db.h"

#define ENDING_DAYS	60	/* the first notice */
#define ENDING_LATE	7	/* days after the end in which the last notice still goes, if none went before */

struct ending_key {
	const char *kind, *subject;
	time_t begins;		/* 0: not known */
	time_t ends;
};

/* Whole days of the calendar until `at`; negative: it is over. */
int64_t ending_days_left(time_t now, time_t at);

/*
 * The notice that is right for this moment: 60, 30, 14, 7 or 1; 0: none.  What lives shortly is told of late: a
 * notice before the last third of a life is none, since whatever lives 90 days is renewed at 30.
 */
int ending_notice_at(time_t now, time_t begins, time_t ends);

/* ret[i]: the notice of keys[i] that this person is owed now; 0: none, or they have it. */
bool ending_owed(struct db *db, const char *person_id, const struct ending_key *keys, size_t n, int *ret,
		 struct err *err) CHECKED;

struct message_mail;
struct ending_letter {
	const char *person_id;
	const struct ending_key *keys;
	const int *days;	/* of each, as ending_owed said */
	size_t n;
	const struct message_mail *mail;
};

/* The mail and its rows, all or nothing.  ERR_CONFLICT: they were told meanwhile, or have had their mail today. */
bool ending_tell(struct db *db, const struct ending_letter *letter, struct err *err) CHECKED;
bool ending_told_today(struct db *db, const char *person_id, bool *ret, struct err *err) CHECKED;

bool ending_sweep(struct db *db, struct err *err) CHECKED;	/* rows of what is long over */

/* ---- what another system said ---- */
struct ending_known {
	const char *subject, *name;
	time_t ends;		/* 0: it was asked in vain, and the name says why */
	time_t begins;		/* 0: not known */
};

/* The one that is known of this kind, in place of the one before; NULL: it ends never, or does not tell. */
bool ending_know(struct db *db, const char *kind, const struct ending_known *known, struct err *err) CHECKED;
bool ending_knows(TALLOC_CTX *ctx, struct db *db, const char *kind, struct ending_known **ret, struct err *err) CHECKED;
