#pragma once
/*
 * verdict - can this be installed, and what should the developer do about it?
 *
 * Reads the facts (ipa/facts.h) and adds `verdict{installable, reasons[]}`: codes from one
 * table, words that say what to do.  Errors make installable false.
 */
#include <jansson.h>
#include <stdint.h>
#include <time.h>

#define VERDICT_EXPIRING_DAYS 30

void verdict_add(json_t *facts, time_t now);

/* Until when it can be installed; 0: not even now.  INT64_MAX: no date ends it. */
int64_t verdict_installs_until(json_t *facts, time_t now);

/* The next moment at which a date in the facts changes their verdict; INT64_MAX: none does. */
int64_t verdict_holds_until(const json_t *facts, time_t now);
