/* Reads a table of contacts; what it keeps goes through contact.c and contact_group.c. */
#include "catalog/contact_import.h"
#include "core/csv.h"
#include "core/text.h"
#include <string.h>

#define APPLY_AT_ONCE 200	/* rows of one transaction */

const char *const import_states[] = { "new", "changed", "same", "bad" };

enum column { COLUMN_NAME, COLUMN_EMAIL, COLUMN_PHONE, COLUMN_LANGUAGE, COLUMN_GROUPS, COLUMNS };

/* As people and their address books head such columns; folded. */
static const struct { const char *word; enum column column; } heads[] = {
	{ "name", COLUMN_NAME }, { "full name", COLUMN_NAME }, { "display name", COLUMN_NAME }, { "nombre", COLUMN_NAME },
	{ "nom", COLUMN_NAME }, { "氏名", COLUMN_NAME }, { "名前", COLUMN_NAME }, { "姓名", COLUMN_NAME },
	{ "email", COLUMN_EMAIL }, { "e-mail", COLUMN_EMAIL }, { "mail", COLUMN_EMAIL }, { "email address", COLUMN_EMAIL },
	{ "e-mail address", COLUMN_EMAIL }, { "e-mail-adresse", COLUMN_EMAIL }, { "correo", COLUMN_EMAIL },
	{ "correo electrónico", COLUMN_EMAIL }, { "courriel", COLUMN_EMAIL }, { "adresse e-mail", COLUMN_EMAIL },
	{ "メール", COLUMN_EMAIL }, { "メールアドレス", COLUMN_EMAIL }, { "邮箱", COLUMN_EMAIL }, { "电子邮件", COLUMN_EMAIL },
	{ "phone", COLUMN_PHONE }, { "mobile", COLUMN_PHONE }, { "mobile phone", COLUMN_PHONE }, { "number", COLUMN_PHONE },
	{ "phone number", COLUMN_PHONE }, { "tel", COLUMN_PHONE }, { "telefon", COLUMN_PHONE }, { "mobil", COLUMN_PHONE },
	{ "handy", COLUMN_PHONE }, { "mobilnummer", COLUMN_PHONE }, { "teléfono", COLUMN_PHONE }, { "móvil", COLUMN_PHONE },
	{ "téléphone", COLUMN_PHONE }, { "portable", COLUMN_PHONE }, { "電話", COLUMN_PHONE }, { "電話番号", COLUMN_PHONE },
	{ "携帯", COLUMN_PHONE }, { "手机", COLUMN_PHONE }, { "手机号", COLUMN_PHONE }, { "电话", COLUMN_PHONE },
	{ "language", COLUMN_LANGUAGE }, { "lang", COLUMN_LANGUAGE }, { "sprache", COLUMN_LANGUAGE },
	{ "idioma", COLUMN_LANGUAGE }, { "langue", COLUMN_LANGUAGE }, { "言語", COLUMN_LANGUAGE }, { "语言", COLUMN_LANGUAGE },
	{ "group", COLUMN_GROUPS }, { "groups", COLUMN_GROUPS }, { "gruppe", COLUMN_GROUPS }, { "gruppen", COLUMN_GROUPS },
	{ "grupo", COLUMN_GROUPS }, { "grupos", COLUMN_GROUPS }, { "groupe", COLUMN_GROUPS }, { "groupes", COLUMN_GROUPS },
	{ "グループ", COLUMN_GROUPS }, { "组", COLUMN_GROUPS }, { "分组", COLUMN_GROUPS },
};

/* ---- reading ---- */

static bool
read_heads(TALLOC_CTX *ctx, const char *const *fields, size_t n, int at[COLUMNS], struct err *err)
{
	for (int c = 0; c < COLUMNS; c++)
		at[c] = -1;
	for (size_t i = 0; i < n; i++) {
		const char *folded = text_fold(ctx, fields[i]);

		for (size_t h = 0; h < sizeof heads / sizeof *heads; h++)
			if (strcmp(folded, heads[h].word) == 0 && at[heads[h].column] < 0)
				at[heads[h].column] = (int)i;
	}
	if (at[COLUMN_EMAIL] < 0 && at[COLUMN_PHONE] < 0)
		return err_code(err, ERR_INVALID, "no_columns",
				"the first line names no column of addresses or numbers: name, email, phone, language, groups");
	return true;
}

