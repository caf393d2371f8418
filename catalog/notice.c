/* Table `notice`. */
#include "catalog/notice.h"
#include "catalog/build.h"
#include "catalog/channel.h"
#include "core/clock.h"
#include "catalog/registration.h"
#include "core/job.h"
#include <string.h>

#define ROWS_MAX (20 * NOTICE_BATCH)	/* links that are looked through for one batch */

const char *const notice_misses[MISS_KINDS] = { "", "expired", "used_up", "pin", "sender", "address", "key" };

/* Link l leads to channel ch, or to a build of it before b. */
#define LEADS_HERE "(l.channel_id = ch.id OR (l.build_id <> b.id AND EXISTS (SELECT 1 FROM placement p" \
	" WHERE p.channel_id = ch.id AND p.build_id = l.build_id)))"
/* Used up, but by phones that are known: theirs may install by it. */
#define THEIR_PHONE "EXISTS (SELECT 1 FROM link_client o WHERE o.link_id = l.id AND o.is_phone)"

/* Contact c and build b: with devices registered of which none is listed they could not install it. */
#define LISTED_ "JOIN build_device d ON d.build_id = b.id AND (d.udid = t.udid OR d.udid = '*')"
#define HAS_DEVICE_FOR_IT "(NOT EXISTS (SELECT 1 FROM tester_device t WHERE t.contact_id = c.id)" \
	" OR EXISTS (SELECT 1 FROM tester_device t " LISTED_ " WHERE t.contact_id = c.id))"
/* Who waited for it is told by an invitation, which says so. */
#define WILL_BE_INVITED "EXISTS (SELECT 1 FROM tester_device t " LISTED_ " JOIN device_app w ON w.device_id = t.id" \
	" AND w.app_id = b.app_id AND w.state = 'waiting' JOIN channel n ON n.id = ch.id AND " REGISTRATION_WAITS_FOR \
	" WHERE t.contact_id = c.id)"

bool
notice_landed(struct db *tx, const char *build_id, const char *channel, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return job_add(tx, NOTICE_JOB, json_pack("{s:s, s:s}", "build", build_id, "channel", channel), 0,
		       mem_printf(ctx, "%s %s", build_id, channel), err);
}

static bool
app_of(TALLOC_CTX *ctx, struct db *db, const char *build_id, char **app, bool *installable, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT b.app_id, " BUILD_INSTALLS("$2") " FROM build b"
				     " WHERE b.id = $1", db_text(build_id), db_now());
	enum rows_step step = rows_next(rows, err);

	*app = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;
	*installable = step == ROWS_ROW && rows_bool(rows, 1);
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
notice_newest(struct db *db, const char *build_id, const char *channel, bool *newest, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char *app, *now;
	bool installable;

	*newest = false;
	if (!app_of(ctx, db, build_id, &app, &installable, err))
		return false;
	if (!app || !installable)
		return true;
	if (!channel_newest(ctx, db, VIEWER_HOUSE, app, channel, &now, err))
		return err->kind == ERR_MISSING;
	*newest = strcmp(now, build_id) == 0;
	return true;
}

static bool
read_due(TALLOC_CTX *ctx, struct db *db, struct rows *rows, struct notice_due *due, struct err *err)
{
	const char *person = rows_text(ctx, rows, 3);
	struct person *sender;

	*due = (struct notice_due){ .contact_id = rows_text(ctx, rows, 0), .link_id = rows_text(ctx, rows, 1),
				    .to_channel = rows_bool(rows, 2), .installs_max = rows_int(rows, 4),
				    .pin = rows_bool(rows, 5), .sign_in = rows_bool(rows, 6) };
	if (!person)
		return true;
	if (!person_by_id(ctx, db, person, &sender, err))
		return err->kind == ERR_MISSING;	/* disabled since */
	due->sender = sender;
	return true;
}

bool
notice_due(TALLOC_CTX *ctx, struct db *db, const char *build_id, const char *channel, const char *after,
	   struct notice_due **ret, size_t *n, struct err *err)
{
	struct notice_due *list = mem_array(ctx, struct notice_due, NOTICE_BATCH);
	void *here SCOPED(mem) = talloc_new(NULL);
	/* Of several links of one contact the best comes first: to the channel, not used up, then the newest. */
	struct rows *rows = db_query(here, db,
		"SELECT l.contact_id, l.id, l.channel_id IS NOT NULL, l.person_id, l.installs_max, l.pin <> '', l.sign_in"
		" FROM build b JOIN channel ch ON ch.app_id = b.app_id AND ch.name = $2 JOIN link l ON l.app_id = b.app_id"
		" JOIN contact c ON c.id = l.contact_id WHERE b.id = $1 AND NOT " LINK_REVOKED " AND l.expires > $3 AND NOT c.quiet"
		" AND (" LINK_LEFT " OR " THEIR_PHONE ") AND " LEADS_HERE
		" AND NOT EXISTS (SELECT 1 FROM notice t WHERE t.build_id = b.id AND t.contact_id = c.id AND t.missed = '')"
		" AND " HAS_DEVICE_FOR_IT " AND NOT " WILL_BE_INVITED " AND c.id > $4 ORDER BY c.id, l.channel_id IS NULL,"
		" NOT " LINK_LEFT ", l.created DESC, l.id LIMIT $5", db_text(build_id),
		db_text(channel), db_now(), db_text(after), db_int(ROWS_MAX));
	enum rows_step step = ROWS_END;

