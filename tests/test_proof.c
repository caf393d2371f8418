/* Which device speaks: signatures over the exact body, certificates that were shown, and whose they are. */
#include "tests/check_mdm.h"
#include "core/clock.h"
#include "mdm/cms.h"
#include "mdm/proof.h"
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct bytes
bytes(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static void
must_5_a_signature_over_the_exact_body_proves_and_over_another_does_not(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *body = "<plist>what is said</plist>";
	char *text = mdm_sign(m, p->cert, bytes(body), 0);
	struct proof proof;

	assert_ok(proof_by_signature(*state, text, bytes(body), &proof, &m->err), &m->err);
	assert_int_equal(proof.der.len, p->cert->der.len);
	assert_memory_equal(proof.der.p, p->cert->der.p, proof.der.len);
	assert_false(proof.live);
	assert_int_equal(proof.signed_at, clock_now());
	assert_false(proof_by_signature(*state, text, bytes("<plist>what is Said</plist>"), &proof, &m->err));
	assert_int_equal(m->err.kind, ERR_MALFORMED);
	assert_false(proof_by_signature(*state, text, bytes(""), &proof, &m->err));
	p->by_signature = true;
	assert_null(phone_idle(p));
}

/* As iOS makes it: BER, with lengths that are found at the end. */
static void
must_5_a_signature_in_ber_with_indefinite_lengths_is_read(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *body = "a body";
	const unsigned flags = CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL;
	BIO *content SCOPED(bio) = BIO_new_mem_buf(body, -1), *out SCOPED(bio) = BIO_new(BIO_s_mem());
	X509 *x509 SCOPED(x509) = NULL;
	CMS_ContentInfo *cms SCOPED(cms) = CMS_sign(NULL, NULL, NULL, NULL, flags);
	struct proof proof;
	struct buf text;
	unsigned char *der;
	long len;
	unsigned char *ber;
	size_t n = 0;

	assert_ok(x509_read_der(p->cert->der, &x509, &m->err), &m->err);
	assert_non_null(CMS_add1_signer(cms, x509, mdm_key(), EVP_sha256(), flags));
	assert_int_equal(CMS_final(cms, content, NULL, flags), 1);
	assert_int_equal(i2d_CMS_bio(out, cms), 1);
	len = BIO_get_mem_data(out, (char **)&der);
	/* The outermost three: 30 82 xx xx, OID of 11 bytes, a0 82 xx xx, 30 82 xx xx. */
	assert_true(der[0] == 0x30 && der[1] == 0x82 && der[15] == 0xa0 && der[16] == 0x82 && der[19] == 0x30 && der[20] == 0x82);
	ber = mem_size(*state, (size_t)len + 16);
	ber[n++] = 0x30, ber[n++] = 0x80;
	memcpy(ber + n, der + 4, 11);
	n += 11;
	ber[n++] = 0xa0, ber[n++] = 0x80, ber[n++] = 0x30, ber[n++] = 0x80;
	memcpy(ber + n, der + 23, (size_t)len - 23);
	n += (size_t)len - 23;
	memset(ber + n, 0, 6);
	n += 6;
	buf_init(&text, *state, 1 << 20);
	buf_base64(&text, ber, n);
	assert_ok(proof_by_signature(*state, buf_str(&text), bytes(body), &proof, &m->err), &m->err);
	assert_false(proof_by_signature(*state, buf_str(&text), bytes("b body"), &proof, &m->err));
}

static void
a_signature_that_brings_its_own_content_proves_nothing(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	X509 *x509 SCOPED(x509) = NULL;
	BIO *content SCOPED(bio) = BIO_new_mem_buf("inner", -1);
	CMS_ContentInfo *cms SCOPED(cms) = NULL;
	unsigned char *der = NULL;
	struct proof proof;
	struct buf text;
	int len;

	assert_ok(x509_read_der(p->cert->der, &x509, &m->err), &m->err);
	cms = CMS_sign(x509, mdm_key(), NULL, content, CMS_BINARY);
	len = i2d_CMS_ContentInfo(cms, &der);
	buf_init(&text, *state, 1 << 20);
	buf_base64(&text, der, (size_t)len);
	OPENSSL_free(der);
	assert_false(proof_by_signature(*state, buf_str(&text), bytes("outer"), &proof, &m->err));
	assert_false(proof_by_signature(*state, buf_str(&text), bytes("inner"), &proof, &m->err));
	assert_int_equal(m->err.kind, ERR_MALFORMED);
}

/* A certificate for `key` by itself, with these extensions ("" for none), as DER. */
static struct certificate
own_cert(struct mdm *m, EVP_PKEY *key, const char *usage, const char *constraints)
{
	static long serial = 4711;
	X509 *x SCOPED(x509) = X509_new();
	const struct { int nid; const char *value; } extensions[] = { { NID_key_usage, usage },
		{ NID_basic_constraints, constraints }, { NID_subject_key_identifier, "hash" } };
	X509V3_CTX v3;
	struct certificate ret = { 0 };
	unsigned char *der = NULL;
	int len;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"device", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
	for (int i = 0; i < 3; i++)
		if (*extensions[i].value) {
			X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, extensions[i].nid, extensions[i].value);

			X509_add_ext(x, e, -1);
			X509_EXTENSION_free(e);
		}
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	len = i2d_X509(x, &der);
	ret.der = (struct bytes){ mem_copy(m->ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return ret;
}

/* By OpenSSL, with any key, digest and flags. */
static char *
signature_by(struct mdm *m, const struct certificate *cert, EVP_PKEY *key, const EVP_MD *md, const char *body, unsigned flags)
{
	const unsigned all = CMS_DETACHED | CMS_BINARY | CMS_PARTIAL | flags;
	BIO *content SCOPED(bio) = BIO_new_mem_buf(body, -1);
	CMS_ContentInfo *cms SCOPED(cms) = CMS_sign(NULL, NULL, NULL, NULL, all);
	X509 *x509 SCOPED(x509) = NULL;
	unsigned char *der = NULL;
	struct buf text;
	int len;

	assert_ok(x509_read_der(cert->der, &x509, &m->err), &m->err);
	assert_non_null(CMS_add1_signer(cms, x509, key, md, all));
	assert_int_equal(CMS_final(cms, content, NULL, all), 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	buf_init(&text, m->ctx, 1 << 20);
	buf_base64(&text, der, (size_t)len);
	OPENSSL_free(der);
	return (char *)(uintptr_t)buf_str(&text);
}

static bool
proves(struct mdm *m, const char *text, const char *body)
{
	struct proof proof;

	m->err = (struct err){ 0 };
	return proof_by_signature(m->ctx, text, bytes(body), &proof, &m->err);
}

static void
every_way_of_signing_that_devices_have_proves_and_no_other_does(void **state)
{
	struct mdm *m = mdm_new(*state);
	EVP_PKEY *ec = EVP_EC_gen("P-256"), *weak = EVP_RSA_gen(1024);
	struct certificate rsa = own_cert(m, mdm_key(), "digitalSignature", ""), of_ec = own_cert(m, ec, "digitalSignature", ""),
			   of_weak = own_cert(m, weak, "digitalSignature", "");
	const EVP_MD *good[] = { EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512() };

	for (int i = 0; i < 4; i++) {
		assert_true(proves(m, signature_by(m, &rsa, mdm_key(), good[i], "a body", 0), "a body"));
		assert_false(proves(m, signature_by(m, &rsa, mdm_key(), good[i], "a body", 0), "b body"));
		if (i)
			assert_true(proves(m, signature_by(m, &of_ec, ec, good[i], "a body", 0), "a body"));
	}
	assert_false(proves(m, signature_by(m, &of_ec, ec, EVP_sha256(), "a body", 0), "b body"));
	assert_true(proves(m, signature_by(m, &rsa, mdm_key(), EVP_sha256(), "a body", CMS_USE_KEYID), "a body"));
	/* Without signed attributes the body itself is signed. */
	assert_true(proves(m, signature_by(m, &rsa, mdm_key(), EVP_sha256(), "a body", CMS_NOATTR), "a body"));
	assert_false(proves(m, signature_by(m, &rsa, mdm_key(), EVP_sha256(), "a body", CMS_NOATTR), "b body"));
	assert_false(proves(m, signature_by(m, &rsa, mdm_key(), EVP_md5(), "a body", 0), "a body"));
	assert_false(proves(m, signature_by(m, &of_weak, weak, EVP_sha256(), "a body", 0), "a body"));
	assert_false(proves(m, signature_by(m, &rsa, mdm_key(), EVP_sha256(), "a body", CMS_NOCERTS), "a body"));
	EVP_PKEY_free(ec);
	EVP_PKEY_free(weak);
}

static void
a_certificate_that_is_not_for_signing_proves_nothing(void **state)
{
	static const struct { const char *usage, *constraints; bool good; } rows[] = {
		{ "digitalSignature", "CA:FALSE", true }, { "", "", true }, { "critical,digitalSignature,keyEncipherment", "", true },
		{ "keyEncipherment", "", false }, { "digitalSignature,keyCertSign", "CA:TRUE", false },
	};
	struct mdm *m = mdm_new(*state);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct certificate cert = own_cert(m, mdm_key(), rows[i].usage, rows[i].constraints);

		for (int again = 0; again < 2; again++)		/* whether its key is remembered or not */
			assert_int_equal(proves(m, signature_by(m, &cert, mdm_key(), EVP_sha256(), "x", 0), "x"), rows[i].good);
	}
}

/* Keys are remembered by their certificates: one of another device with the same names is another one. */
static void
of_two_certificates_with_the_same_names_each_proves_by_its_own_key(void **state)
{
	struct mdm *m = mdm_new(*state);
	EVP_PKEY *other = EVP_RSA_gen(2048);
	struct certificate a = own_cert(m, mdm_key(), "digitalSignature", ""), b = own_cert(m, other, "digitalSignature", "");

	for (int i = 0; i < 400; i++) {	/* more than are remembered */
		struct certificate c = own_cert(m, mdm_key(), "digitalSignature", "");

		assert_true(proves(m, signature_by(m, &c, mdm_key(), EVP_sha256(), "x", 0), "x"));
	}
	for (int i = 0; i < 4; i++) {
		const struct certificate *cert = i % 2 ? &b : &a;
		char *text = signature_by(m, cert, i % 2 ? other : mdm_key(), EVP_sha256(), "x", 0);
		struct proof proof;

		assert_ok(proof_by_signature(*state, text, bytes("x"), &proof, &m->err), &m->err);
		assert_int_equal(proof.der.len, cert->der.len);
		assert_memory_equal(proof.der.p, cert->der.p, cert->der.len);
	}
	EVP_PKEY_free(other);
}

static void
behaviour_15_rubbish_instead_of_a_signature_is_refused_in_time(void **state)
{
	struct mdm *m = mdm_new(*state);
	static const char *const texts[] = { "", "no base64!", "AAAA", "MIAAAA==", "MIIB", "====" };
	struct proof proof;
	char *long_text = mem_size(*state, PROOF_SIGNATURE_MAX + 2);
	static const struct { size_t levels; const char *why; } deep[] = {	/* as many as it has room for, and more */
		{ 30, "it is no signed message" }, { 100, "no whole ASN.1" }, { PROOF_SIGNATURE_MAX / 4 * 3 / 4, "no whole ASN.1" },
		{ 10000, "too long" },
	};
	unsigned char nested[40000] = { 0 };
	struct buf text;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_false(proof_by_signature(*state, texts[i], bytes("x"), &proof, &m->err));
		assert_int_equal(m->err.kind, ERR_MALFORMED);
	}
	memset(long_text, 'A', PROOF_SIGNATURE_MAX + 1);
	long_text[PROOF_SIGNATURE_MAX + 1] = '\0';
	assert_false(proof_by_signature(*state, long_text, bytes("x"), &proof, &m->err));
	for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
		for (size_t k = 0; k < deep[i].levels; k++)	/* each ends as it should, by zeroes */
			memcpy(nested + 2 * k, "\x30\x80", 2);
		buf_init(&text, *state, 1 << 20);
		buf_base64(&text, nested, 4 * deep[i].levels);
		assert_false(proof_by_signature(*state, buf_str(&text), bytes("x"), &proof, &m->err));
		assert_int_equal(m->err.kind, ERR_MALFORMED);
		assert_non_null(strstr(m->err.cause, deep[i].why));
	}
}

