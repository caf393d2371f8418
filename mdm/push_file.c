#include "mdm/push_file.h"
#include "core/asn1.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#define TURNS_MAX	4000000	/* of all hashes of the password together; today's tools take 2,000 to 600,000 for each */
#define NESTED_MAX	8	/* PKCS#12 keeps DER in strings of DER */

/* What OpenSSL asks when a key is encrypted; without a password the answer is none. */
static int
give_password(char *buf, int size, int writing, void *arg)
{
	const char *password = arg;
	size_t len = password ? strlen(password) : 0;

	(void)writing;
	if (!password || len > (size_t)size)
		return -1;
	memcpy(buf, password, len);
	return (int)len;
}

static bool
is_pem(struct bytes file)
{
	return memmem(file.p, file.len, "-----BEGIN ", 11) != NULL;
}

/* The first certificate that has a UID: Apple's chain may come along in any order. */
static X509 *
choose(STACK_OF(X509) *certs)
{
	X509 *chosen = sk_X509_value(certs, 0);

	for (int i = sk_X509_num(certs) - 1; i >= 0; i--)
		if (X509_NAME_get_index_by_NID(X509_get_subject_name(sk_X509_value(certs, i)), NID_userId, -1) >= 0)
			chosen = sk_X509_value(certs, i);
	X509_up_ref(chosen);
	return chosen;
}

/* ---- what a password costs ---- */

/* PBKDF2, scrypt, and all of PKCS #5 v1.5 and PKCS #12 appendix C, by how their names begin. */
static const struct bytes
	oid_pbkdf2 = { "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c", 9 },
	oid_pbes1 = { "\x2a\x86\x48\x86\xf7\x0d\x01\x05", 8 },
	oid_pbe12 = { "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01", 9 },
	oid_scrypt = { "\x2b\x06\x01\x04\x01\xda\x47\x04\x0b", 9 };

static bool
begins(const struct asn1 *oid, struct bytes with)
{
	return oid->tag == ASN1_TAG_OID && oid->content.len >= with.len && memcmp(oid->content.p, with.p, with.len) == 0;
}

static int64_t
number_of(const struct asn1 *integer)
{
	const unsigned char *p = integer->content.p;
	int64_t n = 0;

	if (integer->tag != ASN1_TAG_INTEGER || integer->content.len > 5 || !integer->content.len || (*p & 0x80))
		return TURNS_MAX + 1;
	for (size_t i = 0; i < integer->content.len; i++)
		n = n << 8 | p[i];
	return n;
}

/* AlgorithmIdentifier { OID, { salt, turns, ... } }; what is none costs nothing. */
static int64_t
turns_of(struct bytes sequence)
{
	struct asn1 oid, params, salt, turns;

	if (!asn1_next(&sequence, &oid) || oid.tag != ASN1_TAG_OID)
		return 0;
	if (begins(&oid, oid_scrypt))
		return TURNS_MAX + 1;	/* no Apple tool makes it, and it may ask for any amount of memory */
	if (!begins(&oid, oid_pbkdf2) && !begins(&oid, oid_pbes1) && !begins(&oid, oid_pbe12))
		return 0;
	if (!asn1_take(&sequence, ASN1_TAG_SEQUENCE, &params, NULL) || !asn1_next(&params.content, &salt) ||
	    (salt.tag & ~ASN1_CONSTRUCTED) != ASN1_TAG_OCTETS)
		return 0;	/* PBES2, whose function stands inside */
	return asn1_next(&params.content, &turns) ? number_of(&turns) : 0;
}

/* Adds up all that is inside of it, strings that hold DER too.  `der` need not have passed the gate. */
static int64_t
cost_of(TALLOC_CTX *ctx, struct bytes der, int nested)
{
	struct asn1 element;
	struct bytes inner;
	struct err none;
	int64_t sum = 0;
	size_t len;

	if (nested == NESTED_MAX || !asn1_gate(der, &len, &none) || len != der.len)
		return nested == NESTED_MAX ? TURNS_MAX + 1 : 0;
	for (struct bytes todo = der; asn1_next(&todo, &element) && sum <= TURNS_MAX; ) {
		if (asn1_string(ctx, &element, ASN1_TAG_OCTETS, &inner)) {
			sum += cost_of(ctx, inner, nested + 1);
		} else if (element.tag & ASN1_CONSTRUCTED) {
			sum += turns_of(element.content);
			for (struct bytes rest = element.content, one = rest; asn1_next(&rest, &element); one = rest)
				sum += cost_of(ctx, (struct bytes){ one.p, one.len - rest.len }, nested);
		}
	}
	return sum;
}

