/* The catalog's domain against a real SQLite in a directory of its own. */
#include "tests/check_house.h"
#include "catalog/app.h"
#include "catalog/build.h"
#include "catalog/build_jobs.h"
#include "catalog/channel.h"
#include "catalog/family.h"
#include "catalog/grant.h"
#include "catalog/link.h"
#include "catalog/notice.h"
#include "catalog/setting.h"
#include "catalog/token.h"
#include "catalog/upload.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/embed.h"
#include <pthread.h>
#include <stdio.h>

#define DAY		86400
#define PHONES		8

static const char *
text_at(TALLOC_CTX *ctx, const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? mem_text(ctx, text) : NULL;
}

/* The builds of a filter, "4 3 1", newest first. */
static const char *
builds(TALLOC_CTX *ctx, struct house *h, struct build_filter filter)
{
	const char *text = "";
	json_t *list, *item;
	struct err err;
	size_t i;

	assert_ok(build_list(h->db, VIEWER_HOUSE, &filter, NULL, 200, &list, &err), &err);
	json_array_foreach(json_object_get(list, "items"), i, item)
		text = mem_printf(ctx, "%s%s%s", text, *text ? " " : "", json_string_value(json_object_get(item, "build")));
	json_decref(list);
	return text;
}

/* The names that a search finds, "A, B". */
static const char *
found(TALLOC_CTX *ctx, struct house *h, const char *search)
{
	const char *text = "";
	json_t *list, *item;
	struct err err;
	size_t i;

	assert_ok(app_list(h->db, VIEWER_HOUSE, &(struct app_filter){ .search = search }, NULL, 200, &list, &err), &err);
	json_array_foreach(json_object_get(list, "items"), i, item)
		text = mem_printf(ctx, "%s%s%s", text, *text ? ", " : "", json_string_value(json_object_get(item, "name")));
	json_decref(list);
	return text;
}

static const char *
channels(TALLOC_CTX *ctx, struct house *h, const char *id)
{
	const char *text = "";
	json_t *list, *name;
	struct err err;
	size_t i;

	assert_ok(channel_names(h->db, VIEWER_HOUSE, id, &list, &err), &err);
	json_array_foreach(list, i, name)
		text = mem_printf(ctx, "%s%s%s", text, *text ? " " : "", json_string_value(name));
	json_decref(list);
	return text;
}

/* The build that the catalog shows of an app; NULL when there is no such app. */
static const char *
newest(TALLOC_CTX *ctx, struct house *h, const char *bundle_id)
{
	struct err err = { 0 };
	const char *id;
	json_t *app;

	if (!app_show(h->db, VIEWER_HOUSE, bundle_id, &app, &err)) {
		assert_int_equal(err.kind, ERR_MISSING);
		return NULL;
	}
	id = text_at(ctx, app, "newest_build_id");
	json_decref(app);
	return id;
}

/* ---- builds ---- */

static void
the_same_bytes_are_the_same_build(void **state)
{
	struct house h = house(*state);
	struct err err;
	char *first, *second;
	bool fresh;

	assert_ok(publish(*state, &h, (struct sent){ 0 }, &first, &fresh, &err), &err);
	assert_true(fresh);
	assert_ok(publish(*state, &h, (struct sent){ 0 }, &second, &fresh, &err), &err);
	assert_false(fresh);
	assert_string_equal(first, second);
	assert_string_equal(channels(*state, &h, first), "main");
	assert_ok(publish(*state, &h, (struct sent){ .channel = "beta" }, &second, &fresh, &err), &err);
	assert_false(fresh);
	assert_string_equal(channels(*state, &h, first), "beta main");
	assert_string_equal(builds(*state, &h, (struct build_filter){ 0 }), "1");
}

static bool
is_wanted(const char *name, void *db, bool *ret, struct err *err)
{
	return build_wants_blob(db, name, ret, err);
}

