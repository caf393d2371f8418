#pragma once
/*
 * mobileconfig_show - mobileconfigs as API and console both give them: put from what was sent, with the secrets hidden,
 * and as a device would see them.
 */
#include "catalog/mobileconfig.h"
#include "web/http.h"

/*
 * A form (JSON) or a file made elsewhere.  A name that ends in ".mobileconfig" is for the person of that name alone.
 * *signer (may be NULL): who signed the file, NULL: nobody.
 */
struct mobileconfig_sent {
	const char *name, *purpose, *person, *note;	/* NULL: not said; but for the name */
	const json_t *form;		/* NULL: `file` is one */
	struct bytes file;
};
bool mobileconfig_take(struct req *req, const struct mobileconfig_sent *sent, bool *created, struct kept_mobileconfig **ret,
		       const char **signer, struct err *err) CHECKED;

/* The form of a version (0: the current one) with its secrets hidden; *ret is the caller's. */
bool mobileconfig_shown(struct req *req, const char *id, int64_t version, json_t **ret, struct err *err) CHECKED;

/*
 * As a device (its id) or a person (a name) would get it; both NULL: as nobody would.
 * {mobileconfig, version, device, person, xml, missing[], hidden[], unfit[], warnings[], secret}: values that are missing stand in
 * the XML as their %names%, and secrets are left out of it.
 */
bool mobileconfig_preview(struct req *req, const struct kept_mobileconfig *m, const char *device_id, const char *person,
			  json_t **ret, struct err *err) CHECKED;