static bool
cheap(struct bytes der, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return cost_of(ctx, der, 0) <= TURNS_MAX ||
	       err_set(err, ERR_INVALID, "the file wants more work for its password than any tool asks for");
}

/* Every block of it: which one is the key is OpenSSL's to find. */
static bool
cheap_pem(struct bytes file, struct err *err)
{
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(file.p, (int)file.len);
	char *name, *header;
	unsigned char *der;
	bool ok = true;
	long len;

	while (ok && PEM_read_bio(bio, &name, &header, &der, &len)) {
		ok = cheap((struct bytes){ der, (size_t)len }, err);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	ERR_clear_error();
	return ok;
}

static bool
read_key(struct bytes file, const char *password, EVP_PKEY **ret, struct err *err)
{
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(file.p, (int)file.len);

	if (is_pem(file) && !cheap_pem(file, err))
		return false;
	*ret = is_pem(file) ? PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password)
			    : d2i_PrivateKey_bio(bio, NULL);
	return *ret || err_openssl(err, ERR_INVALID, "the key cannot be read%s",
				   password ? "" : "; is it encrypted, and the password missing?");
}

static bool
read_pem(const struct push_import *import, X509 **cert, EVP_PKEY **key, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;

	if (!x509_read_pem(import->file, &certs, err))
		return false;
	*cert = choose(certs);
	return !memmem(import->file.p, import->file.len, "PRIVATE KEY-----", 16) ||
	       read_key(import->file, import->password, key, err);
}


static bool
read_pkcs12(const struct push_import *import, X509 **cert, EVP_PKEY **key, struct err *err)
{
	const unsigned char *p = import->file.p;
	PKCS12 *box = d2i_PKCS12(NULL, &p, (long)import->file.len);
	const ASN1_INTEGER *turns = NULL;
	STACK_OF(X509) *others = NULL;
	bool ok;

	if (!box) {
		ERR_clear_error();
		return false;	/* it is something else */
	}
	if (!cheap(import->file, err)) {
		PKCS12_free(box);
		return false;
	}
	PKCS12_get0_mac(NULL, NULL, NULL, &turns, box);
	ok = (!turns || (ASN1_INTEGER_get(turns) >= 0 && ASN1_INTEGER_get(turns) <= TURNS_MAX)) &&
	     PKCS12_parse(box, import->password ? import->password : "", key, cert, &others) == 1;
	PKCS12_free(box);
	sk_X509_pop_free(others, X509_free);
	if (!ok)
		return err_openssl(err, ERR_INVALID, "the PKCS#12 file cannot be opened; is the password right?");
	return *cert || err_set(err, ERR_INVALID, "the PKCS#12 file holds no certificate");
}

bool
push_file_read(const struct push_import *import, X509 **cert, EVP_PKEY **key, struct err *err)
{
	struct err none = { 0 };
	size_t len;

	*err = (struct err){ 0 };
	if (!import->file.len || import->file.len > PUSH_FILE_MAX || import->key.len > PUSH_FILE_MAX)
		return err_code(err, ERR_INVALID, "not_push_certificate", "a push certificate has 1 to %u bytes", PUSH_FILE_MAX);
	if (is_pem(import->file)) {
		if (!read_pem(import, cert, key, err))
			return false;
	} else if (!asn1_gate(import->file, &len, &none)) {
		return err_code(err, ERR_INVALID, "not_push_certificate", "this is no certificate: neither PEM nor DER nor PKCS#12");
	} else if (!read_pkcs12(import, cert, key, err)) {
		if (err->kind || !x509_read_der(import->file, cert, err))
			return err->kind ? false : err_set(err, ERR_INVALID, "this is no certificate");
	}
	if (!import->key.len)
		return true;
	EVP_PKEY_free(*key);
	*key = NULL;
	return read_key(import->key, import->password, key, err);
}
