/*
 * The SCEP server (RFC 8894): /scep for any client with a challenge of its own, /scep/<token> for a device
 * within its enrollment.  Plain HTTP is as good as TLS here: messages are signed and enveloped.
 *
 * Capabilities and CA certificates are the same whatever the token, also long after its enrollment: a device
 * renews at the URL that it once got.
 */
#include "core/count.h"
#include "core/log.h"
#include "core/num.h"
#include "mdm/enroll_session.h"
#include "mdm/own_session.h"
#include "mdm/scep_answer.h"
#include "mdm/scep_message.h"
#include "web/rooms.h"
#include <string.h>

/* Bytes that clients compare: LF alone, one word a line (RFC 8894 section 3.5.2; strongSwan wants SHA-384). */
#define NEXT_CA		"GetNextCACert\n"	/* where one is staged, and not before */
#define CAPABILITIES	"AES\nDES3\nSHA-1\nSHA-256\nSHA-384\nSHA-512\nPOSTPKIOperation\nSCEPStandard\nRenewal\n"

#define TYPE_CA		"application/x-x509-ca-cert"
#define TYPE_CA_RA	"application/x-x509-ca-ra-cert"
#define TYPE_NEXT	"application/x-x509-next-ca-cert"
#define TYPE_MESSAGE	"application/x-pki-message"
#define PROGRAM		"pkiclient.exe"		/* what old clients put behind the path of a server */

static bool
ca_certs(struct req *req, struct reply *reply, struct err *err)
{
	struct bytes der;
	bool single;

	return ca_scep_certs(req, req->site->ca, &der, &single, err) &&
	       reply_bytes(reply, 200, single ? TYPE_CA : TYPE_CA_RA, der);
}

/* RFC 8894 4.7. */
static bool
next_certs(struct req *req, struct reply *reply, struct err *err)
{
	struct bytes der;

	return ca_scep_next(req, req->site->ca, &der, err) && reply_bytes(reply, 200, TYPE_NEXT, der);
}

/* base64 or base64url; a "+" that came as a blank is one again. */
static bool
message_of_query(struct req *req, struct bytes *ret, struct err *err)
{
	const char *text = req_query(req, "message");
	char *copy = mem_text(req, text ? text : "");

	for (char *p = copy; *p; p++)
		if (*p == ' ')
			*p = '+';
	if (!num_unbase64(req, copy, strlen(copy), ret) || !ret->len)
		return err_code(err, ERR_MALFORMED, "bad_message", "its message is no base64");
	return true;
}

/* A token that is unknown or over is no refusal: the device may renew. */
static bool
find_session(struct req *req, struct scep_call *call, struct err *err)
{
	const char *token = req_param(req, "token");
	struct enroll_session *session;
	struct own_session *own;
	struct err none;

	if (!*token || strcmp(token, PROGRAM) == 0)
		return true;
	call->session_id = "";
	if (enroll_session_by_token(req, req->site->db, token, &session, &none)) {
		call->session_id = session->id;
		call->udid = session->udid;
		return true;
	}
	if (none.kind == ERR_MISSING && own_session_find(req, req->site->db, token, &own, &none) &&
	    own_session_open(own, &none)) {
		call->session_id = own->id;
		call->udid = own->udid;
		return true;
	}
	if (none.kind == ERR_MISSING)
		return true;
	*err = none;
	return false;
}

static bool
pki_operation(struct req *req, struct reply *reply, struct err *err)
{
	struct scep_server server = { req->site->db, req->site->ca, site_conf(req->site) };
	struct scep_call call = { .message = req->body, .address = req->address ? req->address : "", .udid = "" };
	struct scep_answer answer;

	if ((!call.message.len && !message_of_query(req, &call.message, err)) || !find_session(req, &call, err) ||
	    !scep_answer(req, &server, &call, &answer, err))
		return err_at(err, "SCEP message");
	log_info("a SCEP request was answered", KV("result", answer.result), KV("why", answer.why ? answer.why : ""),
		 KV("transaction", answer.transaction_id), KV("certificate", answer.certificate ? answer.certificate : ""));
	return reply_bytes(reply, 200, TYPE_MESSAGE, answer.reply);
}

static bool
scep(struct req *req, struct reply *reply, struct err *err)
{
	const char *operation = req_query(req, "operation");

	if (!operation)
		return err_code(err, ERR_MALFORMED, "bad_operation", "a SCEP request names an operation");
	if (strcmp(operation, "PKIOperation") == 0)
		return pki_operation(req, reply, err);
	if (req->method == GET && strcmp(operation, "GetCACaps") == 0)
		return reply_text(reply, 200, "text/plain", ca_next_staged(req->site->ca) ? CAPABILITIES NEXT_CA : CAPABILITIES);
	if (req->method == GET && strcmp(operation, "GetCACert") == 0)
		return ca_certs(req, reply, err);
	if (req->method == GET && strcmp(operation, "GetNextCACert") == 0)
		return next_certs(req, reply, err);
	return err_code(err, ERR_MALFORMED, "bad_operation", "there is no operation \"%.40s\"", operation);
}

const struct route scep_routes[] = {
	{ GET,  "/scep",          WHO_DEVICE, "0",   ON_WORKER, scep, NULL, NULL, "SCEP: GetCACaps, GetCACert, GetNextCACert, PKIOperation" },
	{ POST, "/scep",          WHO_DEVICE, "64K", ON_WORKER, scep, NULL, NULL, "SCEP: PKIOperation" },
	{ GET,  "/scep/:token", WHO_DEVICE, "0",   ON_WORKER, scep, NULL, NULL, "The same, for a device within its enrollment" },
	{ POST, "/scep/:token", WHO_DEVICE, "64K", ON_WORKER, scep, NULL, NULL, "The same" },
	{ 0 }
};
