/* Table `renewal_pause`. */
#include "catalog/renewal.h"
#include "catalog/provision_keep.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/job.h"
#include "core/json.h"

struct change {
	const char *actor, *uuid;
	bool paused;
};

static bool
tx_change(struct db *tx, void *arg, struct err *err)
{
	const struct change *c = arg;

	if (!(c->paused ? db_run(tx, err, "INSERT INTO renewal_pause (uuid, actor, at) SELECT uuid, $1, CAST($2 AS BIGINT) FROM provision"
				 " WHERE uuid = $3 ON CONFLICT DO NOTHING", db_text(c->actor), db_now(), db_text(c->uuid)) :
			  db_run(tx, err, "DELETE FROM renewal_pause WHERE uuid = $1", db_text(c->uuid))))
		return false;
	if (!db_changed(tx))
		return true;	/* it is as it is to be: who said so first stays */
	return audit_add(tx, c->actor, c->paused ? "provision.pause" : "provision.resume", c->uuid, NULL, err) &&
	       (c->paused || job_add(tx, RENEWAL_WAVE_JOB, json_object(), 0, RENEWAL_WAVE_JOB, err));
}

/*
 * It holds up all that it is for: a wildcard is a matter for who publishes all of that.  What fits nothing yet may come to
 * fit anything.
 */
static bool
may_pause(const struct person *person, const json_t *provision, struct err *err)
{
	const json_t *apps = json_object_get(provision, "apps");
	json_t *app;
	size_t i;

	if (!person)
		return true;
	json_array_foreach(apps, i, app)
		if (!person_publishes(person, json_string_value(app)))
			return err_set(err, ERR_DENIED, "it is for %s, too, which you do not publish", json_string_value(app));
	if (json_array_size(apps) == 0 && (person->apps || person->bundle_id || !person_publishes(person, NULL)))
		return err_set(err, ERR_DENIED, "it fits no app yet: who publishes all apps may pause it");
	return true;
}

/* What it is for may have become more since: nobody's app stands still because of another's. */
static bool
may_resume(const struct person *person, const json_t *provision, struct err *err)
{
	const json_t *apps = json_object_get(provision, "apps");
	json_t *app;
	size_t i;

	if (!person || (json_array_size(apps) == 0 && person_publishes(person, NULL)))
		return true;
	json_array_foreach(apps, i, app)
		if (person_publishes(person, json_string_value(app)))
			return true;
	return err_set(err, ERR_DENIED, "it is for no app that you publish");
}

bool
renewal_may_pause(const struct person *person, const json_t *provision)
{
	struct err none;

	return json_is_object(json_object_get(provision, "paused")) ? may_resume(person, provision, &none)
								    : may_pause(person, provision, &none);
}

bool
renewal_pause(struct db *db, const struct person *person, const char *uuid, bool paused, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change c = { person ? person_actor(ctx, person) : "cli", uuid, paused };
	json_t *provision;
	bool ok;

	if (!provision_show(db, person ? viewer_of(person) : VIEWER_HOUSE, uuid, &provision, err))
		return false;
	ok = (paused ? may_pause(person, provision, err) : may_resume(person, provision, err)) && db_tx(db, tx_change, &c, err);
	json_decref(provision);
	return ok || err_at(err, "provision %s", uuid);
}
