/*
 * The fake APNs as a program (apns.h):
 *
 *	device apns DIR [--port N] [--clock FILE] [--keep DIR] [--fast]	serves until SIGTERM
 *	device apns-tell DIR WORD...				says a line at its door, prints the answer
 *	device apns-cert DIR TOPIC [--request CSR] [--days N] [--clock FILE]	prints PEM: certificate, and key without --request
 */
#include "tests/device/apns.h"
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/file.h"
#include "tests/device/device.h"

struct words {
	const char *dir, *topic, *request, *clock, *keep;
	int port, days;
	bool fast;
};

static struct words
read_words(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' }, { "clock", required_argument, NULL, 'c' },
		{ "fast", no_argument, NULL, 'f' }, { "request", required_argument, NULL, 'r' },
		{ "days", required_argument, NULL, 'd' }, { "keep", required_argument, NULL, 'k' }, { 0 },
	};
	struct words w = { .days = 365 };

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'p':	w.port = (int)strtol(optarg, NULL, 10); break;
		case 'd':	w.days = (int)strtol(optarg, NULL, 10); break;
		case 'c':	w.clock = optarg; break;
		case 'r':	w.request = optarg; break;
		case 'k':	w.keep = optarg; break;
		case 'f':	w.fast = true; break;
		default:	phone_die("read the head of tests/device/apns_main.c");
		}
	}
	w.dir = optind < argc ? argv[optind] : NULL;
	w.topic = optind + 1 < argc ? argv[optind + 1] : NULL;
	if (!w.dir)
		phone_die("which folder?");
	if (w.clock)
		clock_follow(w.clock);
	return w;
}

int
cmd_apns(int argc, char **argv)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct words w = read_words(argc, argv);
	struct fake_opts opts = { w.dir, w.keep, w.port, w.fast };
	struct fake *fake;
	sigset_t ends;
	int which;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	fake = fake_open(ctx, &opts);
	printf("ready %s\n", fake_url(fake));
	fflush(stdout);
	sigwait(&ends, &which);
	return 0;
}

int
cmd_apns_tell(int argc, char **argv)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	char *line = mem_text(ctx, "");
	const char *answer;

	if (argc < 3)
		phone_die("device apns-tell DIR WORD...");
	for (int i = 2; i < argc; i++)
		line = mem_printf(ctx, "%s%s%s", line, *line ? " " : "", argv[i]);
	answer = fake_tell(ctx, argv[1], line);
	if (strcmp(answer, "ok") != 0)
		puts(answer);
	return strncmp(answer, "no: ", 4) == 0;
}

int
cmd_apns_cert(int argc, char **argv)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct words w = read_words(argc, argv);
	struct fake_cert cert;
	struct bytes request = { 0 };
	struct err err;

	if (!w.topic)
		phone_die("for which topic?");
	if (w.request && !file_read(ctx, w.request, 65536, &request, &err))
		phone_die("%s: %s", w.request, err.cause);
	cert = fake_cert(ctx, w.dir, w.topic, w.request ? request.p : NULL, w.days);
	fputs(cert.cert_pem, stdout);
	if (cert.key_pem)
		fputs(cert.key_pem, stdout);
	return 0;
}
