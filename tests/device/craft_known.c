/* RFC 5652 by hand, RFC 8894 section 3.2; the order of the fields is theirs. */
#include "tests/device/craft_known.h"
#include "core/asn1.h"
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define must(condition) do { if (!(condition)) must_failed(__LINE__); } while (0)

#define TAG_CONTENT	0x80	/* [0] IMPLICIT OCTET STRING */
#define PIECES		0x24	/* OCTET STRING, constructed */
#define KEY_SIZE	16
#define WIDE		25000
#define OPEN		3000	/* half of them would be depth enough */

/* With ctx at hand, as in asn1.h; TEXT: a literal of bytes as they are. */
#define SEQ(...)	ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, __VA_ARGS__)
#define SET(...)	ASN1_PUT(ctx, ASN1_TAG_SET, __VA_ARGS__)
#define PUT(tag, ...)	ASN1_PUT(ctx, tag, __VA_ARGS__)
#define OCTETS(...)	ASN1_PUT(ctx, ASN1_TAG_OCTETS, __VA_ARGS__)
#define TEXT(literal)	((struct bytes){ literal, sizeof literal - 1 })
#define NOTHING		((struct bytes){ "", 0 })

#define OID_DATA	TEXT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
#define OID_SIGNED	TEXT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
#define OID_ENVELOPED	TEXT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")
#define OID_TYPE	TEXT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03")
#define OID_DIGEST	TEXT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04")
#define OID_SHA256	TEXT("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01")
#define OID_AES128	TEXT("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02")
#define OID_WRAP	TEXT("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x05")	/* id-aes128-wrap */
#define OID_SCEP(n)	TEXT("\x06\x0a\x60\x86\x48\x01\x86\xf8\x45\x01\x09" n)
#define RSA		SEQ(TEXT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"))
#define INTEGER(n)	TEXT("\x02\x01" n)

const struct craft_known_row craft_known_rows[CRAFT_KNOWN_N] = {
#define K(id, name, answer, what) [KNOWN_##id] = { name, what, answer },
	CRAFT_KNOWN(K)
#undef K
};

static void
must_failed(int line)
{
	fprintf(stderr, "craft_known.c:%d: ", line);
	ERR_print_errors_fp(stderr);
	abort();
}

/* ---- certificates ---- */

struct signer {
	struct bytes cert, named;	/* named: IssuerAndSerialNumber */
	EVP_PKEY *key;			/* NULL: nobody has one; what it signs is noise */
};

#define I2D(type) \
	static struct bytes der_of_##type(TALLOC_CTX *ctx, const type *what) \
	{ \
		unsigned char *der = NULL; \
		int len = i2d_##type(what, &der); \
		struct bytes ret; \
	\
		must(len > 0); \
		ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len }; \
		OPENSSL_free(der); \
		return ret; \
	}
I2D(X509)
I2D(X509_NAME)
I2D(ASN1_INTEGER)
#undef I2D

static struct bytes
named(TALLOC_CTX *ctx, X509 *cert)
{
	return SEQ(der_of_X509_NAME(ctx, X509_get_issuer_name(cert)), der_of_ASN1_INTEGER(ctx, X509_get0_serialNumber(cert)));
}

static void
add_empty_usage(X509 *cert, EVP_PKEY *key)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	must(value && ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x30\x00", 2));
	must((extension = X509_EXTENSION_create_by_NID(NULL, NID_ext_key_usage, 0, value)));
	must(X509_add_ext(cert, extension, -1) && X509_sign(cert, key, EVP_sha256()));
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
}

/* INTEGER of so many bits, all of them ones; `last`: its last byte; `negative`: its first bit is its sign. */
static struct bytes
number(TALLOC_CTX *ctx, size_t bits, unsigned char last, bool negative)
{
	size_t len = (bits + 7) / 8, lead = bits % 8 == 0 && bits && !negative;
	unsigned char *p = mem_size(ctx, len + 1);

	p[0] = 0;
	memset(p + lead, 0xff, len);
	if (bits % 8)
		p[0] = (unsigned char)(0xff >> (8 - bits % 8));
	if (len)
		p[lead + len - 1] = last;
	return PUT(ASN1_TAG_INTEGER, (struct bytes){ p, lead + len });
}

