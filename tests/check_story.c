#include "tests/check_story.h"
#include "core/clock.h"
#include <stdio.h>

void
story_at(struct story *w, time_t now)
{
	char iso[CLOCK_ISO_SIZE];

	set_now(&w->house, clock_iso(now, iso));
}

void
story_day(struct story *w, int day)
{
	story_at(w, STORY_BEGIN + (time_t)day * DAY_S);
}

struct story
story_begin(TALLOC_CTX *ctx, const char *more)
{
	struct story w = { .ctx = ctx };
	struct conf *conf;
	struct err err = { 0 };
	FILE *out;

	w.house.dir = test_dir(ctx);
	w.file = mem_printf(ctx, "%s/pomona.conf", w.house.dir);
	out = fopen(w.file, "we");
	assert_non_null(out);
	fprintf(out, "server {\n\tbase_url = \"https://apps.example.com\"\n\tlisten = \"127.0.0.1:0\"\n\tplain = true\n\tdata = \"%s\"\n}\n"
		"log {\n\tlevel = \"error\"\n}\ncompany {\n\tname = \"Example Corp\"\n}\n%s", w.house.dir, more);
	fclose(out);
	story_day(&w, 0);
	assert_ok(conf_read(ctx, w.file, &conf, &err), &err);
	assert_ok(site_open(ctx, w.house.dir, conf, &w.site, &err), &err);
	w.db = w.house.db = w.site->db;
	story_day(&w, 0);	/* opening it has asked the settings for a clock */
	return w;
}

int64_t
story_number(struct story *w, const char *sql)
{
	struct rows *rows = db_query(w->ctx, w->db, sql);
	struct err err;
	int64_t n;

	assert_ok(rows_one(rows, &err, "no row"), &err);
	n = rows_int(rows, 0);
	rows_done(rows);
	return n;
}

const char *
story_text(struct story *w, const char *sql)
{
	struct rows *rows = db_query(w->ctx, w->db, sql);
	struct err err;
	const char *ret;

	assert_ok(rows_one(rows, &err, "no row"), &err);
	ret = rows_text(w->ctx, rows, 0);
	rows_done(rows);
	return ret;
}

struct person *
story_human(struct story *w, const char *name, enum role role, const char *email)
{
	struct person *ret = person(w->ctx, &w->house, name, role);

	story_run(w, "UPDATE person SET email = $1 WHERE id = $2", db_text(email), db_text(ret->id));
	return ret;
}

void
story_device(struct story *w, const char *id, const char *identity, time_t ends, time_t seen)
{
	story_run(w, "INSERT INTO authority (id, role, key_id, certificate, sha256, not_after, made, retired) VALUES ('ca', 'ca', 'k', $1,"
	    " 'ca', 9999999999, 1, 1) ON CONFLICT (id) DO NOTHING", db_bytes((struct bytes){ "x", 1 }));
	story_run(w, "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256, der, not_before, not_after, issued)"
	    " VALUES ($1, $1, 'ca', 'mdm', $1, $1, $2, 1, $3, 1)", db_text(identity), db_bytes((struct bytes){ "x", 1 }), db_int(ends));
	story_run(w, "INSERT INTO device (id, udid, name, enrollment_id, seen, created, changed) VALUES ($1, $1, $1, $1, $2, 1, 1)"
	    " ON CONFLICT (id) DO NOTHING", db_text(id), db_int(seen));
	story_run(w, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created)"
	    " VALUES ($1, $1, 's', 'enrolled', $2, 8191, 1) ON CONFLICT (id) DO UPDATE SET identity = excluded.identity", db_text(id),
	    db_text(identity));
}
