/* Everything that ends: who is told, when, and that it is once; what is listed, and the calendar. */
#include "tests/check_house.h"
#include "catalog/calendar.h"
#include "catalog/ending_reader.h"
#include "catalog/message.h"
#include "catalog/token.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "core/secret.h"
#include "mdm/authority.h"
#include "mdm/ends.h"
#include "web/ending_sources.h"
#include "web/ical.h"
#include "web/page.h"
#include <stdio.h>
#include <stdlib.h>

#define BEGIN	1798779600	/* 2027-01-01T05:00:00Z: the day 0 of these stories */

struct world {
	TALLOC_CTX *ctx;
	struct house house;
	struct site *site;
	struct db *db;
	const char *file;
};

#define MAIL "smtp {\n\turl = \"smtp://127.0.0.1:1\"\n\tfrom = \"apps@example.com\"\n}\n"

static void
at(struct world *w, time_t now)
{
	char iso[CLOCK_ISO_SIZE];

	set_now(&w->house, clock_iso(now, iso));
}

static void
on_day(struct world *w, int day)
{
	at(w, BEGIN + (time_t)day * DAY_S);
}

static struct world
world(TALLOC_CTX *ctx, const char *more)
{
	struct world w = { .ctx = ctx };
	struct conf *conf;
	struct err err = { 0 };
	FILE *out;

	w.house.dir = test_dir(ctx);
	w.file = mem_printf(ctx, "%s/pomona.conf", w.house.dir);
	out = fopen(w.file, "we");
	assert_non_null(out);
	fprintf(out, "server {\n\tbase_url = \"https://apps.example.com\"\n\tlisten = \"127.0.0.1:0\"\n\tplain = true\n\tdata = \"%s\"\n}\n"
		"log {\n\tlevel = \"error\"\n}\ncompany {\n\tname = \"Example Corp\"\n}\n%s", w.house.dir, more);
	fclose(out);
	on_day(&w, 0);
	assert_ok(conf_read(ctx, w.file, &conf, &err), &err);
	assert_ok(site_open(ctx, w.house.dir, conf, &w.site, &err), &err);
	w.db = w.house.db = w.site->db;
	on_day(&w, 0);	/* opening it has asked the settings for a clock */
	return w;
}

#define run(w, ...) do { struct err err_; assert_ok(db_run((w)->db, &err_, __VA_ARGS__), &err_); } while (0)

static int64_t
number(struct world *w, const char *sql)
{
	struct rows *rows = db_query(w->ctx, w->db, sql);
	struct err err;
	int64_t n;

	assert_ok(rows_one(rows, &err, "no row"), &err);
	n = rows_int(rows, 0);
	rows_done(rows);
	return n;
}

static const char *
text(struct world *w, const char *sql)
{
	struct rows *rows = db_query(w->ctx, w->db, sql);
	struct err err;
	const char *ret;

	assert_ok(rows_one(rows, &err, "no row"), &err);
	ret = rows_text(w->ctx, rows, 0);
	rows_done(rows);
	return ret;
}

static struct person *
human(struct world *w, const char *name, enum role role, const char *email)
{
	struct person *ret = person(w->ctx, &w->house, name, role);

	run(w, "UPDATE person SET email = $1 WHERE id = $2", db_text(email), db_text(ret->id));
	return ret;
}

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
	{ "token", ENDING_FOR_OWNER, ending_tokens },
	{ "directory_password", ENDING_FOR_ADMINS, ending_directory_password },
	{ "identities", ENDING_FOR_ADMINS, ending_identities },
	{ 0 }
};

static void
sweep(struct world *w)
{
	struct err err = { 0 };

	assert_ok(endings_sweep(w->site, sources, &err), &err);
}

static time_t
day(int n)
{
	return BEGIN + (time_t)n * DAY_S + 7 * HOUR_S;	/* at noon */
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

static void
device(struct world *w, const char *id, const char *identity, time_t ends, time_t seen)
{
	run(w, "INSERT INTO authority (id, role, key_id, certificate, sha256, not_after, made, retired) VALUES ('ca', 'ca', 'k', $1,"
	    " 'ca', 9999999999, 1, 1) ON CONFLICT (id) DO NOTHING", db_bytes((struct bytes){ "x", 1 }));
	run(w, "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256, der, not_before, not_after, issued)"
	    " VALUES ($1, $1, 'ca', 'mdm', $1, $1, $2, 1, $3, 1)", db_text(identity), db_bytes((struct bytes){ "x", 1 }), db_int(ends));
	run(w, "INSERT INTO device (id, udid, name, enrollment_id, seen, created, changed) VALUES ($1, $1, $1, $1, $2, 1, 1)"
	    " ON CONFLICT (id) DO NOTHING", db_text(id), db_int(seen));
	run(w, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created)"
	    " VALUES ($1, $1, 's', 'enrolled', $2, 8191, 1) ON CONFLICT (id) DO UPDATE SET identity = excluded.identity", db_text(id),
	    db_text(identity));
}

/* ---- the year ---- */

