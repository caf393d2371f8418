#include "mdm/push_file.h"
#include "core/asn1.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#define PKCS12_TURNS_MAX 2000000

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

static bool
read_key(struct bytes file, const char *password, EVP_PKEY **ret, struct err *err)
{
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(file.p, (int)file.len);

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

/* Each turn of the password's hash costs time; today's tools take some 2,000 to 600,000. */
static bool
too_slow(PKCS12 *box)
{
	const ASN1_INTEGER *turns = NULL;

	PKCS12_get0_mac(NULL, NULL, NULL, &turns, box);
	return turns && (ASN1_INTEGER_get(turns) > PKCS12_TURNS_MAX || ASN1_INTEGER_get(turns) < 0);
}

static bool
read_pkcs12(const struct push_import *import, X509 **cert, EVP_PKEY **key, struct err *err)
{
	const unsigned char *p = import->file.p;
	PKCS12 *box = d2i_PKCS12(NULL, &p, (long)import->file.len);
	STACK_OF(X509) *others = NULL;
	bool ok;

	if (!box) {
		ERR_clear_error();
		return false;	/* it is something else */
	}
	ok = !too_slow(box) && PKCS12_parse(box, import->password ? import->password : "", key, cert, &others) == 1;
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
