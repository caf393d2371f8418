#pragma once
/*
 * plist - property lists from strangers, read through a bounded gate.
 *
 * Debian's libplist 2.2.0 can be killed by 148 bytes, so plist_open first walks the bytes itself:
 * depth, expanded node count (memoised, so shared children count each time they appear), references
 * in range, duplicate keys, string sizes; XML and binary (other formats are refused).  Only what
 * passes, and what libplist reads the same way as we do, reaches libplist.  Refusals are ERR_INVALID
 * with code "hostile_plist" (a bound was passed or a key stands twice) or "bad_plist" (not a property
 * list).
 *
 * The only file that includes libplist.  A tree returned is freed by SCOPED(plist).
 */
#include <jansson.h>
#include <plist/plist.h>
#include <stdint.h>
#include <time.h>
#include "core/mem.h"

#define PLIST_BYTES_MAX		(4u << 20)
#define PLIST_DEPTH_MAX		64
#define PLIST_NODES_MAX		100000
#define PLIST_KEY_MAX		1024

bool plist_open(struct bytes bytes, size_t bytes_max, plist_t *ret, struct err *err) CHECKED;
void scoped_plist(plist_t *plist);

/* The gate alone, for fuzzing and for callers that only judge. */
bool plist_gate(struct bytes bytes, size_t bytes_max, struct err *err) CHECKED;

/* Values of a dictionary; NULL, false or 0 items when missing or of another type. */
plist_t plist_at(plist_t dict, const char *key);				/* lent */
plist_t plist_dict_at(plist_t dict, const char *key);				/* lent, a dictionary */
char *plist_text_at(TALLOC_CTX *ctx, plist_t dict, const char *key);		/* valid UTF-8 only */
char *plist_text_of(TALLOC_CTX *ctx, plist_t node);
bool plist_bool_at(plist_t dict, const char *key, bool *ret);
bool plist_int_at(plist_t dict, const char *key, int64_t *ret);
bool plist_time_at(plist_t dict, const char *key, time_t *ret);
struct bytes plist_data_of(TALLOC_CTX *ctx, plist_t node);
size_t plist_count_at(plist_t dict, const char *key);				/* items of an array */
plist_t plist_item_at(plist_t dict, const char *key, size_t index);		/* lent */
/* The texts of an array, at most `max`; what is no text is left out.  The list ends with NULL. */
const char **plist_texts_at(TALLOC_CTX *ctx, plist_t dict, const char *key, size_t max, size_t *count);

/* The same as JSON: dates as ISO 8601, data as base64; what JSON cannot say (NaN) is null. */
json_t *plist_json(plist_t node);
/* And with data as {"$data": base64}, dates as {"$date": ISO 8601}; NULL when a key of it is called so itself. */
json_t *plist_json_marked(plist_t node);
