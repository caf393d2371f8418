/* Table `managed_app`: who asks for an app, whether the device takes it, and its command on the way. */
#include "catalog/managed_app_inner.h"
#include "catalog/app_configuration.h"
#include "catalog/build.h"
#include "catalog/family.h"
#include "catalog/install.h"
#include "catalog/renewal.h"
#include "catalog/viewer.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/secret.h"
#include "mdm/command.h"
#include "mdm/queue.h"
#include <string.h>

#define FULL_AGAIN_S	3600	/* the device's queue is full: later */
#define SETTING_AGAIN_S	DAY_S	/* a configuration that was not taken: tomorrow */

/* ---- would it be taken? ---- */

static bool
may(const char *request_type, const struct command_target *target)
{
	struct err err;

	return command_may(request_type, NULL, target, &err);
}

/* Its own provision is over: newer ones go before the app, where we may send them, or they are there. */
static bool
behind_newer(struct db *db, const char *device_id, const char *build_id, const struct command_target *target, const char **why,
	     struct err *err)
{
	bool sends = may("InstallProvisioningProfile", target), goes, there;

	if (!renewal_covers(db, device_id, build_id, true, &goes, err) ||
	    !renewal_covers(db, device_id, build_id, sends, &there, err))
		return false;
	*why = !goes ? "not_installable" : !there ? "no_right" : NULL;
	return true;
}

bool
managed_app_unfit(const char *why)
{
	static const char *const words[] = { "needs_ios", "needs_ipad", "not_listed", "no_right", "not_installable" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], why) == 0)
			return true;
	return false;
}

bool
managed_app_fit(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char *build_id, const char **why,
		struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT e.access_rights, e.kind, e.supervised, d.os_version, b.minimum_os,"
		" b.installable, NOT " BUILD_INSTALLS("$3") ", EXISTS (SELECT 1 FROM build_device l WHERE"
		" l.build_id = b.id AND (l.udid = d.udid OR l.udid = '*')) OR NOT EXISTS (SELECT 1 FROM build_device l"
		" WHERE l.build_id = b.id), d.product, b.ipad_only FROM device d JOIN enrollment e ON e.id = d.enrollment_id JOIN build b ON b.id = $2"
		" WHERE d.id = $1", db_text(device_id), db_text(build_id), db_now());
	struct command_target target;
	const char *os;
	bool over;

	*why = NULL;
	if (!rows_one(rows, err, "no such device or build"))
		return false;
	target = (struct command_target){ rows_int(rows, 0), rows_text(ctx, rows, 1), rows_null(rows, 2) ? -1 : rows_bool(rows, 2) };
	os = rows_text(ctx, rows, 3);
	over = rows_bool(rows, 6);
	if (!rows_bool(rows, 5))
		*why = "not_installable";
	else if (family_is_phone(rows_text(ctx, rows, 8)) && rows_bool(rows, 9))
		*why = "needs_ipad";
	else if (*os && num_version_compare(rows_text(ctx, rows, 4), os) > 0)
		*why = "needs_ios";
	else if (!rows_bool(rows, 7))
		*why = "not_listed";
	rows_done(rows);
	if (!*why && over && !behind_newer(db, device_id, build_id, &target, why, err))
		return false;
	if (!*why && !may("InstallApplication", &target))
		*why = "no_right";
	return true;
}

/* ---- into the queue ---- */

static bool
left_full(struct db *tx, const struct managed_app *m, struct err *err)
{
	return db_run(tx, err, "UPDATE managed_app SET why = 'queue_full', due = $3 WHERE device_id = $1 AND bundle_id = $2",
		      db_text(m->device_id), db_text(m->bundle_id), db_int(clock_now() + FULL_AGAIN_S)) &&
	       managed_app_wake(tx, clock_now() + FULL_AGAIN_S, err);
}

/*
 * Its timeline begins here; an attempt that is made again goes on in it.  Where another build has its numbers, one
 * that the device took does not: whether it fetches the file this time is to be seen (managed_app_copy.c).  What is
 * tried once a day has its own each day, and of those that came to nothing the last one stays.
 */
