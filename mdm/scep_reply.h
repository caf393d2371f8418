#pragma once
/*
 * scep_reply - a CertRep, exactly as iOS, strongSwan and certmonger will have it.  RFC 8894 section 3.3.2.
 *
 * Signed with SHA-256 and the algorithm named rsaEncryption (strongSwan 5.9.8 knows no other), the signer's
 * certificate inside; attributes as PrintableString.  SUCCESS: the one certificate that was issued, and nothing
 * above it (clients take the first, and a SET has no order), enveloped to whoever signed the request, with the
 * request's cipher.  FAILURE and PENDING: no content at all.  RFC 8894 section 3.3.2.
 */
#include "mdm/ca.h"
#include "mdm/scep_message.h"

enum scep_status { SCEP_SUCCESS = 0, SCEP_FAILURE = 2, SCEP_PENDING = 3 };

struct scep_reply {
	enum scep_status status;
	enum scep_fail fail;		/* FAILURE */
	struct bytes certificate;	/* SUCCESS: DER */
};

bool scep_reply_write(TALLOC_CTX *ctx, struct ca *ca, const struct scep_message *request,
		      const struct scep_reply *reply, struct bytes *ret, struct err *err) CHECKED;
