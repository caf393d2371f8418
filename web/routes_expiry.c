/* Everything that ends: calendar, feed, API. */
#include "web/rooms.h"

const struct route expiry_routes[] = {
	{ 0 }
};
