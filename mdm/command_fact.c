#include "mdm/command_fact.h"
#include "core/embed.h"
#include "core/num.h"
#include <assert.h>
#include <pthread.h>
#include <string.h>

#define FIELDS		6
#define DEPTH_MAX	8

static struct command_fact *facts;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const types[] = {
#define T(id, name) name,
	COMMAND_TYPES(T)
#undef T
};

const char *
command_type_name(enum command_type type)
{
	return types[type];
}

static enum command_type
type_read(const char *name)
{
	size_t i = 0;

	while (strcmp(types[i], name) != 0)
		assert(++i < COMMAND_TYPES_N);
	return (enum command_type)i;
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

static void
fact_read(struct command_fact *fact, char *line)
{
	char *fields[FIELDS], *save = NULL;
	size_t n = 0;

	for (char *f = strtok_r(line, "\t", &save); f && n < FIELDS; f = strtok_r(NULL, "\t", &save))
		fields[n++] = f;
	assert(n == FIELDS);
	*fact = (struct command_fact){ .depth = (int)number(fields[0]), .name = fields[1],
		.type = type_read(fields[2]), .required = strchr(fields[3], 'r'), .supervised = strchr(fields[3], 's'),
		.not_user = strchr(fields[3], 'u'), .right = number(fields[4]),
		.values = strcmp(fields[5], "-") == 0 ? NULL : fields[5] };
	assert(fact->depth >= 0 && fact->depth < DEPTH_MAX);
}

/* Rows stand in the order of a walk: each is told of the one before it on its own level. */
static void
fact_place(struct command_fact *last[DEPTH_MAX + 1], struct command_fact *fact)
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

static void
facts_read(void)
{
	struct command_fact *last[DEPTH_MAX + 1] = { 0 };
	struct bytes file = { 0 };
	size_t n = 0, lines = 1;
	char *text, *save = NULL;

	assert(embed_find("mdm/command_facts.tsv", &file));
	text = mem_textn(NULL, file.p, file.len);
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	facts = mem_array(NULL, struct command_fact, lines);	/* for as long as the program runs */
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '#')
			continue;
		fact_read(&facts[n], line);
		fact_place(last, &facts[n++]);
	}
	assert(n > 0);
}

const struct command_fact *
command_facts(void)
{
	pthread_once(&once, facts_read);
	return facts;
}

const struct command_fact *
command_fact(const char *request_type)
{
	for (const struct command_fact *f = command_facts(); f; f = f->next)
		if (strcmp(f->name, request_type) == 0)
			return f;
	return NULL;
}

const struct command_fact *
command_fact_under(const struct command_fact *fact, const char *name)
{
	const struct command_fact *any = NULL;

	for (const struct command_fact *f = fact->under; f; f = f->next) {
		if (strcmp(f->name, name) == 0)
			return f;
		if (strcmp(f->name, "*") == 0)
			any = f;
	}
	return any;
}

bool
command_fact_has(const char *values, const char *text)
{
	size_t len = strlen(text);

	for (const char *at = values; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (strncmp(at, text, len) == 0 && (at[len] == '|' || at[len] == '\0'))
			return true;
	return false;
}
