#pragma once
/*
 * sandbox - what a process gives up before it reads a stranger's file.  There is no way back.
 *
 * Under AddressSanitizer neither the memory limit nor the filter is set: its shadow takes terabytes
 * of address space, and its reports open files.  Such builds bound the child by hard_rss_limit_mb.
 */
#include "core/mem.h"

/* No core file, no new file, no child process, so much memory and so many seconds of CPU. */
bool sandbox_limits(size_t memory_max, unsigned cpu_max_s, struct err *err) CHECKED;

/*
 * From here on: pread from `in`, write to `out`, memory, exit.  Any other system call ends the
 * process.  Fails where the kernel has no seccomp, so that nothing runs without it.
 */
bool sandbox_enter(int in, int out, struct err *err) CHECKED;
