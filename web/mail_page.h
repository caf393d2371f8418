#pragma once
/*
 * mail_page - the words of a mail, as HTML in the company's look and as plain text.
 *
 * One layout for all mails: a title, sentences, one button, a QR code of the same link, and why the reader
 * got this.  All of it is text in the reader's language (page_say); every value is escaped here and nobody
 * writes HTML by hand.  What comes out goes to message_mail:
 *
 *	struct mail_notice notice = { .language = contact_language, .title = ..., .paragraphs = texts,
 *				      .button = ..., .url = link, .qr = true, .footer = ... };
 *	char *html, *text;
 *	if (!mail_page(req, site, &notice, &html, &text, err)) ...
 *	message_mail(tx, &(struct message_mail){ .to = ..., .subject = notice.title, .text = text, .html = html,
 *						 .qr = link, .about = "link:<id>" }, &id, ctx, err)
 *
 * Render before the transaction: a closure does no such work.  The form must fit MESSAGE_TEXT_MAX.
 */
#include "web/site.h"

#define MAIL_PARAGRAPHS_MAX 16

struct mail_notice {
	const char *language;		/* of page_languages; anything else is English */
	const char *title;
	const char *const *paragraphs;	/* ends with NULL; a line end in one is a line end in the mail */
	const char *button, *url;	/* NULL: no button */
	bool qr;			/* shows cid:qr below the button: give the same url to message_mail as qr */
	const char *footer;		/* NULL: none */
};

bool mail_page(TALLOC_CTX *ctx, struct site *site, const struct mail_notice *notice, char **html, char **text,
	       struct err *err) CHECKED;
