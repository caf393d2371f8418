#include "tests/device/craft.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX	128
#define NAMES		"2.16.840.1.113733.1.9."

const char *const craft_fault_names[] = {
#define F(id, what) what,
	CRAFT_FAULTS(F)
#undef F
	NULL
};

#define must(condition) do { if (!(condition)) must_failed(__LINE__); } while (0)

static void
must_failed(int line)
{
	fprintf(stderr, "craft.c:%d: ", line);
	ERR_print_errors_fp(stderr);
	abort();
}

/* The legacy provider too: some clients know single DES alone. */
static OSSL_LIB_CTX *
lib(void)
{
	static OSSL_LIB_CTX *made;

	if (!made) {
		made = OSSL_LIB_CTX_new();
		must(made && OSSL_PROVIDER_load(made, "default") && OSSL_PROVIDER_load(made, "legacy"));
	}
	return made;
}

EVP_PKEY *
craft_key(int n)
{
	static EVP_PKEY *keys[KEYS_MAX];

	must(n < KEYS_MAX);
	if (!keys[n])
		must(keys[n] = EVP_RSA_gen(2048));
	return keys[n];
}

static int
release_cert(X509 **cert)
{
	X509_free(*cert);
	return 0;
}

static X509 *
held(TALLOC_CTX *ctx, X509 *cert)
{
	X509 **holder = mem_new(ctx, X509 *);

	*holder = cert;
	talloc_set_destructor(holder, release_cert);
	return cert;
}

static struct bytes
bytes_of(TALLOC_CTX *ctx, BIO *bio)
{
	char *p;
	long len = BIO_get_mem_data(bio, &p);
	struct bytes bytes = { mem_copy(ctx, len ? p : "", (size_t)len), (size_t)len };

	BIO_free(bio);
	return bytes;
}

/* ---- certificates and requests ---- */

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(extension && X509_add_ext(cert, extension, -1));
	X509_EXTENSION_free(extension);
}

X509 *
craft_cert(TALLOC_CTX *ctx, EVP_PKEY *key, const char *common_name)
{
	X509 *cert = X509_new();

	must(cert && X509_set_version(cert, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
	     X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, MBSTRING_UTF8,
					(const unsigned char *)common_name, -1, -1, 0) &&
	     X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
	     X509_gmtime_adj(X509_getm_notBefore(cert), -60) && X509_gmtime_adj(X509_getm_notAfter(cert), 86400) &&
	     X509_set_pubkey(cert, key));
	add_extension(cert, NID_key_usage, "critical,digitalSignature,keyEncipherment");
	must(X509_sign(cert, key, EVP_sha256()));
	return held(ctx, cert);
}

static EVP_PKEY *
small_key(void)
{
	static EVP_PKEY *key;

	return key ? key : (key = EVP_RSA_gen(1024));
}

static EVP_PKEY *
curve_key(void)
{
	static EVP_PKEY *key;

	return key ? key : (key = EVP_EC_gen("P-256"));
}

static EVP_PKEY *
asked_key(const struct craft *c)
{
	return c->fault == CRAFT_CSR_SMALL ? small_key() : c->fault == CRAFT_CSR_EC ? curve_key() :
	       c->key ? c->key : craft_key(0);
}

static void
add_challenge(X509_REQ *req, const char *challenge)
{
	must(X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_ASC,
				       (const unsigned char *)challenge, -1));
}

static void
ask_for_ca(X509_REQ *req)
{
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();

	must(sk_X509_EXTENSION_push(list, X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE")) &&
	     sk_X509_EXTENSION_push(list, X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "keyCertSign")) &&
	     sk_X509_EXTENSION_push(list, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:boss.example.com")) &&
	     X509_REQ_add_extensions(req, list));
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

struct bytes
craft_csr(TALLOC_CTX *ctx, const struct craft *c)
{
	const char *subject = c->subject ? c->subject : "asked for";
	EVP_PKEY *key = asked_key(c);
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());

	must(req && X509_REQ_set_version(req, X509_REQ_VERSION_1) && X509_REQ_set_pubkey(req, key) &&
	     X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req), NID_commonName, MBSTRING_UTF8,
					(const unsigned char *)subject, -1, -1, 0));
	if (c->challenge)
		add_challenge(req, c->challenge);
	if (c->fault == CRAFT_CSR_TWO_CHALLENGES)
		must(X509_ATTRIBUTE_set1_data(X509_REQ_get_attr(req, 0), V_ASN1_PRINTABLESTRING, "another", 7));
	if (c->fault == CRAFT_CSR_CA)
		ask_for_ca(req);
	must(X509_REQ_sign(req, c->fault == CRAFT_CSR_SIGNATURE ? craft_key(1) : key,
			   c->fault == CRAFT_CSR_MD5 ? EVP_md5() : EVP_sha256()));
	must(i2d_X509_REQ_bio(bio, req));
	X509_REQ_free(req);
	if (c->fault == CRAFT_CSR_TRAILING)
		BIO_write(bio, "x", 1);
	return bytes_of(ctx, bio);
}

