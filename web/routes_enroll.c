/*
 * The way into management as a person sees it: what IT will see, the download, how far it is, and what became of
 * the devices that they have set up.  And sessions that an admin makes for somebody.
 *
 * What is downloaded belongs to a session that the button makes (POST), so that who only looks begins nothing.
 */
#include "catalog/invitation.h"
#include "core/audit.h"
#include "core/clock.h"
#include "mdm/command.h"
#include "mdm/enroll_approval.h"
#include "mdm/enroll_list.h"
#include "mdm/model.h"
#include "web/browser.h"
#include "web/enroll_house.h"
#include "web/invitation_send.h"
#include "web/qr.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <string.h>

#define REFRESH_S	5	/* of a page without a script while something is under way */
#define OVER_S		3600	/* how long it is said that the last try failed or expired */

/* ---- the page ---- */

static json_t *
date_of(struct req *req, const json_t *row, const char *key)
{
	const json_t *at = json_object_get(row, key);

	return json_is_integer(at) ? page_moment(req->language, (time_t)json_integer_value(at)) : json_null();
}

static const char *
device_name_of(const json_t *row, const char *key)
{
	const char *product = text_of(row, "product"), *model = model_name(product);

	return *text_of(row, key) ? text_of(row, key) : model ? model : product;
}

static bool
devices_part(struct req *req, json_t **ret, int64_t *enrolled, struct err *err)
{
	json_t *rows, *list, *row;
	size_t i;

	*enrolled = 0;
	if (!enroll_list_devices(req->site->db, req->person->id, &rows, err))
		return false;
	list = json_array();
	json_array_foreach(rows, i, row) {
		const char *model = model_name(text_of(row, "product"));

		*enrolled += strcmp(text_of(row, "state"), "enrolled") == 0;
		json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:s, s:o, s:o}", "name", device_name_of(row, "name"),
			"model", model, "system", device_system(req, text_of(row, "version")), "state", text_of(row, "state"),
			"enrolled", date_of(req, row, "enrolled"), "ended", date_of(req, row, "ended")));
	}
	json_decref(rows);
	*ret = list;
	return true;
}

/* "signed_in", "downloaded", ...: what is done, what is under way, and where it failed. */
static json_t *
steps_of(struct req *req, const json_t *session)
{
	static const char *const kinds[] = { "signed_in", "downloaded", "answered", "identified", "done" };
	const char *state = text_of(session, "state");
	bool over = strcmp(state, "failed") == 0 || strcmp(state, "expired") == 0;
	bool identified = json_is_true(json_object_get(session, "identified"));
	int done = strcmp(state, "done") == 0 ? 5 : identified || strcmp(state, "staged") == 0 ? 4 :
		   *text_of(session, "product") || strcmp(state, "issued") == 0 ? 3 : 2;
	json_t *steps = json_array();

	for (int i = 0; i < 5; i++)
		json_array_append_new(steps, json_pack("{s:s, s:s, s:o, s:n}", "kind", kinds[i], "state",
			i < done ? "done" : i > done ? "wait" : over ? "fail" : "now",
			"at", i == 0 ? date_of(req, session, "created") : i == done - 1 && i > 1 ?
			date_of(req, session, "changed") : json_null(), "percent"));
	return steps;
}

/* Why the last try ended, in words for its owner. */
static char *
why_of(struct req *req, const json_t *session)
{
	const char *state = text_of(session, "state"), *why = text_of(session, "why");
	const char *word = strcmp(state, "expired") == 0 ? "say_enroll_expired" :
			   strcmp(why, "too_many_devices") == 0 ? "say_enroll_full" : *why ? "say_enroll_failed" : NULL;
	json_t *names;
	char *text;

	if (!word)
		return NULL;
	names = json_pack("{s:I}", "devices_max", (json_int_t)site_conf(req->site)->enroll_devices_max);
	text = page_say(req, req->site->pages, req->language, word, names);
	json_decref(names);
	return text;
}

