/*
 * /eas: a signed-in person gets their own mobileconfig, and says what became of it.
 *
 * On an enrolled device of theirs it goes out as a command; else by the phases of the Profile Service, which the
 * button begins (POST), so that who only looks begins nothing; else, without any identity, what holds no secret.
 */
#include "core/audit.h"
#include "core/clock.h"
#include "mdm/mobileconfig_form.h"
#include "mdm/model.h"
#include "web/browser.h"
#include "web/clientcert.h"
#include "web/own_house.h"
#include "web/own_kinds.h"
#include "web/own_rows.h"
#include "web/qr.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <string.h>

#define TTL_S		1800	/* from the button to the first answer */
#define REFRESH_S	5	/* of a page without a script while something is under way */

/*
 * A proxy in front that asks for people's certificates passes on the one that was shown: it is in use, so what came
 * before it is not.  One of somebody else beside this person's sign-in is refused.
 */
static bool
check_shown(struct req *req, struct err *err)
{
	struct client_cert shown;
	const char *whose;

	if (!clientcert_of(req, &shown, err))
		return false;
	if (!shown.der.len)
		return true;
	return own_seen(req, req->site->db, shown.sha256, &whose, err) &&
	       (!whose || strcmp(whose, req->person->id) == 0 ||
		err_code(err, ERR_DENIED, "other_person", "the certificate that was shown is somebody else's"));
}

/* ---- the page ---- */

static const char *
device_name_of(const json_t *row, const char *key)
{
	const char *product = text_of(row, "product"), *model = model_name(product);

	return *text_of(row, key) ? text_of(row, key) : model ? model : product;
}

static bool
devices_part(struct req *req, json_t **ret, struct err *err)
{
	json_t *rows, *row, *list;
	size_t i;

	if (!own_devices(req->site->db, req->person->id, &rows, err))
		return false;
	list = json_array();
	json_array_foreach(rows, i, row)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s}", "id", text_of(row, "id"), "name",
			device_name_of(row, "name"), "model", model_name(text_of(row, "product")), "system",
			device_system(req, text_of(row, "version"))));
	json_decref(rows);
	*ret = list;
	return true;
}

/* Some device, where it is not known yet which: only whether it could be made is asked. */
static struct own_target
some_target(struct req *req)
{
	return (struct own_target){ .person_id = req->person->id, .udid = "udid", .serial = "serial", .product = "product",
				    .version = "version", .device_name = "device" };
}

static struct own_target
plain_target(struct req *req)
{
	return (struct own_target){ .person_id = req->person->id, .plain = true, .udid = "", .serial = "", .product = "",
				    .version = "", .device_name = "" };
}

/* A conflict is what keeps it from being made for this person: `lacks`, as IT reads it; NULL: nothing does. */
static bool
could(struct req *req, const struct own_template *template, const struct own_target *target, const char **lacks,
      struct err *err)
{
	*lacks = NULL;
	if (own_try(req, req->site, req->language, template, target, err))
		return true;
	*lacks = mem_text(req, err->cause);
	return err->kind == ERR_CONFLICT;
}

static bool
templates_part(struct req *req, json_t **ret, struct err *err)
{
	struct own_templates all;
	json_t *list;

	if (!own_templates(req, req->site, req->language, req->person->id, &all, err))
		return false;
	list = json_array();
	for (size_t i = 0; i < all.n; i++) {
		const struct own_target some = some_target(req), plain = plain_target(req);
		const char *lacks, *secret;

		if (!could(req, &all.all[i], &some, &lacks, err) || !could(req, &all.all[i], &plain, &secret, err)) {
			json_decref(list);
			return false;
		}
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s?, s:b}", "mobileconfig", all.all[i].id, "title", all.all[i].title,
						      "plain", !secret, "lacks", lacks, "lacks_upn", lacks && strstr(lacks, "%upn%")));
	}
	*ret = list;
	return true;
}

/* What is under way, or why the last try ended; null when there is nothing to say. */
static bool
progress_part(struct req *req, json_t *page, struct err *err)
{
	json_t *session;
	const char *state;
	int64_t now = clock_now();
	bool over, fresh;

	if (!own_session_newest(req->site->db, req->person->id, &session, err))
		return false;
	state = text_of(session, "state");
	over = json_integer_value(json_object_get(session, "expires")) <= now;
	fresh = json_integer_value(json_object_get(session, "created")) > now - 2 * TTL_S;
	json_object_set_new(page, "progress", !fresh ? json_null() : strcmp(state, "failed") == 0 ? json_string("failed") :
			    *state && !over && strcmp(state, "issued") != 0 ? json_string(state) : json_null());
	json_object_set_new(page, "refused", fresh && !over && *text_of(session, "why") ?
			    json_string(text_of(session, "why")) : json_null());
	json_object_set_new(page, "refresh", fresh && !over && strcmp(state, "answered") == 0 ? json_integer(REFRESH_S) :
			    json_null());
	json_decref(session);
	return true;
}

