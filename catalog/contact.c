/* Table `contact`. */
#include "catalog/contact.h"
#include "catalog/cursor.h"
#include "catalog/grant.h"
#include "catalog/viewer.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/mail.h"
#include "core/secret.h"
#include "core/sms.h"
#include <string.h>

#define SEARCH_MAX		100

/* ---- what is right ---- */

/* An address that mail can go to, as it stands: a display name has no place here. */
static bool
email_ok(TALLOC_CTX *ctx, const char *email)
{
	struct mail_address address;
	struct err none;

	return strlen(email) <= CONTACT_EMAIL_MAX && mail_address(ctx, email, &address, &none) &&
	       strcmp(address.spec, email) == 0;
}

bool
contact_words_ok(const char *what, const char *text, size_t max, struct err *err)
{
	size_t len = strlen(text);

	if (!len || len > max || !text_valid(text, len))
		return err_set(err, ERR_INVALID, "%s has 1 to %zu bytes", what, max);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_set(err, ERR_INVALID, "%s has no line breaks or other control characters", what);
	return true;
}

static bool
language_ok(const char *language)
{
	return strlen(language) <= CONTACT_LANGUAGE_MAX &&
	       strspn(language, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(language);
}

static char *
lower(TALLOC_CTX *ctx, const char *text)
{
	char *ret = mem_text(ctx, text);

	for (char *c = ret; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return ret;
}

bool
contact_check(TALLOC_CTX *ctx, struct contact *contact, struct err *err)
{
	char *phone = mem_text(ctx, "");

	contact->email = contact->email ? contact->email : "";
	contact->phone = contact->phone ? contact->phone : "";
	contact->language = contact->language ? contact->language : "";
	if (!*contact->email && !*contact->phone)
		return err_set(err, ERR_INVALID, "neither an e-mail address nor a number");
	if (*contact->email && !email_ok(ctx, contact->email))
		return err_set(err, ERR_INVALID, "\"%.80s\" is no e-mail address", contact->email);
	if (*contact->phone && !sms_number(ctx, contact->phone, &phone, err))
		return false;
	if (!language_ok(contact->language))
		return err_set(err, ERR_INVALID, "\"%.20s\" is no language: de, en, fr ...", contact->language);
	contact->email = lower(ctx, contact->email);
	contact->phone = phone;
	if (!contact->name || !*contact->name)
		contact->name = *contact->email ? contact->email : contact->phone;
	if (*contact->email && strcmp(contact->name, contact->email) == 0)
		contact->name = text_cut(ctx, contact->name, CONTACT_NAME_MAX);
	return contact_words_ok("a name", contact->name, CONTACT_NAME_MAX, err);
}

static const char *
folded(TALLOC_CTX *ctx, const struct contact *c)
{
	return text_fold(ctx, mem_printf(ctx, "%s\n%s\n%s", c->name, c->email, c->phone));
}

/* ---- one contact ---- */

struct change {
	const char *actor, *id, *folded;
	const struct contact *contact;
};

static bool
taken(struct db *tx, const struct change *c, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *email = *c->contact->email ? c->contact->email : NULL;
	const char *phone = *c->contact->phone ? c->contact->phone : NULL;
	struct rows *rows = db_query(ctx, tx, "SELECT name, email = $1 FROM contact WHERE id <> $3"
				     " AND (email = $1 OR phone = $2) LIMIT 1", db_text(email), db_text(phone),
				     db_text(c->id));

	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		return true;
	case ROWS_ROW:
		break;
	}
	return err_set(err, ERR_CONFLICT, "%s is %s's already", rows_bool(rows, 1) ? email : phone,
		       rows_text(ctx, rows, 0));
}

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;

	return taken(tx, c, err) &&
	       db_run(tx, err, "INSERT INTO contact (id, name, folded, email, phone, language, quiet, created)"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", db_text(c->id), db_text(c->contact->name),
		      db_text(c->folded), db_text(c->contact->email), db_text(c->contact->phone),
		      db_text(c->contact->language), db_bool(c->contact->quiet), db_now()) &&
	       audit_add(tx, c->actor, "contact.add", c->id, NULL, err);
}

