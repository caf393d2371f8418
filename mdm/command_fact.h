#pragma once
/*
 * command_fact - what an iPhone takes as a command: request types, their keys, types, values, and what each
 * needs.  The table is mdm/command_facts.tsv; for mdm/command*.c.
 */
#include "mdm/apple_fact.h"

const struct apple_fact *command_facts(void);	/* the first request type; they are in the order of names */
const struct apple_fact *command_fact(const char *request_type);	/* NULL: iOS has none of this name */