static bool
mine_part(struct req *req, json_t **ret, struct err *err)
{
	const struct own_filter filter = { .person_id = req->person->id };
	json_t *list;

	if (!own_list(req->site->db, &filter, OWN_PAGE_MAX, &list, err))
		return false;
	*ret = own_rows(req, json_object_get(list, "items"));
	json_decref(list);
	return true;
}

static const char *
done_word(struct req *req)
{
	static const char *const words[] = { "sent", "works", "removed", "revoked" };
	const char *done = req_query(req, "done");

	for (size_t i = 0; done && i < sizeof words / sizeof *words; i++)
		if (strcmp(done, words[i]) == 0)
			return words[i];
	return NULL;
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	const char *url = mem_printf(req, "%s/eas", req->site->base_url);
	json_t *page, *devices = NULL, *templates = NULL, *mine = NULL, *qr = NULL;
	struct browser browser;

	browser_read(req_header(req, "User-Agent"), &browser);
	if (!check_shown(req, err) || !qr_json(url, &qr, err))
		return false;
	page = json_pack("{s:s, s:s, s:o, s:b, s:b, s:b, s:b, s:b, s:b, s:s?}", "url", url, "host",
			 strstr(req->site->base_url, "://") + 3, "qr", qr, "ready", ca_ready(req->site->ca),
			 "is_ios", browser.iphone || browser.ipad, "may_be_ipad", browser.mac_safari,
			 "in_app_browser", browser.in_app, "signed", signing_way(req->site) == SIGNING_FILE, "own_ca", signing_way(req->site) == SIGNING_OWN_CA,
			 "done", done_word(req));
	if (!devices_part(req, &devices, err) || json_object_set_new(page, "devices", devices) != 0 ||
	    !templates_part(req, &templates, err) || json_object_set_new(page, "templates", templates) != 0 ||
	    !mine_part(req, &mine, err) || json_object_set_new(page, "mine", mine) != 0 || !progress_part(req, page, err)) {
		json_decref(page);
		return false;
	}
	return reply_page(reply, req, "own", page, err);
}

bool
own_account(struct req *req, json_t *data, struct err *err)
{
	struct own_templates all;

	return own_templates(req, req->site, req->language, req->person->id, &all, err) &&
	       json_object_set_new(data, "own", json_boolean(all.n > 0)) == 0;
}

/* ---- the buttons ---- */

struct button {
	struct req *req;
	const struct own_template *template;
	const json_t *device;
	char *id, *token, *own_id, *uuid;
};

static bool
tx_begin(struct db *tx, void *arg, struct err *err)
{
	struct button *b = arg;
	const struct own_session_wish wish = {
		.person_id = b->req->person->id, .mobileconfig_id = b->template->id,
		.actor = person_actor(b->req, b->req->person), .ttl_s = TTL_S,
	};

	return own_session_begin(tx, b->req, &wish, &b->id, &b->token, err);
}

/* What cannot be made for this person is said now, not when the phone has answered. */
static bool
begin(struct req *req, struct reply *reply, const struct own_template *template, struct err *err)
{
	const struct own_target target = some_target(req);
	struct button b = { .req = req, .template = template };
	struct enroll_house house;

	return own_house_for(req, req->site, req->language, &house, err) &&
	       own_try(req, req->site, req->language, template, &target, err) && db_tx(req->site->db, tx_begin, &b, err) &&
	       reply_see(reply, mem_printf(req, "%s/eas/%s/%s", req->site->base_url, b.token,
					   own_file_name(req, req->person->name)));
}

static bool
tx_send(struct db *tx, void *arg, struct err *err)
{
	struct button *b = arg;
	const char *actor = person_actor(b->req, b->req->person);
	const struct own_put put = {
		.person_id = b->req->person->id, .mobileconfig_id = b->template->id, .title = b->template->title,
		.identifier = own_identifier(b->req, b->template, b->req->person->id),
		.udid = text_of(b->device, "udid"), .product = text_of(b->device, "product"),
		.device_name = text_of(b->device, "name"),
	};

	return own_put(tx, b->req, &put, &b->own_id, err) &&
	       own_queue(tx, b->req, text_of(b->device, "enrollment_id"), b->own_id, b->template->title, b->req->language,
			 mem_printf(b->req, "person:%s", b->req->person->name), &b->uuid, err) &&
	       audit_add(tx, actor, "own.send", b->own_id, b->template->title, err);
}

