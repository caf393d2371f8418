/*
 * Signatures of what is beside them: Mdm-Signature, of which every request of a device brings one.
 *
 * Each thread keeps the keys of the devices that it has heard last, by the SHA-256 of their certificates: decoded they
 * belong to its library context.  Nothing else is remembered: whether a certificate is believed is asked anew each time.
 */
#include "mdm/cms.h"
#include "mdm/cms_thread.h"
#include "mdm/public_key.h"
#include "mdm/signed_data.h"
#include <openssl/err.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>

#define KEPT	256	/* keys of one thread, of some 3 KB each; a new one takes the place of the one in its slot */

struct kept {
	unsigned char hash[SHA256_DIGEST_LENGTH];
	EVP_PKEY *key;		/* NULL: free */
};

static uint64_t keys_id;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
choose_id(void)
{
	keys_id = cms_thread_id();
}

static bool
make_keys(const void *of, OSSL_LIB_CTX *lib, void **ret, struct err *err)
{
	(void)of;
	(void)lib;
	(void)err;
	*ret = mem_array(NULL, struct kept, KEPT);
	return true;
}

static void
release_keys(void *p)
{
	struct kept *keys = p;

	for (size_t i = 0; i < KEPT; i++)
		EVP_PKEY_free(keys[i].key);
	talloc_free(keys);
}

static const struct cms_thread_kind keys_kind = { make_keys, release_keys };

static bool
malformed(struct err *err, const char *why)
{
	ERR_clear_error();
	return err_code(err, ERR_MALFORMED, "bad_cms", "%s", why);
}

static bool
denied(struct err *err, const char *why)
{
	ERR_clear_error();
	return err_code(err, ERR_DENIED, "bad_signature", "%s", why);
}

/* RSA by our own walk; anything else, which only an outside CA's identities may be, by OpenSSL. */
static EVP_PKEY *
read_key(struct bytes spki, const char *kind, OSSL_LIB_CTX *lib)
{
	const unsigned char *p = spki.p;
	EVP_PKEY *key = NULL;
	struct err none;

	if (*kind == 'R')
		return public_key_read(spki, lib, &key, &none) ? key : NULL;
	key = d2i_PUBKEY_ex(NULL, &p, (long)spki.len, lib, NULL);
	ERR_clear_error();
	return key;
}

/* Lent until this thread asks for the next one.  NULL: it may not sign, or its key is none that is taken. */
static EVP_PKEY *
key_of(struct kept *keys, const struct signed_cert *cert, const char *kind, OSSL_LIB_CTX *lib)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	struct kept *slot;
	EVP_PKEY *key;

	SHA256(cert->der.p, cert->der.len, hash);
	slot = &keys[hash[0] % KEPT];
	if (slot->key && memcmp(slot->hash, hash, sizeof hash) == 0)
		return EVP_PKEY_is_a(slot->key, kind) ? slot->key : NULL;
	if (!signed_cert_may_sign(cert) || !(key = read_key(cert->key, kind, lib)))
		return NULL;
	if (!EVP_PKEY_is_a(key, kind)) {
		EVP_PKEY_free(key);
		return NULL;
	}
	EVP_PKEY_free(slot->key);
	slot->key = key;
	memcpy(slot->hash, hash, sizeof hash);
	return key;
}

bool
cms_open_detached(TALLOC_CTX *ctx, struct bytes der, struct bytes content, struct cms_detached *ret, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct signed_data data;
	struct signed_cert cert;
	const char *why, *digest, *kind;
	OSSL_LIB_CTX *lib;
	EVP_PKEY *key;
	void *keys;

	if (der.len > CMS_BYTES_MAX)
		return err_code(err, ERR_LIMIT, "too_large", "a signed message of %zu bytes", der.len);
	if ((why = signed_data_read(here, der, false, &data)))
		return malformed(err, why);
	if (!signed_data_signer(&data, &cert))
		return malformed(err, "its signer's certificate is not there");
	if (!(digest = signed_data_digest(&data, &kind)))
		return denied(err, "it is signed in a way that is not taken here");
	pthread_once(&once, choose_id);
	if (!cms_thread_lib(&lib, err) || !cms_thread_own(keys_id, &keys_kind, NULL, &keys, err))
		return false;
	if (!(key = key_of(keys, &cert, kind, lib)))
		return denied(err, "its signer's certificate is not for signing");
	if (!signed_data_verify(here, &data, content, digest, key, lib))
		return denied(err, "it is not of these bytes");
	*ret = (struct cms_detached){ { mem_copy(ctx, cert.der.p, cert.der.len), cert.der.len }, signed_data_time(&data) };
	return true;
}
