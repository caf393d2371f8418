/* What becomes of an authority with time: its end, its successor, its revocation list. */
#include "check_authority.h"
#include "core/clock.h"
#include "mdm/subject.h"
#include <openssl/x509v3.h>

/* ---- time ---- */

static void
nothing_outlives_the_ca_and_an_expired_one_issues_nothing(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	struct ca_wish wish = { .key = test_rsa_key(), .purpose = CA_MDM, .subject = "CN=x" };
	struct certificate *cert;
	struct err err = { 0 };
	time_t ends;

	assert_true(x509_expires(ca_cert(ca), &ends));
	test_clock(*state, ends - 10 * DAY_S);
	assert_int_equal(test_issue(*state, ca, "CN=x")->not_after, ends);
	test_clock(*state, ends);
	assert_false(ca_issue(*state, ca, &wish, &cert, &err));
	clock_follow("");
	assert_string_equal(err.code, "ca_expired");
}

/* ---- successors ---- */

static void
renew(TALLOC_CTX *ctx, struct db *db)
{
	struct ca_make_wish wish = { .name = "Example", .base_url = TEST_CA_URL };
	struct err err = { 0 };
	struct ca_made made;

	assert_ok(ca_make_look(db, &wish, &err), &err);
	assert_ok(ca_make_single(ctx, test_sealer(ctx), &wish, &made, &err), &err);
	assert_ok(ca_make_keep(db, "cli", "ca.renew", &wish, &made, &err), &err);
}

static void
after_a_renewal_the_new_ca_issues_and_the_old_one_is_still_believed(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *old = test_issue_and_keep(*state, db, ca, "CN=old"), *new;
	char *before, *after;
	struct err err = { 0 };
	X509 *old_x509 = test_x509(old), *new_x509;

	before = subject_write(*state, X509_get_subject_name(ca_cert(ca)));
	renew(*state, db);
	assert_ok(ca_reload(ca, &err), &err);
	after = subject_write(*state, X509_get_subject_name(ca_cert(ca)));
	assert_string_not_equal(before, after);
	new = test_issue_and_keep(*state, db, ca, "CN=new");
	new_x509 = test_x509(new);
	assert_string_not_equal(old->authority_id, new->authority_id);
	assert_int_equal(test_whose(ca, old_x509), CA_OURS);
	assert_int_equal(test_whose(ca, new_x509), CA_OURS);
	test_cert_file(*state, old, "old.pem");
	test_cert_file(*state, new, "new.pem");
	test_ask_ok(*state, mem_printf(*state, "cd %s && openssl verify -purpose sslclient -CAfile %s old.pem new.pem",
				  test_here(*state), test_ca_file(*state, ca)));
	X509_free(old_x509);
	X509_free(new_x509);
}

/* The address that a certificate names, without the host. */
static const char *
crl_path(TALLOC_CTX *ctx, const struct certificate *cert)
{
	X509 *x509 = test_x509(cert);
	const char *text = test_cert_text(ctx, x509), *url = strstr(text, "URI:" TEST_CA_URL);

	X509_free(x509);
	assert_non_null(url);
	url += strlen("URI:" TEST_CA_URL);
	return mem_textn(ctx, url, strcspn(url, "\n"));
}

static void
each_ca_has_a_crl_of_its_own_where_its_certificates_say(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *old = test_issue_and_keep(*state, db, ca, "CN=old"), *new;
	struct err err = { 0 };
	const char *key;

	assert_string_equal(crl_path(*state, old), "/crl");
	renew(*state, db);
	assert_ok(ca_reload(ca, &err), &err);
	new = test_issue_and_keep(*state, db, ca, "CN=new");
	assert_memory_equal(crl_path(*state, new), "/crl/", 5);
	key = crl_path(*state, new) + 5;
	assert_ok(certificate_revoke_by(db, "cli", old->sha256, "superseded", NULL, &err), &err);

	/* the plain address is still that of the first CA, which signs it though it is retired */
	assert_says(test_ask_ok(*state, mem_printf(*state, "openssl crl -noout -text -in %s", test_crl_file(*state, ca, NULL, "a.pem"))),
		    "Reason Code: \n                Superseded");
	assert_says(test_ask_ok(*state, mem_printf(*state, "openssl crl -noout -text -in %s", test_crl_file(*state, ca, key, "b.pem"))),
		    "No Revoked Certificates");
	test_ask_ok(*state, mem_printf(*state, "cd %s && cat a.pem b.pem > all.pem", test_here(*state)));
	test_cert_file(*state, new, "new.pem");
	test_ask_ok(*state, mem_printf(*state, "cd %s && openssl verify -crl_check -CRLfile all.pem -CAfile %s new.pem",
				  test_here(*state), test_ca_file(*state, ca)));
}

