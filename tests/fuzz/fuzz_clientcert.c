/*
 * The client certificate that a proxy passes on, in either form.  What is taken is one certificate, and
 * written as a byte sequence it is the same one again.
 */
#include <assert.h>
#include <string.h>
#include "core/buf.h"
#include "tests/fuzz/fuzz.h"
#include "web/clientcert.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct client_cert cert = { 0 }, again = { 0 };
	struct err err = { 0 };
	struct buf buf;

	if (clientcert_read(ctx, mem_textn(ctx, (const char *)data, size), &cert, &err)) {
		assert(cert.der.len > 0 && cert.der.len <= CLIENTCERT_DER_MAX && strlen(cert.sha256) == 64);
		buf_init(&buf, ctx, 2 * CLIENTCERT_TEXT_MAX);
		buf_text(&buf, ":");
		buf_base64(&buf, cert.der.p, cert.der.len);
		buf_text(&buf, ":");
		assert(clientcert_read(ctx, buf_str(&buf), &again, &err));
		assert(again.der.len == cert.der.len && memcmp(again.der.p, cert.der.p, cert.der.len) == 0);
	} else {
		assert(err.kind == ERR_MALFORMED);
	}
	talloc_free(ctx);
	return 0;
}