static bool
begin_timeline(struct db *tx, TALLOC_CTX *ctx, struct managed_app *m, const char *person_id, struct err *err)
{
	const char *id = secret_id(ctx);
	const struct install_start start = { .id = id, .build_id = m->build_id, .person_id = person_id,
		.tapped = strcmp(m->cause, "asked") == 0 || strcmp(m->cause, "admin") == 0 };
	bool unheard = managed_unsent(m->row.why), twin = false;
	bool daily = m->row.attempts >= MANAGED_ATTEMPTS_MAX && !unheard;

	if (m->row.began && !managed_app_has_twin(tx, m->build_id, &twin, err))
		return false;
	if (m->install_id && !twin && !daily && (m->row.attempts > 0 || unheard))
		return true;
	if (m->install_id && m->row.attempts > MANAGED_ATTEMPTS_MAX && !install_forget(tx, m->install_id, err))
		return false;
	m->install_id = id;
	return install_put(tx, &start, err);
}

/* Who is disabled gets nothing that they have not asked for; back here, it goes on. */
static bool
left_alone(struct db *tx, const struct managed_app *m, struct err *err)
{
	return db_run(tx, err, "UPDATE managed_app SET due = $3 WHERE device_id = $1 AND bundle_id = $2", db_text(m->device_id),
		      db_text(m->bundle_id), db_int(clock_now() + DAY_S)) && managed_app_wake(tx, clock_now() + DAY_S, err);
}

static bool
add_command(struct db *tx, TALLOC_CTX *ctx, const struct managed_app *m, const char *enrollment_id, char **uuid,
	    enum queue_verdict *verdict, struct err *err)
{
	bool asked = strcmp(m->cause, "asked") == 0 || strcmp(m->cause, "admin") == 0;
	const struct queue_wish wish = {
		.kind = m->row.going ? MANAGED_KIND_REMOVAL : MANAGED_KIND,
		.request_type = m->row.going ? "RemoveApplication" : "InstallApplication", .subject = m->bundle_id,
		.dedupe_key = mem_printf(ctx, "%s:%s", m->row.going ? MANAGED_KIND_REMOVAL : MANAGED_KIND, m->bundle_id),
		.ttl_s = MANAGED_TTL_S, .priority = asked ? QUEUE_PRIORITY_PERSON : QUEUE_PRIORITY_HOUSE, .created_by = "house",
	};

	return queue_add(tx, ctx, &wish, &enrollment_id, 1, verdict, uuid, err);
}

static bool
not_possible(struct db *tx, const struct managed_app *m, const char *why, struct err *err)
{
	return db_run(tx, err, "UPDATE managed_app SET state = 'failed', why = $3, due = NULL, changed = $4 WHERE device_id = $1"
		      " AND bundle_id = $2", db_text(m->device_id), db_text(m->bundle_id), db_text(why), db_now());
}

/* ERR_MISSING from a query: what is named there has gone. */
static bool
look(TALLOC_CTX *ctx, struct db *tx, const struct managed_app *m, struct enrollment **enrollment, const char **person_id,
     const char **why, bool *disabled, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT d.person_id, EXISTS (SELECT 1 FROM build b WHERE b.id = $2), EXISTS (SELECT 1 FROM"
				     " person v WHERE v.id = d.person_id AND v.disabled) FROM device d WHERE d.id = $1", db_text(m->device_id), db_text(m->build_id));
	bool built;

	*why = NULL;
	if (!enrollment_of_device(ctx, tx, m->device_id, enrollment, err)) {
		*enrollment = NULL;
		return err->kind == ERR_MISSING;
	}
	if (!rows_one(rows, err, "no such device"))
		return false;
	*person_id = rows_text(ctx, rows, 0);
	built = rows_bool(rows, 1);
	*disabled = rows_bool(rows, 2);
	rows_done(rows);
	if (m->row.going)
		return true;
	if (!built) {
		*why = "build_gone";
		return true;
	}
	return managed_app_fit(ctx, tx, m->device_id, m->build_id, why, err);
}

