/*
 * The list is short because the caller prepares: what libraries open or ask lazily, they have done
 * before (ipa/inspect.c).
 */
#include "ipa/sandbox.h"
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

bool
sandbox_limits(size_t memory_max, unsigned cpu_max_s, struct err *err)
{
	const struct {
		__rlimit_resource_t what;
		rlim_t most;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_FSIZE, 0 },	/* pipes are not meant by it */
		{ RLIMIT_NPROC, 0 },
		{ RLIMIT_CPU, cpu_max_s },
#ifndef POMONA_SANITIZED
		{ RLIMIT_AS, memory_max },
#endif
	};

	(void)memory_max;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct rlimit limit = { limits[i].most, limits[i].most };

		if (setrlimit(limits[i].what, &limit) != 0)
			return err_errno(err, "setrlimit");
	}
	return true;
}

#ifdef POMONA_SANITIZED

bool
sandbox_enter(int in, int out, struct err *err)
{
	(void)in;
	(void)out;
	(void)err;
	return true;
}

#else

static bool
allow(scmp_filter_ctx filter, int in, int out)
{
	/* Seen in use, and beside them what the heap, the clock and a page fault may ask for. */
	static const int harmless[] = {
		SCMP_SYS(brk),	      SCMP_SYS(munmap),	       SCMP_SYS(mremap),
		SCMP_SYS(madvise),    SCMP_SYS(futex),	       SCMP_SYS(getrandom),
		SCMP_SYS(getpid),     SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
		SCMP_SYS(time),	      SCMP_SYS(rt_sigreturn),  SCMP_SYS(exit),
		SCMP_SYS(exit_group),
	};

	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, harmless[i], 0) != 0)
			return false;
	/* Anonymous memory only, never executable.  The kernel looks at 32 bits of a descriptor: a
	 * comparison with a 64-bit -1 would never be true. */
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				SCMP_A4_32(SCMP_CMP_EQ, 0xffffffff)) == 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(pread64), 1,
				SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)in)) == 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
				SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)out)) == 0;
}

bool
sandbox_enter(int in, int out, struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int code = -ENOMEM;

	if (filter && allow(filter, in, out))
		code = seccomp_load(filter);
	seccomp_release(filter);
	if (code != 0) {
		errno = -code;
		return err_errno(err, "enter the sandbox (seccomp)");
	}
	return true;
}

#endif
