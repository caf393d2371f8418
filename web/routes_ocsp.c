/* Whether a certificate of ours was revoked, RFC 6960. */
#include "web/rooms.h"

const struct route ocsp_routes[] = {
	{ 0 }
};
