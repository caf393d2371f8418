/*
 * What goes to the SCEP server: PKCS#10 in EnvelopedData in SignedData, BER.  RFC 8894 section 3.
 */
#include "tests/device/scep.h"
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "tests/device/identity.h"

ASN1_OBJECT *
scep_oid(enum scep_attribute which)
{
	static ASN1_OBJECT *oids[SCEP_TRANSACTION + 1];
	static _Atomic bool made;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char text[48];

	pthread_mutex_lock(&lock);
	for (int i = SCEP_TYPE; !made && i <= SCEP_TRANSACTION; i++) {
		snprintf(text, sizeof text, "2.16.840.1.113733.1.9.%d", i);
		oids[i] = OBJ_txt2obj(text, 1);
	}
	made = true;
	pthread_mutex_unlock(&lock);
	return oids[which];
}

/* ---- PKCS#10 ---- */

/* An array of RDNs, each an array of [type, value] pairs: anything else breaks iOS. */
static X509_NAME *
subject_of(TALLOC_CTX *ctx, plist_t payload)
{
	plist_t rdns = tree_at(payload, "Subject", PLIST_ARRAY);
	X509_NAME *name = hold(ctx, X509_NAME_new(), X509_NAME_free, "no memory");

	for (uint32_t i = 0; rdns && i < plist_array_get_size(rdns); i++) {
		plist_t rdn = plist_array_get_item(rdns, i);

		if (plist_get_node_type(rdn) != PLIST_ARRAY || plist_array_get_size(rdn) == 0)
			refuse("the SCEP payload's Subject is not nested three deep");
		for (uint32_t k = 0; k < plist_array_get_size(rdn); k++) {
			plist_t pair = plist_array_get_item(rdn, k);
			const char *type, *value;

			if (plist_get_node_type(pair) != PLIST_ARRAY || plist_array_get_size(pair) != 2)
				refuse("the SCEP payload's Subject is not nested three deep");
			type = plist_get_string_ptr(plist_array_get_item(pair, 0), NULL);
			value = plist_get_string_ptr(plist_array_get_item(pair, 1), NULL);
			if (!type || !value || !X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
									   (const unsigned char *)value, -1, -1, k ? -1 : 0))
				refuse("the SCEP payload's Subject has a pair that is none");
		}
	}
	return name;
}

static void
add_extension(STACK_OF(X509_EXTENSION) *extensions, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	if (!extension)
		refuse("the SCEP payload asks for an extension %s", value);
	sk_X509_EXTENSION_push(extensions, extension);
}

/* Each value is a text or an array of texts; X509V3_EXT_conf writes what they mean. */
static void
add_alternative_names(TALLOC_CTX *ctx, STACK_OF(X509_EXTENSION) *extensions, plist_t payload)
{
	static const struct { const char *key, *openssl; } kinds[] = {
		{ "rfc822Name", "email:%s" }, { "dNSName", "DNS:%s" }, { "uniformResourceIdentifier", "URI:%s" },
		{ "ntPrincipalName", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:%s" },
	};
	plist_t names = tree_at(payload, "SubjectAltName", PLIST_DICT);
	char *all = mem_text(ctx, "");

	for (size_t i = 0; names && i < sizeof kinds / sizeof *kinds; i++) {
		plist_t value = plist_dict_get_item(names, kinds[i].key);
		bool list = value && plist_get_node_type(value) == PLIST_ARRAY;

		for (uint32_t k = 0; value && k < (list ? plist_array_get_size(value) : 1); k++) {
			const char *text = plist_get_string_ptr(list ? plist_array_get_item(value, k) : value, NULL);
			const char *at = strchr(kinds[i].openssl, '%');

			if (!text)
				refuse("the SCEP payload's SubjectAltName has a %s that is no text", kinds[i].key);
			all = mem_printf(ctx, "%s%s%.*s%s", all, *all ? "," : "", (int)(at - kinds[i].openssl),
					 kinds[i].openssl, text);
		}
	}
	if (*all)
		add_extension(extensions, NID_subject_alt_name, all);
}

static void
free_extensions(STACK_OF(X509_EXTENSION) *extensions)
{
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void
add_challenge(X509_REQ *req, plist_t payload)
{
	const char *challenge = tree_text(payload, "Challenge");

	if (challenge && strlen(challenge) > 255)
		refuse("the SCEP payload's Challenge is longer than PKCS#9 allows");
	if (challenge && !X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_ASC,
						    (const unsigned char *)challenge, -1))
		phone_die("put the challenge into the request");
}

struct bytes
scep_csr(TALLOC_CTX *ctx, plist_t payload, EVP_PKEY *key)
{
	X509_REQ *req = hold(ctx, X509_REQ_new(), X509_REQ_free, "no memory");
	STACK_OF(X509_EXTENSION) *extensions = hold(ctx, sk_X509_EXTENSION_new_null(), free_extensions, "no memory");
	int64_t usage = tree_int(payload, "Key Usage", 0);
	unsigned char *der = NULL;
	struct bytes ret;
	int len;

	X509_REQ_set_subject_name(req, subject_of(ctx, payload));
	X509_REQ_set_pubkey(req, key);
	add_challenge(req, payload);
	if (usage)
		add_extension(extensions, NID_key_usage, usage == 5 ? "critical,digitalSignature,keyEncipherment" :
			      usage == 1 ? "critical,digitalSignature" : "critical,keyEncipherment");
	add_alternative_names(ctx, extensions, payload);
	if (sk_X509_EXTENSION_num(extensions) > 0)
		X509_REQ_add_extensions(req, extensions);
	if (!X509_REQ_sign(req, key, EVP_sha256()) || (len = i2d_X509_REQ(req, &der)) <= 0)
		phone_die("make the certificate request");
	ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return ret;
}

/* ---- who sends ---- */

X509 *
scep_throwaway(TALLOC_CTX *ctx, EVP_PKEY *key)
{
	X509 *cert = hold(ctx, X509_new(), X509_free, "no memory");
	X509_EXTENSION *usage = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "critical,digitalSignature,keyEncipherment");
	const char *name = identity_uuid(ctx);
	unsigned char random[20];

	RAND_bytes(random, sizeof random);
	random[0] &= 0x7f;
	X509_set_version(cert, X509_VERSION_3);
	BN_to_ASN1_INTEGER(BN_bin2bn(random, sizeof random, hold(ctx, BN_new(), BN_free, "no memory")),
			   X509_get_serialNumber(cert));
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 365 * 86400L);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	X509_add_ext(cert, usage, -1);
	X509_EXTENSION_free(usage);
	if (!X509_sign(cert, key, EVP_sha256()))
		phone_die("sign a certificate");
	return cert;
}

