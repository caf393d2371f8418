/*
 * What the invited open: /e/<token>, and saying no.
 *
 * The link carries no right, so it is told apart by who is signed in.  Nobody: what will happen, with no name
 * but the company's.  The invited person: on to /enroll.  Somebody else: whom it is for, and nothing more.
 */
#include "web/browser.h"
#include "web/enroll_house.h"
#include "web/invitation_send.h"
#include "web/rooms.h"
#include <string.h>

static const char *
self(struct req *req)
{
	return mem_printf(req, "/e/%s", req_param(req, "token"));
}

/* To whom nobody has signed in, and to who has just said no. */
static bool
invited_page(struct req *req, struct reply *reply, bool declined, struct err *err)
{
	const char *at = self(req);

	return reply_page(reply, req, "invited", json_pack("{s:o, s:s, s:s, s:b, s:b, s:s}", "rights",
		enroll_rights(site_conf(req->site)->enroll_access_rights), "sign_in_url", mem_printf(req, "/login?next=%s", at),
		"decline_url", mem_printf(req, "%s/decline", at), "declined", declined, "in_app_browser", in_app_browser(req),
		"url", mem_printf(req, "%s%s", req->site->base_url, at)), err);
}

/* Whom it is for is said to people who work here, and to no program. */
static bool
not_yours(struct req *req, struct reply *reply, const struct invitation *i, struct err *err)
{
	if (!req->browser)
		return err_code(err, ERR_DENIED, "not_yours", "this invitation is for somebody else");
	return reply_page_status(reply, req, 403, "notyours", json_pack("{s:s, s:s, s:s?}", "who", i->display, "next", self(req),
		"csrf", req->session_csrf), err);
}

static bool
get_invited(struct req *req, struct reply *reply, struct err *err)
{
	struct browser browser;
	struct invitation *i;

	browser_read(req_header(req, "User-Agent"), &browser);
	if (!invitation_open(req, req->site->db, req_param(req, "token"), &i, err) || !session_look(req, err))
		return false;
	if (!req->person) {
		if (!req->head && !browser.robot)
			invitation_opened(req->site->db, i);
		return invited_page(req, reply, i->declined, err);
	}
	if (strcmp(req->person->id, i->person_id) != 0)
		return not_yours(req, reply, i, err);
	return (req->head || invitation_signed_in(req->site->db, i, err)) && reply_see(reply, "/enroll");
}

/* Whoever has the link may say no: nothing ends by it, and signing in undoes it. */
static bool
post_decline(struct req *req, struct reply *reply, struct err *err)
{
	struct invitation *i;

	if (!invitation_open(req, req->site->db, req_param(req, "token"), &i, err) || !session_look(req, err))
		return false;
	if (req->person && strcmp(req->person->id, i->person_id) != 0)
		return not_yours(req, reply, i, err);
	/* In a signed-in person's name only from a page of ours. */
	return (!req->person || session_proof(req, req_form(req, "csrf"), err)) &&
	       invitation_declined(req->site->db, req->person ? req->person->name : NULL, i, err) &&
	       invited_page(req, reply, true, err);
}

/* The same on /enroll, where they have signed in and the token is not known. */
static bool
post_enroll_decline(struct req *req, struct reply *reply, struct err *err)
{
	struct invitation *i;

	if (!invitation_of_person(req, req->site->db, req->person->id, &i, err))
		return false;
	return (!i || invitation_declined(req->site->db, req->person->name, i, err)) && reply_see(reply, "/");
}

bool
invitation_part(struct req *req, struct invitation **invitation, json_t **ret, struct err *err)
{
	struct invitation *i;

	if (!invitation_of_person(req, req->site->db, req->person->id, &i, err))
		return false;
	*invitation = i;
	*ret = i ? json_pack("{s:s?, s:s, s:s}", "from", i->from, "note", i->note, "decline_url", "/invitation/decline") : json_null();
	return true;
}

const struct route invited_routes[] = {
	{ GET,  "/e/:token",         WHO_LINK,   "0",   ON_WORKER, get_invited,         NULL, NULL, "What an invitation to set up a device leads to" },
	{ POST, "/e/:token/decline", WHO_LINK,   "16K", ON_WORKER, post_decline,        NULL, NULL, "Decline an invitation" },
	{ POST, "/invitation/decline", WHO_PERSON, "16K", ON_WORKER, post_enroll_decline, NULL, NULL, "The same, signed in" },
	{ 0 }
};
