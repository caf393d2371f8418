/* pkiMessages as they arrive, without a database or a CA: what is read, and what is refused before any key is used. */
#include "tests/check.h"
#include "tests/device/craft_known.h"
#include "mdm/csr.h"
#include "mdm/scep_message.h"
#include <openssl/rand.h>

/* The CA's certificate of these tests: whom envelopes are for. */
static X509 *
ca(TALLOC_CTX *ctx)
{
	return craft_cert(ctx, craft_key(2), "CA");
}

static struct scep_message *
read_it(TALLOC_CTX *ctx, struct craft c)
{
	struct scep_message *message;
	struct scep_rules rules = { 0 };
	struct err err;

	c.to = c.to ? c.to : ca(ctx);
	assert_ok(scep_message_read(ctx, craft(ctx, &c), &rules, &message, &err), &err);
	return message;
}

static int key_uses;

static bool
counted_rsa(void *key, struct bytes in, unsigned char *out)
{
	key_uses++;
	return scep_rsa_key(key, in, out);
}

/* Whatever is wrong inside, the private key is used once. */
static struct bytes
open_envelope(TALLOC_CTX *ctx, const struct scep_envelope *envelope, bool *good)
{
	struct bytes plain;
	struct err err;

	key_uses = 0;
	assert_ok(scep_envelope_open(ctx, envelope, counted_rsa, craft_key(2), &plain, good, &err), &err);
	assert_int_equal(key_uses, 1);
	return plain;
}

static struct bytes
open_it(TALLOC_CTX *ctx, const struct scep_message *message, bool *good)
{
	assert_int_equal(message->fail, SCEP_FINE);
	return open_envelope(ctx, &message->envelope, good);
}

static void
a_request_is_read_down_to_its_challenge(void **state)
{
	struct scep_message *message = read_it(*state, (struct craft){ .challenge = "open sesame", .transaction = "A/b=" });
	struct csr *csr;
	struct err err;
	bool good;

	assert_int_equal(message->type, SCEP_PKCS_REQ);
	assert_string_equal(message->transaction_id, "A/b=");
	assert_int_equal(message->sender_nonce.len, 16);
	assert_memory_equal(message->sender_nonce.p, CRAFT_NONCE, 16);
	assert_int_equal(message->envelope.cipher, SCEP_AES128);
	assert_ok(csr_read(*state, open_it(*state, message, &good), &csr, &err), &err);
	assert_true(good);
	assert_string_equal(csr->challenge, "open sesame");
	assert_string_equal(csr->key_sha256, message->signer_key_sha256);
	assert_int_equal(EVP_PKEY_eq(csr->key, craft_key(0)), 1);
	assert_string_equal(csr_subject(*state, csr), "CN=asked for");
}

static void
must_41_indefinite_lengths_are_read_as_definite_ones_are(void **state)
{
	static const struct { const char *name; enum scep_cipher cipher; } ciphers[] = {
		{ "AES-128-CBC", SCEP_AES128 }, { "AES-192-CBC", SCEP_AES192 }, { "AES-256-CBC", SCEP_AES256 }, { "DES-EDE3-CBC", SCEP_DES3 },
	};

	for (size_t i = 0; i < 8; i++) {
		struct scep_message *message = read_it(*state, (struct craft){ .cipher = ciphers[i / 2].name, .ber = i % 2,
									       .challenge = "c" });
		struct csr *csr;
		struct err err;
		bool good;

		assert_int_equal(message->envelope.cipher, ciphers[i / 2].cipher);
		assert_ok(csr_read(*state, open_it(*state, message, &good), &csr, &err), &err);
		assert_true(good);
		assert_string_equal(csr->challenge, "c");
	}
}

static void
every_message_type_but_three_is_refused_before_its_envelope_is_looked_at(void **state)
{
	X509 *to = ca(*state);
	int taken = 0;

	for (int type = 0; type < 256; type++) {
		void *ctx = talloc_new(*state);
		struct scep_message *message = read_it(ctx, (struct craft){ .type = mem_printf(ctx, "%d", type), .to = to });

		if (message->fail == SCEP_FINE) {
			assert_true(type == 17 || type == 19 || type == 20);
			assert_int_equal((int)message->type, type);
			taken++;
		} else {
			assert_int_equal(message->fail, SCEP_BAD_REQUEST);
			assert_null(message->signer.key);	/* not even whose it is was asked */
			assert_null(message->envelope.content.p);
		}
		talloc_free(ctx);
	}
	assert_int_equal(taken, 3);
	for (size_t i = 0; i < 6; i++) {
		static const char *const odd[] = { "019", "19 ", "1", "PKCSReq", "-19", "20\n" };

		assert_int_equal(read_it(*state, (struct craft){ .type = odd[i], .to = to })->fail, SCEP_BAD_REQUEST);
	}
}

