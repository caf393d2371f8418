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
#include "catalog/fleet.h"
#include "cli/command.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "mdm/command_send.h"
#include "mdm/device_list.h"
#include "mdm/inventory.h"
#include <string.h>

#define FILE_MAX	COMMAND_BYTES_MAX
#define HISTORY_SHOWN	50
#define SAID_MAX	200	/* fields of one command; more items of a list go with a comma */
#define HELP_MAX	8192
#define HELP_WIDE	78	/* columns */

struct opts {
	struct cli_call call;
	struct device_filter filter;
	const char *file, *reason;
	struct said { const char *field, *value; size_t len; } said[SAID_MAX];	/* of a verb; len: of field */
	size_t said_n;
	bool json;
};

static const char *
text(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	return value ? value : "-";
}

/* Whom the command names, by its id. */
static bool
find(const struct cli_call *call, const char **ret, struct err *err)
{
	return device_find(call->ctx, call->db, call->words[0], ret, err);
}

/* ---- looking ---- */

static void
print_device(const json_t *d)
{
	printf("%-24s %-12s %-20s %-8s %-16s %-20s %s\n", text(d, "id"), text(d, "state"), text(d, "model"), text(d, "os_version"),
	       text(d, "serial"), text(d, "seen"), text(json_object_get(d, "person"), "name"));
}