static bool
progress_part(struct req *req, json_t *page, struct err *err)
{
	json_t *session;
	const char *state, *approval;
	bool under_way, over, ended;

	if (!enroll_approval_of(req, req->site->db, req->person->id, &approval, err) ||
	    !enroll_list_newest(req->site->db, req->person->id, &session, err))
		return false;
	if (strcmp(approval, "waiting") == 0 || strcmp(approval, "refused") == 0) {	/* and no step of it under way */
		json_decref(session);
		session = NULL;
	}
	json_object_set_new(page, "approval", *approval ? json_string(approval) : json_null());
	json_object_set_new(page, "mark", strcmp(approval, "waiting") == 0 ? json_string(approval) : json_null());
	state = session ? text_of(session, "state") : "";
	over = strcmp(state, "done") == 0;
	ended = over || strcmp(state, "failed") == 0 || strcmp(state, "expired") == 0;
	if (session && ended && json_integer_value(json_object_get(session, "changed")) < clock_now() - OVER_S) {
		json_decref(session);
		session = NULL;
		over = false;
	}
	under_way = session && !ended;
	json_object_set_new(page, "steps", session ? steps_of(req, session) : json_array());
	json_object_set_new(page, "why", session && !over ? json_pack("s?", why_of(req, session)) : json_null());
	json_object_set_new(page, "status_url", under_way ? json_string("/enroll") : json_null());
	json_object_set_new(page, "refresh", under_way ? json_integer(REFRESH_S) : json_null());
	json_object_set_new(page, "over", json_boolean(over));
	json_decref(session);
	return true;
}

/* NULL: nothing keeps them from it. */
static bool
blocked(struct req *req, const struct invitation *invitation, const char **ret, struct err *err)
{
	enum enroll_lack lack;
	char *topic;

	if (!enroll_lacks(req, &lack, &topic, err))
		return false;
	*ret = lack != ENROLL_READY ? "not_ready" : !site_conf(req->site)->enroll_open && !invitation ? "closed" : NULL;
	return true;
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	const char *url = mem_printf(req, "%s/enroll", req->site->base_url), *block;
	struct invitation *invitation;
	struct browser browser;
	json_t *devices, *qr, *page, *invited;
	struct err none;
	int64_t n;

	browser_read(req_header(req, "User-Agent"), &browser);
	if (!invitation_part(req, &invitation, &invited, err))
		return false;
	if (!devices_part(req, &devices, &n, err)) {
		json_decref(invited);
		return false;
	}
	page = json_pack("{s:o, s:s, s:s, s:o, s:o, s:b, s:s, s:b, s:I, s:b, s:b, s:b, s:b, s:b, s:s}",
		"rights", enroll_rights(conf->enroll_access_rights), "url", url, "host", strstr(req->site->base_url, "://") + 3,
		"invitation", invited, "devices", devices, "full", n >= conf->enroll_devices_max,
		"begin_url", "/enroll", "direct", enroll_direct_may(conf, &none),
		"minutes", (json_int_t)conf->enroll_session_minutes, "signed", signing_way(req->site) == SIGNING_FILE, "own_ca", signing_way(req->site) == SIGNING_OWN_CA,
		"is_ios", browser.iphone || browser.ipad, "may_be_ipad", browser.mac_safari, "in_app_browser", browser.in_app, "done_url", "/enrolled");
	if (!blocked(req, invitation, &block, err) || !progress_part(req, page, err) || !qr_json(url, &qr, err)) {
		json_decref(page);
		return false;
	}
	json_object_set_new(page, "blocked", json_pack("s?", block));
	json_object_set_new(page, "qr", qr);
	return reply_page(reply, req, "enroll", page, err);
}

/* ---- the button ---- */

struct begin {
	TALLOC_CTX *ctx;
	struct enroll_wish wish;
	bool approval;		/* an admin looks at its device first */
	char *id, *token;
};

static bool
tx_begin(struct db *tx, void *arg, struct err *err)
{
	struct begin *b = arg;

	return enroll_session_begin(tx, b->ctx, &b->wish, &b->id, &b->token, err) &&
	       (!b->approval || enroll_approval_want(tx, b->id, err)) &&
	       (!b->wish.invitation_id || invitation_began(tx, b->wish.invitation_id, b->id, err));
}

static bool
begin(struct req *req, const char *person_id, const char *invitation_id, bool approval, struct begin *ret, struct err *err)
{
	*ret = (struct begin){ .ctx = req, .wish = enroll_wish_of(req, req->site, person_actor(req, req->person), person_id,
								  invitation_id), .approval = approval };
	return db_tx(req->site->db, tx_begin, ret, err);
}

static bool
post_begin(struct req *req, struct reply *reply, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	const char *way = req_form(req, "way");
	bool direct = way && strcmp(way, "direct") == 0;
	struct invitation *invitation;
	struct begin b;
	char *topic;

	if (!invitation_of_person(req, req->site->db, req->person->id, &invitation, err))
		return false;
	if (!conf->enroll_open && !invitation)
		return err_code(err, ERR_DENIED, "by_invitation", "devices are set up by invitation here; ask your IT for one");
	if (direct && !enroll_direct_may(conf, err))
		return false;
	if (!enroll_topic(req, &topic, err) || !begin(req, req->person->id, invitation ? invitation->id : NULL, conf->enroll_approval, &b, err))
		return false;
	return reply_see(reply, direct ? enroll_direct_url(req, req->site, b.token) : enroll_url(req, req->site, b.token));
}

