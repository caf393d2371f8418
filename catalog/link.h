#pragma once
/*
 * link - what a tester gets by SMS, mail or QR code: /i/<token>, for one recipient and one build (or
 * the newest of one channel).
 *
 * The token has 128 bits.  The database keeps its hash; it is made of the link's id and a key that is
 * not in the database, so that a message can be sent again with the same address.  A PIN is kept as a
 * hash keyed by the token.  Unknown, expired, used up and revoked are one and the same ERR_MISSING.
 *
 * An install is a phone that fetched a manifest, over all of the link's grants; looking and tapping use up
 * nothing.  A phone is a browser that opened the page: a random cookie of that page, kept as a hash.  The same
 * browser is the same phone with the next build, at a second try and from any address; two browsers are two phones
 * behind one address.  A browser that forgets its cookies is a new phone, and the address of a manifest that is handed
 * on from a page counts as the phone that had the page.  Installs without such a cookie count by address and program.
 */
#include "catalog/person.h"

#define LINK_TOKEN_SIZE		23	/* 128 bits in base64url, and NUL */
#define LINK_PIN_DIGITS		6
#define LINK_PIN_TRIES		5	/* wrong ones in a row, then PIN_WAIT_S */
#define LINK_PIN_WAIT_S		900
#define LINK_DAYS_MAX		365
#define LINK_INSTALLS_MAX	100000
#define LINK_PAGE_MAX		200	/* items of one list */

/* Good for one more install: of link l. */
#define LINK_LEFT "(l.installs_max = 0 OR l.installs_max > (SELECT count(*) FROM link_client k WHERE k.link_id = l.id))"

/* A person q whose mail address or number is the one of link l's contact.  Indexed so (0033_links.sql), for which SQLite must
 * not see a column on the other side: it would compare by its affinity, and look at everybody. */
#define LINK_OWNERS_OF_(contact) "contact rc JOIN person q ON ((rc.email <> '' AND lower(q.email) = rc.email || '') OR (rc.phone <> ''" \
	" AND replace(replace(replace(replace(replace(replace(q.phone, ' ', ''), '-', ''), '(', ''), ')', ''), '/', ''), '.', '') = rc.phone || ''))" \
	" WHERE rc.id = " contact
#define LINK_OWNERS_ LINK_OWNERS_OF_("l.contact_id")
/* Whoever has the address or number of the contact with this id (SQL) may not come in any more. */
#define LINK_CONTACT_GONE(contact) "(EXISTS (SELECT 1 FROM " LINK_OWNERS_OF_(contact) " AND q.disabled) AND NOT EXISTS (SELECT 1 FROM " \
	LINK_OWNERS_OF_(contact) " AND NOT q.disabled))"
/* Whoever it is for may not come in any more: of link l. */
#define LINK_OWNER_GONE "(" LINK_CONTACT_GONE("l.contact_id") " OR EXISTS (SELECT 1 FROM person bound WHERE bound.id = l.bound AND bound.disabled))"

/* Withdrawn, or its sender or whoever it is for may not come in any more, or its sender rests: of link l. */
#define LINK_REVOKED "(l.revoked OR EXISTS (SELECT 1 FROM person sender WHERE sender.id = l.person_id AND NOT " PERSON_IS_IN("sender") ")" \
	" OR " LINK_OWNER_GONE ")"

#define LINK_ASKS_SIGN_IN "(l.sign_in OR EXISTS (SELECT 1 FROM app ra WHERE ra.id = l.app_id AND ra.link_sign_in))"
/*
 * May the person with this id (SQL; '' nobody) install by link l?  One with a contact that asks for a sign-in is for the
 * person with the contact's address or number; where there is none, for the first who taps.
 */
#define LINK_ASKS_WHO_ "(l.contact_id IS NOT NULL AND " LINK_ASKS_SIGN_IN ")"
#define LINK_IS_FOR(id) "(NOT " LINK_ASKS_WHO_ " OR CASE WHEN EXISTS (SELECT 1 FROM " LINK_OWNERS_ ") THEN EXISTS (SELECT 1 FROM " \
	LINK_OWNERS_ " AND q.id = " id ") ELSE " id " <> '' AND l.bound IN ('', " id ") END)"

struct link_key { unsigned char bytes[32]; };
void link_key_from(struct bytes secret, struct link_key *ret);	/* of the master key */

/* What a link asks for; a build, or the newest of a channel of an app. */
struct link_terms {
	const char *build_id, *bundle_id, *channel;
	const char *contact_id;		/* NULL: to nobody in particular */
	int64_t expires, installs_max;	/* when; 0: no limit */
	const char *pin;		/* six digits; NULL: none */
	bool sign_in;
};

