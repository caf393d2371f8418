/*
 * Who may do what: every route, asked by everybody, about what is theirs, somebody else's, nobody's and
 * nothing at all.  The answers that are right stand in matrix_rows.h and in the few lines of `expected`, not
 * in the code under test.
 *
 * The company: `hidden` is an app for the group qa, `open` one for everyone.  Ines is in qa, olga is not.
 * Paul publishes every app, pia `hidden` alone, pete another one alone, anna is admin, dora disabled.
 */
#include "tests/check_house.h"
#include "tests/check_link.h"
#include "tests/matrix_rows.h"
#include <curl/curl.h>
#include <stdio.h>
#include "catalog/audience.h"
#include "catalog/category.h"
#include "catalog/contact.h"
#include "catalog/grant.h"
#include "catalog/group.h"
#include "catalog/item.h"
#include "catalog/link.h"
#include "catalog/people.h"
#include "catalog/session.h"
#include "catalog/token.h"
#include "catalog/upload.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/secret.h"
#include "ipa/inspect.h"
#include "web/invitation_send.h"
#include "web/rooms.h"

#define HIDDEN		"com.example.hidden"
#define OPEN		"com.example.open"
#define HIDDEN_NAME	"Zephyr Nine"
#define HIDDEN_CHANNEL	"moonshot"
#define HIDDEN_PART	"moonbase"	/* a channel of `open`, for qa too */
#define HIDDEN_VERSION	"9.9.9"		/* of a build in it alone */
#define UNKNOWN		"zzzzzzzzzzzzzzzz"
#define VIEW		"0"			/* what opens the page behind a device's registration */
#define INSTALL_COOKIE	"pomona_install"

/* ---- who asks ---- */

enum app { NO_APP, THE_HIDDEN, THE_OPEN };

struct actor {
	char what[80];
	const char *name, *scope;	/* scope NULL: a session */
	enum role role;
	bool alive;			/* false: nobody, whatever is shown */
	bool sees_hidden, owns_hidden, owns_open;
	enum app bound;			/* of a token for one app */
	const struct person *person;
	const char *credential, *csrf;	/* cookie or token */
};
#define ACTORS_MAX 40

struct world {
	TALLOC_CTX *ctx;
	struct house house;
	struct site *site;
	CURL *curl;
	struct actor actors[ACTORS_MAX];
	size_t actors_n;
	const char *build[3], *grant_token, *item[3], *victim, *contact;	/* by enum app */
	const char *things[SOMEONE + 1];	/* known ones */
	const char *install;			/* the cookie of a link's page; NULL: none */
	char base[64];
	bool browser;
	int cases, wrong;
	struct buf got, head;
};

static bool
actor_sees(const struct actor *a, enum app app)
{
	if (!a->alive || (a->bound && a->bound != app))
		return false;
	return app == THE_OPEN || a->sees_hidden;
}

/* The channel of `open` that is not for everyone. */
static bool
actor_sees_part(const struct actor *a)
{
	return actor_sees(a, THE_OPEN) && (a->owns_open || strcmp(a->name, "ines") == 0);
}

static bool
actor_owns(const struct actor *a, enum app app)
{
	return actor_sees(a, app) && (app == THE_OPEN ? a->owns_open : a->owns_hidden);
}

/* ---- what is right ---- */

enum outcome { YES, SIGN_IN, DENIED, MISSING, NO_GOOD };	/* NO_GOOD: any refusal but the first two */

/* About which of the things a row can be about. */
enum which { WHICH_NONE, WHICH_HIDDEN, WHICH_OPEN, WHICH_MIXED, WHICH_KNOWN, WHICH_FOREIGN, WHICH_UNKNOWN, WHICH_MALFORMED };
static const char *const which_names[] = { "", "hidden", "open", "hidden's id under open", "known", "foreign", "unknown", "malformed" };

static bool
scope_suffices(const char *has, const char *needed)
{
	const char *or = needed ? strchr(needed, '|') : NULL;

	if (!needed)
		return false;
	if (or)
		return scope_suffices(has, or + 1) || strncmp(needed, has, strlen(has)) == 0 || strcmp(has, "admin") == 0;
	return strcmp(has, "admin") == 0 || strcmp(has, needed) == 0 || strcmp(needed, "read") == 0;
}

static enum outcome
expected_right(const struct row *row, const struct actor *a, enum which which)
{
	enum app app = which == WHICH_HIDDEN ? THE_HIDDEN : THE_OPEN;

	if (row->right == NONE)
		return YES;
	if (which == WHICH_MIXED && row->right == OWNS && actor_sees(a, THE_OPEN) && !actor_owns(a, THE_OPEN))
		return DENIED;
	if (which == WHICH_FOREIGN && row->id == TOKEN && a->role == ROLE_ADMIN && !a->bound)
		return YES;	/* an admin withdraws anybody's */
	if (row->right == NEVER || which == WHICH_UNKNOWN || which == WHICH_MIXED || which == WHICH_FOREIGN)
		return MISSING;
	if (which == WHICH_MALFORMED)
		return NO_GOOD;
	switch (row->right) {
	case SEES:	return actor_sees(a, app) ? YES : MISSING;
	case OWNS:	return actor_owns(a, app) ? YES : actor_sees(a, app) ? DENIED : MISSING;
	case MINE:	return actor_owns(a, app) ? YES : MISSING;
	case WATCH:	return (which == WHICH_KNOWN ? actor_sees(a, THE_OPEN) : actor_owns(a, app)) ? YES : MISSING;
	case ITEM:	return !a->bound && (which == WHICH_OPEN || a->role == ROLE_ADMIN || strcmp(a->name, "ines") == 0)
			       ? YES : MISSING;
	default:	return YES;	/* SELF, THING, GRANT_PATH and LINK_PATH: what is known */
	}
}

