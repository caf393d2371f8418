/* The queue of commands: at least once, in order, and none recorded twice. */
#include "tests/check_mdm.h"
#include "core/clock.h"
#include "core/plist.h"
#include "mdm/identity_renew.h"
#include "mdm/push.h"
#include "mdm/queue_sweep.h"
#include "mdm/queue_turn.h"

static void
must_15_an_idle_with_an_empty_queue_is_answered_by_nothing_and_writes_nothing(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *before;

	before = mdm_snapshot(m);
	for (int i = 0; i < 3; i++) {
		assert_null(phone_idle(p));
		assert_string_equal(m->text, "");
		assert_int_equal(m->status, 200);
	}
	assert_string_equal(mdm_snapshot(m), before);
}

static void
must_16_one_command_an_answer_and_the_next_only_after_a_result(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "DeviceInformation", 0), *b = mdm_queue(m, p, "ProfileList", 0);

	assert_string_equal(phone_idle(p), a);
	assert_non_null(strstr(m->text, "DeviceInformation"));
	assert_null(strstr(m->text, "ProfileList"));
	assert_string_equal(phone_says(p, "Acknowledged", a), b);
	assert_null(phone_says(p, "Acknowledged", b));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history WHERE state = 'acknowledged'"), 2);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
}

static void
must_19_and_behaviour_1_a_command_whose_answer_was_lost_is_offered_again(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "DeviceInformation", 0);

	assert_string_equal(phone_idle(p), a);
	assert_string_equal(phone_idle(p), a);
	assert_int_equal(mdm_number(m, "SELECT sent_count FROM command_queue"), 2);
	assert_null(phone_says(p, "Acknowledged", a));
	assert_int_equal(mdm_number(m, "SELECT sent_count FROM command_history"), 2);
}

static void
must_19_what_was_sent_and_lost_is_offered_to_a_device_that_repeats_its_last_report(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "DeviceInformation", 0), *b = mdm_queue(m, p, "ProfileList", 0);

	mdm_queue(m, p, "CertificateList", 0);
	assert_string_equal(phone_idle(p), a);
	assert_string_equal(phone_says(p, "Acknowledged", a), b);
	assert_string_equal(phone_says(p, "Acknowledged", a), b);	/* b never arrived */
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 1);
}

static void
must_17_and_behaviour_2_not_now_is_not_sent_again_on_the_same_connection_and_comes_behind_fresh_commands(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstallProfile", 5), *b = mdm_queue(m, p, "DeviceInformation", 0);
	const char *c = mdm_queue(m, p, "ProfileList", 0), *d;

	assert_string_equal(phone_idle(p), a);
	assert_string_equal(phone_says(p, "NotNow", a), b);
	assert_string_equal(phone_says(p, "Acknowledged", b), c);
	assert_null(phone_says(p, "Acknowledged", c));
	d = mdm_queue(m, p, "CertificateList", 0);
	assert_string_equal(phone_idle(p), d);
	assert_string_equal(phone_says(p, "Acknowledged", d), a);
	assert_null(phone_says(p, "Acknowledged", a));
	assert_int_equal(mdm_number(m, "SELECT not_now_count FROM command_history h JOIN command c ON c.id = h.command_id"
				       " WHERE c.request_type = 'InstallProfile'"), 1);
}

static void
all_not_nows_of_a_connection_are_offered_at_the_next_idle(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstallProfile", 0), *b = mdm_queue(m, p, "InstallApplication", 0);

	assert_string_equal(phone_idle(p), a);
	assert_string_equal(phone_says(p, "NotNow", a), b);
	assert_null(phone_says(p, "NotNow", b));
	assert_string_equal(phone_idle(p), a);
	assert_string_equal(phone_says(p, "Acknowledged", a), b);
	assert_null(phone_says(p, "NotNow", b));
	assert_string_equal(phone_idle(p), b);
	assert_null(phone_says(p, "Acknowledged", b));
}

static int64_t
push_at(struct mdm *m, const char *reason)
{
	return mdm_number(m, mem_printf(m->ctx, "SELECT COALESCE((SELECT due FROM push_due WHERE reason = '%s'), 0)", reason));
}

static void
forget_pushes(struct mdm *m)
{
	assert_ok(db_run(m->db, &m->err, "DELETE FROM push_due"), &m->err);
}

