/* Tables of contacts: as spreadsheets write them, read, shown and kept. */
#include "tests/check.h"
#include "catalog/contact_import.h"
#include "core/audit.h"
#include "core/csv.h"

#define TEXT(s) ((struct bytes){ s, sizeof s - 1 })

/* "1:a|b 3:c|d": line and fields of each row; "!" and the reason at the end of a bad one. */
static const char *
rows_of(TALLOC_CTX *ctx, struct bytes text)
{
	const char *all = "", **fields;
	struct err err;
	enum csv_step step;
	struct csv csv;
	int line;
	size_t n;

	if (!csv_open(text, &csv, &err))
		return mem_text(ctx, err.code);
	while ((step = csv_next(ctx, &csv, &fields, &n, &line, &err)) == CSV_ROW) {
		all = mem_printf(ctx, "%s%s%d:", all, *all ? " " : "", line);
		for (size_t i = 0; i < n; i++)
			all = mem_printf(ctx, "%s%s%s", all, i ? "|" : "", fields[i]);
	}
	return step == CSV_END ? all : mem_printf(ctx, "%s! %s", all, err.cause);
}

static void
a_table_is_read_as_spreadsheets_write_it(void **state)
{
	static const struct { struct bytes text; const char *rows; } tables[] = {
		{ TEXT("a,b\r\nc,d\r\n"), "1:a|b 2:c|d" },
		{ TEXT("a;b\nc;d,e"), "1:a|b 2:c|d,e" },
		{ TEXT("\xef\xbb\xbf" "a\tb\rc\td\r"), "1:a|b 2:c|d" },
		{ TEXT("\"a,1\",\"b \"\"x\"\"\"\n\"c\nd\",e"), "1:a,1|b \"x\" 2:c\nd|e" },
		{ TEXT("\"a\nb\",c\nd,e"), "1:a\nb|c 3:d|e" },
		{ TEXT("\n\n a , b \n,\n\nc,\"\"\n"), "3:a|b 6:c|" },
		{ TEXT("a\"b,c"), "1:a\"b|c" },
		{ TEXT("\"a;b\";c\nd;e"), "1:a;b|c 2:d|e" },
		{ TEXT(""), "" },
		{ TEXT("\"a,b\nc"), "! line 1: a quote is opened and not closed" },
		{ TEXT("a,b\n\"c\"d,e"), "1:a|b! line 2: there is text behind a closing quote" },
		{ TEXT("M\xfcller,a@b.c"), "not_utf8" },
		{ TEXT("a\0b,c"), "not_utf8" },
	};
	char many[3 * CSV_FIELDS_MAX];

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		assert_string_equal(rows_of(*state, tables[i].text), tables[i].rows);
	memset(many, ',', sizeof many);
	assert_string_equal(rows_of(*state, (struct bytes){ many, sizeof many }), "! line 1: more than 64 fields");
}

/* "2 new, 3 bad: reason": each row of a table. */
static const char *
read_table(TALLOC_CTX *ctx, struct db *db, const struct person *person, struct bytes text, struct import **ret)
{
	const char *all = "";
	struct err err;

	if (!import_read(ctx, text, ret, &err))
		return mem_text(ctx, err.code);
	if (db)
		assert_ok(import_match(ctx, db, person, *ret, &err), &err);
	for (size_t i = 0; i < (*ret)->n; i++) {
		const struct import_row *row = &(*ret)->rows[i];

		all = mem_printf(ctx, "%s%s%d %s%s%s", all, i ? ", " : "", row->line, import_states[row->state],
				 row->reason ? ": " : "", row->reason ? row->reason : "");
	}
	return all;
}

static void
every_bad_row_is_named_with_its_line_and_reason(void **state)
{
	struct import *import;

	assert_string_equal(read_table(*state, NULL, NULL, TEXT(
		"Mobil;Sprache;E-Mail-Adresse;Name;Abteilung;Gruppen\r\n"
		"+49 151 2345678;de;Anna@Example.com;\"Nair; Anna\";QA;Field|Beta\r\n"
		";;ben@example.com;Ben;;\r\n"
		";;no address;Carl;;\r\n"
		"0151 234;;;Dora;;\r\n"
		";;;Emil;;\r\n"
		";;BEN@example.com;Ben again;;\r\n"
		"+49151 2345678;;anna2@example.com;Anna 2;;\r\n"
		";;fay@example.com;\"two\nlines\";;\r\n"
		";;gus@example.com\r\n"), &import),
		"2 new, 3 new, 4 bad: \"no address\" is no e-mail address, 5 bad: the number 0151 234 must begin with + and the "
		"country, such as +49, 6 bad: neither an e-mail address nor a number, 7 bad: ben@example.com stands in line 3 "
		"already, 8 bad: +491512345678 stands in line 2 already, 9 bad: a name has no line breaks or other control "
		"characters, 11 new");
	assert_int_equal(import->bad, 6);
	assert_string_equal(import->rows[0].contact.name, "Nair; Anna");
	assert_string_equal(import->rows[0].contact.email, "anna@example.com");
	assert_string_equal(import->rows[0].contact.phone, "+491512345678");
	assert_string_equal(import->rows[0].groups[1], "Beta");
	assert_int_equal(import->rows[0].groups_n, 2);
	assert_string_equal(import->rows[8].contact.name, "gus@example.com");
}

