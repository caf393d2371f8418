#pragma once
/*
 * seal - secrets at rest: AES-256-GCM under the master key (key.master_file), which is never in a backup.
 *
 * Each sealed thing is bound to what it is ("authority:<id>"), so that one cannot stand in for another.
 * Refusals: ERR_CONFLICT "wrong_key" when the master key or the name is not the one it was sealed with.
 */
#include "core/mem.h"

#define SEAL_OVERHEAD 64	/* bytes that sealing adds at most */

struct sealer;

/* `master`: the bytes of the key's file; wiped when the sealer's context ends. */
bool sealer_new(TALLOC_CTX *ctx, struct bytes master, struct sealer **ret, struct err *err) CHECKED;

bool seal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *name, struct bytes plain, struct bytes *ret,
	  struct err *err) CHECKED;
/* The plain bytes are wiped when their context ends. */
bool unseal(TALLOC_CTX *ctx, const struct sealer *sealer, const char *name, struct bytes sealed, struct bytes *ret,
	    struct err *err) CHECKED;
