#include "web/notices.h"
#include "catalog/notice.h"
#include "core/clock.h"
#include "core/log.h"
#include "web/link_send.h"
#include "web/outbox.h"
#include "web/rooms.h"
#include <string.h>

/* Their own link where it leads here.  A link to an earlier build has done its work: they get one to the
 * channel, from the same person, as long as that person may, and no PIN would have to be told anew. */
static enum notice_miss
find_link(TALLOC_CTX *ctx, struct site *site, const char *channel, const struct notice_due *due, const struct link_draft **new,
	  struct link_words *words, const char **id)
{
	const struct conf *conf = site_conf(site);
	struct link_terms terms = { .contact_id = due->contact_id, .installs_max = due->installs_max,
				    .expires = clock_now() + conf->link_channel_days * DAY_S, .sign_in = due->sign_in,
				    .channel = channel };
	struct link_draft *draft;
	struct link_aim *aim;
	struct link *link;
	struct err none;
	char *token;

	if (due->to_channel) {
		if (!link_token(ctx, site->db, &site->link_key, due->link_id, &token, &none) ||
		    !link_find(ctx, site->db, token, &link, &none))
			return MISS_KEY;
		words->pin = link->pin;
		words->expires = link->expires;
		words->url = mem_printf(ctx, "%s/i/%s", site->base_url, token);
		*id = link->id;
		return MISS_NONE;
	}
	terms.bundle_id = words->bundle_id;
	if (due->pin)
		return MISS_PIN;
	if (!due->sender || !link_aim(ctx, site->db, due->sender, &terms, &aim, &none) ||
	    !link_draft(ctx, &site->link_key, &terms, &draft, &none))
		return MISS_SENDER;
	words->expires = terms.expires;
	words->url = mem_printf(ctx, "%s/i/%s", site->base_url, draft->token);
	*new = draft;
	*id = draft->id;
	return MISS_NONE;
}

/* What they have ends all the same: they hear whom to ask. */
static void
ask_for_link(TALLOC_CTX *ctx, struct site *site, const struct notice_due *due, struct link_words *words)
{
	struct link *link;
	struct err none;
	char *token;

	if (!link_token(ctx, site->db, &site->link_key, due->link_id, &token, &none) ||
	    !link_find(ctx, site->db, token, &link, &none))
		return;
	words->own_url = mem_printf(ctx, "%s/i/%s", site->base_url, token);
	if (due->sender) {
		words->from = link->from;
		words->reply_to = link->reply_to;
	}
}

bool
notice_letter(TALLOC_CTX *ctx, struct site *site, const json_t *build, const char *channel, const struct notice_due *due,
	      int64_t ends, struct notice_letter *ret, struct err *err)
{
	const struct link_ways ways = { .any = true, .lenient = true };
	struct link_words words = { .app = text_of(build, "name"), .bundle_id = text_of(build, "bundle_id"),
		.version = text_of(build, "version"), .build = text_of(build, "build"), .notes = text_of(build, "notes"),
		.notice = true, .ends = ends };
	struct link_letter *letter;
	struct contact *contact;
	const char *id;

	*ret = (struct notice_letter){ .due = due };
	if (!contact_get(ctx, site->db, due->contact_id, &contact, err)) {
		ret->gone = true;
		return err->kind == ERR_MISSING;	/* removed since */
	}
	words.size = page_size(ctx, link_language(site, contact), json_integer_value(json_object_get(build, "size")));
	ret->miss = find_link(ctx, site, channel, due, &ret->draft, &words, &id);
	if (ret->miss) {
		if (!ends)
			return true;
		ask_for_link(ctx, site, due, &words);
		id = due->link_id;
	}
	if (!link_letter(ctx, site, contact, &ways, &words, id, &letter, err))
		return false;
	ret->letter = letter;
	ret->miss = letter ? MISS_NONE : MISS_ADDRESS;
	return true;
}

bool
notice_post(struct db *tx, const struct notice_letter *l, struct err *err)
{
	return !l->letter || ((!l->draft || link_put(tx, l->due->sender, l->draft, err)) && link_post(tx, l->letter, err));
}

/* One tester, on the way to a message. */
struct telling {
	const char *build_id;
	struct notice_letter letter;
	bool first;		/* that they were told, or not for this reason */
};

static bool
tx_tell(struct db *tx, void *arg, struct err *err)
{
	struct telling *t = arg;

	if (!notice_told(tx, t->build_id, t->letter.due->contact_id, t->letter.miss, &t->first, err))
		return false;
	return !t->first || notice_post(tx, &t->letter, err);
}

/* One who is not told is counted in `missed`. */
static bool
tell(struct site *site, const struct job *job, const json_t *build, const struct notice_due *due, int64_t *missed,
     struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct telling t = { .build_id = text_of(job->args, "build") };

	if (!notice_letter(ctx, site, build, text_of(job->args, "channel"), due, 0, &t.letter, err) ||
	    (!t.letter.gone && !db_tx(site->db, tx_tell, &t, err))) {
		if (err->kind != ERR_INVALID && err->kind != ERR_LIMIT)
			return false;
		/* An address from before it was looked at so closely: nobody behind it waits for it. */
		log_warn("a tester is not told of a build", KV("contact", due->contact_id), KV("why", err->cause));
		t.letter = (struct notice_letter){ .due = due, .miss = MISS_ADDRESS };
		if (!db_tx(site->db, tx_tell, &t, err))
			return false;
	}
	missed[t.letter.miss] += t.first && t.letter.miss;
	return true;
}

static void
log_missed(const char *build_id, const char *channel, const int64_t missed[MISS_KINDS])
{
	static const char *const words[MISS_KINDS] = {
		[MISS_EXPIRED] = "their links have expired", [MISS_USED_UP] = "their links are used up",
		[MISS_PIN] = "their links lead to an earlier build and ask for a PIN",
		[MISS_SENDER] = "who sent their links is gone or may not send this app any more",
		[MISS_ADDRESS] = "no address or number that this server can send to",
		[MISS_KEY] = "their links were made with another master key",
	};

	for (int i = MISS_NONE + 1; i < MISS_KINDS; i++)
		if (missed[i])
			log_warn("testers are not told of a build", KV("build", build_id), KV("channel", channel),
				 KVI("testers", missed[i]), KV("why", words[i]));
}

bool
notices_build(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	const char *id = text_of(job->args, "build"), *channel = text_of(job->args, "channel"), *after = "";
	int64_t missed[MISS_KINDS] = { 0 };
	struct notice_due *due;
	json_t *build;
	bool newest, ok = true;
	size_t n = 0;

	if (!notice_newest(site->db, id, channel, &newest, err))
		return false;
	if (!newest)
		return true;
	if (!build_show(site->db, VIEWER_HOUSE, id, false, &build, err))
		return err->kind == ERR_MISSING;
	do {
		ok = notice_due(ctx, site->db, id, channel, after, &due, &n, err);
		for (size_t i = 0; ok && i < n; i++)
			ok = tell(site, job, build, &due[i], missed, err);
		after = ok && n ? due[n - 1].contact_id : after;
		outbox_wake(site);
	} while (ok && n);	/* few of them are not yet the last: each may have many links */
	ok = ok && notice_missed(site->db, id, channel, missed, err);
	if (ok)
		log_missed(id, channel, missed);
	json_decref(build);
	return ok;
}
