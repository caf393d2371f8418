#pragma once
/*
 * queue_sweep - what time does to the queue: commands expire, silent devices are pushed again, what was put
 * off comes due, and old history goes, and with the last row of it the command itself: so much of it in a run that
 * what is due waits for some seconds.  What a clock that was ahead has ordered goes now, and not when that time comes.
 * Safe to repeat; a batch is one transaction.
 *
 * An answer that comes after that is one to a command that we do not know: taken with 200 and not kept, as an answer
 * to one that has ended already is.
 */
#include "core/db.h"

#define QUEUE_SWEEP_S	60	/* how often */

bool queue_sweep(struct db *db, int64_t history_days, struct err *err) CHECKED;

/* For the test of their plans: $1 how many; $1 now, $2 by how much a clock was ahead at least, $3 how many. */
extern const char queue_loose_sql[], queue_ahead_sql[];