static struct bytes
odd_key(TALLOC_CTX *ctx, enum craft_known which)
{
	struct bytes n = number(ctx, 2048, 0xff, false), e = TEXT("\x02\x03\x01\x00\x01");

	switch (which) {
	case KNOWN_KEY_EMPTY:	  n = number(ctx, 0, 0, false); break;
	case KNOWN_KEY_512:	  n = number(ctx, 512, 0xff, false); break;
	case KNOWN_KEY_2047:	  n = number(ctx, 2047, 0xff, false); break;
	case KNOWN_KEY_4097:	  n = number(ctx, 4097, 0xff, false); break;
	case KNOWN_KEY_HUGE:	  n = number(ctx, 100000, 0xff, false); break;
	case KNOWN_KEY_EVEN:	  n = number(ctx, 2048, 0xfe, false); break;
	case KNOWN_KEY_NEGATIVE:  n = number(ctx, 2048, 0xff, true); break;
	case KNOWN_EXPONENT_ONE:  e = INTEGER("\x01"); break;
	case KNOWN_EXPONENT_EVEN: e = INTEGER("\x04"); break;
	case KNOWN_EXPONENT_HUGE: e = number(ctx, 2040, 0xff, false); break;
	default:		  break;
	}
	return SEQ(RSA, PUT(ASN1_TAG_BIT_STRING, TEXT("\0"), SEQ(n, e)));
}

/* RFC 5280 section 4.1, version 1; nobody has its key. */
static struct signer
odd_signer(TALLOC_CTX *ctx, enum craft_known which)
{
	struct bytes name = SEQ(SET(SEQ(TEXT("\x06\x03\x55\x04\x03\x0c\x03odd")))), serial = INTEGER("\x07"),
		     algorithm = SEQ(TEXT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")),
		     validity = SEQ(TEXT("\x17\x0d" "260101000000Z"), TEXT("\x17\x0d" "360101000000Z"));

	return (struct signer){ SEQ(SEQ(serial, algorithm, name, validity, name, odd_key(ctx, which)), algorithm,
				    PUT(ASN1_TAG_BIT_STRING, TEXT("\0" "signed by nobody"))), SEQ(name, serial), NULL };
}

static struct signer
signer(TALLOC_CTX *ctx, enum craft_known which)
{
	EVP_PKEY *key = craft_key(0);
	X509 *cert;

	if (which >= KNOWN_KEY_EMPTY && which <= KNOWN_EXPONENT_HUGE)
		return odd_signer(ctx, which);
	cert = craft_cert(ctx, key, "throw-away");
	if (which == KNOWN_EKU_EMPTY)
		add_empty_usage(cert, key);
	return (struct signer){ der_of_X509(ctx, cert), named(ctx, cert), key };
}

/* ---- the envelope ---- */

static const unsigned char content_key[KEY_SIZE] = "0123456789abcdef", iv[24] = "fedcba9876543210fedcba9";

static struct bytes
encrypted(TALLOC_CTX *ctx, struct bytes plain)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	unsigned char *out = mem_size(ctx, plain.len + 32);
	int len = 0, more = 0;

	must(cipher && EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, content_key, iv) &&
	     EVP_EncryptUpdate(cipher, out, &len, plain.p, (int)plain.len) && EVP_EncryptFinal_ex(cipher, out + len, &more));
	EVP_CIPHER_CTX_free(cipher);
	return (struct bytes){ out, (size_t)(len + more) };
}

static struct bytes
wrapped_key(TALLOC_CTX *ctx, X509 *to)
{
	unsigned char *out = mem_size(ctx, 1024);
	size_t len = 1024;
	EVP_PKEY_CTX *rsa = EVP_PKEY_CTX_new(X509_get0_pubkey(to), NULL);

	must(rsa && EVP_PKEY_encrypt_init(rsa) == 1 && EVP_PKEY_CTX_set_rsa_padding(rsa, RSA_PKCS1_PADDING) == 1 &&
	     EVP_PKEY_encrypt(rsa, out, &len, content_key, KEY_SIZE) == 1);
	EVP_PKEY_CTX_free(rsa);
	return (struct bytes){ out, len };
}

