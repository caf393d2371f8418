/*
 * What a device answers, read for the inventory: the first byte chooses what was asked, the rest is the answer, and the
 * command as well.  A device's mistakes are no errors.
 */
#include <assert.h>
#include "mdm/inventory.h"
#include "tests/fuzz/fuzz.h"

static const char *const types[] = { "Authenticate", "DeviceInformation", "SecurityInfo", "Restrictions", "InstalledApplicationList",
				     "ManagedApplicationList", "ProvisioningProfileList", "ProfileList", "CertificateList" };

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	SCOPED(plist) plist_t answer = NULL;
	struct inventory *inventory;
	struct bytes bytes;
	struct err err;

	if (len < 2)
		return 0;
	bytes = (struct bytes){ p + 1, len - 1 };
	if (!plist_open(bytes, PLIST_BYTES_MAX, &answer, &err))
		return 0;
	assert(inventory_read(ctx, types[p[0] % (sizeof types / sizeof *types)], answer, bytes, &inventory, &err));
	if (inventory)
		inventory_asked(inventory, bytes);
	return 0;
}
