/* The certificate that phones see, whoever shows it: looked at by a handshake, and the whole chain of it. */
#include "tests/check_story.h"
#include "core/buf.h"
#include "core/file.h"
#include "web/ending_sources.h"
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct ending_source of_tls[] = { { "tls", ENDING_FOR_ADMINS, ending_tls }, { "tls", ENDING_FOR_ADMINS, ending_tls_in_front },
						{ 0 } };

/* ---- what stands in front: it shows its chain and says nothing ---- */

struct front {
	int fd, port;
	SSL_CTX *tls;
	pthread_t thread;
};

static void *
front_main(void *arg)
{
	struct front *front = arg;
	int fd;

	while ((fd = accept(front->fd, NULL, NULL)) >= 0) {
		SSL *ssl = SSL_new(front->tls);
		char byte;

		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1)
			SSL_read(ssl, &byte, 1);	/* until it goes */
		SSL_free(ssl);
		close(fd);
	}
	return NULL;
}

static void
front_begins(struct front *front, const char *dir, const char *chain, const char *key)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const char *chain_file = mem_printf((void *)(uintptr_t)dir, "%s/chain.pem", dir), *key_file = mem_printf((void *)(uintptr_t)dir, "%s/key.pem", dir);
	socklen_t size = sizeof at;
	struct err err;

	assert_ok(file_write(chain_file, 0600, (struct bytes){ chain, strlen(chain) }, &err), &err);
	assert_ok(file_write(key_file, 0600, (struct bytes){ key, strlen(key) }, &err), &err);
	signal(SIGPIPE, SIG_IGN);	/* as the server does */
	front->tls = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate_chain_file(front->tls, chain_file), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(front->tls, key_file, SSL_FILETYPE_PEM), 1);
	front->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(front->fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(front->fd, 4), 0);
	assert_int_equal(getsockname(front->fd, (struct sockaddr *)&at, &size), 0);
	front->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&front->thread, NULL, front_main, front), 0);
}

static void
front_ends(struct front *front)
{
	shutdown(front->fd, SHUT_RDWR);
	pthread_join(front->thread, NULL);
	close(front->fd);
	SSL_CTX_free(front->tls);
}

/* ---- a leaf of 90 days under a CA that ends sooner ---- */

struct chain {
	struct x509_made ca, leaf;
	const char *pem;
	time_t leaf_ends, ca_ends;
};

static time_t
end_of(const char *pem)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	struct err err;
	time_t ends;

	assert_ok(x509_read_pem((struct bytes){ pem, strlen(pem) }, &certs, &err), &err);
	assert_true(x509_expires(sk_X509_value(certs, 0), &ends));
	return ends;
}

static struct chain
a_chain(TALLOC_CTX *ctx)
{
	struct chain c;
	struct err err;

	assert_ok(x509_make(ctx, "Example Intermediate", "", 70, NULL, &c.ca, &err), &err);
	assert_ok(x509_make(ctx, "apps.example.com", "apps.example.com", 90, &c.ca, &c.leaf, &err), &err);
	c.pem = mem_printf(ctx, "%s%s", c.leaf.cert_pem, c.ca.cert_pem);
	c.leaf_ends = end_of(c.leaf.cert_pem);
	c.ca_ends = end_of(c.ca.cert_pem);
	assert_true(c.ca_ends < c.leaf_ends);
	return c;
}

static struct endings *
listed(struct story *w)
{
	struct endings *all;
	struct err err = { 0 };

	assert_ok(endings_list(w->ctx, w->site, NULL, clock_now() + ENDING_EVER_S, &all, &err), &err);
	return all;
}

static const struct ending *
tls_of(const struct endings *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].source->kind, "tls") == 0)
			return &all->list[i];
	return NULL;
}

static struct conf *
settings(struct story *w)
{
	struct conf *conf = mem_copy(w->ctx, site_conf(w->site), sizeof *conf);

	w->site->conf = conf;
	return conf;
}

