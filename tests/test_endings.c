/* Who is told that something ends, when, and that it is once: a year of it, day by day. */
#include "tests/check_story.h"
#include "catalog/ending_reader.h"
#include "catalog/message.h"
#include "catalog/token.h"
#include "core/buf.h"
#include "core/clock.h"
#include "web/ending_sources.h"

/* ---- a source of the test's own ---- */

struct thing {
	const char *name, *bundle_id;
	time_t ends;	/* 0: is not there */
	bool quiet;
};
static struct thing things[400];
static size_t things_n;

static bool
list_things(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	(void)ctx;
	(void)site;
	for (size_t i = 0; i < things_n; i++) {
		struct ending e = { .subject = things[i].name, .name = things[i].name, .bundle_id = things[i].bundle_id,
				    .ends = things[i].ends, .devices = 3, .people = -1, .quiet = things[i].quiet };

		if (e.ends && e.ends < until && !add(arg, &e))
			return err_set(err, ERR_LIMIT, "full");
	}
	return true;
}

static bool
list_nothing(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	(void)ctx;
	(void)site;
	(void)until;
	(void)add;
	(void)arg;
	return err_set(err, ERR_INTERNAL, "its file cannot be read");
}

static const struct ending_source sources[] = {
	{ "provision", ENDING_FOR_PUBLISHERS, list_things },
	{ "push", ENDING_FOR_ADMINS, ending_push },
	{ "token", ENDING_FOR_OWNER, ending_tokens, ending_tokens_of },
	{ "directory_password", ENDING_FOR_ADMINS, ending_directory_password },
	{ "identities", ENDING_FOR_ADMINS, ending_identities },
	{ 0 }
};

static void
sweep(struct story *w)
{
	struct err err = { 0 };

	assert_ok(endings_sweep(w->site, sources, &err), &err);
}

static struct thing *
thing(const char *name)
{
	for (size_t i = 0; i < things_n; i++)
		if (strcmp(things[i].name, name) == 0)
			return &things[i];
	fail_msg("no %s", name);
	return NULL;
}

/* ---- the year ---- */

/* What happened today, in the words of the list below: "day person kind subject notice". */
static void
note(struct story *w, int today, struct buf *out)
{
	struct rows *rows = db_query(w->ctx, w->db, "SELECT p.name, n.kind, n.subject, n.days FROM ending_notice n JOIN person p"
				     " ON p.id = n.person_id WHERE n.at >= $1 ORDER BY p.name, n.ends, n.kind, n.subject", db_now());
	enum rows_step step;
	struct err err;

	while ((step = rows_next(rows, &err)) == ROWS_ROW) {
		const char *kind = rows_text(w->ctx, rows, 1), *subject = rows_text(w->ctx, rows, 2);

		buf_addf(out, "%d %s %s %d\n", today, rows_text(w->ctx, rows, 0), strcmp(kind, "provision") == 0 ? subject : kind,
			 (int)rows_int(rows, 3));
	}
	assert_int_equal(step, ROWS_END);
}

#define TOPIC "com.apple.mgmt.External.1"

static void
happens(struct story *w, int today, const struct person *paul)
{
	struct ending_known password = { "cn=pomona,dc=example,dc=com", "cn=pomona,dc=example,dc=com", noon_of(250) };
	struct token_wish wish = { "CI", "upload", NULL, 45 };
	struct err err;
	char *token;

	if (today == 0) {
		story_run(w, "INSERT INTO push_certificate (id, topic, state, sealed_key, not_after, created, changed)"
		    " VALUES ('p', '" TOPIC "', 'current', $1, $2, 1, 1)", db_bytes((struct bytes){ "x", 1 }), db_int(noon_of(90)));
		assert_ok(ending_know(w->db, "directory_password", &password, &err), &err);
		story_device(w, "d1", "i1", noon_of(300), STORY_BEGIN);		/* was never heard of again */
		story_device(w, "d2", "i2", noon_of(301), STORY_BEGIN + 5000LL * DAY_S);	/* speaks up: renews itself */
	}
	if (today == 10)
		assert_ok(token_new(w->ctx, w->db, "test", paul, &wish, &token, &err), &err);
	if (today == 80)	/* the push certificate is renewed */
		story_run(w, "UPDATE push_certificate SET not_after = $1", db_int(noon_of(445)));
	if (today == 150)	/* another date is another ending */
		thing("ledger")->ends = noon_of(320);
	if (today == 180)
		story_human(w, "otto", ROLE_ADMIN, "otto@example.com");
	if (today == 280)	/* d1 comes back, and d2 has renewed at last */
		story_device(w, "d1", "i1b", noon_of(700), 0);
	if (today == 281)
		story_device(w, "d2", "i2b", noon_of(700), 0);
}

