/*
 * Names on their way into a filter and into a DN: whatever they hold, libldap's own parsers read them back
 * as one value, the same one, in one equality and one RDN.  And DNs from the directory, folded.
 */
#include <assert.h>
#include <ldap.h>
#include <string.h>
#include "catalog/directory.h"
#include "core/buf.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX (64u << 10)

int ldap_pvt_put_filter(BerElement *ber, const char *filter);	/* exported, in no public header */

/* "(&(uid=...))" must be read as: and, of one equality, whose value is these bytes. */
static void
check_filter(TALLOC_CTX *ctx, const char *escaped, const void *p, size_t len)
{
	char *filter = mem_printf(ctx, "(&(uid=%s))", escaped);
	BerElement *ber = ber_alloc_t(LBER_USE_DER), *back;
	struct berval *flat = NULL, attribute, value;
	ber_len_t size;

	assert(ldap_pvt_put_filter(ber, filter) == 0);
	assert(ber_flatten(ber, &flat) == 0);
	back = ber_init(flat);
	assert(ber_skip_tag(back, &size) == LDAP_FILTER_AND);
	assert(ber_peek_tag(back, &size) == LDAP_FILTER_EQUALITY);
	assert(ber_scanf(back, "{mm}", &attribute, &value) != LBER_ERROR);
	assert(attribute.bv_len == 3 && value.bv_len == len && memcmp(value.bv_val, p, len) == 0);
	assert(ber_peek_tag(back, &size) == LBER_DEFAULT);	/* and nothing behind it */
	ber_free(back, 1);
	ber_bvfree(flat);
	ber_free(ber, 1);
}

static void
check_dn(TALLOC_CTX *ctx, const char *escaped, const char *text)
{
	char *dn = mem_printf(ctx, "uid=%s,ou=people,dc=example", escaped);
	LDAPDN parsed = NULL;

	assert(ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS);
	assert(parsed[0] && parsed[1] && parsed[2] && !parsed[3]);
	assert(parsed[0][0] && !parsed[0][1]);
	assert(parsed[0][0]->la_value.bv_len == strlen(text) &&
	       memcmp(parsed[0][0]->la_value.bv_val, text, strlen(text)) == 0);
	ldap_dnfree(parsed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	char *text = mem_textn(ctx, (const char *)data, size);
	struct buf filter, bytes, dn;

	if (size > DIRECTORY_NAME_MAX * 4) {
		talloc_free(ctx);
		return 0;
	}
	buf_init(&bytes, ctx, TEXT_MAX);
	directory_filter_bytes(&bytes, data, size);
	check_filter(ctx, buf_str(&bytes), data, size);
	if (text_valid(text, strlen(text))) {
		buf_init(&filter, ctx, TEXT_MAX);
		directory_filter_value(&filter, text);
		check_filter(ctx, buf_str(&filter), text, strlen(text));
		buf_init(&dn, ctx, TEXT_MAX);
		directory_dn_value(&dn, text);
		if (*text)
			check_dn(ctx, buf_str(&dn), text);
		assert(directory_fill(ctx, text, "%s", NULL));
	}
	directory_dn_fold(ctx, text);
	talloc_free(ctx);
	return 0;
}
