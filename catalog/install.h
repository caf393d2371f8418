#pragma once
/*
 * install - one attempt of somebody to install one build: what was observed of it, and when.
 *
 * It begins with a page that was opened, a tap, or a daemon that asked for a manifest; from there on it
 * is what the install daemon fetches (install_watch.h).  Nothing is claimed that was not seen: the
 * device and its iOS are what the daemon says of itself, and that an app is on a home screen is known
 * of managed devices alone.
 */
#include "catalog/person.h"
#include "catalog/ranges.h"
#include "core/clock.h"

#define INSTALL_ID_SIZE		17
#define INSTALL_MODEL_SIZE	24	/* "iPhone15,4", and NUL */
#define INSTALL_OS_SIZE		16	/* "18.1" */
#define INSTALL_PAGE_MAX	200	/* items of one list */
#define INSTALL_EVENTS_SHOWN	200
#define INSTALL_OPENED_KEPT_S	(30 * DAY_S)	/* one that was opened or tapped, and nothing after it */
#define INSTALL_ENDED_KEPT_S	(31 * DAY_S)	/* one of a build that is gone, behind its end: people hear of that as long */
#define INSTALL_OPENED_MAX	200	/* of one link; then the newest stands for all */

/* When nothing has happened for so long after a step, the page says what is most often the reason. */
#define INSTALL_QUIET_S		60

/* In the order in which they happen. */
enum install_kind {
	INSTALL_OPENED, INSTALL_TAPPED, INSTALL_MANIFEST, INSTALL_ICON, INSTALL_IPA, INSTALL_WHOLE,
	INSTALL_INSTALLED, INSTALL_DECLINED, INSTALL_FAILED, INSTALL_TIMED_OUT, INSTALL_KINDS
};

struct install_start {
	const char *id, *build_id;
	const char *link_id, *person_id, *contact_id;	/* NULL: none */
	const char *phone;		/* hash of the browser's cookie, which counts for the link; NULL: none */
	int64_t opened;			/* when its page was; 0: it has none */
	bool tapped;			/* now */
};

/* In the transaction of its grant. */
bool install_put(struct db *tx, const struct install_start *start, struct err *err) CHECKED;

/* Tapped (again): recorded at most every few seconds.  ERR_MISSING: no such install. */
bool install_tap(struct db *db, const char *id, struct err *err) CHECKED;

struct install {
	const char *id, *build_id, *link_id, *person_id;
	enum install_kind state;
	bool granted;		/* its manifest can be fetched now */
	int64_t created;
};

/* The one with this id, when it is of this link or person (NULL: none); else ERR_MISSING. */
bool install_get(TALLOC_CTX *ctx, struct db *db, const char *id, const char *link_id, const char *person_id,
		 struct install **ret, struct err *err) CHECKED;

/* One of this browser and person (NULL: of nobody who signed in) that was opened and not tapped yet; NULL: a new one
 * is due.  Of INSTALL_OPENED_MAX the newest stands for all, and counts as no browser's any more. */
bool install_opened(TALLOC_CTX *ctx, struct db *db, const char *link_id, const char *build_id, const char *person_id,
		    const char *phone, char **id, struct err *err) CHECKED;

/* In the transaction that found it out, of a managed device: how it ended, and why in a few words. */
bool install_ended(struct db *tx, const char *id, enum install_kind kind, const char *detail, struct err *err) CHECKED;

/* One of a managed device that came to nothing, where the next one begins; any other stays. */
bool install_forget(struct db *tx, const char *id, struct err *err) CHECKED;

/* In the transaction of a first manifest: counts the phone (or client) at the install's link, when it has one. */
bool install_use(struct db *tx, const char *id, const char *client, struct err *err) CHECKED;
/* Would the install's link refuse this client? */
bool install_link_over(struct db *db, const char *id, const char *client, bool *ret, struct err *err) CHECKED;

/* ---- who may look: the person themselves, who publishes the app, who holds the link ---- */
struct install_viewer {
	const struct person *person;	/* NULL: nobody */
	const char *link_id;		/* NULL: none */
};

struct install_watch;

/*
 * {id,bundle_id,app,build_id,version,build,minimum_os,link_id,contact,person,model,os,bytes,size,percent,state,
 * stalled,look,removed,created,changed,events[{at,kind,detail}]}; percent null: not known; removed: its build is gone; stalled and look: null, or the words of
 * install_stall.h.  `watch` (NULL: none) knows what is under way.
 */
bool install_show(struct db *db, struct install_watch *watch, const struct install_viewer *viewer, const char *id,
		  json_t **ret, struct err *err) CHECKED;

struct install_filter {
	const char *bundle_id, *build_id, *link_id;	/* NULL: any */
	const char *person;		/* id or name of who signed in; NULL: any */
	const char *contact_id;		/* NULL: any */
};
/* {items[], next} of what they publish, newest first. */
bool install_list(struct db *db, struct install_watch *watch, const struct person *person,
		  const struct install_filter *filter, const char *after, int64_t limit, json_t **ret,
		  struct err *err) CHECKED;

bool install_sweep(struct db *db, struct err *err) CHECKED;

/*
 * Before its build is deleted: whole ones of who can be told of the end stay until INSTALL_ENDED_KEPT_S behind it, the others
 * go.  Their build is then known by what is inside it (provision_outlives).
 */
bool install_outlives(struct db *tx, const char *build_id, struct err *err) CHECKED;

/* Joins of install i: its build, and what is known of one that was deleted; which app it is of. */
#define INSTALL_BUILD(i, b, g) " LEFT JOIN build " b " ON " b ".id = " i ".build_id LEFT JOIN build_bundle " g " ON " g ".build_id = " \
	i ".build_id AND " g ".path = ''"
#define INSTALL_APP(b, g) "coalesce(" b ".app_id, (SELECT k.id FROM app k WHERE k.bundle_id = " g ".app_bundle_id))"
/* What ends first of a build: the provision or the certificate of any part; one that was never read, as its verdict says. */
#define INSTALL_ENDS(id, verdict) "coalesce((SELECT min(CASE WHEN x.expires > 0 AND (x.certificate_expires <= 0 OR x.expires <" \
	" x.certificate_expires) THEN x.expires WHEN x.certificate_expires > 0 THEN x.certificate_expires END) FROM build_bundle x" \
	" WHERE x.build_id = " id "), " verdict ")"

/* ---- for install_watch.c: what was seen, many in one transaction ---- */
struct install_sight {
	char id[INSTALL_ID_SIZE], build_id[INSTALL_ID_SIZE], grant_id[INSTALL_ID_SIZE];
	char model[INSTALL_MODEL_SIZE], os[INSTALL_OS_SIZE];
	enum install_kind kind;
	bool fresh;		/* nobody has put it yet */
	bool event;		/* an event of this kind; else the bytes alone */
	int64_t bytes, at;
	struct ranges ranges;	/* what the bytes are */
};
bool install_write(struct db *tx, const struct install_sight *sights, size_t n, struct err *err) CHECKED;
