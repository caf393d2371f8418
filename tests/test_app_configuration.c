/* What apps on managed devices are told: which configurations there may be, and when they go out. */
#include "tests/check_ca.h"
#include "tests/check_managed_app.h"
#include "catalog/app_configuration.h"
#include "catalog/managed_app_inner.h"
#include "catalog/person_attribute.h"
#include <stdlib.h>

static void
a_configuration_that_no_property_list_can_hold_is_refused(void **state)
{
	static const struct { const char *json; bool ok; } cases[] = {
		{ "{}", true }, { "{\"a\": [1, 2.5, true, \"x\", {\"b\": []}]}", true }, { "[]", false }, { "\"a\"", false },
		{ "{\"a\": null}", false }, { "{\"a\": [null]}", false },
		{ "{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}", false },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *json = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);

		assert_int_equal(app_configuration_check(json, &err), cases[i].ok);
		json_decref(json);
	}
}

static bool
is_queued(TALLOC_CTX *ctx, struct house *h)
{
	struct rows *rows = db_query(ctx, h->db, "SELECT q.command_id FROM command_queue q JOIN command c ON c.id = q.command_id"
				     " WHERE c.request_type = 'Settings'");
	struct err err;
	bool ret = rows_next(rows, &err) == ROWS_ROW;

	rows_done(rows);
	return ret;
}

static void
a_configuration_is_there_when_the_device_has_taken_it_and_is_sent_again_until_then(void **state)
{
	static const char *const lost[] = { "Error", "expired", "error" };
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	assert_ok(db_run(h.db, &err, "INSERT INTO app_configuration (id, app_id, name, place, configuration, version, created, changed)"
			 " VALUES ('c', (SELECT id FROM app), 'all', 1, $1, 7, 1, 1)", db_bytes((struct bytes){ "", 0 })), &err);
	for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
		planned(*state, &h);
		assert_true(is_queued(*state, &h));
		assert_ok(managed_app_sent(h.db, "d1", APP, "u1", "c:7", &err), &err);
		sql(&h, "DELETE FROM command_queue");
		sql(&h, "DELETE FROM job");
		assert_ok(managed_app_configured(h.db, "d1", APP, "u1", lost[i], &err), &err);
		assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
	}
	planned(*state, &h);
	assert_true(is_queued(*state, &h));
	sql(&h, "DELETE FROM command_queue");
	/* of another command it says nothing */
	assert_ok(managed_app_sent(h.db, "d1", APP, "u2", "c:7", &err), &err);
	assert_ok(managed_app_configured(h.db, "d1", APP, "u1", "Acknowledged", &err), &err);
	planned(*state, &h);
	assert_true(is_queued(*state, &h));
	sql(&h, "DELETE FROM command_queue");
	assert_ok(managed_app_configured(h.db, "d1", APP, "u2", "Acknowledged", &err), &err);
	planned(*state, &h);
	assert_false(is_queued(*state, &h));
}

/* ---- values ---- */

static void
configured(TALLOC_CTX *ctx, struct house *h, const char *json)
{
	const char *had = sql_int(h, "SELECT count(*) FROM app_configuration") ? sql_text(ctx, h, "SELECT id FROM app_configuration") : NULL;
	json_t *configuration = json_loads(json, 0, NULL);
	const struct app_configuration_wish wish = { .name = "all", .configuration = configuration };
	struct err err;
	char *id;

	assert_non_null(configuration);
	assert_ok(app_configuration_put(ctx, h->db, test_sealer(ctx), h->anna, APP, had, &wish, &id, &err), &err);
	json_decref(configuration);
	sql(h, "DELETE FROM job");
}

/* As at delivery; *wish is what it was made of. */
static const char *
filled_in(TALLOC_CTX *ctx, struct house *h, const char **wish)
{
	struct managed_sending *s;
	json_t *configuration;
	const char *ret;
	struct err err;
	char *text;

	assert_true(is_queued(ctx, h));
	assert_ok(managed_app_sending(ctx, h->db, "d1", APP, &s, &err), &err);
	assert_ok(app_configuration_fill(ctx, h->db, test_sealer(ctx), s->configuration, s->person_id, s->device_id, &configuration,
					 wish, &err), &err);
	assert_ok(managed_app_sent(h->db, "d1", APP, "u1", *wish, &err), &err);
	text = json_dumps(configuration, JSON_COMPACT | JSON_SORT_KEYS);
	ret = mem_text(ctx, text);
	free(text);
	json_decref(configuration);
	return ret;
}

