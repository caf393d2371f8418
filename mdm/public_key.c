#include "mdm/public_key.h"
#include "core/asn1.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#define EXPONENT_BITS_MAX 64

/* SEQUENCE { OID rsaEncryption, NULL }, RFC 8017 A.1 */
static const unsigned char rsa_algorithm[] = {
	0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00
};

static bool
rsa_numbers(EVP_PKEY *key, BIGNUM **n, BIGNUM **e)
{
	*n = *e = NULL;
	return EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, n) && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, e);
}

bool
public_key_check(EVP_PKEY *key, struct err *err)
{
	int bits = EVP_PKEY_get_bits(key);
	BIGNUM *n = NULL, *e = NULL;
	bool sound;

	if (!EVP_PKEY_is_a(key, "RSA"))
		return err_set(err, ERR_INVALID, "the key is no RSA key");
	if (bits < PUBLIC_KEY_BITS_MIN || bits > PUBLIC_KEY_BITS_MAX)
		return err_set(err, ERR_INVALID, "an RSA key of %d bits; %d to %d are taken", bits, PUBLIC_KEY_BITS_MIN,
			       PUBLIC_KEY_BITS_MAX);
	sound = rsa_numbers(key, &n, &e) && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) &&
		BN_num_bits(e) <= EXPONENT_BITS_MAX;
	BN_free(n);
	BN_free(e);
	ERR_clear_error();
	return sound || err_set(err, ERR_INVALID, "the RSA key is malformed");
}

static size_t
put(unsigned char *to, int tag, int constructed, const unsigned char *content, size_t len)
{
	unsigned char *p = to;

	ASN1_put_object(&p, constructed, (int)len, tag, V_ASN1_UNIVERSAL);
	memcpy(p, content, len);
	return (size_t)(p - to) + len;
}

/* BIT STRING and INTEGER begin with a zero byte here: no unused bits; never negative. */
static size_t
put_number(unsigned char *to, const BIGNUM *number)
{
	unsigned char bytes[OPENSSL_RSA_MAX_MODULUS_BITS / 8 + 1] = { 0 };
	int len = BN_bn2bin(number, bytes + 1);

	return bytes[1] & 0x80 ? put(to, V_ASN1_INTEGER, 0, bytes, (size_t)len + 1)
			       : put(to, V_ASN1_INTEGER, 0, bytes + 1, (size_t)len);
}

bool
public_key_rsa(TALLOC_CTX *ctx, EVP_PKEY *key, struct bytes *ret, struct err *err)
{
	BIGNUM *n = NULL, *e = NULL;
	bool ok = EVP_PKEY_get_bits(key) <= OPENSSL_RSA_MAX_MODULUS_BITS && rsa_numbers(key, &n, &e);

	if (ok) {
		size_t room = (size_t)BN_num_bytes(n) + (size_t)BN_num_bytes(e) + 32, len;
		unsigned char *inside = mem_size(ctx, room), *out = mem_size(ctx, room);

		len = put_number(inside, n);
		len += put_number(inside + len, e);
		*ret = (struct bytes){ out, put(out, V_ASN1_SEQUENCE, 1, inside, len) };
		talloc_free(inside);
	}
	BN_free(n);
	BN_free(e);
	return ok || err_openssl(err, ERR_INTERNAL, "encode a public key");
}

bool
public_key_der(TALLOC_CTX *ctx, EVP_PKEY *key, struct bytes *ret, struct err *err)
{
	unsigned char *der = NULL, *inside, *out;
	struct bytes rsa;
	size_t len;
	int n;

	if (!EVP_PKEY_is_a(key, "RSA")) {
		n = i2d_PUBKEY(key, &der);
		if (n <= 0)
			return err_openssl(err, ERR_INTERNAL, "encode a public key");
		*ret = (struct bytes){ mem_copy(ctx, der, (size_t)n), (size_t)n };
		OPENSSL_free(der);
		return true;
	}
	if (!public_key_rsa(ctx, key, &rsa, err))
		return false;
	inside = mem_size(ctx, rsa.len + 64);
	out = mem_size(ctx, rsa.len + 64);
	memcpy(out, "", 1);
	memcpy(out + 1, rsa.p, rsa.len);
	memcpy(inside, rsa_algorithm, sizeof rsa_algorithm);
	len = sizeof rsa_algorithm + put(inside + sizeof rsa_algorithm, V_ASN1_BIT_STRING, 0, out, rsa.len + 1);
	*ret = (struct bytes){ out, put(out, V_ASN1_SEQUENCE, 1, inside, len) };
	talloc_free(inside);
	return true;
}

/* SEQUENCE { SEQUENCE { rsaEncryption ... }, BIT STRING of SEQUENCE { modulus, exponent } } */
static bool
find_numbers(struct bytes spki, struct asn1 *n, struct asn1 *e)
{
	static const struct bytes rsa = { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 };
	struct asn1 outer, algorithm, oid, bits, sequence;
	struct err none;
	size_t len;

	if (!asn1_take(&spki, ASN1_TAG_SEQUENCE, &outer, NULL) ||
	    !asn1_take(&outer.content, ASN1_TAG_SEQUENCE, &algorithm, NULL) || !asn1_next(&algorithm.content, &oid) ||
	    !asn1_is(&oid, rsa) || !asn1_take(&outer.content, ASN1_TAG_BIT_STRING, &bits, NULL) || outer.content.len ||
	    bits.content.len < 1 || *(const unsigned char *)bits.content.p != 0)
		return false;
	bits.content = (struct bytes){ (const unsigned char *)bits.content.p + 1, bits.content.len - 1 };
	return asn1_gate(bits.content, &len, &none) && len == bits.content.len &&
	       asn1_take(&bits.content, ASN1_TAG_SEQUENCE, &sequence, NULL) &&
	       asn1_take(&sequence.content, ASN1_TAG_INTEGER, n, NULL) &&
	       asn1_take(&sequence.content, ASN1_TAG_INTEGER, e, NULL) && !sequence.content.len &&
	       n->content.len <= PUBLIC_KEY_BITS_MAX / 8 + 1 && e->content.len <= EXPONENT_BITS_MAX / 8 + 1 &&
	       n->content.len && e->content.len && !(*(const unsigned char *)n->content.p & 0x80) &&
	       !(*(const unsigned char *)e->content.p & 0x80);
}

/* From the numbers: OpenSSL's decoders take several times as long as a check of a signature. */
static EVP_PKEY *
key_of(struct bytes n_bytes, struct bytes e_bytes, OSSL_LIB_CTX *lib)
{
	BIGNUM *n = BN_bin2bn(n_bytes.p, (int)n_bytes.len, NULL), *e = BN_bin2bn(e_bytes.p, (int)e_bytes.len, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(lib, "RSA", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (n && e && ctx && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) && (params = OSSL_PARAM_BLD_to_param(build)) &&
	    EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	ERR_clear_error();
	return key;
}

bool
public_key_read(struct bytes spki, OSSL_LIB_CTX *lib, EVP_PKEY **ret, struct err *err)
{
	struct asn1 n, e;
	EVP_PKEY *key;

	if (!find_numbers(spki, &n, &e) || !(key = key_of(n.content, e.content, lib)))
		return err_set(err, ERR_INVALID, "the key is no RSA key of %d to %d bits", PUBLIC_KEY_BITS_MIN,
			       PUBLIC_KEY_BITS_MAX);
	if (!public_key_check(key, err)) {
		EVP_PKEY_free(key);
		return false;
	}
	*ret = key;
	return true;
}
