/* Our own CA signs mobileconfigs where no other certificate is set: made at need, renewed in time, nobody's identity. */
#include "check_authority.h"
#include "check_story.h"
#include "core/clock.h"
#include "mdm/ends.h"
#include "mdm/ca_sign.h"
#include "web/ending_sources.h"
#include "web/signing.h"

#define SUBJECT	"CN=apps.example.com"
#define FORM	"<plist version=\"1.0\"><dict/></plist>"

struct bench {
	TALLOC_CTX *ctx;
	struct db *db;
	struct ca *ca;
};

static struct bench
bench(void **state)
{
	struct bench b = { *state, test_db(*state), NULL };

	b.ca = test_ca(b.ctx, b.db);
	return b;
}

static struct cms_signer *
signer(struct bench *b)
{
	struct cms_signer *ret;
	struct err err = { 0 };

	assert_ok(ca_sign_signer(b->ctx, b->ca, SUBJECT, &ret, &err), &err);
	return ret;
}

static struct ca_signing *
found(struct bench *b)
{
	struct ca_signing *ret;
	struct err err = { 0 };

	assert_ok(ca_sign_find(b->ctx, b->db, &ret, &err), &err);
	return ret;
}

static const char *
sha256(struct bench *b)
{
	(void)signer(b);
	return found(b)->sha256;
}

static int64_t
number(struct bench *b, const char *sql)
{
	struct rows *rows = db_query(b->ctx, b->db, sql);
	struct err err = { 0 };

	assert_int_equal(rows_next(rows, &err), ROWS_ROW);
	return rows_int(rows, 0);
}

/* As a stranger judges it who has the exported CA alone: no -purpose, no certificates besides. */
static void
verified(struct bench *b)
{
	const char *ca = test_ca_file(b->ctx, b->ca), *der;
	struct err err = { 0 };
	struct bytes out;
	char *said;

	assert_ok(cms_sign(b->ctx, signer(b), (struct bytes){ FORM, strlen(FORM) }, &out, &err), &err);
	der = test_put_file(b->ctx, "signed.der", out.p, out.len);
	said = test_ask_ok(b->ctx, mem_printf(b->ctx, "openssl cms -verify -inform DER -in %s -CAfile %s -attime %lld -binary",
					      der, ca, (long long)clock_now()));
	assert_says(said, FORM);
	said = test_ask_ok(b->ctx, mem_printf(b->ctx, "openssl pkcs7 -inform DER -in %s -print_certs -noout", der));
	assert_says(said, "subject=CN = apps.example.com\nissuer=O = Example, CN = Example device CA\n");
}

static void
must_54_what_our_own_ca_signs_verifies_against_the_exported_ca(void **state)
{
	struct bench b = bench(state);

	assert_true(ca_sign_ready(b.ca));
	assert_null(found(&b));
	verified(&b);
}

static void
a_chain_up_to_the_root_goes_along(void **state)
{
	struct bench b = { *state, test_db(*state), NULL };
	const char *root, *all, *der;
	struct err err = { 0 };
	struct bytes out;

	b.ca = test_ca_under_root(b.ctx, b.db);
	all = test_ca_file(b.ctx, b.ca);
	root = mem_printf(b.ctx, "%s/root.pem", test_here(b.ctx));
	/* the root alone is believed: what is between has to be in the message */
	test_ask_ok(b.ctx, mem_printf(b.ctx, "csplit -sz -f %s/one- %s '/BEGIN/' '{*}'; for f in %s/one-*; do"
		    " s=$(openssl x509 -in $f -noout -subject_hash) i=$(openssl x509 -in $f -noout -issuer_hash);"
		    " test $s != $i || cp $f %s; done; test -s %s", test_here(b.ctx), all, test_here(b.ctx), root, root));
	assert_ok(cms_sign(b.ctx, signer(&b), (struct bytes){ FORM, strlen(FORM) }, &out, &err), &err);
	der = test_put_file(b.ctx, "signed.der", out.p, out.len);
	assert_says(test_ask_ok(b.ctx, mem_printf(b.ctx, "openssl cms -verify -inform DER -in %s -CAfile %s -binary", der, root)),
		    FORM);
}

