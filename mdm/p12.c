#include "mdm/p12.h"
#include "core/text.h"
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#define ROUNDS 2048

/* Encoded, and as long as a mobileconfig may carry. */
static bool
encode(TALLOC_CTX *ctx, PKCS12 *box, struct bytes *ret, struct err *err)
{
	unsigned char *der = NULL;
	int len = i2d_PKCS12(box, &der);

	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "encode a PKCS #12 file");
	if (len > (int)P12_BYTES_MAX) {
		OPENSSL_clear_free(der, (size_t)len);
		return err_set(err, ERR_LIMIT, "a PKCS #12 file of %d bytes", len);
	}
	*ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_clear_free(der, (size_t)len);
	return true;
}

static bool
fits(X509 *cert, EVP_PKEY *key, const char *name, const char *password, struct err *err)
{
	size_t len = strlen(password);

	if (len == 0 || len > P12_PASSWORD_MAX || !text_valid(password, len))
		return err_set(err, ERR_INVALID, "PKCS #12: the password must have 1 to %d bytes of UTF-8", P12_PASSWORD_MAX);
	if (!text_valid(name, strlen(name)) || strlen(name) > P12_NAME_MAX)
		return err_set(err, ERR_INVALID, "PKCS #12: the name must have at most %d bytes of UTF-8", P12_NAME_MAX);
	return X509_check_private_key(cert, key) == 1 ||
	       err_openssl(err, ERR_INVALID, "PKCS #12: certificate and key do not belong together");
}

bool
p12_for_device(TALLOC_CTX *ctx, X509 *cert, EVP_PKEY *key, STACK_OF(X509) *above, const char *name,
	       const char *password, struct bytes *ret, struct err *err)
{
	const int pbe = NID_pbe_WithSHA1And3_Key_TripleDES_CBC, no_mac = -1;
	PKCS12 *box;
	bool ok;

	if (!fits(cert, key, name, password, err))
		return false;
	/* PKCS12_create would make its MAC with SHA-256. */
	box = PKCS12_create(password, name, key, cert, above, pbe, pbe, ROUNDS, no_mac, 0);
	if (!box || PKCS12_set_mac(box, password, -1, NULL, 0, ROUNDS, EVP_sha1()) != 1)
		ok = err_openssl(err, ERR_INTERNAL, "make a PKCS #12 file");
	else
		ok = encode(ctx, box, ret, err);
	PKCS12_free(box);
	return ok;
}
