#pragma once
/*
 * invitation_send - inviting people to set up a device: the words, and one transaction for an invitation and
 * its message.
 *
 * Many are invited in chunks, so that nobody else waits for the writer; what was answered as made is made,
 * with its message on its way.  Everything is said in the language asked for, else the company's.
 */
#include "catalog/invitation.h"
#include "web/site.h"

#define INVITATION_CHUNK 50	/* in one transaction */

struct invitation_order {
	const char *actor;		/* for the audit */
	const struct person *by;	/* NULL: the command line */
	const char *const *persons, *const *groups;	/* ids or names */
	size_t persons_n, groups_n;
	const char *way;		/* "any" (mail, else SMS), "mail", "sms", "link" (somebody passes it on) */
	const char *to;			/* an address or number instead of the person's own, for one person; NULL */
	const char *language, *note;	/* NULL: the company's, none */
	bool another, remind;
	int64_t days;			/* how long they stand; 0: enroll.invite_days */
};

/*
 * {items[{id,person,name,by,recipient,url,expires}], left_out[{person,name,why}]}; why: "disabled", "enrolled",
 * "invited", "no_mail", "no_number", "no_way", "bad_address", "bad_number".  ERR_CONFLICT without the gateway
 * that was asked for.
 */
bool invitation_make(TALLOC_CTX *ctx, struct site *site, const struct invitation_order *order, json_t **ret,
		     struct err *err) CHECKED;

/* The same link once more, standing as long as a new one; an item as above. */
bool invitation_send_again(TALLOC_CTX *ctx, struct site *site, const char *actor, const char *id, json_t **ret,
			   struct err *err) CHECKED;

int64_t invitation_silent_s(struct site *site);

/* Once, to who has had no step for enroll.silent_days. */
bool job_invitation_remind(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);

/* ---- routes_invitation.c: what a query asks for ---- */
struct invitation_filter invitation_filter_of(struct req *req);

struct names {
	const char **list;
	size_t n;
};

static inline void
names_add(TALLOC_CTX *ctx, struct names *names, const char *name)
{
	names->list = mem_grow(ctx, names->list, const char *, names->n + 1);
	names->list[names->n++] = name;
}
