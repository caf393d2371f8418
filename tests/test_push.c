/* Pushes against the fake APNs over real HTTP/2: MUSTs 30 to 36 of docs/conformance.md. */
#include "tests/check_push.h"
#include "core/clock.h"
#include "core/count.h"
#include "mdm/apns.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct push_house *
ready(void **state, int devices)
{
	struct push_house *p = push_house(*state);

	push_devices(p, devices);
	push_import_new(p, TOPIC);
	push_start(p);
	return p;
}

static bool
tx_ask_all(struct db *tx, void *arg, struct err *err)
{
	const struct push_house *p = arg;
	char id[20];

	for (int i = 0; i < p->devices; i++) {
		snprintf(id, sizeof id, "e%d", i);
		if (!push_ask(tx, id, clock_now(), "command", err))
			return false;
	}
	return true;
}

static void
ask_all(struct push_house *p)
{
	struct err err;

	assert_ok(db_tx(p->db, tx_ask_all, p, &err), &err);
	pusher_wake(p->pusher);
}

static const char *
tell(struct push_house *p, const char *line)
{
	const char *answer = push_say(p, line);

	assert_string_equal(answer, "ok");
	return answer;
}

static void
nothing_wrong(struct push_house *p)
{
	assert_int_equal(push_counted(p, "wrong"), 0);
	assert_int_equal(push_counted(p, "priority_frames"), 0);
	assert_int_equal(push_counted(p, "resets"), 0);
}

/* ---- what is sent ---- */

/* The fake refuses and counts whatever is not so; that it does is shown in push.bats with curl. */
static void
must_30_a_push_has_a_lower_case_path_and_all_four_headers(void **state)
{
	struct push_house *p = ready(state, 1);

	push_wants(p, "e0");
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "answers.200"), 1);
	assert_int_equal(push_counted(p, "topics." TOPIC), 0);	/* it has dots: asked whole below */
	assert_non_null(strstr(push_say(p, "counts"), "\"" TOPIC "\":1"));
	nothing_wrong(p);
}

static int
phone_at_the_door(struct push_house *p, const char *topic, const char *token)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval patience = { 60, 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char line[400];

	snprintf(at.sun_path, sizeof at.sun_path, "%s/door", p->apns_dir);
	assert_int_equal(connect(fd, (void *)&at, sizeof at), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	snprintf(line, sizeof line, "attach %s %s\n", topic, token);
	assert_int_equal(send(fd, line, strlen(line), 0), strlen(line));
	return fd;
}

static const char *
heard(TALLOC_CTX *ctx, int fd)
{
	char *line = mem_size(ctx, 1000);
	ssize_t n = recv(fd, line, 999, 0);

	assert_true(n > 0);
	line[n] = '\0';
	return line;
}

static void
must_31_the_body_is_exactly_the_magic_whatever_the_device_called_it(void **state)
{
	struct push_house *p = ready(state, 2);
	struct err err;
	int fd;

	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET push_magic = $1 WHERE id = 'e1'", db_text("a\"b\\c,\"aps\":{}")), &err);
	fd = phone_at_the_door(p, TOPIC, push_token_hex(p, 0));
	push_wants(p, "e0");
	assert_string_equal(heard(p, fd), mem_printf(p, "push " TOPIC " %s MAGIC-0\n", push_token_hex(p, 0)));
	close(fd);
	fd = phone_at_the_door(p, TOPIC, push_token_hex(p, 1));
	push_wants(p, "e1");
	assert_non_null(strstr(heard(p, fd), "a\"b\\c,\"aps\":{}\n"));
	close(fd);
	nothing_wrong(p);
}

static void
must_32_one_connection_serves_for_hundreds_of_pushes(void **state)
{
	struct push_house *p = ready(state, 300);

	for (int round = 1; round <= 5; round++) {
		ask_all(p);
		push_until_due(p, 0);
		assert_int_equal(push_counted(p, "requests"), 300 * round);
	}
	assert_int_equal(push_counted(p, "connections"), 1);
	nothing_wrong(p);
}

