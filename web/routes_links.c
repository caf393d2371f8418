/*
 * Testers: contacts, their links, the page behind a link, and what was observed of an install.
 */
#include "web/rooms.h"

const struct route link_routes[] = {
	{ 0 }
};
