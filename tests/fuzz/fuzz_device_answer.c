/*
 * Device answers: ASN.1, CMS, and the attributes inside.
 *
 * '<' or 'b': attributes, signed here before they are read.  'p': an honest answer with these bytes of it
 * changed (two of place, one of value).  Else the answer as it is.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>
#include "mdm/device_answer.h"
#include "tests/device/phone.h"
#include "tests/fuzz/fuzz.h"

#define UDID "00008120-001A2B3C4D5E801E"

static struct device_roots *apple, *ours;
static struct phone *phone;
static struct bytes honest;

static void
begin(void)
{
	static const char *const asked[] = { "UDID", "PRODUCT", "VERSION", "DEVICE_NAME", NULL };
	struct phone_ca *ca = phone_ca_new(NULL);
	BIO *bio = BIO_new(BIO_s_mem());
	struct err err;
	char *pem;
	long len;

	phone = phone_new(NULL, ca, UDID);
	honest = phone_answer(phone, phone, asked, "once", PHONE_HONEST);
	PEM_write_bio_X509(bio, ca->root);
	len = BIO_get_mem_data(bio, &pem);
	if (!device_roots_open(NULL, (struct bytes){ 0 }, &apple, &err) ||
	    !device_roots_open(NULL, (struct bytes){ pem, (size_t)len }, &ours, &err))
		abort();
	BIO_free(bio);
}

static struct bytes
patched(TALLOC_CTX *ctx, const uint8_t *p, size_t len)
{
	unsigned char *copy = mem_copy(ctx, honest.p, honest.len);

	for (; len >= 3; p += 3, len -= 3)
		copy[(size_t)(p[0] << 8 | p[1]) % honest.len] = p[2];
	return (struct bytes){ copy, honest.len };
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	struct device_answer *answer;
	char udid[DEVICE_UDID_SIZE];
	struct bytes bytes = { p, len };
	struct err err;

	if (!phone)
		begin();
	if (len > 0 && *p == 'p')
		bytes = patched(ctx, p + 1, len - 1);
	else if (len > 0 && (*p == '<' || *p == 'b'))
		bytes = phone_sign(ctx, phone, bytes);
	assert(!device_answer_read(ctx, bytes, apple, &answer, &err));
	if (!device_answer_read(ctx, bytes, ours, &answer, &err)) {
		assert(err.kind == ERR_INVALID || err.kind == ERR_MALFORMED || err.kind == ERR_DENIED ||
		       err.kind == ERR_LIMIT);
		return 0;
	}
	assert(device_udid(answer->udid, udid) && strcmp(udid, answer->udid) == 0);
	assert(answer->signer == DEVICE_OTHER_TEST && *answer->product && *answer->version);
	assert(*p != 'p' || strcmp(answer->udid, UDID) == 0);	/* what is signed did not change */
	return 0;
}
