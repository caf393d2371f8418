#pragma once
/*
 * pack - bytes made smaller for keeping: a zlib stream (RFC 1950) with small tables, for answers of a few KB.
 */
#include "core/mem.h"

struct bytes pack(TALLOC_CTX *ctx, struct bytes plain);	/* empty stays empty */

/* ERR_LIMIT beyond max, ERR_INVALID for what pack did not make. */
bool unpack(TALLOC_CTX *ctx, struct bytes packed, size_t max, struct bytes *ret, struct err *err) CHECKED;
