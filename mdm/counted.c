/* Table `checkin_counted`. */
#include "mdm/counted.h"
#include "core/buf.h"
#include "core/clock.h"
#include <openssl/sha.h>

char *
counted_name(TALLOC_CTX *ctx, struct bytes body, int64_t signed_at)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	struct buf name;

	SHA256(body.p ? body.p : "", body.len, hash);
	buf_init(&name, ctx, X509_FINGERPRINT_SIZE + 24);
	buf_hex(&name, hash, sizeof hash);
	buf_addf(&name, " %lld", (long long)signed_at);
	return (char *)(uintptr_t)buf_str(&name);
}

bool
counted_before(struct db *tx, const char *enrollment_id, const char *name, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows;
	enum rows_step step;

	*ret = false;
	if (!name)
		return true;
	rows = db_query(ctx, tx, "SELECT 1 FROM checkin_counted WHERE enrollment_id = $1 AND message = $2",
			db_text(enrollment_id), db_text(name));
	step = rows_next(rows, err);
	*ret = step == ROWS_ROW;
	return step != ROWS_FAILED;
}

bool
counted_keep(struct db *tx, const char *enrollment_id, const char *name, struct err *err)
{
	return !name ||
	       (db_run(tx, err, "INSERT INTO checkin_counted (enrollment_id, message, at) VALUES ($1, $2, $3)"
		       " ON CONFLICT (enrollment_id, message) DO UPDATE SET at = excluded.at", db_text(enrollment_id),
		       db_text(name), db_now()) &&
		db_run(tx, err, "DELETE FROM checkin_counted WHERE enrollment_id = $1 AND message <> $2 AND message"
		       " NOT IN (SELECT message FROM checkin_counted WHERE enrollment_id = $1 AND message <> $2"
		       " ORDER BY at DESC, message LIMIT $3)", db_text(enrollment_id), db_text(name), db_int(COUNTED_MAX - 1)));
}
