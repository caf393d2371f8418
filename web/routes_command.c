#include "web/rooms.h"

const struct route command_routes[] = {
	{ 0 }
};
