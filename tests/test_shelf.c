/* What the catalog shows besides builds: categories, featured apps, web apps and App Store links, texts. */
#include "tests/check_house.h"
#include "catalog/app.h"
#include "catalog/category.h"
#include "catalog/item.h"

#define ICON "0000000000000000000000000000000000000000000000000000000000000000"

static json_t *
json_of(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	assert_non_null(json);
	return json;
}

static char *
item(TALLOC_CTX *ctx, struct house *h, const char *name, const char *audience, const char *categories)
{
	json_t *tree = audience ? json_of(audience) : NULL, *names = categories ? json_of(categories) : NULL;
	struct item_fields f = { .kind = "web", .name = name, .url = "https://wiki.example.com/", .icon = ICON,
				 .audience = tree, .categories = names };
	struct err err;
	char *id;

	assert_ok(item_add(ctx, h->db, h->anna, &f, &id, &err), &err);
	json_decref(tree);
	json_decref(names);
	return id;
}

/* "Demo | Wiki | ...": names of what a list holds, page by page. */
static const char *
lists(TALLOC_CTX *ctx, struct house *h, const struct person *person, struct app_filter filter, int64_t limit)
{
	const char *names = "", *after = NULL;
	struct err err;

	do {
		json_t *list, *one;
		size_t i;

		assert_ok(app_list(h->db, viewer_of(person), &filter, after, limit, &list, &err), &err);
		assert_true((int64_t)json_array_size(json_object_get(list, "items")) <= limit);
		json_array_foreach(json_object_get(list, "items"), i, one)
			names = mem_printf(ctx, "%s%s%s", names, *names ? " | " : "",
					   json_string_value(json_object_get(one, "name")));
		after = mem_text(ctx, json_string_value(json_object_get(list, "next")));
		json_decref(list);
	} while (after);
	return names;
}

static void
apps_and_items_are_one_list_in_the_order_of_names_however_it_is_cut(void **state)
{
	struct house h = house(*state);
	const char *all = "Alpha | Beta | Beta | Canteen | Delta | Echo | Zulu";
	struct app_filter none = { 0 };

	published(*state, &h, (struct sent){ .bundle_id = "com.example.d", .name = "Delta" });
	published(*state, &h, (struct sent){ .bundle_id = "com.example.b", .name = "Beta" });
	published(*state, &h, (struct sent){ .bundle_id = "com.example.z", .name = "Zulu" });
	item(*state, &h, "Beta", NULL, NULL);
	item(*state, &h, "Alpha", NULL, NULL);
	item(*state, &h, "Canteen", NULL, NULL);
	item(*state, &h, "Echo", NULL, NULL);
	for (int64_t limit = 1; limit < 9; limit++)
		assert_string_equal(lists(*state, &h, h.mia, none, limit), all);
	assert_string_equal(lists(*state, &h, h.mia, (struct app_filter){ .search = "WIKI.example" }, 2),
			    "Alpha | Beta | Canteen | Echo");
	assert_string_equal(lists(*state, &h, h.anna, (struct app_filter){ .owned = true }, 2), "Beta | Delta | Zulu");
	assert_string_equal(lists(*state, &h, NULL, none, 2), "");
}

