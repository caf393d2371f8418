#include "catalog/device_person.h"
#include "catalog/desired.h"
#include "catalog/managed_app.h"
#include "catalog/person.h"
#include "core/audit.h"
#include "mdm/own_mobileconfig.h"

bool
device_person_find(TALLOC_CTX *ctx, struct db *db, const char *name, const char **id, struct err *err)
{
	struct person *person;

	*id = NULL;
	if (!name || !*name)
		return true;
	if (!person_by_name(ctx, db, name, &person, err))
		return err->kind == ERR_MISSING &&
		       err_code(err, ERR_INVALID, "no_such_person", "nobody who may sign in is called %s", name);
	*id = person->id;
	return true;
}

struct owner {
	const char *actor, *device_id, *person_id, *name;
};

static bool
tx_set(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	const struct owner *o = arg;
	struct enrollment *e;
	bool changed;

	if (!enrollment_person(tx, o->device_id, o->person_id, &changed, err))
		return false;
	return !changed || (enrollment_of_device(ctx, tx, o->device_id, &e, err) &&
			    own_device_person(tx, e, o->person_id, o->actor, err) && desired_now(tx, o->device_id, err) &&
			    managed_app_device_changed(tx, o->device_id, err) &&
			    audit_add(tx, o->actor, "device.person", o->device_id, o->person_id ? o->name : NULL, err));
}

bool
device_person_set(struct db *db, const char *actor, const char *device_id, const char *name, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct owner o = { actor, device_id, NULL, name };

	return device_person_find(ctx, db, name, &o.person_id, err) && db_tx(db, tx_set, &o, err);
}
