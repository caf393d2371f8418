/* The house of check_asker.h, and what stands in it. */
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

#define MASTER		"a master key for tests alone"

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
	int status = asker_send(w, method, path, AS_JSON, (struct bytes){ body, strlen(body) });
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
	write_text(file, mem_printf(w->ctx, "server {\n\tbase_url = \"" ASKER_URL "\"\n\tlisten = \"127.0.0.1:0\"\n\tplain = true\n\tdata = \"%s\"\n}\n"
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
	sqlite3_exec(w->live, "PRAGMA synchronous = OFF", NULL, NULL, NULL);	/* what is put back may be lost */
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
	asker_keep(w);
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
	asker_serve(w);
	furnish_by_asking(w);
	furnish_devices(w);
	furnish_commands(w);
	furnish_session(w);
	furnish_scep(w);
	settle(w);
	return w;
}
