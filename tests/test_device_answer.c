/* Device answers of the Profile Service: what a device sends is read, and nothing else is believed. */
#include "tests/check.h"
#include "mdm/apple_device_ca.h"
#include "mdm/device_answer.h"
#include "mdm/model.h"
#include "tests/device/phone.h"
#include <openssl/pem.h>
#include <pthread.h>

#define UDID	"00008120-001A2B3C4D5E801E"

static const char *const asked[] = { "UDID", "PRODUCT", "VERSION", "DEVICE_NAME", "SERIAL", NULL };

static struct bytes
pem_of(TALLOC_CTX *ctx, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct bytes pem;
	char *p;

	PEM_write_bio_X509(bio, cert);
	pem.len = (size_t)BIO_get_mem_data(bio, &p);
	pem.p = mem_copy(ctx, p, pem.len);
	BIO_free(bio);
	return pem;
}

struct world {
	struct phone_ca *ca;
	struct phone *phone;
	struct device_roots *roots;	/* with the root of `ca` */
};

static struct world
world(TALLOC_CTX *ctx)
{
	struct world w = { .ca = phone_ca_new(ctx) };
	struct err err;

	w.phone = phone_new(ctx, w.ca, UDID);
	assert_ok(device_roots_open(ctx, pem_of(ctx, w.ca->root), &w.roots, &err), &err);
	return w;
}

static bool
answers(TALLOC_CTX *ctx, const struct world *w, enum phone_answer kind, struct device_answer **ret, struct err *err)
{
	return device_answer_read(ctx, phone_answer(ctx, w->phone, asked, "once", kind), w->roots, ret, err);
}

static void
what_a_device_says_is_read(void **state)
{
	struct world w = world(*state);

	for (enum phone_answer kind = PHONE_HONEST; kind < PHONE_WRONG_CA; kind++) {
		struct device_answer *answer;
		struct err err;

		assert_ok(answers(*state, &w, kind, &answer, &err) || err_at(&err, "%s", phone_answer_names[kind]), &err);
		assert_string_equal(answer->udid, UDID);
		assert_string_equal(answer->product, "iPhone15,4");
		assert_string_equal(answer->version, "22B83");
		assert_string_equal(answer->name, "Anna's iPhone");
		assert_string_equal(answer->serial, "F2LTEST0001");
		assert_string_equal(answer->challenge, "once");
		assert_int_equal(answer->signer, DEVICE_OTHER_TEST);
		assert_true(answer->certificate.len > 100);
	}
}

static const struct {
	enum phone_answer kind;
	enum err_kind is;
	const char *cause;
} refused[] = {
	{ PHONE_WRONG_CA,       ERR_DENIED,    "its signer is nobody we believe" },
	{ PHONE_SELF_SIGNED,    ERR_DENIED,    "its signer is nobody we believe" },
	{ PHONE_CRITICAL,       ERR_DENIED,    "its signer is nobody we believe" },
	{ PHONE_CA_SIGNS,       ERR_DENIED,    "its signer's certificate is not for signing" },
	{ PHONE_CIPHER_ONLY,    ERR_DENIED,    "its signer's certificate is not for signing" },
	{ PHONE_OTHER_KEY,      ERR_DENIED,    "it was changed after it was signed" },
	{ PHONE_TAMPERED,       ERR_DENIED,    "it was changed after it was signed" },
	{ PHONE_MD5,            ERR_DENIED,    "it is signed in a way that is not taken here" },
	{ PHONE_TWO_SIGNERS,    ERR_MALFORMED, "it does not have exactly one signer" },
	{ PHONE_NO_SIGNER,      ERR_MALFORMED, "it does not have exactly one signer" },
	{ PHONE_NO_CERTIFICATE, ERR_MALFORMED, "its signer's certificate is not there" },
	{ PHONE_MANY_CERTS,     ERR_MALFORMED, "it has too many certificates" },
	{ PHONE_DETACHED,       ERR_MALFORMED, "it encloses nothing" },
	{ PHONE_ENVELOPED,      ERR_MALFORMED, "it is no signed message" },
	{ PHONE_TRAILING,       ERR_MALFORMED, "it is no CMS message, or something follows it" },
	{ PHONE_TRUNCATED,      ERR_MALFORMED, "it is no whole ASN.1" },
	{ PHONE_DEEP,           ERR_MALFORMED, "it is no whole ASN.1" },
	{ PHONE_HUGE,           ERR_LIMIT,     NULL },
	{ PHONE_UNSIGNED,       ERR_MALFORMED, NULL },
	{ PHONE_GARBAGE,        ERR_MALFORMED, NULL },
	{ PHONE_NO_UDID,        ERR_INVALID,   "UDID is missing" },
	{ PHONE_NO_PRODUCT,     ERR_INVALID,   "PRODUCT is missing" },
	{ PHONE_UDID_NUMBER,    ERR_INVALID,   "UDID is no text" },
	{ PHONE_UDID_ODD,       ERR_INVALID,   "UDID is not what devices send" },
	{ PHONE_NAME_LONG,      ERR_INVALID,   "DEVICE_NAME is too long" },
	{ PHONE_NAME_LINES,     ERR_INVALID,   "DEVICE_NAME is not what devices send" },
	{ PHONE_TWICE,          ERR_INVALID,   NULL },
	{ PHONE_ARRAY,          ERR_INVALID,   "it is no list of attributes" },
	{ PHONE_BOMB,           ERR_INVALID,   NULL },
};

