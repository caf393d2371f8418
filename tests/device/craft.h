#pragma once
/*
 * craft - pkiMessages (RFC 8894) as clients send them, and as nobody should: for unit tests, fuzz targets and
 * the bench; and what a CertRep says, taken apart.
 *
 * A test's tool: what cannot be done ends the program with a line on stderr.
 */
#include "core/x509.h"

/* Keys by number, RSA-2048, made when first asked for; they live as long as the process. */
EVP_PKEY *craft_key(int n);
/* A self-signed certificate for it, keyUsage signing and encryption; ends with ctx. */
X509 *craft_cert(TALLOC_CTX *ctx, EVP_PKEY *key, const char *common_name);

/* What can be wrong; CRAFT_HONEST is 0. */
#define CRAFT_FAULTS(F) \
	F(HONEST,            "nothing") \
	F(NO_TYPE,           "no messageType") \
	F(TYPE_TWICE,        "messageType stands twice") \
	F(TYPE_TWO_VALUES,   "messageType has two values") \
	F(TYPE_UTF8,         "messageType is a UTF8String") \
	F(NO_TRANSACTION,    "no transactionID") \
	F(TRANSACTION_TWICE, "transactionID stands twice") \
	F(TRANSACTION_LONG,  "a transactionID of 300 characters") \
	F(TRANSACTION_ODD,   "a transactionID with a control character") \
	F(NO_NONCE,          "no senderNonce") \
	F(NONCE_TWICE,       "senderNonce stands twice") \
	F(NONCE_LONG,        "a senderNonce of 65 bytes") \
	F(NO_CERTIFICATE,    "the signer's certificate is left out") \
	F(MANY_CERTS,        "twenty certificates") \
	F(NO_SIGNER,         "nobody signed") \
	F(TWO_SIGNERS,       "two signed") \
	F(SIGNATURE,         "its signature is changed") \
	F(TAMPERED,          "one byte of the content changed after it was signed") \
	F(NO_CONTENT,        "the content is left out") \
	F(TRAILING,          "one byte more behind it") \
	F(TRUNCATED,         "its last bytes are missing") \
	F(DEEP,              "nested a hundred deep") \
	F(HUGE,              "70,000 bytes") \
	F(EC_SIGNER,         "signed by an elliptic curve") \
	F(SMALL_SIGNER,      "signed by RSA-1024") \
	F(NOT_ENVELOPED,     "the request as it is, not enveloped") \
	F(ENVELOPE_DEEP,     "an envelope nested a hundred deep") \
	F(PASSWORD,          "enveloped for a password") \
	F(AGREEMENT,         "enveloped by key agreement") \
	F(TWO_RECIPIENTS,    "enveloped for two others") \
	F(GCM,               "AuthEnvelopedData") \
	F(OAEP,              "enveloped by RSA-OAEP") \
	F(IV_SHORT,          "an IV of eight bytes for AES") \
	F(KEY_NOISE,         "its content key is random bytes") \
	F(KEY_HUGE,          "its content key is larger than the modulus") \
	F(KEY_SHORT,         "enveloped for a key of 1024 bits") \
	F(PADDING,           "its last block was changed") \
	F(CSR_SIGNATURE,     "the request inside is not signed by its key") \
	F(CSR_TWO_CHALLENGES,"the request inside has two challenges") \
	F(CSR_TRAILING,      "something follows the request inside") \
	F(CSR_MD5,           "the request inside is signed with MD5") \
	F(CSR_SMALL,         "the request inside is for RSA-1024") \
	F(CSR_EC,            "the request inside is for an elliptic curve") \
	F(CSR_CA,            "the request inside asks to be a CA")

enum craft_fault {
#define F(id, what) CRAFT_##id,
	CRAFT_FAULTS(F)
#undef F
	CRAFT_FAULTS_N
};
extern const char *const craft_fault_names[];

/* Zero or NULL: as a client of today does. */
struct craft {
	const char *type;		/* "19" */
	const char *transaction;	/* "4711" */
	const char *challenge;		/* none */
	const char *subject;		/* its CN: "asked for" */
	EVP_PKEY *key;			/* craft_key(0) */
	X509 *signer;			/* a throw-away certificate of `key` */
	EVP_PKEY *signer_key;		/* `key` */
	X509 *to;			/* must be given: the CA, or its RA */
	STACK_OF(X509) *to_also;	/* nobody */
	const char *cipher, *digest;	/* "AES-128-CBC", "SHA256" */
	struct bytes inside;		/* a PKCS#10 */
	bool ber;			/* indefinite lengths */
	enum craft_fault fault;
};

#define CRAFT_NONCE	"sixteen bytes ok"	/* the senderNonce of all of them */

struct bytes craft(TALLOC_CTX *ctx, const struct craft *c);
struct bytes craft_csr(TALLOC_CTX *ctx, const struct craft *c);

/* ---- a CertRep ---- */
struct craft_reply {
	const char *type, *status, *fail, *transaction;	/* NULL: none, several, or of the wrong type */
	struct bytes recipient_nonce, sender_nonce;
	X509 *signer;			/* as the reply brings it; ends with ctx */
	const char *signature;		/* name of its signatureAlgorithm */
	bool content;			/* there is an eContent */
	const char *cipher;		/* of the envelope */
	STACK_OF(X509) *certs;		/* inside of it; ends with ctx; NULL: none */
};

/* Verifies its signature, and opens it with the key; a reply that cannot be read ends the program. */
struct craft_reply craft_read(TALLOC_CTX *ctx, struct bytes reply, X509 *mine, EVP_PKEY *key);