/* ---- where it leads to ---- */

static bool
get_done(struct req *req, struct reply *reply, struct err *err)
{
	json_t *rows, *row, *device = json_null();
	size_t i;

	if (!enroll_list_devices(req->site->db, req->person->id, &rows, err))
		return false;
	json_array_foreach(rows, i, row)
		if (strcmp(text_of(row, "state"), "enrolled") == 0) {
			device = json_pack("{s:s, s:s?}", "name", device_name_of(row, "name"), "model",
					   model_name(text_of(row, "product")));
			break;
		}
	json_decref(rows);
	return reply_page(reply, req, "enrolled", json_pack("{s:o, s:s}", "device", device, "apps_url", "/"), err);
}

/* ---- for programs ---- */

static bool
api_begin(struct req *req, struct reply *reply, struct err *err)
{
	struct person *person = NULL;
	const char *name;
	json_t *json;
	struct begin b;
	char *topic;

	if (!req_json(req, &json, err))
		return false;
	name = json_string_value(json_object_get(json, "person"));
	if (!name && !json_is_null(json_object_get(json, "person")))
		return err_code(err, ERR_INVALID, "invalid", "person: the name of whose device it is, or null");
	if (name && !person_by_name(req, req->site->db, name, &person, err)) {
		if (err->kind == ERR_MISSING)
			err_code(err, ERR_INVALID, "no_such_person", "nobody is called %s", name);
		return false;
	}
	if (!enroll_topic(req, &topic, err) || !begin(req, person ? person->id : NULL, NULL, false, &b, err))
		return false;
	return reply_json(reply, 201, json_pack("{s:s, s:s, s:s?, s:s}", "id", b.id, "url",
		enroll_url(req, req->site, b.token), "direct_url", enroll_direct_url(req, req->site, b.token),
		"expires", clock_text(req, clock_now() + b.wish.ttl_s)));
}

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	static const char *const times[] = { "created", "expires" };
	json_t *json;

	if (!enroll_list_show(req->site->db, req_param(req, "id"), &json, err))
		return false;
	for (int i = 0; i < 2; i++)
		json_object_set_new(json, times[i], json_string(clock_text(req, (time_t)json_integer_value(
			json_object_get(json, times[i])))));
	return reply_json(reply, 200, json);
}

struct renew {
	struct req *req;
	const char *enrollment_id;
	char *uuid;
};

static bool
tx_renew(struct db *tx, void *arg, struct err *err)
{
	struct renew *r = arg;
	const char *actor = person_actor(r->req, r->req->person);

	return renew_identity(tx, r->req, r->enrollment_id, mem_printf(r->req, "person:%s", r->req->person->name), &r->uuid,
			      err) &&
	       audit_add(tx, actor, "enroll.renew", req_param(r->req, "id"), r->uuid, err);
}

/* Its identity anew, as before it ends; for one whose key is in doubt. */
static bool
api_renew(struct req *req, struct reply *reply, struct err *err)
{
	struct enrollment *enrollment;
	struct renew r = { .req = req };
	struct command_target may;

	if (!enrollment_of_device(req, req->site->db, req_param(req, "id"), &enrollment, err))
		return false;
	r.enrollment_id = enrollment->id;
	may = (struct command_target){ enrollment->access_rights, enrollment->kind, enrollment->supervised };
	return command_may("InstallProfile", NULL, &may, err) && db_tx(req->site->db, tx_renew, &r, err) && reply_json(reply, 202, json_pack("{s:s?}", "uuid", r.uuid));
}

const struct route enroll_routes[] = {
	{ GET,  "/enroll",                     WHO_PERSON, "0",   ON_WORKER, get_page,   NULL, NULL, "Set up this device: what IT sees, the download, how far it is" },
	{ POST, "/enroll",                     WHO_PERSON, "64K", ON_WORKER, post_begin, NULL, NULL, "Begin an enrollment: leads to its mobileconfig" },
	{ GET,  "/enrolled",                   WHO_PERSON, "0",   ON_WORKER, get_done,   NULL, NULL, "After it: what was set up, and on to the catalog" },
	{ POST, "/api/v1/enroll/sessions",     WHO_ADMIN,  "64K", ON_WORKER, api_begin,  NULL, "devices", "An enrollment session for a person: {person}" },
	{ GET,  "/api/v1/enroll/sessions/:id", WHO_ADMIN,  "0",   ON_WORKER, api_show,   NULL, "devices", "How far an enrollment session is" },
	{ POST, "/api/v1/devices/:id/renew",   WHO_ADMIN,  "64K", ON_WORKER, api_renew,  NULL, "devices", "Give a managed device a new identity" },
	{ 0 }
};