/* ---- the envelope ---- */

static struct bytes
deep(TALLOC_CTX *ctx)
{
	unsigned char *p = mem_size(ctx, 200);

	for (size_t i = 0; i < 100; i++) {
		p[2 * i] = 0x30;
		p[2 * i + 1] = 0x80;	/* indefinite, and never ended */
	}
	return (struct bytes){ p, 200 };
}

static void
add_recipient(CMS_ContentInfo *cms, TALLOC_CTX *ctx, const struct craft *c)
{
	static const unsigned char password[] = "password";
	CMS_RecipientInfo *info;
	EVP_PKEY_CTX *pctx;

	switch (c->fault) {
	case CRAFT_PASSWORD:
		must(CMS_add0_recipient_password(cms, -1, NID_undef, NID_undef, OPENSSL_memdup(password, 8), 8, NULL));
		break;
	case CRAFT_AGREEMENT:
		must(CMS_add1_recipient_cert(cms, craft_cert(ctx, curve_key(), "curve"), CMS_BINARY));
		break;
	case CRAFT_OAEP:
		must(info = CMS_add1_recipient_cert(cms, c->to, CMS_KEY_PARAM));
		must((pctx = CMS_RecipientInfo_get0_pkey_ctx(info)) &&
		     EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_OAEP_PADDING) > 0);
		break;
	case CRAFT_TWO_RECIPIENTS:
		must(CMS_add1_recipient_cert(cms, craft_cert(ctx, craft_key(1), "first"), 0));
		must(CMS_add1_recipient_cert(cms, craft_cert(ctx, craft_key(1), "second"), 0));
		break;
	case CRAFT_KEY_SHORT:
		must(CMS_add1_recipient_cert(cms, craft_cert(ctx, small_key(), "small"), 0));
		break;
	default:
		must(CMS_add1_recipient_cert(cms, c->to, 0));
	}
}

/* The first place where these bytes stand; they are there. */
static unsigned char *
place(struct bytes in, const void *what, size_t len)
{
	unsigned char *p = memmem(in.p, in.len, what, len);

	must(p);
	return p;
}

/* Changes what is sent, where its encoding stays whole. */
static struct bytes
spoil(TALLOC_CTX *ctx, struct bytes der, const struct craft *c)
{
	static const unsigned char key_head[] = { 0x05, 0x00, 0x04, 0x82, 0x01, 0x00 };	/* NULL, OCTET STRING of 256 */
	unsigned char *p = mem_copy(ctx, der.p, der.len), *at;
	struct bytes copy = { p, der.len };

	switch (c->fault) {
	case CRAFT_KEY_NOISE:
		at = place(copy, key_head, sizeof key_head) + sizeof key_head;
		memset(at, 0x5a, 256);
		at[0] = 0;
		break;
	case CRAFT_KEY_HUGE:
		memset(place(copy, key_head, sizeof key_head) + sizeof key_head, 0xff, 256);
		break;
	case CRAFT_PADDING:
		p[der.len - 1] ^= 1;
		break;
	case CRAFT_IV_SHORT:
		at = place(copy, "\x04\x01\x02\x04\x10", 5) + 3;	/* ...2 (AES-128-CBC), OCTET STRING of 16 */
		at[1] = 0x06;
		at[8] = 0x04;
		at[9] = 0x08;
		break;
	default:
		break;
	}
	return copy;
}

