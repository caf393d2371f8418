#include "mdm/inventory.h"

bool inventory_read(TALLOC_CTX *ctx, const char *request_type, plist_t answer, struct bytes raw, struct inventory **ret, struct err *err)
{
	(void)ctx;
	(void)request_type;
	(void)answer;
	(void)raw;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool inventory_keep(struct db *tx, const char *device_id, const struct inventory *inventory, struct err *err)
{
	(void)tx;
	(void)device_id;
	(void)inventory;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool inventory_show(struct db *db, const char *device_id, json_t **ret, struct err *err)
{
	(void)db;
	(void)device_id;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
