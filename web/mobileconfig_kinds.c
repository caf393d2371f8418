/*
 * Mobileconfigs on their way to devices: each is written at delivery, from what is true then, for the identity of
 * the one device that gets it.
 */
#include "catalog/desired.h"
#include "catalog/mobileconfig.h"
#include "catalog/person_attribute.h"
#include "core/plist.h"
#include "mdm/command.h"
#include "mdm/mobileconfig_form.h"
#include "web/mobileconfig_kinds.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <string.h>

#define WORDS_MAX	8	/* of an error chain */

/* ---- written ---- */

/* cert empty: only what holds no secret goes out, in the clear. */
static bool
write_signed(TALLOC_CTX *ctx, struct site *site, const json_t *form, const char *identifier, struct bytes cert,
	     struct bytes *ret, struct err *err)
{
	struct buf xml;

	buf_init(&xml, ctx, FORM_OUT_MAX);
	return mobileconfig_form_write(ctx, form, identifier, cert, &xml, err) && buf_ok(&xml, err) &&
	       signing_sign(ctx, site, (struct bytes){ xml.p, xml.len }, ret, err);
}

/*
 * As this device gets it: filled in, enveloped for its identity, signed.  *wish: desired_wish of the values.
 * ERR_CONFLICT "missing_variable", "needs_identity".
 */
static bool
mobileconfig_for(TALLOC_CTX *ctx, struct site *site, const struct desired_order *order, const struct enrollment *enrollment,
		 struct bytes *ret, const char **wish, struct err *err)
{
	json_t *form, *variables, *filled;
	struct values *values;
	struct bytes cert;
	bool ok;

	if (!mobileconfig_read(ctx, site->db, site->sealer, order->mobileconfig_id, order->version, &form, &variables, err) ||
	    !values_of(ctx, site->db, order->person_id, order->device_id, &values, err) ||
	    !enrollment_recipient(ctx, site->db, enrollment, &cert, err) ||
	    !mobileconfig_form_fill(form, values_get, values, &filled, err))
		return false;
	*wish = desired_wish(ctx, order->version, variables, values);
	ok = write_signed(ctx, site, filled, order->identifier, cert, ret, err);
	json_decref(filled);
	return ok;
}

static bool
command(TALLOC_CTX *ctx, const struct desired_order *order, struct bytes mobileconfig, struct bytes *payload,
	struct err *err)
{
	return order->remove ? command_of_text(ctx, "RemoveProfile", "Identifier", order->identifier, payload, err) :
			       command_of_data(ctx, "InstallProfile", "Payload", mobileconfig, payload, err);
}

/* What is ours to mend is tried again by the queue; anything else is said on the device's page. */
static bool
refuse(struct site *site, const struct desired_order *order, struct err *err)
{
	bool again = err->kind == ERR_INTERNAL || err->kind == ERR_BUSY || err->kind == ERR_UPSTREAM || err->kind == ERR_NO_ROOM;
	struct err why = *err, trouble;

	if (!again && !desired_refused(site->db, order, &why, &trouble))
		*err = trouble;
	return false;
}

bool
mobileconfig_render(TALLOC_CTX *ctx, void *p, const struct queued *queued, const struct enrollment *enrollment,
		    struct bytes *payload, struct err *err)
{
	struct site *site = p;
	struct bytes mobileconfig = { 0 };
	struct desired_order order;
	const char *wish;

	if (!desired_order(ctx, site->db, queued, enrollment->device_id, &order, err))
		return false;
	if (order.remove)
		return command(ctx, &order, mobileconfig, payload, err);
	if (!mobileconfig_for(ctx, site, &order, enrollment, &mobileconfig, &wish, err))
		return refuse(site, &order, err);
	return command(ctx, &order, mobileconfig, payload, err) && desired_written(site->db, &order, wish, err);
}

/* ---- answered ---- */

/* All that the device says of it, the outermost first. */
static const char *
words_of(TALLOC_CTX *ctx, plist_t answer)
{
	size_t n = plist_count_at(answer, "ErrorChain");
	const char *all = "", *text;

	for (size_t i = 0; i < n && i < WORDS_MAX; i++) {
		plist_t item = plist_item_at(answer, "ErrorChain", i);

		if (!(text = plist_text_at(ctx, item, "LocalizedDescription")))
			text = plist_text_at(ctx, item, "USEnglishDescription");
		if (text && *text && !strstr(all, text))
			all = mem_printf(ctx, "%s%s%s", all, *all ? " / " : "", text);
	}
	return all;
}

bool
mobileconfig_answered(struct db *tx, void *site, const struct queued *queued, const struct enrollment *enrollment,
		      const char *status, void *answer, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	bool right = strcmp(status, "Acknowledged") == 0;

	(void)site;
	return desired_answered(tx, queued, enrollment, right, right ? "" : words_of(ctx, answer), err);
}

bool
mobileconfig_ended(struct db *tx, void *site, const struct queued *queued, const struct enrollment *enrollment,
		   const char *state, struct err *err)
{
	(void)site;
	return desired_ended(tx, queued, enrollment, state, err);
}

/* ---- what hangs on devices ---- */

bool
mobileconfig_enrolled(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err)
{
	(void)site;
	return desired_begin(tx, enrollment, err);
}

bool
mobileconfig_renewed(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err)
{
	(void)site;
	return desired_renewed(tx, enrollment->device_id, err);
}

/* One that was replaced goes on under another. */
bool
mobileconfig_left(struct db *tx, void *site, const struct enrollment *enrollment, const char *state, struct err *err)
{
	(void)site;
	return strcmp(state, "replaced") == 0 || desired_left(tx, enrollment->device_id, err);
}

bool
mobileconfig_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err)
{
	(void)site;
	return desired_reported(tx, device_id, request_type, err);
}

/* ---- the job ---- */

bool
job_desired(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	bool more;

	(void)job;
	(void)ctx;
	if (!desired_work(site->db, &more, err))
		return false;
	if (more)
		jobs_wake(site->jobs);
	return true;
}
