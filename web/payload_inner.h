#pragma once
/* payload_inner - what web/payload_*.c share of a form on its way to a page, and back. */
#include "web/payload_form.h"
#include "web/payload_kind.h"

#define PAYLOAD_PREFIX "payload"

/*
 * What was typed and cannot stand in a payload yet, so that the page can show it again.  No key of a property list
 * holds a control character.
 */
#define DRAFT_TYPED	"\x01typed"	/* {: the text}: it could not be read */
#define DRAFT_VARIANT	"\x01variant"	/* beside the payload's id: of which variant of its type the page is */
#define DRAFT_OF	"\x01of"	/* {: a word of payload_any}: nothing was given yet */
#define DRAFT_KEY	"\x01%zu\x01%s"	/* a key without a name, or the second of its name */

/* ---- to a page ---- */

struct part {
	struct req *req;
	const json_t *form;	/* may be NULL */
	const json_t *payload;
	json_t *items;
	const char *focus;	/* the item whose first field is gone to; NULL: none, or it is done */
	int n;			/* fields so far */
	int depth;
	bool loose;		/* below a list of values, or a key that its admin named: no place tells what was there */
	size_t typed;		/* bytes that the page carries */
	const char *hidden;	/* the key that an admin named and that sounds secret, above all of this; NULL: none */
};

/* Every name of an item is there, so that a template which asks for one that nobody set is found by its test. */
json_t *payload_item(struct part *p, const char *kind, const struct apple_fact *fact, const char *name);
void payload_item_option(json_t *item, const char *value, const char *label, bool selected);

/* A kind that is one field alone.  v NULL: not set. */
void payload_add_field(struct part *p, enum payload_kind kind, const struct apple_fact *fact, const char *name, const json_t *v);

/* Something that was given a moment ago, for a hidden field; NULL: it cannot go along, and is asked for again. */
const char *payload_typed(struct part *p, const struct apple_fact *fact, const json_t *v);

/* ---- and back ---- */

struct reading {
	struct req *req;
	const char *prefix;
	const char *id;		/* of the payload as it was, for what is kept */
	const char *act;	/* "add payload/Relays"; NULL: it is to be kept, and what cannot be is refused */
	const char *focus;	/* the item that the act made */
	const char *type;	/* of the payload */
	const char *hidden;	/* as in struct part */
	const char *lost;	/* a field of which what was typed a moment ago does not open any more; NULL: none */
	int depth;
};

const char *payload_field_text(struct reading *r, const char *name);	/* NULL: nothing */
const char *payload_field_mark(struct reading *r, const char *name, const char *mark);

/* *ret NULL: the key is not set. */
bool payload_read_fact(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err) CHECKED;
/* payload_read_list.c; in these NULL is nothing too. */
bool payload_read_group(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err) CHECKED;
bool payload_read_list(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err) CHECKED;
bool payload_read_free(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err) CHECKED;
bool payload_read_any(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err) CHECKED;

/*
 * Of payload_typed; NULL: none.  What is sealed opens for the one who typed it, in the same mobileconfig and type of
 * payload, under the same key, where a page never shows it, for PAYLOAD_TYPED_S.  What does not open is asked for again.
 */
json_t *payload_typed_read(struct reading *r, const struct apple_fact *fact, const char *name);
