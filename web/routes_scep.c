#include "web/rooms.h"

const struct route scep_routes[] = {
	{ 0 }
};