bool
contact_add(TALLOC_CTX *ctx, struct db *db, const char *actor, const struct contact *contact, char **id,
	    struct err *err)
{
	char *fresh = secret_id(ctx);
	struct change c = { actor, fresh, folded(ctx, contact), contact };

	if (!db_tx(db, tx_add, &c, err))
		return false;
	*id = fresh;
	return true;
}

/* What is with the contact now, and what the one who changes it may. */
struct state {
	struct contact is;
	bool admin;
	bool shared;	/* with apps that are not theirs: the rights of those apps' publishers hang on it */
};

static bool
state_of(TALLOC_CTX *ctx, struct db *tx, const struct person *person, const char *id, struct state *ret,
	 struct err *err)
{
	struct rows *rows = db_query(ctx, tx, "SELECT t.name, t.email, t.phone, t.language, t.quiet, CAST($1 AS BOOLEAN)"
		" OR EXISTS (SELECT 1 FROM person v WHERE v.id = $2 AND v.role = 'admin' AND NOT v.disabled),"
		" EXISTS (SELECT 1 FROM link l JOIN app a ON a.id = l.app_id WHERE l.contact_id = t.id AND NOT l.revoked"
		" AND l.expires > $5 AND NOT " VIEWER_OWNS ") OR EXISTS (SELECT 1 FROM tester_device d JOIN device_app w"
		" ON w.device_id = d.id JOIN app a ON a.id = w.app_id WHERE d.contact_id = t.id AND NOT " VIEWER_OWNS ")"
		" FROM contact t WHERE t.id = $4", VIEWER(viewer_of(person)), db_text(id), db_now());

	if (!rows_one(rows, err, "no such contact"))
		return false;
	ret->is = (struct contact){ .id = id, .name = rows_text(ctx, rows, 0), .email = rows_text(ctx, rows, 1),
				    .phone = rows_text(ctx, rows, 2), .language = rows_text(ctx, rows, 3),
				    .quiet = rows_bool(rows, 4) };
	ret->admin = rows_bool(rows, 5);
	ret->shared = rows_bool(rows, 6);
	rows_done(rows);
	return true;
}

/* Links of other apps go to this address and number: who gives another one would get those apps' builds. */
static bool
may_change(const struct state *state, const struct contact *to, struct err *err)
{
	const struct contact *is = &state->is;
	bool moved = strcmp(is->email, to->email) != 0 || strcmp(is->phone, to->phone) != 0;

	if (moved && state->shared)
		return err_set(err, ERR_DENIED, "%s tests apps of other publishers too: an admin changes their address"
			       " or number", is->name);
	if (is->quiet && !to->quiet && !state->admin)
		return err_set(err, ERR_DENIED, "%s wants no notices: they can ask for them again, or an admin",
			       is->name);
	return true;
}

bool
contact_may_change(struct db *db, const struct person *person, const struct contact *contact, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct state state;

	return state_of(ctx, db, person, contact->id, &state, err) && may_change(&state, contact, err);
}

/* "email, phone": what is another than before; NULL: nothing. */
static const char *
changed_fields(TALLOC_CTX *ctx, const struct contact *is, const struct contact *to)
{
	const struct { const char *name; bool changed; } fields[] = {
		{ "name", strcmp(is->name, to->name) != 0 }, { "email", strcmp(is->email, to->email) != 0 },
		{ "phone", strcmp(is->phone, to->phone) != 0 },
		{ "language", strcmp(is->language, to->language) != 0 }, { "quiet", is->quiet != to->quiet },
	};
	const char *all = NULL;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (fields[i].changed)
			all = all ? mem_printf(ctx, "%s, %s", all, fields[i].name) : fields[i].name;
	return all;
}

struct edit {
	const struct person *person;
	struct change change;
};

static bool
tx_change(struct db *tx, void *arg, struct err *err)
{
	const struct edit *e = arg;
	const struct change *c = &e->change;
	const struct contact *to = c->contact;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct state state;

	return state_of(ctx, tx, e->person, c->id, &state, err) && may_change(&state, to, err) && taken(tx, c, err) &&
	       db_run(tx, err, "UPDATE contact SET name = $1, folded = $2, email = $3, phone = $4, language = $5,"
		      " quiet = $6 WHERE id = $7", db_text(to->name), db_text(c->folded), db_text(to->email),
		      db_text(to->phone), db_text(to->language), db_bool(to->quiet), db_text(c->id)) &&
	       audit_add(tx, c->actor, "contact.change", c->id, changed_fields(ctx, &state.is, to), err);
}

