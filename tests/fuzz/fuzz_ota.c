/*
 * Answers in both phases of enrollment: an Apple certificate of the tests in the first, one of ours in the third.
 *
 * The first byte says which: '1' attributes signed as in phase 1, '3' as in phase 3; 'a' and 'o' an honest answer of
 * either with these bytes of it changed (two of place, one of value); else the answer as it is.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>
#include "mdm/device_answer.h"
#include "tests/device/phone.h"
#include "tests/fuzz/fuzz.h"

#define UDID "00008120-001A2B3C4D5E801E"

static struct device_roots *roots;
static struct cms_trust *ours;
static struct phone *phones[2];		/* of Apple, of ours */
static struct bytes honest[2];

static void
begin(void)
{
	static const char *const asked[] = { "UDID", "VERSION", "PRODUCT", "SERIAL", "DEVICE_NAME", "IMEI", NULL };
	struct phone_ca *apple = phone_ca_new(NULL), *house = phone_ca_new(NULL);
	STACK_OF(X509) *certs = sk_X509_new_null();
	BIO *bio = BIO_new(BIO_s_mem());
	struct err err;
	char *pem;
	long len;

	phones[0] = phone_new(NULL, apple, UDID);
	phones[1] = phone_new(NULL, house, UDID);
	honest[0] = phone_answer(phones[0], phones[0], asked, "once", PHONE_HONEST);
	honest[1] = phone_answer(phones[1], phones[1], asked, NULL, PHONE_HONEST);
	PEM_write_bio_X509(bio, apple->root);
	len = BIO_get_mem_data(bio, &pem);
	sk_X509_push(certs, house->cert);
	if (!device_roots_open(NULL, (struct bytes){ pem, (size_t)len }, &roots, &err) ||
	    !cms_trust_new(NULL, certs, CMS_DIRECT, &ours, &err))
		abort();
	sk_X509_free(certs);
	BIO_free(bio);
}

static struct bytes
patched(TALLOC_CTX *ctx, struct bytes of, const uint8_t *p, size_t len)
{
	unsigned char *copy = mem_copy(ctx, of.p, of.len);

	for (; len >= 3; p += 3, len -= 3)
		copy[(size_t)(p[0] << 8 | p[1]) % of.len] = p[2];
	return (struct bytes){ copy, of.len };
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	struct device_answer *answer, *again;
	char kind = len > 0 ? (char)*p : 0;
	struct bytes bytes = { p, len };
	struct err err;

	if (!phones[0])
		begin();
	if ((kind == '1' || kind == '3') && len > 1)
		bytes = phone_sign(ctx, phones[kind == '3'], (struct bytes){ p + 1, len - 1 });
	else if (kind == 'a' || kind == 'o')
		bytes = patched(ctx, honest[kind == 'o'], p + 1, len - 1);
	if (!device_answer_read_ours(ctx, bytes, roots, ours, &answer, &err)) {
		assert(err.kind == ERR_INVALID || err.kind == ERR_MALFORMED || err.kind == ERR_DENIED || err.kind == ERR_LIMIT);
		return 0;
	}
	assert(answer->signer == (kind == '3' || kind == 'o' ? DEVICE_OURS : DEVICE_OTHER_TEST));
	assert(!strchr(answer->imei, ' ') && strlen(answer->imei) <= 32);
	assert((kind != 'a' && kind != 'o') || strcmp(answer->udid, UDID) == 0);	/* what is signed did not change */
	/* where nobody asked for ours, ours are nobody's: the first phase is Apple's alone */
	assert(device_answer_read(ctx, bytes, roots, &again, &err) == (answer->signer != DEVICE_OURS));
	return 0;
}
