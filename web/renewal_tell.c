/*
 * Who is not managed, when what they installed ends: once each, and the row stands with its message.  Holders of links
 * get a link; people with an account get the app's page in the catalog, at the address and in the language of their
 * account, where they may also say that they want no such mail.
 */
#include "catalog/build.h"
#include "catalog/ending_reader.h"
#include "catalog/message.h"
#include "catalog/renewal_told.h"
#include "core/log.h"
#include "web/link_send.h"
#include "web/mail_page.h"
#include "web/notices.h"
#include "web/outbox.h"
#include "web/rooms.h"
#include <string.h>

/* ---- holders of links ---- */

struct telling {
	const struct renewal_tells *of;
	struct notice_letter letter;
};

static bool
tx_tell(struct db *tx, void *arg, struct err *err)
{
	const struct telling *t = arg;
	bool first;

	return renewal_told(tx, t->of->ending_id, t->of->due.contact_id, &first, err) && (!first || notice_post(tx, &t->letter, err));
}

static bool
tell(struct site *site, const struct renewal_tells *of, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct telling t = { .of = of };
	json_t *build;
	bool ok;

	if (!build_show(site->db, VIEWER_HOUSE, of->build_id, false, &build, err))
		return err->kind == ERR_MISSING;	/* deleted since: tomorrow there may be another */
	ok = notice_letter(ctx, site, build, of->channel, &of->due, of->ends, &t.letter, err) &&
	     (!t.letter.letter || db_tx(site->db, tx_tell, &t, err));	/* who cannot be reached today is owed it still */
	if (!ok && (err->kind == ERR_INVALID || err->kind == ERR_LIMIT)) {
		/* no mail goes to such an address: that is not tried each day, and nobody behind it waits for it */
		log_warn("a tester is not told that what they installed ends", KV("contact", of->due.contact_id),
			 KV("why", err->cause));
		t.letter.letter = NULL;
		ok = db_tx(site->db, tx_tell, &t, err);
	}
	json_decref(build);	/* it lends the letter its words */
	return ok;
}

/* A page of them after `last`, which becomes the last of this one; each page is gone before the next comes. */
static bool
tell_some_testers(struct site *site, struct renewal_tells *last, TALLOC_CTX *keep, size_t *n, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct renewal_tells *list;

	if (!renewal_tells(ctx, site->db, last->ending_id ? last : NULL, &list, n, err))
		return false;
	for (size_t i = 0; i < *n; i++)
		if (!tell(site, &list[i], err))
			return false;
	if (!*n)
		return true;
	outbox_wake(site);
	talloc_free_children(keep);
	*last = (struct renewal_tells){ .ending_id = mem_text(keep, list[*n - 1].ending_id),
					.due.contact_id = mem_text(keep, list[*n - 1].due.contact_id) };
	return true;
}

static bool
tell_testers(struct site *site, struct err *err)
{
	void *keep SCOPED(mem) = talloc_new(NULL);
	struct renewal_tells last = { 0 };
	size_t n;

	do
		if (!tell_some_testers(site, &last, keep, &n, err))
			return false;
	while (n == RENEWAL_TELLS);
	return true;
}

/* ---- people with an account ---- */

struct holder_letter {
	const struct renewal_holder *of;
	struct message_mail mail;	/* to NULL: none */
	const char *sms;		/* NULL: none */
	const char *about;
};

static bool
tx_tell_holder(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct holder_letter *l = arg;
	bool first;
	char *id;

	return renewal_holder_told(tx, l->of, &first, err) &&
	       (!first || !l->mail.to || message_mail(tx, &l->mail, &id, ctx, err)) &&
	       (!first || !l->sms || message_sms(tx, l->of->phone, l->sms, l->about, &id, ctx, err));
}

static bool
write_mail(TALLOC_CTX *ctx, struct site *site, const char *language, const struct link_words *w, struct message_mail *mail,
	   struct err *err)
{
	json_t *ends = page_date(language, w->ends);
	json_t *data = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "app", w->app, "version", w->version, "build", w->build, "size",
		w->size, "company", site_name(site), "ends", text_of(ends, "text"), "url", mem_printf(ctx, "%s/account", site->base_url));
