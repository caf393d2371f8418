#include "tests/check_asker.h"
#include <stdio.h>
#include <stdlib.h>
#include "catalog/category.h"
#include "catalog/group.h"
#include "catalog/session.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "mdm/scep_request.h"

#define SHARE		10	/* one of so many, unless all */
#define SHOWN		200	/* of what is wrong, in full */
#define MASTER		"a master key for tests alone"
#define URL		"http://apps.example.com"

/* ---- the database, as it was ---- */

/* What changes by itself, or by being asked. */
static bool
is_restless(const char *table)
{
	static const char *const restless[] = { "job", "session", "seen", "device_seen", "token", "sqlite_stat1", "sqlite_sequence" };

	for (size_t i = 0; i < sizeof restless / sizeof *restless; i++)
		if (strcmp(restless[i], table) == 0)
			return true;
	return false;
}

static void
copy(sqlite3 *to, sqlite3 *from)
{
	sqlite3_backup *backup;
	int rc;

	for (int tries = 0; ; tries++) {
		backup = sqlite3_backup_init(to, "main", from, "main");
		assert_non_null(backup);
		rc = sqlite3_backup_step(backup, -1);
		sqlite3_backup_finish(backup);
		if (rc == SQLITE_DONE)
			return;
		if (tries == 1000)
			fail_msg("put the database back: %s", sqlite3_errstr(rc));
		sqlite3_sleep(5);
	}
}

