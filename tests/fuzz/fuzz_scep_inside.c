/*
 * What is signed in a pkiMessage, and what its envelope holds: the shape of EnvelopedData, and the request that
 * comes out.  The private key's work is a stub: it gives the same padded key whatever it is asked for.
 *
 * 'p': an honest envelope with these bytes of it changed (two of place, one of value).  'c': the bytes are
 * enveloped here, with the key that the stub gives.  Else the envelope as it is.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "mdm/csr.h"
#include "mdm/scep_envelope.h"
#include "tests/device/craft.h"
#include "tests/fuzz/fuzz.h"

#define RSA_BYTES	256
#define KEY_BYTES	16

static const unsigned char content_key[KEY_BYTES] = "0123456789abcdef", iv[16] = "fedcba9876543210";
static void *kept;	/* what lives as long as the process */
static struct bytes honest;

/* 00 02, nonzero, 00, the content's key: with one byte of what it was asked mixed in, so that some are wrong. */
static bool
stub(void *arg, struct bytes in, unsigned char *out)
{
	(void)arg;
	if (in.len < KEY_BYTES + 11)
		return false;
	memset(out, 0xff, in.len);
	out[0] = 0;
	out[1] = 2;
	out[in.len - KEY_BYTES - 1] = 0;
	memcpy(out + in.len - KEY_BYTES, content_key, KEY_BYTES);
	if (((const unsigned char *)in.p)[0] == 0x77)
		out[2] = 0;
	return true;
}

static size_t
put(unsigned char *to, int constructed, int tag, int class, const void *p, size_t len)
{
	size_t head = (size_t)ASN1_object_size(constructed, (int)len, tag) - len;
	unsigned char *at = to;

	memmove(to + head, p, len);	/* `p` may be `to` */
	ASN1_put_object(&at, constructed, (int)len, tag, class);
	return head + len;
}

/* EnvelopedData around a plaintext, by hand and for the stub. */
static struct bytes
envelope(TALLOC_CTX *ctx, const uint8_t *plain, size_t len)
{
	static const unsigned char head[] = { 0x02, 1, 0 }, rid[] = { 0x30, 5, 0x30, 0, 0x02, 1, 1 };
	static const unsigned char rsa[] = { 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0 };
	static const unsigned char data[] = { 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1 };
	static const unsigned char enveloped[] = { 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3 };
	static const unsigned char aes[] = { 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2 };
	size_t room = len + 1024, n, m;
	unsigned char *a = mem_size(ctx, room), *b = mem_size(ctx, room), sealed_key[RSA_BYTES] = { 1 };
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	unsigned char *sealed = mem_size(ctx, len + 32);
	int out = 0, more = 0;

	if (!EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, content_key, iv) ||
	    !EVP_EncryptUpdate(cipher, sealed, &out, plain, (int)len) || !EVP_EncryptFinal_ex(cipher, sealed + out, &more))
		abort();
	EVP_CIPHER_CTX_free(cipher);
	memcpy(a, head, sizeof head);
	n = sizeof head;
	memcpy(a + n, rid, sizeof rid);
	n += sizeof rid;
	memcpy(a + n, rsa, sizeof rsa);
	n += sizeof rsa;
	n += put(a + n, 0, V_ASN1_OCTET_STRING, 0, sealed_key, sizeof sealed_key);
	m = put(b, 1, V_ASN1_SEQUENCE, 0, a, n);
	n = sizeof head + put(a + sizeof head, 1, V_ASN1_SET, 0, b, m);
	memcpy(a, head, sizeof head);
	memcpy(b, aes, sizeof aes);
	m = sizeof aes + put(b + sizeof aes, 0, V_ASN1_OCTET_STRING, 0, iv, sizeof iv);
	m = put(b, 1, V_ASN1_SEQUENCE, 0, b, m);
	memmove(b + sizeof data, b, m);
	memcpy(b, data, sizeof data);
	m += sizeof data;
	m += put(b + m, 0, 0, V_ASN1_CONTEXT_SPECIFIC, sealed, (size_t)(out + more));
	n += put(a + n, 1, V_ASN1_SEQUENCE, 0, b, m);
	n = put(a, 1, V_ASN1_SEQUENCE, 0, a, n);
	m = sizeof enveloped + put(b + sizeof enveloped, 1, 0, V_ASN1_CONTEXT_SPECIFIC, a, n);
	memcpy(b, enveloped, sizeof enveloped);
	return (struct bytes){ a, put(a, 1, V_ASN1_SEQUENCE, 0, b, m) };
}

static struct bytes
patched(TALLOC_CTX *ctx, const uint8_t *p, size_t len)
{
	unsigned char *copy = mem_copy(ctx, honest.p, honest.len);

	for (; len >= 3; p += 3, len -= 3)
		copy[(size_t)(p[0] << 8 | p[1]) % honest.len] = p[2];
	return (struct bytes){ copy, honest.len };
}

static void
begin(void)
{
	struct craft c = { .challenge = "open sesame" };
	struct bytes csr;

	kept = talloc_new(NULL);
	csr = craft_csr(kept, &c);
	honest = envelope(kept, csr.p, csr.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	const struct scep_rules rules = { .single_des = true };
	struct scep_envelope e;
	struct bytes bytes = { p, len }, plain;
	enum scep_fail fail;
	const char *why;
	struct csr *csr;
	struct err err;
	bool good;

	if (!honest.p)
		begin();
	if (len > 0 && *p == 'p')
		bytes = patched(ctx, p + 1, len - 1);
	else if (len > 0 && *p == 'c')
		bytes = envelope(ctx, p + 1, len - 1);
	fail = scep_envelope_read(ctx, bytes, &rules, &e, &why);
	assert(len == 0 || *p != 'c' || fail == SCEP_FINE);
	if (fail != SCEP_FINE)
		return 0;
	assert(scep_envelope_open(ctx, &e, stub, NULL, &plain, &good, &err));
	assert(plain.len <= e.content.len);
	if (!csr_read(ctx, plain, &csr, &err))
		assert(err.kind == ERR_INVALID);
	else
		assert(csr->key && strlen(csr->challenge) <= CSR_CHALLENGE_MAX);
	return 0;
}
