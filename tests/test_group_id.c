/* A directory's group stays what it is when it is moved or renamed, and one made anew in its place is another. */
#include "catalog/app.h"
#include "catalog/audience.h"
#include "catalog/group.h"
#include "catalog/people.h"
#include "tests/check_house.h"
#include "tests/check_link.h"

#define A	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct person *
eva_is_in(TALLOC_CTX *ctx, struct house *h, const struct group_of_directory *groups, size_t n)
{
	const struct directory_person from = { .external_id = "0102", .dn = "uid=x,dc=example", .name = "eva", .display = "", .email = "",
					       .phone = "", .allowed = true, .groups = groups, .groups_n = n };
	struct person *ret;
	struct err err;

	assert_ok(people_from_directory(ctx, h->db, &from, &ret, &err), &err);
	return ret;
}

static struct person *
in_one(TALLOC_CTX *ctx, struct house *h, const char *name, const char *dn, const char *id)
{
	return eva_is_in(ctx, h, &(struct group_of_directory){ name, dn, id }, 1);
}

/* "name dn, name dn", by when they were made; "" for a DN that is gone, * behind those in which eva is. */
static const char *
groups(TALLOC_CTX *ctx, struct house *h)
{
	return sql_text(ctx, h, "SELECT group_concat(name || ' ' || coalesce(dn, '') || CASE WHEN EXISTS (SELECT 1 FROM group_person m"
			" WHERE m.group_id = g.id) THEN '*' ELSE '' END, ', ') FROM (SELECT * FROM people_group ORDER BY rowid) g");
}

struct keep {
	TALLOC_CTX *ctx;
	json_t *tree;
	char *id;
};

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	struct keep *k = arg;

	return audience_keep(k->ctx, tx, k->tree, &k->id, err) &&
	       db_run(tx, err, "UPDATE channel SET audience_id = $1", db_text(k->id));
}

static void
a_group_that_is_moved_or_renamed_keeps_its_audiences(void **state)
{
	struct house h = house_with_build(*state);
	struct person *eva = in_one(*state, &h, "Testers", "CN=Testers,OU=Groups,DC=example", A);
	struct keep k = { *state, json_pack("{s:{s:s}}", "not", "group", "Testers"), NULL };
	struct err err = { 0 };
	json_t *app;

	assert_ok(db_tx(h.db, tx_keep, &k, &err), &err);
	json_decref(k.tree);
	assert_false(app_show(h.db, viewer_of(eva), "com.example.app", &app, &err));
	eva = in_one(*state, &h, "Testers", "CN=Testers,OU=Apps,DC=example", A);
	assert_false(app_show(h.db, viewer_of(eva), "com.example.app", &app, &err));
	eva = in_one(*state, &h, "QA", "CN=QA,OU=Apps,DC=example", A);
	assert_false(app_show(h.db, viewer_of(eva), "com.example.app", &app, &err));
	assert_string_equal(groups(*state, &h), "QA cn=qa,ou=apps,dc=example*");
	assert_int_equal(sql_int(&h, "SELECT count(*) FROM audit WHERE act = 'group.rename' AND object = 'Testers' AND detail = 'QA'"), 1);
	/* made anew in the same place: who is in it is in no audience of the one before */
	eva = in_one(*state, &h, "QA", "CN=QA,OU=Apps,DC=example", B);
	assert_ok(app_show(h.db, viewer_of(eva), "com.example.app", &app, &err), &err);
	json_decref(app);
	assert_string_equal(groups(*state, &h), "QA , QA (2) cn=qa,ou=apps,dc=example*");
	in_one(*state, &h, "QA", "CN=QA,OU=Apps,DC=example", B);
	assert_string_equal(groups(*state, &h), "QA , QA (2) cn=qa,ou=apps,dc=example*");
}

static void
groups_of_before_are_known_by_their_dn_until_their_id_is(void **state)
{
	struct house h = house(*state);

	in_one(*state, &h, "Testers", "CN=Testers,DC=example", NULL);
	in_one(*state, &h, "Testers", "cn=testers, dc=EXAMPLE", A);
	in_one(*state, &h, "Testers", "CN=Testers,OU=Apps,DC=example", A);
	assert_string_equal(groups(*state, &h), "Testers cn=testers,ou=apps,dc=example*");
	/* the account of ours may not read it any more: where it is, is all that is known */
	in_one(*state, &h, "Testers", "CN=Testers,OU=Apps,DC=example", NULL);
	assert_string_equal(groups(*state, &h), "Testers cn=testers,ou=apps,dc=example*");
	in_one(*state, &h, "Testers", "CN=Testers,DC=example", NULL);
	assert_string_equal(groups(*state, &h), "Testers cn=testers,ou=apps,dc=example, Testers (2) cn=testers,dc=example*");
}

static void
groups_that_change_places_are_not_taken_for_each_other(void **state)
{
	static const struct group_of_directory before[] = {
		{ "One", "CN=One,DC=example", A }, { "Two", "CN=Two,DC=example", B },
	};
	static const struct group_of_directory after[] = {
		{ "Two", "CN=Two,DC=example", A }, { "One", "CN=One,DC=example", B },
	};
	struct house h = house(*state);
	const char *ids;

	eva_is_in(*state, &h, before, 2);
	ids = sql_text(*state, &h, "SELECT group_concat(id || external_id) FROM (SELECT * FROM people_group ORDER BY external_id)");
	eva_is_in(*state, &h, after, 2);
	eva_is_in(*state, &h, after, 2);
	assert_string_equal(ids, sql_text(*state, &h, "SELECT group_concat(id || external_id) FROM (SELECT * FROM people_group ORDER BY"
					  " external_id)"));
	assert_string_equal(groups(*state, &h), "Two cn=two,dc=example*, One cn=one,dc=example*");
}

TESTS(a_group_that_is_moved_or_renamed_keeps_its_audiences, groups_of_before_are_known_by_their_dn_until_their_id_is,
      groups_that_change_places_are_not_taken_for_each_other)
