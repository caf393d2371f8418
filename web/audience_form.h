#pragma once
/*
 * audience_form - an audience as a form without script: rows of "anyone in", "and in" and "nobody in".
 *
 * Three kinds of rows say what most audiences are: anyone of these groups and people, of those only who
 * are also in that group, and none of these.  A tree of another shape is shown and edited as JSON.
 */
#include "web/http.h"

#define AUDIENCE_BLANK_ROWS 3	/* under those that are filled in */

/*
 * {everyone, deep, audience_open, json, rows[{any_group,any_person,all_group,none_group,none_person,name}]}: of the five only
 * the one that holds is true; deep: no rows can say it, json does,
 * which is open then (audience_open).
 */
json_t *audience_rows(struct req *req, const json_t *tree);

/* From the fields `who` (everyone, some, or same: *same, and nothing is changed), `rule` and `name` of each row;
 * with `as` = json from the field `json`.  *ret belongs to req. */
bool audience_of_form(struct req *req, json_t **ret, bool *same, struct err *err) CHECKED;
