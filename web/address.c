#include "web/address.h"
#include <string.h>
#include <strings.h>
#include "core/net.h"

#define SET_MAX 256

struct addresses {
	bool local;
	size_t n;
	struct net nets[];
};

static bool
read_net(const char *text, size_t len, struct addresses *set, struct err *err)
{
	if (len == 4 && memcmp(text, "unix", 4) == 0)
		return set->local = true;
	if (!net_read(text, len, &set->nets[set->n], err))
		return false;
	set->n++;
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
	for (size_t i = 0; i < set->n; i++)
		if (net_has(&set->nets[i], address->ip))
			return true;
	return false;
}

void
address_of(const struct sockaddr *peer, socklen_t len, struct address *ret)
{
	*ret = (struct address){ 0 };
	ret->local = !net_of(peer, len, ret->ip);
}

const char *
address_text(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	if (!address->local)
		return net_text(address->ip, text);
	snprintf(text, ADDRESS_TEXT_SIZE, "unix");
	return text;
}

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711" */
static bool
read_hop(const char *text, size_t len, struct address *ret)
{
	char copy[64], *end;

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
		return net_ip(copy + 1, ret->ip);
	}
	end = strchr(copy, ':');
	if (end && !strchr(end + 1, ':'))	/* one colon: a port; more: IPv6 */
		*end = '\0';
	return net_ip(copy, ret->ip);
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
