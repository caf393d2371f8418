#include "mdm/push_certificate.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/secret.h"
#include "mdm/enrollment_token.h"
#include "mdm/push.h"
#include "mdm/push_file.h"
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#define KEY_BITS	2048
#define TOPIC_PREFIX	"com.apple.mgmt."

/* ---- keys ---- */

static const char *
seal_name(TALLOC_CTX *ctx, const char *id)
{
	return mem_printf(ctx, "push:%s", id);
}

static bool
has_sealer(const struct sealer *sealer, struct err *err)
{
	return sealer || err_code(err, ERR_CONFLICT, "no_master_key",
				  "key.master_file is not set: a push key cannot be kept without it");
}

static bool
seal_key(TALLOC_CTX *ctx, const struct sealer *sealer, const char *id, EVP_PKEY *key, struct bytes *ret, struct err *err)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
	bool ok = len > 0 ? seal(ctx, sealer, seal_name(ctx, id), (struct bytes){ der, (size_t)len }, ret, err)
			  : err_openssl(err, ERR_INTERNAL, "write the push key");

	if (len > 0)
		OPENSSL_clear_free(der, (size_t)len);
	PKCS8_PRIV_KEY_INFO_free(info);
	return ok;
}

/* The caller frees it. */
static bool
unseal_key(const struct sealer *sealer, const char *id, struct bytes sealed, EVP_PKEY **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const unsigned char *p;
	struct bytes der;

	if (!unseal(ctx, sealer, seal_name(ctx, id), sealed, &der, err))
		return err_at(err, "push key");
	p = der.p;
	*ret = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
	return *ret || err_openssl(err, ERR_INTERNAL, "read the push key");
}

/* ---- a key and its request ---- */

static bool
make_request(TALLOC_CTX *ctx, EVP_PKEY *key, const char *name, struct bytes *der, char **pem, struct err *err)
{
	SCOPED(bio) BIO *bio = BIO_new(BIO_s_mem());
	X509_REQ *request = X509_REQ_new();
	unsigned char *p = NULL;
	char *text;
	long len;
	bool ok = bio && request && X509_REQ_set_version(request, X509_REQ_VERSION_1) &&
		  X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
					     (const unsigned char *)name, -1, -1, 0) &&
		  X509_REQ_set_pubkey(request, key) && X509_REQ_sign(request, key, EVP_sha256()) &&
		  PEM_write_bio_X509_REQ(bio, request) && (len = i2d_X509_REQ(request, &p)) > 0;

	X509_REQ_free(request);
	if (!ok)
		return err_openssl(err, ERR_INTERNAL, "make a request for a push certificate");
	*der = (struct bytes){ mem_copy(ctx, p, (size_t)len), (size_t)len };
	OPENSSL_free(p);
	len = BIO_get_mem_data(bio, &text);
	*pem = mem_textn(ctx, text, (size_t)len);
	return true;
}

struct want {
	const char *id, *actor;
	struct bytes sealed, request;
};

static bool
tx_want(struct db *tx, void *arg, struct err *err)
{
	const struct want *w = arg;

	return db_run(tx, err, "INSERT INTO push_certificate (id, state, sealed_key, request, created, changed)"
		      " VALUES ($1, 'wanted', $2, $3, $4, $5)", db_text(w->id), db_bytes(w->sealed), db_bytes(w->request),
		      db_now(), db_now()) &&
	       db_run(tx, err, "DELETE FROM push_certificate WHERE state = 'wanted' AND id <> $1 AND id NOT IN (SELECT id"
		      " FROM push_certificate WHERE state = 'wanted' AND id <> $1 ORDER BY created DESC, id LIMIT $2)",
		      db_text(w->id), db_int(PUSH_WANTED_MAX - 1)) &&
	       audit_add(tx, w->actor, "push.csr", w->id, NULL, err);
}

