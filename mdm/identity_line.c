/* Table `enrollment` too, which it only reads. */
#include "mdm/identity_line.h"
#include "mdm/enrollment_turn.h"
#include "mdm/identity_renew.h"
#include "mdm/scep_renewal.h"
#include <string.h>

/* The one that it has, or may have gone back to; not its next one, of which it is asked again. */
static bool
is_held(const struct enrollment *e, const char *sha256)
{
	return strcmp(e->identity, sha256) == 0 ||
	       (e->old_identity && strcmp(e->old_identity, sha256) == 0 && !identity_is_past(e, sha256));
}

/* `first`: the first of its line that is known.  renewed: it is not the one that is asked about, but was renewed to it. */
static bool
by_session(TALLOC_CTX *ctx, struct db *db, const struct enrollment *e, const char *first, bool renewed, bool *ret, struct err *err)
{
	const char *old = e->old_identity && !identity_is_past(e, e->old_identity) ? e->old_identity : "";
	struct rows *rows = db_query(ctx, db, "SELECT EXISTS (SELECT 1 FROM enroll_session s WHERE s.id = c.session_id AND s.kind ="
		" 'renewal' AND s.enrollment_id = $1 AND s.state <> 'done'), EXISTS (SELECT 1 FROM certificate h WHERE h.sha256 IN"
		" ($2, $3) AND h.session_id = c.session_id) FROM certificate c WHERE c.sha256 = $4", db_text(e->id),
		db_text(e->identity), db_text(old), db_text(first));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_END || (step == ROWS_ROW && (rows_bool(rows, 0) || (!renewed && rows_bool(rows, 1))));
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
identity_may_follow(struct db *db, const struct enrollment *e, const char *sha256, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *at = sha256;

	*ret = false;
	while (!is_held(e, at)) {
		char *before;

		if (identity_is_past(e, at))
			return true;
		if (!scep_renewal_of(ctx, db, at, &before, err))
			return false;
		if (!before)
			return by_session(ctx, db, e, at, at != sha256, ret, err);
		at = before;
	}
	*ret = true;
	return true;
}

/* The enrollment that was issued to in this session; `|| ''` keeps SQLite from looking through all that are enrolled. */
static bool
of_session(TALLOC_CTX *ctx, struct db *db, const char *session_id, struct enrollment **ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT " ENROLLMENT_COLUMNS ENROLLMENT_FROM "WHERE e.state || '' IN ('staged', 'enrolled')"
		" AND (e.session_id = $1 OR e.id = (SELECT s.enrollment_id FROM enroll_session s WHERE s.id = $1 AND s.kind = 'renewal'))"
		" ORDER BY e.turn DESC LIMIT 1", db_text(session_id ? session_id : ""));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW ? enrollment_of_row(ctx, rows) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
identity_may_renew(struct db *db, const struct certificate *cert, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enrollment *e;

	if (!enrollment_by_identity(ctx, db, cert->sha256, &e, err) &&
	    (err->kind != ERR_MISSING || !of_session(ctx, db, cert->session_id, &e, err)))
		return false;
	*ret = true;
	return !e || identity_may_follow(db, e, cert->sha256, ret, err);
}