static void
behind_a_proxy_what_phones_are_shown_is_watched_with_all_of_its_chain(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	struct chain c = a_chain(w.ctx);
	const struct ending *e;
	struct front front;
	struct err err = { 0 };

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	front_begins(&front, w.house.dir, c.pem, c.leaf.key_pem);
	w.site->base_url = mem_printf(w.ctx, "https://127.0.0.1:%d", front.port);
	story_at(&w, c.ca_ends - 14 * DAY_S);
	assert_null(tls_of(listed(&w)));
	assert_ok(ending_look_in_front(w.site, &err), &err);
	e = tls_of(listed(&w));
	assert_non_null(e);
	assert_int_equal(e->ends, c.ca_ends);		/* not the leaf's */
	assert_string_equal(e->name, "Example Intermediate");
	assert_string_equal(e->doing, "in_front");
	assert_true(e->begins > 0);			/* so it is told of as what lives shortly */
	assert_int_equal(ending_notice_at(c.ca_ends - 40 * DAY_S, e->begins, e->ends), 0);
	assert_ok(endings_sweep(w.site, of_tls, &err), &err);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice WHERE kind = 'tls'"), 1);
	front_ends(&front);
	/* nobody answers: what was seen stays */
	assert_false(ending_look_in_front(w.site, &err));
	assert_non_null(tls_of(listed(&w)));
	assert_int_equal(listed(&w)->failed_n, 0);
	/* another address is another certificate, and one that nobody has seen is said */
	w.site->base_url = mem_printf(w.ctx, "https://127.0.0.1:%d/", front.port);
	assert_null(tls_of(listed(&w)));
	assert_false(ending_look_in_front(w.site, &err));
	assert_int_equal(listed(&w)->failed_n, 1);
	assert_string_equal(listed(&w)->failed[0], "tls");
	/* there is none */
	w.site->base_url = "http://127.0.0.1:1";
	assert_ok(ending_look_in_front(w.site, &err), &err);
	assert_int_equal(listed(&w)->failed_n, 0);
}

static void
of_our_own_file_the_whole_chain_is_watched_and_it_is_not_told_twice(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	struct chain c = a_chain(w.ctx), other = a_chain(w.ctx);
	struct conf *conf = settings(&w);
	const char *file = mem_printf(w.ctx, "%s/chain.pem", w.house.dir);
	struct front front;
	struct err err = { 0 };
	size_t n = 0;

	front_begins(&front, w.house.dir, c.pem, c.leaf.key_pem);
	w.site->base_url = mem_printf(w.ctx, "https://127.0.0.1:%d", front.port);
	conf->server_plain = false;
	conf->server_tls_cert = file;
	story_at(&w, c.ca_ends - 14 * DAY_S);
	assert_ok(ending_look_in_front(w.site, &err), &err);
	for (size_t i = 0; i < listed(&w)->n; i++)
		n += strcmp(listed(&w)->list[i].source->kind, "tls") == 0;
	assert_int_equal(n, 1);
	assert_int_equal(tls_of(listed(&w))->ends, c.ca_ends);
	assert_string_equal(tls_of(listed(&w))->subject, "server.tls_cert");
	/* what is in front shows another one than ours */
	file = mem_printf(w.ctx, "%s/ours.pem", w.house.dir);
	assert_ok(file_write(file, 0600, (struct bytes){ other.pem, strlen(other.pem) }, &err), &err);
	conf->server_tls_cert = file;
	assert_ok(ending_look_in_front(w.site, &err), &err);
	n = 0;
	for (size_t i = 0; i < listed(&w)->n; i++)
		n += strcmp(listed(&w)->list[i].source->kind, "tls") == 0;
	assert_int_equal(n, 2);
	front_ends(&front);
}

#define NOBODY "https://127.0.0.1:1"

static void
an_address_that_was_never_seen_hides_neither_the_other_one_nor_our_own_file(void **state)
{
	struct story w = story_begin(*state, "");
	struct chain c = a_chain(w.ctx);
	struct conf *conf = settings(&w);
	struct front front;
	struct buf metrics;
	struct err err = { 0 };
	const char *first;

	front_begins(&front, w.house.dir, c.pem, c.leaf.key_pem);
	w.site->base_url = NOBODY;
	conf->mdm_base_url = mem_printf(w.ctx, "https://127.0.0.1:%d", front.port);
	story_at(&w, c.ca_ends - 14 * DAY_S);
	assert_false(ending_look_in_front(w.site, &err));
	assert_non_null(tls_of(listed(&w)));
	assert_string_equal(tls_of(listed(&w))->subject, "mdm.base_url");
	assert_int_equal(listed(&w)->failed_n, 1);
	/* for a program it is one kind */
	buf_init(&metrics, w.ctx, 64u << 10);
	assert_ok(endings_print(w.site, &metrics, &err), &err);
	first = strstr(buf_str(&metrics), "pomona_ending_seconds{kind=\"tls\"}");
	assert_non_null(first);
	assert_null(strstr(first + 1, "pomona_ending_seconds{kind=\"tls\"}"));
	front_ends(&front);
	conf->mdm_base_url = NOBODY "/mdm";
	assert_false(ending_look_in_front(w.site, &err));
	assert_null(tls_of(listed(&w)));
	assert_int_equal(listed(&w)->failed_n, 1);
	assert_non_null(strstr(listed(&w)->why[0], NOBODY ": "));
	assert_non_null(strstr(listed(&w)->why[0], "; " NOBODY "/mdm: "));
	/* then the server gets a certificate of its own, which is watched at once, and the look is of no account any more */
	conf->server_plain = false;
	conf->server_tls_cert = mem_printf(w.ctx, "%s/chain.pem", w.house.dir);
	assert_non_null(tls_of(listed(&w)));
	assert_string_equal(tls_of(listed(&w))->subject, "server.tls_cert");
	assert_false(ending_look_in_front(w.site, &err));
	assert_int_equal(listed(&w)->failed_n, 0);
	assert_non_null(tls_of(listed(&w)));
}

