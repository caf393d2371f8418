#pragma once
/*
 * link_send - making links and sending them: the words, and one transaction for link and messages.
 *
 * Everything is said in the contact's language, else the company's.  An SMS is one message; its link is
 * never cut.  Who is to get what by which way is decided before anything is written.
 */
#include "catalog/contact.h"
#include "catalog/link.h"
#include "web/http.h"

struct link_ways {
	bool any;		/* mail to who has an address, else SMS */
	bool mail, sms;
	bool lenient;		/* who cannot be reached that way gets a link and no message */
};

/* What the words are made of; all of it belongs to who asks. */
struct link_words {
	const char *app, *bundle_id, *version, *build, *size;
	const char *from;		/* NULL: nobody in particular */
	const char *reply_to;		/* NULL: smtp.reply_to */
	const char *notes;		/* Markdown, or "" */
	const char *url;		/* NULL: there is none to give, and they are told whom to ask (with `ends`) */
	const char *own_url;		/* where there is none: of the link that they had, for who wants no notices */
	int64_t expires;
	bool pin;			/* one will be asked for */
	bool notice;			/* of a new build; else of a link */
	int64_t ends;			/* with `notice`: when the build they have stops launching; 0: not said */
	bool listed;			/* their device was registered and waited, and this build lists it */
};

const char *link_pin(TALLOC_CTX *ctx);	/* six random digits */
const char *link_language(struct site *site, const struct contact *contact);

/* One SMS, in the words of a language. */
bool link_sms(TALLOC_CTX *ctx, struct site *site, const char *language, const struct link_words *words, char **ret,
	      struct err *err) CHECKED;

/* Sends to one contact, in a transaction of who calls; what was prepared outside of it.  *ret NULL: by no way of `ways`. */
struct link_letter;
bool link_letter(TALLOC_CTX *ctx, struct site *site, const struct contact *contact, const struct link_ways *ways,
		 const struct link_words *words, const char *link_id, struct link_letter **ret, struct err *err) CHECKED;
bool link_post(struct db *tx, const struct link_letter *letter, struct err *err) CHECKED;

/*
 * Makes a link for each contact (n 0: one link for nobody in particular) and sends it by `ways`; in one
 * transaction.  *made is [{id,url,qr_url,contact,expires,sent[]}].
 */
bool link_make(struct req *req, const struct link_terms *terms, const struct contact *const *contacts, size_t n,
	       const struct link_ways *ways, json_t **made, struct err *err) CHECKED;

/* The same link once more; ERR_CONFLICT when it is over. {id,url,sent[]} */
bool link_send_again(struct req *req, const char *id, const struct link_ways *ways, json_t **ret,
		     struct err *err) CHECKED;

/* A link with its address, messages[] and installs[]. */
bool link_detail(struct req *req, const char *id, json_t **ret, struct err *err) CHECKED;
