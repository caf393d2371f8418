/* Tables `renewal_told` and `renewal_told_person`. */
#include "catalog/renewal_told.h"
#include "catalog/install.h"
#include "catalog/link.h"
#include "catalog/viewer.h"
#include "core/clock.h"

static bool
read_one(TALLOC_CTX *ctx, struct db *db, struct rows *rows, struct renewal_tells *t, struct err *err)
{
	const char *person = rows_text(ctx, rows, 6);
	struct person *sender;

	*t = (struct renewal_tells){ .ending_id = rows_text(ctx, rows, 1), .ends = rows_int(rows, 2), .build_id = rows_text(ctx, rows, 3),
		.channel = rows_text(ctx, rows, 4), .due = { .contact_id = rows_text(ctx, rows, 0), .link_id = rows_text(ctx, rows, 5),
		.installs_max = rows_int(rows, 7), .pin = rows_bool(rows, 8), .sign_in = rows_bool(rows, 9),
		.to_channel = rows_bool(rows, 10) } };
	if (!person)
		return true;
	if (!person_by_id(ctx, db, person, &sender, err))
		return err->kind == ERR_MISSING;	/* disabled since */
	t->due.sender = sender->resting ? NULL : sender;
	return true;
}

/* As far as is known it is one device: the model that fetched it (install.model) tells two of them apart. */
#define SAME_DEVICE(model) "(i.model = '' OR " model " = '' OR " model " = i.model)"

/* Builds that are here, and those that are gone from here and may be on phones. */
#define BUILDS "(SELECT id, expires FROM build UNION ALL SELECT o.build_id, o.expires FROM build_bundle o WHERE o.path = '' AND NOT EXISTS" \
	" (SELECT 1 FROM build k WHERE k.id = o.build_id))"
#define APP	INSTALL_APP("b", "g")
#define UPLOADED(b, g) "coalesce(" b ".created, " g ".uploaded)"

#define THEIRS "(CASE WHEN i.contact_id IS NULL THEN l.contact_id ELSE i.contact_id END)"

bool
renewal_tells(TALLOC_CTX *ctx, struct db *db, const struct renewal_tells *after, struct renewal_tells **ret, size_t *n,
	      struct err *err)
{
	struct renewal_tells *list = mem_array(ctx, struct renewal_tells, RENEWAL_TELLS);
	int64_t now = clock_now();
	/* the link is used again when it leads to the channel, still works, and is good for one more install */
	struct rows *rows = db_query(ctx, db, "SELECT c.id, e.id, " INSTALL_ENDS("e.id", "e.expires") ", nb.id, ch.name, l.id, l.person_id, l.installs_max, l.pin <> '',"
		" l.sign_in, l.channel_id IS NOT NULL AND NOT " LINK_REVOKED " AND l.expires > $1 AND (l.installs_max = 0 OR l.installs_max >"
		" (SELECT count(*) FROM link_client k WHERE k.link_id = l.id)) FROM " BUILDS " e JOIN install i ON i.build_id = e.id AND i.state IN"
		" ('whole', 'installed')" INSTALL_BUILD("i", "b", "g") " JOIN link l ON l.id = i.link_id JOIN contact c ON c.id = " THEIRS
		" AND NOT c.quiet JOIN channel ch ON ch.app_id = " APP " AND (ch.id = l.channel_id OR (l.channel_id IS NULL AND EXISTS (SELECT 1"
		" FROM placement p WHERE p.channel_id = ch.id AND p.build_id = e.id))) JOIN build nb ON nb.id = ch.newest_build_id AND"
		" nb.installs_until > $1 AND " INSTALL_ENDS("nb.id", "nb.expires") " > " INSTALL_ENDS("e.id", "e.expires") " + $2 WHERE "
		INSTALL_ENDS("e.id", "e.expires") " > $3 AND " INSTALL_ENDS("e.id", "e.expires") " < $4 AND NOT EXISTS (SELECT 1 FROM install i2"
		INSTALL_BUILD("i2", "b2", "g2") " LEFT JOIN link l2 ON l2.id = i2.link_id WHERE " INSTALL_APP("b2", "g2") " = ch.app_id AND i2.state IN"
		" ('whole', 'installed') AND (i2.created, " UPLOADED("b2", "g2") ") > (i.created, " UPLOADED("b", "g") ") AND i2.build_id <> e.id AND"
		" (i2.contact_id = c.id OR l2.contact_id = c.id) AND " SAME_DEVICE("i2.model") ") AND NOT EXISTS (SELECT 1"
		" FROM renewal_told t WHERE t.build_id = e.id AND t.contact_id = c.id) AND (c.id, e.id) > ($6, $7) ORDER BY c.id, e.id,"
		" l.channel_id IS NULL, i.created DESC, ch.name LIMIT $5", db_int(now), db_int(DAY_S), db_int(now - RENEWAL_TELL_S), db_int(now + RENEWAL_TELL_S),
		db_int(RENEWAL_TELLS), db_text(after ? after->due.contact_id : ""), db_text(after ? after->ending_id : ""));
	enum rows_step step;

	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (!read_one(ctx, db, rows, &list[*n], err))
			return false;
		++*n;
	}
	rows_done(rows);
	*ret = list;
	return step != ROWS_FAILED || err_at(err, "testers whose build ends");
}

