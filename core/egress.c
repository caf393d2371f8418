#include "core/egress.h"
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include "core/num.h"
#include "core/resolve.h"

#define HOST_MAX	253
#define LABEL_MAX	63
#define WHITE		" \t,"

/* ---- what an address is: the first row that has it ---- */

/* After the registries of special-purpose addresses (RFC 6890), and the clouds' metadata services. */
static const struct {
	const char *net;
	enum egress_reach reach;
	const char *what;
} table[] = {
	{ "169.254.0.0/16",	EGRESS_NEVER,	"the link or a metadata service" },
	{ "100.100.100.200",	EGRESS_NEVER,	"a metadata service" },
	{ "168.63.129.16",	EGRESS_NEVER,	"a metadata service" },
	{ "192.0.0.0/24",	EGRESS_NEVER,	"no host" },
	{ "10.0.0.0/8",		EGRESS_PRIVATE,	"a private network" },
	{ "172.16.0.0/12",	EGRESS_PRIVATE,	"a private network" },
	{ "192.168.0.0/16",	EGRESS_PRIVATE,	"a private network" },
	{ "100.64.0.0/10",	EGRESS_PRIVATE,	"a private network" },
	{ "127.0.0.0/8",	EGRESS_PRIVATE,	"this machine" },
	{ "0.0.0.0/8",		EGRESS_NEVER,	"no host" },
	{ "192.0.2.0/24",	EGRESS_NEVER,	"the documentation" },
	{ "198.51.100.0/24",	EGRESS_NEVER,	"the documentation" },
	{ "203.0.113.0/24",	EGRESS_NEVER,	"the documentation" },
	{ "192.88.99.0/24",	EGRESS_NEVER,	"a tunnel" },
	{ "198.18.0.0/15",	EGRESS_NEVER,	"a test network" },
	{ "224.0.0.0/3",	EGRESS_NEVER,	"a group or no host" },
	{ "::ffff:0.0.0.0/96",	EGRESS_PUBLIC,	"the Internet" },
	{ "::1",		EGRESS_PRIVATE,	"this machine" },
	{ "fd00:ec2::254",	EGRESS_NEVER,	"a metadata service" },
	{ "fd20:ce::254",	EGRESS_NEVER,	"a metadata service" },
	{ "fc00::/7",		EGRESS_PRIVATE,	"a private network" },
	{ "fe80::/10",		EGRESS_NEVER,	"the link" },
	{ "2001::/23",		EGRESS_NEVER,	"a tunnel or no host" },
	{ "2001:db8::/32",	EGRESS_NEVER,	"the documentation" },
	{ "3fff::/20",		EGRESS_NEVER,	"the documentation" },
	{ "2002::/16",		EGRESS_NEVER,	"a tunnel" },
	{ "2000::/3",		EGRESS_PUBLIC,	"the Internet" },
};
#define ROWS (sizeof table / sizeof *table)

static struct net nets[ROWS], nat64;

static void
read_table(void)
{
	struct err err;

	for (size_t i = 0; i < ROWS; i++)
		if (!net_read(table[i].net, strlen(table[i].net), &nets[i], &err))
			abort();
	if (!net_read("64:ff9b::/96", 12, &nat64, &err))
		abort();
}

enum egress_reach
egress_judge(const unsigned char ip[16], const char **what)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned char inner[16] = { [10] = 0xff, [11] = 0xff };

	pthread_once(&once, read_table);
	if (net_has(&nat64, ip)) {	/* its last four bytes are where the gateway would go */
		memcpy(inner + 12, ip + 12, 4);
		ip = inner;
	}
	for (size_t i = 0; i < ROWS; i++)
		if (net_has(&nets[i], ip)) {
			*what = table[i].what;
			return table[i].reach;
		}
	*what = "no host";
	return EGRESS_NEVER;
}

/* The next of a list as addresses are written in settings; false at its end. */
static bool
next_word(const char **p, const char **word, size_t *len)
{
	*word = *p + strspn(*p, WHITE);
	*len = strcspn(*word, WHITE);
	*p = *word + *len;
	return *len > 0;
}

static bool
allows(const char *allow, const unsigned char ip[16])
{
	const char *p = allow ? allow : "", *word;
	struct err ignored;
	struct net net;
	size_t len;

	while (next_word(&p, &word, &len))
		if (net_read(word, len, &net, &ignored) && net_has(&net, ip))
			return true;
	return false;
}

bool
egress_allow_check(const char *allow, struct err *err)
{
	const char *p = allow ? allow : "", *word;
	struct net net;
	size_t len;

	while (next_word(&p, &word, &len))
		if (!net_read(word, len, &net, err))
			return err_at(err, "egress.allow");
	return true;
}

