#pragma once
/*
 * phone - a simulated iPhone: its certificate, and the answers it gives, right ones and forged ones.
 *
 * For the program `device`, which speaks to a server, and for unit tests.  It is a test's tool: what
 * cannot be done ends the program with a line on stderr.
 */
#include "core/x509.h"

/* The Apple of the tests: a root, and under it a device CA with the very names that Apple's have. */
struct phone_ca {
	X509 *root, *cert;
	EVP_PKEY *root_key, *key;
};

struct phone {
	const struct phone_ca *ca;
	const char *udid, *product, *version, *name, *serial;
	X509 *cert;		/* RSA-1024, signed with SHA-1, long expired: as real ones are */
	EVP_PKEY *key;
};

/* The whole list; a right answer is PHONE_HONEST or one of those before PHONE_WRONG_CA. */
#define PHONE_ANSWERS(X) \
	X(HONEST,        "honest",        "as a phone of today answers: BER, SHA-256") \
	X(DER,           "der",           "lengths are definite") \
	X(SHA1,          "sha1",          "as an old phone answers") \
	X(NO_ATTRIBUTES, "no-attributes", "no signed attributes") \
	X(CHALLENGE_DATA,"challenge-data","the challenge is data, not text") \
	X(WRONG_CA,      "wrong-ca",      "a device CA of the same names, but another key") \
	X(ROOT_SIGNED,   "root-signed",   "a certificate right from the root, as no device has it") \
	X(SELF_SIGNED,   "self-signed",   "a certificate that vouches for itself") \
	X(CA_SIGNS,      "ca-signs",      "signed by the device CA itself") \
	X(CIPHER_ONLY,   "cipher-only",   "a certificate that is not for signing") \
	X(CRITICAL,      "critical",      "a certificate with a critical extension that nobody knows") \
	X(OTHER_KEY,     "other-key",     "signed with a key that is not the certificate's") \
	X(TAMPERED,      "tampered",      "one digit of the UDID changed after it was signed") \
	X(MD5,           "md5",           "digest by MD5") \
	X(TWO_SIGNERS,   "two-signers",   "a stranger signed it too") \
	X(NO_SIGNER,     "no-signer",     "certificates, and nobody who signed") \
	X(NO_CERTIFICATE,"no-certificate","its signer's certificate is left out") \
	X(MANY_CERTS,    "many-certs",    "twenty certificates") \
	X(DETACHED,      "detached",      "the content is left out") \
	X(ENVELOPED,     "enveloped",     "encrypted, not signed") \
	X(TRAILING,      "trailing",      "one byte more behind it") \
	X(TRUNCATED,     "truncated",     "its last bytes are missing") \
	X(DEEP,          "deep",          "nested a thousand deep") \
	X(HUGE,          "huge",          "a megabyte") \
	X(UNSIGNED,      "unsigned",      "the attributes alone") \
	X(GARBAGE,       "garbage",       "no ASN.1 at all") \
	X(NO_UDID,       "no-udid",       "the UDID is missing") \
	X(NO_PRODUCT,    "no-product",    "the product is missing") \
	X(NO_CHALLENGE,  "no-challenge",  "the challenge is missing") \
	X(UDID_NUMBER,   "udid-number",   "the UDID is a number") \
	X(UDID_ODD,      "udid-odd",      "the UDID is some other text") \
	X(NAME_LONG,     "name-long",     "a name of ten thousand letters") \
	X(NAME_LINES,    "name-lines",    "a name of several lines") \
	X(TWICE,         "twice",         "the UDID stands twice") \
	X(ARRAY,         "array",         "a list, no dictionary") \
	X(BOMB,          "bomb",          "the property list that unfolds to gigabytes")

enum phone_answer {
#define X(id, name, what) PHONE_##id,
	PHONE_ANSWERS(X)
#undef X
	PHONE_ANSWERS_END
};

extern const char *const phone_answer_names[];
enum phone_answer phone_answer_named(const char *name);

/* From the files root.pem root.key ca.pem ca.key of `dir`, which are made when they are not there. */
struct phone_ca *phone_ca_open(TALLOC_CTX *ctx, const char *dir);
struct phone_ca *phone_ca_new(TALLOC_CTX *ctx);	/* of no files */

struct phone *phone_new(TALLOC_CTX *ctx, const struct phone_ca *ca, const char *udid);

/* What it sends; `asked` ends with NULL, and attributes that it does not know are left out. */
struct bytes phone_answer(TALLOC_CTX *ctx, const struct phone *phone, const char *const *asked,
			  const char *challenge, enum phone_answer kind);

/* Signed as an honest answer is. */
struct bytes phone_sign(TALLOC_CTX *ctx, const struct phone *phone, struct bytes content);

_Noreturn void phone_die(const char *fmt, ...) PRINTF(1, 2);
