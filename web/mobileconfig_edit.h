#pragma once
/*
 * mobileconfig_edit - what the console's pages of one mobileconfig share: the form that is changed, kept as a new
 * version, or the page again with why not.  Every change makes a version; what was typed on a page that is not the
 * newest any more is not written over it.  For web/routes_mobileconfig_*.c.
 */
#include "catalog/mobileconfig.h"
#include "web/http.h"
#include "web/mobileconfig_page.h"

const char *edit_field(struct req *req, const char *name);	/* of the form; NULL: empty too */

/* May the page say why, beside what was typed? */
bool edit_sayable(struct req *req, const struct err *err);

/* That of the path's :name. */
bool edit_find(struct req *req, struct kept_mobileconfig **ret, struct err *err) CHECKED;

/* Its page; with a refusal 422. */
bool edit_page(struct req *req, struct reply *reply, const struct mobileconfig_refused *refused, struct err *err) CHECKED;
bool edit_refuse(struct req *req, struct reply *reply, const char *where, const char *typed, struct err *err) CHECKED;
bool edit_done(struct req *req, struct reply *reply, const char *what);	/* to its page, which says so */

/* The form as it is, masked, to be changed; ERR_CONFLICT: somebody else has changed it since the page was made. */
bool edit_begin(struct req *req, struct kept_mobileconfig **m, json_t **form, struct err *err) CHECKED;
bool edit_keep(struct req *req, const struct kept_mobileconfig *m, const json_t *form, struct err *err) CHECKED;
