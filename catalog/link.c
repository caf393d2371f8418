/* Tables `link` and `link_client`. */
#include "catalog/link.h"
#include "catalog/channel.h"
#include "catalog/viewer.h"
#include "catalog/grant.h"
#include "catalog/registration.h"
#include "core/audit.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/secret.h"
#include <stdlib.h>
#include <string.h>

#define TOKEN_BYTES 16

/* ---- secrets ---- */

void
link_key_from(struct bytes secret, struct link_key *ret)
{
	char mac[SECRET_HASH_SIZE];

	if (!num_unhex(secret_mac(secret, "pomona link", mac), ret->bytes, sizeof ret->bytes))
		abort();
}

char *
link_derive(TALLOC_CTX *ctx, const struct link_key *key, const char *id)
{
	unsigned char bytes[SECRET_HASH_SIZE / 2];
	char mac[SECRET_HASH_SIZE];
	struct buf buf;

	if (!num_unhex(secret_mac((struct bytes){ key->bytes, sizeof key->bytes }, id, mac), bytes, sizeof bytes))
		abort();
	buf_init(&buf, ctx, 64);
	buf_base64url(&buf, bytes, TOKEN_BYTES);
	return buf.p;
}

char *
link_tap_token(TALLOC_CTX *ctx, const struct link_key *key, const char *install_id)
{
	return link_derive(ctx, key, mem_printf(ctx, "tap %s", install_id));
}

static const char *
pin_hash(const char *token, const char *pin, char hash[SECRET_HASH_SIZE])
{
	return secret_mac((struct bytes){ token, strlen(token) }, pin, hash);
}

/* ---- making one ---- */

static bool
terms_ok(const struct link_terms *t, struct err *err)
{
	int64_t now = clock_now();

	if (t->expires <= now || t->expires > now + LINK_DAYS_MAX * (int64_t)DAY_S)
		return err_set(err, ERR_INVALID, "a link expires in the future, at most in %d days", LINK_DAYS_MAX);
	if (t->installs_max < 0 || t->installs_max > LINK_INSTALLS_MAX)
		return err_set(err, ERR_INVALID, "max_installs is a number of at most %d; 0 is no limit",
			       LINK_INSTALLS_MAX);
	if (t->pin && (strlen(t->pin) != LINK_PIN_DIGITS || strspn(t->pin, "0123456789") != LINK_PIN_DIGITS))
		return err_set(err, ERR_INVALID, "a PIN has %d digits", LINK_PIN_DIGITS);
	if (!t->build_id == !(t->bundle_id && t->channel))
		return err_set(err, ERR_INVALID, "say a build, or a bundle_id and a channel");
	return true;
}

bool
link_draft(TALLOC_CTX *ctx, const struct link_key *key, const struct link_terms *terms, struct link_draft **ret,
	   struct err *err)
{
	struct link_draft *d = mem_new(ctx, struct link_draft);
	char hash[SECRET_HASH_SIZE];

	if (!terms_ok(terms, err))
		return false;
	d->terms = *terms;
	d->id = secret_id(d);
	d->token = link_derive(d, key, d->id);
	d->hash = mem_text(d, secret_hash(d->token, hash));
	d->pin = terms->pin ? mem_text(d, pin_hash(d->token, terms->pin, hash)) : "";
	*ret = d;
	return true;
}

struct target {
	char *app_id, *bundle_id, *build_id, *channel_id;
};

static bool
find_target(TALLOC_CTX *ctx, struct db *tx, const struct person *person, const struct link_terms *t,
	    struct target *ret, struct err *err)
{
	struct rows *rows = t->build_id
		? db_query(ctx, tx, "SELECT a.id, a.bundle_id, b.id, b.installs_until FROM build b"
			   " JOIN app a ON a.id = b.app_id WHERE b.id = $4 AND " VIEWER_OWNS, VIEWER(viewer_of(person)), db_text(t->build_id))
		: db_query(ctx, tx, "SELECT a.id, a.bundle_id, c.id, CAST($6 AS BIGINT) FROM channel c JOIN app a"
			   " ON a.id = c.app_id WHERE a.bundle_id = $4 AND c.name = $5 AND " VIEWER_OWNS, VIEWER(viewer_of(person)),
			   db_text(t->bundle_id), db_text(t->channel), db_int(INT64_MAX));
	int64_t until;

	if (!rows_one(rows, err, t->build_id ? "no such build" : "no such channel"))
		return false;
	ret->app_id = rows_text(ctx, rows, 0);
	ret->bundle_id = rows_text(ctx, rows, 1);
	ret->build_id = t->build_id ? rows_text(ctx, rows, 2) : NULL;
	ret->channel_id = t->build_id ? NULL : rows_text(ctx, rows, 2);
	until = rows_int(rows, 3);
	rows_done(rows);
	if (until <= clock_now())
		return err_code(err, ERR_CONFLICT, "not_installable",
				"this build cannot be installed; its verdict says why");
	return true;
}

