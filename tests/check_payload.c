#include "tests/check_payload.h"
#include <stdlib.h>
#include "core/buf.h"
#include "core/clock.h"
#include "mdm/mobileconfig_form.h"

#define PEM "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
#define REMOVAL "com.apple.profileRemovalPassword"	/* made of removal_password */
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

/* One of "0|1|2", or of "10..1440" either end or what lies between. */
static double
number_of(const struct apple_fact *fact, unsigned *seed)
{
	const char *dots = fact->values ? strstr(fact->values, "..") : NULL;
	double from, to, n;
	json_t *text;

	if (!fact->values)
		return seed ? (test_dice(seed, 3) ? 1 : -1) * (double)test_dice(seed, 65536) * (test_dice(seed, 4) ? 1 : 32768) : 3;
	if (!dots) {
		text = one_of(fact->values, seed);
		n = strtod(json_string_value(text), NULL);
		json_decref(text);
		return n;
	}
	to = dots[2] ? strtod(dots + 2, NULL) : strtod(fact->values, NULL) + 1000;
	from = dots == fact->values ? to - 1000 : strtod(fact->values, NULL);
	switch (seed ? test_dice(seed, 4) : 0) {
	case 0:		return dots == fact->values ? to : from;
	case 1:		return to;
	default:	n = from + (to - from) * test_dice(seed, 65536) / 65536;
			return fact->type == APPLE_INTEGER ? (double)(json_int_t)n : n;
	}
}

static json_t *
number_value(const struct apple_fact *fact, unsigned *seed)
{
	static const json_int_t keysizes[] = { 2048, 4096 }, usages[] = { 0, 1, 4, 5 };
	double n;

	if (strcmp(fact->name, "Keysize") == 0)
		return json_integer(keysizes[seed ? test_dice(seed, 2) : 0]);
	if (strcmp(fact->name, "Key Usage") == 0)
		return json_integer(usages[seed ? test_dice(seed, 4) : 3]);
	if (strcmp(fact->name, "AccessRights") == 0)
		return json_integer(8191);
	n = number_of(fact, seed);
	return fact->type == APPLE_INTEGER ? json_integer((json_int_t)n) : json_real(n);
}

/* What begins like DER is taken everywhere. */
static json_t *
data_value(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed)
{
	static const unsigned prints[] = { 16, 20, 32, 64 };
	bool print = strcmp(fact->name, "CAFingerprint") == 0;
	char some[600] = "\x30\x03\x02\x01\x01";
	size_t len = print ? 32 : 5;

	if (strcmp(fact->name, "Icon") == 0)
		return data_of(ctx, PNG, sizeof PNG - 1);
	if (seed) {
		len = print ? prints[test_dice(seed, 4)] : 1 + test_dice(seed, test_dice(seed, 8) ? 40 : sizeof some - 1);
		for (size_t i = 1; i < len; i++)
			some[i] = (char)test_dice(seed, 256);
	}
	return data_of(ctx, some, len);
}

/* 1990 to 2106. */
static json_t *
date_text(TALLOC_CTX *ctx, unsigned *seed)
{
	int64_t at = 631152000 + (int64_t)test_dice(seed, 65536) * 55834 + test_dice(seed, 60000);

	return json_string(clock_text(ctx, at));
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
	unsigned n = fact->values ? (unsigned)number_of(fact, seed) : !seed ? 1 : test_dice(seed, 12) ? test_dice(seed, 4) : 25;
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
	case APPLE_DATA:	return data_value(ctx, fact, seed);
	case APPLE_DATE:	return seed ? json_pack("{s:o}", "$date", date_text(ctx, seed)) : json_pack("{s:s}", "$date", "2026-11-22T08:30:00Z");
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
		json_object_set_new(keys, "AccessRights", json_integer(8191));
	}
	if (strcmp(type, "com.apple.security.scep") == 0 && !json_object_get(json_object_get(keys, "PayloadContent"), "Keysize"))
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

static bool
has_type(const json_t *payloads, const char *type)
{
	const json_t *payload;
	size_t i;

	json_array_foreach(payloads, i, payload)
		if (strcmp(json_string_value(json_object_get(payload, "type")), type) == 0)
			return true;
	return false;
}

/* Of any type; of those that a phone takes once, once. */
static void
add_payloads(TALLOC_CTX *ctx, json_t *payloads, unsigned *seed)
{
	unsigned types = 0, skip;

	for (const struct apple_fact *f = payload_facts(); f; f = f->next)
		types++;
	for (unsigned i = 0, n = 1 + test_dice(seed, 5); i < n; i++) {
		const struct apple_fact *f = payload_facts();

		for (skip = test_dice(seed, types); skip > 0; skip--)
			f = f->next;
		if (strcmp(f->name, REMOVAL) != 0 && (f->many || !has_type(payloads, f->name)))
			json_array_append_new(payloads, payload_of(ctx, mem_printf(ctx, "p%u", i), f, seed));
	}
}

static void
add_consent(TALLOC_CTX *ctx, json_t *form, unsigned *seed)
{
	static const char *const languages[] = { "default", "en", "de", "ja", "zh-Hans", "pt-BR", "sr-Latn-RS" };
	json_t *consent = json_object();

	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
		if (test_dice(seed, 2))
			json_object_set_new(consent, languages[i], random_text(ctx, seed));
	json_object_set_new(form, "consent", consent);
}

json_t *
test_form_at_random(TALLOC_CTX *ctx, unsigned *seed)
{
	json_t *form = test_payload_form(ctx, payload_fact("com.apple.wifi.managed"), seed);

	add_payloads(ctx, json_object_get(form, "payloads"), seed);
	if (test_dice(seed, 2))
		json_object_set_new(form, "description", random_text(ctx, seed));
	if (test_dice(seed, 2))
		json_object_set_new(form, "organization", random_text(ctx, seed));
	if (test_dice(seed, 2))
		add_consent(ctx, form, seed);
	if (test_dice(seed, 2))
		json_object_set_new(form, "removable", json_boolean(test_dice(seed, 2)));
	if (test_dice(seed, 2))
		json_object_set_new(form, "remove_on", date_text(ctx, seed));
	if (test_dice(seed, 2))
		json_object_set_new(form, "expires", date_text(ctx, seed));
	if (test_dice(seed, 3) == 0)
		json_object_set_new(form, "remove_after_s", json_integer(1 + (json_int_t)test_dice(seed, 65536) * 4800));
	if (test_dice(seed, 3) == 0)
		json_object_set_new(form, "removal_password", random_text(ctx, seed));
	return form;
}
