#include "tests/check_enroll.h"
#include <openssl/pem.h>
#include <openssl/rsa.h>

static const char *const asked[] = { "UDID", "VERSION", "PRODUCT", "SERIAL", "DEVICE_NAME", "IMEI", NULL };

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

/* Made once: they take longer than the tests. */
static EVP_PKEY *
key_of(int n)
{
	static EVP_PKEY *keys[2];

	if (!keys[n])
		keys[n] = EVP_RSA_gen(2048);
	assert_non_null(keys[n]);
	return keys[n];
}

static const struct cms_trust *
trust_of(TALLOC_CTX *ctx, struct ca *ca)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	struct cms_trust *trust;
	struct err err;

	sk_X509_push(certs, ca_cert(ca));
	assert_ok(cms_trust_new(ctx, certs, CMS_DIRECT, &trust, &err), &err);
	sk_X509_free(certs);
	return trust;
}

struct enroll_world
enroll_world(TALLOC_CTX *ctx)
{
	struct enroll_world w = { .house = house(ctx), .apple = phone_ca_new(ctx), .keys = { key_of(0), key_of(1) } };
	struct err err;

	w.ca = test_ca(ctx, w.house.db);
	w.ours = trust_of(ctx, w.ca);
	assert_ok(device_roots_open(ctx, pem_of(ctx, w.apple->root), &w.roots, &err), &err);
	w.phone = phone_new(ctx, w.apple, UDID_1);
	w.other = phone_new(ctx, w.apple, UDID_2);
	w.other->serial = "F2LTEST0002";
	w.enroll = (struct enroll_house){
		.base_url = TEST_CA_URL, .organization = "Example, Corp", .name = "Example: device management",
		.what = "What is & what is not", .scep = { .base_url = TEST_CA_URL, .challenge_s = 3600, .outside_url = "" },
	};
	w.enroll.scep.ca_sha256 = (struct bytes){ mem_copy(ctx, "0123456789abcdef0123456789abcdef", 32), 32 };
	return w;
}

/* ---- sessions ---- */

struct enroll_wish
enroll_wish(const struct person *person)
{
	return (struct enroll_wish){ .person_id = person ? person->id : NULL, .actor = "test",
		.identifier = "com.example.apps.mdm", .url = "https://apps.example.com:8444", .access_rights = 8191,
		.devices_max = 2, .ttl_s = 3600 };
}

struct begin {
	TALLOC_CTX *ctx;
	struct enroll_wish wish;
	struct begun *begun;
};

static bool
tx_begin(struct db *tx, void *arg, struct err *err)
{
	struct begin *b = arg;

	return enroll_session_begin(tx, b->ctx, &b->wish, &b->begun->id, &b->begun->token, err);
}

bool
begin_session(TALLOC_CTX *ctx, struct enroll_world *w, const struct person *person, struct begun *ret, struct err *err)
{
	struct begin b = { ctx, enroll_wish(person), ret };

	if (!db_tx(w->house.db, tx_begin, &b, err))
		return false;
	enroll_session_challenge(ret->token, ret->challenge);
	return true;
}

struct begun
begun(TALLOC_CTX *ctx, struct enroll_world *w)
{
	struct begun ret;
	struct err err;

	assert_ok(begin_session(ctx, w, w->house.mia, &ret, &err), &err);
	return ret;
}

struct enroll_session *
session_of(TALLOC_CTX *ctx, struct enroll_world *w, const char *id)
{
	struct enroll_session *session;
	struct err err;

	assert_ok(enroll_session_get(ctx, w->house.db, id, &session, &err), &err);
	return session;
}

/* ---- identities ---- */

static bool
tx_keep(struct db *tx, void *cert, struct err *err)
{
	return certificate_keep(tx, cert, err);
}

struct certificate *
identity(TALLOC_CTX *ctx, struct enroll_world *w, int key, enum ca_purpose purpose, const char *session_id)
{
	const struct ca_wish wish = { .key = w->keys[key], .purpose = purpose, .subject = "CN=test,O=Example",
				      .session_id = session_id };
	struct certificate *cert;
	struct err err;

	assert_ok(ca_issue(ctx, w->ca, &wish, &cert, &err), &err);
	assert_ok(db_tx(w->house.db, tx_keep, cert, &err), &err);
	return cert;
}

static int
release_phone(struct phone *phone)
{
	X509_free(phone->cert);
	return 0;
}