/* What happened today, in the words of the list below: "day person kind subject notice". */
static void
note(struct world *w, int today, struct buf *out)
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
happens(struct world *w, int today, const struct person *paul)
{
	struct ending_known password = { "cn=pomona,dc=example,dc=com", "cn=pomona,dc=example,dc=com", day(250) };
	struct token_wish wish = { "CI", "upload", NULL, 45 };
	struct err err;
	char *token;

	if (today == 0) {
		run(w, "INSERT INTO push_certificate (id, topic, state, sealed_key, not_after, created, changed)"
		    " VALUES ('p', '" TOPIC "', 'current', $1, $2, 1, 1)", db_bytes((struct bytes){ "x", 1 }), db_int(day(90)));
		assert_ok(ending_know(w->db, "directory_password", &password, &err), &err);
		device(w, "d1", "i1", day(300), BEGIN);		/* was never heard of again */
		device(w, "d2", "i2", day(301), BEGIN + 5000LL * DAY_S);	/* speaks up: renews itself */
	}
	if (today == 10)
		assert_ok(token_new(w->ctx, w->db, "test", paul, &wish, &token, &err), &err);
	if (today == 80)	/* the push certificate is renewed */
		run(w, "UPDATE push_certificate SET not_after = $1", db_int(day(445)));
	if (today == 150)	/* another date is another ending */
		thing("ledger")->ends = day(320);
	if (today == 180)
		human(w, "otto", ROLE_ADMIN, "otto@example.com");
	if (today == 280)	/* d1 comes back, and d2 has renewed at last */
		device(w, "d1", "i1b", day(700), 0);
	if (today == 281)
		device(w, "d2", "i2b", day(700), 0);
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
a_year_brings_exactly_the_notices_that_should_go(void **state)
{
	struct world w = world(*state, MAIL "ldap {\n\tbind_dn = \"cn=pomona,dc=example,dc=com\"\n}\n");
	const struct person *paul = human(&w, "paul", ROLE_PUBLISHER, "paul@example.com");
	struct person *mia;
	struct buf told;
	struct err err;

	human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	human(&w, "lisa", ROLE_ADMIN, "");				/* no mail can reach her */
	human(&w, "karl", ROLE_MEMBER, "karl@example.com");
	mia = human(&w, "mia", ROLE_ADMIN, "mia@example.com");	/* wants none */
	assert_ok(ending_reader_set(w.db, mia, &(struct ending_wish){ false, "", "" }, &err), &err);
	run(&w, "UPDATE person SET all_apps = FALSE WHERE id = $1", db_text(paul->id));
	run(&w, "INSERT INTO publisher_app (person_id, bundle_id) VALUES ($1, 'com.example.canteen'), ($1, 'com.example.fieldbook')",
	    db_text(paul->id));
	things_n = 5;
	things[0] = (struct thing){ "canteen", "com.example.canteen", day(105), false };
	things[1] = (struct thing){ "fieldbook", "com.example.fieldbook", day(112), false };
	things[2] = (struct thing){ "ledger", "com.example.ledger", day(200), false };
	things[3] = (struct thing){ "torque", "com.example.torque", day(205), false };
	things[4] = (struct thing){ "renewing", "com.example.canteen", day(220), true };	/* sees to itself */
	buf_init(&told, *state, 64u << 10);
	for (int today = 0; today <= 365; today++) {
		on_day(&w, today);
		happens(&w, today, paul);
		if (today >= 100 && today < 110)
			continue;
		sweep(&w);
		note(&w, today, &told);
		sweep(&w);	/* the job came twice */
		at(&w, day(today));
		sweep(&w);	/* and the server began anew at noon */
		assert_int_equal(number(&w, mem_printf(*state, "SELECT count(*) FROM ending_notice WHERE at > %lld", (long long)day(today) - 1)), 0);
	}
	assert_string_equal(buf_str(&told), expected);
	/* one mail a person and day, and no notice without one */
	assert_int_equal(number(&w, "SELECT count(*) FROM message"), number(&w, "SELECT count(*) FROM (SELECT DISTINCT recipient, created FROM message) AS m"));
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice n WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = n.message_id)"), 0);
	assert_int_equal(number(&w, "SELECT count(*) FROM message WHERE recipient NOT IN ('anna@example.com', 'paul@example.com', 'otto@example.com')"), 0);
	assert_int_equal(number(&w, "SELECT count(*) FROM message WHERE body LIKE '%fieldbook%' AND body LIKE '%canteen%'"), 4);	/* 98, 110 */
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
	struct world w = world(*state, MAIL);
	const struct person *anna = human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	struct ending_key keys[] = { { "push", "a", 0, day(30) }, { "push", "b", 0, day(30) }, { "push", "a", 0, day(30) } };
	int days[] = { 30, 30, 30 }, owed[2];
	struct message_mail mail = a_mail("anna@example.com"), bad = a_mail("nobody at all");
	struct ending_letter letter = { anna->id, keys, days, 3, &mail };
	struct err err;

	/* the third is the first again: the whole letter is undone, mail and all */
	assert_false(ending_tell(w.db, &letter, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice"), 0);
	assert_int_equal(number(&w, "SELECT count(*) FROM message"), 0);
	assert_int_equal(number(&w, "SELECT count(*) FROM job WHERE kind = 'message_send'"), 0);
	/* and where no mail can be written there is no notice either */
	letter.n = 2;
	letter.mail = &bad;
	assert_false(ending_tell(w.db, &letter, &err));
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice"), 0);
	letter.mail = &mail;
	assert_ok(ending_tell(w.db, &letter, &err), &err);
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice"), 2);
	assert_int_equal(number(&w, "SELECT count(*) FROM message"), 1);
	assert_ok(ending_owed(w.db, anna->id, keys, 2, owed, &err), &err);
	assert_int_equal(owed[0] + owed[1], 0);
	/* two servers at once: the one that comes second writes nothing */
	assert_false(ending_tell(w.db, &letter, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	/* a clock that goes back brings no earlier notice */
	on_day(&w, 2);
	days[0] = days[1] = 60;
	assert_false(ending_tell(w.db, &letter, &err));
	assert_int_equal(number(&w, "SELECT count(*) FROM message"), 1);
}

static void
without_a_mail_server_nobody_is_told_and_nothing_is_lost(void **state)
{
	struct world w = world(*state, "");
	struct conf *conf;
	struct err err;

	human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	things_n = 1;
	things[0] = (struct thing){ "canteen", "com.example.canteen", day(20), false };
	sweep(&w);
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice"), 0);
	conf = mem_copy(w.ctx, site_conf(w.site), sizeof *conf);
	conf->smtp_url = "smtp://127.0.0.1:1";
	w.site->conf = conf;
	sweep(&w);
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice WHERE days = 30"), 1);
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice"), 1);
	/* who goes is told no more */
	run(&w, "UPDATE person SET disabled = TRUE");
	on_day(&w, 10);
	sweep(&w);
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice"), 1);
	assert_ok(ending_sweep(w.db, &err), &err);
	on_day(&w, 200);
	assert_ok(ending_sweep(w.db, &err), &err);
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice"), 0);
}

static void
a_source_that_fails_keeps_no_other_waiting(void **state)
{
	static const struct ending_source with_broken[] = {
		{ "broken", ENDING_FOR_ADMINS, list_nothing }, { "provision", ENDING_FOR_PUBLISHERS, list_things }, { 0 } };
	static const struct ending_source broken_alone[] = { { "broken", ENDING_FOR_ADMINS, list_nothing }, { 0 } };
	struct world w = world(*state, MAIL);
	struct err err;

	human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	human(&w, "berta", ROLE_ADMIN, "berta is no address");
	human(&w, "otto", ROLE_ADMIN, "otto@example.com");
	things_n = 1;
	things[0] = (struct thing){ "canteen", "com.example.canteen", day(20), false };
	assert_ok(endings_sweep(w.site, with_broken, &err), &err);
	assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice"), 2);	/* berta keeps nobody waiting either */
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
		if (ending_notice_at(day(cases[i].now), day(cases[i].begins), day(cases[i].ends)) != cases[i].notice)
			fail_msg("case %zu: %d", i, ending_notice_at(day(cases[i].now), day(cases[i].begins), day(cases[i].ends)));
	assert_int_equal(ending_notice_at(day(0), 0, day(45)), 60);	/* not known since when */
	/* by days of the calendar, not by hours: tomorrow is one day */
	assert_int_equal(ending_days_left(BEGIN + 18 * HOUR_S, BEGIN + 20 * HOUR_S), 1);
	assert_int_equal(ending_notice_at(BEGIN + 18 * HOUR_S, 0, BEGIN + 20 * HOUR_S), 1);
}

static void
however_much_ends_one_mail_names_it_and_fits(void **state)
{
	static const char *const languages[] = { "en", "ja" };
	struct world w = world(*state, MAIL);
	const struct person *anna = human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	const char *body;
	struct err err;

	things_n = 300;
	for (size_t i = 0; i < things_n; i++)
		things[i] = (struct thing){ mem_printf(w.ctx, "App & \"<%03zu>\" %0*d", i, i % 2 ? 10 : 180, 0), "com.example.app", day(14), false };
	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
		on_day(&w, (int)i * 8);
		assert_ok(ending_reader_set(w.db, anna, &(struct ending_wish){ true, "", languages[i] }, &err), &err);
		sweep(&w);
		assert_int_equal(number(&w, "SELECT count(*) FROM message"), i + 1);
		assert_int_equal(number(&w, "SELECT count(*) FROM ending_notice"), 300 * (i + 1));
	}
	body = text(&w, "SELECT body FROM message ORDER BY created LIMIT 1");
	assert_non_null(strstr(body, "App & \\\"<000>\\\""));
	assert_non_null(strstr(body, "App &amp; &quot;&lt;000&gt;&quot;"));
	assert_non_null(strstr(body, "In 14 days"));
	assert_non_null(strstr(body, "https://apps.example.com/account"));
	assert_string_equal(text(&w, "SELECT subject FROM message ORDER BY created LIMIT 1"), "300 things end soon at Example Corp");
	assert_string_equal(text(&w, "SELECT subject FROM message ORDER BY created DESC LIMIT 1"), "Example Corp: まもなく終わるもの 300件");
}

static void
a_mail_goes_where_its_reader_wants_it_in_their_language(void **state)
{
	struct world w = world(*state, MAIL);
	const struct person *anna = human(&w, "anna", ROLE_ADMIN, "");
	struct ending_reader reader;
	struct err err;

	things_n = 1;
	things[0] = (struct thing){ "canteen", "com.example.canteen", day(7), false };
	assert_false(ending_reader_set(w.db, anna, &(struct ending_wish){ true, "nowhere", "" }, &err));
	assert_int_equal(err.kind, ERR_INVALID);
	assert_ok(ending_reader_set(w.db, anna, &(struct ending_wish){ true, "Anna <anna@example.com>", "de" }, &err), &err);
	assert_ok(ending_reader(w.ctx, w.db, anna->id, &reader, &err), &err);
	assert_string_equal(reader.own_email, "Anna <anna@example.com>");
	sweep(&w);
	assert_string_equal(text(&w, "SELECT recipient FROM message"), "Anna <anna@example.com>");
	assert_string_equal(text(&w, "SELECT subject FROM message"), "provision canteen endet am 8. Januar 2027");
	assert_string_equal(text(&w, "SELECT about FROM message"), "endings");
	assert_non_null(strstr(text(&w, "SELECT body FROM message"), "In 7 Tagen"));
}

/* ---- what is listed ---- */

static struct endings *
listed(struct world *w, const struct ending_source *of)
{
	struct endings *all;
	struct err err = { 0 };

	assert_ok(endings_list(w->ctx, w->site, of, clock_now() + ENDING_EVER_S, &all, &err), &err);
	return all;
}

static const struct ending *
of_kind(const struct endings *all, const char *kind)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].source->kind, kind) == 0)
			return &all->list[i];
	return NULL;
}

