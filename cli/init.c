/*
 * pomona init --data DIR --base-url URL [--config FILE] [--master-key FILE]
 *             [--ca-root [--root-key FILE] | --ca-cert FILE --ca-key FILE [--ca-chain FILE]]
 *
 * Makes the data directory, the master key (outside of it), the database, a configuration file and the
 * certificate authority of devices (ca_make.c).
 * --local instead of --base-url is the five-minute way (`./dev run`): a private CA and a certificate
 * for this host's own name and address, an admin with a one-time password, and a QR code that opens
 * /trust on a phone.
 * Running either again changes nothing that is there.  The certificate of --local is renewed when it is
 * about to end or this host has other addresses; the configuration is its operator's from then on, so an
 * address in it that this host no longer has is only told of.
 */
#include "catalog/person.h"
#include "cli/ca_make.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/secret.h"
#include "core/x509.h"
#include "web/qr.h"
#include "web/rooms.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCAL_PORT		8443
#define LOCAL_TRUST_PORT	8080
#define LOCAL_CA_DAYS		3650
#define LOCAL_CERT_DAYS		397	/* iOS refuses certificates that live longer than 398 days */
#define LOCAL_RENEW_DAYS	30
#define KEY_BYTES		32
#define QR_TEXT_SIZE		(64u << 10)

struct opts {
	struct cli_call call;
	struct cli_ca ca;
	const char *base_url, *master_key;
	bool local;
};

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "base-url", 'b', "URL", "Where people and phones reach this server: https://apps.example.com", AT(base_url) },
	{ "master-key", 'm', "FILE", "Where the key that seals other keys is kept; never inside DIR", AT(master_key) },
	{ "local", 'L', NULL, "A private CA and this host's own address, to try it on one's own network", AT(local) },
	{ 0 }
};

static const char *
wrong(const void *p)
{
	const struct opts *o = p;

	return !o->call.place.data || (!o->base_url && !o->local) ? "say --data DIR and --base-url URL" : NULL;
}

static bool
write_text(const char *path, int mode, const char *text, struct err *err)
{
	return file_write(path, mode, (struct bytes){ text, strlen(text) }, err);
}

static bool
make_dir(const char *path, struct err *err)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return err_errno(err, "make %s", path);
	return true;
}

/* A key beside the data it protects protects nothing: every backup would hold both. */
static bool
make_master_key(TALLOC_CTX *ctx, const char *path, const char *data, struct err *err)
{
	char *dir = mem_text(ctx, path), *slash = strrchr(dir, '/');
	unsigned char key[KEY_BYTES];
	struct buf hex;

	if (slash && slash > dir) {
		*slash = '\0';
		if (!make_dir(dir, err))
			return err_at(err, "master key (--master-key FILE names another place)");
	}
	if (!cli_outside(path, data, "the master key", "--master-key", err))
		return false;
	if (access(path, F_OK) == 0)
		return true;
	secret_random(key, sizeof key);
	buf_init(&hex, ctx, 2 * KEY_BYTES + 1);
	buf_hex(&hex, key, sizeof key);
	buf_text(&hex, "\n");
	return write_text(path, 0600, buf_str(&hex), err);
}

static bool
check_base_url(const char *url, struct err *err)
{
	const char *host = strstr(url, "://");

	if ((strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) || !host || !host[3] ||
	    strpbrk(host + 3, "/?# \"\\"))
		return err_set(err, ERR_INVALID, "%s is no base URL: https://apps.example.com, without a path", url);
	if (url[4] != 's')
		fprintf(stderr, "pomona: warning: iOS installs apps from https:// alone\n");
	return true;
}

/* ---- --local ---- */

struct lan {
	char host[HOST_NAME_MAX + 1];
	const char *address;	/* the first that is not loopback */
	const char *names;	/* for the certificate, by spaces */
};

static bool
find_lan(TALLOC_CTX *ctx, struct lan *lan, struct err *err)
{
	struct ifaddrs *list;

	if (gethostname(lan->host, sizeof lan->host) != 0 || getifaddrs(&list) != 0)
		return err_errno(err, "find this host's address");
	lan->names = mem_printf(ctx, "%s", lan->host);
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		char text[INET_ADDRSTRLEN];

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) ||
		    !(i->ifa_flags & IFF_UP))
			continue;
		inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, text, sizeof text);
		if (!lan->address)
			lan->address = mem_text(ctx, text);
		lan->names = mem_printf(ctx, "%s %s", lan->names, text);
	}
	freeifaddrs(list);
	if (!lan->address) {
		fprintf(stderr, "pomona: warning: this host has no address on a network; phones cannot reach it\n");
		lan->address = "127.0.0.1";
		lan->names = mem_printf(ctx, "%s 127.0.0.1", lan->names);
	}
	return true;
}