static bool
list(struct cli_call *call, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	struct device_filter filter = o->filter;
	json_t *all = json_array(), *page, *d;
	const char *after = NULL;
	size_t i;

	filter.silent_s = call->conf->mdm_silent_days * DAY_S;
	filter.also = filter.state ? fleet_condition(filter.state) : NULL;
	if (filter.also)
		filter.state = "managed";
	do {
		if (!device_list(call->db, &filter, after, DEVICE_PAGE_MAX, &page, err)) {
			json_decref(all);
			return false;
		}
		if (o->json)
			json_array_extend(all, json_object_get(page, "items"));
		else
			json_array_foreach(json_object_get(page, "items"), i, d)
				print_device(d);
		after = mem_text(call->ctx, json_string_value(json_object_get(page, "next")));
		json_decref(page);
	} while (after);
	if (o->json)
		cli_print(all);
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
show(struct cli_call *call, struct err *err)
{
	static const char *const groups[] = { "network", "device", "apps", "compliance" };
	json_t *device, *all;
	const char *id;

	if (!find(call, &id, err) || !device_show(call->db, id, call->conf->mdm_silent_days * DAY_S, &device, err))
		return false;
	if (!inventory_show(call->db, id, &all, err)) {
		json_decref(device);
		return false;
	}
	if (((const struct opts *)call)->json) {
		json_object_update(device, all);
		cli_print(device);
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
commands(struct cli_call *call, struct err *err)
{
	json_t *waiting, *ended, *c;
	const char *id;
	size_t i;

	if (!find(call, &id, err) || !queue_list(call->db, id, &waiting, err))
		return false;
	if (!queue_history(call->db, id, NULL, HISTORY_SHOWN, &ended, err)) {
		json_decref(waiting);
		return false;
	}
	json_array_extend(json_object_get(waiting, "items"), json_object_get(ended, "items"));
	if (((const struct opts *)call)->json)
		cli_print(json_object_get(waiting, "items"));
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
put_file(const struct cli_call *call, const struct verb *verb, json_t *fields, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	char name[VERB_FIELD_MAX];
	enum apple_type type;
	struct bytes bytes;
	struct buf base64;

	for (size_t i = 0; verb_field(verb, i, name, &type); i++) {
		if (type != APPLE_DATA)
			continue;
		if (!read_file(call->ctx, o->file, &bytes, err))
			return false;
		buf_init(&base64, call->ctx, 2 * FILE_MAX);
		buf_base64(&base64, bytes.p, bytes.len);
		json_object_set_new(fields, name, json_string(buf_str(&base64)));
		return true;
	}
	return err_set(err, ERR_INVALID, "%s takes no file", call->said);
}

static bool
send(const struct cli_call *call, const char *id, struct command_wish *wish, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	struct command_verdict verdict;

	wish->actor = "cli";
	wish->ttl_s = call->conf->mdm_command_days * DAY_S;
	if (o->reason)
		wish->reason = o->reason;
	if (!command_send(call->ctx, call->db, wish, &id, 1, &verdict, err) || !command_verdict_err(&verdict, err))
		return false;
	if (o->json)
		printf("{\"uuid\": \"%s\", \"verdict\": \"%s\"}\n", verdict.uuid, verdict.verdict);
	else
		puts(verdict.uuid);
	return true;
}

static bool
command(struct cli_call *call, struct err *err)
{
	struct command_wish wish;
	const char *id;

	return find(call, &id, err) && file_wish(call->ctx, ((const struct opts *)call)->file, &wish, err) &&
	       send(call, id, &wish, err);
}

static bool
put_fields(const struct cli_call *call, json_t *fields, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	const struct verb *verb = verb_find(call->said);

	for (size_t i = 0; verb && i < o->said_n; i++)
		if (!verb_say(verb, fields, mem_textn(call->ctx, o->said[i].field, o->said[i].len), o->said[i].value, err))
			return false;
	return !verb || !o->file || put_file(call, verb, fields, err);
}

static bool
verb(struct cli_call *call, struct err *err)
{
	json_t *fields = json_hold(call->ctx, json_object());
	struct command_wish wish;
	const char *id;

	return find(call, &id, err) && put_fields(call, fields, err) &&
	       command_wish_verb(call->ctx, call->said, json_incref(fields), &wish, err) && send(call, id, &wish, err);
}

/* ---- options ---- */

/* Of which type it is tells the verb, which may stand behind it. */
static bool
keep_field(struct cli_call *call, const char *name, size_t len, const char *value, struct err *err)
{
	struct opts *o = (struct opts *)call;

	if (o->said_n == SAID_MAX)
		return err_set(err, ERR_INVALID, "more than %d fields", SAID_MAX);
	o->said[o->said_n++] = (struct said){ name, value, len };
	return true;
}

static bool
take_message(struct cli_call *call, const char *arg, struct err *err)
{
	return keep_field(call, "message", 7, arg, err);
}

static bool
take_phone(struct cli_call *call, const char *arg, struct err *err)
{
	return keep_field(call, "phone", 5, arg, err);
}

static bool
take_field(struct cli_call *call, const char *arg, struct err *err)
{
	const char *is = strchr(arg, '=');

	if (!is)
		return err_set(err, ERR_INVALID, "--set takes FIELD=VALUE");
	return keep_field(call, arg, (size_t)(is - arg), is + 1, err);
}

#define AT(field) offsetof(struct opts, field)

enum { STATE = CLI_NO_LETTER, SEARCH, PERSON, MODEL, OS, APP, MESSAGE, PHONE };

static const struct cli_option options[] = {
	{ "state", STATE, "STATE", "list: managed, of those current, updating, attention, silent, push_broken; removed, retired", AT(filter.state) },
	{ "search", SEARCH, "TEXT", "list: in names, serial numbers, UDIDs and people", AT(filter.q) },
	{ "person", PERSON, "NAME", "list: whose they are", AT(filter.person) },
	{ "model", MODEL, "PRODUCT", "list: such as iPhone14", AT(filter.model) },
	{ "os", OS, "VERSION", "list: such as 17 or 17.5", AT(filter.os) },
	{ "app", APP, "BUNDLE", "list: those that have this app", AT(filter.app) },
	{ "message", MESSAGE, "TEXT", "lock: shown on the lock screen", .take = take_message },
	{ "phone", PHONE, "NUMBER", "lock: shown with the message", .take = take_phone },
	{ "set", 's', "FIELD=VALUE", "A field of a verb, as below", .take = take_field },
	{ "file", 'f', "FILE", "command: JSON or a property list; install-...: what is installed; - reads stdin", AT(file) },
	{ "reason", 'r', "TEXT", "Why; wanted for what cannot be taken back", AT(reason) },
	{ "json", 'j', NULL, "Print JSON", AT(json) },
	{ 0 }
};
static const struct cli_act acts[] = {
	{ "list", 0, 0, NULL, list },
	{ "show", 1, 1, NULL, show },
	{ "commands", 1, 1, NULL, commands },
	{ "command", 1, 1, "f", command },
	{ "", 1, 1, NULL, verb },
	{ 0 }
};

/* ---- help ---- */

static const char *
wanted(enum apple_type type)
{
	switch (type) {
	case APPLE_BOOLEAN:	return "yes|no";
	case APPLE_INTEGER:	return "NUMBER";
	case APPLE_ARRAY:	return "LIST";
	case APPLE_DICTIONARY:	return "JSON";
	default:		return "TEXT";
	}
}

/* Behind what stands in the line already, or in a new one. */
static void
help_word(struct buf *out, const char *word)
{
	const char *line = strrchr(buf_str(out), '\n');

	buf_text(out, strlen(line) + strlen(word) < HELP_WIDE ? " " : "\n      ");
	buf_text(out, word);
}

static void
help_verb(TALLOC_CTX *ctx, struct buf *out, const struct verb *verb)
{
	char name[VERB_FIELD_MAX];
	enum apple_type type;

	buf_addf(out, "\n  %s", verb->name);
	if (verb->grave)
		help_word(out, "--reason TEXT");
	for (size_t i = 0; verb_field(verb, i, name, &type); i++)
		help_word(out, type == APPLE_DATA ? "--file FILE" : mem_printf(ctx, "%s=%s", name, wanted(type)));
}

static const char *
help(TALLOC_CTX *ctx)
{
	struct buf out;

	buf_init(&out, ctx, HELP_MAX);
	buf_text(&out, "Devices under management, and commands to them.\vVerbs, and the fields that --set gives them:");
	for (const struct verb *verb = verbs; verb->name; verb++)
		help_verb(ctx, &out, verb);
	buf_text(&out, "\nA LIST is a,b or JSON; --set again adds to it.");
	return buf_str(&out);
}

int
cmd_device(int argc, char **argv)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct cli_command device = {
		.args = "list | show ID | commands ID | command ID --file F | VERB ID",
		.doc = help(ctx),
		.options = { options }, .acts = acts,
		.usage = "say list, or show|commands|command|lock|clear-passcode|erase|refresh|... ID",
	};
	struct opts o = { .said_n = 0 };

	return cli_run(&device, &o.call, argc, argv);
}