static void
must_18_and_behaviour_2_not_now_followed_by_another_status_is_pushed_later_and_later(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstallProfile", 0), *b = mdm_queue(m, p, "ProfileList", 0);
	int64_t first, second;

	forget_pushes(m);
	assert_string_equal(phone_idle(p), a);
	assert_string_equal(phone_says(p, "NotNow", a), b);
	assert_null(phone_says(p, "Acknowledged", b));
	first = push_at(m, "not_now") - clock_now();
	assert_int_equal(first, QUEUE_NOT_NOW_S);
	forget_pushes(m);
	b = mdm_queue(m, p, "ProfileList", 0);
	forget_pushes(m);
	assert_string_equal(phone_idle(p), b);
	assert_string_equal(phone_says(p, "Acknowledged", b), a);
	b = mdm_queue(m, p, "CertificateList", 0);
	forget_pushes(m);
	assert_string_equal(phone_says(p, "NotNow", a), b);
	assert_null(phone_says(p, "Acknowledged", b));
	second = push_at(m, "not_now") - clock_now();
	assert_true(second > first);
}

static void
not_now_as_the_last_word_is_not_pushed_at_once_but_within_the_day(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstallProfile", 0);

	assert_string_equal(phone_idle(p), a);
	forget_pushes(m);
	assert_null(phone_says(p, "NotNow", a));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);
	mdm_at(m, "2026-11-22T12:59:00Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);
	mdm_at(m, "2026-11-22T13:00:01Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 1);
}

static void
must_20_and_behaviour_3_an_unknown_or_foreign_command_uuid_is_tolerated_and_changes_nobody(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), *q = phone_enrolled(m, UDID_B);
	const char *a = mdm_queue(m, p, "ProfileList", 0), *b = mdm_queue(m, q, "ProfileList", 0);

	assert_string_equal(phone_idle(q), b);
	assert_string_equal(phone_says(p, "Acknowledged", "11111111-2222-3333-4444-555555555555"), a);
	assert_string_equal(phone_says(p, "Acknowledged", b), a);
	assert_string_equal(phone_says(p, "Error", "not even a uuid"), a);
	assert_string_equal(mdm_text(m, mem_printf(m->ctx, "SELECT q.state FROM command_queue q JOIN command c"
				     " ON c.id = q.command_id WHERE c.uuid = '%s'", b)), "sent");
	assert_null(phone_says(q, "Acknowledged", b));
	assert_null(phone_says(q, "Acknowledged", b));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 1);
}

static void
must_21_the_whole_error_chain_is_kept(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstallProfile", 0), *b = mdm_queue(m, p, "ProfileList", 0);
	const char *chain = "<key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>4001</integer><key>ErrorDomain</key>"
		"<string>MCInstallationErrorDomain</string><key>LocalizedDescription</key><string>Nein</string></dict><dict>"
		"<key>ErrorCode</key><integer>1009</integer><key>ErrorDomain</key><string>MCProfileErrorDomain</string></dict></array>";
	json_t *shown;

	assert_string_equal(phone_idle(p), a);
	assert_string_equal(phone_says_more(p, "Error", a, chain), b);
	assert_null(phone_says_more(p, "CommandFormatError", b, chain));
	assert_ok(queue_show(m->db, phone_enrollment(p)->device_id, a, &shown, &m->err), &m->err);
	assert_string_equal(json_string_value(json_object_get(shown, "state")), "error");
	assert_int_equal(json_array_size(json_object_get(shown, "error")), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(shown, "error"), 1), "ErrorCode")),
			 1009);
	assert_string_equal(json_string_value(json_object_get(json_object_get(shown, "answer"), "Status")), "Error");
	json_decref(shown);
	assert_ok(queue_show(m->db, phone_enrollment(p)->device_id, b, &shown, &m->err), &m->err);
	assert_string_equal(json_string_value(json_object_get(shown, "status")), "CommandFormatError");
	assert_int_equal(json_array_size(json_object_get(shown, "error")), 2);
	json_decref(shown);
}

static void
priorities_come_first_and_equals_in_the_order_they_were_asked_for(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", QUEUE_PRIORITY_HOUSE);
	const char *b = mdm_queue(m, p, "CertificateList", QUEUE_PRIORITY_HOUSE);
	const char *c = mdm_queue(m, p, "DeviceLock", QUEUE_PRIORITY_URGENT);
	const char *d = mdm_queue(m, p, "DeviceInformation", QUEUE_PRIORITY_PERSON);

	assert_string_equal(phone_idle(p), c);
	assert_string_equal(phone_says(p, "Acknowledged", c), d);
	assert_string_equal(phone_says(p, "Acknowledged", d), a);
	assert_string_equal(phone_says(p, "Acknowledged", a), b);
	assert_null(phone_says(p, "Acknowledged", b));
}

