#pragma once
/* json - what jansson leaves to say about objects that we made ourselves. */
#include <jansson.h>
#include "core/mem.h"

/* Ends with ctx, whoever else has it; may be NULL.  Returns json. */
json_t *json_hold(TALLOC_CTX *ctx, json_t *json);

/* A text of an object; "" where there is none.  Lent by the object. */
static inline const char *
text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}
