/*
 * pomona device list [--state S] [--search TEXT] [--person NAME] [--model M] [--os V] [--app BUNDLE] [--json]
 * pomona device show ID [--json]
 * pomona device commands ID [--json]
 * pomona device command ID --file F [--reason TEXT] [--json]
 * pomona device lock|clear-passcode|erase|refresh|... ID [--message T] [--phone N] [--set FIELD=VALUE] [--file F]
 *		[--reason TEXT] [--json]
 *
 * ID is a device's id, its UDID or its serial number.  A command is a row that waits, with its push and its line in
 * the audit; the running server sends it.
 */
#include "cli/cli.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "mdm/command_send.h"
#include "mdm/device_list.h"
#include "mdm/inventory.h"
#include <string.h>

#define FILE_MAX	COMMAND_BYTES_MAX
#define HISTORY_SHOWN	50

struct opts {
	struct cli_place place;
	struct device_filter filter;
	const char *act, *id, *file, *reason;
	json_t *fields;		/* of a verb */
	bool json;
};

enum { STATE = 1000, SEARCH, PERSON, MODEL, OS, APP, MESSAGE, PHONE };

static const struct argp_option options[] = {
	{ "state", STATE, "STATE", 0, "list: managed, silent, push_broken, removed or retired", 0 },
	{ "search", SEARCH, "TEXT", 0, "list: in names, serial numbers, UDIDs and people", 0 },
	{ "person", PERSON, "NAME", 0, "list: whose they are", 0 },
	{ "model", MODEL, "PRODUCT", 0, "list: such as iPhone14", 0 },
	{ "os", OS, "VERSION", 0, "list: such as 17 or 17.5", 0 },
	{ "app", APP, "BUNDLE", 0, "list: those that have this app", 0 },
	{ "message", MESSAGE, "TEXT", 0, "lock: shown on the lock screen", 0 },
	{ "phone", PHONE, "NUMBER", 0, "lock: shown with the message", 0 },
	{ "set", 's', "FIELD=VALUE", 0, "A field of a verb, as the API names it", 0 },
	{ "file", 'f', "FILE", 0, "command: JSON or a property list; install-...: what is installed; - reads stdin", 0 },
	{ "reason", 'r', "TEXT", 0, "Why; wanted for what cannot be taken back", 0 },
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ 0 }
};

static void
set_field(struct opts *o, const char *name, size_t len, const char *value)
{
	char key[VERB_FIELD_MAX];

	snprintf(key, sizeof key, "%.*s", (int)len, name);
	if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
		json_object_set_new(o->fields, key, json_boolean(*value == 't'));
	else
		json_object_set_new(o->fields, key, json_string(value));
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->place;
		break;
	case STATE:	o->filter.state = arg; break;
	case SEARCH:	o->filter.q = arg; break;
	case PERSON:	o->filter.person = arg; break;
	case MODEL:	o->filter.model = arg; break;
	case OS:	o->filter.os = arg; break;
	case APP:	o->filter.app = arg; break;
	case MESSAGE:	set_field(o, "message", 7, arg); break;
	case PHONE:	set_field(o, "phone", 5, arg); break;
	case 's':
		if (!strchr(arg, '='))
			argp_error(state, "--set takes FIELD=VALUE");
		set_field(o, arg, strcspn(arg, "="), strchr(arg, '=') + 1);
		break;
	case 'f':	o->file = arg; break;
	case 'r':	o->reason = arg; break;
	case 'j':	o->json = true; break;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			return ARGP_ERR_UNKNOWN;
		*(state->arg_num ? &o->id : &o->act) = arg;
		break;
	case ARGP_KEY_END:
		if (!o->act || (strcmp(o->act, "list") != 0 && !o->id))
			argp_error(state, "say list, or show|commands|command|lock|clear-passcode|erase|refresh|... ID");
		if (strcmp(o->act, "command") == 0 && !o->file)
			argp_error(state, "command wants --file FILE");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const char *
text(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	return value ? value : "-";
}

static void
print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
}

/* ---- looking ---- */

static void
print_device(const json_t *d)
{
	printf("%-24s %-12s %-20s %-8s %-16s %-20s %s\n", text(d, "id"), text(d, "state"), text(d, "model"), text(d, "os_version"),
	       text(d, "serial"), text(d, "seen"), text(json_object_get(d, "person"), "name"));
}

static bool
list(TALLOC_CTX *ctx, struct db *db, const struct opts *o, struct err *err)
{
	json_t *all = json_array(), *page, *d;
	const char *after = NULL;
	size_t i;

	do {
		if (!device_list(db, &o->filter, after, DEVICE_PAGE_MAX, &page, err)) {
			json_decref(all);
			return false;
		}
		if (o->json)
			json_array_extend(all, json_object_get(page, "items"));
		else
			json_array_foreach(json_object_get(page, "items"), i, d)
				print_device(d);
		after = mem_text(ctx, json_string_value(json_object_get(page, "next")));
		json_decref(page);
	} while (after);
	if (o->json)
		print_json(all);
	json_decref(all);
	return true;
}

