/*
 * The web clip on its way to the home screen: rendered at delivery, so that what waits is never old and the queue
 * holds no token; and the job that looks after all of them.
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/plist.h"
#include "core/secret.h"
#include "core/text.h"
#include "mdm/command.h"
#include "mdm/mobileconfig.h"
#include "mdm/payload.h"
#include "web/clip.h"
#include "web/clip_kinds.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <string.h>

#define ROUND_S		3600
#define WHY_MAX		200	/* bytes of what a device says */

/* ---- commands ---- */

static char *
identifier_of(TALLOC_CTX *ctx, struct site *site)
{
	return mobileconfig_identifier(ctx, site->base_url, "clip");
}

static bool
write_clip(TALLOC_CTX *ctx, struct site *site, const struct clip_look *look, const char *token, struct buf *xml,
	   struct err *err)
{
	char *identifier = identifier_of(ctx, site);
	json_t *names = json_pack("{s:s, s:s}", "company", site_name(site), "label", look->label);
	const struct payload_clip clip = { .url = clip_url(ctx, site, token), .label = look->label, .icon = look->icon,
					   .full_screen = look->full_screen, .removable = look->removable };
	const struct mobileconfig m = {
		.identifier = identifier, .name = look->label, .organization = site_name(site),
		.description = page_say(ctx, site->pages, site_conf(site)->company_language, "say_clip_what", names),
	};
	const struct payload payload = { .type = PAYLOAD_CLIP, .identifier = mem_printf(ctx, "%s.catalog", identifier),
					 .name = look->label, .write = payload_clip_write, .arg = &clip };

	json_decref(names);
	return mobileconfig_write(&m, &payload, 1, xml, err);
}

bool
clip_render(TALLOC_CTX *ctx, void *p, const struct queued *command, const struct enrollment *enrollment,
	    struct bytes *payload, struct err *err)
{
	struct site *site = p;
	const struct clip_look *look = site_clip(site);
	char *token = clip_token(ctx, site, enrollment->id), hash[SECRET_HASH_SIZE];
	struct bytes signed_one;
	struct buf xml;

	(void)command;
	if (!look->on)
		return err_set(err, ERR_CONFLICT, "the web clip was switched off");
	buf_init(&xml, ctx, MOBILECONFIG_MAX);
	if (!write_clip(ctx, site, look, token, &xml, err) ||
	    !signing_sign(ctx, site, (struct bytes){ xml.p, xml.len }, &signed_one, err) ||
	    !clip_handed(site->db, enrollment->id, secret_hash(token, hash), look, err))
		return err_at(err, "web clip");
	return command_of_data(ctx, "InstallProfile", "Payload", signed_one, payload, err);
}

bool
clip_render_remove(TALLOC_CTX *ctx, void *p, const struct queued *command, const struct enrollment *enrollment,
		   struct bytes *payload, struct err *err)
{
	struct site *site = p;

	(void)command, (void)enrollment;
	if (site_clip(site)->on)
		return err_set(err, ERR_CONFLICT, "the web clip was switched on again");
	return command_of_text(ctx, "RemoveProfile", "Identifier", identifier_of(ctx, site), payload, err);
}

/* The first of its ErrorChain, in English where it says so: kept for whoever looks after devices. */
static const char *
why_of(TALLOC_CTX *ctx, void *answer, const char *status)
{
	plist_t first = plist_item_at(answer, "ErrorChain", 0);
	const char *text = plist_text_at(ctx, first, "USEnglishDescription");

	if (!text)
		text = plist_text_at(ctx, first, "LocalizedDescription");
	return text ? text_cut(ctx, text, WHY_MAX) : status;
}

bool
clip_said(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment, const char *status,
	  void *answer, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));

	(void)site;
	return clip_answered(tx, command, enrollment, status, why_of(ctx, answer, status), err);
}

bool
clip_over(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment, const char *state,
	  struct err *err)
{
	(void)site;
	return clip_ended(tx, command, enrollment, state, err);
}

/* ---- what hangs on devices ---- */

bool
clip_enrolled(struct db *tx, void *p, const struct enrollment *enrollment, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct site *site = p;
	char hash[SECRET_HASH_SIZE];

	return clip_begin(tx, enrollment, secret_hash(clip_token(ctx, site, enrollment->id), hash), site_clip(site), err);
}

bool
clip_reported(struct db *tx, void *p, const char *device_id, const char *request_type, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));

	return strcmp(request_type, "ProfileList") != 0 || clip_listed(tx, device_id, identifier_of(ctx, p), err);
}

/* ---- the job ---- */

static bool
tx_next(struct db *tx, void *at, struct err *err)
{
	return job_add(tx, CLIP_JOB, json_object(), *(time_t *)at, CLIP_JOB, err);
}

bool
clip_job_begin(struct site *site, struct err *err)
{
	time_t now = 0;

	return db_tx(site->db, tx_next, &now, err);
}

void
clip_changed(struct site *site)
{
	struct err err = { 0 };

	if (!clip_job_begin(site, &err))
		log_err("web clips are looked at within the hour", &err);
	else if (site->jobs)
		jobs_wake(site->jobs);
}

bool
job_clip(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	const struct clip_look *look = site_clip(site);
	time_t next = clock_now() + ROUND_S;
	struct clip_round round;
	size_t done = 0;

	(void)job;
	do {
		void *here SCOPED(mem) = mem_must(talloc_new(ctx));

		if (!clip_round(here, site->db, look, &round, err))
			return false;
		for (size_t i = 0; i < round.n; i++) {
			char hash[SECRET_HASH_SIZE];

			if (round.fresh[i])
				round.token_hashes[i] = mem_text(here, secret_hash(clip_token(here, site, round.ids[i]), hash));
		}
		if (round.n && !clip_round_queue(site->db, look, &round, err))
			return false;
		done += round.n;
	} while (round.n);
	if (done)
		log_info("web clips are on their way", KVI("devices", (int64_t)done), KV("label", look->on ? look->label : "-"));
	return db_tx(site->db, tx_next, &next, err);
}
