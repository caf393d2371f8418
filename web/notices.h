#pragma once
/*
 * notices - the job that tells testers of a new build: their link once more, or one like it.
 */
#include "catalog/notice.h"
#include "core/job.h"

#define NOTICE_ATTEMPTS 20

bool notices_build(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);

/* What one tester is written; for whoever else has a reason to write (`ends`: what they have stops launching then, or 0). */
struct site;
struct notice_letter {	/* lives no longer than its context, `build` and `due` */
	const struct notice_due *due;
	const struct link_draft *draft;		/* a link that leads there; NULL: theirs does, or none can be made */
	const struct link_letter *letter;	/* NULL: they cannot be reached, or there is nothing to say without a link */
	enum notice_miss miss;			/* without a letter: why */
	bool gone;				/* the contact was removed */
};
bool notice_letter(TALLOC_CTX *ctx, struct site *site, const json_t *build, const char *channel, const struct notice_due *due,
		   int64_t ends, struct notice_letter *ret, struct err *err) CHECKED;
bool notice_post(struct db *tx, const struct notice_letter *letter, struct err *err) CHECKED;	/* in the transaction of its row */
