#include "mdm/apple_fact.h"
#include "core/embed.h"
#include "core/num.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS		10
#define FIELDS_MIN	6	/* what every table has */
#define DEPTH_MAX	8

static const char *const types[] = {
#define T(id, name) name,
	APPLE_TYPES(T)
#undef T
};

const char *
apple_type_name(enum apple_type type)
{
	return types[type];
}

static enum apple_type
type_read(const char *name)
{
	size_t i = 0;

	while (strcmp(types[i], name) != 0)
		assert(++i < APPLE_TYPES_N);
	return (enum apple_type)i;
}

static int64_t
number(const char *text)
{
	int64_t n = -1;
	struct err err;

	if (strcmp(text, "-") != 0)
		assert(num_parse(text, 0, 8191, &n, &err));
	return n;
}

static const char *
text(const char *field)
{
	return field && strcmp(field, "-") != 0 ? field : NULL;
}

static void
fact_read(struct apple_fact *fact, char *line)
{
	char *fields[FIELDS] = { 0 }, *save = NULL, *flags;
	size_t n = 0;

	for (char *f = strtok_r(line, "\t", &save); f && n < FIELDS; f = strtok_r(NULL, "\t", &save))
		fields[n++] = f;
	assert(n >= FIELDS_MIN);
	flags = fields[3];
	*fact = (struct apple_fact){ .depth = (int)number(fields[0]), .name = fields[1], .type = type_read(fields[2]),
		.required = strchr(flags, 'r'), .supervised = strchr(flags, 's'), .not_user = strchr(flags, 'u'),
		.deprecated = strchr(flags, 'd'), .many = strchr(flags, 'm'), .by_mdm = strchr(flags, 'i'),
		.list_too = strchr(flags, 'l'), .secret = strchr(flags, 'x'), .right = number(fields[4]),
		.values = text(fields[5]), .since = text(fields[6]), .until = text(fields[7]),
		.preset = text(fields[8]), .format = text(fields[9]) };
	assert(fact->depth >= 0 && fact->depth < DEPTH_MAX);
}

/* Rows stand in the order of a walk: each is told of the one before it on its own level. */
static void
fact_place(struct apple_fact *last[DEPTH_MAX + 1], struct apple_fact *fact)
{
	int depth = fact->depth;

	assert(depth == 0 || last[depth - 1]);
	if (last[depth])
		last[depth]->next = fact;
	else if (depth > 0)
		last[depth - 1]->under = fact;
	last[depth] = fact;
	for (int i = depth + 1; i <= DEPTH_MAX; i++)
		last[i] = NULL;
}

const struct apple_fact *
apple_facts_read(const char *path)
{
	struct apple_fact *facts, *last[DEPTH_MAX + 1] = { 0 };
	struct bytes file = { 0 };
	size_t n = 0, lines = 1;
	char *all, *save = NULL;

	assert(embed_find(path, &file));
	all = mem_textn(NULL, file.p, file.len);
	for (const char *p = all; *p; p++)
		lines += *p == '\n';
	facts = mem_array(NULL, struct apple_fact, lines);	/* for as long as the program runs */
	for (char *line = strtok_r(all, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '#')
			continue;
		fact_read(&facts[n], line);
		fact_place(last, &facts[n++]);
	}
	assert(n > 0);
	return facts;
}

const struct apple_fact *
apple_fact_find(const struct apple_fact *first, const char *name)
{
	for (const struct apple_fact *f = first; f; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

const struct apple_fact *
apple_fact_under(const struct apple_fact *fact, const char *name)
{
	const struct apple_fact *found = apple_fact_find(fact->under, name);

	return found ? found : apple_fact_find(fact->under, "*");
}

const char *
apple_values_at(const char *values, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = values; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (strncmp(at, word, len) == 0 && (at[len] == '|' || at[len] == '\0'))
			return at;
	return NULL;
}

bool
apple_values_have(const char *values, const char *word)
{
	return apple_values_at(values, word);
}

bool
apple_values_hold(const char *values, double n)
{
	const char *dots = values ? strstr(values, "..") : NULL;

	if (!values)
		return true;
	if (dots)
		return (dots == values || n >= strtod(values, NULL)) && (!dots[2] || n <= strtod(dots + 2, NULL));
	for (const char *at = values; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (strtod(at, NULL) == n)
			return true;
	return false;
}