static void
write_file(TALLOC_CTX *ctx, const char *path, const char *pem)
{
	struct err err;

	(void)ctx;
	assert_ok(file_write(path, 0600, (struct bytes){ pem, strlen(pem) }, &err), &err);
}

static X509 *
read_cert(const char *pem)
{
	STACK_OF(X509) *certs;
	struct err err;
	X509 *cert;

	assert_ok(x509_read_pem((struct bytes){ pem, strlen(pem) }, &certs, &err), &err);
	cert = sk_X509_shift(certs);
	sk_X509_pop_free(certs, X509_free);
	return cert;
}

static void
certificates_in_files_are_watched_and_one_that_cannot_be_read_hides_no_other(void **state)
{
	struct world w = world(*state, "");
	const char *good = mem_printf(w.ctx, "%s/cert.pem", w.house.dir), *bad = mem_printf(w.ctx, "%s/none.pem", w.house.dir);
	struct conf *conf = mem_copy(w.ctx, site_conf(w.site), sizeof *conf);
	struct x509_made made;
	const struct ending *e;
	struct endings *all;
	SCOPED(x509) X509 *cert = NULL;
	struct err err;
	time_t ends;

	assert_ok(x509_make(w.ctx, "apps.example.com", "apps.example.com", 90, NULL, &made, &err), &err);
	cert = read_cert(made.cert_pem);
	assert_true(x509_expires(cert, &ends));
	write_file(w.ctx, good, made.cert_pem);
	conf->server_plain = false;
	conf->server_tls_cert = good;
	conf->registration_sign_cert = bad;
	conf->scep_external_ca_file = good;
	w.site->conf = conf;
	at(&w, ends - 31 * DAY_S);
	all = listed(&w, NULL);
	e = of_kind(all, "tls");
	assert_non_null(e);
	assert_int_equal(e->ends, ends);
	assert_string_equal(e->subject, "server.tls_cert");
	assert_string_equal(e->name, "apps.example.com");
	assert_false(ending_needs(e, clock_now()));	/* it lives for 90 days: it is renewed at 30 */
	assert_non_null(of_kind(all, "trusted_ca"));
	assert_int_equal(all->failed_n, 1);
	assert_string_equal(all->failed[0], "signing");
	assert_non_null(strstr(all->why[0], "registration.sign_cert"));
	at(&w, ends - 30 * DAY_S);
	assert_true(ending_needs(e, clock_now()));
	assert_string_equal(ending_level(e, clock_now()), "warning");
	assert_string_equal(ending_level(e, ends - 14 * DAY_S), "error");
	assert_string_equal(ending_level(e, ends + DAY_S), "error");
	/* behind a proxy the server has none of its own */
	conf->server_plain = true;
	assert_null(of_kind(listed(&w, NULL), "tls"));
}

