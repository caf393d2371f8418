#pragma once
/*
 * report - what a device says at the command URL: that it is idle, or what became of a command.
 *
 * Apple: "Handling the results of MDM commands".
 */
#include "mdm/checkin.h"

#define REPORT_MAX	PLIST_BYTES_MAX	/* bytes of a body: a list of every app on a full phone is half a MB */
#define REPORT_ERROR_MAX (64u << 10)	/* bytes of an ErrorChain as JSON */

struct report {
	struct checkin_who who;
	const char *status;		/* "Idle", "Acknowledged", "Error", "CommandFormatError", "NotNow", any other */
	const char *uuid;		/* CommandUUID; NULL with Idle */
	const char *error;		/* ErrorChain as JSON; "" without one */
	bool bare;			/* nothing is answered but the status */
	plist_t plist;			/* ends with the struct */
	struct bytes raw;		/* lent */
};

/* ERR_MALFORMED "bad_report", and what core/plist.h says. */
bool report_read(TALLOC_CTX *ctx, struct bytes body, struct report **ret, struct err *err) CHECKED;

/* The CommandUUID of an XML report that report_read does not take, as its text says; NULL: it does not. */
char *report_uuid_of(TALLOC_CTX *ctx, struct bytes body);
