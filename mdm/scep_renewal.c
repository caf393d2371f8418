/* Tables `scep_renewal` and `scep_chain`. */
#include "mdm/scep_renewal.h"
#include "core/clock.h"
#include <string.h>

/* All that came of the same first certificate, which may be a tree; others may say the same as it does. */
static bool
too_often(TALLOC_CTX *ctx, struct db *db, const struct scep_renewal *renewal, bool *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM scep_chain WHERE origin = COALESCE((SELECT origin"
				     " FROM scep_chain WHERE certificate = $1), $2) AND at > $3", db_text(renewal->certificate),
				     db_text(renewal->certificate), db_int(clock_now() - DAY_S));

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0) >= SCEP_RENEWALS_MAX;
	rows_done(rows);
	return true;
}

bool
scep_renewal_look(TALLOC_CTX *ctx, struct db *db, const struct scep_renewal *renewal, enum scep_renewal_state *ret,
		  char **next, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT next, transaction_id, key_sha256 FROM scep_renewal"
				     " WHERE certificate = $1 AND at > $2", db_text(renewal->certificate),
				     db_int(clock_now() - SCEP_RENEWAL_S));
	enum rows_step step = rows_next(rows, err);
	bool often;

	*ret = SCEP_RENEWAL_MAY;
	if (step == ROWS_ROW) {
		*ret = SCEP_RENEWAL_EARLY;
		if (strcmp(rows_text(ctx, rows, 1), renewal->transaction_id) == 0 &&
		    strcmp(rows_text(ctx, rows, 2), renewal->key_sha256) == 0) {
			*ret = SCEP_RENEWAL_AGAIN;
			*next = rows_text(ctx, rows, 0);
		}
	}
	rows_done(rows);
	if (step == ROWS_FAILED || *ret != SCEP_RENEWAL_MAY)
		return step != ROWS_FAILED;
	if (!too_often(ctx, db, renewal, &often, err))
		return false;
	*ret = often ? SCEP_RENEWAL_OFTEN : SCEP_RENEWAL_MAY;
	return true;
}

bool
scep_renewal_put(struct db *tx, const struct scep_renewal *renewal, const char *next, bool *first, struct err *err)
{
	if (!db_run(tx, err, "INSERT INTO scep_renewal (certificate, next, transaction_id, key_sha256, at)"
		    " VALUES ($1, $2, $3, $4, CAST($5 AS BIGINT)) ON CONFLICT (certificate) DO UPDATE SET"
		    " next = excluded.next, transaction_id = excluded.transaction_id,"
		    " key_sha256 = excluded.key_sha256, at = excluded.at WHERE scep_renewal.at <= $6",
		    db_text(renewal->certificate), db_text(next), db_text(renewal->transaction_id),
		    db_text(renewal->key_sha256), db_now(), db_int(clock_now() - SCEP_RENEWAL_S)))
		return false;
	*first = db_changed(tx) == 1;
	return !*first || db_run(tx, err, "INSERT INTO scep_chain (certificate, origin, renewed, at) VALUES ($1, COALESCE((SELECT c.origin"
				 " FROM scep_chain c WHERE c.certificate = $2), $3), $3, $4)", db_text(next),
				 db_text(renewal->certificate), db_text(renewal->certificate), db_now());
}

bool
scep_renewal_of(TALLOC_CTX *ctx, struct db *db, const char *certificate, char **ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT renewed FROM scep_chain WHERE certificate = $1", db_text(certificate));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
scep_renewal_after(TALLOC_CTX *ctx, struct db *db, const char *certificate, const char ***ret, size_t *n, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "WITH RECURSIVE line (certificate) AS (SELECT CAST($1 AS TEXT) UNION SELECT h.certificate"
		" FROM scep_chain h WHERE h.renewed IS NULL AND h.origin = COALESCE((SELECT o.origin FROM scep_chain o WHERE"
		" o.certificate = $1), $1) AND h.at >= COALESCE((SELECT o.at FROM scep_chain o WHERE o.certificate = $1), 0)"
		" UNION SELECT h.certificate FROM scep_chain h JOIN line ON h.renewed = line.certificate) SELECT line.certificate FROM"
		" line JOIN certificate c ON c.sha256 = line.certificate WHERE c.revoked IS NULL AND line.certificate <> $1",
		db_text(certificate));

	return rows_texts(ctx, rows, ret, n, err);
}
