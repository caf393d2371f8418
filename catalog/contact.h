#pragma once
/*
 * contact - a tester without an account: a name, an address, a number; and groups of them.
 *
 * Addresses are kept in lower case and numbers in E.164: no two contacts share either.  With a contact
 * go the links that were made for it, and what those links gave.
 */
#include <jansson.h>
#include "catalog/person.h"

#define CONTACT_NAME_MAX	100
#define CONTACT_EMAIL_MAX	254
#define CONTACT_LANGUAGE_MAX	15
#define CONTACT_GROUP_MAX	100	/* bytes of a group's name */
#define CONTACT_PAGE_MAX	200	/* items of one list */
#define CONTACT_CHOICE_MAX	500	/* contacts that one call takes */

struct contact {
	const char *id, *name;
	const char *email, *phone;	/* "" where there is none; one of them is there */
	const char *language;		/* "" is the company's */
	bool quiet;			/* wants no notices of new builds */
};

/* Brings address and number into the form they are kept in; ERR_INVALID says what is wrong. */
bool contact_check(TALLOC_CTX *ctx, struct contact *contact, struct err *err) CHECKED;

/* For names: UTF-8 of 1 to `max` bytes on one line. */
bool contact_words_ok(const char *what, const char *text, size_t max, struct err *err) CHECKED;

/* ERR_CONFLICT when another contact has the address or number. */
bool contact_add(TALLOC_CTX *ctx, struct db *db, const char *actor, const struct contact *contact, char **id,
		 struct err *err) CHECKED;
/*
 * Contacts are everybody's: ERR_DENIED when somebody who is no admin would give another address or number to
 * one, or remove one, who has a link or a device for an app that they do not publish; or would send notices
 * to one who wants none.
 */
bool contact_change(struct db *db, const struct person *person, const struct contact *contact,
		    struct err *err) CHECKED;
bool contact_may_change(struct db *db, const struct person *person, const struct contact *contact,
			struct err *err) CHECKED;	/* the same question, beforehand */
bool contact_remove(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;

/* The one with this address, else this number; a new one when there is none. `contact` was checked. */
bool contact_take(TALLOC_CTX *ctx, struct db *db, const char *actor, const struct contact *contact, char **id,
		  struct err *err) CHECKED;

/* The one that it is, by address or number; NULL: nobody.  ERR_CONFLICT when they are two people's. */
bool contact_match(TALLOC_CTX *ctx, struct db *db, const struct contact *contact, struct contact **ret,
		   struct err *err) CHECKED;
bool contact_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct contact **ret, struct err *err) CHECKED;
bool contact_set_quiet(struct db *db, const char *id, bool quiet, struct err *err) CHECKED;

/*
 * {items[{id,name,email,phone,language,quiet,groups[],created}], next}: in the order of names, those
 * whose name, address or number holds `search` (NULL: all), of one group (NULL: of all).
 */
bool contact_list(struct db *db, const char *search, const char *group, const char *after, int64_t limit,
		  json_t **ret, struct err *err) CHECKED;
bool contact_show(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;	/* the same of one */

/* ---- contact_group.c ---- */
bool contact_group_add(TALLOC_CTX *ctx, struct db *db, const char *actor, const char *name, char **id,
		       struct err *err) CHECKED;
bool contact_group_remove(struct db *db, const char *actor, const char *id, struct err *err) CHECKED;
bool contact_group_put(struct db *db, const char *actor, const char *group, const char *contact, bool in,
		       struct err *err) CHECKED;
/* By the group's name; contact_group_named makes the group when it is new. */
bool contact_group_named(struct db *db, const char *actor, const char *name, const char *contact,
			 struct err *err) CHECKED;
bool contact_in_group(struct db *db, const char *contact, const char *name, bool *ret, struct err *err) CHECKED;
bool contact_group_list(struct db *db, json_t **ret, struct err *err) CHECKED;	/* [{id,name,contacts}] */

/* The contacts named and those of the groups named, each once: ids, ERR_LIMIT beyond CONTACT_CHOICE_MAX. */
bool contact_choice(TALLOC_CTX *ctx, struct db *db, const char *const *contacts, size_t contacts_n,
		    const char *const *groups, size_t groups_n, const char ***ret, size_t *n,
		    struct err *err) CHECKED;
