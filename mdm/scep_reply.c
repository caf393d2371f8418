#include "mdm/scep_reply.h"
#include "core/asn1.h"
#include "core/secret.h"
#include "mdm/ca_key.h"
#include <string.h>

#define NONCE_SIZE 16

/* SignedData that signs nothing and holds one certificate: RFC 8894 section 3.4. */
static struct bytes
degenerate(TALLOC_CTX *ctx, struct bytes cert)
{
	static const struct bytes signed_data = { "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 11 },
				  version = { "\x02\x01\x01", 3 }, none = { "\x31\x00", 2 },
				  of_data = { "\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 13 };
	struct bytes body = ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, version, none, of_data, ASN1_PUT(ctx, ASN1_TAG_CONTEXT_0, cert),
				     none);

	return ASN1_PUT(ctx, ASN1_TAG_SEQUENCE, signed_data, ASN1_PUT(ctx, ASN1_TAG_CONTEXT_0, body));
}

/* What was read with single DES is answered with triple: any client that has the one has the other. */
static enum scep_cipher
cipher_of(const struct scep_message *request)
{
	return request->envelope.cipher == SCEP_DES ? SCEP_DES3 : request->envelope.cipher;
}

bool
scep_reply_write(TALLOC_CTX *ctx, struct ca *ca, const struct scep_message *request, const struct scep_reply *reply,
		 struct bytes *ret, struct err *err)
{
	const char status = (char)('0' + reply->status), fail = (char)('0' + reply->fail);
	unsigned char nonce[NONCE_SIZE];
	const struct ca_key_attribute attributes[] = {
		{ SCEP_MESSAGE_TYPE, V_ASN1_PRINTABLESTRING, { "3", 1 } },
		{ SCEP_PKI_STATUS, V_ASN1_PRINTABLESTRING, { &status, 1 } },
		{ SCEP_TRANSACTION_ID, V_ASN1_PRINTABLESTRING, { request->transaction_id, strlen(request->transaction_id) } },
		{ SCEP_RECIPIENT_NONCE, V_ASN1_OCTET_STRING, request->sender_nonce },
		{ SCEP_SENDER_NONCE, V_ASN1_OCTET_STRING, { nonce, sizeof nonce } },
		{ SCEP_FAIL_INFO, V_ASN1_PRINTABLESTRING, { &fail, 1 } },	/* last: of FAILURE alone */
	};
	size_t n = sizeof attributes / sizeof *attributes - (reply->status != SCEP_FAILURE);
	const struct scep_signer *to = &request->signer;
	struct bytes content;

	secret_random(nonce, sizeof nonce);
	if (reply->status != SCEP_SUCCESS)
		return ca_key_sign_cms(ctx, ca, NULL, attributes, n, ret, err);
	return scep_envelope_write(ctx, degenerate(ctx, reply->certificate), cipher_of(request), to->issuer, to->serial,
				   to->key, &content, err) &&
	       ca_key_sign_cms(ctx, ca, &content, attributes, n, ret, err);
}
