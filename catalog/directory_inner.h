#pragma once
/*
 * directory_inner - what the files of the directory share: settings as read, connections, searches.
 *
 * A `struct call` is one question of ours, of one thread: the settings as they were at its begin, the
 * connection it has taken from the pool, and until when it may take.  A connection is given back only
 * while it is well; after any trouble with it, it is closed: libldap would else open a new one by
 * itself, past our rules.
 */
#include "catalog/directory.h"
#include <ldap.h>
#include <pthread.h>
#include <stdatomic.h>

#define DIRECTORY_DN_MAX	2048
#define DIRECTORY_LIST_MAX	64	/* bases, or DNs of one list of groups */
#define DIRECTORY_DOWN_MS	30000	/* a server that did not answer comes last for so long ... */
#define DIRECTORY_AGAIN_MS	3000	/* ... and is left alone for so long */
#define DIRECTORY_SEARCH_S	8	/* for the server: it says so in time, and the connection stays */
#define DIRECTORY_IDLE_MS	60000	/* a connection is kept unused */
#define DIRECTORY_POOL		8
#define DIRECTORY_PARENTS_MS	60000	/* which groups a group is in is remembered */
#define DIRECTORY_PARENTS_MAX	4096	/* groups of which it is */

enum directory_tls { TLS_LDAPS, TLS_STARTTLS, TLS_NONE };
enum directory_nested { NESTED_AUTO, NESTED_AD, NESTED_WALK, NESTED_OFF };

struct dn_list {
	const char *dn[DIRECTORY_LIST_MAX];	/* as set */
	const char *folded[DIRECTORY_LIST_MAX];
	size_t n;
};

struct directory_server {
	const char *url, *host, *port;
	_Atomic int64_t failed_ms;	/* clock_ms of the last failure; 0: it answers, as far as we know */
	_Atomic int64_t alone_ms;	/* left alone until then */
	_Atomic int64_t lost_ms;	/* of the last connection that broke: those kept since before are not used */
	char failed_why[200];		/* under the directory's lock */
	_Atomic int ad;			/* 0: not asked, 1: no, 2: Active Directory */
};

struct directory_settings {
	const struct conf *conf;
	enum directory_tls tls;
	enum directory_nested nested;
	struct directory_server servers[DIRECTORY_URLS_MAX];
	size_t servers_n;
	struct dn_list user_bases, group_bases, admin_groups, publisher_groups, required_groups;
	const char *const *attributes;	/* of ldap.attributes; ends with NULL */
	const char *const *asked;	/* all that is asked of a person, with them; ends with NULL */
};

struct directory {
	_Atomic(struct directory_settings *) settings;	/* replaced ones stay: a call may use them */
	pthread_mutex_t lock;		/* for what follows */
	struct conn *pool;		/* unused ones, the newest first */
	struct parents *parents;	/* walk's memory (directory_groups.c) */
};

struct conn {
	struct conn *next;
	struct directory *directory;
	const struct directory_settings *settings;
	struct directory_server *server;
	LDAP *ld;
	bool ours;			/* bound as ldap.bind_dn, or anonymous where that is what we are */
	bool broken;
	bool kept;			/* it was in the pool */
	bool answered;			/* since it was opened, or taken from the pool */
	int64_t idle_ms;
};

struct call {
	struct directory *directory;
	struct directory_settings *settings;
	struct conn *conn;
	int64_t until_ms;		/* 0: each operation has its own time alone */
	unsigned tried;			/* 1 << index of each server that was opened for it */
	directory_say *say;		/* NULL: nobody listens */
	void *arg;
};

bool directory_settings_read(TALLOC_CTX *ctx, const struct conf *conf, struct directory_settings **ret,
			     struct err *err) CHECKED;

