#pragma once
/*
 * ca_sign - table `signing_certificate`: our own CA signs mobileconfigs, where no other certificate is set.
 *
 * Not with the CA's key itself: with one that it gives a certificate of purpose "sign" for (RFC 5280: digitalSignature,
 * emailProtection and no clientAuth, so that it is nobody's identity).  It is made at the first need and anew
 * CA_SIGN_RENEW_DAYS before its end, when another CA has taken over, and when it was revoked.  The key is sealed under
 * "signing_certificate:<sha256>".  Phones that do not know our CA say "Not Verified" of what it signs.
 *
 * Any thread, never inside a transaction.
 */
#include "mdm/ca.h"
#include "mdm/cms.h"

#define CA_SIGN_RENEW_DAYS	30

bool ca_sign_ready(struct ca *ca);	/* is there a CA that could, and whose time is not over? */

/*
 * What signs now, made if there is none; `subject` as in struct ca_wish.  Where one that lives cannot be renewed it
 * goes on, and the log says why.
 */
bool ca_sign_signer(TALLOC_CTX *ctx, struct ca *ca, const char *subject, struct cms_signer **ret, struct err *err) CHECKED;

/* Renews what is there and nears its end; makes none where there is none. */
bool ca_sign_keep(struct ca *ca, const char *subject, struct err *err) CHECKED;

struct ca_signing {
	const char *sha256, *chain;	/* PEM */
	int64_t not_after;
};

/* Of the CA in use, not revoked; *ret NULL: none was made yet. */
bool ca_sign_find(TALLOC_CTX *ctx, struct db *db, struct ca_signing **ret, struct err *err) CHECKED;