static void
what_is_put_off_waits_for_its_time_and_is_pushed_then(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	char *a;

	forget_pushes(m);
	assert_int_equal(mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList", .not_before = clock_now() + 600 },
				  &a), QUEUE_ADDED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);
	assert_null(phone_idle(p));
	mdm_at(m, "2026-11-22T12:10:01Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 1);
	assert_string_equal(phone_idle(p), a);
}

static void
one_of_a_dedupe_key_waits_for_each_device(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), *q = phone_enrolled(m, UDID_B);
	struct queue_wish wish = { .request_type = "DeviceInformation", .dedupe_key = "refresh" };
	char *a, *again, *b;

	assert_int_equal(mdm_wish(m, p, wish, &a), QUEUE_ADDED);
	assert_int_equal(mdm_wish(m, p, wish, &again), QUEUE_DUPLICATE);
	assert_string_equal(again, a);
	assert_int_equal(mdm_wish(m, q, wish, &b), QUEUE_ADDED);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), 2);
	assert_string_equal(phone_idle(p), a);
	assert_null(phone_says(p, "Acknowledged", a));
	assert_int_equal(mdm_wish(m, p, wish, &again), QUEUE_ADDED);
}

static struct { const char *state, *type; int n; } ended;

static bool
kind_ended(struct db *tx, void *site, const struct queued *c, const struct enrollment *e, const char *how, struct err *err)
{
	(void)tx, (void)site, (void)e, (void)err;
	ended.state = strcmp(how, "expired") == 0 ? "expired" : strcmp(how, "cancelled") == 0 ? "cancelled" : "error";
	ended.n++;
	assert_string_equal(c->request_type, "ProfileList");
	return true;
}

static int rendered;
static enum err_kind render_fails;

static bool
kind_render(TALLOC_CTX *ctx, void *site, const struct queued *c, const struct enrollment *e, struct bytes *payload,
	    struct err *err)
{
	struct mdm *m = site;
	const char *xml = mdm_dict(m, mem_printf(m->ctx, "<key>RequestType</key><string>ProfileList</string><key>secret</key>"
					 "<string>%s of %s</string>", json_string_value(json_object_get(c->args, "name")),
					 e->udid));

	if (render_fails)
		return err_set(err, render_fails, "the key is gone");
	rendered++;
	*payload = (struct bytes){ mem_text(ctx, xml), strlen(xml) };
	return true;
}

static const char *answered;

static bool
kind_answered(struct db *tx, void *site, const struct queued *c, const struct enrollment *e, const char *status, void *answer,
	      struct err *err)
{
	(void)tx, (void)c, (void)e, (void)err;
	assert_non_null(answer);
	answered = mem_text(((struct mdm *)site)->ctx, status);
	return true;
}

static const struct command_kind kinds[] = { { "test", kind_render, kind_answered, kind_ended }, { 0 } };

static void
a_command_expires_and_its_kind_is_told(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	queue_kinds(kinds, m);
	ended.n = 0;
	assert_int_equal(mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList", .kind = "test", .ttl_s = 3600 },
				  NULL), QUEUE_ADDED);
	mdm_at(m, "2026-11-22T12:59:59Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(ended.n, 0);
	mdm_at(m, "2026-11-22T13:00:01Z");
	assert_null(phone_idle(p));	/* too late, also where the sweep has not been */
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(ended.n, 1);
	assert_string_equal(ended.state, "expired");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history WHERE state = 'expired'"), 1);
}

