#include "web/follow.h"
#include "web/deadline.h"

#define ON_ITS_WAY	(256 << 10)	/* what a socket may hold that nobody has taken */
#define HEAD_MAX	2048		/* of an answer; it is counted by the kernel too */

void
follow_init(struct follow *follow, void (*end)(struct follow *follow, bool whole, int64_t sent))
{
	follow->end = end;
	atomic_store(&follow->fd, -1);
	atomic_store(&follow->acked, -1);
	atomic_store(&follow->given, 0);
}

void
follow_begin(struct follow *follow, int fd, int64_t acked)
{
	atomic_store(&follow->acked, acked);
	atomic_store(&follow->fd, fd);
}

int64_t
follow_out(struct follow *follow)
{
	int64_t before = atomic_load(&follow->acked);
	int fd = atomic_load(&follow->fd);
	struct deadline_traffic traffic;

	if (fd < 0)
		return 0;
	if (before < 0)
		return atomic_load(&follow->given);
	deadline_read_traffic(fd, &traffic);
	return traffic.sent > before ? traffic.sent - before : 0;
}

void
follow_over(struct follow *follow, bool whole)
{
	int64_t sent = 0;

	if (!whole)
		sent = follow_out(follow) - (atomic_load(&follow->acked) < 0 ? ON_ITS_WAY : HEAD_MAX);
	follow->end(follow, whole, sent > 0 ? sent : 0);
}
