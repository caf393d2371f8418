#pragma once
/*
 * authority - table `authority`: the CAs that are and were, what stands above them, and their RAs.
 *
 * A private key is in the row, sealed under "authority:<id>" (PKCS#8), or kept elsewhere.  Making keys and
 * certificates is mdm/ca_make.h.
 */
#include "core/db.h"
#include "core/seal.h"
#include "core/x509.h"

#define AUTHORITIES_MAX	64

/* name, what of it */
#define AUTHORITY_ROLES(R) \
	R(CA, "ca")			/* issues */ \
	R(RA_SIGN, "ra_sign")		/* signs what SCEP answers */ \
	R(RA_DECRYPT, "ra_decrypt")	/* what SCEP asks is addressed to it */ \
	R(ABOVE, "above")		/* stands above a CA; its key is never here */

enum authority_role {
#define R(id, name) ROLE_OF_##id,
	AUTHORITY_ROLES(R)
#undef R
	AUTHORITY_ROLES_N
};

struct authority {
	const char *id, *under, *key_id, *sha256;	/* under NULL: not an RA */
	enum authority_role role;
	struct bytes der, sealed_key;			/* sealed_key empty: kept elsewhere */
	int64_t not_after, made_ms, retired;		/* retired 0: in use */
	int64_t revocations;
	bool staged;					/* the next one: issues nothing until it takes over */
};

struct authorities {
	struct authority *rows;		/* the newest first */
	size_t n;
};

const char *authority_role_name(enum authority_role role);

bool authority_list(TALLOC_CTX *ctx, struct db *db, struct authorities *ret, struct err *err) CHECKED;

/* Of all that issue, issued, or stand above: what an identity's chain ends in.  PEM. */
bool authorities_pem(TALLOC_CTX *ctx, const struct authorities *all, char **ret, struct err *err) CHECKED;

/* What changes when a row does: cheap to ask often. */
bool authority_stamp(struct db *db, char ret[64], struct err *err) CHECKED;

/* How often certificates of this key were revoked so far. */
bool authority_revocations(struct db *db, const char *key_id, int64_t *ret, struct err *err) CHECKED;

/* The row of a certificate, without a key; ids, digests and times are made here.  Belongs to ctx. */
bool authority_of(TALLOC_CTX *ctx, X509 *cert, enum authority_role role, const char *under,
		  struct authority **ret, struct err *err) CHECKED;
bool authority_seal_key(struct authority *row, const struct sealer *sealer, EVP_PKEY *key, struct err *err) CHECKED;
/* In a context of its own; ERR_CONFLICT "wrong_key". */
bool authority_open_key(const struct authority *row, const struct sealer *sealer, OSSL_LIB_CTX *lib, EVP_PKEY **ret,
			struct err *err) CHECKED;
bool authority_read_cert(const struct authority *row, OSSL_LIB_CTX *lib, X509 **ret, struct err *err) CHECKED;

/* ---- inside a transaction ---- */
bool authority_keep(struct db *tx, const struct authority *row, struct err *err) CHECKED;
bool authority_retire_all(struct db *tx, int64_t now, struct err *err) CHECKED;	/* CAs and RAs in use */
bool authority_take_over(struct db *tx, int64_t now, bool *any, struct err *err) CHECKED;	/* what was staged, from now on */
bool authority_revoked_one(struct db *tx, const char *id, struct err *err) CHECKED;	/* its CRL has changed */
