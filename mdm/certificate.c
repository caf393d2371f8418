#include "mdm/certificate.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/text.h"
#include "mdm/authority.h"
#include "mdm/public_key.h"
#include "mdm/scep_renewal.h"
#include "mdm/turn.h"
#include <ctype.h>
#include <string.h>

#define COLUMNS	"sha256, serial, authority_id, purpose, subject, key_sha256, der, session_id, not_before," \
		" not_after, issued, revoked, reason, enrollment_id"
#define DEVICE	"(SELECT e.device_id FROM enrollment e WHERE e.id = certificate.enrollment_id)"

static const struct {
	const char *name;
	int number;
} reasons[] = {
#define R(name, number) { name, number },
	CERTIFICATE_REASONS(R)
#undef R
};

int
certificate_reason(const char *name)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (strcmp(reasons[i].name, name) == 0)
			return reasons[i].number;
	return -1;
}

bool
certificate_key_sha256(EVP_PKEY *key, char hex[X509_FINGERPRINT_SIZE], struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct bytes der;

	if (!public_key_der(ctx, key, &der, err))
		return false;
	x509_der_sha256(der, hex);
	return true;
}

bool
certificate_keep(struct db *tx, const struct certificate *cert, struct err *err)
{
	int64_t turn;

	return turn_next(tx, TURN_CERTIFICATE, &turn, err) &&
	       db_run(tx, err, "INSERT INTO certificate (" COLUMNS ", turn)"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, '', $12, $13)", db_text(cert->sha256),
		      db_text(cert->serial), db_text(cert->authority_id), db_text(cert->purpose), db_text(cert->subject),
		      db_text(cert->key_sha256), db_bytes(cert->der), db_text(cert->session_id),
		      db_int(cert->not_before), db_int(cert->not_after), db_int(cert->issued),
		      db_text(cert->enrollment_id), db_int(turn));
}

bool
certificate_find(TALLOC_CTX *ctx, struct db *db, const char *sha256, struct certificate **ret, struct err *err)
{
	struct certificate *cert = mem_new(ctx, struct certificate);
	struct rows *rows = db_query(cert, db, "SELECT " COLUMNS ", " DEVICE " FROM certificate WHERE sha256 = $1",
				     db_text(sha256));

	if (!rows_one(rows, err, "certificate")) {
		talloc_free(cert);
		return false;
	}
	*cert = (struct certificate){
		.sha256 = rows_text(cert, rows, 0), .serial = rows_text(cert, rows, 1),
		.authority_id = rows_text(cert, rows, 2), .purpose = rows_text(cert, rows, 3),
		.subject = rows_text(cert, rows, 4), .key_sha256 = rows_text(cert, rows, 5),
		.der = rows_bytes(cert, rows, 6), .session_id = rows_text(cert, rows, 7),
		.not_before = rows_int(rows, 8), .not_after = rows_int(rows, 9), .issued = rows_int(rows, 10),
		.revoked = rows_int(rows, 11), .reason = rows_text(cert, rows, 12),
		.enrollment_id = rows_text(cert, rows, 13), .device_id = rows_text(cert, rows, 14),
	};
	rows_done(rows);
	*ret = cert;
	return true;
}

/* "4A:0B" and "4a0b" are the same. */
static const char *
plain_hex(TALLOC_CTX *ctx, const char *serial)
{
	char *text = mem_text(ctx, serial), *to = text;

	for (const char *p = text; *p; p++)
		if (*p != ':' && *p != ' ')
			*to++ = (char)tolower((unsigned char)*p);
	*to = '\0';
	return text;
}

bool
certificate_by_serial(TALLOC_CTX *ctx, struct db *db, const char *serial, const char **sha256, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT sha256 FROM certificate WHERE serial = $1",
				     db_text(plain_hex(ctx, serial)));

	if (!rows_one(rows, err, "certificate"))
		return false;
	*sha256 = rows_text(ctx, rows, 0);
	return true;
}

/* ---- revoking ---- */

bool
certificate_revoke(struct db *tx, const char *sha256, const char *reason, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;

	if (certificate_reason(reason) < 0)
		return err_set(err, ERR_INVALID, "\"%.40s\" is no reason for revoking", reason);
	rows = db_query(ctx, tx, "SELECT authority_id, revoked FROM certificate WHERE sha256 = $1", db_text(sha256));
	if (!rows_one(rows, err, "certificate"))
		return false;
	return !rows_null(rows, 1) ||
	       (db_run(tx, err, "UPDATE certificate SET revoked = $2, reason = $3 WHERE sha256 = $1", db_text(sha256),
		       db_now(), db_text(reason)) &&
		authority_revoked_one(tx, rows_text(ctx, rows, 0), err));
}

