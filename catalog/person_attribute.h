#pragma once
/*
 * person_attribute - what stands for the %variables% of mobileconfigs and of app configurations: what is known of a person
 * and of a device.
 *
 *	%username% %email% %full_name% %phone%	the person's row
 *	%upn%					the attribute userPrincipalName
 *	%serial% %udid% %product% %device_name% %os_version%	the device
 *	%anything_else%				the person's attribute of that name
 *
 * Attributes of directory people are those of ldap.attributes, as the directory says them at each sign-in and
 * hourly check; those of other people are what an admin gave them, and they may fill what their row leaves
 * empty ("email", "full_name").  Names have no case.  What is empty is not known.
 *
 * A change asks in the same transaction what the person's devices ought to have (catalog/desired.h), and what their apps
 * ought to be told (catalog/managed_app.h).
 */
#include <jansson.h>
#include "core/db.h"

#define PERSON_ATTRIBUTES_MAX		32	/* of one person */
#define PERSON_ATTRIBUTE_NAME_MAX	64	/* bytes: letters, digits, - and _ */
#define PERSON_ATTRIBUTE_VALUE_MAX	1000

struct person_attribute { const char *name, *value; };

bool person_attribute_name_ok(const char *name, struct err *err) CHECKED;

/* In a transaction: these and no others.  *changed: they were not. */
bool person_attributes_set(struct db *tx, const char *person_id, const struct person_attribute *list, size_t n,
			   bool *changed, struct err *err) CHECKED;

/* By an admin, audited: {name: value}, null takes one away.  ERR_CONFLICT "directory_person" for the directory's. */
bool person_attributes_change(struct db *db, const char *actor, const char *person_id, const json_t *change,
			      struct err *err) CHECKED;
bool person_attributes(struct db *db, const char *person_id, json_t **ret, struct err *err) CHECKED;	/* {name: value} */

/* Of the people who may come in, how many have nothing for this variable of a person? */
bool person_attribute_lacking(struct db *db, const char *name, int64_t *lacking, int64_t *people, struct err *err) CHECKED;
/* [{id, name}] of those that have nothing, by name: so many of them. */
bool person_attribute_lackers(struct db *db, const char *name, int64_t limit, json_t **ret, struct err *err) CHECKED;

/* ---- values ---- */

struct values;	/* belongs to its ctx */

/* Either id may be NULL.  Of what is not there nothing is known. */
bool values_of(TALLOC_CTX *ctx, struct db *db, const char *person_id, const char *device_id, struct values **ret,
	       struct err *err) CHECKED;
const char *values_get(void *values, const char *name);	/* NULL: not known; a form_value of mdm/mobileconfig_form.h */

/* "department, upn": those of a JSON list of names that are not known; "" when all are. */
const char *values_missing(TALLOC_CTX *ctx, struct values *values, const json_t *names);