/* What comes of each fault: garbage (-2), or a failInfo; -1: it is found inside. */
#define GARBAGE (-2)
static const int expected[CRAFT_FAULTS_N] = {
	[CRAFT_HONEST] = SCEP_FINE,
	[CRAFT_NO_TYPE] = SCEP_BAD_REQUEST, [CRAFT_TYPE_TWICE] = SCEP_BAD_REQUEST,
	[CRAFT_TYPE_TWO_VALUES] = SCEP_BAD_REQUEST, [CRAFT_TYPE_UTF8] = SCEP_BAD_REQUEST,
	[CRAFT_NO_TRANSACTION] = GARBAGE, [CRAFT_TRANSACTION_TWICE] = GARBAGE, [CRAFT_TRANSACTION_LONG] = GARBAGE,
	[CRAFT_TRANSACTION_ODD] = GARBAGE, [CRAFT_NO_NONCE] = GARBAGE, [CRAFT_NONCE_TWICE] = GARBAGE,
	[CRAFT_NONCE_LONG] = GARBAGE, [CRAFT_NO_CERTIFICATE] = GARBAGE, [CRAFT_MANY_CERTS] = GARBAGE,
	[CRAFT_NO_SIGNER] = GARBAGE, [CRAFT_TWO_SIGNERS] = GARBAGE, [CRAFT_NO_CONTENT] = GARBAGE,
	[CRAFT_TRAILING] = GARBAGE, [CRAFT_TRUNCATED] = GARBAGE, [CRAFT_DEEP] = GARBAGE, [CRAFT_HUGE] = GARBAGE,
	[CRAFT_SIGNATURE] = SCEP_BAD_MESSAGE_CHECK, [CRAFT_TAMPERED] = SCEP_BAD_MESSAGE_CHECK,
	[CRAFT_EC_SIGNER] = SCEP_BAD_ALG, [CRAFT_SMALL_SIGNER] = SCEP_BAD_ALG,
	[CRAFT_NOT_ENVELOPED] = SCEP_BAD_REQUEST, [CRAFT_ENVELOPE_DEEP] = SCEP_BAD_REQUEST,
	[CRAFT_PASSWORD] = SCEP_BAD_REQUEST, [CRAFT_AGREEMENT] = SCEP_BAD_REQUEST,
	[CRAFT_TWO_RECIPIENTS] = SCEP_BAD_REQUEST, [CRAFT_GCM] = SCEP_BAD_REQUEST, [CRAFT_OAEP] = SCEP_BAD_ALG,
	[CRAFT_IV_SHORT] = SCEP_BAD_REQUEST,
	[CRAFT_KEY_NOISE] = SCEP_FINE, [CRAFT_KEY_HUGE] = SCEP_FINE, [CRAFT_KEY_SHORT] = SCEP_FINE,
	[CRAFT_PADDING] = SCEP_FINE, [CRAFT_CSR_SIGNATURE] = SCEP_FINE, [CRAFT_CSR_TWO_CHALLENGES] = SCEP_FINE,
	[CRAFT_CSR_TRAILING] = SCEP_FINE, [CRAFT_CSR_MD5] = SCEP_FINE, [CRAFT_CSR_SMALL] = SCEP_FINE,
	[CRAFT_CSR_EC] = SCEP_FINE, [CRAFT_CSR_CA] = SCEP_FINE,
};

static void
each_fault_is_refused_where_it_stands(void **state)
{
	X509 *to = ca(*state);

	for (int fault = 0; fault < CRAFT_FAULTS_N; fault++) {
		void *ctx = talloc_new(*state);
		struct craft c = { .to = to, .fault = (enum craft_fault)fault, .challenge = "c" };
		struct scep_rules rules = { 0 };
		struct scep_message *message;
		struct err err = { 0 };
		bool read;

		c.key = fault == CRAFT_CSR_SMALL || fault == CRAFT_CSR_EC ? NULL : craft_key(0);
		read = scep_message_read(ctx, craft(ctx, &c), &rules, &message, &err);
		if (read != (expected[fault] != GARBAGE) || (read && (int)message->fail != expected[fault]))
			fail_msg("%s: %s", craft_fault_names[fault], read ? message->why ? message->why : "taken" : err.cause);
		if (!read)
			assert_true(err.kind == ERR_MALFORMED || err.kind == ERR_LIMIT);
		talloc_free(ctx);
	}
}