static bool
read_groups(TALLOC_CTX *ctx, struct import_row *row, const char *text, struct err *err)
{
	while (*text) {
		size_t len = strcspn(text, "|,;");
		const char *from = text, *to = text + len;

		text += len + (text[len] != '\0');
		while (from < to && *from == ' ')
			from++;
		while (to > from && to[-1] == ' ')
			to--;
		if (from == to)
			continue;
		if (row->groups_n == IMPORT_GROUPS_MAX)
			return err_set(err, ERR_INVALID, "more than %d groups", IMPORT_GROUPS_MAX);
		row->groups[row->groups_n] = mem_textn(ctx, from, (size_t)(to - from));
		if (!contact_words_ok("a group's name", row->groups[row->groups_n++], CONTACT_GROUP_MAX, err))
			return false;
	}
	return true;
}

static void
refuse(TALLOC_CTX *ctx, struct import *import, struct import_row *row, const struct err *why)
{
	row->state = IMPORT_BAD;
	row->reason = mem_text(ctx, why->cause);
	import->bad++;
}

static const char *
at_column(const char *const *fields, size_t n, int column)
{
	return column >= 0 && (size_t)column < n ? fields[column] : "";
}

static void
read_row(TALLOC_CTX *ctx, struct import *import, const int at[COLUMNS], const char *const *fields, size_t n, int line)
{
	struct import_row *row = &import->rows[import->n++];
	struct err err;

	*row = (struct import_row){ .line = line };
	row->contact = (struct contact){
		.name = at_column(fields, n, at[COLUMN_NAME]), .email = at_column(fields, n, at[COLUMN_EMAIL]),
		.phone = at_column(fields, n, at[COLUMN_PHONE]), .language = at_column(fields, n, at[COLUMN_LANGUAGE]),
	};
	if (!contact_check(ctx, &row->contact, &err) ||
	    !read_groups(ctx, row, at_column(fields, n, at[COLUMN_GROUPS]), &err))
		refuse(ctx, import, row, &err);
}

struct seen {
	const char *value;
	struct import_row *row;
};

static int
by_value(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int order = strcmp(x->value, y->value);

	return order ? order : x->row->line - y->row->line;
}

/* The same address or number twice: the first row has it. */
static void
refuse_twice(TALLOC_CTX *ctx, struct import *import, bool phones)
{
	struct seen *seen = mem_array(ctx, struct seen, import->n + 1);
	size_t n = 0;

	for (size_t i = 0; i < import->n; i++) {
		const char *value = phones ? import->rows[i].contact.phone : import->rows[i].contact.email;

		if (import->rows[i].state != IMPORT_BAD && value && *value)
			seen[n++] = (struct seen){ value, &import->rows[i] };
	}
	qsort(seen, n, sizeof *seen, by_value);
	for (size_t i = 1, first = 0; i < n; i++) {
		struct err why;

		if (strcmp(seen[i].value, seen[first].value) != 0) {
			first = i;
			continue;
		}
		err_set(&why, ERR_INVALID, "%s stands in line %d already", seen[i].value, seen[first].row->line);
		refuse(ctx, import, seen[i].row, &why);
	}
}

