#include "web/link_send.h"
#include "catalog/install.h"
#include "catalog/message.h"
#include "core/clock.h"
#include "core/mail.h"
#include "core/secret.h"
#include "core/sms.h"
#include "core/text.h"
#include "web/mail_page.h"
#include "web/outbox.h"
#include "web/rooms.h"
#include <stdio.h>
#include <string.h>

#define NOTES_SHOWN	2000	/* bytes of release notes in a mail */
#define MESSAGES_SHOWN	20	/* of one link */
#define INSTALLS_SHOWN	50

const char *
link_pin(TALLOC_CTX *ctx)
{
	uint32_t n;

	do
		secret_random(&n, sizeof n);
	while (n >= UINT32_MAX - UINT32_MAX % 1000000);
	return mem_printf(ctx, "%06u", (unsigned)(n % 1000000));
}

const char *
link_language(struct site *site, const struct contact *contact)
{
	return pages_language(contact && *contact->language ? contact->language : site_conf(site)->company_language);
}

/* ---- words ---- */

static json_t *
words_json(struct site *site, const char *language, const struct link_words *w)
{
	json_t *until = page_date(language, w->expires), *ends = page_date(language, w->ends);
	json_t *data = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "app", w->app, "version", w->version, "build", w->build,
		"size", w->size, "from", w->from ? w->from : "", "company", site_name(site),
		"until", text_of(until, "text"), "ends", text_of(ends, "text"));

	json_decref(until);
	json_decref(ends);
	return data;
}

bool
link_sms(TALLOC_CTX *ctx, struct site *site, const char *language, const struct link_words *w, char **ret,
	 struct err *err)
{
	/* The best words first; {app} and {url} in them are sms_fit's. */
	const char *const link[] = { w->from ? "say_sms_link_from" : "say_sms_link", "say_sms_link", "say_sms_link_short", NULL };
	const char *const notice[] = { "say_sms_new", "say_sms_new_short", NULL };
	const char *const listed[] = { "say_sms_listed", "say_sms_listed_short", NULL };
	const char *const ends[] = { "say_sms_ends", "say_sms_new_short", NULL };
	const char *const ask[] = { w->from ? "say_sms_ends_ask_from" : "say_sms_ends_ask", "say_sms_ends_ask", "say_sms_ends_ask_short", NULL };
	const char *const *keys = w->listed ? listed : !w->url ? ask : w->ends ? ends : w->notice ? notice : link;
	json_t *data = words_json(site, language, w);
	const char *forms[4];
	size_t n = 0;

	for (; keys[n]; n++)
		forms[n] = page_say(ctx, site->pages, language, keys[n], data);
	forms[n] = NULL;
	json_decref(data);
	return sms_fit(ctx, forms, w->app, w->url ? w->url : "", ret, err);
}

static const char *
notes_shown(TALLOC_CTX *ctx, const char *notes)
{
	char *cut = text_cut(ctx, notes, NOTES_SHOWN);

	return strlen(notes) > NOTES_SHOWN ? mem_printf(ctx, "%s…", cut) : cut;
}

/* Where an answer goes, unless the company's directory has something there that no mail server takes. */
static const char *
reply_to(TALLOC_CTX *ctx, const char *address)
{
	struct mail_address ignored;
	struct err none;

	return address && *address && mail_address(ctx, address, &ignored, &none) ? address : NULL;
}

static bool
link_mail(TALLOC_CTX *ctx, struct site *site, const char *language, const struct link_words *w,
	  struct message_mail *mail, struct err *err)
{
	json_t *data = words_json(site, language, w);
	const char *paragraphs[8], *stop = w->url ? w->url : w->own_url;
	char *html, *text;
	size_t n = 0;
#define SAY(key) page_say(ctx, site->pages, language, key, data)
	struct mail_notice notice = {
		.language = language, .paragraphs = paragraphs,
		.title = SAY(w->listed ? "say_mail_listed" : !w->url ? "say_mail_ends_ask" : w->ends ? "say_mail_ends" :
			     w->notice ? "say_mail_new" : "say_mail_link"),
		.button = SAY("say_mail_open"), .url = w->url, .qr = w->url != NULL, .footer = SAY("say_mail_why"),
	};

