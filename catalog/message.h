#pragma once
/*
 * message - one mail or SMS to one recipient, from its cause to what its gateway said of it.
 *
 * message_mail and message_sms are called inside the transaction of the cause (an outbox) and make the
 * row and its job.  The job (web/outbox.c) marks it, sends it, and records the gateway's answer before
 * anything else; what is recorded as sent is never sent again.
 *
 * HTML comes from mail_page (web/mail_page.h), which escapes every value.  Whoever writes some by himself
 * puts no word of a person, an app or a build into it but through buf_html.
 */
#include <jansson.h>
#include "core/db.h"

#define MESSAGE_TEXT_MAX	20000	/* bytes of a mail's text or HTML */
#define MESSAGE_SUBJECT_MAX	400
#define MESSAGE_LIST_MAX	200

struct message_mail {
	const char *to, *subject;	/* "anna@example.com" or "Anna <anna@example.com>" */
	const char *text, *html;
	const char *reply_to;		/* NULL: smtp.reply_to */
	const char *qr;			/* its HTML shows it as cid:qr; NULL: none */
	const char *unsubscribe_url;	/* NULL: none; an https one answers a POST too (RFC 8058) */
	const char *about;		/* "link:<id>" */
};

/* ERR_INVALID with the code bad_address or bad_number when it could reach nobody. */
bool message_mail(struct db *tx, const struct message_mail *mail, char **id, TALLOC_CTX *ctx, struct err *err) CHECKED;
bool message_sms(struct db *tx, const char *to, const char *text, const char *about, char **id, TALLOC_CTX *ctx,
		 struct err *err) CHECKED;

/*
 * {items[{id,kind,recipient,subject,about,state,attempts,error,provider_id,may_retry,created,changed}], next},
 * newest first; about NULL: all.
 */
bool message_list(struct db *db, const char *about, const char *after, int64_t limit, json_t **ret,
		  struct err *err) CHECKED;
bool message_list_state(struct db *db, const char *state, const char *after, int64_t limit, json_t **ret,
			struct err *err) CHECKED;
bool message_show(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;	/* one such item */

/* A failed one is sent again, a waiting one now; ERR_CONFLICT for the rest. */
bool message_retry(struct db *db, const char *actor, const char *id, struct err *err) CHECKED;

/* ---- for the job ---- */
#define MESSAGE_JOB	"message_send"	/* args {"message": id} */

struct message {
	const char *id, *kind, *recipient, *subject, *state;
	json_t *body;		/* as in the row, or NULL; ends with its context */
	int64_t attempts;	/* before this one */
	time_t created, asked;
};

bool message_load(TALLOC_CTX *ctx, struct db *db, const char *id, struct message **ret, struct err *err) CHECKED;

/* Marks it as being sent by this job, durably; *mine false: it is another job's, or done.  report_token may be NULL. */
bool message_begin(struct db *db, const char *id, const char *job, const char *report_token, bool *mine,
		   struct err *err) CHECKED;
bool message_sent(struct db *db, const char *id, const char *provider_id, struct err *err) CHECKED;
/* Will be tried again `after_s` seconds from now, by a new job; `why` stays to be seen. */
bool message_later(struct db *db, const char *id, const char *why, int64_t after_s, struct err *err) CHECKED;
bool message_failed(struct db *db, const char *id, const char *why, struct err *err) CHECKED;	/* a transaction, or in one */

/* ---- what comes back ---- */

/* By the token that message_begin was given; ERR_MISSING for any other. */
bool message_report(struct db *db, const char *token, bool delivered, const char *why, struct err *err) CHECKED;
/* A mail server's notice that a mail, which it had taken, could not be delivered; ERR_MISSING for none of ours. */
bool message_bounced(struct db *db, const char *id, const char *why, struct err *err) CHECKED;

bool message_sweep(struct db *db, int64_t keep_days, struct err *err) CHECKED;
