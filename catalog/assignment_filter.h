#pragma once
/*
 * assignment_filter - which of the devices of its people an assignment is for: a small language in JSON.
 *
 *	{}						all of them
 *	{"product": "iPad*"}				iPads
 *	{"supervised": true, "os": {"from": "16", "below": "19"}}
 *	{"name": ["Kiosk *", "Till *"], "not": {"serial": "F2L*"}}
 *
 * Every key must hold.  product ("iPhone15,4"), model ("iPhone 15"), name, serial and udid are a pattern or a list of
 * which one fits; * stands for any text, letters have no case.  os compares numbers: from is in, below is out.
 * kind is "device" or "user" (of the enrollment).  "not" is followed by such an object, or a list of
 * them of which none may fit.
 * What a device has not reported fits nothing, inside "not" too: better not yet than to the wrong one.
 */
#include <jansson.h>
#include "core/mem.h"

#define FILTER_BYTES_MAX	3072	/* as compact JSON: it stands in the audit, beside an audience */
#define FILTER_LIST_MAX		100
#define FILTER_DEPTH_MAX	3	/* of "not" in "not" */

struct filter_facts {
	const char *product, *model, *name, *serial, *udid, *os_version, *kind;	/* "" or NULL: not reported */
	int supervised;			/* -1: not reported */
};

bool assignment_filter_check(const json_t *filter, struct err *err) CHECKED;	/* ERR_INVALID "bad_filter" */
bool assignment_filter_fits(const json_t *filter, const struct filter_facts *facts);	/* of a checked one */