static void
no_more_are_under_way_than_the_server_takes(void **state)
{
	struct push_house *p = push_house(*state);

	push_devices(p, 100);
	push_import_new(p, TOPIC);
	tell(p, "streams 7");
	tell(p, "slow 5");
	push_start(p);
	ask_all(p);
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "requests"), 100);
	assert_int_equal(push_counted(p, "most_streams"), 7);
	assert_int_equal(push_counted(p, "connections"), 1);
	nothing_wrong(p);
}

/* ---- what is answered ---- */

static void
must_33_after_410_nothing_is_pushed_until_there_is_a_new_token(void **state)
{
	struct push_house *p = ready(state, 1);
	struct err err;

	tell(p, mem_printf(p, "answer %s 410 Unregistered %lld", push_token_hex(p, 0), (long long)clock_now() * 1000 + 1));
	push_wants(p, "e0");
	push_until_due(p, 0);
	assert_int_equal(push_number(p, "SELECT count(*) FROM enrollment WHERE token_bad = 'Unregistered'"), 1);
	push_wants(p, "e0");	/* nothing is kept for it */
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_due"), 0);
	assert_int_equal(push_counted(p, "requests"), 1);

	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET token = $1, token_at = $2, token_bad = '' WHERE id = 'e0'",
			 db_bytes(push_token(p, 77)), db_now()), &err);
	push_wants(p, "e0");
	push_until_counted(p, "answers.200", 1);
	nothing_wrong(p);
}

static void
must_33_a_410_from_before_the_token_was_stored_does_not_kill_it(void **state)
{
	struct push_house *p = ready(state, 1);

	tell(p, mem_printf(p, "answer %s 410 Unregistered %lld 1", push_token_hex(p, 0), ((long long)clock_now() - 60) * 1000));
	push_wants(p, "e0");
	push_until_counted(p, "answers.410", 1);
	push_until(p, "SELECT attempt FROM push_due", 1);
	assert_int_equal(push_number(p, "SELECT count(*) FROM enrollment WHERE token_bad <> ''"), 0);
	push_later(p, PUSH_BACKOFF_MIN_S + 1);
	pusher_wake(p->pusher);
	push_until_counted(p, "answers.200", 1);
}

static void
behaviour_10_a_bad_token_is_dropped_and_not_tried_again(void **state)
{
	struct push_house *p = ready(state, 2);

	tell(p, mem_printf(p, "answer %s 400 BadDeviceToken", push_token_hex(p, 0)));
	tell(p, mem_printf(p, "answer %s 400 DeviceTokenNotForTopic", push_token_hex(p, 1)));
	ask_all(p);
	push_until_due(p, 0);
	assert_int_equal(push_number(p, "SELECT count(*) FROM enrollment WHERE token_bad <> ''"), 2);
	ask_all(p);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_due"), 0);
	assert_int_equal(push_counted(p, "requests"), 2);
}

/* The gauge, which follows at the next look. */
static void
until_halted(int64_t is)
{
	for (int i = 0; i < 3000 && count_get(COUNT_PUSH_HALTED) != is; i++)
		usleep(20000);
	assert_int_equal(count_get(COUNT_PUSH_HALTED), is);
}

static void
must_34_a_403_halts_the_topic_and_raises_the_alarm(void **state)
{
	struct push_house *p = ready(state, 50);
	int64_t asked;
	json_t *show;
	struct err err;

	tell(p, "answer * 403 BadCertificate");
	ask_all(p);
	push_until_counted(p, "answers.403", 1);
	push_until(p, "SELECT count(*) FROM push_certificate WHERE halted = 'BadCertificate'", 1);
	push_until(p, "SELECT count(*) FROM push_due WHERE taken", 0);
	until_halted(1);
	assert_ok(push_certificate_show(p->db, &show, &err), &err);
	assert_string_equal(json_string_value(json_object_get(show, "state")), "halted");
	json_decref(show);
	asked = push_counted(p, "requests");
	for (int i = 0; i < 10; i++) {	/* it looks, and lets it be */
		pusher_wake(p->pusher);
		usleep(50000);
	}
	assert_int_equal(push_counted(p, "requests"), asked);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_due"), 50);	/* none is lost */

	tell(p, "answer * 200");
	assert_ok(push_certificate_resume(p->db, "test", &err), &err);
	pusher_wake(p->pusher);
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "answers.200"), 50);
	until_halted(0);
}