/* The last column: the notice.  Down from 100 to 109. */
static const char expected[] =
	"30 anna push 60\n"
	"41 paul token 14\n"		/* it lives for 45 days: no 30 and no 60 */
	"45 anna canteen 60\n"
	"45 paul canteen 60\n"
	"48 paul token 7\n"
	"52 anna fieldbook 60\n"
	"52 paul fieldbook 60\n"
	"54 paul token 1\n"
	"60 anna push 30\n"
	"75 anna canteen 30\n"
	"75 paul canteen 30\n"
	"76 anna push 14\n"		/* then it was renewed */
	"82 anna fieldbook 30\n"
	"82 paul fieldbook 30\n"
	"91 anna canteen 14\n"
	"91 paul canteen 14\n"
	"98 anna canteen 7\n"
	"98 anna fieldbook 14\n"
	"98 paul canteen 7\n"
	"98 paul fieldbook 14\n"
	"110 anna canteen 1\n"		/* ended on 105; 104 was slept through */
	"110 anna fieldbook 7\n"	/* 105 was slept through: once, as the nearest */
	"110 paul canteen 1\n"
	"110 paul fieldbook 7\n"
	"111 anna fieldbook 1\n"
	"111 paul fieldbook 1\n"
	"140 anna ledger 60\n"		/* ends on 200; it is paul's no more than any that he does not publish */
	"145 anna torque 60\n"
	"175 anna torque 30\n"
	"180 otto torque 30\n"		/* he came later, and is told what is still ahead */
	"190 anna directory_password 60\n"
	"190 otto directory_password 60\n"
	"191 anna torque 14\n"
	"191 otto torque 14\n"
	"198 anna torque 7\n"
	"198 otto torque 7\n"
	"204 anna torque 1\n"
	"204 otto torque 1\n"
	"220 anna directory_password 30\n"
	"220 otto directory_password 30\n"
	"236 anna directory_password 14\n"
	"236 otto directory_password 14\n"
	"237 anna identities 60\n"	/* day 300 is a Thursday, 297 its Monday */
	"237 otto identities 60\n"
	"243 anna directory_password 7\n"
	"243 otto directory_password 7\n"
	"249 anna directory_password 1\n"
	"249 otto directory_password 1\n"
	"260 anna ledger 60\n"		/* the new date */
	"260 otto ledger 60\n"
	"267 anna identities 30\n"
	"267 otto identities 30\n"
	"290 anna ledger 30\n"
	"290 otto ledger 30\n"
	"306 anna ledger 14\n"
	"306 otto ledger 14\n"
	"313 anna ledger 7\n"
	"313 otto ledger 7\n"
	"319 anna ledger 1\n"
	"319 otto ledger 1\n";

