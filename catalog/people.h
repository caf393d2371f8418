#pragma once
/*
 * people - everybody, as whoever looks after them sees them: who comes from where, with which role, and
 * how the company's directory or a proxy adds and changes them.
 *
 * Disabled people have no sessions, their tokens and the install links made for them do not work.  Who
 * was disabled by the directory comes back with it; who was disabled by an admin, only by an admin.
 *
 * Two people never share a name: whoever comes second is "anna (2)".  A directory person is known by
 * their external_id, so a rename, a move or a new name changes the row and nothing else.
 */
#include "catalog/directory.h"

#define PEOPLE_PAGE_MAX		200
#define PEOPLE_NAMESAKES_MAX	99

/* ---- from the directory and from proxies ---- */

/* The row is made or brought up to date, groups too.  ERR_DENIED for who an admin has disabled. */
bool people_from_directory(TALLOC_CTX *ctx, struct db *db, const struct directory_person *person,
			   struct person **ret, struct err *err) CHECKED;

/*
 * By a name that a trusted proxy vouches for: the row of that name, made when there is none.  ERR_DENIED where the
 * row of a name that folds alike is none that the proxy means.
 */
bool people_from_proxy(TALLOC_CTX *ctx, struct db *db, const char *name, bool local_login, struct person **ret,
		       struct err *err) CHECKED;
/*
 * Does a vouched name mean the person of this source and name?  Other systems tell letters apart that we take for
 * the same, so a local account is meant by its very name alone, while local accounts may sign in; others but for
 * the case of ASCII letters.
 */
bool people_is_named(const char *source, const char *name, const char *vouched, bool local_login);

/* A page of the directory's people behind `after` (an id, "" begins). */
struct people_known { const char *id, *external_id, *name; };
bool people_known(TALLOC_CTX *ctx, struct db *db, const char *after, struct people_known *ret, size_t most,
		  size_t *n, struct err *err) CHECKED;
/*
 * What the directory says of them now; NULL: gone.  *ended: they were let in before.  Who is disabled there is shut
 * out at once; who is gone or in none of the groups, at the second check in a row, PEOPLE_MISSED_S later or more.
 */
#define PEOPLE_MISSED_S		240
bool people_checked(struct db *db, const char *id, const struct directory_person *person, bool *ended,
		    struct err *err) CHECKED;
/*
 * The same of whom the directory turned away at a sign-in, by their external_id, or where it refused their own bind and
 * said no more than that they are disabled, by the login: it is who last came in by that one.  Nothing, when nobody of the
 * directory is known here by the one or the other.
 */
bool people_turned_away(struct db *db, const struct directory_person *person, bool *ended, struct err *err) CHECKED;
bool people_missed(struct db *db, bool *ret, struct err *err) CHECKED;	/* was anybody, and is due for the second check? */

/* ---- for admins ---- */

struct people_filter {
	const char *search;	/* in name, display name and mail; NULL or "": everybody */
	const char *source;	/* NULL: any */
	bool disabled;		/* those alone */
};
/* {items[{id,name,display,email,source,role,disabled,disabled_by,groups,all_apps,created,resting}], next}, by name */
bool people_list(struct db *db, const struct people_filter *filter, const char *after, int64_t limit,
		 json_t **ret, struct err *err) CHECKED;
/* The same of one, with phone, dn, groups[{id,name,source}], all_apps, apps[], sessions, tokens, locked_until */
bool people_show(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;

/* local_login: whether an admin with a local account counts as one who can still sign in. */
struct people_act {
	const char *actor, *id;
	bool local_login;
};
bool people_set_role(struct db *db, const struct people_act *act, enum role role, struct err *err) CHECKED;
bool people_set_disabled(struct db *db, const struct people_act *act, bool disabled, struct err *err) CHECKED;
bool people_sign_out(struct db *db, const struct people_act *act, struct err *err) CHECKED;
bool people_unlock(struct db *db, const struct people_act *act, struct err *err) CHECKED;
/* Which apps a publisher publishes: all, or those named. */
bool people_set_apps(struct db *db, const struct people_act *act, bool all, const char *const *bundle_ids,
		     size_t n, struct err *err) CHECKED;
/*
 * Where notices, invitations and installs go to; "" takes it away.  ERR_CONFLICT email_of_directory for who is of the
 * directory: its word is the only one.
 */
bool people_set_email(struct db *db, const struct people_act *act, const char *email, struct err *err) CHECKED;
/* A new password for one sign-in, of a local account; belongs to ctx and is shown once. */
bool people_new_password(TALLOC_CTX *ctx, struct db *db, const struct people_act *act, char **password,
			 struct err *err) CHECKED;