static void
put_off(struct push_house *p, const char *rule, int64_t least, int64_t most)
{
	int64_t now = clock_now();

	tell(p, rule);
	ask_all(p);
	push_until(p, "SELECT count(*) FROM push_due WHERE attempt = 1 AND NOT taken", p->devices);
	assert_true(push_number(p, "SELECT min(due) FROM push_due") >= now + least / 2);
	assert_true(push_number(p, "SELECT max(due) FROM push_due") <= now + least);
	assert_true(push_number(p, "SELECT count(DISTINCT due) FROM push_due") > 5);	/* by chance: they come back apart */
	assert_int_equal(push_counted(p, "requests"), p->devices);
	ask_all(p);	/* who asks again does not make it sooner */
	assert_true(push_number(p, "SELECT min(due) FROM push_due") >= now + least / 2);

	push_later(p, least);
	pusher_wake(p->pusher);
	push_until(p, "SELECT count(*) FROM push_due WHERE attempt = 2 AND NOT taken", p->devices);
	assert_true(push_number(p, "SELECT min(due) FROM push_due") >= clock_now() + least);	/* twice as long */
	assert_true(push_number(p, "SELECT max(due) FROM push_due") <= clock_now() + most);
	tell(p, "answer * 200");
	push_later(p, 2 * least);
	pusher_wake(p->pusher);
	push_until_due(p, 0);
}

static void
must_35_too_many_requests_put_a_device_off_longer_each_time(void **state)
{
	put_off(ready(state, 15), "answer * 429 TooManyRequests", PUSH_BACKOFF_MIN_S, PUSH_BACKOFF_MAX_S);
}

static void
must_35_trouble_of_apple_puts_a_push_off_longer_each_time(void **state)
{
	put_off(ready(state, 15), "answer * 503 ServiceUnavailable", PUSH_RETRY_MIN_S, PUSH_RETRY_MAX_S);
}

static void
nothing_but_trouble_closes_the_way_for_a_while(void **state)
{
	struct push_house *p = ready(state, 500);

	tell(p, "slow 1");
	tell(p, "answer * 500 InternalServerError");
	ask_all(p);
	push_until_stuck(p);
	push_until_due(p, 500);
	tell(p, "answer * 200");
	push_later(p, PUSH_RETRY_MAX_S);
	push_until_due(p, 0);	/* by itself, once the way is open again */
}

static void
must_36_a_goaway_loses_nothing(void **state)
{
	struct push_house *p = push_house(*state);

	push_devices(p, 400);
	push_import_new(p, TOPIC);
	tell(p, "streams 20");
	tell(p, "slow 5");
	push_start(p);
	ask_all(p);
	for (int i = 0; i < 4; i++) {
		push_until_counted(p, "answers.200", 40 + i * 60);
		tell(p, "goaway");
		push_until_counted(p, "goaways", i + 1);
	}
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "kept"), 400);	/* each device has its push */
	assert_int_equal(push_counted(p, "connections"), 5);
	assert_int_equal(push_counted(p, "wrong"), 0);
}

static void
a_goaway_that_names_the_certificate_halts(void **state)
{
	struct push_house *p = ready(state, 3);

	tell(p, "goaway BadCertificate");
	ask_all(p);
	push_until(p, "SELECT count(*) FROM push_certificate WHERE halted <> ''", 1);
	push_until_due(p, 3);
}

static void
a_connection_that_breaks_loses_nothing(void **state)
{
	struct push_house *p = push_house(*state);

	push_devices(p, 200);
	push_import_new(p, TOPIC);
	tell(p, "streams 20");
	tell(p, "slow 5");
	push_start(p);
	ask_all(p);
	push_until_counted(p, "answers.200", 20);
	tell(p, "close");
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "kept"), 200);
	assert_true(push_counted(p, "connections") >= 2);
}

