/* Testers without management, when what they installed ends. */
#include "web/rooms.h"

bool
renewal_tell(TALLOC_CTX *ctx, struct site *site, struct err *err)
{
	(void)ctx, (void)site, (void)err;
	return true;
}
