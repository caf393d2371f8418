/*
 * PKCS#10 requests.  'p': an honest one with these bytes of it changed (two of place, one of value).  Else the
 * request as it is.
 */
#include <assert.h>
#include <string.h>
#include "core/text.h"
#include "mdm/csr.h"
#include "tests/device/craft.h"
#include "tests/fuzz/fuzz.h"

static void *kept;	/* what lives as long as the process */
static struct bytes honest;

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	struct bytes bytes = { p, len };
	struct csr *csr;
	struct err err;
	char *subject;

	if (!honest.p) {
		struct craft c = { .challenge = "open sesame", .fault = CRAFT_CSR_CA };

		kept = talloc_new(NULL);
		honest = craft_csr(kept, &c);
	}
	if (len > 0 && *p == 'p') {
		unsigned char *copy = mem_copy(ctx, honest.p, honest.len);

		for (p++, len--; len >= 3; p += 3, len -= 3)
			copy[(size_t)(p[0] << 8 | p[1]) % honest.len] = p[2];
		bytes = (struct bytes){ copy, honest.len };
	}
	if (!csr_read(ctx, bytes, &csr, &err)) {
		assert(err.kind == ERR_INVALID && strcmp(err.code, "bad_request") == 0);
		return 0;
	}
	assert(csr->key && strlen(csr->key_sha256) == 64 && strlen(csr->challenge) <= CSR_CHALLENGE_MAX);
	assert(text_valid(csr->challenge, strlen(csr->challenge)));
	subject = csr_subject(ctx, csr);
	assert(text_valid(subject, strlen(subject)));
	return 0;
}
