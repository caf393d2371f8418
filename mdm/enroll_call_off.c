/* Tables `enroll_session` and `enrollment` too, by what ends them. */
#include "mdm/enroll_call_off.h"
#include "core/clock.h"
#include "mdm/challenge.h"
#include "mdm/enroll_session.h"
#include "mdm/enrollment_turn.h"

static bool
end_staged(TALLOC_CTX *ctx, struct db *tx, const char *session_id, const char *why, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM enrollment WHERE session_id = $1 AND state || '' = 'staged'",
				     db_text(session_id));
	const char **all;
	size_t n;

	if (!rows_texts(ctx, rows, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct enrollment *e;

		if (!enrollment_get(ctx, tx, all[i], &e, err) ||
		    !enrollment_end(tx, e, "retired", why, err))
			return false;
	}
	return true;
}

/* The passing identity, and one that was not shown yet. */
static bool
end_certificates(TALLOC_CTX *ctx, struct db *tx, const char *session_id, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT sha256 FROM certificate WHERE session_id = $1 AND revoked IS NULL",
				     db_text(session_id));
	const char **all;
	size_t n;

	if (!rows_texts(ctx, rows, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!certificate_revoke(tx, all[i], "cessationOfOperation", err))
			return false;
	return true;
}

static bool
call_off(TALLOC_CTX *ctx, struct db *tx, const char *id, const char *code, const char *why, struct err *err)
{
	return challenge_void(tx, id, CA_OTA, err) && challenge_void(tx, id, CA_MDM, err) && end_staged(ctx, tx, id, why, err) &&
	       end_certificates(ctx, tx, id, err) &&
	       db_run(tx, err, "UPDATE enroll_session SET state = 'failed', why = $1, changed = CAST($2 AS BIGINT) WHERE id = $3",
		      db_text(code), db_now(), db_text(id));
}

/* Rows of their ids. */
static bool
call_off_all(TALLOC_CTX *ctx, struct db *tx, struct rows *rows, const char *code, const char *why, size_t *n, struct err *err)
{
	const char **all;

	if (!rows_texts(ctx, rows, &all, n, err))
		return false;
	for (size_t i = 0; i < *n; i++)
		if (!call_off(ctx, tx, all[i], code, why, err))
			return false;
	return true;
}

bool
enroll_call_off(struct db *tx, const char *person_id, const char *invitation_id, size_t *n, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return call_off_all(ctx, tx, db_query(ctx, tx, "SELECT id FROM enroll_session WHERE person_id = $1 AND invitation_id = $2 AND"
			    " state IN ('offered', 'answered', 'issued', 'staged')", db_text(person_id), db_text(invitation_id)),
			    "invitation_revoked", "its invitation was revoked", n, err);
}

bool
enroll_call_off_device(struct db *tx, const char *device_id, size_t *n, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return call_off_all(ctx, tx, db_query(ctx, tx, "SELECT s.id FROM device d JOIN enroll_session s ON s.udid = d.udid WHERE d.id = $1"
			    " AND s.kind <> 'renewal' AND s.state || '' IN ('answered', 'issued')", db_text(device_id)),
			    "released", "IT released the device", n, err);
}