static void
secrets_are_rendered_at_delivery_and_never_stored(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	json_t *args = json_pack("{s:s}", "name", "a signed URL");
	char *a;

	queue_kinds(kinds, m);
	rendered = 0;
	render_fails = ERR_NONE;
	mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList", .kind = "test", .args = args }, &a);
	json_decref(args);
	assert_int_equal(rendered, 0);
	assert_string_equal(phone_idle(p), a);
	assert_non_null(strstr(m->text, "a signed URL of " UDID_A));
	assert_int_equal(rendered, 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command WHERE payload IS NOT NULL"), 0);
	assert_null(phone_says(p, "Acknowledged", a));
	assert_string_equal(answered, "Acknowledged");
}

static void
what_cannot_be_rendered_does_not_hold_up_what_waits_behind_it(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	char *a;
	const char *b;

	queue_kinds(kinds, m);
	ended.n = 0;
	mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList", .kind = "test" }, &a);
	b = mdm_queue(m, p, "CertificateList", 0);
	render_fails = ERR_BUSY;	/* for a while */
	assert_string_equal(phone_idle(p), b);
	assert_null(phone_says(p, "Acknowledged", b));
	assert_int_equal(mdm_number(m, "SELECT sent_count FROM command_queue"), 0);	/* nothing of it went out */
	mdm_at(m, "2026-11-22T12:01:01Z");
	render_fails = ERR_MISSING;	/* for ever */
	assert_null(phone_idle(p));
	assert_int_equal(ended.n, 1);
	assert_string_equal(ended.state, "error");
	assert_non_null(strstr(mdm_text(m, "SELECT error FROM command_history WHERE state = 'error'"), "the key is gone"));
	render_fails = ERR_NONE;
}

/* As those whose deliveries each make a key or a session. */
static bool
costly_render(TALLOC_CTX *ctx, void *site, const struct queued *c, const struct enrollment *e, struct bytes *payload,
	      struct err *err)
{
	return c->unanswered <= IDENTITY_DELIVERIES_MAX ? kind_render(ctx, site, c, e, payload, err) :
							  err_code(err, ERR_CONFLICT, "not_answered", "it was not answered");
}

static const struct command_kind costly_kinds[] = { { "test", costly_render, kind_answered, kind_ended }, { 0 } };

static char *
costly(struct mdm *m, struct phone *p)
{
	char *uuid;

	queue_kinds(costly_kinds, m);
	render_fails = ERR_NONE;
	ended.n = 0;
	assert_int_equal(mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList", .kind = "test" }, &uuid), QUEUE_ADDED);
	return uuid;
}

static void
after(struct mdm *m, int64_t s)
{
	mdm_at(m, clock_text(m->ctx, clock_now() + s));
}

static void
a_device_that_says_not_now_for_days_loses_no_command_and_one_that_is_silent_does(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = costly(m, p);

	for (int i = 0; i < 3 * IDENTITY_DELIVERIES_MAX; i++) {
		assert_string_equal(phone_idle(p), a);
		assert_null(phone_says(p, "NotNow", a));
		after(m, 6 * HOUR_S);
	}
	assert_string_equal(phone_idle(p), a);
	assert_null(phone_says(p, "Acknowledged", a));
	assert_int_equal(ended.n, 0);
	assert_int_equal(mdm_number(m, "SELECT sent_count - not_now_count FROM command_history WHERE state = 'acknowledged'"), 1);
	/* without a word */
	a = costly(m, p);
	assert_string_equal(phone_idle(p), a);
	assert_null(phone_says(p, "NotNow", a));
	for (int i = 0; i < IDENTITY_DELIVERIES_MAX; i++)
		assert_string_equal(phone_idle(p), a);
	assert_null(phone_idle(p));
	assert_int_equal(ended.n, 1);
	assert_string_equal(ended.state, "error");
}

static void
a_not_now_that_is_said_twice_is_one_answer_to_one_delivery(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = costly(m, p);

	assert_string_equal(phone_idle(p), a);
	for (int i = 0; i < 3; i++)
		assert_null(phone_says(p, "NotNow", a));
	assert_int_equal(mdm_number(m, "SELECT not_now_count FROM command_queue"), 1);
	assert_string_equal(phone_idle(p), a);
	assert_int_equal(mdm_number(m, "SELECT sent_count - not_now_count FROM command_queue"), 1);
}

static void
not_now_is_waited_for_ever_longer_by_its_own_count(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstallProfile", 0);

	for (int i = 0; i < 7; i++) {
		int64_t wait = (int64_t)QUEUE_NOT_NOW_LAST_S << i;

		assert_string_equal(phone_idle(p), a);
		/* what was delivered waits for its answer as the first one did: none was silent */
		assert_int_equal(mdm_number(m, "SELECT due FROM command_queue") - clock_now(), QUEUE_PUSH_AGAIN_S);
		assert_null(phone_says(p, "NotNow", a));
		assert_int_equal(mdm_number(m, "SELECT due FROM command_queue") - clock_now(),
				 wait < QUEUE_PUSH_AGAIN_MAX_S ? wait : QUEUE_PUSH_AGAIN_MAX_S);
		after(m, 60);
	}
}

static void
a_device_that_says_not_now_over_and_over_is_not_offered_it_with_each_breath_and_pushed_when_it_is_time(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstallProfile", 0);

	for (int i = 0; i < QUEUE_NOT_NOW_FREE; i++) {
		assert_string_equal(phone_idle(p), a);
		assert_null(phone_says(p, "NotNow", a));
	}
	assert_null(phone_idle(p));	/* unlocked, it comes by itself: too soon, so it is called back */
	forget_pushes(m);
	after(m, QUEUE_NOT_NOW_S - 1);
	assert_null(phone_idle(p));
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);
	after(m, 1);
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 1);
	assert_string_equal(phone_idle(p), a);
	assert_null(phone_says(p, "Acknowledged", a));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
}

