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

/* A word begins at a capital behind a small letter, and at the last capital of several: "useSSLNow", "URLString". */
static bool
begins(const char *key, const char *at)
{
	if (at == key || !isupper((unsigned char)*at))
		return false;
	return islower((unsigned char)at[-1]) || (isupper((unsigned char)at[-1]) && islower((unsigned char)at[1]));
}

char *
payload_label(TALLOC_CTX *ctx, const char *key)
{
	struct buf out;

	buf_init(&out, ctx, LABEL_MAX);
	for (const char *p = key; *p; p++) {
		bool word = begins(key, p), acronym = isupper((unsigned char)p[0]) && isupper((unsigned char)p[1]);
		char c = p == key ? (char)toupper((unsigned char)*p) :
			 (word || (p[-1] == ' ')) && !acronym ? (char)tolower((unsigned char)*p) :
			 *p == '_' ? ' ' : *p;

		if (word && p[-1] != ' ')
			buf_text(&out, " ");
		buf_add(&out, &c, 1);
	}
	return mem_text(ctx, buf_str(&out));
}
