#include "catalog/managed_app_rule.h"
#include "core/clock.h"
#include <string.h>

static const char *const names[MANAGED_STATES] = { "wanted", "queued", "sent", "acknowledged", "installing", "installed",
						   "declined", "failed", "timed_out", "removing", "removed" };

/* When the lists are asked again, each time later; then every four hours until it is given up. */
static const int polls_s[] = { 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400 };

/* When what failed is tried again, by attempts. */
static const int again_s[MANAGED_ATTEMPTS_MAX - 1] = { 900, 3600, 21600, DAY_S };

const char *
managed_state_name(enum managed_state state)
{
	return names[state];
}

enum managed_state
managed_state_of(const char *name)
{
	enum managed_state state = 0;

	while (state < MANAGED_STATES && strcmp(names[state], name) != 0)
		state++;
	return state;
}

bool
managed_in_flight(enum managed_state state)
{
	return state == MANAGED_SENT || state == MANAGED_ACKNOWLEDGED || state == MANAGED_INSTALLING;
}

/* ---- what the device says in words of Apple's ---- */

enum meaning { UNKNOWN, ON_ITS_WAY, PROMPTING, REJECTED, BROKEN, OWNED, UNINSTALLED };

static const struct { const char *status; enum meaning meaning; } statuses[] = {
	{ "Queued", ON_ITS_WAY }, { "NeedsRedemption", ON_ITS_WAY }, { "Redeeming", ON_ITS_WAY },
	{ "ValidatingPurchase", ON_ITS_WAY }, { "ValidatingUpdate", ON_ITS_WAY }, { "Updating", ON_ITS_WAY },
	{ "Installing", ON_ITS_WAY },
	{ "Prompting", PROMPTING }, { "PromptingForLogin", PROMPTING }, { "PromptingForUpdate", PROMPTING },
	{ "PromptingForUpdateLogin", PROMPTING }, { "PromptingForManagement", PROMPTING },
	{ "UserRejected", REJECTED }, { "UpdateRejected", REJECTED }, { "ManagementRejected", REJECTED },
	{ "Failed", BROKEN }, { "Managed", OWNED }, { "ManagedButUninstalled", UNINSTALLED },
};

static enum meaning
meaning_of(const char *status)
{
	for (size_t i = 0; status && i < sizeof statuses / sizeof *statuses; i++)
		if (strcmp(statuses[i].status, status) == 0)
			return statuses[i].meaning;
	return UNKNOWN;
}

/* Reasons that are no transient ones: asking again changes nothing. */
static bool
is_final(const char *reason)
{
	static const char *const final[] = { "NotSupported", "NotAnApp", "PurchaseMethodNotSupported",
					     "PurchaseMethodNotSupportedInMultiUser", "AppStoreDisabled", "LicenseNotFound",
					     "InvalidManifest" };

	for (size_t i = 0; i < sizeof final / sizeof *final; i++)
		if (strcmp(final[i], reason) == 0)
			return true;
	return false;
}

/* ---- steps ---- */

static struct managed_step
step_to(const struct managed_row *row, enum managed_state state, const char *why, int64_t due)
{
	return (struct managed_step){ .state = state, .why = why, .attempts = row->attempts, .polls = row->polls,
				      .began = row->began, .due = due, .moved = true };
}

static struct managed_step
stay(const struct managed_row *row)
{
	struct managed_step step = step_to(row, row->state, row->why, -1);

	step.moved = false;
	return step;
}

static bool
may_again(const struct managed_row *row)
{
	return row->attempts < MANAGED_ATTEMPTS_MAX || (row->itself && !row->going);
}

/* Later again, a few times; what is to be there by itself once a day then. */
static struct managed_step
fell(const struct managed_row *row, enum managed_state state, const char *why, int64_t now)
{
	int64_t tried = row->attempts > 0 ? row->attempts : 1;
	int64_t wait = again_s[tried < MANAGED_ATTEMPTS_MAX ? tried - 1 : MANAGED_ATTEMPTS_MAX - 2];

	return step_to(row, state, why, may_again(row) ? now + wait : 0);
}

/* It was in a drawer, which says nothing of the app: no attempt is used up, and the next command waits for it. */
static struct managed_step
unheard(const struct managed_row *row, int64_t now)
{
	struct managed_row before = *row;

	if (before.attempts > 0)
		before.attempts--;
	return fell(&before, MANAGED_TIMED_OUT, "not_delivered", now);
}

static struct managed_step
taken(const struct managed_row *row, int64_t now)
{
	struct managed_step step = step_to(row, row->going ? MANAGED_REMOVING : MANAGED_ACKNOWLEDGED, "", now + polls_s[0]);

	step.polls = 0;
	step.began = now;
	step.act = MANAGED_ASK;
	return step;
}

static struct managed_step
try_again(const struct managed_row *row, int64_t now)
{
	struct managed_step step = step_to(row, row->going ? MANAGED_REMOVING : MANAGED_WANTED, row->why, now);

	step.act = MANAGED_QUEUE;
	return step;
}

