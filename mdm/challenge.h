#pragma once
/*
 * challenge - 160 bits that entitle to one certificate: for one purpose, subject, session and device, for a
 * while.  Kept as a hash, consumed in the transaction that keeps the certificate.  RFC 8894 section 2.4, 7.3.
 *
 * One that was made in an enroll_session is good at that session's SCEP URL alone; one without a session is
 * good at /scep, and only for the purpose `client`.  One that an admin makes for a managed device is that device's
 * while it is under management as it was then: with that it is void, and what came of it is revoked
 * (certificate_revoke_bound); when the device begins anew under the identity that it has, the challenge alone is void.  SCEP does not say who asks: until then it is as secret as any other, but a request that
 * another device signs by what we gave it is refused, and audited as a misuse.
 */
#include "core/clock.h"
#include "mdm/ca.h"

#define CHALLENGE_TTL_S		3600
#define CHALLENGE_TTL_MAX_S	(30 * DAY_S)
#define CHALLENGE_TEXT_MAX	64		/* of what is sent as one; longer ones are none of ours */

struct challenge_wish {
	enum ca_purpose purpose;
	const char *subject;	/* RFC 4514, and found good: challenge_subject */
	const char *session_id;	/* NULL: none */
	const char *udid;	/* "" : of no device in particular */
	const char *enrollment_id;	/* of the device that it is for; NULL: of none, or the session says it */
	const char *created_by;	/* "person:<name>", "house" */
	int64_t ttl_s;		/* 0: CHALLENGE_TTL_S */
	const char *upn, *email;	/* what the certificate's SAN says; NULL: nothing */
};

/* Can a certificate say so?  ERR_INVALID.  Before the transaction: it is OpenSSL's to judge. */
bool challenge_subject(const char *subject, struct err *err) CHECKED;

/* Shown once, here.  ERR_INVALID for a purpose that needs a session and has none. */
bool challenge_new(struct db *tx, TALLOC_CTX *ctx, const struct challenge_wish *wish, char **ret,
		   struct err *err) CHECKED;

/* Those of a session that nobody has used are good no more: a new one is about to be handed out. */
bool challenge_void(struct db *tx, const char *session_id, enum ca_purpose purpose, struct err *err) CHECKED;

/* The same for those of a device, when its enrollment ends or begins anew. */
bool challenge_void_bound(struct db *tx, const char *enrollment_id, struct err *err) CHECKED;
/* The same management of the same device, by another enrollment: came_back.h. */
bool challenge_bind_again(struct db *tx, const char *from, const char *to, struct err *err) CHECKED;

/*
 * By an admin, its subject judged, audited.  device_id NULL: for none in particular; ERR_MISSING when there is no such
 * device, or it is not under management.
 */
bool challenge_new_by(struct db *db, TALLOC_CTX *ctx, const char *actor, const char *device_id,
		      const struct challenge_wish *wish, char **ret, struct err *err) CHECKED;

/* ---- how it is used: by mdm/scep_answer.c ---- */

struct challenge_use {
	const char *challenge;		/* as sent */
	const char *session_id;		/* of the URL; NULL: /scep */
	const char *udid;		/* that session's; "": not known */
	const char *transaction_id;
	const char *key_sha256;		/* of the request's SubjectPublicKeyInfo */
};

enum challenge_state {
	CHALLENGE_UNKNOWN,		/* a guess */
	CHALLENGE_WRONG,		/* of ours, but used, expired, or of another session or device */
	CHALLENGE_GOOD,
	CHALLENGE_AGAIN,		/* the same request once more, within its life: the same certificate */
};

struct challenge {
	char hash[65];
	enum challenge_state state;
	enum ca_purpose purpose;	/* the rest is set when it is good */
	const char *subject, *session_id, *enrollment_id, *upn, *email;
	const char *certificate;	/* sha256 of what it was used for, when AGAIN */
};

bool challenge_look(TALLOC_CTX *ctx, struct db *db, const struct challenge_use *use, struct challenge *ret,
		    struct err *err) CHECKED;

/* In the transaction that keeps the certificate.  *consumed false: somebody was quicker, keep nothing. */
bool challenge_consume(struct db *tx, const struct challenge *challenge, const struct challenge_use *use,
		       const char *certificate, bool *consumed, struct err *err) CHECKED;

/* Somebody has one of ours and may not use it: audited, once for each challenge. */
bool challenge_misused(struct db *db, const struct challenge *challenge, const char *address, struct err *err) CHECKED;

bool challenge_sweep(struct db *db, struct err *err) CHECKED;