static void
behaviour_11_a_year_brings_exactly_the_notices_that_should_go(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL "ldap {\n\tbind_dn = \"cn=pomona,dc=example,dc=com\"\n}\n");
	const struct person *paul = story_human(&w, "paul", ROLE_PUBLISHER, "paul@example.com");
	struct person *mia;
	struct buf told;
	struct err err;

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	story_human(&w, "lisa", ROLE_ADMIN, "");				/* no mail can reach her */
	story_human(&w, "karl", ROLE_MEMBER, "karl@example.com");
	mia = story_human(&w, "mia", ROLE_ADMIN, "mia@example.com");	/* wants none */
	assert_ok(ending_reader_set(w.db, mia, &(struct ending_wish){ false, "", "" }, &err), &err);
	story_run(&w, "UPDATE person SET all_apps = FALSE WHERE id = $1", db_text(paul->id));
	story_run(&w, "INSERT INTO publisher_app (person_id, bundle_id) VALUES ($1, 'com.example.canteen'), ($1, 'com.example.fieldbook')",
	    db_text(paul->id));
	things_n = 5;
	things[0] = (struct thing){ "canteen", "com.example.canteen", noon_of(105), false };
	things[1] = (struct thing){ "fieldbook", "com.example.fieldbook", noon_of(112), false };
	things[2] = (struct thing){ "ledger", "com.example.ledger", noon_of(200), false };
	things[3] = (struct thing){ "torque", "com.example.torque", noon_of(205), false };
	things[4] = (struct thing){ "renewing", "com.example.canteen", noon_of(220), true };	/* sees to itself */
	buf_init(&told, *state, 64u << 10);
	for (int today = 0; today <= 365; today++) {
		story_day(&w, today);
		happens(&w, today, paul);
		if (today >= 100 && today < 110)
			continue;
		sweep(&w);
		note(&w, today, &told);
		sweep(&w);	/* the job came twice */
		story_at(&w, noon_of(today));
		sweep(&w);	/* and the server began anew at noon */
		assert_int_equal(story_number(&w, mem_printf(*state, "SELECT count(*) FROM ending_notice WHERE at > %lld", (long long)noon_of(today) - 1)), 0);
	}
	assert_string_equal(buf_str(&told), expected);
	/* one mail a person and day, and no notice without one */
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), story_number(&w, "SELECT count(*) FROM (SELECT DISTINCT recipient, created FROM message) AS m"));
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice n WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = n.message_id)"), 0);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message WHERE recipient NOT IN ('anna@example.com', 'paul@example.com', 'otto@example.com')"), 0);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message WHERE body LIKE '%fieldbook%' AND body LIKE '%canteen%'"), 4);	/* 98, 110 */
}

/* ---- once ---- */

static struct message_mail
a_mail(const char *to)
{
	return (struct message_mail){ .to = to, .subject = "Something ends", .text = "Soon." };
}

static void
a_notice_and_its_mail_are_written_together_or_not_at_all(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	const struct person *anna = story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	struct ending_key keys[] = { { "push", "a", 0, noon_of(30) }, { "push", "b", 0, noon_of(30) }, { "push", "a", 0, noon_of(30) } };
	int days[] = { 30, 30, 30 }, owed[2];
	struct message_mail mail = a_mail("anna@example.com"), bad = a_mail("nobody at all");
	struct ending_letter letter = { anna->id, keys, days, 3, &mail };
	struct err err;

	/* the third is the first again: the whole letter is undone, mail and all */
	assert_false(ending_tell(w.db, &letter, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 0);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 0);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM job WHERE kind = 'message_send'"), 0);
	/* and where no mail can be written there is no notice either */
	letter.n = 2;
	letter.mail = &bad;
	assert_false(ending_tell(w.db, &letter, &err));
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 0);
	letter.mail = &mail;
	assert_ok(ending_tell(w.db, &letter, &err), &err);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 2);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 1);
	assert_ok(ending_owed(w.db, anna->id, keys, 2, owed, &err), &err);
	assert_int_equal(owed[0] + owed[1], 0);
	/* two servers at once: the one that comes second writes nothing */
	assert_false(ending_tell(w.db, &letter, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	/* a clock that goes back brings no earlier notice */
	story_day(&w, 2);
	days[0] = days[1] = 60;
	assert_false(ending_tell(w.db, &letter, &err));
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 1);
}

