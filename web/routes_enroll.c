#include "web/rooms.h"

const struct route enroll_routes[] = {
	{ 0 }
};
