/*
 * The readers of the audit log.
 */
#include "web/rooms.h"

const struct route audit_routes[] = {
	{ 0 }
};
