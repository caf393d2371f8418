#pragma once
/*
 * inventory - what devices report, parsed into tables: facts in four groups (network, device, apps,
 * compliance), apps, provisions, mobileconfigs, certificates.  "Not reported" is not empty.
 *
 * inventory_read works outside of any transaction; inventory_keep runs inside the report's.
 */
#include <jansson.h>
#include "core/db.h"
#include "core/plist.h"

struct inventory;

/* NULL in *ret: an answer that holds nothing for the inventory. */
bool inventory_read(TALLOC_CTX *ctx, const char *request_type, plist_t answer, struct bytes raw,
		    struct inventory **ret, struct err *err) CHECKED;
bool inventory_keep(struct db *tx, const char *device_id, const struct inventory *inventory, struct err *err) CHECKED;

/* {network{}, device{}, apps{}, compliance{}}; what was not reported is null. */
bool inventory_show(struct db *db, const char *device_id, json_t **ret, struct err *err) CHECKED;
