#include "mdm/payload.h"
#include "core/plist_write.h"
#include <string.h>

#define KEYSIZE		2048	/* Apple's default is 1024 */
#define KEY_USAGE	5	/* 1 signing, 4 encryption: it signs what it says, and mobileconfigs are enveloped for it */

/* Nested three deep: a subject of RDNs of pairs.  iOS breaks on anything else, and macOS ignores it. */
static void
write_subject(struct buf *out, const struct payload_part *part)
{
	plist_write_array(out, "Subject");
	for (; part->type; part++) {
		plist_write_array(out, NULL);
		plist_write_array(out, NULL);
		plist_write_text(out, NULL, part->type);
		plist_write_text(out, NULL, part->value);
		plist_write_array_end(out);
		plist_write_array_end(out);
	}
	plist_write_array_end(out);
}

void
payload_scep_write(struct buf *out, const void *arg)
{
	const struct payload_scep *scep = arg;

	plist_write_dict(out, "PayloadContent");
	plist_write_text(out, "URL", scep->url);
	plist_write_text(out, "Name", scep->name);
	write_subject(out, scep->subject);
	plist_write_text(out, "Challenge", scep->challenge);
	plist_write_int(out, "Keysize", KEYSIZE);
	plist_write_text(out, "Key Type", "RSA");
	plist_write_int(out, "Key Usage", KEY_USAGE);
	if (scep->ca_sha256.len)
		plist_write_data(out, "CAFingerprint", scep->ca_sha256);
	plist_write_int(out, "Retries", scep->retries);
	plist_write_int(out, "RetryDelay", scep->retry_s);
	plist_write_bool(out, "KeyIsExtractable", false);
	plist_write_dict_end(out);
}

/* RFC 4514 section 2.4. */
static void
add_value(struct buf *out, const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++) {
		bool edge = (i == 0 && (value[i] == ' ' || value[i] == '#')) || (i == len - 1 && value[i] == ' ');

		if (edge || strchr("\"+,;<>\\", value[i]))
			buf_text(out, "\\");
		buf_add(out, &value[i], 1);
	}
}

char *
payload_subject(TALLOC_CTX *ctx, const struct payload_part *subject)
{
	struct buf out;
	size_t n = 0;

	while (n < PAYLOAD_SUBJECT_MAX && subject[n].type)
		n++;
	buf_init(&out, ctx, 4096);
	for (size_t i = n; i-- > 0; ) {
		buf_addf(&out, "%s=", subject[i].type);
		add_value(&out, subject[i].value);
		buf_text(&out, i > 0 ? "," : "");
	}
	return mem_text(ctx, buf_str(&out));
}
