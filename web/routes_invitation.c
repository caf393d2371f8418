#include "web/rooms.h"

const struct route invitation_routes[] = {
	{ 0 }
};
