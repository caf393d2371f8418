#pragma once
/*
 * apple_fact - what Apple's published schema says of a property list: names, types, values, and what each needs.
 *
 * Read from the tables mdm/command_facts.tsv (mdm/command_fact.h) and mdm/payload_facts.tsv
 * (mdm/payload_fact.h), which are part of the program; the scripts beside them tell their columns.  What was read
 * stays for as long as the program runs.
 */
#include "core/mem.h"
#include <stdint.h>

#define APPLE_TYPES(T) \
	T(COMMAND, "command") T(PAYLOAD, "payload") T(STRING, "string") T(INTEGER, "integer") T(REAL, "real") \
	T(BOOLEAN, "boolean") T(DATE, "date") T(DATA, "data") T(ARRAY, "array") T(DICTIONARY, "dictionary") \
	T(ANY, "any") T(WORD, "word")

enum apple_type {
#define T(id, name) APPLE_##id,
	APPLE_TYPES(T)
#undef T
	APPLE_TYPES_N
};

struct apple_fact {
	int depth;
	const char *name;		/* "*": any */
	enum apple_type type;
	bool required, supervised, not_user, deprecated;
	bool many;			/* a payload: several on a device */
	bool by_mdm;			/* a payload: nobody installs it by hand */
	bool list_too;			/* an array of such values is taken as well */
	bool secret;
	int64_t right;			/* a command: bits of AccessRights; -1: as what stands above */
	const char *values;		/* "a|b|c", "from..to"; of an array: how many items; NULL: any */
	const char *since, *until;	/* iOS versions; NULL: as above, none */
	const char *preset, *format;	/* NULL: none */
	const struct apple_fact *under;	/* the first below it; NULL: none */
	const struct apple_fact *next;	/* beside it; NULL: the last */
};

/* The first row of depth 0; asserts that the table, which is ours, is well. */
const struct apple_fact *apple_facts_read(const char *path);

const struct apple_fact *apple_fact_find(const struct apple_fact *first, const char *name);	/* or NULL */
const struct apple_fact *apple_fact_under(const struct apple_fact *fact, const char *name);	/* or "*", or NULL */
const char *apple_type_name(enum apple_type type);

/* Where the text begins in "a|b|c"; NULL: it is none of them. */
const char *apple_values_at(const char *values, const char *text);
bool apple_values_have(const char *values, const char *text);
/* One of "1|2.5", or within "0..23", with a side that may be open; NULL has every number. */
bool apple_values_hold(const char *values, double number);
