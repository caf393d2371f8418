#pragma once
/*
 * enroll_session - one way into management: who began it, on which device it went on, how far it came.
 *
 * offered (mobileconfig handed out) -> answered (Profile Service phase 1, by the device's Apple certificate)
 * -> identified (passing identity issued) -> issued (the enrollment mobileconfig, sealed to it) -> staged
 * (Authenticate) -> done (TokenUpdate).  A direct one goes from offered to issued; a renewal begins as issued.
 * design.md section 3.
 */
#include "core/db.h"

struct enroll_session {
	const char *id, *kind, *state;
	const char *person_id, *invitation_id, *enrollment_id;	/* NULL: none */
	const char *udid, *serial, *product, *version, *device_name, *imei;	/* "" until known */
	int64_t access_rights;
	const char *topic;
	int64_t created, expires;
};

bool enroll_session_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct enroll_session **ret,
			struct err *err) CHECKED;
bool enroll_session_by_token(TALLOC_CTX *ctx, struct db *db, const char *token, struct enroll_session **ret,
			     struct err *err) CHECKED;	/* ERR_MISSING for unknown, expired, ended */

/* For check-in: moves it on in the transaction of Authenticate and TokenUpdate. */
bool enroll_session_staged(struct db *tx, const char *id, const char *udid, struct err *err) CHECKED;
bool enroll_session_done(struct db *tx, const char *id, const char *enrollment_id, struct err *err) CHECKED;
