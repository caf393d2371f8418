#include "core/x509.h"
#include "core/asn1.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"
#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistr.h>

#define PEM_MAX		(1u << 20)
#define SERIAL_BYTES	16
#define CLOCK_SKEW_S	300	/* a phone whose clock is a little behind still accepts the certificate */

void
scoped_x509(X509 **cert)
{
	X509_free(*cert);
}

void
scoped_x509_stack(STACK_OF(X509) **certs)
{
	sk_X509_pop_free(*certs, X509_free);
}

void
scoped_x509_store(X509_STORE **store)
{
	X509_STORE_free(*store);
}

void
scoped_cms(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

void
scoped_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

void
scoped_evp_pkey(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

bool
x509_read_pem(struct bytes pem, STACK_OF(X509) **ret, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = sk_X509_new_null();
	SCOPED(bio) BIO *bio = NULL;
	X509 *cert;

	if (pem.len > PEM_MAX)
		return err_set(err, ERR_INVALID, "certificates of %zu bytes are too many", pem.len);
	bio = BIO_new_mem_buf(pem.p ? pem.p : "", (int)pem.len);
	if (!bio || !certs)
		return err_openssl(err, ERR_INTERNAL, "read certificates");
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (!sk_X509_push(certs, cert)) {
			X509_free(cert);
			return err_openssl(err, ERR_INTERNAL, "read certificates");
		}
	if (sk_X509_num(certs) == 0)
		return err_openssl(err, ERR_INVALID, "no certificate in PEM form");
	/* "no start line" at the end of the text is how the list ends; anything else is a bad one */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return err_openssl(err, ERR_INVALID, "certificate %d cannot be read",
				   sk_X509_num(certs) + 1);
	ERR_clear_error();
	*ret = certs;
	certs = NULL;
	return true;
}

bool
x509_read_der(struct bytes der, X509 **ret, struct err *err)
{
	const unsigned char *p = der.p;
	size_t len;
	X509 *cert;

	if (!asn1_gate(der, &len, err))
		return err_at(err, "certificate");
	cert = d2i_X509(NULL, &p, (long)len);
	if (!cert)
		return err_openssl(err, ERR_INVALID, "not a certificate");
	*ret = cert;
	return true;
}

static bool
add_pinned(STACK_OF(X509) *certs, const struct x509_pinned *pin, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *read = NULL;
	char hex[X509_FINGERPRINT_SIZE];
	X509 *cert;

	if (!x509_read_pem((struct bytes){ pin->pem, strlen(pin->pem) }, &read, err))
		return err_at(err, "%s", pin->name);
	cert = sk_X509_value(read, 0);
	if (sk_X509_num(read) != 1 || strcmp(x509_sha256(cert, hex), pin->sha256) != 0)
		return err_set(err, ERR_INTERNAL, "%s is not the certificate that it should be", pin->name);
	if (!sk_X509_push(certs, cert))
		return err_openssl(err, ERR_INTERNAL, "read %s", pin->name);
	sk_X509_shift(read);
	return true;
}

bool
x509_read_pinned(const struct x509_pinned *pins, size_t n, STACK_OF(X509) **ret, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = sk_X509_new_null();

	if (!certs)
		return err_openssl(err, ERR_INTERNAL, "read certificates");
	for (size_t i = 0; i < n; i++)
		if (!add_pinned(certs, &pins[i], err))
			return false;
	*ret = certs;
	certs = NULL;
	return true;
}

char *
x509_subject_cn(TALLOC_CTX *ctx, X509 *cert)
{
	X509_NAME *name = X509_get_subject_name(cert);
	int index = -1, last = -1, len;
	unsigned char *utf8 = NULL;
	char *cn;

	while ((index = X509_NAME_get_index_by_NID(name, NID_commonName, index)) >= 0)
		last = index;	/* the most specific one */
	if (last < 0)
		return mem_text(ctx, "");
	len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
	if (len < 0 || memchr(utf8, '\0', (size_t)len) || u8_check(utf8, (size_t)len))
		cn = mem_text(ctx, "");
	else
		cn = mem_textn(ctx, (const char *)utf8, (size_t)len);
	OPENSSL_free(utf8);
	ERR_clear_error();
	return cn;
}

static const char *
fingerprint(X509 *cert, const EVP_MD *md, char hex[X509_FINGERPRINT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	hex[0] = '\0';
	if (X509_digest(cert, md, digest, &len))
		num_hex(digest, len, hex);
	return hex;
}

char *
x509_name_text(TALLOC_CTX *ctx, const X509_NAME *name)
{
	BIO *bio SCOPED(bio) = BIO_new(BIO_s_mem());
	char *p;
	long len;

	if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
		return mem_text(ctx, "");
	len = BIO_get_mem_data(bio, &p);
	return mem_textn(ctx, p, (size_t)len);
}

const char *
x509_sha1(X509 *cert, char hex[X509_FINGERPRINT_SIZE])
{
	return fingerprint(cert, EVP_sha1(), hex);
}

const char *
x509_sha256(X509 *cert, char hex[X509_FINGERPRINT_SIZE])
{
	return fingerprint(cert, EVP_sha256(), hex);
}

const char *
x509_der_sha256(struct bytes der, char hex[X509_FINGERPRINT_SIZE])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256(der.p ? der.p : "", der.len, digest);
	return num_hex(digest, sizeof digest, hex);
}

bool
x509_expires(X509 *cert, time_t *ret)
{
	struct tm tm = { 0 };

	if (!ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm)) {
		ERR_clear_error();
		return false;
	}
	*ret = timegm(&tm);
	return true;
}

time_t
x509_begins(X509 *cert)
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(X509_get0_notBefore(cert), &tm))
		return timegm(&tm);
	ERR_clear_error();
	return 0;
}