/* ---- directory_conn.c ---- */
void call_say(struct call *call, enum directory_level level, const char *step, const char *fmt, ...) PRINTF(4, 5);
/* What libldap itself met is ERR_UPSTREAM, the connection is not used again, and the server comes last for a while. */
bool conn_trouble(struct conn *conn, const char *what, int rc, struct err *err);
void conn_close(struct conn *conn);
/* Milliseconds that this step may take, `most` at the longest; 0: none are left. */
int call_time_left(const struct call *call, int most);
/* Waits for the whole answer to message `id`; *result is to be freed. */
bool call_await(struct call *call, int id, const char *what, LDAPMessage **result, struct err *err) CHECKED;
bool call_open(struct call *call, struct directory_server *server, struct err *err) CHECKED;	/* this one, afresh */

/* ---- directory_pool.c ---- */
void call_begin(struct call *call, struct directory *directory, int64_t whole_ms);
void call_end(struct call *call);
/* A connection to the first server that answers, from the pool where one is there.  Not bound. */
bool call_connect(struct call *call, struct err *err) CHECKED;
/* The same, bound as our own account: what searches are made with. */
bool call_connect_ours(struct call *call, struct err *err) CHECKED;
/* Gives up a connection that broke; true: there is another server, and time, to ask the same. */
bool call_drop(struct call *call);
void conn_lost(struct conn *conn, bool silent, const struct err *err);
/* The same where it says by this code that it cannot: busy, unavailable, other.  Always false. */
bool conn_unwell(struct conn *conn, int code, const struct err *err);

/* ---- directory_ask.c ---- */
/*
 * Why a bind was refused, as Active Directory tells behind the right password: "password_expired" (ran out, or must
 * be changed first), "account_disabled"; NULL: it does not say.
 */
const char *bind_refusal(const char *detail);
#define CALL_PASSWORD_OVER	"directory_password"	/* the err's code when that is so of our own */
bool call_bind_ours(struct call *call, struct err *err) CHECKED;
/*
 * As somebody: true when the server has answered, *code says what (LDAP_SUCCESS ...), *detail is what
 * it said besides.  Whoever is not our account leaves the connection theirs until call_bind_ours.
 */
bool call_bind(TALLOC_CTX *ctx, struct call *call, const char *dn, const char *password, int *code,
	       const char **detail, struct err *err) CHECKED;
/*
 * `each` is called for every entry, and stops the search by returning false with an err.  most: entries
 * wanted; there may be one more than that, which says that there are too many.
 */
typedef bool entry_fn(LDAP *ld, LDAPMessage *entry, void *arg, struct err *err);
bool call_search(struct call *call, const char *base, int scope, const char *filter,
		 const char *const *attributes, size_t most, entry_fn *each, void *arg, struct err *err) CHECKED;
bool call_is_ad(struct call *call, bool *ret, struct err *err) CHECKED;

/* The first value, valid UTF-8 and cut to max, or NULL. */
char *entry_text(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry, const char *attribute, size_t max);
char *entry_dn(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry);	/* NULL: none, or too long */

/* ---- directory_groups.c ---- */
bool call_groups(TALLOC_CTX *ctx, struct call *call, struct directory_person *person, struct err *err) CHECKED;
void directory_forget_groups(struct directory *directory);

/* ---- directory_entry.c ---- */
/* objectGUID or entryUUID as 32 digits; NULL: neither. */
const char *entry_id(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry);
extern const char *const directory_attributes[];	/* of a person; ends with NULL */
/* attributes: those of ldap.attributes.  It is `unknown` where the DN cannot be read. */
bool entry_person(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry, const char *const *attributes,
		  struct directory_person **ret, struct err *err) CHECKED;

/* ---- directory.c: steps that the test takes too ---- */
struct found {
	TALLOC_CTX *ctx;
	const char *const *attributes;
	struct directory_person *person;
	size_t n;
};
bool call_find(TALLOC_CTX *ctx, struct call *call, const char *name, struct found *found, struct err *err) CHECKED;
/* "wrong_password", "password_expired", "account_disabled", or NULL: the bind is good; else false. */
bool call_password(TALLOC_CTX *ctx, struct call *call, const char *dn, const char *password, const char **refused,
		   struct err *err) CHECKED;
void call_judge(struct call *call, struct directory_person *person);	/* role and allowed, by its groups */
