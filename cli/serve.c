/*
 * pomona serve --data DIR --listen ADDR:PORT|unix:PATH (--plain | --tls-cert F --tls-key F)
 *
 * Prints `ready URL` when it answers.  SIGHUP re-reads certificates and what configuration may change
 * while running; SIGTERM and SIGINT finish what is under way.
 */
#include "cli/cli.h"
#include "core/clock.h"
#include "core/log.h"
#include "web/rooms.h"
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

struct opts {
	struct cli_place place;
	const char *listen, *cert, *key, *trust_listen, *device_listen;
	bool plain;
};

static const struct argp_option options[] = {
	{ "listen", 'l', "ADDR:PORT", 0, "Address and port, [IPv6]:port, or unix:PATH", 0 },
	{ "plain", 'p', NULL, 0, "Plain HTTP: behind a proxy that does TLS, or on loopback", 0 },
	{ "tls-cert", 't', "FILE", 0, "Certificate and chain, PEM", 0 },
	{ "tls-key", 'k', "FILE", 0, "Its private key, PEM", 0 },
	{ "device-listen", 'D', "ADDR:PORT", 0, "A listener for devices that show their certificate in TLS", 0 },
	{ "trust-listen", 'T', "ADDR:PORT", 0, "A plain listener for /trust alone", 0 },
	{ 0 }
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->place;
		break;
	case 'l':	o->listen = arg; break;
	case 'p':	o->plain = true; break;
	case 't':	o->cert = arg; break;
	case 'k':	o->key = arg; break;
	case 'D':	o->device_listen = arg; break;
	case 'T':	o->trust_listen = arg; break;
	case ARGP_KEY_END:
		if (o->plain && (o->cert || o->key))
			argp_error(state, "--plain and --tls-cert exclude each other");
		if (!o->cert != !o->key)
			argp_error(state, "--tls-cert and --tls-key go together");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
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

int
cmd_serve(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL, "Serves the catalog.", cli_common, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct conf *conf;
	struct site *site;
	sigset_t signals;
	int signal_no = 0;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	/* Before the first thread, so that every thread inherits it and sigwait alone sees them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	if (!cli_conf(ctx, &o.place, &conf, &err))
		return cli_fail(&err);
	take_options(conf, &o);
	if (!*conf->server_base_url)
		conf->server_base_url = mem_printf(conf, "%s://%s", conf->server_plain ? "http" : "https",
						   conf->server_listen);
	if (!site_open(ctx, conf->server_data, conf, &site, &err) || !site_start(site, &err))
		return cli_fail(&err);
	malloc_trim(0);	/* what reading pages, words and tables has left behind */
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
