/*
 * "Send to testers" in the console: choosing who gets a build, how, and for how long.
 */
#include "catalog/build.h"
#include "catalog/channel.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/sms.h"
#include "web/link_send.h"
#include "web/qr.h"
#include "web/rooms.h"
#include <string.h>

#define CHOICE_SHOWN	CONTACT_PAGE_MAX	/* testers on one page; a search finds the others */
#define DAYS_MAX	LINK_DAYS_MAX

json_t *
page_language_choice(const char *chosen)
{
	/* As each of them calls itself. */
	static const char *const own[] = { "English", "Deutsch", "Español", "Français", "日本語", "简体中文" };
	static const char *const names[] = { "en", "de", "es", "fr", "ja", "zh-Hans" };
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", names[i], "label", own[i], "selected",
						      strcmp(chosen, names[i]) == 0));
	return list;
}

/* ---- sending ---- */

struct sending_form {
	const char *refused, *pin;
	json_t *made;		/* NULL: nothing yet */
};

static json_t *
tick(json_t *list, const char *field, struct req *req)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *ticked;
		bool is = false;

		for (size_t n = 0; (ticked = req_form_nth(req, field, n)); n++)
			is = is || strcmp(ticked, text_of(item, "id")) == 0;
		json_object_set_new(item, "checked", json_boolean(is));
	}
	return list;
}

/* How an SMS will read, with a link of the real length. */
static bool
preview(struct req *req, const json_t *build, json_t **ret, struct err *err)
{
	struct link_words words = { .app = text_of(build, "name"), .version = text_of(build, "version"),
		.build = text_of(build, "build"), .size = "", .from = req->person->name, .notes = "",
		.expires = clock_now(), .url = mem_printf(req, "%s/i/%.*s", req->site->base_url, LINK_TOKEN_SIZE - 1,
							   "x0x0x0x0x0x0x0x0x0x0x0") };
	char *text;
	int septets;

	if (!link_sms(req, req->site, link_language(req->site, NULL), &words, &text, err))
		return false;
	septets = sms_septets(text);
	*ret = json_pack("{s:s, s:i, s:i}", "text", text, "used", septets >= 0 ? septets : sms_units(text), "most",
			 septets >= 0 ? SMS_GSM_MAX : SMS_UCS2_MAX);
	return true;
}

static bool
send_page(struct req *req, struct reply *reply, int status, const json_t *build, const struct sending_form *form,
	  struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	const char *q = req_query(req, "q"), *id = text_of(build, "id"), *bundle_id = text_of(build, "bundle_id");
	json_t *contacts = NULL, *groups = NULL, *sms = NULL, *page, *channel, *channels = json_array();
	size_t i;

	if (!contact_list(req->site->db, q, NULL, req_query(req, "after"), CHOICE_SHOWN, &contacts, err) ||
	    !contact_group_list(req->site->db, &groups, err) || !preview(req, build, &sms, err)) {
		json_decref(contacts);
		json_decref(groups);
		json_decref(channels);
		json_decref(form->made);
		return false;
	}
	json_array_foreach(json_object_get(build, "channels"), i, channel)
		json_array_append_new(channels, json_pack("{s:O, s:o}", "name", channel, "value",
							  json_sprintf("channel:%s", json_string_value(channel))));
	page = page_build(req, build);
	json_object_set_new(page, "url", json_sprintf("/admin/apps/%s/builds/%s", bundle_id, id));
	json_object_set_new(page, "icon_url", json_sprintf("/apps/%s/icon/120.png", bundle_id));
	json_object_set_new(page, "send_url", json_sprintf("/admin/builds/%s/send", id));
	json_object_set_new(page, "links_url", json_sprintf("/admin/links?build=%s", id));
	json_object_set_new(page, "leads", channels);
	json_object_set_new(page, "q", json_string(q ? q : ""));
	json_object_set(page, "testers", tick(json_object_get(contacts, "items"), "contact", req));
	json_object_set_new(page, "next_url", json_pack("s?", page_next(req, mem_printf(req, "/admin/builds/%s/send", id), "q",
									contacts)));
	json_object_set_new(page, "groups", tick(groups, "group", req));
	json_object_set_new(page, "days", json_integer(conf->link_days));
	json_object_set_new(page, "channel_days", json_integer(conf->link_channel_days));
	json_object_set_new(page, "most", json_integer(conf->link_installs));
	json_object_set_new(page, "can_mail", json_boolean(*conf->smtp_url));
	json_object_set_new(page, "can_sms", json_boolean(*conf->sms_driver));
	json_object_set_new(page, "sms", sms);
	json_object_set_new(page, "refused", form->refused ? json_string(form->refused) : json_null());
	json_object_set_new(page, "pin", form->pin ? json_string(form->pin) : json_null());
	json_object_set_new(page, "made", form->made ? form->made : json_array());
	json_decref(contacts);
	return reply_page_status(reply, req, status, "send", page, err);
}

/* A build of theirs that can be installed; others have nothing to send. */
static bool
sendable(struct req *req, json_t **build, struct err *err)
{
	const char *id = req_param(req, "id");

	return build_own(req->site->db, req->person, id, err) &&
	       build_show(req->site->db, viewer_of(req->person), id, true, build, err);
}

static bool
get_send(struct req *req, struct reply *reply, struct err *err)
{
	json_t *build;
	bool ok;

	if (!sendable(req, &build, err))
		return false;
	ok = send_page(req, reply, 200, build, &(struct sending_form){ NULL, NULL, NULL }, err);
	json_decref(build);
	return ok;
}

