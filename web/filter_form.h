#pragma once
/*
 * filter_form - which devices an assignment is for (catalog/assignment_filter.h), as a form without script: rows of "its
 * model is" and "its name is not", the versions of iOS, supervision and the kind of enrollment.
 *
 * Several rows of one fact are one of which fits; rows with "not" are none of which may.  A filter that says more
 * ("not" in "not", or around several facts) is shown and edited as JSON.
 */
#include "web/http.h"

#define FILTER_BLANK_ROWS 2	/* under those that are filled in */

/*
 * {filter_deep, filter_all, filter_json, filter_open, filter_rows[{options[{value, label, selected}], pattern}],
 *  filter_from, filter_below, filter_supervised, filter_kind}: the last two "" (any), "yes" and "no", "device" and "user".
 * typed: the JSON as it was typed, and refused; NULL.  The caller's.
 */
json_t *filter_part(struct req *req, const json_t *filter, const char *typed);

/*
 * `which` = rows: from the fields `fact` and `pattern` of each row, `os_from`, `os_below`, `supervised` and `kind`; all:
 * every device; same: *same, and nothing is changed.  Without it, or with `as` = devices, from the field `devices`.
 * *ret belongs to req; NULL: all.
 * ERR_INVALID "bad_filter".
 */
bool filter_of_form(struct req *req, json_t **ret, bool *same, struct err *err) CHECKED;