bool
managed_app_queue(struct db *tx, struct managed_app *m, struct err *err)
{
	static const struct managed_report queued = { .news = NEWS_QUEUED };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *person_id = NULL, *why = "";
	enum queue_verdict verdict;
	bool disabled = false;
	struct enrollment *e;
	char *uuid;

	if (!look(ctx, tx, m, &e, &person_id, &why, &disabled, err))
		return false;
	if (!e)				/* not managed any more: nothing can be done there */
		return managed_app_forget(tx, m->device_id, m->bundle_id, err);
	if (disabled && m->row.itself && !m->row.going)
		return left_alone(tx, m, err);
	if (why)
		return not_possible(tx, m, why, err);
	if (!m->row.going && !renewal_before_install(tx, m->device_id, m->build_id, err))
		return false;
	if (!add_command(tx, ctx, m, e->id, &uuid, &verdict, err))
		return false;
	if (verdict == QUEUE_NOT_ENROLLED || verdict == QUEUE_UNKNOWN)
		return managed_app_forget(tx, m->device_id, m->bundle_id, err);
	if (verdict == QUEUE_NO_RIGHT)
		return not_possible(tx, m, "no_right", err);
	if (verdict == QUEUE_FULL)
		return left_full(tx, m, err);
	if (!m->row.going && !begin_timeline(tx, ctx, m, person_id, err))
		return false;
	return db_run(tx, err, "UPDATE managed_app SET command_uuid = $3, install_id = $4 WHERE device_id = $1 AND bundle_id = $2",
		      db_text(m->device_id), db_text(m->bundle_id), db_text(uuid), db_text(m->install_id)) &&
	       managed_app_news(tx, m, &queued, NULL, err);
}

/* ---- somebody asks ---- */

struct ask {
	const char *actor, *device_id, *bundle_id;
};

/* Whose device it is, and what is there of the app. */
struct there {
	const char *person_id, *person, *build_id, *build, *build_version, *version, *short_version;
	bool managed, installed, required;
};

/* A channel that holds the device's person must be had by them; one that is for everyone, by devices of nobody too. */
#define REQUIRED "EXISTS (SELECT 1 FROM channel vc JOIN app a ON a.id = vc.app_id WHERE a.bundle_id = $2 AND vc.required" \
	" AND vc.newest_build_id IS NOT NULL AND (vc.audience_id IS NULL OR EXISTS (SELECT 1" \
	" FROM audience_person w WHERE w.audience_id = vc.audience_id AND w.person_id = d.person_id)))"

/* What its person sees of the app, or, for an admin, what is newest. */
static bool
target(TALLOC_CTX *ctx, struct db *tx, struct viewer viewer, const char *bundle_id, struct there *ret,
       struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT b.id, b.build, b.version FROM app a JOIN build b ON b.id = " VIEWER_NEWEST
				     " WHERE a.bundle_id = $4", VIEWER(viewer), db_text(bundle_id));

	if (!rows_one(rows, err, "no such app for this device"))
		return false;
	ret->build_id = rows_text(ctx, rows, 0);
	ret->build = rows_text(ctx, rows, 1);
	ret->build_version = rows_text(ctx, rows, 2);
	rows_done(rows);
	return true;
}

static bool
whose(TALLOC_CTX *ctx, struct db *tx, const struct ask *a, struct there *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT d.person_id, p.name, i.version, i.managed, i.installed, " REQUIRED ", i.short_version FROM device d"
		" LEFT JOIN person p ON p.id = d.person_id LEFT JOIN installed_app i ON i.device_id = d.id AND i.bundle_id = $2"
		" WHERE d.id = $1", db_text(a->device_id), db_text(a->bundle_id));

	if (!rows_one(rows, err, "no such device"))
		return false;
	ret->person_id = rows_text(ctx, rows, 0);
	ret->person = rows_text(ctx, rows, 1);
	ret->version = rows_text(ctx, rows, 2);
	ret->managed = rows_bool(rows, 3);
	ret->installed = rows_bool(rows, 4);
	ret->required = rows_bool(rows, 5);
	ret->short_version = rows_text(ctx, rows, 6);
	rows_done(rows);
	return true;
}