bool
push_certificate_want(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *actor, const char *name,
		      char **csr_pem, struct err *err)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	struct want w = { .id = secret_id(own), .actor = actor };
	SCOPED(evp_pkey) EVP_PKEY *key = NULL;
	char cn[64];

	if (!has_sealer(sealer, err))
		return false;
	if (!(key = EVP_RSA_gen(KEY_BITS)))
		return err_openssl(err, ERR_INTERNAL, "make a push key");
	snprintf(cn, sizeof cn, "%.40s MDM push", name && *name ? name : "Pomona");
	return make_request(ctx, key, cn, &w.request, csr_pem, err) && seal_key(own, sealer, w.id, key, &w.sealed, err) &&
	       db_tx(db, tx_want, &w, err);
}

/* ---- import ---- */

/* The UID of its subject, which is the only one that has the form of a topic. */
static bool
topic_of(TALLOC_CTX *ctx, X509 *cert, char **ret, struct err *err)
{
	X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(name, NID_userId, -1);
	unsigned char *utf8 = NULL;
	int len = at < 0 ? -1 : ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	bool ok = len > (int)strlen(TOPIC_PREFIX) && len < 200 && memcmp(utf8, TOPIC_PREFIX, strlen(TOPIC_PREFIX)) == 0;

	for (int i = 0; ok && i < len; i++)
		ok = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-", utf8[i]) && utf8[i];
	if (ok)
		*ret = mem_textn(ctx, (const char *)utf8, (size_t)len);
	OPENSSL_free(utf8);
	return ok || err_code(err, ERR_INVALID, "not_push_certificate", "this is no push certificate of Apple's for MDM: "
			      "the UID of its subject does not begin with " TOPIC_PREFIX);
}

/* Which of ours is its key?  The row's id, or NULL. */
static bool
find_ours(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, X509 *cert, char **id, EVP_PKEY **key, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT id, sealed_key FROM push_certificate ORDER BY created DESC, id");
	enum rows_step step;

	*id = NULL;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		SCOPED(evp_pkey) EVP_PKEY *one = NULL;
		char *row = rows_text(ctx, rows, 0);

		if (!unseal_key(sealer, row, rows_bytes(ctx, rows, 1), &one, err))
			return false;
		if (EVP_PKEY_eq(one, X509_get0_pubkey(cert)) == 1) {
			*id = row;
			*key = one;
			one = NULL;
			return true;
		}
	}
	return step == ROWS_END;
}

struct import {
	const char *actor, *id, *topic;
	const char *ours;	/* the request whose key it is; NULL: it brought its own */
	struct bytes certificate, sealed;
	int64_t not_after;
	bool new_topic;
};

/*
 * Devices of another topic: said with their number, so that nobody finds out later.  That a device says to be of this one
 * is no reason to let it pass: only that it was given it, or that we have its certificate.
 */
static bool
check_topic(struct db *db, const struct import *i, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM push_certificate WHERE state = 'current' AND topic = $1",
				     db_text(i->topic));
	int64_t same, other;
	bool given;

	if (!rows_one(rows, err, "push certificates") || !enrollment_topics(db, i->topic, &same, &other, err) ||
	    !enrollment_topic_given(db, i->topic, &given, err))
		return false;
	if (i->new_topic || other == 0 || given || rows_int(rows, 0) > 0)
		return true;
	return err_code(err, ERR_CONFLICT, "push_topic", "%lld devices are enrolled under another topic than %s; they could "
			"not be reached and would have to enroll again: renew the same certificate at identity.apple.com, "
			"with the Apple ID that made it", (long long)other, i->topic);
}

/* Later than any before it, also within a second: the newest is what new enrollments get. */
static bool
stamp_now(struct db *tx, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT COALESCE(max(changed), 0) + 1 FROM push_certificate WHERE state = 'current'");

	if (!rows_one(rows, err, "push certificates"))
		return false;
	*ret = rows_int(rows, 0) > clock_now() ? rows_int(rows, 0) : clock_now();
	return true;
}

