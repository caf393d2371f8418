#pragma once
/*
 * scep_message - a pkiMessage as it arrives (RFC 8894 section 3, RFC 5652), up to its envelope.
 *
 * Free of database and private keys.  In this order: our own walk of the ASN.1; the message type, the signer's
 * key and the algorithms, each by what is allowed and nothing else; the signature, by the certificate that the
 * message brings (who that is, others decide); the shape of the envelope.  Nothing is decrypted here:
 * mdm/scep_envelope.h.
 *
 * OpenSSL's CMS is not asked: of a SignedData with one signer there is little to read, its decoders take longer
 * than the signatures, and so hostile bytes meet nothing but the walk and RSA.
 *
 * What has a transaction and a nonce can be answered by a CertRep, and its `fail` says with which; the rest is
 * garbage: ERR_MALFORMED "bad_message".
 *
 * A message belongs to the thread that read it: OpenSSL's objects live in the thread's library context.
 */
#include "core/x509.h"
#include "mdm/certificate.h"
#include "mdm/scep_envelope.h"

#define SCEP_BYTES_MAX		(64u << 10)	/* of a pkiMessage */
#define SCEP_TRANSACTION_MAX	255		/* characters; 77 digits and 40 hex digits are common */
#define SCEP_NONCE_MAX		64		/* bytes; 16 by the RFC */

/* messageType, section 3.2.1.2: those that do anything. */
enum scep_type { SCEP_RENEWAL_REQ = 17, SCEP_PKCS_REQ = 19, SCEP_CERT_POLL = 20 };

/* The attributes are 2.16.840.1.113733.1.9.N: */
#define SCEP_MESSAGE_TYPE	"2.16.840.1.113733.1.9.2"
#define SCEP_PKI_STATUS		"2.16.840.1.113733.1.9.3"
#define SCEP_FAIL_INFO		"2.16.840.1.113733.1.9.4"
#define SCEP_SENDER_NONCE	"2.16.840.1.113733.1.9.5"
#define SCEP_RECIPIENT_NONCE	"2.16.840.1.113733.1.9.6"
#define SCEP_TRANSACTION_ID	"2.16.840.1.113733.1.9.7"

/* The certificate that the message is signed with; only its key has been looked at. */
struct scep_signer {
	struct bytes der, issuer, serial;	/* issuer and serial with their heads, as an envelope names them */
	EVP_PKEY *key;				/* ends with the message */
};

struct scep_message {
	enum scep_fail fail;		/* SCEP_FINE, or what it is answered with */
	const char *why;		/* for the log, when it is not fine */
	enum scep_type type;
	const char *transaction_id;	/* printable ASCII; a word of theirs: compared, never a name of anything */
	struct bytes sender_nonce;
	struct scep_signer signer;	/* when its signature is good */
	char signer_sha256[X509_FINGERPRINT_SIZE], signer_key_sha256[X509_FINGERPRINT_SIZE];
	struct scep_envelope envelope;	/* when it is fine */
};

bool scep_message_read(TALLOC_CTX *ctx, struct bytes der, const struct scep_rules *rules, struct scep_message **ret,
		       struct err *err) CHECKED;
