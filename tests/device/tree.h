#pragma once
/*
 * tree - property lists as the phone reads, keeps and writes them: with libplist alone, none of the server's
 * own code, so that a mistake of that shows.
 *
 * What a phone has on it (struct handset) is one such tree, too.  Keys that must be there end the attempt
 * through refuse.h; lent nodes belong to their tree.
 */
#include <plist/plist.h>
#include "tests/device/refuse.h"

/* XML as servers send it: the declaration, one root.  Trees hang on ctx. */
plist_t tree_read(TALLOC_CTX *ctx, struct bytes xml, plist_type root, const char *what);
plist_t tree_new(TALLOC_CTX *ctx);		/* an empty dictionary */
struct bytes tree_xml(TALLOC_CTX *ctx, plist_t tree);

/* Of a dictionary: NULL or the fallback when it is not there, a refusal when it is of another type. */
plist_t tree_at(plist_t dict, const char *key, plist_type type);		/* lent */
const char *tree_text(plist_t dict, const char *key);				/* lent */
int64_t tree_int(plist_t dict, const char *key, int64_t fallback);
bool tree_bool(plist_t dict, const char *key);
struct bytes tree_data(plist_t dict, const char *key);				/* lent */

/* As above; missing or empty is a refusal that names `what`. */
const char *tree_must_text(plist_t dict, const char *key, const char *what);
plist_t tree_must(plist_t dict, const char *key, plist_type type, const char *what);

void tree_put_text(plist_t dict, const char *key, const char *text);
void tree_put_int(plist_t dict, const char *key, int64_t value);
void tree_put_bool(plist_t dict, const char *key, bool value);
void tree_put_data(plist_t dict, const char *key, struct bytes data);
void tree_put(plist_t dict, const char *key, plist_t node);			/* takes it over */
plist_t tree_put_new(plist_t dict, const char *key, plist_type type);		/* an empty one; lent */
void tree_drop(plist_t dict, const char *key);
/* The same value, when there is one. */
void tree_copy(plist_t to, const char *key, plist_t from);

/* In an array of dictionaries, the one whose `key` is `text`; NULL.  index may be NULL. */
plist_t tree_find(plist_t array, const char *key, const char *text, uint32_t *index);
bool tree_has_text(plist_t array, const char *text);				/* an array of texts */
