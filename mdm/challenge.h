#pragma once
/*
 * challenge - 160 bits that entitle to one certificate: for one purpose, subject, session and device, for a
 * while.  Kept as a hash, consumed in the transaction that keeps the certificate.  RFC 8894 section 2.4, 7.3.
 */
#include "mdm/ca.h"

#define CHALLENGE_TTL_S	3600

struct challenge_wish {
	enum ca_purpose purpose;
	const char *subject;	/* RFC 4514 */
	const char *session_id;	/* NULL: none */
	const char *udid;	/* "" : of no device in particular */
	const char *created_by;	/* "person:<name>", "house" */
	int64_t ttl_s;		/* 0: CHALLENGE_TTL_S */
};

bool challenge_new(struct db *tx, TALLOC_CTX *ctx, const struct challenge_wish *wish, char **ret,
		   struct err *err) CHECKED;