X509 *
x509_first_to_end(STACK_OF(X509) *chain)
{
	X509 *first = NULL;
	time_t ends, least = 0;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		if (!x509_expires(sk_X509_value(chain, i), &ends))
			return NULL;
		if (!first || ends < least) {
			first = sk_X509_value(chain, i);
			least = ends;
		}
	}
	return first;
}

/* subjectAltName from words: addresses where they are written as such, else DNS names. */
static bool
add_names(X509 *cert, const char *names, struct err *err)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
	bool ok = list != NULL;

	for (const char *p = names; ok && *(p += strspn(p, " ")); p += strcspn(p, " ")) {
		unsigned char address[16];
		char word[256];
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_STRING *value;
		size_t len = strcspn(p, " ");
		int size;

		snprintf(word, sizeof word, "%.*s", len < sizeof word ? (int)len : 0, p);
		size = inet_pton(AF_INET, word, address) == 1 ? 4 :
		       inet_pton(AF_INET6, word, address) == 1 ? 16 : 0;
		value = size ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
		ok = name && value && *word &&
		     ASN1_STRING_set(value, size ? (void *)address : word, size ? size : -1);
		if (ok) {
			GENERAL_NAME_set0_value(name, size ? GEN_IPADD : GEN_DNS, value);
			value = NULL;
			ok = sk_GENERAL_NAME_push(list, name) > 0;
			name = ok ? NULL : name;
		}
		ASN1_STRING_free(value);
		GENERAL_NAME_free(name);
	}
	if (ok && sk_GENERAL_NAME_num(list) > 0)
		ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1;
	sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
	return ok || err_openssl(err, ERR_INVALID, "\"%.100s\" cannot be a certificate's names", names);
}

static bool
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension && X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
	return ok;
}

static bool
add_extensions(X509 *cert, X509 *issuer, bool is_ca)
{
	if (!add_extension(cert, issuer, NID_subject_key_identifier, "hash") ||
	    !add_extension(cert, issuer, NID_authority_key_identifier, "keyid:always"))
		return false;
	if (is_ca)
		return add_extension(cert, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
		       add_extension(cert, issuer, NID_key_usage,
				     "critical,keyCertSign,cRLSign,digitalSignature");
	return add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, issuer, NID_ext_key_usage, "serverAuth");
}

static bool
set_serial(X509 *cert)
{
	unsigned char bytes[SERIAL_BYTES];
	BIGNUM *number;
	bool ok;

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40;	/* positive, and always of the same length */
	number = BN_bin2bn(bytes, sizeof bytes, NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return ok;
}

static bool
set_basics(X509 *cert, const char *common_name, int days, EVP_PKEY *key)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	time_t now = clock_now();

	return X509_set_version(cert, X509_VERSION_3) && set_serial(cert) &&
	       X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
					  (const unsigned char *)common_name, -1, -1, 0) &&
	       ASN1_TIME_set(X509_getm_notBefore(cert), now - CLOCK_SKEW_S) &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), now + (time_t)days * DAY_S) &&
	       X509_set_pubkey(cert, key);
}

static char *
pem_text(TALLOC_CTX *ctx, X509 *cert, EVP_PKEY *key)
{
	SCOPED(bio) BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long len;

	if (!bio || !(cert ? PEM_write_bio_X509(bio, cert) :
			     PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)))
		return NULL;
	len = BIO_get_mem_data(bio, &p);
	return mem_textn(ctx, p, (size_t)len);
}

static bool
read_issuer(const struct x509_made *made, X509 **cert, EVP_PKEY **key, struct err *err)
{
	SCOPED(bio) BIO *cert_bio = BIO_new_mem_buf(made->cert_pem, -1);
	SCOPED(bio) BIO *key_bio = BIO_new_mem_buf(made->key_pem, -1);

	*cert = cert_bio ? PEM_read_bio_X509(cert_bio, NULL, NULL, NULL) : NULL;
	*key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) : NULL;
	return (*cert && *key) || err_openssl(err, ERR_INVALID, "the issuing certificate cannot be read");
}

bool
x509_make(TALLOC_CTX *ctx, const char *common_name, const char *names, int days,
	  const struct x509_made *issuer, struct x509_made *ret, struct err *err)
{
	SCOPED(x509) X509 *cert = X509_new(), *issuer_cert = NULL;
	SCOPED(evp_pkey) EVP_PKEY *key = EVP_EC_gen("P-256"), *issuer_key = NULL;
	struct x509_made made;

	if (issuer && !read_issuer(issuer, &issuer_cert, &issuer_key, err))
		return false;
	if (!cert || !key || !set_basics(cert, common_name, days, key))
		return err_openssl(err, ERR_INTERNAL, "make a certificate for %s", common_name);
	if (!X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer_cert : cert)) ||
	    !add_extensions(cert, issuer ? issuer_cert : cert, !issuer))
		return err_openssl(err, ERR_INTERNAL, "make a certificate for %s", common_name);
	if (names && !add_names(cert, names, err))
		return false;
	if (!X509_sign(cert, issuer ? issuer_key : key, EVP_sha256()))
		return err_openssl(err, ERR_INTERNAL, "sign a certificate for %s", common_name);
	made.cert_pem = pem_text(ctx, cert, NULL);
	made.key_pem = pem_text(ctx, NULL, key);
	if (!made.cert_pem || !made.key_pem)
		return err_openssl(err, ERR_INTERNAL, "write a certificate for %s", common_name);
	*ret = made;
	return true;
}