bool
egress_allow_seam(const char *allow)
{
	static const char *const own[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7" };
	const char *p = allow ? allow : "", *word;
	struct err ignored;
	struct net net, wide;
	size_t len;

	while (next_word(&p, &word, &len)) {
		bool inside = false;

		if (!net_read(word, len, &net, &ignored))
			return true;
		for (size_t i = 0; i < sizeof own / sizeof *own; i++)
			inside |= net_read(own[i], strlen(own[i]), &wide, &ignored) && net_holds(&wide, &net);
		if (!inside)
			return true;
	}
	return false;
}

/* ---- reading a URL ---- */

static const struct {
	const char *name;
	int port;
	bool encrypted;
} schemes[] = {
	{ "https", 443, true }, { "http", 80, false }, { "smtps", 465, true }, { "smtp", 25, false },
};

static bool
is_label(const char *p, size_t len)
{
	if (len == 0 || len > LABEL_MAX || p[0] == '-' || p[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!(p[i] >= 'a' && p[i] <= 'z') && !(p[i] >= '0' && p[i] <= '9') && p[i] != '-')
			return false;
	return true;
}

/*
 * A name, or an address in its one usual form.  What ends in a number is an address for some readers
 * (0x7f.1, 017700000001, 2130706433), so it must be four plain decimal numbers.
 */
static bool
is_host(const char *host)
{
	const char *last = strrchr(host, '.');
	unsigned char ip[16];

	last = last ? last + 1 : host;
	if (strspn(last, "0123456789") == strlen(last) || strncmp(last, "0x", 2) == 0)
		return net_ip(host, ip);
	if (strlen(host) > HOST_MAX)
		return false;
	for (const char *p = host;; p++) {
		size_t len = strcspn(p, ".");

		if (!is_label(p, len))
			return false;
		p += len;
		if (!*p)
			return true;
	}
}

/* "host", "host:25", "[::1]:25" without anything before or behind. */
static bool
read_authority(struct egress *e, char *text, struct err *err)
{
	char *port = NULL;
	unsigned char ip[16];
	int64_t number;

	for (char *c = text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	if (strchr(text, '@'))
		return err_set(err, ERR_INVALID, "a name or password does not belong into the address");
	if (*text == '[') {
		char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return err_set(err, ERR_INVALID, "\"%.60s\" is no host", text);
		*end = '\0';
		if (end[1])
			port = end + 2;
		e->host = text + 1;
		if (!strchr(e->host, ':') || !net_ip(e->host, ip))
			return err_set(err, ERR_INVALID, "\"%.60s\" is no IPv6 address", e->host);
	} else {
		if ((port = strchr(text, ':')))
			*port++ = '\0';
		e->host = text;
		if (!is_host(text))
			return err_set(err, ERR_INVALID, "\"%.60s\" is no host; write a name such as "
				       "apps.example.com, or an address as four numbers", text);
	}
	if (port && !num_parse(port, 1, 65535, &number, err))
		return err_at(err, "port");
	if (port)
		e->port = (int)number;
	return true;
}

bool
egress_read(TALLOC_CTX *ctx, const char *url, struct egress **ret, struct err *err)
{
	struct egress *e;
	size_t i = 0, len = strnlen(url, EGRESS_URL_MAX + 1), scheme, authority;
	const char *rest;

	if (len == 0 || len > EGRESS_URL_MAX)
		return err_set(err, ERR_INVALID, "an address has 1 to %d bytes", EGRESS_URL_MAX);
	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("\\\"<>^`{|}", *c))
			return err_set(err, ERR_INVALID, "byte %zu of the address may not stand in one",
				       (size_t)(c - url) + 1);
	scheme = strcspn(url, ":/?#");
	while (i < sizeof schemes / sizeof *schemes &&
	       (strlen(schemes[i].name) != scheme || strncasecmp(url, schemes[i].name, scheme) != 0))
		i++;
	if (i == sizeof schemes / sizeof *schemes || strncmp(url + scheme, "://", 3) != 0)
		return err_set(err, ERR_INVALID, "\"%.60s\" does not begin with a kind of address that is "
			       "known here, such as https://", url);
	if (strchr(url, '#'))
		return err_set(err, ERR_INVALID, "# does not belong into the address");
	rest = url + scheme + 3;
	authority = strcspn(rest, "/?");
	e = mem_new(ctx, struct egress);
	e->scheme = schemes[i].name;
	e->port = schemes[i].port;
	e->encrypted = schemes[i].encrypted;
	e->path = mem_text(e, rest + authority);
	if (!read_authority(e, mem_textn(e, rest, authority), err)) {
		talloc_free(e);
		return false;
	}
	*ret = e;
	return true;
}

char *
egress_url(TALLOC_CTX *ctx, const struct egress *e)
{
	bool v6 = strchr(e->host, ':') != NULL;

	return mem_printf(ctx, "%s://%s%s%s:%d%s%s", e->scheme, v6 ? "[" : "", e->host, v6 ? "]" : "",
			  e->port,
			  *e->path == '?' ? "/" : "", e->path);
}

/* ---- resolving and judging ---- */

/* A resolver that hangs holds neither a job's thread nor a stop for longer. */
static bool
ask_system(const char *host, int ms, unsigned char ips[][16], size_t *n, struct err *err)
{
	struct addrinfo *list = NULL;
	int rc = resolve(host, NULL, AI_ADDRCONFIG, ms ? ms : EGRESS_RESOLVE_MS, &list);

	if (rc != 0)
		return err_set(err, ERR_UPSTREAM, "the name %s cannot be resolved: %s", host,
			       gai_strerror(rc));
	*n = 0;
	for (const struct addrinfo *a = list; a && *n < EGRESS_ADDRESSES_MAX; a = a->ai_next)
		*n += net_of(a->ai_addr, a->ai_addrlen, ips[*n]);
	freeaddrinfo(list);
	return *n || err_set(err, ERR_UPSTREAM, "the name %s has no address", host);
}

static bool
judge(const struct egress *e, const struct egress_rules *rules, const unsigned char ip[16], struct err *err)
{
	char text[NET_TEXT_SIZE];
	const char *what;
	enum egress_reach reach = egress_judge(ip, &what);

	if (allows(rules->allow, ip))
		return true;
	net_text(ip, text);
	if (reach == EGRESS_NEVER || (reach == EGRESS_PRIVATE && !rules->configured))
		return err_code(err, ERR_INVALID, "egress_refused",
				"%s is an address of %s, which this server "
				"does not call%s", strcmp(text, e->host) == 0 ? "it" : text, what,
				reach == EGRESS_PRIVATE ? "; an operator may open it with egress.allow" : "");
	if (reach == EGRESS_PUBLIC && strcmp(e->scheme, "http") == 0)
		return err_code(err, ERR_INVALID, "egress_refused",
				"http:// would send everything in the clear; "
				"use https://");
	return true;
}

static bool
takes_scheme(const struct egress *e, const char *names)
{
	size_t len = strlen(e->scheme);

	for (const char *p = names; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, e->scheme, len) == 0)
			return true;
		p += n;
	}
	return false;
}

