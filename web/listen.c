#include "web/listen.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool
begin(int fd, const struct sockaddr *at, socklen_t len, const char *where, struct err *err)
{
	if (bind(fd, at, len) != 0)
		return err_errno(err, "bind %s", where);
	if (listen(fd, LISTEN_BACKLOG) != 0)
		return err_errno(err, "listen on %s", where);
	return true;
}

static bool
open_unix(TALLOC_CTX *ctx, const char *where, struct listener *ret, struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const char *path = where + 5;
	struct stat st;
	int fd;

	if (!*path || strlen(path) >= sizeof at.sun_path)
		return err_set(err, ERR_INVALID, "listen on %s: not a path of at most %zu bytes",
			       where, sizeof at.sun_path - 1);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, "socket");
	if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0 || errno == EAGAIN) {
			close(fd);
			return err_set(err, ERR_CONFLICT,
				       "listen on %s: another server answers there", where);
		}
		unlink(path);
	}
	/* Whoever may connect is believed about his client: the owner and the group, from the first moment. */
	fchmod(fd, 0600);
	if (!begin(fd, (struct sockaddr *)&at, sizeof at, where, err)) {
		close(fd);
		return false;
	}
	if (chmod(path, LISTEN_UNIX_MODE) != 0) {
		close(fd);
		return err_errno(err, "set the mode of %s", where);
	}
	*ret = (struct listener){ .fd = fd, .unix_path = mem_text(ctx, path) };
	return true;
}

static int
bound_port(int fd)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof at;

	if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		return 0;
	return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port :
						((struct sockaddr_in *)&at)->sin_port);
}

bool
listen_open(TALLOC_CTX *ctx, const char *where, struct listener *ret, struct err *err)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	const char *colon = strrchr(where, ':');
	const int on = 1, off = 0;
	char *host;
	int fd, why;
	bool ok;

	if (strncmp(where, "unix:", 5) == 0)
		return open_unix(ctx, where, ret, err);
	if (!colon || !colon[1])
		return err_set(err, ERR_INVALID, "listen on %s: write ADDRESS:PORT or unix:PATH",
			       where);
	host = *where == '[' && colon[-1] == ']'
		       ? mem_textn(ctx, where + 1, (size_t)(colon - where) - 2)
		       : mem_textn(ctx, where, (size_t)(colon - where));
	/* At the start alone, before anybody waits for us: a name may take as long as the resolver does. */
	why = getaddrinfo(*host ? host : NULL, colon + 1, &hints, &found);
	talloc_free(host);
	if (why)
		return err_set(err, ERR_INVALID, "listen on %s: %s", where, gai_strerror(why));
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		freeaddrinfo(found);
		return err_errno(err, "socket");
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (found->ai_family == AF_INET6)	/* [::] answers IPv4 too */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	ok = begin(fd, found->ai_addr, found->ai_addrlen, where, err);
	freeaddrinfo(found);
	if (!ok) {
		close(fd);
		return false;
	}
	*ret = (struct listener){ .fd = fd, .port = bound_port(fd) };
	return true;
}
