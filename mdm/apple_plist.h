#pragma once
/*
 * apple_plist - JSON judged by what Apple's schema says (mdm/apple_fact.h), and written as a property list: one
 * walk does both.
 *
 * Data stands as base64 or {"$data": base64}, a date as ISO 8601 or {"$date": ISO 8601}; where any type may stand,
 * only the latter.  An array's item is told by the only fact below it, or by its Item (the command Settings); a
 * text with words below it is one of them (DeviceInformation's Queries).
 * Refusals are ERR_INVALID with the caller's code: the path of the key, and what is wrong with it.
 */
#include <jansson.h>
#include <time.h>
#include "core/buf.h"
#include "mdm/apple_fact.h"

struct apple_writing {
	TALLOC_CTX *ctx;		/* for what is decoded on the way */
	struct buf *out;
	const char *code;		/* of refusals: "bad_command" */
	int depth_max;			/* of what stands where any type may */
	/* May be NULL.  A text whose value is not known yet: only its type is judged. */
	bool (*open)(const char *text);
	/* May be NULL.  The text that {"$payload": id} stands for under this key; refuses by err and NULL. */
	const char *(*refer)(void *arg, const char *key, const char *id, struct err *err);
	void *arg;			/* of refer */
	int depth;			/* inward */
	struct bytes data;		/* the last that was written */
};

/* The keys of a dictionary that the caller opens and closes; NULL has none. */
bool apple_write_keys(struct apple_writing *w, const struct apple_fact *fact, const json_t *dict,
		      struct err *err) CHECKED;
/* The same of a dictionary that no fact tells of. */
bool apple_write_any_keys(struct apple_writing *w, const json_t *dict, struct err *err) CHECKED;

const char *apple_json_type(const json_t *value);	/* "a dictionary" */
bool apple_date(const char *text, time_t *ret);	/* ISO 8601, of the years 1970 to 9999: others are read differently */
/* "x" of "x" and of {"$data": "x"}; NULL when it is neither. */
const char *apple_marked(const json_t *value, const char *mark);