/* Good for another month, and for these names? They are kept beside it, one line. */
static bool
certificate_serves(TALLOC_CTX *ctx, const char *dir, const char *names)
{
	struct bytes pem, kept;
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;
	struct err err;
	time_t expires;

	return file_read(ctx, mem_printf(ctx, "%s/cert.pem", dir), 65536, &pem, &err) &&
	       file_read(ctx, mem_printf(ctx, "%s/names", dir), 65536, &kept, &err) &&
	       strcmp(kept.p, names) == 0 && x509_read_pem(pem, &certs, &err) &&
	       x509_expires(sk_X509_value(certs, 0), &expires) &&
	       expires > clock_now() + LOCAL_RENEW_DAYS * DAY_S;
}

static bool
make_certificates(TALLOC_CTX *ctx, const char *data, const struct lan *lan, struct err *err)
{
	const char *dir = mem_printf(ctx, "%s/tls", data);
	const char *ca_pem = mem_printf(ctx, "%s/ca.pem", dir), *ca_key = mem_printf(ctx, "%s/ca.key", dir);
	struct x509_made ca, leaf;
	struct bytes cert, key;

	if (!make_dir(dir, err))
		return false;
	if (access(ca_pem, F_OK) == 0) {
		if (certificate_serves(ctx, dir, lan->names))
			return true;
		if (!file_read(ctx, ca_pem, 65536, &cert, err) || !file_read(ctx, ca_key, 65536, &key, err))
			return false;
		ca = (struct x509_made){ mem_textn(ctx, cert.p, cert.len), mem_textn(ctx, key.p, key.len) };
	} else if (!x509_make(ctx, mem_printf(ctx, "Pomona CA of %s", lan->host), NULL, LOCAL_CA_DAYS, NULL, &ca, err) ||
		   !write_text(ca_key, 0600, ca.key_pem, err) || !write_text(ca_pem, 0644, ca.cert_pem, err)) {
		return false;
	}
	return x509_make(ctx, lan->address, lan->names, LOCAL_CERT_DAYS, &ca, &leaf, err) &&
	       write_text(mem_printf(ctx, "%s/key.pem", dir), 0600, leaf.key_pem, err) &&
	       write_text(mem_printf(ctx, "%s/cert.pem", dir), 0644,
			      mem_printf(ctx, "%s%s", leaf.cert_pem, ca.cert_pem), err) &&
	       write_text(mem_printf(ctx, "%s/names", dir), 0644, lan->names, err);
}

/* The base URL names an address of the day it was written; a name is the operator's own affair. */
static void
tell_moved(TALLOC_CTX *ctx, const struct conf *conf, const struct lan *lan)
{
	char *host = mem_text(ctx, conf->server_base_url + strcspn(conf->server_base_url, ":"));
	struct in_addr address;

	host += strspn(host, ":/");
	host[strcspn(host, ":")] = '\0';
	if (inet_pton(AF_INET, host, &address) != 1 ||
	    strstr(mem_printf(ctx, " %s ", lan->names), mem_printf(ctx, " %s ", host)))
		return;
	fprintf(stderr, "pomona: warning: this host no longer has the address %s: write"
		" base_url = 'https://%s:%d' in the section server of %s\n", host, lan->address, LOCAL_PORT, conf->file);
}

static bool
first_admin(TALLOC_CTX *ctx, struct db *db, struct err *err)
{
	int64_t people;
	char *password;

	if (!person_count(db, &people, err))
		return false;
	if (people)
		return true;
	password = mem_printf(ctx, "%.4s-%.4s-%.4s", secret_id(ctx), secret_id(ctx), secret_id(ctx));
	/* Said before: whatever happens next, nobody is there whose password was never shown. */
	printf("sign in    admin, one-time password %s\n", password);
	fflush(stdout);
	return person_add_once(db, "cli", "admin", ROLE_ADMIN, password, err);
}

/* As libconfuse reads it back to the letter: in double quotes it would also put in ${NAMES}. */
static const char *
quoted(TALLOC_CTX *ctx, const char *text)
{
	char *out = mem_size(ctx, 2 * strlen(text) + 3), *to = out;

	*to++ = '\'';
	for (; *text; *to++ = *text++)
		if (*text == '\'' || *text == '\\')
			*to++ = '\\';
	*to++ = '\'';
	*to = '\0';
	return out;
}

