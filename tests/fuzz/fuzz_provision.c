/* Provisions: ASN.1, CMS, the plist inside, and its JSON.  Nothing made up may pass as Apple's. */
#include <assert.h>
#include "ipa/provision.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct provision_roots *roots;
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	struct bytes bytes = { p, len };
	struct provision *provision;
	struct err err = { 0 };

	if (!roots && !provision_roots_open(NULL, (struct bytes){ 0 }, &roots, &err))
		abort();
	if (!provision_read(ctx, bytes, roots, &provision, &err)) {
		assert(err.kind == ERR_INVALID);
		return 0;
	}
	assert(provision->signature != PROVISION_APPLE && provision->signature != PROVISION_OTHER_TEST);
	provision_covers(provision, "com.example.app");
	json_decref(provision_json(provision, true));
	return 0;
}