/* ---- whose it is ---- */

static bool
judged(struct mdm *m, struct bytes der)
{
	struct proof proof = { .der = der, .live = true };
	struct identity *identity;

	m->err = (struct err){ 0 };
	return proof_judge(m->ctx, m->db, m->ca, &proof, 30 * DAY_S, &identity, &m->err);
}

static void
is_refused(struct mdm *m, struct bytes der)
{
	assert_false(judged(m, der));
	assert_int_equal(m->err.kind, ERR_MALFORMED);
}

static struct bytes
foreign(struct mdm *m, struct bytes *ca_pem, int days)
{
	return mdm_foreign(m, "a device", ca_pem, days);
}

static void
a_certificate_by_nobody_whom_we_believe_is_refused(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct bytes ca, der = foreign(m, &ca, 100);

	is_refused(m, der);
	is_refused(m, (struct bytes){ "rubbish", 7 });
	is_refused(m, (struct bytes){ 0 });
}

static void
a_certificate_of_ours_for_something_else_is_refused(void **state)
{
	struct mdm *m = mdm_new(*state);

	is_refused(m, mdm_issue(m, CA_OTA, NULL, true)->der);
	is_refused(m, mdm_issue(m, CA_CLIENT, NULL, true)->der);
	assert_true(judged(m, mdm_issue(m, CA_MDM, NULL, true)->der));
}

