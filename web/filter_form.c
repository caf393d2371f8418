#include "web/filter_form.h"
#include "catalog/assignment_filter.h"
#include "core/json.h"
#include "web/page.h"
#include <stdlib.h>
#include <string.h>

/* What a row can say: the fact, and whether it must not be so. */
static const struct rule { const char *name, *fact; bool not; } rules[] = {
	{ "product", "product", false }, { "not-product", "product", true }, { "model", "model", false }, { "not-model", "model", true },
	{ "name", "name", false }, { "not-name", "name", true }, { "serial", "serial", false }, { "not-serial", "serial", true },
	{ "udid", "udid", false }, { "not-udid", "udid", true },
};
#define RULES (sizeof rules / sizeof *rules)

static const struct rule *
rule_of(const char *fact, bool not)
{
	for (size_t i = 0; i < RULES; i++)
		if (strcmp(rules[i].fact, fact) == 0 && rules[i].not == not)
			return &rules[i];
	return NULL;
}

/* ---- a filter as rows ---- */

static json_t *
row(struct req *req, const struct rule *rule, const char *pattern)
{
	json_t *options = json_array();

	for (size_t i = 0; i < RULES; i++) {
		const char *key = mem_printf(req, "fact_%s_%s", rules[i].not ? "not" : "is", rules[i].fact);
		const char *label = pages_word(site_pages(req->site), req->language, key);

		json_array_append_new(options, json_pack("{s:s, s:s, s:b}", "value", rules[i].name, "label", label ? label : key, "selected",
							 &rules[i] == rule));
	}
	return json_pack("{s:o, s:s}", "options", options, "pattern", pattern);
}

static void
add_rows(struct req *req, json_t *rows, const struct rule *rule, const json_t *value)
{
	const json_t *item;
	size_t i;

	if (json_is_string(value))
		json_array_append_new(rows, row(req, rule, json_string_value(value)));
	json_array_foreach(value, i, item)
		json_array_append_new(rows, row(req, rule, json_string_value(item)));
}

/* One object of "not", or each of several: a pattern alone, and no fact twice, for rows of one fact are one list. */
static bool
add_not(struct req *req, json_t *rows, const json_t *not, json_t *seen)
{
	const char *fact;
	const json_t *one;
	json_t *value;
	size_t i;

	json_array_foreach(not, i, one)
		if (!json_is_object(one) || !add_not(req, rows, one, seen))
			return false;
	if (json_is_array(not))
		return json_array_size(not) > 0;
	if (json_object_size(not) != 1)
		return false;
	json_object_foreach((json_t *)not, fact, value) {
		if (!rule_of(fact, true) || json_object_get(seen, fact))
			return false;
		json_object_set_new(seen, fact, json_true());
		add_rows(req, rows, rule_of(fact, true), value);
	}
	return true;
}

static bool
as_rows(struct req *req, const json_t *filter, json_t *rows)
{
	json_t *seen = json_object(), *value;
	const char *fact;
	bool ok = true;

	json_object_foreach((json_t *)filter, fact, value)
		if (rule_of(fact, false))
			add_rows(req, rows, rule_of(fact, false), value);
	if (json_object_get(filter, "not"))
		ok = add_not(req, rows, json_object_get(filter, "not"), seen);
	json_decref(seen);
	return ok;
}

json_t *
filter_part(struct req *req, const json_t *filter, const char *typed)
{
	const json_t *os = json_object_get(filter, "os"), *supervised = json_object_get(filter, "supervised");
	json_t *rows = json_array(), *part;
	bool deep = !as_rows(req, filter, rows);
	char *dump = json_object_size(filter) ? json_dumps(filter, JSON_INDENT(1)) : NULL;

	for (int i = 0; i < FILTER_BLANK_ROWS; i++)
		json_array_append_new(rows, row(req, &rules[0], ""));
	part = json_pack("{s:b, s:b, s:s, s:b, s:o, s:s, s:s, s:s, s:s}", "filter_deep", deep, "filter_all",
		json_object_size(filter) == 0, "filter_json", typed ? typed : dump ? dump : "", "filter_open", deep || typed, "filter_rows",
		rows, "filter_from", text_of(os, "from"), "filter_below", text_of(os, "below"), "filter_supervised",
		!supervised ? "" : json_is_true(supervised) ? "yes" : "no", "filter_kind", text_of(filter, "kind"));
	free(dump);
	return part;
}

