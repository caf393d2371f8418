/* Mobileconfigs that the company keeps: console and API. */
#include "web/rooms.h"

const struct route mobileconfig_routes[] = {
	{ 0 }
};
