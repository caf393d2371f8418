/* What is known of a device, as JSON and as tables: what it did not report is null there, and empty here. */
#include "core/clock.h"
#include "core/pack.h"
#include "mdm/device_answer.h"
#include "mdm/device_said.h"
#include "mdm/inventory_inner.h"
#include <string.h>

#define DATA_PROTECTION 3	/* HardwareEncryptionCaps: blocks and files; with a passcode they are protected */

/* One row of a list as an object; takes from ctx what it likes. */
typedef json_t *item_of(TALLOC_CTX *ctx, struct rows *rows);

static json_t *
text(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	return rows_null(rows, column) ? json_null() : json_string(rows_text(ctx, rows, column));
}

static json_t *
number(struct rows *rows, int column)
{
	return rows_null(rows, column) ? json_null() : json_integer(rows_int(rows, column));
}

static json_t *
truth(struct rows *rows, int column)
{
	return rows_null(rows, column) ? json_null() : json_boolean(rows_bool(rows, column));
}

static json_t *
moment(struct rows *rows, int column)
{
	char iso[CLOCK_ISO_SIZE];

	return rows_null(rows, column) ? json_null() : json_string(clock_iso(rows_int(rows, column), iso));
}

static json_t *
app_item(TALLOC_CTX *ctx, struct rows *r)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bundle_id", text(ctx, r, 0), "name", text(ctx, r, 1),
			 "version", text(ctx, r, 2), "short_version", text(ctx, r, 3), "size", number(r, 4), "data_size",
			 number(r, 5), "installed", truth(r, 6), "managed", truth(r, 7), "state", text(ctx, r, 8), "installing",
			 truth(r, 9));
}

static json_t *
provision_item(TALLOC_CTX *ctx, struct rows *r)
{
	return json_pack("{s:o, s:o, s:o}", "uuid", text(ctx, r, 0), "name", text(ctx, r, 1), "expires", moment(r, 2));
}

static json_t *
mobileconfig_item(TALLOC_CTX *ctx, struct rows *r)
{
	json_t *payloads = json_loads(rows_text(ctx, r, 8), 0, NULL);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "identifier", text(ctx, r, 0), "uuid", text(ctx, r, 1),
			 "name", text(ctx, r, 2), "organization", text(ctx, r, 3), "version", number(r, 4), "managed", truth(r, 5),
			 "encrypted", truth(r, 6), "removable", truth(r, 7), "payloads", payloads ? payloads : json_array());
}

static json_t *
certificate_item(TALLOC_CTX *ctx, struct rows *r)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "sha256", text(ctx, r, 0), "name", text(ctx, r, 1), "identity", truth(r, 2),
			 "expires", moment(r, 3));
}

/* ---- the lists ---- */

static const struct list {
	const char *name, *request_type;
	enum fact_group group;
	bool ends;			/* what is in it does */
	const char *sql;
	item_of *item;
	const char *columns[10];	/* of its table */
} lists[] = {
	{ "apps", "InstalledApplicationList", FACT_APPS, false,
	  "SELECT bundle_id, name, version, short_version, size, data_size, installed, managed, state, installing FROM installed_app"
	  " WHERE device_id = $1 ORDER BY lower(COALESCE(name, bundle_id)), bundle_id", app_item,
	  { "bundle_id", "name", "version", "short_version", "size", "data_size", "installed", "managed", "state", "installing" } },
	{ "provisions", "ProvisioningProfileList", FACT_APPS, true,
	  "SELECT uuid, name, expires FROM installed_provision WHERE device_id = $1 ORDER BY expires NULLS LAST, uuid", provision_item,
	  { "uuid", "name", "expires" } },
	{ "mobileconfigs", "ProfileList", FACT_COMPLIANCE, false,
	  "SELECT identifier, uuid, name, organization, version, managed, encrypted, removable, payloads FROM installed_mobileconfig"
	  " WHERE device_id = $1 ORDER BY identifier", mobileconfig_item,
	  { "identifier", "uuid", "name", "organization", "version", "managed", "encrypted", "removable" } },
	{ "certificates", "CertificateList", FACT_COMPLIANCE, true,
	  "SELECT sha256, name, identity, expires FROM installed_certificate WHERE device_id = $1"
	  " ORDER BY expires NULLS LAST, sha256", certificate_item,
	  { "sha256", "name", "identity", "expires" } },
};
#define LISTS (sizeof lists / sizeof *lists)

