#pragma once
/*
 * macho - what a main executable says of itself: thin or fat, bounds-checked at every step.
 *
 * Reads only load commands and the code signature, through `read_at` (offsets inside the executable),
 * so memory does not depend on its size.  A file that is no Mach-O is ERR_INVALID.
 * Formats: <mach-o/fat.h>, <mach-o/loader.h>, and the code signing blobs of xnu's cs_blobs.h.
 */
#include <stdint.h>
#include "core/mem.h"

#define MACHO_ARCHS_MAX		16
#define MACHO_COMMANDS_MAX	4096
#define MACHO_COMMANDS_BYTES	(1u << 20)
#define MACHO_ENTITLEMENTS_MAX	(1u << 20)
#define MACHO_CMS_MAX		(256u << 10)

/* Up to `len` bytes at `offset` into p; returns how many, less than len only at the end. */
typedef bool macho_read(void *arg, uint64_t offset, void *p, size_t len, size_t *got, struct err *err);

struct macho {
	const char *architectures[MACHO_ARCHS_MAX];	/* "arm64", "armv7", "x86_64" ... */
	size_t architecture_count;
	bool encrypted;			/* cryptid of any slice: an App Store download */
	bool is_signed;			/* LC_CODE_SIGNATURE with a CodeDirectory */
	bool simulator;			/* LC_BUILD_VERSION says a simulator platform */
	const char *team_id;		/* CodeDirectory's; "" when there is none */
	struct bytes entitlements;	/* XML plist of the first slice that has one; empty else */
	struct bytes cms;		/* of the first slice that has one: who signed it (provision_signer); empty else */
};

bool macho_inspect(TALLOC_CTX *ctx, macho_read *read_at, void *arg, uint64_t size, struct macho **ret,
		   struct err *err) CHECKED;