bool
link_aim(TALLOC_CTX *ctx, struct db *db, const struct person *person, const struct link_terms *terms,
	 struct link_aim **ret, struct err *err)
{
	struct link_aim *aim = mem_new(ctx, struct link_aim);
	struct target target;
	struct rows *rows;
	char *newest;

	if (!terms_ok(terms, err) || !find_target(aim, db, person, terms, &target, err))
		return false;
	aim->build_id = target.build_id;
	if (!aim->build_id && !channel_newest(aim, db, VIEWER_HOUSE, target.app_id, terms->channel,
						 &newest, err))
		return err->kind == ERR_MISSING ? err_set(err, ERR_CONFLICT, "nothing is in the channel %s yet",
							  terms->channel) : false;
	if (!aim->build_id)
		aim->build_id = newest;
	aim->bundle_id = target.bundle_id;
	rows = db_query(aim, db, "SELECT b.name, CASE WHEN p.display <> '' THEN p.display ELSE p.name END, p.email"
			" FROM build b, person p WHERE b.id = $1 AND p.id = $2", db_text(aim->build_id),
			db_text(person->id));
	if (!rows_one(rows, err, "no such build"))
		return false;
	aim->app_name = rows_text(aim, rows, 0);
	aim->from = rows_text(aim, rows, 1);
	aim->reply_to = rows_text(aim, rows, 2);
	rows_done(rows);
	*ret = aim;
	return true;
}

static bool
contact_is_there(struct db *tx, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return rows_one(db_query(ctx, tx, "SELECT 1 FROM contact WHERE id = $1", db_text(id)), err,
			"no such contact");
}

bool
link_put(struct db *tx, const struct person *person, const struct link_draft *d, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct link_terms *t = &d->terms;
	struct target target;

	return find_target(ctx, tx, person, t, &target, err) &&
	       (!t->contact_id || contact_is_there(tx, t->contact_id, err)) &&
	       db_run(tx, err, "INSERT INTO link (id, hash, app_id, build_id, channel_id, contact_id, person_id, pin,"
		      " sign_in, expires, installs_max, created)"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", db_text(d->id), db_text(d->hash),
		      db_text(target.app_id), db_text(target.build_id), db_text(target.channel_id),
		      db_text(t->contact_id), db_text(person->id), db_text(d->pin), db_bool(t->sign_in),
		      db_int(t->expires), db_int(t->installs_max), db_now()) &&
	       audit_add(tx, person_actor(ctx, person), "link.new", d->id, mem_printf(ctx, "%s to %s",
			 target.bundle_id, t->contact_id ? t->contact_id : "nobody in particular"), err);
}

bool
link_token(TALLOC_CTX *ctx, struct db *db, const struct link_key *key, const char *id, char **token,
	   struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(here, db, "SELECT hash FROM link WHERE id = $1", db_text(id));
	char *text = link_derive(ctx, key, id), hash[SECRET_HASH_SIZE];

	if (!rows_one(rows, err, "no such link"))
		return false;
	if (!secret_equal(secret_hash(text, hash), rows_text(here, rows, 0)))
		return err_code(err, ERR_CONFLICT, "other_key", "this link was made with another master key, so its"
				" address is not known any more; make a new one");
	*token = text;
	return true;
}

/* ---- using it ---- */

