/*
 * Signing in: our own account searches the person, then the person's DN is bound with their password.
 * With ldap.user_bind_template the person is bound first; the entry that is found is bound all the same,
 * so that nobody is taken for somebody else whose entry merely has that name in it.
 *
 * An empty password is refused before any server hears of it: RFC 4513 section 5.1.2, a bind with a
 * name and no password is anonymous, and succeeds.
 */
#include "catalog/directory_inner.h"
#include "core/secret.h"
#include "core/text.h"
#include <stdlib.h>
#include <string.h>

/* ---- finding ---- */

/* The same entry under two bases is one person. */
static bool
take_one(LDAP *ld, LDAPMessage *entry, void *arg, struct err *err)
{
	struct found *found = arg;
	struct directory_person *person;

	if (!entry_person(found->ctx, ld, entry, found->attributes, &person, err))
		return false;
	if (person->unknown)
		return err_code(err, ERR_UPSTREAM, "directory_entry", "%s", person->unknown);
	if (found->person && strcmp(found->person->external_id, person->external_id) == 0)
		return true;
	found->n++;
	if (!found->person)
		found->person = person;
	return true;
}

bool
call_find(TALLOC_CTX *ctx, struct call *call, const char *name, struct found *found, struct err *err)
{
	const struct dn_list *bases = &call->settings->user_bases;
	const char *filter = directory_fill(ctx, call->settings->conf->ldap_user_filter, name, directory_filter_value);

	*found = (struct found){ .ctx = ctx, .attributes = call->settings->attributes };
	for (size_t i = 0; i < bases->n; i++)
		if (!call_search(call, bases->dn[i], LDAP_SCOPE_SUBTREE, filter, call->settings->asked, 2, take_one, found, err))
			return err_at(err, "directory: people under %.80s", bases->dn[i]);
	return true;
}

/* By our own account, on a connection that the call has not yet. */
static bool
find_ours(TALLOC_CTX *ctx, struct call *call, const char *name, struct found *found, struct err *err)
{
	do {
		if (!call_connect_ours(call, err))
			return false;
		if (call_find(ctx, call, name, found, err))
			return true;
	} while (call_drop(call));
	return false;
}

/* ---- a password ---- */

bool
call_password(TALLOC_CTX *ctx, struct call *call, const char *dn, const char *password, const char **refused,
	      struct err *err)
{
	const char *detail = "";
	int code = 0;

	if (!call_bind(ctx, call, dn, password, &code, &detail, err))
		return false;
	*refused = NULL;
	switch (code) {
	case LDAP_SUCCESS:
		return true;
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_INAPPROPRIATE_AUTH:
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_INVALID_DN_SYNTAX:
	case LDAP_UNWILLING_TO_PERFORM:
	case LDAP_CONSTRAINT_VIOLATION:
	case LDAP_INSUFFICIENT_ACCESS:
		*refused = bind_refusal(detail);
		if (!*refused)
			*refused = "wrong_password";
		return true;
	default:
		err_code(err, ERR_UPSTREAM, "directory_bind", "%s: bind of a person: %s %s", call->conn->server->host,
			 ldap_err2string(code), detail);
		return code == LDAP_OTHER ? false : conn_unwell(call->conn, code, err);	/* other: of this person, perhaps */
	}
}

static bool
refuse(struct err *err, const char *code)
{
	if (strcmp(code, "password_expired") == 0)
		return err_code(err, ERR_SIGN_IN, code, "your password has expired; change it where you change it for "
				"everything else, then sign in here");
	if (strcmp(code, "account_disabled") == 0)
		return err_code(err, ERR_SIGN_IN, code, "your account is disabled in the company's directory");
	return err_code(err, ERR_SIGN_IN, code, "the name or the password is wrong");
}

/* A bind takes its time; a name that nobody has must take it too. */
static bool
bind_nobody(struct call *call, const char *password, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	const char *detail;
	int code;

	return call_bind(scratch, call, mem_printf(scratch, "cn=%s,%s", secret_id(scratch), call->settings->user_bases.dn[0]),
			 password, &code, &detail, err) && refuse(err, "wrong_password");
}

/* ---- what groups mean ---- */

static bool
is_in(const struct dn_list *list, const char *folded)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->folded[i], folded) == 0)
			return true;
	return false;
}