static void
a_revoked_identity_is_refused(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);

	assert_true(judged(m, p->cert->der));
	assert_ok(certificate_revoke_by(m->db, "anna", p->cert->sha256, "keyCompromise", NULL, &m->err), &m->err);
	is_refused(m, p->cert->der);
}

static void
an_identity_that_ran_out_is_good_for_the_grace_while_it_is_enrolled_and_no_longer(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct certificate *unbound = mdm_issue(m, CA_MDM, NULL, true);

	mdm_at(m, "2027-11-23T13:00:00Z");	/* a year and a day */
	assert_true(judged(m, p->cert->der));
	is_refused(m, unbound->der);
	mdm_at(m, "2027-12-24T13:00:00Z");
	is_refused(m, p->cert->der);
}

static void
a_device_with_an_identity_of_an_outside_ca_enrolls_in_the_session_that_is_open_for_it(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct certificate outside = { 0 };
	struct phone *p;
	const char *session;
	struct bytes ca;

	p = phone_new(m, UDID_A, NULL);
	session = mdm_session(m, "ota", UDID_A, NULL, NULL);
	outside.der = mdm_foreign(m, mem_printf(*state, "device %s", session), &ca, 100);
	assert_ok(ca_trust(m->ca, ca, &m->err), &m->err);
	p->cert = &outside;
	p->udid = UDID_B;
	assert_false(phone_authenticate(p));	/* not for this device */
	assert_int_equal(m->err.kind, ERR_MALFORMED);
	p->udid = UDID_A;
	phone_enrolls(p);
	assert_null(phone_idle(p));
	assert_string_equal(mdm_text(m, "SELECT udid FROM device WHERE enrollment_id IS NOT NULL"), UDID_A);
	mdm_at(m, "2027-03-20T12:00:00Z");
	assert_true(judged(m, outside.der));	/* ran out: good for the grace, as one of ours */
	assert_null(phone_idle(p));
	mdm_at(m, "2027-04-20T12:00:00Z");
	is_refused(m, outside.der);
}

