#pragma once
/*
 * guesses - wrong challenges, by address or by the enrollment session at whose URL they came: after GUESSES_MAX
 * within a minute nothing that comes from there is tried until the minute is over.
 *
 * In memory alone and of a fixed size; of many addresses the one that was silent longest makes room, by a hash
 * that nobody outside can steer.
 */
#include "core/mem.h"

#define GUESSES_MAX	5
#define GUESSES_S	60

bool guesses_left(const char *from);		/* IPv6 counts by /64, which is what one customer has */
void guesses_wrong(const char *from);
void guesses_forget(void);			/* all of them, for tests */
