#pragma once
/*
 * facts - what an app says of itself, all of it, as the JSON that `pomona inspect` prints.
 *
 * Reads through `fd` by pread alone and opens nothing, so it can run where nothing else is allowed.
 * `file` is left null: the caller knows it.
 */
#include "ipa/inspect.h"
#include "ipa/provision.h"

#define FACTS_STRINGS_MAX (256u << 10)	/* an InfoPlist.strings */
#define FACTS_FILES_MAX (2u << 20)	/* bytes of all provisions that are told as they are; beyond it none is */
#define FACTS_CODE_MAX (1u << 30)	/* bytes of executables that are unpacked for their signatures */
#define FACTS_ENTITLEMENTS_MAX (64u << 10)	/* of one executable, as XML; larger ones are not told */

bool facts_read(TALLOC_CTX *ctx, int fd, uint64_t size, const struct inspect_opts *opts,
		const struct provision_roots *roots, struct inspect **ret, struct err *err) CHECKED;
