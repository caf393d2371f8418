/*
 * Tables `certificate`, `enrollment`, `device` and `own_mobileconfig`, read alone: from the certificates that end, which are few, to the
 * devices that show them.
 */
#include "mdm/ends.h"
#include "core/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MONDAY_S	(4 * DAY_S)	/* 1970-01-05 was one */
#define WEEK_S		(7 * DAY_S)

bool
ends_live_certificates(struct db *db, const char *authority_id, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM certificate WHERE authority_id = $1 AND not_after > $2"
				     " AND revoked IS NULL AND purpose NOT IN ('ota', 'sign')", db_text(authority_id), db_now());

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}

void
ends_after_set(struct ends_after *after, time_t ends, const char *id)
{
	after->ends = ends;
	snprintf(after->id, sizeof after->id, "%s", id);
}

#define OWN_COLUMNS "SELECT o.id, o.title, o.person_id, p.name, o.device_name, c.not_before, c.not_after"
#define OWN_WHERE " AND c.not_after < $2 AND (c.not_after, o.id) > ($1, $3)" \
	" AND c.revoked IS NULL AND NOT p.disabled AND o.state IN ('offered', 'installed') AND NOT EXISTS (SELECT 1" \
	" FROM own_session t JOIN certificate k ON k.session_id = t.id WHERE t.own_id = o.id AND k.revoked IS NULL" \
	" AND k.purpose || '' = 'person' AND k.turn > c.turn AND NOT t.embedded) ORDER BY c.not_after, o.id LIMIT $4"

/* Of all from the certificates that end, of one from what is theirs (`|| ''`: mdm/certificate.c). */
static struct rows *
own_rows(TALLOC_CTX *ctx, struct db *db, const char *person_id, const struct ends_after *after, time_t until, size_t max)
{
	if (person_id)
		return db_query(ctx, db, OWN_COLUMNS " FROM own_mobileconfig o JOIN own_session s ON s.own_id = o.id"
				" JOIN certificate c ON c.session_id = s.id JOIN person p ON p.id = o.person_id"
				" WHERE o.person_id = $5 AND c.purpose || '' = 'person' AND c.not_after >= $1" OWN_WHERE, db_int(after->ends), db_int(until),
				db_text(after->id), db_int((int64_t)max), db_text(person_id));
	return db_query(ctx, db, OWN_COLUMNS " FROM certificate c JOIN own_session s ON s.id = c.session_id"
			" JOIN own_mobileconfig o ON o.id = s.own_id JOIN person p ON p.id = o.person_id WHERE c.purpose = 'person'"
			" AND c.not_after >= $1" OWN_WHERE, db_int(after->ends), db_int(until), db_text(after->id), db_int((int64_t)max));
}

bool
ends_own(TALLOC_CTX *ctx, struct db *db, const char *person_id, const struct ends_after *after, time_t until, size_t max,
	 struct ends_own **ret, size_t *n, struct err *err)
{
	struct rows *rows = own_rows(ctx, db, person_id, after, until, max);
	enum rows_step step;

	*ret = NULL;
	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (!*n)
			*ret = mem_array(ctx, struct ends_own, max);
		(*ret)[(*n)++] = (struct ends_own){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2),
			rows_text(ctx, rows, 3), rows_text(ctx, rows, 4), rows_int(rows, 5), rows_int(rows, 6) };
	}
	rows_done(rows);
	return step != ROWS_FAILED || err_at(err, "certificates of people that end");
}

time_t
ends_week_of(time_t at)
{
	return at - (at - MONDAY_S) % WEEK_S;
}

/* Of our own CA's identities the certificate says when they end, of an outside CA's the enrollment. */
#define TROUBLED " FROM (SELECT c.not_after AS ends, e.id AS enrollment_id, e.device_id, e.state, e.next_identity, e.renewal_tries" \
	" FROM certificate c JOIN enrollment e ON e.identity = c.sha256" \
	" WHERE c.purpose = 'mdm' AND c.not_after >= $1 AND c.not_after < $2" \
	" UNION ALL SELECT o.identity_ends, o.id, o.device_id, o.state, o.next_identity, o.renewal_tries FROM enrollment o" \
	" WHERE o.identity_ends >= $1 AND o.identity_ends < $2) AS i JOIN device d ON d.id = i.device_id" \
	" LEFT JOIN person p ON p.id = d.person_id WHERE i.state = 'enrolled' AND d.enrollment_id = i.enrollment_id" \
	" AND (i.ends < $3 OR d.seen IS NULL OR d.seen < $4 OR i.renewal_tries >= $5)"

bool
ends_identities(TALLOC_CTX *ctx, struct db *db, const struct ends_span *span, struct ends_week **ret, size_t *n,
		struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT (i.ends - 345600) / 604800, count(*)" TROUBLED " GROUP BY 1 ORDER BY 1"
				     " LIMIT $6", db_int(span->from), db_int(span->until), db_int(span->late),
				     db_int(span->heard), db_int(ENDS_TRIES), db_int(ENDS_WEEKS_MAX));
	enum rows_step step;

	*ret = mem_array(ctx, struct ends_week, ENDS_WEEKS_MAX);
	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		(*ret)[(*n)++] = (struct ends_week){ rows_int(rows, 0) * WEEK_S + MONDAY_S, rows_int(rows, 1) };
	return step == ROWS_END || err_at(err, "identities that end");
}

static json_t *
moment(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	return rows_null(rows, column) ? json_null() : json_string(clock_text(ctx, rows_int(rows, column)));
}

static json_t *
item(TALLOC_CTX *ctx, struct rows *rows, const struct ends_span *span)
{
	return json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:b, s:b, s:I}", "id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1),
			 "serial", rows_text(ctx, rows, 2), "person", rows_text(ctx, rows, 3), "ends", moment(ctx, rows, 4),
			 "seen", moment(ctx, rows, 5), "silent", rows_null(rows, 5) || rows_int(rows, 5) < span->heard,
			 "renewing", !rows_null(rows, 6), "tries", (json_int_t)rows_int(rows, 7));
}

/* `after` is "<end>.<device>": the last one of the page before. */
bool
ends_identity_list(struct db *db, const struct ends_span *span, const char *after, int64_t limit, json_t **ret,
		   struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *dot = after ? strchr(after, '.') : NULL, *id = dot ? dot + 1 : "", *next = NULL;
	int64_t from = dot ? strtoll(after, NULL, 10) : span->from, taken = 0;
	json_t *items = json_array();
	enum rows_step step;
	struct rows *rows;

	if (limit < 1 || limit > ENDS_PAGE_MAX)
		limit = ENDS_PAGE_MAX;
	rows = db_query(ctx, db, "SELECT d.id, d.name, d.serial, p.name, i.ends, d.seen, i.next_identity, i.renewal_tries" TROUBLED
			" AND (i.ends, d.id) > ($6, $7) ORDER BY i.ends, d.id LIMIT $8", db_int(span->from), db_int(span->until),
			db_int(span->late), db_int(span->heard), db_int(ENDS_TRIES), db_int(from), db_text(id), db_int(limit + 1));
	while ((step = rows_next(rows, err)) == ROWS_ROW && taken++ < limit) {
		json_array_append_new(items, item(ctx, rows, span));
		next = mem_printf(ctx, "%lld.%s", (long long)rows_int(rows, 4), rows_text(ctx, rows, 0));
	}
	if (step == ROWS_FAILED) {
		json_decref(items);
		return err_at(err, "devices whose identity ends");
	}
	*ret = json_pack("{s:o, s:s?}", "items", items, "next", step == ROWS_ROW ? next : NULL);
	return true;
}