static enum outcome
expected(const struct row *row, const struct actor *a, enum which which)
{
	if (row->need == LOCAL)
		return YES;
	if (row->need == BY_PATH || row->need == ANYBODY)
		return expected_right(row, a, which);
	if (!a->alive)
		return SIGN_IN;
	if (a->scope && !scope_suffices(a->scope, row->scope))
		return DENIED;
	if ((row->need == PUBLISHER && a->role < ROLE_PUBLISHER) || (row->need == ADMIN && a->role < ROLE_ADMIN))
		return DENIED;
	if ((row->need == ADMIN || (row->flags & WHOLE)) && a->bound)
		return DENIED;
	return expected_right(row, a, which);
}

/* Of who may: what is asked for, or a word on what was sent, but never that there is nothing of that name. */
static bool
fits_yes(const char *route, int status)
{
	static const int look[] = { 200, 303, 0 }, act[] = { 200, 201, 202, 204, 303, 400, 409, 413, 415, 422, 0 };
	const int *fit = strncmp(route, "GET ", 4) == 0 ? look : act;

	while (*fit && *fit != status)
		fit++;	/* 303: /login, of who is signed in */
	return *fit != 0;
}

static bool
fits(const struct row *row, enum outcome outcome, int status)
{
	switch (outcome) {
	case YES:	return row->always ? status == row->always : fits_yes(row->route, status);
	case SIGN_IN:	return status == 401;
	case DENIED:	return status == 403;
	case MISSING:	return status == 404;
	default:	return status == 400 || status == 404 || status == 422;
	}
}

/* ---- asking ---- */

static size_t
take(char *p, size_t size, size_t n, void *buf)
{
	buf_add(buf, p, size * n);
	return size * n;
}

enum proof { OUR_PAGE, NO_CSRF, CROSS_SITE, FOREIGN_ORIGIN, NO_ORIGIN };

static int
ask(struct world *w, const struct actor *a, const char *method, const char *path, const char *body, bool form,
    enum proof proof)
{
	struct curl_slist *head = curl_slist_append(NULL, w->browser ? "Accept: text/html" : "Accept: application/json");
	const char *url = mem_printf(w->ctx, "%s%s", w->base, path);
	long status = 0;

	head = curl_slist_append(head, mem_printf(w->ctx, "Content-Type: %s", body && strncmp(body, "--b\r\n", 5) == 0
				 ? "multipart/form-data; boundary=b" : form ? "application/x-www-form-urlencoded"
				 : strcmp(method, "PATCH") == 0 && strstr(path, "/uploads/")
				 ? "application/offset+octet-stream" : "application/json"));
	if (strncmp(path, "/api/v1/uploads", 15) == 0)
		head = curl_slist_append(curl_slist_append(head, "Tus-Resumable: 1.0.0"), "Upload-Offset: 0");
	if (a->credential && a->scope)
		head = curl_slist_append(head, mem_printf(w->ctx, "Authorization: Bearer %s", a->credential));
	if ((a->credential && !a->scope) || w->install)
		head = curl_slist_append(head, mem_printf(w->ctx, "Cookie: pomona=%s; " INSTALL_COOKIE "=%s",
			a->credential && !a->scope ? a->credential : "", w->install ? w->install : ""));
	if (a->csrf && proof != NO_CSRF)
		head = curl_slist_append(head, mem_printf(w->ctx, "X-CSRF-Token: %s", a->csrf));
	if (proof == CROSS_SITE)
		head = curl_slist_append(head, "Sec-Fetch-Site: cross-site");
	else if (proof == FOREIGN_ORIGIN)
		head = curl_slist_append(head, "Origin: https://evil.example");
	else if (proof != NO_ORIGIN)
		head = curl_slist_append(head, mem_printf(w->ctx, "Origin: %s", w->site->base_url));
	buf_clear(&w->got);
	buf_clear(&w->head);
	curl_easy_setopt(w->curl, CURLOPT_URL, url);
	curl_easy_setopt(w->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, head);
	if (strcmp(method, "GET") == 0) {
		curl_easy_setopt(w->curl, CURLOPT_HTTPGET, 1L);
	} else {
		curl_easy_setopt(w->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body ? body : ""));
		curl_easy_setopt(w->curl, CURLOPT_COPYPOSTFIELDS, body ? body : "");
	}
	if (curl_easy_perform(w->curl) != CURLE_OK)
		status = 599;
	else
		curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(head);
	return (int)status;
}

/* ---- the world ---- */

static void
run(struct world *w, const char *sql)
{
	struct err err;

	assert_ok(db_runv(w->site->db, &err, sql, DB_VALS()), &err);
}

