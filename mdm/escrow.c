#include "mdm/escrow.h"

static const char *
unlock_of(TALLOC_CTX *ctx, const char *enrollment_id)
{
	return mem_printf(ctx, "unlock_token:%s", enrollment_id);
}

static const char *
bootstrap_of(TALLOC_CTX *ctx, const char *enrollment_id)
{
	return mem_printf(ctx, "bootstrap_token:%s", enrollment_id);
}

bool
escrow_unlock_seal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *enrollment_id, struct bytes token,
		   struct bytes *ret, struct err *err)
{
	return seal(ctx, sealer, unlock_of(ctx, enrollment_id), token, ret, err);
}

bool
escrow_unlock_set(struct db *tx, const char *enrollment_id, struct bytes sealed, struct err *err)
{
	return db_run(tx, err, "UPDATE enrollment SET unlock_token = $1 WHERE id = $2", db_bytes(sealed), db_text(enrollment_id));
}

bool
escrow_unlock_get(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *enrollment_id, struct bytes *ret,
		  struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT unlock_token FROM enrollment WHERE id = $1 AND unlock_token"
				     " IS NOT NULL", db_text(enrollment_id));

	if (!rows_one(rows, err, "this device has sent no UnlockToken"))
		return false;
	if (!sealer)
		return err_set(err, ERR_CONFLICT, "key.master_file is not set, and the UnlockToken is sealed");
	return unseal(ctx, sealer, unlock_of(here, enrollment_id), rows_bytes(here, rows, 0), ret, err);
}

bool
escrow_bootstrap_set(struct db *db, const struct sealer *sealer, const struct enrollment *e, struct bytes token,
		     struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct bytes sealed = { 0 };

	if (token.len && !sealer)
		return err_set(err, ERR_BUSY, "a bootstrap token cannot be kept: key.master_file is not set");
	if (token.len && !seal(ctx, sealer, bootstrap_of(ctx, e->id), token, &sealed, err))
		return false;
	return db_run(db, err, "UPDATE enrollment SET bootstrap_token = $1 WHERE id = $2",
		      sealed.len ? db_bytes(sealed) : db_null(), db_text(e->id));
}

bool
escrow_bootstrap_get(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const struct enrollment *e,
		     struct bytes *ret, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT bootstrap_token FROM enrollment WHERE id = $1", db_text(e->id));
	struct bytes sealed;

	if (!rows_one(rows, err, "no such enrollment"))
		return false;
	sealed = rows_bytes(here, rows, 0);
	rows_done(rows);
	*ret = (struct bytes){ 0 };
	return !sealed.len || !sealer || unseal(ctx, sealer, bootstrap_of(here, e->id), sealed, ret, err);
}

bool
escrow_forget(struct db *tx, const char *enrollment_id, struct err *err)
{
	return db_run(tx, err, "UPDATE enrollment SET unlock_token = NULL, bootstrap_token = NULL WHERE id = $1",
		      db_text(enrollment_id));
}
