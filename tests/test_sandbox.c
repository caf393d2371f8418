/* What the inspect child may still do, and that anything else ends it. */
#include "tests/check.h"
#include "ipa/sandbox.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMORY_MAX = 64 << 20 };

static void
work(void)
{
	char part[4], *p = malloc(8 << 20);		/* large enough for mmap */

	if (!p || pread(0, part, sizeof part, 0) < 0 || write(1, part, 0) < 0)
		_exit(1);
	free(p);
}

static void
open_a_file(void)
{
	_exit(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0);
}

static void
open_a_socket(void)
{
	_exit(socket(AF_INET, SOCK_STREAM, 0) < 0);
}

static void
start_a_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	_exit(0);
}

static void
start_a_process(void)
{
	_exit(fork() < 0);
}

static void
map_code(void)
{
	_exit(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	      MAP_FAILED);
}

static void
map_the_file(void)
{
	_exit(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0) == MAP_FAILED);
}

static void
write_to_the_file(void)
{
	_exit(write(0, "x", 1) != 1);
}

static void
read_another_descriptor(void)
{
	char c;

	_exit(pread(1, &c, 1, 0) < 0);
}

static void
signal_the_parent(void)
{
	_exit(kill(getppid(), 0) != 0);
}

static int
in_the_sandbox(void (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct err err;
		int fd = open("tests/data/ipas/adhoc.ipa", O_RDONLY | O_CLOEXEC),
		    out = open("/dev/null", O_WRONLY);

		if (dup2(fd, 0) < 0 || dup2(out, 1) < 0 || !sandbox_limits(MEMORY_MAX, 5, &err) ||
		    !sandbox_enter(0, 1, &err))
			_exit(2);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
what_reading_needs_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(in_the_sandbox(work), 0);
}

static void
everything_else_ends_the_process(void **state)
{
	void (*const acts[])(void) = { open_a_file,	  open_a_socket,
				       start_a_program,	  start_a_process,
				       map_code,	  map_the_file,
				       write_to_the_file, read_another_descriptor,
				       signal_the_parent };

	(void)state;
#ifdef POMONA_SANITIZED
	test_skip("sanitizers do more than the sandbox allows");
#endif
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		int status = in_the_sandbox(acts[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static void
take_too_much_memory(void)
{
	void *volatile p = malloc(MEMORY_MAX);

	_exit(p != NULL);
}

static void
memory_is_bounded(void **state)
{
	(void)state;
#ifdef POMONA_SANITIZED
	test_skip("the shadow memory of sanitizers has no bound");
#endif
	assert_int_equal(in_the_sandbox(take_too_much_memory), 0);
}

TESTS(what_reading_needs_is_allowed, everything_else_ends_the_process, memory_is_bounded)
