#pragma once
/*
 * ca_show - the authority for people: the console's page, the API and `pomona ca show` say the same.
 *
 * {authorities[{id, role, state, subject, issuer, key, serial, sha256, key_id, not_before, not_after, made, days,
 * crl_url}], certificates{valid, revoked, expired, by_purpose[{purpose, valid, revoked, expired}]}}: each CA, the
 * newest first, with its RAs behind it, then what stands above.  state is in_use, retired or expired; key is
 * "RSA 2048"; crl_url is null where it makes none.  Opens no key.
 */
#include <jansson.h>
#include "core/db.h"

#define CA_SOON_DAYS	90	/* before its end a CA is to be renewed: phones need time to get new identities */

bool ca_show(struct db *db, const char *base_url, json_t **ret, struct err *err) CHECKED;
