/* Which of two is the newer one does not hang on the second: all of this happens at noon. */
#include "tests/check_mdm.h"
#include "core/clock.h"
#include "core/embed.h"
#include "core/json.h"
#include "mdm/device_list.h"
#include "mdm/ends.h"
#include "mdm/enroll_list.h"
#include "mdm/enroll_session.h"
#include "mdm/own_mobileconfig.h"
#include "mdm/own_session.h"

#define TIMES	12	/* ids are random: an order that is chance does not hold so often */

struct begin {
	TALLOC_CTX *ctx;
	struct own_session_wish own;
	struct enroll_wish enroll;
	struct own_put put;
	char *id, *token;
};

static bool
tx_own(struct db *tx, void *arg, struct err *err)
{
	struct begin *b = arg;

	return own_session_begin(tx, b->ctx, &b->own, &b->id, &b->token, err);
}

static bool
tx_enroll(struct db *tx, void *arg, struct err *err)
{
	struct begin *b = arg;

	return enroll_session_begin(tx, b->ctx, &b->enroll, &b->id, &b->token, err);
}

static bool
tx_put(struct db *tx, void *arg, struct err *err)
{
	struct begin *b = arg;

	return own_put(tx, b->ctx, &b->put, &b->id, err);
}

static struct mdm *
house(TALLOC_CTX *ctx)
{
	struct mdm *m = mdm_new(ctx);

	mdm_person(m, "p1", "mia");
	return m;
}

static struct begin
begin(struct mdm *m)
{
	return (struct begin){ .ctx = m->ctx,
		.own = { .person_id = "p1", .mobileconfig_id = "eas", .actor = "mia", .ttl_s = HOUR_S },
		.enroll = { .person_id = "p1", .actor = "mia", .identifier = "com.example.mdm", .url = "https://apps.example.com",
			    .access_rights = 8191, .devices_max = 5, .ttl_s = HOUR_S },
		.put = { .person_id = "p1", .mobileconfig_id = "eas", .identifier = "com.example.eas", .title = "Mail",
			 .udid = UDID_A, .product = "iPhone14,5", .device_name = "hers" } };
}

static void
the_last_way_to_a_mobileconfig_is_the_one_that_its_page_shows(void **state)
{
	struct mdm *m = house(*state);
	struct begin b = begin(m);

	for (int i = 0; i < TIMES; i++) {
		json_t *newest;

		assert_ok(db_tx(m->db, tx_own, &b, &m->err), &m->err);
		assert_ok(db_run(m->db, &m->err, "UPDATE own_session SET device_name = id WHERE id = $1", db_text(b.id)), &m->err);
		assert_ok(own_session_newest(m->db, "p1", &newest, &m->err), &m->err);
		assert_string_equal(text_of(newest, "device"), b.id);
		json_decref(newest);
	}
}

static void
the_last_way_into_management_is_the_one_that_its_page_shows(void **state)
{
	struct mdm *m = house(*state);
	struct begin b = begin(m);

	for (int i = 0; i < TIMES; i++) {
		json_t *newest;

		assert_ok(db_tx(m->db, tx_enroll, &b, &m->err), &m->err);
		assert_ok(enroll_list_newest(m->db, "p1", &newest, &m->err), &m->err);
		assert_string_equal(text_of(newest, "id"), b.id);
		json_decref(newest);
	}
}

/* Its own mobileconfig, with TIMES certificates; sha256 of each. */
static const char *
with_certificates(struct mdm *m, const char *sha256[TIMES])
{
	struct begin b = begin(m);
	const char *id;

	assert_ok(db_tx(m->db, tx_put, &b, &m->err), &m->err);
	id = b.own.own_id = b.id;
	b.own.udid = UDID_A;
	for (int i = 0; i < TIMES; i++) {
		assert_ok(db_tx(m->db, tx_own, &b, &m->err), &m->err);
		sha256[i] = mdm_issue(m, CA_PERSON, b.id, true)->sha256;
	}
	return id;
}

static int64_t
good(struct mdm *m)
{
	return mdm_number(m, "SELECT count(*) FROM certificate WHERE purpose = 'person' AND revoked IS NULL");
}

static bool
is_good(struct mdm *m, const char *sha256)
{
	struct certificate *cert;

	assert_ok(certificate_find(m->ctx, m->db, sha256, &cert, &m->err), &m->err);
	return !cert->revoked;
}

static void
of_certificates_the_last_issued_is_the_one_a_mobileconfig_carries(void **state)
{
	struct mdm *m = house(*state);
	const char *sha256[TIMES], *whose, *id = with_certificates(m, sha256);
	struct own_filter filter = { 0 };
	struct ends_own *ends;
	json_t *page, *item;
	size_t n;

	assert_ok(own_list(m->db, &filter, 10, &page, &m->err), &m->err);
	item = json_array_get(json_object_get(page, "items"), 0);
	assert_string_equal(text_of(json_object_get(item, "certificate"), "sha256"), sha256[TIMES - 1]);
	assert_int_equal(json_integer_value(json_object_get(item, "old")), TIMES - 1);
	json_decref(page);
	assert_ok(ends_own(m->ctx, m->db, NULL, &(struct ends_after){ 0 }, INT64_MAX, 100, &ends, &n, &m->err), &m->err);
	assert_int_equal(n, 1);
	/* one that is seen ends those before it, and none that came later */
	assert_ok(own_seen(m->ctx, m->db, sha256[TIMES - 3], &whose, &m->err), &m->err);
	assert_string_equal(whose, "p1");
	assert_int_equal(good(m), 3);
	for (int i = 0; i < TIMES; i++)
		assert_int_equal(is_good(m, sha256[i]), i >= TIMES - 3);
	assert_ok(own_works(m->db, "mia", id, "p1", &m->err), &m->err);
	assert_int_equal(good(m), 1);
	assert_true(is_good(m, sha256[TIMES - 1]));
}

