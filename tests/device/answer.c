/*
 * What the simulated iPhone answers in the Profile Service: attributes, and the signature around them.
 */
#include "core/plist_write.h"
#include "tests/device/identity.h"
#include <openssl/err.h>
#include <string.h>

#define ANSWER_MAX	(4u << 20)

const char *const phone_answer_names[] = {
#define X(id, name, what) name,
	PHONE_ANSWERS(X)
#undef X
	NULL
};

enum phone_answer
phone_answer_named(const char *name)
{
	for (int i = 0; phone_answer_names[i]; i++)
		if (strcmp(phone_answer_names[i], name) == 0)
			return (enum phone_answer)i;
	phone_die("no answer is called %s", name);
}

/* ---- attributes ---- */

static void
write_udid(struct buf *out, const struct phone *phone, enum phone_answer kind)
{
	switch (kind) {
	case PHONE_NO_UDID:
		return;
	case PHONE_UDID_NUMBER:
		plist_write_int(out, "UDID", 4711);
		return;
	case PHONE_UDID_ODD:
		plist_write_text(out, "UDID", "00008120-001A2B3C4D5E80ZZ");
		return;
	case PHONE_TWICE:
		plist_write_text(out, "UDID", "00000000-0000000000000000");
		break;
	default:
		break;
	}
	plist_write_text(out, "UDID", phone->udid);
}

