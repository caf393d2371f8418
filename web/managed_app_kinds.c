/*
 * Apps on their way to managed devices: commands that are rendered at delivery, since a device's own manifest
 * address waits in no queue; what the lists say of them; and the jobs.
 */
#include "catalog/app_configuration.h"
#include "catalog/grant.h"
#include "catalog/managed_app.h"
#include "catalog/rollout.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/plist.h"
#include "core/plist_write.h"
#include "core/zone.h"
#include "mdm/command.h"
#include "mdm/queue.h"
#include "web/managed_apps.h"
#include "web/rooms.h"
#include <string.h>

#define COMMAND_MAX	(4 * APP_CONFIGURATION_MAX)
#define REMOVE_WITH_MANAGEMENT	1	/* ManagementFlags */
#define NO_BACKUP		4

/* ---- InstallApplication ---- */

/* Of 128 bits, and always the same for this enrollment and app: DDM reads a manifest again and again. */
static char *
device_token(TALLOC_CTX *ctx, struct site *site, const char *enrollment_id, const char *bundle_id)
{
	return link_derive(ctx, &site->link_key, mem_printf(ctx, "device grant %s %s", enrollment_id, bundle_id));
}

static void
write_install(struct buf *out, const struct managed_sending *s, const char *url, const json_t *configuration)
{
	plist_write_begin(out);
	plist_write_dict(out, NULL);
	plist_write_text(out, "RequestType", "InstallApplication");
	plist_write_text(out, "ManifestURL", url);
	plist_write_int(out, "ManagementFlags", (s->with_management ? REMOVE_WITH_MANAGEMENT : 0) | (s->no_backup ? NO_BACKUP : 0));
	if (configuration)
		app_configuration_write(out, "Configuration", configuration);
	if (s->take_over && !s->user_enrollment)
		plist_write_text(out, "ChangeManagementState", "Managed");
	plist_write_dict_end(out);
	plist_write_end(out);
}

static bool
give(struct buf *out, struct bytes *payload, struct err *err)
{
	*payload = (struct bytes){ out->p, out->len };
	return buf_ok(out, err);
}

/* By the device's own clock; where its zone is not known, by that of this machine. */
static int64_t
when(void *arg, const char *hours, const char *zone)
{
	int64_t now = clock_now(), offset, wait;

	(void)arg;
	if (!*hours)
		return 0;
	if (!zone_offset(zone, now, &offset))
		offset = zone_offset_here(now);
	wait = rollout_wait(hours, now + offset);
	return wait ? now + wait : 0;
}

bool
managed_app_render(TALLOC_CTX *ctx, void *p, const struct queued *command, const struct enrollment *enrollment, struct bytes *payload,
	   struct err *err)
{
	struct site *site = p;
	struct grant_device grant = { .enrollment_id = enrollment->id };
	struct managed_sending *s;
	json_t *configuration;
	const char *wish;
	struct buf out;

	if (!managed_app_sending(ctx, site->db, enrollment->device_id, command->subject, &s, err) ||
	    !managed_app_goes(site->db, enrollment->device_id, command->subject, when, NULL, err) ||
	    !app_configuration_fill(ctx, site->db, site->sealer, s->configuration, s->person_id, s->device_id,
				    &configuration, &wish, err))
		return err_at(err, "InstallApplication");
	grant.token = device_token(ctx, site, enrollment->id, s->bundle_id);
	grant.build_id = s->build_id;
	grant.person_id = s->person_id;
	grant.install_id = s->install_id;
	buf_init(&out, ctx, COMMAND_MAX);
	write_install(&out, s, mem_printf(ctx, "%s/d/%s/manifest.plist", site->base_url, grant.token), configuration);
	json_decref(configuration);
	return give(&out, payload, err) && grant_for_device(site->db, &grant, err) &&
	       managed_app_sent(site->db, s->device_id, s->bundle_id, command->uuid, wish, err);
}

/* The first LocalizedDescription of the ErrorChain, with its domain and number. */
static const char *
error_words(TALLOC_CTX *ctx, plist_t answer)
{
	plist_t first = plist_item_at(answer, "ErrorChain", 0);
	const char *domain = plist_text_at(ctx, first, "ErrorDomain"), *text = plist_text_at(ctx, first, "USEnglishDescription");
	int64_t code = 0;

	if (!first)
		return NULL;
	if (!text)
		text = plist_text_at(ctx, first, "LocalizedDescription");
	plist_int_at(first, "ErrorCode", &code);
	return mem_printf(ctx, "%s (%s %lld)", text ? text : "no words", domain ? domain : "no domain", (long long)code);
}

/* What iOS says by a number where it says no RejectionReason. */
static const char *
reason_of(TALLOC_CTX *ctx, plist_t answer)
{
	static const struct { int64_t code; const char *reason; } codes[] = {
		{ 12025, "AppAlreadyInstalled" }, { 12026, "AppAlreadyQueued" },
	};
	const char *reason = plist_text_at(ctx, answer, "RejectionReason");
	int64_t code = 0;

	for (size_t i = 0; !reason && i < plist_count_at(answer, "ErrorChain"); i++)
		if (plist_int_at(plist_item_at(answer, "ErrorChain", i), "ErrorCode", &code))
			for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
				if (codes[k].code == code)
					reason = codes[k].reason;
	return reason;
}

