/* Who sees which app, channel and build: the policy of catalog/viewer.h, asked of every reading function. */
#include "tests/check_house.h"
#include "catalog/app.h"
#include "catalog/audience.h"
#include "catalog/cursor.h"
#include "catalog/grant.h"

#define HIDDEN "com.example.hidden"

/* ines is in the group qa; olga is not; pia publishes `hidden` alone, pete another app alone. */
struct people {
	struct person *ines, *olga, *pia, *pete;
};

static void
publishes_only(TALLOC_CTX *ctx, struct house *h, struct person *p, const char *bundle_id)
{
	sql(h, mem_printf(ctx, "UPDATE person SET all_apps = FALSE WHERE id = '%s'", p->id));
	sql(h, mem_printf(ctx, "INSERT INTO publisher_app (person_id, bundle_id) VALUES ('%s', '%s')", p->id, bundle_id));
}

static struct people
people(TALLOC_CTX *ctx, struct house *h)
{
	struct people p = {
		.ines = person(ctx, h, "ines", ROLE_MEMBER), .olga = person(ctx, h, "olga", ROLE_MEMBER),
		.pia = person(ctx, h, "pia", ROLE_PUBLISHER), .pete = person(ctx, h, "pete", ROLE_PUBLISHER),
	};

	sql(h, "INSERT INTO people_group (id, name, folded, source, created) VALUES ('qa', 'QA', 'qa', 'local', 0)");
	sql(h, mem_printf(ctx, "INSERT INTO group_person (group_id, person_id) VALUES ('qa', '%s')", p.ines->id));
	publishes_only(ctx, h, p.pia, HIDDEN);
	publishes_only(ctx, h, p.pete, "com.example.other");
	return p;
}

static void
set_audience(struct house *h, const char *bundle_id, const char *channel, const char *tree)
{
	json_t *json = json_loads(tree, 0, NULL);
	struct err err;

	assert_non_null(json);
	assert_ok(channel_set_audience(h->db, h->anna, bundle_id, channel, json, &err), &err);
	json_decref(json);
}

/* What they are shown of each app: "com.example.app 2, com.example.other 1" (build numbers). */
static const char *
sees(TALLOC_CTX *ctx, struct house *h, struct viewer viewer, struct app_filter filter)
{
	const char *text = "";
	json_t *list, *item;
	struct err err;
	size_t i;

	assert_ok(app_list(h->db, viewer, &filter, NULL, 0, &list, &err), &err);
	json_array_foreach(json_object_get(list, "items"), i, item)
		text = mem_printf(ctx, "%s%s%s %s", text, *text ? ", " : "",
				  json_string_value(json_object_get(item, "bundle_id")),
				  json_string_value(json_object_get(item, "build")));
	json_decref(list);
	return text;
}

/* Every reading function of one app and build says the same: they are there, or they are not. */
static bool
all_say(TALLOC_CTX *ctx, struct house *h, struct viewer viewer, const char *bundle_id, const char *channel,
	const char *build)
{
	struct build_filter filter = { .bundle_id = bundle_id };
	json_t *json;
	struct err err;
	int64_t count;
	int yes = 0, no = 0;
	char *id;

#define SAYS(call, ok) do { if (call) { ok; yes++; } else { assert_int_equal(err.kind, ERR_MISSING); no++; } } while (0)
	SAYS(app_id(ctx, h->db, viewer, bundle_id, &id, &err), );
	SAYS(app_show(h->db, viewer, bundle_id, &json, &err), json_decref(json));
	SAYS(build_show(h->db, viewer, build, true, &json, &err), json_decref(json));
	SAYS(build_icon(ctx, h->db, viewer, bundle_id, ICON_120, &id, &err), );
	assert_ok(app_id(ctx, h->db, VIEWER_HOUSE, bundle_id, &id, &err), &err);
	SAYS(channel_newest(ctx, h->db, viewer, id, channel, &id, &err), );
#undef SAYS
	assert_ok(build_count(h->db, viewer, bundle_id, &count, &err), &err);
	*(count ? &yes : &no) += 1;
	assert_ok(build_list(h->db, viewer, &filter, NULL, 0, &json, &err), &err);
	*(json_array_size(json_object_get(json, "items")) ? &yes : &no) += 1;
	json_decref(json);
	assert_ok(channel_names(h->db, viewer, build, &json, &err), &err);
	*(json_array_size(json) ? &yes : &no) += 1;
	json_decref(json);
	assert_ok(app_id(ctx, h->db, VIEWER_HOUSE, bundle_id, &id, &err), &err);
	assert_ok(channel_list(h->db, viewer, id, &json, &err), &err);
	*(json_array_size(json) ? &yes : &no) += 1;
	json_decref(json);
	if (yes && no)
		fail_msg("%d say that it is there, %d that it is not", yes, no);
	return yes > 0;
}

