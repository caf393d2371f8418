#pragma once
/*
 * app_device - what the catalog's apps are on one device: as it lists them, as we asked for them, and what its
 * person can do with each.
 *
 * The state of an app there is one word, made of facts and of nothing kept: app_device_state.
 */
#include "catalog/viewer.h"

/*
 * Apps they see that the device has: as app_list, and installed_version (CFBundleShortVersionString), installed_build
 * ("" where it did not say), installing, scheme (a URL scheme that opens it; "" without one that may be used).
 */
bool app_device_list(struct db *db, struct viewer viewer, const char *device_id, json_t **ret, struct err *err) CHECKED;

/*
 * app: what is offered {version, build, minimum_os, installable, ipad_only}; here: of app_device_list, NULL: not there;
 * asked: of managed_app_list, NULL: never asked for; os and product ("iPhone15,4"): of the device, "" not known.
 *
 *	get update	its button does that		open		there, and current
 *	waiting		asked for, not yet taken up	installing	the device is at it
 *	leaving		it is being removed		needs_ios	too old for it
 *	not_now		cannot be installed at all	needs_ipad	made for the iPad, and this is none
 */
const char *app_device_state(const json_t *app, const json_t *here, const json_t *asked, const char *os,
			     const char *product);

/* "declined", "failed", "timed_out": how the last try ended, where that is worth a word; "" */
const char *app_device_note(const char *state, const json_t *asked);

/* May a page lead there?  Words that mean something to browsers and iOS itself never do. */
bool app_device_scheme_ok(const char *scheme);
