#pragma once
/*
 * directory - the company's people, asked over LDAP: is this their password, who are they, in which
 * groups?  Active Directory and anything that speaks LDAPv3 with entryUUID.
 *
 * A person is known by objectGUID or entryUUID: never by mail, which many may write themselves, and
 * never by DN, which changes when they marry or move.  Each call takes as long as a directory takes
 * (DIRECTORY_WHOLE_MS at most, but for directory_check): never on an I/O thread, never inside a
 * transaction.
 *
 * A server that cannot be reached, refuses our own account or says what makes no sense is ERR_UPSTREAM:
 * nothing is known then, of nobody, and nothing must be changed because of it.
 *
 * One `struct directory` serves all threads.  Its text for the log names hosts; people at the sign-in
 * page are not told those.
 */
#include "catalog/group.h"
#include "core/conf.h"

#define DIRECTORY_NAME_MAX	256	/* bytes of a name as typed */
#define DIRECTORY_PASSWORD_MAX	1024
#define DIRECTORY_URLS_MAX	8
#define DIRECTORY_CONNECT_MS	5000	/* a server: resolved, connected, TLS */
#define DIRECTORY_OPERATION_MS	10000	/* a bind or search */
#define DIRECTORY_WHOLE_MS	10000	/* a sign-in or look-up, whatever it takes */
#define DIRECTORY_PAGE		500	/* entries a page of a search */
#define DIRECTORY_DEPTH_MAX	10	/* of groups in groups, where we walk them ourselves */
#define DIRECTORY_BATCH		50	/* people asked about at once */
#define DIRECTORY_ATTRIBUTES_MAX 32	/* names in ldap.attributes */

struct directory;
struct person_attribute;	/* catalog/person_attribute.h */

struct directory_person {
	const char *external_id;	/* objectGUID or entryUUID, 32 digits of hex; NULL: their login alone is known */
	const char *login;		/* whom ldap.user_bind_template bound at this sign-in; NULL: nobody */
	const char *dn, *name;		/* sAMAccountName, uid or cn */
	const char *display, *email, *phone;	/* "" when not there */
	const char *disabled;		/* why they are not to be let in; NULL: they are */
	const char *unknown;		/* directory_check's: why no more than that is known of them; NULL: all is */
	bool allowed;			/* in one of ldap.required_groups, or there are none */
	bool has_role;			/* groups decide the role; else it is kept here */
	enum role role;
	const struct group_of_directory *groups;	/* nested ones too */
	size_t groups_n;
	bool groups_cut;		/* there are more than GROUPS_OF_ONE_MAX */
	const struct person_attribute *attributes;	/* those of ldap.attributes that it says */
	size_t attributes_n;
};

/* Reads the settings (ERR_INVALID names the one that is wrong); asks no server yet.  Before threads. */
bool directory_new(TALLOC_CTX *ctx, const struct conf *conf, struct directory **ret, struct err *err) CHECKED;

/* Other settings from now on; on failure the ones before stay.  `conf` must outlive the directory. */
bool directory_use(struct directory *directory, const struct conf *conf, struct err *err) CHECKED;

bool directory_is_on(struct directory *directory);	/* ldap.urls is set */
bool directory_can_look(struct directory *directory);	/* without somebody's own password */

/*
 * ERR_SIGN_IN with code wrong_password, also for a name that is not there; password_expired and
 * account_disabled only behind the right password.  `may` is asked before a password is sent, with the
 * person's external_id, or NULL when none is known yet: no more wrong ones than the directory bears.
 * *ret is set on a refusal, too, when it is known who is disabled, or in none of the groups; else it is NULL.  Where the
 * person's own bind was refused since they are disabled, it is their login and `disabled` alone.
 */
#define DIRECTORY_SAYS_SO	"its answer to a sign-in"	/* where no attribute says by what */
typedef bool directory_may(void *arg, const char *external_id, struct err *err);
bool directory_sign_in(TALLOC_CTX *ctx, struct directory *directory, const char *name, const char *password,
		       directory_may *may, void *arg, struct directory_person **ret, struct err *err) CHECKED;

/*
 * As long as a wrong password takes there, for a name that was refused here: asks for nobody, with a password that
 * nobody has.  rest: it would not have come to the password.
 */
void directory_as_long(struct directory *directory, bool rest);

/* By the name that somebody else vouches for; *ret is NULL when there is no such person. */
bool directory_find(TALLOC_CTX *ctx, struct directory *directory, const char *name,
		    struct directory_person **ret, struct err *err) CHECKED;

/*
 * What is there of up to DIRECTORY_BATCH people, by external_id; ret[i] is NULL where one is gone.
 * When none at all is found, the directory must still show somebody else, or it is ERR_UPSTREAM.
 * *n is told of how many it was asked: fewer than there are when a connection broke at the last of those.
 */
bool directory_check(TALLOC_CTX *ctx, struct directory *directory, const char *const *ids, size_t *n,
		     struct directory_person **ret, struct err *err) CHECKED;

/*
 * When the password of our own account ends, where the directory tells: Active Directory of 2008 and later, and
 * OpenLDAP's password policy.  *ret 0: never, or it does not tell.  *over: it is refused, since it ran out or must be
 * changed before anything else; *ret is now, since nobody tells since when.
 */
bool directory_password_ends(struct directory *directory, time_t *ret, bool *over, struct err *err) CHECKED;

/* ---- for IT: each step with how it went ---- */
enum directory_level { DIRECTORY_OK, DIRECTORY_WARN, DIRECTORY_FAIL };
typedef void directory_say(void *arg, enum directory_level level, const char *step, const char *text);

/* password NULL: without the person's own bind.  Every server is tried; false when a step failed. */
bool directory_test(struct directory *directory, const char *name, const char *password,
		    directory_say *say, void *arg);

/* ---- text: RFC 4515 and RFC 4514 ---- */
struct buf;
void directory_filter_value(struct buf *buf, const char *text);	/* in a filter */
void directory_filter_bytes(struct buf *buf, const void *p, size_t len);	/* every byte escaped */
void directory_dn_value(struct buf *buf, const char *text);	/* in a DN */
char *directory_dn_fold(TALLOC_CTX *ctx, const char *dn);	/* equal for equal DNs */
char *directory_fill(TALLOC_CTX *ctx, const char *template, const char *name,
		     void (*escape)(struct buf *, const char *));	/* each %s; escape NULL: as it is */
