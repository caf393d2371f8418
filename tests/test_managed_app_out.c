/* Apps on managed devices of somebody who was disabled: they go as those of who leaves, a day later, where the app says so. */
#include "tests/check_managed_app.h"
#include "catalog/managed_app.h"
#include "catalog/people.h"
#include "core/clock.h"

static void
disabled(struct house *h, bool on)
{
	const struct people_act act = { "anna", h->mia->id, true };
	struct err err;

	sql(h, "DELETE FROM job");
	assert_ok(people_set_disabled(h->db, &act, on, &err), &err);
	assert_int_equal(sql_int(h, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
}

static void
who_is_disabled_loses_a_day_later_what_goes_when_its_person_leaves(void **state)
{
	static const char *const since[] = { "", "UPDATE channel SET required = TRUE", "UPDATE managed_app SET state = 'failed', why = 'not_removed'" };
	char *build_id;
	struct house h = with_app(*state, &build_id);

	for (size_t i = 0; i < sizeof since / sizeof *since; i++) {
		disabled(&h, true);
		assert_string_equal(planned(*state, &h), "removing required gone ");
		/* a slip, or a directory that shows a part of itself, wipes no phone */
		assert_true(sql_int(&h, "SELECT due FROM managed_app") >= clock_now() + DAY_S);
		assert_string_equal(planned(*state, &h), "removing required gone ");
		if (*since[i])
			sql(&h, since[i]);
		disabled(&h, false);
		assert_string_equal(planned(*state, &h), mem_printf(*state, "installed %s %s ", i ? "required" : "asked", build_id));
	}
	disabled(&h, true);
	assert_string_equal(planned(*state, &h), "removing required gone ");
	sql(&h, "UPDATE managed_app SET state = 'removed'");
	disabled(&h, false);
	sql(&h, "DELETE FROM installed_app");
	assert_string_equal(planned(*state, &h), mem_printf(*state, "wanted required %s ", build_id));
}

static void
what_a_disabled_person_keeps(void **state)
{
	static const char *const keeps[] = {
		"UPDATE rollout SET remove_on_leave = FALSE",
		"UPDATE managed_app SET cause = 'admin'",
		"UPDATE managed_app SET ours = FALSE",		/* it did not come by us */
	};

	for (size_t i = 0; i < sizeof keeps / sizeof *keeps; i++) {
		char *build_id;
		struct house h = with_app(*state, &build_id);

		sql(&h, keeps[i]);
		disabled(&h, true);
		assert_string_equal(planned(*state, &h), mem_printf(*state, "installed %s %s ", i == 1 ? "admin" : "asked", build_id));
		talloc_free(h.db);
	}
}

static void
what_is_on_its_way_to_who_was_disabled_does_not_go_on(void **state)
{
	char *build_id;
	struct house h = with_app(*state, &build_id);

	/* an update of an app by us: what is there goes, too */
	published(*state, &h, (struct sent){ .channel = "main", .build = "2" });
	planned(*state, &h);
	disabled(&h, true);
	assert_string_equal(planned(*state, &h), "removing required gone ");
	/* one that never came: nothing is there, and nothing is wanted */
	sql(&h, "DELETE FROM installed_app");
	sql(&h, mem_printf(*state, "UPDATE managed_app SET build_id = '%s', cause = 'required', state = 'queued', ours = FALSE", build_id));
	assert_string_equal(planned(*state, &h), "");
}

TESTS(who_is_disabled_loses_a_day_later_what_goes_when_its_person_leaves, what_a_disabled_person_keeps,
      what_is_on_its_way_to_who_was_disabled_does_not_go_on)
