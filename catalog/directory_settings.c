/*
 * The ldap settings, read and checked once: what would make every sign-in fail, or less safe than it
 * looks, refuses to start.
 */
#include "catalog/directory_inner.h"
#include "catalog/person_attribute.h"
#include "core/buf.h"
#include "core/num.h"
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* "dc=a; dc=b": a semicolon inside a DN has a backslash before it. */
static bool
read_list(TALLOC_CTX *ctx, const char *text, const char *key, struct dn_list *list, struct err *err)
{
	for (const char *at = text; *at;) {
		const char *end = at;
		const char *to;
		LDAPDN parsed = NULL;

		while (*end && *end != ';')
			end += *end == '\\' && end[1] ? 2 : 1;
		for (to = end; to > at && (to[-1] == ' ' || to[-1] == '\t'); to--)
			;
		at += strspn(at, " \t");
		if (to > at) {
			char *dn = mem_textn(ctx, at, (size_t)(to - at));

			if (list->n == DIRECTORY_LIST_MAX)
				return err_set(err, ERR_INVALID, "ldap.%s has more than %d DNs", key,
					       DIRECTORY_LIST_MAX);
			if (strlen(dn) > DIRECTORY_DN_MAX ||
			    ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
				return err_set(err, ERR_INVALID, "ldap.%s: \"%.80s\" is no DN", key, dn);
			ldap_dnfree(parsed);
			list->dn[list->n] = dn;
			list->folded[list->n++] = directory_dn_fold(ctx, dn);
		}
		at = *end ? end + 1 : end;
	}
	return true;
}

static bool
word(const char *text, const char *const *words, const char *key, int *ret, struct err *err)
{
	char all[80] = "";

	for (int i = 0; words[i]; i++) {
		size_t used = strlen(all);

		if (strcmp(text, words[i]) == 0) {
			*ret = i;
			return true;
		}
		snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", words[i]);
	}
	return err_set(err, ERR_INVALID, "ldap.%s is \"%.20s\", not one of %s", key, text, all);
}

/* One of "ldaps://dc1.example.com:636 ldaps://dc2.example.com". */
static bool
read_url(struct directory_settings *s, const char *text, size_t len, struct err *err)
{
	struct directory_server *server = &s->servers[s->servers_n];
	const char *scheme = s->tls == TLS_LDAPS ? "ldaps" : "ldap";
	LDAPURLDesc *url = NULL;

	if (s->servers_n == DIRECTORY_URLS_MAX)
		return err_set(err, ERR_INVALID, "ldap.urls has more than %d servers", DIRECTORY_URLS_MAX);
	server->url = mem_textn(s, text, len);
	if (ldap_url_parse(server->url, &url) != LDAP_URL_SUCCESS || !url->lud_host || !*url->lud_host ||
	    (url->lud_dn && *url->lud_dn)) {
		ldap_free_urldesc(url);
		return err_set(err, ERR_INVALID, "ldap.urls: \"%.80s\" is not like ldaps://dc1.example.com", server->url);
	}
	if (strcasecmp(url->lud_scheme, scheme) != 0) {
		ldap_free_urldesc(url);
		return err_set(err, ERR_INVALID, "ldap.urls: %.80s does not begin with %s:// as ldap.tls = %s asks",
			       server->url, scheme, s->conf->ldap_tls);
	}
	server->host = mem_text(s, url->lud_host);
	server->port = mem_printf(s, "%d", url->lud_port);
	/* What libldap is told: the address without anything behind it. */
	server->url = mem_printf(s, strchr(server->host, ':') ? "%s://[%s]:%s" : "%s://%s:%s", scheme,
				 server->host, server->port);
	ldap_free_urldesc(url);
	s->servers_n++;
	return true;
}

static bool
readable(const char *path, const char *key, struct err *err)
{
	return !*path || access(path, R_OK) == 0 ||
	       err_set(err, ERR_INVALID, "ldap.%s: %s: %s", key, path, strerror(errno));
}

/* One pair of parentheses around all of it, and each inside it closed. */
static bool
check_filter(const char *filter, struct err *err)
{
	int depth = 0;
	bool good = *filter == '(';

	for (const char *c = filter; *c && good; c++) {
		depth += (*c == '(') - (*c == ')');
		good = depth > 0 || (depth == 0 && !c[1]);
	}
	if (!good || depth != 0)
		return err_set(err, ERR_INVALID, "ldap.user_filter \"%.120s\" is no filter", filter);
	return strstr(filter, "%s") ||
	       err_set(err, ERR_INVALID, "ldap.user_filter has no %%s, the place of the name");
}

static bool
check(const struct directory_settings *s, struct err *err)
{
	const struct conf *conf = s->conf;
	const char *template = conf->ldap_user_bind_template;

	if (*conf->ldap_bind_dn && !*conf->ldap_bind_password)
		return err_set(err, ERR_INVALID, "ldap.bind_dn is set and ldap.bind_password is empty: directories take "
			       "that for anonymous");
	if (!*conf->ldap_bind_dn && *conf->ldap_bind_password)
		return err_set(err, ERR_INVALID, "ldap.bind_password is set and ldap.bind_dn is empty");
	if (*template && !strstr(template, "%s"))
		return err_set(err, ERR_INVALID, "ldap.user_bind_template has no %%s, the place of the name");
	if (!s->user_bases.n)
		return err_set(err, ERR_INVALID, "ldap.user_bases is empty: where are people searched?");
	if (!*conf->ldap_client_cert != !*conf->ldap_client_key)
		return err_set(err, ERR_INVALID, "ldap.client_cert and ldap.client_key go together");
	return readable(conf->ldap_ca_file, "ca_file", err) && readable(conf->ldap_client_cert, "client_cert", err) &&
	       readable(conf->ldap_client_key, "client_key", err) && check_filter(conf->ldap_user_filter, err);
}

/* "department title": letters of LDAP's names, and nothing of its options. */
static bool
read_attributes(struct directory_settings *s, struct err *err)
{
	const char **own = mem_array(s, const char *, DIRECTORY_ATTRIBUTES_MAX + 1), **asked;
	size_t n = 0, fixed = 0;

	for (const char *p = s->conf->ldap_attributes; *(p += strspn(p, " \t,;"));) {
		size_t len = strcspn(p, " \t,;");
		char *name = mem_textn(s, p, len);

		if (!person_attribute_name_ok(name, err))
			return err_at(err, "ldap.attributes");
		if (n == DIRECTORY_ATTRIBUTES_MAX)
			return err_set(err, ERR_INVALID, "ldap.attributes has more than %d names", DIRECTORY_ATTRIBUTES_MAX);
		own[n++] = name;
		p += len;
	}
	while (directory_attributes[fixed])
		fixed++;
	asked = mem_array(s, const char *, fixed + n + 1);
	for (size_t i = 0; i < fixed + n; i++)
		asked[i] = i < fixed ? directory_attributes[i] : own[i - fixed];
	s->attributes = own;
	s->asked = asked;
	return true;
}

bool
directory_settings_read(TALLOC_CTX *ctx, const struct conf *conf, struct directory_settings **ret, struct err *err)
{
	static const char *const tls[] = { "ldaps", "starttls", "none", NULL };
	static const char *const nested[] = { "auto", "ad", "walk", "off", NULL };
	struct directory_settings *s = mem_new(ctx, struct directory_settings);
	int which = 0;
	bool ok;

	s->conf = conf;
	ok = word(conf->ldap_tls, tls, "tls", &which, err);
	s->tls = (enum directory_tls)which;
	ok = ok && word(conf->ldap_nested, nested, "nested", &which, err);
	s->nested = (enum directory_nested)which;
	for (const char *p = conf->ldap_urls; ok && *(p += strspn(p, " \t"));) {
		size_t len = strcspn(p, " \t");

		ok = read_url(s, p, len, err);
		p += len;
	}
	ok = ok && read_list(s, conf->ldap_user_bases, "user_bases", &s->user_bases, err) &&
	     read_list(s, *conf->ldap_group_base ? conf->ldap_group_base : conf->ldap_user_bases, "group_base",
		       &s->group_bases, err) &&
	     read_list(s, conf->ldap_admin_groups, "admin_groups", &s->admin_groups, err) &&
	     read_list(s, conf->ldap_publisher_groups, "publisher_groups", &s->publisher_groups, err) &&
	     read_list(s, conf->ldap_required_groups, "required_groups", &s->required_groups, err) &&
	     read_attributes(s, err);
	if (ok && s->servers_n)
		ok = check(s, err);
	if (!ok) {
		talloc_free(s);
		return false;
	}
	*ret = s;
	return true;
}
