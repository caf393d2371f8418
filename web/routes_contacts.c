/*
 * Testers: contacts and their groups, in the console and the API.
 */
#include "web/rooms.h"

const struct route contact_routes[] = {
	{ 0 }
};
