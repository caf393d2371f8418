#pragma once
/*
 * check_bodies - what a body may turn into on its way: every value, at every depth, made into something else.
 *
 * The good body is written once, as JSON.  It becomes JSON or a property list (XML, and binary where libplist can
 * write it): {"$data": base64} and {"$date": ISO 8601} are such values there.  A form is a=1&b=2, changed field by
 * field.  Whatever comes out is the same each time; nothing here draws lots but bodies_bytes, by its seed.
 */
#include "tests/check.h"

struct body {
	const char *what;	/* "params.message: null" */
	const char *field;	/* the first key on the way to what was changed, or the form's field; "": the whole */
	bool other_type;	/* the value has become one of another type: who takes it reads nonsense */
	bool dropped;		/* the key is not there any more */
	struct bytes bytes;
};

/* Each body is good until the function returns. */
typedef void body_take(void *arg, const struct body *body);

void bodies_json(const char *good, body_take *take, void *arg);
void bodies_plist(const char *good, body_take *take, void *arg);
void bodies_form(const char *good, body_take *take, void *arg);
/* Cut, longer, and with some bytes of it turned. */
void bodies_bytes(struct bytes good, unsigned seed, body_take *take, void *arg);

/* The good one as a property list. */
char *body_plist(TALLOC_CTX *ctx, const char *good);

/* Texts for a place in a path or a query, escaped as they must be; ends with NULL. */
extern const char *const body_escaped[];