static bool
list_rows(struct db *db, const char *device_id, const struct list *list, json_t *into, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, list->sql, db_text(device_id));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(into, list->item(ctx, rows));
	return step == ROWS_END;
}

/* The apps were reported when either list was: a managed one is known by the other. */
static bool
was_reported(const json_t *reported, const struct list *list)
{
	return json_object_get(reported, list->request_type) ||
	       (strcmp(list->name, "apps") == 0 && json_object_get(reported, "ManagedApplicationList"));
}

/* ---- facts ---- */

static bool
show_reported(struct db *db, const char *device_id, json_t *into, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT request_type, at FROM device_report WHERE device_id = $1 ORDER BY request_type",
				     db_text(device_id));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_object_set_new(into, rows_text(ctx, rows, 0), moment(rows, 1));
	return step == ROWS_END;
}

static json_t *
group_of(json_t *ret, const char *name)
{
	for (size_t i = 0; i < fact_table_n; i++)
		if (strcmp(fact_table[i].name, name) == 0)
			return json_object_get(ret, fact_group_name(fact_table[i].group));
	if (strcmp(name, FACT_SIMS) == 0)
		return json_object_get(ret, fact_group_name(FACT_NETWORK));
	return strcmp(name, FACT_RESTRICTIONS) == 0 ? json_object_get(ret, fact_group_name(FACT_COMPLIANCE)) : NULL;
}

static bool
show_facts(struct db *db, const char *device_id, json_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT name, value FROM device_fact WHERE device_id = $1", db_text(device_id));
	enum rows_step step;
	const char *name;
	json_t *group, *v;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		name = rows_text(ctx, rows, 0);
		group = group_of(ret, name);	/* NULL: of a release that had more facts */
		v = group ? json_loads(rows_text(ctx, rows, 1), JSON_DECODE_ANY, NULL) : NULL;
		if (v)
			json_object_set_new(group, name, v);
	}
	return step == ROWS_END;
}

static json_t *
all_null(void)
{
	json_t *ret = json_object();

	for (size_t g = 0; g < FACT_GROUPS; g++)
		json_object_set_new(ret, fact_group_name((enum fact_group)g), json_object());
	for (size_t i = 0; i < fact_table_n; i++)
		json_object_set_new(group_of(ret, fact_table[i].name), fact_table[i].name, json_null());
	json_object_set_new(group_of(ret, FACT_SIMS), FACT_SIMS, json_null());
	json_object_set_new(group_of(ret, FACT_RESTRICTIONS), FACT_RESTRICTIONS, json_null());
	return ret;
}

static void
add_data_protection(json_t *compliance)
{
	const json_t *caps = json_object_get(compliance, "hardware_encryption");
	const json_t *passcode = json_object_get(compliance, "passcode_present");
	bool known = json_is_integer(caps) && json_is_boolean(passcode);

	json_object_set_new(compliance, "data_protection", known ?
		json_boolean(json_integer_value(caps) == DATA_PROTECTION && json_is_true(passcode)) : json_null());
}

bool
inventory_deviates(const char *name, const char *said, const char *known)
{
	char udid[DEVICE_UDID_SIZE];

	return strcmp(said, known) != 0 && (strcmp(name, "udid") != 0 || !device_udid(said, udid) || strcmp(udid, known) != 0);
}

static void
show_known(json_t *facts, const char *name, const char *known, json_t *deviations)
{
	json_t *said = json_object_get(facts, name);

	if (!*known || !json_is_string(said) || !*json_string_value(said))
		return;
	if (inventory_deviates(name, json_string_value(said), known))
		json_object_set(deviations, name, said);
	json_object_set_new(facts, name, json_string(known));
}

