#include "mdm/enroll_session.h"

bool enroll_session_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct enroll_session **ret, struct err *err)
{
	(void)ctx;
	(void)db;
	(void)id;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool enroll_session_by_token(TALLOC_CTX *ctx, struct db *db, const char *token, struct enroll_session **ret, struct err *err)
{
	(void)ctx;
	(void)db;
	(void)token;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool enroll_session_staged(struct db *tx, const char *id, const char *udid, struct err *err)
{
	(void)tx;
	(void)id;
	(void)udid;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool enroll_session_done(struct db *tx, const char *id, const char *enrollment_id, struct err *err)
{
	(void)tx;
	(void)id;
	(void)enrollment_id;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
