#include "web/audience_form.h"
#include "core/json.h"
#include "catalog/audience.h"
#include "web/rooms.h"
#include <stdlib.h>
#include <string.h>

static const struct rule {
	const char *name, *flag;	/* as the form sends it; as the page is told */
	const char *list, *leaf;
} rules[] = {
	{ "any-group", "any_group", "any", "group" }, { "any-person", "any_person", "any", "person" },
	{ "all-group", "all_group", "all", "group" },
	{ "none-group", "none_group", "none", "group" }, { "none-person", "none_person", "none", "person" },
};
#define RULES (sizeof rules / sizeof *rules)

/* ---- a tree as rows ---- */

static json_t *
row(const struct rule *rule, const char *name)
{
	json_t *json = json_pack("{s:s}", "name", name);

	for (size_t i = 0; i < RULES; i++)
		json_object_set_new(json, rules[i].flag, json_boolean(rule == &rules[i]));
	return json;
}

static bool
add_leaf(json_t *rows, const char *list, const json_t *leaf)
{
	for (size_t i = 0; i < RULES; i++) {
		const char *name = json_string_value(json_object_get(leaf, rules[i].leaf));

		if (name && strcmp(rules[i].list, list) == 0)
			return json_array_append_new(rows, row(&rules[i], name)) == 0;
	}
	return false;
}

static bool
add_leaves(json_t *rows, const char *list, const json_t *leaves)
{
	json_t *leaf;
	size_t i;

	json_array_foreach(leaves, i, leaf)
		if (!add_leaf(rows, list, leaf))
			return false;
	return json_array_size(leaves) > 0;	/* no row can say "none of nobody" */
}

/* One part of the whole: {"any": [leaves]}, {"not": leaf} or {"not": {"any": [leaves]}}, or a leaf. */
static bool
add_part(json_t *rows, const json_t *part, const char *leaf_is)
{
	const json_t *inner;

	if ((inner = json_object_get(part, "any")))
		return add_leaves(rows, "any", inner);
	if (!(inner = json_object_get(part, "not")))
		return add_leaf(rows, leaf_is, part);
	return json_object_get(inner, "any") ? add_leaves(rows, "none", json_object_get(inner, "any"))
					     : add_leaf(rows, "none", inner);
}

static bool
add_rows(json_t *rows, const json_t *tree)
{
	json_t *parts = json_object_get(tree, "all"), *part;
	int anys = 0;
	size_t i;

	if (!parts)
		return (json_object_get(tree, "any") && !json_array_size(json_object_get(tree, "any"))) ||
		       add_part(rows, tree, "any");
	json_array_foreach(parts, i, part) {
		anys += json_object_get(part, "any") != NULL;
		if (json_is_true(json_object_get(part, "everyone")))
			continue;	/* it changes nothing in "all" */
		if (anys > 1 || !add_part(rows, part, "all"))
			return false;
	}
	return json_array_size(rows) > 0;
}

json_t *
audience_rows(struct req *req, const json_t *tree)
{
	json_t *rows = json_array();
	bool everyone = !tree || json_is_null(tree) || json_is_true(json_object_get(tree, "everyone"));
	bool deep = !everyone && !add_rows(rows, tree);
	char *dump = everyone ? NULL : json_dumps(tree, JSON_INDENT(1));
	json_t *json;

	for (int i = 0; i < AUDIENCE_BLANK_ROWS; i++)
		json_array_append_new(rows, row(&rules[0], ""));
	json = json_pack("{s:b, s:b, s:b, s:s, s:o}", "everyone", everyone, "deep", deep, "audience_open", deep, "json",
			 dump ? mem_text(req, dump) : "", "rows", rows);
	free(dump);
	return json;
}

/* ---- rows as a tree ---- */

static bool
read_json(struct req *req, json_t **ret, struct err *err)
{
	const char *text = req_form(req, "json");
	json_error_t why;

	if (!text || !*text || !(*ret = json_loads(text, JSON_REJECT_DUPLICATES, &why)))
		return err_set(err, ERR_INVALID, "audience: this is no JSON%s%s", text && *text ? ": " : "",
			       text && *text ? why.text : "");
	return true;
}

/* {"any": [...]} of several, the one of one. */
static json_t *
any_of(json_t *leaves)
{
	json_t *tree = json_array_size(leaves) == 1 ? json_incref(json_array_get(leaves, 0))
						    : json_pack("{s:O}", "any", leaves);

	json_decref(leaves);
	return tree;
}

static bool
read_rows(struct req *req, json_t **ret, struct err *err)
{
	json_t *any = json_array(), *none = json_array(), *parts = json_array();
	const char *name, *rule;

	for (size_t n = 0; (name = req_form_nth(req, "name", n)) && (rule = req_form_nth(req, "rule", n)); n++) {
		size_t i = 0, from = strspn(name, " \t"), len = strlen(name + from);

		while (i < RULES && strcmp(rule, rules[i].name) != 0)
			i++;
		while (len && strchr(" \t", name[from + len - 1]))
			len--;
		/* left out, one that keeps somebody away would let them in */
		if (i == RULES && len) {
			json_decref(any);
			json_decref(none);
			json_decref(parts);
			return err_set(err, ERR_INVALID, "audience: there is no rule \"%.40s\"", rule);
		}
		if (len)
			json_array_append_new(strcmp(rules[i].list, "any") == 0 ? any : strcmp(rules[i].list, "none") == 0
					      ? none : parts,
					      json_pack("{s:s%}", rules[i].leaf, name + from, len));
	}
	if (json_array_size(any) || !json_array_size(none) + json_array_size(parts))
		json_array_insert_new(parts, 0, json_pack("{s:O}", "any", any));
	json_decref(any);
	if (json_array_size(none))
		json_array_append_new(parts, json_pack("{s:o}", "not", any_of(none)));
	else
		json_decref(none);
	*ret = json_array_size(parts) == 1 ? json_incref(json_array_get(parts, 0)) : json_pack("{s:O}", "all", parts);
	json_decref(parts);
	return *ret || err_set(err, ERR_INVALID, "audience: it cannot be read");
}

bool
audience_of_form(struct req *req, json_t **ret, bool *same, struct err *err)
{
	const char *who = req_form(req, "who"), *as = req_form(req, "as");
	json_t *tree = NULL;

	*same = false;
	if (as && strcmp(as, "json") == 0) {
		if (!read_json(req, &tree, err))
			return false;
	} else if (who && strcmp(who, "some") == 0) {
		if (!read_rows(req, &tree, err))
			return false;
	} else if (who && strcmp(who, "everyone") == 0) {
		tree = json_pack("{s:b}", "everyone", 1);
	} else if (who && strcmp(who, "same") == 0) {
		*same = true;
	} else {
		/* what says nothing must not open a door */
		return err_set(err, ERR_INVALID, "audience: who sees it is not said");
	}
	*ret = json_hold(req, tree);
	return true;
}