/* The lists once more, or it is given up. */
static struct managed_step
poll(const struct managed_row *row, int64_t now)
{
	int64_t last = sizeof polls_s / sizeof *polls_s - 1, polls = row->polls + 1;
	int64_t began = row->began < now ? row->began : now;	/* the clock was ahead then */
	struct managed_step step = stay(row);

	if (now - began >= MANAGED_GIVE_UP_S)
		return fell(row, MANAGED_TIMED_OUT, *row->why ? row->why : "silent", now);
	step.polls = polls;
	step.began = began;
	step.due = now + polls_s[polls < last ? polls : last];
	if (step.due > began + MANAGED_GIVE_UP_S)
		step.due = began + MANAGED_GIVE_UP_S;
	step.act = MANAGED_ASK;
	return step;
}

/* Taken back before the device had it: that was no attempt. */
static struct managed_step
taken_back(const struct managed_row *row, const char *why, int64_t at)
{
	bool take_over = strcmp(row->why, "already_installed") == 0;
	struct managed_step step = step_to(row, row->going ? MANAGED_REMOVING : MANAGED_WANTED, take_over ? row->why : why, at);

	if (step.attempts > 0)
		step.attempts--;
	return step;
}

/* What somebody asked for, they ask for again. */
static struct managed_step
cancelled(const struct managed_row *row, bool cleared, int64_t now)
{
	return cleared && row->itself ? taken_back(row, "cleared", now + MANAGED_CLEARED_S) :
					step_to(row, MANAGED_FAILED, "cancelled", 0);
}

bool
managed_unsent(const char *why)
{
	return strcmp(why, "not_delivered") == 0 || strcmp(why, "cleared") == 0 || strcmp(why, "held") == 0;
}

static struct managed_step
queued(const struct managed_row *row, int64_t now)
{
	bool was_back = strcmp(row->why, "cleared") == 0 || strcmp(row->why, "held") == 0;
	struct managed_step step = step_to(row, row->going ? MANAGED_REMOVING : MANAGED_QUEUED, was_back ? "" : row->why,
					   now + MANAGED_TTL_S + MANAGED_SLACK_S);

	step.attempts++;
	step.polls = step.began = 0;
	return step;
}

static struct managed_step
due(const struct managed_row *row, int64_t now)
{
	struct managed_step step;

	switch (row->state) {
	case MANAGED_WANTED:
		return try_again(row, now);
	case MANAGED_QUEUED:
	case MANAGED_SENT:
		return fell(row, MANAGED_TIMED_OUT, "not_delivered", now);
	case MANAGED_ACKNOWLEDGED:
	case MANAGED_INSTALLING:
		return poll(row, now);
	case MANAGED_FAILED:
	case MANAGED_TIMED_OUT:
		return may_again(row) ? try_again(row, now) : step_to(row, row->state, row->why, 0);
	case MANAGED_DECLINED:
		return row->kept && row->attempts < MANAGED_ATTEMPTS_MAX ? try_again(row, now) : step_to(row, row->state, row->why, 0);
	case MANAGED_REMOVING:	/* began: the device has taken the removal */
		return row->began ? poll(row, now) : row->attempts < MANAGED_ATTEMPTS_MAX ? try_again(row, now) :
		       step_to(row, MANAGED_FAILED, "not_removed", 0);
	case MANAGED_REMOVED:
		step = step_to(row, MANAGED_REMOVED, row->why, 0);
		step.act = MANAGED_FORGET;
		return step;
	default:
		return step_to(row, row->state, row->why, 0);
	}
}

/* Was a command on its way, so that an answer is about it? */
bool
managed_waits(enum managed_state state)
{
	return state == MANAGED_QUEUED || state == MANAGED_SENT || state == MANAGED_TIMED_OUT || state == MANAGED_REMOVING;
}

static struct managed_step
rejected(const struct managed_row *row, const char *reason, int64_t now)
{
	bool again = strcmp(row->why, "already_installed") == 0;

	if (row->going)
		return fell(row, MANAGED_FAILED, "not_removed", now);
	if (strcmp(reason, "AppAlreadyQueued") == 0)
		return taken(row, now);
	if (strcmp(reason, "AppAlreadyInstalled") == 0 && !again) {	/* an unmanaged copy: it is taken over next */
		struct managed_step step = step_to(row, MANAGED_WANTED, "already_installed", now);

		step.act = MANAGED_QUEUE;
		return step;
	}
	if (is_final(reason))
		return step_to(row, MANAGED_FAILED, "rejected", 0);
	return fell(row, MANAGED_FAILED, "rejected", now);
}

/* That was about this build.  What must be there is asked for again, a few times. */
static struct managed_step
declined(const struct managed_row *row, const char *why, int64_t now)
{
	return step_to(row, MANAGED_DECLINED, why, row->kept && row->attempts < MANAGED_ATTEMPTS_MAX ? now + MANAGED_AGAIN_S : 0);
}

