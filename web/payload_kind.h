#pragma once
/*
 * payload_kind - which field a key of a payload is on a page: what payload_form.c shows and payload_form_read.c
 * reads again.  For web/payload_*.c.
 *
 * A field is called by the prefix and the place of its key, escaped as RFC 6901: "payload/IPSec/SharedSecret"; an item
 * of a list by its number, and so is a key that its admin names ("payload/VendorConfig/0").  Behind a tilde stands what
 * is no value:
 *	~kept		the place of what was there	~typed	what was given a moment ago (web/payload_typed.c)
 *	~clear		either of them goes		~text	data as text
 *	~item		the item is on the page		~remove	it goes
 *	~key ~of	of a key that its admin names: the name, and what stands behind it
 *	~as		the value is shown as another kind than the key's: "json", "list", "text"
 * and at the prefix ~do: a button that changes the page and keeps nothing ("add payload/Relays", "up payload/Relays/1"),
 * with the kind of value that it adds in ~new of the list's name.
 */
#include "core/clock.h"
#include "mdm/payload_fact.h"
#include "web/http.h"

#define PAYLOAD_ITEMS_MAX	200	/* of one list; what has more is JSON */
#define PAYLOAD_FIELDS_MAX	1500	/* of one page; a list that would pass it is JSON */
#define PAYLOAD_DEPTH_MAX	12	/* of lists and dictionaries in each other: Apple's schema has 7; deeper is JSON */
#define PAYLOAD_TYPED_MAX	(128u << 10)	/* bytes that a page carries of what was typed and is not shown */
#define PAYLOAD_TYPED_S		(12 * HOUR_S)	/* how long a page may carry a secret; its next page anew */
#define PAYLOAD_VARIANTS_MAX	20	/* of one type */
#define PAYLOAD_NAME_MAX	1024	/* bytes of a field's name */

enum payload_kind { KIND_TEXT, KIND_SECRET, KIND_REFERENCE, KIND_CHOICE, KIND_NUMBER, KIND_YESNO, KIND_DATE, KIND_DATA,
		    KIND_LINES, KIND_WORDS, KIND_SUBJECT, KIND_LIST, KIND_GROUP, KIND_FREE, KIND_ANY, KIND_JSON };
/* LIST: items one behind the other; GROUP: the keys of a dictionary; FREE: keys that its admin names; ANY: one of those */

enum payload_kind payload_kind(const struct apple_fact *fact);

/*
 * A group may take keys that its admin names beside Apple's (`VendorConfig` of a VPN): the row "*" behind them.  They
 * are free keys at the place "*" of the group.  payload_rest: those of `v` that no fact names, all in the order they
 * have; what every payload has is not among them.  NULL: none.
 */
bool payload_is_rest(const struct apple_fact *fact);
json_t *payload_rest(const struct apple_fact *group, const json_t *v);

/* Can a field of this kind show the value, so that it comes back as it is?  `form`: whose payloads may be meant. */
bool payload_fits(const json_t *form, enum payload_kind kind, const struct apple_fact *fact, const json_t *v);

const char *payload_field(TALLOC_CTX *ctx, const char *above, const char *key);	/* "payload/IPSec" and a key */
const char *payload_mark(TALLOC_CTX *ctx, const char *name, const char *mark);	/* "payload/IPSec~json" */

/*
 * What stands under a key that its admin names has no fact: one of these words ("text", "number", "yesno", "date",
 * "data", "dictionary", "list", "payload"; "secret" where it is not shown) says what it is.  payload_any gives the fact
 * of a word, NULL for none; payload_any_of the word of a value ("text" for NULL).
 */
const struct apple_fact *payload_any(const char *word);
const char *payload_any_of(const struct apple_fact *fact, const json_t *v);
extern const char *const payload_any_words[];	/* those that can be added; the last is NULL */

/*
 * The variant of a type that its form is for: the n-th where the page has said so (`variant`, a number, or NULL), else
 * the one that `keys` tell, and the widest when there are none.
 */
const struct apple_fact *payload_form_fact(const char *type, const json_t *keys, const json_t *variant);
int payload_form_variant(const struct apple_fact *fact);	/* from 0; NULL: 0 */
