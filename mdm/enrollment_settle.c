/* Table `enrollment` too: returned and returns. */
#include "mdm/enrollment_settle.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/job.h"
#include "mdm/enrollment_bind.h"
#include "mdm/enrollment_turn.h"

bool
enrollment_settle_later(struct db *tx, const struct enrollment *e, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return job_add(tx, ENROLLMENT_SETTLE_JOB, json_pack("{s:s}", "enrollment", e->id), e->returned + ENROLLMENT_RETURN_S,
		       mem_printf(ctx, ENROLLMENT_SETTLE_JOB ":%s", e->id), err);
}

static bool
has_left(struct db *tx, const struct enrollment *e, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return audit_add(tx, "device", "enrollment.removed", e->device_id, mem_printf(ctx, "CheckOut; within an hour it had come"
			 " back %lld times before", (long long)e->returns), err);
}

/* It is there since its last return, and what was asked for since stays. */
static bool
begins(struct db *tx, const struct enrollment *e, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL), *site;
	const struct enrollment_hooks *hooks = enrollment_hooks_of(&site);

	return audit_add(tx, "device", "enrollment.returned", e->device_id, mem_printf(ctx, "%s, and %lld times in between",
			 e->session_id, (long long)e->returns), err) &&
	       (!hooks->enrolled || hooks->enrolled(tx, site, e, err));
}

static bool
tx_settle(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enrollment *e;
	bool is_there;

	if (!enrollment_get(ctx, tx, arg, &e, err))
		return err->kind == ERR_MISSING;
	if (!e->returns)
		return true;
	if (enrollment_too_soon(e))
		return enrollment_settle_later(tx, e, err);
	/* whose Authenticate has come begins with its TokenUpdate */
	is_there = enrollment_is(e, "enrolled") && !e->again;
	if (is_there ? !begins(tx, e, err) : enrollment_is(e, "removed") && !has_left(tx, e, err))
		return false;
	return db_run(tx, err, "UPDATE enrollment SET returns = 0, returned = $1 WHERE id = $2",
		      db_int(is_there ? clock_now() : e->returned), db_text(e->id));
}

bool
enrollment_settle(struct db *db, const char *id, struct err *err)
{
	return db_tx(db, tx_settle, (void *)(uintptr_t)id, err) || err_at(err, "enrollment %s", id);
}

static bool
tx_settle_all(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT " ENROLLMENT_COLUMNS ENROLLMENT_FROM "WHERE e.returns > 0");
	struct enrollment **all = NULL;
	enum rows_step step;
	size_t n = 0;

	(void)arg;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		all = mem_grow(ctx, all, struct enrollment *, n + 1);
		all[n++] = enrollment_of_row(ctx, rows);
	}
	if (step == ROWS_FAILED)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!enrollment_settle_later(tx, all[i], err))
			return false;
	return true;
}

bool
enrollment_settle_all(struct db *db, struct err *err)
{
	return db_tx(db, tx_settle_all, NULL, err) || err_at(err, "devices that came and went");
}