static bool
number_of(struct req *req, const char *field, int64_t most, int64_t instead, int64_t *ret, struct err *err)
{
	const char *text = req_form(req, field);

	*ret = instead;
	return !text || !*text || num_parse(text, 0, most, ret, err) || err_at(err, "%s", field);
}

static bool
read_terms(struct req *req, const json_t *build, struct link_terms *terms, struct link_ways *ways, struct err *err)
{
	const struct conf *conf = site_conf(req->site);
	const char *to = req_form(req, "to"), *way = req_form(req, "way");
	int64_t days;

	*terms = (struct link_terms){ .sign_in = req_form(req, "sign_in") != NULL };
	*ways = (struct link_ways){ .lenient = true };
	if (to && strncmp(to, "channel:", 8) == 0) {
		terms->bundle_id = text_of(build, "bundle_id");
		terms->channel = to + 8;
	} else {
		terms->build_id = text_of(build, "id");
	}
	ways->any = way && strcmp(way, "any") == 0;
	ways->mail = way && strcmp(way, "mail") == 0;
	ways->sms = way && strcmp(way, "sms") == 0;
	if (req_form(req, "pin"))
		terms->pin = link_pin(req);
	if (!(terms->channel ? number_of(req, "channel_days", DAYS_MAX, conf->link_channel_days, &days, err)
			     : number_of(req, "days", DAYS_MAX, conf->link_days, &days, err)) ||
	    !number_of(req, "installs", LINK_INSTALLS_MAX, conf->link_installs, &terms->installs_max, err))
		return false;
	terms->expires = clock_now() + days * DAY_S;
	return true;
}

/* Everyone who is ticked, in a ticked group, or typed in, each once. */
static bool
read_choice(struct req *req, const struct contact ***ret, size_t *n, struct err *err)
{
	const char **contacts = mem_array(req, const char *, HTTP_FORM_MAX), **groups = mem_array(req, const char *, HTTP_FORM_MAX);
	const char **ids, *typed = req_form(req, "typed");
	struct contact *contact = mem_new(req, struct contact);
	size_t contacts_n = 0, groups_n = 0, ids_n;

	while (contacts_n < HTTP_FORM_MAX && (contacts[contacts_n] = req_form_nth(req, "contact", contacts_n)))
		contacts_n++;
	while (groups_n < HTTP_FORM_MAX && (groups[groups_n] = req_form_nth(req, "group", groups_n)))
		groups_n++;
	if (!contact_choice(req, req->site->db, contacts, contacts_n, groups, groups_n, &ids, &ids_n, err))
		return false;
	*ret = mem_array(req, const struct contact *, ids_n + 1);
	*n = 0;
	for (size_t i = 0; i < ids_n; i++) {
		struct contact *known;

		if (!contact_get(req, req->site->db, ids[i], &known, err))
			return false;
		(*ret)[(*n)++] = known;
	}
	if (!typed || !*typed)
		return true;
	*(strchr(typed, '@') ? &contact->email : &contact->phone) = typed;
	if (!contact_check(req, contact, err))
		return false;
	(*ret)[(*n)++] = contact;
	return true;
}

static void
add_codes(struct req *req, json_t *made)
{
	struct err none;
	json_t *link, *qr;
	size_t i;

	(void)req;
	json_array_foreach(made, i, link) {
		json_object_set_new(link, "link_url", json_sprintf("/admin/links/%s", text_of(link, "id")));
		json_object_set_new(link, "mailed", json_false());
		json_object_set_new(link, "texted", json_false());
		for (size_t k = 0; k < json_array_size(json_object_get(link, "sent")); k++)
			json_object_set_new(link, strcmp(json_string_value(json_array_get(json_object_get(link, "sent"), k)),
							 "sms") == 0 ? "texted" : "mailed", json_true());
		/* Codes for a room full of people are on each link's own page. */
		json_object_set_new(link, "qr", json_array_size(made) == 1 && qr_json(text_of(link, "url"), &qr, &none)
				    ? qr : json_null());
	}
}

static bool
post_send(struct req *req, struct reply *reply, struct err *err)
{
	struct sending_form form = { NULL, NULL, NULL };
	const struct contact **contacts;
	struct link_terms terms;
	struct link_ways ways;
	char text[520];
	json_t *build;
	size_t n;
	bool ok;

	if (!sendable(req, &build, err))
		return false;
	ok = read_terms(req, build, &terms, &ways, err) && read_choice(req, &contacts, &n, err);
	if (ok && !n)
		ways = (struct link_ways){ .lenient = true };
	ok = ok && link_make(req, &terms, contacts, n, &ways, &form.made, err);
	if (ok) {
		add_codes(req, form.made);
		form.pin = terms.pin;
		ok = send_page(req, reply, 201, build, &form, err);
	} else if (err->kind == ERR_INVALID || err->kind == ERR_CONFLICT || err->kind == ERR_LIMIT) {
		form.refused = err_text(err, text, sizeof text);
		ok = send_page(req, reply, err_http_status(err->kind), build, &form, err);
	}
	json_decref(build);
	return ok;
}

const struct route send_routes[] = {
	{ GET,  "/admin/builds/:id/send",   WHO_PUBLISHER, "0",   ON_WORKER, get_send,         NULL, NULL, "Who is to get a build" },
	{ POST, "/admin/builds/:id/send",   WHO_PUBLISHER, "64K", ON_WORKER, post_send,        NULL, NULL, "Make and send links" },
	{ 0 }
};