/* A device may say that it is another one: it is shown as the one that it is. */
static bool
show_deviations(struct db *db, const char *device_id, json_t *all, struct err *err)
{
	json_t *deviations = json_object(), *facts = json_object_get(all, fact_group_name(FACT_DEVICE));
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *udid, *serial;

	json_object_set_new(all, "deviations", deviations);
	if (!device_proven(ctx, db, device_id, &udid, &serial, err))
		return err->kind == ERR_MISSING;
	show_known(facts, "udid", udid, deviations);
	show_known(facts, "serial", serial, deviations);
	return true;
}

bool
inventory_show(struct db *db, const char *device_id, json_t **ret, struct err *err)
{
	json_t *all = all_null(), *reported = json_object(), *list;
	bool ok = show_reported(db, device_id, reported, err) && show_facts(db, device_id, all, err) &&
		  show_deviations(db, device_id, all, err);

	for (size_t i = 0; i < LISTS && ok; i++) {
		list = was_reported(reported, &lists[i]) ? json_array() : json_null();
		json_object_set_new(json_object_get(all, fact_group_name(lists[i].group)), lists[i].name, list);
		ok = json_is_null(list) || list_rows(db, device_id, &lists[i], list, err);
	}
	add_data_protection(json_object_get(all, fact_group_name(FACT_COMPLIANCE)));
	json_object_set_new(all, "reported", reported);
	if (ok)
		*ret = all;
	else
		json_decref(all);
	return ok;
}

/* ---- as tables ---- */

/* What was not reported is nothing, and what was and is empty a pair of quotes. */
static void
csv_value(struct buf *out, const json_t *v)
{
	char *made = json_is_null(v) || json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
	const char *word = made ? made : json_is_string(v) ? json_string_value(v) : "";

	if (json_is_string(v) && !*word)
		buf_text(out, "\"\"");
	else
		buf_csv(out, word, strlen(word));
	free(made);
}

static bool
is_list(const char *name)
{
	for (size_t i = 0; i < LISTS; i++)
		if (strcmp(lists[i].name, name) == 0)
			return true;
	return false;
}

static void
csv_list(struct buf *out, const struct list *list, const json_t *items)
{
	const size_t n = sizeof list->columns / sizeof *list->columns;
	const json_t *item;
	size_t i;

	for (size_t c = 0; c < n && list->columns[c]; c++)
		buf_addf(out, "%s%s", c ? "," : "", list->columns[c]);
	buf_text(out, "\r\n");
	json_array_foreach(items, i, item) {
		for (size_t c = 0; c < n && list->columns[c]; c++) {
			buf_text(out, c ? "," : "");
			csv_value(out, json_object_get(item, list->columns[c]));
		}
		buf_text(out, "\r\n");
	}
}

static void
csv_facts(struct buf *out, const json_t *group)
{
	const json_t *v;
	const char *name;

	buf_text(out, "fact,value\r\n");
	json_object_foreach((json_t *)group, name, v) {
		if (is_list(name))
			continue;	/* a table of its own */
		buf_csv(out, name, strlen(name));
		buf_text(out, ",");
		csv_value(out, v);
		buf_text(out, "\r\n");
	}
}

bool
inventory_csv(struct db *db, const char *device_id, const char *group, struct buf *out, struct err *err)
{
	const struct list *list = NULL;
	const json_t *from;
	json_t *all;

	for (size_t i = 0; i < LISTS; i++)
		if (strcmp(lists[i].name, group) == 0)
			list = &lists[i];
	if (!inventory_show(db, device_id, &all, err))
		return false;
	from = json_object_get(all, list ? fact_group_name(list->group) : group);
	if (!from || strcmp(group, "reported") == 0 || strcmp(group, "deviations") == 0) {
		json_decref(all);
		return err_set(err, ERR_MISSING, "no table of this name");
	}
	if (list)
		csv_list(out, list, json_object_get(from, list->name));
	else
		csv_facts(out, from);
	json_decref(all);
	return buf_ok(out, err);
}

