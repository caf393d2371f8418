/* The plist gate and libplist behind it: whatever passes the gate is read whole and freed. */
#include <assert.h>
#include "core/plist.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	SCOPED(plist) plist_t plist = NULL;
	struct bytes bytes = { p, len };
	struct err err = { 0 };

	if (!plist_open(bytes, PLIST_BYTES_MAX, &plist, &err)) {
		assert(err.kind == ERR_INVALID && *err.cause);
		return 0;
	}
	json_decref(plist_json(plist));
	return 0;
}