/* None of these reaches OpenSSL's CMS here; each is refused by name all the same, should one ever. */
static void
what_known_defects_of_others_were_about_is_refused_for_that(void **state)
{
	for (int i = 0; i < CRAFT_KNOWN_N; i++) {
		const struct craft_known_row *row = &craft_known_rows[i];
		struct craft c = { .to = ca(*state), .challenge = "c" };
		struct scep_rules rules = { 0 };
		struct scep_message *message;
		struct err err = { 0 };
		bool good = true, read = scep_message_read(*state, craft_known(*state, &c, (enum craft_known)i), &rules, &message, &err);
		int answer = !read ? CRAFT_GARBAGE : message->fail != SCEP_FINE ? (int)message->fail : CRAFT_TAKEN;

		if (answer == CRAFT_TAKEN)
			open_it(*state, message, &good);
		if (answer != row->answer || !good)
			fail_msg("%s: %d: %s", row->what, answer, !read ? err.cause : message->why ? message->why : "taken");
		if (!read)
			assert_int_equal(err.kind, ERR_MALFORMED);
	}
}

/* Sizes that are no multiple of anything are sizes: from 2,048 bits on, to 4,096. */
static void
keys_of_odd_sizes_are_taken_within_the_limits(void **state)
{
	static const struct { unsigned bits; enum scep_fail fail; } rows[] = {
		{ 1024, SCEP_BAD_ALG }, { 2047, SCEP_BAD_ALG }, { 2048, SCEP_FINE }, { 2049, SCEP_FINE }, { 2056, SCEP_FINE },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		EVP_PKEY *key = EVP_RSA_gen(rows[i].bits);
		struct scep_message *message = read_it(*state, (struct craft){ .key = key, .challenge = "c" });
		struct csr *csr;
		struct err err;
		bool good;

		assert_int_equal(message->fail, rows[i].fail);
		if (message->fail == SCEP_FINE) {
			assert_ok(csr_read(*state, open_it(*state, message, &good), &csr, &err), &err);
			assert_true(good);
			assert_int_equal(EVP_PKEY_eq(csr->key, key), 1);
		} else {
			struct craft c = { .key = key };

			assert_false(csr_read(*state, craft_csr(*state, &c), &csr, &err));
			assert_int_equal(err.kind, ERR_INVALID);
		}
		EVP_PKEY_free(key);
	}
}

static void
what_is_wrong_inside_never_comes_out_good(void **state)
{
	for (int fault = CRAFT_KEY_NOISE; fault < CRAFT_CSR_CA; fault++) {
		struct scep_message *message = read_it(*state, (struct craft){ .fault = (enum craft_fault)fault, .challenge = "c" });
		struct bytes plain;
		struct csr *csr;
		struct err err;
		bool good;

		plain = open_it(*state, message, &good);
		assert_true(plain.len > 0 && plain.len <= message->envelope.content.len);
		if (csr_read(*state, plain, &csr, &err) && good)
			fail_msg("%s: taken", craft_fault_names[fault]);
	}
}

/* The choice between the key that was sent and the random one must not depend on where it is wrong. */
static void
a_content_key_of_wrong_form_is_replaced_wherever_it_is_wrong(void **state)
{
	static const struct { int at; unsigned char value; } wrong[] = {
		{ 0, 1 }, { 1, 1 }, { 1, 0 }, { 2, 0 }, { 100, 0 }, { 238, 0 }, { 239, 1 },
	};
	struct scep_message *message = read_it(*state, (struct craft){ .challenge = "c" });
	unsigned char padded[256], sealed[256];
	EVP_PKEY_CTX *rsa;

	for (size_t i = 0; i <= sizeof wrong / sizeof *wrong; i++) {
		size_t len = sizeof sealed;
		bool good;

		assert_true(scep_rsa_key(craft_key(2), message->envelope.key, padded));
		assert_int_equal(padded[0] << 8 | padded[1], 2);
		assert_int_equal(padded[239], 0);
		if (i < sizeof wrong / sizeof *wrong)
			padded[wrong[i].at] = wrong[i].value;
		rsa = EVP_PKEY_CTX_new(craft_key(2), NULL);
		assert_true(EVP_PKEY_encrypt_init(rsa) == 1 && EVP_PKEY_CTX_set_rsa_padding(rsa, 3 /* none */) == 1 &&
			    EVP_PKEY_encrypt(rsa, sealed, &len, padded, sizeof padded) == 1);
		EVP_PKEY_CTX_free(rsa);
		struct scep_envelope envelope = message->envelope;

		envelope.key = (struct bytes){ sealed, sizeof sealed };
		(void)open_envelope(*state, &envelope, &good);
		assert_int_equal(good, i == sizeof wrong / sizeof *wrong);
	}
}

