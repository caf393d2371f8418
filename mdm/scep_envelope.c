#include "mdm/scep_envelope.h"
#include "core/asn1.h"
#include "core/secret.h"
#include "mdm/cms_thread.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

#define TAG_CONTENT		0x80	/* [0] IMPLICIT OCTET STRING */
#define RSA_BYTES_MAX		1024
#define BLOCK_MAX		16
#define KEY_MAX			32

static const struct {
	const char *name;
	size_t key, block;
	struct bytes oid;
} ciphers[] = {
#define C(id, name, key, block, oid) [SCEP_##id] = { name, key, block, { oid, sizeof oid - 1 } },
	SCEP_CIPHERS(C)
#undef C
};

static const struct bytes
	oid_enveloped = { "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", 9 },
	oid_data = { "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9 },
	oid_rsa = { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 };

/* ---- its shape ---- */

static bool
next(struct bytes *rest, uint8_t tag, struct asn1 *ret)
{
	return asn1_take(rest, tag, ret, NULL);
}

/* Serial numbers of ours are random and long: who has the same one is meant to be us. */
static bool
is_serial(const struct asn1 *serial, X509 *cert)
{
	const ASN1_INTEGER *number = X509_get0_serialNumber(cert);
	size_t len = (size_t)ASN1_STRING_length(number);
	const unsigned char *p = serial->content.p;
	struct bytes content = serial->content;

	if (content.len == len + 1 && p[0] == 0)	/* a leading zero, where the first bit is set */
		content = (struct bytes){ p + 1, len };
	return serial->tag == ASN1_TAG_INTEGER && content.len == len &&
	       memcmp(content.p, ASN1_STRING_get0_data(number), len) == 0;
}

/* IssuerAndSerialNumber, or [0] the key's id. */
static bool
is_us(struct asn1 whom, X509 *cert)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(cert);
	struct asn1 issuer, serial;

	if (whom.tag == ASN1_TAG_SEQUENCE)
		return next(&whom.content, ASN1_TAG_SEQUENCE, &issuer) && asn1_next(&whom.content, &serial) &&
		       is_serial(&serial, cert);
	return whom.tag == TAG_CONTENT && id && whom.content.len == (size_t)ASN1_STRING_length(id) &&
	       memcmp(whom.content.p, ASN1_STRING_get0_data(id), whom.content.len) == 0;
}

/* KeyTransRecipientInfo { version, IssuerAndSerial or key id, algorithm, key } */
static enum scep_fail
read_recipient(TALLOC_CTX *ctx, struct bytes recipient, struct asn1 *whom, struct bytes *ret, const char **why)
{
	struct asn1 version, algorithm, oid, key;

	*why = "its recipient is malformed";
	if (!next(&recipient, ASN1_TAG_INTEGER, &version) || !asn1_next(&recipient, whom) ||
	    !next(&recipient, ASN1_TAG_SEQUENCE, &algorithm) || !asn1_next(&recipient, &key) || recipient.len ||
	    !asn1_string(ctx, &key, ASN1_TAG_OCTETS, ret) || !ret->len)
		return SCEP_BAD_REQUEST;
	*why = "its key is not enveloped by RSA";
	if (!asn1_next(&algorithm.content, &oid) || !asn1_is(&oid, oid_rsa))
		return SCEP_BAD_ALG;
	return SCEP_FINE;
}

/* A single one is taken for us, whomever it names: if it is not, what comes out is noise. */
static enum scep_fail
read_recipients(TALLOC_CTX *ctx, struct bytes set, X509 *us, struct scep_envelope *envelope, const char **why)
{
	struct asn1 recipient, whom;
	struct bytes key, mine = { 0 };
	enum scep_fail fail;
	size_t n = 0;

	while (set.len) {
		*why = "its envelope is not for recipients by key transport, or for too many";
		if (!next(&set, ASN1_TAG_SEQUENCE, &recipient) || n++ == SCEP_RECIPIENTS_MAX)
			return SCEP_BAD_REQUEST;
		fail = read_recipient(ctx, recipient.content, &whom, &key, why);
		if (fail != SCEP_FINE)
			return fail;
		if (!mine.p && us && is_us(whom, us))
			mine = key;
	}
	*why = "its envelope is for others";
	if (n != 1 && !mine.p)
		return SCEP_BAD_REQUEST;
	envelope->key = n == 1 ? key : mine;
	return SCEP_FINE;
}

