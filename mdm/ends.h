#pragma once
/*
 * ends - what ends among certificates and devices, counted for whoever watches over it.
 *
 * Identities renew themselves; so of devices only those count whose identity will not be new by itself: what is not
 * renewed although it is late or was tried often, or belongs to a device that is silent.
 */
#include <jansson.h>
#include "core/db.h"

#define ENDS_WEEKS_MAX	60
#define ENDS_PAGE_MAX	200
#define ENDS_TRIES	5	/* attempts to renew, one a day, after which it will not work by itself */

/* How many certificates of this authority are good and could be shown. */
bool ends_live_certificates(struct db *db, const char *authority_id, int64_t *ret, struct err *err) CHECKED;

/* The certificate that somebody's own mobileconfig carries now. */
struct ends_own {
	const char *id, *title, *person_id, *person, *device;	/* id: of the mobileconfig; device "": not known */
	time_t begins, ends;
};
/* Where a list goes on: behind this one; at first {from, ""}. */
struct ends_after {
	time_t ends;
	char id[64];
};
void ends_after_set(struct ends_after *after, time_t ends, const char *id);
/* Who ends first, first; at most `max`, of this person or (NULL) of all. */
bool ends_own(TALLOC_CTX *ctx, struct db *db, const char *person_id, const struct ends_after *after, time_t until, size_t max,
	      struct ends_own **ret, size_t *n, struct err *err) CHECKED;

struct ends_span {
	time_t from, until;	/* of the identities' end */
	time_t late;		/* what ends before it ought to be renewed by now */
	time_t heard;		/* who was not heard of since is silent */
};

/* By the week in which they end; weeks begin on Monday, UTC. */
struct ends_week {
	time_t monday;
	int64_t devices;
};
time_t ends_week_of(time_t at);	/* its Monday */
bool ends_identities(TALLOC_CTX *ctx, struct db *db, const struct ends_span *span, struct ends_week **ret, size_t *n,
		     struct err *err) CHECKED;

/* The same devices, who ends first: {items[{id, name, serial, person|null, ends, seen|null, silent, renewing, tries}], next} */
bool ends_identity_list(struct db *db, const struct ends_span *span, const char *after, int64_t limit, json_t **ret,
			struct err *err) CHECKED;
