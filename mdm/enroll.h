#pragma once
/*
 * enroll - the mobileconfigs of enrollment, each handed out in the transaction of its step.
 *
 * Phase 1 of the Profile Service gets a SCEP payload for a passing identity, phase 3 the enrollment itself,
 * enveloped for that identity: a SCEP payload of its own, the MDM payload that names it, and the CA of a
 * private installation.  The direct way hands the latter out open.  A renewal is the same again with a
 * new SCEP payload, enveloped for the identity that ends.  docs/enrolling.md.
 *
 * Each call makes a new challenge and makes those before it void: of several answers to one device the last
 * is good.  Refusals are those of mdm/enroll_session.h, and ERR_DENIED "bad_identity" for a signer of phase 3
 * that is not this session's passing identity, or a device that is not the one of phase 1.
 */
#include "mdm/cms.h"
#include "mdm/enroll_session.h"
#include "mdm/enrollment.h"
#include "mdm/mobileconfig.h"
#include "mdm/scep_offer.h"

/* What is the same for all enrollments of an installation, and how Settings names it. */
struct enroll_house {
	const char *base_url;		/* "https://apps.example.com" */
	const char *organization;
	const char *name, *what;	/* of the enrollment, as Settings shows them */
	struct scep_servers scep;
	struct bytes root_der;		/* the CA of a private installation; empty: devices trust us anyway */
};

/* Phase 0: what Safari downloads.  Nothing is kept, and it is the same each time. */
bool enroll_service_write(const struct enroll_house *house, const char *token, struct buf *out,
			  struct err *err) CHECKED;

/* Phase 1: an answer signed by Apple's certificate of the device, with the challenge. */
bool enroll_pass(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
		 const struct enroll_session *session, const struct device_answer *answer, struct buf *out,
		 struct err *err) CHECKED;

/* Phase 3: an answer signed by the passing identity. */
bool enroll_issue(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
		  const struct enroll_session *session, const struct device_answer *answer, const char *topic,
		  struct buf *out, struct err *err) CHECKED;

/*
 * Without phases: whoever has the token.  ERR_CONFLICT "outside_ca" where identities are not ours: that they are for
 * this session is known by what they say, and for which device by the phases alone.
 */
bool enroll_direct(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
		   const struct enroll_session *session, const char *topic, struct buf *out, struct err *err) CHECKED;

bool enroll_direct_outside(struct err *err);	/* always false: that refusal */

/*
 * A new identity for an enrolled device, to be sent by InstallProfile: makes a session of the kind renewal.
 * `wish` is for what is not remembered of its enrollment (enroll_session_renew).
 */
bool enroll_renewal(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house,
		    const struct enrollment *enrollment, const struct enroll_wish *wish, struct buf *out,
		    struct err *err) CHECKED;