static void
however_many_cannot_be_rendered_none_counts_as_sent_that_was_not(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *last;
	char *a;

	queue_kinds(kinds, m);
	render_fails = ERR_MISSING;
	for (int i = 0; i < 8; i++)
		mdm_wish(m, p, (struct queue_wish){ .request_type = "ProfileList", .kind = "test" }, &a);
	last = mdm_queue(m, p, "CertificateList", 0);
	assert_null(phone_idle(p));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue WHERE state = 'ready' AND sent_count = 0"), 1);
	assert_string_equal(phone_idle(p), last);
	render_fails = ERR_NONE;
}

static void
a_device_that_never_answers_one_command_gets_the_others(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *bad = mdm_queue(m, p, "InstallProfile", QUEUE_PRIORITY_URGENT);
	const char *good = mdm_queue(m, p, "ProfileList", 0);

	for (int i = 0; i < 3; i++)
		assert_string_equal(phone_idle(p), bad);
	assert_string_equal(phone_idle(p), good);
	assert_string_equal(phone_says(p, "Acknowledged", good), bad);
}

static void
what_was_sent_and_not_answered_is_pushed_again_with_growing_pauses(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", 0);

	assert_string_equal(phone_idle(p), a);
	forget_pushes(m);
	mdm_at(m, "2026-11-22T12:14:00Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);
	mdm_at(m, "2026-11-22T12:15:01Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 1);
	forget_pushes(m);
	mdm_at(m, "2026-11-22T12:40:00Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM push_due"), 0);
}

static void
cancel_clear_and_resend_do_what_they_say(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *device = phone_enrollment(p)->device_id;
	const char *a = mdm_queue(m, p, "ProfileList", 0), *b = mdm_queue(m, p, "CertificateList", 0), *again;
	json_t *list;
	int64_t n;

	mdm_queue(m, p, "DeviceInformation", 0);
	assert_ok(queue_cancel(m->db, "anna", device, a, &m->err), &m->err);
	assert_false(queue_cancel(m->db, "anna", device, a, &m->err));
	assert_int_equal(m->err.kind, ERR_MISSING);
	assert_string_equal(phone_idle(p), b);
	assert_null(strstr(phone_says(p, "Acknowledged", b), b));
	assert_ok(queue_clear(m->db, "anna", device, &n, &m->err), &m->err);
	assert_int_equal(n, 1);
	assert_null(phone_idle(p));
	assert_ok(queue_resend(m->db, "anna", device, b, &m->err), &m->err);	/* of what has ended: a new one */
	again = phone_idle(p);
	assert_non_null(again);
	assert_string_not_equal(again, b);
	assert_non_null(strstr(m->text, "CertificateList"));
	assert_null(phone_says(p, "NotNow", again));
	assert_ok(queue_resend(m->db, "anna", device, again, &m->err), &m->err);	/* of what waits: the same, at once */
	assert_string_equal(phone_says(p, "Error", "nothing"), again);
	assert_ok(queue_history(m->db, device, NULL, 10, &list, &m->err), &m->err);
	assert_int_equal(json_array_size(json_object_get(list, "items")), 3);
	json_decref(list);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM audit WHERE act LIKE 'command.%'"), 4);
}

static void
what_cannot_be_taken_back_is_not_sent_again_by_a_click(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *device = phone_enrollment(p)->device_id;
	const char *erase = mdm_queue(m, p, "EraseDevice", 0), *list = mdm_queue(m, p, "ProfileList", 0);

	assert_ok(queue_cancel(m->db, "anna", device, erase, &m->err), &m->err);
	assert_false(queue_resend(m->db, "anna", device, erase, &m->err));
	assert_string_equal(m->err.code, "order_anew");
	/* nor what the device had under an earlier enrollment, of somebody else perhaps */
	assert_ok(queue_cancel(m->db, "anna", device, list, &m->err), &m->err);
	p = phone_enrolled(m, UDID_A);
	assert_string_equal(phone_enrollment(p)->device_id, device);
	assert_false(queue_resend(m->db, "anna", device, list, &m->err));
	assert_int_equal(m->err.kind, ERR_MISSING);
	assert_null(phone_idle(p));
}

static void
history_goes_by_pages_and_ends(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *device = phone_enrollment(p)->device_id, *after = NULL;
	int seen = 0;

	for (int i = 0; i < 7; i++)
		mdm_queue(m, p, "ProfileList", 0);
	for (const char *uuid = phone_idle(p); uuid;)
		uuid = phone_says(p, "Acknowledged", uuid);
	for (int page = 0; page < 4; page++) {
		json_t *list;

		assert_ok(queue_history(m->db, device, after, 3, &list, &m->err), &m->err);
		seen += (int)json_array_size(json_object_get(list, "items"));
		after = mem_text(m->ctx, json_string_value(json_object_get(list, "next")));
		json_decref(list);
		if (!after)
			break;
	}
	assert_null(after);
	assert_int_equal(seen, 7);
	assert_false(queue_history(m->db, device, "rubbish", 3, &(json_t *){ NULL }, &m->err));
}

static void
old_history_and_its_commands_are_cleaned_up(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", 0);

	assert_string_equal(phone_idle(p), a);
	assert_null(phone_says(p, "Acknowledged", a));
	mdm_at(m, "2027-05-20T12:00:00Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 1);
	mdm_at(m, "2027-05-22T12:00:00Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), 0);
	/* years later it says so again: to nothing that we know */
	assert_null(phone_says(p, "Acknowledged", a));
	assert_int_equal(m->status, 200);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 0);
}

/* So deep that the gate stops it. */
static const char *
deep(struct mdm *m, const char *head)
{
	struct buf b;

	buf_init(&b, m->ctx, 1u << 20);
	buf_text(&b, head);
	buf_text(&b, "<key>InstalledApplicationList</key>");
	for (int i = 0; i < 200; i++)
		buf_text(&b, "<array>");
	for (int i = 0; i < 200; i++)
		buf_text(&b, "</array>");
	assert_true(strlen(head) < 1000);	/* beyond that it would be cut */
	buf_addf(&b, "<key>Status</key><string>Acknowledged</string><key>UDID</key><string>%s</string>", UDID_A);
	return mdm_dict(m, buf_str(&b));
}

static void
an_answer_that_is_beyond_what_is_read_ends_its_command_and_the_next_one_comes(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstalledApplicationList", 0), *b = mdm_queue(m, p, "ProfileList", 0);
	const char *head = mem_printf(m->ctx, "<key>CommandUUID</key>\n\t<string>%s</string>", a);
	char *long_text = mem_size(m->ctx, PLIST_BYTES_MAX + 1);

	assert_string_equal(phone_idle(p), a);
	assert_ok(phone_command(p, deep(m, head)), &m->err);
	assert_int_equal(m->status, 200);
	assert_non_null(strstr(m->text, b));		/* and is given what comes next */
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history WHERE state = 'error' AND error LIKE '%deeper than%'"), 1);
	memset(long_text, ' ', PLIST_BYTES_MAX);
	long_text[PLIST_BYTES_MAX] = '\0';
	head = mem_printf(m->ctx, "<key>CommandUUID</key><string>%s</string>%s", b, long_text);
	assert_ok(phone_command(p, mdm_dict(m, head)), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history WHERE state = 'error' AND error LIKE '%too large%'"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	/* said again, because the 200 was lost: as of any command that has ended (MUST 20) */
	a = mdm_queue(m, p, "ProfileList", 0);
	assert_ok(phone_command(p, deep(m, mem_printf(m->ctx, "<key>CommandUUID</key><string>%s</string>", b))), &m->err);
	assert_int_equal(m->status, 200);
	assert_non_null(strstr(m->text, a));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 2);
}

static void
an_answer_that_is_no_property_list_ends_its_command_wherever_it_names_it(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "CertificateList", 0);
	char *long_text = mem_size(m->ctx, 100000);

	/* keys go by their names: what makes it long stands before the one that we look for */
	memset(long_text, 'A', 99999);
	assert_string_equal(phone_idle(p), a);
	assert_ok(phone_command(p, mdm_dict(m, mem_printf(m->ctx, "<key>CertificateList</key><array><data>%s</data></array>"
		"<key>CommandUUID</key><string>%s</string><key>Label</key><string>a&#x1;</string><key>Status</key>"
		"<string>Acknowledged</string>", long_text, a))), &m->err);
	assert_int_equal(m->status, 200);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history WHERE state = 'error'"), 1);
	/* of which nothing is said is refused */
	phone_is_refused(p, phone_command(p, "<plist><dict>"), ERR_INVALID);
}

static void
an_answer_that_cannot_be_read_at_all_ends_what_was_sent_last_when_it_was_in_vain_often_enough(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstalledApplicationList", 0);

	for (int i = 1; i < QUEUE_UNREADABLE_MAX; i++) {
		assert_string_equal(phone_idle(p), a);
		phone_is_refused(p, phone_command(p, deep(m, "")), ERR_INVALID);
	}
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 1);
	assert_string_equal(phone_idle(p), a);
	assert_ok(phone_command(p, deep(m, "")), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history WHERE state = 'error'"), 1);
}

struct for_three { TALLOC_CTX *ctx; const struct queue_wish *wish; const char *ids[3]; char *uuid; };

static bool
tx_add_three(struct db *tx, void *arg, struct err *err)
{
	struct for_three *f = arg;

	return queue_add(tx, f->ctx, f->wish, f->ids, 3, NULL, &f->uuid, err);
}

static void
a_command_stays_as_long_as_one_device_waits_for_it_or_has_it_in_its_history(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A), *q = phone_enrolled(m, UDID_B), *r = phone_enrolled(m, "00008120-00000000000000AA");
	const char *plain = mdm_dict(m, "<key>RequestType</key><string>ProfileList</string>");
	struct queue_wish wish = { .request_type = "ProfileList", .created_by = "house", .ttl_s = QUEUE_AHEAD_MAX_S,
				   .payload = { plain, strlen(plain) } };
	struct for_three f = { m->ctx, &wish, { phone_enrollment(p)->id, phone_enrollment(q)->id, phone_enrollment(r)->id }, NULL };
	const char *a;

	assert_ok(db_tx(m->db, tx_add_three, &f, &m->err), &m->err);
	a = f.uuid;
	assert_string_equal(phone_idle(p), a);
	assert_null(phone_says(p, "Acknowledged", a));
	mdm_at(m, "2027-03-22T12:00:00Z");
	assert_string_equal(phone_idle(q), a);
	assert_null(phone_says(q, "Acknowledged", a));
	mdm_at(m, "2027-05-22T12:00:00Z");	/* p's history goes, q's stays, r waits */
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), 1);
	mdm_at(m, "2027-10-22T12:00:00Z");	/* and q's */
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 0);
	assert_string_equal(phone_idle(r), a);
	assert_null(phone_says(r, "Acknowledged", a));
	mdm_at(m, "2028-10-22T12:00:00Z");
	assert_ok(queue_sweep(m->db, 180, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_loose"), 0);
}

static void
behaviour_1_a_report_that_cannot_be_kept_is_asked_for_again_and_kept_once(void **state)
{
	static const char *const steps[] = { "INSERT ON command_history", "DELETE ON command_queue", "UPDATE ON command_queue" };
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", 0), *b = mdm_queue(m, p, "CertificateList", 0);
	const char *ack = mdm_dict(m, mem_printf(m->ctx, "<key>UDID</key><string>" UDID_A "</string><key>Status</key><string>"
					 "Acknowledged</string><key>CommandUUID</key><string>%s</string>", a));

	assert_string_equal(phone_idle(p), a);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		assert_ok(db_runv(m->db, &m->err, mem_printf(m->ctx, "CREATE TRIGGER broken BEFORE %s BEGIN SELECT"
				  " RAISE(ABORT, 'the disk is gone'); END", steps[i]), DB_VALS()), &m->err);
		assert_false(phone_command(p, ack));
		assert_int_equal(m->err.kind, ERR_INTERNAL);
		assert_ok(db_run(m->db, &m->err, "DROP TRIGGER broken"), &m->err);
		assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 0);
		assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), 2);
	}
	assert_string_equal(phone_says(p, "Acknowledged", a), b);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 1);
}

