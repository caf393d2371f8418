#pragma once
/*
 * verb - what people do with a device, in words of ours: each is a request type with the keys it needs.
 *
 * Fields are ours, keys Apple's: "message" of lock becomes Message of DeviceLock.  What a verb does not take is
 * refused; what it wants and is not there is refused by command_write with Apple's name.
 */
#include <jansson.h>
#include "mdm/command.h"
#include "mdm/command_fact.h"

#define VERB_FIELD_MAX 64
#define VERB_KIND_CLEAR_PASSCODE "clear_passcode"	/* its UnlockToken is put in at delivery */
#define VERB_KIND_ERASE		"erase"		/* once it is done, the device is managed no more */
#define VERB_KIND_CHANGES	"changes"	/* once it is done, the list that it changes is asked for again */

struct verb {
	const char *name;		/* "lock" */
	const char *request_type;	/* NULL: several (refresh) */
	/* "message=Message phone=PhoneNumber"; ~ before a key: a list of one or more; dots go down in Apple's schema */
	const char *fields;
	const char *dedupe_key;		/* one of them waits at a time; NULL: any number */
	const char *kind;		/* of the queue; NULL: plain */
	int64_t priority;
	bool grave;			/* cannot be taken back: it wants a reason */
	bool erases;			/* and nobody is asked twice: the name is typed */
	const char *act;		/* in the audit */
	/* NULL: by the fields */
	bool (*make)(const json_t *fields, json_t **params, struct err *err);
};

extern const struct verb verbs[];	/* ends with name NULL */

const struct verb *verb_find(const char *name);			/* NULL: none */
const struct verb *verb_of(const char *request_type);		/* the plainest one of a request type; NULL: none */

bool verb_is_rendered(const struct verb *verb);	/* the payload is made at delivery: nothing may be given */

/* What Apple's key wants of a field; false: the verb has none of this name. */
bool verb_type(const struct verb *verb, const char *name, enum apple_type *type);
/* The n-th field of a verb, and the same; false: there is none. */
bool verb_field(const struct verb *verb, size_t n, char name[VERB_FIELD_MAX], enum apple_type *type);

/*
 * A field as people say it, put among `fields` by its type: a number, yes or no, JSON for a dictionary; of a list
 * a, b or JSON, and what was said before stays.  ERR_INVALID "bad_command": the verb has no such field, it is no
 * such thing, or it is said twice.
 */
bool verb_say(const struct verb *verb, json_t *fields, const char *name, const char *text, struct err *err) CHECKED;

/* Apple's params of a verb's fields; *params is the caller's. */
bool verb_params(const struct verb *verb, const json_t *fields, json_t **params, struct err *err) CHECKED;

/* The request types of refresh, in the order in which they are asked. */
extern const char *const verb_refresh[];	/* ends with NULL */
/* The lists that a request type changes; ends with NULL. */
const char *const *verb_changes(const char *request_type);
/* What one of them asks this device; NULL: nothing that it may be asked.  *ret is the caller's. */
json_t *verb_refresh_params(const char *request_type, const struct command_target *target);
