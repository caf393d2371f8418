#pragma once
/*
 * own_upn - is own.upn a name of one person's alone, and who has what it is made of?  A server lets people in by the
 * userPrincipalName of their certificate.  A setting that gives several people one is said at start and by
 * `pomona doctor`, and no person's certificate is issued by it; everything else goes on.
 */
#include <talloc.h>
#include "core/conf.h"
#include "core/db.h"
#include "core/seal.h"

/* ERR_CONFLICT "bad_upn". */
bool own_upn_fits(const struct conf *conf, struct err *err) CHECKED;
void own_upn_warn(const struct conf *conf);	/* in the log, where it does not */

/*
 * The first variable of own.upn that some of the people who may come in lack; NULL: none, or no mobileconfig that is
 * for anybody wants a certificate.
 */
struct own_upn_lack { const char *variable; int64_t lacking, people; };
bool own_upn_lacking(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const struct conf *conf,
		     struct own_upn_lack *ret, struct err *err) CHECKED;
