#pragma once
/*
 * device_list - managed devices as lists and pages show them: whose they are, what state they are in.
 *
 * States: "managed"; of those "silent" (not heard of for so many days) and "push_broken" (APNs refuses its token);
 * "staged" (enrolling), "removed", "retired", "replaced", "none": how its last enrollment stands.
 */
#include <jansson.h>
#include "core/buf.h"
#include "core/db.h"

#define DEVICE_PAGE_MAX		200
#define DEVICE_CSV_MAX		(32u << 20)	/* a page of the longest rows is less than half of it */
#define DEVICE_CSV_ROWS		50000

struct device_filter {
	const char *q;		/* in name, serial, UDID, product, or the person's name; NULL: any, as below */
	const char *state;	/* one of those above; "silent" and "push_broken" too */
	const char *model;	/* product, from its beginning: "iPhone14" */
	const char *os;		/* version, from its beginning by parts: "17" is 17 and 17.5.1 */
	const char *person;	/* name or id */
	const char *app;	/* bundle id, installed */
	int64_t silent_s;	/* after so long without a word it is silent */
	const char *also;	/* of those that are heard of: an SQL constant on device d and its enrollment e (catalog/fleet.h) */
};

/*
 * {items[{id,name,serial,udid,product,model,os_version,os_build,person{id,name},state,enrollment_id,supervised,
 * kind,seen,address,push_bad,enrolled,created}], next}, newest first; what is not known is null.
 */
bool device_list(struct db *db, const struct device_filter *filter, const char *after, int64_t limit, json_t **ret,
		 struct err *err) CHECKED;
/* One of them, and access_rights, topic, why, ended, identity_expires.  ERR_MISSING. */
bool device_show(struct db *db, const char *id, int64_t silent_s, json_t **ret, struct err *err) CHECKED;
/* Rows of the list as a table, with what they report (inventory_csv_row); *next: where it goes on, or NULL; belongs to ctx. */
bool device_csv(TALLOC_CTX *ctx, struct db *db, const struct device_filter *filter, const char *after, struct buf *out,
		const char **next, struct err *err) CHECKED;

/* How many are there in each state, for the console: {managed, silent, push_broken}. */
bool device_counts(struct db *db, int64_t silent_s, json_t **ret, struct err *err) CHECKED;

/* By id, or by a UDID or serial number that one device alone has: *ret is its id.  ERR_MISSING. */
bool device_find(TALLOC_CTX *ctx, struct db *db, const char *any, const char **ret, struct err *err) CHECKED;
