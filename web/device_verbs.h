#pragma once
/*
 * device_verbs - verbs that a device's page offers as one form: a choice of them, and the fields of all, by the
 * table of mdm/verb.h.
 */
#include <jansson.h>
#include "mdm/verb.h"
#include "web/http.h"

/*
 * {verbs[] {verb, title, selected}, fields[] {name, label, kind ("line", "lines", "check"), wanted_by, example, value},
 * typed}, with what was typed when the request is one that was refused; null: the device may be sent none of them.
 */
json_t *device_verbs(struct req *req, const struct command_target *target);

/* A field of that form is filled in that this verb does not take: ERR_INVALID "bad_command".  Others are no business of it. */
bool device_verb_fits(struct req *req, const struct verb *verb, struct err *err) CHECKED;
