#pragma once
/* json - what jansson leaves to say about objects: those that we made ourselves, and those that we are sent. */
#include <jansson.h>
#include <stdint.h>
#include "core/err.h"
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

/*
 * The fields of an object that somebody sent, by a table that ends with name NULL: ERR_INVALID names the field and
 * says what it should be.  What is not there is left as it was, unless it must be there; null is no value of any type
 * but ANY.  Texts and values are lent by the object; fields that the table does not name are not looked at.
 */
enum json_kind {
	JSON_IS_TEXT,		/* const char * */
	JSON_IS_INT,		/* int64_t */
	JSON_IS_BOOL,		/* int: an int, so that -1 can say that it was not there */
	JSON_IS_LIST,		/* json_t * */
	JSON_IS_ANY,		/* json_t * */
};

struct json_field {
	const char *name;
	enum json_kind kind;
	void *ret;
	bool must;
};

void json_drop_nulls(json_t *object);	/* where a field that is null is as good as none */
bool json_read(const json_t *object, const struct json_field *fields, struct err *err) CHECKED;
#define JSON_READ(object, err, ...) json_read((object), (const struct json_field[]){ __VA_ARGS__, { NULL } }, (err))
