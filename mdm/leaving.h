#pragma once
/*
 * leaving - how a device that IT has released is told so.
 *
 * From iOS 17 on 403 with com.apple.unrecognized.device is enough (mdm/proof.h).  An older one takes no notice of it:
 * whatever it asks for, it is sent RemoveProfile of its enrollment mobileconfig, which takes the management with it.
 * Nothing of that waits in a queue: it is the same each time, until the device says that it is done, or leaves.
 * Apple: RemoveProfile.
 */
#include "mdm/proof.h"
#include "mdm/report.h"

/*
 * *identifier: of the mobileconfig to remove; NULL where 403 does it: iOS 17 and later, a version that was never told,
 * a device without the right to it, or one whose mobileconfig we do not know.
 */
bool leaving_by(TALLOC_CTX *ctx, struct db *db, const struct enrollment *enrollment, const char **identifier,
		struct err *err) CHECKED;

/* What such a device reports, and its next command; empty: none.  ERR_DENIED "retired" for another device than its own. */
bool leaving_report(TALLOC_CTX *ctx, struct db *db, const struct identity *identity, const struct report *report,
		    struct bytes *body, struct err *err) CHECKED;
/* At the check-in URL only CheckOut is heard; all else is ERR_DENIED "retired". */
bool leaving_checkin(struct db *db, const struct identity *identity, const struct checkin *checkin, struct err *err) CHECKED;