bool
managed_app_told(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment, const char *status,
	     void *answer, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	bool taken = strcmp(status, "Acknowledged") == 0;

	(void)site;
	/* rejected: the next attempt brings it again */
	if (taken && !managed_app_configured(tx, enrollment->device_id, command->subject, command->uuid, status, err))
		return false;
	return managed_app_answered(tx, enrollment->device_id, command->subject, command->uuid, status,
				    taken ? NULL : reason_of(ctx, answer), taken ? NULL : error_words(ctx, answer), err);
}

bool
managed_app_ended(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment, const char *state,
	  struct err *err)
{
	(void)site;
	return managed_app_answered(tx, enrollment->device_id, command->subject, command->uuid, state, NULL, NULL, err);
}

/* ---- RemoveApplication ---- */

bool
managed_app_render_removal(TALLOC_CTX *ctx, void *p, const struct queued *command, const struct enrollment *enrollment,
	       struct bytes *payload, struct err *err)
{
	struct site *site = p;

	if (!managed_app_removing(site->db, enrollment->device_id, command->subject, err))
		return err_at(err, "RemoveApplication");
	return command_of_text(ctx, "RemoveApplication", "Identifier", command->subject, payload, err);
}

/* ---- Settings: ApplicationConfiguration; without a Configuration it takes away the one that is there ---- */

bool
managed_app_render_setting(TALLOC_CTX *ctx, void *p, const struct queued *command, const struct enrollment *enrollment,
	       struct bytes *payload, struct err *err)
{
	struct site *site = p;
	struct managed_sending *s;
	json_t *configuration;
	const char *wish;
	struct buf out;

	if (!managed_app_sending(ctx, site->db, enrollment->device_id, command->subject, &s, err) ||
	    !app_configuration_fill(ctx, site->db, site->sealer, s->configuration, s->person_id, s->device_id,
				    &configuration, &wish, err))
		return err_at(err, "Settings");
	buf_init(&out, ctx, COMMAND_MAX);
	plist_write_begin(&out);
	plist_write_dict(&out, NULL);
	plist_write_text(&out, "RequestType", "Settings");
	plist_write_array(&out, "Settings");
	plist_write_dict(&out, NULL);
	plist_write_text(&out, "Item", "ApplicationConfiguration");
	plist_write_text(&out, "Identifier", s->bundle_id);
	if (configuration)
		app_configuration_write(&out, "Configuration", configuration);
	plist_write_dict_end(&out);
	plist_write_array_end(&out);
	plist_write_dict_end(&out);
	plist_write_end(&out);
	json_decref(configuration);
	return give(&out, payload, err) &&
	       managed_app_sent(site->db, s->device_id, s->bundle_id, command->uuid, wish, err);
}

/* The command may be acknowledged where its one setting is not. */
static const char *
setting_status(TALLOC_CTX *ctx, plist_t answer, const char *status)
{
	plist_t result = plist_item_at(answer, "Settings", 0);
	const char *said = plist_text_at(ctx, result ? result : plist_dict_at(answer, "Settings"), "Status");

	return strcmp(status, "Acknowledged") == 0 && said ? said : status;
}

bool
managed_app_setting_told(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
			 const char *status, void *answer, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	(void)site;
	return managed_app_configured(tx, enrollment->device_id, command->subject, command->uuid,
				      setting_status(ctx, answer, status), err);
}

bool
managed_app_setting_ended(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
			  const char *state, struct err *err)
{
	(void)site;
	return managed_app_configured(tx, enrollment->device_id, command->subject, command->uuid, state, err);
}

/* ---- what hangs on devices ---- */

bool
managed_app_enrolled(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err)
{
	(void)site;
	return managed_app_begins(tx, enrollment->device_id, err);
}

bool
managed_app_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err)
{
	(void)site;
	if (strcmp(request_type, "DeviceInformation") == 0)
		return managed_app_fits_again(tx, device_id, err);
	if (strcmp(request_type, "ManagedApplicationList") == 0)
		return managed_app_listed(tx, device_id, true, err) && managed_app_first_list(tx, device_id, err);
	return strcmp(request_type, "InstalledApplicationList") != 0 || managed_app_listed(tx, device_id, false, err);
}

/* ---- jobs ---- */

bool
job_managed_sweep(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)job;
	(void)ctx;
	return managed_app_sweep(site->db, when, NULL, err);
}

bool
job_managed_app(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	char next[64] = "", after[64];

	(void)ctx;
	do {
		memcpy(after, next, sizeof after);
		if (!managed_app_plan_app(site->db, text_of(job->args, "app"), after, next, err))
			return err_at(err, "app %s on devices", text_of(job->args, "app"));
	} while (*next);
	return true;
}

bool
job_managed_device(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)ctx;
	return managed_app_plan_device(site->db, text_of(job->args, "device"), err);
}

bool
job_rollout_step(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)ctx;
	return rollout_next(site->db, text_of(job->args, "app"), text_of(job->args, "build"), err);
}

bool
managed_apps_begin(struct site *site, struct err *err)
{
	return !site->sealer || app_configuration_read(site->db, site->sealer, err);
}
