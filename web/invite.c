/*
 * Testers who registered a device and waited: as soon as a build lists it, they are invited.
 *
 * They get the link they had where it still works and leads to that build, else a new one like it.  The
 * invitation, its link and its message are one transaction, and nobody is invited twice.  Who cannot be
 * told (no contact, no way to reach them, a PIN that only the sender can hand on) is invited all the same:
 * the link page knows, and publishers see it.
 */
#include "catalog/contact.h"
#include "catalog/notice.h"
#include "catalog/registration.h"
#include "core/clock.h"
#include "core/log.h"
#include "web/link_send.h"
#include "web/outbox.h"
#include "web/rooms.h"
#include <string.h>


struct invitation {
	const struct registration_due *due;
	const char *link_id;			/* they are told of; NULL: none */
	const struct link_draft *draft;		/* when it is a new one */
	const struct link_letter *letter;	/* NULL: they are not told */
};

static bool
tx_invite(struct db *tx, void *arg, struct err *err)
{
	const struct invitation *in = arg;
	bool first;

	if (in->draft && !link_put(tx, in->due->sender, in->draft, err))
		return false;
	if (!registration_invite(tx, in->due, in->link_id ? in->link_id : in->due->link_id, in->letter != NULL, &first, err))
		return false;
	if (!first)
		return err_code(err, ERR_CONFLICT, "invited", "already");	/* a link for it is not to stay */
	if (!in->letter)
		return true;
	/* Told by a notice of this build already, they have their link. */
	return notice_told(tx, in->due->build_id, in->due->contact_id, MISS_NONE, &first, err) &&
	       (!first || link_post(tx, in->letter, err));
}

/* ---- the link ---- */

/* The one they had, if it works and leads there. */
static bool
old_link(TALLOC_CTX *ctx, struct site *site, const struct registration_due *due, struct link **link, char **token)
{
	struct err err;

	return due->link_id && link_token(ctx, site->db, &site->link_key, due->link_id, token, &err) &&
	       link_find(ctx, site->db, *token, link, &err) && !(*link)->over && (*link)->build_id &&
	       strcmp((*link)->build_id, due->build_id) == 0;
}

static bool
new_link(TALLOC_CTX *ctx, struct site *site, const struct registration_due *due, struct link_draft **draft)
{
	const struct conf *conf = site_conf(site);
	struct link_terms terms = { .contact_id = due->contact_id, .installs_max = conf->link_installs,
				    .expires = clock_now() + (due->channel ? conf->link_channel_days : conf->link_days) * DAY_S,
				    .sign_in = due->sign_in };
	struct err err;

	if (due->channel) {
		terms.bundle_id = due->bundle_id;
		terms.channel = due->channel;
	} else {
		terms.build_id = due->build_id;
	}
	return due->sender && !due->pin && link_draft(ctx, &site->link_key, &terms, draft, &err);
}

/* ---- the message ---- */

static bool
fill_words(TALLOC_CTX *ctx, struct site *site, const struct registration_due *due, const struct contact *contact,
	   struct link_words *words, struct err *err)
{
	json_t *build;

	if (!build_show(site->db, VIEWER_HOUSE, due->build_id, false, &build, err))
		return false;
	words->app = due->app_name;
	words->version = due->version;
	words->build = due->build;
	words->notes = mem_text(ctx, text_of(build, "notes"));
	words->size = page_size(ctx, link_language(site, contact), json_integer_value(json_object_get(build, "size")));
	words->listed = true;
	json_decref(build);
	return true;
}

/* How they are told, if they can be. */
static bool
compose(TALLOC_CTX *ctx, struct site *site, struct invitation *in, struct err *err)
{
	const struct link_ways ways = { .any = true };
	const struct registration_due *due = in->due;
	struct link_draft *draft = NULL;
	struct link_letter *letter;
	struct link_words words = { 0 };
	struct contact *contact;
	struct link *link;
	const char *id;
	char *token;

	if (!due->contact_id)
		return true;
	if (!contact_get(ctx, site->db, due->contact_id, &contact, err))
		return err->kind == ERR_MISSING;
	if (contact->quiet)
		return true;
	if (old_link(ctx, site, due, &link, &token)) {
		id = link->id;
		words.expires = link->expires;
		words.pin = link->pin;
		words.from = link->from;
		words.reply_to = link->reply_to;
	} else if (new_link(ctx, site, due, &draft)) {
		id = draft->id;
		token = (char *)(uintptr_t)draft->token;
		words.expires = draft->terms.expires;
	} else {
		return true;
	}
	words.url = mem_printf(ctx, "%s/i/%s", site->base_url, token);
	if (!fill_words(ctx, site, due, contact, &words, err))
		return false;
	if (!link_letter(ctx, site, contact, &ways, &words, id, &letter, err))
		return err->kind == ERR_CONFLICT;	/* no way to reach them */
	in->link_id = id;
	in->draft = draft;
	in->letter = letter;
	return true;
}

/*
 * Its sender may not publish this app any more: nobody is there to send a new link.  Or no mail goes to such an
 * address: nobody behind it waits for it.
 */
static bool
cannot_be_told(const struct invitation *in, const struct err *err)
{
	return err->kind == ERR_INVALID || err->kind == ERR_LIMIT ||
	       (in->draft && (err->kind == ERR_MISSING || err->kind == ERR_CONFLICT));
}

static bool
invite(struct site *site, const struct registration_due *due, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct invitation in = { .due = due };

	if (compose(ctx, site, &in, err) && db_tx(site->db, tx_invite, &in, err))
		return true;
	if (strcmp(err->code, "invited") == 0)
		return true;
	if (!cannot_be_told(&in, err))
		return false;
	log_warn("a waiting tester is invited without a message", KV("device", due->device_id), KV("why", err->cause));
	in = (struct invitation){ .due = due };
	return db_tx(site->db, tx_invite, &in, err) || strcmp(err->code, "invited") == 0;
}

/* ---- jobs ---- */

bool
job_registration_fill(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)job;
	(void)ctx;
	return registration_fill(site->db, err);
}

bool
job_registration_invite(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	const char *app = json_string_value(json_object_get(job->args, "app"));
	struct registration_due *due;
	size_t n;

	do {
		if (!registration_due(ctx, site->db, app ? app : "", &due, &n, err))
			return false;
		for (size_t i = 0; i < n; i++)
			if (!invite(site, &due[i], err))
				return err_at(err, "invite device %s", due[i].device_id);
		outbox_wake(site);
	} while (n == REGISTRATION_DUE_MAX);
	return true;
}
