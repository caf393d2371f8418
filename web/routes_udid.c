/*
 * Device registration for ad hoc builds: /udid, and who is waiting.
 */
#include "web/rooms.h"

const struct route registration_routes[] = {
	{ 0 }
};