static void
print_facts(const char *name, const json_t *group)
{
	const char *key;
	const json_t *v;
	char *word;

	printf("\n%s\n", name);
	json_object_foreach((json_t *)group, key, v) {
		if (json_is_array(v)) {
			printf("  %-38s %zu\n", key, json_array_size(v));
			continue;
		}
		word = json_is_string(v) || json_is_null(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		printf("  %-38s %s\n", key, word ? word : json_is_null(v) ? "(not reported)" : json_string_value(v));
		free(word);
	}
}

static bool
show(struct db *db, const struct opts *o, struct err *err)
{
	static const char *const groups[] = { "network", "device", "apps", "compliance" };
	json_t *device, *all;

	if (!device_show(db, o->id, o->filter.silent_s, &device, err))
		return false;
	if (!inventory_show(db, o->id, &all, err)) {
		json_decref(device);
		return false;
	}
	if (o->json) {
		json_object_update(device, all);
		print_json(device);
	} else {
		print_device(device);
		for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
			print_facts(groups[i], json_object_get(all, groups[i]));
	}
	json_decref(all);
	json_decref(device);
	return true;
}

static bool
commands(struct db *db, const struct opts *o, struct err *err)
{
	json_t *waiting, *ended, *c;
	size_t i;

	if (!queue_list(db, o->id, &waiting, err))
		return false;
	if (!queue_history(db, o->id, NULL, HISTORY_SHOWN, &ended, err)) {
		json_decref(waiting);
		return false;
	}
	json_array_extend(json_object_get(waiting, "items"), json_object_get(ended, "items"));
	if (o->json)
		print_json(json_object_get(waiting, "items"));
	else
		json_array_foreach(json_object_get(waiting, "items"), i, c)
			printf("%-36s %-12s %-28s %-20s %s\n", text(c, "uuid"), text(c, "state"), text(c, "request_type"), text(c, "created"),
			       text(c, "subject"));
	json_decref(ended);
	json_decref(waiting);
	return true;
}

/* ---- commands ---- */

static bool
read_file(TALLOC_CTX *ctx, const char *path, struct bytes *ret, struct err *err)
{
	return file_read(ctx, strcmp(path, "-") == 0 ? "/dev/stdin" : path, FILE_MAX, ret, err);
}

static bool
file_wish(TALLOC_CTX *ctx, const char *path, struct command_wish *wish, struct err *err)
{
	struct bytes bytes;
	const char *at;
	json_error_t why;
	json_t *body;
	bool ok;

	if (!read_file(ctx, path, &bytes, err))
		return false;
	at = mem_textn(ctx, bytes.p, bytes.len);
	at += strspn(at, " \t\r\n");
	if (*at == '<' || strncmp(at, "bplist", 6) == 0)
		return command_wish_plist(ctx, bytes, wish, err);
	body = json_loadb(bytes.p, bytes.len, JSON_REJECT_DUPLICATES, &why);
	if (!body)
		return err_code(err, ERR_INVALID, "bad_command", "%s is neither JSON nor a property list: line %d: %s", path,
				why.line, why.text);
	ok = command_wish_json(ctx, body, wish, err);
	json_decref(body);
	return ok;
}

/* The field of a verb that holds a file: the mobileconfig, the provision. */
static bool
put_file(TALLOC_CTX *ctx, const struct opts *o, struct err *err)
{
	const struct verb *verb = verb_find(o->act);
	char name[VERB_FIELD_MAX];
	enum apple_type type;
	struct bytes bytes;
	struct buf base64;

	for (size_t i = 0; verb && verb_field(verb, i, name, &type); i++) {
		if (type != APPLE_DATA)
			continue;
		if (!read_file(ctx, o->file, &bytes, err))
			return false;
		buf_init(&base64, ctx, 2 * FILE_MAX);
		buf_base64(&base64, bytes.p, bytes.len);
		json_object_set_new(o->fields, name, json_string(buf_str(&base64)));
		return true;
	}
	return err_set(err, ERR_INVALID, "%s takes no file", o->act);
}

static bool
send(TALLOC_CTX *ctx, struct db *db, const struct conf *conf, const struct opts *o, struct err *err)
{
	struct command_verdict verdict;
	struct command_wish wish;
	bool by_file = strcmp(o->act, "command") == 0;

	if (!by_file && o->file && !put_file(ctx, o, err))
		return false;
	if (by_file ? !file_wish(ctx, o->file, &wish, err) :
		      !command_wish_verb(ctx, o->act, json_incref(o->fields), &wish, err))
		return false;
	wish.actor = "cli";
	wish.ttl_s = conf->mdm_command_days * DAY_S;
	if (o->reason)
		wish.reason = o->reason;
	if (!command_send(ctx, db, &wish, &o->id, 1, &verdict, err) || !command_verdict_err(&verdict, err))
		return false;
	if (o->json)
		printf("{\"uuid\": \"%s\", \"verdict\": \"%s\"}\n", verdict.uuid, verdict.verdict);
	else
		puts(verdict.uuid);
	return true;
}

int
cmd_device(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "list | show ID | commands ID | command ID --file F | VERB ID",
					  "Devices under management, and commands to them.", cli_common, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { .fields = json_object() };
	struct err err = { 0 };
	struct conf *conf;
	struct db *db;
	bool ok;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	ok = cli_db(ctx, &o.place, &conf, &db, &err);
	if (ok && o.id)
		ok = device_find(ctx, db, o.id, &o.id, &err);
	if (ok) {
		o.filter.silent_s = conf->mdm_silent_days * DAY_S;
		ok = strcmp(o.act, "list") == 0 ? list(ctx, db, &o, &err) :
		     strcmp(o.act, "show") == 0 ? show(db, &o, &err) :
		     strcmp(o.act, "commands") == 0 ? commands(db, &o, &err) : send(ctx, db, conf, &o, &err);
	}
	json_decref(o.fields);
	return ok ? EXIT_OK : cli_fail(&err);
}