bool
contact_change(struct db *db, const struct person *person, const struct contact *contact, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct edit e = { person, { person_actor(ctx, person), contact->id, folded(ctx, contact), contact } };

	return db_tx(db, tx_change, &e, err);
}

static bool
tx_remove(struct db *tx, void *arg, struct err *err)
{
	const struct edit *e = arg;
	const struct change *c = &e->change;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct state state;

	if (!state_of(ctx, tx, e->person, c->id, &state, err))
		return false;
	if (state.shared)
		return err_set(err, ERR_DENIED, "%s tests apps of other publishers too: an admin removes them",
			       state.is.name);
	return grant_end_of_links(tx, NULL, c->id, err) &&
	       db_run(tx, err, "DELETE FROM contact WHERE id = $1", db_text(c->id)) &&
	       audit_add(tx, c->actor, "contact.remove", c->id, NULL, err);
}

bool
contact_remove(struct db *db, const struct person *person, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct edit e = { person, { person_actor(ctx, person), id, NULL, NULL } };

	return db_tx(db, tx_remove, &e, err);
}

struct take {
	struct change change;
	char *found;		/* NULL: it is new */
	TALLOC_CTX *ctx;
};

static bool
tx_take(struct db *tx, void *arg, struct err *err)
{
	struct take *t = arg;
	const struct contact *contact = t->change.contact;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT id FROM contact WHERE ($1 <> '' AND email = $1)"
				     " OR ($2 <> '' AND phone = $2) ORDER BY email = $1 DESC LIMIT 1",
				     db_text(contact->email), db_text(contact->phone));

	t->found = NULL;
	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		rows_done(rows);
		return tx_add(tx, &t->change, err);
	case ROWS_ROW:
		t->found = rows_text(t->ctx, rows, 0);
	}
	return true;
}

bool
contact_take(TALLOC_CTX *ctx, struct db *db, const char *actor, const struct contact *contact, char **id,
	     struct err *err)
{
	char *fresh = secret_id(ctx);
	struct take t = { { actor, fresh, folded(ctx, contact), contact }, NULL, ctx };

	if (!db_tx(db, tx_take, &t, err))
		return false;
	*id = t.found ? t.found : fresh;
	return true;
}

bool
contact_get(TALLOC_CTX *ctx, struct db *db, const char *id, struct contact **ret, struct err *err)
{
	struct contact *c = mem_new(ctx, struct contact);
	struct rows *rows = db_query(c, db, "SELECT id, name, email, phone, language, quiet FROM contact"
				     " WHERE id = $1", db_text(id));

	if (!rows_one(rows, err, "no such contact"))
		return false;
	c->id = rows_text(c, rows, 0);
	c->name = rows_text(c, rows, 1);
	c->email = rows_text(c, rows, 2);
	c->phone = rows_text(c, rows, 3);
	c->language = rows_text(c, rows, 4);
	c->quiet = rows_bool(rows, 5);
	rows_done(rows);
	*ret = c;
	return true;
}

bool
contact_match(TALLOC_CTX *ctx, struct db *db, const struct contact *contact, struct contact **ret, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT id, name FROM contact WHERE ($1 <> '' AND email = $1)"
				     " OR ($2 <> '' AND phone = $2) LIMIT 2", db_text(contact->email),
				     db_text(contact->phone));
	enum rows_step step = rows_next(rows, err);
	const char *id, *name;

	*ret = NULL;
	if (step != ROWS_ROW)
		return step == ROWS_END;
	id = rows_text(here, rows, 0);
	name = rows_text(here, rows, 1);
	step = rows_next(rows, err);
	if (step == ROWS_ROW)
		return err_set(err, ERR_CONFLICT, "the address and the number are two people's: %s and %s", name,
			       rows_text(here, rows, 1));
	rows_done(rows);
	return step == ROWS_END && contact_get(ctx, db, id, ret, err);
}

bool
contact_set_quiet(struct db *db, const char *id, bool quiet, struct err *err)
{
	return db_run(db, err, "UPDATE contact SET quiet = $1 WHERE id = $2", db_bool(quiet), db_text(id));
}