/* `|| ''` keeps SQLite from looking through all certificates of that purpose: those of the sessions are a few. */
#define OF_ENROLLMENT "SELECT sha256 FROM certificate WHERE purpose || '' = 'mdm' AND revoked IS NULL AND session_id IN (SELECT" \
		      " CAST($1 AS TEXT) UNION SELECT id FROM enroll_session WHERE enrollment_id = $2)"

static bool
revoke_each(TALLOC_CTX *ctx, struct db *tx, struct rows *rows, const char *reason, struct err *err)
{
	const char **all;
	size_t n;

	if (!rows_texts(ctx, rows, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!certificate_revoke(tx, all[i], reason, err))
			return false;
	return true;
}

bool
certificate_revoke_all(struct db *tx, const char *enrollment_id, const char *session_id, const char *but,
		       const char *reason, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return revoke_each(ctx, tx, db_query(ctx, tx, OF_ENROLLMENT " AND session_id <> $3", db_text(session_id ? session_id : ""),
			   db_text(enrollment_id), db_text(but ? but : "")), reason, err);
}

bool
certificate_revoke_others(struct db *tx, const char *enrollment_id, const char *session_id, const char *sha256,
			  const char *also, const char *reason, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return revoke_each(ctx, tx, db_query(ctx, tx, OF_ENROLLMENT " AND sha256 <> $3 AND sha256 <> $4",
			   db_text(session_id ? session_id : ""), db_text(enrollment_id), db_text(sha256),
			   db_text(also ? also : "")), reason, err);
}

bool
certificate_revoke_bound(struct db *tx, const char *enrollment_id, const char *reason, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return revoke_each(ctx, tx, db_query(ctx, tx, "SELECT sha256 FROM certificate WHERE enrollment_id = $1 AND revoked"
			   " IS NULL", db_text(enrollment_id)), reason, err);
}

bool
certificate_bind_again(struct db *tx, const char *from, const char *to, struct err *err)
{
	return db_run(tx, err, "UPDATE certificate SET enrollment_id = $1 WHERE enrollment_id = $2", db_text(to), db_text(from));
}

struct revoking {
	const char *actor, *sha256, *reason;
	int64_t also;
};

/* What it was renewed to, each by the key of the one before and nothing else. */
static bool
revoke_line(TALLOC_CTX *ctx, struct db *tx, struct revoking *r, struct err *err)
{
	const char **all;
	size_t n;

	r->also = 0;
	if (strcmp(r->reason, "superseded") == 0 || strcmp(r->reason, "unspecified") == 0)
		return true;
	if (!scep_renewal_after(ctx, tx, r->sha256, &all, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!certificate_revoke(tx, all[i], r->reason, err))
			return false;
	r->also = (int64_t)n;
	return true;
}

static bool
tx_revoke(struct db *tx, void *arg, struct err *err)
{
	struct revoking *r = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct certificate *cert;
	const char *more;

	if (!certificate_find(ctx, tx, r->sha256, &cert, err))
		return false;
	if (cert->revoked)
		return err_set(err, ERR_CONFLICT, "this certificate was revoked before");
	if (!certificate_revoke(tx, r->sha256, r->reason, err) || !revoke_line(ctx, tx, r, err))
		return false;
	more = r->also ? mem_printf(ctx, "; and %lld that came of it by renewals", (long long)r->also) : "";
	return audit_add(tx, r->actor, "certificate.revoke", cert->subject,
			 mem_printf(ctx, "serial %s, %s%s", cert->serial, r->reason, more), err);
}

bool
certificate_revoke_by(struct db *db, const char *actor, const char *sha256, const char *reason, int64_t *also, struct err *err)
{
	struct revoking r = { actor, sha256, reason, 0 };

	if (!db_tx(db, tx_revoke, &r, err))
		return false;
	if (also)
		*also = r.also;
	return true;
}

bool
certificate_each_revoked(struct db *db, const char *key_id, int64_t now, certificate_revoked_fn *fn, void *arg,
			 struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT c.serial, c.revoked, c.reason FROM certificate c"
		" JOIN authority a ON a.id = c.authority_id WHERE c.revoked IS NOT NULL AND c.not_after >= $2"
		" AND a.key_id = $1", db_text(key_id), db_int(now));
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		void *row SCOPED(mem) = talloc_new(NULL);

		if (!fn(arg, rows_text(row, rows, 0), rows_int(rows, 1), rows_text(row, rows, 2), err))
			return false;
	}
	return step != ROWS_FAILED;
}

/* ---- what an admin sees ---- */

static const char *
state_of(int64_t revoked, int64_t not_after, int64_t now)
{
	return revoked ? "revoked" : not_after < now ? "expired" : "valid";
}

static json_t *
moment(int64_t at)
{
	char text[CLOCK_ISO_SIZE];

	return at ? json_string(clock_iso(at, text)) : json_null();
}