static void
open_session(struct world *w, struct actor *a, const struct person *person)
{
	struct session_limits limits = site_session_limits(w->site);
	struct err err;
	char *cookie, *csrf;
	struct person *again;

	assert_ok(session_new(w->ctx, w->site->db, person, &cookie, &err), &err);
	assert_ok(session_open(w->ctx, w->site->db, cookie, &limits, &again, &csrf, &err), &err);
	a->person = again;
	a->credential = cookie;
	a->csrf = csrf;
}

static struct actor *
add_actor(struct world *w, const char *name, const char *what)
{
	struct actor *a = &w->actors[w->actors_n++];
	struct err err;
	struct person *person = NULL;

	assert_true(w->actors_n < ACTORS_MAX);
	a->name = name;
	snprintf(a->what, sizeof a->what, "%s", what);
	if (!name)
		return a;
	assert_ok(person_by_name(w->ctx, w->site->db, name, &person, &err), &err);
	a->person = person;
	a->role = person->role;
	a->alive = true;
	a->owns_open = a->role == ROLE_ADMIN || strcmp(name, "paul") == 0;
	a->owns_hidden = a->owns_open || strcmp(name, "pia") == 0;
	a->sees_hidden = a->owns_hidden || strcmp(name, "ines") == 0;
	return a;
}

static struct actor *
add_session(struct world *w, const char *name, const char *what)
{
	struct actor *a = add_actor(w, name, what);

	open_session(w, a, a->person);
	return a;
}

static void
add_token(struct world *w, const char *name, const char *scope, enum app bound, const char *bundle_id)
{
	struct actor *a = add_actor(w, name, "");
	struct person *opened;
	struct err err;
	char *text;

	snprintf(a->what, sizeof a->what, "%s's %s token%s%s", name, scope, bundle_id ? " for " : "", bundle_id ? bundle_id : "");
	assert_ok(token_new(w->ctx, w->site->db, "test", a->person, &(struct token_wish){ a->what, scope, bundle_id }, &text, &err), &err);
	assert_ok(token_open(w->ctx, w->site->db, text, &opened, &err), &err);
	a->person = opened;
	a->scope = scope;
	a->bound = bound;
	a->credential = text;
}

static void
add_actors(struct world *w)
{
	static const char *const scopes[] = { "read", "upload", "devices", "admin" };
	static const struct { enum app app; const char *bundle_id; } bounds[] = {
		{ NO_APP, NULL }, { THE_HIDDEN, HIDDEN }, { THE_OPEN, OPEN }, { (enum app)3, "com.example.other" },
	};
	struct actor *dead;

	add_actor(w, NULL, "a stranger")->name = "";
	add_session(w, "ines", "a member whom hidden is for");
	add_session(w, "olga", "a member whom it is not for");
	add_session(w, "paul", "a publisher of every app");
	add_session(w, "pia", "a publisher of hidden alone");
	add_session(w, "pete", "a publisher of another app alone");
	add_session(w, "anna", "an admin");
	dead = add_session(w, "dora", "a disabled admin");
	dead->alive = false;
	run(w, "UPDATE person SET disabled = TRUE WHERE name = 'dora'");
	dead = add_session(w, "anna", "an admin's session that is too old");
	dead->alive = false;
	run(w, "UPDATE session SET created = 1, seen = 1 WHERE created = (SELECT max(created) FROM session)"
	       " AND person_id = (SELECT id FROM person WHERE name = 'anna')");
	/* the one before it was younger by nothing: open it anew */
	for (size_t i = 0; i < w->actors_n; i++)
		if (w->actors[i].alive && !strcmp(w->actors[i].name, "anna"))
			open_session(w, &w->actors[i], w->actors[i].person);
	for (size_t s = 0; s < 4; s++) {
		for (size_t b = 0; b < 4; b++)
			add_token(w, "anna", scopes[s], bounds[b].app, bounds[b].bundle_id);
	}
	add_token(w, "pia", "read", NO_APP, NULL);
	add_token(w, "pia", "upload", NO_APP, NULL);
	add_token(w, "pia", "upload", THE_HIDDEN, HIDDEN);
	add_token(w, "olga", "read", NO_APP, NULL);
	add_token(w, "pete", "upload", NO_APP, NULL);
	/* a token that outlived its owner's role */
	add_token(w, "rolf", "admin", NO_APP, NULL);
	run(w, "UPDATE person SET role = 'member' WHERE name = 'rolf'");
	dead = &w->actors[w->actors_n - 1];
	dead->role = ROLE_MEMBER;
	dead->owns_open = dead->owns_hidden = dead->sees_hidden = false;
	dead = &w->actors[w->actors_n++];
	*dead = (struct actor){ .what = "a token that was never given", .name = "", .scope = "admin",
				.credential = "pom_aaaaaaaaaaaaaaaaaaaaaaaaaaa" };
}

static const char *new_thing(struct world *w, enum made kind);

