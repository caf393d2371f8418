/*
 * The page behind a tester's link, /i/<token>; and behind the link in an upload's answer, which is a
 * grant and looks the same.
 *
 * Nobody signs in unless the link asks for it.  Whoever opens the page gets an install of their own, with
 * a cookie for that path alone, so that its steps can be shown and nobody else's are; and one more, by
 * which the link counts phones (catalog/link.h).  A link that asks for nothing shows the button at once; one
 * with a PIN after the PIN.
 */
#include "catalog/contact.h"
#include "catalog/registration.h"
#include "core/clock.h"
#include "core/secret.h"
#include "web/link_pin.h"
#include "web/link_theirs.h"
#include "web/pace.h"
#include "web/page_install.h"
#include "web/qr.h"
#include "web/rooms.h"
#include <stdlib.h>
#include <string.h>

#define QR_SVG_MAX	(256u << 10)
#define COOKIE		"pomona_install"
#define COOKIE_S	(30 * DAY_S)
#define PHONE_COOKIE	"pomona_phone"
#define PHONE_MAX	64	/* a longer one is none of ours */
#define TAPS_MAX	60	/* new installs by taps of one link, a minute */

static const char *
url_of(struct req *req, const char *token, const char *rest)
{
	return mem_printf(req, "%s/i/%s%s", req->site->base_url, token, rest);
}

static bool
open_grant(struct req *req, struct grant **grant, struct err *err)
{
	char client[SECRET_HASH_SIZE];

	return grant_open(req, req->site->db, req_param(req, "token"), GRANT_PAGE, site_client(req, client), grant, err);
}

/* ---- the install of who looks ---- */

struct visit {
	const char *token;		/* of the link */
	struct link *link;
	struct install *install;	/* theirs; NULL: none yet */
	json_t *build;
	struct browser browser;
	const char *cookie;		/* of this browser; NULL: it has none yet */
	char phone[SECRET_HASH_SIZE];	/* its hash */
	bool counted;			/* the phone is one of the link's installs: it may install the next build too */
};

static void
set_cookie(struct req *req, struct reply *reply, const struct visit *v, const char *name, const char *value, int64_t s)
{
	reply_header(reply, "Set-Cookie", mem_printf(req, "%s=%s; Path=/i/%s; HttpOnly; SameSite=Lax%s; Max-Age=%lld", name,
		value, v->token, req->site->secure ? "; Secure" : "", (long long)s));
}

/* Who counts as one phone: known by its cookie, for as long as the link is. */
static bool
find_phone(struct req *req, struct visit *v, struct err *err)
{
	const char *cookie = req_cookie(req, PHONE_COOKIE);

	if (!cookie || !*cookie || strlen(cookie) > PHONE_MAX)
		return true;
	v->cookie = cookie;
	return link_has_phone(req->site->db, v->link->id, secret_hash(cookie, v->phone), &v->counted, err);
}

static const char *
phone_of(struct req *req, struct visit *v)
{
	if (!v->cookie)
		secret_hash(v->cookie = secret_token(req), v->phone);
	return v->phone;
}

/* By their cookie. An install of another build of the same channel is over: this is the next one. */
static bool
find_install(struct req *req, struct visit *v, struct err *err)
{
	const char *id = req_cookie(req, COOKIE);

	if (!id || !*id)
		return true;
	if (!install_get(req, req->site->db, id, v->link->id, NULL, &v->install, err))
		return err->kind == ERR_MISSING;
	if (v->link->build_id && strcmp(v->install->build_id, v->link->build_id) != 0)
		v->install = NULL;
	return true;
}

/* Who asks again soon goes on with what they have. */
static bool
may_go_on(const struct visit *v, const char *person_id, int64_t since)
{
	const struct install *install = v->install;

	return install && install->granted && install->created > since &&
	       strcmp(install->person_id ? install->person_id : "", person_id ? person_id : "") == 0;
}