static CMS_ContentInfo *
seal(TALLOC_CTX *ctx, struct bytes plain, const struct craft *c, BIO **in)
{
	const char *name = c->fault == CRAFT_GCM ? "AES-128-GCM" : c->cipher ? c->cipher : "AES-128-CBC";
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(lib(), name, NULL);
	CMS_ContentInfo *cms;

	must(cipher);
	must(cms = CMS_encrypt_ex(NULL, NULL, cipher, CMS_PARTIAL | CMS_BINARY | CMS_STREAM, lib(), NULL));
	add_recipient(cms, ctx, c);
	must(*in = BIO_new_mem_buf(plain.p, (int)plain.len));
	EVP_CIPHER_free(cipher);
	return cms;
}

static struct bytes
enveloped(TALLOC_CTX *ctx, struct bytes plain, const struct craft *c)
{
	CMS_ContentInfo *cms;
	BIO *out, *in;

	if (c->fault == CRAFT_NOT_ENVELOPED)
		return plain;
	if (c->fault == CRAFT_ENVELOPE_DEEP)
		return deep(ctx);
	cms = seal(ctx, plain, c, &in);
	for (int i = 0; i < sk_X509_num(c->to_also); i++)
		must(CMS_add1_recipient_cert(cms, sk_X509_value(c->to_also, i), 0));
	out = BIO_new(BIO_s_mem());
	if (c->ber) {
		must(i2d_CMS_bio_stream(out, cms, in, CMS_STREAM | CMS_BINARY));
	} else {
		must(CMS_final(cms, in, NULL, CMS_BINARY));
		must(i2d_CMS_bio(out, cms));
	}
	BIO_free(in);
	CMS_ContentInfo_free(cms);
	return spoil(ctx, bytes_of(ctx, out), c);
}

/* ---- the signed message ---- */

static void
add(CMS_SignerInfo *info, int n, int type, const void *p, int len)
{
	char oid[64];

	snprintf(oid, sizeof oid, NAMES "%d", n);
	must(CMS_signed_add1_attr_by_txt(info, oid, type, p, len));
}

static void
add_again(CMS_SignerInfo *info, int n, int type, const void *p, int len)
{
	char oid[64];
	X509_ATTRIBUTE *attribute;
	ASN1_OBJECT *object;

	snprintf(oid, sizeof oid, NAMES "%d", n);
	must(object = OBJ_txt2obj(oid, 1));
	must(attribute = CMS_signed_delete_attr(info, CMS_signed_get_attr_by_OBJ(info, object, -1)));
	must(X509_ATTRIBUTE_set1_data(attribute, type, p, len));
	must(CMS_signed_add1_attr(info, attribute));
	X509_ATTRIBUTE_free(attribute);
	ASN1_OBJECT_free(object);
}

static void
add_attributes(CMS_SignerInfo *info, const struct craft *c)
{
	const char *type = c->type ? c->type : "19", *transaction = c->transaction ? c->transaction : "4711";
	char text[301];

	memset(text, 'T', 300);
	text[300] = '\0';
	if (c->fault == CRAFT_TRANSACTION_LONG)
		transaction = text;
	if (c->fault == CRAFT_TRANSACTION_ODD)
		transaction = "47\n11";
	if (c->fault != CRAFT_NO_TYPE)
		add(info, 2, c->fault == CRAFT_TYPE_UTF8 ? V_ASN1_UTF8STRING : V_ASN1_PRINTABLESTRING, type, (int)strlen(type));
	if (c->fault == CRAFT_TYPE_TWICE)
		add(info, 2, V_ASN1_PRINTABLESTRING, type, (int)strlen(type));
	if (c->fault == CRAFT_TYPE_TWO_VALUES)
		add_again(info, 2, V_ASN1_PRINTABLESTRING, "18", 2);
	if (c->fault != CRAFT_NO_TRANSACTION)
		add(info, 7, V_ASN1_PRINTABLESTRING, transaction, (int)strlen(transaction));
	if (c->fault == CRAFT_TRANSACTION_TWICE)
		add(info, 7, V_ASN1_PRINTABLESTRING, "4712", 4);
	if (c->fault == CRAFT_NONCE_LONG)
		add(info, 5, V_ASN1_OCTET_STRING, text, 65);
	else if (c->fault != CRAFT_NO_NONCE)
		add(info, 5, V_ASN1_OCTET_STRING, CRAFT_NONCE, 16);
	if (c->fault == CRAFT_NONCE_TWICE)
		add(info, 5, V_ASN1_OCTET_STRING, CRAFT_NONCE, 16);
}