bool
link_find(TALLOC_CTX *ctx, struct db *db, const char *token, struct link **ret, struct err *err)
{
	struct link *l = mem_new(ctx, struct link);
	char hash[SECRET_HASH_SIZE];
	struct rows *rows;

	if (strlen(token) != LINK_TOKEN_SIZE - 1)
		return err_set(err, ERR_MISSING, "no such link");
	rows = db_query(l, db, "SELECT l.id, l.app_id, a.bundle_id, coalesce(b.name, a.bundle_id), b.id, ch.name,"
		" l.contact_id, c.name, l.person_id, CASE WHEN p.display <> '' THEN p.display ELSE p.name END, l.expires, l.installs_max,"
		" (SELECT count(*) FROM link_client k WHERE k.link_id = l.id), l.created, l.opened, l.pin <> '',"
		" l.sign_in OR a.link_sign_in, " LINK_REVOKED ", p.email"
		" FROM link l JOIN app a ON a.id = l.app_id LEFT JOIN channel ch ON ch.id = l.channel_id"
		" LEFT JOIN build b ON b.id = coalesce(l.build_id, ch.newest_build_id)"
		" LEFT JOIN contact c ON c.id = l.contact_id LEFT JOIN person p ON p.id = l.person_id"
		" WHERE l.hash = $1", db_text(secret_hash(token, hash)));
	if (!rows_one(rows, err, "no such link"))
		return false;
	l->id = rows_text(l, rows, 0);
	l->app_id = rows_text(l, rows, 1);
	l->bundle_id = rows_text(l, rows, 2);
	l->app_name = rows_text(l, rows, 3);
	l->build_id = rows_text(l, rows, 4);
	l->channel = rows_text(l, rows, 5);
	l->contact_id = rows_text(l, rows, 6);
	l->contact_name = rows_text(l, rows, 7);
	l->person_id = rows_text(l, rows, 8);
	l->from = rows_text(l, rows, 9);
	l->expires = rows_int(rows, 10);
	l->installs_max = rows_int(rows, 11);
	l->installs = rows_int(rows, 12);
	l->created = rows_int(rows, 13);
	l->opened = rows_int(rows, 14);
	l->pin = rows_bool(rows, 15);
	l->sign_in = rows_bool(rows, 16);
	l->revoked = rows_bool(rows, 17);
	l->reply_to = rows_text(l, rows, 18);
	l->expired = l->expires <= clock_now();
	l->used_up = l->installs_max && l->installs >= l->installs_max;
	l->over = l->revoked || l->expired || l->used_up;
	rows_done(rows);
	*ret = l;
	return true;
}

bool
link_open(TALLOC_CTX *ctx, struct db *db, const char *token, struct link **ret, struct err *err)
{
	struct link *link;

	if (!link_find(ctx, db, token, &link, err))
		return false;
	if (link->over)
		return err_set(err, ERR_MISSING, "no such link");
	*ret = link;
	return true;
}

struct attempt {
	const char *id, *pin;
	int64_t wait;
	int failures;
	bool good;
};

static bool
tx_pin(struct db *tx, void *arg, struct err *err)
{
	struct attempt *a = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, tx, "SELECT pin, pin_failures, pin_locked FROM link WHERE id = $1",
				     db_text(a->id));
	int64_t now = clock_now();

	if (!rows_one(rows, err, "no such link"))
		return false;
	a->wait = rows_int(rows, 2) - now;
	a->failures = (int)rows_int(rows, 1);
	a->good = secret_equal(rows_text(ctx, rows, 0), a->pin);
	rows_done(rows);
	if (a->wait > 0)
		return true;
	a->failures = a->good ? 0 : a->failures + 1;
	if (a->failures < LINK_PIN_TRIES)
		return db_run(tx, err, "UPDATE link SET pin_failures = $1 WHERE id = $2", db_int(a->failures),
			      db_text(a->id));
	return db_run(tx, err, "UPDATE link SET pin_failures = 0, pin_locked = $1 WHERE id = $2",
		      db_int(now + LINK_PIN_WAIT_S), db_text(a->id)) &&
	       audit_add(tx, "system", "link.pin_locked", a->id, NULL, err);
}

bool
link_try_pin(struct db *db, const struct link *link, const char *token, const char *pin, int *left,
	     struct err *err)
{
	char hash[SECRET_HASH_SIZE];
	struct attempt a = { .id = link->id, .pin = pin_hash(token, pin, hash) };

	*left = 0;
	if (!db_tx(db, tx_pin, &a, err))
		return false;
	if (a.wait > 0)
		return err_code(err, ERR_RATE, "pin_wait", "too many wrong PINs; try again in %lld minutes",
				(long long)(a.wait + 59) / 60);
	if (a.good)
		return true;
	*left = LINK_PIN_TRIES - a.failures;
	return err_code(err, ERR_INVALID, "wrong_pin", "that is not the PIN; %d tries left", *left);
}

struct opened {
	char id[40];
};

static bool
tx_opened(struct db *tx, void *arg, struct err *err)
{
	struct opened *o = arg;

	return db_run(tx, err, "UPDATE link SET opened = $1 WHERE id = $2 AND opened = 0", db_now(), db_text(o->id));
}

void
link_opened(struct db *db, const struct link *link)
{
	struct opened *o;

	if (link->opened)
		return;
	o = mem_new(NULL, struct opened);
	memcpy(o->id, link->id, strnlen(link->id, sizeof o->id - 1));
	db_later(db, tx_opened, o);
}

bool
link_has_phone(struct db *db, const char *id, const char *phone, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*) FROM link_client WHERE link_id = $1 AND client = $2", db_text(id),
				     db_text(phone));

	if (!rows_one(rows, err, "no count"))
		return false;
	*ret = rows_int(rows, 0) > 0;
	return true;
}

static bool
is_for(struct db *db, const char *id, const char *person_id, bool *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT " LINK_IS_FOR("$2") " FROM link l WHERE l.id = $1", db_text(id),
				     db_text(person_id ? person_id : ""));

	if (!rows_one(rows, err, "no such link"))
		return false;
	*ret = rows_bool(rows, 0);
	return true;
}

