/*
 * Device registration for ad hoc builds: what a tester's link opens at /udid, and what iOS answers there.
 *
 * The Profile Service, first phase: Safari loads a mobileconfig with a one-time challenge, the tester
 * confirms it in Settings, iOS sends what it says of itself, signed, and opens Safari at where we say
 * (301).  What the link asks for, a PIN or a sign-in, stands before the mobileconfig: the device itself can
 * give neither.  No other cookie is set, and no UDID stands in a URL; nothing stays on the device.
 */
#include "catalog/contact.h"
#include "catalog/registration.h"
#include "mdm/mobileconfig.h"
#include "mdm/model.h"
#include "web/fields.h"
#include "web/link_pin.h"
#include "web/link_theirs.h"
#include "web/qr.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <string.h>

#define ANSWER_TYPE "application/pkcs7-signature"

static const char *const attributes[] = { "UDID", "PRODUCT", "VERSION", "DEVICE_NAME", NULL };

static const char *
url_of(struct req *req, const char *first, const char *rest)
{
	return mem_printf(req, "%s/%s/%s%s", req->site->base_url, first, req_param(req, "token"), rest);
}

static bool
open_link(struct req *req, struct link **ret, struct err *err)
{
	return link_open(req, req->site->db, req_param(req, "token"), ret, err);
}

/* ---- the page ---- */

static const char *
fit_of(struct req *req, const struct link *link, struct err *err)
{
	static const char *const words[] = { [FIT_ANY] = "free", [FIT_LISTED] = "listed", [FIT_WAITING] = "waiting",
					     [FIT_UNKNOWN] = "unknown" };
	enum registration_fit fit = FIT_UNKNOWN;

	if (link->build_id && !registration_fit(req->site->db, link->contact_id, link->build_id, &fit, err))
		return NULL;
	return words[fit];
}

/* left: tries after a wrong PIN, wait: minutes after too many; -1: not so. */
static bool
link_page(struct req *req, struct reply *reply, const struct link *link, int status, int left, int wait,
	  struct err *err)
{
	const char *url = url_of(req, "udid", ""), *fit = fit_of(req, link, err);
	json_t *qr, *data;

	if (!fit || !qr_json(url, &qr, err))
		return false;
	data = json_pack("{s:s, s:s?, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:o}", "app_name", link->app_name,
		"from", link->from, "organization", site_company(req), "host", strstr(req->site->base_url, "://") + 3,
		"url", url, "download_url", url_of(req, "udid", "/register.mobileconfig"),
		"install_url", url_of(req, "i", ""), "fit", fit, "signed", signing_way(req->site) == SIGNING_FILE,
		"own_ca", signing_way(req->site) == SIGNING_OWN_CA, "in_app_browser", in_app_browser(req), "qr", qr);
	json_object_set_new(data, "pin_url", link_pin_given(req, link) ? json_null() :
			    json_string(mem_printf(req, "/udid/%s", req_param(req, "token"))));
	json_object_set_new(data, "pin_left", left < 0 ? json_null() : json_integer(left));
	json_object_set_new(data, "pin_wait", wait < 0 ? json_null() : json_integer(wait));
	return reply_page_status(reply, req, status, "udid", data, err);
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	struct link *link;

	return open_link(req, &link, err) && link_page(req, reply, link, 200, -1, -1, err);
}

/* Whoever may not sign in tries no PIN either: wrong ones make its reader wait. */
static bool
wants_sign_in(const struct req *req, const struct link *link)
{
	return link->sign_in && !req->person;
}

static bool
send_to_sign_in(struct req *req, struct reply *reply, struct err *err)
{
	return req->browser ? reply_see(reply, mem_printf(req, "/login?next=/udid/%s", req_param(req, "token")))
			    : err_set(err, ERR_SIGN_IN, "this link asks for a sign-in");
}

/* Its PIN. A wrong one in words; programs get the error itself. */
static bool
post_page(struct req *req, struct reply *reply, struct err *err)
{
	const char *token = req_param(req, "token"), *pin = req_form(req, "pin");
	struct link *link;
	bool wait;
	int left;

	if (!open_link(req, &link, err) || (link->sign_in && !session_look(req, err)))
		return false;
	if (wants_sign_in(req, link))
		return send_to_sign_in(req, reply, err);
	if (link->sign_in && !link_is_for(req->site->db, link, req->person->id, err))
		return link_not_theirs(req, reply, link, "udid", err);
	if (!link->pin || link_try_pin(req->site->db, link, token, pin ? pin : "", &left, err)) {
		if (link->pin)
			link_pin_remember(req, reply, link, token);
		return reply_see(reply, mem_printf(req, "/udid/%s", token));
	}
	if (!req->browser || (err->kind != ERR_INVALID && err->kind != ERR_RATE))
		return false;
	wait = err->kind == ERR_RATE || left == 0;
	return link_page(req, reply, link, err_http_status(err->kind), wait ? -1 : left,
			 wait ? LINK_PIN_WAIT_S / 60 : -1, err);
}

/* ---- the mobileconfig ---- */

