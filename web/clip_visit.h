#pragma once
/*
 * clip_visit - a managed device looks at the catalog: by the token of its web clip, or by the cookie which that left
 * in the browser in which its person has signed in.
 *
 * It proves a device and never a person: what it may see is what its person may, what it may do is to have apps put
 * on itself.
 */
#include "catalog/viewer.h"
#include "web/clip.h"

struct clip_visit {
	struct clip *clip;
	const char *token;
	struct viewer viewer;		/* of the device's person; nobody, where there is none (any more) */
	bool installs;			/* management may put apps on it */
	json_t *here, *asked;		/* app_device_list; managed_app_list by bundle id; end with the request */
};

/* ERR_MISSING: unknown, or over. */
bool clip_visit(struct req *req, const char *token, struct clip_visit **ret, struct err *err) CHECKED;
/* NULL: it is not a device of who is signed in. */
bool clip_visit_signed_in(struct req *req, struct clip_visit **ret, struct err *err) CHECKED;

void clip_cookie_set(struct req *req, struct reply *reply, const char *token);

/* Of app (as app_list says it): state, note, open_url, and here where it has it. */
void clip_visit_state(struct req *req, const struct clip_visit *visit, json_t *app);

/* Puts it on the device.  ERR_MISSING: its person does not see it; ERR_CONFLICT: what stands in the way. */
bool clip_visit_ask(struct req *req, const struct clip_visit *visit, const char *actor, const char *bundle_id,
		    struct err *err) CHECKED;
