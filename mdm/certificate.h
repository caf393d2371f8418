#pragma once
/*
 * certificate - every certificate that we issued, for as long as somebody could show it.
 */
#include "core/db.h"

#define CERTIFICATE_SHA256_SIZE 65

struct certificate {
	const char *sha256, *serial, *authority_id, *purpose, *subject, *key_sha256;
	const char *session_id;		/* NULL: none */
	struct bytes der;
	int64_t not_before, not_after, issued;
	int64_t revoked;		/* 0: is not */
	const char *reason;
};

bool certificate_keep(struct db *tx, const struct certificate *cert, struct err *err) CHECKED;
bool certificate_find(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct certificate **ret,
		      struct err *err) CHECKED;	/* ERR_MISSING */
bool certificate_revoke(struct db *tx, const char *sha256, const char *reason, struct err *err) CHECKED;
