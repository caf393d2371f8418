#include "web/invitation_send.h"
#include "catalog/message.h"
#include "core/clock.h"
#include "core/mail.h"
#include "core/sms.h"
#include "web/mail_page.h"
#include "web/outbox.h"
#include "web/rooms.h"
#include <string.h>

int64_t
invitation_silent_s(struct site *site)
{
	return site_conf(site)->enroll_silent_days * DAY_S;
}

/* ---- words ---- */

struct words {
	const char *language, *name, *from, *reply_to, *note, *url;	/* from, reply_to: NULL */
	int64_t expires;
	bool again;		/* a reminder */
};

struct letter {
	struct message_mail mail;	/* to NULL: none */
	const char *sms, *sms_to;	/* NULL: none */
	const char *about;
};

static json_t *
values_of(struct site *site, const struct words *w)
{
	json_t *until = page_date(w->language, w->expires);
	json_t *data = json_pack("{s:s, s:s, s:s, s:s}", "company", site_name(site), "from", w->from ? w->from : "",
				 "name", w->name, "until", text_of(until, "text"));

	json_decref(until);
	return data;
}

/* One SMS: its link is never cut, the company's name may be. */
static bool
write_sms(TALLOC_CTX *ctx, struct site *site, const struct words *w, char **ret, struct err *err)
{
	/* The best words first; {app} and {url} in them are sms_fit's. */
	const char *const first[] = { w->from ? "say_sms_invite_from" : "say_sms_invite", "say_sms_invite", "say_sms_invite_short", NULL };
	const char *const again[] = { "say_sms_invite_again", "say_sms_invite_short", NULL };
	const char *const *keys = w->again ? again : first;
	json_t *data = values_of(site, w);
	const char *forms[4];
	size_t n = 0;

	for (; keys[n]; n++)
		forms[n] = page_say(ctx, site->pages, w->language, keys[n], data);
	forms[n] = NULL;
	json_decref(data);
	return sms_fit(ctx, forms, site_name(site), w->url, ret, err);
}

static bool
write_mail(TALLOC_CTX *ctx, struct site *site, const struct words *w, struct message_mail *mail, struct err *err)
{
	json_t *data = values_of(site, w);
	const char *paragraphs[5];
	char *html, *text;
	size_t n = 0;
#define SAY(key) page_say(ctx, site->pages, w->language, key, data)
	struct mail_notice notice = {
		.language = w->language, .paragraphs = paragraphs,
		.title = SAY(w->again ? "say_mail_invite_again" : "say_mail_invite"),
		.button = SAY("say_mail_invite_open"), .url = w->url, .qr = true, .footer = SAY("say_mail_invite_why"),
	};

	paragraphs[n++] = SAY(w->from ? "say_mail_invite_from" : "say_mail_invite_company");
	if (*w->note)
		paragraphs[n++] = w->note;
	paragraphs[n++] = SAY("say_mail_invite_what");
	paragraphs[n++] = SAY("say_mail_invite_until");
	paragraphs[n] = NULL;
#undef SAY
	json_decref(data);
	if (!mail_page(ctx, site, &notice, &html, &text, err))
		return false;
	mail->subject = notice.title;
	mail->text = text;
	mail->html = html;
	mail->qr = w->url;
	mail->reply_to = w->reply_to && *w->reply_to && !*site_conf(site)->smtp_reply_to ? w->reply_to : NULL;
	return true;
}

static bool
write_letter(TALLOC_CTX *ctx, struct site *site, const struct words *w, const char *id, const char *by, const char *to,
	     struct letter **ret, struct err *err)
{
	struct letter *letter = mem_new(ctx, struct letter);
	char *text;

	*ret = letter;
	letter->about = mem_printf(letter, "invitation:%s", id);
	if (strcmp(by, "mail") == 0) {
		letter->mail.to = mem_text(letter, to);
		letter->mail.about = letter->about;
		return write_mail(letter, site, w, &letter->mail, err);
	}
	if (strcmp(by, "sms") == 0) {
		if (!write_sms(letter, site, w, &text, err))
			return false;
		letter->sms = text;
		letter->sms_to = mem_text(letter, to);
	}
	return true;
}

