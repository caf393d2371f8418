/* The catalog behind the web clip, /c/<token>. */
#include "web/rooms.h"

const struct route clip_routes[] = {
	{ 0 }
};
