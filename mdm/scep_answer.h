#pragma once
/*
 * scep_answer - what the SCEP server says to a pkiMessage.  RFC 8894, RFC 5652.
 *
 * A request with a good challenge gets the certificate that the challenge is for.  One that is signed by a live
 * certificate of ours is a renewal, whatever its messageType says (certmonger and iOS sign PKCSReq so): the same
 * subject, purpose and session, without a challenge, at most one in ten minutes.  Where scep.manual_approval
 * allows it, one without a challenge waits for an admin.  The rest is refused, all in the same way.
 *
 * Certificates are signed before the transaction that consumes the challenge and keeps the row: what is not
 * kept was never issued, and a challenge used by fifty at once gives one.  Nobody is told: which enrollment a
 * certificate belongs to is its session, and check-in finds it by that.
 */
#include "core/conf.h"
#include "mdm/ca.h"

struct scep_server {
	struct db *db;
	struct ca *ca;
	const struct conf *conf;
};

struct scep_call {
	struct bytes message;
	const char *address;
	const char *session_id;		/* of the URL: NULL: /scep; "": one that is unknown or over (only renewals) */
	const char *udid;		/* that session's; "": not known yet */
};

struct scep_answer {
	struct bytes reply;		/* application/x-pki-message */
	const char *result;		/* "issued", "renewed", "same", "pending", "refused" */
	const char *why;		/* of refused, for the log */
	const char *transaction_id;
	const char *certificate;	/* sha256; NULL: none */
};

/* False for garbage (ERR_MALFORMED "bad_message", ERR_LIMIT) and failures of ours; a refusal is an answer. */
bool scep_answer(TALLOC_CTX *ctx, const struct scep_server *server, const struct scep_call *call,
		 struct scep_answer *ret, struct err *err) CHECKED;