void
call_judge(struct call *call, struct directory_person *p)
{
	const struct directory_settings *s = call->settings;
	void *scratch SCOPED(mem) = talloc_new(NULL);

	p->has_role = s->admin_groups.n || s->publisher_groups.n;
	p->allowed = s->required_groups.n == 0;
	p->role = ROLE_MEMBER;
	for (size_t i = 0; i < p->groups_n; i++) {
		const char *folded = directory_dn_fold(scratch, p->groups[i].dn);

		p->allowed = p->allowed || is_in(&s->required_groups, folded);
		if (is_in(&s->admin_groups, folded))
			p->role = ROLE_ADMIN;
		else if (p->role < ROLE_PUBLISHER && is_in(&s->publisher_groups, folded))
			p->role = ROLE_PUBLISHER;
	}
}

/* ---- signing in ---- */

/* With a template: the person's own bind comes first, as *who.  Leaves *refused as call_password does. */
static bool
bind_first(TALLOC_CTX *ctx, struct call *call, const char *name, const char *password, const char **who,
	   const char **refused, struct err *err)
{
	const struct conf *conf = call->settings->conf;
	bool is_dn = strchr(conf->ldap_user_bind_template, '=') != NULL;

	*who = directory_fill(ctx, conf->ldap_user_bind_template, name, is_dn ? directory_dn_value : NULL);
	for (;;) {
		if (!call_connect(call, err))
			return false;
		if (call_password(ctx, call, *who, password, refused, err))
			return true;
		/* A silent one may have counted the password all the same. */
		if (strcmp(err->code, "directory_slow") == 0 || !call_drop(call))
			return err_at(err, "directory");
	}
}

static bool
refuse_bind(TALLOC_CTX *ctx, const char *who, const char *refused, struct directory_person **ret, struct err *err)
{
	if (strcmp(refused, "account_disabled") == 0) {
		*ret = mem_new(ctx, struct directory_person);
		(*ret)->login = who;
		(*ret)->disabled = DIRECTORY_SAYS_SO;
	}
	return refuse(err, refused);
}

struct asked {
	const char *name, *password;
	directory_may *may;
	void *arg;
};

static bool
sign_in(TALLOC_CTX *ctx, struct call *call, const struct asked *a, struct directory_person **ret, struct err *err)
{
	const struct conf *conf = call->settings->conf;
	bool template = *conf->ldap_user_bind_template, look = *conf->ldap_bind_dn || !template;
	const char *refused = NULL, *who = NULL;
	struct found found;

	if (template && (!a->may(a->arg, NULL, err) || !bind_first(ctx, call, a->name, a->password, &who, &refused, err)))
		return false;
	if (refused)
		return refuse_bind(ctx, who, refused, ret, err);
	if (template ? (look && !call_bind_ours(call, err)) || !call_find(ctx, call, a->name, &found, err)
		     : !find_ours(ctx, call, a->name, &found, err))
		return false;
	if (found.n > 1)
		return err_code(err, ERR_SIGN_IN, "name_ambiguous", "ldap.user_filter finds several people");
	if (!found.n && template)
		return err_set(err, ERR_DENIED, "the directory knows you, but not among the people who use this server");
	if (!a->may(a->arg, found.n ? found.person->external_id : NULL, err))
		return false;
	if (!found.n)
		return bind_nobody(call, a->password, err);
	if (!call_password(ctx, call, found.person->dn, a->password, &refused, err))
		return false;
	found.person->login = who;
	if (!refused && found.person->disabled)
		refused = "account_disabled";
	if (refused && strcmp(refused, "account_disabled") == 0) {
		if (!found.person->disabled)
			found.person->disabled = DIRECTORY_SAYS_SO;
		*ret = found.person;
	}
	if (refused)
		return refuse(err, refused);
	if ((look && !call_bind_ours(call, err)) || !call_groups(ctx, call, found.person, err))
		return err_at(err, "directory");
	call_judge(call, found.person);
	*ret = found.person;
	return found.person->allowed ||
	       err_set(err, ERR_DENIED, "your account is in none of the groups whose people use this server");
}