static void
two_who_make_one_at_once_leave_one(void **state)
{
	struct db *db = test_db(*state);
	struct ca_make_wish a = { .name = "Example", .base_url = TEST_CA_URL }, b = a;
	struct sealer *sealer = test_sealer(*state);
	struct ca_made made_a, made_b;
	struct err err = { 0 };

	assert_ok(ca_make_look(db, &a, &err) && ca_make_look(db, &b, &err), &err);
	assert_ok(ca_make_single(*state, sealer, &a, &made_a, &err) && ca_make_single(*state, sealer, &b, &made_b, &err), &err);
	assert_ok(ca_make_keep(db, "cli", "ca.make", &a, &made_a, &err), &err);
	assert_false(ca_make_keep(db, "cli", "ca.make", &b, &made_b, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
}

/* ---- the CRL ---- */

static void
a_revocation_is_in_the_crl_at_once(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *cert = test_issue_and_keep(*state, db, ca, "CN=device");
	struct err err = { 0 };
	const char *text;
	int status;

	test_cert_file(*state, cert, "leaf.pem");
	test_ca_file(*state, ca);
	test_crl_file(*state, ca, NULL, "crl.pem");
	test_ask_ok(*state, mem_printf(*state, "cd %s && openssl verify -crl_check -CRLfile crl.pem -CAfile ca.pem leaf.pem",
				  test_here(*state)));
	assert_ok(certificate_revoke_by(db, "cli", cert->sha256, "keyCompromise", NULL, &err), &err);
	test_crl_file(*state, ca, NULL, "crl.pem");
	text = test_ask(*state, mem_printf(*state, "cd %s && openssl verify -crl_check -CRLfile crl.pem -CAfile ca.pem leaf.pem",
				      test_here(*state)), &status);
	assert_int_not_equal(status, 0);
	assert_says(text, "certificate revoked");
	text = test_ask_ok(*state, mem_printf(*state, "cd %s && openssl crl -noout -text -in crl.pem", test_here(*state)));
	assert_says(text, "Key Compromise");
	assert_says(text, "X509v3 Authority Key Identifier");
}

static int64_t
crl_number(TALLOC_CTX *ctx, struct ca *ca)
{
	struct err err = { 0 };
	struct bytes der;
	const unsigned char *p;
	ASN1_INTEGER *number;
	X509_CRL *crl;
	int64_t n;

	assert_ok(ca_crl(ctx, ca, NULL, &der, &err), &err);
	p = der.p;
	crl = d2i_X509_CRL(NULL, &p, (long)der.len);
	assert_non_null(crl);
	number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	assert_true(number && ASN1_INTEGER_get_int64(&n, number));
	ASN1_INTEGER_free(number);
	X509_CRL_free(crl);
	return n;
}

static void
a_crl_is_kept_until_something_changes_or_a_day_has_gone(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db), *again;
	struct certificate *cert = test_issue_and_keep(*state, db, ca, "CN=device");
	struct err err = { 0 };
	time_t now = clock_now();
	int64_t first, second, third;

	test_clock(*state, now);
	first = crl_number(*state, ca);
	assert_int_equal(crl_number(*state, ca), first);
	assert_ok(certificate_revoke_by(db, "cli", cert->sha256, "superseded", NULL, &err), &err);
	second = crl_number(*state, ca);
	assert_true(second > first);
	test_clock(*state, now + DAY_S - 1);
	assert_int_equal(crl_number(*state, ca), second);
	test_clock(*state, now + DAY_S);
	third = crl_number(*state, ca);
	assert_true(third > second);
	/* a server that has just started does not begin again at a lower number */
	assert_ok(ca_open(*state, db, test_sealer(*state), TEST_CA_URL, &again, &err), &err);
	test_clock(*state, now + DAY_S + 1);
	assert_true(crl_number(*state, again) > third);
	clock_follow("");
}

static void
a_certificate_that_has_expired_leaves_the_crl(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *cert = test_issue_and_keep(*state, db, ca, "CN=device");
	struct err err = { 0 };

	assert_ok(certificate_revoke_by(db, "cli", cert->sha256, "superseded", NULL, &err), &err);
	assert_says(test_ask_ok(*state, mem_printf(*state, "openssl crl -noout -text -in %s", test_crl_file(*state, ca, NULL, "a.pem"))),
		    "Serial Number:");
	test_clock(*state, cert->not_after + 2 * DAY_S);
	assert_says(test_ask_ok(*state, mem_printf(*state, "openssl crl -noout -text -in %s", test_crl_file(*state, ca, NULL, "b.pem"))),
		    "No Revoked Certificates");
	clock_follow("");
}

TESTS(nothing_outlives_the_ca_and_an_expired_one_issues_nothing,
      after_a_renewal_the_new_ca_issues_and_the_old_one_is_still_believed,
      each_ca_has_a_crl_of_its_own_where_its_certificates_say, two_who_make_one_at_once_leave_one,
      a_revocation_is_in_the_crl_at_once, a_crl_is_kept_until_something_changes_or_a_day_has_gone,
      a_certificate_that_has_expired_leaves_the_crl)
