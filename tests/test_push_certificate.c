/* Push certificates: what is taken in which form, what is refused with which words, and what is kept of it. */
#include "tests/check_push.h"
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include "core/clock.h"
#include "core/file.h"

static struct bytes
text(const char *t)
{
	return (struct bytes){ t, t ? strlen(t) : 0 };
}

static bool
import(struct push_house *p, const struct push_import *i, struct err *err)
{
	json_t *show;
	bool ok = push_certificate_import(p->db, p->sealer, "test", i, &show, err);

	if (ok)
		json_decref(show);
	return ok;
}

static void
refused(struct push_house *p, struct push_import i, const char *code, const char *words)
{
	struct err err = { 0 };
	char all[600];

	assert_false(import(p, &i, &err));
	if (strcmp(err.code, code) != 0 || !strstr(err_text(&err, all, sizeof all), words))
		fail_msg("%s: %s, not %s: ...%s...", err.code, all, code, words);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_certificate WHERE state = 'current'"), 0);
}

static X509 *
read_cert(const char *pem)
{
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(pem, -1);

	return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

static EVP_PKEY *
read_key(const char *pem)
{
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(pem, -1);

	return PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
}

static struct bytes
der_of(TALLOC_CTX *ctx, const char *pem)
{
	SCOPED(x509) X509 *cert = read_cert(pem);
	unsigned char *p = NULL;
	int len = i2d_X509(cert, &p);
	struct bytes der = { mem_copy(ctx, p, (size_t)len), (size_t)len };

	OPENSSL_free(p);
	return der;
}

static struct bytes
pkcs12_of(TALLOC_CTX *ctx, const struct fake_cert *made, const char *password)
{
	SCOPED(x509) X509 *cert = read_cert(made->cert_pem);
	SCOPED(evp_pkey) EVP_PKEY *key = read_key(made->key_pem);
	PKCS12 *box = PKCS12_create(password, "push", key, cert, NULL, 0, 0, 0, 0, 0);
	unsigned char *p = NULL;
	int len = i2d_PKCS12(box, &p);
	struct bytes der = { mem_copy(ctx, p, (size_t)len), (size_t)len };

	PKCS12_free(box);
	OPENSSL_free(p);
	return der;
}

static const char *
encrypted_key(TALLOC_CTX *ctx, const struct fake_cert *made, const char *password)
{
	SCOPED(evp_pkey) EVP_PKEY *key = read_key(made->key_pem);
	SCOPED(bio) BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long len;

	assert_true(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), password, (int)strlen(password), NULL, NULL));
	len = BIO_get_mem_data(bio, &p);
	return mem_textn(ctx, p, (size_t)len);
}

