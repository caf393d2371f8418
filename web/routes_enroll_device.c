/*
 * What a device asks for and answers while it enrolls: nobody signs in here, the session's token in the path
 * and a signature are the proof.
 *
 * Both phases of the Profile Service come to the same URL, and who signed tells them apart: Apple's certificate
 * of the device, or the passing identity that we gave it (docs/enrolling.md).  What is refused is written
 * down before the device is told.
 */
#include "catalog/person.h"
#include "mdm/enroll_approval.h"
#include "web/enroll_house.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <string.h>

/* Somebody who was disabled meanwhile enrolls nothing any more. */
static bool
check_person(struct req *req, const struct enroll_session *session, struct err *err)
{
	struct person *person;

	return !session->person_id || person_by_id(req, req->site->db, session->person_id, &person, err);
}

static bool
open_session(struct req *req, const char *token, struct enroll_session **ret, struct err *err)
{
	return enroll_session_by_token(req, req->site->db, token, ret, err) && check_person(req, *ret, err);
}

/* ---- what Safari downloads ---- */

static bool
get_service(struct req *req, struct reply *reply, struct err *err)
{
	const char *token = req_param(req, "token");
	struct enroll_session *session;
	struct enroll_house house;
	char *topic;
	struct buf out;

	if (!open_session(req, token, &session, err))
		return false;
	if (strcmp(session->state, "offered") != 0 || strcmp(session->kind, "ota") != 0)
		return err_set(err, ERR_MISSING, "its mobileconfig was used");
	buf_init(&out, req, MOBILECONFIG_MAX);
	return enroll_topic(req, &topic, err) && enroll_house_of(req, &house, err) &&
	       enroll_service_write(&house, token, &out, err) &&
	       signing_reply(req, reply, (struct bytes){ out.p, out.len }, "enroll.mobileconfig", err);
}

/* One mobileconfig with all of it, where phases cannot be done. */
static bool
get_direct(struct req *req, struct reply *reply, struct err *err)
{
	const char *token = req_query(req, "session"), *plain = req_query(req, "plain");
	struct enroll_session *session;
	struct enroll_house house;
	struct buf out;
	char *topic;

	if (!token || !site_conf(req->site)->enroll_direct)
		return err_set(err, ERR_MISSING, "enroll.direct is off, or no session is named");
	if (!open_session(req, token, &session, err))
		return false;
	if (req->head)	/* who only looks uses up nothing */
		return reply_bytes(reply, 200, MOBILECONFIG_TYPE, (struct bytes){ "", 0 });
	buf_init(&out, req, MOBILECONFIG_MAX);
	if (!enroll_topic(req, &topic, err) || !enroll_house_of(req, &house, err) ||
	    !enroll_approval_pass(req->site->db, session, NULL, err) ||
	    !enroll_direct(req, req->site->db, &house, token, session, topic, &out, err))
		return false;
	if (plain && !says_no(plain))
		return reply_bytes(reply, 200, MOBILECONFIG_TYPE, (struct bytes){ out.p, out.len });
	return signing_reply(req, reply, (struct bytes){ out.p, out.len }, "enroll.mobileconfig", err);
}

/* ---- what the device answers ---- */

/* A failure of ours is no refusal; and a session that had so many is written about no more. */
static bool
refuse(struct req *req, const struct enroll_session *session, struct err *err)
{
	struct err again;

	if (err->kind == ERR_INTERNAL || err->kind == ERR_BUSY || err->kind == ERR_NO_ROOM)
		return false;
	if (session->refusals < ENROLL_REFUSALS_MAX &&
	    !enroll_session_refused(req->site->db, session, err, &again))
		*err = again;
	return err_at(err, "enrollment %s", session->id);
}

/* That it must wait is no mistake of its own. */
static bool
waits(const struct err *err)
{
	return strcmp(err->code, "waits_for_approval") == 0;
}

static bool
post_answer(struct req *req, struct reply *reply, struct err *err)
{
	const char *token = req_param(req, "token");
	struct enroll_session *session;
	struct device_answer *answer;
	struct enroll_house house;
	struct buf out;
	char *topic;

	if (!enroll_session_find(req, req->site->db, token, &session, err))
		return false;
	buf_init(&out, req, MOBILECONFIG_MAX);
	if (!enroll_topic(req, &topic, err) || !enroll_house_of(req, &house, err))
		return false;
	if (!enroll_session_open(session, err) || !check_person(req, session, err) || !enroll_read_answer(req, &answer, err))
		return refuse(req, session, err);
	if (answer->signer != DEVICE_OURS && !enroll_approval_pass(req->site->db, session, answer, err))
		return waits(err) ? false : refuse(req, session, err);
	if (answer->signer == DEVICE_OURS ?
	    !enroll_issue(req, req->site->db, &house, token, session, answer, topic, &out, err) :
	    !enroll_pass(req, req->site->db, &house, token, session, answer, &out, err))
		return refuse(req, session, err);
	return signing_reply(req, reply, (struct bytes){ out.p, out.len }, "enroll.mobileconfig", err);
}

/* ---- account-driven enrollment ---- */

/*
 * iOS asks so when somebody signs in under Settings with a work account.  Not offered here, and this is how Apple
 * wants that to be said: developer.apple.com/documentation/devicemanagement/errorcodewellknownfailed
 */
static bool
get_well_known(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)err;
	return reply_json_as(reply, 403, "application/json", json_pack("{s:s, s:s, s:s}",
		"code", "com.apple.well-known.failed",
		"description", "account-driven enrollment is not offered here; devices are set up at /enroll",
		"message", "This server does not set up devices in this way. Ask your IT for an invitation."));
}

const struct route enroll_device_routes[] = {
	{ GET,  "/enroll/:token/service.mobileconfig", WHO_LINK,   "0",   ON_WORKER, get_service,    NULL, NULL, "The Profile Service mobileconfig of an enrollment session" },
	{ GET,  "/enroll/direct.mobileconfig",           WHO_LINK,   "0",   ON_WORKER, get_direct,     NULL, NULL, "SCEP and MDM payload in one mobileconfig (enroll.direct): ?session= &plain=1" },
	{ POST, "/enroll/:token",                      WHO_DEVICE, "64K", ON_WORKER, post_answer,    NULL, NULL, "What an enrolling device answers, signed: phases 1 and 3 of the Profile Service" },
	{ GET,  "/.well-known/com.apple.remotemanagement", WHO_DEVICE, "0", ON_WORKER, get_well_known, NULL, NULL, "Account-driven enrollment: not offered" },
	{ 0 }
};