static void
write_name(struct buf *out, const struct phone *phone, enum phone_answer kind)
{
	char longer[10001];

	memset(longer, 'n', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	plist_write_text(out, "DEVICE_NAME", kind == PHONE_NAME_LONG ? longer :
			 kind == PHONE_NAME_LINES ? "one\ntwo" : phone->name);
}

static void
write_attribute(struct buf *out, const struct phone *phone, const char *name, enum phone_answer kind)
{
	if (strcmp(name, "UDID") == 0)
		write_udid(out, phone, kind);
	else if (strcmp(name, "DEVICE_NAME") == 0)
		write_name(out, phone, kind);
	else if (strcmp(name, "PRODUCT") == 0 && kind != PHONE_NO_PRODUCT)
		plist_write_text(out, name, phone->product);
	else if (strcmp(name, "VERSION") == 0)
		plist_write_text(out, name, phone->version);
	else if (strcmp(name, "SERIAL") == 0)
		plist_write_text(out, name, phone->serial);
}

/* Arrays in arrays, ten references each: 10^14 nodes in some hundred bytes. */
static struct bytes
bomb(TALLOC_CTX *ctx)
{
	unsigned char *p = mem_size(ctx, 512), *at = p + 8, offsets[16], trailer[32] = { 0 };

	memcpy(p, "bplist00", 8);
	for (int i = 0; i < 15; i++) {
		offsets[i] = (unsigned char)(at - p);
		*at++ = i < 14 ? 0xaa : 0x10;
		for (int k = 0; i < 14 && k < 10; k++)
			*at++ = (unsigned char)(i + 1);
	}
	*at++ = 1;
	trailer[6] = trailer[7] = 1;
	trailer[15] = 15;
	trailer[31] = (unsigned char)(at - p);
	memcpy(at, offsets, 15);
	memcpy(at + 15, trailer, sizeof trailer);
	return (struct bytes){ p, (size_t)(at - p) + 15 + sizeof trailer };
}

static struct bytes
attributes(TALLOC_CTX *ctx, const struct phone *phone, const char *const *asked, const char *challenge,
	   enum phone_answer kind)
{
	struct buf out;

	if (kind == PHONE_BOMB)
		return bomb(ctx);
	buf_init(&out, ctx, ANSWER_MAX);
	plist_write_begin(&out);
	if (kind == PHONE_ARRAY) {
		plist_write_array(&out, NULL);
		plist_write_array_end(&out);
	} else {
		plist_write_dict(&out, NULL);
		for (; *asked; asked++)
			write_attribute(&out, phone, *asked, kind);
		if (kind == PHONE_CHALLENGE_DATA)
			plist_write_data(&out, "CHALLENGE", (struct bytes){ challenge, strlen(challenge) });
		else if (kind != PHONE_NO_CHALLENGE && challenge)
			plist_write_text(&out, "CHALLENGE", challenge);
		plist_write_dict_end(&out);
	}
	plist_write_end(&out);
	return (struct bytes){ out.p, out.len };
}

/* ---- the signature around it ---- */

/* Who signs: what belongs to nobody else is freed with it. */
struct signer {
	X509 *cert;
	EVP_PKEY *key;
	X509 *above;		/* goes along in the message; NULL: nothing */
	EVP_PKEY *own_key;
	X509 *own_cert;
	struct phone_ca *own_ca;
};

static const char *const forged[] = { "Apple Inc.", "iPhone", "a forged device" };

static struct signer
signer_of(TALLOC_CTX *ctx, const struct phone *phone, enum phone_answer kind)
{
	struct signer s = { phone->cert, phone->key, phone->ca->cert, NULL, NULL, NULL };
	const struct phone_ca *ca = phone->ca;

	switch (kind) {
	case PHONE_WRONG_CA:
		ca = s.own_ca = phone_ca_new(ctx);
		s.above = ca->cert;
		s.cert = s.own_cert = identity_cert(forged, phone->key, ca->cert, ca->key, IDENTITY_DEVICE);
		break;
	case PHONE_ROOT_SIGNED:
		s.cert = s.own_cert = identity_cert(forged, phone->key, ca->root, ca->root_key, IDENTITY_DEVICE);
		break;
	case PHONE_SELF_SIGNED:
		s.cert = s.own_cert = identity_cert(forged, phone->key, NULL, NULL, IDENTITY_DEVICE);
		break;
	case PHONE_CA_SIGNS:
		s.cert = ca->cert;
		s.key = ca->key;
		break;
	case PHONE_CIPHER_ONLY:
	case PHONE_CRITICAL:
		s.cert = s.own_cert = identity_cert(forged, phone->key, ca->cert, ca->key,
						    kind == PHONE_CRITICAL ? IDENTITY_CRITICAL : IDENTITY_CIPHER);
		break;
	default:
		break;
	}
	return s;
}

static void
release_signer(struct signer *s)
{
	X509_free(s->own_cert);
	EVP_PKEY_free(s->own_key);
	talloc_free(s->own_ca);
}

/* The certificate of one key beside the signature of another: no tool makes that, so it is put in. */
static void
sign_with_other_key(CMS_ContentInfo *cms, struct signer *s)
{
	X509 *impostor;

	s->own_key = identity_key();
	impostor = X509_dup(s->cert);
	X509_set_pubkey(impostor, s->own_key);
	if (!CMS_add1_signer(cms, impostor, s->own_key, EVP_sha256(), CMS_BINARY | CMS_NOCERTS | CMS_PARTIAL) ||
	    !CMS_add1_cert(cms, s->cert))
		phone_die("sign with another key");
	X509_free(impostor);
}

static void
add_stranger(TALLOC_CTX *ctx, CMS_ContentInfo *cms, unsigned flags)
{
	struct phone_ca *other = phone_ca_new(ctx);
	struct phone *stranger = phone_new(other, other, "00000000-0000000000000001");

	if (!CMS_add1_signer(cms, stranger->cert, stranger->key, EVP_sha256(), flags))
		phone_die("sign twice");
}

static void
add_signers(TALLOC_CTX *ctx, CMS_ContentInfo *cms, struct signer *s, enum phone_answer kind)
{
	const EVP_MD *md = kind == PHONE_SHA1 ? EVP_sha1() : kind == PHONE_MD5 ? EVP_md5() : EVP_sha256();
	unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;

	if (kind == PHONE_NO_ATTRIBUTES)
		flags |= CMS_NOATTR;
	if (kind == PHONE_NO_CERTIFICATE)
		flags |= CMS_NOCERTS;
	if (kind == PHONE_OTHER_KEY)
		sign_with_other_key(cms, s);
	else if (kind == PHONE_NO_SIGNER)
		CMS_add1_cert(cms, s->cert);
	else if (!CMS_add1_signer(cms, s->cert, s->key, md, flags))
		phone_die("sign");
	if (kind == PHONE_TWO_SIGNERS)
		add_stranger(ctx, cms, flags);
	if (s->above && kind != PHONE_CA_SIGNS && !CMS_add1_cert(cms, s->above))
		phone_die("add a certificate");
	for (int i = 0; kind == PHONE_MANY_CERTS && i < 20; i++) {
		X509 *more = identity_cert(forged, s->key, NULL, NULL, IDENTITY_DEVICE);

		CMS_add1_cert(cms, more);
		X509_free(more);
	}
}

static struct bytes
bytes_of(TALLOC_CTX *ctx, BIO *bio)
{
	char *p;
	long len = BIO_get_mem_data(bio, &p);

	return (struct bytes){ mem_copy(ctx, p, (size_t)len), (size_t)len };
}

/* CMS_final wants a signer. */
static bool
put_in(CMS_ContentInfo *cms, struct bytes content)
{
	ASN1_OCTET_STRING **at = CMS_get0_content(cms);

	*at = *at ? *at : ASN1_OCTET_STRING_new();
	return ASN1_OCTET_STRING_set(*at, content.p, (int)content.len);
}

static bool
write_message(CMS_ContentInfo *cms, BIO *in, struct bytes content, BIO *out, unsigned flags, enum phone_answer kind)
{
	if (flags & CMS_STREAM)
		return i2d_CMS_bio_stream(out, cms, in, (int)flags);
	return (kind == PHONE_NO_SIGNER ? put_in(cms, content) : CMS_final(cms, in, NULL, flags)) && i2d_CMS_bio(out, cms);
}

static struct bytes
signed_message(TALLOC_CTX *ctx, const struct phone *phone, struct bytes content, enum phone_answer kind)
{
	bool definite = kind == PHONE_DER || kind == PHONE_DETACHED || kind == PHONE_NO_SIGNER;
	unsigned flags = CMS_BINARY | CMS_PARTIAL | (kind == PHONE_DETACHED ? CMS_DETACHED : 0) |
			 (definite ? 0 : CMS_STREAM);
	SCOPED(bio) BIO *in = BIO_new_mem_buf(content.p, (int)content.len);
	SCOPED(bio) BIO *out = BIO_new(BIO_s_mem());
	SCOPED(cms) CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	struct signer s = signer_of(ctx, phone, kind);

	add_signers(ctx, cms, &s, kind);
	if (!write_message(cms, in, content, out, flags, kind))
		phone_die("write the answer %s", phone_answer_names[kind]);
	release_signer(&s);
	return bytes_of(ctx, out);
}

struct bytes
phone_sign(TALLOC_CTX *ctx, const struct phone *phone, struct bytes content)
{
	return signed_message(ctx, phone, content, PHONE_HONEST);
}

static struct bytes
enveloped(TALLOC_CTX *ctx, const struct phone *phone, struct bytes content)
{
	SCOPED(bio) BIO *in = BIO_new_mem_buf(content.p, (int)content.len);
	SCOPED(bio) BIO *out = BIO_new(BIO_s_mem());
	STACK_OF(X509) *to = sk_X509_new_null();
	SCOPED(cms) CMS_ContentInfo *cms = NULL;

	sk_X509_push(to, phone->cert);
	cms = CMS_encrypt(to, in, EVP_aes_128_cbc(), CMS_BINARY);
	if (!cms || !i2d_CMS_bio(out, cms))
		phone_die("encrypt");
	sk_X509_free(to);
	return bytes_of(ctx, out);
}

/* Bytes as they are, changed afterwards. */
static struct bytes
changed(TALLOC_CTX *ctx, struct bytes message, const struct phone *phone, enum phone_answer kind)
{
	size_t len = message.len + (kind == PHONE_HUGE ? 1u << 20 : 1);
	unsigned char *p = mem_size(ctx, len), *at;

	memset(p, 0, len);
	memcpy(p, message.p, message.len);
	if (kind == PHONE_TAMPERED) {
		at = memmem(p, message.len, phone->udid, strlen(phone->udid));
		if (!at)
			phone_die("the UDID is not in the message");
		*at ^= 1;
	}
	if (kind == PHONE_DEEP)
		for (size_t i = 0; i + 1 < len && i < 2000; i += 2) {
			p[i] = 0x30;
			p[i + 1] = 0x80;
		}
	return (struct bytes){ p, kind == PHONE_TRAILING || kind == PHONE_HUGE ? len :
				  kind == PHONE_TRUNCATED ? message.len - 5 : message.len };
}

struct bytes
phone_answer(TALLOC_CTX *ctx, const struct phone *phone, const char *const *asked, const char *challenge,
	     enum phone_answer kind)
{
	struct bytes content = attributes(ctx, phone, asked, challenge, kind);

	if (kind == PHONE_UNSIGNED)
		return content;
	if (kind == PHONE_GARBAGE)
		return (struct bytes){ mem_text(ctx, "hello"), 5 };
	if (kind == PHONE_ENVELOPED)
		return enveloped(ctx, phone, content);
	return changed(ctx, signed_message(ctx, phone, content, kind), phone, kind);
}