static void
choose_signer(TALLOC_CTX *ctx, const struct craft *c, X509 **cert, EVP_PKEY **key)
{
	*key = c->fault == CRAFT_EC_SIGNER ? curve_key() : c->fault == CRAFT_SMALL_SIGNER ? small_key() :
	       c->signer_key ? c->signer_key : c->key ? c->key : craft_key(0);
	*cert = c->signer ? c->signer : craft_cert(ctx, *key, "5D1F4D2B-0C41-4E1B-9D6B-1D1B6F3F1D11");
}

static CMS_ContentInfo *
sign(TALLOC_CTX *ctx, const struct craft *c, unsigned flags)
{
	const EVP_MD *digest = EVP_get_digestbyname(c->digest ? c->digest : "SHA256");
	CMS_ContentInfo *cms = CMS_sign_ex(NULL, NULL, NULL, NULL, flags, lib(), NULL);
	CMS_SignerInfo *info;
	EVP_PKEY *key;
	X509 *cert;

	must(cms && digest);
	choose_signer(ctx, c, &cert, &key);
	if (c->fault != CRAFT_NO_SIGNER) {
		must(info = CMS_add1_signer(cms, cert, key, digest,
					    flags | (c->fault == CRAFT_NO_CERTIFICATE ? CMS_NOCERTS : 0)));
		add_attributes(info, c);
	} else {
		must(CMS_add1_cert(cms, cert));
	}
	if (c->fault == CRAFT_TWO_SIGNERS)
		must(CMS_add1_signer(cms, craft_cert(ctx, craft_key(1), "second"), craft_key(1), digest, flags));
	for (int i = 0; c->fault == CRAFT_MANY_CERTS && i < 20; i++) {
		char name[32];

		snprintf(name, sizeof name, "certificate %d", i);
		must(CMS_add1_cert(cms, craft_cert(ctx, craft_key(1), name)));
	}
	return cms;
}

static struct bytes
finish(TALLOC_CTX *ctx, struct bytes der, struct bytes content, const struct craft *c)
{
	unsigned char *p = mem_size(ctx, der.len + 70000);

	memcpy(p, der.p, der.len);
	switch (c->fault) {
	case CRAFT_TAMPERED:	/* of the ciphertext, whose place is known by its first bytes */
		place((struct bytes){ p, der.len }, (const char *)content.p + content.len - 16, 16)[3] ^= 0x40;
		return (struct bytes){ p, der.len };
	case CRAFT_SIGNATURE:	/* the signature stands last */
		p[der.len - 5] ^= 0x40;
		return (struct bytes){ p, der.len };
	case CRAFT_TRAILING:
		p[der.len] = 0;
		return (struct bytes){ p, der.len + 1 };
	case CRAFT_TRUNCATED:
		return (struct bytes){ p, der.len - 7 };
	case CRAFT_HUGE:
		memset(p + der.len, 0, 70000 - der.len);
		return (struct bytes){ p, 70000 };
	case CRAFT_DEEP:
		return deep(ctx);
	default:
		return (struct bytes){ p, der.len };
	}
}

struct bytes
craft(TALLOC_CTX *ctx, const struct craft *c)
{
	unsigned flags = CMS_PARTIAL | CMS_BINARY | CMS_NOSMIMECAP | (c->ber ? CMS_STREAM : 0) |
			 (c->fault == CRAFT_NO_CONTENT ? CMS_DETACHED : 0);
	struct bytes inside = c->inside.p ? c->inside : craft_csr(ctx, c);
	struct bytes content = enveloped(ctx, inside, c);
	CMS_ContentInfo *cms = sign(ctx, c, flags);
	BIO *in = BIO_new_mem_buf(content.p, (int)content.len), *out = BIO_new(BIO_s_mem());

	if (c->ber) {
		must(i2d_CMS_bio_stream(out, cms, in, CMS_STREAM | CMS_BINARY));
	} else {
		must(c->fault == CRAFT_NO_SIGNER || CMS_final(cms, in, NULL, flags));
		must(i2d_CMS_bio(out, cms));
	}
	BIO_free(in);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return finish(ctx, bytes_of(ctx, out), content, c);
}

/* ---- a CertRep ---- */

static struct bytes
said(TALLOC_CTX *ctx, CMS_SignerInfo *info, int n, int type)
{
	char oid[64];
	ASN1_OBJECT *object;
	ASN1_STRING *value;

	snprintf(oid, sizeof oid, NAMES "%d", n);
	must(object = OBJ_txt2obj(oid, 1));
	value = CMS_signed_get0_data_by_OBJ(info, object, -3, type);
	ASN1_OBJECT_free(object);
	if (!value)
		return (struct bytes){ 0 };
	return (struct bytes){ mem_textn(ctx, (const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)),
			       (size_t)ASN1_STRING_length(value) };
}

