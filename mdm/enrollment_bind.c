#include "mdm/enrollment_bind.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/secret.h"
#include "mdm/push.h"
#include "mdm/refusals.h"
#include <pthread.h>
#include <string.h>

/* An old identity that was shown: its row is looked at once an hour, since a device may repeat itself for ever. */
#define NOTES	64
static struct { char sha256[X509_FINGERPRINT_SIZE]; int64_t at; } notes[NOTES];
static size_t notes_next;
static pthread_mutex_t notes_lock = PTHREAD_MUTEX_INITIALIZER;

static bool
shown_lately(const char *sha256)
{
	int64_t now = clock_now();
	bool found = false;

	pthread_mutex_lock(&notes_lock);
	for (size_t i = 0; i < NOTES && !found; i++)
		found = strcmp(notes[i].sha256, sha256) == 0 && now - notes[i].at < HOUR_S && now >= notes[i].at;
	if (!found) {
		snprintf(notes[notes_next].sha256, sizeof notes->sha256, "%s", sha256);
		notes[notes_next].at = now;
		notes_next = (notes_next + 1) % NOTES;
	}
	pthread_mutex_unlock(&notes_lock);
	return found;
}

struct note {
	char act[40], object[X509_FINGERPRINT_SIZE], detail[300];
};

bool
enrollment_refuse(struct db *db, const struct identity *identity, const char *udid, const char *why, struct err *err)
{
	const char *object = identity->enrollment ? identity->enrollment->device_id : identity->sha256;

	err_code(err, ERR_MALFORMED, "not_its_identity", "%s", why);
	if (refusals_note(db, identity->sha256, object, udid, why))
		log_warn("a device with an identity that is not its own was refused", KV("identity", identity->sha256),
			 KV("says", udid), KV("why", why));
	return false;
}

static bool
tx_old_shown(struct db *tx, void *arg, struct err *err)
{
	const struct note *note = arg;

	return db_run(tx, err, "UPDATE enrollment SET old_shown = $1 WHERE id = $2 AND (old_shown IS NULL OR old_shown < ended)",
		      db_now(), db_text(note->detail)) &&
	       (!db_changed(tx) || audit_add(tx, "device", note->act, note->object, NULL, err));
}

void
enrollment_old_shown(struct db *db, const struct enrollment *e, const char *sha256)
{
	struct note *note;

	if (shown_lately(sha256))
		return;
	note = mem_new(NULL, struct note);
	snprintf(note->act, sizeof note->act, "enrollment.old_identity");
	snprintf(note->object, sizeof note->object, "%s", e->device_id);
	snprintf(note->detail, sizeof note->detail, "%s", e->id);
	db_later(db, tx_old_shown, note);
}

static bool
tx_told(struct db *tx, void *arg, struct err *err)
{
	const struct note *note = arg;

	return db_run(tx, err, "UPDATE enrollment SET token = NULL, push_magic = '' WHERE id = $1 AND state = 'retired'",
		      db_text(note->object)) &&
	       push_forget(tx, note->object, err);
}

void
enrollment_told(struct db *db, const struct enrollment *e)
{
	struct note *note;

	if (!e->token.len)
		return;
	note = mem_new(NULL, struct note);
	snprintf(note->object, sizeof note->object, "%s", e->id);
	db_later(db, tx_told, note);
}

/*
 * An outside CA keeps no account of sessions for us: the one whose name the SCEP payload asked to be put into the
 * certificate, while it is open, and for this device.  What the message claims alone binds nothing.
 *
 * A session that our records do not have began after they were made, and so did what came of it; one that is over in them
 * and brought nothing, while this device has its certificate, went on elsewhere.  Then the records are those of a backup.
 * What a renewal of an enrollment brings that has ended since is nobody's, and so is what somebody has whom IT sent away:
 * a session that brought nothing is not remembered for ever.
 */
#define SENT_AWAY(udid) "EXISTS (SELECT 1 FROM enrollment r JOIN device rd ON rd.id = r.device_id WHERE rd.udid = " udid \
	" AND rd.enrollment_id IS NULL AND r.state = 'retired' AND NOT EXISTS (SELECT 1 FROM enrollment rn WHERE rn.device_id =" \
	" r.device_id AND rn.turn > r.turn))"

static bool
outside_session(TALLOC_CTX *ctx, struct db *db, const struct identity *identity, const char *udid, const char **ret,
		bool *lost, struct err *err)
{
	struct rows *rows;

	*ret = NULL;
	*lost = false;
	if (!identity->session_id)
		return true;
	rows = db_query(ctx, db, "SELECT s.id IS NOT NULL, s.udid = $1 AND s.expires > $2 AND s.state IN ('issued', 'staged'),"
			" s.udid = $1 AND s.state IN ('issued', 'staged', 'expired') AND (s.kind <> 'renewal' OR EXISTS (SELECT 1 FROM"
			" enrollment e WHERE e.id = s.enrollment_id AND e.state = 'enrolled')), " SENT_AWAY("$1") " FROM (SELECT CAST($3"
			" AS TEXT) AS id) AS asked LEFT JOIN enroll_session s ON s.id = asked.id", db_text(udid), db_now(),
			db_text(identity->session_id));
	if (!rows_one(rows, err, "no session"))
		return false;
	if (rows_bool(rows, 1))
		*ret = identity->session_id;
	*lost = !*ret && !rows_bool(rows, 3) && (rows_bool(rows, 0) ? rows_bool(rows, 2) : secret_is_id(identity->session_id));
	rows_done(rows);
	return true;
}