static const char *
delivered(TALLOC_CTX *ctx, struct house *h)
{
	const char *wish, *ret = filled_in(ctx, h, &wish);
	struct err err;

	sql(h, "DELETE FROM command_queue");
	assert_ok(managed_app_configured(h->db, "d1", APP, "u1", "Acknowledged", &err), &err);
	return ret;
}

/* An attribute of mia is another; false: no device of hers is looked at for it. */
static bool
attribute(struct house *h, const char *name, const char *value)
{
	json_t *change = json_pack("{s:s}", name, value);
	struct err err;

	sql(h, "DELETE FROM job");
	assert_ok(person_attributes_change(h->db, "anna", h->mia->id, change, &err), &err);
	json_decref(change);
	return sql_int(h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'") > 0;
}

static bool
goes_out(TALLOC_CTX *ctx, struct house *h)
{
	planned(ctx, h);
	return is_queued(ctx, h);
}

static void
an_attribute_that_changes_what_an_app_is_told_sends_it_again_and_another_one_does_not(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);

	configured(*state, &h, "{\"site\":\"%department%\",\"list\":[{\"who\":\"%username% 5%%\"}]}");
	attribute(&h, "department", "Sales");
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"list\":[{\"who\":\"mia 5%\"}],\"site\":\"Sales\"}");
	assert_false(goes_out(*state, &h));
	/* another attribute, the same value once more, one that came back */
	assert_true(attribute(&h, "office", "4"));
	assert_false(goes_out(*state, &h));
	assert_false(attribute(&h, "department", "Sales"));
	attribute(&h, "department", "Legal");
	attribute(&h, "department", "Sales");
	assert_false(goes_out(*state, &h));
	/* the value */
	assert_true(attribute(&h, "department", "Legal"));
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"list\":[{\"who\":\"mia 5%\"}],\"site\":\"Legal\"}");
	assert_false(goes_out(*state, &h));
	/* without a variable no attribute counts */
	configured(*state, &h, "{\"site\":\"100 %\"}");
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"site\":\"100 %\"}");
	assert_false(attribute(&h, "department", "Sales"));
	assert_false(goes_out(*state, &h));
}

