/* What Apple's facts do not say, and a phone refuses or nobody wants. */
#include "mdm/mobileconfig_inner.h"
#include "core/json.h"
#include "core/num.h"
#include "mdm/apple_plist.h"
#include <string.h>

#define ICON_PIXELS_MAX	400	/* of a web clip, each side */
#define KEYSIZE_MIN	2048

bool
form_refers(const char *key, const char *type, struct err *err)
{
	enum payload_reference wanted = payload_reference(key);

	return payload_may_be(wanted, type) ||
	       FORM_BAD("wants %s, and that payload is a %s", wanted == REFERS_IDENTITY ?
			"an identity (SCEP, ACME or PKCS #12)" : "a certificate", type);
}

/* A UUID that is typed fits by chance alone: ours are made when it is written. */
static bool
has_uuid(const json_t *form, const char *uuid)
{
	const json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload)
		if (*uuid && strcmp(text_of(payload, "uuid"), uuid) == 0)
			return true;
	return false;
}

static bool
check_references(const json_t *form, const char *key, const json_t *v, struct err *err)
{
	const char *text = json_string_value(v), *name;
	const json_t *item;
	size_t i;

	if (text && payload_reference(key) != REFERS_NOTHING && !has_uuid(form, text))
		return FORM_BAD("%.100s: must be {\"$payload\": id} of a payload with that certificate", key);
	json_array_foreach(v, i, item)
		if (!check_references(form, key, item, err))
			return false;
	json_object_foreach((json_t *)v, name, item)
		if (!check_references(form, name, item, err))
			return false;
	return true;
}

static bool
data_at(TALLOC_CTX *ctx, const json_t *keys, const char *key, struct bytes *ret)
{
	const json_t *v = json_object_get(keys, key);
	const char *text = v ? apple_marked(v, "$data") : NULL;

	return text && num_unbase64(ctx, text, strlen(text), ret);
}

static bool
begins_with(struct bytes data, const char *text, size_t len)
{
	return data.len >= len && memcmp(data.p, text, len) == 0;
}

static bool
check_der(TALLOC_CTX *ctx, const json_t *keys, struct err *err)
{
	struct bytes data;

	if (data_at(ctx, keys, "PayloadContent", &data) && !begins_with(data, "\x30", 1))
		return FORM_BAD("PayloadContent: must be DER; PEM goes into com.apple.security.pem");
	return true;
}

static bool
check_pem(TALLOC_CTX *ctx, const json_t *keys, struct err *err)
{
	struct bytes data;

	if (data_at(ctx, keys, "PayloadContent", &data) && begins_with(data, "\x30", 1))
		return FORM_BAD("PayloadContent: must be PEM; DER goes into com.apple.security.pkcs1");
	return true;
}

static bool
check_pkcs12(TALLOC_CTX *ctx, const json_t *keys, struct err *err)
{
	struct bytes data;

	if (data_at(ctx, keys, "PayloadContent", &data) && !begins_with(data, "\x30", 1))
		return FORM_BAD("PayloadContent: must be a PKCS #12 file");
	return true;
}

static unsigned
big_endian(const unsigned char *p)
{
	return (unsigned)p[0] << 24 | (unsigned)p[1] << 16 | (unsigned)p[2] << 8 | p[3];
}

/* Width and height stand in the first chunk, PNG section 11.2.2. */
static bool
check_clip(TALLOC_CTX *ctx, const json_t *keys, struct err *err)
{
	struct bytes icon;
	unsigned width, height;

	if (!data_at(ctx, keys, "Icon", &icon))
		return true;
	if (icon.len < 24 || !begins_with(icon, "\x89PNG\r\n\x1a\n", 8))
		return FORM_BAD("Icon: must be a PNG");
	width = big_endian((const unsigned char *)icon.p + 16);
	height = big_endian((const unsigned char *)icon.p + 20);
	if (width == 0 || height == 0 || width > ICON_PIXELS_MAX || height > ICON_PIXELS_MAX)
		return FORM_BAD("Icon: %u x %u pixels, and at most %d x %d are shown", width, height, ICON_PIXELS_MAX,
				ICON_PIXELS_MAX);
	return true;
}

static bool
check_scep(TALLOC_CTX *ctx, const json_t *keys, struct err *err)
{
	const json_t *content = json_object_get(keys, "PayloadContent");
	const json_t *size = json_object_get(content, "Keysize"), *usage = json_object_get(content, "Key Usage");
	struct bytes fingerprint;

	if (strchr(text_of(content, "URL"), '?'))
		return FORM_BAD("PayloadContent: URL: must have no query: the phone puts its own there");
	if (!size || json_integer_value(size) < KEYSIZE_MIN)
		return FORM_BAD("PayloadContent: Keysize: must be %d or more; without it a phone makes 1024", KEYSIZE_MIN);
	if (usage && (json_integer_value(usage) & ~(json_int_t)5))
		return FORM_BAD("PayloadContent: Key Usage: must be 0, 1 (signing), 4 (encryption) or 5");
	if (data_at(ctx, content, "CAFingerprint", &fingerprint) && fingerprint.len != 16 && fingerprint.len != 20 &&
	    fingerprint.len != 32 && fingerprint.len != 64)
		return FORM_BAD("PayloadContent: CAFingerprint: %zu bytes are no fingerprint", fingerprint.len);
	return true;
}

#define RIGHTS_ALL 8191

static bool
check_mdm(TALLOC_CTX *ctx, const json_t *keys, struct err *err)
{
	json_int_t rights = json_integer_value(json_object_get(keys, "AccessRights"));

	(void)ctx;
	if (rights < 1 || rights > RIGHTS_ALL || ((rights & 2) && !(rights & 1)) || ((rights & 128) && !(rights & 64)))
		return FORM_BAD("AccessRights: must be 1 to %d; 2 wants 1, and 128 wants 64", RIGHTS_ALL);
	if (strncmp(text_of(keys, "Topic"), "com.apple.mgmt.", 15) != 0)
		return FORM_BAD("Topic: must begin with com.apple.mgmt.");
	if (json_object_get(keys, "EnrollmentMode") && !json_object_get(keys, "AssignedManagedAppleID"))
		return FORM_BAD("EnrollmentMode wants an AssignedManagedAppleID");
	if (!json_object_get(keys, "EnrollmentMode") && json_object_get(keys, "AssignedManagedAppleID"))
		return FORM_BAD("AssignedManagedAppleID wants an EnrollmentMode");
	return true;
}

static const struct {
	const char *type;
	bool (*check)(TALLOC_CTX *ctx, const json_t *keys, struct err *err);
} checks[] = {
	{ "com.apple.security.root", check_der },
	{ "com.apple.security.pkcs1", check_der },
	{ "com.apple.security.pem", check_pem },
	{ "com.apple.security.pkcs12", check_pkcs12 },
	{ "com.apple.webClip.managed", check_clip },
	{ "com.apple.security.scep", check_scep },
	{ "com.apple.mdm", check_mdm },
};

bool
form_check(TALLOC_CTX *ctx, const json_t *form, const json_t *payload, struct err *err)
{
	const json_t *keys = json_object_get(payload, "keys");

	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (strcmp(checks[i].type, text_of(payload, "type")) == 0 && !checks[i].check(ctx, keys, err))
			return false;
	return check_references(form, "", keys, err);
}
