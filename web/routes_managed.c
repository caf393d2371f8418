#include "web/rooms.h"

const struct route managed_routes[] = {
	{ 0 }
};