static void
an_app_for_a_group_is_there_for_them_and_its_publishers_alone(void **state)
{
	struct house h = house(*state);
	struct people p = people(*state, &h);
	const char *open = published(*state, &h, (struct sent){ .build = "1" });
	const char *hidden = published(*state, &h, (struct sent){ .bundle_id = HIDDEN, .build = "7", .channel = "qa" });
	struct app_filter all = { 0 }, owned = { .owned = true }, search = { .search = "hidden" };
	const struct { const char *who; struct person *person; bool seen, owned; } cases[] = {
		{ "nobody", NULL, false, false }, { "ines", p.ines, true, false }, { "olga", p.olga, false, false },
		{ "mia", h.mia, false, false }, { "pia", p.pia, true, true }, { "pete", p.pete, false, false },
		{ "paul", h.paul, true, true }, { "anna", h.anna, true, true },
	};

	set_audience(&h, HIDDEN, "qa", "{\"any\": [{\"group\": \"qa\"}]}");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct viewer v = viewer_of(cases[i].person);
		const char *list = sees(*state, &h, v, all);

		print_message("%s sees \"%s\"\n", cases[i].who, list);
		assert_int_equal(all_say(*state, &h, v, HIDDEN, "qa", hidden), cases[i].seen);
		assert_int_equal(all_say(*state, &h, v, "com.example.app", "main", open), cases[i].person != NULL);
		assert_int_equal(strstr(list, HIDDEN) != NULL, cases[i].seen);
		assert_string_equal(sees(*state, &h, v, search), cases[i].seen ? HIDDEN " 7" : "");
		assert_int_equal(strstr(sees(*state, &h, v, owned), HIDDEN) != NULL, cases[i].owned);
	}
	assert_true(all_say(*state, &h, VIEWER_HOUSE, HIDDEN, "qa", hidden));
}

static void
each_person_is_shown_the_newest_of_the_channels_they_see(void **state)
{
	struct house h = house(*state);
	struct people p = people(*state, &h);
	struct app_filter all = { 0 };
	const char *one = published(*state, &h, (struct sent){ .build = "1", .name = "Demo" });
	const char *two = published(*state, &h, (struct sent){ .build = "2", .name = "Secret", .channel = "qa" });
	json_t *app, *build;
	struct err err;
	char *id;

	set_audience(&h, "com.example.app", "qa", "{\"group\": \"qa\"}");
	assert_string_equal(sees(*state, &h, viewer_of(p.ines), all), "com.example.app 2");
	assert_string_equal(sees(*state, &h, viewer_of(p.olga), all), "com.example.app 1");
	/* a name of the test build is not told either, nor found */
	assert_ok(app_show(h.db, viewer_of(p.olga), "com.example.app", &app, &err), &err);
	assert_string_equal("Demo", json_string_value(json_object_get(app, "name")));
	assert_string_equal(one, json_string_value(json_object_get(app, "newest_build_id")));
	json_decref(app);
	assert_string_equal(sees(*state, &h, viewer_of(p.olga), (struct app_filter){ .search = "secret" }), "");
	assert_string_equal(sees(*state, &h, viewer_of(p.ines), (struct app_filter){ .search = "secret" }),
			    "com.example.app 2");
	/* the same build in both: for olga it is in main alone */
	assert_ok(build_promote(h.db, h.paul, two, "main", true, &err), &err);
	assert_string_equal(sees(*state, &h, viewer_of(p.olga), all), "com.example.app 2");
	assert_ok(build_show(h.db, viewer_of(p.olga), two, false, &build, &err), &err);
	assert_int_equal(1, json_array_size(json_object_get(build, "channels")));
	assert_string_equal("main", json_string_value(json_object_get(build, "channel")));
	json_decref(build);
	/* rolled back, and then taken away */
	assert_ok(build_promote(h.db, h.paul, one, "main", true, &err), &err);
	assert_string_equal(sees(*state, &h, viewer_of(p.olga), all), "com.example.app 1");
	assert_ok(build_delete(h.db, h.paul, one, &err), &err);
	assert_string_equal(sees(*state, &h, viewer_of(p.olga), all), "com.example.app 2");
	assert_ok(app_id(*state, h.db, VIEWER_HOUSE, "com.example.app", &id, &err), &err);
	assert_false(channel_newest(*state, h.db, viewer_of(p.olga), id, "qa", &id, &err));
}

