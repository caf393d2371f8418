/*
 * SMTP by libcurl.  What the server says is read along (CURLOPT_DEBUGFUNCTION), since libcurl itself tells
 * neither the words of a refusal nor which command they answer, and both decide what happens next.
 *
 * Once the server has said 250 to the whole message it is taken, whatever fails afterwards.
 */
#include "core/mail.h"
#include "core/clock.h"
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include "core/fetch_curl.h"

#define CONNECT_S	10
#define ANSWER_S	60
#define TOTAL_S		180
#define HURRY_MS	20000	/* for what is under way when the server stops: less than a service manager waits */
#define IDLE_MAX	4	/* connections that are kept */
#define SAID_MAX	200	/* bytes of the server's words that are kept */

/* ---- connections that are kept ---- */

struct mailer {
	pthread_mutex_t lock;
	CURL *idle[IDLE_MAX];
	int n;
	char *server;		/* whose they are, with the account */
	_Atomic int64_t over_ms;	/* by then nothing is under way any more; 0: no hurry */
};

static void
hang_up(struct mailer *mailer)
{
	while (mailer->n > 0)
		curl_easy_cleanup(mailer->idle[--mailer->n]);	/* says QUIT */
}

static int
end_mailer(struct mailer *mailer)
{
	hang_up(mailer);
	pthread_mutex_destroy(&mailer->lock);
	return 0;
}

struct mailer *
mailer_new(TALLOC_CTX *ctx)
{
	struct mailer *mailer = mem_new(ctx, struct mailer);

	pthread_mutex_init(&mailer->lock, NULL);
	talloc_set_destructor(mailer, end_mailer);
	return mailer;
}

void
mailer_hurry(struct mailer *mailer)
{
	mailer->over_ms = clock_ms() + HURRY_MS;
}

/* libcurl asks each second, whatever it waits for. */
static int
too_late(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct mailer *mailer = arg;
	int64_t over = mailer->over_ms;

	(void)a, (void)b, (void)c, (void)d;
	return over && clock_ms() >= over;
}

/* Or libcurl says QUIT, and waits a minute for the answer. */
static void
shut(CURL *curl)
{
	curl_socket_t fd;

	if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD)
		shutdown(fd, SHUT_RDWR);
}

/* A connection that was made under other settings is of no use. */
static void
belong(struct mailer *mailer, const struct mail_server *server)
{
	char *now = mem_printf(mailer, "%s %s %s %s %s", server->url, server->tls, server->ca_file,
			       server->user, server->password);

	if (mailer->server && strcmp(mailer->server, now) != 0)
		hang_up(mailer);
	talloc_free(mailer->server);
	mailer->server = now;
}

/* *kept: it has a connection, which may have been closed at the other end. */
static CURL *
take(struct mailer *mailer, const struct mail_server *server, bool *kept)
{
	CURL *curl = NULL;

	fetch_curl_start();
	if (mailer) {
		pthread_mutex_lock(&mailer->lock);
		belong(mailer, server);
		if (mailer->n > 0)
			curl = mailer->idle[--mailer->n];
		pthread_mutex_unlock(&mailer->lock);
	}
	*kept = curl != NULL;
	return mem_must(curl ? curl : curl_easy_init());
}

static void
give_back(struct mailer *mailer, CURL *curl, bool good)
{
	if (mailer && good) {
		curl_easy_reset(curl);	/* forgets all but its connection */
		pthread_mutex_lock(&mailer->lock);
		if (mailer->n < IDLE_MAX) {
			mailer->idle[mailer->n++] = curl;
			curl = NULL;
		}
		pthread_mutex_unlock(&mailer->lock);
	}
	if (curl)
		curl_easy_cleanup(curl);
}

/* ---- listening ---- */

enum command { NONE, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, BODY };

struct talk {
	enum command last;
	int code;		/* of the last whole answer to it; 0: none yet */
	char said[SAID_MAX];
	bool more;		/* an answer of several lines is under way */
	bool over;		/* QUIT: its answer is about nothing of ours */
	struct bytes left;	/* of the message, to be sent */
};

static void
hear_command(struct talk *talk, const char *p, size_t len)
{
	static const struct {
		const char *word;
		enum command command;
	} words[] = { { "EHLO", EHLO }, { "HELO", EHLO }, { "STARTTLS", STARTTLS }, { "AUTH", AUTH },
		     { "MAIL", MAIL },
		      { "RCPT", RCPT }, { "DATA", DATA } };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (len > strlen(words[i].word) && memcmp(p, words[i].word, strlen(words[i].word)) == 0)
			talk->last = words[i].command;
	if (len > 4 && memcmp(p, "QUIT", 4) == 0)
		talk->over = true;
	else
		talk->code = 0;
}

