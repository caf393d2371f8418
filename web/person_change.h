#pragma once
/* person_change - what an admin changes of the person whose id stands in the path, by the form and by the API alike. */
#include "catalog/people.h"
#include "web/site.h"

struct people_act person_act(struct req *req);	/* who does it, and to whom */
/* Groups of the directory decide the roles of its people, where any are named. */
bool person_role_is_ours(struct req *req, const char *source);

/* ERR_CONFLICT "role_of_directory", "last_admin". */
bool person_change_role(struct req *req, struct db *db, const char *word, struct err *err) CHECKED;
bool person_change_disabled(struct req *req, struct db *db, bool disabled, struct err *err) CHECKED;
bool person_change_email(struct req *req, struct db *db, const char *email, struct err *err) CHECKED;
/* Which apps they publish: bundle ids as people write lists, by lines, blanks or commas; or as JSON. */
bool person_change_apps_text(struct req *req, bool all, const char *text, struct err *err) CHECKED;
bool person_change_apps_json(struct req *req, struct db *db, bool all, const json_t *list, struct err *err) CHECKED;
bool person_change_unlock(struct req *req, struct err *err) CHECKED;
bool person_change_sign_out(struct req *req, struct err *err) CHECKED;
