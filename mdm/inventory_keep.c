/* Answers kept: inside the report's transaction, so that what is shown is what was acknowledged. */
#include "core/audit.h"
#include "core/json.h"
#include "mdm/device_said.h"
#include "mdm/inventory_inner.h"
#include <string.h>

static struct db_val
or_null(int64_t n)
{
	return n == MISSING ? db_null() : db_int(n);
}

static struct db_val
truth(int n)
{
	return n == MISSING ? db_null() : db_bool(n == 1);
}

static bool
keep_facts(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err)
{
	const struct inventory_fact *fact = inv->facts;

	for (size_t i = 0; i < inv->facts_n; i++, fact++)
		if (!(fact->value ?
			      db_run(tx, err, "INSERT INTO device_fact (device_id, name, value, at) VALUES ($1, $2, $3, $4)"
				     " ON CONFLICT (device_id, name) DO UPDATE SET value = excluded.value, at = excluded.at",
				     db_text(device_id), db_text(fact->name), db_text(fact->value), db_now()) :
			      db_run(tx, err, "DELETE FROM device_fact WHERE device_id = $1 AND name = $2",
				     db_text(device_id), db_text(fact->name))))
			return false;
	return true;
}

/* What the list leaves out is gone, unless the other list still has it. */
static bool
keep_installed(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err)
{
	const struct inventory_app *app = inv->apps;

	if (!inv->partial && !db_run(tx, err, "UPDATE installed_app SET installed = FALSE WHERE device_id = $1 AND installed",
				     db_text(device_id)))
		return false;
	for (size_t i = 0; i < inv->apps_n; i++, app++)
		if (!db_run(tx, err, "INSERT INTO installed_app (device_id, bundle_id, name, version, short_version, size, data_size,"
			    " installed, managed, installing, at) VALUES ($1, $2, $3, $4, $5, $6, $7, TRUE, FALSE, $8, $9)"
			    " ON CONFLICT (device_id, bundle_id) DO UPDATE SET name = excluded.name, version = excluded.version,"
			    " short_version = excluded.short_version, size = excluded.size, data_size = excluded.data_size,"
			    " installed = TRUE, installing = excluded.installing, at = excluded.at",
			    db_text(device_id), db_text(app->bundle_id), db_text(app->name), db_text(app->version),
			    db_text(app->short_version), or_null(app->size), or_null(app->data_size), truth(app->installing),
			    db_now()))
			return false;
	return db_run(tx, err, "DELETE FROM installed_app WHERE device_id = $1 AND NOT installed AND NOT managed",
		      db_text(device_id));
}

static bool
keep_managed(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err)
{
	const struct inventory_app *app = inv->apps;

	if (!inv->partial && !db_run(tx, err, "UPDATE installed_app SET managed = FALSE, state = NULL"
				     " WHERE device_id = $1 AND managed", db_text(device_id)))
		return false;
	for (size_t i = 0; i < inv->apps_n; i++, app++)
		if (!db_run(tx, err, "INSERT INTO installed_app (device_id, bundle_id, installed, managed, state, at)"
			    " VALUES ($1, $2, FALSE, TRUE, $3, $4)"
			    " ON CONFLICT (device_id, bundle_id) DO UPDATE SET managed = TRUE, state = excluded.state, at = excluded.at",
			    db_text(device_id), db_text(app->bundle_id), db_text(app->state), db_now()))
			return false;
	return db_run(tx, err, "DELETE FROM installed_app WHERE device_id = $1 AND NOT installed AND NOT managed",
		      db_text(device_id));
}

static bool
keep_provisions(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err)
{
	const struct inventory_provision *p = inv->provisions;

	if (!inv->partial && !db_run(tx, err, "DELETE FROM installed_provision WHERE device_id = $1", db_text(device_id)))
		return false;
	for (size_t i = 0; i < inv->provisions_n; i++, p++)
		if (!db_run(tx, err, "INSERT INTO installed_provision (device_id, uuid, name, expires, at) VALUES ($1, $2, $3, $4, $5)"
			    " ON CONFLICT (device_id, uuid) DO UPDATE SET name = excluded.name, expires = excluded.expires,"
			    " at = excluded.at",
			    db_text(device_id), db_text(p->uuid), db_text(p->name), or_null(p->expires), db_now()))
			return false;
	return true;
}