/* The UDID of a device for which a session is open, and a certificate that this CA gave to somebody else. */
static void
an_outside_certificate_that_the_session_did_not_ask_for_enrolls_nobody(void **state)
{
	struct mdm *m = mdm_new(*state);
	const char *names[3] = { "a device", "device ", NULL };

	mdm_session(m, "ota", UDID_A, NULL, NULL);
	names[2] = mem_printf(*state, "device %s", mdm_session(m, "ota", UDID_B, NULL, NULL));
	for (int i = 0; i < 3; i++) {
		struct phone *p = phone_new(m, UDID_A, NULL);
		struct certificate outside = { 0 };
		struct bytes ca;

		outside.der = mdm_foreign(m, names[i], &ca, 100);
		assert_ok(ca_trust(m->ca, ca, &m->err), &m->err);
		p->cert = &outside;
		assert_false(phone_authenticate(p));
		assert_int_equal(m->err.kind, ERR_MALFORMED);
		assert_string_equal(m->err.code, "not_its_identity");
		assert_false(phone_token(p, ""));
		assert_int_equal(m->err.kind, ERR_MALFORMED);
	}
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM came_back"), 0);
}

/* Whatever of enrollments a check-in or a report could change. */
static const char *
enrollments(struct mdm *m)
{
	return mdm_text(m, "SELECT group_concat(line, ' ') FROM (SELECT id || state || hex(token) || push_magic || identity"
			   " || COALESCE(next_identity, '-') || again || COALESCE(ended, 0) AS line FROM enrollment ORDER BY id)");
}

