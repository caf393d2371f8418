#include "mdm/queue.h"

bool queue_add(struct db *tx, TALLOC_CTX *ctx, const struct queue_wish *wish, const char *const *enrollment_ids, size_t n, enum queue_verdict *verdicts, char **uuid, struct err *err)
{
	(void)tx;
	(void)ctx;
	(void)wish;
	(void)enrollment_ids;
	(void)n;
	(void)verdicts;
	(void)uuid;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool queue_list(struct db *db, const char *device_id, json_t **ret, struct err *err)
{
	(void)db;
	(void)device_id;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool queue_history(struct db *db, const char *device_id, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	(void)db;
	(void)device_id;
	(void)after;
	(void)limit;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool queue_show(struct db *db, const char *device_id, const char *uuid, json_t **ret, struct err *err)
{
	(void)db;
	(void)device_id;
	(void)uuid;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool queue_cancel(struct db *db, const char *actor, const char *device_id, const char *uuid, struct err *err)
{
	(void)db;
	(void)actor;
	(void)device_id;
	(void)uuid;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool queue_clear(struct db *db, const char *actor, const char *device_id, int64_t *n, struct err *err)
{
	(void)db;
	(void)actor;
	(void)device_id;
	(void)n;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool queue_resend(struct db *db, const char *actor, const char *device_id, const char *uuid, struct err *err)
{
	(void)db;
	(void)actor;
	(void)device_id;
	(void)uuid;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