static void
what_cannot_be_reached_is_tried_again_and_nothing_is_lost(void **state)
{
	struct push_house *p = ready(state, 5);

	tell(p, "down");
	ask_all(p);
	push_until_stuck(p);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_due WHERE attempt = 0"), 5);	/* no fault of theirs */
	tell(p, "up");
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "answers.200"), 5);
}

static void
an_apns_that_never_answers_is_given_up_and_asked_again(void **state)
{
	struct push_house *p;

	if (!getenv("POMONA_WHOLE")) {
		test_skip("it takes half a minute; POMONA_WHOLE=1 waits for it");
		return;
	}
	p = ready(state, 3);
	tell(p, "slow 100000000");
	ask_all(p);
	assert_non_null(strstr(push_until_stuck(p), "no answer"));
	push_until(p, "SELECT count(*) FROM push_due WHERE NOT taken AND attempt = 0", 3);
	tell(p, "slow 0");
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "answers.200"), 3);
}

static void
a_request_that_is_wrong_is_not_sent_again(void **state)
{
	struct push_house *p = ready(state, 1);
	int64_t before = count_get(COUNT_PUSHES_BUG);

	tell(p, "answer * 400 BadPriority");
	push_wants(p, "e0");
	push_until_due(p, 0);
	assert_int_equal(count_get(COUNT_PUSHES_BUG), before + 1);
	assert_int_equal(push_counted(p, "requests"), 1);
}

/* Apple's table of answers, row by row; and what no row says. */
static void
every_reason_has_its_reaction(void **state)
{
	static const struct { int status; const char *reason; enum apns_todo todo; } rows[] = {
		{ 200, "", APNS_TAKEN },
		{ 400, "BadDeviceToken", APNS_DROP_TOKEN }, { 400, "DeviceTokenNotForTopic", APNS_DROP_TOKEN },
		{ 400, "MissingTopic", APNS_BUG }, { 400, "BadTopic", APNS_BUG }, { 400, "TopicDisallowed", APNS_BUG },
		{ 400, "MissingDeviceToken", APNS_BUG }, { 400, "BadPriority", APNS_BUG },
		{ 400, "BadExpirationDate", APNS_BUG }, { 400, "BadMessageId", APNS_BUG }, { 400, "BadCollapseId", APNS_BUG },
		{ 400, "DuplicateHeaders", APNS_BUG }, { 400, "PayloadEmpty", APNS_BUG },
		{ 400, "IdleTimeout", APNS_UNSENT },
		{ 403, "BadCertificate", APNS_HALT }, { 403, "BadCertificateEnvironment", APNS_HALT }, { 403, "Forbidden", APNS_HALT },
		{ 403, "ExpiredProviderToken", APNS_HALT }, { 403, "InvalidProviderToken", APNS_HALT },
		{ 403, "MissingProviderToken", APNS_HALT },
		{ 404, "BadPath", APNS_BUG }, { 405, "MethodNotAllowed", APNS_BUG }, { 413, "PayloadTooLarge", APNS_BUG },
		{ 410, "Unregistered", APNS_GONE }, { 410, "ExpiredToken", APNS_GONE },
		{ 429, "TooManyRequests", APNS_LATER },
		{ 500, "InternalServerError", APNS_RETRY }, { 503, "ServiceUnavailable", APNS_RETRY }, { 503, "Shutdown", APNS_RETRY },
		{ 502, "", APNS_RETRY }, { 418, "Teapot", APNS_BUG }, { 0, "", APNS_UNSENT },
		{ 0, "BadCertificate", APNS_HALT }, { 0, "Shutdown", APNS_UNSENT },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *body = mem_printf(*state, "{\"reason\":\"%s\",\"timestamp\":1454948015990}", rows[i].reason);
		struct apns_answer answer;

		apns_judge(rows[i].status, (struct bytes){ body, strlen(body) }, &answer);
		if (answer.todo != rows[i].todo)
			fail_msg("%d %s: %d", rows[i].status, rows[i].reason, (int)answer.todo);
		assert_string_equal(answer.reason, rows[i].reason);
		assert_int_equal(answer.timestamp, 1454948015990);
	}
}

