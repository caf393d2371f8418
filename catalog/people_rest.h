#pragma once
/*
 * people_rest - people whom no account of ours can look up: who binds as themselves (ldap.user_bind_template without
 * ldap.bind_dn), who comes by a proxy's word, and whose directory is not asked any more.
 *
 * Nobody says when they are disabled there.  So what opens something for them rests once nobody has confirmed them for
 * signin.rest_days: sessions, API tokens, feeds and the links they sent are refused as if they were revoked.  Nothing is
 * taken away: it comes back with their next sign-in.  A link that somebody else sent them does not rest, as it asks for a
 * sign-in where its sender wants one, and neither does what their device shows: management ends that.
 */
#include <jansson.h>
#include "core/db.h"

struct people_rest {
	int64_t days;		/* signin.rest_days; 0: nobody rests */
	bool looked_up;		/* the directory's people are looked up, so that only a proxy's are meant */
};

/* In the transaction of a sign-in or look-up that said it is them; written once an hour at most, and wakes who rests. */
bool people_confirm(struct db *tx, const char *id, struct err *err) CHECKED;

/* Who is to rest does, and who is not to does not; *n: how many rest since now. */
bool people_rest_sweep(struct db *db, const struct people_rest *rest, int64_t *n, struct err *err) CHECKED;

/*
 * [{id, name, begins, ends}] of those who will rest, or do, and have a token that works, a feed or a link that somebody
 * may still use; who rests first, first.
 */
struct people_rest_page {
	const char *person_id;	/* NULL: everybody */
	time_t from;		/* behind this end and this id; at first "" */
	const char *after;
	time_t until;
	int limit;
};
bool people_rest_ending(struct db *db, const struct people_rest *rest, const struct people_rest_page *page, json_t **ret,
			struct err *err) CHECKED;