/* ---- one device, one row ---- */

/* Those that lists of devices have columns for already. */
static bool
is_listed(const char *name)
{
	static const char *const listed[] = { "name", "udid", "serial", "product", "os_version", "os_build", "supervised" };

	for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
		if (strcmp(listed[i], name) == 0)
			return true;
	return false;
}

void
inventory_csv_head(struct buf *out)
{
	for (size_t i = 0; i < fact_table_n; i++)
		if (!is_listed(fact_table[i].name))
			buf_addf(out, ",%s", fact_table[i].name);
	buf_text(out, ",data_protection,restrictions,apps,provisions,provisions_end,mobileconfigs,certificates,certificates_end");
}

/* How many there are of each list, and the first end: of a list that was reported. */
static bool
csv_sums(struct db *db, const char *device_id, const json_t *reported, struct buf *out, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT (SELECT count(*) FROM installed_app WHERE device_id = $1 AND installed), NULL,"
		" (SELECT count(*) FROM installed_provision WHERE device_id = $1), (SELECT min(expires) FROM installed_provision"
		" WHERE device_id = $1), (SELECT count(*) FROM installed_mobileconfig WHERE device_id = $1), NULL,"
		" (SELECT count(*) FROM installed_certificate WHERE device_id = $1), (SELECT min(expires) FROM installed_certificate"
		" WHERE device_id = $1)", db_text(device_id));
	char iso[CLOCK_ISO_SIZE];

	if (!rows_one(rows, err, "no numbers"))
		return false;
	for (size_t i = 0; i < LISTS; i++) {
		bool known = was_reported(reported, &lists[i]);
		int count = (int)i * 2, end = count + 1;

		buf_text(out, ",");
		if (known)
			buf_addf(out, "%lld", (long long)rows_int(rows, count));
		if (lists[i].ends)
			buf_addf(out, ",%s", known && !rows_null(rows, end) ? clock_iso(rows_int(rows, end), iso) : "");
	}
	return true;
}

static void
csv_columns(struct buf *out, json_t *all)
{
	json_t *compliance = json_object_get(all, fact_group_name(FACT_COMPLIANCE)), *kind;
	const json_t *restrictions = json_object_get(compliance, FACT_RESTRICTIONS);
	const char *name;
	size_t n = 0;

	for (size_t i = 0; i < fact_table_n; i++)
		if (!is_listed(fact_table[i].name)) {
			buf_text(out, ",");
			csv_value(out, json_object_get(group_of(all, fact_table[i].name), fact_table[i].name));
		}
	add_data_protection(compliance);
	buf_text(out, ",");
	csv_value(out, json_object_get(compliance, "data_protection"));
	json_object_foreach((json_t *)restrictions, name, kind)
		n += json_object_size(kind);
	buf_text(out, ",");
	if (json_is_object(restrictions))
		buf_addf(out, "%zu", n);
}

bool
inventory_csv_row(struct db *db, const char *device_id, struct buf *out, struct err *err)
{
	json_t *all = all_null(), *reported = json_object();
	bool ok = show_facts(db, device_id, all, err) && show_reported(db, device_id, reported, err);

	if (ok)
		csv_columns(out, all);
	ok = ok && csv_sums(db, device_id, reported, out, err);
	json_decref(all);
	json_decref(reported);
	return ok;
}

bool
inventory_raw(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char *request_type, struct bytes *ret,
	      struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(scratch, db, "SELECT answer FROM device_report WHERE device_id = $1 AND request_type = $2",
				     db_text(device_id), db_text(request_type));

	return rows_one(rows, err, "no answer of this type") &&
	       unpack(ctx, rows_bytes(scratch, rows, 0), PLIST_BYTES_MAX, ret, err);
}