static void
without_a_mail_server_nobody_is_told_and_nothing_is_lost(void **state)
{
	struct story w = story_begin(*state, "");
	struct conf *conf;

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	things_n = 1;
	things[0] = (struct thing){ "canteen", "com.example.canteen", noon_of(20), false };
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 0);
	conf = mem_copy(w.ctx, site_conf(w.site), sizeof *conf);
	conf->smtp_url = "smtp://127.0.0.1:1";
	conf->smtp_from = "apps@example.com";
	w.site->conf = conf;
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice WHERE days = 30"), 1);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 1);
	/* who goes is told no more */
	story_run(&w, "UPDATE person SET disabled = TRUE");
	story_day(&w, 10);
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 1);
}

static void
a_source_that_fails_keeps_no_other_waiting(void **state)
{
	static const struct ending_source with_broken[] = {
		{ "broken", ENDING_FOR_ADMINS, list_nothing }, { "provision", ENDING_FOR_PUBLISHERS, list_things }, { 0 } };
	static const struct ending_source broken_alone[] = { { "broken", ENDING_FOR_ADMINS, list_nothing }, { 0 } };
	struct story w = story_begin(*state, STORY_MAIL);
	struct err err;

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	story_human(&w, "berta", ROLE_ADMIN, "berta is no address");
	story_human(&w, "otto", ROLE_ADMIN, "otto@example.com");
	things_n = 1;
	things[0] = (struct thing){ "canteen", "com.example.canteen", noon_of(20), false };
	assert_ok(endings_sweep(w.site, with_broken, &err), &err);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 2);	/* berta keeps nobody waiting either */
	/* where nothing at all can be known the job has to come again */
	assert_false(endings_sweep(w.site, broken_alone, &err));
}