static void
one_current(struct push_house *p)
{
	struct push_identity *identities;
	struct err err;
	char *topic;
	size_t n;

	assert_ok(push_topic(p, p->db, &topic, &err), &err);
	assert_string_equal(topic, TOPIC);
	assert_ok(push_certificate_load(p, p->db, p->sealer, &identities, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_int_equal(X509_check_private_key(identities->cert, identities->key), 1);
	assert_string_equal(identities->halted, "");
}

static void
a_certificate_is_taken_in_every_form_that_people_have(void **state)
{
	struct push_house *p = push_house(*state);
	struct fake_cert made = fake_cert(p, p->apns_dir, TOPIC, NULL, 365);
	const char *both = mem_printf(p, "%s%s", made.cert_pem, made.key_pem);
	const char *turned = mem_printf(p, "Bag Attributes\n    friendlyName: x\n%s\n%s", made.key_pem, made.cert_pem);
	const char *locked = encrypted_key(p, &made, "secret");
	const struct push_import forms[] = {
		{ .file = text(both) }, { .file = text(turned) }, { .file = text(made.cert_pem), .key = text(made.key_pem) },
		{ .file = der_of(p, made.cert_pem), .key = text(made.key_pem) },
		{ .file = pkcs12_of(p, &made, "secret"), .password = "secret" },
		{ .file = pkcs12_of(p, &made, "") },
		{ .file = text(made.cert_pem), .key = text(locked), .password = "secret" },
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct err err;

		assert_ok(import(p, &forms[i], &err), &err);
		one_current(p);
	}
}

/* 100,000 turns of the password's hash become 8,388,607; each time that it says so. */
static size_t
make_costly(unsigned char *p, size_t len)
{
	static const unsigned char some[] = { 0x02, 0x03, 0x01, 0x86, 0xa0 }, many[] = { 0x02, 0x03, 0x7f, 0xff, 0xff };
	size_t n = 0;

	for (size_t i = 0; i + sizeof some <= len; i++)
		if (memcmp(p + i, some, sizeof some) == 0) {
			memcpy(p + i, many, sizeof many);
			n++;
		}
	return n;
}

static void
a_file_that_wants_hours_for_its_password_is_refused_at_once(void **state)
{
	struct push_house *p = push_house(*state);
	struct fake_cert made = fake_cert(p, p->apns_dir, TOPIC, NULL, 365);
	SCOPED(x509) X509 *cert = read_cert(made.cert_pem);
	SCOPED(evp_pkey) EVP_PKEY *key = read_key(made.key_pem);
	SCOPED(bio) BIO *bio = BIO_new(BIO_s_mem());
	X509_SIG *sealed = NULL;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	struct push_import forms[3] = { { .password = "x" }, { .password = "x" }, { .password = "x" } };
	char *pem;
	struct err err;

	for (int i = 0; i < 2; i++) {	/* the kind that stands in today's files, and the one of before */
		int kind = i ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
		PKCS12 *box = PKCS12_create("x", "push", key, cert, NULL, kind, kind, 100000, 2048, 0);
		unsigned char *der = NULL;
		int len = i2d_PKCS12(box, &der);

		assert_true(make_costly(der, (size_t)len) >= 1);
		forms[i].file = (struct bytes){ mem_copy(p, der, (size_t)len), (size_t)len };
		OPENSSL_free(der);
		PKCS12_free(box);
	}
	sealed = PKCS8_encrypt(-1, EVP_aes_256_cbc(), "x", 1, NULL, 0, 100000, info);
	assert_non_null(sealed);
	{
		unsigned char *der = NULL;
		int len = i2d_X509_SIG(sealed, &der);

		assert_int_equal(make_costly(der, (size_t)len), 1);
		assert_true(PEM_write_bio(bio, "ENCRYPTED PRIVATE KEY", "", der, len) > 0);
		OPENSSL_free(der);
	}
	forms[2].file = text(made.cert_pem);
	forms[2].key = (struct bytes){ NULL, (size_t)BIO_get_mem_data(bio, &pem) };
	forms[2].key.p = pem;
	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(info);
	for (int i = 0; i < 3; i++) {
		assert_false(import(p, &forms[i], &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_non_null(strstr(err.cause, "more work for its password"));
	}
}

static void
the_key_of_a_request_stays_here_and_fits_what_apple_gives_for_it(void **state)
{
	struct push_house *p = push_house(*state);
	struct fake_cert first, renewed;
	struct push_import i = { 0 };
	struct err err;
	char *csr, *other;

	assert_ok(push_certificate_want(p, p->db, p->sealer, "test", "Example Ltd", &csr, &err), &err);
	assert_ok(push_certificate_want(p, p->db, p->sealer, "test", "Example Ltd", &other, &err), &err);
	first = fake_cert(p, p->apns_dir, TOPIC, csr, 365);
	i.file = text(first.cert_pem);
	assert_ok(import(p, &i, &err), &err);
	one_current(p);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_certificate WHERE state = 'wanted'"), 1);
	renewed = fake_cert(p, p->apns_dir, TOPIC, csr, 500);	/* Apple lets the same request be used again */
	i.file = text(renewed.cert_pem);
	assert_ok(import(p, &i, &err), &err);
	one_current(p);
}

static void
what_is_no_push_certificate_is_refused_in_words(void **state)
{
	struct push_house *p = push_house(*state);
	struct fake_cert made = fake_cert(p, p->apns_dir, TOPIC, NULL, 365), stranger = fake_cert(p, p->apns_dir, TOPIC, NULL, 365);
	struct fake_cert app = fake_cert(p, p->apns_dir, "com.example.app", NULL, 365);
	struct fake_cert odd = fake_cert(p, p->apns_dir, "com.apple.mgmt.a b", NULL, 365);
	struct fake_cert bare = fake_cert(p, p->apns_dir, "com.apple.mgmt.", NULL, 365);
	const char *locked = encrypted_key(p, &made, "secret");
	struct bytes ca = test_file(p, mem_printf(p, "%s/ca.pem", p->apns_dir)), box = pkcs12_of(p, &made, "secret");
	char garbage[4000];

	memset(garbage, 0x30, sizeof garbage);
	refused(p, (struct push_import){ .file = text("") }, "not_push_certificate", "1 to");
	refused(p, (struct push_import){ .file = { garbage, sizeof garbage } }, "not_push_certificate", "neither PEM nor DER");
	refused(p, (struct push_import){ .file = text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") }, "invalid",
		"certificate");
	refused(p, (struct push_import){ .file = ca }, "not_push_certificate", "com.apple.mgmt");
	refused(p, (struct push_import){ .file = text(app.cert_pem), .key = text(app.key_pem) }, "not_push_certificate", "com.apple.mgmt");
	refused(p, (struct push_import){ .file = text(odd.cert_pem), .key = text(odd.key_pem) }, "not_push_certificate", "com.apple.mgmt");
	refused(p, (struct push_import){ .file = text(bare.cert_pem), .key = text(bare.key_pem) }, "not_push_certificate",
		"com.apple.mgmt");
	refused(p, (struct push_import){ .file = text(made.cert_pem) }, "push_key", "bring its key along");
	refused(p, (struct push_import){ .file = text(made.cert_pem), .key = text(stranger.key_pem) }, "push_key", "does not belong");
	refused(p, (struct push_import){ .file = text(made.cert_pem), .key = text("no key") }, "invalid", "key cannot be read");
	refused(p, (struct push_import){ .file = text(made.cert_pem), .key = text(locked) }, "invalid", "password missing");
	refused(p, (struct push_import){ .file = text(made.cert_pem), .key = text(locked), .password = "wrong" }, "invalid",
		"key cannot be read");
	refused(p, (struct push_import){ .file = box, .password = "wrong" }, "invalid", "password right");
	refused(p, (struct push_import){ .file = box }, "invalid", "password right");
	refused(p, (struct push_import){ .file = { box.p, box.len - 7 } }, "not_push_certificate", "neither PEM nor DER");
}

static void
an_expired_certificate_is_refused_with_its_day(void **state)
{
	struct push_house *p = push_house(*state);
	struct fake_cert made = fake_cert(p, p->apns_dir, TOPIC, NULL, 10);

	push_later(p, 11 * DAY_S);
	refused(p, (struct push_import){ .file = text(made.cert_pem), .key = text(made.key_pem) }, "push_expired",
		"expired on 2026-12-02");
}

static void
must_37_another_topic_than_that_of_the_enrolled_is_refused_unless_it_is_meant(void **state)
{
	struct push_house *p = push_house(*state);
	struct fake_cert other = fake_cert(p, p->apns_dir, OTHER_TOPIC, NULL, 365);
	struct push_import i = { .file = text(other.cert_pem), .key = text(other.key_pem) };
	struct err err = { 0 };
	char *topic;

	push_devices(p, 12);
	refused(p, i, "push_topic", "12 devices are enrolled under another topic");
	push_import_new(p, TOPIC);
	assert_false(import(p, &i, &err));
	assert_string_equal(err.code, "push_topic");
	i.new_topic = true;
	assert_ok(import(p, &i, &err), &err);
	assert_ok(push_topic(p, p->db, &topic, &err), &err);
	assert_string_equal(topic, OTHER_TOPIC);	/* what new enrollments get */
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_certificate WHERE state = 'current'"), 2);

	push_device(p, p, OTHER_TOPIC);
	push_import_new(p, TOPIC);	/* while they move, either can be renewed */
	i.new_topic = false;
	assert_ok(import(p, &i, &err), &err);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_certificate WHERE state = 'current'"), 2);
	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET state = 'removed'"), &err);
	assert_ok(import(p, &i, &err), &err);	/* and the one that nobody has any more goes */
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_certificate WHERE state = 'current'"), 1);
}

static void
must_37_one_device_that_says_another_topic_does_not_get_its_certificate_in(void **state)
{
	struct push_house *p = push_house(*state);
	struct fake_cert other = fake_cert(p, p->apns_dir, OTHER_TOPIC, NULL, 365);
	struct push_import i = { .file = text(other.cert_pem), .key = text(other.key_pem) };
	struct err err = { 0 };

	push_devices(p, 12);
	push_device(p, p, OTHER_TOPIC);	/* as it says; who has given it that? */
	refused(p, i, "push_topic", "12 devices are enrolled under another topic");
	push_import_new(p, TOPIC);
	/* One that was given it has no certificate: a phone that had left when the topic was given up, and is back. */
	assert_ok(db_run(p->db, &err, "INSERT INTO enroll_session (id, token_hash, kind, state, challenge_hash, devices_max,"
			 " access_rights, identifier, url, topic, created_by, created, expires, changed) VALUES ('given', '', 'ota', 'done',"
			 " '', 1, 8191, '', '', $1, 'test', 1, 1, 1)", db_text(OTHER_TOPIC)), &err);
	assert_ok(db_run(p->db, &err, "UPDATE enrollment SET session_id = 'given' WHERE topic = $1", db_text(OTHER_TOPIC)), &err);
	assert_ok(import(p, &i, &err), &err);
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_certificate WHERE state = 'current'"), 2);
}

static void
keys_are_sealed_and_not_kept_without_a_master_key(void **state)
{
	struct push_house *p = push_house(*state);
	struct fake_cert made = fake_cert(p, p->apns_dir, TOPIC, NULL, 365);
	struct push_import i = { .file = text(made.cert_pem), .key = text(made.key_pem) };
	SCOPED(evp_pkey) EVP_PKEY *key = read_key(made.key_pem);
	struct push_identity *identities;
	struct sealer *stranger;
	unsigned char *der = NULL;
	struct rows *rows;
	struct bytes kept;
	struct err err;
	json_t *show;
	char *csr;
	size_t n;
	int len;

	assert_false(push_certificate_want(p, p->db, NULL, "test", "x", &csr, &err));
	assert_string_equal(err.code, "no_master_key");
	assert_false(push_certificate_import(p->db, NULL, "test", &i, &show, &err));
	assert_string_equal(err.code, "no_master_key");
	assert_ok(import(p, &i, &err), &err);
	rows = db_query(p, p->db, "SELECT sealed_key FROM push_certificate");
	assert_ok(rows_one(rows, &err, "key"), &err);
	kept = rows_bytes(p, rows, 0);
	rows_done(rows);
	len = i2d_PrivateKey(key, &der);
	assert_true(len > 200);
	assert_null(memmem(kept.p, kept.len, der + 100, 32));
	OPENSSL_clear_free(der, (size_t)len);
	assert_ok(sealer_new(p, (struct bytes){ "another master key of nobody", 28 }, &stranger, &err), &err);
	assert_false(push_certificate_load(p, p->db, stranger, &identities, &n, &err));
	assert_string_equal(err.code, "wrong_key");
}

static void
requests_that_nobody_follows_do_not_pile_up(void **state)
{
	struct push_house *p = push_house(*state);
	struct err err;
	char *csr;

	/* all within a second: it is never the last one that goes */
	for (int i = 0; i < 2 * PUSH_WANTED_MAX; i++) {
		assert_ok(push_certificate_want(p, p->db, p->sealer, "test", NULL, &csr, &err), &err);
		assert_int_equal(push_number(p, "SELECT count(*) FROM push_certificate WHERE id = (SELECT object FROM audit"
					     " WHERE act = 'push.csr' ORDER BY id DESC LIMIT 1)"), 1);
	}
	assert_int_equal(push_number(p, "SELECT count(*) FROM push_certificate"), PUSH_WANTED_MAX);
}

static void
what_is_shown_says_topic_end_state_and_why(void **state)
{
	struct push_house *p = push_house(*state);
	struct push_identity *identities;
	struct err err;
	json_t *show;
	char *topic;
	size_t n;

	assert_false(push_topic(p, p->db, &topic, &err));
	assert_string_equal(err.code, "no_push_certificate");
	push_devices(p, 3);
	push_import_new(p, TOPIC);
	assert_ok(push_certificate_load(p, p->db, p->sealer, &identities, &n, &err), &err);
	assert_ok(push_certificate_halt(p->db, identities->id, "BadCertificate", &err), &err);
	assert_ok(push_certificate_show(p->db, &show, &err), &err);
	assert_string_equal(json_string_value(json_object_get(show, "topic")), TOPIC);
	assert_string_equal(json_string_value(json_object_get(show, "expires")), "2027-11-22T12:00:00Z");
	assert_string_equal(json_string_value(json_object_get(show, "state")), "halted");
	assert_string_equal(json_string_value(json_object_get(show, "halted")), "BadCertificate");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(show, "certificates"), 0), "devices")), 3);
	json_decref(show);
	push_later(p, 366 * DAY_S);
	assert_ok(push_certificate_show(p->db, &show, &err), &err);
	assert_string_equal(json_string_value(json_object_get(show, "state")), "expired");
	json_decref(show);
}

TESTS(a_certificate_is_taken_in_every_form_that_people_have, a_file_that_wants_hours_for_its_password_is_refused_at_once,
      the_key_of_a_request_stays_here_and_fits_what_apple_gives_for_it,
      what_is_no_push_certificate_is_refused_in_words, an_expired_certificate_is_refused_with_its_day,
      must_37_another_topic_than_that_of_the_enrolled_is_refused_unless_it_is_meant,
      must_37_one_device_that_says_another_topic_does_not_get_its_certificate_in,
      keys_are_sealed_and_not_kept_without_a_master_key, requests_that_nobody_follows_do_not_pile_up,
      what_is_shown_says_topic_end_state_and_why)
