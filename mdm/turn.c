/* Table `turn`. */
#include "mdm/turn.h"

bool
turn_next(struct db *tx, enum turn_of of, int64_t *ret, struct err *err)
{
	static const char *const names[TURNS] = { "certificate", "enrollment", "enroll_session", "own_session" };
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct rows *rows = db_query(ctx, tx, "UPDATE turn SET last = last + 1 WHERE name = $1 RETURNING last", db_text(names[of]));

	if (!rows_one(rows, err, "no counter of that name"))
		return err_at(err, "turn of a %s", names[of]);
	*ret = rows_int(rows, 0);
	rows_done(rows);
	return true;
}
