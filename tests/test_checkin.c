/* Check-in messages and reports: what is read, what is refused, and what each is answered. */
#include "tests/check_mdm.h"
#include "mdm/report.h"
#include <stdio.h>
#include <stdlib.h>

static const char *
message(struct mdm *m, const char *type, const char *more)
{
	return mdm_dict(m, mem_printf(m->ctx, "<key>MessageType</key><string>%s</string><key>UDID</key><string>" UDID_A
					  "</string>%s", type, more));
}

static void
is_refused(struct phone *p, const char *xml, enum err_kind kind)
{
	assert_false(phone_checkin(p, xml));
	assert_int_equal(p->mdm->err.kind, kind);
}

/* Apple's schema agrees; skipped where it is not at hand. */
static void
judge(struct mdm *m, const char *schema, const char *text)
{
	const char *judge_py = test_shared(m->ctx, "apple-schema/check_plist.py");
	const char *path = mem_printf(m->ctx, "%s/judged", m->dir);
	FILE *file;

	if (!judge_py) {
		print_message("skipped: apple-schema is not here\n");
		return;
	}
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	if (system(mem_printf(m->ctx, "python3 %s --quiet %s %s", judge_py, schema, path)) != 0)
		fail_msg("Apple's schema %s does not like: %s", schema, text);
}

static void
must_10_unknown_keys_are_ignored_and_an_unknown_message_type_is_refused(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	assert_ok(phone_token(p, "<key>Challenge</key><data>AAAA</data><key>Brand New</key><array><dict/></array>"), &m->err);
	is_refused(p, message(m, "Frobnicate", ""), ERR_MALFORMED);
	is_refused(p, message(m, "", ""), ERR_MALFORMED);
	is_refused(p, mdm_dict(m, "<key>UDID</key><string>" UDID_A "</string>"), ERR_MALFORMED);
	is_refused(p, mdm_dict(m, "<key>MessageType</key><integer>1</integer>"), ERR_MALFORMED);
}

static void
must_11_get_token_is_refused_since_no_service_of_ours_gives_any(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	is_refused(p, message(m, "GetToken", "<key>TokenServiceType</key><string>com.apple.maid</string>"), ERR_MALFORMED);
	is_refused(p, message(m, "GetToken", "<key>TokenServiceType</key><string>com.example.x</string>"), ERR_MALFORMED);
	is_refused(p, message(m, "GetToken", ""), ERR_MALFORMED);
}

static void
must_12_a_user_who_is_not_managed_is_told_so_by_410(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	assert_ok(phone_checkin(p, message(m, "UserAuthenticate", "<key>UserID</key><string>U-1</string>")), &m->err);
	assert_int_equal(m->status, 410);
	assert_string_equal(m->text, "");
}

static void
behaviour_15_the_user_channel_is_kept_apart_from_the_devices(void **state)
{
	static const char user[] = "<key>UserID</key><string>FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF</string>"
				   "<key>UserShortName</key><string>anna</string>";
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", 0);
	unsigned char token[32];

	memcpy(token, p->token, sizeof token);
	p->token[0] ^= 1;
	assert_ok(phone_token(p, user), &m->err);
	assert_int_equal(m->status, 200);
	assert_memory_equal(phone_enrollment(p)->token.p, token, sizeof token);
	assert_ok(phone_checkin(p, message(m, "CheckOut", user)), &m->err);
	assert_string_equal(phone_enrollment(p)->state, "enrolled");
	assert_null(phone_says_more(p, "Idle", NULL, user));
	assert_null(phone_says_more(p, "Acknowledged", a, user));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history"), 0);
	assert_string_equal(phone_idle(p), a);
}

