/* What stands in a form, seen through the facts: what is secret, and what a device would not take. */
#include "mdm/mobileconfig_inner.h"
#include "core/json.h"
#include "core/num.h"
#include <string.h>
#include <strings.h>

/* A key that is there, what is known of it (NULL: nothing), and its path.  False: no more is wanted. */
typedef bool see_key(void *arg, const struct apple_fact *fact, const char *name, const json_t *v, const char *path);

struct seeing { see_key *see; void *arg; TALLOC_CTX *ctx; };

static bool
see_inside(const struct seeing *s, const struct apple_fact *fact, const json_t *v, const char *path)
{
	const struct apple_fact *below;
	const json_t *item;
	const char *name;
	size_t i;

	json_array_foreach(v, i, item)
		if (!see_inside(s, fact ? fact->under : NULL, item, path))
			return false;
	json_object_foreach((json_t *)v, name, item) {
		const char *deeper = mem_printf(s->ctx, "%.200s: %.60s", path, name);

		below = fact ? apple_fact_under(fact, name) : NULL;
		if (!s->see(s->arg, below, name, item, deeper) || !see_inside(s, below, item, deeper))
			return false;
	}
	return true;
}

static bool
see_all(const json_t *form, see_key *see, void *arg)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct seeing s = { see, arg, ctx };
	const struct apple_fact *fact;
	const json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload) {
		const json_t *keys = json_object_get(payload, "keys");
		const char *path = form_payload_name(ctx, payload);

		fact = payload_fact_of(text_of(payload, "type"), keys);
		if (!see(arg, fact, "", payload, path) || !see_inside(&s, fact, keys, path))
			return false;
	}
	return true;
}

/* ---- secrets ---- */

/* Of a key that no fact tells of, its name may. */
static bool
sounds_secret(const char *name)
{
	static const char *const words[] = { "password", "passwd", "passphrase", "secret", "challenge", "token",
					     "credential", "privatekey", "private_key", "psk" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

bool
form_is_empty(const json_t *v)
{
	return (json_is_string(v) && json_string_length(v) == 0) || json_is_boolean(v) || json_is_null(v) ||
	       (json_is_object(v) && json_object_size(v) == 0) || (json_is_array(v) && json_array_size(v) == 0);
}

bool
form_is_secret(const struct apple_fact *fact, const char *name)
{
	return fact && (fact->secret || strcmp(fact->name, "*") != 0) ? fact->secret : sounds_secret(name);
}

static bool
see_no_secret(void *arg, const struct apple_fact *fact, const char *name, const json_t *v, const char *path)
{
	(void)arg, (void)path;
	return !form_is_secret(fact, name) || form_is_empty(v);
}

bool
mobileconfig_form_secret(const json_t *form)
{
	return *text_of(form, "removal_password") || !see_all(form, see_no_secret, NULL);
}

/* ---- what a device would not take ---- */

struct unfit { const struct form_target *target; json_t *texts; };

static void
add_text(json_t *texts, const char *path, const char *what, const char *version)
{
	json_array_append_new(texts, json_sprintf("%s: %s%s", path, what, version ? version : ""));
}

static bool
see_unfit(void *arg, const struct apple_fact *fact, const char *name, const json_t *v, const char *path)
{
	const struct unfit *u = arg;

	(void)name, (void)v;
	if (fact && fact->since && u->target->os_version && num_version_compare(u->target->os_version, fact->since) < 0)
		add_text(u->texts, path, "needs iOS ", fact->since);
	if (fact && fact->supervised && u->target->supervised == 0)
		add_text(u->texts, path, "needs a supervised device", NULL);
	return true;
}

json_t *
mobileconfig_form_unfit(const json_t *form, const struct form_target *target)
{
	struct unfit u = { target, json_array() };
	const struct apple_fact *removal = payload_fact(FORM_REMOVAL_TYPE);

	see_all(form, see_unfit, &u);
	if (*text_of(form, "removal_password") && removal)
		see_unfit(&u, removal, "", NULL, "removal_password");
	return u.texts;
}

/* ---- what somebody should know ---- */

static bool
see_old(void *texts, const struct apple_fact *fact, const char *name, const json_t *v, const char *path)
{
	(void)name, (void)v;
	if (fact && fact->until)
		add_text(texts, path, "deprecated since iOS ", fact->until);
	return true;
}

json_t *
mobileconfig_form_warnings(const json_t *form)
{
	json_t *texts = json_array();

	form_warn_foreign(form, texts);
	see_all(form, see_old, texts);
	return texts;
}
