#pragma once
/*
 * payload_fact - the payload types an iPhone takes: their keys, types and values, since which iOS, and what is
 * secret.  The table is mdm/payload_facts.tsv.
 */
#include <jansson.h>
#include "mdm/apple_fact.h"

/* "com.apple.applicationaccess" and on, in the order of names; a type may stand twice (its variants). */
const struct apple_fact *payload_facts(void);
const struct apple_fact *payload_fact(const char *type);	/* its first variant; NULL: iOS has none of this name */
const struct apple_fact *payload_fact_next(const struct apple_fact *variant);	/* of the same type; NULL: the last */
/* The variant that these keys are meant as (NULL: the first); NULL: iOS has none. */
const struct apple_fact *payload_fact_of(const char *type, const json_t *keys);
const struct apple_fact *payload_common(const char *key);	/* of what every payload has; NULL: no such key */

/* Some keys hold the UUID of another payload of the same mobileconfig: an identity, or a certificate to be trusted. */
enum payload_reference { REFERS_NOTHING, REFERS_IDENTITY, REFERS_CERTIFICATE };
enum payload_reference payload_reference(const char *key);
bool payload_may_be(enum payload_reference wanted, const char *type);

/* "Allow enterprise app trust" of allowEnterpriseAppTrust. */
char *payload_label(TALLOC_CTX *ctx, const char *key);
