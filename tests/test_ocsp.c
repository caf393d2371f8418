/* The OCSP responder, and the certificates of people whose revocation it tells of. */
#include "check_authority.h"
#include "core/clock.h"
#include "mdm/ca_set.h"
#include "mdm/ocsp.h"
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

/* ---- asking ---- */

static struct bytes
request_of(TALLOC_CTX *ctx, X509 *issuer, X509 *const *certs, size_t n, const EVP_MD *digest, int nonce)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	unsigned char bytes[64] = { 7 }, *der = NULL;
	struct bytes made;
	int len;

	for (size_t i = 0; i < n; i++)
		OCSP_request_add0_id(request, OCSP_cert_to_id(digest, certs[i], issuer));
	if (nonce > 0)
		OCSP_request_add1_nonce(request, bytes, nonce);
	len = i2d_OCSP_REQUEST(request, &der);
	made = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	OCSP_REQUEST_free(request);
	return made;
}

static struct ocsp_answer
ask_as(TALLOC_CTX *ctx, struct ca *ca, struct bytes request, bool sparing)
{
	struct ocsp_answer answer;
	struct err err = { 0 };

	assert_ok(ocsp_answer(ctx, ca, request, sparing, &answer, &err), &err);
	return answer;
}

static struct ocsp_answer
ask(TALLOC_CTX *ctx, struct ca *ca, struct bytes request)
{
	return ask_as(ctx, ca, request, false);
}

/* Signed by this CA's key, of this status for the certificate. */
static void
assert_signed(const struct ocsp_answer *answer, X509 *issuer, X509 *cert, int expected)
{
	const unsigned char *p = answer->der.p;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)answer->der.len);
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
	STACK_OF(X509) *certs = sk_X509_new_null();
	X509_STORE *store = X509_STORE_new();
	ASN1_GENERALIZEDTIME *from, *until;
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert, issuer);
	int status = -1, reason;

	sk_X509_push(certs, issuer);
	X509_STORE_add_cert(store, issuer);
	assert_int_equal(OCSP_basic_verify(basic, certs, store, OCSP_TRUSTOTHER | OCSP_NOINTERN), 1);
	assert_int_equal(OCSP_resp_find_status(basic, id, &status, &reason, NULL, &from, &until), 1);
	assert_int_equal(status, expected);
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	sk_X509_free(certs);
	X509_STORE_free(store);
}

static void
revoke(struct db *db, const struct certificate *cert, const char *reason)
{
	struct err err = { 0 };

	assert_ok(certificate_revoke_by(db, "anna", cert->sha256, reason, NULL, &err), &err);
}

/* ---- tests ---- */

static void
a_certificate_is_good_until_it_is_revoked_and_one_of_nobody_is_unknown(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *kept = test_issue_and_keep(*state, db, ca, "CN=kept"), *lost = test_issue(*state, ca, "CN=lost");
	X509 *cert = test_x509(kept), *stranger = test_x509(lost);
	const EVP_MD *const digests[] = { EVP_sha1(), EVP_sha256(), EVP_sha384() };
	struct ocsp_answer answer;

	for (size_t i = 0; i < 3; i++)
		assert_string_equal(ask(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, digests[i], 0)).status, "good");
	answer = ask(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), 16));
	assert_signed(&answer, ca_cert(ca), cert, V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(answer.keep_s, 0);
	answer = ask(*state, ca, request_of(*state, ca_cert(ca), &stranger, 1, EVP_sha1(), 0));
	assert_signed(&answer, ca_cert(ca), stranger, V_OCSP_CERTSTATUS_UNKNOWN);
	assert_int_equal(answer.keep_s, 0);
	revoke(db, kept, "superseded");
	answer = ask(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), 0));
	assert_signed(&answer, ca_cert(ca), cert, V_OCSP_CERTSTATUS_REVOKED);
	X509_free(cert);
	X509_free(stranger);
}

static void
an_answer_is_signed_once_and_again_when_something_was_revoked_or_half_an_hour_has_gone(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *kept = test_issue_and_keep(*state, db, ca, "CN=a"), *other = test_issue_and_keep(*state, db, ca, "CN=b");
	X509 *cert = test_x509(kept);
	struct bytes request = request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), 0);
	time_t now = clock_now();
	struct ocsp_answer first, again, later;

	test_clock(*state, now);
	first = ask(*state, ca, request);
	test_clock(*state, now + 600);
	again = ask(*state, ca, request);
	assert_int_equal(first.der.len, again.der.len);
	assert_memory_equal(first.der.p, again.der.p, first.der.len);
	assert_int_equal(first.keep_s - again.keep_s, 600);
	test_clock(*state, now + OCSP_FRESH_S / 2 + 1);
	later = ask(*state, ca, request);
	assert_true(later.der.len != first.der.len || memcmp(later.der.p, first.der.p, first.der.len) != 0);
	assert_int_equal(later.keep_s, OCSP_FRESH_S);
	revoke(db, kept, "keyCompromise");
	assert_string_equal(ask(*state, ca, request).status, "revoked");
	revoke(db, other, "keyCompromise");
	assert_string_equal(ask(*state, ca, request).status, "revoked");
	clock_follow("");
	X509_free(cert);
}

