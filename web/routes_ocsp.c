/*
 * Whether a certificate of ours was revoked, RFC 6960: by POST, and by GET with the request as base64 in the
 * path (appendix A), where it may hold slashes of its own.
 */
#include "core/count.h"
#include "core/num.h"
#include "mdm/ocsp.h"
#include "web/fields.h"
#include "web/pace.h"
#include "web/rooms.h"
#include <string.h>

#define TYPE_REQUEST	"application/ocsp-request"
#define TYPE_RESPONSE	"application/ocsp-response"
#define OCSP_MOST	300	/* a minute from one address; more are answered with what is kept */

static bool
say(struct req *req, struct reply *reply, struct bytes request, struct err *err)
{
	struct ocsp_answer answer;
	struct err slow = { 0 };
	bool sparing = !pace_take(mem_printf(req, "ocsp %s", req->address), OCSP_MOST, &slow);

	if (!ocsp_answer(req, req->site->ca, request, sparing, &answer, err))
		return err_at(err, "OCSP request");
	count_add(COUNT_OCSP, 1);
	/* RFC 5019 6.2; no-transform, since it is signed */
	reply_header(reply, "Cache-Control", answer.keep_s ? mem_printf(req, "max-age=%lld, public, no-transform, must-revalidate",
									(long long)answer.keep_s) : "no-store");
	return reply_bytes(reply, 200, TYPE_RESPONSE, answer.der);
}

static bool
post_ocsp(struct req *req, struct reply *reply, struct err *err)
{
	const char *type = req_header(req, "Content-Type");

	if (!type || !fields_type_is(type, TYPE_REQUEST))
		return err_set(err, ERR_MEDIA, "OCSP requests are " TYPE_REQUEST);
	return say(req, reply, req->body, err);
}

/* What cannot be decoded is no request: the answer says so, as to any other that is none. */
static bool
get_ocsp(struct req *req, struct reply *reply, struct err *err)
{
	const char *text = req->path + sizeof "/ocsp/" - 1;
	struct bytes request;
	char *copy = mem_text(req, text);

	for (char *p = copy; *p; p++)
		if (*p == ' ')	/* a "+" that somebody on the way took for a blank */
			*p = '+';
	if (strlen(copy) > 2 * OCSP_REQUEST_MAX || !num_unbase64(req, copy, strlen(copy), &request))
		request = (struct bytes){ 0 };
	return say(req, reply, request, err);
}

#define ROW(path) { GET, path, WHO_ANYONE, "0", ON_WORKER, get_ocsp, NULL, NULL, "The same by GET: base64 of the request" }

const struct route ocsp_routes[] = {
	{ POST, "/ocsp", WHO_ANYONE, "4K", ON_WORKER, post_ocsp, NULL, NULL, "OCSP: was a certificate of ours revoked?" },
	ROW("/ocsp/:request*"),
	{ 0 }
};
