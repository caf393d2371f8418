/*
 * What an audience comes to is one statement, whatever its shape: a condition on a person p made from
 * the tree, asked of those who can be meant.  A tree that names its people ("any of these groups") is
 * asked of the people of those groups; only one that begins with "not" is asked of everybody.  So the
 * cost is that of the groups named, not of the company.
 */
#include "catalog/audience_tree.h"
#include "catalog/audience.h"

static void
bind(struct audience_sql *sql, const char *text)
{
	sql->vals = mem_grow(sql->text.ctx, sql->vals, struct db_val, sql->n + 2);
	sql->vals[sql->n++] = db_text(text);
	sql->vals[sql->n] = (struct db_val){ .type = DB_END };
	buf_addf(&sql->text, "$%zu", sql->n);
}

static const char *
id_of(const json_t *node)
{
	return json_string_value(json_object_get(node, "id"));
}

/* "OR <before>$3, $4<after>" of the children of one kind; nothing when there is none. */
static void
leaves(struct audience_sql *sql, const json_t *list, const char *kind, const char *before, const char *after)
{
	const char *between = before;
	json_t *child;
	size_t i;

	json_array_foreach(list, i, child) {
		if (!json_object_get(child, kind))
			continue;
		buf_text(&sql->text, between);
		bind(sql, id_of(child));
		between = ", ";
	}
	if (between != before)
		buf_text(&sql->text, after);
}

/*
 * Is p in one of the groups?  Of one person, each group is looked up; of many, the groups are read
 * once and looked up in memory (ten times faster for a hundred thousand people and fifty groups).
 */
static void
in_groups(struct audience_sql *sql, const json_t *list, const char *before)
{
	if (sql->one)
		leaves(sql, list, "group", mem_printf(sql->text.ctx, "%sEXISTS (SELECT 1 FROM group_person g"
		       " WHERE g.person_id = p.id AND g.group_id IN (", before), "))");
	else
		leaves(sql, list, "group", mem_printf(sql->text.ctx, "%sp.id IN (SELECT g.person_id"
		       " FROM group_person g WHERE g.group_id IN (", before), "))");
}

/* The depth is that of a checked tree. */
static void
condition(struct audience_sql *sql, const json_t *node)
{
	json_t *list, *child;
	size_t i;

	if ((list = json_object_get(node, "any"))) {
		buf_text(&sql->text, "(FALSE");
		in_groups(sql, list, " OR ");
		leaves(sql, list, "person", " OR p.id IN (", ")");
		json_array_foreach(list, i, child) {
			if (id_of(child))
				continue;
			buf_text(&sql->text, " OR ");
			condition(sql, child);
		}
		buf_text(&sql->text, ")");
	} else if ((list = json_object_get(node, "all"))) {
		buf_text(&sql->text, "(TRUE");
		json_array_foreach(list, i, child) {
			buf_text(&sql->text, " AND ");
			condition(sql, child);
		}
		buf_text(&sql->text, ")");
	} else if ((child = json_object_get(node, "not"))) {
		buf_text(&sql->text, "NOT ");
		condition(sql, child);
	} else if (json_object_get(node, "group")) {
		json_t *self = json_pack("[O]", node);

		in_groups(sql, self, "");
		json_decref(self);
	} else if (json_object_get(node, "person")) {
		buf_text(&sql->text, "p.id = ");
		bind(sql, id_of(node));
	} else {
		buf_text(&sql->text, "TRUE");
	}
}

/* Leaves, one of which everybody in the tree is in; false: it does not name its people. */
static bool
named(json_t *into, json_t *node)
{
	size_t had = json_array_size(into), i;
	json_t *list, *child;

	if (id_of(node))
		return json_array_append(into, node) == 0;
	json_array_foreach((list = json_object_get(node, "any")), i, child)
		if (!named(into, child))
			return false;
	if (list)
		return true;
	json_array_foreach(json_object_get(node, "all"), i, child) {
		if (named(into, child))
			return true;
		while (json_array_size(into) > had)
			json_array_remove(into, json_array_size(into) - 1);
	}
	return false;
}

static void
everybody_named(struct audience_sql *sql, const json_t *list)
{
	buf_text(&sql->text, "(SELECT q.id FROM person q WHERE FALSE");
	leaves(sql, list, "person", " OR q.id IN (", ")");
	leaves(sql, list, "group", " UNION SELECT m.person_id FROM group_person m WHERE m.group_id IN (", ")");
	buf_text(&sql->text, ")");
}

void
audience_sql(TALLOC_CTX *ctx, const json_t *tree, const char *id, const char *person_id,
	     struct audience_sql *ret)
{
	json_t *list = json_array();

	*ret = (struct audience_sql){ .one = person_id != NULL };
	buf_init(&ret->text, ctx, 1u << 20);	/* 200 nodes of some hundred bytes */
	buf_text(&ret->text, "INSERT INTO audience_person (audience_id, person_id) SELECT CAST(");
	bind(ret, id);
	buf_text(&ret->text, " AS TEXT), p.id FROM ");
	if (!person_id && named(list, (json_t *)(uintptr_t)tree))
		everybody_named(ret, list);
	else
		buf_text(&ret->text, "person");
	buf_text(&ret->text, " p WHERE ");
	if (person_id) {
		buf_text(&ret->text, "p.id = ");
		bind(ret, person_id);
		buf_text(&ret->text, " AND ");
	}
	condition(ret, tree);
	json_decref(list);
}
