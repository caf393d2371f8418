#include "core/net.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include "core/num.h"

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

bool
net_ip(const char *text, unsigned char ip[16])
{
	if (inet_pton(AF_INET, text, ip + 12) == 1) {
		memcpy(ip, mapped, sizeof mapped);
		return true;
	}
	return inet_pton(AF_INET6, text, ip) == 1;
}

bool
net_of(const struct sockaddr *addr, socklen_t len, unsigned char ip[16])
{
	if (addr && addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		memcpy(ip, mapped, sizeof mapped);
		memcpy(ip + 12, &((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
		return true;
	}
	if (addr && addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		memcpy(ip, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool
net_is_v4(const unsigned char ip[16])
{
	return memcmp(ip, mapped, sizeof mapped) == 0;
}

const char *
net_text(const unsigned char ip[16], char text[NET_TEXT_SIZE])
{
	bool v4 = net_is_v4(ip);

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? ip + 12 : ip, text, NET_TEXT_SIZE);
	return text;
}

bool
net_read(const char *text, size_t len, struct net *ret, struct err *err)
{
	char copy[NET_TEXT_SIZE + 5], *slash;
	int64_t bits = -1;
	bool v4;

	if (len >= sizeof copy)
		return err_set(err, ERR_INVALID, "%.*s is no address", (int)len, text);
	memcpy(copy, text, len);
	copy[len] = '\0';
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (!net_ip(copy, ret->ip))
		return err_set(err, ERR_INVALID, "%.*s is no address", (int)len, text);
	v4 = net_is_v4(ret->ip) && !strchr(copy, ':');
	if (slash && !num_parse(slash, 0, v4 ? 32 : 128, &bits, err))
		return err_set(err, ERR_INVALID, "%.*s: no prefix length", (int)len, text);
	if (bits < 0)
		bits = v4 ? 32 : 128;
	ret->bits = (int)bits + (v4 ? 96 : 0);
	return true;
}

bool
net_has(const struct net *net, const unsigned char ip[16])
{
	int whole = net->bits / 8, rest = net->bits % 8;

	return memcmp(ip, net->ip, (size_t)whole) == 0 &&
	       (!rest || (ip[whole] ^ net->ip[whole]) >> (8 - rest) == 0);
}

bool
net_holds(const struct net *net, const struct net *other)
{
	return other->bits >= net->bits && net_has(net, other->ip);
}