static void
what_lives_shortly_is_told_of_late(void **state)
{
	static const struct { int begins, now, ends, notice; } cases[] = {
		{ -1000, 0, 61, 0 }, { -1000, 0, 60, 60 }, { -1000, 0, 31, 60 }, { -1000, 0, 30, 30 }, { -1000, 0, 8, 14 },
		{ -1000, 0, 7, 7 }, { -1000, 0, 2, 7 }, { -1000, 0, 1, 1 }, { -1000, 0, 0, 1 }, { -1000, 0, -7, 1 }, { -1000, 0, -8, 0 },
		{ -30, 0, 60, 0 }, { -60, 0, 30, 30 },		/* 90 days: as certificates of ACME live */
		{ 0, 0, 45, 0 }, { -15, 0, 30, 0 }, { -31, 0, 14, 14 },
		{ 0, 0, 5, 0 }, { -4, 0, 1, 1 }, { 0, 0, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (ending_notice_at(noon_of(cases[i].now), noon_of(cases[i].begins), noon_of(cases[i].ends)) != cases[i].notice)
			fail_msg("case %zu: %d", i, ending_notice_at(noon_of(cases[i].now), noon_of(cases[i].begins), noon_of(cases[i].ends)));
	assert_int_equal(ending_notice_at(noon_of(0), 0, noon_of(45)), 60);	/* not known since when */
	/* by days of the calendar, not by hours: tomorrow is one day */
	assert_int_equal(ending_days_left(STORY_BEGIN + 18 * HOUR_S, STORY_BEGIN + 20 * HOUR_S), 1);
	assert_int_equal(ending_notice_at(STORY_BEGIN + 18 * HOUR_S, 0, STORY_BEGIN + 20 * HOUR_S), 1);
}

/* ---- what belongs to somebody ---- */

static size_t owners_n;

static bool
add_owned(size_t i, ending_add *add, void *arg)
{
	char subject[24], id[24];

	snprintf(subject, sizeof subject, "%zu", i);
	snprintf(id, sizeof id, "o%05zu", i);
	/* those of the first thousand end first */
	return add(arg, &(struct ending){ .subject = subject, .name = subject, .person_id = id, .ends = noon_of(i < 1000 ? -3 : 14),
					  .devices = -1, .people = -1 });
}

static bool
list_owned(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	(void)ctx;
	(void)site;
	(void)until;
	for (size_t i = 0; i < owners_n; i++)
		if (!add_owned(i, add, arg))
			return err_set(err, ERR_LIMIT, "full");
	return true;
}

static bool
list_owned_of(TALLOC_CTX *ctx, struct site *site, const char *person_id, time_t until, ending_add *add, void *arg, struct err *err)
{
	size_t i = strtoul(person_id + 1, NULL, 10);

	(void)ctx;
	(void)site;
	(void)until;
	return *person_id != 'o' || i >= owners_n || add_owned(i, add, arg) || err_set(err, ERR_LIMIT, "full");
}

static const struct ending_source owned_alone[] = { { "own", ENDING_FOR_OWNER, list_owned, list_owned_of, "/admin/own?ends=" }, { 0 } };

static void
owners(struct story *w, size_t n, const char *email)
{
	owners_n = n;
	story_run(w, "WITH RECURSIVE i (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n + 1 < $1) INSERT INTO person (id, name, folded,"
		  " role, password, created, email) SELECT 'o' || substr('00000' || n, -5), 'o' || n, 'o' || n, 'member', '', 1, CAST($2 AS TEXT) || n ||"
		  " '@example.com' FROM i", db_int((int64_t)n), db_text(email));
}

static void
whose_own_something_ends_is_told_however_many_others_there_are(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	struct err err = { 0 };

	owners(&w, 1100, "o");
	assert_ok(endings_sweep(w.site, owned_alone, &err), &err);
	assert_int_equal(story_number(&w, "SELECT count(DISTINCT person_id) FROM ending_notice"), 1100);
	assert_int_equal(story_number(&w, "SELECT count(DISTINCT recipient) FROM message"), 1100);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 1100);
}

static void
what_cannot_be_told_to_its_owner_is_told_to_admins(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	struct err err = { 0 };

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	story_human(&w, "paul", ROLE_PUBLISHER, "paul@example.com");
	owners(&w, 4, "o");
	story_run(&w, "UPDATE person SET email = '' WHERE id = 'o00001'");
	story_run(&w, "UPDATE person SET disabled = TRUE WHERE id = 'o00003'");
	story_run(&w, "INSERT INTO ending_reader (person_id, mails, email, language, changed) VALUES ('o00002', FALSE, '', '', 1)");
	assert_ok(endings_sweep(w.site, owned_alone, &err), &err);
	assert_string_equal(story_text(&w, "SELECT group_concat(said, ' ') FROM (SELECT p.name || ':' || n.subject AS said FROM ending_notice n"
			    " JOIN person p ON p.id = n.person_id ORDER BY 1)"), "anna:2026-12-28 o0:0");
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message WHERE recipient = 'anna@example.com' AND body LIKE"
			 " '%https://apps.example.com/admin/own?ends=2026-12-28%'"), 1);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message WHERE body LIKE '%Certificates of people: 3 end in the week of%'"
			 " AND body LIKE '%No mail reaches these people%'"), 1);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 2);
}

static void
however_much_ends_one_mail_names_it_and_fits(void **state)
{
	static const char *const languages[] = { "en", "ja" };
	struct story w = story_begin(*state, STORY_MAIL);
	const struct person *anna = story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	const char *body;
	struct err err;

	things_n = 300;
	for (size_t i = 0; i < things_n; i++)
		things[i] = (struct thing){ mem_printf(w.ctx, "App & \"<%03zu>\" %0*d", i, i % 2 ? 10 : 180, 0), "com.example.app", noon_of(14), false };
	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
		story_day(&w, (int)i * 8);
		assert_ok(ending_reader_set(w.db, anna, &(struct ending_wish){ true, "", languages[i] }, &err), &err);
		sweep(&w);
		assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), i + 1);
		assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 300 * (i + 1));
	}
	body = story_text(&w, "SELECT body FROM message ORDER BY created LIMIT 1");
	assert_non_null(strstr(body, "App & \\\"<000>\\\""));
	assert_non_null(strstr(body, "App &amp; &quot;&lt;000&gt;&quot;"));
	assert_non_null(strstr(body, "In 14 days"));
	assert_non_null(strstr(body, "https://apps.example.com/account"));
	assert_string_equal(story_text(&w, "SELECT subject FROM message ORDER BY created LIMIT 1"), "300 things end soon at Example Corp");
	assert_string_equal(story_text(&w, "SELECT subject FROM message ORDER BY created DESC LIMIT 1"), "Example Corp: まもなく終わるもの 300件");
}

