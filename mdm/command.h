#pragma once
/*
 * command - MDM commands judged before they are queued: against the facts of Apple's schema, the access rights
 * of the enrollment and its kind; and written as property lists.
 *
 * The table of request types, their keys, types and ranges is mdm/command_facts.tsv, made by
 * mdm/command_facts.py from Apple's published schema.
 * Refusals: ERR_INVALID "bad_command" with the key's path; ERR_DENIED "no_right" naming the missing right.
 */
#include <jansson.h>
#include "core/mem.h"

struct command_target { int64_t access_rights; const char *kind; int supervised; };	/* supervised -1: not known */

/* params: an object, data as base64 where the schema wants data.  payload: the Command dictionary, XML plist. */
bool command_write(TALLOC_CTX *ctx, const char *request_type, const json_t *params, struct bytes *payload,
		   struct err *err) CHECKED;
bool command_may(const char *request_type, const json_t *params, const struct command_target *target,
		 struct err *err) CHECKED;
