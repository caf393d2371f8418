/* The filter of an assignment's devices as rows: what a page shows of it comes back from the page. */
#include "tests/check.h"
#include "catalog/assignment_filter.h"
#include "web/filter_form.h"
#include "web/page.h"
#include "web/request.h"
#include "web/site.h"

static struct req *
req_of(TALLOC_CTX *ctx)
{
	struct req *req = mem_new(ctx, struct req);
	struct err err;

	req->site = mem_new(req, struct site);
	req->language = "en";
	req->server = mem_new(req, struct server_req);
	assert_ok(pages_open(req, NULL, &req->site->pages, &err), &err);
	return req;
}

static void
send(struct req *req, const char *name, const char *value)
{
	struct fields *form = &req->server->form;

	form->items = mem_grow(req, form->items, struct field, form->n + 1);
	form->items[form->n++] = (struct field){ name, mem_text(req, value) };
}

static const char *
text(const json_t *part, const char *key)
{
	return json_string_value(json_object_get(part, key));
}

/* What a browser sends of the part, untouched. */
static void
send_part(struct req *req, const json_t *part)
{
	const json_t *row, *option;
	size_t i, k;

	send(req, "which", json_is_true(json_object_get(part, "filter_deep")) ? "same" : "rows");
	json_array_foreach(json_object_get(part, "filter_rows"), i, row) {
		json_array_foreach(json_object_get(row, "options"), k, option)
			if (json_is_true(json_object_get(option, "selected")))
				send(req, "fact", text(option, "value"));
		send(req, "pattern", text(row, "pattern"));
	}
	send(req, "os_from", text(part, "filter_from"));
	send(req, "os_below", text(part, "filter_below"));
	send(req, "supervised", text(part, "filter_supervised"));
	send(req, "kind", text(part, "filter_kind"));
	send(req, "devices", text(part, "filter_json"));
}

static json_t *
back(struct req *req, bool *same)
{
	json_t *ret;
	struct err err;

	assert_ok(filter_of_form(req, &ret, same, &err), &err);
	if (ret)
		assert_ok(assignment_filter_check(ret, &err), &err);
	return ret;
}

static void
what_rows_can_say_comes_back_from_them(void **state)
{
	static const struct { const char *filter; bool deep; } rows[] = {
		{ "{}", false },
		{ "{\"product\":\"iPad*\"}", false },
		{ "{\"product\":[\"iPad*\",\"iPhone15,4\"],\"model\":\"iPhone 15\",\"name\":\"Kiosk *\",\"serial\":\"F2L*\",\"udid\":\"0000*\"}", false },
		{ "{\"os\":{\"from\":\"16\",\"below\":\"19\"},\"supervised\":true,\"kind\":\"user\"}", false },
		{ "{\"os\":{\"below\":\"19.1\"},\"supervised\":false,\"kind\":\"device\"}", false },
		{ "{\"not\":{\"name\":[\"Kiosk *\",\"Till *\"]}}", false },
		{ "{\"product\":\"iPad*\",\"not\":[{\"name\":\"Kiosk *\"},{\"serial\":[\"F2L*\",\"DNP*\"]}]}", false },
		/* these say more than rows can, and stay as they are */
		{ "{\"not\":{\"name\":\"a\",\"serial\":\"b\"}}", true },
		{ "{\"not\":{\"not\":{\"name\":\"a\"}}}", true },
		{ "{\"not\":{\"supervised\":true}}", true },
		{ "{\"not\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", true },
		{ "{\"not\":[{\"name\":\"a\"},{\"os\":{\"from\":\"17\"}}]}", true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct req *req = req_of(*state);
		json_t *filter = json_loads(rows[i].filter, 0, NULL), *part = filter_part(req, filter, NULL), *is;
		bool same;
		struct err err;

		assert_ok(assignment_filter_check(filter, &err), &err);
		if (json_is_true(json_object_get(part, "filter_deep")) != rows[i].deep)
			fail_msg("row %zu is %sdeep", i, rows[i].deep ? "not " : "");
		send_part(req, part);
		is = back(req, &same);
		assert_int_equal(same, rows[i].deep);
		if (!rows[i].deep && !json_equal(is, filter))
			fail_msg("row %zu became another filter", i);
		json_decref(part);
		json_decref(filter);
	}
}

static void
json_is_taken_where_it_is_meant_and_what_is_none_is_refused(void **state)
{
	struct req *req = req_of(*state);
	json_t *ret, *part;
	struct err err;
	bool same;

	send(req, "which", "rows");
	send(req, "fact", "product");
	send(req, "pattern", "iPad*");
	send(req, "devices", "{\"product\": \"iPhone*\"}");
	assert_string_equal(text(back(req, &same), "product"), "iPad*");
	send(req, "as", "devices");
	assert_string_equal(text(back(req, &same), "product"), "iPhone*");

	/* a page without rows must not lose its filter */
	req = req_of(*state);
	send(req, "devices", "{\"product\": \"iPhone*\"}");
	assert_string_equal(text(back(req, &same), "product"), "iPhone*");

	req = req_of(*state);
	send(req, "devices", "{\"product\"");
	assert_false(filter_of_form(req, &ret, &same, &err));
	assert_string_equal(err.code, "bad_filter");
	part = filter_part(req, NULL, "{\"product\"");
	assert_true(json_is_true(json_object_get(part, "filter_open")));
	assert_string_equal(text(part, "filter_json"), "{\"product\"");
	json_decref(part);

	/* all of them, said of one that rows cannot show */
	req = req_of(*state);
	send(req, "which", "all");
	assert_null(back(req, &same));
	assert_false(same);
}

TESTS(what_rows_can_say_comes_back_from_them, json_is_taken_where_it_is_meant_and_what_is_none_is_refused)
