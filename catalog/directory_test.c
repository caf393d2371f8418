/*
 * The directory, step by step, for whoever sets it up: `pomona ldap test` and the console's Test button.
 * Each step says how it went and, when it did not go, what to do.
 */
#include "catalog/directory_inner.h"
#include "core/text.h"
#include <string.h>

struct testing {
	struct call call;
	directory_say *say;
	void *arg;
	bool failed;
};

/* Counts what fails on its way to whoever listens. */
static void
heard(void *arg, enum directory_level level, const char *step, const char *text)
{
	struct testing *t = arg;

	t->failed = t->failed || level == DIRECTORY_FAIL;
	t->say(t->arg, level, step, text);
}

/* Every server by itself: the second is there for the day when the first is not. */
static struct directory_server *
test_servers(struct testing *t, struct directory *d)
{
	struct directory_settings *s = atomic_load(&d->settings);
	struct directory_server *good = NULL;
	bool look = directory_can_look(d);

	for (size_t i = 0; i < s->servers_n; i++) {
		struct err err = { 0 };

		call_begin(&t->call, d, DIRECTORY_WHOLE_MS);
		t->call.say = heard;
		t->call.arg = t;
		call_say(&t->call, DIRECTORY_OK, "server", "%s", s->servers[i].url);
		if (call_open(&t->call, &s->servers[i], &err) && (!look || call_bind_ours(&t->call, &err))) {
			atomic_store(&s->servers[i].failed_ms, 0);
			good = good ? good : &s->servers[i];
		}
		call_end(&t->call);
	}
	return good;
}

static bool
trouble(struct testing *t, const char *step, const struct err *err)
{
	char text[sizeof err->path + sizeof err->cause + 2];

	call_say(&t->call, DIRECTORY_FAIL, step, "%s", err_text(err, text, sizeof text));
	return false;
}

static bool
see_nothing(LDAP *ld, LDAPMessage *entry, void *arg, struct err *err)
{
	(void)ld, (void)entry, (void)arg, (void)err;
	return true;
}

/* A group that is not there would take its role from everybody, in silence. */
static void
test_lists(struct testing *t)
{
	const struct directory_settings *s = t->call.settings;
	static const char *const none[] = { LDAP_NO_ATTRS, NULL };
	const struct {
		const char *key;
		const struct dn_list *list;
	} lists[] = {
		{ "ldap.admin_groups", &s->admin_groups }, { "ldap.publisher_groups", &s->publisher_groups },
		{ "ldap.required_groups", &s->required_groups },
	};

	for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
		for (size_t i = 0; i < lists[l].list->n; i++) {
			const char *dn = lists[l].list->dn[i], *folded = lists[l].list->folded[i];
			size_t len = strlen(folded);
			bool inside = false;
			struct err err = { 0 };

			for (size_t b = 0; b < s->group_bases.n; b++) {
				size_t base = strlen(s->group_bases.folded[b]);

				inside = inside || (len >= base && strcmp(folded + len - base, s->group_bases.folded[b]) == 0);
			}
			if (!inside)
				call_say(&t->call, DIRECTORY_WARN, "groups", "%s: %s is not under ldap.group_base, so nobody is "
					 "found to be in it", lists[l].key, dn);
			else if (!call_search(&t->call, dn, LDAP_SCOPE_BASE, "(objectClass=*)", none, 1, see_nothing, NULL, &err))
				call_say(&t->call, DIRECTORY_WARN, "groups", "%s: %s cannot be read: %s", lists[l].key, dn, err.cause);
		}
	if (!s->admin_groups.n && !s->publisher_groups.n)
		call_say(&t->call, DIRECTORY_WARN, "groups", "ldap.admin_groups and ldap.publisher_groups are empty: roles are "
			 "given by hand, on the page of people");
}

static bool
test_password(struct testing *t, TALLOC_CTX *ctx, const char *dn, const char *password)
{
	const char *refused = NULL;
	struct err err = { 0 };

	if (!*password) {
		call_say(&t->call, DIRECTORY_FAIL, "password", "it is empty: never sent, since a directory takes that for anonymous");
		return false;
	}
	if (!call_password(ctx, &t->call, dn, password, &refused, &err))
		return trouble(t, "password", &err);
	if (refused)
		call_say(&t->call, DIRECTORY_FAIL, "password", "refused: %s", refused);
	else
		call_say(&t->call, DIRECTORY_OK, "password", "right, for %s", dn);
	return !refused;
}

