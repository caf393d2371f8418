#include "mdm/push.h"

bool push_ask(struct db *tx, const char *enrollment_id, int64_t due, const char *reason, struct err *err)
{
	(void)tx;
	(void)enrollment_id;
	(void)due;
	(void)reason;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool push_forget(struct db *tx, const char *enrollment_id, struct err *err)
{
	(void)tx;
	(void)enrollment_id;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool push_topic(TALLOC_CTX *ctx, struct db *db, char **ret, struct err *err)
{
	(void)ctx;
	(void)db;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
