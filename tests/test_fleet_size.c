/*
 * What is asked of one device or one person costs the same in a house of many: no statement looks through the rows of
 * all.  Counted is processor time, beside 4 devices and beside 20,000.
 */
#include "tests/check_house.h"
#include <time.h>
#include "core/clock.h"
#include "mdm/certificate.h"
#include "mdm/enroll_list.h"
#include "mdm/own_mobileconfig.h"

#define MANY	"20000"
#define TIMES	50

#define NUMBERS(from, to) "WITH RECURSIVE n (i) AS (SELECT " from " UNION ALL SELECT i + 1 FROM n WHERE i < " to ") "

#define DEVICES(from, to) NUMBERS(from, to) "INSERT INTO device (id, udid, enrollment_id, created, changed) SELECT 'd' || i," \
	" 'u' || i, 'e' || i, i, i FROM n"
#define ENROLLMENTS(from, to) NUMBERS(from, to) "INSERT INTO enrollment (id, device_id, session_id, person_id, state, identity," \
	" access_rights, created) SELECT 'e' || i, 'd' || i, 's' || i, (SELECT id FROM person WHERE folded = CASE i WHEN 1 THEN 'mia'" \
	" ELSE 'paul' END), 'enrolled', 'c' || i, 8191, i FROM n"
#define CERTIFICATES(from, to) NUMBERS(from, to) "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject," \
	" key_sha256, der, session_id, not_before, not_after, issued) SELECT 'c' || i, i, 'ca', CASE i % 2 WHEN 0 THEN 'mdm' ELSE" \
	" 'person' END, i, i, x'00', 's' || i, 1, 4000000000, i FROM n"

static struct house
a_few(TALLOC_CTX *ctx)
{
	struct house h = house(ctx);

	sql(&h, "INSERT INTO authority (id, role, key_id, certificate, sha256, not_after, made) VALUES ('ca', 'ca', 'k', x'00', 'a',"
	    " 4000000000, 1)");
	sql(&h, DEVICES("1", "4"));
	sql(&h, ENROLLMENTS("1", "4"));
	sql(&h, CERTIFICATES("1", "4"));
	return h;
}

static void
many_more(struct house *h)
{
	sql(h, DEVICES("5", MANY));
	sql(h, ENROLLMENTS("5", MANY));
	sql(h, CERTIFICATES("5", MANY));
}

typedef void ask_fn(struct house *h);

static void
ask_devices_to_own(struct house *h)
{
	struct err err;
	json_t *list;

	assert_ok(own_devices(h->db, h->mia->id, &list, &err), &err);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
}

static void
ask_enrolled_devices(struct house *h)
{
	struct err err;
	json_t *list;

	assert_ok(enroll_list_devices(h->db, h->mia->id, &list, &err), &err);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
}

static bool
tx_others(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return certificate_revoke_others(tx, "e2", "s2", "c2", NULL, "superseded", err);
}

static void
ask_for_other_certificates(struct house *h)
{
	struct err err;

	assert_ok(db_tx(h->db, tx_others, NULL, &err), &err);
}

static clock_t
cost(struct house *h, ask_fn *ask)
{
	clock_t begun = clock();

	for (int i = 0; i < TIMES; i++)
		ask(h);
	return clock() - begun;
}

static void
what_is_one_s_own_is_found_without_looking_at_all(void **state)
{
	static const struct { const char *what; ask_fn *ask; } asked[] = {
		{ "the devices of a person", ask_devices_to_own },
		{ "the devices on a person's page", ask_enrolled_devices },
		{ "the other certificates of a device", ask_for_other_certificates },
	};
	enum { N = sizeof asked / sizeof *asked };
	struct house h = a_few(*state);
	clock_t few[N], many;

	for (int i = 0; i < N; i++)
		few[i] = cost(&h, asked[i].ask);
	many_more(&h);
	for (int i = 0; i < N; i++) {
		many = cost(&h, asked[i].ask);
		if (many > 4 * few[i] + CLOCKS_PER_SEC / 50)
			fail_msg("%s: %ld us beside 4, %ld us beside " MANY, asked[i].what, (long)few[i], (long)many);
	}
}

TESTS(what_is_one_s_own_is_found_without_looking_at_all)