static bool
begin_install(struct req *req, struct reply *reply, struct visit *v, bool tapped, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	const struct link *link = v->link;
	int64_t now = clock_now(), lives = link->expires - now, tap_s = conf->grant_tap_minutes * 60;
	struct install_start start = { .id = secret_id(req), .build_id = link->build_id, .link_id = link->id,
				       .contact_id = link->contact_id, .person_id = req->person ? req->person->id : NULL,
				       .opened = tapped && link->opened ? link->opened : now, .tapped = tapped,
				       .phone = phone_of(req, v) };
	/* What was asked for is asked for again after a while; what was not lives as long as the link. */
	struct grant_terms terms = { .kind = GRANT_TAP, .ipa_s = conf->grant_tap_ipa_hours * 3600, .install = &start,
				     .manifest_s = (link->pin || link->sign_in) && tap_s < lives ? tap_s : lives };
	char *id = NULL, *token;

	if (!tapped && !install_opened(req, req->site->db, link->id, link->build_id, start.person_id, start.phone, &id,
				       err))
		return false;
	if (tapped && may_go_on(v, start.person_id, now - tap_s)) {
		id = mem_text(req, v->install->id);
		if (!install_tap(req->site->db, id, err))
			return false;
	}
	if (!id) {
		if (tapped && !pace_take(mem_printf(req, "link %s", link->id), TAPS_MAX, err))
			return false;
		terms.token = link_tap_token(req, &req->site->link_key, start.id);
		if (!grant_new(req, req->site->db, &terms, link->build_id, start.person_id, &token, err))
			return false;
		id = mem_text(req, start.id);
	}
	if (!install_get(req, req->site->db, id, link->id, NULL, &v->install, err))
		return false;
	set_cookie(req, reply, v, COOKIE, v->install->id, COOKIE_S);
	set_cookie(req, reply, v, PHONE_COOKIE, v->cookie, lives);
	return true;
}

/* ---- the page ---- */

/* Whose it is, where it asks: what somebody else began here with another account is not theirs. */
static bool
look_who(struct req *req, struct visit *v, bool tapped, struct err *err)
{
	const struct install *install = v->install;

	if (!v->link->sign_in)
		return true;
	if (!session_look(req, err))
		return false;
	if (req->person && !(tapped ? link_take(req->site->db, v->link, req->person->id, err)
				    : link_is_for(req->site->db, v->link, req->person->id, err)))
		return false;
	if (install && (!install->person_id || (req->person && strcmp(install->person_id, req->person->id) != 0)))
		v->install = NULL;
	return true;
}

/* A phone that is one of the installs goes on, with the next build too. */
static bool
used_up_for(const struct visit *v)
{
	return v->link->used_up && !v->counted;
}

/* May this visit see it?  Who has begun the last install of a link goes on seeing how far it is. */
static bool
find_visit(struct req *req, struct visit *v, struct err *err)
{
	v->token = req_param(req, "token");
	browser_read(req_header(req, "User-Agent"), &v->browser);
	if (!link_find(req, req->site->db, v->token, &v->link, err) || !find_install(req, v, err) ||
	    !find_phone(req, v, err))
		return false;
	if (!v->link->build_id || v->link->revoked || v->link->expired ||
	    (used_up_for(v) && !(v->install && v->install->state >= INSTALL_MANIFEST)))
		return err_set(err, ERR_MISSING, "no such link");
	return true;
}

/* Nobody looks at what a robot fetches, and another app's browser cannot install. */
static bool
may_begin(struct req *req, const struct visit *v)
{
	return !req->head && !v->browser.robot && !v->browser.in_app && !v->link->pin && !used_up_for(v) &&
	       strcmp(build_verdict_word(v->build), "cannot") != 0 && (!v->link->sign_in || req->person);
}

static bool
link_page(struct req *req, struct reply *reply, struct visit *v, int status, int pin_left, int pin_wait,
	  struct err *err)
{
	const struct link *link = v->link;
	const char *self = mem_printf(req, "/i/%s", v->token);
	struct install_viewer viewer = { .link_id = link->id };
	struct install_view view;
	json_t *install = NULL;
	bool ok;

	if ((!v->install || !v->install->granted) && may_begin(req, v) && !begin_install(req, reply, v, false, err))
		return false;
	if (!req->head && !v->browser.robot)
		link_opened(req->site->db, link);
	install_view_init(&view, v->build, url_of(req, v->token, ""));
	view.for_testers = true;
	view.icon_url = mem_printf(req, "%s/icon.png", self);
	view.from = link->from;
	view.expires = link->expires;
	view.installs_max = v->counted ? 0 : link->installs_max;	/* theirs is among them */
	view.installs = link->installs;
	view.status_url = self;
	view.tapped_url = mem_printf(req, "%s/tapped", self);
	view.begin = req_query(req, "begin") != NULL;
	view.register_url = mem_printf(req, "/udid/%s", v->token);
	view.pin_left = pin_left;
	view.pin_wait = pin_wait;
	if (v->install && v->install->granted)
		view.token = link_tap_token(req, &req->site->link_key, v->install->id);
	else if (link->sign_in && !req->person)
		view.sign_in_url = mem_printf(req, "/login?next=%s", self);
	else if (link->pin)
		view.pin_url = self;
	ok = registration_fit(req->site->db, link->contact_id, link->build_id, &view.fit, err) &&
	     (!v->install || install_show(req->site->db, req->site->installs, &viewer, v->install->id, &install, err));
	view.install = install;
	ok = ok && install_page(req, reply, status, &view, err);
	json_decref(install);
	return ok;
}

