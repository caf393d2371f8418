/* What waits and what was, as lists. */
#include "core/clock.h"
#include "core/num.h"
#include "core/pack.h"
#include "core/plist.h"
#include "mdm/queue.h"
#include <string.h>

static json_t *
time_of(struct rows *rows, int column)
{
	char text[CLOCK_ISO_SIZE];

	return rows_null(rows, column) ? json_null() : json_string(clock_iso(rows_int(rows, column), text));
}

static json_t *
error_of(TALLOC_CTX *ctx, struct rows *rows, int column)
{
	const char *text = rows_text(ctx, rows, column);
	json_t *error = *text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	return error ? error : json_null();
}

#define ABOUT "c.uuid, c.request_type, c.subject, c.created_by, c.created"	/* columns 0 to 4 */

static json_t *
about(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "uuid", rows_text(ctx, rows, 0), "request_type",
			 rows_text(ctx, rows, 1), "subject", rows_text(ctx, rows, 2), "created_by",
			 rows_text(ctx, rows, 3), "created", time_of(rows, 4));
}

#define WAITING "SELECT " ABOUT ", q.state, q.sent, q.sent_count, q.not_now_count, q.not_before, q.expires, q.priority" \
		" FROM command_queue q JOIN command c ON c.id = q.command_id JOIN enrollment e ON e.id = q.enrollment_id" \
		" WHERE e.device_id = $1"

static json_t *
waiting_row(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *row = about(ctx, rows);

	json_object_set_new(row, "state", json_string(rows_text(ctx, rows, 5)));
	json_object_set_new(row, "sent", time_of(rows, 6));
	json_object_set_new(row, "sent_count", json_integer(rows_int(rows, 7)));
	json_object_set_new(row, "not_now_count", json_integer(rows_int(rows, 8)));
	json_object_set_new(row, "not_before", time_of(rows, 9));
	json_object_set_new(row, "expires", time_of(rows, 10));
	json_object_set_new(row, "priority", json_integer(rows_int(rows, 11)));
	return row;
}

#define HISTORY "SELECT " ABOUT ", h.state, h.status, h.sent, h.sent_count, h.not_now_count, h.ended, h.error, c.id," \
		" h.answer, h.sealed FROM command_history h JOIN command c ON c.id = h.command_id" \
		" JOIN enrollment e ON e.id = h.enrollment_id WHERE e.device_id = $1"

static json_t *
history_row(TALLOC_CTX *ctx, struct rows *rows)
{
	json_t *row = about(ctx, rows);

	json_object_set_new(row, "state", json_string(rows_text(ctx, rows, 5)));
	json_object_set_new(row, "status", json_string(rows_text(ctx, rows, 6)));
	json_object_set_new(row, "sent", time_of(rows, 7));
	json_object_set_new(row, "sent_count", json_integer(rows_int(rows, 8)));
	json_object_set_new(row, "not_now_count", json_integer(rows_int(rows, 9)));
	json_object_set_new(row, "ended", time_of(rows, 10));
	json_object_set_new(row, "error", error_of(ctx, rows, 11));
	return row;
}

bool
queue_list(struct db *db, const char *device_id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, WAITING " ORDER BY q.turn, q.priority DESC, q.command_id",
				     db_text(device_id));
	json_t *items = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(items, waiting_row(ctx, rows));
	if (step == ROWS_FAILED) {
		json_decref(items);
		return false;
	}
	*ret = json_pack("{s:o, s:n}", "items", items, "next");
	return true;
}

/* Newest first is by when they were asked for: the key has that order, and needs no index of its own. */
bool
queue_history(struct db *db, const char *device_id, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	int64_t before = INT64_MAX, last = 0;
	json_t *items, *next = NULL;
	enum rows_step step;
	struct rows *rows;

	if (after && *after && !num_parse(after, 0, INT64_MAX, &before, err))
		return err_set(err, ERR_MALFORMED, "\"after\" is none that was given out");
	limit = limit < 1 ? 1 : limit > QUEUE_PAGE_MAX ? QUEUE_PAGE_MAX : limit;
	rows = db_query(ctx, db, HISTORY " AND h.command_id < $2 ORDER BY h.command_id DESC LIMIT $3", db_text(device_id),
			db_int(before), db_int(limit + 1));
	items = json_array();
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if ((int64_t)json_array_size(items) == limit) {
			next = json_string(mem_printf(ctx, "%lld", (long long)last));
			step = ROWS_END;
			break;
		}
		last = rows_int(rows, 12);
		json_array_append_new(items, history_row(ctx, rows));
	}
	if (step == ROWS_FAILED) {
		json_decref(items);
		return false;
	}
	*ret = json_pack("{s:o, s:o}", "items", items, "next", next ? next : json_null());
	return true;
}

/* The raw answer as JSON; null when none is kept. */
static json_t *
answer_of(TALLOC_CTX *ctx, struct bytes packed)
{
	SCOPED(plist) plist_t node = NULL;
	struct bytes raw = { 0 };
	struct err none;

	if (!packed.len || !unpack(ctx, packed, PLIST_BYTES_MAX, &raw, &none) ||
	    !plist_open(raw, PLIST_BYTES_MAX, &node, &none))
		return json_null();
	return plist_json(node);
}

bool
queue_show(struct db *db, const char *device_id, const char *uuid, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *wanted = strlen(uuid) <= QUEUE_UUID_MAX ? uuid : "";
	struct rows *rows = db_query(ctx, db, WAITING " AND c.uuid = $2", db_text(device_id), db_text(wanted));
	enum rows_step step = rows_next(rows, err);

	if (step == ROWS_FAILED)
		return false;
	if (step == ROWS_ROW) {
		*ret = waiting_row(ctx, rows);
		return true;
	}
	rows = db_query(ctx, db, HISTORY " AND c.uuid = $2 ORDER BY h.ended DESC LIMIT 1", db_text(device_id),
			db_text(wanted));
	if (!rows_one(rows, err, "this device has no such command"))
		return false;
	*ret = history_row(ctx, rows);
	json_object_set_new(*ret, "sealed", json_boolean(rows_bool(rows, 14)));
	json_object_set_new(*ret, "answer", rows_bool(rows, 14) ? json_null() : answer_of(ctx, rows_bytes(ctx, rows, 13)));
	return true;
}
