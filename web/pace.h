#pragma once
/*
 * pace - not more often than so many times a minute, for whoever a key names.
 *
 * Kept in memory, for a bounded number of keys: two that meet in one place share it, and a restart forgets.  For
 * what costs us work, never for what guards a secret (catalog/attempts.h).
 */
#include "core/mem.h"

#define PACE_S		60
#define PACE_PLACES	4096

/* ERR_RATE beyond `most` in the minute that began with the first. */
bool pace_take(const char *key, int most, struct err *err) CHECKED;