static bool
tx_import(struct db *tx, void *arg, struct err *err)
{
	const struct import *i = arg;
	int64_t now;

	/* The same topic's certificate before it, and those of topics that no device has. */
	return check_topic(tx, i, err) && stamp_now(tx, &now, err) &&
	       db_run(tx, err, "UPDATE push_certificate SET state = 'old', changed = $1 WHERE state = 'current' AND (topic = $2 OR"
		      " topic NOT IN (SELECT topic FROM enrollment WHERE state IN ('staged', 'enrolled')))",
		      db_now(), db_text(i->topic)) &&
	       db_run(tx, err, "INSERT INTO push_certificate (id, topic, state, certificate, sealed_key, not_after, created, changed)"
		      " VALUES ($1, $2, 'current', $3, $4, $5, $6, $7)", db_text(i->id), db_text(i->topic),
		      db_bytes(i->certificate), db_bytes(i->sealed), db_int(i->not_after), db_now(), db_int(now)) &&
	       db_run(tx, err, "DELETE FROM push_certificate WHERE id = $1 AND state = 'wanted'", db_text(i->ours)) &&
	       audit_add(tx, i->actor, "push.import", i->topic, NULL, err);
}

static bool
check_dates(X509 *cert, int64_t *not_after, struct err *err)
{
	char day[11];
	time_t at;

	if (!x509_expires(cert, &at))
		return err_code(err, ERR_INVALID, "not_push_certificate", "the certificate has no end that can be read");
	*not_after = at;
	return at > clock_now() || err_code(err, ERR_INVALID, "push_expired", "this certificate expired on %s",
					    clock_day(at, day));
}

bool
push_certificate_import(struct db *db, const struct sealer *sealer, const char *actor, const struct push_import *import,
			json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct import i = { .actor = actor, .id = secret_id(ctx), .new_topic = import->new_topic };
	SCOPED(evp_pkey) EVP_PKEY *key = NULL;
	SCOPED(x509) X509 *cert = NULL;
	unsigned char *der = NULL;
	char *topic = NULL, *ours = NULL;
	int len;

	if (!has_sealer(sealer, err) || !push_file_read(import, &cert, &key, err) || !topic_of(ctx, cert, &topic, err) ||
	    !check_dates(cert, &i.not_after, err))
		return false;
	if (key && EVP_PKEY_eq(key, X509_get0_pubkey(cert)) != 1)
		return err_code(err, ERR_INVALID, "push_key", "the key does not belong to the certificate");
	if (!key && !find_ours(ctx, db, sealer, cert, &ours, &key, err))
		return false;
	if (!key)
		return err_code(err, ERR_INVALID, "push_key", "there is no key for this certificate: it was not made with a "
				"request of this server; bring its key along");
	if ((len = i2d_X509(cert, &der)) <= 0)
		return err_openssl(err, ERR_INTERNAL, "write the certificate");
	i.topic = topic;
	i.ours = ours;
	i.certificate = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	/* Sealed anew under its own row's name: a key may serve the renewed certificate, too. */
	return seal_key(ctx, sealer, i.id, key, &i.sealed, err) && db_tx(db, tx_import, &i, err) &&
	       push_certificate_show(db, ret, err);
}

/* ---- reading ---- */

static const char *
state_of(const char *halted, int64_t not_after)
{
	return not_after <= clock_now() ? "expired" : *halted ? "halted" : "works";
}

static bool
add_row(struct db *db, TALLOC_CTX *ctx, struct rows *rows, json_t *show, struct err *err)
{
	char *id = rows_text(ctx, rows, 0), *topic = rows_text(ctx, rows, 1), *halted = rows_text(ctx, rows, 4);
	const char *expires = clock_text(ctx, rows_int(rows, 3)), *created = clock_text(ctx, rows_int(rows, 5));
	bool wanted = strcmp(rows_text(ctx, rows, 2), "wanted") == 0;
	int64_t devices = 0, other;
	const char *state;

	if (wanted)
		return json_array_append_new(json_object_get(show, "wanted"),
					     json_pack("{s:s, s:s}", "id", id, "created", created)) == 0;
	if (!enrollment_topics(db, topic, &devices, &other, err))
		return false;
	state = state_of(halted, rows_int(rows, 3));
	if (json_array_size(json_object_get(show, "certificates")) == 0)
		json_object_update_new(show, json_pack("{s:s, s:s, s:s, s:s}", "topic", topic, "expires", expires, "state", state,
						       "halted", halted));
	return json_array_append_new(json_object_get(show, "certificates"), json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s}",
		"id", id, "topic", topic, "expires", expires, "state", state, "halted", halted, "devices", (json_int_t)devices,
		"created", created)) == 0;
}

