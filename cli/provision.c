/*
 * pomona provision add FILE... | list [--json] | pause UUID... | resume UUID...
 *
 * Also while the server runs: what was added is on its way with the server's next look, a second later.
 */
#include "catalog/provision_keep.h"
#include "catalog/renewal.h"
#include "cli/command.h"
#include "core/file.h"
#include "core/json.h"
#include "ipa/provision.h"
#include "web/provision_take.h"
#include <string.h>

struct opts {
	struct cli_call call;
	bool json;
};

static void
print_taken(const json_t *taken)
{
	const json_t *p = json_object_get(taken, "provision");
	json_t *one;
	size_t i;

	printf("%s  %.10s  %s%s\n", text_of(p, "uuid"), text_of(p, "expires"), text_of(p, "name"),
	       json_is_true(json_object_get(taken, "fresh")) ? "" : "  (known)");
	json_array_foreach(json_object_get(taken, "renews"), i, one)
		printf("  renews %s %s (%s) %s on %lld devices\n", text_of(one, "app"), text_of(one, "version"), text_of(one, "build"),
		       text_of(one, "path"), (long long)json_integer_value(json_object_get(one, "devices")));
}

/* What is missing after the last one of a set is what is missing. */
static bool
add(struct cli_call *call, struct err *err)
{
	bool as_json = ((const struct opts *)call)->json, ok = true;
	const json_t *missing = NULL;
	json_t *all = json_array(), *taken, *one;
	size_t i;

	for (i = 0; ok && i < call->words_n; i++) {
		struct bytes file;

		ok = (file_read(call->ctx, call->words[i], PROVISION_BYTES_MAX, &file, err) &&
		      provision_take(call->ctx, call->db, call->conf, NULL, file, &taken, err)) ||
		     err_at(err, "add %s", call->words[i]);
		if (!ok)
			break;
		json_array_append_new(all, taken);
		missing = json_object_get(taken, "missing");
		if (!as_json)
			print_taken(taken);
	}
	if (as_json)
		cli_print(all);
	json_array_foreach((json_t *)(uintptr_t)missing, i, one)
		fprintf(stderr, "pomona: still missing: %s\n", json_string_value(one));
	json_decref(all);
	return ok;
}

static bool
list(struct cli_call *call, struct err *err)
{
	json_t *page, *p;
	size_t i;

	if (!provision_list(call->db, VIEWER_HOUSE, NULL, PROVISIONS_PAGE_MAX, &page, err))
		return false;
	if (((const struct opts *)call)->json)
		cli_print(page);
	else
		json_array_foreach(json_object_get(page, "items"), i, p)
			printf("%s  %.10s  %-11s %5lld devices  %s  %s%s%s\n", text_of(p, "uuid"), text_of(p, "expires"), text_of(p, "kind"),
			       (long long)json_integer_value(json_object_get(p, "devices")), text_of(p, "app_id"), text_of(p, "name"),
			       json_is_object(json_object_get(p, "paused")) ? "  paused by " : "",
			       text_of(json_object_get(p, "paused"), "by"));
	json_decref(page);
	return true;
}

static bool
pause_all(struct cli_call *call, struct err *err)
{
	for (size_t i = 0; i < call->words_n; i++)
		if (!renewal_pause(call->db, NULL, call->words[i], strcmp(call->act->name, "pause") == 0, err))
			return false;
	return true;
}

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "Print JSON", offsetof(struct opts, json) },
	{ 0 }
};
static const struct cli_act acts[] = {
	{ "add", 1, CLI_WORDS_MAX, NULL, add },
	{ "list", 0, 0, NULL, list },
	{ "pause", 1, CLI_WORDS_MAX, NULL, pause_all },
	{ "resume", 1, CLI_WORDS_MAX, NULL, pause_all },
	{ 0 }
};

int
cmd_provision(int argc, char **argv)
{
	static const struct cli_command provision = {
		.args = "add FILE... | list | pause UUID... | resume UUID...",
		.doc = "Provisions, and what they renew.\v"
		       "add takes .mobileprovision files, those of a set together: an app's and its extensions'. They go out to the "
		       "devices that hold the apps by themselves, in waves. pause lets the waves of one stand still, and resume go "
		       "on; where an app ends within renewal.days_before it goes out all the same.",
		.options = { options }, .acts = acts,
		.usage = "say add FILE..., list, pause UUID... or resume UUID...",
	};
	struct opts o = { 0 };

	return cli_run(&provision, &o.call, argc, argv);
}
