/* Mobileconfigs on their way to devices: what is rendered at delivery, and what devices say of it. */
#include "web/rooms.h"

bool
mobileconfig_enrolled(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err)
{
	(void)tx, (void)site, (void)enrollment, (void)err;
	return true;
}

bool
mobileconfig_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err)
{
	(void)tx, (void)site, (void)device_id, (void)request_type, (void)err;
	return true;
}