static void
an_answer_that_is_none_is_judged_by_its_status(void **state)
{
	static const char *const bodies[] = {
		"", "{", "[]", "null", "{\"reason\":7}", "{\"reason\":\"a b\"}", "{\"reason\":\"<script>\"}",
		"{\"reason\":\"a\",\"reason\":\"b\"}", "{\"timestamp\":\"x\"}", "{\"timestamp\":-5}", "\xff\xfe",
		"{\"reason\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct apns_answer answer;

		apns_judge(410, (struct bytes){ bodies[i], strlen(bodies[i]) }, &answer);
		assert_int_equal(answer.todo, APNS_GONE);
		assert_string_equal(answer.reason, "");
		assert_int_equal(answer.timestamp, 0);
	}
}

/* ---- who asks ---- */

static void
pushes_for_a_device_coalesce(void **state)
{
	struct push_house *p = push_house(*state);

	push_devices(p, 1);
	for (int i = 0; i < 5; i++)
		push_wants(p, "e0");
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_due"), 1);
}

static void
what_is_asked_for_while_a_push_is_under_way_is_pushed_again(void **state)
{
	struct push_house *p = ready(state, 1);

	tell(p, "slow 400");
	push_wants(p, "e0");
	push_until_counted(p, "requests", 1);
	tell(p, "slow 0");
	push_wants(p, "e0");
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "requests"), 2);
}

static bool
tx_ask_many(struct db *tx, void *arg, struct err *err)
{
	const struct push_house *p = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char **ids = mem_array(ctx, const char *, (size_t)p->devices);

	for (int i = 1; i < p->devices; i++)
		ids[i - 1] = mem_printf(ctx, "e%d", i);
	return push_ask_many(tx, ids, (size_t)p->devices - 1, clock_now(), "command", err);
}

static void
many_go_in_waves_and_one_that_somebody_waits_for_goes_before_them(void **state)
{
	struct push_house *p = push_house(*state);
	struct err err;

	p->conf.apns_per_second = 1;
	push_devices(p, 300);
	push_import_new(p, TOPIC);
	assert_ok(db_tx(p->db, tx_ask_many, p, &err), &err);
	push_start(p);
	push_until_counted(p, "answers.200", 2);
	push_wants(p, "e0");
	push_until(p, "SELECT count(*) FROM push_due WHERE enrollment_id = 'e0'", 0);
	assert_true(push_number(p, "SELECT count(*) FROM push_due WHERE bulk") > 100);
	p->conf.apns_per_second = 100000;	/* the settings of the moment */
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "answers.200"), 300);
}

static void
who_cannot_be_pushed_is_not_asked_for(void **state)
{
	struct push_house *p = push_house(*state);
	struct err err;

	push_devices(p, 4);
	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET token = NULL WHERE id = 'e0'"), &err);
	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET state = 'staged' WHERE id = 'e1'"), &err);
	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET token_bad = 'x' WHERE id = 'e2'"), &err);
	ask_all(p);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_due"), 1);
	push_import_new(p, TOPIC);
	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET state = 'removed' WHERE id = 'e3'"), &err);
	push_start(p);	/* and what became so later is not pushed */
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "requests"), 0);
}

static void
who_is_retired_is_pushed_once_more_to_hear_of_it(void **state)
{
	struct push_house *p = ready(state, 1);
	struct err err;

	tell(p, "down");
	push_wants(p, "e0");
	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET state = 'retired' WHERE id = 'e0'"), &err);
	tell(p, "up");
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "answers.200"), 1);
}

