/* A person's own mobileconfig, /eas. */
#include "web/rooms.h"

const struct route own_routes[] = {
	{ 0 }
};
