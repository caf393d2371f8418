/*
 * Table `managed_app`: which build the copy is that a device lists.
 *
 * A device says two version numbers.  A build that was signed anew has the numbers of the one that it follows, and what
 * tells them apart is: which build the last command of ours brought there (`brought`), that the device fetched the file
 * after it took the command and then lists the app as managed, and that it lists the provision that this build alone
 * brings.  What cannot be told is another build: the newest of them is sent once, and then it is known.
 */
#include "catalog/managed_app_inner.h"
#include "catalog/renewal.h"

/* Of t, the first bundle of the build in question: another build has its numbers. */
#define TWIN	"EXISTS (SELECT 1 FROM build_bundle o WHERE o.app_bundle_id = t.app_bundle_id AND o.build = t.build AND o.version =" \
	" t.version AND o.path = '' AND o.build_id <> t.build_id)"
/* The device took the command that brings it, and has fetched it since; what it refused then was fetched, too. */
#define COMMANDED "m.build_id = t.build_id AND m.began > 0"
#define FETCHED	COMMANDED " AND m.state IN ('acknowledged', 'installing', 'installed') AND EXISTS (SELECT 1 FROM install_event e" \
	" WHERE e.install_id = m.install_id AND e.kind = 'whole' AND e.at >= m.began)"
/* Its provision is there, and nothing else explains that: no twin, no renewal, no other app that is there. */
#define SHOWN	"t.provision_uuid <> '' AND EXISTS (SELECT 1 FROM installed_provision p WHERE p.device_id = $1 AND p.uuid =" \
	" t.provision_uuid) AND NOT EXISTS (SELECT 1 FROM renewal n WHERE n.device_id = $1 AND n.uuid = t.provision_uuid AND" \
	" n.action = 'install') AND NOT EXISTS (SELECT 1 FROM build_bundle x JOIN installed_app i ON i.device_id = $1 AND" \
	" i.bundle_id = x.app_bundle_id AND i.version = x.build WHERE x.provision_uuid = t.provision_uuid AND x.build_id <> t.build_id)"

/* What came last of all that it may be. */
#define LATEST "coalesce(r.uploaded, (SELECT max(o.uploaded) FROM build_bundle o WHERE o.app_bundle_id = t.app_bundle_id" \
	" AND o.build = t.build AND o.version = t.version AND o.path = ''))"

bool
managed_app_twin(struct db *db, const char *device_id, const char *build_id, enum managed_twin *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT NOT " TWIN " OR coalesce(m.brought = t.build_id, FALSE) OR (" SHOWN
		" AND (r.build_id IS NULL OR (" COMMANDED " AND r.uploaded < t.uploaded))), coalesce(" FETCHED ", FALSE), " LATEST
		" > t.uploaded FROM build_bundle t LEFT JOIN managed_app m ON m.device_id = $1 AND m.bundle_id = t.app_bundle_id"
		" LEFT JOIN build_bundle r ON r.build_id = m.brought AND r.path = '' AND r.build = t.build AND r.version = t.version"
		" WHERE t.build_id = $2 AND t.path = ''", db_text(device_id), db_text(build_id));
	enum rows_step step = rows_next(rows, err);

	*ret = step != ROWS_ROW || rows_bool(rows, 0) ? TWIN_THIS :	/* one that was never read: its numbers have to do */
	       rows_bool(rows, 1) ? TWIN_FETCHED : rows_bool(rows, 2) ? TWIN_NEWER : TWIN_OLDER;
	rows_done(rows);
	return step != ROWS_FAILED;
}

bool
managed_app_has_twin(struct db *db, const char *build_id, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	enum rows_step step = rows_next(db_query(ctx, db, "SELECT 1 FROM build_bundle t WHERE t.build_id = $1 AND t.path = '' AND "
						 TWIN " LIMIT 1", db_text(build_id)), err);

	*ret = step == ROWS_ROW;
	return step != ROWS_FAILED;
}

/* What a build brings, which the build that is there may live by, is looked at by a job (catalog/provision_fit.c). */
#define JUDGED	"NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'provision_fit' AND j.dedupe_key = $2 AND NOT j.dead)"

bool
managed_app_renews(struct db *db, const char *device_id, const char *build_id, int64_t *ends, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT h.ends FROM build_bundle t JOIN held_app h ON h.device_id = $1 AND h.bundle_id ="
		" t.app_bundle_id AND h.build_id <> t.build_id WHERE t.build_id = $2 AND t.path = '' AND " RENEWAL_HELPLESS " AND "
		"(h.cause = 'certificate' OR " JUDGED ") AND " RENEWAL_LASTS("t.build_id", "h.device_id", RENEWAL_LONGER),
		db_text(device_id), db_text(build_id));
	enum rows_step step = rows_next(rows, err);

	*ends = step == ROWS_ROW ? rows_int(rows, 0) : 0;
	rows_done(rows);
	return step != ROWS_FAILED;
}
