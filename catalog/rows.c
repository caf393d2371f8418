#include "catalog/rows.h"
#include "catalog/cursor.h"

json_t *
row_text(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_string(rows_text(ctx, rows, 0));
}

bool
rows_list(struct rows *rows, row_json *item, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (json_array_append_new(list, item(ctx, rows)) != 0) {
			json_decref(list);
			return err_set(err, ERR_INTERNAL, "a row that cannot be made into JSON");
		}
		talloc_free_children(ctx);
	}
	if (step == ROWS_FAILED) {
		json_decref(list);
		return false;
	}
	*ret = list;
	return true;
}

bool
rows_page(struct rows *rows, row_json *item, int place, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *items = json_array(), *page = json_pack("{s:o, s:n}", "items", items, "next");
	const char *last_id = "";
	enum rows_step step;
	int64_t last = 0;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (json_array_size(items) == (size_t)limit) {
			json_object_set_new(page, "next", json_string(cursor_put(ctx, mem_printf(ctx, "%lld", (long long)last),
										 last_id)));
			break;
		}
		last_id = rows_text(ctx, rows, 0);
		last = rows_int(rows, place);
		json_array_append_new(items, item(ctx, rows));
	}
	rows_done(rows);
	if (step == ROWS_FAILED) {
		json_decref(page);
		return false;
	}
	*ret = page;
	return true;
}