/* The names of the whole list, `limit` a page: "Banana, Mango".  No cursor holds `secret`. */
static const char *
names(TALLOC_CTX *ctx, struct house *h, struct viewer viewer, int64_t limit, const char *secret)
{
	const char *text = "", *after = NULL, *place, *id;
	json_t *list, *item;
	struct err err;
	size_t i;

	do {
		assert_ok(app_list(h->db, viewer, &(struct app_filter){ 0 }, after, limit, &list, &err), &err);
		json_array_foreach(json_object_get(list, "items"), i, item)
			text = mem_printf(ctx, "%s%s%s", text, *text ? ", " : "", json_string_value(json_object_get(item, "name")));
		after = json_string_value(json_object_get(list, "next"));
		after = after ? mem_text(ctx, after) : NULL;
		cursor_take(ctx, after, &place, &id);
		assert_true(!after || *place);
		assert_null(strstr(place, secret));
		json_decref(list);
	} while (after);
	return text;
}

static void
a_list_is_ordered_and_paged_by_the_names_that_its_reader_sees(void **state)
{
	struct house h = house(*state);
	struct people p = people(*state, &h);
	const char *hidden;
	struct err err;

	published(*state, &h, (struct sent){ .bundle_id = "com.example.m", .name = "Mango", .build = "1" });
	published(*state, &h, (struct sent){ .bundle_id = "com.example.b", .name = "Banana", .build = "1" });
	published(*state, &h, (struct sent){ .bundle_id = "com.example.z", .name = "Zebra", .build = "1" });
	set_audience(&h, "com.example.m", "qa", "{\"group\": \"qa\"}");
	set_audience(&h, "com.example.b", "qa", "{\"group\": \"qa\"}");
	published(*state, &h, (struct sent){ .bundle_id = "com.example.m", .name = "Aardvark", .build = "2", .channel = "qa" });
	hidden = published(*state, &h, (struct sent){ .bundle_id = "com.example.b", .name = "Yak", .build = "2", .channel = "qa" });
	for (int limit = 1; limit < 4; limit++) {
		assert_string_equal(names(*state, &h, viewer_of(p.olga), limit, "aardvark"), "Banana, Mango, Zebra");
		assert_string_equal(names(*state, &h, viewer_of(p.olga), limit, "yak"), "Banana, Mango, Zebra");
		assert_string_equal(names(*state, &h, viewer_of(p.ines), limit, "mango"), "Aardvark, Yak, Zebra");
		assert_string_equal(names(*state, &h, viewer_of(h.paul), limit, "mango"), "Aardvark, Yak, Zebra");
		assert_string_equal(names(*state, &h, VIEWER_HOUSE, limit, "mango"), "Aardvark, Yak, Zebra");
	}
	/* in two channels it is one app still; taken away, it has its old name for all */
	assert_ok(build_promote(h.db, h.paul, hidden, "main", true, &err), &err);
	assert_string_equal(names(*state, &h, viewer_of(p.olga), 1, "banana"), "Mango, Yak, Zebra");
	assert_string_equal(names(*state, &h, viewer_of(p.ines), 1, "banana"), "Aardvark, Yak, Zebra");
	assert_ok(build_delete(h.db, h.paul, hidden, &err), &err);
	assert_string_equal(names(*state, &h, viewer_of(h.paul), 1, "yak"), "Aardvark, Banana, Zebra");
}

