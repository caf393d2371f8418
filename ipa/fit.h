#pragma once
/*
 * fit - may this provision stand in for the one that a bundle was signed with?
 *
 * A provision sent alone overrides the one in the bundle when it is for the same app id, names the certificate
 * that signed the bundle, and grants what the bundle's executable claims.  So it is with the app and each extension
 * and watch app, one by one (MUST 65 of docs/conformance.md).
 *
 * Where the executable does not say who signed it or what it claims, its embedded provision stands in: every
 * certificate and every entitlement of that one must then be in the newer one too, which is more than is needed and
 * never too little.
 */
#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#define FIT_DETAIL_MAX 160

enum fit_verdict {
	FIT_YES,
	FIT_STORE,		/* it is for the App Store: no device takes it this way */
	FIT_SIGNATURE,		/* it is not signed by Apple */
	FIT_APP_ID,		/* its app id does not cover the bundle id, or is of another team */
	FIT_CERTIFICATE,	/* it does not name the certificate that signed the bundle */
	FIT_ENTITLEMENT,	/* it does not grant what the executable claims; detail: the entitlement */
	FIT_ENDED,		/* it ends no later than the embedded one */
	FIT_UNKNOWN,		/* the bundle has no readable provision of its own to compare with */
};
const char *fit_name(enum fit_verdict verdict);	/* "certificate" */

/* What is known of a bundle; all lent. */
struct fit_bundle {
	const char *bundle_id;
	const char *certificate;	/* SHA-1 of who signed it; "": not known */
	const json_t *entitlements;	/* of its executable; NULL: not known */
	const json_t *own;		/* its embedded provision's facts (ipa/provision.h) */
};

/* Whom it lists is not looked at: that is a device's matter.  `detail` (may be NULL) of FIT_DETAIL_MAX bytes. */
enum fit_verdict fit(const json_t *provision, const struct fit_bundle *bundle, char *detail);
