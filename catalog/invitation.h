#pragma once
/*
 * invitation - a person is asked by mail or SMS to enroll their phone.  The link carries no right.
 */
#include <jansson.h>
#include "core/db.h"

/* For enrollment: the session that came of it, and its end; both inside their transaction. */
bool invitation_began(struct db *tx, const char *id, const char *session_id, struct err *err) CHECKED;
bool invitation_enrolled(struct db *tx, const char *session_id, struct err *err) CHECKED;