/* The one that a session has brought already, in whatever state: its identity was renewed by SCEP alone. */
static bool
of_session(TALLOC_CTX *ctx, struct db *db, const char *session_id, struct enrollment **ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT " ENROLLMENT_COLUMNS ENROLLMENT_FROM "WHERE e.session_id = $1"
		" ORDER BY e.turn DESC, e.id DESC LIMIT 1", db_text(session_id));
	enum rows_step step = rows_next(rows, err);

	*ret = step == ROWS_ROW ? enrollment_of_row(ctx, rows) : NULL;
	rows_done(rows);
	return step != ROWS_FAILED;
}

static bool
bind_session(TALLOC_CTX *ctx, struct db *db, const struct identity *identity, const char *udid, struct bound *b,
	     struct err *err)
{
	const char *id = identity->session_id;

	if (!identity->ours && !outside_session(ctx, db, identity, udid, &id, &b->lost, err))
		return false;
	if (!id)
		return true;
	if (!enroll_session_get(ctx, db, id, &b->session, err)) {
		/* It went with its person, or was never ours to remember (came_back.c): what it has brought stays. */
		if (err->kind != ERR_MISSING || (identity->ours && !of_session(ctx, db, id, &b->enrollment, err)))
			return false;
		b->how = b->enrollment ? BOUND_RENEWAL : BOUND_NOT;
		return true;
	}
	b->how = BOUND_RENEWAL;
	if (strcmp(b->session->kind, "renewal") == 0) {
		if (b->session->enrollment_id && enrollment_get(ctx, db, b->session->enrollment_id, &b->enrollment, err))
			return true;
		b->how = BOUND_NOT;
		return !b->session->enrollment_id || err->kind == ERR_MISSING;
	}
	if (identity->ours && !of_session(ctx, db, id, &b->enrollment, err))
		return false;
	if (!b->enrollment)
		b->how = BOUND_NEW;
	return true;
}

bool
enrollment_bind(TALLOC_CTX *ctx, struct db *db, const struct identity *identity, const char *udid, struct bound *ret,
     struct err *err)
{
	struct bound b = { .how = BOUND_NOT };

	if (enrollment_by_identity(ctx, db, identity->sha256, &b.enrollment, err))
		b.how = strcmp(b.enrollment->identity, identity->sha256) == 0 ? BOUND_CURRENT :
			b.enrollment->old_identity && strcmp(b.enrollment->old_identity, identity->sha256) == 0 ? BOUND_OLD :
			BOUND_NEXT;
	else if (err->kind != ERR_MISSING || !bind_session(ctx, db, identity, udid, &b, err))
		return false;
	*ret = b;
	return true;
}

bool
enrollment_is(const struct enrollment *e, const char *state)
{
	return strcmp(e->state, state) == 0;
}

/* The device that the certificate was issued to is the one that speaks. */
bool
enrollment_same_device(struct db *db, const struct identity *identity, const struct bound *b, const struct checkin_who *who,
	    struct err *err)
{
	if (b->enrollment && strcmp(b->enrollment->udid, who->udid) != 0)
		return enrollment_refuse(db, identity, who->udid, "its identity is another device's", err);
	if (b->how == BOUND_RENEWAL && enrollment_is(b->enrollment, "retired"))
		return err_code(err, ERR_DENIED, "retired", "device %s was retired", b->enrollment->device_id);
	if (b->how == BOUND_RENEWAL && enrollment_is(b->enrollment, "replaced"))
		return enrollment_refuse(db, identity, who->udid, "the enrollment that it renews was replaced", err);
	if (b->how == BOUND_NEW && *b->session->udid && strcmp(b->session->udid, who->udid) != 0)
		return enrollment_refuse(db, identity, who->udid, "its identity was issued to another device", err);
	return true;
}

/* The identity of one who left stays good, but not against the one that the device has enrolled with since. */
bool
enrollment_may_return(struct db *db, struct db *tx, const struct identity *identity, const struct bound *b,
		      const struct checkin_who *who, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enrollment *now;

	if (!b->enrollment || !enrollment_is(b->enrollment, "removed"))
		return true;
	if (!enrollment_of_device(ctx, tx, b->enrollment->device_id, &now, err))
		return err->kind == ERR_MISSING;
	return enrollment_refuse(db, identity, who->udid, "the device has enrolled with another identity since it left", err);
}

bool
enrollment_may_come_back(struct db *db, const struct identity *identity, const struct bound *b,
			 const struct checkin_who *who, struct err *err)
{
	/* A database that knows the certificate knows its enrollment, had there been one. */
	if (b->how == BOUND_NOT && identity->known && !b->lost)
		return enrollment_refuse(db, identity, who->udid, "its identity belongs to no enrollment that began here", err);
	return b->how != BOUND_NEW || *b->session->udid ||
	       enrollment_refuse(db, identity, who->udid, "it has not authenticated, and nothing says that it is this device",
				 err);
}
