#pragma once
/*
 * payload_fact - the payload types an iPhone takes: their keys, types and values, since which iOS, and what is
 * secret.  The table is mdm/payload_facts.tsv.
 */
#include "mdm/apple_fact.h"

/* "com.apple.applicationaccess" and on, in the order of names; a type may stand twice (its variants). */
const struct apple_fact *payload_facts(void);
const struct apple_fact *payload_fact(const char *type);	/* its first variant; NULL: iOS has none of this name */
const struct apple_fact *payload_fact_next(const struct apple_fact *variant);	/* of the same type; NULL: the last */
const struct apple_fact *payload_common(const char *key);	/* of what every payload has; NULL: no such key */

/* "Allow enterprise app trust" of allowEnterpriseAppTrust. */
char *payload_label(TALLOC_CTX *ctx, const char *key);
