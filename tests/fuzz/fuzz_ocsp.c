/*
 * OCSP requests from anybody.  'p': an honest one, of two, with these bytes of it changed (two of place, one of
 * value).  Else the request as it is.
 */
#include <assert.h>
#include <openssl/ocsp.h>
#include "mdm/ocsp.h"
#include "tests/device/craft.h"
#include "tests/fuzz/fuzz.h"

static struct bytes honest[2];

static struct bytes
make(bool nonce)
{
	static void *kept;
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	unsigned char *der = NULL;
	struct bytes made;
	X509 *cert;
	int len;

	if (!kept)
		kept = talloc_new(NULL);
	cert = craft_cert(kept, craft_key(2), "CA");
	OCSP_request_add0_id(request, OCSP_cert_to_id(EVP_sha1(), cert, cert));
	OCSP_request_add0_id(request, OCSP_cert_to_id(EVP_sha256(), cert, cert));
	if (nonce)
		OCSP_request_add1_nonce(request, NULL, 16);
	len = i2d_OCSP_REQUEST(request, &der);
	made = (struct bytes){ mem_copy(kept, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	OCSP_REQUEST_free(request);
	return made;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	struct bytes bytes = { p, len };

	if (!honest[0].p)
		for (int i = 0; i < 2; i++) {
			honest[i] = make(i);
			assert(ocsp_read(honest[i]));
		}
	if (len > 1 && *p == 'p') {
		struct bytes from = honest[p[1] % 2];
		unsigned char *copy = mem_copy(ctx, from.p, from.len);

		for (p += 2, len -= 2; len >= 3; p += 3, len -= 3)
			copy[(size_t)(p[0] << 8 | p[1]) % from.len] = p[2];
		bytes = (struct bytes){ copy, from.len };
	}
	assert(!ocsp_read(bytes) || bytes.len <= OCSP_REQUEST_MAX);
	return 0;
}
