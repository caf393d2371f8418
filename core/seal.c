#include "core/seal.h"

bool sealer_new(TALLOC_CTX *ctx, struct bytes master, struct sealer **ret, struct err *err)
{
	(void)ctx;
	(void)master;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool seal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *name, struct bytes plain, struct bytes *ret, struct err *err)
{
	(void)ctx;
	(void)sealer;
	(void)name;
	(void)plain;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool unseal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *name, struct bytes sealed, struct bytes *ret, struct err *err)
{
	(void)ctx;
	(void)sealer;
	(void)name;
	(void)sealed;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