static bool
refused(const char *bundle_id, const char *why, struct err *err)
{
	static const struct { const char *why, *text; } all[] = {
		{ "needs_ios", "it needs a newer iOS than this device has" },
		{ "needs_ipad", "it is made for the iPad alone" },
		{ "not_listed", "its provision does not list this device" },
		{ "no_right", "this enrollment does not give the right to install apps, or provisions that must go before it" },
		{ "not_installable", "this build cannot be installed; its verdict says why" },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(all[i].why, why) == 0)
			return err_code(err, ERR_CONFLICT, why, "%s: %s", bundle_id, all[i].text);
	return err_code(err, ERR_CONFLICT, why, "%s cannot be installed there", bundle_id);
}

/* Nothing to do: the same copy under our management, or a newer one. */
static bool
is_there(struct db *tx, const struct ask *a, const struct there *t, struct err *err)
{
	int order = t->installed && t->version ?
		num_release_compare(t->short_version, t->version, t->build_version, t->build) : -1;
	enum managed_twin twin = TWIN_THIS;

	if (order == 0 && t->managed && !managed_app_twin(tx, a->device_id, t->build_id, &twin, err))
		return false;
	if (order > 0 || twin == TWIN_NEWER)
		return err_code(err, ERR_CONFLICT, "newer_there", "%s: a newer one is there (%s)", a->bundle_id, t->version);
	return order < 0 || !t->managed || twin == TWIN_OLDER ||
	       err_code(err, ERR_CONFLICT, "already_there", "%s %s is there already", a->bundle_id, t->version);
}

static bool
is_by_its_person(const struct ask *a, const struct there *t)
{
	const char *name = strncmp(a->actor, "person:", 7) == 0 ? a->actor + 7 : a->actor;

	return strcmp(a->actor, "device") == 0 || (t->person && strcmp(name, t->person) == 0);
}

static bool
tx_ask(struct db *tx, void *arg, struct err *err)
{
	static const struct managed_report report = { .news = NEWS_ASKED };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct ask *a = arg;
	struct there t = { 0 };
	struct enrollment *enrollment;
	struct managed_app *m;
	const char *why;
	bool own;

	if (!enrollment_of_device(ctx, tx, a->device_id, &enrollment, err) || !whose(ctx, tx, a, &t, err))
		return false;
	own = is_by_its_person(a, &t);
	if (!target(ctx, tx, (struct viewer){ .house = !own, .person_id = t.person_id }, a->bundle_id, &t, err) ||
	    !managed_app_fit(ctx, tx, a->device_id, t.build_id, &why, err))
		return false;
	if (why)
		return refused(a->bundle_id, why, err);
	if (!managed_app_get(ctx, tx, a->device_id, a->bundle_id, &m, err))
		return false;
	if (m && !m->row.going && (managed_in_flight(m->row.state) || m->row.state == MANAGED_QUEUED))
		return true;		/* under way: it is asked for once */
	if (!is_there(tx, a, &t, err) ||
	    !managed_app_put(tx, a->device_id, a->bundle_id, t.build_id, own ? "asked" : "admin", 0, err) ||
	    !managed_app_get(ctx, tx, a->device_id, a->bundle_id, &m, err) ||
	    !audit_add(tx, a->actor, "managed_app.ask", a->device_id, a->bundle_id, err))
		return false;
	return managed_app_news(tx, m, &report, NULL, err);
}

bool
managed_app_ask(struct db *db, const char *actor, const char *device_id, const char *bundle_id, struct err *err)
{
	struct ask a = { actor, device_id, bundle_id };

	return db_tx(db, tx_ask, &a, err);
}

