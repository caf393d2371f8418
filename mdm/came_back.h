#pragma once
/*
 * came_back - devices that know us better than we know them.
 *
 * After a backup was put back, devices that enrolled or renewed since show certificates of ours that have no
 * row, or no enrollment; or certificates of an outside CA that is trusted, for a session that has no row.  They are
 * not sent away, which would unenroll them: they get 503, stand on a list, and an admin takes them in again, one or
 * all, or refuses them.
 */
#include "mdm/ca.h"
#include "mdm/enrollment_turn.h"

/* Who has the challenge of an outside CA may have as many certificates as it likes: beyond these nobody more is listed. */
#define CAME_BACK_OUTSIDE_MAX	100000

/*
 * The device that it says to be at first it stays: ERR_MALFORMED "not_its_identity" for another one later.
 * Writes it down; checkin NULL: it was a report.  Always false: ERR_BUSY "came_back", that, or ERR_DENIED "retired"
 * when an admin has refused it.
 */
bool came_back_note(struct db *db, const struct identity *identity, const struct checkin_who *who,
		    const struct checkin *checkin, struct err *err) CHECKED;

/*
 * {items[{sha256,subject,udid,serial,device_id,name,person,first_seen,last_seen,state,managed}], next}; those that wait
 * first.  person: whose the device was in our records.  managed: the enrollment that its device has under another identity,
 * for one that waits; null: none.  came_back_list.c
 */
bool came_back_list(struct db *db, json_t **ret, struct err *err) CHECKED;
bool came_back_waiting(struct db *db, int64_t *n, struct err *err) CHECKED;
/*
 * The same of one, with what its certificate says (issuer, issued, ends) and `now`: null, or whose place it would take
 * {enrollment, identity, person, product, serial, enrolled, seen, knows_magic}.  knows_magic: the one that asks has sent
 * the PushMagic of that enrollment, which nobody but the device was told of.  ERR_MISSING.
 */
bool came_back_show(struct db *db, const char *sha256, json_t **ret, struct err *err) CHECKED;

/*
 * How it is taken in.  What our records say of whose it is may be older than the device's last owner, and an admin knows:
 * so one whose certificate we have no record of is nobody's unless it is said.  One that began here stays its session's.
 */
struct came_back_terms {
	bool said;			/* person_id is meant; NULL: nobody's */
	const char *person_id;
	bool as_recorded;		/* else whose the device was in our records */
	const char *replaces;		/* the enrollment whose place it may take, once somebody has looked at both; NULL: none's */
	int64_t access_rights;
};

/*
 * A new enrollment of that device, from what it said: with its push token when it sent one while it waited, else
 * the house is asked for what brings one.  ERR_MISSING; ERR_CONFLICT when it is decided already, or nobody believes the
 * CA of its certificate any more; "device_speaks"
 * when the device was heard of since under the identity that we know; "managed" when it is managed under another
 * identity than `replaces` names: nothing but its own word says that the one that asks is that device.  Audited.
 */
bool came_back_take(struct db *db, struct ca *ca, const char *actor, const char *sha256,
		    const struct came_back_terms *terms, struct err *err) CHECKED;
/* All but those that came_back_take refuses, and those of which several say to be the same device. */
struct came_back_taken {
	int64_t n, managed;		/* taken in; left because their device is managed under another identity */
};
bool came_back_take_all(struct db *db, struct ca *ca, const char *actor, const struct came_back_terms *terms,
			struct came_back_taken *ret, struct err *err) CHECKED;
/* From now on it is told to leave. */
bool came_back_refuse(struct db *db, const char *actor, const char *sha256, struct err *err) CHECKED;