bool
import_read(TALLOC_CTX *ctx, struct bytes text, struct import **ret, struct err *err)
{
	struct import *import = mem_new(ctx, struct import);
	const char **fields;
	int at[COLUMNS], line;
	enum csv_step step;
	struct csv csv;
	size_t n;

	if (text.len > IMPORT_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "the file has more than %d KB", IMPORT_BYTES_MAX >> 10);
	if (!csv_open(text, &csv, err))
		return false;
	step = csv_next(import, &csv, &fields, &n, &line, err);
	if (step == CSV_END)
		return err_code(err, ERR_INVALID, "no_columns", "the file is empty");
	if (step == CSV_BAD || !read_heads(import, fields, n, at, err))
		return false;
	import->rows = mem_array(import, struct import_row, IMPORT_ROWS_MAX);
	while ((step = csv_next(import, &csv, &fields, &n, &line, err)) == CSV_ROW) {
		if (import->n == IMPORT_ROWS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d rows", IMPORT_ROWS_MAX);
		read_row(import, import, at, fields, n, line);
	}
	if (step == CSV_BAD) {
		if (import->n == IMPORT_ROWS_MAX)
			return false;
		import->rows[import->n++] = (struct import_row){ .line = line };
		refuse(import, import, &import->rows[import->n - 1], err);
	}
	refuse_twice(import, import, false);
	refuse_twice(import, import, true);
	*ret = import;
	return true;
}

/* ---- against who is here ---- */

static bool
in_all_groups(struct db *db, const struct import_row *row, const char *id, bool *ret, struct err *err)
{
	*ret = true;
	for (size_t i = 0; *ret && i < row->groups_n; i++)
		if (!contact_in_group(db, id, row->groups[i], ret, err))
			return false;
	return true;
}

static bool
match_row(TALLOC_CTX *ctx, struct db *db, const struct person *person, struct import *import, struct import_row *row,
	  struct err *err)
{
	struct contact *known;
	struct err why;
	bool grouped;

	if (!contact_match(ctx, db, &row->contact, &known, &why)) {
		if (why.kind != ERR_CONFLICT) {
			*err = why;
			return false;
		}
		refuse(import, import, row, &why);
		return true;
	}
	if (!known) {
		row->state = IMPORT_NEW;
		return true;
	}
	if (!in_all_groups(db, row, known->id, &grouped, err))
		return false;
	row->contact.id = mem_text(import, known->id);
	row->contact.quiet = known->quiet;
	/* What the table does not say stays as it is. */
	if (!*row->contact.email)
		row->contact.email = mem_text(import, known->email);
	if (!*row->contact.phone)
		row->contact.phone = mem_text(import, known->phone);
	if (!*row->contact.language)
		row->contact.language = mem_text(import, known->language);
	if (strcmp(row->contact.name, row->contact.email) == 0 || strcmp(row->contact.name, row->contact.phone) == 0)
		row->contact.name = mem_text(import, known->name);
	row->state = grouped && strcmp(row->contact.name, known->name) == 0 &&
		     strcmp(row->contact.email, known->email) == 0 && strcmp(row->contact.phone, known->phone) == 0 &&
		     strcmp(row->contact.language, known->language) == 0 ? IMPORT_SAME : IMPORT_CHANGED;
	if (row->state == IMPORT_CHANGED && !contact_may_change(db, person, &row->contact, &why)) {
		if (why.kind != ERR_DENIED) {
			*err = why;
			return false;
		}
		refuse(import, import, row, &why);
	}
	return true;
}

bool
import_match(TALLOC_CTX *ctx, struct db *db, const struct person *person, struct import *import, struct err *err)
{
	for (size_t i = 0; i < import->n; i++)
		if (import->rows[i].state != IMPORT_BAD && !match_row(ctx, db, person, import, &import->rows[i], err))
			return false;
	return true;
}

/* ---- keeping ---- */

struct apply {
	const struct import *import;
	const struct person *person;
	const char *actor, *group;
	size_t from;
};

static bool
apply_row(TALLOC_CTX *ctx, struct db *tx, const struct apply *a, const struct import_row *row, struct err *err)
{
	char *id = mem_text(ctx, row->contact.id);

	if (row->state == IMPORT_CHANGED && !contact_change(tx, a->person, &row->contact, err))
		return false;
	if (row->state == IMPORT_NEW && !contact_take(ctx, tx, a->actor, &row->contact, &id, err))
		return false;
	for (size_t g = 0; g < row->groups_n; g++)
		if (!contact_group_named(tx, a->actor, row->groups[g], id, err))
			return false;
	return !a->group || contact_group_named(tx, a->actor, a->group, id, err);
}

static bool
tx_apply(struct db *tx, void *arg, struct err *err)
{
	const struct apply *a = arg;

	for (size_t i = a->from; i < a->import->n && i < a->from + APPLY_AT_ONCE; i++) {
		void *ctx SCOPED(mem) = talloc_new(NULL);
		const struct import_row *row = &a->import->rows[i];

		if (row->state != IMPORT_BAD && !apply_row(ctx, tx, a, row, err))
			return err_at(err, "line %d", row->line);
	}
	return true;
}

bool
import_apply(struct db *db, const struct person *person, const struct import *import, const char *group,
	     struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct apply a = { import, person, person_actor(ctx, person), group && *group ? group : NULL, 0 };

	if (a.group && !contact_words_ok("a group's name", a.group, CONTACT_GROUP_MAX, err))
		return false;
	for (; a.from < import->n; a.from += APPLY_AT_ONCE)
		if (!db_tx(db, tx_apply, &a, err))
			return false;
	return true;
}