static void
what_is_no_request_or_asks_too_much_is_malformed_and_another_ca_is_not_ours(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	struct ca *theirs = test_ca(*state, test_db_at(*state, "theirs"));
	struct certificate *foreign = test_issue(*state, theirs, "CN=x");
	X509 *cert = test_x509(foreign), *many[OCSP_ASKED_MAX + 1];
	struct bytes good = request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), 0);
	unsigned char *more = mem_size(*state, OCSP_REQUEST_MAX + 1);

	for (size_t i = 0; i < sizeof many / sizeof *many; i++)
		many[i] = cert;
	assert_string_equal(ask(*state, ca, (struct bytes){ "nothing", 7 }).status, "malformed");
	assert_string_equal(ask(*state, ca, (struct bytes){ 0 }).status, "malformed");
	assert_string_equal(ask(*state, ca, (struct bytes){ good.p, good.len - 1 }).status, "malformed");
	memset(more, 0, OCSP_REQUEST_MAX + 1);
	memcpy(more, good.p, good.len);
	assert_string_equal(ask(*state, ca, (struct bytes){ more, good.len + 1 }).status, "malformed");
	assert_string_equal(ask(*state, ca, (struct bytes){ more, OCSP_REQUEST_MAX + 1 }).status, "malformed");
	assert_string_equal(ask(*state, ca, request_of(*state, ca_cert(ca), many, OCSP_ASKED_MAX, EVP_sha1(), 0)).status, "several");
	assert_string_equal(ask(*state, ca, request_of(*state, ca_cert(ca), many, OCSP_ASKED_MAX + 1, EVP_sha1(), 0)).status,
			    "malformed");
	assert_string_equal(ask(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), OCSP_NONCE_MAX)).status, "unknown");
	assert_string_equal(ask(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), OCSP_NONCE_MAX + 1)).status,
			    "malformed");
	assert_string_equal(ask(*state, ca, request_of(*state, ca_cert(theirs), &cert, 1, EVP_sha1(), 0)).status, "unauthorized");
	assert_string_equal(ask(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_md5(), 0)).status, "unauthorized");
	X509_free(cert);
}

static bool
same(const struct ocsp_answer *a, const struct ocsp_answer *b)
{
	return a->der.len == b->der.len && memcmp(a->der.p, b->der.p, a->der.len) == 0;
}

static void
who_asks_too_often_is_answered_with_what_was_signed_before_and_costs_no_signature(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *kept = test_issue_and_keep(*state, db, ca, "CN=kept"), *lost = test_issue(*state, ca, "CN=lost");
	X509 *cert = test_x509(kept), *stranger = test_x509(lost), *both[] = { cert, cert };
	struct ocsp_answer plain, sparing, again;
	time_t now = clock_now();

	test_clock(*state, now);
	plain = ask(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), 0));
	test_clock(*state, now + 60);
	sparing = ask_as(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), 16), true);
	assert_true(same(&plain, &sparing));
	assert_int_equal(sparing.keep_s, OCSP_FRESH_S - 60);
	/* what was not signed yet is, once */
	sparing = ask_as(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha256(), 16), true);
	assert_signed(&plain, ca_cert(ca), cert, V_OCSP_CERTSTATUS_GOOD);
	test_clock(*state, now + 120);
	again = ask_as(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha256(), 20), true);
	assert_string_equal(again.status, "good");
	assert_true(same(&sparing, &again));
	/* what could not be kept is not signed at all */
	assert_string_equal(ask_as(*state, ca, request_of(*state, ca_cert(ca), &stranger, 1, EVP_sha1(), 0), true).status, "later");
	assert_string_equal(ask_as(*state, ca, request_of(*state, ca_cert(ca), both, 2, EVP_sha1(), 0), true).status, "later");
	/* and a revocation is told even so */
	revoke(db, kept, "keyCompromise");
	sparing = ask_as(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), 16), true);
	assert_signed(&sparing, ca_cert(ca), cert, V_OCSP_CERTSTATUS_REVOKED);
	clock_follow("");
	X509_free(cert);
	X509_free(stranger);
}

