#include "web/address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include "core/num.h"

#define SET_MAX 256

struct addresses {
	bool local;
	size_t n;
	struct {
		unsigned char ip[16];
		int bits;	/* of 128 */
	} nets[];
};

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool
read_ip(const char *text, unsigned char ip[16], bool *v4)
{
	*v4 = inet_pton(AF_INET, text, ip + 12) == 1;
	if (*v4)
		memcpy(ip, mapped, sizeof mapped);
	return *v4 || inet_pton(AF_INET6, text, ip) == 1;
}

static bool
read_net(const char *text, size_t len, struct addresses *set, struct err *err)
{
	char copy[ADDRESS_TEXT_SIZE + 5], *slash;
	int64_t bits = -1;
	bool v4;

	if (len >= sizeof copy)
		return err_set(err, ERR_INVALID, "%.*s is no address", (int)len, text);
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (strcmp(copy, "unix") == 0)
		return set->local = true;
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (!read_ip(copy, set->nets[set->n].ip, &v4))
		return err_set(err, ERR_INVALID, "%.*s is no address", (int)len, text);
	if (slash && !num_parse(slash, 0, v4 ? 32 : 128, &bits, err))
		return err_set(err, ERR_INVALID, "%.*s: no prefix length", (int)len, text);
	if (bits < 0)
		bits = v4 ? 32 : 128;
	set->nets[set->n++].bits = (int)bits + (v4 ? 96 : 0);
	return true;
}

bool
addresses_read(TALLOC_CTX *ctx, const char *text, struct addresses **ret, struct err *err)
{
	struct addresses *set = talloc_zero_size(ctx, sizeof *set + SET_MAX * sizeof *set->nets);

	mem_must(set);
	for (const char *p = text ? text : ""; *p;) {
		size_t len;

		p += strspn(p, " \t,");
		len = strcspn(p, " \t,");
		if (len == 0)
			break;
		if (set->n == SET_MAX) {
			talloc_free(set);
			return err_set(err, ERR_INVALID, "more than %d trusted proxies", SET_MAX);
		}
		if (!read_net(p, len, set, err)) {
			talloc_free(set);
			return err_at(err, "trusted proxies");
		}
		p += len;
	}
	*ret = set;
	return true;
}

static const struct address own_v4 = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 } },
			    own_v6 = { .ip = { [15] = 1 } }, own_unix = { .local = true };

bool
address_is_own(const struct address *address)
{
	return address->local || memcmp(address->ip, own_v4.ip, 13) == 0 ||	/* 127.0.0.0/8 */
	       memcmp(address->ip, own_v6.ip, sizeof own_v6.ip) == 0;
}

bool
addresses_have_own(const struct addresses *set)
{
	return addresses_have(set, &own_v4) || addresses_have(set, &own_v6) || addresses_have(set, &own_unix);
}

bool
addresses_have(const struct addresses *set, const struct address *address)
{
	if (address->local)
		return set->local;
	for (size_t i = 0; i < set->n; i++) {
		int whole = set->nets[i].bits / 8, rest = set->nets[i].bits % 8;

		if (memcmp(address->ip, set->nets[i].ip, (size_t)whole) != 0)
			continue;
		if (!rest || (address->ip[whole] ^ set->nets[i].ip[whole]) >> (8 - rest) == 0)
			return true;
	}
	return false;
}

void
address_of(const struct sockaddr *peer, socklen_t len, struct address *ret)
{
	*ret = (struct address){ 0 };
	if (peer && peer->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		memcpy(ret->ip, mapped, sizeof mapped);
		memcpy(ret->ip + 12, &((const struct sockaddr_in *)peer)->sin_addr, 4);
	} else if (peer && peer->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		memcpy(ret->ip, &((const struct sockaddr_in6 *)peer)->sin6_addr, 16);
	} else {
		ret->local = true;
	}
}

const char *
address_text(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	bool v4 = memcmp(address->ip, mapped, sizeof mapped) == 0;

	if (address->local)
		snprintf(text, ADDRESS_TEXT_SIZE, "unix");
	else
		inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address->ip + 12 : address->ip, text,
			  ADDRESS_TEXT_SIZE);
	return text;
}

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711" */
static bool
read_hop(const char *text, size_t len, struct address *ret)
{
	char copy[64], *end;
	bool v4;

	while (len && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len == 0 || len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*ret = (struct address){ 0 };
	if (*copy == '[') {
		end = strchr(copy, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		*end = '\0';
		return read_ip(copy + 1, ret->ip, &v4);
	}
	end = strchr(copy, ':');
	if (end && !strchr(end + 1, ':'))	/* one colon: a port; more: IPv6 */
		*end = '\0';
	return read_ip(copy, ret->ip, &v4);
}

void
address_client(const struct addresses *trusted, const struct address *peer,
	       const struct field *headers, size_t headers_n, struct address *ret)
{
	int hops = 0;

	*ret = *peer;
	if (!addresses_have(trusted, peer))
		return;
	/* Several header lines are one list, in their order. */
	for (size_t i = headers_n; i-- > 0;) {
		const char *value = headers[i].value, *end;

		if (strcasecmp(headers[i].name, "X-Forwarded-For") != 0)
			continue;
		for (end = value + strlen(value); end >= value; end--) {
			const char *from = end;
			struct address hop;

			while (from > value && from[-1] != ',')
				from--;
			if (++hops > ADDRESS_HOPS_MAX || !read_hop(from, (size_t)(end - from), &hop))
				return;
			*ret = hop;
			if (!addresses_have(trusted, &hop))
				return;
			end = from;
			if (end == value)
				break;
			/* The loop's step takes us from the first byte of this hop onto its comma. */
		}
	}
}

bool
address_forwarded_tls(const struct field *headers, size_t headers_n)
{
	for (size_t i = headers_n; i-- > 0;) {
		const char *value = headers[i].value, *last;

		if (strcasecmp(headers[i].name, "X-Forwarded-Proto") != 0)
			continue;
		last = strrchr(value, ',');
		last = last ? last + 1 : value;
		last += strspn(last, " \t");
		return strncasecmp(last, "https", 5) == 0 && strchr(" \t", last[5]);
	}
	return false;
}
