/*
 * Commands of mobileconfigs from their writing to their answer, and ProfileList, which alone says what is there.
 *
 * A device answers one command after the other, so a ProfileList that comes behind an acknowledgement speaks of what
 * that has done.
 */
#include "catalog/desired_inner.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/text.h"
#include "mdm/command_send.h"
#include <string.h>

struct said {
	const char *goal, *state, *wish, *sent, *listed, *identifier, *mobileconfig_id;
	int64_t attempts, repairs, changed;
	bool there, foreign;		/* by ProfileList */
	const char *now;		/* what it says of it, hashed */
};

#define SAID "r.goal, r.state, r.wish, r.sent, r.listed, r.identifier, r.mobileconfig_id, r.attempts, r.repairs, r.changed"

static struct said
said_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return (struct said){ rows_text(ctx, rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2),
		rows_text(ctx, rows, 3), rows_text(ctx, rows, 4), rows_text(ctx, rows, 5), rows_text(ctx, rows, 6),
		rows_int(rows, 7), rows_int(rows, 8), rows_int(rows, 9), false, false, "" };
}

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* *ret NULL: there is no row any more. */
static bool
find(TALLOC_CTX *ctx, struct db *db, const char *device_id, const char *mobileconfig_id, struct said **ret,
     struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT " SAID " FROM device_mobileconfig r WHERE r.device_id = $1"
		" AND r.mobileconfig_id = $2", db_text(device_id), db_text(mobileconfig_id));
	enum rows_step step = rows_next(rows, err);

	*ret = NULL;
	if (step == ROWS_ROW) {
		*ret = mem_new(ctx, struct said);
		**ret = said_of(ctx, rows);
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

/* ---- rows change ---- */

struct change { const char *state, *code, *why; int64_t attempts, repairs, due; };	/* due 0: none */

static bool
set(struct db *tx, const char *device_id, const char *mobileconfig_id, const struct change *c, struct err *err)
{
	return db_run(tx, err, "UPDATE device_mobileconfig SET state = $1, code = $2, why = $3, attempts = $4, repairs = $5,"
		      " due = $6, changed = $7 WHERE device_id = $8 AND mobileconfig_id = $9", db_text(c->state),
		      db_text(c->code), db_text(c->why), db_int(c->attempts), db_int(c->repairs),
		      c->due ? db_int(c->due) : db_null(), db_now(), db_text(device_id), db_text(mobileconfig_id)) &&
	       (!c->due || desired_job(tx, c->due, err));
}

static bool
fail(struct db *tx, const char *device_id, const struct said *s, const char *code, const char *why, struct err *err)
{
	int64_t attempts = s->attempts + 1;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct change c = { "failed", code, text_cut(ctx, why, DESIRED_WHY_MAX), attempts, s->repairs,
			    attempts < DESIRED_ATTEMPTS_MAX ? clock_now() + desired_wait(attempts) : 0 };

	return set(tx, device_id, s->mobileconfig_id, &c, err);
}

static bool
forget(struct db *tx, const char *device_id, const char *mobileconfig_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM device_mobileconfig WHERE device_id = $1 AND mobileconfig_id = $2",
		      db_text(device_id), db_text(mobileconfig_id));
}

/* ---- a command is written ---- */

static bool
not_wanted(struct err *err)
{
	return err_code(err, ERR_CONFLICT, "not_wanted", "what it was queued for is not wanted any more");
}

/*
 * Of the goal of today, whatever the command was queued for; and a mobileconfig of one person goes to devices of
 * that person alone, whatever a row may say.  None is removed whose PayloadIdentifier another one has that ought to
 * be there.
 */
bool
desired_order(TALLOC_CTX *ctx, struct db *db, const struct queued *command, const char *device_id,
	      struct desired_order *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT r.identifier, r.goal, r.state, m.version, d.person_id, m.person_id,"
		" EXISTS (SELECT 1 FROM device_mobileconfig o WHERE o.device_id = r.device_id AND o.identifier = r.identifier"
		" AND o.mobileconfig_id <> r.mobileconfig_id AND o.goal = 'install') FROM device_mobileconfig r JOIN device d ON d.id = r.device_id"
		" LEFT JOIN mobileconfig m ON m.id = r.mobileconfig_id WHERE r.device_id = $1 AND r.mobileconfig_id = $2",
		db_text(device_id), db_text(text_of(command->args, "mobileconfig")));
	enum rows_step step = rows_next(rows, err);
	const char *only;

	if (step != ROWS_ROW)
		return step != ROWS_FAILED && not_wanted(err);
	*ret = (struct desired_order){ .device_id = device_id, .mobileconfig_id = mem_text(ctx, text_of(command->args, "mobileconfig")),
		.identifier = rows_text(ctx, rows, 0), .remove = is(rows_text(ctx, rows, 1), "remove"),
		.version = rows_int(rows, 3), .person_id = rows_text(ctx, rows, 4) };
	only = rows_text(ctx, rows, 5);
	if (!is(text_of(command->args, "goal"), ret->remove ? "remove" : "install") || is(rows_text(ctx, rows, 2), "blocked") ||
	    (ret->remove ? rows_bool(rows, 6) : rows_null(rows, 3)) ||
	    (!ret->remove && only && (!ret->person_id || !is(only, ret->person_id))))
		return not_wanted(err);
	rows_done(rows);
	return true;
}