static void
a_ca_that_was_succeeded_still_answers_for_what_it_issued(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *old = test_issue_and_keep(*state, db, ca, "CN=old");
	struct ca_make_wish wish = { .name = "Example", .base_url = TEST_CA_URL };
	X509 *cert = test_x509(old), *before = X509_dup(ca_cert(ca));
	EVP_PKEY *key = NULL, *once = NULL;
	const struct ca_set *set;
	struct ocsp_answer answer;
	struct err err = { 0 };
	struct ca_made made;

	assert_ok(ca_make_look(db, &wish, &err), &err);
	assert_ok(ca_make_single(*state, test_sealer(*state), &wish, &made, &err), &err);
	assert_ok(ca_make_keep(db, "cli", "ca.renew", &wish, &made, &err), &err);
	assert_ok(ca_reload(ca, &err), &err);
	answer = ask(*state, ca, request_of(*state, before, &cert, 1, EVP_sha1(), 0));
	assert_signed(&answer, before, cert, V_OCSP_CERTSTATUS_GOOD);
	/* its key is opened once */
	set = ca_set_now(ca);
	for (size_t i = 0; i < set->all.n; i++)
		if (set->all.rows[i].retired) {
			assert_ok(ca_own_key(set, &set->all.rows[i], &key, &err), &err);
			assert_ok(ca_own_key(set, &set->all.rows[i], &once, &err), &err);
		}
	assert_non_null(key);
	assert_ptr_equal(key, once);
	/* its successor has another key, and none of its certificates */
	assert_string_equal(ask(*state, ca, request_of(*state, ca_cert(ca), &cert, 1, EVP_sha1(), 0)).status, "unauthorized");
	X509_free(cert);
	X509_free(before);
}

static void
a_person_s_certificate_says_who_they_are_for_as_long_as_was_set_and_where_to_ask(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	struct ca_wish wish = { .key = test_rsa_key(), .purpose = CA_PERSON, .subject = "UID=anna,CN=Anna Nair,O=Example",
				.upn = "anna@corp.example.com", .email = "anna@example.com", .days = 30 };
	struct certificate *cert;
	struct err err = { 0 };
	const char *text;
	X509 *x509;

	assert_ok(ca_issue(*state, ca, &wish, &cert, &err), &err);
	assert_string_equal(cert->purpose, "person");
	assert_int_equal(cert->not_after - cert->issued, 30 * DAY_S);
	x509 = test_x509(cert);
	text = test_cert_text(*state, x509);
	assert_says(text, "email:anna@example.com");
	assert_says(text, "OCSP - URI:" TEST_CA_URL "/ocsp");
	assert_says(text, "TLS Web Client Authentication");
	assert_non_null(memmem(cert->der.p, cert->der.len, "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x17\x0c\x15"
			       "anna@corp.example.com", 16 + 21));
	X509_free(x509);
}

static void
a_person_s_certificate_says_both_of_their_names_or_there_is_none(void **state)
{
	static const struct { const char *upn, *email, *why; } lacking[] = {
		{ "", "anna@example.com", "userPrincipalName" }, { NULL, "anna@example.com", "userPrincipalName" },
		{ "anna@corp.example.com", "", "e-mail" }, { "anna@corp.example.com", NULL, "e-mail" },
		{ "anna@corp.example.com", "ann\xc3\xa4@example.com", "ASCII" },	/* no rfc822Name can say it */
		{ NULL, NULL, "userPrincipalName" },
	};
	struct ca *ca = test_ca(*state, test_db(*state));
	struct ca_wish wish = { .key = test_rsa_key(), .purpose = CA_PERSON, .subject = "UID=anna,CN=Anna Nair,O=Example", .days = 30 };
	struct certificate *cert;
	struct err err = { 0 };
	X509 *x509;

	for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++) {
		wish.upn = lacking[i].upn;
		wish.email = lacking[i].email;
		assert_false(ca_issue(*state, ca, &wish, &cert, &err));
		assert_string_equal(err.code, "missing_name");
		assert_non_null(strstr(err.cause, lacking[i].why));
	}
	/* any other says none, even where some are given */
	wish = (struct ca_wish){ .key = test_rsa_key(), .purpose = CA_MDM, .subject = "CN=device", .upn = "a@example.com", .email = "a@example.com" };
	assert_ok(ca_issue(*state, ca, &wish, &cert, &err), &err);
	x509 = test_x509(cert);
	assert_int_equal(X509_get_ext_by_NID(x509, NID_subject_alt_name, -1), -1);
	X509_free(x509);
}

TESTS(a_certificate_is_good_until_it_is_revoked_and_one_of_nobody_is_unknown,
      an_answer_is_signed_once_and_again_when_something_was_revoked_or_half_an_hour_has_gone,
      what_is_no_request_or_asks_too_much_is_malformed_and_another_ca_is_not_ours,
      who_asks_too_often_is_answered_with_what_was_signed_before_and_costs_no_signature,
      a_ca_that_was_succeeded_still_answers_for_what_it_issued,
      a_person_s_certificate_says_both_of_their_names_or_there_is_none,
      a_person_s_certificate_says_who_they_are_for_as_long_as_was_set_and_where_to_ask)
