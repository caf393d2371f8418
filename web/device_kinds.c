/*
 * What mdm leaves to the house above it: kinds of commands that are rendered at delivery, and what hangs on the
 * beginning and the end of an enrollment.  A new kind is a row.
 */
#include "catalog/invitation.h"
#include "catalog/managed_app.h"
#include "catalog/renewal.h"
#include "core/audit.h"
#include "mdm/command.h"
#include "mdm/command_send.h"
#include "mdm/enrollment_turn.h"
#include "mdm/escrow.h"
#include "mdm/identity_renew.h"
#include "mdm/inventory.h"
#include "mdm/push.h"
#include "mdm/queue.h"
#include "web/clip_kinds.h"
#include "mdm/queue_secret.h"
#include "web/enroll_house.h"
#include "mdm/own_mobileconfig.h"
#include "web/own_house.h"
#include "web/own_kinds.h"
#include "web/own_upn.h"
#include "web/mobileconfig_kinds.h"
#include "web/managed_apps.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <string.h>


/* ---- renew_identity: the device's own enrollment mobileconfig, with a new SCEP payload ---- */

/* Challenge and session are made here, and anew at each delivery: nothing of it waits in the queue. */
static bool
render_renewal(TALLOC_CTX *ctx, void *p, const struct queued *command, const struct enrollment *enrollment,
	       struct bytes *payload, struct err *err)
{
	struct site *site = p;
	struct enroll_wish wish = enroll_wish_of(ctx, site, "house", enrollment->person_id, NULL);
	struct enroll_house house;
	struct bytes signed_one;
	struct buf xml;
	char *topic;

	/* Each delivery makes a session and a challenge: a device that never answers is asked again tomorrow. */
	if (command->unanswered > IDENTITY_DELIVERIES_MAX)
		return err_code(err, ERR_CONFLICT, "not_answered", "it was sent %d times and not answered",
				IDENTITY_DELIVERIES_MAX);
	if (!*enrollment->topic) {	/* of one that was taken in again and has not told */
		if (!push_topic(ctx, site->db, &topic, err))
			return false;
		wish.topic = topic;
	}
	buf_init(&xml, ctx, MOBILECONFIG_MAX);
	if (!enroll_house_for(ctx, site, site_conf(site)->company_language, &house, err) ||
	    !enroll_renewal(ctx, site->db, &house, enrollment, &wish, &xml, err) ||
	    !signing_sign(ctx, site, (struct bytes){ xml.p, xml.len }, &signed_one, err))
		return false;
	return command_of_data(ctx, "InstallProfile", "Payload", signed_one, payload, err);
}

bool
renew_identity(struct db *tx, TALLOC_CTX *ctx, const char *enrollment_id, const char *actor, char **uuid, struct err *err)
{
	return identity_renew(tx, ctx, enrollment_id, actor, uuid, err);
}

/* ---- clear_passcode: with the UnlockToken that the device gave us ---- */

static bool
render_clear_passcode(TALLOC_CTX *ctx, void *p, const struct queued *command, const struct enrollment *enrollment,
		      struct bytes *payload, struct err *err)
{
	struct site *site = p;
	struct bytes token;

	(void)command;
	if (!escrow_unlock_get(ctx, site->db, site->sealer, enrollment->id, &token, err))
		return err_at(err, "ClearPasscode");
	return command_of_data(ctx, "ClearPasscode", "UnlockToken", token, payload, err);
}

/* ---- changes: what was installed or removed is asked for, since acknowledged is not installed ---- */

static bool
changed(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment, const char *status,
	void *answer, struct err *err)
{
	(void)site;
	(void)answer;
	return strcmp(status, "Acknowledged") != 0 || command_refresh_after(tx, enrollment, command->request_type, err);
}

/* ---- erase: what the device takes with it ---- */

/* It says no more after this, and does not come back by a backup of it; whoever sets it up again enrolls it anew. */
static bool
erased(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment, const char *status,
       void *answer, struct err *err)
{
	(void)site;
	(void)command;
	(void)answer;
	return strcmp(status, "Acknowledged") != 0 || enrollment_erased(tx, enrollment, err);
}

