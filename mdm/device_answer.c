#include "mdm/device_answer.h"
#include "core/plist.h"
#include "mdm/apple_device_ca.h"
#include <ctype.h>
#include <string.h>

#define PLIST_MAX	(16u << 10)	/* bytes of attributes; real ones are under one thousand */
#define CHALLENGE_MAX	255

struct device_roots {
	const struct cms_trust *trusts[DEVICE_SIGNERS];
};

bool
device_roots_open(TALLOC_CTX *ctx, struct bytes extra_pem, struct device_roots **ret, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *apple = NULL, *extra = NULL;
	struct device_roots *roots = mem_new(ctx, struct device_roots);
	struct cms_trust *trust;
	bool ok = apple_device_ca_read(&apple, err);

	/* Developers have certificates under Apple's root too: a device's comes right from the device CA. */
	while (ok && sk_X509_num(apple) > 1)
		X509_free(sk_X509_pop(apple));
	if ((ok = ok && cms_trust_new(roots, apple, CMS_DIRECT, &trust, err)))
		roots->trusts[DEVICE_APPLE] = trust;
	if (ok && extra_pem.len > 0) {
		if ((ok = x509_read_pem(extra_pem, &extra, err) &&
			  cms_trust_new(roots, extra, CMS_CHAINED, &trust, err)))
			roots->trusts[DEVICE_OTHER_TEST] = trust;
		else
			err_at(err, "extra device roots");
	}
	if (!ok) {
		talloc_free(roots);
		return false;
	}
	*ret = roots;
	return true;
}

static bool
has_shape(const char *text, const char *shape)
{
	if (strlen(text) != strlen(shape))
		return false;
	for (; *text; text++, shape++)
		if (*shape == 'x' ? !isxdigit((unsigned char)*text) : *text != *shape)
			return false;
	return true;
}

bool
device_udid(const char *text, char udid[DEVICE_UDID_SIZE])
{
	bool old = has_shape(text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");

	if (!old && !has_shape(text, "xxxxxxxx-xxxxxxxxxxxxxxxx"))
		return false;
	do
		*udid++ = (char)(old ? tolower((unsigned char)*text) : toupper((unsigned char)*text));
	while (*text++);
	return true;
}

/* ---- attributes ---- */

static bool
is_udid(const char *text)
{
	char udid[DEVICE_UDID_SIZE];

	return device_udid(text, udid);
}

static bool
is_word(const char *text)
{
	return *text && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789,.-_") == strlen(text);
}

static bool
is_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* "35 123456 789012 3" */
static bool
is_number(const char *text)
{
	return strspn(text, "0123456789ABCDEFabcdef ") == strlen(text);
}

static const struct attribute {
	const char *key;
	size_t at;		/* the text's place in struct device_answer */
	size_t max;		/* bytes */
	bool needed;
	bool (*is_right)(const char *text);
} attributes[] = {
	{ "UDID",        offsetof(struct device_answer, udid),      DEVICE_UDID_SIZE - 1, true,  is_udid },
	{ "PRODUCT",     offsetof(struct device_answer, product),   32,                   true,  is_word },
	{ "VERSION",     offsetof(struct device_answer, version),   32,                   true,  is_word },
	{ "DEVICE_NAME", offsetof(struct device_answer, name),      256,                  false, is_line },
	{ "SERIAL",      offsetof(struct device_answer, serial),    64,                   false, is_word },
	{ "IMEI",        offsetof(struct device_answer, imei),      32,                   false, is_number },
	{ "MEID",        offsetof(struct device_answer, meid),      32,                   false, is_number },
	{ "CHALLENGE",   offsetof(struct device_answer, challenge), CHALLENGE_MAX,        false, is_line },
};

static bool
wrong(const char *key, const char *why, struct err *err)
{
	return err_code(err, ERR_INVALID, "bad_answer", "%s %s", key, why);
}

/* Devices send a challenge back in the type it had: text, or data. */
static char *
text_of(TALLOC_CTX *ctx, plist_t node)
{
	struct bytes data;

	if (plist_get_node_type(node) != PLIST_DATA)
		return plist_text_of(ctx, node);
	data = plist_data_of(ctx, node);
	return data.p && !memchr(data.p, '\0', data.len) ? mem_textn(ctx, data.p, data.len) : NULL;
}

static bool
read_attribute(struct device_answer *answer, plist_t dict, const struct attribute *attribute, struct err *err)
{
	plist_t node = plist_at(dict, attribute->key);
	const char **at = (const char **)((char *)answer + attribute->at);

	if (!node) {
		*at = "";
		return !attribute->needed || wrong(attribute->key, "is missing", err);
	}
	*at = text_of(answer, node);
	if (!*at)
		return wrong(attribute->key, "is no text", err);
	if (strlen(*at) > attribute->max)
		return wrong(attribute->key, "is too long", err);
	return attribute->is_right(*at) || wrong(attribute->key, "is not what devices send", err);
}

static const char *
without_blanks(TALLOC_CTX *ctx, const char *text)
{
	char *copy = mem_text(ctx, text), *to = copy;

	for (; *text; text++)
		if (*text != ' ')
			*to++ = *text;
	*to = '\0';
	return copy;
}

static bool
read_attributes(struct device_answer *answer, struct bytes content, struct err *err)
{
	SCOPED(plist) plist_t dict = NULL;
	char *udid;

	if (!plist_open(content, PLIST_MAX, &dict, err))
		return false;
	if (plist_get_node_type(dict) != PLIST_DICT)
		return err_code(err, ERR_INVALID, "bad_answer", "it is no list of attributes");
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		if (!read_attribute(answer, dict, &attributes[i], err))
			return false;
	udid = mem_size(answer, DEVICE_UDID_SIZE);
	if (!device_udid(answer->udid, udid))
		return wrong("UDID", "is not what devices send", err);
	answer->udid = udid;
	answer->imei = without_blanks(answer, answer->imei);
	answer->meid = without_blanks(answer, answer->meid);
	return true;
}

bool
device_answer_read(TALLOC_CTX *ctx, struct bytes der, const struct device_roots *roots,
		   struct device_answer **ret, struct err *err)
{
	return device_answer_read_ours(ctx, der, roots, NULL, ret, err);
}

bool
device_answer_read_ours(TALLOC_CTX *ctx, struct bytes der, const struct device_roots *roots,
			const struct cms_trust *ours, struct device_answer **ret, struct err *err)
{
	const struct cms_trust *trusts[DEVICE_SIGNERS] = {
		roots->trusts[DEVICE_APPLE], roots->trusts[DEVICE_OTHER_TEST], ours,
	};
	struct device_answer *answer = mem_new(ctx, struct device_answer);
	struct cms_opened opened;

	if (!cms_open(answer, der, trusts, DEVICE_SIGNERS, &opened, err) ||
	    !read_attributes(answer, opened.content, err)) {
		talloc_free(answer);
		return false;
	}
	answer->signer = (enum device_signer)opened.trust;
	answer->certificate = opened.signer;
	*ret = answer;
	return true;
}

const char *
device_signer_name(enum device_signer signer)
{
	static const char *const names[] = { [DEVICE_APPLE] = "apple", [DEVICE_OTHER_TEST] = "other:test",
					     [DEVICE_OURS] = "ours" };

	return names[signer];
}