	if (w->from && !w->notice && !w->listed)
		paragraphs[n++] = SAY("say_mail_from");
	if (w->listed)
		paragraphs[n++] = SAY("say_mail_listed_what");
	if (w->ends)
		paragraphs[n++] = SAY(w->url ? "say_mail_ends_what" : w->from ? "say_mail_ends_ask_from" : "say_mail_ends_ask_company");
	if (w->url)
		paragraphs[n++] = SAY("say_mail_what");
	if (w->pin)
		paragraphs[n++] = SAY("say_mail_pin");
	if (*w->notes) {
		paragraphs[n++] = SAY("say_mail_notes");
		paragraphs[n++] = notes_shown(ctx, w->notes);
	}
	paragraphs[n] = NULL;
#undef SAY
	json_decref(data);
	if (!mail_page(ctx, site, &notice, &html, &text, err))
		return false;
	mail->subject = notice.title;
	mail->text = text;
	mail->html = html;
	mail->qr = w->url;
	mail->reply_to = !*site_conf(site)->smtp_reply_to ? reply_to(ctx, w->reply_to) : NULL;
	mail->unsubscribe_url = stop ? mem_printf(ctx, "%s/unsubscribe", stop) : NULL;
	return true;
}

/* ---- to one contact ---- */

struct link_letter {	/* by one way at least */
	struct message_mail mail;	/* to NULL: none */
	const char *sms, *sms_to;	/* NULL: none */
	const char *about;
};

/* By which ways, and is there a way out at all? */
static bool
choose_ways(struct site *site, const struct contact *contact, const struct link_ways *ways, bool *mail, bool *sms,
	    struct err *err)
{
	const struct conf *conf = site_conf(site);
	bool can_mail = *contact->email && *conf->smtp_url, can_sms = *contact->phone && *conf->sms_driver;

	*mail = ways->mail || (ways->any && can_mail);
	*sms = ways->sms || (ways->any && !can_mail && can_sms);
	if (ways->lenient) {
		*mail = *mail && can_mail;
		*sms = *sms && can_sms;
		return true;
	}
	if (ways->any && !*mail && !*sms)
		return err_code(err, ERR_CONFLICT, "no_way", "%s cannot be reached: no address or number that this server "
				"can send to", contact->name);
	if (*mail && !can_mail)
		return *contact->email ? err_code(err, ERR_CONFLICT, "no_mail", "no mail server is set up: smtp.url is empty")
				       : err_code(err, ERR_CONFLICT, "no_way", "%s has no e-mail address", contact->name);
	if (*sms && !can_sms)
		return *contact->phone ? err_code(err, ERR_CONFLICT, "no_sms", "no SMS gateway is set up: sms.driver is empty")
				       : err_code(err, ERR_CONFLICT, "no_way", "%s has no number", contact->name);
	return true;
}

bool
link_letter(TALLOC_CTX *ctx, struct site *site, const struct contact *contact, const struct link_ways *ways,
	    const struct link_words *words, const char *link_id, struct link_letter **ret, struct err *err)
{
	const char *language = link_language(site, contact);
	struct link_letter *letter;
	bool mail, sms;
	char *text;

	*ret = NULL;
	if (!ways->any && !ways->mail && !ways->sms)
		return true;
	if (!choose_ways(site, contact, ways, &mail, &sms, err))
		return false;
	if (!mail && !sms)
		return true;
	*ret = letter = mem_new(ctx, struct link_letter);
	letter->about = mem_printf(letter, "link:%s", link_id);
	if (mail) {
		if (!link_mail(letter, site, language, words, &letter->mail, err))
			return false;
		letter->mail.to = mem_text(letter, contact->email);
		letter->mail.about = letter->about;
	}
	if (sms) {
		if (!link_sms(letter, site, language, words, &text, err))
			return false;
		letter->sms = text;
		letter->sms_to = mem_text(letter, contact->phone);
	}
	return true;
}