static void
an_upload_that_is_refused_at_its_end_leaves_no_files_behind(void **state)
{
	struct house h = house(*state);
	struct rows *rows;
	struct err err;
	int removed = 0;
	bool fresh;
	char *id;

	assert_ok(db_run(h.db, &err, "UPDATE person SET role = 'member' WHERE name = 'paul'"), &err);	/* while it was under way */
	assert_false(publish(*state, &h, (struct sent){ 0 }, &id, &fresh, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	rows = db_query(*state, h.db, "SELECT count(*) FROM job WHERE kind = 'blob_sweep'");
	assert_ok(rows_one(rows, &err, "no count"), &err);
	assert_int_equal(rows_int(rows, 0), 1);
	rows_done(rows);
	assert_ok(blob_sweep(h.blobs, is_wanted, h.db, false, &removed, &err), &err);
	assert_true(removed > 1);	/* the .ipa and its icons */
}

static void
promoting_what_is_the_newest_changes_nothing_and_is_not_audited_again(void **state)
{
	struct house h = house(*state);
	char *id = published(*state, &h, (struct sent){ 0 });
	int64_t before, after;
	struct err err;

	assert_ok(build_promote(h.db, h.paul, id, "beta", true, &err), &err);
	assert_ok(audit_verify(h.db, &before, &err), &err);
	assert_ok(build_promote(h.db, h.paul, id, "beta", true, &err), &err);
	assert_ok(audit_verify(h.db, &after, &err), &err);
	assert_int_equal(before, after);
	assert_string_equal(channels(*state, &h, id), "beta main");
	assert_false(build_promote(h.db, h.paul, id, "no blank", true, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_false(build_promote(h.db, h.paul, "none", "beta", true, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(build_promote(h.db, h.mia, id, "beta", true, &err));
	assert_int_equal(err.kind, ERR_DENIED);
}

static int64_t
audited(struct house *h)
{
	struct err err;
	int64_t rows;

	assert_ok(audit_verify(h->db, &rows, &err), &err);
	return rows;
}

static const char *
newest_in(TALLOC_CTX *ctx, struct house *h, const char *channel)
{
	struct err err;
	char *app, *id;

	assert_ok(app_id(ctx, h->db, VIEWER_HOUSE, "com.example.app", &app, &err), &err);
	assert_ok(channel_newest(ctx, h->db, VIEWER_HOUSE, app, channel, &id, &err), &err);
	return id;
}

static void
promoting_an_older_build_again_rolls_its_channel_and_the_catalog_back(void **state)
{
	struct house h = house(*state);
	char *one = published(*state, &h, (struct sent){ .build = "1" });
	char *two = published(*state, &h, (struct sent){ .build = "2" });
	char *other = published(*state, &h, (struct sent){ .bundle_id = "com.example.other" });
	int64_t before = audited(&h);
	struct err err;

	assert_string_equal(newest_in(*state, &h, "main"), two);
	assert_ok(build_promote(h.db, h.paul, one, "main", true, &err), &err);
	assert_string_equal(newest_in(*state, &h, "main"), one);
	assert_string_equal(newest(*state, &h, "com.example.app"), one);
	assert_string_equal(newest(*state, &h, "com.example.other"), other);
	assert_int_equal(audited(&h), before + 1);
	assert_ok(build_promote(h.db, h.paul, one, "main", true, &err), &err);	/* it is the newest */
	assert_int_equal(audited(&h), before + 1);
	assert_ok(build_promote(h.db, h.paul, two, "main", true, &err), &err);	/* and forward again */
	assert_string_equal(newest_in(*state, &h, "main"), two);
	assert_string_equal(newest(*state, &h, "com.example.app"), two);
	assert_ok(build_promote(h.db, h.paul, one, "main", true, &err), &err);
	/* uploaded again, as by a CI job that was repeated, it moves nothing */
	published(*state, &h, (struct sent){ .build = "2", .channel = "main" });
	assert_string_equal(newest_in(*state, &h, "main"), one);
	assert_string_equal(newest(*state, &h, "com.example.app"), one);
	assert_ok(build_delete(h.db, h.paul, one, &err), &err);
	assert_string_equal(newest(*state, &h, "com.example.app"), two);
}

static void
retention_keeps_the_build_that_was_rolled_back_to(void **state)
{
	struct house h = house(*state);
	char *app, *one = published(*state, &h, (struct sent){ .build = "1" });
	struct err err;

	published(*state, &h, (struct sent){ .build = "2" });
	published(*state, &h, (struct sent){ .build = "3" });
	assert_ok(build_promote(h.db, h.paul, one, "main", true, &err), &err);
	assert_ok(app_id(*state, h.db, VIEWER_HOUSE, "com.example.app", &app, &err), &err);
	assert_ok(build_retain(h.db, app, 1, &err), &err);
	assert_string_equal(builds(*state, &h, (struct build_filter){ 0 }), "1");
	assert_string_equal(newest(*state, &h, "com.example.app"), one);
}

static void
builds_of_one_second_have_the_order_in_which_they_came(void **state)
{
	struct house h = house(*state);
	char *channel_id, *app;
	const char *last = NULL;
	struct err err;

	for (int i = 1; i <= 12; i++)
		last = published(*state, &h, (struct sent){ .build = mem_printf(*state, "%d", i) });
	assert_string_equal(builds(*state, &h, (struct build_filter){ 0 }), "12 11 10 9 8 7 6 5 4 3 2 1");
	assert_ok(app_id(*state, h.db, VIEWER_HOUSE, "com.example.app", &app, &err), &err);
	assert_ok(channel_newest(*state, h.db, VIEWER_HOUSE, app, "main", &channel_id, &err), &err);
	assert_string_equal(channel_id, last);
	assert_ok(build_retain(h.db, app, 3, &err), &err);
	assert_string_equal(builds(*state, &h, (struct build_filter){ 0 }), "12 11 10");
}

static void
after_the_newest_is_deleted_the_one_before_is_shown_and_with_the_last_the_app_goes(void **state)
{
	struct house h = house(*state);
	char *one = published(*state, &h, (struct sent){ .build = "1" });
	char *two = published(*state, &h, (struct sent){ .build = "2" });
	char *three = published(*state, &h, (struct sent){ .build = "3" });
	struct err err;
	bool wanted;
	json_t *build;
	const char *sha256;

	assert_string_equal(newest(*state, &h, "com.example.app"), three);
	assert_ok(build_delete(h.db, h.paul, three, &err), &err);
	assert_string_equal(newest(*state, &h, "com.example.app"), two);
	assert_ok(build_delete(h.db, h.paul, one, &err), &err);
	assert_string_equal(newest(*state, &h, "com.example.app"), two);
	assert_ok(build_show(h.db, VIEWER_HOUSE, two, false, &build, &err), &err);
	sha256 = text_at(*state, build, "sha256");
	json_decref(build);
	assert_ok(build_wants_blob(h.db, sha256, &wanted, &err), &err);
	assert_true(wanted);
	assert_ok(build_delete(h.db, h.paul, two, &err), &err);
	assert_null(newest(*state, &h, "com.example.app"));
	assert_ok(build_wants_blob(h.db, sha256, &wanted, &err), &err);
	assert_false(wanted);
	assert_false(build_delete(h.db, h.paul, two, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

static void
retention_counts_each_channel_for_itself(void **state)
{
	struct house h = house(*state);
	struct err err;
	char *app;

	published(*state, &h, (struct sent){ .build = "1", .channel = "release" });
	published(*state, &h, (struct sent){ .build = "2" });
	published(*state, &h, (struct sent){ .build = "3" });
	published(*state, &h, (struct sent){ .build = "4" });
	published(*state, &h, (struct sent){ .bundle_id = "com.example.other", .build = "5" });
	assert_ok(app_id(*state, h.db, VIEWER_HOUSE, "com.example.app", &app, &err), &err);
	assert_ok(build_retain(h.db, app, 0, &err), &err);	/* keeps all */
	assert_string_equal(builds(*state, &h, (struct build_filter){ .bundle_id = "com.example.app" }), "4 3 2 1");
	assert_ok(build_retain(h.db, app, 1, &err), &err);
	assert_string_equal(builds(*state, &h, (struct build_filter){ .bundle_id = "com.example.app" }), "4 1");
	assert_string_equal(builds(*state, &h, (struct build_filter){ .bundle_id = "com.example.other" }), "5");
	assert_string_equal(builds(*state, &h, (struct build_filter){ .channel = "release" }), "1");
}

static void
a_verdict_is_that_of_today(void **state)
{
	struct house h = house(*state);
	char *id = published(*state, &h, (struct sent){ .expires = "2026-11-23T12:00:00Z" });
	struct grant_terms terms = { GRANT_CI, DAY, DAY, 0 };
	struct err err;
	json_t *build;
	char *token;

	assert_ok(build_show(h.db, VIEWER_HOUSE, id, false, &build, &err), &err);
	assert_true(json_is_true(json_object_get(build, "installable")));
	json_decref(build);
	assert_ok(grant_new(*state, h.db, &terms, id, h.paul->id, &token, &err), &err);
	set_now(&h, "2026-11-23T12:00:00Z");
	assert_ok(build_show(h.db, VIEWER_HOUSE, id, false, &build, &err), &err);
	assert_false(json_is_true(json_object_get(build, "installable")));
	assert_false(json_is_true(json_object_get(json_object_get(build, "verdict"), "installable")));
	json_decref(build);
	assert_false(grant_new(*state, h.db, &terms, id, h.paul->id, &token, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_string_equal(err.code, "not_installable");
}

/* What a list says of each build, and of which apps the newest build is doubtful: "2:1 1:1 | com.example.app". */
static const char *
judged(TALLOC_CTX *ctx, struct house *h, bool brief)
{
	struct build_filter filter = { .brief = brief };
	const char *text = "";
	json_t *list, *item;
	struct err err;
	size_t i;

	assert_ok(build_list(h->db, VIEWER_HOUSE, &filter, NULL, 200, &list, &err), &err);
	json_array_foreach(json_object_get(list, "items"), i, item)
		text = mem_printf(ctx, "%s%s:%d ", text, text_at(ctx, item, "build"),
				  json_is_true(json_object_get(item, "installable")));
	json_decref(list);
	assert_ok(build_doubtful(h->db, VIEWER_HOUSE, 200, &list, &err), &err);
	json_array_foreach(list, i, item)
		text = mem_printf(ctx, "%s| %s", text, text_at(ctx, item, "bundle_id"));
	json_decref(list);
	return text;
}

static void
a_list_that_reads_no_facts_says_what_one_that_does_says(void **state)
{
	static const struct {
		const char *now, *says;
	} cases[] = {
		{ "2026-11-23T11:59:59Z", "4:0 3:1 2:1 1:1 | com.example.store" },
		{ "2026-12-12T12:00:00Z", "4:0 3:1 2:1 1:1 | com.example.store| com.example.soon" },
		{ "2027-01-11T12:00:00Z", "4:0 3:1 2:0 1:1 | com.example.store| com.example.soon" },
		{ "2027-12-01T12:00:00Z", "4:0 3:0 2:0 1:0 | com.example.store| com.example.soon| com.example.app" },
	};
	struct house h = house(*state);

	published(*state, &h, (struct sent){ .build = "1" });
	set_now(&h, "2026-11-22T12:00:02Z");
	published(*state, &h, (struct sent){ .build = "2", .bundle_id = "com.example.soon", .expires = "2027-01-11T12:00:00Z" });
	set_now(&h, "2026-11-22T12:00:04Z");
	published(*state, &h, (struct sent){ .build = "3", .bundle_id = "com.example.app", .version = "2" });
	set_now(&h, "2026-11-22T12:00:06Z");
	published(*state, &h, (struct sent){ .build = "4", .bundle_id = "com.example.store", .kind = "store",
					     .expires = "2026-12-01T12:00:00Z" });
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		set_now(&h, cases[i].now);
		assert_string_equal(judged(*state, &h, true), cases[i].says);
		assert_string_equal(judged(*state, &h, false), cases[i].says);
	}
}

/* The newest build of com.example.pads, in a list of apps. */
static bool
listed_for_the_ipad_alone(struct house *h)
{
	json_t *list, *app;
	struct err err;
	bool ret;

	assert_ok(app_list(h->db, VIEWER_HOUSE, &(struct app_filter){ .search = "pads" }, NULL, 10, &list, &err), &err);
	app = json_array_get(json_object_get(list, "items"), 0);
	assert_non_null(app);
	ret = json_is_true(json_object_get(app, "ipad_only"));
	json_decref(list);
	return ret;
}

static void
a_list_of_apps_says_what_is_for_the_ipad_alone_and_reads_no_facts(void **state)
{
	struct house h = house(*state);
	json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:[i], s:{s:b}, s:{s:b, s:[]}}", "bundle_id", "com.example.pads", "name", "Pads",
		"version", "1.0", "build", "1", "device_family", 2, "binary", "signed", 1, "verdict", "installable", 1, "reasons");
	struct err err;
	bool fresh;
	char *id;

	assert_ok(publish_facts(*state, &h, facts, NULL, h.paul, &id, &fresh, &err), &err);
	assert_ok(db_run(h.db, &err, "UPDATE build SET facts = 'not read'"), &err);
	assert_true(listed_for_the_ipad_alone(&h));
}

static void
builds_from_before_are_known_for_the_ipad_alone_by_what_their_facts_say(void **state)
{
	static const char *const families[] = { "[]", "[1]", "[2]", "[1,2]", "[2,1]", "[2,6]", "[6,2]", "[3,2,7]", "[2,7,1]", "[7,2,1]",
		"[1,7,2]", "[7,1,2]", "[4]", "[7]", "[6,7,2]" };
	struct house h = house(*state);
	struct bytes file;
	const char *change;
	struct err err;

	assert_true(embed_find("core/schema/0032_family.sql", &file));
	change = strstr(mem_textn(*state, file.p, file.len), "UPDATE ");
	assert_non_null(change);
	published(*state, &h, (struct sent){ .bundle_id = "com.example.pads", .name = "Pads" });
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		const char *text = mem_printf(*state, "{\"name\":\"a \\\"device_family\\\":[2]\",\"device_family\":%s,\"url_schemes\":[]}", families[i]);
		json_t *facts = json_loads(text, 0, NULL);

		assert_non_null(facts);
		assert_ok(db_run(h.db, &err, "UPDATE build SET facts = $1, ipad_only = FALSE", db_text(text)), &err);
		assert_ok(db_runv(h.db, &err, change, DB_VALS()), &err);
		if (listed_for_the_ipad_alone(&h) != family_is_ipads(facts))
			fail_msg("%s is taken for something else", families[i]);
		json_decref(facts);
	}
}

static void
a_token_for_one_app_neither_changes_nor_learns_of_another(void **state)
{
	struct house h = house(*state);
	char *id = published(*state, &h, (struct sent){ 0 }), *other, *text;
	struct grant_terms terms = { GRANT_CI, DAY, DAY, 0 };
	struct person *bound;
	struct err err;
	bool fresh;
	json_t *grants;

	assert_ok(token_new(*state, h.db, "test", h.paul, &(struct token_wish){ "CI", "upload", "com.example.other" }, &text, &err), &err);
	assert_ok(token_open(*state, h.db, text, &bound, &err), &err);
	assert_false(publish(*state, &h, (struct sent){ .by = bound }, &other, &fresh, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_ok(publish(*state, &h, (struct sent){ .by = bound, .bundle_id = "com.example.other" }, &other, &fresh, &err), &err);
	assert_false(build_promote(h.db, bound, id, "beta", true, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(build_set_notes(h.db, bound, id, "x", &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(build_delete(h.db, bound, id, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(grant_new(*state, h.db, &terms, id, h.paul->id, &text, &err), &err);
	assert_ok(grant_list(h.db, id, &grants, &err), &err);
	assert_false(grant_revoke(h.db, bound, text_at(*state, json_array_get(grants, 0), "id"), &err));
	assert_int_equal(err.kind, ERR_MISSING);
	json_decref(grants);
	assert_false(token_new(*state, h.db, "test", bound, &(struct token_wish){ "more", "read", NULL }, &text, &err));
	assert_int_equal(err.kind, ERR_DENIED);
}

/* ---- finding ---- */

static void
a_search_means_its_signs_and_forgets_case(void **state)
{
	static const char *const names[] = { "100% Obst", "100 Obst", "under_score", "underXscore", "Eile!", "Eil", "Übung", "STRASSE" };
	struct house h = house(*state);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		published(*state, &h, (struct sent){ .bundle_id = mem_printf(*state, "com.example.a%zu", i), .name = names[i] });
	assert_string_equal(found(*state, &h, "100%"), "100% Obst");
	assert_string_equal(found(*state, &h, "%"), "100% Obst");
	assert_string_equal(found(*state, &h, "r_s"), "under_score");
	assert_string_equal(found(*state, &h, "!"), "Eile!");
	assert_string_equal(found(*state, &h, "übung"), "Übung");
	assert_string_equal(found(*state, &h, "ÜBUNG"), "Übung");
	assert_string_equal(found(*state, &h, "u\xcc\x88" "bung"), "Übung");	/* its two dots written apart */
	assert_string_equal(found(*state, &h, "straße"), "STRASSE");
	assert_string_equal(found(*state, &h, "EXAMPLE.A1"), "100 Obst");	/* by bundle id */
	assert_string_equal(found(*state, &h, "nothing"), "");
	assert_string_equal(found(*state, &h, "' OR '1'='1"), "");
}

static void
pages_follow_each_other_without_a_gap_while_apps_come(void **state)
{
	struct house h = house(*state);
	const char *after = NULL;
	int seen = 0, rounds = 0;
	struct err err;

	for (int i = 0; i < 25; i++)	/* names alike: the order hangs on more than the name */
		published(*state, &h, (struct sent){ .bundle_id = mem_printf(*state, "com.example.a%02d", i),
						     .name = i % 2 ? "Alike" : "Alike too" });
	do {
		json_t *list;

		assert_ok(app_list(h.db, VIEWER_HOUSE, &(struct app_filter){ 0 }, after, 10, &list, &err), &err);
		seen += (int)json_array_size(json_object_get(list, "items"));
		after = text_at(*state, list, "next");
		json_decref(list);
		/* one that stands before what was read does not move the rest */
		published(*state, &h, (struct sent){ .bundle_id = mem_printf(*state, "com.example.b%d", rounds), .name = "Aaa" });
	} while (after && ++rounds < 10);
	assert_int_equal(seen, 25);
	assert_int_equal(rounds, 2);
}

static void
builds_are_paged_newest_first(void **state)
{
	struct house h = house(*state);
	struct build_filter filter = { .bundle_id = "com.example.app" };
	const char *after = NULL;
	int expected = 25;
	struct err err;

	for (int i = 1; i <= 25; i++)
		published(*state, &h, (struct sent){ .build = mem_printf(*state, "%d", i) });
	do {
		json_t *list, *item;
		size_t i;

		assert_ok(build_list(h.db, VIEWER_HOUSE, &filter, after, 10, &list, &err), &err);
		json_array_foreach(json_object_get(list, "items"), i, item)
			assert_string_equal(json_string_value(json_object_get(item, "build")),
					    mem_printf(*state, "%d", expected--));
		after = text_at(*state, list, "next");
		json_decref(list);
	} while (after);
	assert_int_equal(expected, 0);
	assert_string_equal(builds(*state, &h, (struct build_filter){ .build = "7" }), "7");
	assert_string_equal(builds(*state, &h, (struct build_filter){ .version = "2.0" }), "");
}

/* ---- grants ---- */

static bool
opens(TALLOC_CTX *ctx, struct house *h, const char *token, enum grant_file file, const char *client)
{
	struct err err = { 0 };
	struct grant *grant;

	if (grant_open(ctx, h->db, token, file, client, &grant, &err))
		return true;
	assert_int_equal(err.kind, ERR_MISSING);
	return false;
}

static char *
granted(TALLOC_CTX *ctx, struct house *h, struct grant_terms terms)
{
	char *token;
	struct err err;

	assert_ok(grant_new(ctx, h->db, &terms, published(ctx, h, (struct sent){ 0 }), h->paul->id, &token, &err), &err);
	return token;
}

static void
the_manifest_ends_by_the_clock_and_the_ipa_after_the_first_manifest(void **state)
{
	struct house h = house(*state);
	char *token = granted(*state, &h, (struct grant_terms){ GRANT_TAP, 3600, DAY, 0 });

	set_now(&h, "2026-11-22T12:59:59Z");
	assert_true(opens(*state, &h, token, GRANT_MANIFEST, "phone"));
	set_now(&h, "2026-11-22T13:00:00Z");
	assert_false(opens(*state, &h, token, GRANT_MANIFEST, "phone"));
	assert_false(opens(*state, &h, token, GRANT_PAGE, "phone"));
	assert_true(opens(*state, &h, token, GRANT_IPA, "phone"));
	assert_true(opens(*state, &h, token, GRANT_ICON, "phone"));
	set_now(&h, "2026-11-23T12:59:58Z");
	assert_true(opens(*state, &h, token, GRANT_IPA, "phone"));
	set_now(&h, "2026-11-23T12:59:59Z");
	assert_false(opens(*state, &h, token, GRANT_IPA, "phone"));
	assert_false(opens(*state, &h, "", GRANT_MANIFEST, "phone"));
	assert_false(opens(*state, &h, "nobody-knows-this-one", GRANT_MANIFEST, "phone"));
}

/* Signed with a certificate that ends before the provision does; an extension with a provision that ends later still. */
static json_t *
ends_by_its_signer(const char *build, const char *at)
{
	json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:b}, s:{s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:s}]},"
		" s:{s:{s:s, s:s, s:s}}, s:{s:b, s:[]}}",
		"bundle_id", "com.example.app", "name", "Demo", "version", "1.0", "build", build, "minimum_os", "15.0",
		"platform", "iphoneos", "binary", "signed", 1, "provision", "kind", "enterprise",
		"expires", "2027-11-22T12:00:00Z", "app_id", "A1B2C3D4E5.*", "signature", "apple", "certificates",
		"sha1", "aa", "subject", "Anna", "expires", at, "code", "certificate", "sha1", "aa", "subject", "Anna",
		"expires", at, "verdict", "installable", 1, "reasons");

	assert_non_null(facts);
	return facts;
}

static bool
is_listed_as_installable(struct house *h)
{
	json_t *list, *item;
	struct err err;
	bool ret;

	assert_ok(app_list(h->db, viewer_of(h->mia), &(struct app_filter){ 0 }, NULL, 0, &list, &err), &err);
	item = json_array_get(json_object_get(list, "items"), 0);
	ret = json_is_true(json_object_get(item, "installable"));
	json_decref(list);
	return ret;
}

static void
what_its_verdict_refuses_today_has_no_grant_no_link_and_no_notice(void **state)
{
	struct house h = house(*state);
	struct grant_terms terms = { GRANT_CI, 90 * DAY, 90 * DAY, 20 };
	struct link_terms link = { .expires = clock_now() + 90 * DAY };
	struct link_aim *aim;
	char *id, *token, *other;
	json_t *build;
	struct err err;
	bool fresh, newest;

	assert_ok(publish_facts(*state, &h, ends_by_its_signer("1", "2026-12-02T12:00:00Z"), NULL, h.paul, &id, &fresh, &err), &err);
	link.build_id = id;
	assert_ok(grant_new(*state, h.db, &terms, id, h.paul->id, &token, &err), &err);
	for (int over = 0; over < 2; over++) {
		set_now(&h, over ? "2026-12-02T12:00:00Z" : "2026-12-02T11:59:59Z");
		assert_ok(build_show(h.db, VIEWER_HOUSE, id, false, &build, &err), &err);
		assert_int_equal(json_is_true(json_object_get(build, "installable")), !over);
		json_decref(build);
		assert_int_equal(is_listed_as_installable(&h), !over);
		assert_ok(notice_newest(h.db, id, "main", &newest, &err), &err);
		assert_int_equal(newest, !over);
		assert_int_equal(link_aim(*state, h.db, h.paul, &link, &aim, &err), !over);
		assert_int_equal(grant_new(*state, h.db, &terms, id, h.paul->id, &other, &err), !over);
		/* what was handed on before serves no manifest of what no device takes, nor the rest of it */
		for (int file = GRANT_MANIFEST; file <= GRANT_PAGE; file++)
			assert_int_equal(opens(*state, &h, token, (enum grant_file)file, "phone"), !over);
	}
	assert_false(grant_new(*state, h.db, &terms, id, h.paul->id, &other, &err));
	assert_string_equal(err.code, "not_installable");
}

static void
builds_from_before_are_judged_by_the_rules_of_today(void **state)
{
	struct house h = house(*state);
	char *ids[3];
	struct rows *rows;
	struct err err;
	bool fresh;

	assert_ok(publish_facts(*state, &h, ends_by_its_signer("1", "2026-12-02T12:00:00Z"), NULL, h.paul, &ids[0], &fresh, &err), &err);
	assert_ok(publish_facts(*state, &h, ends_by_its_signer("", "2027-12-02T12:00:00Z"), NULL, h.paul, &ids[1], &fresh, &err), &err);
	ids[2] = published(*state, &h, (struct sent){ .build = "3" });
	assert_ok(db_run(h.db, &err, "UPDATE build SET installs_until = expires, good_until = 7, installable = TRUE"), &err);
	assert_ok(db_run(h.db, &err, "UPDATE build SET facts = 'not read' WHERE id = $1", db_text(ids[2])), &err);
	assert_ok(build_judge_all(h.db, &err), &err);
	rows = db_query(*state, h.db, "SELECT count(*) FROM build WHERE (id = $1 AND installs_until = $4 AND good_until <> 7) OR"
			" (id = $2 AND installs_until = 0 AND good_until = 0) OR (id = $3 AND installs_until = expires AND good_until = 7)",
			db_text(ids[0]), db_text(ids[1]), db_text(ids[2]), db_int(1796212800));
	assert_ok(rows_one(rows, &err, "no count"), &err);
	assert_int_equal(rows_int(rows, 0), 3);
	rows_done(rows);
	/* whose days are over may go with another provision, and what no device takes may not */
	set_now(&h, "2026-12-10T12:00:00Z");
	assert_ok(build_judge_all(h.db, &err), &err);
	rows = db_query(*state, h.db, "SELECT count(*) FROM build WHERE installs_until = 0 AND installable = (id = $1) AND id <> $2",
			db_text(ids[0]), db_text(ids[2]));
	assert_ok(rows_one(rows, &err, "no count"), &err);
	assert_int_equal(rows_int(rows, 0), 2);
	rows_done(rows);
}

static void
sweeping_removes_what_can_never_be_used_again_and_nothing_else(void **state)
{
	struct house h = house(*state);
	char *used = granted(*state, &h, (struct grant_terms){ GRANT_TAP, 3600, DAY, 0 });
	char *unused = granted(*state, &h, (struct grant_terms){ GRANT_TAP, 3600, DAY, 0 });
	char *live = granted(*state, &h, (struct grant_terms){ GRANT_CI, 7 * DAY, DAY, 20 });
	struct err err;

	set_now(&h, "2026-11-22T12:59:00Z");
	assert_true(opens(*state, &h, used, GRANT_MANIFEST, "phone"));
	set_now(&h, "2026-11-23T12:30:00Z");
	assert_ok(grant_sweep(h.db, &err), &err);
	assert_true(opens(*state, &h, used, GRANT_IPA, "phone"));
	assert_true(opens(*state, &h, live, GRANT_MANIFEST, "phone"));
	assert_false(opens(*state, &h, unused, GRANT_IPA, "phone"));
}

static void
one_phone_that_asks_again_is_one_install(void **state)
{
	struct house h = house(*state);
	char *token = granted(*state, &h, (struct grant_terms){ GRANT_CI, DAY, DAY, 2 });

	for (int i = 0; i < 3; i++)
		assert_true(opens(*state, &h, token, GRANT_MANIFEST, "one"));
	assert_true(opens(*state, &h, token, GRANT_PAGE, "browser"));
	assert_true(opens(*state, &h, token, GRANT_MANIFEST, "two"));
	assert_false(opens(*state, &h, token, GRANT_MANIFEST, "three"));
	assert_false(opens(*state, &h, token, GRANT_PAGE, "browser"));
	assert_true(opens(*state, &h, token, GRANT_MANIFEST, "one"));
}

struct racer {
	struct house *h;
	const char *token;
	int number;
	bool got;
	pthread_barrier_t *start;
};

static void *
race(void *arg)
{
	struct racer *r = arg;
	void *ctx = talloc_named_const(NULL, 0, "racer");
	struct grant *grant;
	struct err err = { 0 };

	pthread_barrier_wait(r->start);
	r->got = grant_open(ctx, r->h->db, r->token, GRANT_MANIFEST, mem_printf(ctx, "phone %d", r->number), &grant, &err);
	talloc_free(ctx);
	return NULL;
}

static void
phones_that_race_for_the_last_install_do_not_share_it(void **state)
{
	struct house h = house(*state);
	char *token = granted(*state, &h, (struct grant_terms){ GRANT_CI, DAY, DAY, 3 });
	pthread_barrier_t start;
	pthread_t threads[PHONES];
	struct racer racers[PHONES];
	int got = 0;

	assert_true(opens(*state, &h, token, GRANT_MANIFEST, "first"));
	assert_true(opens(*state, &h, token, GRANT_MANIFEST, "second"));
	pthread_barrier_init(&start, NULL, PHONES);
	for (int i = 0; i < PHONES; i++) {
		racers[i] = (struct racer){ &h, token, i, false, &start };
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < PHONES; i++) {
		pthread_join(threads[i], NULL);
		got += racers[i].got;
	}
	pthread_barrier_destroy(&start);
	assert_int_equal(got, 1);
}

static void
what_cannot_be_installed_gets_no_grant(void **state)
{
	struct house h = house(*state);
	char *id = published(*state, &h, (struct sent){ .kind = "store" }), *token;
	struct grant_terms terms = { GRANT_TAP, 3600, DAY, 0 };
	struct err err;

	assert_false(grant_new(*state, h.db, &terms, id, h.paul->id, &token, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_false(grant_new(*state, h.db, &terms, "none", h.paul->id, &token, &err));
}

/* ---- uploads, settings ---- */

static void
an_upload_is_finished_once_and_is_its_owners_alone(void **state)
{
	struct house h = house(*state);
	struct upload *u, *again;
	struct person *owner;
	json_t *fields = json_pack("{s:s}", "channel", "beta");
	struct err err;

	assert_ok(upload_new(*state, h.db, h.paul, 100, fields, DAY, 2, &u, &err), &err);
	json_decref(fields);
	assert_false(upload_open(*state, h.db, h.anna, u->id, &again, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(upload_claim(*state, h.db, u->id, &again, &owner, &err), &err);
	assert_null(owner);	/* not whole yet */
	assert_ok(upload_whole(h.db, u->id, &err), &err);
	assert_ok(upload_whole(h.db, u->id, &err), &err);
	assert_ok(upload_claim(*state, h.db, u->id, &again, &owner, &err), &err);
	assert_string_equal(owner->name, "paul");
	assert_ok(upload_set(h.db, u->id, 201, "{}", &err), &err);
	assert_ok(upload_claim(*state, h.db, u->id, &again, &owner, &err), &err);
	assert_null(owner);	/* done */
	set_now(&h, "2026-11-23T12:00:01Z");
	assert_ok(upload_sweep(h.db, &err), &err);
	assert_false(upload_open(*state, h.db, h.paul, u->id, &again, &err));
}

struct beginner {
	struct house *h;
	bool got;
	pthread_barrier_t *start;
};

static void *
begin(void *arg)
{
	struct beginner *b = arg;
	void *ctx = talloc_named_const(NULL, 0, "beginner");
	json_t *fields = json_object();
	struct upload *u;
	struct err err = { 0 };

	pthread_barrier_wait(b->start);
	b->got = upload_new(ctx, b->h->db, b->h->paul, 100, fields, DAY, 3, &u, &err);
	if (!b->got)
		assert_int_equal(err.kind, ERR_RATE);
	json_decref(fields);
	talloc_free(ctx);
	return NULL;
}

static void
uploads_begun_at_the_same_time_do_not_exceed_what_a_person_may_have(void **state)
{
	struct house h = house(*state);
	struct beginner beginners[PHONES];
	pthread_t threads[PHONES];
	pthread_barrier_t start;
	json_t *fields = json_object();
	struct upload *u;
	struct err err;
	int got = 0;

	pthread_barrier_init(&start, NULL, PHONES);
	for (int i = 0; i < PHONES; i++) {
		beginners[i] = (struct beginner){ &h, false, &start };
		assert_int_equal(pthread_create(&threads[i], NULL, begin, &beginners[i]), 0);
	}
	for (int i = 0; i < PHONES; i++) {
		pthread_join(threads[i], NULL);
		got += beginners[i].got;
	}
	pthread_barrier_destroy(&start);
	assert_int_equal(got, 3);
	assert_ok(upload_new(*state, h.db, h.anna, 100, fields, DAY, 3, &u, &err), &err);	/* hers are her own */
	set_now(&h, "2026-11-23T12:00:00Z");	/* forgotten ones do not count */
	assert_ok(upload_new(*state, h.db, h.paul, 100, fields, DAY, 3, &u, &err), &err);
	json_decref(fields);
}

static void
settings_are_kept_all_or_none_and_a_change_is_audited(void **state)
{
	struct house h = house(*state);
	const char *long_key = talloc_strndup(*state, "", 0);
	struct setting both[] = { { "company.name", "Obst & Söhne" }, { "company.accent", "#112233" }, { 0 } };
	struct setting same[] = { { "company.name", "Obst" }, { "company.accent", "#112233" }, { 0 } };
	struct setting half[] = { { "company.name", "Gemüse" }, { "", "x" }, { 0 } };
	int64_t before, after;
	struct err err;
	char *value;

	for (int i = 0; i < 12; i++)	/* longer than the audit log takes: fails inside the transaction */
		long_key = mem_printf(*state, "%s%sxxxxx", long_key, long_key);
	half[1].key = long_key;
	assert_ok(setting_get(*state, h.db, "company.name", &value, &err), &err);
	assert_null(value);
	assert_ok(audit_verify(h.db, &before, &err), &err);
	assert_ok(setting_set(h.db, "anna", both, &err), &err);
	assert_ok(setting_set(h.db, "anna", same, &err), &err);
	assert_false(setting_set(h.db, "anna", half, &err));
	assert_ok(setting_get(*state, h.db, "company.name", &value, &err), &err);
	assert_string_equal(value, "Obst");
	assert_ok(audit_verify(h.db, &after, &err), &err);
	assert_int_equal(after, before + 3);	/* two, and the one that changed */
}

TESTS(the_same_bytes_are_the_same_build, an_upload_that_is_refused_at_its_end_leaves_no_files_behind,
      promoting_what_is_the_newest_changes_nothing_and_is_not_audited_again,
      promoting_an_older_build_again_rolls_its_channel_and_the_catalog_back,
      retention_keeps_the_build_that_was_rolled_back_to,
      builds_of_one_second_have_the_order_in_which_they_came,
      after_the_newest_is_deleted_the_one_before_is_shown_and_with_the_last_the_app_goes,
      retention_counts_each_channel_for_itself,
      a_verdict_is_that_of_today,
      a_list_that_reads_no_facts_says_what_one_that_does_says,
      a_list_of_apps_says_what_is_for_the_ipad_alone_and_reads_no_facts,
      builds_from_before_are_known_for_the_ipad_alone_by_what_their_facts_say,
      a_token_for_one_app_neither_changes_nor_learns_of_another,
      a_search_means_its_signs_and_forgets_case,
      pages_follow_each_other_without_a_gap_while_apps_come,
      builds_are_paged_newest_first,
      the_manifest_ends_by_the_clock_and_the_ipa_after_the_first_manifest,
      sweeping_removes_what_can_never_be_used_again_and_nothing_else,
      one_phone_that_asks_again_is_one_install,
      phones_that_race_for_the_last_install_do_not_share_it,
      what_cannot_be_installed_gets_no_grant, what_its_verdict_refuses_today_has_no_grant_no_link_and_no_notice,
      builds_from_before_are_judged_by_the_rules_of_today,
      an_upload_is_finished_once_and_is_its_owners_alone,
      uploads_begun_at_the_same_time_do_not_exceed_what_a_person_may_have,
      settings_are_kept_all_or_none_and_a_change_is_audited)
