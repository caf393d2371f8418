#include "web/rooms.h"

const struct route mdm_routes[] = {
	{ 0 }
};