/* Where a link would lead, as far as they publish it: else ERR_MISSING. */
struct link_aim {
	const char *bundle_id, *app_name;
	const char *build_id;		/* of the moment */
	const char *from, *reply_to;	/* who would send it; "" without an address */
};
bool link_aim(TALLOC_CTX *ctx, struct db *db, const struct person *person, const struct link_terms *terms,
	      struct link_aim **ret, struct err *err) CHECKED;

/* Made outside of a transaction, written inside of one: with what goes out with it. */
struct link_draft {
	struct link_terms terms;
	const char *id, *token, *hash, *pin;
};
bool link_draft(TALLOC_CTX *ctx, const struct link_key *key, const struct link_terms *terms,
		struct link_draft **ret, struct err *err) CHECKED;

/* ERR_MISSING for what they do not publish, ERR_CONFLICT for a build that cannot be installed. */
bool link_put(struct db *tx, const struct person *person, const struct link_draft *draft, struct err *err) CHECKED;

/* The same token again; ERR_CONFLICT when the key is not the one it was made with. */
bool link_token(TALLOC_CTX *ctx, struct db *db, const struct link_key *key, const char *id, char **token,
		struct err *err) CHECKED;

/* A token of 128 bits out of any text: a link's is made of its id. */
char *link_derive(TALLOC_CTX *ctx, const struct link_key *key, const char *what);

/* Of the grant of one install: its page can make it again. */
char *link_tap_token(TALLOC_CTX *ctx, const struct link_key *key, const char *install_id);

struct link {
	const char *id, *app_id, *bundle_id;
	const char *app_name;		/* as build_id has it, not as a channel has it that testers do not see */
	const char *build_id;		/* of the moment; NULL: the channel is empty */
	const char *channel;		/* NULL: to one build */
	const char *contact_id, *contact_name;	/* NULL: to nobody in particular */
	const char *person_id, *from;	/* who sent it, as testers read it; NULL: gone */
	const char *reply_to;		/* their address; "" or NULL: none */
	int64_t expires, installs_max, installs, created, opened;
	bool pin, sign_in;		/* what it asks for before it shows the Install button */
	bool revoked, expired, used_up;
	bool over;			/* any of them */
};

bool link_open(TALLOC_CTX *ctx, struct db *db, const char *token, struct link **ret, struct err *err) CHECKED;

/* Also one that is over: for an install that began while it was not, and for who wants no more notices. */
bool link_find(TALLOC_CTX *ctx, struct db *db, const char *token, struct link **ret, struct err *err) CHECKED;

/* ERR_INVALID "wrong_pin" with how many tries are left, or ERR_RATE while it waits. */
bool link_try_pin(struct db *db, const struct link *link, const char *token, const char *pin, int *left,
		  struct err *err) CHECKED;

void link_opened(struct db *db, const struct link *link);	/* its page was looked at; written behind */

/* Who installs by a link. */
struct link_user {
	const char *client;		/* the phone, as above; else a client as for grant_open */
	bool is_phone;
	const char *person_id;		/* who signed in on its page; NULL: nobody */
};

/* Of one who signed in: ERR_DENIED "not_recipient" when the link is somebody else's. */
bool link_is_for(struct db *db, const struct link *link, const char *person_id, struct err *err) CHECKED;
/* The same when they tap: from then on it is theirs. */
bool link_take(struct db *db, const struct link *link, const char *person_id, struct err *err) CHECKED;

/* In the transaction of a manifest: counts the user, or ERR_MISSING when the link is over for them. */
bool link_use(struct db *tx, const char *id, const struct link_user *user, struct err *err) CHECKED;

/* Is this phone one of the link's installs?  Then it may install by it also when the link is used up. */
bool link_has_phone(struct db *db, const char *id, const char *phone, bool *ret, struct err *err) CHECKED;

/* ---- for its publisher: of others they know nothing ---- */

struct link_filter {
	const char *bundle_id, *build_id, *contact_id;	/* NULL: any; build_id: also by its channels */
};

/*
 * {items[{id,bundle_id,app,build_id,version,build,channel,contact{id,name,email,phone},by,created,expires,
 * installs,installs_max,pin,sign_in,opened,state}], next}, newest first; state: not_opened opened used
 * used_up expired revoked.
 */
bool link_list(struct db *db, const struct person *person, const struct link_filter *filter, const char *after,
	       int64_t limit, json_t **ret, struct err *err) CHECKED;
bool link_show(struct db *db, const struct person *person, const char *id, json_t **ret, struct err *err) CHECKED;
bool link_sent_again(struct db *tx, const struct person *person, const char *id, struct err *err) CHECKED;	/* for the audit */
bool link_revoke(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;
/* Before its build is deleted: one by which it was installed stays, as a revoked one to a channel that the build was in,
 * so that a link like it can be made.  The others go with the build. */
bool link_outlives(struct db *tx, const char *build_id, struct err *err) CHECKED;

/* Do all links of an app ask for a sign-in? */
bool link_rule_set(struct db *db, const struct person *person, const char *bundle_id, bool sign_in,
		   struct err *err) CHECKED;
