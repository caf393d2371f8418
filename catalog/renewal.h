#pragma once
/*
 * renewal - newer provisions brought to the devices that hold their apps, before the old ones end.
 *
 * A newer one goes out when it fits: its app id covers the bundle, it names the certificate that signed the
 * installed build, and its entitlements cover those of the binary; for the app and for each of its extensions and
 * watch apps.  wanted -> sent -> listed (ProvisioningProfileList has it) -> done (the old one is gone, or still
 * needed).
 */
#include "core/db.h"

/* Before an app is sent to a device: newer provisions of that build go first.  In a transaction. */
bool renewal_before_install(struct db *tx, const char *device_id, const char *build_id, struct err *err) CHECKED;
