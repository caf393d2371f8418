#pragma once
/*
 * escrow - what a device leaves with us for later: its UnlockToken, by which a command clears the passcode, and its
 * bootstrap token, which it gets back when it asks.
 *
 * Kept sealed, each for its enrollment alone, and forgotten with it or when the device begins anew.  Apple: TokenUpdate,
 * SetBootstrapToken, GetBootstrapToken, ClearPasscode.
 */
#include "core/seal.h"
#include "mdm/enrollment.h"

/* Sealing is no work for a transaction: first the one, in it the other. */
bool escrow_unlock_seal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *enrollment_id, struct bytes token,
			struct bytes *ret, struct err *err) CHECKED;
bool escrow_unlock_set(struct db *tx, const char *enrollment_id, struct bytes sealed, struct err *err) CHECKED;
/* ERR_MISSING when the device sent none.  Wiped when ctx ends. */
bool escrow_unlock_get(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *enrollment_id,
		       struct bytes *ret, struct err *err) CHECKED;

/* token empty: is forgotten; empty in *ret: there is none. */
bool escrow_bootstrap_set(struct db *db, const struct sealer *sealer, const struct enrollment *enrollment,
			  struct bytes token, struct err *err) CHECKED;
bool escrow_bootstrap_get(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer,
			  const struct enrollment *enrollment, struct bytes *ret, struct err *err) CHECKED;

bool escrow_forget(struct db *tx, const char *enrollment_id, struct err *err) CHECKED;
