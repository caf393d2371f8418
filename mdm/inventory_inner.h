#pragma once
/* inventory_inner - one answer, read: between mdm/inventory.c, mdm/inventory_keep.c and mdm/inventory_show.c alone. */
#include "mdm/fact.h"
#include "mdm/inventory.h"

#define MISSING	(-1)	/* of numbers and truths: not reported */

struct inventory_fact { const char *name, *value; };	/* JSON; NULL: not reported */

struct inventory_app {
	const char *bundle_id, *name, *version, *short_version, *state;
	int64_t size, data_size;
	int installing;
};
struct inventory_provision { const char *uuid, *name; int64_t expires; };
struct inventory_mobileconfig {
	const char *identifier, *uuid, *name, *organization, *payloads;
	int64_t version;
	int managed, encrypted, removable;
};
struct inventory_certificate { const char *sha256, *name; int identity; int64_t expires; };

struct inventory {
	const char *request_type;
	struct bytes packed;	/* the answer, core/pack.h */
	bool partial;		/* lists: what is not in it may be there all the same */
	struct inventory_fact *facts;
	struct inventory_app *apps;	/* InstalledApplicationList, or those of ManagedApplicationList */
	struct inventory_provision *provisions;
	struct inventory_mobileconfig *mobileconfigs;
	struct inventory_certificate *certificates;
	size_t facts_n, apps_n, provisions_n, mobileconfigs_n, certificates_n;
	/* of the device's own row; NULL, MISSING: not reported */
	const char *name, *os_version, *os_build, *product, *udid, *serial;
	int supervised;
};

/* The fact "udid" or "serial": does it say it is another device than the one that it is known to be? */
bool inventory_deviates(const char *name, const char *said, const char *known);