/* ---- rows as a filter ---- */

static const char *
field(struct req *req, const char *name, size_t n)
{
	const char *text = req_form_nth(req, name, n);
	size_t from = text ? strspn(text, " \t") : 0, len = text ? strlen(text + from) : 0;

	while (len && strchr(" \t", text[from + len - 1]))
		len--;
	return len ? mem_textn(req, text + from, len) : NULL;
}

/* One is a text, several are a list. */
static void
add_pattern(json_t *facts, const char *fact, const char *pattern)
{
	json_t *before = json_object_get(facts, fact);

	if (!before)
		json_object_set_new(facts, fact, json_string(pattern));
	else if (json_is_array(before))
		json_array_append_new(before, json_string(pattern));
	else
		json_object_set_new(facts, fact, json_pack("[O, s]", before, pattern));
}

/* {"not": {"name": ...}}, or a list of such. */
static void
set_not(json_t *filter, json_t *none)
{
	json_t *list = json_array(), *value;
	const char *fact;

	json_object_foreach(none, fact, value)
		json_array_append_new(list, json_pack("{s:O}", fact, value));
	if (json_array_size(list) > 1)
		json_object_set(filter, "not", list);
	else if (json_array_size(list) == 1)
		json_object_set(filter, "not", json_array_get(list, 0));
	json_decref(list);
}

static bool
is_known(const char *fact, size_t *ret)
{
	for (*ret = 0; *ret < RULES; ++*ret)
		if (strcmp(rules[*ret].name, fact) == 0)
			return true;
	return false;
}

/* A row that is not understood must not be as if it were not there: the filter would be for more devices. */
static bool
rows_are_known(struct req *req, struct err *err)
{
	const char *supervised = field(req, "supervised", 0), *fact;
	size_t i;

	for (size_t n = 0; (fact = req_form_nth(req, "fact", n)); n++)
		if (field(req, "pattern", n) && !is_known(fact, &i))
			return err_code(err, ERR_INVALID, "bad_filter", "devices: there is no rule \"%.40s\"", fact);
	return !supervised || strcmp(supervised, "yes") == 0 || strcmp(supervised, "no") == 0 ||
	       err_code(err, ERR_INVALID, "bad_filter", "devices: supervised is yes or no, not \"%.40s\"", supervised);
}

static json_t *
read_rows(struct req *req)
{
	const char *from = field(req, "os_from", 0), *below = field(req, "os_below", 0), *supervised = field(req, "supervised", 0),
		   *kind = field(req, "kind", 0), *fact;
	json_t *filter = json_object(), *none = json_object();

	for (size_t n = 0; (fact = req_form_nth(req, "fact", n)); n++) {
		const char *pattern = field(req, "pattern", n);

		size_t i;

		if (pattern && is_known(fact, &i))
			add_pattern(rules[i].not ? none : filter, rules[i].fact, pattern);
	}
	if (from || below)
		json_object_set_new(filter, "os", json_pack("{s:s*, s:s*}", "from", from, "below", below));
	if (supervised)
		json_object_set_new(filter, "supervised", json_boolean(strcmp(supervised, "yes") == 0));
	if (kind)
		json_object_set_new(filter, "kind", json_string(kind));
	set_not(filter, none);
	json_decref(none);
	return filter;
}

bool
filter_of_form(struct req *req, json_t **ret, bool *same, struct err *err)
{
	const char *as = req_form(req, "as"), *which = req_form(req, "which"), *text = field(req, "devices", 0);
	json_t *filter = NULL;
	json_error_t why;

	*ret = NULL;
	*same = false;
	if ((as && strcmp(as, "devices") == 0) || !which) {	/* a page without rows says it all there */
		if (text && !(filter = json_loads(text, JSON_REJECT_DUPLICATES, &why)))
			return err_code(err, ERR_INVALID, "bad_filter", "devices: this is no JSON: line %d: %s", why.line, why.text);
	} else if (strcmp(which, "same") == 0) {
		*same = true;
	} else if (strcmp(which, "all") != 0) {
		if (!rows_are_known(req, err))
			return false;
		filter = read_rows(req);
	}
	*ret = json_hold(req, filter);
	return true;
}