#define SAY(key) page_say(ctx, site->pages, language, key, data)
	const char *const paragraphs[] = { SAY("say_mail_ends_what"), SAY("say_mail_own_what"), NULL };
	const struct mail_notice notice = { .language = language, .title = SAY("say_mail_ends"), .paragraphs = paragraphs,
		.button = SAY("say_mail_open"), .url = w->url, .qr = true, .footer = SAY("say_mail_own_why") };
#undef SAY
	char *html, *text;

	json_decref(ends);
	json_decref(data);
	if (!mail_page(ctx, site, &notice, &html, &text, err))
		return false;
	mail->subject = notice.title;
	mail->text = text;
	mail->html = html;
	mail->qr = w->url;
	return true;
}

/* By mail to who has an address, else by SMS. */
static bool
write_letter(TALLOC_CTX *ctx, struct site *site, const json_t *build, const struct ending_reader *reader, struct holder_letter *l,
	     struct err *err)
{
	const struct conf *conf = site_conf(site);
	const char *language = pages_language(*reader->language ? reader->language : conf->company_language);
	const struct link_words words = { .app = text_of(build, "name"), .bundle_id = text_of(build, "bundle_id"),
		.version = text_of(build, "version"), .build = text_of(build, "build"), .ends = l->of->ends,
		.size = page_size(ctx, language, json_integer_value(json_object_get(build, "size"))),
		.url = mem_printf(ctx, "%s/apps/%s", site->base_url, text_of(build, "bundle_id")) };
	char *sms;

	l->about = mem_printf(ctx, "app:%s", words.bundle_id);
	if (*reader->email && *conf->smtp_url && *conf->smtp_from) {
		l->mail.to = reader->email;
		l->mail.about = l->about;
		return write_mail(ctx, site, language, &words, &l->mail, err);
	}
	if (!*l->of->phone || !*conf->sms_driver)
		return true;
	if (!link_sms(ctx, site, language, &words, &sms, err))
		return false;
	l->sms = sms;
	return true;
}

static bool
tell_holder(struct site *site, const struct renewal_holder *of, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct holder_letter letter = { .of = of };
	struct ending_reader reader;
	json_t *build;
	bool ok;

	if (!ending_reader(ctx, site->db, of->person_id, &reader, err) ||
	    !build_show(site->db, VIEWER_HOUSE, of->build_id, false, &build, err))
		return err->kind == ERR_MISSING;	/* gone since */
	ok = write_letter(ctx, site, build, &reader, &letter, err) &&
	     ((!letter.mail.to && !letter.sms) || db_tx(site->db, tx_tell_holder, &letter, err));
	if (!ok && (err->kind == ERR_INVALID || err->kind == ERR_LIMIT)) {
		log_warn("somebody is not told that what they installed ends", KV("person", reader.person->name), KV("why", err->cause));
		letter = (struct holder_letter){ .of = of };
		ok = db_tx(site->db, tx_tell_holder, &letter, err);
	}
	json_decref(build);
	return ok;
}

static bool
tell_some_people(struct site *site, struct renewal_holder *last, TALLOC_CTX *keep, size_t *n, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct renewal_holder *list;

	if (!renewal_holders(ctx, site->db, last->person_id ? last : NULL, &list, n, err))
		return false;
	for (size_t i = 0; i < *n; i++)
		if (!tell_holder(site, &list[i], err))
			return false;
	if (!*n)
		return true;
	outbox_wake(site);
	talloc_free_children(keep);
	*last = (struct renewal_holder){ .person_id = mem_text(keep, list[*n - 1].person_id), .installed = list[*n - 1].installed,
					 .install_id = mem_text(keep, list[*n - 1].install_id) };
	return true;
}

static bool
tell_people(struct site *site, struct err *err)
{
	void *keep SCOPED(mem) = talloc_new(NULL);
	struct renewal_holder last = { 0 };
	size_t n;

	do
		if (!tell_some_people(site, &last, keep, &n, err))
			return false;
	while (n == RENEWAL_TELLS);
	return true;
}

bool
renewal_tell(struct site *site, struct err *err)
{
	return tell_testers(site, err) && tell_people(site, err);
}