static void
what_is_no_table_of_contacts_is_refused_as_a_whole(void **state)
{
	char *large = mem_size(*state, IMPORT_BYTES_MAX + 1);
	struct import *import;
	struct err err;

	assert_string_equal(read_table(*state, NULL, NULL, TEXT(""), &import), "no_columns");
	assert_string_equal(read_table(*state, NULL, NULL, TEXT("Anna,anna@example.com\n"), &import), "no_columns");
	assert_string_equal(read_table(*state, NULL, NULL, TEXT("name,phone\n\"Anna"), &import),
			    "2 bad: line 2: a quote is opened and not closed");
	memset(large, 'a', IMPORT_BYTES_MAX + 1);
	assert_false(import_read(*state, (struct bytes){ large, IMPORT_BYTES_MAX + 1 }, &import, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	memcpy(large, "phone\n", 6);
	for (size_t i = 6; i + 8 <= IMPORT_BYTES_MAX; i += 2)
		memcpy(large + i, "x\n", 2);
	assert_false(import_read(*state, (struct bytes){ large, IMPORT_BYTES_MAX - 8 }, &import, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
}

static struct person *
publisher(TALLOC_CTX *ctx, struct db *db, const char *name)
{
	struct person *ret;
	struct err err;

	assert_ok(person_add(db, "test", name, ROLE_PUBLISHER, "a good password", &err), &err);
	assert_ok(person_by_name(ctx, db, name, &ret, &err), &err);
	return ret;
}

static void
the_good_rows_are_kept_and_the_same_table_again_changes_nothing(void **state)
{
	struct bytes table = TEXT("name,email,phone,groups\nAnna,anna@example.com,+49151234567,QA\nBen,ben@example.com,,\nBad,,,\n");
	struct person *anna, *petra;
	struct import *import;
	struct db *db;
	struct err err;
	int64_t before, after;
	json_t *list;

	assert_ok(db_open(*state, test_dir(*state), &db, &err), &err);
	anna = publisher(*state, db, "anna");
	assert_string_equal(read_table(*state, db, anna, table, &import),
			    "2 new, 3 new, 4 bad: neither an e-mail address nor a number");
	assert_ok(import_apply(db, anna, import, "Field", &err), &err);
	assert_ok(contact_group_list(db, &list, &err), &err);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "name")), "Field");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "contacts")), 2);
	json_decref(list);
	assert_ok(audit_verify(db, &before, &err), &err);
	assert_string_equal(read_table(*state, db, anna, table, &import),
			    "2 same, 3 same, 4 bad: neither an e-mail address nor a number");
	assert_ok(import_apply(db, anna, import, "field", &err), &err);
	assert_ok(audit_verify(db, &after, &err), &err);
	assert_int_equal(before, after);
	/* What a table does not say stays; whom two rows of ours claim is told. */
	assert_string_equal(read_table(*state, db, anna, TEXT("email,phone\nanna@example.com,\nben@example.com,+49151234568\n"
		"ben2@example.com,+49151234567\nzoe@example.com,+49151234567\n"), &import),
		"2 same, 3 changed, 4 changed, 5 bad: +49151234567 stands in line 4 already");
	assert_string_equal(read_table(*state, db, anna, TEXT("email,phone\nben@example.com,+49151234567\n"), &import),
		"2 bad: the address and the number are two people's: Anna and Ben");
	assert_string_equal(read_table(*state, db, anna, TEXT("email,phone\nben@example.com,+49151234568\n"), &import), "2 changed");
	assert_ok(import_apply(db, anna, import, NULL, &err), &err);
	assert_ok(contact_list(db, "1234568", NULL, NULL, 10, &list, &err), &err);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "name")), "Ben");
	json_decref(list);

	/* Ben has a link to an app that she does not publish: her table does not move him, nor when it was read before. */
	petra = publisher(*state, db, "petra");
	table = TEXT("email,phone\nben@example.com,+49151234569\n");
	assert_string_equal(read_table(*state, db, petra, table, &import), "2 changed");
	assert_ok(db_run(db, &err, "UPDATE person SET all_apps = FALSE WHERE id = $1", db_text(petra->id)), &err);
	assert_ok(db_run(db, &err, "INSERT INTO app (id, bundle_id, name, folded, created) VALUES ('a', 'com.example.app', 'Demo', '', 0)"), &err);
	assert_ok(db_run(db, &err, "INSERT INTO link (id, hash, app_id, contact_id, expires, installs_max, created)"
			 " SELECT 'l', 'h', 'a', id, 4000000000, 0, 0 FROM contact WHERE email = 'ben@example.com'"), &err);
	assert_false(import_apply(db, petra, import, NULL, &err));
	assert_int_equal(err.kind, ERR_DENIED);
	assert_string_equal(read_table(*state, db, petra, table, &import), "2 bad: Ben tests apps of other publishers too: an"
			    " admin changes their address or number");
	assert_string_equal(read_table(*state, db, anna, table, &import), "2 changed");
}

TESTS(a_table_is_read_as_spreadsheets_write_it,
      every_bad_row_is_named_with_its_line_and_reason,
      what_is_no_table_of_contacts_is_refused_as_a_whole,
      the_good_rows_are_kept_and_the_same_table_again_changes_nothing)
