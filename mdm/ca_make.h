#pragma once
/*
 * ca_make - making an authority: by default one self-signed CA that does all by itself; or a root whose key
 * leaves the house, with an issuing CA and two RAs under it; or one that the company brings.
 *
 * Keys and certificates are made first, without the database (a second or two); then one transaction keeps
 * them, retires what was in use, and writes the audit.  Retired CAs are believed as before, and go on to sign
 * their own CRLs; they issue no more.
 */
#include "mdm/authority.h"

#define CA_MAKE_BITS	2048	/* RFC 8894 clients decrypt and verify with it; RSA-4096 costs ten times as much */
#define CA_MAKE_ROOT_BITS 4096	/* of a root, which signs once in years */
#define CA_MAKE_DAYS	3650
#define CA_MAKE_ROOT_DAYS 7300

#define CA_MADE_MAX	16	/* certificates of one authority */

struct ca_made {
	struct authority **rows;	/* in the order in which they are kept */
	size_t n;
	const char *root_key_pem;	/* of a new root: to be kept elsewhere; NULL: none.  Wiped with its context */
	const char *root_cert_pem;
	bool staged;		/* kept as the next one: what is in use stays */
};

struct ca_make_wish {
	const char *name;	/* "Example": becomes "Example device CA", with a number when there were others */
	const char *base_url;	/* where the CRL will be */
	int before;		/* how many CAs there were */
	bool first_key;		/* nobody has the plain /crl yet */
};

/* How things stand: to be filled with before any of the following. */
bool ca_make_look(struct db *db, struct ca_make_wish *wish, struct err *err) CHECKED;

bool ca_make_single(TALLOC_CTX *ctx, const struct sealer *sealer, const struct ca_make_wish *wish, struct ca_made *ret,
		    struct err *err) CHECKED;
/* Under a new root, or under one whose certificate and key are given once more (PEM; empty: a new one). */
bool ca_make_under_root(TALLOC_CTX *ctx, const struct sealer *sealer, const struct ca_make_wish *wish,
			struct bytes root_cert, struct bytes root_key, struct ca_made *ret, struct err *err) CHECKED;

/*
 * One that is brought, PEM: RSA of 2048 bits or more, or EC P-256 or P-384; a CA that may sign certificates and
 * CRLs, in time, with those above it in `chain` (which may be empty) up to a self-signed one.  RAs are made
 * under it unless its key may sign messages and decrypt by itself.  ERR_INVALID says what is wrong with it.
 */
bool ca_make_brought(TALLOC_CTX *ctx, const struct sealer *sealer, const struct ca_make_wish *wish, struct bytes cert,
		     struct bytes key, struct bytes chain, struct ca_made *ret, struct err *err) CHECKED;

/* What signed the CA in use: a certificate, PEM; empty when it signed itself.  ERR_MISSING "no_ca". */
bool ca_make_above(TALLOC_CTX *ctx, struct db *db, struct bytes *pem, struct err *err) CHECKED;

/* `act` is "ca.make", "ca.renew" or "ca.stage".  ERR_CONFLICT when somebody else made one since ca_make_look. */
bool ca_make_keep(struct db *db, const char *actor, const char *act, const struct ca_make_wish *wish,
		  const struct ca_made *made, struct err *err) CHECKED;
/* The staged one takes over.  Audited.  ERR_MISSING: there is none. */
bool ca_make_switch(struct db *db, const char *actor, struct err *err) CHECKED;