const char *
scep_transaction(TALLOC_CTX *ctx, EVP_PKEY *key)
{
	unsigned char *der = NULL, digest[20];
	int len = i2d_PUBKEY(key, &der);
	char *hex = mem_size(ctx, 41);

	EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha1(), NULL);
	OPENSSL_free(der);
	for (int i = 0; i < 20; i++)
		snprintf(hex + 2 * i, 3, "%02X", digest[i]);
	return hex;
}

/* ---- the message ---- */

static struct bytes
envelope(TALLOC_CTX *ctx, const struct scep_request *request, X509 *to, struct bytes content)
{
	BIO *in = hold(ctx, BIO_new_mem_buf(content.p, (int)content.len), BIO_free_all, "no memory");
	BIO *out = hold(ctx, BIO_new(BIO_s_mem()), BIO_free_all, "no memory");
	STACK_OF(X509) *stack = sk_X509_new_null();
	CMS_ContentInfo *cms;

	sk_X509_push(stack, to);
	cms = CMS_encrypt(stack, in, request->cipher, CMS_BINARY | CMS_STREAM);
	sk_X509_free(stack);
	hold(ctx, cms, CMS_ContentInfo_free, "encrypt the request");
	if (!i2d_CMS_bio_stream(out, cms, in, CMS_BINARY | CMS_STREAM))
		phone_die("write the envelope");
	return hold_bio(ctx, out);
}

static void
put(CMS_SignerInfo *si, enum scep_attribute which, int type, const void *value, int len)
{
	if (!CMS_signed_add1_attr_by_OBJ(si, scep_oid(which), type, value, len))
		phone_die("add an attribute");
}

struct bytes
scep_message(TALLOC_CTX *ctx, struct scep_request *request, const struct scep_ca *ca, struct bytes content)
{
	struct bytes sealed = envelope(ctx, request, ca->encrypt, content);
	BIO *in = hold(ctx, BIO_new_mem_buf(sealed.p, (int)sealed.len), BIO_free_all, "no memory");
	BIO *out = hold(ctx, BIO_new(BIO_s_mem()), BIO_free_all, "no memory");
	unsigned flags = CMS_BINARY | CMS_STREAM | CMS_PARTIAL;
	CMS_ContentInfo *cms = hold(ctx, CMS_sign(NULL, NULL, NULL, NULL, flags), CMS_ContentInfo_free, "sign");
	CMS_SignerInfo *si = CMS_add1_signer(cms, request->signer, request->signer_key, request->md,
					     flags | CMS_NOSMIMECAP);

	RAND_bytes(request->nonce, sizeof request->nonce);
	put(si, SCEP_TYPE, V_ASN1_PRINTABLESTRING, request->type, (int)strlen(request->type));
	put(si, SCEP_TRANSACTION, V_ASN1_PRINTABLESTRING, request->transaction, (int)strlen(request->transaction));
	put(si, SCEP_SENDER_NONCE, V_ASN1_OCTET_STRING, request->nonce, sizeof request->nonce);
	if (!i2d_CMS_bio_stream(out, cms, in, (int)flags))
		phone_die("write the SCEP message");
	return hold_bio(ctx, out);
}

/* RFC 8894 section 3.3.3. */
struct bytes
scep_poll_content(TALLOC_CTX *ctx, const struct scep_ca *ca, plist_t payload)
{
	unsigned char *issuer = NULL, *subject = NULL, *p, head[4];
	int issuer_len = i2d_X509_NAME(X509_get_subject_name(ca->encrypt), &issuer);
	int subject_len = i2d_X509_NAME(subject_of(ctx, payload), &subject), len = issuer_len + subject_len;
	size_t head_len = len < 0x80 ? 2 : len < 0x100 ? 3 : 4;
	struct bytes ret = { p = mem_size(ctx, head_len + (size_t)len), head_len + (size_t)len };

	head[0] = 0x30;
	head[1] = head_len == 2 ? (unsigned char)len : head_len == 3 ? 0x81 : 0x82;
	head[2] = head_len == 3 ? (unsigned char)len : (unsigned char)(len >> 8);
	head[3] = (unsigned char)len;
	memcpy(p, head, head_len);
	memcpy(p + head_len, issuer, (size_t)issuer_len);
	memcpy(p + head_len + issuer_len, subject, (size_t)subject_len);
	OPENSSL_free(issuer);
	OPENSSL_free(subject);
	return ret;
}
