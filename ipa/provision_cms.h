#pragma once
/*
 * provision_cms - the signature around a provision: who made it, and what it says inside.
 */
#include "ipa/provision.h"

/*
 * The plist inside, and what the signature is worth.  Bare plists pass through as PROVISION_UNSIGNED.
 * Fails only when there is no content to be found.
 */
bool provision_unwrap(TALLOC_CTX *ctx, struct bytes bytes, const struct provision_roots *roots,
		      struct bytes *plist, enum provision_signature *signature, struct err *err) CHECKED;

/*
 * The certificate that a code signature (its CMS, detached from the code) names as its signer's.  Who it is, not
 * whether the signature holds: that is for the device to judge.  False: none can be told.
 */
bool provision_signer(struct bytes cms, X509 **ret);