static bool
tx_remove(struct db *tx, void *arg, struct err *err)
{
	static const struct managed_report report = { .news = NEWS_ASKED };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct ask *a = arg;
	struct there t = { 0 };
	struct enrollment *enrollment;
	struct managed_app *m;

	if (!enrollment_of_device(ctx, tx, a->device_id, &enrollment, err) || !whose(ctx, tx, a, &t, err) ||
	    !managed_app_get(ctx, tx, a->device_id, a->bundle_id, &m, err))
		return false;
	if (m && m->row.state == MANAGED_REMOVING)
		return true;
	if (t.required)
		return err_code(err, ERR_CONFLICT, "required", "%s: its person must have it; it would come back", a->bundle_id);
	if (!t.managed && (!m || m->row.state == MANAGED_REMOVED))
		return t.installed ? err_code(err, ERR_CONFLICT, "not_managed", "%s: its owner installed it, and removes it", a->bundle_id)
				   : err_set(err, ERR_MISSING, "this app is not there");
	if (!may("RemoveApplication", &(struct command_target){ enrollment->access_rights, enrollment->kind, enrollment->supervised }))
		return err_code(err, ERR_CONFLICT, "no_right", "%s: this enrollment does not give the right to remove apps", a->bundle_id);
	if (!managed_app_put(tx, a->device_id, a->bundle_id, NULL, "admin", 0, err) ||
	    !managed_app_get(ctx, tx, a->device_id, a->bundle_id, &m, err) ||
	    !audit_add(tx, a->actor, "managed_app.remove", a->device_id, a->bundle_id, err))
		return false;
	return managed_app_news(tx, m, &report, NULL, err);
}

bool
managed_app_remove(struct db *db, const char *actor, const char *device_id, const char *bundle_id, struct err *err)
{
	struct ask a = { actor, device_id, bundle_id };

	return db_tx(db, tx_remove, &a, err);
}

/* ---- its turn has come ---- */

#define CONFIGURED "(SELECT c.id || ':' || c.version FROM app_configuration c WHERE c.app_id = a.id AND (c.audience_id IS NULL" \
	" OR EXISTS (SELECT 1 FROM audience_person w WHERE w.audience_id = c.audience_id AND w.person_id = d.person_id))" \
	" ORDER BY c.place, c.id LIMIT 1)"

bool
managed_app_sending(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char *bundle_id,
		    struct managed_sending **ret, struct err *err)
{
	struct managed_sending *s = mem_new(ctx, struct managed_sending);
	struct rows *rows = db_query(ctx, db, "SELECT a.id, m.build_id, m.install_id, d.person_id, " CONFIGURED ","
		" (i.installed AND NOT i.managed) OR m.why = 'already_installed', e.kind = 'user', o.with_management,"
		" o.no_backup FROM managed_app m JOIN app a ON a.bundle_id = m.bundle_id JOIN build b ON b.id = m.build_id"
		" JOIN device d ON d.id = m.device_id JOIN enrollment e ON e.id = d.enrollment_id"
		" LEFT JOIN rollout o ON o.app_id = a.id LEFT JOIN installed_app i ON i.device_id = m.device_id"
		" AND i.bundle_id = m.bundle_id WHERE m.device_id = $1 AND m.bundle_id = $2", db_text(device_id), db_text(bundle_id));

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		return err_code(err, ERR_CONFLICT, "not_wanted", "%s is not wanted there any more", bundle_id);
	case ROWS_ROW:
		break;
	}
	*s = (struct managed_sending){ mem_text(s, device_id), mem_text(s, bundle_id), rows_text(s, rows, 0), rows_text(s, rows, 1),
		rows_text(s, rows, 2), rows_text(s, rows, 3), rows_null(rows, 4) ? "" : rows_text(s, rows, 4), rows_bool(rows, 5),
		rows_bool(rows, 6), rows_null(rows, 7) || rows_bool(rows, 7), rows_bool(rows, 8) };
	rows_done(rows);
	*ret = s;
	return true;
}

bool
managed_app_removing(struct db *db, const char *device_id, const char *bundle_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct managed_app *m;

	if (!managed_app_get(ctx, db, device_id, bundle_id, &m, err))
		return false;
	return (m && m->row.going) || err_code(err, ERR_CONFLICT, "wanted", "%s is wanted there again", bundle_id);
}