static void
an_item_is_there_for_its_audience_and_admins_alone(void **state)
{
	struct house h = house(*state);
	const char *id = item(*state, &h, "Wiki", "{\"person\": \"paul\"}", NULL);
	const struct { const struct person *person; bool seen; } cases[] = {
		{ h.anna, true }, { h.paul, true }, { h.mia, false }, { NULL, false },
	};
	struct viewer token = viewer_of(h.anna);
	struct item_fields f = { .kind = "store", .name = "Pages", .url = "361309726" };
	json_t *json;
	struct err err;
	char *icon;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct viewer v = viewer_of(cases[i].person);

		assert_int_equal(item_icon(*state, h.db, v, id, &icon, &err), cases[i].seen);
		assert_true(cases[i].seen || err.kind == ERR_MISSING);
		assert_string_equal(lists(*state, &h, cases[i].person, (struct app_filter){ 0 }, 5), cases[i].seen ? "Wiki" : "");
	}
	token.only = "com.example.app";
	assert_false(item_icon(*state, h.db, token, id, &icon, &err));
	assert_ok(item_change(h.db, h.anna, id, &f, &err), &err);
	assert_ok(item_edit(h.db, id, &json, &err), &err);
	assert_string_equal("https://apps.apple.com/app/id361309726", json_string_value(json_object_get(json, "url")));
	json_decref(json);
	assert_ok(item_icon(*state, h.db, viewer_of(h.mia), id, &icon, &err), &err);
	assert_string_equal(icon, ICON);	/* none was given: it stays */
	assert_ok(item_remove(h.db, h.anna, id, &err), &err);
	assert_false(item_remove(h.db, h.anna, id, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
an_address_that_is_none_is_refused(void **state)
{
	static const struct { const char *kind, *url, *kept; } cases[] = {
		{ "web", "https://intranet.example.com/a?b=c#d", "https://intranet.example.com/a?b=c#d" },
		{ "web", "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/" },
		{ "web", "http://intranet.example.com/", NULL }, { "web", "javascript:alert(1)", NULL },
		{ "web", "https://", NULL }, { "web", "", NULL }, { "web", "https:", NULL }, { "web", "https:///x", NULL },
		{ "web", "https://user@example.com/", NULL }, { "web", "https://example.com/\"><script>", NULL },
		{ "web", "https://example.com/a b", NULL }, { "web", "https://example.com/\nX: y", NULL },
		{ "web", "https://b\xc3\xbc" "cher.example/", NULL }, { "mail", "https://example.com/", NULL },
		{ "store", "361309726", "https://apps.apple.com/app/id361309726" },
		{ "store", "https://apps.apple.com/de/app/pages/id361309726?mt=8", "https://apps.apple.com/app/id361309726" },
		{ "store", "https://itunes.apple.com/app/id361309726", "https://apps.apple.com/app/id361309726" },
		{ "store", "https://apps.example.com/app/id361309726", NULL }, { "store", "id361309726", NULL },
		{ "store", "https://apps.apple.com/app/id36", NULL }, { "store", "361309726 ", NULL },
		{ "store", "https://apps.apple.com/app/id3613097260000000", NULL }, { "store", "", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *kept = NULL;
		struct err err;

		print_message("%s %s\n", cases[i].kind, cases[i].url);
		assert_int_equal(item_url(*state, cases[i].kind, cases[i].url, &kept, &err), cases[i].kept != NULL);
		if (cases[i].kept)
			assert_string_equal(kept, cases[i].kept);
		else
			assert_int_equal(err.kind, ERR_INVALID);
	}
}

static const char *
names_of(TALLOC_CTX *ctx, json_t *list, const char *key)
{
	const char *names = "";
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		names = mem_printf(ctx, "%s%s%s", names, *names ? " " : "",
				   json_string_value(key ? json_object_get(one, key) : one));
	json_decref(list);
	return names;
}

static const char *
chips(TALLOC_CTX *ctx, struct house *h, const struct person *person)
{
	json_t *list;
	struct err err;

	assert_ok(category_seen(h->db, viewer_of(person), &list, &err), &err);
	return names_of(ctx, list, NULL);
}

static bool
set_categories(struct house *h, const char *bundle_id, const char *names, struct err *err)
{
	struct app_settings s = { .categories = json_of(names), .link_sign_in = -1 };
	bool ok = app_set(h->db, h->paul, bundle_id, &s, err);

	json_decref((json_t *)(uintptr_t)s.categories);
	return ok;
}

static void
categories_keep_their_order_and_hold_what_is_put_in_them(void **state)
{
	struct house h = house(*state);
	const char *names[] = { "Finance", "People", "IT", "Operations", "Sales", "Legal" };
	json_t *list, *nobody = json_of("{\"any\": []}");
	struct err err;
	char *ids[6], *id;

	for (int i = 0; i < 6; i++)
		assert_ok(category_add(*state, h.db, h.anna, names[i], &ids[i], &err), &err);
	assert_false(category_add(*state, h.db, h.anna, "FINANCE", &id, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_ok(category_change(h.db, h.anna, ids[3], NULL, 1, &err), &err);
	assert_ok(category_change(h.db, h.anna, ids[0], "Money", CATEGORIES_MAX, &err), &err);
	assert_ok(category_change(h.db, h.anna, ids[2], "it", 3, &err), &err);	/* its own name, otherwise written */
	assert_ok(category_list(h.db, &list, &err), &err);
	assert_string_equal(names_of(*state, list, "name"), "Operations People it Sales Legal Money");
	assert_false(category_change(h.db, h.anna, ids[2], "sales", 0, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);

	published(*state, &h, (struct sent){ .bundle_id = "com.example.a", .name = "A" });
	published(*state, &h, (struct sent){ .bundle_id = "com.example.b", .name = "B" });
	item(*state, &h, "Wiki", NULL, "[\"IT\"]");
	assert_ok(set_categories(&h, "com.example.a", "[\"it\", \"Money\"]", &err), &err);
	assert_ok(set_categories(&h, "com.example.b", "[\"Legal\"]", &err), &err);
	assert_string_equal(lists(*state, &h, h.mia, (struct app_filter){ .category = "IT" }, 1), "A | Wiki");
	assert_string_equal(lists(*state, &h, h.mia, (struct app_filter){ .category = "legal" }, 9), "B");
	assert_string_equal(lists(*state, &h, h.mia, (struct app_filter){ .category = "nowhere" }, 9), "");
	assert_string_equal(chips(*state, &h, h.mia), "it Legal Money");
	/* a chip with nothing behind it for somebody tells of what they do not see */
	assert_ok(channel_set_audience(h.db, h.paul, "com.example.b", "main", nobody, &err), &err);
	assert_string_equal(chips(*state, &h, h.mia), "it Money");
	assert_string_equal(chips(*state, &h, h.paul), "it Legal Money");

	assert_false(set_categories(&h, "com.example.a", "[\"Space\"]", &err));
	assert_string_equal(err.code, "unknown_category");
	assert_false(set_categories(&h, "com.example.a", "[\"it\", \"IT\"]", &err));
	assert_false(set_categories(&h, "com.example.a", "[\"it\", \"Money\", \"Legal\", \"Sales\", \"People\", \"Operations\"]", &err));
	assert_string_equal(lists(*state, &h, h.mia, (struct app_filter){ .category = "money" }, 9), "A");	/* as before */
	assert_ok(category_remove(h.db, h.anna, ids[2], &err), &err);
	assert_string_equal(chips(*state, &h, h.mia), "Money");
	json_decref(nobody);
}

static void
the_shelf_shows_the_featured_apps_that_somebody_sees(void **state)
{
	struct house h = house(*state);
	json_t *shelf = json_of("[\"com.example.b\", \"com.example.a\"]"), *nobody = json_of("{\"any\": []}"), *list;
	struct err err;

	published(*state, &h, (struct sent){ .bundle_id = "com.example.a", .name = "A" });
	published(*state, &h, (struct sent){ .bundle_id = "com.example.b", .name = "B" });
	assert_ok(app_set_featured(h.db, h.anna, shelf, &err), &err);
	assert_ok(app_featured(h.db, viewer_of(h.mia), &list, &err), &err);
	assert_string_equal(names_of(*state, list, "name"), "B A");
	assert_ok(channel_set_audience(h.db, h.paul, "com.example.b", "main", nobody, &err), &err);
	assert_ok(app_featured(h.db, viewer_of(h.mia), &list, &err), &err);
	assert_string_equal(names_of(*state, list, "name"), "A");
	json_array_append_new(shelf, json_string("com.example.a"));
	assert_false(app_set_featured(h.db, h.anna, shelf, &err));	/* twice */
	assert_int_equal(err.kind, ERR_INVALID);
	json_array_clear(shelf);
	for (int i = 0; i < APP_FEATURED_MAX + 1; i++)
		json_array_append_new(shelf, json_sprintf("com.example.%d", i));
	assert_false(app_set_featured(h.db, h.anna, shelf, &err));
	assert_ok(app_featured(h.db, viewer_of(h.mia), &list, &err), &err);
	assert_string_equal(names_of(*state, list, "name"), "A");
	json_decref(shelf);
	json_decref(nobody);
}

static void
a_publisher_says_what_their_app_is_and_nobody_else_does(void **state)
{
	struct house h = house(*state);
	struct app_settings s = { .subtitle = "Inspections without a signal", .description = "# Notes", .link_sign_in = 1 };
	json_t *is;
	struct err err;

	published(*state, &h, (struct sent){ 0 });
	assert_false(app_set(h.db, h.mia, "com.example.app", &s, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_ok(app_set(h.db, h.paul, "com.example.app", &s, &err), &err);
	assert_ok(app_set(h.db, h.paul, "com.example.app", &(struct app_settings){ .link_sign_in = -1 }, &err), &err);
	assert_ok(app_settings(h.db, viewer_of(h.paul), "com.example.app", &is, &err), &err);
	assert_string_equal(s.subtitle, json_string_value(json_object_get(is, "subtitle")));
	assert_string_equal(s.description, json_string_value(json_object_get(is, "description")));
	assert_true(json_is_true(json_object_get(is, "link_sign_in")));
	json_decref(is);
	assert_false(app_settings(h.db, viewer_of(h.mia), "com.example.app", &is, &err));
	s.subtitle = "two\nlines";
	assert_false(app_set(h.db, h.paul, "com.example.app", &s, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	/* a newer build changes none of it */
	published(*state, &h, (struct sent){ .build = "2" });
	assert_ok(app_show(h.db, viewer_of(h.mia), "com.example.app", &is, &err), &err);
	assert_string_equal("Inspections without a signal", json_string_value(json_object_get(is, "subtitle")));
	json_decref(is);
}

TESTS(
	apps_and_items_are_one_list_in_the_order_of_names_however_it_is_cut,
	an_item_is_there_for_its_audience_and_admins_alone,
	an_address_that_is_none_is_refused,
	categories_keep_their_order_and_hold_what_is_put_in_them,
	the_shelf_shows_the_featured_apps_that_somebody_sees,
	a_publisher_says_what_their_app_is_and_nobody_else_does
)
