#pragma once
/*
 * payload_kind - which field a key of a payload is on a page: what payload_form.c shows and payload_form_read.c
 * reads again.  For web/payload_*.c.
 *
 * A field is called by the prefix and the place of its key, escaped as RFC 6901: "payload/IPSec/SharedSecret".
 * Behind a tilde stands what is no value: ~kept (the place of what was there), ~clear (it goes), ~text (data as text), ~json
 * (the value is JSON, whatever the key), ~item (of a list: the item is on the page), ~remove (it goes).
 */
#include "mdm/payload_fact.h"
#include "web/http.h"

#define PAYLOAD_GROUPS_MAX	20	/* of a list of dictionaries; more are JSON */
#define PAYLOAD_NAME_MAX	1024	/* bytes of a field's name */

enum payload_kind { KIND_TEXT, KIND_SECRET, KIND_REFERENCE, KIND_CHOICE, KIND_NUMBER, KIND_YESNO, KIND_DATE, KIND_DATA,
		    KIND_LINES, KIND_WORDS, KIND_SUBJECT, KIND_GROUPS, KIND_GROUP, KIND_JSON };

enum payload_kind payload_kind(const struct apple_fact *fact);

/* Can a field of this kind show the value, so that it comes back as it is?  `form`: whose payloads may be meant. */
bool payload_fits(const json_t *form, enum payload_kind kind, const struct apple_fact *fact, const json_t *v);

const char *payload_field(TALLOC_CTX *ctx, const char *above, const char *key);	/* "payload/IPSec" and a key */
const char *payload_mark(TALLOC_CTX *ctx, const char *name, const char *mark);	/* "payload/IPSec~json" */

/* The variant of a type that its form is for: the one that `keys` tell, and the widest when there are none. */
const struct apple_fact *payload_form_fact(const char *type, const json_t *keys);