static bool
get_mobileconfig(struct req *req, struct reply *reply, struct err *err)
{
	struct mobileconfig m = { .identifier = mobileconfig_identifier(req, req->site->base_url, "udid"),
				  .organization = site_company(req) };
	struct mobileconfig_service service = { .url = url_of(req, "udid", "/answer"), .attributes = attributes };
	struct pages *pages = site_pages(req->site);
	struct link *link;
	char *challenge;
	struct buf out;
	json_t *names;

	if (!open_link(req, &link, err) || (link->sign_in && !session_look(req, err)))
		return false;
	if (wants_sign_in(req, link))
		return send_to_sign_in(req, reply, err);
	if (link->sign_in && !(req->head ? link_is_for(req->site->db, link, req->person->id, err)
					  : link_take(req->site->db, link, req->person->id, err)))
		return link_not_theirs(req, reply, link, "udid", err);
	if (!link_pin_given(req, link))
		return req->browser ? reply_see(reply, mem_printf(req, "/udid/%s", req_param(req, "token")))
				    : err_set(err, ERR_DENIED, "this link asks for its PIN first");
	if (req->head)
		challenge = mem_text(req, "");	/* who only looks uses up none */
	else if (!registration_challenge(req, req->site->db, link, &challenge, err))
		return false;
	names = json_pack("{s:s, s:s}", "app_name", link->app_name, "company", site_company(req));
	m.name = page_say(req, pages, req->language, "say_udid_name", names);
	m.description = page_say(req, pages, req->language, "say_udid_what", names);
	json_decref(names);
	service.challenge = challenge;
	buf_init(&out, req, MOBILECONFIG_MAX);
	return mobileconfig_service_write(&m, &service, &out, err) &&
	       signing_reply(req, reply, (struct bytes){ out.p, out.len }, "register.mobileconfig", err);
}

/* ---- the answer ---- */

/* What was refused is written down before the device is told; a failure of ours is no refusal. */
static bool
refuse(struct req *req, const struct link *link, struct err *err)
{
	struct err again;

	if (err->kind == ERR_INTERNAL || err->kind == ERR_BUSY || err->kind == ERR_NO_ROOM)
		return false;
	if (!registration_refused(req->site->db, link, err, &again))
		*err = again;
	return err_at(err, "answer of a device");
}

static bool
post_answer(struct req *req, struct reply *reply, struct err *err)
{
	const char *type = req_header(req, "Content-Type");
	struct device_answer *answer;
	struct link *link;
	char *view;

	if (!open_link(req, &link, err) || !registration_may_answer(req->site->db, link, err))
		return false;
	if (!type || !fields_type_is(type, ANSWER_TYPE)) {
		err_set(err, ERR_MEDIA, "devices answer with " ANSWER_TYPE);
		return refuse(req, link, err);
	}
	if (!device_answer_read(req, req->body, req->site->device_roots, &answer, err) ||
	    !registration_take(req, req->site->db, link, answer, &view, err))
		return refuse(req, link, err);
	/* Of all redirects it is this one at which iOS opens Safari. */
	reply_header(reply, "Location", url_of(req, "udid", mem_printf(req, "/done/%s", view)));
	return reply_empty(reply, 301);
}

/* ---- the page after it ---- */

/* Will we be able to tell them when there is a build? */
static bool
can_be_told(struct req *req, const struct link *link)
{
	const struct conf *conf = site_conf(req->site);
	struct contact *contact;
	struct err none;

	return link->contact_id && contact_get(req, req->site->db, link->contact_id, &contact, &none) &&
	       !contact->quiet && ((*contact->email && *conf->smtp_url) || (*contact->phone && *conf->sms_driver));
}

const char *
device_system(TALLOC_CTX *ctx, const char *version)
{
	char number[16];

	return model_ios_of_build(version, number) ? mem_printf(ctx, "iOS %s (%s)", number, version) : version;
}

static bool
get_done(struct req *req, struct reply *reply, struct err *err)
{
	const char *product, *model, *contact;
	struct link *link;
	json_t *device, *data;

	if (!link_find(req, req->site->db, req_param(req, "token"), &link, err) ||
	    !registration_view(req->site->db, link, req_param(req, "view"), &device, err))
		return false;
	product = text_of(device, "product");
	model = model_name(product);
	contact = text_of(device, "contact");
	data = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:b, s:b, s:b}", "app_name", link->app_name,
		"name", *contact ? contact : *text_of(device, "name") ? text_of(device, "name") : model ? model : product,
		"device_name", text_of(device, "name"), "model", model ? model : product,
		"system", device_system(req, text_of(device, "version")), "from", link->from,
		"listed", strcmp(text_of(device, "state"), "invited") == 0, "told", can_be_told(req, link), "over", link->over);
	json_object_set_new(data, "install_url", link->over ? json_null() : json_string(url_of(req, "i", "")));
	json_decref(device);
	return reply_page(reply, req, "registered", data, err);
}

const struct route registration_routes[] = {
	{ GET,  "/udid/:token",                       WHO_LINK,   "0",   ON_WORKER, get_page,         NULL, NULL, "How to register a device for ad hoc builds" },
	{ POST, "/udid/:token",                       WHO_LINK,   "16K", ON_WORKER, post_page,        NULL, NULL, "Its PIN: {pin}" },
	{ GET,  "/udid/:token/register.mobileconfig", WHO_LINK,   "0",   ON_WORKER, get_mobileconfig, NULL, NULL, "The Profile Service mobileconfig, with a challenge" },
	{ POST, "/udid/:token/answer",                WHO_DEVICE, "64K", ON_WORKER, post_answer,      NULL, NULL, "What a device answers, signed" },
	{ GET,  "/udid/:token/done/:view",            WHO_LINK,   "0",   ON_WORKER, get_done,         NULL, NULL, "What was registered" },
	{ 0 }
};
