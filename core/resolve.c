#include "core/resolve.h"
#include "core/mem.h"
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* Held by two: whoever leaves last frees it. */
struct lookup {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done, left;		/* the resolver has answered; nobody waits any more */
	int flags, rc;
	struct addrinfo *list;
	const char *host, *port;
};

static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;
static int under_way;

static bool
begin(void)
{
	bool room;

	pthread_mutex_lock(&count_lock);
	room = under_way < RESOLVE_MAX;
	under_way += room;
	pthread_mutex_unlock(&count_lock);
	return room;
}

static void
end(void)
{
	pthread_mutex_lock(&count_lock);
	under_way--;
	pthread_mutex_unlock(&count_lock);
}

static void
forget(struct lookup *l)
{
	pthread_cond_destroy(&l->answered);
	pthread_mutex_destroy(&l->lock);
	talloc_free(l);
}

static int
ask(const char *host, const char *port, int flags, struct addrinfo **ret)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = flags };

	*ret = NULL;
	return getaddrinfo(host, port, &want, ret);
}

static void *
look_up(void *arg)
{
	struct lookup *l = arg;
	struct addrinfo *list;
	int rc = ask(l->host, l->port, l->flags, &list);
	bool left;

	pthread_mutex_lock(&l->lock);
	l->rc = rc;
	l->list = list;
	l->done = true;
	left = l->left;
	pthread_cond_signal(&l->answered);
	pthread_mutex_unlock(&l->lock);
	if (left) {
		if (list)
			freeaddrinfo(list);
		forget(l);
	}
	end();
	return NULL;
}

static struct lookup *
lookup_new(const char *host, const char *port, int flags)
{
	struct lookup *l = mem_new(NULL, struct lookup);
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->answered, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&l->lock, NULL);
	l->host = mem_text(l, host);
	l->port = port ? mem_text(l, port) : NULL;
	l->flags = flags;
	return l;
}

static int
wait_for(struct lookup *l, int ms, struct addrinfo **ret)
{
	struct timespec until;
	int rc = EAI_AGAIN;
	bool done;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&l->lock);
	while (!l->done && pthread_cond_timedwait(&l->answered, &l->lock, &until) == 0)
		;
	done = l->done;
	if (done) {
		rc = l->rc;
		*ret = l->list;
	}
	l->left = true;
	pthread_mutex_unlock(&l->lock);
	if (done)
		forget(l);
	return rc;
}

int
resolve(const char *host, const char *port, int flags, int ms, struct addrinfo **ret)
{
	struct lookup *l;
	pthread_t thread;
	int rc = ask(host, port, AI_NUMERICHOST, ret);

	if (rc != EAI_NONAME)
		return rc;
	if (!begin())
		return EAI_AGAIN;
	l = lookup_new(host, port, flags);
	if (pthread_create(&thread, NULL, look_up, l) != 0) {
		forget(l);
		end();
		return EAI_MEMORY;
	}
	pthread_detach(thread);
	return wait_for(l, ms, ret);
}