static void
one_is_made_at_the_first_need_and_its_key_is_sealed(void **state)
{
	struct bench b = bench(state);
	const char *first = sha256(&b);

	assert_string_equal(sha256(&b), first);
	assert_int_equal(number(&b, "SELECT count(*) FROM certificate WHERE purpose = 'sign'"), 1);
	assert_int_equal(number(&b, "SELECT count(*) FROM signing_certificate"), 1);
	assert_int_equal(number(&b, "SELECT instr(CAST(sealed_key AS TEXT), 'PRIVATE') FROM signing_certificate"), 0);
}

static void
our_own_signing_certificate_is_no_device_that_a_ca_is_kept_for(void **state)
{
	struct bench b = bench(state);
	struct rows *rows;
	struct err err;
	int64_t live;

	sha256(&b);
	rows = db_query(b.ctx, b.db, "SELECT authority_id FROM certificate WHERE purpose = 'sign'");
	assert_ok(rows_one(rows, &err, "no row"), &err);
	assert_ok(ends_live_certificates(b.db, rows_text(b.ctx, rows, 0), &live, &err), &err);
	assert_int_equal(live, 0);
}

static void
what_signs_is_nobodys_identity_and_nobody_can_ask_for_one(void **state)
{
	struct bench b = bench(state);
	enum ca_purpose purpose;
	struct certificate *cert;
	struct err err = { 0 };

	assert_ok(certificate_find(b.ctx, b.db, sha256(&b), &cert, &err), &err);
	X509 *x509 SCOPED(x509) = test_x509(cert);
	assert_int_equal(test_whose(b.ca, x509), CA_NOBODYS);
	assert_says(test_cert_text(b.ctx, x509), "X509v3 Key Usage: critical\n                Digital Signature\n");
	assert_says(test_cert_text(b.ctx, x509), "X509v3 Extended Key Usage: \n                E-mail Protection\n");
	assert_false(ca_purpose_read("sign", &purpose));
	assert_true(ca_purpose_read("client", &purpose));
}

static void
it_is_renewed_before_its_end_and_when_it_was_revoked(void **state)
{
	struct bench b = bench(state);
	int64_t now = time(NULL);
	const char *first, *second;
	struct err err = { 0 };

	test_clock(b.ctx, now);
	first = sha256(&b);
	test_clock(b.ctx, now + 334 * DAY_S);
	assert_ok(ca_sign_keep(b.ca, SUBJECT, &err), &err);
	assert_string_equal(found(&b)->sha256, first);
	test_clock(b.ctx, now + 336 * DAY_S);
	assert_ok(ca_sign_keep(b.ca, SUBJECT, &err), &err);
	second = found(&b)->sha256;
	assert_string_not_equal(second, first);
	assert_true(found(&b)->not_after > now + 700 * DAY_S);
	assert_int_equal(number(&b, "SELECT count(*) FROM signing_certificate"), 1);
	verified(&b);
	assert_string_equal(found(&b)->sha256, second);
	assert_ok(certificate_revoke_by(b.db, "cli", second, "keyCompromise", NULL, &err), &err);
	assert_null(found(&b));
	verified(&b);
	assert_string_not_equal(found(&b)->sha256, second);
	clock_follow("");
}

static void
none_is_made_where_nothing_was_signed_yet(void **state)
{
	struct bench b = bench(state);
	struct err err = { 0 };

	assert_ok(ca_sign_keep(b.ca, SUBJECT, &err), &err);
	assert_null(found(&b));
}

static void
at_the_end_of_its_ca_it_is_not_made_again_and_again_and_then_nothing_signs(void **state)
{
	struct bench b = bench(state);
	int64_t now = time(NULL), end = number(&b, "SELECT not_after FROM authority");
	const char *last;

	test_clock(b.ctx, now);
	test_clock(b.ctx, end - 100 * DAY_S);
	last = sha256(&b);
	assert_int_equal(found(&b)->not_after, end);
	test_clock(b.ctx, end - 2 * DAY_S);
	assert_string_equal(sha256(&b), last);
	test_clock(b.ctx, end + 1);
	assert_false(ca_sign_ready(b.ca));
	clock_follow("");
}

