#pragma once
/*
 * own_session - one way to a person's own mobileconfig (/eas): by the phases of the Profile Service on a phone that
 * nobody manages, or as a command to a managed device.
 *
 * offered (what Safari downloads) -> answered (phase 1, by the device's Apple certificate) -> issued (phase 3: the
 * mobileconfig, enveloped for the passing identity); or failed.  One by command begins as issued, anew at each
 * delivery.  Each step is one UPDATE that says from where, as in mdm/enroll_session.h; and as there an answer that
 * was lost is given again to the device that had it, OWN_REPEATS_MAX times, while no certificate came of it.
 *
 * The session's certificates (purposes ota, person) name it: they say whose they are for as long as they are kept.
 */
#include <jansson.h>
#include "core/clock.h"
#include "core/db.h"
#include "core/secret.h"
#include "mdm/device_answer.h"

#define OWN_OPEN_MAX		20	/* of one person at a time */
#define OWN_REPEATS_MAX		5
#define OWN_REFUSALS_MAX	20	/* then the session has failed */
#define OWN_STEP_S		900	/* each step leaves at least so long for the next */
#define OWN_KEEP_S		(30 * DAY_S)	/* how long sessions that led nowhere are remembered */

struct own_session {
	const char *id, *way, *state;
	const char *person_id, *mobileconfig_id, *own_id;	/* own_id NULL: its device is not known yet */
	const char *udid, *serial, *product, *version, *device_name;	/* "" until known */
	int64_t refusals, created, expires;
};

struct own_session_wish {
	const char *person_id, *mobileconfig_id;
	const char *actor;		/* for the audit */
	const char *own_id, *udid;	/* of a command; NULL: by the phases */
	int64_t ttl_s;
};

/* ERR_RATE "too_many_sessions".  The token is shown here and kept as a hash. */
bool own_session_begin(struct db *tx, TALLOC_CTX *ctx, const struct own_session_wish *wish, char **id, char **token,
		       struct err *err) CHECKED;

/* Whatever became of it; ERR_MISSING. */
bool own_session_find(TALLOC_CTX *ctx, struct db *db, const char *token, struct own_session **ret,
		      struct err *err) CHECKED;
bool own_session_open(const struct own_session *session, struct err *err) CHECKED;	/* ERR_MISSING: it is over */

/* Phase 1: ERR_DENIED "bad_challenge", as mdm/enroll_session.h has it. */
bool own_session_answered(struct db *tx, const struct own_session *session, const struct device_answer *answer,
			  struct err *err) CHECKED;
/* Phase 3: ERR_DENIED "not_now" when it is not the next step. */
bool own_session_issued(struct db *tx, const struct own_session *session, const char *own_id, struct err *err) CHECKED;

/* Its certificate goes out inside the mobileconfig: that it was issued does not say that it was installed. */
bool own_session_embedded(struct db *tx, const char *id, struct err *err) CHECKED;

/* What was sent to it is not believed: counted and audited. */
bool own_session_refused(struct db *db, const struct own_session *session, const struct err *why,
			 struct err *err) CHECKED;

/* In a transaction: what could still bring a certificate is void; of this person, or of this mobileconfig alone. */
bool own_session_void(struct db *tx, const char *person_id, const char *own_id, struct err *err) CHECKED;

/* The same of what was begun by the phases for this device, or for one that is not known yet. */
bool own_session_void_begun(struct db *tx, const char *person_id, const char *mobileconfig_id, const char *udid,
			    struct err *err) CHECKED;

/* The newest of a person that is not a command: {state, why, device, created, expires}; null when there is none. */
bool own_session_newest(struct db *db, const char *person_id, json_t **ret, struct err *err) CHECKED;

bool own_session_sweep(struct db *db, struct err *err) CHECKED;
