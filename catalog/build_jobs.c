/* Table `build` too: what is done to builds later, and without being asked. */
#include "catalog/build_jobs.h"
#include "catalog/build.h"
#include "catalog/channel.h"
#include "core/audit.h"
#include "core/buf.h"
#include "ipa/verdict.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
chunk_md5s(int fd, int64_t size, struct buf *out, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const size_t block = 256u << 10;
	unsigned char *p = mem_size(ctx, block), digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = mem_must(EVP_MD_CTX_new());
	unsigned len;
	bool ok = true;

	for (int64_t at = 0; ok && at < size;) {
		int64_t end = size - at > BLOB_CHUNK ? at + BLOB_CHUNK : size;

		ok = EVP_DigestInit_ex(md, EVP_md5(), NULL);
		while (ok && at < end) {
			ssize_t n = pread(fd, p, end - at < (int64_t)block ? (size_t)(end - at) : block, at);

			ok = n > 0 && EVP_DigestUpdate(md, p, (size_t)n);
			at += n > 0 ? n : 0;
		}
		ok = ok && EVP_DigestFinal_ex(md, digest, &len);
		if (ok) {
			if (out->len)
				buf_text(out, " ");
			buf_hex(out, digest, len);
		}
	}
	EVP_MD_CTX_free(md);
	return ok || err_set(err, ERR_INTERNAL, "the blob cannot be read to its end");
}

bool
build_add_md5s(struct db *db, struct blobs *blobs, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT sha256 FROM build WHERE id = $1", db_text(id));
	struct buf md5s;
	int fd SCOPED(fd) = -1;
	int64_t size;
	const char *name;

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:	return false;
	case ROWS_END:		return true;	/* deleted meanwhile */
	case ROWS_ROW:		break;
	}
	name = rows_text(ctx, rows, 0);
	rows_done(rows);
	buf_init(&md5s, ctx, 1u << 20);
	if (!blob_open(blobs, name, &fd, &size, err) || !chunk_md5s(fd, size, &md5s, err) ||
	    !buf_ok(&md5s, err))
		return err_at(err, "build %s", id);
	return db_run(db, err, "UPDATE build SET chunk_md5s = $1 WHERE id = $2", db_text(buf_str(&md5s)),
		      db_text(id));
}

struct retain {
	const char *app;
	int64_t keep;
};

static bool
tx_retain(struct db *tx, void *arg, struct err *err)
{
	struct retain *r = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	json_t *surplus, *id;
	size_t i;
	bool ok = true;

	if (!channel_surplus(tx, r->app, r->keep, &surplus, err))
		return false;
	json_array_foreach(surplus, i, id)
		ok = ok && build_take_away(ctx, tx, r->app, json_string_value(id), err) &&
		     audit_add(tx, "system", "build.delete", json_string_value(id), "retention", err);
	json_decref(surplus);
	return ok;
}

bool
build_retain(struct db *db, const char *app, int64_t keep, struct err *err)
{
	struct retain r = { app, keep };

	return keep <= 0 || db_tx(db, tx_retain, &r, err);
}

/* ---- builds of before ---- */

#define ID_MAX		64
#define JUDGE_STEP	100	/* builds a transaction */

struct judging {
	char after[ID_MAX], last[ID_MAX];	/* ids of builds: where it begins, where it ended */
	size_t n;
};

static bool
judge_one(struct db *tx, const char *id, const char *text, time_t uploaded, struct err *err)
{
	json_t *facts = json_loads(text, 0, NULL);
	int64_t good_until, installs_until;
	bool installable;	/* by the rules of today on the day of its upload: what only its dates refuse, another provision may help */

	if (!facts)
		return true;	/* as the schema has left it; whoever asks for it hears so */
	installable = verdict_installs_until(facts, uploaded) != 0;
	build_judge(facts, &good_until, &installs_until);
	json_decref(facts);
	return db_run(tx, err, "UPDATE build SET good_until = $1, installs_until = $2, installable = $3 WHERE id = $4",
		      db_int(good_until), db_int(installs_until), db_bool(installable), db_text(id)) || err_at(err, "build %s", id);
}

static bool
tx_judge(struct db *tx, void *arg, struct err *err)
{
	struct judging *j = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *ids[JUDGE_STEP], *facts[JUDGE_STEP];
	time_t uploaded[JUDGE_STEP];
	struct rows *rows = db_query(ctx, tx, "SELECT b.id, b.facts, b.created FROM build b WHERE b.id > $1 ORDER BY b.id LIMIT $2",
				     db_text(j->after), db_int(JUDGE_STEP));
	enum rows_step step;

	j->n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		ids[j->n] = rows_text(ctx, rows, 0);
		facts[j->n] = rows_text(ctx, rows, 1);
		uploaded[j->n++] = rows_int(rows, 2);
	}
	for (size_t i = 0; step == ROWS_END && i < j->n; i++) {
		if (!judge_one(tx, ids[i], facts[i], uploaded[i], err))
			return false;
		snprintf(j->last, sizeof j->last, "%s", ids[i]);
	}
	return step == ROWS_END;
}

bool
build_judge_all(struct db *db, struct err *err)
{
	struct judging j = { "", "", JUDGE_STEP };

	while (j.n == JUDGE_STEP) {
		if (!db_tx(db, tx_judge, &j, err))
			return false;
		memcpy(j.after, j.last, sizeof j.after);
	}
	return true;
}