static void
says_all_and_is_refused(struct phone *thief)
{
	phone_is_refused(thief, phone_token(thief, ""), ERR_MALFORMED);
	phone_is_refused(thief, phone_authenticate(thief), ERR_MALFORMED);
	phone_is_refused(thief, phone_check_out(thief), ERR_MALFORMED);
	phone_is_refused(thief, phone_command(thief, phone_idle_xml(thief)), ERR_MALFORMED);
}

/*
 * {none of ours, for something else, another device's, revoked, of a person, ran out} x {check-in, command}: never
 * 401, and nothing changes.  Who is revoked or ran out speaks for the device that it is, so that nothing else is wrong.
 */
static void
must_4_and_behaviour_6_whatever_is_wrong_with_an_identity_it_is_refused_on_both_urls_and_changes_nothing(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *late = phone_enrolled(m, "00008120-00000000000000BB"), *p, *other, *revoked;
	struct certificate stranger = { 0 };
	struct phone wrong[6];
	struct bytes ca;
	const char *command, *before;

	mdm_at(m, "2027-12-24T12:00:00Z");	/* a year, and the grace after it */
	p = phone_enrolled(m, UDID_A);
	other = phone_enrolled(m, UDID_B);
	revoked = phone_enrolled(m, "00008120-00000000000000AA");
	command = mdm_queue(m, p, "ProfileList", 0);
	stranger.der = foreign(m, &ca, 100);
	assert_ok(certificate_revoke_by(m->db, "anna", revoked->cert->sha256, "keyCompromise", NULL, &m->err), &m->err);
	for (int i = 0; i < 3; i++)
		wrong[i] = *p;
	wrong[0].cert = &stranger;
	wrong[1].cert = mdm_issue(m, CA_OTA, p->session, true);
	wrong[2].cert = other->cert;
	wrong[3] = *revoked;
	wrong[4] = *p;
	wrong[4].cert = mdm_issue(m, CA_CLIENT, p->session, true);
	wrong[5] = *late;
	before = enrollments(m);
	for (int i = 0; i < 6; i++)
		for (int signature = 0; signature < 2; signature++) {
			wrong[i].by_signature = signature;
			wrong[i].token[0] ^= 1;
			says_all_and_is_refused(&wrong[i]);
			assert_string_equal(enrollments(m), before);
			wrong[i].token[0] ^= 1;
		}
	assert_memory_equal(phone_enrollment(p)->token.p, p->token, 32);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM enrollment WHERE state = 'enrolled'"), 4);
	assert_string_equal(mdm_text(m, "SELECT state FROM command_queue"), "ready");
	assert_string_equal(phone_idle(p), command);
}

TESTS(must_5_a_signature_over_the_exact_body_proves_and_over_another_does_not,
      must_5_a_signature_in_ber_with_indefinite_lengths_is_read,
      a_signature_that_brings_its_own_content_proves_nothing,
      every_way_of_signing_that_devices_have_proves_and_no_other_does,
      a_certificate_that_is_not_for_signing_proves_nothing,
      of_two_certificates_with_the_same_names_each_proves_by_its_own_key,
      behaviour_15_rubbish_instead_of_a_signature_is_refused_in_time,
      a_certificate_by_nobody_whom_we_believe_is_refused,
      a_certificate_of_ours_for_something_else_is_refused,
      a_revoked_identity_is_refused,
      an_identity_that_ran_out_is_good_for_the_grace_while_it_is_enrolled_and_no_longer,
      a_device_with_an_identity_of_an_outside_ca_enrolls_in_the_session_that_is_open_for_it,
      an_outside_certificate_that_the_session_did_not_ask_for_enrolls_nobody,
      must_4_and_behaviour_6_whatever_is_wrong_with_an_identity_it_is_refused_on_both_urls_and_changes_nothing)
