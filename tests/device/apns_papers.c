/* The papers of the fake APNs: a CA, its own certificate, and the push certificates that Apple would make. */
#include "tests/device/apns_fake.h"
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/file.h"
#include "core/secret.h"
#include "core/x509.h"
#include "tests/device/phone.h"

#define PEM_BYTES_MAX 65536

const char *fake_papers(struct fake *fake);

static void
extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	if (!extension || !X509_add_ext(cert, extension, -1))
		phone_die("add an extension");
	X509_EXTENSION_free(extension);
}

static void
name(X509 *cert, const char *kind, const char *text)
{
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), kind, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0);
}

/* What begins yesterday and has no name yet. */
static X509 *
blank(EVP_PKEY *key, int64_t from, int64_t until)
{
	X509 *cert = mem_must(X509_new());
	uint64_t serial;

	secret_random(&serial, sizeof serial);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1);
	ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)from);
	ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)until);
	X509_set_pubkey(cert, key);
	return cert;
}

static char *
pem_of(TALLOC_CTX *ctx, X509 *cert, EVP_PKEY *key)
{
	SCOPED(bio) BIO *bio = mem_must(BIO_new(BIO_s_mem()));
	char *p;
	long len;

	if ((cert && !PEM_write_bio_X509(bio, cert)) || (key && !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)))
		phone_die("write PEM");
	len = BIO_get_mem_data(bio, &p);
	return mem_textn(ctx, p, (size_t)len);
}

static void
save(const char *path, const char *text)
{
	struct err err;

	if (!file_write(path, 0600, (struct bytes){ text, strlen(text) }, &err))
		phone_die("%s: %s", path, err.cause);
}

static void
make(TALLOC_CTX *ctx, const char *dir)
{
	SCOPED(evp_pkey) EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	int64_t now = time(NULL);
	SCOPED(x509) X509 *ca = blank(ca_key, now - DAY_S, now + 365 * DAY_S);
	SCOPED(x509) X509 *cert = blank(key, now - DAY_S, now + 365 * DAY_S);

	name(ca, "CN", "Push CA of the tests");
	X509_set_issuer_name(ca, X509_get_subject_name(ca));
	extend(ca, NID_basic_constraints, "critical,CA:TRUE");
	X509_sign(ca, ca_key, EVP_sha256());
	name(cert, "CN", "api.push.example.com");
	X509_set_issuer_name(cert, X509_get_subject_name(ca));
	extend(cert, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
	X509_sign(cert, ca_key, EVP_sha256());
	save(mem_printf(ctx, "%s/ca.key", dir), pem_of(ctx, NULL, ca_key));
	save(mem_printf(ctx, "%s/server.pem", dir), pem_of(ctx, cert, key));
	save(mem_printf(ctx, "%s/ca.pem", dir), pem_of(ctx, ca, NULL));
}

const char *
fake_papers(struct fake *fake)
{
	const char *dir = fake->opts.dir;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		phone_die("make %s: %s", dir, strerror(errno));
	if (access(mem_printf(fake, "%s/ca.pem", dir), R_OK) != 0)
		make(fake, dir);
	return dir;
}

static BIO *
open_pem(TALLOC_CTX *ctx, const char *dir, const char *what)
{
	const char *path = mem_printf(ctx, "%s/%s", dir, what);
	struct bytes text;
	struct err err;

	if (!file_read(ctx, path, PEM_BYTES_MAX, &text, &err))
		phone_die("%s: %s", path, err.cause);
	return mem_must(BIO_new_mem_buf(text.p, (int)text.len));
}

struct fake_cert
fake_cert(TALLOC_CTX *ctx, const char *dir, const char *topic, const char *request_pem, int days)
{
	SCOPED(bio) BIO *ca_bio = open_pem(ctx, dir, "ca.pem"), *key_bio = open_pem(ctx, dir, "ca.key");
	SCOPED(bio) BIO *asked = BIO_new_mem_buf(request_pem ? request_pem : "", -1);
	SCOPED(x509) X509 *ca = PEM_read_bio_X509(ca_bio, NULL, NULL, NULL), *cert = NULL;
	SCOPED(evp_pkey) EVP_PKEY *ca_key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	X509_REQ *request = request_pem ? PEM_read_bio_X509_REQ(asked, NULL, NULL, NULL) : NULL;
	SCOPED(evp_pkey) EVP_PKEY *key = request ? X509_REQ_get_pubkey(request) : EVP_RSA_gen(2048);
	struct fake_cert ret = { 0 };
	int64_t now = clock_now();

	if (!ca || !ca_key || !key || (request_pem && X509_REQ_verify(request, key) != 1))
		phone_die("make a push certificate for %s", topic);
	X509_REQ_free(request);
	cert = blank(key, (now < time(NULL) ? now : time(NULL)) - 366 * DAY_S, now + (int64_t)days * DAY_S);
	name(cert, "UID", topic);
	name(cert, "CN", "APSP:example");
	name(cert, "C", "US");
	X509_set_issuer_name(cert, X509_get_subject_name(ca));
	extend(cert, NID_basic_constraints, "critical,CA:FALSE");
	extend(cert, NID_ext_key_usage, "critical,clientAuth");
	X509_sign(cert, ca_key, EVP_sha256());
	ret.cert_pem = pem_of(ctx, cert, NULL);
	ret.key_pem = request_pem ? NULL : pem_of(ctx, NULL, key);
	return ret;
}
