#pragma once
/*
 * fuzz - what each target has: one function, and a small quarantine, so that the memory limit of the
 * run measures us and not the sanitizer's freed blocks.
 */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=32";
}