bool
link_post(struct db *tx, const struct link_letter *letter, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *id;

	if (!letter)
		return true;
	return (!letter->mail.to || message_mail(tx, &letter->mail, &id, ctx, err)) &&
	       (!letter->sms || message_sms(tx, letter->sms_to, letter->sms, letter->about, &id, ctx, err));
}

static json_t *
sent_json(const struct link_letter *letter)
{
	json_t *sent = json_array();

	if (letter && letter->mail.to)
		json_array_append_new(sent, json_string("mail"));
	if (letter && letter->sms)
		json_array_append_new(sent, json_string("sms"));
	return sent;
}

/* ---- making links ---- */

struct making {
	struct req *req;
	size_t n;
	struct one {
		struct link_draft *draft;
		struct link_letter *letter;	/* NULL: nothing is sent */
		const struct contact *contact;	/* NULL: nobody; its id NULL: to be found or made */
		const char *contact_id;
	} *each;
};

static bool
tx_make(struct db *tx, void *arg, struct err *err)
{
	struct making *m = arg;
	const struct person *person = m->req->person;

	for (size_t i = 0; i < m->n; i++) {
		struct one *one = &m->each[i];
		char *id;

		one->contact_id = one->contact ? one->contact->id : NULL;
		if (one->contact && !one->contact_id) {
			if (!contact_take(m->req, tx, person_actor(m->req, person), one->contact, &id, err))
				return false;
			one->contact_id = id;
		}
		one->draft->terms.contact_id = one->contact_id;
		if (!link_put(tx, person, one->draft, err) || !link_post(tx, one->letter, err))
			return false;
	}
	return true;
}

static bool
words_of_build(struct req *req, const char *build_id, const char *language, struct link_words *words, struct err *err)
{
	json_t *build;

	if (!build_show(req->site->db, VIEWER_HOUSE, build_id, false, &build, err))
		return false;
	words->version = mem_text(req, text_of(build, "version"));
	words->build = mem_text(req, text_of(build, "build"));
	words->notes = mem_text(req, text_of(build, "notes"));
	words->size = page_size(req, language, json_integer_value(json_object_get(build, "size")));
	json_decref(build);
	return true;
}

static bool
prepare(struct req *req, const struct link_terms *terms, const struct link_aim *aim, const struct link_ways *ways,
	struct one *one, struct err *err)
{
	struct link_words words = { .app = aim->app_name, .from = aim->from, .reply_to = aim->reply_to,
				    .expires = terms->expires, .pin = terms->pin != NULL };

	if (!link_draft(req, &req->site->link_key, terms, &one->draft, err))
		return false;
	if (!one->contact)
		return true;
	words.url = mem_printf(req, "%s/i/%s", req->site->base_url, one->draft->token);
	return words_of_build(req, aim->build_id, link_language(req->site, one->contact), &words, err) &&
	       link_letter(req, req->site, one->contact, ways, &words, one->draft->id, &one->letter, err);
}

static json_t *
made_json(struct req *req, const struct one *one, const struct link_terms *terms)
{
	const char *url = mem_printf(req, "%s/i/%s", req->site->base_url, one->draft->token);
	json_t *json = json_pack("{s:s, s:s, s:s+, s:s?, s:s, s:o}", "id", one->draft->id, "url", url, "qr_url", url, "/qr.svg",
		"contact", one->contact_id, "expires", clock_text(req, terms->expires), "sent", sent_json(one->letter));

	json_object_set_new(json, "name", one->contact ? json_string(one->contact->name) : json_null());
	return json;
}

