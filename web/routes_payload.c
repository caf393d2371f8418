/* The table of payload types, and forms that come from it. */
#include "web/rooms.h"

const struct route payload_routes[] = {
	{ 0 }
};
