#pragma once
/*
 * message - one mail or SMS to one recipient, from its cause to what its gateway said of it.
 *
 * message_mail and message_sms are called inside the transaction of the cause (an outbox) and make the
 * row and its job.  The job marks it, sends it, and records the gateway's answer before anything else;
 * what is recorded as sent is never sent again.
 */
#include "core/db.h"
#include <jansson.h>

#define MESSAGE_TEXT_MAX 20000	/* bytes of a mail's text or HTML */

struct message_mail {
	const char *to, *subject;	/* "anna@example.com" or "Anna <anna@example.com>" */
	const char *text, *html;
	const char *reply_to;		/* NULL: smtp.reply_to */
	const char *qr;			/* its HTML shows it as cid:qr; NULL: none */
	const char *unsubscribe_url;	/* NULL: none */
	const char *about;		/* "link:<id>" */
};

bool message_mail(struct db *tx, const struct message_mail *mail, char **id, TALLOC_CTX *ctx, struct err *err) CHECKED;
bool message_sms(struct db *tx, const char *to, const char *text, const char *about, char **id, TALLOC_CTX *ctx,
		 struct err *err) CHECKED;

/* {items[{id,kind,recipient,subject,about,state,attempts,error,created,changed}], next}, newest first; about NULL: all. */
bool message_list(struct db *db, const char *about, const char *after, int64_t limit, json_t **ret,
		  struct err *err) CHECKED;
