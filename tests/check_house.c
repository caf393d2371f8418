#include "tests/check_house.h"
#include <stdio.h>
#include "core/clock.h"
#include "core/json.h"

void
set_now(const struct house *h, const char *iso)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof path, "%s/clock", h->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(iso, file);
	fclose(file);
	clock_follow(path);
}

void
sql(const struct house *h, const char *text)
{
	struct err err;

	assert_ok(db_run(h->db, &err, text), &err);
}

char *
sql_text(TALLOC_CTX *ctx, const struct house *h, const char *text)
{
	struct rows *rows = db_query(ctx, h->db, text);
	struct err err;
	char *ret;

	assert_ok(rows_one(rows, &err, "no row"), &err);
	ret = rows_text(ctx, rows, 0);
	rows_done(rows);
	return ret;
}

int64_t
sql_int(const struct house *h, const char *text)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, h->db, text);
	struct err err;

	assert_ok(rows_one(rows, &err, "no row"), &err);
	return rows_int(rows, 0);
}

struct person *
person(TALLOC_CTX *ctx, struct house *h, const char *name, enum role role)
{
	struct person *ret;
	struct err err;

	assert_ok(person_add(h->db, "test", name, role, PASSWORD, &err), &err);
	assert_ok(person_by_name(ctx, h->db, name, &ret, &err), &err);
	return ret;
}

struct person *
publisher_of(TALLOC_CTX *ctx, struct house *h, const char *name, const char *bundle_id)
{
	struct person *ret = person(ctx, h, name, ROLE_PUBLISHER);
	struct err err;

	assert_ok(db_run(h->db, &err, "UPDATE person SET all_apps = FALSE WHERE id = $1", db_text(ret->id)), &err);
	assert_ok(db_run(h->db, &err, "INSERT INTO publisher_app (person_id, bundle_id) VALUES ($1, $2)", db_text(ret->id),
			 db_text(bundle_id)), &err);
	return ret;
}

struct house
house(TALLOC_CTX *ctx)
{
	struct house h = { .dir = test_dir(ctx) };
	struct err err;

	set_now(&h, "2026-11-22T12:00:00Z");
	assert_ok(db_open(ctx, h.dir, &h.db, &err), &err);
	assert_ok(blobs_open(ctx, mem_printf(ctx, "%s/blobs", h.dir), 0, &h.blobs, &err), &err);
	link_key_from((struct bytes){ "a master key", 12 }, &h.key);
	h.paul = person(ctx, &h, "paul", ROLE_PUBLISHER);
	h.anna = person(ctx, &h, "anna", ROLE_ADMIN);
	h.mia = person(ctx, &h, "mia", ROLE_MEMBER);
	return h;
}

bool
publish_facts(TALLOC_CTX *ctx, struct house *h, json_t *facts, const char *channel, const struct person *by, char **id,
	      bool *fresh, struct err *err)
{
	struct inspect *inspect = mem_new(ctx, struct inspect);
	struct build_fields fields = { .channel = channel };
	const char *bytes = mem_printf(ctx, "%s %s %s%s", text_of(facts, "bundle_id"), text_of(facts, "version"), text_of(facts, "build"),
				       text_of(json_object_get(facts, "provision"), "uuid"));
	struct blob_draft *draft;
	bool ok;

	assert_non_null(facts);
	inspect->facts = facts;
	assert_ok(blob_draft_new(ctx, h->blobs, 0, &draft, err), err);
	assert_ok(blob_draft_write(draft, (struct bytes){ bytes, strlen(bytes) }, NULL, err), err);
	assert_ok(blob_draft_done(draft, err), err);
	ok = build_publish(ctx, h->db, h->blobs, draft, inspect, &fields, by, id, fresh, err);
	json_decref(facts);
	return ok;
}

bool
publish(TALLOC_CTX *ctx, struct house *h, struct sent s, char **id, bool *fresh, struct err *err)
{
	json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:b}, s:{s:s, s:s, s:s, s:s, s:[]}, s:{s:b, s:[]}}",
		"bundle_id", s.bundle_id ? s.bundle_id : "com.example.app", "name", s.name ? s.name : "Demo",
		"version", s.version ? s.version : "1.0", "build", s.build ? s.build : "1",
		"minimum_os", "15.0", "platform", "iphoneos", "binary", "signed", 1,
		"provision", "kind", s.kind ? s.kind : "enterprise", "expires", s.expires ? s.expires : "2027-11-22T12:00:00Z",
		"app_id", "A1B2C3D4E5.*", "signature", "apple", "certificates",
		"verdict", "installable", !s.kind || strcmp(s.kind, "store") != 0, "reasons");

	if (s.provision)
		json_object_set_new(json_object_get(facts, "provision"), "uuid", json_string(s.provision));
	return publish_facts(ctx, h, facts, s.channel, s.by ? s.by : h->paul, id, fresh, err);
}

char *
published(TALLOC_CTX *ctx, struct house *h, struct sent s)
{
	struct err err;
	bool fresh;
	char *id;

	assert_ok(publish(ctx, h, s, &id, &fresh, &err), &err);
	return id;
}