bool
push_certificate_show(struct db *db, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT id, topic, state, not_after, halted, created FROM push_certificate"
				     " WHERE state IN ('current', 'wanted') ORDER BY changed DESC, created DESC, id");
	json_t *show = json_pack("{s:n, s:n, s:s, s:s, s:[], s:[]}", "topic", "expires", "state", "none", "halted", "",
				 "certificates", "wanted");
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		if (!add_row(db, ctx, rows, show, err))
			break;
	if (step != ROWS_END) {
		json_decref(show);
		return err_at(err, "push certificates");
	}
	if (json_array_size(json_object_get(show, "certificates")) == 0 && json_array_size(json_object_get(show, "wanted")))
		json_object_set_new(show, "state", json_string("wanted"));
	*ret = show;
	return true;
}

bool
push_topic(TALLOC_CTX *ctx, struct db *db, char **ret, struct err *err)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(own, db, "SELECT topic FROM push_certificate WHERE state = 'current'"
				     " ORDER BY changed DESC, created DESC, id LIMIT 1");

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		return err_code(err, ERR_MISSING, "no_push_certificate", "there is no push certificate yet; see pomona push");
	case ROWS_ROW:
		break;
	}
	*ret = rows_text(ctx, rows, 0);
	return true;
}

static int
free_identities(struct push_identity **list)
{
	for (struct push_identity *i = *list; i->id; i++) {
		X509_free(i->cert);
		EVP_PKEY_free(i->key);
	}
	return 0;
}

bool
push_certificate_load(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, struct push_identity **ret, size_t *n,
		      struct err *err)
{
	struct push_identity **keep = mem_new(ctx, struct push_identity *);
	struct rows *rows = db_query(keep, db, "SELECT id, topic, certificate, sealed_key, not_after, changed, halted"
				     " FROM push_certificate WHERE state = 'current' ORDER BY changed DESC, created DESC, id");
	size_t got = 0;
	enum rows_step step;

	*keep = mem_array(keep, struct push_identity, 1);
	talloc_set_destructor(keep, free_identities);
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		struct push_identity *i;

		if (!has_sealer(sealer, err))
			break;
		*keep = mem_grow(keep, *keep, struct push_identity, got + 2);
		i = &(*keep)[got];
		memset(i, 0, 2 * sizeof *i);
		i->id = rows_text(keep, rows, 0);
		i->topic = rows_text(keep, rows, 1);
		i->not_after = rows_int(rows, 4);
		i->changed = rows_int(rows, 5);
		i->halted = rows_text(keep, rows, 6);
		if (!x509_read_der(rows_bytes(keep, rows, 2), &i->cert, err) ||
		    !unseal_key(sealer, i->id, rows_bytes(keep, rows, 3), &i->key, err))
			break;
		got++;
	}
	rows_done(rows);
	if (step != ROWS_END) {
		talloc_free(keep);
		return err_at(err, "push certificates");
	}
	*ret = *keep;
	*n = got;
	return true;
}

bool
push_certificate_stamp(struct db *db, char stamp[65], struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT id, changed, halted FROM push_certificate WHERE state = 'current'"
				     " ORDER BY id");
	char *all = mem_text(ctx, "");
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		all = mem_printf(ctx, "%s%s %lld %s;", all, rows_text(ctx, rows, 0), (long long)rows_int(rows, 1),
				 rows_text(ctx, rows, 2));
	secret_hash(all, stamp);
	return step == ROWS_END;
}

/* ---- halt ---- */

bool
push_certificate_halt(struct db *db, const char *id, const char *reason, struct err *err)
{
	return db_run(db, err, "UPDATE push_certificate SET halted = $1 WHERE id = $2 AND state = 'current'",
		      db_text(*reason ? reason : "refused"), db_text(id));
}

static bool
tx_resume(struct db *tx, void *arg, struct err *err)
{
	return db_run(tx, err, "UPDATE push_certificate SET halted = '' WHERE state = 'current' AND halted <> ''") &&
	       audit_add(tx, arg, "push.resume", "", NULL, err);
}

bool
push_certificate_resume(struct db *db, const char *actor, struct err *err)
{
	return db_tx(db, tx_resume, (void *)(uintptr_t)actor, err);
}