struct adding {
	struct mdm *m;
	const struct queue_wish *wish;
	const char *enrollment;
};

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	const struct adding *a = arg;

	return queue_add(tx, a->m->ctx, a->wish, &a->enrollment, 1, NULL, NULL, err);
}

static void
a_plain_command_that_is_no_dictionary_is_refused(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct queue_wish wish = { .request_type = "X", .created_by = "house", .payload = { "<plist/>", 8 } };
	struct adding a = { m, &wish, phone_enrollment(p)->id };

	assert_false(db_tx(m->db, tx_add, &a, &m->err));
	wish.payload = (struct bytes){ 0 };
	assert_false(db_tx(m->db, tx_add, &a, &m->err));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), 0);
}

/* Each kind that is made at delivery: what the house orders by itself, and a passcode that is cleared. */
static void
must_22_what_the_house_orders_waits_for_nobody_whose_enrollment_lacks_its_right(void **state)
{
	static const struct { const char *kind, *type, *item; int64_t right; } rows[] = {
		{ "renew_identity", "InstallProfile", NULL, 2 }, { "own_mobileconfig", "InstallProfile", NULL, 2 },
		{ "mobileconfig", "InstallProfile", NULL, 2 }, { "mobileconfig", "RemoveProfile", NULL, 2 },
		{ "clip", "InstallProfile", NULL, 2 }, { "clip_remove", "RemoveProfile", NULL, 2 },
		{ "app", "InstallApplication", NULL, 4096 }, { "app_removal", "RemoveApplication", NULL, 4096 },
		{ "app_configuration", "Settings", "ApplicationConfiguration", 4096 },
		{ "provision", "InstallProvisioningProfile", NULL, 128 }, { "provision_remove", "RemoveProvisioningProfile", NULL, 128 },
		{ "clear_passcode", "ClearPasscode", NULL, 4 },
	};
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	char *uuid;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct queue_wish wish = { .kind = rows[i].kind, .request_type = rows[i].type, .item = rows[i].item };
		int64_t waits = mdm_number(m, "SELECT count(*) FROM command_queue");

		assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET access_rights = $1", db_int(8191 & ~rows[i].right)), &m->err);
		assert_int_equal(mdm_wish(m, p, wish, &uuid), QUEUE_NO_RIGHT);
		assert_null(uuid);
		assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), waits);
		assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET access_rights = $1", db_int(rows[i].right)), &m->err);
		assert_int_equal(mdm_wish(m, p, wish, &uuid), QUEUE_ADDED);
		/* iOS ignores them where a person enrolled their own account */
		assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET access_rights = 0, kind = 'user'"), &m->err);
		assert_int_equal(mdm_wish(m, p, wish, &uuid), QUEUE_ADDED);
		assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET kind = 'device'"), &m->err);
	}
}

