#pragma once
/*
 * command - MDM commands judged before they are queued: against the facts of Apple's schema, the access rights
 * of the enrollment and its kind; and written as property lists.
 *
 * The table of request types, their keys, types and ranges is mdm/command_facts.tsv, made by
 * mdm/command_facts.py from Apple's published schema.  What stands there for macOS or Shared iPad alone is not
 * taken: an iPhone knows none of it.
 * Refusals: ERR_INVALID "bad_command" with the key's path; ERR_DENIED "no_right" naming the missing right,
 * "not_supervised", "user_enrollment".
 */
#include <jansson.h>
#include "core/mem.h"

#define COMMAND_BYTES_MAX	(1u << 20)	/* of one, written */
#define COMMAND_FILE_MAX	(8u << 20)	/* of one that carries a file, in base64 */
#define COMMAND_DEPTH_MAX	16		/* of params */

struct command_target { int64_t access_rights; const char *kind; int supervised; };	/* supervised -1: not known */

/*
 * params: an object, or NULL.  Data as base64, dates as ISO 8601; where any type may stand, as {"$data": ...} and
 * {"$date": ...}.  payload: the Command dictionary, a whole XML plist.
 */
bool command_write(TALLOC_CTX *ctx, const char *request_type, const json_t *params, struct bytes *payload,
		   struct err *err) CHECKED;

/* One that the house itself makes and that carries a single value besides its name: a file, or a text. */
bool command_of_data(TALLOC_CTX *ctx, const char *request_type, const char *key, struct bytes data, struct bytes *payload,
		     struct err *err) CHECKED;
bool command_of_text(TALLOC_CTX *ctx, const char *request_type, const char *key, const char *text, struct bytes *payload,
		     struct err *err) CHECKED;

/* One that command_write takes: may this device be sent it?  ERR_DENIED says why not. */
bool command_may(const char *request_type, const json_t *params, const struct command_target *target,
		 struct err *err) CHECKED;

/*
 * The bits of AccessRights that it takes, where its parameters are not made yet.  item: of Settings, the one that it
 * will hold; NULL of any other.  0: none, or iOS has no such command.
 */
int64_t command_right(const char *request_type, const char *item);

/* A property list from outside: {CommandUUID, Command{RequestType ...}}, or what stands in Command. */
bool command_read(TALLOC_CTX *ctx, struct bytes plist, const char **request_type, json_t **params,
		  struct err *err) CHECKED;

/* DeviceInformation's Queries that this device may be asked, of a list of names; *ret is the caller's. */
json_t *command_queries(const char *const *names, size_t n, const struct command_target *target);

const char *command_right_name(int64_t right);	/* "lock and clear passcode" of 4 */
