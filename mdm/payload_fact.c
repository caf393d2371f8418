#include "mdm/payload_fact.h"
#include "core/buf.h"
#include <ctype.h>
#include <pthread.h>
#include <string.h>

#define LABEL_MAX 200

static const struct apple_fact *common, *facts;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The table begins with CommonPayloadKeys and TopLevel: capitals stand before "com.apple". */
static void
facts_read(void)
{
	common = apple_facts_read("mdm/payload_facts.tsv");
	facts = common->next->next;
}

const struct apple_fact *
payload_facts(void)
{
	pthread_once(&once, facts_read);
	return facts;
}

const struct apple_fact *
payload_fact(const char *type)
{
	return apple_fact_find(payload_facts(), type);
}

const struct apple_fact *
payload_fact_next(const struct apple_fact *variant)
{
	const struct apple_fact *next = variant->next;

	return next && strcmp(next->name, variant->name) == 0 ? next : NULL;
}

const struct apple_fact *
payload_common(const char *key)
{
	payload_facts();
	return apple_fact_find(common->under, key);
}

/* ---- variants ---- */

/* A variant is told by the keys that can have one value only. */
static bool
is_variant(const struct apple_fact *fact, const json_t *keys)
{
	const char *text;

	for (const struct apple_fact *f = fact->under; f; f = f->next) {
		text = json_string_value(json_object_get(keys, f->name));
		if (text && f->type == APPLE_STRING && f->values && !strchr(f->values, '|') &&
		    strcmp(f->values, text) != 0)
			return false;
	}
	return true;
}

const struct apple_fact *
payload_fact_of(const char *type, const json_t *keys)
{
	const struct apple_fact *fact = payload_fact(type), *next;

	while (fact && !is_variant(fact, keys) && (next = payload_fact_next(fact)))
		fact = next;
	return fact;
}

/* ---- references ---- */

static const char *const identities[] = { "com.apple.security.scep", "com.apple.security.acme",
	"com.apple.security.pkcs12", "com.apple.ADCertificate.managed", NULL };
static const char *const certificates[] = { "com.apple.security.root", "com.apple.security.pkcs1",
	"com.apple.security.pem", "com.apple.security.pkcs12", NULL };

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* "PayloadCertificateAnchorUUID", "ServerURLPinningCertificateUUIDs", and the names of their items. */
enum payload_reference
payload_reference(const char *key)
{
	if (strstr(key, "CertificateAnchorUUID") || strstr(key, "PinningCertificateUUID"))
		return REFERS_CERTIFICATE;
	if (ends_with(key, "CertificateUUID") || strcmp(key, "certificateUUID") == 0)
		return REFERS_IDENTITY;
	return REFERS_NOTHING;
}

bool
payload_may_be(enum payload_reference wanted, const char *type)
{
	const char *const *list = wanted == REFERS_IDENTITY ? identities : certificates;

	if (wanted == REFERS_NOTHING)
		return true;
	while (*list && strcmp(*list, type) != 0)
		list++;
	return *list;
}

/* ---- labels ---- */

/* Names that are one word, however they are written. */
static size_t
name_at(const char *at)
{
	static const char *const names[] = { "IKEv2", "IPSec", "IPv4", "IPv6", "APNs", "CalDAV", "CardDAV", "WiFi", "AirPlay",
					     "AirPrint", "AirDrop", "AppStore", "iCloud", "iTunes", "iPhone", "OAuth", "XAuth", "MSCHAPv2" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strncmp(names[i], at, strlen(names[i])) == 0)
			return strlen(names[i]);
	return 0;
}

/* A word begins at a capital behind a small letter, and at the last capital of several: "useSSLNow", "URLString". */
static bool
begins(const char *key, const char *at)
{
	if (at == key || at[-1] == ' ' || at[-1] == '_')
		return true;
	if (!isupper((unsigned char)*at))
		return false;
	return !isupper((unsigned char)at[-1]) || islower((unsigned char)at[1]);
}

/* The first letter of a label is large; acronyms stay as they are. */
static char
letter(const char *key, const char *at, bool word)
{
	bool acronym = isupper((unsigned char)at[0]) && (isupper((unsigned char)at[1]) || isdigit((unsigned char)at[1]));

	if (at == key)
		return (char)toupper((unsigned char)*at);
	return word && !acronym ? (char)tolower((unsigned char)*at) : *at;
}

char *
payload_label(TALLOC_CTX *ctx, const char *key)
{
	bool word, after = false;	/* a name ended here */
	struct buf out;
	size_t len;

	buf_init(&out, ctx, LABEL_MAX);
	for (const char *p = key; *p; p += len) {
		word = after || begins(key, p) || (*p == 'i' && name_at(p) > 0);
		after = false;
		len = 1;
		if (*p == ' ' || *p == '_')
			continue;
		if (word && p > key)
			buf_text(&out, " ");
		if (word && (len = name_at(p)) > 0) {
			buf_add(&out, p, len);
			after = true;
		} else {
			char c = letter(key, p, word);

			len = 1;
			buf_add(&out, &c, 1);
		}
	}
	return mem_text(ctx, buf_str(&out));
}
