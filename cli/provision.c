/*
 * pomona provision add FILE... | list [--json] | pause UUID... | resume UUID...
 *
 * Also while the server runs: what was added is on its way with the server's next look, a second later.
 */
#include "catalog/provision_keep.h"
#include "catalog/renewal.h"
#include "cli/cli.h"
#include "core/file.h"
#include "core/json.h"
#include "ipa/provision.h"
#include "web/provision_take.h"
#include <string.h>

#define FILES_MAX 64

struct opts {
	struct cli_place place;
	const char *act, *files[FILES_MAX];	/* or UUIDs */
	size_t files_n;
	bool json;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ 0 }
};

static bool
is(const struct opts *o, const char *act)
{
	return strcmp(o->act, act) == 0;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->place;
		break;
	case 'j':
		o->json = true;
		break;
	case ARGP_KEY_ARG:
		if (!o->act)
			o->act = arg;
		else if (o->files_n < FILES_MAX)
			o->files[o->files_n++] = arg;
		else
			argp_error(state, "at most %d at once", FILES_MAX);
		break;
	case ARGP_KEY_END:
		if (!o->act || !(is(o, "add") || is(o, "list") || is(o, "pause") || is(o, "resume")) || !o->files_n != is(o, "list"))
			argp_error(state, "say add FILE..., list, pause UUID... or resume UUID...");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void
print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
}

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
add(TALLOC_CTX *ctx, const struct opts *o, const struct conf *conf, struct db *db, struct err *err)
{
	const json_t *missing = NULL;
	json_t *all = json_array(), *taken, *one;
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < o->files_n; i++) {
		struct bytes file;

		ok = (file_read(ctx, o->files[i], PROVISION_BYTES_MAX, &file, err) &&
		      provision_take(ctx, db, conf, NULL, file, &taken, err)) || err_at(err, "add %s", o->files[i]);
		if (!ok)
			break;
		json_array_append_new(all, taken);
		missing = json_object_get(taken, "missing");
		if (!o->json)
			print_taken(taken);
	}
	if (o->json)
		print_json(all);
	json_array_foreach((json_t *)(uintptr_t)missing, i, one)
		fprintf(stderr, "pomona: still missing: %s\n", json_string_value(one));
	json_decref(all);
	return ok;
}

static bool
list(const struct opts *o, struct db *db, struct err *err)
{
	json_t *page, *p;
	size_t i;

	if (!provision_list(db, VIEWER_HOUSE, NULL, PROVISIONS_PAGE_MAX, &page, err))
		return false;
	if (o->json)
		print_json(page);
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
pause_all(const struct opts *o, struct db *db, struct err *err)
{
	for (size_t i = 0; i < o->files_n; i++)
		if (!renewal_pause(db, NULL, o->files[i], is(o, "pause"), err))
			return false;
	return true;
}

int
cmd_provision(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "add FILE... | list | pause UUID... | resume UUID...",
		"Provisions, and what they renew.\v"
		"add takes .mobileprovision files, those of a set together: an app's and its extensions'. They go out to the "
		"devices that hold the apps by themselves, in waves. pause lets the waves of one stand still, and resume go on; where "
		"an app ends within renewal.days_before it goes out all the same.", cli_common, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct conf *conf;
	struct db *db;
	bool ok;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	if (!cli_db(ctx, &o.place, &conf, &db, &err))
		return cli_fail(&err);
	ok = is(&o, "add") ? add(ctx, &o, conf, db, &err) : is(&o, "list") ? list(&o, db, &err) : pause_all(&o, db, &err);
	return ok ? EXIT_OK : cli_fail(&err);
}