static void
a_bootstrap_token_is_kept_sealed_given_back_and_forgotten(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *get = message(m, "GetBootstrapToken", "");
	struct bytes kept;
	struct rows *rows;

	assert_ok(phone_checkin(p, get), &m->err);
	judge(m, "checkin-response:GetBootstrapToken", m->text);
	assert_null(strstr(m->text, "BootstrapToken"));
	assert_ok(phone_checkin(p, message(m, "SetBootstrapToken", "<key>BootstrapToken</key><data>c2VjcmV0</data>")), &m->err);
	assert_string_equal(m->text, "");
	assert_ok(phone_checkin(p, get), &m->err);
	assert_non_null(strstr(m->text, "c2VjcmV0"));
	judge(m, "checkin-response:GetBootstrapToken", m->text);
	rows = db_query(*state, m->db, "SELECT bootstrap_token FROM enrollment");
	assert_ok(rows_one(rows, &m->err, "row"), &m->err);
	kept = rows_bytes(*state, rows, 0);
	rows_done(rows);
	assert_true(kept.len > 6);
	assert_null(memmem(kept.p, kept.len, "secret", 6));
	assert_ok(phone_checkin(p, message(m, "SetBootstrapToken", "")), &m->err);
	assert_ok(phone_checkin(p, get), &m->err);
	assert_null(strstr(m->text, "BootstrapToken"));
}

static void
without_a_master_key_a_bootstrap_token_is_not_taken_and_the_device_not_sent_away(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	m->talk.sealer = NULL;
	is_refused(p, message(m, "SetBootstrapToken", "<key>BootstrapToken</key><data>c2VjcmV0</data>"), ERR_BUSY);
	assert_ok(phone_token(p, "<key>UnlockToken</key><data>AQID</data>"), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE unlock_token IS NOT NULL"), 0);
}

static void
declarative_management_is_answered_that_there_are_no_declarations(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	assert_ok(phone_checkin(p, message(m, "DeclarativeManagement", "<key>Endpoint</key><string>tokens</string>")), &m->err);
	judge(m, "tokens", m->text);
	assert_ok(phone_checkin(p, message(m, "DeclarativeManagement", "<key>Endpoint</key><string>declaration-items</string>")),
		  &m->err);
	judge(m, "declaration-items", m->text);
	assert_ok(phone_checkin(p, message(m, "DeclarativeManagement", "<key>Endpoint</key><string>status</string>")), &m->err);
	assert_int_equal(m->status, 200);
	assert_string_equal(m->text, "");
	assert_ok(phone_checkin(p, message(m, "DeclarativeManagement",
			  "<key>Endpoint</key><string>declaration/asset/x</string>")), &m->err);
	assert_int_equal(m->status, 404);
	is_refused(p, message(m, "DeclarativeManagement", "<key>Endpoint</key><string>rubbish</string>"), ERR_MALFORMED);
}

static void
return_to_service_is_answered_that_it_is_not_offered(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	assert_ok(phone_checkin(p, message(m, "ReturnToService", "")), &m->err);
	judge(m, "checkin-response:ReturnToService", m->text);
	assert_non_null(strstr(m->text, "<false/>"));
}

static void
must_14_a_command_as_it_is_handed_out_is_what_apple_expects(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	mdm_queue(m, p, "ProfileList", 0);
	assert_non_null(phone_idle(p));
	judge(m, "command:ProfileList", m->text);
}

#define LEVELS	10000

static const char *
nested(struct mdm *m, const char *begin, const char *end)
{
	struct buf deep, inner;

	buf_init(&deep, m->ctx, 1 << 20);
	buf_init(&inner, m->ctx, 1 << 20);
	for (int i = 0; i < LEVELS; i++) {
		buf_text(&deep, begin);
		buf_text(&inner, end);
	}
	return mdm_dict(m, mem_printf(m->ctx, "<key>MessageType</key><string>Authenticate</string><key>a</key>%s<true/>%s",
				      buf_str(&deep), buf_str(&inner)));
}

static void
behaviour_15_what_no_device_sends_is_refused_and_changes_nothing(void **state)
{
	static const char *const bodies[] = {
		"", "rubbish", "\xff\xfe<plist/>", "<plist/>", "<plist version=\"1.0\"><array/></plist>", "bplist00", "bplist00\xd1\x01\x02",
		"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><plist version=\"1.0\"><dict><key>&b;</key><true/></dict></plist>",
		"<plist version=\"1.0\"><dict><key>Status</key><string>Idle</string></dict></plist>",
		"<plist version=\"1.0\"><dict><key>Status</key><string>Idle</string><key>UDID</key><true/></dict></plist>",
		"<plist version=\"1.0\"><dict><key>Status</key><string>Idle</string><key>UDID</key><string>../../etc</string></dict></plist>",
		"<plist version=\"1.0\"><dict><key>Status</key><true/><key>UDID</key><string>" UDID_A "</string></dict></plist>",
		"<plist version=\"1.0\"><dict><key>UDID</key><string>" UDID_A "</string></dict></plist>",
		"<plist version=\"1.0\"><dict><key>MessageType</key><string>TokenUpdate</string><key>UDID</key><string>" UDID_A
			"</string><key>Token</key><string>no data</string></dict></plist>",
		"<plist version=\"1.0\"><dict><key>MessageType</key><string>TokenUpdate</string><key>UDID</key><string>" UDID_A
			"</string></dict></plist>",
	};
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	mdm_queue(m, p, "ProfileList", 0);
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		assert_false(phone_checkin(p, bodies[i]));
		assert_true(m->err.kind == ERR_MALFORMED || m->err.kind == ERR_INVALID);
		assert_false(phone_command(p, bodies[i]));
		assert_true(m->err.kind == ERR_MALFORMED || m->err.kind == ERR_INVALID);
	}
	for (int i = 0; i < 4; i++) {
		const char *deep = nested(m, i % 2 ? "<array>" : "<dict><key>a</key>", i % 2 ? "</array>" : "</dict>");

		assert_false(i < 2 ? phone_command(p, deep) : phone_checkin(p, deep));
		assert_int_equal(m->err.kind, ERR_INVALID);
		assert_non_null(strstr(m->err.cause, "deeper than 64 levels"));
	}
	assert_string_equal(mdm_text(m, "SELECT state FROM command_queue"), "ready");
	assert_string_equal(phone_enrollment(p)->state, "enrolled");
}

