#include "mdm/leaving.h"
#include "core/num.h"
#include "core/plist_write.h"
#include "mdm/enrollment_turn.h"
#include <string.h>

#define HEARS_403	"17"	/* iOS */
#define RIGHT		2	/* AccessRights: installation and removal of mobileconfigs */
#define COMMAND_MAX	4096

/* Of one that was taken in again the session is lost: that of a renewal says the same, and so does what the device lists. */
bool
leaving_by(TALLOC_CTX *ctx, struct db *db, const struct enrollment *e, const char **identifier, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT d.os_version, COALESCE((SELECT s.identifier FROM enroll_session s WHERE"
		" s.id = e.session_id OR s.enrollment_id = e.id ORDER BY s.created DESC LIMIT 1), (SELECT i.identifier FROM"
		" installed_mobileconfig i WHERE i.device_id = e.device_id AND i.payloads LIKE '%\"com.apple.mdm\"%' LIMIT 1)) FROM enrollment e JOIN device d ON d.id = e.device_id"
		" WHERE e.id = $1", db_text(e->id));
	const char *version;

	*identifier = NULL;
	if (!rows_one(rows, err, "no such enrollment"))
		return false;
	version = rows_text(ctx, rows, 0);
	if (*version && num_version_compare(version, HEARS_403) < 0 && (e->access_rights & RIGHT))
		*identifier = rows_text(ctx, rows, 1);
	rows_done(rows);
	return true;
}

static bool
denied(const struct enrollment *e, struct err *err)
{
	return err_code(err, ERR_DENIED, "retired", "device %s was retired", e->device_id);
}

static bool
is_its_own(const struct identity *identity, const struct checkin_who *who)
{
	return !who->user_id && strcmp(who->udid, identity->enrollment->udid) == 0;
}

/* A recording from before it was released says nothing of it. */
static bool
is_said_since(const struct identity *identity)
{
	return identity->proof.live || identity->proof.signed_at >= identity->enrollment->ended;
}

bool
leaving_report(TALLOC_CTX *ctx, struct db *db, const struct identity *identity, const struct report *report,
	       struct bytes *body, struct err *err)
{
	const struct enrollment *e = identity->enrollment;
	const char *uuid = mem_printf(ctx, "leave-%s", e->id);
	struct buf out;

	*body = (struct bytes){ 0 };
	if (!is_its_own(identity, &report->who))
		return denied(e, err);
	if (report->uuid && strcmp(report->uuid, uuid) == 0) {
		if (strcmp(report->status, "Acknowledged") == 0 && is_said_since(identity))
			enrollment_told(db, e);
		return true;	/* it did not?  It is asked again when it comes again */
	}
	buf_init(&out, ctx, COMMAND_MAX);
	plist_write_begin(&out);
	plist_write_dict(&out, NULL);
	plist_write_dict(&out, "Command");
	plist_write_text(&out, "RequestType", "RemoveProfile");
	plist_write_text(&out, "Identifier", identity->leaves);
	plist_write_dict_end(&out);
	plist_write_text(&out, "CommandUUID", uuid);
	plist_write_dict_end(&out);
	plist_write_end(&out);
	*body = (struct bytes){ out.p, out.len };
	return buf_ok(&out, err);
}

bool
leaving_checkin(struct db *db, const struct identity *identity, const struct checkin *c, struct err *err)
{
	if (c->type != CHECKIN_CHECK_OUT || !is_its_own(identity, &c->who))
		return denied(identity->enrollment, err);
	if (is_said_since(identity))
		enrollment_told(db, identity->enrollment);
	return true;
}
