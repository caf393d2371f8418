#pragma once
/*
 * inventory - what devices report, parsed into tables: facts in four groups (network, device, apps,
 * compliance), apps, provisions, mobileconfigs, certificates.  "Not reported" is not empty.
 *
 * inventory_read works outside of any transaction; inventory_keep runs inside the report's.
 *
 * An answer says all that there is of what was asked: a fact that it leaves out is not reported any more, an app
 * that it leaves out is gone.  A command that asked for a part (Queries, Identifiers, ManagedOnly) touches that
 * part alone: inventory_asked.
 *
 * A device's mistakes are not errors: what has the wrong type was not reported, and of lists beyond their limit
 * the rest is left out.
 */
#include <jansson.h>
#include "core/buf.h"
#include "core/db.h"
#include "core/plist.h"

#define INVENTORY_APPS_MAX		2000	/* of one device; the same for the other lists below */
#define INVENTORY_PROVISIONS_MAX	1000
#define INVENTORY_MOBILECONFIGS_MAX	500
#define INVENTORY_CERTIFICATES_MAX	500
#define INVENTORY_TEXT_MAX		1000	/* bytes of one text */
#define INVENTORY_JSON_MAX		(64u << 10)	/* bytes of what is kept as JSON */
#define INVENTORY_CSV_MAX		(8u << 20)

struct inventory;

/* NULL in *ret: an answer that holds nothing for the inventory. */
bool inventory_read(TALLOC_CTX *ctx, const char *request_type, plist_t answer, struct bytes raw,
		    struct inventory **ret, struct err *err) CHECKED;
/* The command that was answered, an XML plist; without it the whole was asked. */
void inventory_asked(struct inventory *inventory, struct bytes payload);
bool inventory_keep(struct db *tx, const char *device_id, const struct inventory *inventory, struct err *err) CHECKED;

/*
 * What the house above does once an answer is kept: inside the report's transaction.  Of the whole process, before
 * anything is served.
 */
typedef bool inventory_kept(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err);
void inventory_hook(inventory_kept *kept, void *site);

/*
 * {network{}, device{}, apps{}, compliance{}}; what was not reported is null.
 *   network	its facts, and sims[]
 *   device	its facts
 *   apps	apps[{bundle_id,name,version,short_version,size,data_size,installed,managed,state,installing}],
 *		provisions[{uuid,name,expires}]
 *   compliance	its facts, data_protection, restrictions{}, mobileconfigs[{identifier,uuid,name,organization,
 *		version,managed,encrypted,removable,payloads[{type,identifier,name}]}],
 *		certificates[{sha256,name,identity,expires}]
 *   reported	{<request type>: when}
 *   deviations	{udid, serial}: what it says where that is not what is known of it, which stands among the facts:
 *		the UDID that it is bound to, the serial number that its session has proven; mostly {}
 */
bool inventory_show(struct db *db, const char *device_id, json_t **ret, struct err *err) CHECKED;

/* One group as a table: fact,value or the group's list.  group: "network", "device", "apps", "compliance". */
bool inventory_csv(struct db *db, const char *device_id, const char *group, struct buf *out, struct err *err) CHECKED;

/*
 * What of it fits in a row of a list of devices, each column with a comma before it: the facts that the list does not
 * have itself, how many restrictions, apps, provisions, mobileconfigs and certificates there are, and when the first ends.
 */
void inventory_csv_head(struct buf *out);
bool inventory_csv_row(struct db *db, const char *device_id, struct buf *out, struct err *err) CHECKED;

/* The last answer to a request type, as the device sent it; ERR_MISSING. */
bool inventory_raw(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char *request_type,
		   struct bytes *ret, struct err *err) CHECKED;
