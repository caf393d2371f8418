/*
 * scep_load - SCEP requests, ready-made, and how fast a server answers them.
 *
	if (argc == 5 && strcmp(argv[1], "known") == 0)
		return cmd_known(ctx, argv + 2);
	fputs("scep_load message TO.pem [CHALLENGE [TRANSACTION [ber]]] | known TO.pem DIR INSIDE |"
	      " run URL TO.pem N PARALLEL CHALLENGES\n", stderr);
 *	scep_load run URL TO.pem N PARALLEL CHALLENGES		JSON: {rate, p50_ms, p99_ms, n, failed}
 *
 * TO.pem: whose key envelopes are for.  CHALLENGES: a file with one a line, taken in turn; a file with a single
 * line is a static challenge.  The clock covers the requests alone: messages are made before it, and every reply
 * is opened after it.
 */
#include "core/clock.h"
#include "tests/device/craft_known.h"
#include <curl/curl.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS		32
#define REPLY_MAX	(64u << 10)

struct shot {
	struct bytes message;
	X509 *signer;
	EVP_PKEY *key;
	unsigned char *reply;
	size_t reply_len;
	double ms;
	long status;
};

struct run {
	const char *url;
	struct shot *shots;
	size_t n;
	atomic_size_t next;
};

static void
die(const char *why)
{
	fprintf(stderr, "scep_load: %s\n", why);
	exit(2);
}

static X509 *
read_cert(const char *path)
{
	FILE *file = fopen(path, "r");
	X509 *cert = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

	if (file)
		fclose(file);
	if (!cert)
		die("no certificate to envelope for");
	return cert;
}

static double
now_ms(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	struct shot *shot = arg;

	if (shot->reply_len + size * n > REPLY_MAX)
		return 0;
	memcpy(shot->reply + shot->reply_len, p, size * n);
	shot->reply_len += size * n;
	return size * n;
}

static void *
shoot(void *arg)
{
	struct run *run = arg;
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/x-pki-message");
	size_t i;

	headers = curl_slist_append(headers, "Expect:");
	curl_easy_setopt(curl, CURLOPT_URL, run->url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	while ((i = atomic_fetch_add(&run->next, 1)) < run->n) {
		struct shot *shot = &run->shots[i];
		double began = now_ms();

		shot->reply = malloc(REPLY_MAX);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, shot->message.p);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)shot->message.len);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, shot);
		if (curl_easy_perform(curl) == CURLE_OK)
			curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &shot->status);
		shot->ms = now_ms() - began;
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return NULL;
}

