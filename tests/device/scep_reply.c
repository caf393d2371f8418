/*
 * What comes back from the SCEP server, judged as SecSCEPVerifyReply does.
 */
#include <string.h>
#include "tests/device/message.h"
#include "tests/device/scep.h"

static void
free_signers(STACK_OF(X509) *stack)
{
	sk_X509_free(stack);
}

static void
free_certs(STACK_OF(X509) *stack)
{
	sk_X509_pop_free(stack, X509_free);
}

/* Exactly one attribute of it, with exactly one value, of exactly this type. */
static const ASN1_STRING *
attribute(CMS_SignerInfo *si, enum scep_attribute which, int type, const char *name)
{
	const ASN1_STRING *value = CMS_signed_get0_data_by_OBJ(si, scep_oid(which), -3, type);

	if (!value)
		refuse("the SCEP reply has no %s of the right type, or several", name);
	return value;
}

static bool
is(const ASN1_STRING *value, const void *p, size_t len)
{
	return (size_t)ASN1_STRING_length(value) == len && memcmp(ASN1_STRING_get0_data(value), p, len) == 0;
}

/* By the expected certificate alone, whatever the message brings: iOS compares byte by byte. */
static CMS_SignerInfo *
judge_signer(TALLOC_CTX *ctx, CMS_ContentInfo *cms, X509 *expected, BIO *out)
{
	STACK_OF(X509) *only = hold(ctx, sk_X509_new_null(), free_signers, "no memory"), *signers;
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
	ASN1_OCTET_STRING **content = CMS_get0_content(cms);
	CMS_SignerInfo *si;

	sk_X509_push(only, expected);
	if (sk_CMS_SignerInfo_num(infos) != 1)
		refuse("the SCEP reply has %d signers", sk_CMS_SignerInfo_num(infos));
	si = sk_CMS_SignerInfo_value(infos, 0);
	if (CMS_signed_get_attr_by_NID(si, NID_pkcs9_contentType, -1) < 0 ||
	    CMS_signed_get_attr_by_NID(si, NID_pkcs9_messageDigest, -1) < 0)
		refuse("the SCEP reply lacks contentType or messageDigest among its signed attributes");
	if (CMS_verify(cms, only, NULL, content && *content ? NULL : BIO_new_mem_buf("", 0), out,
		       CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN | CMS_BINARY) != 1)
		refuse("the SCEP reply is not signed by the certificate that GetCACert gave");
	signers = hold(ctx, CMS_get0_signers(cms), free_signers, "the SCEP reply has no signer");
	if (sk_X509_num(signers) != 1 || X509_cmp(sk_X509_value(signers, 0), expected) != 0)
		refuse("the SCEP reply's signer is another certificate");
	return si;
}

static const char *
fail_info(CMS_SignerInfo *si)
{
	static const char *const names[] = { "badAlg", "badMessageCheck", "badRequest", "badTime", "badCertId" };
	const ASN1_STRING *value = attribute(si, SCEP_FAIL_INFO, V_ASN1_PRINTABLESTRING, "failInfo");
	int digit = ASN1_STRING_length(value) == 1 ? *ASN1_STRING_get0_data(value) - '0' : -1;

	return digit >= 0 && digit < 5 ? names[digit] : "a failInfo that nobody knows";
}

/* Degenerate certs-only SignedData with the one leaf: iOS takes element 0, and of `several` it is the first. */
static X509 *
read_certificate(TALLOC_CTX *ctx, struct bytes der, EVP_PKEY *key, bool several)
{
	const unsigned char *p = der.p;
	CMS_ContentInfo *cms = hold(ctx, d2i_CMS_ContentInfo(NULL, &p, (long)der.len), CMS_ContentInfo_free,
				    "the SCEP reply's inside is no CMS message");
	ASN1_OCTET_STRING **content;
	STACK_OF(X509) *certs;
	X509 *cert;

	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
	    sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) > 0)
		refuse("the SCEP reply's inside is not degenerate SignedData");
	content = CMS_get0_content(cms);
	if (content && *content)
		refuse("the SCEP reply's inside has a content beside its certificates");
	certs = hold(ctx, CMS_get1_certs(cms), free_certs, "the SCEP reply brings no certificate");
	if (sk_X509_num(certs) != 1 && !(several && sk_X509_num(certs) > 0))
		refuse("the SCEP reply brings %d certificates, not one", sk_X509_num(certs));
	cert = sk_X509_value(certs, 0);
	if (EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)
		refuse("the SCEP reply's certificate is for another key");
	return cert;
}

X509 *
scep_read(TALLOC_CTX *ctx, const struct scep_request *request, const struct scep_ca *ca, struct bytes reply)
{
	const unsigned char *p = reply.p;
	CMS_ContentInfo *cms = hold(ctx, d2i_CMS_ContentInfo(NULL, &p, (long)reply.len), CMS_ContentInfo_free,
				    "the SCEP reply is no CMS message");
	BIO *out = hold(ctx, BIO_new(BIO_s_mem()), BIO_free_all, "no memory");
	CMS_SignerInfo *si = judge_signer(ctx, cms, ca->sign, out);
	const ASN1_STRING *status = attribute(si, SCEP_STATUS, V_ASN1_PRINTABLESTRING, "pkiStatus");
	ASN1_OCTET_STRING **content = CMS_get0_content(cms);

	if (!is(attribute(si, SCEP_TYPE, V_ASN1_PRINTABLESTRING, "messageType"), "3", 1))
		refuse("the SCEP reply is no CertRep");
	if (!is(attribute(si, SCEP_TRANSACTION, V_ASN1_PRINTABLESTRING, "transactionID"), request->transaction,
		strlen(request->transaction)))
		refuse("the SCEP reply is of another transaction");
	if (!is(attribute(si, SCEP_RECIPIENT_NONCE, V_ASN1_OCTET_STRING, "recipientNonce"), request->nonce,
		sizeof request->nonce))
		refuse("the SCEP reply's recipientNonce is not the request's senderNonce");
	if (!is(status, "0", 1)) {
		if (content && *content)
			refuse("the SCEP reply has a content although it is no success");
		if (is(status, "3", 1))
			return NULL;
		if (!is(status, "2", 1))
			refuse("the SCEP server returned an invalid response");
		refuse("SCEP failed: %s", fail_info(si));
	}
	return read_certificate(ctx, (request->outside ? message_decrypt_old : message_decrypt)(ctx, hold_bio(ctx, out),
				request->signer, request->signer_key, "the SCEP reply"), request->key, request->outside);
}
