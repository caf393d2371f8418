#pragma once
/*
 * managed_app - apps on managed devices: what a device is to have, and how far its installation is.
 *
 * wanted -> queued -> sent -> acknowledged -> installing -> installed, or declined, failed, timed out: every state
 * has an exit, since `due` says when a row is looked at next.  Acknowledged is not installed: what the device
 * lists decides.  peers.md 2.1 (6) and 2.6 (12).
 */
#include <jansson.h>
#include "core/db.h"

/* Somebody at the device, or an admin, wants it there.  actor: "device", "person:anna".  ERR_CONFLICT says what stands in the way. */
bool managed_app_ask(struct db *db, const char *actor, const char *device_id, const char *bundle_id, struct err *err) CHECKED;

/* {items[{bundle_id, build_id, version, build, cause, state, why, installed_version, changed}]} of a device. */
bool managed_app_list(struct db *db, const char *device_id, json_t **ret, struct err *err) CHECKED;