static int
by_ms(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool
came_out(TALLOC_CTX *ctx, const struct shot *shot)
{
	struct craft_reply reply;

	if (shot->status != 200)
		return false;
	reply = craft_read(ctx, (struct bytes){ shot->reply, shot->reply_len }, shot->signer, shot->key);
	return reply.status && strcmp(reply.status, "0") == 0 && reply.certs && sk_X509_num(reply.certs) > 0;
}

static int
report(TALLOC_CTX *ctx, const struct run *run, double ms)
{
	double *times = mem_array(ctx, double, run->n);
	size_t failed = 0;

	for (size_t i = 0; i < run->n; i++) {
		void *each = talloc_new(ctx);

		failed += !came_out(each, &run->shots[i]);
		times[i] = run->shots[i].ms;
		talloc_free(each);
	}
	qsort(times, run->n, sizeof *times, by_ms);
	printf("{\"rate\": %.1f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"n\": %zu, \"failed\": %zu}\n",
	       (double)run->n / ms * 1e3, times[run->n / 2], times[run->n * 99 / 100], run->n, failed);
	return failed ? 1 : 0;
}

static char *
next_line(FILE *file)
{
	static char line[512];

	if (!fgets(line, sizeof line, file)) {
		rewind(file);
		if (!fgets(line, sizeof line, file))
			die("no challenges");
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int
cmd_run(TALLOC_CTX *ctx, char **argv)
{
	struct run run = { .url = mem_printf(ctx, "%s?operation=PKIOperation", argv[0]), .n = strtoul(argv[2], NULL, 10) };
	size_t parallel = strtoul(argv[3], NULL, 10);
	FILE *challenges = fopen(argv[4], "r");
	X509 *to = read_cert(argv[1]), *signers[KEYS];
	pthread_t threads[64];
	double began;

	if (!run.n || !parallel || parallel > 64 || !challenges)
		die("how many, how many at once (64 at most), and a file of challenges");
	for (int i = 0; i < KEYS; i++)
		signers[i] = craft_cert(ctx, craft_key(i), "load");
	run.shots = mem_array(ctx, struct shot, run.n);
	for (size_t i = 0; i < run.n; i++) {
		struct craft c = { .to = to, .challenge = next_line(challenges), .key = craft_key((int)(i % KEYS)),
				   .transaction = mem_printf(ctx, "%ld-%zu", (long)getpid(), i), .signer = signers[i % KEYS],
				   .subject = mem_printf(ctx, "load %ld-%zu", (long)getpid(), i) };

		c.signer_key = c.key;
		run.shots[i] = (struct shot){ craft(ctx, &c), c.signer, c.key };
	}
	curl_global_init(CURL_GLOBAL_ALL);
	X509_free(to);
	fclose(challenges);
	began = now_ms();
	for (size_t i = 0; i < parallel; i++)
		pthread_create(&threads[i], NULL, shoot, &run);
	for (size_t i = 0; i < parallel; i++)
		pthread_join(threads[i], NULL);
	return report(ctx, &run, now_ms() - began);
}

static int
cmd_message(TALLOC_CTX *ctx, int argc, char **argv)
{
	struct craft c = { .to = read_cert(argv[0]), .challenge = argc > 1 && *argv[1] ? argv[1] : NULL,
			   .transaction = argc > 2 ? argv[2] : NULL,
			   .ber = argc > 3 && strcmp(argv[3], "ber") == 0 };
	struct bytes message = craft(ctx, &c);

	X509_free(c.to);
	return fwrite(message.p, 1, message.len, stdout) == message.len ? 0 : 2;
}

static bool
put_file(TALLOC_CTX *ctx, const char *dir, const char *name, struct bytes bytes)
{
	FILE *file = fopen(mem_printf(ctx, "%s/known_%s", dir, name), "wb");

	return file && (fwrite(bytes.p, 1, bytes.len, file) == bytes.len) & (fclose(file) == 0);
}

/* An envelope is only for those whose fault is in it, and the one without any. */
static int
cmd_known(TALLOC_CTX *ctx, char **argv)
{
	struct craft c = { .to = read_cert(argv[0]), .challenge = "open sesame" };
	bool ok = true;

	for (int i = 0; i < CRAFT_KNOWN_N; i++) {
		ok &= put_file(ctx, argv[1], craft_known_rows[i].name, craft_known(ctx, &c, (enum craft_known)i));
		if (i == KNOWN_WHOLE || (i >= KNOWN_NO_ENVELOPED_DATA && i <= KNOWN_IV_LONG))
			ok &= put_file(ctx, argv[2], craft_known_rows[i].name, craft_known_envelope(ctx, &c, (enum craft_known)i));
	}
	X509_free(c.to);
	return ok ? 0 : 2;
}

int
main(int argc, char **argv)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	if (argc == 7 && strcmp(argv[1], "run") == 0)
		return cmd_run(ctx, argv + 2);
	if (argc >= 3 && strcmp(argv[1], "message") == 0)
		return cmd_message(ctx, argc - 2, argv + 2);
	if (argc == 5 && strcmp(argv[1], "known") == 0)
		return cmd_known(ctx, argv + 2);
	fputs("scep_load message TO.pem [CHALLENGE [TRANSACTION [ber]]] | known TO.pem DIR INSIDE |"
	      " run URL TO.pem N PARALLEL CHALLENGES\n", stderr);
	return 2;
}
