#pragma once
/*
 * device_person - whose a managed device is, as an admin says: after it changed hands without being set up anew, or
 * came back after a backup of ours was put back.
 *
 * What follows from its person follows at once: mobileconfigs, apps, the catalog of its web clip; those that its
 * former person had of their own are revoked.
 */
#include "core/db.h"
#include "core/mem.h"

/* Who is called so; NULL and "": nobody, *id NULL.  ERR_INVALID "no_such_person": unknown, or disabled. */
bool device_person_find(TALLOC_CTX *ctx, struct db *db, const char *name, const char **id, struct err *err) CHECKED;

/* Audited, unless it is so already.  ERR_MISSING; ERR_CONFLICT "not_enrolled"; and those of the name. */
bool device_person_set(struct db *db, const char *actor, const char *device_id, const char *name, struct err *err) CHECKED;
