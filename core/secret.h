#pragma once
/*
 * secret - random tokens, and what is kept of them.
 *
 * A token is shown once and kept as a hash: who reads the database cannot use it.  Tokens are
 * random, so a plain SHA-256 suffices; passwords are not (catalog/person uses argon2id).
 */
#include "core/mem.h"

#define SECRET_BITS 160			/* a token: 27 characters of base64url */
#define SECRET_HASH_SIZE 65		/* SHA-256 in hex and NUL */

char *secret_token(TALLOC_CTX *ctx);			/* base64url text of SECRET_BITS */
char *secret_id(TALLOC_CTX *ctx);			/* 80 bits, lower-case letters and digits: a row's id */
bool secret_is_id(const char *text);			/* could it be one? */
void secret_random(void *p, size_t len);		/* aborts when the system has no randomness */
const char *secret_hash(const char *token, char hash[SECRET_HASH_SIZE]);	/* returns hash */
bool secret_equal(const char *a, const char *b);	/* in constant time for equal lengths */

/* HMAC-SHA256 of `text` in hex, for what a token alone cannot be: derived again, or short. */
const char *secret_mac(struct bytes key, const char *text, char mac[SECRET_HASH_SIZE]);	/* returns mac */