static bool
post_letter(struct db *tx, const struct letter *letter, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *message = NULL;

	if ((letter->mail.to && !message_mail(tx, &letter->mail, &message, ctx, err)) ||
	    (letter->sms && !message_sms(tx, letter->sms_to, letter->sms, letter->about, &message, ctx, err)))
		return false;
	return !message || invitation_message(tx, id, message, err);
}

/* A command has no outbox: the server's looks every second. */
static void
wake(struct site *site)
{
	if (site->outbox)
		outbox_wake(site);
}

static const char *
url_of(TALLOC_CTX *ctx, struct site *site, const struct invitation_draft *draft)
{
	return mem_printf(ctx, "%s/e/%s", site->base_url, draft->token);
}

static const char *
language_of(struct site *site, const char *language)
{
	return pages_language(language && *language ? language : site_conf(site)->company_language);
}

/* ---- by which way ---- */

struct one {
	const struct invitee *who;
	const char *by, *to;		/* "mail", "sms", "link"; to NULL: nowhere */
	const char *why;		/* they are left out; NULL: they are not */
	struct invitation_draft *draft;
	struct letter *letter;
	struct invitation_terms terms;
};

static void
choose_way(TALLOC_CTX *ctx, struct site *site, const struct invitation_order *o, struct one *one)
{
	const char *mail = o->to ? (strchr(o->to, '@') ? o->to : "") : one->who->email;
	const char *phone = o->to ? (strchr(o->to, '@') ? "" : o->to) : one->who->phone;
	bool any = strcmp(o->way, "any") == 0;
	struct mail_address ignored;
	struct err bad = { 0 };
	char *number;

	if (strcmp(o->way, "link") == 0) {
		one->by = "link";
	} else if (strcmp(o->way, "mail") == 0 || (any && *mail && *site_conf(site)->smtp_url)) {
		one->by = "mail";
		one->to = mail;
		one->why = !*mail ? "no_mail" : mail_address(ctx, mail, &ignored, &bad) ? NULL : "bad_address";
	} else if (strcmp(o->way, "sms") == 0 || (any && *phone && *site_conf(site)->sms_driver)) {
		one->by = "sms";
		one->to = phone;
		one->why = !*phone ? "no_number" : sms_number(ctx, phone, &number, &bad) ? NULL : "bad_number";
	} else {
		one->why = "no_way";
	}
}

static bool
order_ok(struct site *site, const struct invitation_order *o, struct err *err)
{
	static const char *const ways[] = { "any", "mail", "sms", "link" };
	size_t i = 0;

	while (i < sizeof ways / sizeof *ways && strcmp(o->way, ways[i]) != 0)
		i++;
	if (i == sizeof ways / sizeof *ways)
		return err_set(err, ERR_INVALID, "by is any, mail, sms or link");
	if (!o->persons_n && !o->groups_n)
		return err_code(err, ERR_INVALID, "nobody", "say who is invited: people or groups");
	if (o->to && (o->persons_n != 1 || o->groups_n || strcmp(o->way, "link") == 0))
		return err_set(err, ERR_INVALID, "an address or number of its own goes with one person, by mail or SMS");
	if (o->days < 0 || o->days > LINK_DAYS_MAX)
		return err_set(err, ERR_INVALID, "an invitation stands for 1 to %d days", LINK_DAYS_MAX);
	if (strcmp(o->way, "mail") == 0 && !*site_conf(site)->smtp_url)
		return err_code(err, ERR_CONFLICT, "no_mail", "no mail server is set up: smtp.url is empty");
	if (strcmp(o->way, "sms") == 0 && !*site_conf(site)->sms_driver)
		return err_code(err, ERR_CONFLICT, "no_sms", "no SMS gateway is set up: sms.driver is empty");
	return true;
}

