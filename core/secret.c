#include "core/secret.h"
#include "core/buf.h"
#include "core/num.h"
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void
secret_random(void *p, size_t len)
{
	char *at = p;

	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n <= 0)
			abort();
		at += n;
		len -= (size_t)n;
	}
}

char *
secret_token(TALLOC_CTX *ctx)
{
	unsigned char bytes[SECRET_BITS / 8];
	struct buf buf;

	secret_random(bytes, sizeof bytes);
	buf_init(&buf, ctx, 64);
	buf_base64url(&buf, bytes, sizeof bytes);
	OPENSSL_cleanse(bytes, sizeof bytes);
	return buf.p;
}

#define ID_CHARS	16
static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";	/* 32, none alike */

char *
secret_id(TALLOC_CTX *ctx)
{
	unsigned char bytes[ID_CHARS];
	char *id = mem_size(ctx, sizeof bytes + 1);

	secret_random(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		id[i] = letters[bytes[i] & 31];
	id[sizeof bytes] = '\0';
	return id;
}

bool
secret_is_id(const char *text)
{
	return strspn(text, letters) == ID_CHARS && !text[ID_CHARS];
}

const char *
secret_hash(const char *token, char hash[SECRET_HASH_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!EVP_Digest(token, strlen(token), digest, &len, EVP_sha256(), NULL) || len != 32)
		abort();
	return num_hex(digest, len, hash);
}

const char *
secret_mac(struct bytes key, const char *text, char mac[SECRET_HASH_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (key.len > INT_MAX || !HMAC(EVP_sha256(), key.p, (int)key.len, (const unsigned char *)text,
				       strlen(text), digest, &len) || len != 32)
		abort();
	return num_hex(digest, len, mac);
}

bool
secret_equal(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}