/* EncryptedContentInfo { data, algorithm { OID, iv }, [0] content } */
static enum scep_fail
read_content(TALLOC_CTX *ctx, struct bytes info, bool single_des, struct scep_envelope *envelope, const char **why)
{
	struct asn1 type, algorithm, oid, iv, content;
	size_t i = 0;

	*why = "what its envelope holds is malformed";
	if (!asn1_next(&info, &type) || !asn1_is(&type, oid_data) || !next(&info, ASN1_TAG_SEQUENCE, &algorithm) ||
	    !asn1_next(&algorithm.content, &oid))
		return SCEP_BAD_REQUEST;
	*why = "its cipher is not taken here";
	while (i < SCEP_CIPHERS_N && !asn1_is(&oid, ciphers[i].oid))
		i++;
	if (i == SCEP_CIPHERS_N || (i == SCEP_DES && !single_des))
		return SCEP_BAD_ALG;
	*why = "what its envelope holds is malformed";
	if (!next(&algorithm.content, ASN1_TAG_OCTETS, &iv) || iv.content.len != ciphers[i].block ||
	    !asn1_next(&info, &content) || info.len ||
	    !asn1_string(ctx, &content, TAG_CONTENT, &envelope->content) ||
	    !envelope->content.len || envelope->content.len % ciphers[i].block)
		return SCEP_BAD_REQUEST;
	envelope->iv = iv.content;
	envelope->cipher = (enum scep_cipher)i;
	return SCEP_FINE;
}

/* ContentInfo { envelopedData, [0] { version, SET recipients, content, [1] attributes } }: no originator. */
enum scep_fail
scep_envelope_read(TALLOC_CTX *ctx, struct bytes der, const struct scep_rules *rules, struct scep_envelope *ret,
		   const char **why)
{
	struct asn1 outer, type, explicit, enveloped, version, recipients, content;
	struct scep_envelope envelope;
	enum scep_fail fail;
	struct err none;
	size_t len;

	*why = "what is signed is no envelope";
	if (!asn1_gate(der, &len, &none) || len != der.len || !next(&der, ASN1_TAG_SEQUENCE, &outer) ||
	    !asn1_next(&outer.content, &type) || !asn1_is(&type, oid_enveloped) ||
	    !next(&outer.content, ASN1_TAG_CONTEXT_0, &explicit) ||
	    !next(&explicit.content, ASN1_TAG_SEQUENCE, &enveloped) ||
	    !next(&enveloped.content, ASN1_TAG_INTEGER, &version) ||
	    !next(&enveloped.content, ASN1_TAG_SET, &recipients) ||
	    !next(&enveloped.content, ASN1_TAG_SEQUENCE, &content))
		return SCEP_BAD_REQUEST;
	fail = read_recipients(ctx, recipients.content, rules->decrypter, &envelope, why);
	if (fail == SCEP_FINE)
		fail = read_content(ctx, content.content, rules->single_des, &envelope, why);
	if (fail == SCEP_FINE)
		*ret = envelope;
	return fail;
}

/* ---- opened ---- */

bool
scep_rsa_key(void *key, struct bytes in, unsigned char *out)
{
	EVP_PKEY_CTX *rsa = NULL;
	OSSL_LIB_CTX *lib;
	struct err none;
	size_t len = in.len;
	bool ok;

	ok = cms_thread_lib(&lib, &none) && (rsa = EVP_PKEY_CTX_new_from_pkey(lib, key, NULL)) &&
	     EVP_PKEY_decrypt_init(rsa) == 1 && EVP_PKEY_CTX_set_rsa_padding(rsa, RSA_NO_PADDING) == 1 &&
	     EVP_PKEY_decrypt(rsa, out, &len, in.p, in.len) == 1 && len == in.len;
	EVP_PKEY_CTX_free(rsa);
	ERR_clear_error();
	return ok;
}

/* 0xff when a is 0, else 0; for bytes. */
static unsigned char
zero(unsigned a)
{
	return (unsigned char)((a - 1) >> 8);
}