/* The page of an upload's link: its token is the grant's. */
static bool
grant_page(struct req *req, struct reply *reply, struct err *err)
{
	const char *token = req_param(req, "token");
	struct install_view view;
	struct grant *grant;
	json_t *build;
	bool ok;

	if (!open_grant(req, &grant, err) || !build_show(req->site->db, VIEWER_HOUSE, grant->build_id, true, &build, err))
		return false;
	install_view_init(&view, build, url_of(req, token, ""));
	view.token = token;
	view.icon_url = mem_printf(req, "/i/%s/icon.png", token);
	view.from = json_string_value(json_object_get(build, "by"));
	view.expires = grant->manifest_until;
	view.installs_max = grant->installs_max;
	view.installs = grant->installs;
	view.for_testers = true;
	ok = install_page(req, reply, 200, &view, err);
	json_decref(build);
	return ok;
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	struct visit v = { 0 };
	bool ok;

	if (!find_visit(req, &v, err))
		return err->kind == ERR_MISSING && !v.link && grant_page(req, reply, err);
	if (!look_who(req, &v, false, err))
		return link_not_theirs(req, reply, v.link, "i", err);
	if (!build_show(req->site->db, VIEWER_HOUSE, v.link->build_id, true, &v.build, err))
		return false;
	ok = link_page(req, reply, &v, 200, -1, -1, err);
	json_decref(v.build);
	return ok;
}

/* A wrong PIN in words; programs get the error itself. */
static bool
refuse_pin(struct req *req, struct reply *reply, struct visit *v, int left, struct err *err)
{
	int status = err_http_status(err->kind);
	bool wait = err->kind == ERR_RATE || left == 0;

	if (!req->browser || (err->kind != ERR_INVALID && err->kind != ERR_RATE))
		return false;
	return link_page(req, reply, v, status, wait ? -1 : left, wait ? LINK_PIN_WAIT_S / 60 : -1, err);
}

/* The PIN, or the tap where there is none: then it is handed to iOS. */
static bool
post_page(struct req *req, struct reply *reply, struct err *err)
{
	struct visit v = { 0 };
	const char *pin = req_form(req, "pin");
	int left = 0;
	bool ok;

	if (!find_visit(req, &v, err))
		return false;
	if (used_up_for(&v))
		return err_set(err, ERR_MISSING, "no such link");
	if (!look_who(req, &v, !v.link->pin, err))
		return link_not_theirs(req, reply, v.link, "i", err);
	if (v.link->sign_in && !req->person)
		return req->browser ? reply_see(reply, mem_printf(req, "/login?next=/i/%s", v.token))
				    : err_set(err, ERR_SIGN_IN, "this link asks for a sign-in");
	if (!build_show(req->site->db, VIEWER_HOUSE, v.link->build_id, true, &v.build, err))
		return false;
	if (v.link->pin && !link_try_pin(req->site->db, v.link, v.token, pin ? pin : "", &left, err))
		ok = refuse_pin(req, reply, &v, left, err);
	else if (v.link->pin && v.link->sign_in && !link_take(req->site->db, v.link, req->person->id, err))
		ok = link_not_theirs(req, reply, v.link, "i", err);
	else if ((ok = begin_install(req, reply, &v, true, err) &&
		       reply_see(reply, mem_printf(req, "/i/%s?begin=yes", v.token))) && v.link->pin)
		link_pin_remember(req, reply, v.link, v.token);
	json_decref(v.build);
	return ok;
}

/* The button was tapped: the page's script tells it on the way to iOS. */
static bool
post_tapped(struct req *req, struct reply *reply, struct err *err)
{
	struct visit v = { 0 };

	if (!find_visit(req, &v, err))
		return false;
	if (!v.install)
		return err_set(err, ERR_MISSING, "no install of this browser");
	if (v.link->sign_in && v.install->person_id && !link_take(req->site->db, v.link, v.install->person_id, err))
		return false;
	return install_tap(req->site->db, v.install->id, err) && reply_empty(reply, 204);
}

/* ---- what stands beside it ---- */

