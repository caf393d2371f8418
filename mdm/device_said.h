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