static void
put_authority(struct world *w, X509 *cert, enum authority_role role, bool retired, char **id)
{
	struct authority *row;
	struct err err;

	assert_ok(authority_of(w->ctx, cert, role, NULL, &row, &err), &err);
	*id = mem_text(w->ctx, row->id);
	run(w, "INSERT INTO authority (id, role, key_id, certificate, sha256, not_after, made, retired) VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
	    db_text(row->id), db_text(authority_role_name(role)), db_text(row->key_id), db_bytes(row->der), db_text(row->sha256),
	    db_int(row->not_after), retired ? db_int(5) : db_null());
}

static void
an_old_authority_counts_while_certificates_of_it_are_in_use_and_a_root_while_ours_is_under_it(void **state)
{
	struct world w = world(*state, "");
	struct x509_made root, ours, before, stranger;
	SCOPED(x509) X509 *root_cert = NULL, *our_cert = NULL, *old_cert = NULL, *strange_cert = NULL;
	char *root_id, *our_id, *old_id, *strange_id;
	struct endings *all;
	struct err err;
	size_t above = 0;

	assert_ok(x509_make(w.ctx, "Root", "", 3000, NULL, &root, &err), &err);
	assert_ok(x509_make(w.ctx, "Stranger", "", 3000, NULL, &stranger, &err), &err);
	assert_ok(x509_make(w.ctx, "Issuing", "ca.example.com", 2000, &root, &ours, &err), &err);
	assert_ok(x509_make(w.ctx, "Old", "", 1000, NULL, &before, &err), &err);
	at(&w, time(NULL));	/* certificates of x509_make begin when they are made */
	put_authority(&w, root_cert = read_cert(root.cert_pem), ROLE_OF_ABOVE, false, &root_id);
	put_authority(&w, strange_cert = read_cert(stranger.cert_pem), ROLE_OF_ABOVE, false, &strange_id);
	put_authority(&w, our_cert = read_cert(ours.cert_pem), ROLE_OF_CA, false, &our_id);
	put_authority(&w, old_cert = read_cert(before.cert_pem), ROLE_OF_CA, true, &old_id);
	all = listed(&w, NULL);
	assert_non_null(of_kind(all, "ca"));
	assert_string_equal(of_kind(all, "ca")->name, "Issuing");
	assert_null(of_kind(all, "ca_before"));
	for (size_t i = 0; i < all->n; i++)
		above += strcmp(all->list[i].source->kind, "ca_above") == 0;
	assert_int_equal(above, 1);
	assert_string_equal(of_kind(all, "ca_above")->name, "Root");
	run(&w, "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256, der, not_before, not_after, issued)"
	    " VALUES ('c', 'c', $1, 'mdm', 'c', 'c', $2, 1, 9999999999, 1)", db_text(old_id), db_bytes((struct bytes){ "x", 1 }));
	all = listed(&w, NULL);
	assert_non_null(of_kind(all, "ca_before"));
	assert_int_equal(of_kind(all, "ca_before")->devices, 1);
	run(&w, "UPDATE certificate SET revoked = 5");
	assert_null(of_kind(listed(&w, NULL), "ca_before"));
}