/*
 * 00 02 nonzero... 00 key, RFC 8017 section 7.2.2: the key's size is known, so its place is.  What does not
 * look so leaves the random key in place.
 */
static unsigned char
unpad_key(const unsigned char *padded, size_t len, unsigned char *key, size_t key_len)
{
	size_t zero_at = len - key_len - 1;
	unsigned char good = zero(padded[0]) & zero(padded[1] ^ 2u) & zero(padded[zero_at]);

	for (size_t i = 2; i < zero_at; i++)
		good &= (unsigned char)~zero(padded[i]);
	for (size_t i = 0; i < key_len; i++)
		key[i] = (unsigned char)((good & padded[zero_at + 1 + i]) | (~good & key[i]));
	return good;
}

/* RFC 5652 section 6.3; the length of what comes before, and all of it when the padding is none. */
static size_t
unpad_content(const unsigned char *p, size_t len, size_t block, unsigned char *good)
{
	unsigned pad = p[len - 1];
	unsigned char fits = (unsigned char)(~zero(pad) & (unsigned char)((pad - (unsigned)block - 1) >> 8));

	for (size_t i = 0; i < block; i++) {
		unsigned char inside = (unsigned char)(((unsigned)i - pad) >> 8);

		fits &= (unsigned char)(zero(p[len - 1 - i] ^ pad) | ~inside);
	}
	*good &= fits;
	return len - (pad & fits);
}

static OSSL_LIB_CTX *legacy;
static pthread_once_t legacy_once = PTHREAD_ONCE_INIT;

/* Its own library context: nothing else of the process can come to use what is in there. */
static void
load_legacy(void)
{
	OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();

	if (lib && !OSSL_PROVIDER_load(lib, "legacy")) {
		OSSL_LIB_CTX_free(lib);
		lib = NULL;
	}
	legacy = lib;
}

static bool
decrypt(const struct scep_envelope *envelope, const unsigned char *key, unsigned char *plain, struct err *err)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher = NULL;
	OSSL_LIB_CTX *lib;
	int len = 0, more = 0;
	bool ok;

	if (envelope->cipher == SCEP_DES)
		pthread_once(&legacy_once, load_legacy);
	ok = envelope->cipher == SCEP_DES ? (lib = legacy) != NULL : cms_thread_lib(&lib, err);
	ok = ok && ctx && (cipher = EVP_CIPHER_fetch(lib, ciphers[envelope->cipher].name, NULL)) &&
	     EVP_DecryptInit_ex2(ctx, cipher, key, envelope->iv.p, NULL) == 1 &&
	     EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	     EVP_DecryptUpdate(ctx, plain, &len, envelope->content.p, (int)envelope->content.len) == 1 &&
	     EVP_DecryptFinal_ex(ctx, plain + len, &more) == 1 && (size_t)(len + more) == envelope->content.len;
	EVP_CIPHER_free(cipher);
	EVP_CIPHER_CTX_free(ctx);
	return ok || err_openssl(err, ERR_INTERNAL, "decrypt with %s", ciphers[envelope->cipher].name);
}

static int
wipe(void *plain)
{
	OPENSSL_cleanse(plain, talloc_get_size(plain));
	return 0;
}

bool
scep_envelope_open(TALLOC_CTX *ctx, const struct scep_envelope *envelope, scep_rsa *rsa, void *arg,
		   struct bytes *plain, bool *good, struct err *err)
{
	size_t len = envelope->key.len, key_len = ciphers[envelope->cipher].key, plain_len;
	unsigned char padded[RSA_BYTES_MAX] = { 0 }, key[KEY_MAX], *out;
	unsigned char right = 0;
	bool ok;

	out = mem_size(ctx, envelope->content.len + BLOCK_MAX);
	talloc_set_destructor((void *)out, wipe);
	secret_random(key, sizeof key);
	if (len <= RSA_BYTES_MAX && len >= key_len + 11 && rsa(arg, envelope->key, padded))
		right = unpad_key(padded, len, key, key_len);
	ok = decrypt(envelope, key, out, err);
	OPENSSL_cleanse(padded, sizeof padded);
	OPENSSL_cleanse(key, sizeof key);
	if (!ok)
		return false;
	plain_len = unpad_content(out, envelope->content.len, ciphers[envelope->cipher].block, &right);
	*plain = (struct bytes){ out, plain_len };
	*good = right != 0;
	return true;
}

