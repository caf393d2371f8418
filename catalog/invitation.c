#include "catalog/invitation.h"

bool invitation_began(struct db *tx, const char *id, const char *session_id, struct err *err)
{
	(void)tx;
	(void)id;
	(void)session_id;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool invitation_enrolled(struct db *tx, const char *session_id, struct err *err)
{
	(void)tx;
	(void)session_id;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
