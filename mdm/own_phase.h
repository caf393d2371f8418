#pragma once
/*
 * own_phase - a person's own mobileconfig on its way: what the phases of the Profile Service hand out, and the
 * identity in what comes at their end.  Each in the transaction of its step (mdm/own_session.h).
 *
 * The mobileconfig itself is the caller's to write: here is what it needs to be written, and that it is remembered
 * who got what.
 */
#include "mdm/enroll.h"
#include "mdm/own_mobileconfig.h"
#include "mdm/own_session.h"
#include "mdm/phase.h"

/* Phase 0. */
bool own_service_write(const struct enroll_house *house, const char *token, struct buf *out, struct err *err) CHECKED;

/* Phase 1: a SCEP payload for a passing identity. */
bool own_pass(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
	      const struct own_session *session, const struct device_answer *answer, struct buf *out,
	      struct err *err) CHECKED;

enum own_way { OWN_NONE, OWN_SCEP, OWN_PKCS12 };	/* how the identity comes; "none", "scep", "pkcs12" */
bool own_way_read(const char *name, enum own_way *ret);

/* What is given out. */
struct own_gift {
	struct own_put put;
	enum own_way way;
	const char *subject, *upn, *email;	/* RFC 4514; of a SCEP identity */
	struct certificate *cert;		/* PKCS#12: issued, to be kept */
	struct scep_offer offered;		/* SCEP: set here */
	char *own_id, *session_id, *token;	/* set here; the token of a command's new session */
};

/* Phase 3: ERR_DENIED "bad_identity", "not_now". */
bool own_issue(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, const char *token,
	       const struct own_session *session, const struct device_answer *answer, struct own_gift *gift,
	       struct err *err) CHECKED;

/*
 * To a managed device: a session of its own at each delivery; what an earlier one could still bring is void,
 * and of the certificates that earlier ones did bring the last is left (own_delivered_again).
 */
bool own_command(TALLOC_CTX *ctx, struct db *db, const struct enroll_house *house, struct own_gift *gift,
		 struct err *err) CHECKED;

/* Without an identity: only remembered. */
bool own_plain(TALLOC_CTX *ctx, struct db *db, const char *actor, struct own_gift *gift, struct err *err) CHECKED;
