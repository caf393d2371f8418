#include "web/page_install.h"
#include "catalog/family.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/secret.h"
#include "ipa/manifest.h"
#include "web/qr.h"
#include "web/rooms.h"
#include <string.h>

#define REFRESH_S 5	/* of a page without a script while something is under way */

bool
in_app_browser(struct req *req)
{
	struct browser browser;

	browser_read(req_header(req, "User-Agent"), &browser);
	return browser.in_app;
}

void
install_view_init(struct install_view *view, const json_t *build, const char *url)
{
	*view = (struct install_view){ .build = build, .url = url, .pin_left = -1, .pin_wait = -1, .fit = FIT_ANY };
}

static json_t *
or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *
or_none(int n)
{
	return n >= 0 ? json_integer(n) : json_null();
}

/* What stands above the button: what keeps the build from this device, as far as anybody has told. */
static const char *
fit_word(const struct install_view *view, const struct browser *browser)
{
	const char *minimum = text_of(view->build, "minimum_os");

	if (browser->iphone && !family_has_iphone(json_object_get(view->build, "facts")))
		return "family";
	if (*browser->os && *minimum && num_version_compare(minimum, browser->os) > 0)
		return "old";
	switch (view->fit) {
	case FIT_LISTED:	return "listed";
	case FIT_WAITING:	return "waiting";
	case FIT_UNKNOWN:	return "unlisted";
	case FIT_ANY:		break;
	}
	return NULL;
}

static bool
has_event(const json_t *install, const char *kind)
{
	json_t *event;
	size_t i;

	json_array_foreach(json_object_get(install, "events"), i, event)
		if (strcmp(text_of(event, "kind"), kind) == 0)
			return true;
	return false;
}

/* The steps of its install, and what is most often the reason when none follows. */
static void
add_steps(struct req *req, json_t *page, const struct install_view *view)
{
	const json_t *events = json_object_get(view->install, "events");
	bool asked = has_event(view->install, "manifest"), begun = asked || has_event(view->install, "tapped");
	bool over = has_event(view->install, "whole") || has_event(view->install, "installed");
	const char *stall = json_string_value(json_object_get(view->install, "stalled"));

	json_object_set_new(page, "steps", view->install ? page_steps(req->language, events) : json_array());
	json_object_set_new(page, "begun", json_boolean(begun));
	json_object_set_new(page, "asked", json_boolean(asked));
	json_object_set_new(page, "over", json_boolean(over));
	json_object_set_new(page, "stall", or_null(stall));
	json_object_set_new(page, "look", or_null(json_string_value(json_object_get(view->install, "look"))));
	json_object_set_new(page, "its_ios", json_string(text_of(view->install, "os")));
	json_object_set_new(page, "refresh", begun && !over && view->status_url ? json_integer(REFRESH_S) : json_null());
}

static void
add_fit(json_t *page, const struct install_view *view, const struct browser *browser)
{
	const char *fit = fit_word(view, browser);
	bool unsure = fit && strcmp(fit, "listed") != 0;

	json_object_set_new(page, "fit", or_null(fit));
	json_object_set_new(page, "unsure", json_boolean(unsure));
	json_object_set_new(page, "has_ios", json_string(browser->os));
	json_object_set_new(page, "register_url", or_null(view->register_url));
}

bool
install_page(struct req *req, struct reply *reply, int status, const struct install_view *view, struct err *err)
{
	const char *d = view->token ? mem_printf(req, "%s/d/%s", req->site->base_url, view->token) : NULL;
	struct browser browser;
	json_t *page, *qr;

	if (!qr_json(view->url, &qr, err))
		return false;
	browser_read(req_header(req, "User-Agent"), &browser);
	page = page_build(req, view->build);
	json_object_set_new(page, "qr", qr);
	json_object_set_new(page, "url", json_string(view->url));
	json_object_set_new(page, "host", json_string(strstr(req->site->base_url, "://") + 3));
	json_object_set_new(page, "itms_url", d ? json_string(manifest_itms_url(req, d)) : json_null());
	if (view->icon_url)
		json_object_set_new(page, "icon_url", json_string(view->icon_url));
	json_object_set_new(page, "from", or_null(view->from));
	json_object_set_new(page, "expires", view->expires ? page_date(req->language, view->expires) : json_null());
	json_object_set_new(page, "installs_left", view->installs_max
			    ? json_integer(view->installs_max - view->installs) : json_null());
	json_object_set_new(page, "for_testers", json_boolean(view->for_testers));
	json_object_set_new(page, "in_app_browser", json_boolean(browser.in_app));
	json_object_set_new(page, "status_url", or_null(view->status_url));
	json_object_set_new(page, "tapped_url", or_null(view->tapped_url));
	json_object_set_new(page, "begin", json_boolean(view->begin && view->token));
	json_object_set_new(page, "sign_in_url", or_null(view->sign_in_url));
	json_object_set_new(page, "pin_url", or_null(view->pin_url));
	json_object_set_new(page, "pin_left", or_none(view->pin_left));
	json_object_set_new(page, "pin_wait", or_none(view->pin_wait));
	add_fit(page, view, &browser);
	add_steps(req, page, view);
	return reply_page_status(reply, req, status, "install", page, err);
}

bool
install_tap_person(struct req *req, const char *build_id, char **id, char **token, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	struct install_start start = { .id = secret_id(req), .build_id = build_id, .person_id = req->person->id,
				       .tapped = true };
	struct grant_terms terms = { .kind = GRANT_TAP, .manifest_s = conf->grant_tap_minutes * 60,
				     .ipa_s = conf->grant_tap_ipa_hours * 3600, .install = &start,
				     .token = link_tap_token(req, &req->site->link_key, start.id) };

	*id = mem_text(req, start.id);
	return grant_new(req, req->site->db, &terms, build_id, req->person->id, token, err);
}
