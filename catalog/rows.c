#include "catalog/rows.h"

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