static const struct command_kind kinds[] = {
	{ IDENTITY_KIND, render_renewal, NULL, NULL },
	{ VERB_KIND_CLEAR_PASSCODE, render_clear_passcode, NULL, NULL },
	{ VERB_KIND_CHANGES, NULL, changed, NULL },
	{ VERB_KIND_ERASE, NULL, erased, NULL },
	{ OWN_KIND, own_render, own_answered, own_ended },
	{ DESIRED_KIND, mobileconfig_render, mobileconfig_answered, mobileconfig_ended },
	{ CLIP_KIND, clip_render, clip_said, clip_over },
	{ CLIP_KIND_REMOVE, clip_render_remove, clip_said, clip_over },
	{ MANAGED_KIND, managed_app_render, managed_app_told, managed_app_ended },
	{ MANAGED_KIND_REMOVAL, managed_app_render_removal, managed_app_told, managed_app_ended },
	{ MANAGED_KIND_SETTING, managed_app_render_setting, managed_app_setting_told, managed_app_setting_ended },
	{ RENEWAL_KIND_INSTALL, provision_install_render, provision_answered, provision_ended },
	{ RENEWAL_KIND_REMOVE, provision_remove_render, provision_answered, provision_ended },
	{ 0 }
};

/* ---- what hangs on enrollments: each function in the transaction of its cause, in this order ---- */

static bool
first_questions(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err)
{
	(void)site;
	return invitation_enrolled(tx, enrollment->session_id, err) && command_refresh(tx, enrollment, err);
}

static bool (*const on_enrolled[])(struct db *, void *, const struct enrollment *, struct err *) = {
	first_questions,
	clip_enrolled,
	mobileconfig_enrolled,
	managed_app_enrolled,
};

static bool (*const on_reported[])(struct db *, void *, const char *, const char *, struct err *) = {
	clip_reported,
	mobileconfig_reported,
	own_reported,
	managed_app_reported,
	renewal_reported,
};

static bool
reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err)
{
	for (size_t i = 0; i < sizeof on_reported / sizeof *on_reported; i++)
		if (!on_reported[i](tx, site, device_id, request_type, err))
			return false;
	return true;
}

static bool
enrolled(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err)
{
	for (size_t i = 0; i < sizeof on_enrolled / sizeof *on_enrolled; i++)
		if (!on_enrolled[i](tx, site, enrollment, err))
			return false;
	return true;
}

/* It comes with a TokenUpdate behind it. */
static bool
wants_token(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	char *uuid;

	(void)site;
	return renew_identity(tx, ctx, enrollment->id, "house", &uuid, err);
}

/* What it had of its person goes with the management: iOS takes it off. */
static bool
ended(struct db *tx, void *site, const struct enrollment *enrollment, const char *state, struct err *err)
{
	return mobileconfig_left(tx, site, enrollment, state, err) &&
	       (strcmp(state, "replaced") == 0 || own_device_ended(tx, enrollment->device_id, err));
}

static const struct enrollment_hooks hooks = { .enrolled = enrolled, .ended = ended,
	.renewed = mobileconfig_renewed, .wants_token = wants_token };

/* Devices keep what they are told once: an address that cannot be right is better found now. */
static bool
check_address(const struct conf *conf, struct err *err)
{
	const char *url = conf->mdm_base_url;
	size_t len = strlen(url);

	if (!len)
		return true;
	if (strncmp(url, "https://", 8) != 0 || url[len - 1] == '/' || strpbrk(url, "?# "))
		return err_set(err, ERR_INVALID, "mdm.base_url: %s is no https:// address without a slash at its end", url);
	return true;
}

bool
device_kinds_open(struct site *site, struct err *err)
{
	if (!check_address(site_conf(site), err) || !own_check_conf(site_conf(site), err))
		return false;
	own_upn_warn(site_conf(site));
	queue_kinds(kinds, site);
	queue_sealer(site->sealer);
	enrollment_hooks(&hooks, site);
	inventory_hook(reported, site);
	return true;
}