static void
show_person(struct testing *t, const struct directory_person *p)
{
	call_say(&t->call, DIRECTORY_OK, "person", "%s, \"%s\", mail \"%s\", phone \"%s\", id %s", p->name, p->display, p->email,
		 p->phone, p->external_id);
	if (p->disabled)
		call_say(&t->call, DIRECTORY_FAIL, "person", "disabled there by %s: they cannot sign in, and their sessions end "
			 "within the hour", p->disabled);
	call_say(&t->call, p->groups_cut ? DIRECTORY_WARN : DIRECTORY_OK, "groups", p->groups_cut
		 ? "more than %zu: the rest is not looked at" : "%zu", p->groups_n);
	for (size_t i = 0; i < p->groups_n; i++)
		call_say(&t->call, DIRECTORY_OK, "group", "%s", p->groups[i].dn);
	if (!p->allowed)
		call_say(&t->call, DIRECTORY_FAIL, "allowed", "in none of ldap.required_groups: they cannot sign in");
	if (p->has_role)
		call_say(&t->call, DIRECTORY_OK, "role", "%s", role_name(p->role));
}

static bool
test_person(struct testing *t, TALLOC_CTX *ctx, const char *name, const char *password)
{
	bool look = directory_can_look(t->call.directory);
	const struct conf *conf = t->call.settings->conf;
	struct err err = { 0 };
	struct found found;

	if (!look) {
		bool is_dn = strchr(conf->ldap_user_bind_template, '=') != NULL;

		if (!password) {
			call_say(&t->call, DIRECTORY_FAIL, "search", "without ldap.bind_dn a person can be found only with their password");
			return false;
		}
		if (!test_password(t, ctx, directory_fill(ctx, conf->ldap_user_bind_template, name,
							  is_dn ? directory_dn_value : NULL), password))
			return false;
	}
	if (!call_find(ctx, &t->call, name, &found, &err))
		return trouble(t, "search", &err);
	if (found.n != 1) {
		call_say(&t->call, DIRECTORY_FAIL, "search", found.n ? "several people fit ldap.user_filter with \"%s\": it must find "
			 "one" : "nobody fits ldap.user_filter with \"%s\" under ldap.user_bases", name);
		return false;
	}
	call_say(&t->call, DIRECTORY_OK, "search", "%s", found.person->dn);
	if (password && !test_password(t, ctx, found.person->dn, password))
		return false;
	if ((look && !call_bind_ours(&t->call, &err)) || !call_groups(ctx, &t->call, found.person, &err))
		return trouble(t, "groups", &err);
	test_lists(t);
	call_judge(&t->call, found.person);
	show_person(t, found.person);
	return true;
}

bool
directory_test(struct directory *d, const char *name, const char *password, directory_say *say, void *arg)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct testing t = { .say = say, .arg = arg };
	struct directory_server *server;
	struct err err = { 0 };

	if (!directory_is_on(d)) {
		heard(&t, DIRECTORY_FAIL, "settings", "ldap.urls is empty: there is no directory");
		return false;
	}
	server = test_servers(&t, d);
	if (!directory_can_look(d))
		heard(&t, DIRECTORY_WARN, "hourly check", "ldap.bind_dn is empty, so nobody is looked up while they are away: who is "
		      "disabled there keeps tokens, install links and sessions here until they try to sign in again, an admin disables "
		      "them here, or these rest (signin.rest_days); set ldap.bind_dn and ldap.bind_password");
	if (!server || !*name)
		return !t.failed;
	call_begin(&t.call, d, DIRECTORY_WHOLE_MS);
	/* The steps up to here have been told. */
	if (!call_open(&t.call, server, &err) || (directory_can_look(d) && !call_bind_ours(&t.call, &err))) {
		call_end(&t.call);
		return false;
	}
	t.call.say = heard;
	t.call.arg = &t;
	test_person(&t, ctx, name, password);
	call_end(&t.call);
	return !t.failed;
}
