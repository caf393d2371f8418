#include "mdm/command.h"

bool command_write(TALLOC_CTX *ctx, const char *request_type, const json_t *params, struct bytes *payload, struct err *err)
{
	(void)ctx;
	(void)request_type;
	(void)params;
	(void)payload;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool command_may(const char *request_type, const json_t *params, const struct command_target *target, struct err *err)
{
	(void)request_type;
	(void)params;
	(void)target;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
