/* Table `ending_reader`. */
#include "catalog/ending_reader.h"
#include "core/audit.h"
#include "core/log.h"
#include "core/mail.h"
#include <string.h>

#define LANGUAGE_MAX 16

static bool
may_address(const struct person *person)
{
	return person->role >= ROLE_PUBLISHER;
}

#define COLUMNS PERSON_COLUMNS ", p.email, r.mails, r.email, r.language"
#define FROM " FROM person p LEFT JOIN ending_reader r ON r.person_id = p.id"

static bool
read_one(TALLOC_CTX *ctx, struct db *db, struct rows *rows, struct ending_reader *ret, struct err *err)
{
	const char *theirs = rows_text(ctx, rows, PERSON_COLUMNS_N);
	struct mail_address ignored;
	struct person *person;
	struct err bad;

	if (!person_from(ctx, db, rows, 0, &person, err))
		return false;
	*ret = (struct ending_reader){ .person = person, .mails = true, .own_email = "", .language = "", .may_address = may_address(person) };
	if (!rows_null(rows, PERSON_COLUMNS_N + 1)) {
		ret->mails = rows_bool(rows, PERSON_COLUMNS_N + 1);
		ret->own_email = ret->may_address ? rows_text(ctx, rows, PERSON_COLUMNS_N + 2) : "";
		ret->language = rows_text(ctx, rows, PERSON_COLUMNS_N + 3);
	}
	ret->email = *ret->own_email ? ret->own_email : theirs;
	if (*ret->email && !mail_address(ctx, ret->email, &ignored, &bad))
		ret->email = "";	/* directories hold what people type */
	return true;
}

bool
ending_readers(TALLOC_CTX *ctx, struct db *db, struct ending_reader **ret, size_t *n, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT " COLUMNS FROM " WHERE p.role IN ('admin', 'publisher')"
				     " AND NOT p.disabled ORDER BY p.folded LIMIT $1", db_int(ENDING_READERS_MAX + 1));
	enum rows_step step;

	*ret = mem_array(ctx, struct ending_reader, ENDING_READERS_MAX + 1);
	*n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		if (!read_one(ctx, db, rows, &(*ret)[(*n)++], err))
			return false;
	if (*n > ENDING_READERS_MAX)
		log_warn("so many look after things that the last of them are not told what ends", KV("told", mem_printf(ctx, "%zu", --*n)));
	return step == ROWS_END || err_at(err, "who is told what ends");
}

bool
ending_reader(TALLOC_CTX *ctx, struct db *db, const char *person_id, struct ending_reader *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT " COLUMNS FROM " WHERE p.id = $1 AND NOT p.disabled",
				     db_text(person_id));

	return rows_one(rows, err, "no such person") && read_one(ctx, db, rows, ret, err);
}

/* ---- the setting ---- */

struct set {
	const struct person *person;
	const struct ending_wish *wish;
};

static bool
tx_set(struct db *tx, void *arg, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct set *s = arg;

	return db_run(tx, err, "INSERT INTO ending_reader (person_id, mails, email, language, changed) VALUES ($1, $2, $3, $4, $5)"
		      " ON CONFLICT (person_id) DO UPDATE SET mails = excluded.mails, email = excluded.email,"
		      " language = excluded.language, changed = excluded.changed", db_text(s->person->id),
		      db_bool(s->wish->mails), db_text(s->wish->email), db_text(s->wish->language), db_now()) &&
	       audit_add(tx, person_actor(ctx, s->person), "person.endings", s->person->name,
			 mem_printf(ctx, "mail %s%s%s", s->wish->mails ? "on" : "off", *s->wish->email ? ", " : "",
				    s->wish->email), err);
}

bool
ending_reader_set(struct db *db, const struct person *person, const struct ending_wish *wish, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct mail_address ignored;

	if (strlen(wish->language) > LANGUAGE_MAX)
		return err_set(err, ERR_INVALID, "language is one of ours, or nothing");
	if (*wish->email && !may_address(person))
		return err_set(err, ERR_DENIED, "mail goes to the address that the directory has of you");
	if (*wish->email && !mail_address(ctx, wish->email, &ignored, err))
		return false;
	return db_tx(db, tx_set, &(struct set){ person, wish }, err);
}
