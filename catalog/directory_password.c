/*
 * When the password of our own account in the directory ends.  Active Directory computes it for whoever asks
 * (msDS-UserPasswordExpiryTimeComputed, [MS-ADTS] 3.1.1.4.5.32: a FILETIME, with all bits but the first for never);
 * OpenLDAP's policy (draft-behera-ldap-password-policy) has pwdEndTime, or the time of the last change and how old
 * a password may be, in a policy that our account may be allowed to read.
 */
#include "catalog/directory_inner.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"
#include <string.h>

#define FILETIME_PER_S		10000000LL
#define FILETIME_TO_1970_S	11644473600LL	/* it begins in 1601 */
#define NUMBER_DIGITS_MAX	20
#define AGE_MAX_S		(100LL * 366 * DAY_S)

struct password {
	TALLOC_CTX *ctx;
	const char *computed, *ends, *changed, *policy, *age;
};

static bool
take(LDAP *ld, LDAPMessage *entry, void *arg, struct err *err)
{
	struct password *p = arg;
	const char *age;

	(void)err;
	p->computed = entry_text(p->ctx, ld, entry, "msDS-UserPasswordExpiryTimeComputed", NUMBER_DIGITS_MAX);
	p->ends = entry_text(p->ctx, ld, entry, "pwdEndTime", NUMBER_DIGITS_MAX);
	p->changed = entry_text(p->ctx, ld, entry, "pwdChangedTime", NUMBER_DIGITS_MAX);
	p->policy = entry_text(p->ctx, ld, entry, "pwdPolicySubentry", DIRECTORY_DN_MAX);
	age = entry_text(p->ctx, ld, entry, "pwdMaxAge", NUMBER_DIGITS_MAX);
	p->age = age ? age : p->age;
	return true;
}

/* "20261122120000Z", RFC 4517 section 3.3.13, as servers write it: with or without a fraction; 0: is none. */
static time_t
generalized(const char *text)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, "%Y%m%d%H%M%S", &tm) : NULL;

	return end && (*end == 'Z' || *end == '.') ? timegm(&tm) : 0;
}

static bool
number(const char *text, int64_t most, int64_t *ret)
{
	struct err ignored;

	return text && num_parse(text, 1, most, ret, &ignored);
}

static time_t
end_of(const struct password *p)
{
	int64_t filetime, age;

	if (number(p->computed, INT64_MAX - 1, &filetime))
		return (time_t)(filetime / FILETIME_PER_S - FILETIME_TO_1970_S);
	if (generalized(p->ends))
		return generalized(p->ends);
	if (generalized(p->changed) && number(p->age, AGE_MAX_S, &age))
		return generalized(p->changed) + (time_t)age;
	return 0;
}

/* Active Directory takes anna@corp.example.com and CORP\anna for a bind, where a search wants to know who that is. */
static bool
find_by_name(struct call *call, const char *who, const char *const *attributes, struct password *p, struct err *err)
{
	const char *slash = strchr(who, '\\'), *filter;
	struct buf name, account;

	buf_init(&name, p->ctx, DIRECTORY_DN_MAX);
	buf_init(&account, p->ctx, DIRECTORY_DN_MAX);
	directory_filter_value(&name, who);
	directory_filter_value(&account, slash ? slash + 1 : who);
	if (!buf_ok(&name, err) || !buf_ok(&account, err))
		return false;
	filter = mem_printf(p->ctx, "(|(userPrincipalName=%s)(sAMAccountName=%s))", buf_str(&name), buf_str(&account));
	for (size_t i = 0; i < call->settings->user_bases.n && !p->computed; i++)
		if (!call_search(call, call->settings->user_bases.dn[i], LDAP_SCOPE_SUBTREE, filter, attributes, 1, take, p, err))
			return false;
	return true;
}

static bool
ask(struct call *call, struct password *p, struct err *err)
{
	static const char *const of_account[] = { "msDS-UserPasswordExpiryTimeComputed", "pwdEndTime", "pwdChangedTime",
						  "pwdPolicySubentry", NULL };
	static const char *const of_policy[] = { "pwdMaxAge", NULL };
	const char *who = call->settings->conf->ldap_bind_dn, *policy;
	struct password rules = { .ctx = p->ctx };
	struct err ignored;

	if (!call_connect_ours(call, err))
		return false;
	if (!strchr(who, '='))
		return find_by_name(call, who, of_account, p, err);
	if (!call_search(call, who, LDAP_SCOPE_BASE, "(objectClass=*)", of_account, 1, take, p, err))
		return false;
	policy = p->policy;
	if (policy && !call->conn->broken &&
	    call_search(call, policy, LDAP_SCOPE_BASE, "(objectClass=*)", of_policy, 1, take, &rules, &ignored))
		p->age = rules.age;	/* not ours to read: then it does not tell */
	return true;
}

bool
directory_password_ends(struct directory *d, time_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct password p = { .ctx = ctx };
	struct call call;
	bool ok;

	call_begin(&call, d, DIRECTORY_WHOLE_MS);
	ok = ask(&call, &p, err);
	call_end(&call);
	if (ok)
		*ret = end_of(&p);
	return ok || err_at(err, "the password of ldap.bind_dn");
}
