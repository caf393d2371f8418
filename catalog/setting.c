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
	const char *actor;
	const struct setting *settings;
};

/* What is the same already is not written again, and is no act to record. */
static bool
tx_set_one(struct db *tx, const char *actor, const struct setting *s, struct err *err)
{
	return db_run(tx, err, "INSERT INTO setting (key, value, at) VALUES ($1, $2, $3)"
		      " ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at"
		      " WHERE setting.value <> excluded.value",
		      db_text(s->key), db_text(s->value), db_now()) &&
	       (db_changed(tx) == 0 || audit_add(tx, actor, "setting", s->key, s->value, err));
}

static bool
tx_set(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	for (const struct setting *s = c->settings; s->key; s++)
		if (!tx_set_one(tx, c->actor, s, err))
			return err_at(err, "setting %s", s->key);
	return true;
}

bool
setting_set(struct db *db, const char *actor, const struct setting *settings, struct err *err)
{
	struct change c = { actor, settings };

	for (const struct setting *s = settings; s->key; s++)
		if (strlen(s->value) > SETTING_MAX)
			return err_set(err, ERR_LIMIT, "%s is longer than %d bytes", s->key, SETTING_MAX);
	return db_tx(db, tx_set, &c, err);
}