static json_t *
item(const struct certificate *cert, int64_t now)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:s, s:s}", "sha256", cert->sha256,
			 "serial", cert->serial, "subject", cert->subject, "purpose", cert->purpose, "device", cert->device_id,
			 "issued", moment(cert->issued), "not_before", moment(cert->not_before),
			 "not_after", moment(cert->not_after), "revoked", moment(cert->revoked), "reason", cert->reason,
			 "state", state_of(cert->revoked, cert->not_after, now));
}

bool
certificate_show(struct db *db, const char *sha256, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct certificate *cert;

	if (!certificate_find(ctx, db, sha256, &cert, err))
		return false;
	*ret = item(cert, clock_now());
	return true;
}

/* "<issued>.<sha256>" of the last item; anything else begins the list anew. */
static int64_t
place(const char *after, const char **sha256)
{
	const char *dot = after ? strchr(after, '.') : NULL;
	char number[24];
	int64_t issued;
	struct err none;

	*sha256 = "";
	if (!dot || dot - after >= (int)sizeof number)
		return INT64_MAX;
	snprintf(number, sizeof number, "%.*s", (int)(dot - after), after);
	if (!num_parse(number, 0, INT64_MAX, &issued, &none) || !text_valid(dot, strlen(dot)))
		return INT64_MAX;
	*sha256 = dot + 1;
	return issued;
}

#define LIST "SELECT sha256, serial, subject, purpose, issued, not_before, not_after, revoked, reason, " DEVICE \
	" FROM certificate WHERE (issued, sha256) < ($1, $2)"
#define NEWEST " ORDER BY issued DESC, sha256 DESC LIMIT $3"

bool
certificate_list(struct db *db, const char *search, const char *after, int64_t limit, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *items = json_array(), *page = json_pack("{s:o, s:n}", "items", items, "next");
	const char *sha256, *last = "";
	int64_t from = place(after, &sha256), now = clock_now(), issued = 0;
	enum rows_step step;
	struct rows *rows;

	if (search && *search)
		rows = db_query(ctx, db, LIST " AND (lower(subject) LIKE lower($4) ESCAPE '!' OR serial LIKE lower($5)"
				" ESCAPE '!' OR sha256 LIKE lower($5) ESCAPE '!')" NEWEST, db_int(from), db_text(sha256),
				db_int(limit + 1), db_text(text_like(ctx, search)), db_text(text_like(ctx, plain_hex(ctx, search)) + 1));
	else
		rows = db_query(ctx, db, LIST NEWEST, db_int(from), db_text(sha256), db_int(limit + 1));
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (json_array_size(items) == (size_t)limit) {
			json_object_set_new(page, "next", json_sprintf("%lld.%s", (long long)issued, last));
			break;
		}
		last = rows_text(ctx, rows, 0);
		issued = rows_int(rows, 4);
		json_array_append_new(items, item(&(struct certificate){
			.sha256 = last, .serial = rows_text(ctx, rows, 1), .subject = rows_text(ctx, rows, 2),
			.purpose = rows_text(ctx, rows, 3), .issued = issued, .not_before = rows_int(rows, 5),
			.not_after = rows_int(rows, 6), .revoked = rows_int(rows, 7), .reason = rows_text(ctx, rows, 8),
			.device_id = rows_text(ctx, rows, 9),
		}, now));
	}
	if (step == ROWS_FAILED) {
		json_decref(page);
		return false;
	}
	*ret = page;
	return true;
}

static void
count_more(json_t *counts, const char *what, int64_t n)
{
	json_object_set_new(counts, what, json_integer(json_integer_value(json_object_get(counts, what)) + n));
}

static json_t *
no_counts(void)
{
	return json_pack("{s:i, s:i, s:i}", "valid", 0, "revoked", 0, "expired", 0);
}

bool
certificate_counts(struct db *db, json_t **by_purpose, json_t **all, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT purpose, count(*),"
		" COALESCE(sum(CASE WHEN revoked IS NOT NULL THEN 1 ELSE 0 END), 0),"
		" COALESCE(sum(CASE WHEN revoked IS NULL AND not_after < $1 THEN 1 ELSE 0 END), 0)"
		" FROM certificate GROUP BY purpose ORDER BY purpose", db_now());
	json_t *list = json_array(), *sum = no_counts();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		int64_t revoked = rows_int(rows, 2), expired = rows_int(rows, 3);
		int64_t valid = rows_int(rows, 1) - revoked - expired;
		json_t *one = json_pack("{s:s}", "purpose", rows_text(ctx, rows, 0));

		json_object_set_new(one, "valid", json_integer(valid));
		json_object_set_new(one, "revoked", json_integer(revoked));
		json_object_set_new(one, "expired", json_integer(expired));
		json_array_append_new(list, one);
		count_more(sum, "valid", valid);
		count_more(sum, "revoked", revoked);
		count_more(sum, "expired", expired);
	}
	if (step == ROWS_FAILED) {
		json_decref(list);
		json_decref(sum);
		return false;
	}
	*by_purpose = list;
	*all = sum;
	return true;
}
