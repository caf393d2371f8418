#include "mdm/certificate.h"

bool certificate_keep(struct db *tx, const struct certificate *cert, struct err *err)
{
	(void)tx;
	(void)cert;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool certificate_find(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct certificate **ret, struct err *err)
{
	(void)ctx;
	(void)db;
	(void)sha256;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool certificate_revoke(struct db *tx, const char *sha256, const char *reason, struct err *err)
{
	(void)tx;
	(void)sha256;
	(void)reason;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
