#include "web/device_verbs.h"
#include "mdm/command.h"
#include "web/rooms.h"
#include <string.h>

static const char *const offered[] = { "configure-app", "app-configuration", "app-feedback", "validate-apps", "settings" };
#define OFFERED	(sizeof offered / sizeof *offered)

/* Apple's: nothing to translate. */
static const struct { const char *field, *example; } examples[] = {
	{ "bundle_id", "com.example.app" },
	{ "bundle_ids", "com.example.app" },
	{ "configuration", "{\"server\": \"https://api.example.com\"}" },
	{ "settings", "[{\"Item\": \"DataRoaming\", \"Enabled\": false}]" },
};

static const char *
word(struct req *req, const char *key)
{
	return pages_word(req->site->pages, req->language, key);
}

static bool
is_offered(const char *verb)
{
	for (size_t i = 0; i < OFFERED; i++)
		if (strcmp(offered[i], verb) == 0)
			return true;
	return false;
}

/* Two verbs are one request type: a word of its own goes before that of the type. */
static const char *
title_of(struct req *req, const struct verb *verb)
{
	const char *own = word(req, mem_printf(req, "cmd_%s", verb->name));

	return own ? own : word(req, mem_printf(req, "cmd_%s", verb->request_type));
}

static const char *
kind_of(enum apple_type type)
{
	return type == APPLE_BOOLEAN ? "check" : type == APPLE_ARRAY || type == APPLE_DICTIONARY ? "lines" : "line";
}

static const char *
example_of(const char *field)
{
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
		if (strcmp(examples[i].field, field) == 0)
			return examples[i].example;
	return "";
}

static json_t *
field_of(json_t *fields, const char *name)
{
	json_t *field;
	size_t i;

	json_array_foreach(fields, i, field)
		if (strcmp(text_of(field, "name"), name) == 0)
			return field;
	return NULL;
}

/* A field that several of them take stands once, with the titles of all. */
static void
add_fields(struct req *req, json_t *fields, const struct verb *verb, bool typed)
{
	const char *title = title_of(req, verb), *value;
	char name[VERB_FIELD_MAX];
	enum apple_type type;
	json_t *field;

	for (size_t i = 0; verb_field(verb, i, name, &type); i++) {
		if ((field = field_of(fields, name))) {
			json_object_set_new(field, "wanted_by", json_sprintf("%s, %s", text_of(field, "wanted_by"), title));
			continue;
		}
		value = typed ? req_form(req, name) : NULL;
		json_array_append_new(fields, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", name, "label",
			word(req, mem_printf(req, "say_field_%s", name)), "kind", kind_of(type), "wanted_by", title, "example",
			example_of(name), "value", value ? value : ""));
	}
}

json_t *
device_verbs(struct req *req, const struct command_target *target)
{
	json_t *names = json_array(), *fields = json_array();
	const char *said = req_form(req, "verb");
	bool typed = said && is_offered(said);
	struct err none;

	for (size_t i = 0; i < OFFERED; i++) {
		const struct verb *verb = verb_find(offered[i]);

		if (!command_may(verb->request_type, NULL, target, &none))
			continue;
		json_array_append_new(names, json_pack("{s:s, s:s, s:b}", "verb", verb->name, "title", title_of(req, verb), "selected",
						       typed && strcmp(said, verb->name) == 0));
		add_fields(req, fields, verb, typed);
	}
	if (json_array_size(names))
		return json_pack("{s:o, s:o, s:b}", "verbs", names, "fields", fields, "typed", typed);
	json_decref(names);
	json_decref(fields);
	return json_null();
}

bool
device_verb_fits(struct req *req, const struct verb *verb, struct err *err)
{
	char name[VERB_FIELD_MAX];
	enum apple_type type;
	const char *value;

	for (size_t i = 0; is_offered(verb->name) && i < OFFERED; i++)
		for (size_t f = 0; verb_field(verb_find(offered[i]), f, name, &type); f++)
			if (!verb_type(verb, name, &type) && (value = req_form(req, name)) && *value)
				return err_code(err, ERR_INVALID, "bad_command", "%s takes no %s", verb->name, name);
	return true;
}