/* ---- lists ---- */

/* LIKE with '!' as its escape: the searched text means itself. */
static const char *
pattern(TALLOC_CTX *ctx, const char *search)
{
	const char *cut = text_fold(ctx, text_cut(ctx, search ? search : "", SEARCH_MAX));
	struct buf buf;

	buf_init(&buf, ctx, 8 * SEARCH_MAX);
	buf_text(&buf, "%");
	for (; *cut; cut++) {
		if (*cut == '%' || *cut == '_' || *cut == '!')
			buf_text(&buf, "!");
		buf_add(&buf, cut, 1);
	}
	buf_text(&buf, "%");
	return buf_str(&buf);
}

static bool
groups_of(struct db *db, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT g.id, g.name FROM contact_member m JOIN contact_group g"
				     " ON g.id = m.group_id WHERE m.contact_id = $1 ORDER BY g.folded", db_text(id));
	json_t *list = json_array();
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		json_array_append_new(list, json_pack("{s:s, s:s}", "id", rows_text(ctx, rows, 0), "name",
						      rows_text(ctx, rows, 1)));
	if (step == ROWS_FAILED) {
		json_decref(list);
		return false;
	}
	*ret = list;
	return true;
}

#define COLUMNS "c.id, c.name, c.email, c.phone, c.language, c.quiet, c.created, c.folded"

static json_t *
item_of(TALLOC_CTX *ctx, struct rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "id", rows_text(ctx, rows, 0), "name",
			 rows_text(ctx, rows, 1), "email", rows_text(ctx, rows, 2), "phone", rows_text(ctx, rows, 3),
			 "language", rows_text(ctx, rows, 4), "quiet", rows_bool(rows, 5), "created",
			 clock_text(ctx, rows_int(rows, 6)));
}

bool
contact_list(struct db *db, const char *search, const char *group, const char *after, int64_t limit,
	     json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *place, *id, *last = "", *last_id = "";
	struct rows *rows;
	json_t *items = json_array(), *page = json_pack("{s:o, s:n}", "items", items, "next"), *item;
	enum rows_step step;
	size_t i;

	if (limit < 1 || limit > CONTACT_PAGE_MAX)
		limit = CONTACT_PAGE_MAX;
	cursor_take(ctx, after, &place, &id);
	rows = db_query(ctx, db, "SELECT " COLUMNS " FROM contact c WHERE (c.folded, c.id) > ($1, $2)"
			" AND c.folded LIKE $3 ESCAPE '!' AND ($4 = '' OR EXISTS (SELECT 1 FROM contact_member m"
			" WHERE m.group_id = $4 AND m.contact_id = c.id)) ORDER BY c.folded, c.id LIMIT $5",
			db_text(place), db_text(id), db_text(pattern(ctx, search)), db_text(group ? group : ""),
			db_int(limit + 1));
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		if (json_array_size(items) == (size_t)limit) {
			json_object_set_new(page, "next", json_string(cursor_put(ctx, last, last_id)));
			break;
		}
		last_id = rows_text(ctx, rows, 0);
		last = rows_text(ctx, rows, 7);
		json_array_append_new(items, item_of(ctx, rows));
	}
	rows_done(rows);
	json_array_foreach(items, i, item) {
		json_t *groups;

		if (step == ROWS_FAILED ||
		    !groups_of(db, json_string_value(json_object_get(item, "id")), &groups, err)) {
			step = ROWS_FAILED;
			break;
		}
		json_object_set_new(item, "groups", groups);
	}
	if (step == ROWS_FAILED) {
		json_decref(page);
		return err_at(err, "list of contacts");
	}
	*ret = page;
	return true;
}

bool
contact_show(struct db *db, const char *id, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " COLUMNS " FROM contact c WHERE c.id = $1", db_text(id));
	json_t *item, *groups;

	if (!rows_one(rows, err, "no such contact"))
		return false;
	item = item_of(ctx, rows);
	rows_done(rows);
	if (!groups_of(db, id, &groups, err)) {
		json_decref(item);
		return false;
	}
	json_object_set_new(item, "groups", groups);
	*ret = item;
	return true;
}
