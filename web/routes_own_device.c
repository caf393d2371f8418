/*
 * What Safari downloads and a device answers on the way to its person's own mobileconfig: nobody signs in here,
 * the session's token in the path and a signature are the proof, as in web/routes_enroll_device.c.
 */
#include "mdm/mobileconfig_form.h"
#include "web/own_house.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <string.h>

/* Somebody who was disabled meanwhile gets nothing any more. */
static bool
find_person(struct req *req, const struct own_session *session, struct person **ret, struct err *err)
{
	return person_by_id(req, req->site->db, session->person_id, ret, err);
}

static bool
get_service(struct req *req, struct reply *reply, struct err *err)
{
	const char *token = req_param(req, "token"), *name;
	struct own_session *session;
	struct enroll_house house;
	struct person *person;
	struct buf out;

	if (!own_session_find(req, req->site->db, token, &session, err) || !own_session_open(session, err) ||
	    !find_person(req, session, &person, err))
		return false;
	name = own_file_name(req, person->name);
	if (strcmp(session->state, "offered") != 0 || strcmp(req_param(req, "file"), name) != 0)
		return err_set(err, ERR_MISSING, "its mobileconfig was used, or has another name");
	buf_init(&out, req, MOBILECONFIG_MAX);
	return own_house_for(req, req->site, req->language, &house, err) && own_service_write(&house, token, &out, err) &&
	       signing_reply(req, reply, (struct bytes){ out.p, out.len }, name, err);
}

/* A failure of ours is no refusal; and a session that had so many is written about no more. */
static bool
refuse(struct req *req, const struct own_session *session, struct err *err)
{
	struct err again;

	if (err->kind == ERR_INTERNAL || err->kind == ERR_BUSY || err->kind == ERR_NO_ROOM)
		return false;
	if (session->refusals < OWN_REFUSALS_MAX && !own_session_refused(req->site->db, session, err, &again))
		*err = again;
	return err_at(err, "own mobileconfig %s", session->id);
}

/* Phase 3.  The signer is looked at before a key is made for it, and again when it is given. */
static bool
issue(struct req *req, const struct own_session *session, const struct enroll_house *house,
      const struct device_answer *answer, struct buf *out, struct err *err)
{
	const struct phase_proof proof = { session->id, session->udid, session->serial };
	const struct own_target target = {
		.person_id = session->person_id, .udid = session->udid, .serial = session->serial,
		.product = session->product, .version = session->version, .device_name = session->device_name,
	};
	struct site *site = req->site;
	struct own_template template;
	struct own_filled filled;

	return phase_is_passing(req, site->db, &proof, answer, err) &&
	       own_template(req, site, req->language, session->person_id, session->mobileconfig_id, &template, err) &&
	       own_fill(req, site, req->language, &template, &target, &filled, err) &&
	       own_issue(req, site->db, house, req_param(req, "token"), session, answer, &filled.gift, err) &&
	       own_write(req, &filled, answer->certificate, out, err);
}

static bool
post_answer(struct req *req, struct reply *reply, struct err *err)
{
	const char *token = req_param(req, "token");
	struct device_answer *answer;
	struct own_session *session;
	struct enroll_house house;
	struct person *person;
	struct buf out;

	if (!own_session_find(req, req->site->db, token, &session, err) ||
	    !own_house_for(req, req->site, req->language, &house, err))
		return false;
	buf_init(&out, req, FORM_OUT_MAX);
	if (!own_session_open(session, err) || !find_person(req, session, &person, err) ||
	    !enroll_read_answer(req, &answer, err))
		return refuse(req, session, err);
	if (answer->signer == DEVICE_OURS ? !issue(req, session, &house, answer, &out, err) :
	    !own_pass(req, req->site->db, &house, token, session, answer, &out, err))
		return refuse(req, session, err);
	return signing_reply(req, reply, (struct bytes){ out.p, out.len }, own_file_name(req, person->name), err);
}

const struct route own_device_routes[] = {
	{ GET,  "/eas/:token/:file", WHO_LINK,   "0",   ON_WORKER, get_service, NULL, NULL, "The Profile Service mobileconfig that leads to a person's own, <username>.mobileconfig" },
	{ POST, "/eas/:token",       WHO_DEVICE, "64K", ON_WORKER, post_answer, NULL, NULL, "What a device answers, signed: phases 1 and 3 of the Profile Service" },
	{ 0 }
};