static void
hear_answer(struct talk *talk, const char *p, size_t len)
{
	size_t used = talk->more ? strlen(talk->said) : 0;

	while (len && (p[len - 1] == '\r' || p[len - 1] == '\n'))
		len--;
	if (talk->over || len < 3 || p[0] < '2' || p[0] > '5' || p[1] < '0' || p[1] > '9' ||
	    p[2] < '0' || p[2] > '9')
		return;
	talk->more = len > 3 && p[3] == '-';
	if (!talk->more)
		talk->code = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	snprintf(talk->said + used, sizeof talk->said - used, "%s%.*s", used ? " " : "",
		 len > 4 ? (int)len - 4 : 0, p + 4);
	for (char *c = talk->said; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

static int
hear(CURL *curl, curl_infotype type, char *p, size_t len, void *arg)
{
	struct talk *talk = arg;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		hear_command(talk, p, len);
	else if (type == CURLINFO_HEADER_IN)
		hear_answer(talk, p, len);
	return 0;
}

static size_t
feed(char *p, size_t size, size_t n, void *arg)
{
	struct talk *talk = arg;
	size_t len = size * n < talk->left.len ? size * n : talk->left.len;

	if (talk->last != BODY)
		talk->code = 0;
	talk->last = BODY;
	memcpy(p, talk->left.p, len);
	talk->left = (struct bytes){ (const char *)talk->left.p + len, talk->left.len - len };
	return len;
}

static size_t
drop(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

/* ---- what it means ---- */

static enum sending_step
step_of(const struct talk *talk, CURLcode rc, enum fetch_reached reached)
{
	if (rc == CURLE_USE_SSL_FAILED || rc == CURLE_SSL_CONNECT_ERROR ||
	    rc == CURLE_PEER_FAILED_VERIFICATION ||
	    rc == CURLE_SSL_CACERT_BADFILE || talk->last == STARTTLS)
		return SENDING_TLS;
	if (reached == FETCH_RESOLVED || talk->last <= EHLO)
		return SENDING_CONNECT;
	return talk->last == AUTH || talk->code == 530 ? SENDING_SIGN_IN : SENDING_ACCEPT;
}

/* A recipient or a message that is refused is its own matter; what is refused before concerns them all. */
static enum sending_result
result_of(const struct talk *talk)
{
	if (talk->code == 421 || talk->code == 530)
		return SENDING_DOWN;
	if (talk->last >= RCPT)
		return talk->code >= 500 ? SENDING_NEVER : SENDING_LATER;
	return talk->last == MAIL && talk->code == 552 ? SENDING_NEVER : SENDING_DOWN;
}

static bool
explain(const struct talk *talk, CURLcode rc, const struct egress *e, const char *why, struct err *err)
{
	if (rc == CURLE_USE_SSL_FAILED)
		return err_code(err, ERR_UPSTREAM, "tls",
				"%s offers no STARTTLS; see smtp.tls and smtp.url", e->host);
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return err_code(err, ERR_UPSTREAM, "stopped", "%s had not answered yet when this server stopped", e->host);
	if (talk->code >= 400)
		return err_code(err, ERR_UPSTREAM, talk->code >= 500 ? "refused" : "busy",
				"%s answers %d: %s", e->host,
				talk->code, *talk->said ? talk->said : "without a word");
	return fetch_curl_failed(rc, e, why, err);
}

/* ---- one transaction ---- */

struct transaction {
	const struct mail_server *server;
	const char *from, *to;	/* NULL: nothing is sent */
	struct bytes message;
	const struct egress *egress;
	TALLOC_CTX *ctx;
};

static void
set_options(CURL *curl, const struct transaction *t, struct talk *talk, struct curl_slist **to, char *why)
{
	const struct mail_server *server = t->server;

	fetch_curl_aim(curl, t->ctx, t->egress, server->ca_file, why);
	if (!t->egress->encrypted && strcmp(server->tls, "none") != 0)
		curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	if (*server->user) {
		curl_easy_setopt(curl, CURLOPT_USERNAME, server->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, server->password);
	}
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)ANSWER_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TOTAL_S);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, hear);
	curl_easy_setopt(curl, CURLOPT_DEBUGDATA, talk);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
	if (!t->to) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "NOOP");
		return;
	}
	*to = mem_must(curl_slist_append(NULL, t->to));
	curl_easy_setopt(curl, CURLOPT_MAIL_FROM, t->from);
	curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, *to);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, feed);
	curl_easy_setopt(curl, CURLOPT_READDATA, talk);
	curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->message.len);
}

