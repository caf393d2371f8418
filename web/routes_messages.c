/*
 * Mail and SMS: what was sent, what waits, and trying the settings.
 */
#include "web/rooms.h"

const struct route message_routes[] = {
	{ 0 }
};