/* ---- what goes ---- */

static bool
encrypt(TALLOC_CTX *ctx, struct bytes plain, enum scep_cipher which, const unsigned char *key, const unsigned char *iv,
	struct bytes *ret, struct err *err)
{
	unsigned char *out = mem_size(ctx, plain.len + BLOCK_MAX);
	EVP_CIPHER_CTX *to = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher = NULL;
	OSSL_LIB_CTX *lib;
	int len = 0, more = 0;
	bool ok;

	ok = cms_thread_lib(&lib, err) && to && (cipher = EVP_CIPHER_fetch(lib, ciphers[which].name, NULL)) &&
	     EVP_EncryptInit_ex2(to, cipher, key, iv, NULL) == 1 &&
	     EVP_EncryptUpdate(to, out, &len, plain.p, (int)plain.len) == 1 &&
	     EVP_EncryptFinal_ex(to, out + len, &more) == 1;
	EVP_CIPHER_free(cipher);
	EVP_CIPHER_CTX_free(to);
	*ret = (struct bytes){ out, (size_t)(len + more) };
	return ok || err_openssl(err, ERR_INTERNAL, "encrypt with %s", ciphers[which].name);
}

static bool
seal_key(TALLOC_CTX *ctx, struct bytes content_key, EVP_PKEY *key, struct bytes *ret, struct err *err)
{
	size_t len = RSA_BYTES_MAX;
	unsigned char *out = mem_size(ctx, len);
	EVP_PKEY_CTX *rsa = NULL;
	OSSL_LIB_CTX *lib;
	bool ok;

	ok = cms_thread_lib(&lib, err) && (rsa = EVP_PKEY_CTX_new_from_pkey(lib, key, NULL)) &&
	     EVP_PKEY_encrypt_init(rsa) == 1 && EVP_PKEY_CTX_set_rsa_padding(rsa, RSA_PKCS1_PADDING) == 1 &&
	     EVP_PKEY_encrypt(rsa, out, &len, content_key.p, content_key.len) == 1;
	EVP_PKEY_CTX_free(rsa);
	*ret = (struct bytes){ out, len };
	return ok || err_openssl(err, ERR_INTERNAL, "envelope a key");
}

bool
scep_envelope_write(TALLOC_CTX *ctx, struct bytes plain, enum scep_cipher cipher, struct bytes issuer,
		    struct bytes serial, EVP_PKEY *key, struct bytes *ret, struct err *err)
{
	static const struct bytes zero_version = { "\x02\x01\x00", 3 }, null = { "\x05\x00", 2 };
	unsigned char content_key[KEY_MAX], iv[BLOCK_MAX];
	struct bytes sealed_key, content, recipient, algorithm, info, enveloped;
	bool ok;

	secret_random(content_key, sizeof content_key);
	secret_random(iv, sizeof iv);
	ok = seal_key(ctx, (struct bytes){ content_key, ciphers[cipher].key }, key, &sealed_key, err) &&
	     encrypt(ctx, plain, cipher, content_key, iv, &content, err);
	OPENSSL_cleanse(content_key, sizeof content_key);
	if (!ok)
		return false;
	recipient = ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, zero_version, ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, issuer, serial),
			     ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, ASN1_PUT(ctx, ASN1_TAG_OID, oid_rsa), null),
			     ASN1_PUT(ctx, ASN1_TAG_OCTETS, sealed_key));
	algorithm = ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, ASN1_PUT(ctx, ASN1_TAG_OID, ciphers[cipher].oid),
			     ASN1_PUT(ctx, ASN1_TAG_OCTETS, (struct bytes){ iv, ciphers[cipher].block }));
	info = ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, ASN1_PUT(ctx, ASN1_TAG_OID, oid_data), algorithm,
			ASN1_PUT(ctx, TAG_CONTENT, content));
	enveloped = ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, zero_version, ASN1_PUT(ctx, ASN1_TAG_SET, recipient), info);
	*ret = ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, ASN1_PUT(ctx, ASN1_TAG_OID, oid_enveloped),
			ASN1_PUT(ctx, ASN1_TAG_CONTEXT_0, enveloped));
	return true;
}
