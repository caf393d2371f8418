#pragma once
/*
 * invitation - a person is asked, by mail, by SMS or with a link that somebody passes on, to set up a device.
 *
 * The link, /e/<token>, carries no right: it says what will happen and leads to the sign-in, and only the
 * person it was made for gets further, with what their own account may do.  Its token has 128 bits and is
 * made of the invitation's id and the key of install links, so that it can be sent again; the database keeps
 * its hash.  Unknown, expired, revoked and used are one and the same ERR_MISSING.
 *
 * How far one is, is worked out when it is asked for:
 *
 *	waiting -> sent -> delivered (or failed) -> opened -> signed_in -> began -> enrolled
 *
 * from its message and the moments of its steps; `silent` is one that stands and has had no step for some
 * days, and declined, expired and revoked are what they say.  Whoever declined may come back by the same link.
 *
 * Nobody has two that stand, and who has an enrolled device is invited only for "another" one.
 */
#include <jansson.h>
#include "catalog/link.h"

#define INVITATION_NOTE_MAX	500	/* bytes */
#define INVITATION_CHOICE_MAX	10000	/* people of one call */
#define INVITATION_PAGE_MAX	200	/* items of one list */
#define INVITATION_REMIND_JOB	"invitation_remind"	/* args {"invitation": id} */

struct invitation {
	const char *id, *person_id;
	const char *name, *display;	/* the account's, and how people call them: display, else name */
	const char *email, *phone;	/* the person's own; "" where there is none */
	const char *by;			/* "mail", "sms", "link" */
	const char *recipient;		/* typed instead of the person's own; "" */
	const char *language, *note;	/* ""; language: the company's */
	const char *from, *reply_to;	/* who invited; NULL: the command line, or gone */
	bool another, remind;
	int64_t expires, sent, step, reminded, opened, signed_in, declined, began, enrolled, revoked;	/* 0: not */
	const char *state;		/* of the moment */
	bool stands;			/* neither expired nor revoked nor used */
};

/* ---- making them ---- */

/* Who would be invited; `why` NULL: they will, else "disabled", "enrolled", "invited". */
struct invitee {
	const char *person_id, *name, *display, *email, *phone;
	const char *why;
};

/*
 * The people named (by id or name) and those of the groups named (by id or name), each once.  ERR_INVALID
 * names one that is not there, ERR_LIMIT is more than INVITATION_CHOICE_MAX.
 */
bool invitation_choice(TALLOC_CTX *ctx, struct db *db, const char *const *persons, size_t persons_n,
		       const char *const *groups, size_t groups_n, bool another, struct invitee **ret, size_t *n,
		       struct err *err) CHECKED;

struct invitation_terms {
	const char *by, *recipient, *language, *note;	/* "" as in struct invitation */
	bool another;
	int64_t expires;
	int64_t remind;			/* when, if nothing has happened; 0: never */
};
bool invitation_terms_ok(const struct invitation_terms *terms, struct err *err) CHECKED;

/* How who invites is called, and where answers to them go; "" for no address. */
bool invitation_sender(TALLOC_CTX *ctx, struct db *db, const char *person_id, const char **from, const char **reply_to,
		       struct err *err) CHECKED;

struct invitation_draft { const char *id, *token, *hash; };
struct invitation_draft *invitation_draft(TALLOC_CTX *ctx, const struct link_key *key, const char *id);	/* NULL: a new one */

/* `by` NULL: the command line.  *why as in struct invitee, when they are not to be invited any more. */
bool invitation_put(struct db *tx, const char *actor, const struct person *by, const char *person_id,
		    const struct invitation_terms *terms, const struct invitation_draft *draft,
		    const char **why, struct err *err) CHECKED;
/* Its message, in the same transaction or a later one. */
bool invitation_message(struct db *tx, const char *id, const char *message_id, struct err *err) CHECKED;

/* Stands anew for as long as one does; ERR_CONFLICT for one that is revoked or used. */
bool invitation_sent_again(struct db *tx, const char *actor, const char *id, const struct invitation_draft *draft,
			   int64_t expires, struct err *err) CHECKED;
bool invitation_revoke(struct db *db, const char *actor, const char *id, struct err *err) CHECKED;

/* When it is to be reminded; 0: it is not. */
int64_t invitation_remind_due(const struct invitation *invitation, int64_t silent_s);
/* *first false: it was already, or does not stand any more. */
bool invitation_reminded(struct db *tx, const char *id, const struct invitation_draft *draft, bool *first,
			 struct err *err) CHECKED;
bool invitation_remind_at(struct db *tx, const char *id, int64_t at, struct err *err) CHECKED;

/* ---- the invited person ---- */
bool invitation_get(TALLOC_CTX *ctx, struct db *db, const char *id, int64_t silent_s, struct invitation **ret,
		    struct err *err) CHECKED;
bool invitation_open(TALLOC_CTX *ctx, struct db *db, const char *token, struct invitation **ret, struct err *err) CHECKED;
/* The newest that stands; *ret NULL: none. */
bool invitation_of_person(TALLOC_CTX *ctx, struct db *db, const char *person_id, struct invitation **ret,
			  struct err *err) CHECKED;

void invitation_opened(struct db *db, const struct invitation *invitation);	/* written behind */
bool invitation_signed_in(struct db *db, const struct invitation *invitation, struct err *err) CHECKED;
bool invitation_declined(struct db *db, const char *actor, const struct invitation *invitation, struct err *err) CHECKED;

/* For enrollment: the session that came of it, and its end; both inside their transaction.  A session that
 * came of none is no error; ERR_MISSING from the first when it stands no more. */
bool invitation_began(struct db *tx, const char *id, const char *session_id, struct err *err) CHECKED;
bool invitation_enrolled(struct db *tx, const char *session_id, struct err *err) CHECKED;

/* Those that ended INVITATION_KEEP_DAYS ago are forgotten, addresses with them. */
#define INVITATION_KEEP_DAYS 400
bool invitation_sweep(struct db *db, struct err *err) CHECKED;

/* ---- invitation_list.c: for admins ---- */

struct invitation_filter {
	const char *state, *person_id, *group, *search;	/* NULL: any; group by id or name */
	int64_t silent_s;		/* without a step for so long: silent */
};
/*
 * {items[{id,person{id,name,display,email,phone},by,recipient,state,note,from,another,remind,message{state,error},
 * created,expires,sent,reminded,opened,signed_in,declined,began,enrolled,revoked}], next}, newest first; message
 * and moments may be null.
 */
bool invitation_list(struct db *db, const struct invitation_filter *filter, const char *after, int64_t limit,
		     json_t **ret, struct err *err) CHECKED;
bool invitation_show(struct db *db, const char *id, int64_t silent_s, json_t **ret, struct err *err) CHECKED;
bool invitation_counts(struct db *db, int64_t silent_s, json_t **ret, struct err *err) CHECKED;	/* {state: how many} */
/* {items[{id,name,display,email,phone}], next}, by name: who may sign in and has neither a device nor an
 * invitation that stands. */
bool invitation_missing(struct db *db, const char *search, const char *group, const char *after, int64_t limit,
			json_t **ret, struct err *err) CHECKED;
