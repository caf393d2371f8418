#include "core/seal.h"
#include "core/secret.h"
#include <ctype.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define VERSION		1
#define SALT_SIZE	16
#define KEY_SIZE	32
#define NONCE_SIZE	12
#define TAG_SIZE	16
#define HEAD_SIZE	(1 + SALT_SIZE)
#define INFO		"pomona seal 1"

_Static_assert(HEAD_SIZE + TAG_SIZE <= SEAL_OVERHEAD, "SEAL_OVERHEAD is too small");

struct sealer {
	unsigned char *master;
	size_t len;
};

static int
wipe_sealer(struct sealer *sealer)
{
	OPENSSL_cleanse(sealer->master, sealer->len);
	return 0;
}

bool
sealer_new(TALLOC_CTX *ctx, struct bytes master, struct sealer **ret, struct err *err)
{
	const unsigned char *p = master.p;
	size_t len = master.len;
	struct sealer *sealer;

	while (len && isspace(p[len - 1]))
		len--;
	for (; len && isspace(*p); p++)
		len--;
	if (len < SEAL_MASTER_MIN)
		return err_set(err, ERR_INVALID, "a master key of %zu bytes is too short; %d is the least", len, SEAL_MASTER_MIN);
	sealer = mem_new(ctx, struct sealer);
	sealer->master = mem_copy(sealer, p, len);
	sealer->len = len;
	talloc_set_destructor(sealer, wipe_sealer);
	*ret = sealer;
	return true;
}

struct secrets {
	unsigned char key[KEY_SIZE], nonce[NONCE_SIZE];
};

static bool
derive(const struct sealer *sealer, const unsigned char *salt, struct secrets *ret, struct err *err)
{
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, sealer->master, sealer->len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, SALT_SIZE),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)INFO, sizeof INFO - 1),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *kdf_ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	bool ok = kdf_ctx && EVP_KDF_derive(kdf_ctx, (unsigned char *)ret, sizeof *ret, params) == 1;

	EVP_KDF_CTX_free(kdf_ctx);
	EVP_KDF_free(kdf);
	return ok || err_openssl(err, ERR_INTERNAL, "derive a key");
}

_Static_assert(sizeof(struct secrets) == KEY_SIZE + NONCE_SIZE, "secrets are derived in one piece");

static bool
encrypt(EVP_CIPHER_CTX *gcm, const struct secrets *secrets, const char *name, struct bytes plain, unsigned char *to)
{
	int len = 0, last = 0;

	return gcm && EVP_EncryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, secrets->key, secrets->nonce) == 1 &&
	       EVP_EncryptUpdate(gcm, NULL, &last, (const unsigned char *)name, (int)strlen(name)) == 1 &&
	       EVP_EncryptUpdate(gcm, to, &len, plain.p ? plain.p : "", (int)plain.len) == 1 &&
	       EVP_EncryptFinal_ex(gcm, to + len, &last) == 1 && (size_t)(len + last) == plain.len &&
	       EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, to + plain.len) == 1;
}

bool
seal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *name, struct bytes plain, struct bytes *ret,
     struct err *err)
{
	size_t size = HEAD_SIZE + plain.len + TAG_SIZE;
	struct secrets secrets;
	EVP_CIPHER_CTX *gcm;
	unsigned char *out;
	bool ok;

	if (plain.len > SEAL_MAX)
		return err_set(err, ERR_LIMIT, "%zu bytes are too many to be sealed", plain.len);
	out = mem_size(ctx, size);
	out[0] = VERSION;
	secret_random(out + 1, SALT_SIZE);
	if (!derive(sealer, out + 1, &secrets, err))
		return false;
	gcm = EVP_CIPHER_CTX_new();
	ok = encrypt(gcm, &secrets, name, plain, out + HEAD_SIZE);
	EVP_CIPHER_CTX_free(gcm);
	OPENSSL_cleanse(&secrets, sizeof secrets);
	if (!ok)
		return err_openssl(err, ERR_INTERNAL, "seal %s", name);
	*ret = (struct bytes){ out, size };
	return true;
}

static int
wipe(unsigned char *plain)
{
	OPENSSL_cleanse(plain, talloc_get_size(plain));
	return 0;
}

/* Nothing of what came out is used before the tag was right. */
static bool
decrypt(EVP_CIPHER_CTX *gcm, const struct secrets *secrets, const char *name, struct bytes sealed, unsigned char *to)
{
	unsigned char tag[TAG_SIZE];
	int len = 0, last = 0;
	size_t n = sealed.len - TAG_SIZE;

	memcpy(tag, (const unsigned char *)sealed.p + n, TAG_SIZE);
	return gcm && EVP_DecryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, secrets->key, secrets->nonce) == 1 &&
	       EVP_DecryptUpdate(gcm, NULL, &last, (const unsigned char *)name, (int)strlen(name)) == 1 &&
	       EVP_DecryptUpdate(gcm, to, &len, sealed.p, (int)n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
	       EVP_DecryptFinal_ex(gcm, to + len, &last) == 1 && (size_t)(len + last) == n;
}

bool
unseal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *name, struct bytes sealed, struct bytes *ret,
       struct err *err)
{
	const unsigned char *in = sealed.p;
	struct secrets secrets;
	EVP_CIPHER_CTX *gcm;
	unsigned char *plain;
	size_t len;
	bool ok;

	if (sealed.len < HEAD_SIZE + TAG_SIZE || in[0] != VERSION || sealed.len > SEAL_MAX + SEAL_OVERHEAD)
		return err_code(err, ERR_CONFLICT, "unknown_seal", "%s is not sealed in a way that this program knows", name);
	len = sealed.len - HEAD_SIZE - TAG_SIZE;
	plain = mem_size(ctx, len + 1);
	plain[len] = '\0';
	talloc_set_destructor(plain, wipe);
	if (!derive(sealer, in + 1, &secrets, err))
		return false;
	gcm = EVP_CIPHER_CTX_new();
	ok = decrypt(gcm, &secrets, name, (struct bytes){ in + HEAD_SIZE, sealed.len - HEAD_SIZE }, plain);
	EVP_CIPHER_CTX_free(gcm);
	OPENSSL_cleanse(&secrets, sizeof secrets);
	ERR_clear_error();
	if (!ok) {
		talloc_free(plain);
		return err_code(err, ERR_CONFLICT, "wrong_key", "%s was sealed with another master key, or was changed since", name);
	}
	*ret = (struct bytes){ plain, len };
	return true;
}
