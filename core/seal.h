#pragma once
/*
 * seal - secrets at rest: AES-256-GCM under the master key (key.master_file), which is never in a backup.
 *
 * Each sealed thing is bound to what it is ("authority:<id>"), so that one cannot stand in for another.
 * Sealed: a version byte (1), 16 random bytes, the ciphertext, the tag of 16 bytes.  HKDF-SHA256 (RFC 5869)
 * of the master key with those random bytes as salt and the info "pomona seal 1" gives 32 bytes of key and 12
 * of nonce, so that neither is ever used twice, however much is sealed; the name is the additional data.
 *
 * Refusals: ERR_CONFLICT "wrong_key" when the master key or the name is not the one it was sealed with, or it
 * was changed since; "unknown_seal" when it is of no version that this program knows.
 * A sealer is never changed: all threads share it.
 */
#include "core/mem.h"

#define SEAL_OVERHEAD	64	/* bytes that sealing adds at most */
#define SEAL_MASTER_MIN	16	/* bytes of a master key, white space around it not counted */
#define SEAL_MAX	(16u << 20)	/* bytes of one secret */

struct sealer;

/* `master`: the bytes of the key's file; white space at its ends does not count.  ERR_INVALID when too short. */
bool sealer_new(TALLOC_CTX *ctx, struct bytes master, struct sealer **ret, struct err *err) CHECKED;

bool seal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *name, struct bytes plain, struct bytes *ret,
	  struct err *err) CHECKED;
/* The plain bytes are wiped when their context ends. */
bool unseal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *name, struct bytes sealed, struct bytes *ret,
	    struct err *err) CHECKED;