static bool
not_recipient(const struct link *link, struct err *err)
{
	return err_code(err, ERR_DENIED, "not_recipient", "this link is for somebody else: ask %s for your own",
			link->from ? link->from : "whoever sent it");
}

bool
link_is_for(struct db *db, const struct link *link, const char *person_id, struct err *err)
{
	bool is;

	return is_for(db, link->id, person_id, &is, err) && (is || not_recipient(link, err));
}

/* Of several at once the first gets it. */
static bool
bind(struct db *tx, const char *id, const char *person_id, bool *ret, struct err *err)
{
	return (!person_id || db_run(tx, err, "UPDATE link AS l SET bound = $2 WHERE l.id = $1 AND l.bound = '' AND " LINK_ASKS_WHO_
				     " AND " LINK_IS_FOR("$2"), db_text(id), db_text(person_id))) &&
	       is_for(tx, id, person_id, ret, err);
}

struct taking {
	const char *id, *person_id;
	bool is;
};

static bool
tx_take(struct db *tx, void *arg, struct err *err)
{
	struct taking *t = arg;

	return bind(tx, t->id, t->person_id, &t->is, err);
}

bool
link_take(struct db *db, const struct link *link, const char *person_id, struct err *err)
{
	struct taking t = { link->id, person_id, false };

	return db_tx(db, tx_take, &t, err) && (t.is || not_recipient(link, err));
}

/* Counted inside the transaction: two phones at once do not share the last install.  Writing the link's own row locks
 * it where there are many writers. */
bool
link_use(struct db *tx, const char *id, const struct link_user *user, struct err *err)
{
	bool is;

	if (!db_run(tx, err, "UPDATE link SET installs_max = installs_max WHERE id = $1", db_text(id)) ||
	    !bind(tx, id, user->person_id, &is, err))
		return false;
	if (!is)
		return err_set(err, ERR_MISSING, "the link is somebody else's");
	if (!db_run(tx, err, "UPDATE link_client SET at = $1 WHERE link_id = $2 AND client = $3 AND NOT EXISTS"
		    " (SELECT 1 FROM link l WHERE l.id = link_id AND " LINK_REVOKED ")",
		    db_now(), db_text(id), db_text(user->client)))
		return false;
	if (db_changed(tx))
		return true;
	if (!db_run(tx, err, "INSERT INTO link_client (link_id, client, at, is_phone) SELECT l.id, $1, CAST($2 AS BIGINT), $4"
		    " FROM link l WHERE l.id = $3 AND NOT " LINK_REVOKED " AND l.expires > $2 AND " LINK_LEFT,
		    db_text(user->client), db_now(), db_text(id), db_bool(user->is_phone)))
		return false;
	return db_changed(tx) || err_set(err, ERR_MISSING, "the link is over");
}

bool
link_sent_again(struct db *tx, const struct person *person, const char *id, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return audit_add(tx, person_actor(ctx, person), "link.send", id, NULL, err);
}

struct change {
	const struct person *person;
	const char *id;
};

static bool
tx_revoke(struct db *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	if (!db_run(tx, err, "UPDATE link SET revoked = TRUE WHERE id = $4 AND EXISTS (SELECT 1 FROM app a"
		    " WHERE a.id = link.app_id AND " VIEWER_OWNS ")", VIEWER(viewer_of(c->person)), db_text(c->id)))
		return false;
	if (!db_changed(tx))
		return err_set(err, ERR_MISSING, "no such link");
	return grant_end_of_links(tx, c->id, NULL, err) && registration_revoked(tx, c->id, err) &&
	       audit_add(tx, person_actor(ctx, c->person), "link.revoke", c->id, NULL, err);
}

#define ITS_CHANNEL "(SELECT p.channel_id FROM placement p JOIN channel c ON c.id = p.channel_id WHERE p.build_id = $1" \
	" ORDER BY c.newest_at DESC, c.name LIMIT 1)"

bool
link_outlives(struct db *tx, const char *build_id, struct err *err)
{
	return db_run(tx, err, "UPDATE link SET build_id = NULL, channel_id = " ITS_CHANNEL ", revoked = TRUE WHERE build_id = $1"
		      " AND contact_id IS NOT NULL AND " ITS_CHANNEL " IS NOT NULL AND EXISTS (SELECT 1 FROM install i WHERE i.link_id ="
		      " link.id AND i.state IN ('whole', 'installed'))", db_text(build_id));
}

bool
link_revoke(struct db *db, const struct person *person, const char *id, struct err *err)
{
	struct change c = { person, id };

	return db_tx(db, tx_revoke, &c, err);
}