static void
behaviour_15_an_unknown_status_ends_its_command_as_an_error_with_what_was_said(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "ProfileList", 0);

	assert_string_equal(phone_idle(p), a);
	assert_null(phone_says(p, "Bewildered", a));
	assert_string_equal(mdm_text(m, "SELECT state || status FROM command_history"), "errorBewildered");
}

static void
the_case_of_a_udid_does_not_make_another_device(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	p->udid = "00008120-001a2b3c4d5e801e";
	assert_null(phone_idle(p));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device"), 1);
}

static void
must_13_a_check_in_that_is_too_large_is_refused_for_its_size(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	char *big = mem_size(*state, CHECKIN_MAX + 2);

	memset(big, 'a', CHECKIN_MAX + 1);
	big[CHECKIN_MAX + 1] = '\0';
	is_refused(p, big, ERR_LIMIT);
}

static void
behaviour_15_a_binary_report_is_read_as_any_other(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct proof proof = { .der = p->cert->der, .live = true };
	plist_t dict = plist_new_dict();
	struct checkin_answer answer;
	char *bin = NULL;
	uint32_t len;

	mdm_queue(m, p, "ProfileList", 0);
	plist_dict_set_item(dict, "Status", plist_new_string("Idle"));
	plist_dict_set_item(dict, "UDID", plist_new_string(UDID_A));
	plist_to_bin(dict, &bin, &len);
	assert_ok(talk_command(*state, &m->talk, &proof, (struct bytes){ bin, len }, &answer, &m->err), &m->err);
	assert_true(answer.body.len > 100);
	plist_free(dict);
	free(bin);
}

TESTS(must_10_unknown_keys_are_ignored_and_an_unknown_message_type_is_refused,
      must_11_get_token_is_refused_since_no_service_of_ours_gives_any,
      must_12_a_user_who_is_not_managed_is_told_so_by_410,
      behaviour_15_the_user_channel_is_kept_apart_from_the_devices,
      a_bootstrap_token_is_kept_sealed_given_back_and_forgotten,
      without_a_master_key_a_bootstrap_token_is_not_taken_and_the_device_not_sent_away,
      declarative_management_is_answered_that_there_are_no_declarations,
      return_to_service_is_answered_that_it_is_not_offered,
      must_14_a_command_as_it_is_handed_out_is_what_apple_expects,
      behaviour_15_what_no_device_sends_is_refused_and_changes_nothing,
      behaviour_15_an_unknown_status_ends_its_command_as_an_error_with_what_was_said,
      the_case_of_a_udid_does_not_make_another_device,
      must_13_a_check_in_that_is_too_large_is_refused_for_its_size,
      behaviour_15_a_binary_report_is_read_as_any_other)