bool
desired_written(struct db *db, const struct desired_order *order, const char *wish, struct err *err)
{
	return db_run(db, err, "UPDATE device_mobileconfig SET sent = $1, sent_version = $2 WHERE device_id = $3"
		      " AND mobileconfig_id = $4", db_text(wish), db_int(order->version), db_text(order->device_id),
		      db_text(order->mobileconfig_id));
}

struct refusal {
	const struct desired_order *order;
	const struct err *why;
};

static bool
tx_refused(struct db *tx, void *p, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct refusal *r = p;
	char text[sizeof r->why->path + sizeof r->why->cause + 2];
	struct said *s;

	return find(ctx, tx, r->order->device_id, r->order->mobileconfig_id, &s, err) &&
	       (!s || fail(tx, r->order->device_id, s, r->why->code, err_text(r->why, text, sizeof text), err));
}

bool
desired_refused(struct db *db, const struct desired_order *order, const struct err *why, struct err *err)
{
	return db_tx(db, tx_refused, &(struct refusal){ order, why }, err);
}

/* ---- what came of it ---- */

/* It was with the device when something changed: that goes out now. */
static bool
took(struct db *tx, const char *device_id, const struct said *s, struct err *err)
{
	bool old = is(s->goal, "install") && !is(s->sent, s->wish);
	struct change c = { old ? "wanted" : "taken", "", "", 0, s->repairs,
			    old ? clock_now() : clock_now() + DESIRED_ASK_S };

	if (!old)	/* until ProfileList agrees, it may be an attempt that failed */
		c.attempts = s->attempts;
	return set(tx, device_id, s->mobileconfig_id, &c, err);
}

/* It was for the goal of today; what stands in the way since then stays said. */
static bool
counts(const struct said *s, const struct queued *command)
{
	return s && is(s->goal, text_of(command->args, "goal")) && !(is(s->goal, "install") && is(s->state, "blocked"));
}

/*
 * What was sent was written from what was true at its delivery, and the row may be older: a device that the job has
 * not come to yet is looked at first, or the same would be found old and sent again with each answer.
 */

bool
desired_answered(struct db *tx, const struct queued *command, const struct enrollment *enrollment, bool right,
		 const char *words, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *device_id = enrollment->device_id;
	struct said *s;
	int64_t n;

	if (!desired_compare(tx, device_id, err) || !find(ctx, tx, device_id, text_of(command->args, "mobileconfig"), &s, err))
		return false;
	if (counts(s, command) &&
	    !(right ? took(tx, device_id, s, err) : fail(tx, device_id, s, "device", words, err)))
		return false;
	return desired_queue(tx, device_id, &n, err) && command_refresh_after(tx, enrollment, command->request_type, err);
}

/* The device was silent, which says nothing of the mobileconfig: no attempt is used up, and the next command waits for it. */
static bool
unheard(struct db *tx, const char *device_id, const struct said *s, struct err *err)
{
	struct change c = { "failed", "expired", "", s->attempts, s->repairs, clock_now() + desired_wait(s->attempts + 1) };

	return set(tx, device_id, s->mobileconfig_id, &c, err);
}

/* Its queue was stuck, and all of it was taken back: it goes out again. */
static bool
cleared(struct db *tx, const char *device_id, const struct said *s, struct err *err)
{
	struct change c = { "wanted", "", "", s->attempts, s->repairs, clock_now() + DESIRED_RETRY_MIN_S };

	return set(tx, device_id, s->mobileconfig_id, &c, err);
}