bool
link_make(struct req *req, const struct link_terms *terms, const struct contact *const *contacts, size_t n,
	  const struct link_ways *ways, json_t **made, struct err *err)
{
	struct making m = { .req = req, .n = n ? n : 1 };
	struct link_aim *aim;

	if (!n && (ways->any || ways->mail || ways->sms))
		return err_set(err, ERR_INVALID, "a link to nobody in particular cannot be sent");
	if (!link_aim(req, req->site->db, req->person, terms, &aim, err))
		return false;
	m.each = mem_array(req, struct one, m.n);
	for (size_t i = 0; i < m.n; i++) {
		m.each[i].contact = n ? contacts[i] : NULL;
		if (!prepare(req, terms, aim, ways, &m.each[i], err))
			return false;
	}
	if (!db_tx(req->site->db, tx_make, &m, err))
		return false;
	outbox_wake(req->site);
	*made = json_array();
	for (size_t i = 0; i < m.n; i++)
		json_array_append_new(*made, made_json(req, &m.each[i], terms));
	return true;
}

/* ---- once more ---- */

struct again {
	struct req *req;
	const char *id;
	const struct link_letter *letter;
};

static bool
tx_again(struct db *tx, void *arg, struct err *err)
{
	struct again *a = arg;

	return link_post(tx, a->letter, err) && link_sent_again(tx, a->req->person, a->id, err);
}

/* Of one they publish and that works: who else gets a link is not asked here again. */
static bool
open_again(struct req *req, const char *id, char **token, struct link **link, struct err *err)
{
	json_t *shown;

	if (!link_show(req->site->db, req->person, id, &shown, err))
		return false;
	json_decref(shown);
	if (!link_token(req, req->site->db, &req->site->link_key, id, token, err) ||
	    !link_find(req, req->site->db, *token, link, err))
		return false;
	if ((*link)->over)
		return err_code(err, ERR_CONFLICT, "link_over", "this link is used up, expired or revoked; make a new one");
	if (!(*link)->contact_id)
		return err_code(err, ERR_CONFLICT, "no_way", "this link is for nobody in particular");
	return (*link)->build_id || err_set(err, ERR_CONFLICT, "nothing is in the channel %s", (*link)->channel);
}

bool
link_send_again(struct req *req, const char *id, const struct link_ways *ways, json_t **ret, struct err *err)
{
	struct link_words words = { 0 };
	struct again again = { req, id, NULL };
	struct link_letter *letter;
	struct contact *contact;
	struct link *link;
	char *token;

	if (!open_again(req, id, &token, &link, err) || !contact_get(req, req->site->db, link->contact_id, &contact, err))
		return false;
	words = (struct link_words){ .app = link->app_name, .from = link->from, .reply_to = link->reply_to,
				     .expires = link->expires, .pin = link->pin,
				     .url = mem_printf(req, "%s/i/%s", req->site->base_url, token) };
	if (!words_of_build(req, link->build_id, link_language(req->site, contact), &words, err) ||
	    !link_letter(req, req->site, contact, ways, &words, id, &letter, err))
		return false;
	again.letter = letter;
	if (!db_tx(req->site->db, tx_again, &again, err))
		return false;
	outbox_wake(req->site);
	*ret = json_pack("{s:s, s:s, s:o}", "id", id, "url", words.url, "sent", sent_json(letter));
	return true;
}

bool
link_detail(struct req *req, const char *id, json_t **ret, struct err *err)
{
	struct install_filter filter = { .link_id = id };
	json_t *link, *messages = NULL, *installs = NULL;
	struct err none;
	char *token;

	if (!link_show(req->site->db, req->person, id, &link, err))
		return false;
	if (!message_list(req->site->db, mem_printf(req, "link:%s", id), NULL, MESSAGES_SHOWN, &messages, err) ||
	    !install_list(req->site->db, req->site->installs, req->person, &filter, NULL, INSTALLS_SHOWN, &installs, err)) {
		json_decref(messages);
		json_decref(link);
		return false;
	}
	json_object_set_new(link, "url", link_token(req, req->site->db, &req->site->link_key, id, &token, &none)
			    ? json_string(mem_printf(req, "%s/i/%s", req->site->base_url, token)) : json_null());
	json_object_set(link, "messages", json_object_get(messages, "items"));
	json_object_set(link, "installs_seen", json_object_get(installs, "items"));
	json_decref(messages);
	json_decref(installs);
	*ret = link;
	return true;
}
