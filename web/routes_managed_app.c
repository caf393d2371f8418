/* Apps on managed devices: rollouts, required apps, configuration. */
#include "web/rooms.h"

const struct route managed_app_routes[] = {
	{ 0 }
};