static int64_t
version_of(struct asker *w)
{
	sqlite3_stmt *s;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(w->live, "PRAGMA data_version", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

static uint64_t
sum_of(sqlite3 *db, const char *table)
{
	char *sql = sqlite3_mprintf("SELECT * FROM %Q", table);
	uint64_t sum = 14695981039346656037u;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW)
		for (int c = 0; c < sqlite3_column_count(s); c++) {
			const unsigned char *p = sqlite3_column_blob(s, c);
			int len = sqlite3_column_bytes(s, c);

			for (int i = 0; i < len; i++)
				sum = (sum ^ p[i]) * 1099511628211u;
			sum = (sum ^ 0xff) * 1099511628211u;
		}
	sqlite3_finalize(s);
	sqlite3_free(sql);
	return sum;
}

/* Tables that are not as they were, in words; "": none. */
static const char *
changed_tables(struct asker *w, TALLOC_CTX *ctx)
{
	/* when a device was heard of, and who was refused, is written behind */
	static const char *const behind[] = { "device", "audit", "meta" };
	bool device = w->row->kind == AS_PLIST, later;
	const char *ret = "";
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_prepare_v2(w->kept, "SELECT name FROM sqlite_master WHERE type = 'table'", -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *table = (const char *)sqlite3_column_text(s, 0);

		later = false;
		for (size_t i = 0; device && i < sizeof behind / sizeof *behind; i++)
			later = later || strcmp(table, behind[i]) == 0;
		if (!is_restless(table) && !later && sum_of(w->live, table) != sum_of(w->kept, table))
			ret = mem_printf(ctx, "%s %s", ret, table);
	}
	sqlite3_finalize(s);
	return ret;
}

void
asker_put_back(struct asker *w)
{
	copy(w->live, w->kept);
	w->version = version_of(w);
}

/* ---- asking ---- */

static size_t
take(char *p, size_t size, size_t n, void *buf)
{
	buf_add(buf, p, size * n);
	return size * n;
}

static size_t
take_head(char *p, size_t size, size_t n, void *arg)
{
	struct asker *w = arg;

	if (size * n > 14 && strncasecmp(p, "Content-Type: ", 14) == 0)
		snprintf(w->type, sizeof w->type, "%.*s", (int)(size * n - 14), p + 14);
	return size * n;
}

static const char *
type_of_body(const char *path, enum body_kind kind)
{
	switch (kind) {
	case AS_JSON:	return "application/json";
	case AS_FORM:	return "application/x-www-form-urlencoded";
	case AS_PLIST:	return strstr(path, "/checkin") ? "application/x-apple-aspen-mdm-checkin" : "application/x-apple-aspen-mdm";
	case AS_FILE:	return "multipart/form-data; boundary=b";
	default:	return "application/octet-stream";
	}
}

static int
ask(struct asker *w, const char *method, const char *path, enum body_kind kind, struct bytes body)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct curl_slist *head = curl_slist_append(NULL, kind == AS_FORM || kind == AS_FILE ? "Accept: text/html" : "Accept: application/json");
	long status = 0;
	CURLcode rc;

	head = curl_slist_append(head, mem_printf(ctx, "Content-Type: %s", type_of_body(path, kind)));
	head = curl_slist_append(head, "Expect:");
	head = curl_slist_append(head, "Origin: " URL);
	if (kind == AS_PLIST) {
		head = curl_slist_append(head, mem_printf(ctx, "Mdm-Signature: %s", mdm_sign(&w->mdm, w->phone->cert, body, 0)));
	} else {
		head = curl_slist_append(head, mem_printf(ctx, "Cookie: pomona=%s", w->cookie));
		head = curl_slist_append(head, mem_printf(ctx, "X-CSRF-Token: %s", w->csrf));
	}
	buf_clear(&w->got);
	*w->type = '\0';
	curl_easy_setopt(w->curl, CURLOPT_URL, mem_printf(ctx, "%s%s", w->base, path));
	curl_easy_setopt(w->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(w->curl, CURLOPT_HTTPHEADER, head);
	if (strcmp(method, "GET") == 0) {
		curl_easy_setopt(w->curl, CURLOPT_HTTPGET, 1L);
	} else {
		curl_easy_setopt(w->curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
		curl_easy_setopt(w->curl, CURLOPT_POSTFIELDS, body.p ? body.p : "");
	}
	rc = curl_easy_perform(w->curl);
	/* The server may answer, and close, before it has all of a body that is too large. */
	curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(head);
	return rc == CURLE_OK || (status >= 400 && (rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR)) ? (int)status : 599;
}

int
asker_ask(struct asker *w, enum body_kind kind, struct bytes body)
{
	return ask(w, w->method, w->path, kind, body);
}

/* ---- $names ---- */

const char *
asker_expand(struct asker *w, TALLOC_CTX *ctx, const char *text)
{
	const char *ret = "";

	while (*text) {
		size_t plain = strcspn(text, "$"), len;
		const char *name;

		ret = mem_printf(ctx, "%s%.*s", ret, (int)plain, text);
		text += plain;
		if (!*text)
			break;
		len = strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_");
		name = mem_textn(ctx, text + 1, len);
		if (json_object_get(w->things, name))
			ret = mem_printf(ctx, "%s%s", ret, text_of(w->things, name));
		else
			ret = mem_printf(ctx, "%s$%s", ret, name);	/* "$data" is the body's own */
		text += len + 1;
	}
	return ret;
}

static void
know(struct asker *w, const char *name, const char *value)
{
	assert_non_null(value);
	json_object_set_new(w->things, name, json_string(value));
}

static void
run(struct asker *w, const char *sql, const char *a)
{
	struct err err;

	assert_ok(a ? db_run(w->site->db, &err, sql, db_text(a)) : db_runv(w->site->db, &err, sql, DB_VALS()), &err);
}

/* Something that is made by asking for it; its id, or what stands under `key`. */
static const char *
made(struct asker *w, const char *method, const char *path, const char *body, const char *key)
{
	int status = ask(w, method, path, AS_JSON, (struct bytes){ body, strlen(body) });
	const char *ret = "";
	json_t *json;

	if (status < 200 || status > 299)
		fail_msg("%s %s: %d %s", method, path, status, buf_str(&w->got));
	json = json_loads(buf_str(&w->got), 0, NULL);
	if (key)
		ret = mem_text(w->ctx, text_of(json_object_get(json, "items") ? json_array_get(json_object_get(json, "items"), 0) : json, key));
	json_decref(json);
	return ret;
}

/* ---- the house ---- */

static void
write_text(const char *path, const char *text)
{
	struct err err;

	assert_ok(file_write(path, 0600, (struct bytes){ text, strlen(text) }, &err), &err);
}

static void
open_site(struct asker *w)
{
	const char *dir = test_dir(w->ctx), *file = mem_printf(w->ctx, "%s/pomona.conf", dir), *clock = mem_printf(w->ctx, "%s/clock", dir);
	struct conf *conf;
	struct err err = { 0 };

	write_text(clock, NOON);
	write_text(mem_printf(w->ctx, "%s.master", dir), MASTER);
	write_text(file, mem_printf(w->ctx, "server {\n\tbase_url = \"" URL "\"\n\tlisten = \"127.0.0.1:0\"\n\tplain = true\n\tdata = \"%s\"\n}\n"
		"log {\n\tlevel = \"error\"\n}\nclock {\n\tfile = \"%s\"\n}\nkey {\n\tmaster_file = \"%s.master\"\n}\nsmtp {\n\turl = \"smtp://127.0.0.1:1\"\n"
		"\tfrom = \"apps@example.com\"\n}\nscep {\n\tmanual_approval = yes\n}\n", dir, clock, dir));
	clock_follow(clock);
	assert_ok(conf_read(w->ctx, file, &conf, &err), &err);
	assert_ok(db_open(w->ctx, dir, &w->house.db, &err), &err);
	talloc_free(test_ca(w->ctx, w->house.db));
	talloc_free(w->house.db);
	assert_ok(site_open(w->ctx, dir, conf, &w->site, &err), &err);
	clock_follow(clock);
	w->house.dir = dir;
	w->house.db = w->site->db;
	w->house.blobs = w->site->blobs;
	w->house.paul = person(w->ctx, &w->house, "paul", ROLE_PUBLISHER);
	w->house.anna = person(w->ctx, &w->house, "anna", ROLE_ADMIN);
	w->house.mia = person(w->ctx, &w->house, "mia", ROLE_MEMBER);
	assert_int_equal(sqlite3_open(mem_printf(w->ctx, "%s/pomona.db", dir), &w->live), SQLITE_OK);
	sqlite3_busy_timeout(w->live, 60000);
	assert_int_equal(sqlite3_open(":memory:", &w->kept), SQLITE_OK);
}

static void
sign_in(struct asker *w)
{
	struct session_limits limits = site_session_limits(w->site);
	struct person *again;
	char *cookie, *csrf;
	struct err err;

	assert_ok(session_new(w->ctx, w->site->db, w->house.anna, &cookie, &err), &err);
	assert_ok(session_open(w->ctx, w->site->db, cookie, &limits, &again, &csrf, &err), &err);
	w->cookie = cookie;
	w->csrf = csrf;
}

static void
serve(struct asker *w)
{
	struct err err;

	assert_ok(site_start(w->site, &err), &err);
	snprintf(w->base, sizeof w->base, "http://127.0.0.1:%d", server_port(w->site->server));
	w->curl = curl_easy_init();
	curl_easy_setopt(w->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(w->curl, CURLOPT_WRITEDATA, &w->got);
	curl_easy_setopt(w->curl, CURLOPT_HEADERFUNCTION, take_head);
	curl_easy_setopt(w->curl, CURLOPT_HEADERDATA, w);
	curl_easy_setopt(w->curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(w->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(w->curl, CURLOPT_TIMEOUT, 60L);	/* a hang is an answer that is wrong */
	buf_init(&w->got, w->ctx, 64u << 20);
}

static const char *
person_id(struct asker *w, const char *name, enum role role)
{
	return person(w->ctx, &w->house, name, role)->id;
}

static void
furnish_people(struct asker *w)
{
	struct err err;
	char *id;

	know(w, "app", ASKER_APP);
	know(w, "person", person_id(w, "olga", ROLE_MEMBER));
	person_id(w, "ines", ROLE_MEMBER);
	run(w, "UPDATE person SET email = name || '@example.com'", NULL);
	assert_ok(group_add(w->site->db, "test", "qa", &id, w->ctx, &err), &err);
	know(w, "group", id);
	run(w, "INSERT INTO group_person (group_id, person_id) SELECT $1, id FROM person WHERE name = 'ines'", id);
	know(w, "build", published(w->ctx, &w->house, (struct sent){ .bundle_id = ASKER_APP, .name = "Plain" }));
	assert_ok(category_add(w->ctx, w->site->db, w->house.anna, "Tools", &id, &err), &err);
	know(w, "category", id);
}

static void
furnish_devices(struct asker *w)
{
	struct mdm *m = &w->mdm;
	struct certificate *came;

	*m = (struct mdm){ .ctx = w->ctx, .dir = w->house.dir, .db = w->site->db, .ca = w->site->ca, .sealer = w->site->sealer };
	m->talk = (struct talk){ m->db, m->ca, m->sealer, NULL, 30 * DAY_S, "192.0.2.7" };
	w->phone = phone_enrolled(m, UDID_A);
	phone_enrolled(m, UDID_B);
	know(w, "device", mdm_text(m, "SELECT id FROM device WHERE udid = '" UDID_A "'"));
	know(w, "phone", mdm_text(m, "SELECT id FROM device WHERE udid = '" UDID_B "'"));
	know(w, "certificate", mdm_text(m, "SELECT sha256 FROM certificate ORDER BY issued, sha256"));
	run(w, "UPDATE device SET person_id = (SELECT id FROM person WHERE name = 'ines') WHERE udid = $1", UDID_B);
	run(w, "UPDATE enrollment SET supervised = TRUE WHERE device_id = $1", text_of(w->things, "device"));
	run(w, "INSERT INTO push_certificate (id, topic, state, certificate, sealed_key, not_after, created, changed)"
	       " VALUES ('push', $1, 'current', 'x', 'x', 1826000000, 0, 0)", TOPIC);
	came = mdm_issue(m, CA_MDM, "nobody", false);
	know(w, "came", came->sha256);
	assert_ok(db_run(m->db, &m->err, "INSERT INTO came_back (sha256, subject, udid, certificate, topic, push_magic, token, first_seen,"
			 " last_seen) VALUES ($1, 'CN=x', '00008120-00000000000000C0', $2, '" TOPIC "', 'm', $2, 1795000000, 1795000000)",
			 db_text(came->sha256), db_bytes(came->der)), &m->err);
	know(w, "own", "own");
	run(w, "INSERT INTO own_mobileconfig (id, person_id, mobileconfig_id, identifier, title, state, created, changed)"
	       " VALUES ('own', $1, 'eas', 'com.example.eas', 'Mail', 'installed', 1795000000, 1795000000)", text_of(w->things, "person"));
	know(w, "tester", "tester");
	run(w, "INSERT INTO tester_device (id, udid, product, version, name, contact_id, created, changed) VALUES ('tester',"
	       " '00008120-0000000000000DDD', 'iPhone15,4', '22B83', 'Zoe', $1, 1795000000, 1795000000)", text_of(w->things, "contact"));
	run(w, "INSERT INTO device_app (device_id, app_id, pin, sign_in, since, state, created, changed) SELECT 'tester', id,"
	       " FALSE, FALSE, 1795000000, 'waiting', 1795000000, 1795000000 FROM app WHERE bundle_id = $1", ASKER_APP);
}

/* What waits for the phone is put off, one after the other: $device_information and so on are their UUIDs. */
static void
furnish_commands(struct asker *w)
{
	static const char key[] = "<key>RequestType</key><string>";
	const char *uuid = phone_idle(w->phone);

	for (int i = 0; uuid && i < 40; i++) {
		const char *at = strstr(w->mdm.text, key);
		char name[64] = "";
		size_t n = 0;

		assert_non_null(at);
		for (at += sizeof key - 1; *at != '<' && n < sizeof name - 2; at++) {
			if (n && *at >= 'A' && *at <= 'Z')
				name[n++] = '_';
			name[n++] = (char)(*at | 0x20);
		}
		know(w, name, uuid);
		uuid = phone_says(w->phone, "NotNow", uuid);
	}
	know(w, "topic", TOPIC);
	know(w, "udid", UDID_A);
}

static void
furnish_scep(struct asker *w)
{
	X509_REQ *csr = X509_REQ_new();
	unsigned char *der = NULL;
	bool full;
	struct scep_asked asked = { .asker = { "1", "2" }, .subject = "CN=printer", .address = "192.0.2.9" };
	struct err err;
	int len;

	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(csr), "CN", MBSTRING_ASC, (const unsigned char *)"printer", -1, -1, 0);
	X509_REQ_set_pubkey(csr, mdm_key());
	assert_true(X509_REQ_sign(csr, mdm_key(), EVP_sha256()) > 0);
	len = i2d_X509_REQ(csr, &der);
	asked.request = (struct bytes){ der, (size_t)len };
	assert_ok(scep_request_add(w->site->db, &asked, &full, &err), &err);
	know(w, "scep", mdm_text(&w->mdm, "SELECT id FROM scep_request"));
	OPENSSL_free(der);
	X509_REQ_free(csr);
}

static void
furnish_by_asking(struct asker *w)
{
	know(w, "item", made(w, "POST", "/api/v1/items", "{\"kind\": \"web\", \"name\": \"Wiki\", \"url\": \"https://a.example.com/\"}", "id"));
	know(w, "contact", made(w, "POST", "/api/v1/contacts", "{\"name\": \"Zed\", \"email\": \"zed@example.com\"}", "id"));
	know(w, "testers", made(w, "POST", "/api/v1/contact-groups", "{\"name\": \"Alpha\"}", "id"));
	know(w, "link", made(w, "POST", "/api/v1/links", asker_expand(w, w->ctx, "{\"build\": \"$build\", \"contact\": \"$contact\"}"), "id"));
	know(w, "token", strstr(made(w, "POST", "/api/v1/links", asker_expand(w, w->ctx, "{\"build\": \"$build\", \"pin\": \"123456\"}"), "url"),
				"/i/") + 3);
	know(w, "configuration", made(w, "POST", "/api/v1/apps/" ASKER_APP "/configurations",
				      "{\"name\": \"Hamburg\", \"configuration\": {\"server\": \"h\"}}", "id"));
	know(w, "invitation", made(w, "POST", "/api/v1/invitations", "{\"persons\": [\"mia\"], \"by\": \"link\"}", "id"));
	know(w, "csv", "name,email,phone\r\nYan,yan@example.com,\r\nXia,xia@example.com,+49 30 901820\r\n");
	made(w, "PUT", "/api/v1/mobileconfigs/wifi", "{\"name\": \"Wi-Fi\", \"payloads\": [{\"id\": \"wifi\", \"type\": \"com.apple.wifi.managed\","
	     " \"name\": \"Wi-Fi\", \"keys\": {\"SSID_STR\": \"office\", \"EncryptionType\": \"None\"}}]}", NULL);
	made(w, "PUT", "/api/v1/assignments/sales", "{\"mobileconfig\": \"wifi\", \"audience\": {\"everyone\": true}}", NULL);
}

static void
furnish_session(struct asker *w)
{
	const char *url = made(w, "POST", "/api/v1/enroll/sessions", "{\"person\": null}", "url"), *token = strstr(url, "/enroll/") + 8;

	know(w, "session", mem_textn(w->ctx, token, strcspn(token, "/")));
}

/* Jobs that the furnishing has made are done, so that they write nothing between. */
static void
settle(struct asker *w)
{
	for (int i = 0; i < 600 && mdm_number(&w->mdm, "SELECT count(*) FROM job WHERE due <= 1795348800"); i++)
		sqlite3_sleep(100);
	copy(w->kept, w->live);
	w->version = version_of(w);
}

struct asker *
asker_new(TALLOC_CTX *ctx)
{
	struct asker *w = mem_new(ctx, struct asker);
	const char *seed = getenv("POMONA_SEED");

	w->ctx = ctx;
	w->things = json_hold(ctx, json_object());
	w->whole = getenv("POMONA_WHOLE") && strcmp(getenv("POMONA_WHOLE"), "1") == 0;
	w->seed = seed ? (unsigned)strtoul(seed, NULL, 10) : 16;
	open_site(w);
	sign_in(w);
	furnish_people(w);
	serve(w);
	furnish_by_asking(w);
	furnish_devices(w);
	furnish_commands(w);
	furnish_session(w);
	furnish_scep(w);
	settle(w);
	return w;
}

void
asker_end(struct asker *w)
{
	curl_easy_cleanup(w->curl);
	site_stop(w->site);
	sqlite3_close(w->live);
	sqlite3_close(w->kept);
	print_message("  seed %u: %d asked, %d taken, %d wrong\n", w->seed, w->asked, w->taken, w->wrong);
	assert_int_equal(w->wrong, 0);
}

/* ---- what must hold ---- */

void
asker_wrong(struct asker *w, const struct body *body, int status, const char *why)
{
	if (w->wrong++ < SHOWN)
		print_message("%s %s  %s: %d %s  %.200s\n", w->method, w->path, body->what, status, why, buf_str(&w->got));
}

static bool
is_word_of(const char *words, const char *word)
{
	size_t len = strlen(word);

	if (words && strcmp(words, "*") == 0)
		return true;
	for (const char *at = words; at && (at = strstr(at, word)); at += len)
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]) && len)
			return true;
	return false;
}

void
asker_judge(struct asker *w, const struct body *body, int status)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	bool refused = status >= 400, json = w->row->kind == AS_JSON;
	int64_t version = version_of(w);
	const char *changed;
	/* a value that is nonsense there, of a type that the field has not */
	bool nonsense = json && body->other_type && !is_word_of(w->row->any, body->field) &&
			!(strstr(body->what, ": null") && is_word_of(w->row->nulls, body->field));

	w->asked++;
	if (status >= 500 || status < 200)
		asker_wrong(w, body, status, "is our fault");
	if (status == 401)
		asker_wrong(w, body, status, "sends away who is inside");	/* and a device for good */
	/* a page is its data for who does not want HTML */
	if (refused && w->row->kind != AS_PLIST && !strstr(w->type, "problem+json") && !strstr(w->type, "text/html") &&
	    strncmp(w->path, "/api/", 5) == 0)
		asker_wrong(w, body, status, mem_printf(ctx, "is no problem and no page, but %s", w->type));
	if (refused && version != w->version && !(w->row->flags & WRITES) && *(changed = changed_tables(w, ctx)))
		asker_wrong(w, body, status, mem_printf(ctx, "has changed%s", changed));
	if (!refused && nonsense)
		asker_wrong(w, body, status, "was taken");
	if (status == 422 && nonsense && !strstr(buf_str(&w->got), body->field))
		asker_wrong(w, body, status, "does not say which field");
	w->taken += !refused;
	if (version != w->version)
		asker_put_back(w);
}

bool
asker_is_due(struct asker *w)
{
	unsigned h = (w->n++ ^ w->seed) * 2654435761u;

	if (w->row && w->row->flags & SLOW)
		return h / SHARE % (SHARE * SHARE) == 0;
	return w->whole || (h >> 16) % SHARE == 0;
}

