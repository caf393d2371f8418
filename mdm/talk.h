#pragma once
/*
 * talk - one message of a device and its answer, from the proof of who speaks to the bytes that it gets.
 *
 * web/routes_mdm.c brings the body and the proof; everything that a device may do to us is here and below.
 * Refusals are those of mdm/proof.h, mdm/enrollment_turn.h, mdm/checkin.h and mdm/report.h.
 */
#include "mdm/checkin.h"
#include "mdm/proof.h"
#include "mdm/seen.h"

struct talk {
	struct db *db;
	struct ca *ca;
	const struct sealer *sealer;	/* NULL: none */
	struct seen *seen;		/* NULL: nobody wants to know */
	int64_t grace_s;		/* proof_judge */
	const char *address;		/* of the device */
};

/* Belongs to ctx. */
bool talk_checkin(TALLOC_CTX *ctx, const struct talk *talk, const struct proof *proof, struct bytes body,
		  struct checkin_answer *ret, struct err *err) CHECKED;
bool talk_command(TALLOC_CTX *ctx, const struct talk *talk, const struct proof *proof, struct bytes body,
		  struct checkin_answer *ret, struct err *err) CHECKED;
