#include "mdm/enrollment_welcome.h"
#include "core/clock.h"
#include <string.h>

/*
 * Without the Profile Service nobody has proven the UDID: such a session does not take a device from another
 * person, nor from one who is about to have it.  IT retires it first, or it leaves by itself.
 */
static bool
may_take_from(struct db *tx, const struct comer *c, const struct enroll_session *s, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	enum rows_step step;

	if (strcmp(s->kind, "direct") != 0)
		return true;
	rows = db_query(ctx, tx, "SELECT 1 FROM device d JOIN enrollment e ON e.device_id = d.id WHERE d.udid = $1"
			" AND (e.id = d.enrollment_id OR (e.state = 'staged' AND e.created > $2)) AND e.session_id <> $3"
			" AND (e.person_id IS NULL OR e.person_id IS DISTINCT FROM $4)", db_text(c->udid),
			db_int(clock_now() - ENROLL_LATE_S), db_text(s->id), db_text(s->person_id));
	step = rows_next(rows, err);
	rows_done(rows);
	if (step == ROWS_ROW)
		return enrollment_refuse(c->db, c->identity, c->udid, "the device is under management for somebody else", err);
	return step == ROWS_END;
}

/* Who was disabled enrolls nothing any more; NULL: nobody in particular. */
static bool
is_let_in(struct db *tx, const struct comer *c, const char *person_id, const char *why, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	enum rows_step step;

	if (!person_id)
		return true;
	rows = db_query(ctx, tx, "SELECT 1 FROM person WHERE id = $1 AND NOT disabled", db_text(person_id));
	step = rows_next(rows, err);
	rows_done(rows);
	if (step == ROWS_END)
		return enrollment_refuse(c->db, c->identity, c->udid, why, err);
	return step == ROWS_ROW;
}

bool
enrollment_welcome(struct db *tx, const struct comer *c, const struct enroll_session *s, struct err *err)
{
	return is_let_in(tx, c, s->person_id, "who began it is not let in any more", err) && may_take_from(tx, c, s, err);
}

/* Whose the device is may have changed since Authenticate, and who may have one; a session goes with its person. */
bool
enrollment_welcome_begun(struct db *tx, const struct comer *c, const struct enrollment *e, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enroll_session *s;

	if (enroll_session_get(ctx, tx, e->session_id, &s, err))
		return enrollment_welcome(tx, c, s, err);
	return err->kind == ERR_MISSING && enrollment_refuse(c->db, c->identity, c->udid, "who began it is gone", err);
}

/* One that was taken in (came_back.c) has no session that we know of. */
bool
enrollment_welcome_back(struct db *tx, const struct comer *c, const struct enrollment *e, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enroll_session *s;

	if (!is_let_in(tx, c, e->person_id, "who has it is not let in any more: it does not come back", err))
		return false;
	if (enroll_session_get(ctx, tx, e->session_id, &s, err))
		return may_take_from(tx, c, s, err);
	return err->kind == ERR_MISSING;
}
