/* Table `channel` too: whom a channel is for, and who must have what is in it. */
#include "catalog/app.h"
#include "catalog/audience.h"
#include "catalog/channel.h"
#include "catalog/managed_app.h"
#include "core/audit.h"
#include "core/secret.h"
#include <stdlib.h>

struct change {
	const struct person *person;
	const char *bundle_id, *name;
	const json_t *tree;
	bool required;
};

static bool
log_change(struct db *tx, const struct change *c, const char *act, const char *detail, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return audit_add(tx, person_actor(ctx, c->person), act, mem_printf(ctx, "%s %s", c->bundle_id, c->name),
			 detail, err);
}

static bool
log_audience(struct db *tx, const struct change *c, const char *audience_id, struct err *err)
{
	char *dump = audience_id ? json_dumps(c->tree, JSON_COMPACT) : NULL;
	bool ok = log_change(tx, c, "channel.audience", dump ? dump : "everyone", err);

	free(dump);
	return ok;
}

static bool
tx_audience(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app, *audience;

	return app_own(ctx, tx, viewer_of(c->person), c->bundle_id, &app, err) &&
	       audience_keep(ctx, tx, c->tree, &audience, err) &&
	       db_run(tx, err, "INSERT INTO channel (id, app_id, name, created) VALUES ($1, $2, $3, $4)"
		      " ON CONFLICT (app_id, name) DO NOTHING",
		      db_text(secret_id(ctx)), db_text(app), db_text(c->name), db_now()) &&
	       db_run(tx, err, "UPDATE channel SET audience_id = $1 WHERE app_id = $2 AND name = $3",
		      db_text(audience), db_text(app), db_text(c->name)) &&
	       audience_sweep(tx, err) && managed_app_app_changed(tx, app, err) && log_audience(tx, c, audience, err);
}

bool
channel_set_audience(struct db *db, const struct person *person, const char *bundle_id, const char *name,
		     const json_t *tree, struct err *err)
{
	struct change c = { .person = person, .bundle_id = bundle_id, .name = name, .tree = tree };

	return channel_name_ok(name, err) && audience_check(tree, err) && db_tx(db, tx_audience, &c, err);
}

bool
channel_audience(struct db *db, struct viewer viewer, const char *bundle_id, const char *name, json_t **ret,
		 int64_t *people, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *audience;
	struct rows *rows;
	char *app;

	if (!app_own(ctx, db, viewer, bundle_id, &app, err))
		return false;
	rows = db_query(ctx, db, "SELECT audience_id FROM channel WHERE app_id = $1 AND name = $2", db_text(app),
			db_text(name));
	if (!rows_one(rows, err, "no such channel"))
		return false;
	audience = rows_text(ctx, rows, 0);
	rows_done(rows);
	return audience_count(db, audience, people, err) && audience_show(db, audience, ret, err);
}

static bool
tx_required(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app;

	if (!app_own(ctx, tx, viewer_of(c->person), c->bundle_id, &app, err) ||
	    !db_run(tx, err, "UPDATE channel SET required = $1 WHERE app_id = $2 AND name = $3",
		    db_bool(c->required), db_text(app), db_text(c->name)))
		return false;
	return db_changed(tx) ? managed_app_app_changed(tx, app, err) &&
				log_change(tx, c, "channel.required", c->required ? "yes" : "no", err)
			      : err_set(err, ERR_MISSING, "no such channel");
}

bool
channel_set_required(struct db *db, const struct person *person, const char *bundle_id, const char *name,
		     bool required, struct err *err)
{
	struct change c = { .person = person, .bundle_id = bundle_id, .name = name, .required = required };

	return db_tx(db, tx_required, &c, err);
}
