#pragma once
/*
 * scep_request - requests without a challenge, where scep.manual_approval lets an admin decide: the client is
 * told PENDING and polls.  What the certificate says is the admin's word: the subject that was asked for is
 * where the form begins.
 *
 * They come from anybody, so few of them wait at a time, and not for long.
 */
#include <jansson.h>
#include "mdm/ca.h"

#define SCEP_REQUESTS_MAX	200	/* that wait */
#define SCEP_REQUEST_DAYS	7	/* then it is forgotten, decided or not */

struct scep_asker {
	const char *transaction_id, *key_sha256;
};

enum scep_request_state { SCEP_REQUEST_NONE, SCEP_REQUEST_WAITING, SCEP_REQUEST_APPROVED, SCEP_REQUEST_REFUSED };

/* *certificate: sha256 of what it got, when APPROVED. */
bool scep_request_look(TALLOC_CTX *ctx, struct db *db, const struct scep_asker *asker,
		       enum scep_request_state *ret, char **certificate, struct err *err) CHECKED;

/* Puts it on the list; *full: too many wait. */
struct scep_asked {
	struct scep_asker asker;
	const char *subject, *address;
	struct bytes request;
};
bool scep_request_add(struct db *db, const struct scep_asked *asked, bool *full, struct err *err) CHECKED;

/* {items[{id,subject,address,key_sha256,state,decided_by,created,changed,certificate}]}, those that wait first */
bool scep_request_list(struct db *db, json_t **ret, struct err *err) CHECKED;
bool scep_request_waiting(struct db *db, int64_t *ret, struct err *err) CHECKED;

/*
 * Issues a client certificate; subject NULL or "": as asked.  ERR_MISSING, ERR_CONFLICT "decided" when it does
 * not wait any more.  Audited.
 */
bool scep_request_approve(struct db *db, struct ca *ca, const char *actor, const char *id, const char *subject,
			  struct err *err) CHECKED;
bool scep_request_refuse(struct db *db, const char *actor, const char *id, struct err *err) CHECKED;

bool scep_request_sweep(struct db *db, struct err *err) CHECKED;
