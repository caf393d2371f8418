#pragma once
/*
 * facts - what an app says of itself, all of it, as the JSON of contract.md section 3.
 *
 * Reads through `fd` by pread alone and opens nothing, so it can run where nothing else is allowed.
 * `file` is left null: the caller knows it.
 */
#include "ipa/inspect.h"
#include "ipa/provision.h"

#define FACTS_STRINGS_MAX (256u << 10)	/* an InfoPlist.strings */

bool facts_read(TALLOC_CTX *ctx, int fd, uint64_t size, const struct inspect_opts *opts,
		const struct provision_roots *roots, struct inspect **ret, struct err *err) CHECKED;
