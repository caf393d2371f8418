/* Tables `tester_device` and `device_app`, for publishers. */
#include "catalog/tester_device.h"
#include "catalog/cursor.h"
#include "catalog/mine.h"
#include "catalog/rows.h"
#include "core/audit.h"
#include "core/clock.h"
#include "mdm/model.h"
#include <unistr.h>

/* Devices `t` that were registered for an app of theirs. */
#define SEEN "EXISTS (SELECT 1 FROM device_app w JOIN app a ON a.id = w.app_id WHERE w.device_id = t.id AND " MINE ")"

/* What a device is called: by publishers, else after its owner and model, else as it calls itself. */
static const char *
called(TALLOC_CTX *ctx, const char *label, const char *contact, const char *product, const char *own)
{
	const char *model = model_name(product);

	if (*label)
		return label;
	if (contact)
		return mem_printf(ctx, "%s, %s", contact, model ? model : product);
	return *own ? own : model ? model : product;
}

static json_t *
device_json(TALLOC_CTX *ctx, struct rows *rows, bool udids)
{
	const char *label = rows_text(ctx, rows, 2), *own = rows_text(ctx, rows, 3), *product = rows_text(ctx, rows, 4);
	const char *contact = rows_text(ctx, rows, 7);
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:s?, s:I}",
		"id", rows_text(ctx, rows, 0), "name", called(ctx, label, contact, product, own), "label", label,
		"own_name", own, "product", product, "model", model_name(product), "version", rows_text(ctx, rows, 5),
		"created", clock_text(ctx, rows_int(rows, 8)), "udid", udids ? rows_text(ctx, rows, 1) : NULL,
		"builds", (json_int_t)rows_int(rows, 9));

	json_object_set_new(json, "contact", !contact ? json_null() :
			    json_pack("{s:s, s:s}", "id", rows_text(ctx, rows, 6), "name", contact));
	return json;
}

static json_t *
app_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:b}", "bundle_id", rows_text(ctx, rows, 0),
			 "name", rows_text(ctx, rows, 1), "state", rows_text(ctx, rows, 2),
			 "version", rows_text(ctx, rows, 3), "build", rows_text(ctx, rows, 4),
			 "build_id", rows_text(ctx, rows, 5), "told", rows_bool(rows, 6));
}

static bool
add_apps(struct db *db, const struct person *person, json_t *device, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT a.bundle_id, coalesce(b.name, a.name), w.state, b.version, b.build, b.id, w.told"
		" FROM device_app w JOIN app a ON a.id = w.app_id LEFT JOIN build b ON b.id = w.build_id"
		" WHERE w.device_id = $3 AND " MINE " ORDER BY a.folded, a.id", ME(person),
		db_text(json_string_value(json_object_get(device, "id"))));
	json_t *apps;

	if (!rows_list(rows, app_json, &apps, err))
		return false;
	json_object_set_new(device, "apps", apps);
	return true;
}

struct page {
	const struct person *person;
	bool udids;
	int64_t limit, from;
	const char *id;		/* of the last one of the page before */
	json_t *page;
};

#define DEVICE_LIST "SELECT t.id, t.udid, t.label, t.name, t.product, t.version, t.contact_id, c.name, t.created," \
	" (SELECT count(*) FROM build_device d JOIN build b ON b.id = d.build_id JOIN app a ON a.id = b.app_id" \
	" WHERE d.udid = t.udid AND " MINE ") FROM tester_device t LEFT JOIN contact c ON c.id = t.contact_id" \
	" WHERE (t.created, t.id) < ($3, $4) AND " SEEN " ORDER BY t.created DESC, t.id DESC LIMIT $5"

static bool
read_page(struct db *db, struct page *p, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, DEVICE_LIST, ME(p->person), db_int(p->from), db_text(p->id),
				     db_int(p->limit + 1));
	json_t *items = json_array(), *item;
	const char *last_id = "";
	int64_t last = 0;
	enum rows_step step;

	p->page = json_pack("{s:o, s:n}", "items", items, "next");
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (json_array_size(items) == (size_t)p->limit) {
			json_object_set_new(p->page, "next", json_string(cursor_put(ctx, mem_printf(ctx, "%lld",
						       (long long)last), last_id)));
			break;
		}
		last_id = rows_text(ctx, rows, 0);
		last = rows_int(rows, 8);
		item = device_json(ctx, rows, p->udids);
		json_array_append_new(items, item);
		if (!add_apps(db, p->person, item, err))
			return false;
	}
	return step != ROWS_FAILED;
}

/* Looked up again inside: what is given out is what stands in the audit. */
static bool
tx_page(struct db *tx, void *arg, struct err *err)
{
	struct page *p = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	json_decref(p->page);
	p->page = NULL;
	return read_page(tx, p, err) &&
	       audit_add(tx, person_actor(ctx, p->person), "device.udids", "page", mem_printf(ctx, "%zu devices",
			 json_array_size(json_object_get(p->page, "items"))), err);
}

bool
tester_device_list(struct db *db, const struct person *person, bool udids, const char *after, int64_t limit,
		   json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct page p = { .person = person, .udids = udids, .limit = limit };

	if (p.limit < 1 || p.limit > TESTER_DEVICE_PAGE_MAX)
		p.limit = TESTER_DEVICE_PAGE_MAX;
	p.from = cursor_take_number(ctx, after, INT64_MAX, &p.id);
	if (!(udids ? db_tx(db, tx_page, &p, err) : read_page(db, &p, err))) {
		json_decref(p.page);
		return err_at(err, "registered devices");
	}
	*ret = p.page;
	return true;
}

