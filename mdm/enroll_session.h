#pragma once
/*
 * enroll_session - one way into management: who began it, on which device it went on, how far it came.
 *
 * offered (mobileconfig handed out) -> answered (Profile Service phase 1, by the device's Apple certificate)
 * -> issued (the enrollment mobileconfig, enveloped for the passing identity) -> staged (Authenticate) -> done
 * (TokenUpdate); or failed, or expired.  A direct one goes from offered to issued, and its device is known from
 * Authenticate on; a renewal begins as issued.  docs/enrolling.md.
 *
 * Each step is one UPDATE that says from where: two at once, or a kill between them, leave one of them done.
 * An answer that was lost is given again to the device that had it, while no certificate came of it, and
 * ENROLL_REPEATS_MAX times at most; to anybody else it is refused, as everything that is not as it should be.
 */
#include "core/clock.h"
#include "core/db.h"
#include "core/secret.h"
#include "mdm/device_answer.h"

#define ENROLL_OPEN_MAX		20	/* of one person at a time */
#define ENROLL_OPEN_NOBODY_MAX	20000	/* of nobody in particular, made by admins */
#define ENROLL_REPEATS_MAX	5
#define ENROLL_REFUSALS_MAX	20	/* then the session has failed */
#define ENROLL_STEP_S		900	/* each step leaves at least so long for the next */
#define ENROLL_LATE_S		DAY_S	/* how long an Authenticate may come behind the end */
#define ENROLL_KEEP_S		(30 * DAY_S)	/* how long sessions that led nowhere are remembered */
#define ENROLL_IDENTITY		"device"	/* the CN of an identity: this, a space, its session's id */
#define ENROLL_TOKEN_MAX	64	/* characters; longer ones are none of ours */

struct enroll_session {
	const char *id, *kind, *state;
	const char *person_id, *invitation_id, *enrollment_id;	/* NULL: none */
	const char *udid, *serial, *product, *version, *device_name, *imei;	/* "" until known */
	int64_t devices_max, access_rights;
	const char *identifier, *url, *topic;	/* of the mobileconfig it hands out; topic "" until it did */
	int64_t refusals, created, expires;
};

/* ---- how it begins ---- */

struct enroll_wish {
	const char *person_id;		/* NULL: nobody in particular */
	const char *invitation_id;	/* NULL: none */
	const char *actor;		/* for the audit */
	const char *identifier, *url;
	const char *topic;		/* of a renewal alone; NULL: its enrollment's is known */
	int64_t access_rights, devices_max, ttl_s;
};

/* ERR_RATE "too_many_sessions".  The token is shown here and kept as a hash. */
bool enroll_session_begin(struct db *tx, TALLOC_CTX *ctx, const struct enroll_wish *wish, char **id, char **token,
			  struct err *err) CHECKED;

/* The Profile Service's challenge: of this session alone, and the same at each download of its mobileconfig. */
const char *enroll_session_challenge(const char *token, char challenge[SECRET_HASH_SIZE]);

/* ---- who is it ---- */

bool enroll_session_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct enroll_session **ret,
			struct err *err) CHECKED;
bool enroll_session_by_token(TALLOC_CTX *ctx, struct db *db, const char *token, struct enroll_session **ret,
			     struct err *err) CHECKED;	/* ERR_MISSING for unknown, expired, ended */
/* Whatever became of it: so that what is sent to it later can be written down. */
bool enroll_session_find(TALLOC_CTX *ctx, struct db *db, const char *token, struct enroll_session **ret,
			 struct err *err) CHECKED;
bool enroll_session_open(const struct enroll_session *session, struct err *err) CHECKED;	/* ERR_MISSING when it is not */

/* ---- the steps; each in the transaction of what it allows ---- */

/*
 * Phase 1.  ERR_DENIED "bad_challenge" when the challenge is unknown, another's or used by another device, or
 * led to a certificate already; ERR_CONFLICT "too_many_devices".
 */
bool enroll_session_answered(struct db *tx, const struct enroll_session *session, const struct device_answer *answer,
			     struct err *err) CHECKED;

/* Phase 3, and the direct way: ERR_DENIED "not_now" when it is not the next step. */
bool enroll_session_issued(struct db *tx, const struct enroll_session *session, const char *topic,
			   struct err *err) CHECKED;
bool enroll_session_direct(struct db *tx, const struct enroll_session *session, const char *topic,
			   struct err *err) CHECKED;

/* What was sent to it is not believed: counted and audited. */
bool enroll_session_refused(struct db *db, const struct enroll_session *session, const struct err *why,
			    struct err *err) CHECKED;

/*
 * For check-in: moves it on in the transaction of Authenticate and TokenUpdate.  Both are true when it is there
 * already.  The first device that authenticates in a direct session is its device; another one is refused,
 * ERR_DENIED "other_device".
 */
bool enroll_session_staged(struct db *tx, const char *id, const char *udid, struct err *err) CHECKED;
bool enroll_session_done(struct db *tx, const char *id, const char *enrollment_id, struct err *err) CHECKED;

/* Also in that transaction: the new identity is the device's own by now.  No error where `id` (NULL: none) is no renewal. */
bool enroll_session_renewed(struct db *tx, const char *id, const char *enrollment_id, struct err *err) CHECKED;

/* ---- a new identity for a device that is enrolled ---- */

/*
 * Begins as issued, with everything that its enrollment was made with; one of before that led nowhere ends.
 * `wish`: for what is not remembered of the enrollment's own session.
 */
bool enroll_session_renew(struct db *tx, TALLOC_CTX *ctx, const char *enrollment_id, const struct enroll_wish *wish,
			  char **id, char **token, struct err *err) CHECKED;

/*
 * Its enrollment was retired or replaced: what could still bring it a certificate, in its own session and in those
 * that renew it, is void.  Not in the session `but` (NULL: in all).
 */
bool enroll_session_void(struct db *tx, const char *enrollment_id, const char *session_id, const char *but,
			 struct err *err) CHECKED;

/* Those that an identity came of are remembered for as long as it: it says whose that is. */
bool enroll_session_sweep(struct db *db, struct err *err) CHECKED;
