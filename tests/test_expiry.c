/* What is listed of all that ends, for whom, and what is made of it. */
#include "tests/check_story.h"
#include <pthread.h>
#include <unistd.h>
#include "catalog/calendar.h"
#include "catalog/token.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "mdm/authority.h"
#include "mdm/ends.h"
#include "web/ending_sources.h"
#include "web/page.h"

static const struct ending_source tokens[] = { { "token", ENDING_FOR_OWNER, ending_tokens, ending_tokens_of }, { 0 } };

#define TOPIC "com.apple.mgmt.External.1"

/* ---- what is listed ---- */

static struct endings *
listed(struct story *w, const struct ending_source *of)
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
	struct story w = story_begin(*state, "");
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
	story_at(&w, ends - 31 * DAY_S);
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
	story_at(&w, ends - 30 * DAY_S);
	assert_true(ending_needs(e, clock_now()));
	assert_string_equal(ending_level(e, clock_now()), "warning");
	assert_string_equal(ending_level(e, ends - 14 * DAY_S), "error");
	assert_string_equal(ending_level(e, ends + DAY_S), "error");
	/* behind a proxy the server has none of its own */
	conf->server_plain = true;
	assert_null(of_kind(listed(&w, NULL), "tls"));
}

static void
put_authority(struct story *w, X509 *cert, enum authority_role role, bool retired, char **id)
{
	struct authority *row;
	struct err err;

	assert_ok(authority_of(w->ctx, cert, role, NULL, &row, &err), &err);
	*id = mem_text(w->ctx, row->id);
	story_run(w, "INSERT INTO authority (id, role, key_id, certificate, sha256, not_after, made, retired) VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
	    db_text(row->id), db_text(authority_role_name(role)), db_text(row->key_id), db_bytes(row->der), db_text(row->sha256),
	    db_int(row->not_after), retired ? db_int(5) : db_null());
}

static void
an_old_authority_counts_while_certificates_of_it_are_in_use_and_a_root_while_ours_is_under_it(void **state)
{
	struct story w = story_begin(*state, "");
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
	story_at(&w, time(NULL));	/* certificates of x509_make begin when they are made */
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
	story_run(&w, "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256, der, not_before, not_after, issued)"
	    " VALUES ('c', 'c', $1, 'mdm', 'c', 'c', $2, 1, 9999999999, 1)", db_text(old_id), db_bytes((struct bytes){ "x", 1 }));
	all = listed(&w, NULL);
	assert_non_null(of_kind(all, "ca_before"));
	assert_int_equal(of_kind(all, "ca_before")->devices, 1);
	story_run(&w, "UPDATE certificate SET revoked = 5");
	assert_null(of_kind(listed(&w, NULL), "ca_before"));
}

static void
of_identities_only_those_are_listed_that_do_not_renew_by_themselves(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	struct ends_span span;
	const struct ending *e;
	json_t *list;
	struct err err;

	story_device(&w, "heard", "i1", noon_of(40), noon_of(0));		/* has time, and speaks up */
	story_device(&w, "silent", "i2", noon_of(40), noon_of(-20));
	story_device(&w, "never", "i3", noon_of(41), 0);
	story_device(&w, "late", "i4", noon_of(10), noon_of(0));
	story_device(&w, "far", "i5", noon_of(90), noon_of(-20));
	story_run(&w, "UPDATE device SET seen = NULL WHERE id = 'never'");
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
	/* what was tried for days, and what an outside CA issued: whose end stands with the enrollment */
	story_run(&w, "UPDATE enrollment SET renewal_tries = 5 WHERE id = 'heard'");
	story_run(&w, "INSERT INTO device (id, udid, enrollment_id, created, changed) VALUES ('outside', 'outside', 'outside', 1, 1)");
	story_run(&w, "INSERT INTO enrollment (id, device_id, session_id, state, identity, identity_ends, access_rights, created)"
		  " VALUES ('outside', 'outside', 's', 'enrolled', 'of another', $1, 8191, 1)", db_int(noon_of(40)));
	e = of_kind(listed(&w, NULL), "identities");
	assert_int_equal((e + 1)->devices, 4);
	/* who left is nobody's trouble */
	story_run(&w, "UPDATE enrollment SET state = 'removed'");
	assert_null(of_kind(listed(&w, NULL), "identities"));
}

