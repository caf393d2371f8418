#pragma once
/*
 * mail - one message to one recipient: its bytes (RFC 5322), and handing it to a mail server (SMTP).
 *
 * The same struct mail gives the same bytes: what is sent again after a crash has the same Message-ID, and
 * mail servers and people can tell that it is the same.  No value can begin a header of its own: line ends
 * and control characters in one become spaces.
 *
 * Addresses are ASCII (a domain in its xn-- form): many servers still take no others.
 */
#include <time.h>
#include "core/buf.h"
#include "core/sending.h"

#define MAIL_ADDRESS_MAX	254	/* bytes of local@domain */
#define MAIL_SUBJECT_MAX	400	/* bytes; more is cut */
#define MAIL_BYTES_MAX		(256u << 10)	/* of a whole message */

struct mail_address {
	const char *name;	/* "Anna Berg", or "" */
	const char *spec;	/* "anna@example.com" */
};

/* "anna@example.com", "Anna <anna@example.com>", "\"Berg, Anna\" <anna@example.com>" */
bool mail_address(TALLOC_CTX *ctx, const char *text, struct mail_address *ret, struct err *err) CHECKED;

struct mail {
	const char *id;			/* Message-ID without brackets: "k3j2@apps.example.com" */
	const char *from, *to;		/* as mail_address reads them */
	const char *reply_to;		/* NULL or "": none */
	const char *subject, *text;
	const char *html;		/* NULL: none */
	struct bytes qr;		/* a PNG that the HTML shows as cid:qr; empty: none */
	const char *unsubscribe_url;	/* answers a POST too when it is https (RFC 8058); NULL: none */
	time_t date;
};

bool mail_write(const struct mail *mail, struct buf *out, struct err *err) CHECKED;

/* ---- SMTP ---- */
struct mail_server {
	const char *url;		/* smtps://host:465, smtp://host:587 */
	const char *tls;		/* smtp://: "required" (STARTTLS), or "none" for loopback */
	const char *ca_file, *user, *password;	/* "": none */
	const char *helo;		/* our own host */
	const char *allow;		/* egress.allow */
};

/* Keeps connections that have just been used, for the next one; used by many threads at once. */
struct mailer;
struct mailer *mailer_new(TALLOC_CTX *ctx);
void mailer_hurry(struct mailer *mailer);	/* the server stops: what is under way ends within 20 s, sent or not */

/* One transaction with one recipient.  True when the server has acknowledged it; else see core/sending.h. */
bool mail_send(struct mailer *mailer, const struct mail_server *server, const char *from, const char *to,
	       struct bytes message, struct sending *ret, struct err *err) CHECKED;

/* The same up to the account, without a message. */
bool mail_try(const struct mail_server *server, struct sending *ret, struct err *err) CHECKED;
