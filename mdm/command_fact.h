#pragma once
/*
 * command_fact - what an iPhone takes as a command: request types, their keys, types, values, and what each
 * needs.  Read once from mdm/command_facts.tsv, which is part of the program; for mdm/command*.c.
 */
#include "core/mem.h"
#include <stdint.h>

#define COMMAND_TYPES(T) \
	T(COMMAND, "command") T(STRING, "string") T(INTEGER, "integer") T(REAL, "real") T(BOOLEAN, "boolean") \
	T(DATE, "date") T(DATA, "data") T(ARRAY, "array") T(DICTIONARY, "dictionary") T(ANY, "any") T(WORD, "word")

enum command_type {
#define T(id, name) COMMAND_##id,
	COMMAND_TYPES(T)
#undef T
	COMMAND_TYPES_N
};

struct command_fact {
	int depth;
	const char *name;		/* "*": any */
	enum command_type type;
	bool required, supervised, not_user;
	int64_t right;			/* bits of AccessRights; -1: as what stands above */
	const char *values;		/* "a|b|c", "from..to"; NULL: any */
	const struct command_fact *under;	/* the first below it; NULL: none */
	const struct command_fact *next;	/* beside it; NULL: the last */
};

const struct command_fact *command_facts(void);	/* the first request type; they are in the order of names */
const struct command_fact *command_fact(const char *request_type);	/* NULL: iOS has none of this name */
const struct command_fact *command_fact_under(const struct command_fact *fact, const char *name);	/* or "*", or NULL */
const char *command_type_name(enum command_type type);
/* Is the text one of "a|b|c"? */
bool command_fact_has(const char *values, const char *text);