static void
must_48_des_and_md5_are_refused_with_bad_alg(void **state)
{
	assert_int_equal(read_it(*state, (struct craft){ .cipher = "DES-CBC" })->fail, SCEP_BAD_ALG);
	assert_int_equal(read_it(*state, (struct craft){ .cipher = "RC2-CBC" })->fail, SCEP_BAD_ALG);
	assert_int_equal(read_it(*state, (struct craft){ .digest = "MD5" })->fail, SCEP_BAD_ALG);
	assert_int_equal(read_it(*state, (struct craft){ .digest = "SHA224" })->fail, SCEP_BAD_ALG);
}

static void
behaviour_8_sha_1_to_512_are_taken(void **state)
{
	static const char *const names[] = { "SHA1", "SHA256", "SHA384", "SHA512" };

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(read_it(*state, (struct craft){ .digest = names[i] })->fail, SCEP_FINE);
}

static void
single_des_is_read_where_the_switch_is_on_and_nowhere_else(void **state)
{
	struct craft c = { .cipher = "DES-CBC", .digest = "SHA1", .to = ca(*state), .challenge = "old client" };
	struct scep_rules rules = { .single_des = true };
	struct scep_message *message;
	struct csr *csr;
	struct err err;
	bool good;

	assert_ok(scep_message_read(*state, craft(*state, &c), &rules, &message, &err), &err);
	assert_ok(csr_read(*state, open_it(*state, message, &good), &csr, &err), &err);
	assert_true(good);
	assert_string_equal(csr->challenge, "old client");
	assert_null(EVP_CIPHER_fetch(NULL, "DES-CBC", NULL));	/* nobody else in the process got it with that */
}

static void
nothing_but_the_key_and_the_challenge_of_a_request_is_believed(void **state)
{
	struct craft c = { .fault = CRAFT_CSR_CA, .challenge = "c", .subject = "CA of everything" };
	struct csr *csr;
	struct err err;

	assert_ok(csr_read(*state, craft_csr(*state, &c), &csr, &err), &err);
	assert_string_equal(csr->challenge, "c");
	c.challenge = NULL;
	assert_ok(csr_read(*state, craft_csr(*state, &c), &csr, &err), &err);
	assert_string_equal(csr->challenge, "");
}

static void
a_subject_that_cannot_be_written_is_no_reason_to_fail(void **state)
{
	struct craft c = { .subject = "Zoë, \"the\"\\ one" };
	struct csr *csr;
	struct err err;

	assert_ok(csr_read(*state, craft_csr(*state, &c), &csr, &err), &err);
	assert_string_equal(csr_subject(*state, csr), "CN=Zoë\\, \\\"the\\\"\\\\ one");
}

TESTS(a_request_is_read_down_to_its_challenge,
      must_41_indefinite_lengths_are_read_as_definite_ones_are,
      every_message_type_but_three_is_refused_before_its_envelope_is_looked_at,
      each_fault_is_refused_where_it_stands,
      what_known_defects_of_others_were_about_is_refused_for_that,
      keys_of_odd_sizes_are_taken_within_the_limits,
      what_is_wrong_inside_never_comes_out_good,
      a_content_key_of_wrong_form_is_replaced_wherever_it_is_wrong,
      must_48_des_and_md5_are_refused_with_bad_alg,
      behaviour_8_sha_1_to_512_are_taken,
      single_des_is_read_where_the_switch_is_on_and_nowhere_else,
      nothing_but_the_key_and_the_challenge_of_a_request_is_believed,
      a_subject_that_cannot_be_written_is_no_reason_to_fail)