static void
a_device_that_comes_and_goes_is_what_its_last_enrollment_was(void **state)
{
	struct mdm *m = house(*state);

	for (int i = 0; i < TIMES; i++) {
		struct phone *p = phone_new(m, UDID_A, mdm_session(m, "ota", UDID_A, NULL, "p1"));
		const char *id;
		json_t *show;

		assert_ok(phone_authenticate(p) && phone_token(p, ""), &m->err);
		id = phone_enrollment(p)->id;
		assert_ok(phone_check_out(p), &m->err);
		assert_ok(device_show(m->db, mdm_text(m, "SELECT id FROM device"), DAY_S, &show, &m->err), &m->err);
		assert_string_equal(text_of(show, "enrollment_id"), id);
		json_decref(show);
		assert_ok(enroll_list_devices(m->db, "p1", &show, &m->err), &m->err);
		assert_int_equal(json_array_size(show), 1);
		json_decref(show);
	}
}

/* The statements of the migration that fill what it added. */
static void
fill(struct mdm *m)
{
	const struct embed *e = NULL;
	struct bytes file;
	char *text, *at;
	int n = 0;

	while ((e = embed_under("core/schema/", e)) && !strstr(e->path, "_turn.sql"))
		;
	assert_non_null(e);
	file = (struct bytes){ e->from, (size_t)(e->to - e->from) };
	text = mem_textn(m->ctx, file.p, file.len);
	for (char *one = strtok_r(text, ";", &at); one; one = strtok_r(NULL, ";", &at)) {
		one += strspn(one, "\n");
		if (strncmp(one, "UPDATE", 6) != 0)
			continue;
		assert_ok(db_runv(m->db, &m->err, one, DB_VALS()), &m->err);
		n++;
	}
	assert_int_equal(n, 4);
}

static void
what_was_there_before_keeps_its_order(void **state)
{
	static const struct { const char *sha256; int64_t issued; } rows[] = { { "b", 7 }, { "c", 3 }, { "a", 7 }, { "d", 9 } };
	struct mdm *m = house(*state);
	struct begin b = begin(m);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_ok(db_run(m->db, &m->err, "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256,"
				 " der, not_before, not_after, issued) SELECT $1, $1, id, 'person', '', '', certificate, 0, 0, $2"
				 " FROM authority WHERE role = 'ca'", db_text(rows[i].sha256), db_int(rows[i].issued)), &m->err);
	for (int i = 0; i < 3; i++)
		assert_ok(db_tx(m->db, tx_own, &b, &m->err), &m->err);
	assert_ok(db_run(m->db, &m->err, "UPDATE own_session SET turn = 0"), &m->err);
	fill(m);
	assert_string_equal(mdm_text(m, "SELECT group_concat(sha256, '') FROM (SELECT sha256 FROM certificate WHERE serial <> ''"
				     " AND length(sha256) = 1 ORDER BY turn)"), "cbad");
	assert_int_equal(mdm_number(m, "SELECT count(DISTINCT turn) FROM own_session WHERE turn > 0"), 3);
	assert_string_equal(mdm_text(m, "SELECT group_concat(id, '') FROM (SELECT id FROM own_session ORDER BY turn)"),
			    mdm_text(m, "SELECT group_concat(id, '') FROM (SELECT id FROM own_session ORDER BY created, id)"));
	/* and what comes is behind all of it */
	assert_ok(db_tx(m->db, tx_own, &b, &m->err), &m->err);
	assert_string_equal(mdm_text(m, "SELECT id FROM own_session ORDER BY turn DESC LIMIT 1"), b.id);
}

static void
a_number_is_given_out_once_though_its_row_is_gone(void **state)
{
	struct mdm *m = house(*state);
	struct begin b = begin(m);
	int64_t last;

	assert_ok(db_tx(m->db, tx_own, &b, &m->err), &m->err);
	last = mdm_number(m, "SELECT max(turn) FROM own_session");
	assert_ok(db_run(m->db, &m->err, "DELETE FROM own_session"), &m->err);
	assert_ok(db_tx(m->db, tx_own, &b, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT turn FROM own_session"), last + 1);
	/* each table counts for itself */
	assert_int_equal(mdm_number(m, "SELECT last FROM turn WHERE name = 'certificate'"), mdm_number(m, "SELECT max(turn) FROM certificate"));
}

TESTS(the_last_way_to_a_mobileconfig_is_the_one_that_its_page_shows, the_last_way_into_management_is_the_one_that_its_page_shows,
      of_certificates_the_last_issued_is_the_one_a_mobileconfig_carries,
      a_device_that_comes_and_goes_is_what_its_last_enrollment_was, what_was_there_before_keeps_its_order, a_number_is_given_out_once_though_its_row_is_gone)
