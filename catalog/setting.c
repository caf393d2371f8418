/* Table `setting`. */
#include "catalog/setting.h"
#include "core/audit.h"
#include <string.h>

bool
setting_get(TALLOC_CTX *ctx, struct db *db, const char *key, char **ret, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT value FROM setting WHERE key = $1", db_text(key));

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:	return err_at(err, "setting %s", key);
	case ROWS_END:		*ret = NULL; break;
	case ROWS_ROW:		*ret = rows_text(ctx, rows, 0); break;
	}
	return true;
}

struct change {
	const char *actor, *key, *value;
};

static bool
tx_set(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return db_run(tx, err, "INSERT INTO setting (key, value, at) VALUES ($1, $2, $3)"
		      " ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at",
		      db_text(c->key), db_text(c->value), db_now()) &&
	       audit_add(tx, c->actor, "setting", c->key, c->value, err);
}

bool
setting_set(struct db *db, const char *actor, const char *key, const char *value, struct err *err)
{
	struct change c = { actor, key, value };

	if (strlen(value) > SETTING_MAX)
		return err_set(err, ERR_LIMIT, "%s is longer than %d bytes", key, SETTING_MAX);
	return db_tx(db, tx_set, &c, err);
}
