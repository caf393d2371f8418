/*
 * Apple MDM: the check-in URL and the command URL.  Apple: Check-in; Implementing device management.
 *
 * What a status does to a device decides everything here.  401 makes it leave, so none goes out, whatever
 * fails: what is our trouble is 503, which changes nothing.  403 with Apple's code makes it leave too, and is
 * for those whom IT has sent away.  What we do not believe, or cannot read, is 400.
 */
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "mdm/talk.h"
#include "web/clientcert.h"
#include "web/rooms.h"
#include <string.h>
#include <strings.h>

#define CHECKIN_TYPE	"application/x-apple-aspen-mdm-checkin"
#define UNRECOGNIZED	"com.apple.unrecognized.device"	/* Apple: mdm/errors/unrecognized.device */

/* By the signature, which covers the body; by what the connection has shown; if by both, by the same. */
static bool
proof_of(struct req *req, struct proof *ret, struct err *err)
{
	const char *signature = req_header(req, "Mdm-Signature");
	struct client_cert cert;

	if (!clientcert_of(req, &cert, err))
		return false;
	if (!signature) {
		*ret = (struct proof){ .der = cert.der, .live = true };
		if (cert.der.len)
			return true;
		return err_code(err, ERR_MALFORMED, "no_identity", req_has_header(req, "Mdm-Signature") ?
				"Mdm-Signature came twice" : "nothing says which device this is");
	}
	if (!proof_by_signature(req, signature, req->body, ret, err))
		return false;
	if (cert.der.len && (cert.der.len != ret->der.len || memcmp(cert.der.p, ret->der.p, cert.der.len) != 0))
		return err_code(err, ERR_MALFORMED, "bad_identity", "it is signed by another identity than the one shown");
	return true;
}

/* The words are for the log and for whoever tries it with curl; a device reads the status alone. */
static bool
refuse(struct reply *reply, struct err *err)
{
	count_add(COUNT_MDM_REFUSED, 1);
	switch (err->kind) {
	case ERR_DENIED:
		if (strcmp(err->code, "retired") == 0)
			return reply_json(reply, 403, json_pack("{s:s}", "code", UNRECOGNIZED));
		err->kind = ERR_MALFORMED;
		return false;
	case ERR_MALFORMED:
	case ERR_LIMIT:
	case ERR_BUSY:
		return false;
	case ERR_INTERNAL:
	case ERR_NO_ROOM:
	case ERR_UPSTREAM:
	case ERR_LOCKED:
	case ERR_RATE:
		log_err("a device could not be answered", err);
		return err_set(err, ERR_BUSY, "try again");
	default:
		err->kind = ERR_MALFORMED;
		return false;
	}
}

static bool
put_message(struct req *req, struct reply *reply, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	const char *type = req_header(req, "Content-Type");
	bool checkin = type && strncasecmp(type, CHECKIN_TYPE, strlen(CHECKIN_TYPE)) == 0;
	struct talk talk = { req->site->db, req->site->ca, req->site->sealer, req->site->seen,
			     conf->mdm_identity_grace_days * DAY_S, req->address };
	struct checkin_answer answer;
	struct proof proof;

	if (!proof_of(req, &proof, err) ||
	    !(checkin ? talk_checkin : talk_command)(req, &talk, &proof, req->body, &answer, err))
		return refuse(reply, err);
	return reply_bytes(reply, answer.status, answer.type ? answer.type : "application/xml", answer.body);
}

const struct route mdm_routes[] = {
	{ PUT, "/mdm/checkin", WHO_DEVICE, "1024K", ON_WORKER, put_message, NULL, NULL, "A device's check-in" },
	{ PUT, "/mdm/command", WHO_DEVICE, "16384K", ON_WORKER, put_message, NULL, NULL, "A device's report; its next command" },
	{ 0 }
};
