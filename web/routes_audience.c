/*
 * Who sees what: groups, audiences, roles, categories.
 */
#include "web/rooms.h"

const struct route audience_routes[] = {
	{ 0 }
};
