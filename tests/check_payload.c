#include "tests/check_payload.h"
#include <stdlib.h>
#include "core/buf.h"
#include "mdm/mobileconfig_form.h"

#define PEM "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
/* The head of a PNG of 144 x 144 pixels. */
#define PNG "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x90\0\0\0\x90\x08\x06\0\0\0"

unsigned
test_dice(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % n;
}

static json_t *
data_of(TALLOC_CTX *ctx, const void *p, size_t len)
{
	struct buf out;

	buf_init(&out, ctx, 10000);
	buf_base64(&out, p, len);
	return json_pack("{s:s}", "$data", buf_str(&out));
}

/* ---- what a text must look like ---- */

static const struct { const char *name, *text; } texts[] = {
	{ "URL", "https://apps.example.com/scep" }, { "Topic", "com.apple.mgmt.External.1" }, { "DeviceID", "00:11:22:33:44:55" },
	{ "MCCAndMNC", "262010" }, { "RoamingConsortiumOI", "5A03BA" }, { "ServerURL", "https://apps.example.com/mdm/command" },
	{ "CheckInURL", "https://apps.example.com/mdm/checkin" },
};

static json_t *
random_text(TALLOC_CTX *ctx, unsigned *seed)
{
	static const char *const pieces[] = { "a", "<b>&amp;", "\"'", "é", "日本語", "%username%", " ", "50%%", "]]>", "\t", "x=1", "%41",
					      "\xf0\x9f\x98\x80" };
	char *text = mem_text(ctx, "t");
	unsigned n = test_dice(seed, 6);

	for (unsigned i = 0; i < n; i++)
		text = mem_printf(ctx, "%s%s", text, pieces[test_dice(seed, sizeof pieces / sizeof *pieces)]);
	return json_string(text);
}

static json_t *
one_of(const char *values, unsigned *seed)
{
	unsigned n = 1, pick;
	const char *at = values;

	for (const char *p = values; *p; p++)
		n += *p == '|';
	for (pick = seed ? test_dice(seed, n) : 0; pick > 0; pick--)
		at = strchr(at, '|') + 1;
	return json_stringn(at, strcspn(at, "|"));
}

static json_t *
text_value(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed)
{
	enum payload_reference refers = payload_reference(fact->name);

	if (refers != REFERS_NOTHING)
		return json_pack("{s:s}", "$payload", refers == REFERS_IDENTITY ? "identity" : "authority");
	if (fact->values)
		return one_of(fact->values, seed);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(texts[i].name, fact->name) == 0)
			return json_string(texts[i].text);
	if (fact->list_too && seed && test_dice(seed, 2))
		return json_pack("[s, s]", "a.example.com", "b.example.com");
	return seed && !fact->format ? random_text(ctx, seed) : json_string("x");
}

static json_t *
number_value(const struct apple_fact *fact, unsigned *seed)
{
	const char *dots = fact->values ? strstr(fact->values, "..") : NULL;
	double n = seed ? test_dice(seed, 1000) : 3;
	json_t *text;

	if (strcmp(fact->name, "Keysize") == 0)
		n = 2048;
	else if (strcmp(fact->name, "Key Usage") == 0)
		n = 5;
	else if (strcmp(fact->name, "AccessRights") == 0)
		n = 8191;
	else if (dots)
		n = dots == fact->values ? strtod(dots + 2, NULL) : strtod(fact->values, NULL);
	else if (fact->values) {
		text = one_of(fact->values, seed);
		n = strtod(json_string_value(text), NULL);
		json_decref(text);
	}
	return fact->type == APPLE_INTEGER ? json_integer((json_int_t)n) : json_real(n);
}

static json_t *
data_value(TALLOC_CTX *ctx, const struct apple_fact *fact)
{
	if (strcmp(fact->name, "Icon") == 0)
		return data_of(ctx, PNG, sizeof PNG - 1);
	if (strcmp(fact->name, "CAFingerprint") == 0)
		return data_of(ctx, "12345678901234567890123456789012", 32);
	return data_of(ctx, "\x30\x03\x02\x01\x01", 5);
}

/* ---- values of each kind ---- */

static json_t *value_of(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed);

static json_t *
dict_value(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed)
{
	json_t *ret = json_object();

	for (const struct apple_fact *f = fact->under; f; f = f->next)
		if (!seed || f->required || test_dice(seed, 3) == 0)
			json_object_set_new(ret, strcmp(f->name, "*") == 0 ? "anything" : f->name, value_of(ctx, f, seed));
	return ret;
}

