/*
 * Table `provision_fit`: computed once for each pair of a provision and a bundle that its app id covers, so that what
 * a device needs is a join.
 *
 * Judged outside of any transaction, of texts that never change: a pair is written or it is not, whenever that is
 * repeated.
 */
#include "catalog/provision_keep.h"
#include "core/json.h"
#include "ipa/fit.h"
#include <string.h>

#define PAIRS_MAX 500	/* rows of one transaction */

struct pair {
	const char *build_id, *path, *uuid;
};

struct pairs {
	struct pair list[PAIRS_MAX];
	size_t n;
};

static bool
tx_put(struct db *tx, void *arg, struct err *err)
{
	const struct pairs *pairs = arg;

	for (size_t i = 0; i < pairs->n; i++)
		if (!db_run(tx, err, "INSERT INTO provision_fit (build_id, path, uuid) SELECT $1, $2, uuid FROM provision WHERE uuid = $3"
			    " ON CONFLICT DO NOTHING", db_text(pairs->list[i].build_id), db_text(pairs->list[i].path),
			    db_text(pairs->list[i].uuid)))
			return false;
	return true;
}

/* Columns: build, path, bundle id, certificate, entitlements, own facts, facts, uuid. */
static bool
row_fits(TALLOC_CTX *ctx, struct rows *rows)
{
	const char *claimed = rows_text(ctx, rows, 4);
	json_t *entitlements = claimed ? json_loads(claimed, 0, NULL) : NULL;
	json_t *own = json_loads(rows_text(ctx, rows, 5), 0, NULL), *provision = json_loads(rows_text(ctx, rows, 6), 0, NULL);
	const struct fit_bundle bundle = { rows_text(ctx, rows, 2), rows_text(ctx, rows, 3), entitlements, own };
	bool ret = fit(provision, &bundle, NULL) == FIT_YES;

	json_decref(entitlements);
	json_decref(own);
	json_decref(provision);
	return ret;
}

static bool
judge_all(struct db *db, struct rows *rows, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct pairs *pairs = mem_new(ctx, struct pairs);
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		void *row = talloc_new(ctx);

		if (row_fits(row, rows))
			pairs->list[pairs->n++] = (struct pair){ rows_text(pairs, rows, 0), rows_text(pairs, rows, 1),
								 rows_text(pairs, rows, 7) };
		talloc_free(row);
		if (pairs->n < PAIRS_MAX)
			continue;
		if (!db_tx(db, tx_put, pairs, err))
			return false;
		pairs->n = 0;
	}
	return step != ROWS_FAILED && (!pairs->n || db_tx(db, tx_put, pairs, err));
}

/* Whether the app id covers the bundle id is asked roughly here and exactly by fit(): the part before "*" begins it. */
#define PAIRS "SELECT bb.build_id, bb.path, bb.bundle_id, bb.certificate, bb.entitlements, own.facts, p.facts, p.uuid" \
	" FROM build_bundle bb JOIN provision own ON own.uuid = bb.provision_uuid JOIN provision p ON" \
	" p.team_id = own.team_id AND p.expires >= own.expires AND p.kind <> 'store'"

bool
provision_fit_uuid(struct db *db, const char *uuid, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return judge_all(db, db_query(ctx, db, PAIRS " AND p.uuid = $1", db_text(uuid)), err) ||
	       err_at(err, "what provision %s fits", uuid);
}

bool
provision_fit_build(struct db *db, const char *build_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	/* what it brings may fit the bundles of other builds, too */
	return (judge_all(db, db_query(ctx, db, PAIRS " WHERE bb.build_id = $1", db_text(build_id)), err) &&
		judge_all(db, db_query(ctx, db, PAIRS " AND p.uuid IN (SELECT x.provision_uuid FROM build_bundle x WHERE"
				       " x.build_id = $1)", db_text(build_id)), err)) ||
	       err_at(err, "what fits build %s", build_id);
}
