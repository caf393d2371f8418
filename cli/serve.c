/*
 * pomona serve --data DIR --listen ADDR:PORT|unix:PATH (--plain | --tls-cert F --tls-key F)
 *
 * Prints `ready URL` when it answers.  SIGHUP re-reads certificates and what configuration may change
 * while running; SIGTERM and SIGINT finish what is under way.
 */
#include "cli/command.h"
#include "core/clock.h"
#include "core/embed.h"
#include "core/log.h"
#include "web/rooms.h"
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define LARGE_MEMORY	(1 << 20)

struct opts {
	struct cli_call call;
	const char *listen, *cert, *key, *trust_listen, *device_listen;
	bool plain;
};

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "listen", 'l', "ADDR:PORT", "Address and port, [IPv6]:port, or unix:PATH", AT(listen) },
	{ "plain", 'p', NULL, "Plain HTTP: behind a proxy that does TLS, or on loopback", AT(plain) },
	{ "tls-cert", 't', "FILE", "Certificate and chain, PEM", AT(cert) },
	{ "tls-key", 'k', "FILE", "Its private key, PEM", AT(key) },
	{ "device-listen", 'D', "ADDR:PORT", "A listener for devices that show their certificate in TLS", AT(device_listen) },
	{ "trust-listen", 'T', "ADDR:PORT", "A plain listener for /trust alone", AT(trust_listen) },
	{ 0 }
};

static const char *
wrong(const void *p)
{
	const struct opts *o = p;

	if (o->plain && (o->cert || o->key))
		return "--plain and --tls-cert exclude each other";
	return !o->cert != !o->key ? "--tls-cert and --tls-key go together" : NULL;
}

static void
take_options(struct conf *conf, const struct opts *o)
{
	if (o->listen)
		conf->server_listen = o->listen;
	if (o->device_listen)
		conf->server_device_listen = o->device_listen;
	if (o->trust_listen)
		conf->server_trust_listen = o->trust_listen;
	if (o->plain)
		conf->server_plain = true;
	if (o->cert) {
		conf->server_tls_cert = o->cert;
		conf->server_tls_key = o->key;
		conf->server_plain = false;
	}
}

/* Where it answers: the base URL, or, when none is set, what it listens on. */
static const char *
ready_url(TALLOC_CTX *ctx, const struct site *site)
{
	const struct conf *conf = atomic_load(&site->conf);
	const char *listen = conf->server_listen, *colon = strrchr(listen, ':');

	if (strncmp(listen, "unix:", 5) == 0 || !colon)
		return listen;
	return mem_printf(ctx, "%s://%.*s:%d", conf->server_plain ? "http" : "https", (int)(colon - listen),
			  listen, server_port(site->server));
}

/*
 * Large blocks go back to the system when they are freed.  By itself malloc learns from the first that is freed, takes
 * the next from a thread's heap, and what a big order took stays there: 20 MB more after each.
 */
static void
return_large_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_MEMORY);
	mallopt(M_TRIM_THRESHOLD, 2 * LARGE_MEMORY);
}

int
cmd_serve(int argc, char **argv)
{
	static const struct cli_command serve = { .doc = "Serves the catalog.", .options = { options, .wrong = wrong } };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct conf *conf;
	struct site *site;
	sigset_t signals;
	int signal_no = 0;

	cli_parse(&serve, &o.call, argc, argv);
	return_large_memory();
	ctx = talloc_new(NULL);
	/* Before the first thread, so that every thread inherits it and sigwait alone sees them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	if (!cli_conf(ctx, &o.call.place, &conf, &err))
		return cli_fail(&err);
	take_options(conf, &o);
	if (!*conf->server_base_url)
		conf->server_base_url = mem_printf(conf, "%s://%s", conf->server_plain ? "http" : "https",
						   conf->server_listen);
	if (!site_open(ctx, conf->server_data, conf, &site, &err) || !site_start(site, &err))
		return cli_fail(&err);
	malloc_trim(0);	/* what reading pages, words and tables has left behind */
	embed_rest();
	printf("ready %s\n", ready_url(ctx, site));
	fflush(stdout);
	sd_notify(0, "READY=1");
	log_info("serving", KV("url", site->base_url), KV("listen", conf->server_listen));
	while (sigwait(&signals, &signal_no) == 0 && signal_no == SIGHUP) {
		sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_ms() * 1000);
		if (site_reload(site, &err))
			log_info("configuration and certificates read again");
		else
			log_err("reload", &err);
		sd_notify(0, "READY=1");
	}
	sd_notify(0, "STOPPING=1");
	log_info("stopping", KVI("signal", signal_no));
	site_stop(site);
	return EXIT_OK;
}