static void
who_leaves_the_look_out_is_told_of_their_own_file_alone(void **state)
{
	struct story w = story_begin(*state, "expiry {\n\tlook = no\n}\n");
	struct chain c = a_chain(w.ctx);
	struct conf *conf = settings(&w);
	struct front front;
	struct err err = { 0 };

	front_begins(&front, w.house.dir, c.pem, c.leaf.key_pem);
	w.site->base_url = mem_printf(w.ctx, "https://127.0.0.1:%d", front.port);
	conf->mdm_base_url = NOBODY;
	story_at(&w, c.ca_ends - 14 * DAY_S);
	/* what was seen before it was left out is forgotten */
	assert_ok(ending_know(w.db, "tls", &(struct ending_known){ w.site->base_url, "apps.example.com", c.leaf_ends, 0 }, &err), &err);
	assert_null(tls_of(listed(&w)));
	assert_ok(ending_look_in_front(w.site, &err), &err);
	assert_int_equal(listed(&w)->failed_n, 0);
	conf->expiry_look = true;
	assert_null(tls_of(listed(&w)));
	assert_false(ending_look_in_front(w.site, &err));	/* of the second nobody has heard */
	assert_non_null(tls_of(listed(&w)));
	front_ends(&front);
}

static int64_t
due_of(struct story *w, const char *kind)
{
	return story_number(w, mem_printf(w->ctx, "SELECT coalesce(max(due), 0) FROM job WHERE kind = '%s'", kind));
}

/* What the workers do with a job that runs. */
static void
taken(struct story *w, const char *kind)
{
	story_run(w, "DELETE FROM job WHERE kind = $1", db_text(kind));
}

static void
where_we_do_not_reach_ourselves_it_is_tried_each_hour_and_mail_goes_at_its_own(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	struct chain c = a_chain(w.ctx);
	struct front front;
	struct err err = { 0 };

	story_human(&w, "anna", ROLE_ADMIN, "anna@example.com");
	w.site->base_url = NOBODY;
	taken(&w, ENDINGS_JOB);		/* of the start */
	story_day(&w, 1);
	assert_ok(job_endings(NULL, w.ctx, w.site, &err), &err);
	assert_int_equal(due_of(&w, ENDINGS_JOB), STORY_BEGIN + 2 * DAY_S);	/* expiry.hour of the next day */
	assert_int_equal(due_of(&w, ENDINGS_LOOK_JOB), STORY_BEGIN + DAY_S + HOUR_S);
	taken(&w, ENDINGS_LOOK_JOB);
	story_at(&w, STORY_BEGIN + DAY_S + HOUR_S);
	assert_ok(job_endings_look(NULL, w.ctx, w.site, &err), &err);
	assert_int_equal(due_of(&w, ENDINGS_LOOK_JOB), STORY_BEGIN + DAY_S + 2 * HOUR_S);
	/* it is reached, and nobody is told before the hour */
	taken(&w, ENDINGS_LOOK_JOB);
	front_begins(&front, w.house.dir, c.pem, c.leaf.key_pem);
	w.site->base_url = mem_printf(w.ctx, "https://127.0.0.1:%d", front.port);
	story_at(&w, c.ca_ends - 14 * DAY_S);
	assert_ok(job_endings_look(NULL, w.ctx, w.site, &err), &err);
	assert_int_equal(due_of(&w, ENDINGS_LOOK_JOB), 0);
	assert_int_equal(due_of(&w, ENDINGS_JOB), STORY_BEGIN + 2 * DAY_S);
	assert_non_null(tls_of(listed(&w)));
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 0);
	taken(&w, ENDINGS_JOB);
	assert_ok(job_endings(NULL, w.ctx, w.site, &err), &err);
	assert_int_equal(story_number(&w, "SELECT count(*) FROM ending_notice"), 1);
	assert_int_equal(due_of(&w, ENDINGS_LOOK_JOB), 0);
	front_ends(&front);
}

TESTS(behind_a_proxy_what_phones_are_shown_is_watched_with_all_of_its_chain,
      of_our_own_file_the_whole_chain_is_watched_and_it_is_not_told_twice,
      an_address_that_was_never_seen_hides_neither_the_other_one_nor_our_own_file,
      who_leaves_the_look_out_is_told_of_their_own_file_alone,
      where_we_do_not_reach_ourselves_it_is_tried_each_hour_and_mail_goes_at_its_own)