/* Its owner took it away. */
static struct managed_step
gone(const struct managed_row *row, int64_t now)
{
	if (row->kept)
		return step_to(row, MANAGED_WANTED, "owner_removed", now + MANAGED_AGAIN_S);
	return step_to(row, MANAGED_REMOVED, "owner_removed", now + MANAGED_REMOVED_KEPT_S);
}

static bool
is_there(const struct managed_report *r)
{
	return r->managed && !r->installing && (r->copy == COPY_SAME || r->copy == COPY_NEWER) &&
	       meaning_of(r->word) == OWNED;
}

/* While it is under way. */
static struct managed_step
on_the_way(const struct managed_row *row, const struct managed_report *r, int64_t now)
{
	enum meaning meaning = meaning_of(r->word);

	switch (meaning) {
	case REJECTED:
		return declined(row, "user", now);
	case BROKEN:
		return fell(row, MANAGED_FAILED, "device", now);
	case UNINSTALLED:
		return declined(row, "owner_removed", now);
	case PROMPTING:
		return step_to(row, MANAGED_ACKNOWLEDGED, "prompting", -1);
	default:
		break;
	}
	if (meaning == ON_ITS_WAY || r->installing)
		return step_to(row, MANAGED_INSTALLING, "", -1);
	if (r->copy == COPY_OLDER)
		return step_to(row, row->state, "older", -1);
	return step_to(row, row->state, row->why, -1);
}

static struct managed_step
listed(const struct managed_row *row, const struct managed_report *r, int64_t now)
{
	if (row->state == MANAGED_REMOVED)
		return stay(row);
	if (row->going)
		return r->managed && meaning_of(r->word) != UNINSTALLED ? stay(row) :
		       step_to(row, MANAGED_REMOVED, "", now + MANAGED_REMOVED_KEPT_S);
	if (is_there(r) && row->state != MANAGED_INSTALLED)
		return step_to(row, MANAGED_INSTALLED, r->copy == COPY_NEWER ? "newer" : "", 0);
	if (row->state == MANAGED_ACKNOWLEDGED || row->state == MANAGED_INSTALLING)
		return on_the_way(row, r, now);
	if (row->state != MANAGED_INSTALLED || is_there(r))
		return stay(row);
	if (!r->managed || meaning_of(r->word) == UNINSTALLED || r->copy == COPY_NONE)
		return gone(row, now);
	if (r->copy == COPY_OLDER && !r->installing && row->kept)
		return step_to(row, MANAGED_WANTED, "older", now);
	return stay(row);
}

static struct managed_step
asked(const struct managed_row *row, int64_t now)
{
	struct managed_step step = step_to(row, row->going ? MANAGED_REMOVING : MANAGED_WANTED, "", now);

	step.attempts = step.polls = step.began = 0;
	step.act = MANAGED_QUEUE;
	return step;
}

struct managed_step
managed_app_step(const struct managed_row *row, const struct managed_report *r, int64_t now)
{
	const char *word = r->word ? r->word : "";
	struct managed_step step;

	switch (r->news) {
	case NEWS_DUE:
		return due(row, now);
	case NEWS_QUEUED:
		return queued(row, now);
	case NEWS_SENT:
		return row->state == MANAGED_QUEUED ? step_to(row, MANAGED_SENT, row->why, -1) : stay(row);
	case NEWS_TAKEN:
		if (row->state != MANAGED_INSTALLED)
			return managed_waits(row->state) ? taken(row, now) : stay(row);
		step = stay(row);	/* a removal that was taken back too late: the lists say what is left */
		step.act = MANAGED_ASK;
		return step;
	case NEWS_REJECTED:
		return managed_waits(row->state) ? rejected(row, word, now) : stay(row);
	case NEWS_REFUSED:
		return managed_waits(row->state) ? fell(row, MANAGED_FAILED, row->going ? "not_removed" : "refused", now) : stay(row);
	case NEWS_EXPIRED:
		return managed_waits(row->state) ? unheard(row, now) : stay(row);
	case NEWS_CANCELLED:
	case NEWS_CLEARED:
		return managed_waits(row->state) ? cancelled(row, r->news == NEWS_CLEARED, now) : stay(row);
	case NEWS_HELD:		/* the sweep says when */
		return row->itself && (row->state == MANAGED_QUEUED || row->state == MANAGED_SENT) ? taken_back(row, "held", now) : stay(row);
	case NEWS_UNMADE:
		return managed_waits(row->state) ? fell(row, MANAGED_FAILED, "not_made", now) : stay(row);
	case NEWS_LISTED:
		return listed(row, r, now);
	case NEWS_LISTED_INSTALLED:
		return !row->going && row->state != MANAGED_REMOVED && row->state != MANAGED_INSTALLED && is_there(r) ?
		       listed(row, r, now) : stay(row);
	case NEWS_ASKED:
		return asked(row, now);
	default:
		return stay(row);
	}
}
