/*
 * A person as their entry says it.
 */
#include "catalog/directory_inner.h"
#include "catalog/person_attribute.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"
#include <string.h>
#include <strings.h>

#define ID_BYTES	16
#define FILETIME_EPOCH	11644473600LL	/* seconds from 1601 to 1970 */
#define DISPLAY_MAX	200
#define EMAIL_MAX	254
#define PHONE_MAX	64

const char *const directory_attributes[] = {
	"objectGUID", "entryUUID", "sAMAccountName", "uid", "cn", "displayName", "mail", "mobile", "telephoneNumber",
	"userAccountControl", "accountExpires", "pwdAccountLockedTime", "nsAccountLock", "loginDisabled", "shadowExpire",
	NULL
};

static const char *
first_of(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry, const char *const *names, size_t max)
{
	for (; *names; names++) {
		char *text = entry_text(ctx, ld, entry, *names, max);

		if (text && *text)
			return text;
	}
	return "";
}

/* objectGUID is sixteen bytes, entryUUID is text with dashes: both become 32 digits. */
const char *
entry_id(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry)
{
	struct berval **values = ldap_get_values_len(ld, entry, "objectGUID");
	const char *text = NULL;
	char digits[2 * ID_BYTES + 1];
	unsigned char bytes[ID_BYTES];
	size_t n = 0;

	if (values && values[0] && values[0]->bv_len == ID_BYTES) {
		struct buf hex;

		buf_init(&hex, ctx, 2 * ID_BYTES + 1);
		buf_hex(&hex, values[0]->bv_val, ID_BYTES);
		text = buf_str(&hex);
	}
	ldap_value_free_len(values);
	if (text)
		return text;
	text = entry_text(ctx, ld, entry, "entryUUID", 2 * ID_BYTES + 8);
	for (const char *c = text ? text : ""; *c && n < 2 * ID_BYTES; c++)
		if (*c != '-')
			digits[n++] = *c >= 'A' && *c <= 'F' ? (char)(*c + 32) : *c;
	digits[n] = '\0';
	return num_unhex(digits, bytes, sizeof bytes) ? mem_text(ctx, digits) : NULL;
}

static int64_t
number_of(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry, const char *attribute, int64_t otherwise)
{
	const char *text = entry_text(ctx, ld, entry, attribute, 24);
	struct err ignored;
	int64_t n;

	return text && num_parse(text, INT64_MIN, INT64_MAX, &n, &ignored) ? n : otherwise;
}

static bool
is_true(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry, const char *attribute)
{
	const char *text = entry_text(ctx, ld, entry, attribute, 8);

	return text && strcasecmp(text, "true") == 0;
}

/* The ways in which directories say it; NULL: they may come in. */
static const char *
why_disabled(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry)
{
	int64_t expires = number_of(ctx, ld, entry, "accountExpires", 0);
	int64_t days = number_of(ctx, ld, entry, "shadowExpire", -1);
	const char *locked = entry_text(ctx, ld, entry, "pwdAccountLockedTime", 24);

	if (number_of(ctx, ld, entry, "userAccountControl", 0) & 2)
		return "userAccountControl";
	if (expires > 0 && expires != INT64_MAX && expires / 10000000 - FILETIME_EPOCH <= clock_now())
		return "accountExpires";
	/* Any other time is the lock after wrong passwords, which passes by itself. */
	if (locked && strcmp(locked, "000001010000Z") == 0)
		return "pwdAccountLockedTime";
	if (is_true(ctx, ld, entry, "nsAccountLock"))
		return "nsAccountLock";
	if (is_true(ctx, ld, entry, "loginDisabled"))
		return "loginDisabled";
	return days >= 0 && days * DAY_S <= clock_now() ? "shadowExpire" : NULL;
}

/* What has lines would break what it is put into. */
static void
take_attributes(LDAP *ld, LDAPMessage *entry, const char *const *names, struct directory_person *p)
{
	struct person_attribute *list = mem_array(p, struct person_attribute, DIRECTORY_ATTRIBUTES_MAX);

	for (; *names && p->attributes_n < DIRECTORY_ATTRIBUTES_MAX; names++) {
		const char *text = entry_text(p, ld, entry, *names, PERSON_ATTRIBUTE_VALUE_MAX);

		if (text && *text && !strpbrk(text, "\r\n"))
			list[p->attributes_n++] = (struct person_attribute){ *names, text };
	}
	p->attributes = list;
}

bool
entry_person(TALLOC_CTX *ctx, LDAP *ld, LDAPMessage *entry, const char *const *attributes,
	     struct directory_person **ret, struct err *err)
{
	struct directory_person *p = mem_new(ctx, struct directory_person);

	p->dn = entry_dn(p, ld, entry);
	p->external_id = entry_id(p, ld, entry);
	if (!p->external_id)
		return err_code(err, ERR_UPSTREAM, "directory_entry", "%.150s has neither objectGUID nor entryUUID that our "
				"account may read", p->dn ? p->dn : "an entry");
	if (!p->dn)
		p->unknown = "an entry without a DN that can be read";
	p->name = first_of(p, ld, entry, (const char *const[]){ "sAMAccountName", "uid", "cn", NULL }, DIRECTORY_NAME_MAX);
	p->display = first_of(p, ld, entry, (const char *const[]){ "displayName", "cn", NULL }, DISPLAY_MAX);
	p->email = first_of(p, ld, entry, (const char *const[]){ "mail", NULL }, EMAIL_MAX);
	p->phone = first_of(p, ld, entry, (const char *const[]){ "mobile", "telephoneNumber", NULL }, PHONE_MAX);
	p->disabled = why_disabled(p, ld, entry);
	take_attributes(ld, entry, attributes, p);
	*ret = p;
	return true;
}
