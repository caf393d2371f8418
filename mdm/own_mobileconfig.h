#pragma once
/*
 * own_mobileconfig - who has which of their own mobileconfigs, on which device, with which certificate.
 *
 * One for each person, mobileconfig and device.  Installed again it is the same one with a new certificate; the old
 * one stays good until the new one is seen, and then it is revoked ("superseded"):
 *   - on a managed device, when CertificateList has the new one;
 *   - elsewhere, when somebody who is signed in shows it here (a proxy in front that asks for it), when its owner says
 *     that it works, or OWN_OVERLAP_S after it was issued by SCEP: iOS asks for that only while it installs.  One that went
 *     out inside the mobileconfig (PKCS #12) may have been declined in Settings, so time alone ends nothing there.
 * Removed: gone from ProfileList, or said by hand; its certificate is revoked once that is confirmed, by its owner or
 * by IT.  Of somebody who was disabled all are revoked in the transaction that disables them.
 */
#include <jansson.h>
#include "core/clock.h"
#include "core/db.h"

#define OWN_OVERLAP_S	(7 * DAY_S)
#define OWN_PAGE_MAX	200

struct own_mobileconfig {
	const char *id, *person_id, *mobileconfig_id, *identifier, *title;
	const char *udid, *device_id, *state;	/* device_id NULL: not a managed one */
};

/* What is about to be given out; a row of before is taken up again. */
struct own_put {
	const char *person_id, *mobileconfig_id, *identifier, *title;
	const char *udid, *product, *device_name;	/* udid "": a download without an identity */
};
bool own_put(struct db *tx, TALLOC_CTX *ctx, const struct own_put *put, char **id, struct err *err) CHECKED;

bool own_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct own_mobileconfig **ret, struct err *err) CHECKED;

/*
 * {items[{id, person, person_id, mobileconfig_id, title, device, product, udid, device_id, managed, state, why, old,
 * certificate|null{sha256, serial, not_after, revoked, issued}, created, changed}], next}, the last changed first;
 * times are seconds; old: how many certificates beside the newest are still good.
 */
struct own_filter {
	const char *person_id, *person;	/* an id, or a name; NULL: everybody's */
	const char *search;	/* part of a person's name or a device's; NULL: all */
	const char *after;
	time_t ends_from, ends_until;	/* of the newest certificate's end, where it is still good; 0, 0: any */
};
bool own_list(struct db *db, const struct own_filter *filter, int64_t limit, json_t **ret, struct err *err) CHECKED;

/* Managed devices of a person: [{id, enrollment_id, name, product, version, udid}] */
bool own_devices(struct db *db, const char *person_id, json_t **ret, struct err *err) CHECKED;

/* ---- what happens to it; `person_id` NULL: by IT, else ERR_MISSING for another's ---- */
bool own_works(struct db *db, const char *actor, const char *id, const char *person_id, struct err *err) CHECKED;
bool own_removed(struct db *db, const char *actor, const char *id, const char *person_id, struct err *err) CHECKED;
/* Its certificates too; `reason` as in mdm/certificate.h. */
bool own_revoke(struct db *db, const char *actor, const char *id, const char *person_id, const char *reason,
		struct err *err) CHECKED;

/* A certificate was shown by its owner; *whose NULL: it is nobody's own.  Old ones are revoked. */
bool own_seen(TALLOC_CTX *ctx, struct db *db, const char *sha256, const char **whose, struct err *err) CHECKED;

/* Whose own certificate it is; *whose NULL: nobody's.  Only reads. */
bool own_whose(TALLOC_CTX *ctx, struct db *db, const char *sha256, const char **whose, bool *revoked,
	       struct err *err) CHECKED;

/* ---- inside the transaction of its cause ---- */
bool own_listed(struct db *tx, const char *device_id, const char *request_type, struct err *err) CHECKED;
/* It is managed no more: what went there as a command was taken off with the management. */
bool own_device_ended(struct db *tx, const char *device_id, struct err *err) CHECKED;
/* It is this person's from now on (NULL: nobody's): those of others are revoked, and what came as a command is taken off. */
struct enrollment;
bool own_device_person(struct db *tx, const struct enrollment *enrollment, const char *person_id, const char *actor,
		       struct err *err) CHECKED;
bool own_not_taken(struct db *tx, const char *id, const char *why, struct err *err) CHECKED;
/*
 * A command brings the next identity.  Those of earlier deliveries that the device does not list were lost on the way:
 * they are revoked, but for the last, which may be in use there with its answer lost.
 */
bool own_delivered_again(struct db *tx, const char *id, struct err *err) CHECKED;
bool own_person_ended(struct db *tx, const char *person_id, const char *actor, struct err *err) CHECKED;

bool own_sweep(struct db *db, struct err *err) CHECKED;