	*n = 0;
	while (*n < NOTICE_BATCH && (step = rows_next(rows, err)) == ROWS_ROW) {
		const char *contact = rows_text(here, rows, 0);

		if (*n && strcmp(list[*n - 1].contact_id, contact) == 0)
			continue;
		if (!read_due(list, db, rows, &list[*n], err))
			return false;
		++*n;
	}
	*ret = list;
	return step != ROWS_FAILED;
}

bool
notice_told(struct db *tx, const char *build_id, const char *contact_id, enum notice_miss miss, bool *first, struct err *err)
{
	if (!db_run(tx, err, "INSERT INTO notice (build_id, contact_id, at, missed) VALUES ($1, $2, $3, $4)"
		    " ON CONFLICT (build_id, contact_id) DO UPDATE SET at = excluded.at, missed = excluded.missed"
		    " WHERE notice.missed <> '' AND notice.missed <> excluded.missed", db_text(build_id), db_text(contact_id),
		    db_now(), db_text(notice_misses[miss])))
		return false;
	*first = db_changed(tx) > 0;
	return true;
}

/* By the links of the app, of which a contact may have several; contacts who have none of it are not looked at. */
#define MISSED(links) "INSERT INTO notice (build_id, contact_id, at, missed) SELECT DISTINCT b.id, c.id, CAST($3 AS BIGINT)," \
	" CAST($4 AS TEXT) FROM build b JOIN channel ch ON ch.app_id = b.app_id AND ch.name = $2 JOIN link l ON l.app_id = b.app_id" \
	" JOIN contact c ON c.id = l.contact_id WHERE b.id = $1 AND l.expires > $5 AND NOT l.revoked AND NOT c.quiet AND " links \
	" AND NOT " LINK_OWNER_GONE " AND " LEADS_HERE " AND NOT EXISTS (SELECT 1 FROM notice t WHERE t.build_id = b.id" \
	" AND t.contact_id = c.id) AND " HAS_DEVICE_FOR_IT " AND NOT " WILL_BE_INVITED " ON CONFLICT (build_id, contact_id) DO NOTHING"

/* In this order: the first that fits is the reason. */
const struct notice_over notice_overs[] = {
	{ MISS_SENDER,  MISSED("l.expires > $3 AND " LINK_REVOKED) },
	{ MISS_USED_UP, MISSED("l.expires > $3") },
	{ MISS_EXPIRED, MISSED("l.expires <= $3") },
	{ 0 }
};

struct missing {
	const char *build_id, *channel;
	int64_t n[MISS_KINDS];
};

static bool
tx_missed(struct db *tx, void *arg, struct err *err)
{
	struct missing *m = arg;
	int64_t now = clock_now();

	for (const struct notice_over *over = notice_overs; over->sql; over++) {
		if (!db_run(tx, err, over->sql, db_text(m->build_id), db_text(m->channel), db_int(now),
			    db_text(notice_misses[over->miss]), db_int(now - LINK_DAYS_MAX * (int64_t)DAY_S)))
			return err_at(err, "testers who are not told");
		m->n[over->miss] = db_changed(tx);
	}
	return true;
}

bool
notice_missed(struct db *db, const char *build_id, const char *channel, int64_t n[MISS_KINDS], struct err *err)
{
	struct missing m = { .build_id = build_id, .channel = channel };

	if (!db_tx(db, tx_missed, &m, err))
		return false;
	for (int i = 0; i < MISS_KINDS; i++)
		n[i] += m.n[i];
	return true;
}

bool
notice_counts(struct db *db, const char *build_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT missed, count(*) FROM notice WHERE build_id = $1 GROUP BY missed",
				     db_text(build_id));
	int64_t n[MISS_KINDS] = { 0 };
	json_t *missed = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		for (int i = 0; i < MISS_KINDS; i++)
			if (strcmp(notice_misses[i], rows_text(ctx, rows, 0)) == 0)
				n[i] = rows_int(rows, 1);
	rows_done(rows);
	for (int i = MISS_NONE + 1; i < MISS_KINDS; i++)
		if (n[i])
			json_array_append_new(missed, json_pack("{s:s, s:I}", "why", notice_misses[i], "n", (json_int_t)n[i]));
	*ret = json_pack("{s:I, s:o}", "told", (json_int_t)n[MISS_NONE], "missed", missed);
	if (step != ROWS_FAILED)
		return true;
	json_decref(*ret);
	return false;
}