bool
desired_ended(struct db *tx, const struct queued *command, const struct enrollment *enrollment, const char *state,
	      struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *device_id = enrollment->device_id;
	struct said *s;

	if (!find(ctx, tx, device_id, text_of(command->args, "mobileconfig"), &s, err))
		return false;
	if (s && is(s->state, "queued") && is(s->goal, text_of(command->args, "goal")) &&
	    !(is(state, "expired") ? unheard(tx, device_id, s, err) : is(state, QUEUE_CLEARED) ? cleared(tx, device_id, s, err)
				   : fail(tx, device_id, s, is(state, "error") ? "unwritten" : state, "", err)))
		return false;
	/* What could not be written may be missing something since it was queued. */
	return !is(state, "error") || desired_now(tx, device_id, err);
}

/* ---- ProfileList ---- */

/* It was there, and is not, or not as it was. */
static bool
repair(struct db *tx, const char *device_id, const struct said *s, struct err *err)
{
	bool again = s->repairs && s->changed > clock_now() - DAY_S;	/* somebody, or something, does it over and over */
	int64_t repairs = again ? s->repairs + 1 : 1;
	struct change c = { "wanted", s->there ? "drift_changed" : "drift_removed", "", 0, repairs,
			    clock_now() + (again ? desired_wait(repairs - 1) : 0) };

	log_info("a mobileconfig is not on its device as it was left", KV("device", device_id), KV("identifier", s->identifier),
		 KV("it was", s->there ? "changed" : "removed"));
	return set(tx, device_id, s->mobileconfig_id, &c, err);
}

static bool
settle_install(struct db *tx, const char *device_id, const struct said *s, struct err *err)
{
	struct change done = { "installed", "", "", 0, s->repairs, 0 };

	if (is(s->state, "taken")) {
		if (!s->there)
			return fail(tx, device_id, s, "not_listed", "", err);
		return set(tx, device_id, s->mobileconfig_id, &done, err) &&
		       db_run(tx, err, "UPDATE device_mobileconfig SET listed = $1 WHERE device_id = $2 AND mobileconfig_id = $3",
			      db_text(s->now), db_text(device_id), db_text(s->mobileconfig_id));
	}
	return !is(s->state, "installed") || (s->there && is(s->now, s->listed)) || repair(tx, device_id, s, err);
}

/* A device that says "it is not installed" of a removal has told what we want. */
static bool
settle_remove(struct db *tx, const char *device_id, const struct said *s, struct err *err)
{
	bool tried = is(s->state, "taken") || is(s->state, "failed");

	if ((tried && !s->there) || s->foreign)
		return forget(tx, device_id, s->mobileconfig_id, err);
	return !is(s->state, "taken") || fail(tx, device_id, s, "still_listed", "", err);
}

static bool
find_listed(TALLOC_CTX *ctx, struct db *tx, const char *device_id, struct said **ret, size_t *n, struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT " SAID ", i.identifier, i.managed, i.uuid, i.name, i.organization,"
		" i.version, i.payloads FROM device_mobileconfig r LEFT JOIN installed_mobileconfig i"
		" ON i.device_id = r.device_id AND i.identifier = r.identifier WHERE r.device_id = $1", db_text(device_id));
	enum rows_step step;

	*ret = NULL;
	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		struct said s = said_of(ctx, rows);
		char *hash = mem_size(ctx, SECRET_HASH_SIZE);

		if ((s.there = !rows_null(rows, 10))) {
			s.foreign = !rows_null(rows, 11) && !rows_bool(rows, 11);
			s.now = secret_hash(mem_printf(ctx, "%s\n%s\n%s\n%lld\n%s", rows_text(ctx, rows, 12),
				rows_text(ctx, rows, 13), rows_text(ctx, rows, 14), (long long)rows_int(rows, 15),
				rows_text(ctx, rows, 16)), hash);
		}
		*ret = mem_grow(ctx, *ret, struct said, *n + 1);
		(*ret)[(*n)++] = s;
	}
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
settle(struct db *tx, const char *device_id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct said *all;
	int64_t due;
	size_t n;

	if (!find_listed(ctx, tx, device_id, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(is(all[i].goal, "install") ? settle_install(tx, device_id, &all[i], err)
						 : settle_remove(tx, device_id, &all[i], err)))
			return false;
	return !n || desired_queue(tx, device_id, &due, err);
}

/* Facts decide which assignments are for it. */
bool
desired_reported(struct db *tx, const char *device_id, const char *request_type, struct err *err)
{
	if (is(request_type, "ProfileList"))
		return settle(tx, device_id, err);
	return !is(request_type, "DeviceInformation") || desired_now(tx, device_id, err);
}