TESTS(must_15_an_idle_with_an_empty_queue_is_answered_by_nothing_and_writes_nothing,
      must_22_what_the_house_orders_waits_for_nobody_whose_enrollment_lacks_its_right,
      must_16_one_command_an_answer_and_the_next_only_after_a_result,
      must_19_and_behaviour_1_a_command_whose_answer_was_lost_is_offered_again,
      must_19_what_was_sent_and_lost_is_offered_to_a_device_that_repeats_its_last_report,
      must_17_and_behaviour_2_not_now_is_not_sent_again_on_the_same_connection_and_comes_behind_fresh_commands,
      all_not_nows_of_a_connection_are_offered_at_the_next_idle,
      must_18_and_behaviour_2_not_now_followed_by_another_status_is_pushed_later_and_later,
      not_now_as_the_last_word_is_not_pushed_at_once_but_within_the_day,
      a_device_that_says_not_now_for_days_loses_no_command_and_one_that_is_silent_does,
      a_not_now_that_is_said_twice_is_one_answer_to_one_delivery,
      not_now_is_waited_for_ever_longer_by_its_own_count,
      a_device_that_says_not_now_over_and_over_is_not_offered_it_with_each_breath_and_pushed_when_it_is_time,
      must_20_and_behaviour_3_an_unknown_or_foreign_command_uuid_is_tolerated_and_changes_nobody,
      must_21_the_whole_error_chain_is_kept,
      priorities_come_first_and_equals_in_the_order_they_were_asked_for,
      what_is_put_off_waits_for_its_time_and_is_pushed_then,
      one_of_a_dedupe_key_waits_for_each_device,
      a_command_expires_and_its_kind_is_told,
      secrets_are_rendered_at_delivery_and_never_stored,
      what_cannot_be_rendered_does_not_hold_up_what_waits_behind_it,
      however_many_cannot_be_rendered_none_counts_as_sent_that_was_not,
      a_device_that_never_answers_one_command_gets_the_others,
      what_was_sent_and_not_answered_is_pushed_again_with_growing_pauses,
      cancel_clear_and_resend_do_what_they_say,
      what_cannot_be_taken_back_is_not_sent_again_by_a_click,
      history_goes_by_pages_and_ends,
      old_history_and_its_commands_are_cleaned_up,
      an_answer_that_is_beyond_what_is_read_ends_its_command_and_the_next_one_comes,
      an_answer_that_is_no_property_list_ends_its_command_wherever_it_names_it,
      an_answer_that_cannot_be_read_at_all_ends_what_was_sent_last_when_it_was_in_vain_often_enough,
      a_command_stays_as_long_as_one_device_waits_for_it_or_has_it_in_its_history,
      behaviour_1_a_report_that_cannot_be_kept_is_asked_for_again_and_kept_once,
      a_plain_command_that_is_no_dictionary_is_refused)