static void
a_token_for_one_app_sees_no_other_whoever_owns_it(void **state)
{
	struct house h = house(*state);
	struct people p = people(*state, &h);
	struct person *all[] = { h.anna, h.paul, h.mia, p.pia };
	struct app_filter any = { 0 };

	published(*state, &h, (struct sent){ .build = "1" });
	published(*state, &h, (struct sent){ .bundle_id = HIDDEN, .build = "7" });
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct viewer v = viewer_of(all[i]);

		v.only = "com.example.app";
		assert_string_equal(sees(*state, &h, v, any), "com.example.app 1");
		v.only = "com.example.nowhere";
		assert_string_equal(sees(*state, &h, v, any), "");
	}
}

static void
what_somebody_may_not_change_is_refused_and_what_they_do_not_see_is_not_there(void **state)
{
	struct house h = house(*state);
	struct people p = people(*state, &h);
	const char *hidden = published(*state, &h, (struct sent){ .bundle_id = HIDDEN, .channel = "qa" });
	const char *open = published(*state, &h, (struct sent){ .build = "1" });
	struct grant_terms terms = { GRANT_CI, 3600, 3600, 1 };
	json_t *everyone = json_pack("{s:b}", "everyone", 1), *json;
	struct err err;
	char *token, *id;
	bool fresh;

	set_audience(&h, HIDDEN, "qa", "{\"group\": \"qa\"}");
#define REFUSED(call, why) do { assert_false(call); assert_int_equal(err.kind, why); } while (0)
	REFUSED(build_promote(h.db, p.pete, hidden, "main", true, &err), ERR_MISSING);
	REFUSED(build_set_notes(h.db, p.pete, hidden, "x", &err), ERR_MISSING);
	REFUSED(build_delete(h.db, p.pete, hidden, &err), ERR_MISSING);
	REFUSED(channel_set_audience(h.db, p.pete, HIDDEN, "qa", everyone, &err), ERR_MISSING);
	REFUSED(channel_set_required(h.db, p.pete, HIDDEN, "qa", true, &err), ERR_MISSING);
	REFUSED(build_promote(h.db, p.pete, open, "main", true, &err), ERR_DENIED);
	REFUSED(build_delete(h.db, p.pete, open, &err), ERR_DENIED);
	REFUSED(channel_set_audience(h.db, p.pete, "com.example.app", "main", everyone, &err), ERR_DENIED);
	REFUSED(build_delete(h.db, h.mia, open, &err), ERR_DENIED);
	REFUSED(build_delete(h.db, p.ines, hidden, &err), ERR_DENIED);
	REFUSED(channel_set_audience(h.db, h.mia, "com.example.app", "main", everyone, &err), ERR_DENIED);
	REFUSED(publish(*state, &h, (struct sent){ .bundle_id = HIDDEN, .build = "8", .by = p.pete }, &id, &fresh, &err),
		ERR_DENIED);
	REFUSED(publish(*state, &h, (struct sent){ .bundle_id = "com.example.new", .by = p.pete }, &id, &fresh, &err),
		ERR_DENIED);
	assert_ok(grant_new(*state, h.db, &terms, hidden, p.pia->id, &token, &err), &err);
	assert_ok(grant_list(h.db, hidden, &json, &err), &err);
	id = mem_text(*state, json_string_value(json_object_get(json_array_get(json, 0), "id")));
	json_decref(json);
	REFUSED(grant_revoke(h.db, p.pete, id, &err), ERR_MISSING);
	REFUSED(grant_revoke(h.db, p.ines, id, &err), ERR_MISSING);
#undef REFUSED
	assert_ok(grant_revoke(h.db, p.pia, id, &err), &err);
	assert_ok(publish(*state, &h, (struct sent){ .bundle_id = HIDDEN, .build = "9", .by = p.pia }, &id, &fresh, &err), &err);
	assert_ok(build_promote(h.db, p.pia, hidden, "main", true, &err), &err);
	assert_ok(build_delete(h.db, p.pia, hidden, &err), &err);
	json_decref(everyone);
}

