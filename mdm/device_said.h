#pragma once
/*
 * device_said - what lists show of a device, kept in its own row as it reports it.
 */
#include "core/db.h"

struct device_said {
	const char *name, *os_version, *os_build, *product, *serial;	/* NULL: not reported, the row keeps what it has */
	int supervised;		/* -1: not reported */
};

bool device_said(struct db *tx, const char *device_id, const struct device_said *said, struct err *err) CHECKED;

/*
 * What is known of a device without its own word: the UDID that it is bound to, and the serial number that the
 * session of its enrollment has proven by Apple's certificate (phases); "" where none has.  They belong to ctx.
 */
bool device_proven(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char **udid, const char **serial,
		   struct err *err) CHECKED;
