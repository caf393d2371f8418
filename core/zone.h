#pragma once
/*
 * zone - how far the clock of a place is from UTC, by the system's time zone files (RFC 8536).
 *
 * Only the version 2 data and its listed moments are read: Debian's files name them until 2037; later the last one
 * holds.  Reads a file of a few KB at each call: not inside a transaction.
 */
#include <stdint.h>
#include <stdbool.h>

#define ZONE_NAME_MAX	64
#define ZONE_FILE_MAX	(256 << 10)

/* Seconds east of UTC at `at` in "Europe/Berlin"; false: there is no such zone here. */
bool zone_offset(const char *name, int64_t at, int64_t *ret);

/* The same by this machine's own clock. */
int64_t zone_offset_here(int64_t at);