static void
rights_end_with_the_role_whatever_rows_are_left(void **state)
{
	struct house h = house(*state);
	struct people p = people(*state, &h);
	const char *hidden = published(*state, &h, (struct sent){ .bundle_id = HIDDEN, .channel = "qa" });
	struct app_filter all = { 0 };
	struct err err;

	set_audience(&h, HIDDEN, "qa", "{\"group\": \"qa\"}");
	assert_string_equal(sees(*state, &h, viewer_of(p.pia), all), HIDDEN " 1");
	sql(&h, "UPDATE person SET role = 'member'");
	/* as long as the request lasts that began before */
	assert_string_equal(sees(*state, &h, viewer_of(p.pia), all), "");
	assert_false(build_delete(h.db, p.pia, hidden, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_string_equal(sees(*state, &h, viewer_of(h.anna), all), "");
}

static void
an_audience_may_be_set_before_the_first_build_of_a_channel(void **state)
{
	struct house h = house(*state);
	struct people p = people(*state, &h);
	struct app_filter all = { 0 };
	json_t *tree;
	struct err err;
	int64_t n;

	published(*state, &h, (struct sent){ .build = "1" });
	set_audience(&h, "com.example.app", "pilot", "{\"all\": [{\"everyone\": true}, {\"not\": {\"person\": \"olga\"}}]}");
	published(*state, &h, (struct sent){ .build = "2", .channel = "pilot" });
	assert_string_equal(sees(*state, &h, viewer_of(p.olga), all), "com.example.app 1");
	assert_string_equal(sees(*state, &h, viewer_of(p.ines), all), "com.example.app 2");
	assert_ok(channel_audience(h.db, viewer_of(h.paul), "com.example.app", "pilot", &tree, &n, &err), &err);
	assert_int_equal(n, 6);
	assert_non_null(json_object_get(tree, "all"));
	json_decref(tree);
	assert_ok(channel_set_audience(h.db, h.paul, "com.example.app", "pilot", NULL, &err), &err);
	assert_string_equal(sees(*state, &h, viewer_of(p.olga), all), "com.example.app 2");
}

static void
an_app_is_required_of_those_whom_its_channel_is_for(void **state)
{
	struct house h = house(*state);
	struct people p = people(*state, &h);
	const struct { struct person *person; bool required; } cases[] = {
		{ p.ines, true }, { p.olga, false }, { h.anna, false }, { h.paul, false },
	};
	struct err err;

	published(*state, &h, (struct sent){ .build = "1" });
	published(*state, &h, (struct sent){ .build = "2", .channel = "qa" });
	set_audience(&h, "com.example.app", "qa", "{\"group\": \"qa\"}");
	assert_ok(channel_set_required(h.db, h.paul, "com.example.app", "qa", true, &err), &err);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *app;

		assert_ok(app_show(h.db, viewer_of(cases[i].person), "com.example.app", &app, &err), &err);
		assert_int_equal(json_is_true(json_object_get(app, "required")), cases[i].required);
		json_decref(app);
	}
	assert_false(channel_set_required(h.db, h.paul, "com.example.app", "nowhere", true, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

TESTS(
	an_app_for_a_group_is_there_for_them_and_its_publishers_alone,
	each_person_is_shown_the_newest_of_the_channels_they_see,
	a_list_is_ordered_and_paged_by_the_names_that_its_reader_sees,
	a_token_for_one_app_sees_no_other_whoever_owns_it,
	what_somebody_may_not_change_is_refused_and_what_they_do_not_see_is_not_there,
	rights_end_with_the_role_whatever_rows_are_left,
	an_audience_may_be_set_before_the_first_build_of_a_channel,
	an_app_is_required_of_those_whom_its_channel_is_for
)
