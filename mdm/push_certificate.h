#pragma once
/*
 * push_certificate - what pushes are made with: a key that is made here, and the certificate that Apple gives
 * for it (identity.apple.com, for a year).
 *
 * Its topic, the UID of its subject, is what devices enrolled under; it never changes for them.  So there is
 * one current certificate for each topic, and another topic than that of the enrolled devices is refused
 * unless the admin says so: those that are enrolled can then be reached only as long as the certificate of
 * their own topic lasts, and have to enroll again.  Renewing "the same one" at Apple keeps the topic.
 * Keys are sealed at rest (core/seal.h).  docs/enrolling.md, "The push certificate".
 */
#include "core/seal.h"
#include "core/x509.h"
#include "core/db.h"
#include <jansson.h>

#define PUSH_FILE_MAX	(256u << 10)	/* bytes of an imported file */
#define PUSH_WANTED_MAX	8		/* keys that wait for their certificate; the oldest goes */
#define PUSH_WARN_DAYS	60

struct push_identity {
	const char *id, *topic;
	X509 *cert;
	EVP_PKEY *key;
	int64_t not_after, changed;
	const char *halted;	/* APNs' reason; "" while it works */
};

/* A new key and the request for it, PEM; `name` stands in it (the company). */
bool push_certificate_want(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *actor,
			   const char *name, char **csr_pem, struct err *err) CHECKED;

struct push_import {
	struct bytes file;	/* PEM (certificate, maybe its key), DER or PKCS#12 */
	struct bytes key;	/* PEM or DER; empty: in the file, or one that push_certificate_want made */
	const char *password;	/* of PKCS#12 or the key; NULL: none */
	bool new_topic;		/* although devices are enrolled under another */
};

/*
 * Takes effect without a restart: the one imported last is what new enrollments get, and a topic that no device
 * has any more goes.  ERR_INVALID: "not_push_certificate", "push_expired", "push_key" (nothing here
 * or in the file fits it), ERR_CONFLICT "push_topic".  *ret as push_certificate_show's.
 */
bool push_certificate_import(struct db *db, const struct sealer *sealer, const char *actor,
			     const struct push_import *import, json_t **ret, struct err *err) CHECKED;

/*
 * {topic|null, expires|null, state: "none" "wanted" "works" "halted" "expired", halted,
 *  certificates[{id, topic, expires, state, halted, devices, created}], wanted[{id, created}]}: the first three
 * are those of the certificate that new enrollments get.  Times are ISO 8601.
 */
bool push_certificate_show(struct db *db, json_t **ret, struct err *err) CHECKED;

/* Those in use, the newest first; the keys unsealed.  They end with ctx. */
bool push_certificate_load(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, struct push_identity **ret,
			   size_t *n, struct err *err) CHECKED;
/* Changes whenever push_certificate_load would give something else. */
bool push_certificate_stamp(struct db *db, char stamp[65], struct err *err) CHECKED;

/* APNs refuses it: nothing more goes out with it, until it is replaced or an admin says "again". */
bool push_certificate_halt(struct db *db, const char *id, const char *reason, struct err *err) CHECKED;
bool push_certificate_resume(struct db *db, const char *actor, struct err *err) CHECKED;
