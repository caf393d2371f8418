#include "mdm/scep_message.h"
#include "mdm/cms_thread.h"
#include "mdm/public_key.h"
#include "mdm/signed_data.h"
#include <openssl/err.h>
#include <string.h>

#define TAG_PRINTABLE	0x13

/* 2.16.840.1.113733.1.9.N */
#define SCEP_OID(n) { "\x60\x86\x48\x01\x86\xf8\x45\x01\x09" n, 10 }
static const struct bytes oid_type = SCEP_OID("\x02"), oid_nonce = SCEP_OID("\x05"), oid_transaction = SCEP_OID("\x07");

static bool
garbage(struct err *err, const char *why)
{
	ERR_clear_error();
	return err_code(err, ERR_MALFORMED, "bad_message", "%s", why);
}

/* It can be answered: with a CertRep that says no. */
static bool
refuse(struct scep_message *message, enum scep_fail fail, const char *why)
{
	ERR_clear_error();
	message->fail = fail;
	message->why = why;
	return true;
}

static bool
is_printable(struct bytes text)
{
	const unsigned char *p = text.p;

	for (size_t i = 0; i < text.len; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	return text.len > 0;
}

/* transactionID and senderNonce: without them nothing can be answered. */
static bool
read_names(const struct signed_data *data, struct scep_message *message, struct err *err)
{
	struct bytes id, nonce;

	if (!signed_data_attribute(data, oid_transaction, TAG_PRINTABLE, &id) || !is_printable(id) || id.len > SCEP_TRANSACTION_MAX)
		return garbage(err, "it has no one transactionID");
	if (!signed_data_attribute(data, oid_nonce, ASN1_TAG_OCTETS, &nonce) || !nonce.len || nonce.len > SCEP_NONCE_MAX)
		return garbage(err, "it has no one senderNonce");
	message->transaction_id = mem_textn(message, id.p, id.len);
	message->sender_nonce = nonce;
	return true;
}

/* The types that do anything, and nothing else: CVE-2026-30836 was a type that somebody forgot. */
static bool
read_type(const struct signed_data *data, enum scep_type *ret)
{
	static const struct { const char *text; enum scep_type type; } types[] = {
		{ "19", SCEP_PKCS_REQ }, { "17", SCEP_RENEWAL_REQ }, { "20", SCEP_CERT_POLL },
	};
	struct bytes text;

	if (!signed_data_attribute(data, oid_type, TAG_PRINTABLE, &text) || text.len != 2)
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (memcmp(types[i].text, text.p, 2) == 0) {
			*ret = types[i].type;
			return true;
		}
	return false;
}

static int
release_message(struct scep_message *message)
{
	EVP_PKEY_free(message->signer.key);
	return 0;
}

/* Judges, in this order, what costs nothing; then the signature; then the envelope's shape. */
static bool
judge(const struct signed_data *data, const struct signed_cert *cert, const struct scep_rules *rules, OSSL_LIB_CTX *lib,
      struct scep_message *message)
{
	const char *kind = "", *digest = signed_data_digest(data, &kind), *why;
	enum scep_fail fail;
	struct err none;

	if (!read_type(data, &message->type))
		return refuse(message, SCEP_BAD_REQUEST, "its messageType is not taken here");
	if (!digest || *kind != 'R')
		return refuse(message, SCEP_BAD_ALG, "it is signed in a way that is not taken here");
	message->signer = (struct scep_signer){ cert->der, cert->issuer, cert->serial, NULL };
	if (!public_key_read(cert->key, lib, &message->signer.key, &none))
		return refuse(message, SCEP_BAD_ALG, "its signer's key is not RSA of 2048 to 4096 bits");
	if (!data->has_attributes || !signed_data_verify(message, data, data->content, digest, message->signer.key, lib) ||
	    !certificate_key_sha256(message->signer.key, message->signer_key_sha256, &none))
		return refuse(message, SCEP_BAD_MESSAGE_CHECK, "its signature is wrong");
	x509_der_sha256(cert->der, message->signer_sha256);
	fail = scep_envelope_read(message, data->content, rules, &message->envelope, &why);
	return fail == SCEP_FINE || refuse(message, fail, why);
}

static bool
read_all(struct scep_message *message, struct bytes der, const struct scep_rules *rules, struct err *err)
{
	struct signed_data data;
	struct signed_cert cert;
	const char *why = signed_data_read(message, der, true, &data);
	OSSL_LIB_CTX *lib;

	if (why)
		return garbage(err, why);
	if (!read_names(&data, message, err))
		return false;
	if (!signed_data_signer(&data, &cert))
		return garbage(err, "its signer's certificate is not there");
	return cms_thread_lib(&lib, err) && judge(&data, &cert, rules, lib, message);
}

bool
scep_message_read(TALLOC_CTX *ctx, struct bytes der, const struct scep_rules *rules, struct scep_message **ret,
		  struct err *err)
{
	struct scep_message *message;
	struct bytes own;

	if (der.len > SCEP_BYTES_MAX)
		return err_code(err, ERR_LIMIT, "too_large", "a SCEP message of %zu bytes", der.len);
	message = mem_new(ctx, struct scep_message);
	talloc_set_destructor(message, release_message);
	message->fail = SCEP_FINE;
	own = (struct bytes){ mem_copy(message, der.p, der.len), der.len };	/* its parts point into it */
	if (!read_all(message, own, rules, err)) {
		talloc_free(message);
		return false;
	}
	*ret = message;
	return true;
}