static struct world *
world(TALLOC_CTX *ctx)
{
	struct world *w = mem_new(ctx, struct world);
	const char *dir = test_dir(ctx), *file = mem_printf(ctx, "%s/pomona.conf", dir);
	const char *names[] = { "ines", "olga", "dora", "rolf", "pia", "pete", "victim" };
	const enum role roles[] = { ROLE_MEMBER, ROLE_MEMBER, ROLE_ADMIN, ROLE_ADMIN, ROLE_PUBLISHER, ROLE_PUBLISHER, ROLE_MEMBER };
	struct grant_terms terms = { GRANT_CI, 3600, 3600, 100000 };
	FILE *out = fopen(file, "we");
	struct person *person_;
	json_t *qa = json_pack("{s:s}", "group", "qa");
	struct conf *conf;
	struct err err = { 0 };
	char *id;

	w->ctx = ctx;
	assert_non_null(out);
	fprintf(out, "server {\n\tbase_url = \"http://apps.example.com\"\n\tlisten = \"127.0.0.1:0\"\n\tplain = true\n"
		"\tdata = \"%s\"\n}\nlog {\n\tlevel = \"error\"\n}\nmetrics {\n\ttoken = \"unused in this test\"\n}\n", dir);
	fclose(out);
	assert_ok(conf_read(ctx, file, &conf, &err), &err);
	assert_ok(site_open(ctx, dir, conf, &w->site, &err), &err);
	w->house = (struct house){ .dir = dir, .db = w->site->db, .blobs = w->site->blobs };
	w->house.paul = person(ctx, &w->house, "paul", ROLE_PUBLISHER);
	w->house.anna = person(ctx, &w->house, "anna", ROLE_ADMIN);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		person_ = person(ctx, &w->house, names[i], roles[i]);
		w->victim = person_->id;
	}
	run(w, "INSERT INTO people_group (id, name, folded, source, created) VALUES ('qa', 'qa', 'qa', 'local', 0)");
	run(w, "INSERT INTO group_person (group_id, person_id) SELECT 'qa', id FROM person WHERE name = 'ines'");
	run(w, "UPDATE person SET all_apps = FALSE WHERE name IN ('pia', 'pete')");
	run(w, "INSERT INTO publisher_app (person_id, bundle_id) SELECT id, '" HIDDEN "' FROM person WHERE name = 'pia'");
	run(w, "INSERT INTO publisher_app (person_id, bundle_id) SELECT id, 'com.example.other' FROM person WHERE name = 'pete'");
	w->build[THE_OPEN] = published(ctx, &w->house, (struct sent){ .bundle_id = OPEN, .name = "Plain" });
	w->build[THE_HIDDEN] = published(ctx, &w->house, (struct sent){ .bundle_id = HIDDEN, .name = HIDDEN_NAME,
						     .channel = HIDDEN_CHANNEL, .version = "7.7.7" });
	assert_ok(channel_set_audience(w->site->db, w->house.anna, HIDDEN, HIDDEN_CHANNEL, qa, &err), &err);
	assert_ok(channel_set_audience(w->site->db, w->house.anna, OPEN, HIDDEN_PART, qa, &err), &err);
	published(ctx, &w->house, (struct sent){ .bundle_id = OPEN, .name = "Plain", .channel = HIDDEN_PART,
						 .version = HIDDEN_VERSION });
	assert_ok(build_promote(w->site->db, w->house.anna, w->build[THE_OPEN], HIDDEN_PART, false, &err), &err);
	for (enum app app = THE_HIDDEN; app <= THE_OPEN; app++) {
		struct item_fields f = { .kind = "web", .name = app == THE_OPEN ? "Wiki" : HIDDEN_NAME " Wiki",
					 .url = "https://wiki.example.com/", .audience = app == THE_OPEN ? NULL : qa };
		char icon[BLOB_NAME_SIZE];

		assert_ok(blob_put(w->site->blobs, (struct bytes){ "png", 3 }, icon, &err), &err);
		f.icon = icon;
		assert_ok(item_add(ctx, w->site->db, w->house.anna, &f, &id, &err), &err);
		w->item[app] = id;
	}
	json_decref(qa);
	assert_ok(grant_new(ctx, w->site->db, &terms, w->build[THE_HIDDEN], w->house.paul->id, &id, &err), &err);
	w->grant_token = id;
	w->contact = new_thing(w, TESTER);
	add_actors(w);
	assert_ok(site_start(w->site, &err), &err);
	snprintf(w->base, sizeof w->base, "http://127.0.0.1:%d", server_port(w->site->server));
	w->curl = curl_easy_init();
	curl_easy_setopt(w->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(w->curl, CURLOPT_WRITEDATA, &w->got);
	curl_easy_setopt(w->curl, CURLOPT_HEADERFUNCTION, take);
	curl_easy_setopt(w->curl, CURLOPT_HEADERDATA, &w->head);
	curl_easy_setopt(w->curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(w->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(w->curl, CURLOPT_TIMEOUT, 60L);	/* a hang is an answer that is wrong */
	buf_init(&w->got, ctx, 16u << 20);
	buf_init(&w->head, ctx, 1u << 20);
	return w;
}

static void
world_end(struct world *w)
{
	curl_easy_cleanup(w->curl);
	site_stop(w->site);
}

/* ---- things for ids to name ---- */

static const char *
new_grant(struct world *w, enum app app)
{
	struct grant_terms terms = { GRANT_CI, 3600, 3600, 1 };
	struct err err;
	json_t *list;
	const char *id;
	char *token;

	assert_ok(grant_new(w->ctx, w->site->db, &terms, w->build[app], w->house.paul->id, &token, &err), &err);
	assert_ok(grant_list(w->site->db, w->build[app], &list, &err), &err);
	id = mem_text(w->ctx, json_string_value(json_object_get(json_array_get(list, 0), "id")));
	json_decref(list);
	return id;
}

static const char *
new_link(struct world *w, enum app app)
{
	struct link_terms terms = { .build_id = w->build[app], .expires = clock_now() + 3600, .installs_max = 1 };
	struct err err;
	char *id, *token;

	assert_ok(link_new(w->ctx, w->site->db, &w->site->link_key, w->house.anna, &terms, &id, &token, &err), &err);
	return id;
}

static const char *
new_device(struct world *w, enum app app)
{
	const char *id = secret_id(w->ctx);
	struct err err;

	assert_ok(db_run(w->site->db, &err, "INSERT INTO tester_device (id, udid, product, version, name, created, changed)"
			 " VALUES ($1, $1, 'iPhone15,4', '22B83', 'x', 0, 0)", db_text(id)), &err);
	assert_ok(db_run(w->site->db, &err, "INSERT INTO device_app (device_id, app_id, pin, sign_in, since, state, created,"
			 " changed) SELECT $1, app_id, FALSE, FALSE, 0, 'waiting', 0, 0 FROM build WHERE id = $2", db_text(id),
			 db_text(w->build[app])), &err);
	return id;
}

/* whose NULL: of somebody without an account, by a link. */
static const char *
new_install(struct world *w, const char *whose, enum app app, const char *link)
{
	const char *id = secret_id(w->ctx);
	struct err err;

	assert_ok(db_run(w->site->db, &err, "INSERT INTO install (id, build_id, person_id, link_id, created, changed)"
			 " VALUES ($1, $2, $3, $4, $5, $5)", db_text(id), db_text(w->build[app]), db_text(whose), db_text(link),
			 db_now()), &err);
	return id;
}

static const char *
new_message(struct world *w)
{
	const char *id = secret_id(w->ctx);
	struct err err;

	assert_ok(db_run(w->site->db, &err, "INSERT INTO message (id, kind, recipient, body, state, asked, created, changed)"
			 " VALUES ($1, 'mail', 'zoe@example.com', $2, 'failed', $3, $3, $3)", db_text(id), db_text("{}"), db_now()), &err);
	return id;
}

/* With an install that has begun in this browser, and a device that was registered by it; or a revoked one. */
static const char *
new_link_token(struct world *w, bool revoked)
{
	struct link_terms terms = { .build_id = w->build[THE_OPEN], .contact_id = w->contact, .expires = clock_now() + 3600,
				    .installs_max = 1 };
	char hash[SECRET_HASH_SIZE], *id, *token;
	struct err err;

	assert_ok(link_new(w->ctx, w->site->db, &w->site->link_key, w->house.anna, &terms, &id, &token, &err), &err);
	w->install = new_install(w, NULL, THE_OPEN, id);
	if (revoked) {
		assert_ok(db_run(w->site->db, &err, "UPDATE link SET revoked = TRUE WHERE id = $1", db_text(id)), &err);
		return token;
	}
	run(w, "DELETE FROM registration_challenge");
	assert_ok(db_run(w->site->db, &err, "INSERT INTO registration_challenge (hash, link_id, device_id, view, expires, created)"
			 " VALUES ($1, $1, $2, $3, $4, $4)", db_text(id), db_text(new_device(w, THE_OPEN)),
			 db_text(secret_hash(VIEW, hash)), db_now()), &err);
	return token;
}

static const char *
new_token(struct world *w, const struct person *person)
{
	struct err err;
	json_t *list;
	const char *id;
	char *text;

	assert_ok(token_new(w->ctx, w->site->db, "test", person, &(struct token_wish){ "x", "read", person->bundle_id }, &text, &err), &err);
	assert_ok(token_list(w->site->db, person, &list, &err), &err);
	id = mem_text(w->ctx, json_string_value(json_object_get(json_array_get(list, 0), "id")));
	json_decref(list);
	return id;
}

static const char *
new_upload(struct world *w, const struct person *person)
{
	json_t *fields = json_object();
	struct upload *upload;
	struct err err;
	FILE *file;

	assert_ok(upload_new(w->ctx, w->site->db, person, 10, fields, 3600, 100000, &upload, &err), &err);
	json_decref(fields);
	file = fopen(mem_printf(w->ctx, "%s/%s", upload_dir(w->ctx, w->site), upload->id), "we");
	assert_non_null(file);
	fclose(file);
	return upload->id;
}

/* For somebody new: nobody has two that stand. */
static const char *
new_invitation(struct world *w, const char *name)
{
	struct invitation_order order = { .actor = "test", .persons = &name, .persons_n = 1, .way = "link" };
	struct person *person;
	const char *id;
	struct err err;
	json_t *made;

	assert_ok(people_from_proxy(w->ctx, w->site->db, name, true, &person, &err), &err);
	assert_ok(invitation_make(w->ctx, w->site, &order, &made, &err), &err);
	id = mem_text(w->ctx, json_string_value(json_object_get(json_array_get(json_object_get(made, "items"), 0), "id")));
	json_decref(made);
	assert_non_null(id);
	return id;
}

static const char *
new_thing(struct world *w, enum made kind)
{
	static int n;
	struct item_fields f = { .kind = "web", .name = "Thing", .url = "https://a.example/" };
	char icon[BLOB_NAME_SIZE], *id = NULL;
	const char *name = mem_printf(w->ctx, "thing %d", ++n);
	struct contact contact;
	struct err err;

	switch (kind) {
	case GROUP:
		assert_ok(group_add(w->site->db, "test", name, &id, w->ctx, &err), &err);
		break;
	case CATEGORY:
		assert_ok(category_add(w->ctx, w->site->db, w->house.anna, name, &id, &err), &err);
		break;
	case AN_ITEM:
		assert_ok(blob_put(w->site->blobs, (struct bytes){ "png", 3 }, icon, &err), &err);
		f.icon = icon;
		assert_ok(item_add(w->ctx, w->site->db, w->house.anna, &f, &id, &err), &err);
		break;
	case TESTER:
		contact = (struct contact){ .name = name, .email = mem_printf(w->ctx, "t%d@example.com", n), .phone = "",
					    .language = "" };
		assert_ok(contact_add(w->ctx, w->site->db, "test", &contact, &id, &err), &err);
		break;
	case TESTERS:
		assert_ok(contact_group_add(w->ctx, w->site->db, "test", name, &id, &err), &err);
		break;
	case INVITATION:
		return new_invitation(w, name);
	default:
		return w->victim;
	}
	return id;
}

/* A build that will be deleted: in the app's own channel, so that nothing else changes. */
static const char *
new_build(struct world *w, enum app app)
{
	static int n;
	bool hidden = app == THE_HIDDEN;
	const char *id = published(w->ctx, &w->house, (struct sent){ .bundle_id = hidden ? HIDDEN : OPEN,
		.name = hidden ? HIDDEN_NAME : "Plain", .channel = hidden ? HIDDEN_CHANNEL : "main",
		.version = "1.0", .build = mem_printf(w->ctx, "%d", 100 + ++n) });
	struct err err;

	assert_ok(build_promote(w->site->db, w->house.anna, w->build[app], hidden ? HIDDEN_CHANNEL : "main", false, &err), &err);
	return id;
}

/* The id that a row is about; `fresh`: what is allowed to be used up. */
static const char *
id_of(struct world *w, const struct row *row, const struct actor *a, enum which which, bool fresh)
{
	enum app app = which == WHICH_HIDDEN || which == WHICH_MIXED ? THE_HIDDEN : THE_OPEN;
	if (which == WHICH_UNKNOWN)
		return UNKNOWN;
	if (which == WHICH_MALFORMED)
		return "x%27y%22%3C%E2%80%AE";
	switch (row->id) {
	case BUILD:	return fresh ? new_build(w, app) : w->build[app];
	case GRANT:	return new_grant(w, app);
	case LINK:	return new_link(w, app);
	case UPLOAD:	return new_upload(w, which == WHICH_FOREIGN || !a->alive ? w->house.paul : a->person);
	case TOKEN:	return new_token(w, which == WHICH_FOREIGN || !a->alive ? w->house.paul : a->person);
	case TEST_DEVICE: return new_device(w, app);
	case INSTALL:	return new_install(w, which == WHICH_KNOWN && a->alive ? a->person->id : which == WHICH_FOREIGN
					   ? w->house.paul->id : w->victim, app, NULL);
	case MESSAGE:	return new_message(w);
	case LINK_TOKEN: return new_link_token(w, which == WHICH_FOREIGN);
	case AN_ITEM:
		if (row->right == ITEM)
			return w->item[app];
		break;
	default:
		break;
	}
	if (fresh)
		return new_thing(w, row->id);
	if (!w->things[row->id])
		w->things[row->id] = mem_text(w, new_thing(w, row->id));
	return w->things[row->id];
}

/* The path of a row: its :names replaced. */
static const char *
path_of(struct world *w, const struct row *row, enum which which, const char *id)
{
	const char *bundle = which == WHICH_HIDDEN ? HIDDEN : which == WHICH_UNKNOWN ? "com.example.nowhere"
			     : which == WHICH_MALFORMED ? "x%27y%22" : OPEN;
	const struct { const char *name, *value; } values[] = {
		{ ":bundle", bundle }, { ":channel", which == WHICH_HIDDEN ? HIDDEN_CHANNEL : "main" }, { ":id", id },
		{ ":size", "120.png" }, { ":colour", "0a58ca" }, { ":name", "olga" }, { ":person", w->victim },
		{ ":grant", which == WHICH_KNOWN ? w->grant_token : id }, 
		{ ":token", which == WHICH_KNOWN && row->id != LINK_TOKEN ? w->grant_token : id },
		{ ":contact", w->contact }, { ":hash", "0" }, { ":file", "none" }, { ":icon", "57.png" }, { ":view", VIEW },
		{ ":table", "apps.csv" }, { ":uuid", UNKNOWN }, { ":type", "SecurityInfo" },
		{ ":key", "00" }, { ":sha256", UNKNOWN }, { ":request*", "MA%3D%3D" }, { ":version", "1" },
	};
	const char *text = strchr(row->route, ' ') + 1, *path = "";

	while (*text) {
		size_t i = 0, plain = strcspn(text, ":");

		path = mem_printf(w->ctx, "%s%.*s", path, (int)plain, text);
		text += plain;
		if (!*text)
			break;
		while (i < sizeof values / sizeof *values &&
		       (strncmp(text, values[i].name, strlen(values[i].name)) != 0 ||
			strchr("/.", text[strlen(values[i].name)]) == NULL))
			i++;
		if (i == sizeof values / sizeof *values)
			fail_msg("%s: what is %s?", row->route, text);
		path = mem_printf(w->ctx, "%s%s", path, values[i].value ? values[i].value : UNKNOWN);
		text += strlen(values[i].name);
	}
	return path;
}

static const char *
method_of(TALLOC_CTX *ctx, const struct row *row)
{
	return mem_textn(ctx, row->route, strcspn(row->route, " "));
}

static const char *
body_of(struct world *w, const struct row *row, const char *id)
{
	const char *at = row->body ? strstr(row->body, "%s") : NULL;

	return at ? mem_printf(w->ctx, "%.*s%s%s", (int)(at - row->body), row->body, id, at + 2) : row->body;
}

/* ---- the matrix ---- */

static void
judge(struct world *w, const struct row *row, const struct actor *a, enum which which, int status, enum outcome want)
{
	static const char *const outcomes[] = { "allowed", "401", "403", "404", "400, 404 or 422" };
	bool ok = fits(row, want, status);

	w->cases++;
	if (ok)
		return;
	w->wrong++;
	print_message("%s  %s  %s: %d, not %s  %.150s\n", row->route, which_names[which], a->what, status, outcomes[want],
		      buf_str(&w->got));
}

static void
ask_case(struct world *w, const struct row *row, struct actor *a, enum which which)
{
	enum outcome want = expected(row, a, which);
	TALLOC_CTX *outer = w->ctx;
	const char *id;
	int status;

	w->ctx = talloc_new(outer);
	id = row->id || which != WHICH_NONE ? id_of(w, row, a, which, want == YES && (row->flags & EATS)) : NULL;
	status = ask(w, a, method_of(w->ctx, row), path_of(w, row, which, id), body_of(w, row, id), row->flags & FORM, OUR_PAGE);
	judge(w, row, a, which, status, want);
	talloc_free(w->ctx);
	w->ctx = outer;
	w->install = NULL;
	if ((row->flags & ENDS) && a->alive && !a->scope)
		open_session(w, a, a->person);
}

static void
ask_row(struct world *w, const struct row *row)
{
	static const enum which of_app[] = { WHICH_HIDDEN, WHICH_OPEN, WHICH_UNKNOWN, WHICH_MALFORMED, WHICH_NONE };
	static const enum which of_self[] = { WHICH_KNOWN, WHICH_FOREIGN, WHICH_UNKNOWN, WHICH_MALFORMED, WHICH_NONE };
	static const enum which of_thing[] = { WHICH_KNOWN, WHICH_UNKNOWN, WHICH_MALFORMED, WHICH_NONE };
	static const enum which of_path[] = { WHICH_KNOWN, WHICH_FOREIGN, WHICH_UNKNOWN, WHICH_MALFORMED, WHICH_NONE };
	static const enum which of_watch[] = { WHICH_KNOWN, WHICH_HIDDEN, WHICH_OPEN, WHICH_UNKNOWN, WHICH_MALFORMED, WHICH_NONE };
	static const enum which of_none[] = { WHICH_NONE }, of_never[] = { WHICH_UNKNOWN, WHICH_NONE };
	const enum which *list = row->right == NONE ? of_none : row->right == NEVER ? of_never : row->right == SELF ? of_self
				 : row->right == LINK_PATH ? of_path : row->right == WATCH ? of_watch : row->right == THING || row->right == GRANT_PATH ? of_thing : of_app;
	bool mixed = row->id == BUILD && strstr(row->route, ":bundle");

	for (size_t i = 0; i < w->actors_n; i++) {
		for (const enum which *which = list; *which || which == list; which++) {
			/* nobody's own: what a stranger has is nothing */
			if (row->right == SELF && *which == WHICH_KNOWN && !w->actors[i].alive)
				continue;
			if (row->right == SELF && *which == WHICH_FOREIGN && w->actors[i].person &&
			    strcmp(w->actors[i].name, "paul") == 0)
				continue;
			ask_case(w, row, &w->actors[i], *which);
			if (!*which)
				break;
		}
		if (mixed)
			ask_case(w, row, &w->actors[i], WHICH_MIXED);
	}
}

static void
every_route_asked_by_everybody_about_anything_answers_as_the_table_says(void **state)
{
	struct world *w = world(*state);

	for (size_t i = 0; i < ROWS; i++)
		ask_row(w, &rows[i]);
	print_message("  %d cases of %zu rows and %zu who ask, %d wrong\n", w->cases, ROWS, w->actors_n, w->wrong);
	assert_int_equal(w->wrong, 0);
	assert_true(w->cases >= 2000);
	world_end(w);
}

static void
every_route_is_in_the_table_and_the_table_holds_no_other(void **state)
{
	static const char *const methods[] = { "", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
	bool used[ROWS] = { false };
	int missing = 0;

	for (const struct route *const *table = site_routes; *table; table++)
		for (const struct route *r = *table; r->method; r++) {
			const char *name = mem_printf(*state, "%s %s", methods[r->method], r->path);
			bool found = false;

			for (size_t i = 0; i < ROWS; i++)
				if (strlen(name) == strcspn(rows[i].route, "?") && strncmp(rows[i].route, name, strlen(name)) == 0)
					used[i] = found = true;
			if (!found) {
				print_message("%s has no row in tests/test_matrix.c: who may, and what is it about?\n", name);
				missing++;
			}
		}
	for (size_t i = 0; i < ROWS; i++)
		if (!used[i])
			fail_msg("%s is no route", rows[i].route);
	assert_int_equal(missing, 0);
}

/* A page of somebody else's makes a browser send its cookie: nothing changes for it. */
static void
nothing_is_changed_by_a_page_that_is_not_ours(void **state)
{
	struct world *w = world(*state);
	struct actor *anna = NULL;

	for (size_t i = 0; i < w->actors_n; i++)
		if (w->actors[i].alive && !w->actors[i].scope && strcmp(w->actors[i].name, "anna") == 0)
			anna = &w->actors[i];
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		enum which which = row->right == NONE ? WHICH_NONE : row->right == NEVER ? WHICH_UNKNOWN
				   : row->right == SELF || row->right == THING ? WHICH_KNOWN : WHICH_OPEN;
		const char *id, *method = method_of(w->ctx, row);

		if (strcmp(method, "GET") == 0 || strcmp(method, "OPTIONS") == 0 || row->need == BY_PATH)
			continue;
		id = row->id || which ? id_of(w, row, anna, which, false) : NULL;
		for (enum proof proof = NO_CSRF; proof <= NO_ORIGIN; proof++)
			judge(w, row, anna, which, ask(w, anna, method, path_of(w, row, which, id), body_of(w, row, id),
						       row->flags & FORM, proof), DENIED);
	}
	print_message("  %d cases, %d wrong\n", w->cases, w->wrong);
	assert_int_equal(w->wrong, 0);
	assert_true(w->cases > 200);
	world_end(w);
}

/* ---- what does not exist ---- */

static bool
tells(struct world *w, const char *marker, const char *path)
{
	if (strstr(path, marker))	/* what was asked may be said again */
		return false;
	return strstr(buf_str(&w->got), marker) || strstr(buf_str(&w->head), marker);
}

/* How often the answer tells of `hidden` to somebody who does not see it; *seen: to others. */
static int
look_through(struct world *w, const struct row *row, const struct actor *a, enum which which, const char *query, int *seen)
{
	const char *markers[] = { HIDDEN_PART, HIDDEN_VERSION, HIDDEN_NAME, "zephyr", HIDDEN, HIDDEN_CHANNEL, "7.7.7",
				  w->build[THE_HIDDEN], w->item[THE_HIDDEN] };
	TALLOC_CTX *outer = w->ctx;
	const char *id, *path;
	int told = 0;

	w->ctx = talloc_new(outer);
	id = row->id == BUILD || row->right == ITEM ? id_of(w, row, a, which, false) : UNKNOWN;
	path = mem_printf(w->ctx, "%s%s", path_of(w, row, which, id), strchr(row->route, '?') ? "" : query);
	ask(w, a, "GET", path, NULL, false, OUR_PAGE);
	for (size_t m = 0; m < sizeof markers / sizeof *markers; m++) {
		if (!tells(w, markers[m], path))
			continue;
		if (m < 2 ? actor_sees_part(a) : actor_sees(a, THE_HIDDEN)) {
			++*seen;
			continue;
		}
		told++;
		print_message("%s tells %s of \"%s\"\n", path, a->what, markers[m]);
	}
	w->cases++;
	talloc_free(w->ctx);
	w->ctx = outer;
	return told;
}

static void
no_byte_of_any_answer_tells_of_what_somebody_does_not_see(void **state)
{
	static const enum which about[] = { WHICH_HIDDEN, WHICH_OPEN, WHICH_UNKNOWN, WHICH_MIXED };
	struct world *w = world(*state);
	static const char *const queries[] = { "", "?q=zephyr", "?q=hidden", "?category=x", "?limit=1", "?after=" };
	int told = 0, seen = 0;

	for (size_t a = 0; a < w->actors_n; a++) {
		struct actor *actor = &w->actors[a];
		if (actor->alive && !actor_sees(actor, THE_HIDDEN) && actor->scope && actor->role == ROLE_ADMIN && strcmp(actor->scope, "admin") != 0)
			continue;	/* their other scopes say no more */
		for (size_t i = 0; i < ROWS; i++) {
			const struct row *row = &rows[i];

			if (strncmp(row->route, "GET ", 4) != 0 || row->need == BY_PATH || row->need == LOCAL)
				continue;
			for (size_t k = 0; k < sizeof about / sizeof *about; k++)
				for (size_t q = 0; q < (row->right == NONE ? sizeof queries / sizeof *queries : 1); q++)
					for (w->browser = false; ; w->browser = true) {
						told += look_through(w, row, actor, about[k], queries[q], &seen);
						if (w->browser || k || q)
							break;
					}
		}
	}
	print_message("  %d answers looked through; those inside were told %d times\n", w->cases, seen);
	assert_int_equal(told, 0);
	assert_true(seen > 100);
	world_end(w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_1(every_route_is_in_the_table_and_the_table_holds_no_other)
		TEST_1(every_route_asked_by_everybody_about_anything_answers_as_the_table_says)
		TEST_1(nothing_is_changed_by_a_page_that_is_not_ours)
		TEST_1(no_byte_of_any_answer_tells_of_what_somebody_does_not_see)
	};

	/* An upload is read by a child of this same program. */
	if (argc > 2 && strcmp(argv[1], "inspect") == 0 && strcmp(argv[2], "--child") == 0)
		inspect_child_main(argc - 1, argv + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
