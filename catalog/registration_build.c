/* Table `build_device`, and who of `device_app` has a build at last. */
#include "catalog/registration.h"
#include "catalog/build.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/json.h"
#include <string.h>

#define FILL_STEP 20	/* builds of one transaction: their facts are some KB each */

/* ---- what a build lists ---- */

static bool
lists_devices(const json_t *provision)
{
	const char *kind = text_of(provision, "kind");

	return strcmp(kind, "adhoc") == 0 || strcmp(kind, "development") == 0;
}

static bool
lists(const json_t *provision, const char *udid)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(provision, "udids"), i, item)
		if (strcasecmp(json_string_value(item), udid) == 0)
			return true;
	return false;
}

/* A phone must be listed by the app and by each of its extensions; what is for a watch lists watches. */
static bool
extensions_list(const json_t *facts, const char *udid)
{
	json_t *extension;
	size_t i;

	json_array_foreach(json_object_get(facts, "extensions"), i, extension) {
		const json_t *provision = json_object_get(extension, "provision");

		if (lists_devices(provision) && strncmp(text_of(extension, "path"), "Watch/", 6) != 0 &&
		    !lists(provision, udid))
			return false;
	}
	return true;
}

static bool
put(struct db *tx, const char *build_id, const char *udid, struct err *err)
{
	return db_run(tx, err, "INSERT INTO build_device (build_id, udid) VALUES ($1, $2)"
		      " ON CONFLICT (build_id, udid) DO NOTHING", db_text(build_id), db_text(udid));
}

static bool
note(struct db *tx, const char *build_id, const json_t *facts, struct err *err)
{
	const json_t *provision = json_object_get(facts, "provision");
	char udid[DEVICE_UDID_SIZE];
	json_t *item;
	size_t i;

	if (!lists_devices(provision))
		return put(tx, build_id, "*", err);
	json_array_foreach(json_object_get(provision, "udids"), i, item)
		if (device_udid(json_string_value(item), udid) && extensions_list(facts, udid) &&
		    !put(tx, build_id, udid, err))
			return false;
	return true;
}

bool
registration_published(struct db *tx, const char *app_id, const char *build_id, const json_t *facts, struct err *err)
{
	return note(tx, build_id, facts, err) && registration_offered(tx, app_id, err);
}

bool
registration_offered(struct db *tx, const char *app_id, struct err *err)
{
	return job_add(tx, "registration_invite", json_pack("{s:s}", "app", app_id), 0, app_id, err);
}

bool
registration_again(struct db *tx, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT DISTINCT app_id FROM device_app WHERE state = 'waiting'");
	json_t *apps = json_array();
	enum rows_step step;
	bool ok = true;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(apps, json_string(rows_text(ctx, rows, 0)));
	rows_done(rows);
	for (size_t i = 0; ok && i < json_array_size(apps); i++)
		ok = registration_offered(tx, json_string_value(json_array_get(apps, i)), err);
	json_decref(apps);
	return ok && step != ROWS_FAILED;
}

/* ---- builds of before ---- */

#define ID_MAX 64

struct fill {
	char after[ID_MAX], last[ID_MAX];	/* ids of builds: where it begins, where it ended */
	size_t n;
};

static bool
tx_fill(struct db *tx, void *arg, struct err *err)
{
	struct fill *f = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *ids[FILL_STEP], *facts[FILL_STEP];
	struct rows *rows = db_query(ctx, tx, "SELECT b.id, b.facts FROM build b WHERE b.id > $1 ORDER BY b.id LIMIT $2",
				     db_text(f->after), db_int(FILL_STEP));
	enum rows_step step;

	f->n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		ids[f->n] = rows_text(ctx, rows, 0);
		facts[f->n++] = rows_text(ctx, rows, 1);
	}
	if (step == ROWS_FAILED)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		json_t *json = json_loads(facts[i], 0, NULL);
		bool ok = note(tx, ids[i], json, err);

		json_decref(json);
		if (!ok)
			return err_at(err, "build %s", ids[i]);
		snprintf(f->last, sizeof f->last, "%s", ids[i]);
	}
	return true;
}

bool
registration_fill(struct db *db, struct err *err)
{
	struct fill f = { "", "", FILL_STEP };

	while (f.n == FILL_STEP) {
		if (!db_tx(db, tx_fill, &f, err))
			return false;
		memcpy(f.after, f.last, sizeof f.after);
	}
	return true;
}