static void
of_identities_only_those_are_listed_that_do_not_renew_by_themselves(void **state)
{
	struct world w = world(*state, MAIL);
	struct ends_span span;
	const struct ending *e;
	json_t *list;
	struct err err;

	device(&w, "heard", "i1", day(40), day(0));		/* has time, and speaks up */
	device(&w, "silent", "i2", day(40), day(-20));
	device(&w, "never", "i3", day(41), 0);
	device(&w, "late", "i4", day(10), day(0));
	device(&w, "far", "i5", day(90), day(-20));
	run(&w, "UPDATE device SET seen = NULL WHERE id = 'never'");
	span = endings_identity_span(w.site, clock_now() + ENDING_EVER_S);
	assert_ok(ends_identity_list(w.db, &span, NULL, 2, &list, &err), &err);
	assert_int_equal(json_array_size(json_object_get(list, "items")), 2);
	assert_string_equal(text_of(json_array_get(json_object_get(list, "items"), 0), "id"), "late");
	assert_string_equal(text_of(json_array_get(json_object_get(list, "items"), 1), "id"), "silent");
	{
		const char *next = mem_text(w.ctx, text_of(list, "next"));

		json_decref(list);
		assert_ok(ends_identity_list(w.db, &span, next, 2, &list, &err), &err);
		assert_int_equal(json_array_size(json_object_get(list, "items")), 1);
		assert_string_equal(text_of(json_array_get(json_object_get(list, "items"), 0), "id"), "never");
		assert_true(json_is_null(json_object_get(list, "next")));
		json_decref(list);
	}
	/* days 40 and 41 are of one week: one ending, whatever the number of devices */
	e = of_kind(listed(&w, NULL), "identities");
	assert_non_null(e);
	assert_int_equal(e->devices, 1);
	assert_int_equal((e + 1)->devices, 2);
	assert_string_equal((e + 1)->subject, "2027-02-08");
	/* who left is nobody's trouble */
	run(&w, "UPDATE enrollment SET state = 'removed'");
	assert_null(of_kind(listed(&w, NULL), "identities"));
}

