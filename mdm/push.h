#pragma once
/*
 * push - wakes devices through APNs: a push that is due is a row, and a worker sends it.
 *
 * One due row an enrollment, so pushes coalesce; HTTP/2, one connection, many at once.  protocol.md section 2.
 */
#include "core/db.h"

/* In the transaction of its cause.  What is due already keeps the earlier time. */
bool push_ask(struct db *tx, const char *enrollment_id, int64_t due, const char *reason, struct err *err) CHECKED;
/* What a new token or the end of an enrollment changes. */
bool push_forget(struct db *tx, const char *enrollment_id, struct err *err) CHECKED;

/* The topic of the certificate in use; ERR_MISSING "no_push_certificate". */
bool push_topic(TALLOC_CTX *ctx, struct db *db, char **ret, struct err *err) CHECKED;