/* RecipientInfo, section 6.2; the others are [1] to [4] IMPLICIT. */
static struct bytes
recipient(TALLOC_CTX *ctx, X509 *to, enum craft_known which)
{
	const struct bytes wrap = SEQ(OID_WRAP), noise = OCTETS(TEXT("twenty-four bytes noise!"));

	switch (which) {
	case KNOWN_NO_RECIPIENTS: return NOTHING;
	case KNOWN_AGREEMENT:	  return PUT(0xa1, INTEGER("\x03"), PUT(ASN1_TAG_CONTEXT_0, named(ctx, to)), wrap,
					     SEQ(SEQ(named(ctx, to), noise)));
	case KNOWN_KEK:		  return PUT(0xa2, INTEGER("\x04"), SEQ(OCTETS(TEXT("a key"))), wrap, noise);
	case KNOWN_PASSWORD:	  return PUT(0xa3, INTEGER("\x00"), wrap, noise);
	case KNOWN_OTHER:	  return PUT(0xa4, OID_DATA);
	case KNOWN_NO_KEY:	  return SEQ(INTEGER("\x00"), named(ctx, to), RSA, OCTETS(NOTHING));
	default:		  return SEQ(INTEGER("\x00"), named(ctx, to), RSA, OCTETS(wrapped_key(ctx, to)));
	}
}

static struct bytes
cipher_of(TALLOC_CTX *ctx, enum craft_known which)
{
	switch (which) {
	case KNOWN_IV_ABSENT: return SEQ(OID_AES128);
	case KNOWN_IV_NULL:   return SEQ(OID_AES128, TEXT("\x05\x00"));
	case KNOWN_IV_EMPTY:  return SEQ(OID_AES128, OCTETS(NOTHING));
	case KNOWN_IV_SHORT:  return SEQ(OID_AES128, OCTETS((struct bytes){ iv, 15 }));
	case KNOWN_IV_LONG:   return SEQ(OID_AES128, OCTETS((struct bytes){ iv, 24 }));
	default:	      return SEQ(OID_AES128, OCTETS((struct bytes){ iv, 16 }));
	}
}

struct bytes
craft_known_envelope(TALLOC_CTX *ctx, const struct craft *c, enum craft_known which)
{
	struct bytes plain = c->inside.p ? c->inside : craft_csr(ctx, c), content, data;

	content = which == KNOWN_NO_CIPHERTEXT ? NOTHING : PUT(TAG_CONTENT, which == KNOWN_EMPTY_CIPHERTEXT ? NOTHING :
							       encrypted(ctx, plain));
	data = SEQ(INTEGER("\x00"), SET(recipient(ctx, c->to, which)), SEQ(OID_DATA, cipher_of(ctx, which), content));
	return which == KNOWN_NO_ENVELOPED_DATA ? SEQ(OID_ENVELOPED) : SEQ(OID_ENVELOPED, PUT(ASN1_TAG_CONTEXT_0, data));
}

/* ---- the signed message ---- */

/* What stands before, so many times the same, and what stands behind. */
static struct bytes
repeated(TALLOC_CTX *ctx, const char two[2], size_t n)
{
	unsigned char *p = mem_size(ctx, 2 * n);

	for (size_t i = 0; i < n; i++)
		memcpy(p + 2 * i, two, 2);
	return (struct bytes){ p, 2 * n };
}

/* Each byte for itself, and all of them ten deep. */
static struct bytes
pieces(TALLOC_CTX *ctx, struct bytes content)
{
	unsigned char *p = mem_size(ctx, 3 * content.len);
	struct bytes all = { p, 3 * content.len };

	for (size_t i = 0; i < content.len; i++) {
		p[3 * i] = ASN1_TAG_OCTETS;
		p[3 * i + 1] = 1;
		p[3 * i + 2] = ((const unsigned char *)content.p)[i];
	}
	for (int i = 0; i < 10; i++)
		all = PUT(PIECES, all);
	return all;
}

static struct bytes
joined(TALLOC_CTX *ctx, struct bytes a, struct bytes b, struct bytes c)
{
	unsigned char *p = mem_size(ctx, a.len + b.len + c.len + 1);

	memcpy(p, a.p, a.len);
	memcpy(p + a.len, b.p, b.len);
	memcpy(p + a.len + b.len, c.p, c.len);
	return (struct bytes){ p, a.len + b.len + c.len };
}

