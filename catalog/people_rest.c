/* Table `person`: confirmed and resting. */
#include "catalog/people_rest.h"
#include "catalog/registration.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/clock.h"

#define BATCH	200	/* people of one transaction */

static bool
set_resting(struct db *tx, const char *id, const char *name, const char *why, struct err *err)
{
	return db_run(tx, err, "UPDATE person SET resting = $1 WHERE id = $2", db_bool(why != NULL), db_text(id)) &&
	       (why || registration_again(tx, err)) &&
	       audit_add(tx, "system", why ? "person.rest" : "person.wake", name, why, err);
}

bool
people_confirm(struct db *tx, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT name, confirmed, resting FROM person WHERE id = $1", db_text(id));
	const char *name;
	int64_t last;
	bool resting;

	if (!rows_one(rows, err, "no such person"))
		return false;
	name = rows_text(ctx, rows, 0);
	last = rows_int(rows, 1);
	resting = rows_bool(rows, 2);
	rows_done(rows);
	if (!resting && last > clock_now() - HOUR_S)
		return true;
	return db_run(tx, err, "UPDATE person SET confirmed = $1 WHERE id = $2", db_now(), db_text(id)) &&
	       (!resting || set_resting(tx, id, name, NULL, err));
}

/* ---- the sweep ---- */

/* Whom nobody looks up: $1 is people_rest.looked_up. */
#define UNSEEN(p) "(" p ".source = 'proxy' OR (" p ".source = 'directory' AND NOT CAST($1 AS BOOLEAN)))"

struct sweep {
	const struct people_rest *rest;
	int64_t limit;			/* whoever was confirmed before is not any more */
	int64_t found, rested;		/* in this batch */
};

/* Rows of id, name and, of who is to rest, confirmed. */
static bool
change(struct db *tx, TALLOC_CTX *ctx, struct sweep *s, struct rows *rows, bool rests, struct err *err)
{
	struct { const char *id, *name, *why; } found[BATCH];
	enum rows_step step;
	size_t n = 0;
	char day[11];

	while ((step = rows_next(rows, err)) == ROWS_ROW && n < BATCH) {
		found[n].id = rows_text(ctx, rows, 0);
		found[n].name = rows_text(ctx, rows, 1);
		found[n++].why = rests ? mem_printf(ctx, "not confirmed since %s", clock_day(rows_int(rows, 2), day)) : NULL;
	}
	rows_done(rows);
	for (size_t i = 0; i < n; i++)
		if (!set_resting(tx, found[i].id, found[i].name, found[i].why, err))
			return false;
	s->found += (int64_t)n;
	s->rested += rests ? (int64_t)n : 0;
	return step != ROWS_FAILED;
}

static bool
tx_sweep(struct db *tx, void *arg, struct err *err)
{
	struct sweep *s = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	s->found = s->rested = 0;
	return db_run(tx, err, "UPDATE person SET confirmed = $1 WHERE confirmed = 0 AND source <> 'local'", db_now()) &&
	       change(tx, ctx, s, db_query(ctx, tx, "SELECT p.id, p.name, p.confirmed FROM person p WHERE " UNSEEN("p")
			" AND NOT p.disabled AND NOT p.resting AND p.confirmed < $2 ORDER BY p.id LIMIT $3",
			db_bool(s->rest->looked_up), db_int(s->limit), db_int(BATCH)), true, err) &&
	       /* whom the directory is asked about by now, it wakes itself when it knows them */
	       change(tx, ctx, s, db_query(ctx, tx, "SELECT id, name FROM person WHERE resting AND confirmed >= $1"
			" ORDER BY id LIMIT $2", db_int(s->limit), db_int(BATCH)), false, err);
}

bool
people_rest_sweep(struct db *db, const struct people_rest *rest, int64_t *n, struct err *err)
{
	struct sweep s = { .rest = rest, .limit = rest->days ? clock_now() - rest->days * DAY_S : 0 };

	*n = 0;
	do {
		if (!db_tx(db, tx_sweep, &s, err))
			return err_at(err, "people whom nobody confirms");
		*n += s.rested;
	} while (s.found);
	return true;
}

/* ---- what ends ---- */

static json_t *
ending_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1),
			 "begins", clock_text(ctx, rows_int(rows, 2)), "ends", clock_text(ctx, rows_int(rows, 3)));
}

#define ENDING "SELECT p.id, p.name, p.confirmed, p.confirmed + $2 FROM person p WHERE " UNSEEN("p") " AND p.source <> 'local'" \
	" AND NOT p.disabled AND p.confirmed >= $3 AND (p.confirmed, p.id) > ($3, $6) AND p.confirmed < $4 AND (EXISTS (SELECT 1" \
	" FROM token t WHERE t.person_id = p.id AND (t.expires IS NULL OR t.expires > $5)) OR EXISTS (SELECT 1 FROM calendar c" \
	" WHERE c.person_id = p.id) OR EXISTS (SELECT 1 FROM link l WHERE l.person_id = p.id AND NOT l.revoked AND l.expires > $5))"
#define ENDING_ORDER " ORDER BY p.confirmed, p.id LIMIT $7"

bool
people_rest_ending(struct db *db, const struct people_rest *rest, const struct people_rest_page *page, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	int64_t life = rest->days * DAY_S;
	struct rows *rows;

	if (!rest->days) {
		*ret = json_array();
		return true;
	}
	rows = page->person_id ?
		db_query(ctx, db, ENDING " AND p.id = $8" ENDING_ORDER, db_bool(rest->looked_up), db_int(life),
			 db_int(page->from - life), db_int(page->until - life), db_now(), db_text(page->after), db_int(page->limit),
			 db_text(page->person_id)) :
		db_query(ctx, db, ENDING ENDING_ORDER, db_bool(rest->looked_up), db_int(life), db_int(page->from - life),
			 db_int(page->until - life), db_now(), db_text(page->after), db_int(page->limit));
	return rows_list(rows, ending_json, ret, err);
}
