/* Table `scep_request`. */
#include "mdm/scep_request.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include "mdm/csr.h"
#include <string.h>

static enum scep_request_state
state_of(const char *word)
{
	return strcmp(word, "approved") == 0 ? SCEP_REQUEST_APPROVED :
	       strcmp(word, "refused") == 0 ? SCEP_REQUEST_REFUSED : SCEP_REQUEST_WAITING;
}

bool
scep_request_look(TALLOC_CTX *ctx, struct db *db, const struct scep_asker *asker, enum scep_request_state *ret,
		  char **certificate, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT state, certificate FROM scep_request WHERE transaction_id = $1"
				     " AND key_sha256 = $2", db_text(asker->transaction_id), db_text(asker->key_sha256));
	enum rows_step step = rows_next(rows, err);

	*ret = SCEP_REQUEST_NONE;
	if (step == ROWS_ROW) {
		*ret = state_of(rows_text(ctx, rows, 0));
		*certificate = rows_text(ctx, rows, 1);
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

struct adding {
	const struct scep_asked *asked;
	const char *id;
	bool full;
};

/* The same request once more changes nothing. */
static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	struct adding *a = arg;
	const struct scep_asked *asked = a->asked;

	if (!db_run(tx, err, "INSERT INTO scep_request (id, transaction_id, key_sha256, subject, request, address, state,"
		    " created, changed) SELECT $1, $2, $3, $4, $5, $6, 'waiting', CAST($7 AS BIGINT), CAST($7 AS BIGINT)"
		    " WHERE (SELECT count(*) FROM scep_request r WHERE r.state = 'waiting') < $8"
		    " ON CONFLICT (transaction_id, key_sha256) DO NOTHING",
		    db_text(a->id), db_text(asked->asker.transaction_id), db_text(asked->asker.key_sha256),
		    db_text(asked->subject), db_bytes(asked->request), db_text(asked->address), db_now(),
		    db_int(SCEP_REQUESTS_MAX)))
		return false;
	a->full = db_changed(tx) == 0;
	return true;
}

bool
scep_request_add(struct db *db, const struct scep_asked *asked, bool *full, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct adding a = { asked, secret_id(ctx), false };
	enum scep_request_state state;
	char *certificate;

	if (!db_tx(db, tx_add, &a, err))
		return false;
	*full = a.full;
	if (a.full) {	/* or somebody with the same names was quicker */
		if (!scep_request_look(ctx, db, &asked->asker, &state, &certificate, err))
			return false;
		*full = state == SCEP_REQUEST_NONE;
	}
	return true;
}

static json_t *
row_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?}", "id", rows_text(ctx, rows, 0),
			 "subject", rows_text(ctx, rows, 1), "address", rows_text(ctx, rows, 2),
			 "key_sha256", rows_text(ctx, rows, 3), "state", rows_text(ctx, rows, 4),
			 "decided_by", rows_text(ctx, rows, 5), "created", clock_text(ctx, (time_t)rows_int(rows, 6)),
			 "changed", clock_text(ctx, (time_t)rows_int(rows, 7)), "certificate", rows_text(ctx, rows, 8));
}

bool
scep_request_list(struct db *db, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT id, subject, address, key_sha256, state, decided_by, created,"
				     " changed, certificate FROM scep_request ORDER BY CASE WHEN state = 'waiting'"
				     " THEN 0 ELSE 1 END, changed DESC, id LIMIT $1", db_int(2 * SCEP_REQUESTS_MAX));
	json_t *items = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(items, row_json(ctx, rows));
	if (step == ROWS_FAILED) {
		json_decref(items);
		return false;
	}
	*ret = json_pack("{s:o}", "items", items);
	return true;
}

bool
scep_request_waiting(struct db *db, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM scep_request WHERE state = 'waiting'");

	if (!rows_one(rows, err, "no answer"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}

/* ---- decided ---- */

struct decision {
	const char *id, *actor, *state;
	const struct certificate *cert;		/* NULL: refused */
};

static bool
tx_decide(struct db *tx, void *arg, struct err *err)
{
	const struct decision *d = arg;

	if (d->cert && !certificate_keep(tx, d->cert, err))
		return false;
	if (!db_run(tx, err, "UPDATE scep_request SET state = $1, decided_by = $2, certificate = $3, changed = $4"
		    " WHERE id = $5 AND state = 'waiting'", db_text(d->state), db_text(d->actor),
		    db_text(d->cert ? d->cert->sha256 : NULL), db_now(), db_text(d->id)))
		return false;
	if (db_changed(tx) != 1)
		return err_code(err, ERR_CONFLICT, "decided", "this request was decided already");
	return audit_add(tx, d->actor, d->cert ? "scep.approve" : "scep.refuse", d->id, d->cert ? d->cert->subject : NULL,
			 err);
}

static bool
find_waiting(TALLOC_CTX *ctx, struct db *db, const char *id, char **subject, struct bytes *request, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT subject, request, state FROM scep_request WHERE id = $1",
				     db_text(id));

	if (!rows_one(rows, err, "there is no such request"))
		return false;
	if (state_of(rows_text(ctx, rows, 2)) != SCEP_REQUEST_WAITING)
		return err_code(err, ERR_CONFLICT, "decided", "this request was decided already");
	*subject = rows_text(ctx, rows, 0);
	*request = rows_bytes(ctx, rows, 1);
	rows_done(rows);
	return true;
}

bool
scep_request_approve(struct db *db, struct ca *ca, const char *actor, const char *id, const char *subject,
		     struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct ca_wish wish = { .purpose = CA_CLIENT };
	struct decision d = { .id = id, .actor = actor, .state = "approved" };
	struct certificate *cert;
	struct bytes request;
	struct csr *csr;
	char *asked;

	if (!find_waiting(ctx, db, id, &asked, &request, err) || !csr_read(ctx, request, &csr, err))
		return false;
	wish.key = csr->key;
	wish.subject = subject && *subject ? subject : asked;
	if (!ca_issue(ctx, ca, &wish, &cert, err))
		return false;
	d.cert = cert;
	return db_tx(db, tx_decide, &d, err);
}

bool
scep_request_refuse(struct db *db, const char *actor, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct decision d = { .id = id, .actor = actor, .state = "refused" };
	struct bytes request;
	char *asked;

	return find_waiting(ctx, db, id, &asked, &request, err) && db_tx(db, tx_decide, &d, err);
}

bool
scep_request_sweep(struct db *db, struct err *err)
{
	return db_run(db, err, "DELETE FROM scep_request WHERE changed < $1",
		      db_int(clock_now() - SCEP_REQUEST_DAYS * DAY_S));
}