static void
a_token_works_until_its_day_and_its_owner_alone_is_told(void **state)
{
	struct world w = world(*state, MAIL);
	const struct person *paul = human(&w, "paul", ROLE_PUBLISHER, "paul@example.com");
	const struct person *anna = human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	struct person *who;
	const struct ending *e;
	struct err err;
	char *token, *for_ever;

	assert_ok(token_new(w.ctx, w.db, "test", paul, &(struct token_wish){ "CI", "upload", NULL, 90 }, &token, &err), &err);
	assert_ok(token_new(w.ctx, w.db, "test", paul, &(struct token_wish){ "old", "upload", NULL, 0 }, &for_ever, &err), &err);
	assert_false(token_new(w.ctx, w.db, "test", paul, &(struct token_wish){ "x", "upload", NULL, TOKEN_DAYS_MAX + 1 }, &token, &err));
	things_n = 0;
	e = of_kind(listed(&w, sources), "token");
	assert_non_null(e);
	assert_string_equal(e->name, "CI (paul)");
	assert_true(ending_concerns(e, paul) && ending_concerns(e, anna));
	assert_true(ending_tells(e, paul) && !ending_tells(e, anna));
	on_day(&w, 89);
	assert_ok(token_open(w.ctx, w.db, token, &who, &err), &err);
	sweep(&w);
	assert_int_equal(number(&w, "SELECT count(*) FROM message"), 1);
	assert_string_equal(text(&w, "SELECT recipient FROM message"), "paul@example.com");
	on_day(&w, 90);
	assert_false(token_open(w.ctx, w.db, token, &who, &err));
	assert_int_equal(err.kind, ERR_SIGN_IN);
	assert_ok(token_open(w.ctx, w.db, for_ever, &who, &err), &err);
}

