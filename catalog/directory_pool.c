/*
 * Connections that are kept, and which of the servers is asked: one that cannot be reached, says nothing or says that it
 * cannot comes last for a while, and what was asked of it is asked of the next.
 */
#include "catalog/directory_inner.h"
#include "core/clock.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

/* ---- kept ones ---- */

/* Nothing is to be read from an unused connection but its end. */
static bool
alive(struct conn *conn)
{
	int fd = -1;
	char byte;

	ldap_get_option(conn->ld, LDAP_OPT_DESC, &fd);
	return fd >= 0 && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static struct conn *
from_pool(struct call *call)
{
	struct directory *d = call->directory;
	struct conn *stale = NULL, *found = NULL, *conn;

	pthread_mutex_lock(&d->lock);
	for (struct conn **at = &d->pool; (conn = *at);) {
		bool good = conn->settings == call->settings && clock_ms() - conn->idle_ms < DIRECTORY_IDLE_MS &&
			    conn->idle_ms > atomic_load(&conn->server->lost_ms) && alive(conn);

		if (good && found) {
			at = &conn->next;
			continue;
		}
		*at = conn->next;
		if (good) {
			found = conn;
			continue;
		}
		conn->next = stale;
		stale = conn;
	}
	pthread_mutex_unlock(&d->lock);
	while ((conn = stale)) {
		stale = conn->next;
		conn_close(conn);
	}
	if (found) {
		found->kept = true;
		found->answered = false;	/* since */
	}
	return found;
}

static void
to_pool(struct directory *d, struct conn *conn)
{
	size_t n = 0;

	conn->idle_ms = clock_ms();
	pthread_mutex_lock(&d->lock);
	for (struct conn *c = d->pool; c; c = c->next)
		n++;
	if (n < DIRECTORY_POOL) {
		conn->next = d->pool;
		d->pool = conn;
		conn = NULL;
	}
	pthread_mutex_unlock(&d->lock);
	if (conn)
		conn_close(conn);
}

void
call_begin(struct call *call, struct directory *directory, int64_t whole_ms)
{
	*call = (struct call){
		.directory = directory, .settings = atomic_load(&directory->settings),
		.until_ms = whole_ms ? clock_ms() + whole_ms : 0,
	};
}

void
call_end(struct call *call)
{
	struct conn *conn = call->conn;

	call->conn = NULL;
	if (!conn)
		return;
	if (conn->broken || conn->settings != atomic_load(&call->directory->settings))
		conn_close(conn);
	else
		to_pool(call->directory, conn);
}

/* ---- which server ---- */

static void
failed(struct directory *d, struct directory_server *server, bool alone, const struct err *err)
{
	int64_t now = clock_ms();

	pthread_mutex_lock(&d->lock);
	snprintf(server->failed_why, sizeof server->failed_why, "%.190s", err->cause);
	pthread_mutex_unlock(&d->lock);
	if (alone)
		atomic_store(&server->alone_ms, now + DIRECTORY_AGAIN_MS);
	atomic_store(&server->failed_ms, now);
}

/*
 * The end of one that was kept says nothing of the server but that the others to it that are kept have ended, too: it may have
 * started anew.  One that never answered keeps whoever asks it waiting; one that did is at least asked where it is the
 * only one.
 */
void
conn_lost(struct conn *conn, bool silent, const struct err *err)
{
	atomic_store(&conn->server->lost_ms, clock_ms());
	if (silent || !conn->kept)
		failed(conn->directory, conn->server, !conn->answered && !conn->kept, err);
}

bool
conn_unwell(struct conn *conn, int code, const struct err *err)
{
	if (code != LDAP_BUSY && code != LDAP_UNAVAILABLE && code != LDAP_OTHER)
		return false;
	conn->broken = true;
	atomic_store(&conn->server->lost_ms, clock_ms());
	failed(conn->directory, conn->server, false, err);
	return false;
}

static void
failed_before(struct directory *d, const struct directory_server *server, struct err *err)
{
	pthread_mutex_lock(&d->lock);
	err_code(err, ERR_UPSTREAM, "directory_down", "a moment ago: %s", server->failed_why);
	pthread_mutex_unlock(&d->lock);
}

static bool
is_alone(const struct directory_server *server)
{
	return clock_ms() < atomic_load(&server->alone_ms);
}

/* Those that answered last come first, in the order of the settings; each once a call. */
static bool
open_any(struct call *call, struct err *err)
{
	struct directory_settings *s = call->settings;
	struct err why;

	err_code(&why, ERR_UPSTREAM, "directory_slow", "no time was left to connect");
	for (int late = 0; late < 2; late++)
		for (size_t i = 0; i < s->servers_n; i++) {
			struct directory_server *server = &s->servers[i];
			int64_t at = atomic_load(&server->failed_ms);
			bool down = at && clock_ms() - at < DIRECTORY_DOWN_MS;

			if (down != (late == 1) || call->tried & 1u << i || !call_time_left(call, 1))
				continue;
			if (down && is_alone(server)) {
				failed_before(call->directory, server, &why);
				continue;
			}
			call->tried |= 1u << i;
			if (call_open(call, server, &why))
				return true;
			failed(call->directory, server, true, &why);
		}
	*err = why;
	return false;
}

bool
call_connect(struct call *call, struct err *err)
{
	call->conn = from_pool(call);
	return call->conn || open_any(call, err) || err_at(err, "directory");
}

bool
call_drop(struct call *call)
{
	struct directory_settings *s = call->settings;
	struct conn *conn = call->conn;

	if (!conn || !conn->broken || !call_time_left(call, 1))
		return false;
	for (size_t i = 0; i < s->servers_n; i++)
		if (!(call->tried & 1u << i) && !is_alone(&s->servers[i])) {
			call->conn = NULL;
			conn_close(conn);
			return true;
		}
	return false;
}

bool
call_connect_ours(struct call *call, struct err *err)
{
	for (;;) {
		if (!call_connect(call, err))
			return false;
		if (call_bind_ours(call, err))
			return true;
		if (!call_drop(call))
			return err_at(err, "directory");
	}
}