static void
what_changes_while_a_configuration_is_on_its_way_goes_out_behind_it(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	const char *wish;
	struct err err;

	configured(*state, &h, "{\"site\":\"%department%\"}");
	attribute(&h, "department", "Sales");
	assert_true(goes_out(*state, &h));
	assert_string_equal(filled_in(*state, &h, &wish), "{\"site\":\"Sales\"}");
	attribute(&h, "department", "Legal");
	planned(*state, &h);		/* the one that is out is in the way */
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM command_queue"), 1);
	sql(&h, "DELETE FROM job");
	sql(&h, "DELETE FROM command_queue");
	assert_ok(managed_app_configured(h.db, "d1", APP, "u1", "Acknowledged", &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
	assert_true(goes_out(*state, &h));
	sql(&h, "DELETE FROM job");
	assert_string_equal(delivered(*state, &h), "{\"site\":\"Legal\"}");
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 0);
}

static void
an_app_is_told_what_its_device_is_by_now(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	configured(*state, &h, "{\"os\":\"%os_version%\"}");
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"os\":\"18.1\"}");
	sql(&h, "UPDATE device SET os_version = '18.2'");
	sql(&h, "DELETE FROM job");
	assert_ok(managed_app_fits_again(h.db, "d1", &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
	assert_true(goes_out(*state, &h));
	assert_string_equal(delivered(*state, &h), "{\"os\":\"18.2\"}");
}

/* The fifth attempt at a required app: its command cannot be made, and nothing comes by itself before the next day. */
static void
could_not_be_made(struct house *h)
{
	struct err err;

	sql(h, "UPDATE managed_app SET state = 'queued', command_uuid = 'u9', attempts = 5, due = 1");
	assert_ok(managed_app_answered(h->db, "d1", APP, "u9", "error", NULL, NULL, &err), &err);
	sql(h, "DELETE FROM job");
	assert_int_equal(sql_int(h, "SELECT count(*) FROM managed_app WHERE state = 'failed' AND why = 'not_made' AND due > 3600"), 1);
}

static void
a_required_app_that_could_not_be_made_is_tried_again_when_what_it_lacked_is_known(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	const char *failed = mem_printf(*state, "failed required %s not_made", build_id);
	const char *wanted = mem_printf(*state, "wanted required %s ", build_id);
	struct err err;

	sql(&h, "UPDATE channel SET required = TRUE");
	sql(&h, "DELETE FROM installed_app");
	sql(&h, "DELETE FROM managed_app");
	configured(*state, &h, "{\"site\":\"%department%\",\"phone\":\"%os_version%\"}");
	assert_string_equal(planned(*state, &h), wanted);
	could_not_be_made(&h);
	/* what it lacks is lacking still, however often somebody looks */
	assert_string_equal(planned(*state, &h), failed);
	attribute(&h, "office", "4");
	assert_string_equal(planned(*state, &h), failed);
	/* the directory tells it now */
	assert_true(attribute(&h, "department", "Sales"));
	assert_string_equal(planned(*state, &h), wanted);
	assert_int_equal(sql_int(&h, "SELECT attempts FROM managed_app"), 0);
	/* the configuration is put anew */
	could_not_be_made(&h);
	assert_string_equal(planned(*state, &h), failed);
	configured(*state, &h, "{\"phone\":\"%os_version%\"}");
	assert_string_equal(planned(*state, &h), wanted);
	/* the device says what was not known of it */
	could_not_be_made(&h);
	assert_string_equal(planned(*state, &h), failed);
	sql(&h, "UPDATE device SET os_version = '18.2'");
	assert_ok(managed_app_fits_again(h.db, "d1", &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
	assert_string_equal(planned(*state, &h), wanted);
	/* it goes */
	could_not_be_made(&h);
	sql(&h, "DELETE FROM app_configuration");
	assert_string_equal(planned(*state, &h), wanted);
	could_not_be_made(&h);
	assert_string_equal(planned(*state, &h), failed);
	/* one of before, of which nobody kept what it could not be made with: once */
	sql(&h, "UPDATE managed_app SET configuration = ''");
	assert_string_equal(planned(*state, &h), wanted);
}

static void
who_comes_into_a_group_for_which_a_configuration_is_changes_it_though_the_app_is_for_everyone(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	configured(*state, &h, "{\"a\":1}");
	sql(&h, "UPDATE channel SET audience_id = NULL");
	assert_ok(managed_app_people_changed(h.db, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_app'"), 0);
	sql(&h, "UPDATE app_configuration SET audience_id = 'them'");
	assert_ok(managed_app_people_changed(h.db, &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_app'"), 1);
}

static void
configurations_of_before_are_read_once_and_those_with_variables_go_out(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);
	struct err err;

	configured(*state, &h, "{\"site\":\"%department%\"}");
	attribute(&h, "department", "Sales");
	sql(&h, "UPDATE app_configuration SET variables = NULL");
	assert_true(goes_out(*state, &h));
	delivered(*state, &h);
	assert_false(goes_out(*state, &h));
	sql(&h, "DELETE FROM job");
	for (int i = 0; i < 2; i++)
		assert_ok(app_configuration_read(h.db, test_sealer(*state), &err), &err);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM app_configuration WHERE variables = '[\"department\"]'"), 1);
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM job WHERE kind = 'managed_app_app'"), 1);
	assert_true(goes_out(*state, &h));
	delivered(*state, &h);
	assert_false(goes_out(*state, &h));
}

TESTS(a_configuration_that_no_property_list_can_hold_is_refused,
      a_configuration_is_there_when_the_device_has_taken_it_and_is_sent_again_until_then,
      an_attribute_that_changes_what_an_app_is_told_sends_it_again_and_another_one_does_not,
      what_changes_while_a_configuration_is_on_its_way_goes_out_behind_it,
      an_app_is_told_what_its_device_is_by_now,
      a_required_app_that_could_not_be_made_is_tried_again_when_what_it_lacked_is_known,
      who_comes_into_a_group_for_which_a_configuration_is_changes_it_though_the_app_is_for_everyone,
      configurations_of_before_are_read_once_and_those_with_variables_go_out)