/* *again: a kept connection turned out to be of no use before anything was asked of it. */
static bool
transact(struct mailer *mailer, const struct transaction *t, struct sending *ret, bool *again,
	 struct err *err)
{
	struct talk talk = { .left = t->message };
	struct curl_slist *to = NULL;
	bool kept, taken;
	CURL *curl = take(mailer, t->server, &kept);
	char why[CURL_ERROR_SIZE];
	long fresh = 0;
	CURLcode rc;

	set_options(curl, t, &talk, &to, why);
	if (mailer) {
		curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, too_late);
		curl_easy_setopt(curl, CURLOPT_XFERINFODATA, mailer);
	}
	rc = curl_easy_perform(curl);
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		shut(curl);
	taken = rc == CURLE_OK || (talk.last == BODY && talk.left.len == 0 && talk.code >= 200 &&
				   talk.code < 300);
	curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &fresh);
	ret->step = taken ? SENDING_ACCEPT : step_of(&talk, rc, fetch_curl_reached(curl, rc));
	ret->result = taken ? SENDING_TAKEN : result_of(&talk);
	*again = !taken && kept && fresh == 0 && talk.last <= MAIL;
	if (taken)
		sending_id(ret, t->to ? talk.said : "");
	else
		explain(&talk, rc, t->egress, why, err);
	give_back(mailer, curl, rc == CURLE_OK);
	curl_slist_free_all(to);
	return taken;
}

/* Our own host, if it can stand in EHLO; it goes where libcurl looks for it, behind the slash. */
static const char *
helo_path(TALLOC_CTX *ctx, const char *helo)
{
	size_t len = strspn(helo, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");

	return mem_printf(ctx, "/%s", *helo && !helo[len] ? helo : "localhost");
}

static bool
open_server(TALLOC_CTX *ctx, const struct mail_server *server, struct egress **ret, struct sending *sending,
	    struct err *err)
{
	struct egress_rules rules = { .schemes = "smtps smtp", .allow = server->allow, .configured = true };
	struct egress *e;

	*sending = (struct sending){ .result = SENDING_DOWN, .step = SENDING_SETTINGS, .signed_in = *server->user };
	if (!*server->url)
		return err_code(err, ERR_INVALID, "setting", "smtp.url is not set");
	if (strcmp(server->tls, "required") != 0 && strcmp(server->tls, "none") != 0)
		return err_code(err, ERR_INVALID, "setting",
				"smtp.tls is \"%.40s\", not required or none", server->tls);
	sending->step = SENDING_RESOLVE;
	if (!egress_open(ctx, &rules, server->url, &e, err))
		return false;
	if (*e->path && strcmp(e->path, "/") != 0)
		return err_code(err, ERR_INVALID, "setting", "smtp.url has a path");
	sending->encrypted = e->encrypted || strcmp(server->tls, "none") != 0;
	if (!sending->encrypted && !egress_loopback(e)) {
		sending->step = SENDING_TLS;
		return err_code(err, ERR_INVALID, "setting",
				"smtp.tls = none is for a server on this machine; %s is "
				"not", e->host);
	}
	e->path = helo_path(e, server->helo);
	*ret = e;
	return true;
}

bool
mail_send(struct mailer *mailer, const struct mail_server *server, const char *from, const char *to,
	  struct bytes message, struct sending *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct transaction t = { .server = server, .message = message, .ctx = ctx };
	struct mail_address sender, recipient;
	struct egress *e;
	bool again, taken;

	if (!open_server(ctx, server, &e, ret, err))
		return false;
	if (!mail_address(ctx, from, &sender, err)) {
		ret->step = SENDING_SETTINGS;
		return err_at(err, "smtp.from");
	}
	if (!mail_address(ctx, to, &recipient, err)) {
		ret->result = SENDING_NEVER;
		ret->step = SENDING_ACCEPT;
		return false;
	}
	t.egress = e;
	t.from = sender.spec;
	t.to = recipient.spec;
	do {
		taken = transact(mailer, &t, ret, &again, err);
	} while (again);
	return taken;
}

bool
mail_try(const struct mail_server *server, struct sending *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct transaction t = { .server = server, .ctx = ctx };
	struct egress *e;
	bool again;

	if (!open_server(ctx, server, &e, ret, err))
		return false;
	t.egress = e;
	return transact(NULL, &t, ret, &again, err);
}