static int
release_certs(STACK_OF(X509) **certs)
{
	sk_X509_pop_free(*certs, X509_free);
	return 0;
}

static void
open_reply(TALLOC_CTX *ctx, CMS_ContentInfo *cms, X509 *mine, EVP_PKEY *key, struct craft_reply *reply)
{
	ASN1_OCTET_STRING **content = CMS_get0_content(cms);
	STACK_OF(X509) **holder = mem_new(ctx, STACK_OF(X509) *);
	CMS_ContentInfo *sealed = CMS_ContentInfo_new_ex(lib(), NULL), *inner = NULL;
	BIO *in = BIO_new_mem_buf(ASN1_STRING_get0_data(*content), ASN1_STRING_length(*content));
	BIO *plain = BIO_new(BIO_s_mem());

	must(d2i_CMS_bio(in, &sealed) && OBJ_obj2nid(CMS_get0_type(sealed)) == NID_pkcs7_enveloped);
	must(CMS_decrypt(sealed, key, mine, NULL, plain, CMS_BINARY));
	must((inner = d2i_CMS_bio(plain, NULL)) && OBJ_obj2nid(CMS_get0_type(inner)) == NID_pkcs7_signed);
	must(sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(inner)) <= 0 && !*CMS_get0_content(inner));
	*holder = reply->certs = CMS_get1_certs(inner);
	talloc_set_destructor(holder, release_certs);
	CMS_ContentInfo_free(inner);
	CMS_ContentInfo_free(sealed);
	BIO_free(in);
	BIO_free(plain);
}

/* The algorithm of the envelope stands in it as an OID: the one of these that is found. */
static const char *
cipher_in(struct bytes der)
{
	static const struct { const char *name, *oid; size_t len; } ciphers[] = {
		{ "AES-128-CBC", "\x60\x86\x48\x01\x65\x03\x04\x01\x02", 9 },
		{ "AES-192-CBC", "\x60\x86\x48\x01\x65\x03\x04\x01\x16", 9 },
		{ "AES-256-CBC", "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 9 },
		{ "DES-EDE3-CBC", "\x2a\x86\x48\x86\xf7\x0d\x03\x07", 8 },
	};

	for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++)
		if (memmem(der.p, der.len, ciphers[i].oid, ciphers[i].len))
			return ciphers[i].name;
	return "?";
}

struct craft_reply
craft_read(TALLOC_CTX *ctx, struct bytes reply, X509 *mine, EVP_PKEY *key)
{
	const unsigned char *p = reply.p;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)reply.len);
	BIO *empty = BIO_new_mem_buf("", 0);
	struct craft_reply r = { 0 };
	X509_ALGOR *algorithm;
	CMS_SignerInfo *info;
	X509 *signer;

	must(cms && p == (const unsigned char *)reply.p + reply.len);
	must(sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) == 1);
	info = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
	r.content = *CMS_get0_content(cms) != NULL;
	must(CMS_verify(cms, NULL, NULL, r.content ? NULL : empty, NULL, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) == 1);
	CMS_SignerInfo_get0_algs(info, NULL, &signer, NULL, &algorithm);
	must(signer);
	X509_up_ref(signer);
	r.signer = held(ctx, signer);
	r.signature = OBJ_nid2sn(OBJ_obj2nid(algorithm->algorithm));
	r.type = said(ctx, info, 2, V_ASN1_PRINTABLESTRING).p;
	r.status = said(ctx, info, 3, V_ASN1_PRINTABLESTRING).p;
	r.fail = said(ctx, info, 4, V_ASN1_PRINTABLESTRING).p;
	r.transaction = said(ctx, info, 7, V_ASN1_PRINTABLESTRING).p;
	r.recipient_nonce = said(ctx, info, 6, V_ASN1_OCTET_STRING);
	r.sender_nonce = said(ctx, info, 5, V_ASN1_OCTET_STRING);
	r.cipher = cipher_in(reply);
	if (r.content && key && r.status && strcmp(r.status, "0") == 0)
		open_reply(ctx, cms, mine, key, &r);
	BIO_free(empty);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return r;
}
