/* Table `build`, with build_publish.c and build_read.c. */
#include "catalog/build.h"
#include "catalog/app.h"
#include "catalog/channel.h"
#include "catalog/install.h"
#include "catalog/link.h"
#include "catalog/notice.h"
#include "catalog/provision_keep.h"
#include "catalog/registration.h"
#include "core/audit.h"
#include "core/job.h"
#include "core/text.h"
#include <string.h>

struct change {
	const struct person *person;
	const char *id, *value;
};

/* The build's app, when this person may change it; what they do not see does not exist for them. */
static bool
own(TALLOC_CTX *ctx, struct db *tx, const struct change *c, char **app, char **what, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, tx, "SELECT a.id, a.bundle_id, b.version, b.build, " VIEWER_OWNS
				     " FROM build b JOIN app a ON a.id = b.app_id WHERE b.id = $4 AND "
				     VIEWER_SEES_BUILD, VIEWER(viewer_of(c->person)), db_text(c->id));
	const char *bundle_id;

	if (!rows_one(rows, err, "no such build"))
		return false;
	bundle_id = rows_text(here, rows, 1);
	if (!rows_bool(rows, 4) || !person_publishes(c->person, bundle_id))
		return err_set(err, ERR_DENIED, "you may not publish %s", bundle_id);
	*app = rows_text(ctx, rows, 0);
	*what = mem_printf(ctx, "%s %s (%s)", bundle_id, rows_text(here, rows, 2), rows_text(here, rows, 3));
	rows_done(rows);
	return true;
}

bool
build_own(struct db *db, const struct person *person, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change c = { person, id, NULL };
	char *app, *what;

	return own(ctx, db, &c, &app, &what, err);
}

struct promotion {
	struct change change;
	bool notify;
};

static bool
tx_promote(struct db *tx, void *arg, struct err *err)
{
	struct promotion *p = arg;
	struct change *c = &p->change;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app, *what;
	bool changed;

	if (!own(ctx, tx, c, &app, &what, err) ||
	    !channel_promote(tx, app, c->value, c->id, c->person->id, &changed, err) ||
	    (p->notify && !notice_landed(tx, c->id, c->value, err)))
		return false;
	return !changed || (app_set_newest(tx, app, c->id, err) && registration_offered(tx, app, err) &&
			    audit_add(tx, person_actor(ctx, c->person), "build.promote", c->id, c->value, err));
}

bool
build_promote(struct db *db, const struct person *person, const char *id, const char *channel, bool notify,
	      struct err *err)
{
	struct promotion p = { { person, id, channel }, notify };

	return db_tx(db, tx_promote, &p, err);
}

static bool
tx_notes(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app, *what;

	return own(ctx, tx, c, &app, &what, err) &&
	       db_run(tx, err, "UPDATE build SET notes = $1 WHERE id = $2",
		      db_text(text_cut(ctx, c->value, BUILD_NOTES_MAX)), db_text(c->id)) &&
	       audit_add(tx, person_actor(ctx, c->person), "build.notes", c->id, what, err);
}

bool
build_set_notes(struct db *db, const struct person *person, const char *id, const char *notes,
		struct err *err)
{
	struct change c = { person, id, notes };

	if (notes && !text_valid(notes, strlen(notes)))
		return err_set(err, ERR_INVALID, "changelog is no UTF-8 text");
	return db_tx(db, tx_notes, &c, err);
}

bool
build_take_away(TALLOC_CTX *ctx, struct db *tx, const char *app, const char *id, struct err *err)
{
	char *newest = NULL;

	/* it may run on phones for as long as its provision lives, and who has it there hears of the end */
	if (!provision_outlives(tx, id, err) || !link_outlives(tx, id, err) || !install_outlives(tx, id, err) ||
	    !db_run(tx, err, "DELETE FROM build WHERE id = $1", db_text(id)) ||
	    !channel_refresh(tx, app, err) ||
	    (!channel_last(ctx, tx, app, &newest, err) && err->kind != ERR_MISSING))
		return false;
	return (newest ? app_set_newest(tx, app, newest, err) : app_remove(tx, app, err)) &&
	       job_add(tx, "blob_sweep", json_object(), 0, "blob_sweep", err);
}

static bool
tx_delete(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app, *what;

	return own(ctx, tx, c, &app, &what, err) && build_take_away(ctx, tx, app, c->id, err) &&
	       audit_add(tx, person_actor(ctx, c->person), "build.delete", c->id, what, err);
}

bool
build_delete(struct db *db, const struct person *person, const char *id, struct err *err)
{
	struct change c = { person, id, NULL };

	return db_tx(db, tx_delete, &c, err);
}

bool
build_wants_blob(struct db *db, const char *name, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db,
		"SELECT EXISTS (SELECT 1 FROM build WHERE sha256 = $1 OR icon57 = $1 OR icon120 = $1"
		" OR icon512 = $1)"
		" OR EXISTS (SELECT 1 FROM item WHERE icon = $1)"
		" OR EXISTS (SELECT 1 FROM setting WHERE value = $1)", db_text(name));

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_bool(rows, 0);
	return true;
}
