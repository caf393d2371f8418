#pragma once
/*
 * came_back - devices that know us better than we know them.
 *
 * After a backup was put back, devices that enrolled or renewed since show certificates of ours that have no
 * row, or no enrollment.  They are not sent away, which would unenroll them: they get 503, stand on a list,
 * and an admin takes them in again, one or all, or refuses them.
 */
#include "mdm/enrollment_turn.h"

/*
 * The device that it says to be at first it stays: ERR_MALFORMED "not_its_identity" for another one later.
 * Writes it down; checkin NULL: it was a report.  Always false: ERR_BUSY "came_back", that, or ERR_DENIED "retired"
 * when an admin has refused it.
 */
bool came_back_note(struct db *db, const struct identity *identity, const struct checkin_who *who,
		    const struct checkin *checkin, struct err *err) CHECKED;

/* {items[{sha256,subject,udid,serial,device_id,name,person,first_seen,last_seen,state}], next}; those that wait first.
 * person: whose the device was in our records. */
bool came_back_list(struct db *db, json_t **ret, struct err *err) CHECKED;
bool came_back_waiting(struct db *db, int64_t *n, struct err *err) CHECKED;

/*
 * Whose it is from then on.  What our records say may be older than the device's last owner, and an admin knows: so
 * one whose certificate we have no record of is nobody's unless it is said.  One that began here stays its session's.
 */
struct came_back_owner {
	bool said;			/* person_id is meant; NULL: nobody's */
	const char *person_id;
	bool as_recorded;		/* else whose the device was in our records */
};

/*
 * A new enrollment of that device, from what it said: with its push token when it sent one while it waited, else
 * the house is asked for what brings one.  ERR_MISSING; ERR_CONFLICT when it is decided already, or "device_speaks"
 * when the device was heard of since under the identity that we know.  Audited.
 */
bool came_back_take(struct db *db, const char *actor, const char *sha256, const struct came_back_owner *owner,
		    int64_t access_rights, struct err *err) CHECKED;
/* All but those of which several say to be the same device: which one is, is for a person to say. */
bool came_back_take_all(struct db *db, const char *actor, bool as_recorded, int64_t access_rights, int64_t *n,
			struct err *err) CHECKED;
/* From now on it is told to leave. */
bool came_back_refuse(struct db *db, const char *actor, const char *sha256, struct err *err) CHECKED;
