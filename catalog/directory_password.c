/*
 * When the password of our own account in the directory ends.  Active Directory computes it for whoever asks
 * (msDS-UserPasswordExpiryTimeComputed, [MS-ADTS] 3.1.1.4.5.32: a FILETIME, with all bits but the first for never,
 * and 0 for one that must be changed before anything else); OpenLDAP's policy (draft-behera-ldap-password-policy) has
 * pwdEndTime, or the time of the last change and how old a password may be, in a policy that our account may be
 * allowed to read.
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
	const char *domain;	/* of an Active Directory */
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

static bool
take_domain(LDAP *ld, LDAPMessage *entry, void *arg, struct err *err)
{
	struct password *p = arg;

	(void)err;
	p->domain = entry_text(p->ctx, ld, entry, "defaultNamingContext", DIRECTORY_DN_MAX);
	return true;
}

static bool
find_named(struct call *call, const char *attribute, const char *name, const char *const *attributes, struct password *p,
	   struct err *err)
{
	const char *filter;
	struct buf value;

	buf_init(&value, p->ctx, DIRECTORY_DN_MAX);
	directory_filter_value(&value, name);
	if (!buf_ok(&value, err))
		return false;
	filter = mem_printf(p->ctx, "(%s=%s)", attribute, buf_str(&value));
	return call_search(call, p->domain, LDAP_SCOPE_SUBTREE, filter, attributes, 1, take, p, err);
}

/*
 * Active Directory takes anna@corp.example.com and CORP\anna for a bind, where a search wants to know who that is.
 * An account of ours need not stand under ldap.user_bases, where people are.  A name with @ that is nobody's
 * userPrincipalName is the one that every account has: its sAMAccountName at the domain.
 */
static bool
find_by_name(struct call *call, const char *who, const char *const *attributes, struct password *p, struct err *err)
{
	static const char *const of_root[] = { "defaultNamingContext", NULL };
	const char *slash = strchr(who, '\\'), *account = slash ? slash + 1 : who;

	if (!call_search(call, "", LDAP_SCOPE_BASE, "(objectClass=*)", of_root, 1, take_domain, p, err))
		return false;
	if (!p->domain)
		return true;	/* then it does not tell */
	if (!find_named(call, "userPrincipalName", who, attributes, p, err))
		return false;
	account = mem_textn(p->ctx, account, strcspn(account, "@"));
	return p->computed || find_named(call, "sAMAccountName", account, attributes, p, err);
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
directory_password_ends(struct directory *d, time_t *ret, bool *over, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct password p = { .ctx = ctx };
	struct call call;
	bool ok;

	call_begin(&call, d, DIRECTORY_WHOLE_MS);
	ok = ask(&call, &p, err);
	call_end(&call);
	if (!ok && strcmp(err->code, CALL_PASSWORD_OVER) != 0)
		return err_at(err, "the password of ldap.bind_dn");
	/* 0: on a connection that was made before it was to be changed */
	*over = !ok || (p.computed && strcmp(p.computed, "0") == 0);
	*ret = *over ? clock_now() : end_of(&p);
	return true;
}