static json_t *
array_value(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed)
{
	unsigned n = fact->values ? (unsigned)strtoul(fact->values, NULL, 10) : seed ? test_dice(seed, 4) : 1;
	json_t *ret = json_array();

	for (unsigned i = 0; fact->under && i < n; i++)
		json_array_append_new(ret, value_of(ctx, fact->under, seed));
	return ret;
}

static json_t *
value_of(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed)
{
	switch (fact->type) {
	case APPLE_ARRAY:	return array_value(ctx, fact, seed);
	case APPLE_DICTIONARY:	return dict_value(ctx, fact, seed);
	case APPLE_BOOLEAN:	return json_boolean(!seed || test_dice(seed, 2));
	case APPLE_INTEGER:
	case APPLE_REAL:	return number_value(fact, seed);
	case APPLE_DATA:	return data_value(ctx, fact);
	case APPLE_DATE:	return json_pack("{s:s}", "$date", "2026-11-22T08:30:00Z");
	case APPLE_ANY:		return json_pack("{s:s, s:[i,f,b], s:{s:s}}", "a", "b", "c", 1, 1.5, 1, "d", "$data", "AQID");
	default:		return text_value(ctx, fact, seed);
	}
}

/* What goes together, or is in another form than the facts say. */
static void
mend(TALLOC_CTX *ctx, const char *type, json_t *keys)
{
	if (strcmp(type, "com.apple.security.pem") == 0)
		json_object_set_new(keys, "PayloadContent", data_of(ctx, PEM, sizeof PEM - 1));
	if (strcmp(type, "com.apple.mdm") == 0) {
		json_object_set_new(keys, "EnrollmentMode", json_string("BYOD"));
		json_object_set_new(keys, "AssignedManagedAppleID", json_string("a@example.com"));
	}
	if (strcmp(type, "com.apple.security.scep") == 0)
		json_object_set_new(json_object_get(keys, "PayloadContent"), "Keysize", json_integer(4096));
}

json_t *
test_payload_keys(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed)
{
	json_t *keys = dict_value(ctx, fact, seed);

	mend(ctx, fact->name, keys);
	return keys;
}

static json_t *
payload_of(TALLOC_CTX *ctx, const char *id, const struct apple_fact *fact, unsigned *seed)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "id", id, "type", fact->name, "name", "A <payload>", "keys",
			 test_payload_keys(ctx, fact, seed));
}

json_t *
test_payload_form(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed)
{
	return json_pack("{s:s, s:[o, o, o]}", "name", "All & more", "payloads",
		payload_of(ctx, "identity", payload_fact("com.apple.security.pkcs12"), NULL),
		payload_of(ctx, "authority", payload_fact("com.apple.security.root"), NULL), payload_of(ctx, "it", fact, seed));
}

json_t *
test_form_at_random(TALLOC_CTX *ctx, unsigned *seed)
{
	json_t *form = test_payload_form(ctx, payload_fact("com.apple.wifi.managed"), seed);
	json_t *payloads = json_object_get(form, "payloads");
	unsigned types = 0, skip;

	for (const struct apple_fact *f = payload_facts(); f; f = f->next)
		types++;
	for (unsigned i = 0, n = 1 + test_dice(seed, 5); i < n; i++) {
		const struct apple_fact *f = payload_facts();

		for (skip = test_dice(seed, types); skip > 0; skip--)
			f = f->next;
		if (f->many)	/* what a phone takes once might come twice */
			json_array_append_new(payloads, payload_of(ctx, mem_printf(ctx, "p%u", i), f, seed));
	}
	if (test_dice(seed, 2))
		json_object_set_new(form, "description", random_text(ctx, seed));
	if (test_dice(seed, 2))
		json_object_set_new(form, "removable", json_boolean(test_dice(seed, 2)));
	if (test_dice(seed, 2))
		json_object_set_new(form, "expires", json_string("2027-01-01T00:00:00Z"));
	if (test_dice(seed, 3) == 0)
		json_object_set_new(form, "remove_after_s", json_integer(86400));
	if (test_dice(seed, 3) == 0)
		json_object_set_new(form, "removal_password", json_string("<&>"));
	return form;
}
