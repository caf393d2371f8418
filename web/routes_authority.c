#include "web/rooms.h"

const struct route authority_routes[] = {
	{ 0 }
};