struct phone *
signing_with(TALLOC_CTX *ctx, struct enroll_world *w, const struct phone *phone, const struct certificate *cert, int key)
{
	struct phone *passing = mem_new(ctx, struct phone);
	struct phone_ca *ca = mem_new(passing, struct phone_ca);
	struct err err;

	*passing = *phone;
	ca->cert = ca_cert(w->ca);
	passing->ca = ca;
	passing->key = w->keys[key];
	assert_ok(x509_read_der(cert->der, &passing->cert, &err), &err);
	talloc_set_destructor(passing, release_phone);
	return passing;
}

/* ---- phases ---- */

bool
answer_session(TALLOC_CTX *ctx, struct enroll_world *w, const struct begun *b, struct bytes bytes, struct buf *out,
	       struct err *err)
{
	struct enroll_session *session = session_of(ctx, w, b->id);
	struct device_answer *answer;

	buf_init(out, ctx, MOBILECONFIG_MAX);
	if (!enroll_session_open(session, err) || !device_answer_read_ours(ctx, bytes, w->roots, w->ours, &answer, err))
		return false;
	return answer->signer == DEVICE_OURS ?
	       enroll_issue(ctx, w->house.db, &w->enroll, b->token, session, answer, TOPIC, out, err) :
	       enroll_pass(ctx, w->house.db, &w->enroll, b->token, session, answer, out, err);
}

bool
phase_1(TALLOC_CTX *ctx, struct enroll_world *w, const struct begun *b, const struct phone *phone, struct buf *out,
	struct err *err)
{
	return answer_session(ctx, w, b, phone_answer(ctx, phone, asked, b->challenge, PHONE_HONEST), out, err);
}

bool
phase_3(TALLOC_CTX *ctx, struct enroll_world *w, const struct begun *b, const struct phone *passing, struct buf *out,
	struct err *err)
{
	return answer_session(ctx, w, b, phone_answer(ctx, passing, asked, NULL, PHONE_HONEST), out, err);
}

/* ---- what came back ---- */

static struct bytes
decrypted(TALLOC_CTX *ctx, struct bytes der, EVP_PKEY *key)
{
	SCOPED(bio) BIO *in = BIO_new_mem_buf(der.p, (int)der.len), *out = BIO_new(BIO_s_mem());
	SCOPED(cms) CMS_ContentInfo *cms = d2i_CMS_bio(in, NULL);
	char *p;
	long len;

	assert_non_null(cms);
	assert_int_equal(CMS_decrypt(cms, key, NULL, NULL, out, CMS_BINARY), 1);
	len = BIO_get_mem_data(out, &p);
	return (struct bytes){ mem_copy(ctx, p, (size_t)len), (size_t)len };
}

plist_t
payloads_of(TALLOC_CTX *ctx, struct enroll_world *w, const struct buf *out, int key)
{
	plist_t root SCOPED(plist) = NULL, inner = NULL, sealed;
	struct err err;

	assert_ok(plist_open((struct bytes){ out->p, out->len }, PLIST_BYTES_MAX, &root, &err), &err);
	sealed = plist_at(root, "EncryptedPayloadContent");
	if (!sealed)
		return plist_copy(plist_at(root, "PayloadContent"));
	assert_ok(plist_open(decrypted(ctx, plist_data_of(ctx, sealed), w->keys[key]), PLIST_BYTES_MAX, &inner, &err), &err);
	return inner;
}

plist_t
payload_typed(plist_t payloads, const char *type)
{
	for (uint32_t i = 0; i < plist_array_get_size(payloads); i++) {
		plist_t payload = plist_array_get_item(payloads, i);
		void *ctx SCOPED(mem) = talloc_new(NULL);

		if (strcmp(plist_text_at(ctx, payload, "PayloadType"), type) == 0)
			return payload;
	}
	return NULL;
}

char *
scep_challenge(TALLOC_CTX *ctx, plist_t payloads)
{
	plist_t payload = payload_typed(payloads, "com.apple.security.scep");

	assert_non_null(payload);
	return plist_text_at(ctx, plist_dict_at(payload, "PayloadContent"), "Challenge");
}

int64_t
number_of(struct enroll_world *w, const char *sql)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct err err;
	struct rows *rows = db_query(ctx, w->house.db, sql);

	assert_ok(rows_one(rows, &err, "no answer"), &err);
	return rows_int(rows, 0);
}

void
write_to(const char *path, const void *p, size_t len)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(p, 1, len, file), len);
	fclose(file);
}