bool
renewal_told(struct db *tx, const char *build_id, const char *contact_id, bool *first, struct err *err)
{
	if (!db_run(tx, err, "INSERT INTO renewal_told (build_id, contact_id, at) SELECT $1, id, CAST($2 AS BIGINT) FROM contact WHERE id = $3"
		    " ON CONFLICT DO NOTHING", db_text(build_id), db_now(), db_text(contact_id)))
		return false;
	*first = db_changed(tx) > 0;
	return true;
}

/* ---- people ---- */

/*
 * What MDM installs is 'installed' in the end, and does not count; nor what came by the link of a contact, who is told as
 * one.  Managed means: a device of theirs lists the app, and it may be the one that installed it.
 */
#define LATER	"EXISTS (SELECT 1 FROM install i2" INSTALL_BUILD("i2", "b2", "g2") " WHERE " INSTALL_APP("b2", "g2") " = a.id AND" \
	" i2.person_id = i.person_id AND " SAME_DEVICE("i2.model") " AND ((i2.build_id <> i.build_id AND i2.state IN ('whole', 'installed')" \
	" AND i2.created > i.created) OR (i2.build_id = i.build_id AND i2.state = 'whole' AND (i2.created, i2.id) > (i.created, i.id))))"
#define MANAGED	"EXISTS (SELECT 1 FROM device d CROSS JOIN installed_app ia JOIN enrollment e ON e.id = d.enrollment_id AND e.state =" \
	" 'enrolled' WHERE d.person_id = p.id AND ia.device_id = d.id AND ia.bundle_id = a.bundle_id AND ia.installed" \
	" AND " SAME_DEVICE("d.product") ")"

/* By the index of people's installs, so that a part of them costs a part: CROSS JOIN keeps the order, and no other index fits. */
#define HAS_ENDS INSTALL_ENDS("i.build_id", "b.expires")
const char renewal_holders_sql[] = "SELECT p.id, p.phone, i.build_id, " HAS_ENDS ", nb.id, i.created, i.id FROM install i"
	INSTALL_BUILD("i", "b", "g") " CROSS JOIN app a JOIN person p ON p.id = i.person_id AND NOT p.disabled LEFT JOIN link l ON l.id = i.link_id"
	" LEFT JOIN ending_reader r ON r.person_id = p.id JOIN build nb ON nb.id = " VIEWER_NEWEST_OF("p.id") " AND nb.installs_until > $8 AND"
	" " INSTALL_ENDS("nb.id", "nb.expires") " > " HAS_ENDS " + $1 WHERE a.id = " APP " AND " HAS_ENDS " > $2 AND " HAS_ENDS " < $3 AND"
	" i.state = 'whole' AND coalesce(i.contact_id, '') = '' AND l.contact_id IS NULL AND (r.mails IS NULL OR r.mails) AND NOT " LATER
	" AND NOT " MANAGED " AND NOT EXISTS (SELECT 1 FROM renewal_told_person t WHERE t.build_id = i.build_id AND t.person_id = p.id)"
	" AND (i.person_id, i.created, i.id) > ($4, $5, $6) ORDER BY i.person_id, i.created, i.id LIMIT $7";

bool
renewal_holders(TALLOC_CTX *ctx, struct db *db, const struct renewal_holder *after, struct renewal_holder **ret, size_t *n,
		struct err *err)
{
	struct renewal_holder *list = mem_array(ctx, struct renewal_holder, RENEWAL_TELLS);
	int64_t now = clock_now();
	struct rows *rows = db_query(ctx, db, renewal_holders_sql, db_int(DAY_S), db_int(now - RENEWAL_TELL_S), db_int(now + RENEWAL_TELL_S),
		db_text(after ? after->person_id : ""), db_int(after ? after->installed : 0), db_text(after ? after->install_id : ""),
		db_int(RENEWAL_TELLS), db_int(now));
	enum rows_step step;

	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		list[(*n)++] = (struct renewal_holder){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2),
			rows_int(rows, 3), rows_text(ctx, rows, 4), rows_int(rows, 5), rows_text(ctx, rows, 6) };
	rows_done(rows);
	*ret = list;
	return step != ROWS_FAILED || err_at(err, "people whose build ends");
}

bool
renewal_holder_told(struct db *tx, const struct renewal_holder *holder, bool *first, struct err *err)
{
	if (!db_run(tx, err, "INSERT INTO renewal_told_person (build_id, person_id, at) SELECT $1, id, CAST($2 AS BIGINT) FROM person"
		    " WHERE id = $3 ON CONFLICT DO NOTHING", db_text(holder->ending_id), db_now(), db_text(holder->person_id)))
		return false;
	*first = db_changed(tx) > 0;
	return true;
}