bool
directory_sign_in(TALLOC_CTX *ctx, struct directory *d, const char *name, const char *password, directory_may *may,
		  void *arg, struct directory_person **ret, struct err *err)
{
	struct asked asked = { name, password, may, arg };
	struct call call;
	bool ok;

	*ret = NULL;
	if (!*password || strlen(password) > DIRECTORY_PASSWORD_MAX || !*name || strlen(name) > DIRECTORY_NAME_MAX ||
	    !text_valid(name, strlen(name)))
		return refuse(err, "wrong_password");
	call_begin(&call, d, DIRECTORY_WHOLE_MS);
	ok = sign_in(ctx, &call, &asked, ret, err);
	call_end(&call);
	return ok;
}

static bool
may_nobody(void *arg, const char *external_id, struct err *err)
{
	const bool *rest = arg;

	(void)external_id;
	return !*rest || err_set(err, ERR_RATE, "enough were asked");
}

void
directory_as_long(struct directory *d, bool rest)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct directory_person *nobody;
	struct err err;

	/* How it is refused, is said by whoever has refused the name. */
	(void)!directory_sign_in(scratch, d, secret_id(scratch), secret_id(scratch), may_nobody, &rest, &nobody, &err);
}

static bool
look_up(TALLOC_CTX *ctx, struct call *call, const char *name, struct directory_person **ret, struct err *err)
{
	struct found found;

	if (!find_ours(ctx, call, name, &found, err))
		return false;
	if (found.n > 1)
		return err_code(err, ERR_UPSTREAM, "name_ambiguous", "ldap.user_filter finds several people for \"%.80s\"", name);
	if (found.n && !call_groups(ctx, call, found.person, err))
		return err_at(err, "directory");
	if (found.n)
		call_judge(call, found.person);
	*ret = found.person;
	return true;
}

bool
directory_find(TALLOC_CTX *ctx, struct directory *d, const char *name, struct directory_person **ret, struct err *err)
{
	struct call call;
	bool ok;

	*ret = NULL;
	if (!*name || strlen(name) > DIRECTORY_NAME_MAX || !text_valid(name, strlen(name)))
		return true;
	if (!directory_can_look(d))
		return err_set(err, ERR_UPSTREAM, "ldap.bind_dn is empty: nobody can be looked up");
	call_begin(&call, d, DIRECTORY_WHOLE_MS);
	ok = look_up(ctx, &call, name, ret, err);
	call_end(&call);
	return ok;
}

/* ---- begin and end ---- */

static int
end(struct directory *d)
{
	struct conn *conn;

	while ((conn = d->pool)) {
		d->pool = conn->next;
		if (conn->ld)
			ldap_unbind_ext(conn->ld, NULL, NULL);
		talloc_free(conn);
	}
	pthread_mutex_destroy(&d->lock);
	return 0;
}

/* Its first use sets up libldap and its TLS: once, and before there are threads. */
static void
warm_up(void)
{
	int client = 0, version = LDAP_VERSION3;
	LDAP *ld = NULL;

	/* Nor may ldap.conf or the environment of whoever started us weaken what we ask of TLS. */
	setenv("LDAPNOINIT", "1", 1);
	if (ldap_initialize(&ld, "ldap://localhost") != LDAP_SUCCESS)
		return;
	ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client);
	ldap_unbind_ext(ld, NULL, NULL);
}

bool
directory_new(TALLOC_CTX *ctx, const struct conf *conf, struct directory **ret, struct err *err)
{
	struct directory *d = mem_new(ctx, struct directory);

	warm_up();
	pthread_mutex_init(&d->lock, NULL);
	talloc_set_destructor(d, end);
	directory_forget_groups(d);
	if (!directory_use(d, conf, err)) {
		talloc_free(d);
		return false;
	}
	*ret = d;
	return true;
}

bool
directory_use(struct directory *d, const struct conf *conf, struct err *err)
{
	struct directory_settings *s;

	/* The old ones stay with the directory: a call may use them, and reloads are rare. */
	if (!directory_settings_read(NULL, conf, &s, err))
		return false;
	pthread_mutex_lock(&d->lock);
	talloc_steal(d, s);
	pthread_mutex_unlock(&d->lock);
	atomic_store(&d->settings, s);
	directory_forget_groups(d);
	return true;
}

bool
directory_is_on(struct directory *d)
{
	return atomic_load(&d->settings)->servers_n > 0;
}

bool
directory_can_look(struct directory *d)
{
	const struct conf *conf = atomic_load(&d->settings)->conf;

	return *conf->ldap_bind_dn || !*conf->ldap_user_bind_template;
}
