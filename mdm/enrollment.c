#include "mdm/enrollment.h"

bool enrollment_by_identity(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct enrollment **ret, struct err *err)
{
	(void)ctx;
	(void)db;
	(void)sha256;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool enrollment_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct enrollment **ret, struct err *err)
{
	(void)ctx;
	(void)db;
	(void)id;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool enrollment_of_device(TALLOC_CTX *ctx, struct db *db, const char *device_id, struct enrollment **ret, struct err *err)
{
	(void)ctx;
	(void)db;
	(void)device_id;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool enrollment_retire(struct db *db, const char *actor, const char *device_id, const char *why, struct err *err)
{
	(void)db;
	(void)actor;
	(void)device_id;
	(void)why;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