static void
who_was_switched_off_when_it_was_retired_is_pushed_each_day_until_it_has_heard(void **state)
{
	struct push_house *p = push_house(*state);
	int64_t noon = clock_now();
	char after[64] = "";
	struct err err;

	push_devices(p, 2);	/* e1 has enrolled again since: it is pushed as that */
	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET state = 'retired', ended = $1", db_int(noon)), &err);
	assert_ok(db_run(p->db, &err, "UPDATE device SET enrollment_id = NULL WHERE id = 'd0'"), &err);
	assert_ok(db_run(p->db, &err, "UPDATE device SET seen = $1", db_int(noon)), &err);
	for (int day = 10; day < 401; day += 390) {	/* Apple keeps a push for a week */
		push_later(p, day * DAY_S - (clock_now() - noon) + 60);
		assert_ok(push_sweep(p->db, clock_now() - 3600, clock_now(), after, &err), &err);
		assert_int_equal(push_number(p, "SELECT count(*) FROM push_due WHERE enrollment_id = 'e0'"), day < 400);
		assert_int_equal(push_number(p, "SELECT count(*) FROM push_due WHERE enrollment_id = 'e1'"), 0);
		assert_ok(db_run(p->db, &err, "DELETE FROM push_due"), &err);
	}
	push_later(p, -DAY_S * 390);
	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET token = NULL WHERE id = 'e0'"), &err);	/* it came, and was told */
	assert_ok(push_sweep(p->db, clock_now() - 3600, clock_now(), after, &err), &err);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_due"), 0);
}

static void
a_device_that_is_silent_is_pushed_once_a_day(void **state)
{
	struct push_house *p = push_house(*state);
	int64_t noon = clock_now(), before = noon - 3600;
	char after[64] = "";
	struct err err;
	int64_t swept = 0;

	push_devices(p, 3);
	assert_ok(db_run(p->db, &err, "UPDATE device SET seen = $1 WHERE id = 'd0'", db_int(noon - 23 * 3600)), &err);
	assert_ok(db_run(p->db, &err, "UPDATE device SET seen = $1 WHERE id = 'd1'", db_int(noon - 3 * DAY_S - 60)), &err);
	for (int hour = 0; hour < 48; hour++) {
		push_later(p, hour ? 3600 : 0);
		assert_ok(push_sweep(p->db, before, clock_now(), after, &err), &err);
		assert_string_equal(after, "");
		before = clock_now();
		swept += push_number(p, "SELECT count(*) FROM push_due");
		if (hour == 0)
			assert_int_equal(push_number(p, "SELECT count(*) FROM push_due WHERE enrollment_id = 'e1' AND bulk"), 1);
		assert_ok(db_run(p->db, &err, "DELETE FROM push_due"), &err);
	}
	/* d0 after 1 and 25 hours, d1 at once and after 24, d2 (heard of at noon) after 24: 47 hours were swept */
	assert_int_equal(swept, 5);
}

static void
a_sweep_goes_on_where_it_stopped(void **state)
{
	struct push_house *p = push_house(*state);
	char after[64] = "";
	struct err err;
	int rounds = 0;

	push_devices(p, PUSH_BATCH + 10);
	push_later(p, DAY_S + 60);
	do {
		assert_ok(push_sweep(p->db, clock_now() - 3600, clock_now(), after, &err), &err);
		rounds++;
	} while (*after);
	assert_int_equal(rounds, 2);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_due"), PUSH_BATCH + 10);
}

static void
what_a_clock_that_was_ahead_has_put_off_is_due_again_within_the_hour(void **state)
{
	struct push_house *p = push_house(*state);
	int64_t now = clock_now(), longest = now + PUSH_BACKOFF_MAX_S;
	char after[64] = "";
	struct err err;
	struct rows *rows;

	push_devices(p, 3);
	push_import_new(p, TOPIC);
	assert_ok(db_tx(p->db, tx_ask_all, p, &err), &err);
	assert_ok(db_run(p->db, &err, "UPDATE push_due SET attempt = 3, due = $1", db_int(longest + 40 * DAY_S)), &err);
	assert_ok(db_run(p->db, &err, "UPDATE push_due SET bulk = TRUE, taken = TRUE WHERE enrollment_id = 'e1'"), &err);
	assert_ok(db_run(p->db, &err, "UPDATE push_due SET due = $1 WHERE enrollment_id = 'e2'", db_int(longest)), &err);
	assert_ok(db_tx(p->db, tx_ask_all, p, &err), &err);
	assert_int_equal(push_number(p, "SELECT min(due) FROM push_due"), longest);
	assert_ok(push_sweep(p->db, now - 3600, now, after, &err), &err);
	assert_int_equal(push_number(p, mem_printf(*state, "SELECT count(*) FROM push_due WHERE due = %lld", (long long)now)), 2);
	assert_int_equal(push_number(p, "SELECT due FROM push_due WHERE enrollment_id = 'e2'"), longest);	/* a back-off of ours */
	rows = db_queryv(*state, p->db, mem_printf(*state, "EXPLAIN QUERY PLAN %s", push_ahead_sql), DB_VALS(db_int(0), db_int(0)));
	assert_int_equal(rows_next(rows, &err), ROWS_ROW);
	assert_non_null(strstr(rows_text(*state, rows, 3), "push_due_next (topic=? AND bulk=? AND due>?)"));
	rows_done(rows);
}

