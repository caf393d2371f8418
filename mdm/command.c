/* Who may be sent what; and commands that come as property lists. */
#include "mdm/command.h"
#include "core/clock.h"
#include "core/plist.h"
#include "mdm/command_fact.h"
#include <string.h>

/* AccessRights of the MDM payload, Apple: MDM. */
static const struct { int64_t bit; const char *name; } rights[] = {
	{ 1, "inspect mobileconfigs" }, { 2, "install and remove mobileconfigs" }, { 4, "lock and clear the passcode" },
	{ 8, "erase" }, { 16, "ask for facts of the device" }, { 32, "ask for facts of the network" },
	{ 64, "inspect provisions" }, { 128, "install and remove provisions" }, { 256, "inspect apps" },
	{ 512, "ask for restrictions" }, { 1024, "ask for facts of security" }, { 2048, "change settings" },
	{ 4096, "manage apps" },
};

const char *
command_right_name(int64_t right)
{
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
		if (right & rights[i].bit)
			return rights[i].name;
	return "";
}

static bool
by_user(const struct command_target *target)
{
	return target->kind && strcmp(target->kind, "user") == 0;
}

/* The fact itself: enrollment kind, supervision.  `right` is its own, or what stands above it. */
static bool
may_fact(const struct apple_fact *fact, const struct command_target *target, struct err *err)
{
	if (fact->not_user && by_user(target))
		return err_code(err, ERR_DENIED, "user_enrollment", "never where a person enrolled their own account");
	if (fact->supervised && target->supervised != 1)
		return err_code(err, ERR_DENIED, "not_supervised", target->supervised == 0 ?
				"only for supervised devices, and this one is not" :
				"only for supervised devices, and this one has not said whether it is");
	return true;
}

/* A user's enrollment has no access rights: iOS ignores them there. */
static bool
may_right(int64_t right, const struct command_target *target, struct err *err)
{
	int64_t missing = right > 0 && !by_user(target) ? right & ~target->access_rights : 0;

	if (missing)
		return err_code(err, ERR_DENIED, "no_right", "this enrollment does not give the right to %s (%lld)",
				command_right_name(missing), (long long)missing);
	return true;
}

static const struct apple_fact *
fact_of_item(const struct apple_fact *array, const json_t *item)
{
	const char *name = json_string_value(json_object_get(item, "Item"));

	return array->under && array->under->next ? apple_fact_under(array, name ? name : "") : array->under;
}

/* A right that stands deeper takes the place of the one above it: an app's configuration is set with the
 * right to manage apps, not with that to change settings. */
static bool
may(const struct apple_fact *fact, const json_t *v, int64_t right, const struct command_target *target,
    struct err *err)
{
	const struct apple_fact *below;
	const json_t *item;
	const char *name;
	size_t i, n = 0;

	if (fact->right >= 0)
		right = fact->right;
	if (!may_fact(fact, target, err))
		return false;
	if (json_is_string(v) && fact->under && (below = apple_fact_under(fact, json_string_value(v))))
		return may(below, NULL, right, target, err) || err_at(err, "%s", json_string_value(v));
	json_array_foreach(v, i, item) {
		n++;
		if ((below = fact_of_item(fact, item)) && !may(below, item, right, target, err))
			return err_at(err, "%s", below->name);
	}
	json_object_foreach((json_t *)v, name, item)
		if ((below = apple_fact_under(fact, name))) {
			n++;
			if (!may(below, item, right, target, err))
				return err_at(err, "%.200s", name);
		}
	return n > 0 || may_right(right, target, err);
}

bool
command_may(const char *request_type, const json_t *params, const struct command_target *target, struct err *err)
{
	const struct apple_fact *fact = command_fact(request_type);

	if (!fact)
		return err_code(err, ERR_INVALID, "bad_command", "iOS has no command \"%.200s\"", request_type);
	return may(fact, params, fact->right, target, err) || err_at(err, "%s", request_type);
}

int64_t
command_right(const char *request_type, const char *item)
{
	const struct apple_fact *fact = command_fact(request_type), *list = fact && item ? apple_fact_under(fact, "Settings") : NULL;
	const struct apple_fact *below = list ? apple_fact_under(list, item) : NULL;

	if (below && below->right >= 0)
		fact = below;
	return fact && fact->right > 0 ? fact->right : 0;
}

json_t *
command_queries(const char *const *names, size_t n, const struct command_target *target)
{
	const struct apple_fact *words = command_fact("DeviceInformation")->under->under, *word;
	json_t *list = json_array();
	struct err err;

	for (size_t i = 0; i < n; i++) {
		word = apple_fact_under(words, names[i]);
		if (word && may(word, NULL, 0, target, &err))
			json_array_append_new(list, json_string(names[i]));
	}
	return list;
}

/* ---- property lists from outside ---- */

bool
command_read(TALLOC_CTX *ctx, struct bytes bytes, const char **request_type, json_t **params, struct err *err)
{
	SCOPED(plist) plist_t root = NULL;
	plist_t command;
	const char *type;

	if (!plist_open(bytes, COMMAND_BYTES_MAX, &root, err))
		return false;
	command = plist_dict_at(root, "Command");
	if (!command)
		command = root;
	type = plist_text_at(ctx, command, "RequestType");
	if (!type)
		return err_code(err, ERR_INVALID, "bad_command", "the property list has no RequestType");
	*request_type = type;
	*params = plist_json_marked(command);
	if (!*params)
		return err_code(err, ERR_INVALID, "bad_command", "a key of the property list is called $data or $date");
	json_object_del(*params, "RequestType");
	return true;
}
