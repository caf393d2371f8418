/*
 * Key n is made of primes i < j with n = j (j - 1) / 2 + i, so more primes never change the keys there are.
 *
 * The file is as many times PRIME_BYTES as there are primes; it grows under a lock, so that several programs
 * can use it at once.
 */
#include "tests/device/keys.h"
#include "tests/device/phone.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRIME_BITS	1024
#define PRIME_BYTES	(PRIME_BITS / 8)
#define PRIMES_MAX	450		/* 450 * 449 / 2 > KEYS_MAX */

static unsigned char primes[PRIMES_MAX][PRIME_BYTES];
static int have;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Primes that the keys before n need. */
static int
primes_for(int n)
{
	int j = 2;

	while (j * (j - 1) / 2 < n)
		j++;
	return j;
}

/* p - 1 has nothing in common with 65537, and p is long enough that every product has 2048 bits. */
static void
make_prime(unsigned char out[PRIME_BYTES])
{
	BIGNUM *p = BN_new();

	do {
		if (!BN_generate_prime_ex(p, PRIME_BITS, 0, NULL, NULL, NULL))
			phone_die("make a prime");
	} while (BN_mod_word(p, 65537) == 1);
	BN_bn2binpad(p, out, PRIME_BYTES);
	BN_free(p);
}

struct batch {
	int from, step, to;
};

static void *
make_some(void *arg)
{
	const struct batch *batch = arg;

	for (int i = batch->from; i < batch->to; i += batch->step)
		make_prime(primes[i]);
	return NULL;
}

static void
make_primes(int from, int to)
{
	struct batch batches[2] = { { from, 2, to }, { from + 1, 2, to } };
	pthread_t other;

	if (to - from > 20)
		fprintf(stderr, "device: makes %d primes for its keys\n", to - from);
	if (pthread_create(&other, NULL, make_some, &batches[1]) != 0)
		phone_die("start a thread");
	make_some(&batches[0]);
	pthread_join(other, NULL);
}

static int
open_file(void)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof ".primes");
	int fd;

	if (len <= 0)
		phone_die("find the program");
	memcpy(path + len, ".primes", sizeof ".primes");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) != 0)
		phone_die("open %s: %s", path, strerror(errno));
	return fd;
}

static void
need(int n)
{
	SCOPED(fd) int fd = -1;
	struct stat st;
	int there;

	if (n <= have)
		return;
	if (n > PRIMES_MAX)
		phone_die("there are no keys of so high a number");
	fd = open_file();
	if (fstat(fd, &st) != 0)
		phone_die("look at the primes");
	there = (int)(st.st_size / PRIME_BYTES) > PRIMES_MAX ? PRIMES_MAX : (int)(st.st_size / PRIME_BYTES);
	if (pread(fd, primes, (size_t)there * PRIME_BYTES, 0) != (ssize_t)there * PRIME_BYTES)
		phone_die("read the primes");
	if (there < n) {
		make_primes(there, n);
		if (pwrite(fd, primes[there], (size_t)(n - there) * PRIME_BYTES, (off_t)there * PRIME_BYTES) !=
		    (ssize_t)(n - there) * PRIME_BYTES)
			phone_die("write the primes");
	}
	have = there > n ? there : n;
}

void
keys_prepare(int n)
{
	pthread_mutex_lock(&lock);
	need(primes_for(n));
	pthread_mutex_unlock(&lock);
}

/* What RSA wants beside the primes: RFC 8017 section 3.2. */
struct numbers {
	BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qi;
};

static void
compute(struct numbers *k, const unsigned char *p, const unsigned char *q)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p1 = BN_new(), *q1 = BN_new(), *phi = BN_new();

	*k = (struct numbers){ BN_new(), BN_new(), BN_new(), BN_bin2bn(p, PRIME_BYTES, NULL),
			       BN_bin2bn(q, PRIME_BYTES, NULL), BN_new(), BN_new(), BN_new() };
	BN_set_word(k->e, 65537);
	BN_sub(p1, k->p, BN_value_one());
	BN_sub(q1, k->q, BN_value_one());
	if (!BN_mul(k->n, k->p, k->q, ctx) || !BN_mul(phi, p1, q1, ctx) || !BN_mod_inverse(k->d, k->e, phi, ctx) ||
	    !BN_mod(k->dp, k->d, p1, ctx) || !BN_mod(k->dq, k->d, q1, ctx) || !BN_mod_inverse(k->qi, k->q, k->p, ctx))
		phone_die("compute a key");
	BN_free(p1);
	BN_free(q1);
	BN_free(phi);
	BN_CTX_free(ctx);
}

static EVP_PKEY *
pkey_of(struct numbers *k)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *ret = NULL;
	OSSL_PARAM *params;

	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, k->n);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, k->e);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_D, k->d);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_FACTOR1, k->p);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_FACTOR2, k->q);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_EXPONENT1, k->dp);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_EXPONENT2, k->dq);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, k->qi);
	params = OSSL_PARAM_BLD_to_param(build);
	if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &ret, EVP_PKEY_KEYPAIR, params) != 1)
		phone_die("make a key of its numbers");
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return ret;
}

EVP_PKEY *
keys_number(int n)
{
	int j = primes_for(n + 1) - 1;
	struct numbers k;
	EVP_PKEY *ret;

	if (n < 0 || n >= KEYS_MAX)
		phone_die("there is no key of number %d", n);
	keys_prepare(n + 1);
	compute(&k, primes[n - j * (j - 1) / 2], primes[j]);
	ret = pkey_of(&k);
	BN_free(k.n), BN_free(k.e), BN_free(k.d), BN_free(k.p), BN_free(k.q), BN_free(k.dp), BN_free(k.dq), BN_free(k.qi);
	return ret;
}