static bool
find(struct egress *e, const struct egress_rules *rules, struct err *err)
{
	if (!takes_scheme(e, rules->schemes))
		return err_set(err, ERR_INVALID, "%s:// is not taken here, only %s", e->scheme,
			       rules->schemes);
	if (net_ip(e->host, e->ips[0]))
		e->ips_n = 1;
	else if (!(rules->resolve ? rules->resolve(e->host, e->ips, &e->ips_n, err)
				  : ask_system(e->host, rules->resolve_ms, e->ips, &e->ips_n, err)))
		return false;
	for (size_t i = 0; i < e->ips_n; i++)
		if (!judge(e, rules, e->ips[i], err))
			return err_at(err, "%s", e->host);
	return true;
}

bool
egress_open(TALLOC_CTX *ctx, const struct egress_rules *rules, const char *url, struct egress **ret,
	    struct err *err)
{
	struct egress *e;

	if (!egress_read(ctx, url, &e, err))
		return false;
	if (!find(e, rules, err)) {
		talloc_free(e);
		return false;
	}
	*ret = e;
	return true;
}

bool
egress_has(const struct egress *e, const struct sockaddr *addr, socklen_t len)
{
	unsigned char ip[16];

	if (!net_of(addr, len, ip))
		return false;
	for (size_t i = 0; i < e->ips_n; i++)
		if (memcmp(e->ips[i], ip, sizeof ip) == 0)
			return true;
	return false;
}

bool
egress_loopback(const struct egress *e)
{
	static const struct net v4 = { { [10] = 0xff, [11] = 0xff, [12] = 127 }, 104 };
	static const struct net v6 = { { [15] = 1 }, 128 };

	for (size_t i = 0; i < e->ips_n; i++)
		if (!net_has(&v4, e->ips[i]) && !net_has(&v6, e->ips[i]))
			return false;
	return e->ips_n > 0;
}