static json_t *
waiting_json(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:I}", "bundle_id", rows_text(ctx, rows, 0), "name", rows_text(ctx, rows, 1),
			 "waiting", (json_int_t)rows_int(rows, 2));
}

bool
tester_device_waiting(struct db *db, const struct person *person, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT a.bundle_id, a.name, count(*) FROM device_app w"
		" JOIN app a ON a.id = w.app_id WHERE w.state = 'waiting' AND " MINE
		" GROUP BY a.id, a.bundle_id, a.name, a.folded ORDER BY a.folded, a.id", ME(person));

	return rows_list(rows, waiting_json, ret, err) || err_at(err, "who waits");
}

/* ---- devices.txt ---- */

struct text {
	const struct person *person;
	const char *bundle_id;
	struct buf *out;
};

/* One field: no tab and no end of line, at most as long as Apple keeps it. */
static void
add_field(struct buf *out, const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	ucs4_t c;

	for (int n = 0; n < TESTER_DEVICE_LABEL_MAX && (p = u8_next(&c, p)); n++) {
		uint8_t utf8[6];

		if (c < 0x20 || c == 0x7f || c == 0x2028 || c == 0x2029)
			c = ' ';
		buf_add(out, utf8, (size_t)u8_uctomb(utf8, c, sizeof utf8));
	}
}

static bool
tx_text(struct db *tx, void *arg, struct err *err)
{
	struct text *t = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT t.udid, t.label, t.name, t.product, c.name FROM tester_device t"
		" LEFT JOIN contact c ON c.id = t.contact_id WHERE EXISTS (SELECT 1 FROM device_app w JOIN app a"
		" ON a.id = w.app_id WHERE w.device_id = t.id AND " MINE
		" AND ($3 = '' OR (a.bundle_id = $3 AND w.state = 'waiting'))) ORDER BY t.created, t.id",
		ME(t->person), db_text(t->bundle_id ? t->bundle_id : ""));
	enum rows_step step;
	size_t n = 0;

	buf_clear(t->out);
	buf_text(t->out, "Device ID\tDevice Name\tDevice Platform\n");
	for (; (step = rows_next(rows, err)) == ROWS_ROW; n++) {
		buf_addf(t->out, "%s\t", rows_text(ctx, rows, 0));
		add_field(t->out, called(ctx, rows_text(ctx, rows, 1), rows_text(ctx, rows, 4), rows_text(ctx, rows, 3),
					 rows_text(ctx, rows, 2)));
		buf_text(t->out, "\tios\n");
	}
	return step != ROWS_FAILED && buf_ok(t->out, err) &&
	       audit_add(tx, person_actor(ctx, t->person), "devices.txt", t->bundle_id ? t->bundle_id : "all",
			 mem_printf(ctx, "%zu devices", n), err);
}

bool
tester_devices_txt(struct db *db, const struct person *person, const char *bundle_id, struct buf *out, struct err *err)
{
	struct text t = { person, bundle_id, out };

	return db_tx(db, tx_text, &t, err) || err_at(err, "devices.txt");
}

/* ---- changes ---- */

struct change {
	const struct person *person;
	const char *id, *label;
};

static bool
must_see(struct db *tx, const struct change *c, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_one(db_query(ctx, tx, "SELECT 1 FROM tester_device t WHERE t.id = $3 AND " SEEN, ME(c->person),
				 db_text(c->id)), err, "no such device");
}

static bool
tx_rename(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return must_see(tx, c, err) &&
	       db_run(tx, err, "UPDATE tester_device SET label = $1, changed = $2 WHERE id = $3", db_text(c->label),
		      db_now(), db_text(c->id)) &&
	       audit_add(tx, person_actor(ctx, c->person), "device.rename", c->id, c->label, err);
}

bool
tester_device_rename(struct db *db, const struct person *person, const char *id, const char *label, struct err *err)
{
	struct change c = { person, id, label };
	size_t len = strlen(label);

	if (!text_valid(label, len) || u8_mbsnlen((const uint8_t *)label, len) > TESTER_DEVICE_LABEL_MAX ||
	    strpbrk(label, "\t\r\n"))
		return err_set(err, ERR_INVALID, "a device's name has at most %d characters, on one line",
			       TESTER_DEVICE_LABEL_MAX);
	return db_tx(db, tx_rename, &c, err);
}

/* Gone for their apps; and at all when it was registered for no other. */
static bool
tx_remove(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return must_see(tx, c, err) &&
	       db_run(tx, err, "DELETE FROM device_app WHERE device_id = $3 AND EXISTS (SELECT 1 FROM app a"
		      " WHERE a.id = device_app.app_id AND " MINE ")", ME(c->person), db_text(c->id)) &&
	       db_run(tx, err, "DELETE FROM tester_device WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM device_app w"
		      " WHERE w.device_id = tester_device.id)", db_text(c->id)) &&
	       audit_add(tx, person_actor(ctx, c->person), "device.remove", c->id, NULL, err);
}

bool
tester_device_remove(struct db *db, const struct person *person, const char *id, struct err *err)
{
	struct change c = { person, id, NULL };

	return db_tx(db, tx_remove, &c, err);
}