/* ---- making them ---- */

struct chunk {
	const struct invitation_order *order;
	struct one *each;
	size_t n;
};

static bool
tx_chunk(struct db *tx, void *arg, struct err *err)
{
	struct chunk *c = arg;

	for (size_t i = 0; i < c->n; i++) {
		struct one *one = &c->each[i];

		if (!one->draft)
			continue;	/* left out before */
		if (!invitation_put(tx, c->order->actor, c->order->by, one->who->person_id, &one->terms, one->draft, &one->why, err) ||
		    (!one->why && !post_letter(tx, one->letter, one->draft->id, err)))
			return err_at(err, "invite %s", one->who->name);
	}
	return true;
}

/* What is known of who invites, as the invited read it. */
struct sender { const char *from, *reply_to; };

static bool
prepare(TALLOC_CTX *ctx, struct site *site, const struct invitation_order *o, const struct sender *sender, struct one *one,
	struct err *err)
{
	const struct conf *conf = site_conf(site);
	int64_t now = clock_now();
	struct words words = { .language = language_of(site, o->language), .name = one->who->name, .from = sender->from,
			       .reply_to = sender->reply_to, .note = o->note ? o->note : "" };

	if ((one->why = one->who->why) != NULL)
		return true;
	choose_way(ctx, site, o, one);
	if (one->why)
		return true;
	one->terms = (struct invitation_terms){ .by = one->by, .recipient = o->to ? o->to : "", .note = words.note, .another = o->another,
		.language = o->language ? words.language : "", .expires = now + (o->days ? o->days : conf->enroll_invite_days) * DAY_S,
		.remind = o->remind && one->to ? now + invitation_silent_s(site) : 0 };
	if (!invitation_terms_ok(&one->terms, err))
		return false;
	one->draft = invitation_draft(ctx, &site->link_key, NULL);
	words.url = url_of(ctx, site, one->draft);
	words.expires = one->terms.expires;
	return write_letter(ctx, site, &words, one->draft->id, one->by, one->to, &one->letter, err);
}

static json_t *
made_json(TALLOC_CTX *ctx, struct site *site, const struct one *one)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", one->draft->id, "person", one->who->person_id, "name",
			 one->who->display, "by", one->by, "recipient", one->to ? one->to : "", "url", url_of(ctx, site, one->draft),
			 "expires", clock_text(ctx, one->terms.expires));
}

