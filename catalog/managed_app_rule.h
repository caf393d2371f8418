#pragma once
/*
 * managed_app_rule - how an app's installation on a managed device goes on: a table of states and news, and no
 * database.
 *
 *	wanted -> queued -> sent -> acknowledged -> installing -> installed
 *
 * or it ends as declined, failed or timed out; removing -> removed is the way back.  Acknowledged is not installed:
 * what the device lists decides.  Each state that is not an end has a `due`, and silence alone
 * leads from each of them to an end, from which what is there by itself is tried again once a day: that is a test.
 */
#include "core/clock.h"
#include "core/err.h"
#include <stdint.h>

#define MANAGED_ATTEMPTS_MAX	5	/* InstallApplications, ever later; then somebody has to ask, or it is one a day */
#define MANAGED_GIVE_UP_S	DAY_S	/* after the device took it: nothing has come of it */
#define MANAGED_TTL_S		(30 * DAY_S)	/* how long a command waits for a device that is silent */
#define MANAGED_SLACK_S		DAY_S	/* then the queue must have told its end */
#define MANAGED_DUE_MAX_S	(MANAGED_TTL_S + 2 * MANAGED_SLACK_S)	/* no wait is longer */
#define MANAGED_REMOVED_KEPT_S	(30 * DAY_S)
#define MANAGED_CLEARED_S	900	/* what goes by itself comes back so much later when its device's queue was cleared */
#define MANAGED_AGAIN_S		DAY_S	/* a required app that its owner removed or declined comes back so much later */

enum managed_state {
	MANAGED_WANTED, MANAGED_QUEUED, MANAGED_SENT, MANAGED_ACKNOWLEDGED, MANAGED_INSTALLING, MANAGED_INSTALLED,
	MANAGED_DECLINED, MANAGED_FAILED, MANAGED_TIMED_OUT, MANAGED_REMOVING, MANAGED_REMOVED, MANAGED_STATES
};
const char *managed_state_name(enum managed_state state);
enum managed_state managed_state_of(const char *name);	/* MANAGED_STATES: none */

enum managed_news {
	NEWS_DUE,		/* its time has come, and nothing was heard */
	NEWS_QUEUED,		/* its command waits for the device */
	NEWS_SENT,		/* the command was delivered */
	NEWS_TAKEN,		/* Acknowledged */
	NEWS_REJECTED,		/* answered with a RejectionReason: `word` */
	NEWS_REFUSED,		/* Error, CommandFormatError */
	NEWS_EXPIRED,		/* the queue gave up */
	NEWS_CANCELLED,		/* somebody took the command back */
	NEWS_CLEARED,		/* it went with all that waited, which is not about the app */
	NEWS_HELD,		/* it is paused, or not its hour, by now */
	NEWS_UNMADE,		/* the command could not be rendered */
	NEWS_LISTED,		/* ManagedApplicationList, after InstalledApplicationList: `word` is the Status */
	NEWS_LISTED_INSTALLED,	/* InstalledApplicationList alone: the Status is from before */
	NEWS_ASKED,		/* somebody wants it now */
	NEWS_N
};

/* The copy that the device lists, against the one that is wanted. */
enum managed_copy { COPY_NONE, COPY_OLDER, COPY_SAME, COPY_NEWER };

struct managed_report {
	enum managed_news news;
	const char *word;	/* RejectionReason or Status; NULL, "": none */
	enum managed_copy copy;
	bool managed, installing;
};

struct managed_row {
	enum managed_state state;
	bool going;		/* it is to go: nothing is wanted there */
	bool kept;		/* by itself (required): it comes back when its owner removes it */
	const char *why;	/* of the last step */
	int64_t attempts, polls, began;
	bool itself;		/* nobody asked: required, kept current, or to follow what stops; it is tried until it is there */
};

enum managed_act {
	MANAGED_REST,
	MANAGED_QUEUE,		/* InstallApplication, or RemoveApplication */
	MANAGED_ASK,		/* the lists */
	MANAGED_FORGET,		/* the row has had its time */
};

struct managed_step {
	enum managed_state state;
	const char *why;	/* a constant; "" */
	int64_t attempts, polls, began;
	int64_t due;		/* 0: it is at an end; -1: as it was */
	enum managed_act act;
	bool moved;		/* anything but its due is another */
};

/* What comes of the news at `now`. */
struct managed_step managed_app_step(const struct managed_row *row, const struct managed_report *report, int64_t now);

/* Is something under way, so that another build has to wait? */
bool managed_in_flight(enum managed_state state);
bool managed_unsent(const char *why);	/* the last command never came to the device: the next is the same attempt */
bool managed_waits(enum managed_state state);	/* for the answer to a command */
