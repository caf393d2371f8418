#pragma once
/*
 * mobileconfig - the mobileconfigs that the company keeps: a name, an identifier that never changes, and versions,
 * each a form (mdm/mobileconfig_form.h).
 *
 * Those of the purpose "device" go out to the devices that they are assigned to (catalog/assignment.h,
 * catalog/desired.h); those of the purpose "own" are what a person fetches at /eas.  One may be for one person alone:
 * it has no assignments then.  A version never changes: going back makes a new one of an old form.
 *
 * A form that holds a secret is sealed (core/seal.h) before it is written, and shown masked
 * (mobileconfig_form_masked); where a mask comes back in a new version, the secret of the version before stays.
 */
#include <jansson.h>
#include "core/seal.h"
#include "core/db.h"

#define MOBILECONFIGS_MAX		1000
#define MOBILECONFIG_NAME_MAX		80	/* bytes: small letters, digits, . - and _ */
#define MOBILECONFIG_VERSIONS_MAX	200	/* kept of each; the oldest goes */
#define MOBILECONFIG_NOTE_MAX		500
#define MOBILECONFIG_IDENTIFIER_MAX	255
#define MOBILECONFIG_SUFFIX		".mobileconfig"

struct person;

struct kept_mobileconfig {
	const char *id, *name, *purpose, *identifier;
	const char *person_id, *person;		/* NULL: for its assignments */
	int64_t version;
};

/* ERR_MISSING. */
bool mobileconfig_find(TALLOC_CTX *ctx, struct db *db, const char *name, struct kept_mobileconfig **ret,
		       struct err *err) CHECKED;
bool mobileconfig_by_id(TALLOC_CTX *ctx, struct db *db, const char *id, struct kept_mobileconfig **ret,
			struct err *err) CHECKED;

/* ---- changes; audited ---- */

struct mobileconfig_put {
	const char *actor, *name;
	const char *purpose;		/* NULL: as it is; "device" for a new one */
	const char *person;		/* a name; NULL: as it is, nobody for a new one */
	const char *note;		/* NULL: none */
	const json_t *form;
	const char *identifier;		/* of a new one: that of a file made elsewhere; NULL: ours */
	const char *base_url;		/* what our identifiers are made of */
};

/*
 * A new one, or a new version of the one of this name.  A form that says what the current one says is no new
 * version.  *created: it is new.  ERR_INVALID "bad_mobileconfig", "unknown_person"; ERR_CONFLICT for another purpose
 * or person than it has; ERR_BUSY: it holds a secret, and key.master_file is not set.
 */
bool mobileconfig_put(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const struct mobileconfig_put *put,
		      bool *created, struct kept_mobileconfig **ret, struct err *err) CHECKED;
/* The form of an older version again, as a new one. */
bool mobileconfig_back(struct db *db, const char *actor, const char *name, int64_t version, struct err *err) CHECKED;
/* Devices that have it lose it. */
bool mobileconfig_remove(struct db *db, const char *actor, const char *name, struct err *err) CHECKED;

bool mobileconfig_name_ok(const char *name, struct err *err) CHECKED;

/* ---- reading ---- */

/* Whole, with its secrets.  version 0: the current one.  *variables (may be NULL): the names of its variables. */
bool mobileconfig_read(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *id, int64_t version,
		       json_t **form, json_t **variables, struct err *err) CHECKED;

/*
 * {items[{name, title, purpose, identifier, version, person, assignments, devices{installed, waiting, failed, blocked},
 * created, changed}], next}
 */
bool mobileconfig_list(struct db *db, const char *purpose, json_t **ret, struct err *err) CHECKED;
bool mobileconfig_show(struct db *db, const char *name, json_t **ret, struct err *err) CHECKED;	/* one such item */
/* [{version, title, note, created_by, created, sealed, variables[]}], newest first */
bool mobileconfig_versions(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;

/* Those of the purpose "own" that are for this person, by name: [{id, name, title, identifier, version}]. */
bool mobileconfig_own(struct db *db, const char *person_id, json_t **ret, struct err *err) CHECKED;
/* Ids of those that are for anybody, MOBILECONFIGS_MAX at most. */
bool mobileconfig_own_all(TALLOC_CTX *ctx, struct db *db, const char ***ret, size_t *n, struct err *err) CHECKED;
