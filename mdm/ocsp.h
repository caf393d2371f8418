#pragma once
/*
 * ocsp - the answer to "was this certificate revoked?", for certificates of our CAs.  RFC 6960, RFC 5019 (GET,
 * answers that are kept), RFC 8954 (nonces).
 *
 * Signed with the key of the CA that issued the certificate, through mdm/ca_key.h: no responder's certificate
 * needs to be renewed or believed.  A retired CA answers for what it issued, as long as its key is here.
 *
 * What cannot be read, or holds more than OCSP_ASKED_MAX certificates, is answered "malformedRequest"; what is
 * about no CA of ours alone, "unauthorized"; both unsigned.  A certificate that we do not know of is "unknown".  A
 * request's own signature is not looked at: what we say, we say to everybody.
 */
#include "mdm/ca.h"

#define OCSP_REQUEST_MAX	4096	/* bytes */
#define OCSP_ASKED_MAX		8	/* certificates in one */
#define OCSP_NONCE_MAX		32	/* bytes, RFC 8954 */
#define OCSP_FRESH_S		3600	/* how long who asked may keep an answer */
#define OCSP_KEPT		1024	/* answers without a nonce that we keep */

struct ocsp_answer {
	struct bytes der;		/* application/ocsp-response; belongs to ctx */
	int64_t keep_s;			/* how long it may be kept: 0 not at all (a nonce, an error) */
	const char *status;		/* for the log and the tests: "good", "revoked", "unknown", "several", or the error ("later": tryLater) */
};

/*
 * False for failures of ours alone.  `sparing`: who asks has had their share of signatures.  They get the answer about
 * one certificate that is kept or can be, without their nonce (RFC 5019 4), and for all else "tryLater".
 */
bool ocsp_answer(TALLOC_CTX *ctx, struct ca *ca, struct bytes request, bool sparing, struct ocsp_answer *ret,
		 struct err *err) CHECKED;

/* Only read and judged, as ocsp_answer does first: for the fuzzer. */
bool ocsp_read(struct bytes request) CHECKED;