/* ---- certificates ---- */

static void
behaviour_10_a_new_certificate_is_used_without_a_restart(void **state)
{
	struct push_house *p = ready(state, 10);

	ask_all(p);
	push_until_due(p, 0);
	push_import_new(p, TOPIC);
	ask_all(p);
	push_until_counted(p, "answers.200", 20);
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "connections"), 2);
	assert_int_equal(push_counted(p, "open"), 1);	/* nothing is left of the old one */
	nothing_wrong(p);
}

static void
a_certificate_that_is_swapped_in_the_midst_of_pushes_loses_none(void **state)
{
	struct push_house *p = ready(state, 500);

	tell(p, "streams 50");
	tell(p, "slow 20");
	ask_all(p);
	push_until_counted(p, "answers.200", 40);
	push_import_new(p, TOPIC);
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "kept"), 500);
	assert_int_equal(push_counted(p, "wrong"), 0);
}

static void
each_topic_has_its_own_certificate_and_connection(void **state)
{
	struct push_house *p = push_house(*state);

	push_devices(p, 20);
	for (int i = 0; i < 20; i++)
		push_device(p, p, OTHER_TOPIC);
	push_import_new(p, TOPIC);
	push_import_new(p, OTHER_TOPIC);
	push_start(p);
	ask_all(p);
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "connections"), 2);
	assert_int_equal(push_counted(p, "answers.200"), 40);
	nothing_wrong(p);
}

static void
an_expired_certificate_is_not_used(void **state)
{
	struct push_house *p = ready(state, 2);

	push_wants(p, "e0");
	push_until_due(p, 0);
	push_later(p, 366 * DAY_S);
	push_wants(p, "e1");
	for (int i = 0; i < 3000 && push_counted(p, "open") != 0; i++)
		usleep(20000);
	assert_int_equal(push_counted(p, "open"), 0);
	assert_int_equal(push_counted(p, "requests"), 1);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_due"), 1);
	push_import_new(p, TOPIC);
	push_until_due(p, 0);
}

static void
what_was_under_way_when_a_process_died_is_due_again(void **state)
{
	struct push_house *p = push_house(*state);
	struct push_row *rows;
	size_t n, bulk;
	struct err err;

	push_devices(p, 5);
	push_import_new(p, TOPIC);
	ask_all(p);
	assert_ok(push_take(p, p->db, TOPIC, 100, 100, &rows, &n, &bulk, &err), &err);
	assert_int_equal(n, 5);
	assert_ok(push_take(p, p->db, TOPIC, 100, 100, &rows, &n, &bulk, &err), &err);
	assert_int_equal(n, 0);	/* leased */
	push_start(p);		/* the database is its alone: those leases are of the dead */
	push_until_due(p, 0);
	assert_int_equal(push_counted(p, "answers.200"), 5);
}

static void
an_apns_whose_certificate_is_not_known_gets_nothing(void **state)
{
	struct push_house *p = push_house(*state);

	p->conf.apns_ca_file = "";
	push_devices(p, 1);
	push_import_new(p, TOPIC);
	push_start(p);
	push_wants(p, "e0");
	assert_non_null(strstr(push_until_stuck(p), "certificate is not accepted"));
	assert_int_equal(push_counted(p, "requests"), 0);
	push_until_due(p, 1);
}

