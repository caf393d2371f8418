/* Executables: no offset may lead out of the bytes given. */
#include <assert.h>
#include <string.h>
#include "ipa/macho.h"
#include "ipa/provision_cms.h"
#include "tests/fuzz/fuzz.h"

static bool
read_bytes(void *arg, uint64_t offset, void *p, size_t len, size_t *got, struct err *err)
{
	const struct bytes *bytes = arg;

	(void)err;
	assert(offset <= bytes->len);
	*got = len < bytes->len - offset ? len : bytes->len - (size_t)offset;
	memcpy(p, (const uint8_t *)bytes->p + offset, *got);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	SCOPED(x509) X509 *signer = NULL;
	struct bytes bytes = { p, len };
	struct macho *macho;
	struct err err = { 0 };

	if (!macho_inspect(ctx, read_bytes, &bytes, len, &macho, &err)) {
		assert(err.kind == ERR_INVALID);
		return 0;
	}
	assert(macho->architecture_count > 0 && macho->architecture_count <= MACHO_ARCHS_MAX);
	assert(macho->entitlements.len <= len);
	if (provision_signer(macho->cms, &signer))
		assert(signer);
	return 0;
}
