#pragma once
/*
 * queue_sweep - what time does to the queue: commands expire, silent devices are pushed again, what was put
 * off comes due, and old history goes.  Safe to repeat; a batch is one transaction.
 */
#include "core/db.h"

#define QUEUE_SWEEP_S	60	/* how often */

bool queue_sweep(struct db *db, int64_t history_days, struct err *err) CHECKED;