static void
after_another_ca_has_taken_over_that_one_signs(void **state)
{
	struct bench b = bench(state);
	struct ca_make_wish wish = { .name = "Example", .base_url = TEST_CA_URL };
	const char *first = sha256(&b);
	struct err err = { 0 };
	struct ca_made made;

	assert_ok(ca_make_look(b.db, &wish, &err), &err);
	assert_ok(ca_make_single(b.ctx, test_sealer(b.ctx), &wish, &made, &err), &err);
	assert_ok(ca_make_keep(b.db, "cli", "ca.renew", &wish, &made, &err), &err);
	/* also where this process has not looked yet */
	assert_string_not_equal(sha256(&b), first);
	assert_int_equal(number(&b, "SELECT count(*) FROM signing_certificate s JOIN authority a ON a.id = s.authority_id"
				    " WHERE a.retired IS NULL"), 1);
	assert_int_equal(number(&b, "SELECT count(*) FROM certificate WHERE purpose = 'sign'"), 2);
}

/* ---- in the watch ---- */

static const struct ending_source own[] = { { "signing_own", ENDING_FOR_ADMINS, ending_signing_own }, { 0 } };

static struct endings *
listed(struct story *w)
{
	struct endings *all;
	struct err err = { 0 };

	assert_ok(endings_list(w->ctx, w->site, own, clock_now() + ENDING_EVER_S, &all, &err), &err);
	return all;
}

static void
it_is_in_the_watch_and_nobody_is_told_while_it_renews_itself(void **state)
{
	struct story w = story_begin(*state, "");
	struct conf *conf = mem_copy(w.ctx, site_conf(w.site), sizeof *conf);
	struct bench b = { w.ctx, w.db, NULL };
	struct err err = { 0 };
	struct endings *all;
	struct bytes out;
	int64_t ends;

	story_at(&w, time(NULL));
	conf->server_plain = true;
	conf->expiry_look = false;	/* nobody is asked for apps.example.com */
	w.site->conf = conf;
	assert_int_equal(signing_way(w.site), SIGNING_NONE);
	assert_ok(signing_sign(w.ctx, w.site, (struct bytes){ FORM, strlen(FORM) }, &out, &err), &err);
	assert_memory_equal(out.p, FORM, strlen(FORM));
	b.ca = w.site->ca = test_ca(w.ctx, w.db);
	assert_int_equal(signing_way(w.site), SIGNING_OWN_CA);
	assert_int_equal(listed(&w)->n, 0);
	assert_ok(signing_sign(w.ctx, w.site, (struct bytes){ FORM, strlen(FORM) }, &out, &err), &err);
	assert_int_not_equal(out.len, strlen(FORM));
	ends = found(&b)->not_after;
	all = listed(&w);
	assert_int_equal(all->n, 1);
	assert_int_equal(all->list[0].ends, ends);
	assert_string_equal(all->list[0].doing, "itself");
	story_at(&w, ends - 20 * DAY_S);
	assert_false(ending_needs(&listed(&w)->list[0], clock_now()));
	story_at(&w, ends - 14 * DAY_S);	/* should have happened two weeks ago */
	assert_true(ending_needs(&listed(&w)->list[0], clock_now()));
	/* the job of each day sees to it */
	assert_true(job_endings(NULL, w.ctx, w.site, &err));
	assert_true(found(&b)->not_after > ends);
	assert_false(ending_needs(&listed(&w)->list[0], clock_now()));
	/* another certificate signs: this one is of no account */
	conf->registration_sign_cert = "/nowhere";
	assert_int_equal(signing_way(w.site), SIGNING_FILE);
	assert_int_equal(listed(&w)->n, 0);
}

TESTS(our_own_signing_certificate_is_no_device_that_a_ca_is_kept_for, must_54_what_our_own_ca_signs_verifies_against_the_exported_ca, a_chain_up_to_the_root_goes_along,
      one_is_made_at_the_first_need_and_its_key_is_sealed, what_signs_is_nobodys_identity_and_nobody_can_ask_for_one,
      it_is_renewed_before_its_end_and_when_it_was_revoked, none_is_made_where_nothing_was_signed_yet,
      at_the_end_of_its_ca_it_is_not_made_again_and_again_and_then_nothing_signs,
      after_another_ca_has_taken_over_that_one_signs, it_is_in_the_watch_and_nobody_is_told_while_it_renews_itself)
