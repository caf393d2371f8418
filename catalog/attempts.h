#pragma once
/*
 * attempts - wrong passwords that have no row to be counted in: of names that nobody has, of people of
 * the directory, of addresses.
 *
 * In memory alone and of a fixed size: of many the one that was silent longest makes room, by a hash
 * that nobody outside can steer.  A restart forgets them.
 *
 * - NAME: PERSON_FAILURES_FREE are free, each further one waits twice as long, up to PERSON_LOCK_MAX_S.
 * - DIRECTORY: few enough that nobody can lock people out of the directory itself by trying here (it
 *   often does so after five, and forgets after thirty minutes): then none is asked for as long.
 * - ADDRESS: many people may share one, so many are free, and they come back with time.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/mem.h"

#define ATTEMPTS_DIRECTORY_MAX		4
#define ATTEMPTS_DIRECTORY_S		1800	/* since the last one */
#define ATTEMPTS_ADDRESS_FREE		30
#define ATTEMPTS_ADDRESS_S		20	/* one more after so long */
#define ATTEMPTS_NOTE_S			3600
#define ATTEMPTS_NOTES_MAX		200	/* in one such time, of all keys together */

enum attempts { ATTEMPTS_NAME, ATTEMPTS_DIRECTORY, ATTEMPTS_ADDRESS, ATTEMPTS_NOTE, ATTEMPTS_KINDS };

/* Seconds until the next one is taken; 0: now. */
int64_t attempts_wait(enum attempts kind, const char *key);
int64_t attempts_failed(enum attempts kind, const char *key);	/* how many that makes */
/*
 * DIRECTORY: begun before the directory hears of it, so that of many at once no more are under way than may
 * fail.  0: begin, and say how it ended; ATTEMPTS_BUSY: others are under way; else the seconds to wait.
 */
#define ATTEMPTS_BUSY	(-1)
int64_t attempts_begin(enum attempts kind, const char *key);
int64_t attempts_end(enum attempts kind, const char *key, bool failed);	/* how many have failed; 0: this one did not */
void attempts_forget(enum attempts kind, const char *key);
void attempts_forget_all(void);	/* for tests */

int64_t attempts_lock(int64_t failures);	/* the NAME rule: seconds after so many */

/* For what is worth a row of the audit once in a while: true once a key and hour, and not too often in all. */
bool attempts_note(const char *key);
bool attempts_note_minor(const char *key);	/* the same, and leaves room for others: the first quarter alone */

/* What counts as one address: IPv6 by /64, which is what one customer has. */
const char *attempts_address(TALLOC_CTX *ctx, const char *address);
