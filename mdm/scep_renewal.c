/* Table `scep_renewal`. */
#include "mdm/scep_renewal.h"
#include "core/clock.h"
#include <string.h>

bool
scep_renewal_look(TALLOC_CTX *ctx, struct db *db, const struct scep_renewal *renewal, enum scep_renewal_state *ret,
		  char **next, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT next, transaction_id, key_sha256 FROM scep_renewal"
				     " WHERE certificate = $1 AND at > $2", db_text(renewal->certificate),
				     db_int(clock_now() - SCEP_RENEWAL_S));
	enum rows_step step = rows_next(rows, err);

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
	return step != ROWS_FAILED;
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
	return true;
}