/* eContent, an OCTET STRING in one of the forms that BER has. */
static struct bytes
content_of(TALLOC_CTX *ctx, struct bytes content, enum craft_known which)
{
	switch (which) {
	case KNOWN_PIECES:
		return pieces(ctx, content);
	case KNOWN_BOMB_WIDE:
		return joined(ctx, TEXT("\x24\x80"), repeated(ctx, "\x04\x00", WIDE), TEXT("\0\0"));
	case KNOWN_BOMB_DEEP:
		return joined(ctx, repeated(ctx, "\x24\x80", 40), OCTETS(content), repeated(ctx, "\0\0", 40));
	default:
		return OCTETS(content);
	}
}

static struct bytes
attributes(TALLOC_CTX *ctx, const struct craft *c, struct bytes content, enum craft_known which)
{
	const char *transaction = c->transaction ? c->transaction : "4711";
	const struct bytes id = { transaction, strlen(transaction) };
	unsigned char hash[32];
	size_t len = sizeof hash;

	must(EVP_Q_digest(NULL, "SHA256", NULL, content.p, content.len, hash, &len) == 1);
	return joined(ctx, joined(ctx, SEQ(OID_TYPE, SET(OID_DATA)), SEQ(OID_DIGEST, SET(OCTETS((struct bytes){ hash, len }))),
				  SEQ(OID_SCEP("\x02"), SET(PUT(0x13, TEXT("19"))))),
		      SEQ(OID_SCEP("\x05"), SET(OCTETS(TEXT(CRAFT_NONCE)))),
		      SEQ(OID_SCEP("\x07"), which == KNOWN_EMPTY_VALUES ? SET(NOTHING) : SET(PUT(0x13, id))));
}

static struct bytes
signature(TALLOC_CTX *ctx, EVP_PKEY *key, struct bytes what)
{
	unsigned char *out = mem_size(ctx, 512);
	size_t len = 256;
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	memset(out, 0x5a, len);
	if (key) {
		len = 512;
		must(md && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
		     EVP_DigestSign(md, out, &len, what.p, what.len) == 1);
	}
	EVP_MD_CTX_free(md);
	return (struct bytes){ out, len };
}

static struct bytes
signer_info(TALLOC_CTX *ctx, const struct craft *c, const struct signer *by, struct bytes content, enum craft_known which)
{
	const struct bytes said = attributes(ctx, c, content, which),
			   digest = which == KNOWN_NO_DIGEST_ALGORITHM ? SEQ(NOTHING) : SEQ(OID_SHA256);

	if (which == KNOWN_NO_ATTRIBUTES)
		return SEQ(INTEGER("\x01"), by->named, digest, RSA, OCTETS(signature(ctx, by->key, content)));
	return SEQ(INTEGER("\x01"), by->named, digest, PUT(ASN1_TAG_CONTEXT_0, said), RSA,
		   OCTETS(signature(ctx, by->key, SET(said))));
}

struct bytes
craft_known(TALLOC_CTX *ctx, const struct craft *c, enum craft_known which)
{
	const bool empty = which == KNOWN_NO_CONTENT || which == KNOWN_EMPTY_CONTENT;
	const struct signer by = signer(ctx, which);
	struct bytes content = empty ? NOTHING : craft_known_envelope(ctx, c, which), inner, certificates, signers;

	if (which == KNOWN_BOMB_OPEN)
		return repeated(ctx, "\x30\x80", OPEN);
	if (which == KNOWN_NO_SIGNED_DATA)
		return SEQ(OID_SIGNED);
	inner = which == KNOWN_NO_CONTENT ? SEQ(OID_DATA) :
		SEQ(OID_DATA, PUT(ASN1_TAG_CONTEXT_0, content_of(ctx, content, which)));
	certificates = which == KNOWN_NO_CERTIFICATES ? NOTHING : PUT(ASN1_TAG_CONTEXT_0, by.cert);
	signers = which == KNOWN_NO_SIGNERS ? SET(NOTHING) : SET(signer_info(ctx, c, &by, content, which));
	return SEQ(OID_SIGNED, PUT(ASN1_TAG_CONTEXT_0, SEQ(INTEGER("\x01"), SET(SEQ(OID_SHA256)), inner, certificates, signers)));
}