static void
what_no_device_sends_is_refused_and_said_why(void **state)
{
	struct world w = world(*state);

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const char *name = phone_answer_names[refused[i].kind];
		struct device_answer *answer = NULL;
		struct err err = { 0 };

		if (answers(*state, &w, refused[i].kind, &answer, &err))
			fail_msg("%s was believed", name);
		if (err.kind != refused[i].is || (refused[i].cause && strcmp(err.cause, refused[i].cause) != 0))
			fail_msg("%s: %s (%d)", name, err.cause, (int)err.kind);
		assert_null(answer);
	}
}

static void
an_answer_without_a_challenge_has_none(void **state)
{
	struct world w = world(*state);
	struct device_answer *answer;
	struct err err;

	assert_ok(answers(*state, &w, PHONE_NO_CHALLENGE, &answer, &err), &err);
	assert_string_equal(answer->challenge, "");
}

static void
names_like_apples_are_not_enough(void **state)
{
	struct world w = world(*state);
	struct device_answer *answer;
	struct err err;

	assert_ok(device_roots_open(*state, (struct bytes){ 0 }, &w.roots, &err), &err);
	assert_false(answers(*state, &w, PHONE_HONEST, &answer, &err));
	assert_string_equal(err.code, "bad_signature");
}

/* What holds for Apple's device CA, with a CA whose key we have. */
static void
only_the_device_ca_itself_makes_devices(void **state)
{
	struct world w = world(*state);
	STACK_OF(X509) *certs = sk_X509_new_null();
	const struct cms_trust *trusts[2] = { NULL };
	struct cms_trust *direct;
	struct cms_opened opened;
	struct err err;

	sk_X509_push(certs, w.ca->cert);
	assert_ok(cms_trust_new(*state, certs, CMS_DIRECT, &direct, &err), &err);
	trusts[1] = direct;
	assert_ok(cms_open(*state, phone_answer(*state, w.phone, asked, "once", PHONE_HONEST), trusts, 2, &opened, &err), &err);
	assert_int_equal(opened.trust, 1);
	assert_false(cms_open(*state, phone_answer(*state, w.phone, asked, "once", PHONE_ROOT_SIGNED), trusts, 2, &opened, &err));
	assert_string_equal(err.code, "bad_signature");

	/* and what it made makes none */
	sk_X509_set(certs, 0, w.ca->root);
	assert_ok(cms_trust_new(*state, certs, CMS_DIRECT, &direct, &err), &err);
	trusts[1] = direct;
	assert_false(cms_open(*state, phone_answer(*state, w.phone, asked, "once", PHONE_HONEST), trusts, 2, &opened, &err));
	assert_ok(cms_open(*state, phone_answer(*state, w.phone, asked, "once", PHONE_ROOT_SIGNED), trusts, 2, &opened, &err), &err);
	sk_X509_free(certs);
}