/* As Apple does with one that is revoked: an alert in TLS, no answer. */
static void
a_certificate_that_tls_refuses_halts(void **state)
{
	struct push_house *p = push_house(*state);
	struct fake_opts elsewhere = { .dir = test_dir(p) };
	struct fake_cert cert;
	struct push_import import = { 0 };
	struct err err;
	json_t *show;

	fake_open(p, &elsewhere);	/* another Apple: ours does not know its CA */
	cert = fake_cert(p, elsewhere.dir, TOPIC, NULL, 365);
	import.file = (struct bytes){ cert.cert_pem, strlen(cert.cert_pem) };
	import.key = (struct bytes){ cert.key_pem, strlen(cert.key_pem) };
	assert_ok(push_certificate_import(p->db, p->sealer, "test", &import, &show, &err), &err);
	json_decref(show);
	push_devices(p, 1);
	push_start(p);
	push_wants(p, "e0");
	push_until(p, "SELECT count(*) FROM push_certificate WHERE halted LIKE 'our certificate is refused%'", 1);
	push_until(p, "SELECT count(*) FROM push_due WHERE NOT taken", 1);
	push_import_new(p, TOPIC);
	push_until_due(p, 0);
}

static void
apns_on_this_machine_is_called_only_by_the_seam(void **state)
{
	struct push_house *p = push_house(*state);
	struct apns_where where = { fake_url(p->apns), p->conf.apns_ca_file, "", false };
	struct push_identity *identities;
	struct apns *apns = apns_new(p, TOPIC, NULL, NULL);
	const _Atomic bool stop = false;
	struct err err;
	size_t n;

	push_import_new(p, TOPIC);
	assert_ok(push_certificate_load(p, p->db, p->sealer, &identities, &n, &err), &err);
	assert_false(apns_open(apns, &where, identities->cert, identities->key, &stop, &err));
	assert_string_equal(err.code, "egress_refused");
	where.configured = true;
	assert_ok(apns_open(apns, &where, identities->cert, identities->key, &stop, &err), &err);
}

TESTS(must_30_a_push_has_a_lower_case_path_and_all_four_headers,
      must_31_the_body_is_exactly_the_magic_whatever_the_device_called_it,
      must_32_one_connection_serves_for_hundreds_of_pushes, no_more_are_under_way_than_the_server_takes,
      must_33_after_410_nothing_is_pushed_until_there_is_a_new_token,
      must_33_a_410_from_before_the_token_was_stored_does_not_kill_it, behaviour_10_a_bad_token_is_dropped_and_not_tried_again,
      must_34_a_403_halts_the_topic_and_raises_the_alarm, must_35_too_many_requests_put_a_device_off_longer_each_time,
      must_35_trouble_of_apple_puts_a_push_off_longer_each_time, nothing_but_trouble_closes_the_way_for_a_while,
      must_36_a_goaway_loses_nothing, a_goaway_that_names_the_certificate_halts, a_connection_that_breaks_loses_nothing,
      what_cannot_be_reached_is_tried_again_and_nothing_is_lost,
      an_apns_that_never_answers_is_given_up_and_asked_again, a_request_that_is_wrong_is_not_sent_again,
      every_reason_has_its_reaction, an_answer_that_is_none_is_judged_by_its_status, pushes_for_a_device_coalesce,
      what_is_asked_for_while_a_push_is_under_way_is_pushed_again,
      many_go_in_waves_and_one_that_somebody_waits_for_goes_before_them, who_cannot_be_pushed_is_not_asked_for,
      who_is_retired_is_pushed_once_more_to_hear_of_it,
      who_was_switched_off_when_it_was_retired_is_pushed_each_day_until_it_has_heard, a_device_that_is_silent_is_pushed_once_a_day, a_sweep_goes_on_where_it_stopped,
      what_a_clock_that_was_ahead_has_put_off_is_due_again_within_the_hour,
      behaviour_10_a_new_certificate_is_used_without_a_restart, a_certificate_that_is_swapped_in_the_midst_of_pushes_loses_none,
      each_topic_has_its_own_certificate_and_connection, an_expired_certificate_is_not_used,
      what_was_under_way_when_a_process_died_is_due_again, an_apns_whose_certificate_is_not_known_gets_nothing,
      a_certificate_that_tls_refuses_halts, apns_on_this_machine_is_called_only_by_the_seam)
