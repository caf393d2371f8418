#pragma once
/*
 * push_line - one topic's way to Apple: its certificate, its connection, the rows that it has taken.
 *
 * For mdm/pusher.c's thread alone.  When APNs cannot be reached the line's lane is closed for a while
 * (core/lane.h) and rows wait as they are; when Apple refuses the certificate the topic halts.
 */
#include "core/conf.h"
#include "mdm/push_certificate.h"
#include "mdm/push_due.h"
#include <poll.h>

struct push_line;

/* What all lines share. */
struct push_yard {
	struct db *db;
	const _Atomic bool *stopping;
	void (*answered)(void *arg, const struct push_row *row, const struct apns_answer *answer);
	void *arg;
};

struct push_line *push_line_new(TALLOC_CTX *ctx, const struct push_yard *yard, const char *topic);
const char *push_line_topic(const struct push_line *line);

/*
 * From now on with this certificate, lent until the next call; NULL: there is none.  Its connection ends, and
 * what was under way is sent again.
 */
void push_line_use(struct push_line *line, const struct push_identity *identity);

void push_line_step(struct push_line *line, const struct conf *conf);	/* all that can be done without waiting */
int64_t push_line_patience(const struct push_line *line);	/* ms until it is to be stepped again */
bool push_line_wants(const struct push_line *line, struct pollfd *ret);	/* or when this is so; false: no connection */
void push_line_hurry(struct push_line *line);	/* somebody has asked: look at once */

bool push_line_is_through(const struct push_line *line);	/* nothing is under way or to be recorded */
void push_line_end(struct push_line *line);	/* gives back what is under way */
bool push_line_is_stuck(struct push_line *line, char *why, size_t size);