static const char *
configuration(TALLOC_CTX *ctx, const struct opts *o, const struct lan *lan, const char *master)
{
	const char *text = mem_printf(ctx,
		"# Pomona. Every setting: pomona --config-help\n"
		"server {\n\tbase_url = %s\n", quoted(ctx, o->base_url));

	if (o->local)
		text = mem_printf(ctx, "%s\tlisten = \"[::]:%d\"\n\ttls_cert = %s\n\ttls_key = %s\n"
				  "\ttrust_listen = \"[::]:%d\"\n", text, LOCAL_PORT,
				  quoted(ctx, mem_printf(ctx, "%s/tls/cert.pem", o->call.place.data)),
				  quoted(ctx, mem_printf(ctx, "%s/tls/key.pem", o->call.place.data)), LOCAL_TRUST_PORT);
	text = mem_printf(ctx, "%s}\nkey {\n\tmaster_file = %s\n}\n", text, quoted(ctx, master));
	if (o->local)
		text = mem_printf(ctx, "%scompany {\n\tname = %s\n}\n", text, quoted(ctx, lan->host));
	return text;
}

/* Once: what is there stays, whatever is said now. */
static bool
make_ca(const struct conf *conf, struct db *db, const struct cli_ca *o, struct err *err)
{
	bool any;

	if (!cli_ca_any(db, &any, err))
		return false;
	if (any && (o->root || o->cert))
		fprintf(stderr, "pomona: the certificate authority is there and stays; `pomona ca renew` makes its successor\n");
	if (!any && !*conf->key_master_file) {
		fprintf(stderr, "pomona: warning: no certificate authority was made: %s does not set key.master_file\n",
			conf->file);
		return true;
	}
	return any || cli_ca_make(conf, db, o, err);
}

int
cmd_init(int argc, char **argv)
{
	static const struct cli_options of_ca = { cli_ca_rows, "The certificate authority of devices:", AT(ca), cli_ca_wrong };
	static const struct cli_command init = {
		.doc = "Makes the data directory, its keys, database and configuration.",
		.options = { options, .wrong = wrong }, .also = &of_ca,
	};
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct cli_place *place = &o.call.place;
	struct err err = { 0 };
	struct lan lan = { .address = NULL };
	const char *config, *master, *trust_url;
	char real[PATH_MAX];
	struct conf *conf;
	struct buf qr;
	struct db *db;

	cli_parse(&init, &o.call, argc, argv);
	ctx = talloc_new(NULL);
	umask(077);
	if (!make_dir(place->data, &err))
		return cli_fail(&err);
	if (realpath(place->data, real))
		place->data = mem_text(ctx, real);
	if (o.local) {
		if (!find_lan(ctx, &lan, &err) || !make_certificates(ctx, place->data, &lan, &err))
			return cli_fail(&err);
		o.base_url = mem_printf(ctx, "https://%s:%d", lan.address, LOCAL_PORT);
	}
	master = o.master_key ? o.master_key : o.local ? mem_printf(ctx, "%s.master.key", place->data)
						       : "/etc/pomona/master.key";
	config = place->config ? place->config : mem_printf(ctx, "%s/pomona.conf", place->data);
	if (!check_base_url(o.base_url, &err) || !make_master_key(ctx, master, place->data, &err))
		return cli_fail(&err);
	if (realpath(master, real))	/* serve may begin elsewhere */
		master = mem_text(ctx, real);
	if (access(config, F_OK) != 0 && !write_text(config, 0600, configuration(ctx, &o, &lan, master), &err))
		return cli_fail(&err);
	place->config = config;
	if (!cli_db(ctx, place, &conf, &db, &err))
		return cli_fail(&err);
	printf("data       %s\nsettings   %s\nmaster key %s\nbase URL   %s\n", place->data, config, master,
	       conf->server_base_url);
	if (!make_ca(conf, db, &o.ca, &err))
		return cli_fail(&err);
	if (!o.local) {
		puts("next       pomona user add NAME --admin --password-file FILE, then pomona serve");
		return EXIT_OK;
	}
	tell_moved(ctx, conf, &lan);
	if (!first_admin(ctx, db, &err))
		return cli_fail(&err);
	trust_url = mem_printf(ctx, "http://%s:%d/trust", lan.address, LOCAL_TRUST_PORT);
	buf_init(&qr, ctx, QR_TEXT_SIZE);
	if (!qr_text(trust_url, &qr, &err))
		return cli_fail(&err);
	printf("on a phone %s\n%s", trust_url, buf_str(&qr));
	return EXIT_OK;
}
