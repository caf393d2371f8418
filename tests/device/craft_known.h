#pragma once
/*
 * craft_known - pkiMessages that known defects of OpenSSL's CMS and of SCEP servers were about: what is optional in
 * RFC 5652 left out, other kinds of recipients, parameters of wrong sizes, keys of odd ones, lengths that never end.
 *
 * Written element by element, and signed as they should be where anybody can sign them: each has the one fault that it
 * is named after, and is taken but for that.  A test's tool, as craft.h.
 */
#include "tests/device/craft.h"

#define CRAFT_TAKEN	(-1)
#define CRAFT_GARBAGE	(-2)	/* nothing that could be answered: 400 */
#define CRAFT_INSIDE	(-3)	/* taken, and nothing but noise comes out of its envelope: failInfo 2 */

/* known(id, name of its seed, the answer it must get: failInfo or one of the above, what it is) */
#define CRAFT_KNOWN(K) \
	K(WHOLE,               "whole",               CRAFT_TAKEN,   "nothing is wrong") \
	K(NO_SIGNED_DATA,      "no_signed_data",      CRAFT_GARBAGE, "signedData without its content") \
	K(NO_CONTENT,          "no_content",          CRAFT_GARBAGE, "SignedData that encloses no content") \
	K(EMPTY_CONTENT,       "empty_content",       2,             "SignedData that encloses an empty one") \
	K(NO_CERTIFICATES,     "no_certificates",     CRAFT_GARBAGE, "SignedData without certificates") \
	K(NO_SIGNERS,          "no_signers",          CRAFT_GARBAGE, "SignedData with no signers") \
	K(NO_ATTRIBUTES,       "no_attributes",       CRAFT_GARBAGE, "a signer without signed attributes") \
	K(EMPTY_VALUES,        "empty_values",        CRAFT_GARBAGE, "a transactionID that is a set of no values") \
	K(NO_DIGEST_ALGORITHM, "no_digest_algorithm", 0,             "a signer whose digest algorithm is an empty sequence") \
	K(NO_ENVELOPED_DATA,   "no_enveloped_data",   2,             "envelopedData without its content") \
	K(NO_CIPHERTEXT,       "no_ciphertext",       2,             "EnvelopedData without encryptedContent") \
	K(EMPTY_CIPHERTEXT,    "empty_ciphertext",    2,             "EnvelopedData with an empty one") \
	K(NO_RECIPIENTS,       "no_recipients",       2,             "EnvelopedData with no recipients") \
	K(AGREEMENT,           "agreement",           2,             "KeyAgreeRecipientInfo") \
	K(KEK,                 "kek",                 2,             "KEKRecipientInfo") \
	K(PASSWORD,            "password",            2,             "PasswordRecipientInfo without its optional parts") \
	K(OTHER,               "other",               2,             "OtherRecipientInfo without a value") \
	K(NO_KEY,              "no_key",              CRAFT_INSIDE,  "an encrypted key of no bytes") \
	K(IV_ABSENT,           "iv_absent",           2,             "a cipher without parameters") \
	K(IV_NULL,             "iv_null",             2,             "a cipher whose parameters are NULL") \
	K(IV_EMPTY,            "iv_empty",            2,             "an IV of no bytes") \
	K(IV_SHORT,            "iv_short",            2,             "an IV of 15 bytes") \
	K(IV_LONG,             "iv_long",             2,             "an IV of 24 bytes") \
	K(EKU_EMPTY,           "eku_empty",           CRAFT_TAKEN,   "a signer's certificate with an empty extKeyUsage") \
	K(KEY_EMPTY,           "key_empty",           0,             "a signer's RSA key of no bytes") \
	K(KEY_512,             "key_512",             0,             "one of 512 bits") \
	K(KEY_2047,            "key_2047",            0,             "one of 2,047 bits") \
	K(KEY_4097,            "key_4097",            0,             "one of 4,097 bits") \
	K(KEY_HUGE,            "key_huge",            0,             "one of 100,000 bits") \
	K(KEY_EVEN,            "key_even",            0,             "an even modulus") \
	K(KEY_NEGATIVE,        "key_negative",        0,             "a negative modulus") \
	K(EXPONENT_ONE,        "exponent_one",        0,             "an exponent of one") \
	K(EXPONENT_EVEN,       "exponent_even",       0,             "an even exponent") \
	K(EXPONENT_HUGE,       "exponent_huge",       0,             "an exponent as long as the modulus") \
	K(PIECES,              "pieces",              CRAFT_TAKEN,   "the content in pieces of one byte, ten deep") \
	K(BOMB_WIDE,           "bomb_wide",           CRAFT_GARBAGE, "the content in 25,000 empty pieces of an indefinite length") \
	K(BOMB_DEEP,           "bomb_deep",           CRAFT_GARBAGE, "the content forty indefinite lengths deep") \
	K(BOMB_OPEN,           "bomb_open",           CRAFT_GARBAGE, "thousands of indefinite lengths that never end")

enum craft_known {
#define K(id, name, answer, what) KNOWN_##id,
	CRAFT_KNOWN(K)
#undef K
	CRAFT_KNOWN_N
};
extern const struct craft_known_row { const char *name, *what; int answer; } craft_known_rows[CRAFT_KNOWN_N];

/* Of c: to, challenge, transaction, subject and inside; by craft_key(0). */
struct bytes craft_known(TALLOC_CTX *ctx, const struct craft *c, enum craft_known which);
struct bytes craft_known_envelope(TALLOC_CTX *ctx, const struct craft *c, enum craft_known which);	/* in it, signed by nobody */