static void
everybody_sees_what_concerns_them_and_nothing_else(void **state)
{
	static const char *const canteen[] = { "com.example.canteen", NULL }, *const none[] = { NULL };
	struct person admin = { .id = "a", .role = ROLE_ADMIN }, all = { .id = "b", .role = ROLE_PUBLISHER },
		      some = { .id = "c", .role = ROLE_PUBLISHER, .apps = canteen }, bound = { .id = "a", .role = ROLE_ADMIN, .bundle_id = "com.example.canteen" },
		      member = { .id = "d", .role = ROLE_MEMBER }, idle = { .id = "e", .role = ROLE_PUBLISHER, .apps = none };
	struct ending_source of_app = { "provision", ENDING_FOR_PUBLISHERS, NULL }, of_house = { "push", ENDING_FOR_ADMINS, NULL };
	struct ending mine = { .bundle_id = "com.example.canteen", .source = &of_app }, other = { .bundle_id = "com.example.ledger", .source = &of_app },
		      every = { .source = &of_app }, house_s = { .source = &of_house };
	const struct { const struct ending *e; const struct person *p; bool sees; } cases[] = {
		{ &mine, &admin, true }, { &mine, &all, true }, { &mine, &some, true }, { &mine, &bound, true }, { &mine, &member, false }, { &mine, &idle, false },
		{ &other, &admin, true }, { &other, &all, true }, { &other, &some, false }, { &other, &bound, false }, { &other, &member, false },
		{ &every, &admin, true }, { &every, &all, true }, { &every, &some, false }, { &every, &bound, false }, { &every, &member, false },
		{ &house_s, &admin, true }, { &house_s, &all, false }, { &house_s, &bound, false }, { &house_s, &member, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (ending_concerns(cases[i].e, cases[i].p) != cases[i].sees)
			fail_msg("case %zu", i);
}

static void
every_kind_has_its_words_in_every_language(void **state)
{
	static const char *const forms[] = { "", "_short", "_why" };
	struct pages *pages;
	struct err err;

	assert_ok(pages_open(*state, NULL, &pages, &err), &err);
	for (const struct ending_source *s = ending_sources; s->kind; s++)
		for (size_t l = 0; page_languages[l]; l++)
			for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
				if (!pages_word(pages, page_languages[l], mem_printf(*state, "ending_%s%s", s->kind, forms[i])))
					fail_msg("web/words/%s.json has no ending_%s%s", page_languages[l], s->kind, forms[i]);
}

/* ---- the calendar ---- */

/* RFC 5545 sections 3.1 to 3.8, as far as these streams go: what any reader of them relies on. */
struct lines {
	const char *line[4000];
	size_t n;
};

static void
unfold(TALLOC_CTX *ctx, const char *stream, struct lines *ret)
{
	const char *at_line = stream;
	char *whole = mem_text(ctx, "");

	ret->n = 0;
	while (*at_line) {
		const char *end = strstr(at_line, "\r\n");
		size_t len;

		assert_non_null(end);	/* the last line too */
		len = (size_t)(end - at_line);
		assert_true(len <= 75);
		assert_null(memchr(at_line, '\n', len));
		for (size_t i = 0; i < len; i++)
			assert_true((unsigned char)at_line[i] >= ' ' && at_line[i] != 0x7f);
		/* folded between characters */
		assert_true(((unsigned char)at_line[*at_line == ' '] & 0xc0) != 0x80);
		if (*at_line == ' ') {
			assert_true(ret->n > 0);
			whole = mem_printf(ctx, "%s%.*s", ret->line[--ret->n], (int)len - 1, at_line + 1);
		} else {
			whole = mem_textn(ctx, at_line, len);
		}
		assert_true(ret->n < 4000);
		ret->line[ret->n++] = whole;
		at_line = end + 2;
	}
}

static const char *
value(const struct lines *l, size_t from, const char *property)
{
	size_t len = strlen(property);
	const char *found = NULL;

	for (size_t i = from; i < l->n && strcmp(l->line[i], "END:VEVENT") != 0; i++)
		if (strncmp(l->line[i], property, len) == 0 && (l->line[i][len] == ':' || l->line[i][len] == ';')) {
			assert_null(found);	/* once at most */
			found = l->line[i] + len;
		}
	return found;
}

/* A TEXT: every \ stands before \ ; , n N; no bare ; or , */
static char *
plain_text(TALLOC_CTX *ctx, const char *escaped)
{
	struct buf out;

	buf_init(&out, ctx, 100000);
	assert_int_equal(*escaped, ':');
	for (const char *c = escaped + 1; *c; c++) {
		assert_true(*c != ';' && *c != ',');
		if (*c == '\\') {
			c++;
			assert_true(strchr("\\;,nN", *c) && *c);
			buf_add(&out, *c == 'n' || *c == 'N' ? "\n" : c, 1);
		} else {
			buf_add(&out, c, 1);
		}
	}
	return mem_text(ctx, buf_str(&out));
}

static size_t
check_stream(TALLOC_CTX *ctx, const char *stream, struct lines *l)
{
	const char *uids = " ";
	size_t events = 0;

	unfold(ctx, stream, l);
	assert_string_equal(l->line[0], "BEGIN:VCALENDAR");
	assert_string_equal(l->line[1], "VERSION:2.0");
	assert_string_equal(l->line[l->n - 1], "END:VCALENDAR");
	assert_non_null(value(l, 0, "PRODID"));
	for (size_t i = 0; i < l->n; i++) {
		const char *uid, *start, *end;

		assert_int_equal(strncmp(l->line[i], "BEGIN:VALARM", 12) == 0, 0);
		if (strcmp(l->line[i], "BEGIN:VEVENT") != 0)
			continue;
		events++;
		uid = value(l, i + 1, "UID");
		assert_non_null(uid);
		assert_null(strstr(uids, mem_printf(ctx, " %s ", uid)));	/* globally unique */
		uids = mem_printf(ctx, "%s%s ", uids, uid);
		start = value(l, i + 1, "DTSTART");
		end = value(l, i + 1, "DTEND");
		assert_int_equal(strncmp(start, ";VALUE=DATE:", 12), 0);
		assert_int_equal(strncmp(end, ";VALUE=DATE:", 12), 0);
		assert_int_equal(strlen(start), 20);
		assert_true(strcmp(end, start) > 0);
		assert_int_equal(strlen(value(l, i + 1, "DTSTAMP")), 17);
		assert_int_equal(value(l, i + 1, "DTSTAMP")[16], 'Z');
		assert_true(*plain_text(ctx, value(l, i + 1, "SUMMARY")));
	}
	return events;
}

static void
a_calendar_is_what_rfc_5545_says_whatever_stands_in_it(void **state)
{
	const char *summary = "Certificado; \"Größe\", 日本語の非常に長い名前が続く続く続く続く続く続く続く続く続く続く \\ end";
	const char *description = "one\ntwo, three; four\\five\n\001\tsix";
	struct ical_event events[] = {
		{ "push-1@apps.example.com", day(58), summary, description, "https://apps.example.com/admin/push" },	/* the last of February */
		{ "push-2@apps.example.com", day(364), "x", "", NULL },
	};
	struct lines *l = mem_new(*state, struct lines);
	struct buf out;
	struct err err;

	buf_init(&out, *state, 100000);
	ical_begin(&out, "Example, Corp");
	ical_event(&out, &events[0], BEGIN);
	ical_event(&out, &events[1], BEGIN);
	ical_end(&out);
	assert_ok(buf_ok(&out, &err), &err);
	assert_int_equal(check_stream(*state, buf_str(&out), l), 2);
	assert_non_null(strstr(buf_str(&out), "DTSTART;VALUE=DATE:20270228\r\nDTEND;VALUE=DATE:20270301\r\n"));
	assert_non_null(strstr(buf_str(&out), "DTSTART;VALUE=DATE:20271231\r\nDTEND;VALUE=DATE:20280101\r\n"));
	assert_non_null(strstr(buf_str(&out), "DTSTAMP:20270101T050000Z\r\n"));
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->line[i], "BEGIN:VEVENT") == 0) {
			assert_string_equal(plain_text(*state, value(l, i + 1, "SUMMARY")), summary);
			assert_string_equal(plain_text(*state, value(l, i + 1, "DESCRIPTION")), "one\ntwo, three; four\\five\nsix");
			break;
		}
}

