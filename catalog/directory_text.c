/*
 * Names in filters (RFC 4515 section 3) and in DNs (RFC 4514 section 2.4).  What has no business there
 * is escaped, so that a name stays one value whatever its letters are.
 */
#include "catalog/directory.h"
#include "core/buf.h"
#include "core/text.h"
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#define DN_TEXT_MAX	(16u << 10)

void
directory_filter_bytes(struct buf *buf, const void *p, size_t len)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < len; i++)
		buf_addf(buf, "\\%02x", bytes[i]);
}

void
directory_filter_value(struct buf *buf, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (strchr("*()\\", *c) || *c < 0x20 || *c == 0x7f)
			directory_filter_bytes(buf, c, 1);
		else
			buf_add(buf, c, 1);
	}
}

void
directory_dn_value(struct buf *buf, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool edge = (c == ' ' && (i == 0 || i + 1 == len)) || (c == '#' && i == 0);

		if (c < 0x20 || c == 0x7f)
			buf_addf(buf, "\\%02x", c);
		else if (edge || strchr("\"+,;<>\\=", c))
			buf_addf(buf, "\\%c", c);
		else
			buf_add(buf, &c, 1);
	}
}

char *
directory_fill(TALLOC_CTX *ctx, const char *template, const char *name,
	       void (*escape)(struct buf *, const char *))
{
	struct buf buf;

	buf_init(&buf, ctx, DN_TEXT_MAX);
	for (const char *at = template; *at;) {
		const char *hole = strstr(at, "%s");

		buf_add(&buf, at, hole ? (size_t)(hole - at) : strlen(at));
		if (!hole)
			break;
		if (escape)
			escape(&buf, name);
		else
			buf_text(&buf, name);
		at = hole + 2;
	}
	return mem_text(ctx, buf_str(&buf));
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "cn=anna", its type in lower case and its value folded; the parts of "cn=a+ou=b" in one order. */
static void
fold_rdn(TALLOC_CTX *ctx, LDAPRDN rdn, struct buf *out)
{
	size_t n = 0;
	char **parts;

	while (rdn[n])
		n++;
	parts = mem_array(ctx, char *, n);
	for (size_t i = 0; i < n; i++) {
		struct buf part;
		const struct berval *value = &rdn[i]->la_value;	/* bv_val is NULL where it is empty */
		bool text = value->bv_val && text_valid(value->bv_val, value->bv_len);

		buf_init(&part, ctx, DN_TEXT_MAX);
		for (size_t k = 0; k < rdn[i]->la_attr.bv_len; k++) {
			char c = rdn[i]->la_attr.bv_val[k];

			c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
			buf_add(&part, &c, 1);
		}
		buf_text(&part, "=");
		if (text)
			directory_dn_value(&part, text_fold(ctx, mem_textn(ctx, value->bv_val, value->bv_len)));
		else if (value->bv_val)
			directory_filter_bytes(&part, value->bv_val, value->bv_len);
		parts[i] = mem_text(ctx, buf_str(&part));
	}
	qsort(parts, n, sizeof *parts, by_text);
	for (size_t i = 0; i < n; i++) {
		buf_text(out, i ? "+" : "");
		buf_text(out, parts[i]);
	}
}

char *
directory_dn_fold(TALLOC_CTX *ctx, const char *dn)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	LDAPDN parsed = NULL;
	struct buf out;

	if (strlen(dn) >= DN_TEXT_MAX / 4 || ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
		return text_fold(ctx, dn);
	buf_init(&out, scratch, DN_TEXT_MAX);
	for (size_t i = 0; parsed && parsed[i]; i++) {
		buf_text(&out, i ? "," : "");
		fold_rdn(scratch, parsed[i], &out);
	}
	ldap_dnfree(parsed);
	return mem_text(ctx, buf_str(&out));
}