static bool
make_chunk(struct site *site, const struct invitation_order *o, const struct sender *sender, const struct invitee *who,
	   size_t n, json_t *items, json_t *left_out, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct chunk chunk = { o, mem_array(ctx, struct one, n), n };

	for (size_t i = 0; i < n; i++) {
		chunk.each[i].who = &who[i];
		if (!prepare(ctx, site, o, sender, &chunk.each[i], err))
			return err_at(err, "invite %s", who[i].name);
	}
	if (!db_tx(site->db, tx_chunk, &chunk, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (chunk.each[i].why)
			json_array_append_new(left_out, json_pack("{s:s, s:s, s:s}", "person", who[i].person_id, "name",
								  who[i].display, "why", chunk.each[i].why));
		else
			json_array_append_new(items, made_json(ctx, site, &chunk.each[i]));
	return true;
}

bool
invitation_make(TALLOC_CTX *ctx, struct site *site, const struct invitation_order *o, json_t **ret, struct err *err)
{
	json_t *items, *left_out;
	struct sender sender = { 0 };
	struct invitee *who;
	size_t n;

	if (!order_ok(site, o, err) ||
	    !invitation_choice(ctx, site->db, o->persons, o->persons_n, o->groups, o->groups_n, o->another, &who, &n, err) ||
	    (o->by && !invitation_sender(ctx, site->db, o->by->id, &sender.from, &sender.reply_to, err)))
		return false;
	items = json_array();
	left_out = json_array();
	for (size_t i = 0; i < n; i += INVITATION_CHUNK)
		if (!make_chunk(site, o, &sender, who + i, n - i < INVITATION_CHUNK ? n - i : INVITATION_CHUNK, items, left_out, err)) {
			json_decref(items);
			json_decref(left_out);
			return false;
		}
	wake(site);
	*ret = json_pack("{s:o, s:o}", "items", items, "left_out", left_out);
	return true;
}

/* ---- once more ---- */

static const char *
address_of(const struct invitation *i)
{
	if (strcmp(i->by, "link") == 0)
		return NULL;
	return *i->recipient ? i->recipient : strcmp(i->by, "mail") == 0 ? i->email : i->phone;
}

struct again {
	const struct invitation *invitation;
	const struct invitation_draft *draft;
	const struct letter *letter;
	const char *actor;		/* NULL: it is a reminder */
	int64_t expires;
};

static bool
tx_again(struct db *tx, void *arg, struct err *err)
{
	const struct again *a = arg;
	const char *id = a->invitation->id;
	bool first = true;

	return (a->actor ? invitation_sent_again(tx, a->actor, id, a->draft, a->expires, err)
			 : invitation_reminded(tx, id, a->draft, &first, err)) &&
	       (!first || post_letter(tx, a->letter, id, err));
}

static bool
send_it(TALLOC_CTX *ctx, struct site *site, const struct invitation *i, struct again *a, struct err *err)
{
	struct words words = { .language = language_of(site, i->language), .name = i->name, .from = i->from,
			       .reply_to = i->reply_to, .note = i->note, .expires = a->expires, .again = !a->actor };
	struct letter *letter;

	a->invitation = i;
	a->draft = invitation_draft(ctx, &site->link_key, i->id);
	words.url = url_of(ctx, site, a->draft);
	if (!write_letter(ctx, site, &words, i->id, i->by, address_of(i), &letter, err))
		return false;
	a->letter = letter;
	if (!db_tx(site->db, tx_again, a, err))
		return false;
	wake(site);
	return true;
}

bool
invitation_send_again(TALLOC_CTX *ctx, struct site *site, const char *actor, const char *id, json_t **ret, struct err *err)
{
	struct again again = { .actor = actor, .expires = clock_now() + site_conf(site)->enroll_invite_days * DAY_S };
	struct invitation *i;
	const char *to;

	if (!invitation_get(ctx, site->db, id, invitation_silent_s(site), &i, err))
		return false;
	to = address_of(i);
	if (to && !*to)
		return err_code(err, ERR_CONFLICT, "no_way", "%s has no %s any more", i->display,
				strcmp(i->by, "mail") == 0 ? "e-mail address" : "number");
	if (again.expires < i->expires)
		again.expires = i->expires;
	if (!send_it(ctx, site, i, &again, err))
		return false;
	*ret = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", i->id, "person", i->person_id, "name", i->display, "by",
			 i->by, "recipient", to ? to : "", "url", url_of(ctx, site, again.draft), "expires",
			 clock_text(ctx, again.expires));
	return true;
}

/* ---- the reminder ---- */

struct later { const char *id; int64_t at; };

static bool
tx_later(struct db *tx, void *arg, struct err *err)
{
	const struct later *l = arg;

	return invitation_remind_at(tx, l->id, l->at, err);
}

bool
job_invitation_remind(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	const char *id = json_string_value(json_object_get(job->args, "invitation")), *to;
	struct again again = { 0 };
	struct invitation *i;
	int64_t due;

	if (!invitation_get(ctx, site->db, id ? id : "", invitation_silent_s(site), &i, err))
		return err->kind == ERR_MISSING;	/* its person is gone */
	due = invitation_remind_due(i, invitation_silent_s(site));
	to = address_of(i);
	if (!due || !to || !*to)
		return true;
	if (due > clock_now())
		return db_tx(site->db, tx_later, &(struct later){ i->id, due }, err);
	again.expires = i->expires;
	return send_it(ctx, site, i, &again, err);
}
