/* Provisions and their renewal: console and API. */
#include "web/rooms.h"

const struct route provision_routes[] = {
	{ 0 }
};
