#pragma once
/*
 * scep_envelope - the EnvelopedData inside a pkiMessage: walked, and opened with the CA's (or RA's) key.
 *
 * Recipients by key transport with RSA (PKCS#1 v1.5), and a block cipher in CBC mode; passwords, key agreement and
 * authenticated envelopes are refused.  RFC 5652 section 6.  Clients of micromdm envelope for every certificate
 * that GetCACert has, so of several recipients ours is looked for.
 *
 * No oracle: a key that does not come out right is replaced by a random one before anything can tell (the
 * choice is made without a branch), padding is judged without one, and whoever calls answers all that is wrong
 * inside in one and the same way.
 */
#include <openssl/x509.h>
#include "core/mem.h"

#define SCEP_RECIPIENTS_MAX 8

/* failInfo, RFC 8894 section 3.2.1.4. */
enum scep_fail {
	SCEP_FINE = -1, SCEP_BAD_ALG = 0, SCEP_BAD_MESSAGE_CHECK = 1, SCEP_BAD_REQUEST = 2, SCEP_BAD_TIME = 3,
	SCEP_BAD_CERT_ID = 4
};

/* Ciphers: cipher(id, name, key bytes, block bytes, last arc's DER of its OID). */
#define SCEP_CIPHERS(C) \
	C(AES128, "AES-128-CBC",  16, 16, "\x60\x86\x48\x01\x65\x03\x04\x01\x02") \
	C(AES192, "AES-192-CBC",  24, 16, "\x60\x86\x48\x01\x65\x03\x04\x01\x16") \
	C(AES256, "AES-256-CBC",  32, 16, "\x60\x86\x48\x01\x65\x03\x04\x01\x2a") \
	C(DES3,   "DES-EDE3-CBC", 24, 8,  "\x2a\x86\x48\x86\xf7\x0d\x03\x07") \
	C(DES,    "DES-CBC",      8,  8,  "\x2b\x0e\x03\x02\x07")	/* with scep.allow_single_des, to read alone */

enum scep_cipher {
#define C(id, name, key, block, oid) SCEP_##id,
	SCEP_CIPHERS(C)
#undef C
	SCEP_CIPHERS_N
};


/* ---- what comes ---- */

struct scep_envelope {
	enum scep_cipher cipher;
	struct bytes key, iv, content;	/* as sent */
};

/* What is wrong with its shape, or SCEP_FINE; *why belongs to nobody. */
struct scep_rules {
	bool single_des;	/* scep.allow_single_des */
	X509 *decrypter;	/* who we are among several recipients; NULL: there may be but one */
};
enum scep_fail scep_envelope_read(TALLOC_CTX *ctx, struct bytes der, const struct scep_rules *rules,
				  struct scep_envelope *ret, const char **why);

/*
 * RSA with the private key and nothing else: `out` has in.len bytes.  False when `in` cannot be one of its
 * results, which its sender knows.
 */
typedef bool scep_rsa(void *arg, struct bytes in, unsigned char *out);
bool scep_rsa_key(void *key, struct bytes in, unsigned char *out);	/* with an EVP_PKEY */

/*
 * *good false: what came out is noise; go on as if it were not, and refuse at the end.  The plain bytes are
 * wiped when their context ends.  Fails only where OpenSSL does.
 */
bool scep_envelope_open(TALLOC_CTX *ctx, const struct scep_envelope *envelope, scep_rsa *rsa, void *arg,
			struct bytes *plain, bool *good, struct err *err) CHECKED;

/* ---- what goes ---- */

/* For the one who signed: issuer and serial with their heads, and the key, RSA.  Fails only where OpenSSL does. */
bool scep_envelope_write(TALLOC_CTX *ctx, struct bytes plain, enum scep_cipher cipher, struct bytes issuer,
			 struct bytes serial, EVP_PKEY *key, struct bytes *ret, struct err *err) CHECKED;