/* Before a configuration in the row, until the command is answered that holds it: equal to none that is wanted. */
static char *
on_its_way(TALLOC_CTX *ctx, const char *uuid)
{
	return mem_printf(ctx, "? %s ", uuid);
}

/* The same where the command could not be made with it: tried again when that would be another. */
#define UNMADE	"! "

static bool
put_configuration(struct db *tx, const char *device_id, const char *bundle_id, const char *configuration, struct err *err)
{
	return db_run(tx, err, "UPDATE managed_app SET configuration = $3 WHERE device_id = $1 AND bundle_id = $2",
		      db_text(device_id), db_text(bundle_id), db_text(configuration));
}

/* It has this now: is it what fits by now? */
static bool
took_configuration(struct db *tx, const char *device_id, const char *bundle_id, const char *configuration, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct managed_sending *s;
	const char *now;

	if (!put_configuration(tx, device_id, bundle_id, configuration, err))
		return false;
	if (!managed_app_sending(ctx, tx, device_id, bundle_id, &s, err))
		return err->kind == ERR_CONFLICT;
	return app_configuration_wish(ctx, tx, s->configuration, s->person_id, device_id, &now, err) &&
	       (strcmp(now, configuration) == 0 || managed_app_device_changed(tx, device_id, err));
}

bool
managed_app_configured(struct db *tx, const char *device_id, const char *bundle_id, const char *uuid, const char *status,
		       struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT configuration FROM managed_app WHERE device_id = $1 AND bundle_id = $2",
				     db_text(device_id), db_text(bundle_id));
	enum rows_step step = rows_next(rows, err);
	const char *before = on_its_way(ctx, uuid), *had = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;

	rows_done(rows);
	if (!had || strcmp(status, "cancelled") == 0)
		return step != ROWS_FAILED;
	if (strcmp(status, "Acknowledged") != 0)
		return managed_app_device_again(tx, device_id, clock_now() + (strcmp(status, QUEUE_CLEARED) == 0 ? MANAGED_CLEARED_S :
										     SETTING_AGAIN_S), err);
	return strncmp(had, before, strlen(before)) != 0 ||
	       took_configuration(tx, device_id, bundle_id, had + strlen(before), err);
}

bool
managed_app_unmade(struct db *tx, const char *device_id, const char *bundle_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct managed_sending *s;
	const char *now;

	if (!managed_app_sending(ctx, tx, device_id, bundle_id, &s, err))
		return err->kind == ERR_CONFLICT;
	return app_configuration_wish(ctx, tx, s->configuration, s->person_id, device_id, &now, err) &&
	       put_configuration(tx, device_id, bundle_id, mem_printf(ctx, UNMADE "%s", now), err);
}

bool
managed_app_unmade_with(const char *kept, const char *wish)
{
	return strncmp(kept, UNMADE, strlen(UNMADE)) == 0 && strcmp(kept + strlen(UNMADE), wish) == 0;
}

struct sent {
	const char *device_id, *bundle_id, *uuid, *configuration;
};

static bool
tx_sent(struct db *tx, void *arg, struct err *err)
{
	static const struct managed_report report = { .news = NEWS_SENT };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct sent *s = arg;
	struct managed_app *m;

	if (!managed_app_get(ctx, tx, s->device_id, s->bundle_id, &m, err))
		return false;
	if (!m)
		return true;
	if (!put_configuration(tx, s->device_id, s->bundle_id,
			       mem_printf(ctx, "%s%s", on_its_way(ctx, s->uuid), s->configuration), err))
		return false;
	return strcmp(m->command_uuid, s->uuid) != 0 || managed_app_news(tx, m, &report, NULL, err);
}

bool
managed_app_sent(struct db *db, const char *device_id, const char *bundle_id, const char *uuid, const char *configuration,
		 struct err *err)
{
	struct sent s = { device_id, bundle_id, uuid, configuration };

	return db_tx(db, tx_sent, &s, err);
}