/* ---- who has a build at last ---- */

/* Who may not come in, or whose sender rests, waits on.  Where the link leads: the newest of its channel; or, as it was to one build, the newest that came into
 * a channel that it waits for since the link was made, and lists the device. */
#define DUE "SELECT q.device_id, q.link_id, q.person_id, q.contact_id, q.channel, q.pin, q.sign_in, b.id, b.version," \
	" b.build, a.bundle_id, b.name, p.name FROM (SELECT w.*, t.udid, t.contact_id, ch.name AS channel," \
	" CASE WHEN w.channel_id IS NOT NULL THEN (SELECT m.build_id FROM placement m" \
	" WHERE m.channel_id = w.channel_id ORDER BY m.at DESC, m.build_id DESC LIMIT 1)" \
	" ELSE (SELECT m.build_id FROM placement m JOIN channel n ON n.id = m.channel_id JOIN build_device d" \
	" ON d.build_id = m.build_id AND (d.udid = t.udid OR d.udid = '*') WHERE n.app_id = w.app_id" \
	" AND m.at >= w.since AND " REGISTRATION_WAITS_FOR " ORDER BY m.at DESC, m.build_id DESC LIMIT 1) END AS candidate" \
	" FROM device_app w JOIN tester_device t ON t.id = w.device_id LEFT JOIN channel ch ON ch.id = w.channel_id" \
	" WHERE w.app_id = $1 AND w.state = 'waiting') q" \
	" JOIN build b ON b.id = q.candidate JOIN app a ON a.id = q.app_id LEFT JOIN person p ON p.id = q.person_id" \
	" AND NOT p.disabled WHERE (p.id IS NULL OR NOT p.resting) AND NOT " LINK_CONTACT_GONE("q.contact_id") \
	" AND " BUILD_INSTALLS("$2") \
	" AND EXISTS (SELECT 1 FROM build_device d WHERE d.build_id = b.id AND (d.udid = q.udid OR d.udid = '*'))" \
	" ORDER BY q.device_id LIMIT $3"

static struct registration_due
due_of(TALLOC_CTX *ctx, struct rows *rows, const char *app_id)
{
	struct registration_due due = {
		.device_id = rows_text(ctx, rows, 0), .link_id = rows_text(ctx, rows, 1),
		.contact_id = rows_text(ctx, rows, 3), .channel = rows_text(ctx, rows, 4), .pin = rows_bool(rows, 5),
		.sign_in = rows_bool(rows, 6), .build_id = rows_text(ctx, rows, 7), .version = rows_text(ctx, rows, 8),
		.build = rows_text(ctx, rows, 9), .bundle_id = rows_text(ctx, rows, 10),
		.app_name = rows_text(ctx, rows, 11), .app_id = mem_text(ctx, app_id),
	};

	if (!rows_null(rows, 12)) {
		struct person *sender = mem_new(ctx, struct person);

		sender->id = rows_text(sender, rows, 2);
		sender->name = rows_text(sender, rows, 12);
		due.sender = sender;
	}
	return due;
}

bool
registration_due(TALLOC_CTX *ctx, struct db *db, const char *app_id, struct registration_due **ret, size_t *n,
		 struct err *err)
{
	struct registration_due *list = mem_array(ctx, struct registration_due, REGISTRATION_DUE_MAX);
	struct rows *rows = db_query(list, db, DUE, db_text(app_id), db_now(), db_int(REGISTRATION_DUE_MAX));
	enum rows_step step;

	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		list[(*n)++] = due_of(list, rows, app_id);
	if (step == ROWS_FAILED)
		return err_at(err, "who waits for %s", app_id);
	*ret = list;
	return true;
}

bool
registration_invite(struct db *tx, const struct registration_due *due, const char *link_id, bool told, bool *first,
		    struct err *err)
{
	if (!db_run(tx, err, "UPDATE device_app SET state = 'invited', build_id = $1, link_id = $2, told = $3, changed = $4"
		    " WHERE device_id = $5 AND app_id = $6 AND state = 'waiting'", db_text(due->build_id),
		    db_text(link_id), db_bool(told), db_now(), db_text(due->device_id), db_text(due->app_id)))
		return false;
	*first = db_changed(tx) > 0;
	return !*first || audit_add(tx, "system", "device.invite", due->device_id, due->build_id, err);
}