static void
a_mail_goes_where_its_reader_wants_it_in_their_language(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	const struct person *anna = story_human(&w, "anna", ROLE_ADMIN, "");
	struct ending_reader reader;
	struct err err;

	things_n = 1;
	things[0] = (struct thing){ "canteen", "com.example.canteen", noon_of(7), false };
	assert_false(ending_reader_set(w.db, anna, &(struct ending_wish){ true, "nowhere", "" }, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_ok(ending_reader_set(w.db, anna, &(struct ending_wish){ true, "Anna <anna@example.com>", "de" }, &err), &err);
	assert_ok(ending_reader(w.ctx, w.db, anna->id, &reader, &err), &err);
	assert_string_equal(reader.own_email, "Anna <anna@example.com>");
	sweep(&w);
	assert_string_equal(story_text(&w, "SELECT recipient FROM message"), "Anna <anna@example.com>");
	assert_string_equal(story_text(&w, "SELECT subject FROM message"), "Provision von canteen endet am 8. Januar 2027");
	assert_string_equal(story_text(&w, "SELECT about FROM message"), "endings");
	assert_non_null(strstr(story_text(&w, "SELECT body FROM message"), "In 7 Tagen"));
}

/* Whoever has an account could have our mails sent to a stranger: nobody has confirmed that the address is theirs. */
static void
a_member_is_told_where_the_directory_has_them_alone(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	const struct person *mia = story_human(&w, "mia", ROLE_MEMBER, "mia@example.com"), *max = story_human(&w, "max", ROLE_MEMBER, "");
	struct ending_reader reader;
	struct err err;

	assert_false(ending_reader_set(w.db, mia, &(struct ending_wish){ true, "stranger@example.com", "" }, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_ok(ending_reader_set(w.db, mia, &(struct ending_wish){ true, "", "de" }, &err), &err);
	/* set before, or as a publisher */
	story_run(&w, "UPDATE ending_reader SET email = 'stranger@example.com'");
	story_run(&w, "INSERT INTO ending_reader (person_id, mails, email, language, changed) VALUES ($1, TRUE, 'stranger@example.com', '', 1)",
		  db_text(max->id));
	assert_ok(ending_reader(w.ctx, w.db, mia->id, &reader, &err), &err);
	assert_string_equal(reader.email, "mia@example.com");
	assert_string_equal(reader.own_email, "");
	assert_string_equal(reader.language, "de");
	assert_ok(ending_reader(w.ctx, w.db, max->id, &reader, &err), &err);
	assert_string_equal(reader.email, "");
}

static void
who_had_a_mail_by_a_clock_that_was_ahead_hears_of_what_comes_next(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	things_n = 1;
	things[0] = (struct thing){ "canteen", "com.example.canteen", noon_of(70), false };
	story_day(&w, 41);
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 1);
	/* the clock is set right */
	things[things_n++] = (struct thing){ "fieldbook", "com.example.fieldbook", noon_of(26), false };
	story_day(&w, 12);
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT days FROM ending_notice WHERE subject = 'fieldbook'"), 14);
	sweep(&w);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 2);
}

TESTS(who_had_a_mail_by_a_clock_that_was_ahead_hears_of_what_comes_next,
      behaviour_11_a_year_brings_exactly_the_notices_that_should_go,
      a_notice_and_its_mail_are_written_together_or_not_at_all,
      without_a_mail_server_nobody_is_told_and_nothing_is_lost,
      a_source_that_fails_keeps_no_other_waiting,
      what_lives_shortly_is_told_of_late,
      whose_own_something_ends_is_told_however_many_others_there_are,
      what_cannot_be_told_to_its_owner_is_told_to_admins,
      however_much_ends_one_mail_names_it_and_fits,
      a_mail_goes_where_its_reader_wants_it_in_their_language, a_member_is_told_where_the_directory_has_them_alone)