/* The build of a link whose page they may see, or of a grant that works. */
static bool
linked_build(struct req *req, const char **build_id, struct err *err)
{
	struct visit v = { 0 };
	struct grant *grant;

	if (find_visit(req, &v, err)) {
		*build_id = v.link->build_id;
		return true;
	}
	if (err->kind != ERR_MISSING || !open_grant(req, &grant, err))
		return false;
	*build_id = grant->build_id;
	return true;
}

static bool
get_qr(struct req *req, struct reply *reply, struct err *err)
{
	const char *build_id;
	struct buf svg;

	buf_init(&svg, req, QR_SVG_MAX);
	if (!linked_build(req, &build_id, err) || !qr_svg(url_of(req, req_param(req, "token"), ""), &svg, err))
		return false;
	return reply_text(reply, 200, "image/svg+xml", buf_str(&svg));
}

static bool
get_icon(struct req *req, struct reply *reply, struct err *err)
{
	const char *build_id;
	int64_t size;
	char *name;
	int fd;

	if (!linked_build(req, &build_id, err) || !build_icon_of(req, req->site->db, build_id, ICON_512, &name, err) ||
	    !blob_open(req->site->blobs, name, &fd, &size, err))
		return false;
	reply_header(reply, "Cache-Control", "private, max-age=3600");
	return reply_file(reply, req, fd, size, site_etag(req, name), "image/png", NULL);
}

/*
 * ---- no more notices ----
 *
 * The List-Unsubscribe of every mail to a tester (RFC 8058): mail programs follow it by themselves, so looking changes
 * nothing, and one POST does it, asking for nothing and answered with 200.  It counts by a link that is over, too: notices go
 * to the contact, not by that link.  A token that is over, used up, withdrawn or was never given out has one and the same
 * answer, which names no app, so that nobody learns by it which one there was; what is asked for is said to be done.
 */

static bool
unsubscribe_page(struct req *req, struct reply *reply, bool quiet, struct err *err)
{
	return reply_page(reply, req, "unsubscribe", json_pack("{s:b, s:s}", "quiet", quiet, "stop_url",
		mem_printf(req, "/i/%s/unsubscribe", req_param(req, "token"))), err);
}

/* *ret NULL: a token of no link to somebody. */
static bool
find_theirs(struct req *req, struct link **ret, struct err *err)
{
	bool ok = link_find(req, req->site->db, req_param(req, "token"), ret, err);

	if (!ok || !(*ret)->contact_id)
		*ret = NULL;
	return ok || err->kind == ERR_MISSING;
}

static bool
get_unsubscribe(struct req *req, struct reply *reply, struct err *err)
{
	struct contact *contact;
	bool quiet = false;
	struct link *link;

	if (!find_theirs(req, &link, err))
		return false;
	if (link && !link->over) {
		if (!contact_get(req, req->site->db, link->contact_id, &contact, err))
			return false;
		quiet = contact->quiet;
	}
	return unsubscribe_page(req, reply, quiet, err);
}

static bool
post_unsubscribe(struct req *req, struct reply *reply, struct err *err)
{
	bool quiet = req_form(req, "again") == NULL;
	struct link *link;

	return find_theirs(req, &link, err) &&
	       (!link || contact_set_quiet(req->site->db, link->contact_id, quiet, err)) &&
	       unsubscribe_page(req, reply, quiet, err);
}

const struct route link_page_routes[] = {
	{ GET,  "/i/:token",             WHO_LINK, "0",   ON_WORKER, get_page,         NULL, NULL, "The page behind an install link" },
	{ POST, "/i/:token",             WHO_LINK, "16K", ON_WORKER, post_page,        NULL, NULL, "Its PIN: {pin}" },
	{ POST, "/i/:token/tapped",      WHO_LINK, "16K", ON_WORKER, post_tapped,      NULL, NULL, "Install was tapped" },
	{ GET,  "/i/:token/qr.svg",      WHO_LINK, "0",   ON_WORKER, get_qr,           NULL, NULL, "The link as a QR code" },
	{ GET,  "/i/:token/icon.png",    WHO_LINK, "0",   ON_WORKER, get_icon,         NULL, NULL, "The app's icon" },
	{ GET,  "/i/:token/unsubscribe", WHO_LINK, "0",   ON_WORKER, get_unsubscribe,  NULL, NULL, "No more notices: the question" },
	{ POST, "/i/:token/unsubscribe", WHO_LINK, "16K", ON_WORKER, post_unsubscribe, NULL, NULL, "No more notices, by one click" },
	{ 0 }
};