static void
an_address_of_a_calendar_is_its_persons_until_it_is_revoked(void **state)
{
	struct world w = world(*state, "");
	const struct person *anna = human(&w, "anna", ROLE_ADMIN, ""), *otto = human(&w, "otto", ROLE_ADMIN, "");
	struct person *who;
	struct err err;
	char *token, *last = NULL;
	json_t *list;

	assert_ok(calendar_new(w.ctx, w.db, anna, &token, &err), &err);
	assert_int_equal(number(&w, mem_printf(w.ctx, "SELECT count(*) FROM calendar WHERE token_hash LIKE '%%%s%%' OR id = '%s'", token, token)), 0);
	assert_ok(calendar_open(w.ctx, w.db, token, &who, &err), &err);
	assert_string_equal(who->id, anna->id);
	assert_false(calendar_open(w.ctx, w.db, "AAAAAAAAAAAAAAAAAAAAAAAAAAA", &who, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	run(&w, "UPDATE person SET disabled = TRUE WHERE id = $1", db_text(anna->id));
	assert_false(calendar_open(w.ctx, w.db, token, &who, &err));
	run(&w, "UPDATE person SET disabled = FALSE WHERE id = $1", db_text(anna->id));
	for (int i = 1; i < CALENDARS_MAX; i++)
		assert_ok(calendar_new(w.ctx, w.db, anna, &last, &err), &err);
	assert_false(calendar_new(w.ctx, w.db, anna, &last, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_ok(calendar_list(w.db, anna, &list, &err), &err);
	assert_int_equal(json_array_size(list), CALENDARS_MAX);
	/* nobody else's hand */
	assert_false(calendar_revoke(w.db, otto, text_of(json_array_get(list, 0), "id"), &err));
	assert_int_equal(err.kind, ERR_MISSING);
	for (size_t i = 0; i < json_array_size(list); i++)
		assert_ok(calendar_revoke(w.db, anna, text_of(json_array_get(list, i), "id"), &err), &err);
	json_decref(list);
	assert_false(calendar_open(w.ctx, w.db, token, &who, &err));
}

/* ---- what every page and Prometheus say ---- */

static void
the_numbers_are_those_of_the_list(void **state)
{
	struct world w = world(*state, "");
	const struct person *anna = human(&w, "anna", ROLE_ADMIN, ""), *paul = human(&w, "paul", ROLE_PUBLISHER, "");
	struct err err;
	struct buf out;
	char *token;
	int64_t n;

	run(&w, "INSERT INTO push_certificate (id, topic, state, sealed_key, not_after, created, changed)"
	    " VALUES ('p', '" TOPIC "', 'current', $1, $2, 1, 1)", db_bytes((struct bytes){ "x", 1 }), db_int(day(20)));
	assert_ok(token_new(w.ctx, w.db, "test", paul, &(struct token_wish){ "CI", "upload", NULL, 300 }, &token, &err), &err);
	endings_forget(w.site);
	assert_ok(endings_count(w.site, anna, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_ok(endings_count(w.site, paul, &n, &err), &err);
	assert_int_equal(n, 0);
	buf_init(&out, *state, 100000);
	assert_ok(endings_print(w.site, &out, &err), &err);
	assert_non_null(strstr(buf_str(&out), mem_printf(*state, "\npomona_ending_seconds{kind=\"push\"} %lld\n", (long long)day(20))));
	assert_non_null(strstr(buf_str(&out), "\npomona_endings{kind=\"push\",days=\"14\"} 0\n"));
	assert_non_null(strstr(buf_str(&out), "\npomona_endings{kind=\"push\",days=\"30\"} 1\n"));
	assert_non_null(strstr(buf_str(&out), "\npomona_endings{kind=\"token\",days=\"60\"} 0\n"));
	assert_non_null(strstr(buf_str(&out), "\npomona_endings_unknown 0\n"));
	/* it is not listed anew for each page; what changed is seen when it is said */
	run(&w, "UPDATE push_certificate SET not_after = $1", db_int(day(400)));
	assert_ok(endings_count(w.site, anna, &n, &err), &err);
	assert_int_equal(n, 1);
	endings_forget(w.site);
	assert_ok(endings_count(w.site, anna, &n, &err), &err);
	assert_int_equal(n, 0);
}

TESTS(a_year_brings_exactly_the_notices_that_should_go,
      a_notice_and_its_mail_are_written_together_or_not_at_all,
      without_a_mail_server_nobody_is_told_and_nothing_is_lost,
      a_source_that_fails_keeps_no_other_waiting,
      what_lives_shortly_is_told_of_late,
      however_much_ends_one_mail_names_it_and_fits,
      a_mail_goes_where_its_reader_wants_it_in_their_language,
      certificates_in_files_are_watched_and_one_that_cannot_be_read_hides_no_other,
      an_old_authority_counts_while_certificates_of_it_are_in_use_and_a_root_while_ours_is_under_it,
      of_identities_only_those_are_listed_that_do_not_renew_by_themselves,
      a_token_works_until_its_day_and_its_owner_alone_is_told,
      everybody_sees_what_concerns_them_and_nothing_else,
      every_kind_has_its_words_in_every_language,
      a_calendar_is_what_rfc_5545_says_whatever_stands_in_it,
      an_address_of_a_calendar_is_its_persons_until_it_is_revoked,
      the_numbers_are_those_of_the_list)