static bool
keep_mobileconfigs(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err)
{
	const struct inventory_mobileconfig *m = inv->mobileconfigs;

	if (!inv->partial && !db_run(tx, err, "DELETE FROM installed_mobileconfig WHERE device_id = $1", db_text(device_id)))
		return false;
	for (size_t i = 0; i < inv->mobileconfigs_n; i++, m++)
		if (!db_run(tx, err, "INSERT INTO installed_mobileconfig (device_id, identifier, uuid, name, organization, version,"
			    " managed, encrypted, removable, payloads, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
			    " ON CONFLICT (device_id, identifier) DO UPDATE SET uuid = excluded.uuid, name = excluded.name,"
			    " organization = excluded.organization, version = excluded.version, managed = excluded.managed,"
			    " encrypted = excluded.encrypted, removable = excluded.removable, payloads = excluded.payloads,"
			    " at = excluded.at",
			    db_text(device_id), db_text(m->identifier), db_text(m->uuid), db_text(m->name),
			    db_text(m->organization), or_null(m->version), truth(m->managed), truth(m->encrypted),
			    truth(m->removable), db_text(m->payloads), db_now()))
			return false;
	return true;
}

static bool
keep_certificates(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err)
{
	const struct inventory_certificate *c = inv->certificates;

	if (!inv->partial && !db_run(tx, err, "DELETE FROM installed_certificate WHERE device_id = $1", db_text(device_id)))
		return false;
	for (size_t i = 0; i < inv->certificates_n; i++, c++)
		if (!db_run(tx, err, "INSERT INTO installed_certificate (device_id, sha256, name, identity, expires, at)"
			    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (device_id, sha256) DO UPDATE SET name = excluded.name,"
			    " identity = excluded.identity, expires = excluded.expires, at = excluded.at",
			    db_text(device_id), db_text(c->sha256), db_text(c->name), truth(c->identity), or_null(c->expires),
			    db_now()))
			return false;
	return true;
}

static bool
keep_lists(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err)
{
	static const struct {
		const char *request_type;
		bool (*keep)(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err);
	} lists[] = {
		{ "InstalledApplicationList", keep_installed }, { "ManagedApplicationList", keep_managed },
		{ "ProvisioningProfileList", keep_provisions }, { "ProfileList", keep_mobileconfigs },
		{ "CertificateList", keep_certificates },
	};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (strcmp(lists[i].request_type, inv->request_type) == 0)
			return lists[i].keep(tx, device_id, inv, err);
	return true;
}

/* ---- what it says of itself, and what is known ---- */

/* The fact as it was said last, as JSON; NULL: it was not. */
static bool
said_before(TALLOC_CTX *ctx, struct db *tx, const char *device_id, const char *name, const char **ret, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT value FROM device_fact WHERE device_id = $1 AND name = $2",
				     db_text(device_id), db_text(name));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW ? rows_text(ctx, rows, 0) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

/* Once, until it says the right thing again. */
static bool
note_deviation(struct db *tx, const char *device_id, const char *name, const char *said, const char *known, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *json;
	json_t *before;

	if (!said || !*said || !*known || !inventory_deviates(name, said, known))
		return true;
	if (!said_before(ctx, tx, device_id, name, &json, err))
		return false;
	before = json ? json_hold(ctx, json_loads(json, JSON_DECODE_ANY, NULL)) : NULL;
	return (json_is_string(before) && inventory_deviates(name, json_string_value(before), known)) ||
	       audit_add(tx, "device", "device.deviates", device_id, mem_printf(ctx, "%s: it says %s, and is %s", name, said, known),
			 err);
}

/* What its session has proven stands, whatever an answer says; without the Profile Service its word is all there is. */
static bool
keep_said(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct device_said said = { inv->name, inv->os_version, inv->os_build, inv->product, inv->serial, inv->supervised };
	const char *udid, *serial;

	if (!device_proven(ctx, tx, device_id, &udid, &serial, err) ||
	    !note_deviation(tx, device_id, "udid", inv->udid, udid, err) ||
	    !note_deviation(tx, device_id, "serial", inv->serial, serial, err))
		return false;
	if (*serial)
		said.serial = serial;
	return device_said(tx, device_id, &said, err);
}

static inventory_kept *hook;
static void *hook_site;

void
inventory_hook(inventory_kept *kept, void *site)
{
	hook = kept;
	hook_site = site;
}

bool
inventory_keep(struct db *tx, const char *device_id, const struct inventory *inv, struct err *err)
{
	if (!db_run(tx, err, "INSERT INTO device_report (device_id, request_type, at, answer, whole) VALUES ($1, $2, $3, $4, $5)"
		    " ON CONFLICT (device_id, request_type) DO UPDATE SET at = excluded.at, answer = excluded.answer,"
		    " whole = CASE WHEN excluded.whole > 0 THEN excluded.whole ELSE device_report.whole END",
		    db_text(device_id), db_text(inv->request_type), db_now(), db_bytes(inv->packed),
		    inv->partial ? db_int(0) : db_now()))
		return false;
	return (strcmp(inv->request_type, "DeviceInformation") != 0 || keep_said(tx, device_id, inv, err)) &&
	       keep_facts(tx, device_id, inv, err) && keep_lists(tx, device_id, inv, err) &&
	       (!hook || hook(tx, hook_site, device_id, inv->request_type, err));
}