/* To a managed device of theirs and to no other. */
static bool
send_to(struct req *req, struct reply *reply, const struct own_template *template, const char *device_id, struct err *err)
{
	struct button b = { .req = req, .template = template };
	json_t *rows, *row;
	size_t i;
	bool ok;

	if (!own_devices(req->site->db, req->person->id, &rows, err))
		return false;
	json_array_foreach(rows, i, row)
		if (strcmp(text_of(row, "id"), device_id) == 0)
			b.device = row;
	ok = b.device ? db_tx(req->site->db, tx_send, &b, err) : err_set(err, ERR_MISSING, "no such device");
	json_decref(rows);
	return ok && reply_see(reply, "/eas?done=sent");
}

static bool
give_plain(struct req *req, struct reply *reply, const struct own_template *template, struct err *err)
{
	const struct own_target target = plain_target(req);
	struct own_filled filled;

	return own_fill(req, req->site, req->language, template, &target, &filled, err) &&
	       own_plain(req, req->site->db, person_actor(req, req->person), &filled.gift, err) &&
	       reply_see(reply, mem_printf(req, "/eas.mobileconfig?of=%s", template->id));
}

static bool
get_plain(struct req *req, struct reply *reply, struct err *err)
{
	const struct own_target target = plain_target(req);
	const char *id = req_query(req, "of");
	struct own_template template;
	struct own_filled filled;
	struct buf out;

	buf_init(&out, req, FORM_OUT_MAX);
	return check_shown(req, err) &&
	       own_template(req, req->site, req->language, req->person->id, id ? id : OWN_FROM_SETTINGS, &template, err) &&
	       own_fill(req, req->site, req->language, &template, &target, &filled, err) &&
	       own_write(req, &filled, (struct bytes){ 0 }, &out, err) &&
	       signing_reply(req, reply, (struct bytes){ out.p, out.len }, own_file_name(req, req->person->name), err);
}

/* What its owner says of one that they have. */
static bool
act(struct req *req, struct reply *reply, const char *word, struct err *err)
{
	const char *id = req_form(req, "id"), *actor = person_actor(req, req->person), *me = req->person->id;
	struct db *db = req->site->db;

	id = id ? id : "";
	if (strcmp(word, "works") == 0)
		return own_works(db, actor, id, me, err) && reply_see(reply, "/eas?done=works");
	if (strcmp(word, "removed") == 0)
		return own_removed(db, actor, id, me, err) && reply_see(reply, "/eas?done=removed");
	if (strcmp(word, "revoke") == 0)
		return own_revoke(db, actor, id, me, "cessationOfOperation", err) && reply_see(reply, "/eas?done=revoked");
	return err_set(err, ERR_INVALID, "there is nothing to be done called %.40s", word);
}

static bool
post_page(struct req *req, struct reply *reply, struct err *err)
{
	const char *word = req_form(req, "act"), *id = req_form(req, "mobileconfig"), *device = req_form(req, "device");
	struct own_template template;

	if (!check_shown(req, err))
		return false;
	if (word)
		return act(req, reply, word, err);
	if (!own_template(req, req->site, req->language, req->person->id, id ? id : OWN_FROM_SETTINGS, &template, err))
		return false;
	if (device)
		return send_to(req, reply, &template, device, err);
	return req_form(req, "plain") ? give_plain(req, reply, &template, err) : begin(req, reply, &template, err);
}

const struct route own_routes[] = {
	{ GET,  "/eas",              WHO_PERSON, "0",   ON_WORKER, get_page,  NULL, NULL, "A person's own mobileconfig: mail, Wi-Fi, VPN, with their certificate" },
	{ POST, "/eas",              WHO_PERSON, "64K", ON_WORKER, post_page, NULL, NULL, "Get it: on this phone, or device= on a managed one, or plain=1; or act=works|removed|revoke id=" },
	{ GET,  "/eas.mobileconfig", WHO_PERSON, "0",   ON_WORKER, get_plain, NULL, NULL, "What of it holds no secret, as <username>.mobileconfig" },
	{ 0 }
};