static void
a_token_works_until_its_day_and_its_owner_alone_is_told(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	const struct person *paul = story_human(&w, "paul", ROLE_PUBLISHER, "paul@example.com");
	const struct person *anna = story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	struct person *who;
	const struct ending *e;
	struct err err;
	char *token, *for_ever;

	assert_ok(token_new(w.ctx, w.db, "test", paul, &(struct token_wish){ "CI", "upload", NULL, 90 }, &token, &err), &err);
	assert_ok(token_new(w.ctx, w.db, "test", paul, &(struct token_wish){ "old", "upload", NULL, 0 }, &for_ever, &err), &err);
	assert_false(token_new(w.ctx, w.db, "test", paul, &(struct token_wish){ "x", "upload", NULL, TOKEN_DAYS_MAX + 1 }, &token, &err));
	e = of_kind(listed(&w, tokens), "token");
	assert_non_null(e);
	assert_string_equal(e->name, "CI (paul)");
	assert_true(ending_concerns(e, paul) && ending_concerns(e, anna));
	assert_true(ending_tells(e, paul) && !ending_tells(e, anna));
	story_day(&w, 89);
	assert_ok(token_open(w.ctx, w.db, token, &who, &err), &err);
	assert_ok(endings_sweep(w.site, tokens, &err), &err);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM message"), 1);
	assert_string_equal(story_text(&w, "SELECT recipient FROM message"), "paul@example.com");
	story_day(&w, 90);
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

static void
an_address_of_a_calendar_is_its_persons_until_it_is_revoked(void **state)
{
	struct story w = story_begin(*state, "");
	const struct person *anna = story_human(&w, "anna", ROLE_ADMIN, ""), *otto = story_human(&w, "otto", ROLE_ADMIN, "");
	struct person *who;
	struct err err;
	char *token, *last = NULL;
	json_t *list;

	assert_ok(calendar_new(w.ctx, w.db, anna, &token, &err), &err);
	assert_int_equal(story_number(&w, mem_printf(w.ctx, "SELECT count(*) FROM calendar WHERE token_hash LIKE '%%%s%%' OR id = '%s'", token, token)), 0);
	assert_ok(calendar_open(w.ctx, w.db, token, &who, &err), &err);
	assert_string_equal(who->id, anna->id);
	assert_false(calendar_open(w.ctx, w.db, "AAAAAAAAAAAAAAAAAAAAAAAAAAA", &who, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	story_run(&w, "UPDATE person SET disabled = TRUE WHERE id = $1", db_text(anna->id));
	assert_false(calendar_open(w.ctx, w.db, token, &who, &err));
	story_run(&w, "UPDATE person SET disabled = FALSE WHERE id = $1", db_text(anna->id));
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
	struct story w = story_begin(*state, "");
	const struct person *anna = story_human(&w, "anna", ROLE_ADMIN, ""), *paul = story_human(&w, "paul", ROLE_PUBLISHER, "");
	struct err err;
	struct buf out;
	char *token;
	int64_t n;

	story_run(&w, "INSERT INTO push_certificate (id, topic, state, sealed_key, not_after, created, changed)"
	    " VALUES ('p', '" TOPIC "', 'current', $1, $2, 1, 1)", db_bytes((struct bytes){ "x", 1 }), db_int(noon_of(20)));
	assert_ok(token_new(w.ctx, w.db, "test", paul, &(struct token_wish){ "CI", "upload", NULL, 300 }, &token, &err), &err);
	endings_forget(w.site);
	assert_ok(endings_count(w.site, anna, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_ok(endings_count(w.site, paul, &n, &err), &err);
	assert_int_equal(n, 0);
	buf_init(&out, *state, 100000);
	assert_ok(endings_print(w.site, &out, &err), &err);
	assert_non_null(strstr(buf_str(&out), mem_printf(*state, "\npomona_ending_seconds{kind=\"push\"} %lld\n", (long long)noon_of(20))));
	assert_non_null(strstr(buf_str(&out), "\npomona_endings{kind=\"push\",days=\"14\"} 0\n"));
	assert_non_null(strstr(buf_str(&out), "\npomona_endings{kind=\"push\",days=\"30\"} 1\n"));
	assert_non_null(strstr(buf_str(&out), "\npomona_endings{kind=\"token\",days=\"60\"} 0\n"));
	assert_non_null(strstr(buf_str(&out), "\npomona_endings_unknown 0\n"));
	/* it is not listed anew for each page; what changed is seen when it is said */
	story_run(&w, "UPDATE push_certificate SET not_after = $1", db_int(noon_of(400)));
	assert_ok(endings_count(w.site, anna, &n, &err), &err);
	assert_int_equal(n, 1);
	endings_forget(w.site);
	assert_ok(endings_count(w.site, anna, &n, &err), &err);
	assert_int_equal(n, 0);
}

/* ---- one list for all who ask at once ---- */

#define ASKERS	8

struct crowd {
	struct site *site;
	const char *person_id;
	pthread_barrier_t here;
	_Atomic int answered;
};

static void *
ask_with_others(void *arg)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct crowd *c = arg;
	struct endings *all;
	struct err err;

	pthread_barrier_wait(&c->here);
	c->answered += endings_fresh(ctx, c->site, c->person_id, &all, &err);
	return NULL;
}

/* How many lists were made for all of them. */
static uint64_t
made_for_a_crowd(struct crowd *c)
{
	uint64_t before = endings_made(c->site);
	pthread_t threads[ASKERS];

	c->answered = 0;
	pthread_barrier_init(&c->here, NULL, ASKERS + 1);
	pthread_mutex_lock(&c->site->lock);
	for (int i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_with_others, c), 0);
	pthread_barrier_wait(&c->here);
	usleep(50000);		/* they stand before the lock, or come while the first one's list is made */
	pthread_mutex_unlock(&c->site->lock);
	for (int i = 0; i < ASKERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&c->here);
	assert_int_equal(c->answered, ASKERS);
	return endings_made(c->site) - before;
}

static void
who_asks_for_the_list_at_once_shares_one_and_who_asks_later_sees_what_is_so_then(void **state)
{
	struct story w = story_begin(*state, "");
	struct crowd c = { .site = w.site, .person_id = story_human(&w, "anna", ROLE_ADMIN, "")->id };
	uint64_t made = ASKERS;
	struct endings *late;
	struct err err;

	/* on a busy machine the last of a crowd may come when the first has left */
	for (int round = 0; made > ASKERS - 2 && round < 20; round++)
		made = made_for_a_crowd(&c);
	assert_in_range(made, 1, ASKERS - 2);
	story_run(&w, "INSERT INTO push_certificate (id, topic, state, sealed_key, not_after, created, changed)"
	    " VALUES ('p', '" TOPIC "', 'current', $1, $2, 1, 1)", db_bytes((struct bytes){ "x", 1 }), db_int(noon_of(20)));
	assert_ok(endings_fresh(w.ctx, w.site, c.person_id, &late, &err), &err);
	assert_int_equal(late->n, 1);
	assert_string_equal(late->list[0].source->kind, "push");
}

TESTS(certificates_in_files_are_watched_and_one_that_cannot_be_read_hides_no_other,
      an_old_authority_counts_while_certificates_of_it_are_in_use_and_a_root_while_ours_is_under_it,
      of_identities_only_those_are_listed_that_do_not_renew_by_themselves,
      a_token_works_until_its_day_and_its_owner_alone_is_told,
      everybody_sees_what_concerns_them_and_nothing_else,
      every_kind_has_its_words_in_every_language,
      an_address_of_a_calendar_is_its_persons_until_it_is_revoked,
      the_numbers_are_those_of_the_list, who_asks_for_the_list_at_once_shares_one_and_who_asks_later_sees_what_is_so_then)
