#pragma once
/*
 * scep_offer - what a SCEP payload tells a device: which server to ask for its identity, and with what.
 *
 * That is our own server, with a challenge made for this one certificate; or the company's (scep.external_url,
 * such as Microsoft NDES) for the identities of enrolled devices.  Passing identities are always ours.
 * RFC 8894 section 7.3; Apple: com.apple.security.scep.
 */
#include "core/conf.h"
#include "mdm/challenge.h"

#define SCEP_KEY_SIZE		2048	/* iOS makes 1024 when the payload does not say */
#define SCEP_KEY_USAGE		5	/* signing and encryption */

/* Whom devices ask; made once for each payload, outside of any transaction: it may read a file. */
struct scep_servers {
	const char *base_url;		/* ours */
	int64_t challenge_s;		/* how long a challenge lives unless its wish says so */
	struct bytes ca_sha256;		/* of the certificate that our server says is its CA */
	const char *outside_url;	/* "": there is no outside one */
	const char *outside_name, *outside_challenge;
	struct bytes outside_ca_sha256;
};

bool scep_servers_read(TALLOC_CTX *ctx, const struct conf *conf, struct ca *ca, const char *base_url,
		       struct scep_servers *ret, struct err *err) CHECKED;

struct scep_offer {
	const char *url;		/* never with a query: the device replaces it by its own */
	const char *name;		/* CA-IDENT; "": leave the key out */
	const char *challenge;
	const char *subject;		/* RFC 4514; in the payload an array of arrays of pairs */
	struct bytes ca_sha256;		/* CAFingerprint */
	int64_t key_size;
	bool outside;			/* the certificate will not be ours: mdm/ca.h, CA_TRUSTED */
};

/*
 * In the transaction that hands the payload out.  `token`: of the enroll_session, which is the path at our own
 * server (NULL: none).  A new challenge at each call.
 */
bool scep_offer_new(TALLOC_CTX *ctx, struct db *tx, const struct scep_servers *servers, const char *token,
		    const struct challenge_wish *wish, struct scep_offer *ret, struct err *err) CHECKED;