static void
apples_certificates_are_whole(void **state)
{
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;
	struct err err;

	assert_ok(apple_device_ca_read(&certs, &err), &err);
	assert_int_equal(sk_X509_num(certs), 3);
	assert_string_equal(x509_subject_cn(*state, sk_X509_value(certs, 0)), "Apple iPhone Device CA");
	assert_string_equal(x509_subject_cn(*state, sk_X509_value(certs, 2)), "Apple Root CA");
}

static void
a_udid_is_written_in_one_way(void **state)
{
	static const char *const none[] = {
		"", "0123456789ABCDEF0123456789abcdef0123456", "0123456789ABCDEF0123456789abcdef012345678",
		"00008120-001A2B3C4D5E801", "00008120001A2B3C4D5E801E", "00008120-001A2B3C4D5E801G",
		" 0008120-001A2B3C4D5E801E", "00008120-001A2B3C4D5E801E\n",
	};
	char udid[DEVICE_UDID_SIZE];

	(void)state;
	assert_true(device_udid("00008120-001a2b3c4d5e801e", udid));
	assert_string_equal(udid, UDID);
	assert_true(device_udid("0123456789ABCDEF0123456789abcdef01234567", udid));
	assert_string_equal(udid, "0123456789abcdef0123456789abcdef01234567");
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_false(device_udid(none[i], udid));
}

struct reader {
	pthread_t thread;
	const struct world *w;
	struct bytes good, bad;
	int read, refused;
};

static void *
read_many(void *p)
{
	struct reader *r = p;

	for (int i = 0; i < 50; i++) {
		void *ctx SCOPED(mem) = talloc_new(NULL);
		struct device_answer *answer;
		struct err err;

		r->read += device_answer_read(ctx, r->good, r->w->roots, &answer, &err);
		r->refused += !device_answer_read(ctx, r->bad, r->w->roots, &answer, &err);
	}
	return NULL;
}

static void
threads_read_at_once_and_leave_nothing_behind(void **state)
{
	struct world w = world(*state);
	struct bytes good = phone_answer(*state, w.phone, asked, "once", PHONE_HONEST);
	struct bytes bad = phone_answer(*state, w.phone, asked, "once", PHONE_TAMPERED);
	struct reader readers[4];

	for (size_t i = 0; i < 4; i++) {
		readers[i] = (struct reader){ .w = &w, .good = good, .bad = bad };
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_many, &readers[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].read, 50);
		assert_int_equal(readers[i].refused, 50);
	}
}

static void
a_thread_keeps_stores_of_few_and_never_of_the_wrong_one(void **state)
{
	struct world w = world(*state);
	struct bytes good = phone_answer(*state, w.phone, asked, "once", PHONE_HONEST);

	for (int i = 0; i < 2 * CMS_TRUSTS_MAX; i++) {
		void *ctx SCOPED(mem) = talloc_new(NULL);
		struct phone_ca *other = phone_ca_new(ctx);
		struct device_roots *roots;
		struct device_answer *answer;
		struct err err;

		assert_ok(device_roots_open(ctx, pem_of(ctx, other->root), &roots, &err), &err);
		assert_false(device_answer_read(ctx, good, roots, &answer, &err));
		assert_ok(device_answer_read(ctx, good, w.roots, &answer, &err), &err);
	}
}

static void
models_and_versions_are_named_where_they_are_known(void **state)
{
	char text[16];

	(void)state;
	assert_string_equal(model_name("iPhone15,4"), "iPhone 15");
	assert_string_equal(model_name("iPad13,18"), "iPad (10th generation)");
	assert_null(model_name("iPhone99,1"));
	assert_null(model_name(""));
	assert_string_equal(model_ios_of_build("22B83", text), "18");
	assert_string_equal(model_ios_of_build("23A341", text), "26");
	assert_string_equal(model_ios_of_build("19H370", text), "15");
	assert_null(model_ios_of_build("18.1", text));
	assert_null(model_ios_of_build("", text));
	assert_null(model_ios_of_build("-5A1", text));
}

TESTS(what_a_device_says_is_read, what_no_device_sends_is_refused_and_said_why, an_answer_without_a_challenge_has_none,
      names_like_apples_are_not_enough, only_the_device_ca_itself_makes_devices, apples_certificates_are_whole,
      a_udid_is_written_in_one_way, threads_read_at_once_and_leave_nothing_behind,
      a_thread_keeps_stores_of_few_and_never_of_the_wrong_one, models_and_versions_are_named_where_they_are_known)
