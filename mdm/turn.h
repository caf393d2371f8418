#pragma once
/*
 * turn - which of two rows of a table is the newer one, also within a second.
 *
 * A counter for each such table, moved in the transaction that writes the row: two writers wait for each other, and no
 * two rows have the same number.  Numbers that were taken and rolled back come again; gaps say nothing.
 */
#include "core/db.h"

enum turn_of { TURN_CERTIFICATE, TURN_ENROLLMENT, TURN_ENROLL_SESSION, TURN_OWN_SESSION, TURNS };

bool turn_next(struct db *tx, enum turn_of of, int64_t *ret, struct err *err) CHECKED;
