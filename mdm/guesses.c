#include "mdm/guesses.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/secret.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

#define SETS	256	/* two digits of the hash */
#define WAYS	4
#define NAME_SIZE (INET6_ADDRSTRLEN + 1)

struct guess {
	char hash[SECRET_HASH_SIZE];	/* of the address, salted; "": free */
	int64_t since, n;
};

static struct guess table[SETS][WAYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
hash_of(const char *address, char hash[SECRET_HASH_SIZE])
{
	static unsigned char salt[32];
	static bool salted;
	unsigned char ip[16];
	char name[NAME_SIZE];

	if (!salted)
		secret_random(salt, sizeof salt);
	salted = true;
	snprintf(name, sizeof name, "%s", address);
	if (inet_pton(AF_INET6, address, ip) == 1) {
		memset(ip + 8, 0, 8);
		inet_ntop(AF_INET6, ip, name, sizeof name);
	}
	secret_mac((struct bytes){ salt, sizeof salt }, name, hash);
}

/* Under the lock; an entry whose minute is over counts nothing. */
static struct guess *
find(const char *address, bool make)
{
	char hash[SECRET_HASH_SIZE];
	int64_t now = clock_now();
	struct guess *set, *oldest;

	hash_of(address, hash);
	set = table[num_hex_digit(hash[0]) << 4 | num_hex_digit(hash[1])];
	oldest = &set[0];
	for (int i = 0; i < WAYS; i++) {
		if (set[i].n && (now - set[i].since >= GUESSES_S || now < set[i].since))
			set[i] = (struct guess){ .n = 0 };
		if (strcmp(set[i].hash, hash) == 0)
			return &set[i];
		if (set[i].since < oldest->since)
			oldest = &set[i];
	}
	if (!make)
		return NULL;
	*oldest = (struct guess){ .since = now };
	memcpy(oldest->hash, hash, sizeof hash);
	return oldest;
}

bool
guesses_left(const char *address)
{
	struct guess *guess;
	bool left;

	pthread_mutex_lock(&lock);
	guess = find(address, false);
	left = !guess || guess->n < GUESSES_MAX;
	pthread_mutex_unlock(&lock);
	return left;
}

void
guesses_wrong(const char *address)
{
	pthread_mutex_lock(&lock);
	find(address, true)->n++;
	pthread_mutex_unlock(&lock);
}

void
guesses_forget(void)
{
	pthread_mutex_lock(&lock);
	memset(table, 0, sizeof table);
	pthread_mutex_unlock(&lock);
}
