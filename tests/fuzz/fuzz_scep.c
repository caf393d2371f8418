/*
 * pkiMessages from anybody: our walk, certificates, attributes, the signature, the shape of the envelope.
 *
 * 'p': an honest message, of four, with these bytes of it changed (two of place, one of value).  Else the message
 * as it is.  No private key is used to read one; what its envelope holds is fuzz_scep_inside's.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "mdm/scep_message.h"
#include "tests/device/craft.h"
#include "tests/fuzz/fuzz.h"

static void *kept;	/* what lives as long as the process */
static X509 *to;
static struct bytes honest[4];

static void
begin(void)
{
	kept = talloc_new(NULL);
	to = craft_cert(kept, craft_key(2), "CA");
	for (int i = 0; i < 4; i++) {
		struct craft c = { .to = to, .challenge = "open sesame", .ber = i % 2, .cipher = i / 2 ? "DES-EDE3-CBC" : NULL };

		honest[i] = craft(kept, &c);
	}
}

static struct bytes
patched(TALLOC_CTX *ctx, const uint8_t *p, size_t len)
{
	struct bytes from = honest[len ? *p % 4 : 0];
	unsigned char *copy = mem_copy(ctx, from.p, from.len);

	for (p++, len -= len > 0; len >= 3; p += 3, len -= 3)
		copy[(size_t)(p[0] << 8 | p[1]) % from.len] = p[2];
	return (struct bytes){ copy, from.len };
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	SCOPED(mem) void *ctx = mem_must(talloc_new(NULL));
	struct scep_rules rules = { .single_des = true, .decrypter = NULL };
	struct bytes bytes = { p, len };
	struct scep_message *message;
	struct err err;

	if (!to)
		begin();
	rules.decrypter = len % 2 ? to : NULL;
	if (len > 0 && *p == 'p')
		bytes = patched(ctx, p + 1, len - 1);
	if (!scep_message_read(ctx, bytes, &rules, &message, &err)) {
		assert(err.kind == ERR_MALFORMED || err.kind == ERR_LIMIT);
		return 0;
	}
	assert(message->transaction_id && *message->transaction_id && message->sender_nonce.len);
	assert(message->fail >= SCEP_FINE && message->fail <= SCEP_BAD_CERT_ID);
	if (message->fail != SCEP_FINE) {
		assert(message->why);
		return 0;
	}
	assert(message->type == SCEP_PKCS_REQ || message->type == SCEP_RENEWAL_REQ || message->type == SCEP_CERT_POLL);
	assert(message->signer.key && message->envelope.key.len && message->envelope.content.len);
	return 0;
}
