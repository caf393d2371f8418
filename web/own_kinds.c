/*
 * A person's own mobileconfig on a managed device: written when the device fetches it, so that nothing secret waits
 * in the queue, and what was true when the button was pressed is looked at again.
 */
#include "core/plist.h"
#include "core/text.h"
#include "mdm/command.h"
#include "mdm/command_send.h"
#include "mdm/identity_renew.h"
#include "mdm/mobileconfig_form.h"
#include "mdm/own_phase.h"
#include "mdm/queue.h"
#include "web/own_house.h"
#include "web/own_kinds.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <string.h>

#define WHY_MAX		200	/* bytes of the device's own words */

/* ---- the button ---- */

bool
own_queue(struct db *tx, TALLOC_CTX *ctx, const char *enrollment_id, const char *own_id, const char *title,
	  const char *language, const char *actor, char **uuid, struct err *err)
{
	struct queue_wish wish = {
		.kind = OWN_KIND, .request_type = "InstallProfile", .subject = title, .priority = QUEUE_PRIORITY_PERSON,
		.dedupe_key = mem_printf(ctx, OWN_KIND " %s", own_id), .created_by = actor,
	};
	enum queue_verdict verdict;
	bool ok;

	wish.args = json_pack("{s:s, s:s}", "own", own_id, "language", language);
	ok = queue_add(tx, ctx, &wish, &enrollment_id, 1, &verdict, uuid, err);
	json_decref(wish.args);
	if (!ok)
		return false;
	return verdict == QUEUE_ADDED || verdict == QUEUE_DUPLICATE ||
	       err_code(err, ERR_CONFLICT, queue_verdict_name(verdict), "the device cannot be sent it now");
}

/* ---- at delivery ---- */

/* It holds a key: in the clear it goes to nobody. */
static bool
recipient(TALLOC_CTX *ctx, struct db *db, const struct enrollment *enrollment, struct bytes *ret, struct err *err)
{
	return enrollment_recipient(ctx, db, enrollment, ret, err) &&
	       (ret->len || err_code(err, ERR_CONFLICT, "needs_identity", "the device's identity is of an outside CA"));
}

/* Whose it is, still: a device may have changed hands since, and what was taken back is not given. */
static bool
look(TALLOC_CTX *ctx, struct site *site, const struct queued *command, const struct enrollment *enrollment,
     struct own_mobileconfig **ret, struct err *err)
{
	struct person *person;

	if (!own_get(ctx, site->db, text_of(command->args, "own"), ret, err) || !person_by_id(ctx, site->db, (*ret)->person_id, &person, err))
		return false;
	if (!enrollment->person_id || strcmp(enrollment->person_id, (*ret)->person_id) != 0 ||
	    strcmp(enrollment->udid, (*ret)->udid) != 0)
		return err_code(err, ERR_DENIED, "other_person", "the device is somebody else's by now");
	return strcmp((*ret)->state, "revoked") != 0 || err_code(err, ERR_DENIED, "revoked", "it was taken back meanwhile");
}

bool
own_render(TALLOC_CTX *ctx, void *p, const struct queued *command, const struct enrollment *enrollment, struct bytes *payload,
       struct err *err)
{
	struct site *site = p;
	struct own_mobileconfig *own;
	struct own_template template;
	struct own_target target;
	struct own_filled filled;
	struct enroll_house house;
	struct bytes der, xml;
	struct buf plain;

	/* Each delivery makes a session and an identity: of a device that never answers nothing is made for ever. */
	if (command->unanswered > IDENTITY_DELIVERIES_MAX)
		return err_code(err, ERR_CONFLICT, "not_answered", "it was sent %d times and not answered",
				IDENTITY_DELIVERIES_MAX);
	buf_init(&plain, ctx, FORM_OUT_MAX);
	if (!look(ctx, site, command, enrollment, &own, err) ||
	    !own_template(ctx, site, text_of(command->args, "language"), own->person_id, own->mobileconfig_id, &template, err) ||
	    !recipient(ctx, site->db, enrollment, &der, err))
		return false;
	target = (struct own_target){ .person_id = own->person_id, .device_id = enrollment->device_id, .udid = own->udid,
				      .serial = "", .product = "", .version = "", .device_name = "" };
	if (!own_fill(ctx, site, text_of(command->args, "language"), &template, &target, &filled, err) ||
	    !own_house_for(ctx, site, text_of(command->args, "language"), &house, err) ||
	    !own_command(ctx, site->db, &house, &filled.gift, err) || !own_write(ctx, &filled, der, &plain, err))
		return false;
	xml = (struct bytes){ plain.p, plain.len };
	if (!signing_sign(ctx, site, xml, &xml, err))
		return false;
	return command_of_data(ctx, "InstallProfile", "Payload", xml, payload, err);
}

/* ---- what became of it ---- */

/* The device's own words: ErrorChain's first. */
static const char *
words(TALLOC_CTX *ctx, plist_t answer)
{
	plist_t first = plist_item_at(answer, "ErrorChain", 0);
	char *text = plist_text_at(ctx, first, "LocalizedDescription");

	if (!text)
		text = plist_text_at(ctx, first, "USEnglishDescription");
	return text ? text_cut(ctx, text, WHY_MAX) : "Error";
}

bool
own_answered(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment, const char *status,
	 void *answer, struct err *err)
{
	static const char *const lists[] = { "ProfileList", "CertificateList", NULL };
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));

	(void)site;
	if (strcmp(status, "Acknowledged") == 0)	/* acknowledged is not installed: it is asked */
		return command_refresh_lists(tx, enrollment, lists, err);
	return own_not_taken(tx, text_of(command->args, "own"), words(ctx, answer), err);
}

bool
own_ended(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment, const char *state,
      struct err *err)
{
	(void)site, (void)enrollment;
	/* its person presses the button again */
	return own_not_taken(tx, text_of(command->args, "own"), strcmp(state, QUEUE_CLEARED) == 0 ? "cancelled" : state, err);
}

bool
own_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err)
{
	(void)site;
	return own_listed(tx, device_id, request_type, err);
}
