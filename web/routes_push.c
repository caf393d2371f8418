#include "web/rooms.h"

const struct route push_routes[] = {
	{ 0 }
};
