#pragma once
/*
 * macho_slice - one architecture inside an executable, and reading from it with every offset checked.
 */
#include <stdint.h>
#include "ipa/macho.h"

struct slice {
	macho_read *read_at;
	void *arg;
	uint64_t base, size;	/* where in the executable it lies */
	bool big;		/* big-endian */
	bool wide;		/* 64 bits */
};

/* Exactly `len` bytes from `offset` inside the slice; ERR_INVALID when they are not there. */
bool slice_read(const struct slice *slice, uint64_t offset, void *p, size_t len, struct err *err) CHECKED;

uint32_t be32(const uint8_t *p);

/* Reads LC_CODE_SIGNATURE's data into is_signed, team_id and entitlements. */
bool macho_signature(struct macho *macho, const struct slice *slice, uint32_t offset, uint32_t size,
		     struct err *err) CHECKED;
