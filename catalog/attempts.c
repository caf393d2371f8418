#include "catalog/attempts.h"
#include "catalog/person.h"
#include "core/clock.h"
#include "core/secret.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SETS	1024
#define WAYS	4

struct attempt {
	char hash[SECRET_HASH_SIZE];	/* of kind and key, salted; "": free */
	int64_t n, last;		/* how many, and when the last was; ADDRESS: as it was then */
	int64_t under_way;
};

static struct attempt table[ATTEMPTS_KINDS][SETS][WAYS];
static int64_t notes, notes_since;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int64_t
attempts_lock(int64_t failures)
{
	int64_t over = failures - PERSON_FAILURES_FREE, wait;

	if (over < 0)
		return 0;
	wait = over >= 12 ? PERSON_LOCK_MAX_S : (int64_t)1 << over;
	return wait < PERSON_LOCK_MAX_S ? wait : PERSON_LOCK_MAX_S;
}

/* What is left of them by now. */
static int64_t
standing(enum attempts kind, const struct attempt *a, int64_t now)
{
	int64_t gone;

	if (kind == ATTEMPTS_DIRECTORY)
		return now - a->last >= ATTEMPTS_DIRECTORY_S ? 0 : a->n;
	if (kind != ATTEMPTS_ADDRESS)
		return a->n;
	gone = now > a->last ? (now - a->last) / ATTEMPTS_ADDRESS_S : 0;
	return a->n > gone ? a->n - gone : 0;
}

/* Under the lock.  `make`: a place for it, if need be the one of whoever was silent longest. */
static struct attempt *
find(enum attempts kind, const char *key, bool make)
{
	static char salt[SECRET_HASH_SIZE];
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char hash[SECRET_HASH_SIZE];
	struct attempt *set, *oldest;

	if (!*salt)
		snprintf(salt, sizeof salt, "%s", secret_token(ctx));
	secret_hash(mem_printf(ctx, "%s\n%d\n%s", salt, (int)kind, key), hash);
	set = table[kind][strtoul(mem_textn(ctx, hash, 8), NULL, 16) % SETS];
	oldest = &set[0];
	for (int i = 0; i < WAYS; i++) {
		if (strcmp(set[i].hash, hash) == 0)
			return &set[i];
		if (set[i].last < oldest->last)
			oldest = &set[i];
	}
	if (!make)
		return NULL;
	*oldest = (struct attempt){ .n = 0 };
	memcpy(oldest->hash, hash, sizeof hash);
	return oldest;
}

int64_t
attempts_wait(enum attempts kind, const char *key)
{
	int64_t now = clock_now(), until = 0, n;
	struct attempt *a;

	pthread_mutex_lock(&lock);
	a = find(kind, key, false);
	n = a ? standing(kind, a, now) : 0;
	switch (kind) {
	case ATTEMPTS_NAME:
		until = n ? a->last + attempts_lock(n) : 0;
		break;
	case ATTEMPTS_DIRECTORY:
		until = n >= ATTEMPTS_DIRECTORY_MAX ? a->last + ATTEMPTS_DIRECTORY_S : 0;
		break;
	case ATTEMPTS_ADDRESS:
		until = n >= ATTEMPTS_ADDRESS_FREE ? now + (n - ATTEMPTS_ADDRESS_FREE + 1) * ATTEMPTS_ADDRESS_S : 0;
		break;
	default:
		break;
	}
	pthread_mutex_unlock(&lock);
	return until > now ? until - now : 0;
}

int64_t
attempts_failed(enum attempts kind, const char *key)
{
	int64_t now = clock_now(), n;
	struct attempt *a;

	pthread_mutex_lock(&lock);
	a = find(kind, key, true);
	a->n = n = standing(kind, a, now) + 1;
	a->last = now;
	pthread_mutex_unlock(&lock);
	return n;
}

int64_t
attempts_begin(enum attempts kind, const char *key)
{
	int64_t now = clock_now(), wait = 0;
	struct attempt *a;

	pthread_mutex_lock(&lock);
	a = find(kind, key, true);
	a->n = standing(kind, a, now);
	if (a->n >= ATTEMPTS_DIRECTORY_MAX) {
		wait = a->last + ATTEMPTS_DIRECTORY_S - now;
	} else if (a->n + a->under_way >= ATTEMPTS_DIRECTORY_MAX) {
		wait = ATTEMPTS_BUSY;
	} else {
		a->under_way++;
		if (!a->n)
			a->last = now;
	}
	pthread_mutex_unlock(&lock);
	return wait;
}

int64_t
attempts_end(enum attempts kind, const char *key, bool failed)
{
	int64_t now = clock_now(), n = 0;
	struct attempt *a;

	pthread_mutex_lock(&lock);
	a = find(kind, key, failed);
	if (a && a->under_way)
		a->under_way--;
	if (a && failed) {
		a->n = n = standing(kind, a, now) + 1;
		a->last = now;
	}
	pthread_mutex_unlock(&lock);
	return n;
}

void
attempts_forget(enum attempts kind, const char *key)
{
	struct attempt *a;

	pthread_mutex_lock(&lock);
	a = find(kind, key, false);
	if (a && a->under_way)
		a->n = 0;
	else if (a)
		*a = (struct attempt){ .n = 0 };
	pthread_mutex_unlock(&lock);
}

void
attempts_forget_all(void)
{
	pthread_mutex_lock(&lock);
	memset(table, 0, sizeof table);
	notes = notes_since = 0;
	pthread_mutex_unlock(&lock);
}

static bool
note(const char *key, int most)
{
	int64_t now = clock_now();
	struct attempt *a;
	bool good;

	pthread_mutex_lock(&lock);
	if (now - notes_since >= ATTEMPTS_NOTE_S) {
		notes_since = now;
		notes = 0;
	}
	a = find(ATTEMPTS_NOTE, key, notes < most);
	good = a && notes < most && (!a->n || now - a->last >= ATTEMPTS_NOTE_S);
	if (good) {
		a->n++;
		a->last = now;
		notes++;
	}
	pthread_mutex_unlock(&lock);
	return good;
}

bool
attempts_note(const char *key)
{
	return note(key, ATTEMPTS_NOTES_MAX);
}

bool
attempts_note_minor(const char *key)
{
	return note(key, ATTEMPTS_NOTES_MAX / 4);
}

const char *
attempts_address(TALLOC_CTX *ctx, const char *address)
{
	unsigned char ip[16];
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, address, ip) != 1)
		return address;
	memset(ip + 8, 0, 8);
	inet_ntop(AF_INET6, ip, text, sizeof text);
	return mem_printf(ctx, "%s/64", text);
}
