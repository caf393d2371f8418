#pragma once
/*
 * identity_renew - identities of enrolled devices are renewed before they end: by their enrollment mobileconfig with a
 * new SCEP payload (enroll_renewal), sent as a command of the kind IDENTITY_KIND.
 *
 * One attempt a day and one that waits: a NotNow stays in the queue, an Error, an answer that never came or a device
 * that was told IDENTITY_DELIVERIES_MAX times in vain is tried again on the next day.  Due are identities that end
 * soon, those of a CA that is retired (so that a fleet moves to the new one), and those of devices that went back to
 * the one before: a device whose TokenUpdate under the new one was not answered has never taken it.
 *
 * The old identity is good until the new one was seen, and then for an overlap (enrollment.old_identity): it is
 * revoked when that has passed and the new one was used, not while the device still speaks with the old one.  Once the new
 * one was used the device has it, and no going back: the old one is past, whoever speaks with it.  It is served
 * until the overlap ends, is renewed by nothing, changes nothing of the enrollment, and its next word is audited.
 */
#include <jansson.h>
#include "mdm/enrollment.h"

#define IDENTITY_KIND		"renew_identity"	/* of commands; also their dedupe key */
#define IDENTITY_WAVE		1000	/* devices that are asked in one sweep */
#define IDENTITY_SWEEP_S	600
#define IDENTITY_WAVE_S		60	/* until the next one, when more are due */
#define IDENTITY_DELIVERIES_MAX	8	/* of one command, without a word of the device: each is a session and a challenge */
#define IDENTITY_LIST_MAX	1000

struct identity_rules {
	int64_t ahead_s;	/* how long before the end */
	int64_t grace_s;	/* how long after it: proof_judge */
};

/* *uuid NULL: it is not enrolled.  One that waits already is it. */
bool identity_renew(struct db *tx, TALLOC_CTX *ctx, const char *enrollment_id, const char *actor, char **uuid,
		    struct err *err) CHECKED;

/* Revokes old identities whose overlap is over, and asks those that are due; *more: more than one wave is. */
bool identity_sweep(struct db *db, const struct identity_rules *rules, bool *more, struct err *err) CHECKED;

/*
 * Those that are due, the sooner they end the first: {items[{device, name, serial, person, ends, asked, tries, waits,
 * why}], next}: waits: a command waits for it; why: "ends", "ended", "old_ca", "went_back",
 * "no_right": its enrollment does not let us.
 */
bool identity_due_list(struct db *db, const struct identity_rules *rules, json_t **ret, struct err *err) CHECKED;

/* ---- for enrollment_turn.c ---- */

/* In the transaction that saw the new one. */
bool identity_renewed(struct db *tx, const struct enrollment *enrollment, const char *sha256, int64_t ends,
		      struct err *err) CHECKED;

/* Is it the old one, of a device that has used its new one? */
bool identity_is_past(const struct enrollment *enrollment, const char *sha256);

/* ---- for talk.c ---- */

/*
 * Which of the two spoke, while there are two, and was believed: written behind, when it is news.  begins: with an
 * Authenticate or TokenUpdate, whose answer may be lost, and the device goes back; what it says else is use.
 */
void identity_spoke(struct db *db, const struct enrollment *enrollment, const char *sha256, bool begins);

/* ---- of the whole process, before anything is served ---- */
void identity_overlap(int64_t s);
void identity_grace(int64_t s);		/* as in the rules */
