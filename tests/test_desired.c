/*
 * What devices ought to have of mobileconfigs, against phones that keep what they install: every row ends somewhere,
 * and what ProfileList says is what counts.
 */
#include "tests/check_keeper.h"
#include <stdio.h>
#include "catalog/assignment.h"
#include "catalog/assignment_filter.h"
#include "catalog/desired_inner.h"
#include "catalog/device_person.h"
#include "catalog/group.h"
#include "catalog/mobileconfig.h"
#include "catalog/person_attribute.h"
#include "core/clock.h"
#include "mdm/inventory.h"
#include "mdm/queue_sweep.h"
#include "web/mobileconfig_kinds.h"
#include "web/rooms.h"

/* ---- a house ---- */

static const struct command_kind kinds[] = {
	{ DESIRED_KIND, mobileconfig_render, mobileconfig_answered, mobileconfig_ended },
	{ 0 }
};
static const struct enrollment_hooks hooks = { .enrolled = mobileconfig_enrolled, .ended = mobileconfig_left,
	.renewed = mobileconfig_renewed };

static struct site *the_site;

static struct mdm *
open_house(TALLOC_CTX *ctx)
{
	struct mdm *m = mdm_new(ctx);
	struct site *site = mem_new(ctx, struct site);
	struct conf *conf;

	assert_ok(conf_read(ctx, NULL, &conf, &m->err), &m->err);
	site->db = m->db;
	site->sealer = m->sealer;
	site->base_url = "https://apps.example.com";
	atomic_store(&site->conf, conf);
	queue_kinds(kinds, the_site = site);
	enrollment_hooks(&hooks, site);
	inventory_hook(mobileconfig_reported, site);
	mdm_person(m, "p-anna", "anna");
	mdm_person(m, "p-ben", "ben");
	return m;
}

static void
work(struct mdm *m)
{
	bool more = true;

	for (int i = 0; more && i < 100; i++)
		assert_ok(desired_work(m->db, &more, &m->err), &m->err);
	assert_false(more);
}

static struct kept_mobileconfig *
put(struct mdm *m, const char *name, const char *person, const char *form)
{
	json_t *json = json_loads(form, 0, NULL);
	struct mobileconfig_put p = { .actor = "test", .name = name, .person = person, .form = json,
				      .base_url = "https://apps.example.com" };
	struct kept_mobileconfig *ret = NULL;
	bool created;

	assert_non_null(json);
	assert_ok(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err), &m->err);
	json_decref(json);
	return ret;
}

static void
assign(struct mdm *m, const char *id, const char *name, const char *audience, const char *devices)
{
	json_t *tree = json_loads(audience, 0, NULL), *filter = devices ? json_loads(devices, 0, NULL) : NULL;
	struct assignment to = { id, name, tree, filter };
	bool created;

	assert_ok(assignment_put(m->ctx, m->db, "test", &to, &created, &id, &m->err), &m->err);
	json_decref(tree);
	json_decref(filter);
}

/* The house finds out what is to be done, and the device does it. */
static void
catches_up(struct keeper *k)
{
	work(k->phone->mdm);
	keeper_talks(k);
}

#define EVERYONE "{\"everyone\": true}"
#define WIFI(ssid) "{\"name\": \"Office\", \"payloads\": [{\"id\": \"wifi\", \"type\": \"com.apple.wifi.managed\", \"name\": \"Wi-Fi\"," \
	" \"keys\": {\"SSID_STR\": \"" ssid "\", \"EncryptionType\": \"None\"}}]}"
#define WIFI_SECRET "{\"name\": \"Office\", \"payloads\": [{\"id\": \"wifi\", \"type\": \"com.apple.wifi.managed\", \"name\": \"Wi-Fi\"," \
	" \"keys\": {\"SSID_STR\": \"office\", \"EncryptionType\": \"WPA2\", \"Password\": \"swordfish\"}}]}"

static void
everyone_gets_wifi(struct mdm *m)
{
	put(m, "wifi", NULL, WIFI("office"));
	assign(m, "all", "wifi", EVERYONE, NULL);
}

static void
set_attribute(struct mdm *m, const char *person_id, const char *name, const char *value)
{
	json_t *change = json_pack("{s:s?}", name, value);

	assert_ok(person_attributes_change(m->db, "test", person_id, change, &m->err), &m->err);
	json_decref(change);
}

/* "installed 1 | ..." of a device: state and code of its rows, by identifier. */
static const char *
rows_now(struct mdm *m, const char *udid)
{
	struct rows *rows = db_query(m->ctx, m->db, "SELECT r.goal, r.state, r.code, r.version FROM device_mobileconfig r"
		" JOIN device d ON d.id = r.device_id WHERE d.udid = $1 ORDER BY r.identifier", db_text(udid));
	char *all = mem_text(m->ctx, "");

	while (rows_next(rows, &m->err) == ROWS_ROW)
		all = mem_printf(m->ctx, "%s%s%s %s%s%s v%lld", all, *all ? " | " : "", rows_text(m->ctx, rows, 0),
				 rows_text(m->ctx, rows, 1), *rows_text(m->ctx, rows, 2) ? " " : "",
				 rows_text(m->ctx, rows, 2), (long long)rows_int(rows, 3));
	rows_done(rows);
	return all;
}

/* ---- promises ---- */

static void
what_is_assigned_is_installed_and_only_the_list_says_so(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *anna = keeper_new(m, UDID_A, "p-anna"), *ben = keeper_new(m, UDID_B, "p-ben");
	const char *uuid;

	put(m, "wifi", NULL, WIFI("office"));
	assign(m, "some", "wifi", "{\"person\": \"anna\"}", NULL);
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "install queued v1");
	uuid = phone_idle(anna->phone);
	keeper_installs(anna, m->text);
	uuid = phone_says(anna->phone, "Acknowledged", uuid);
	assert_string_equal(rows_now(m, UDID_A), "install taken v1");	/* and not installed */
	phone_says_more(anna->phone, "Acknowledged", uuid, keeper_list(anna));
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
	keeper_talks(ben);
	assert_int_equal(ben->installs, 0);
	assert_string_equal(rows_now(m, UDID_B), "");
}

static void
a_device_gets_all_of_it_when_it_enrolls_and_again_when_it_enrolls_anew(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k;

	everyone_gets_wifi(m);
	k = keeper_new(m, UDID_A, "p-anna");
	assert_string_equal(rows_now(m, UDID_A), "install queued v1");	/* in the transaction of the first TokenUpdate */
	keeper_talks(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
	assert_true(phone_check_out(k->phone));
	k = keeper_new(m, UDID_A, "p-anna");
	assert_string_equal(rows_now(m, UDID_A), "install queued v1");
	keeper_talks(k);
	assert_int_equal(k->installs, 1);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
}

static void
must_57_a_new_version_keeps_identifiers_and_uuids(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	const char *inner;
	struct keeper_item before;

	everyone_gets_wifi(m);
	catches_up(k);
	before = k->items[0];
	put(m, "wifi", NULL, WIFI("office-5"));
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "install queued v2");
	keeper_talks(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v2");
	assert_int_equal(k->n, 1);
	assert_string_equal(k->items[0].identifier, before.identifier);
	assert_string_equal(k->items[0].uuid, before.uuid);
	inner = keeper_text(m, k->items[0].payloads, "PayloadUUID");
	assert_string_equal(inner, keeper_text(m, before.payloads, "PayloadUUID"));
	assert_non_null(strstr(k->items[0].payloads, "office-5"));
	put(m, "wifi", NULL, WIFI("office-5"));	/* the same again is no version */
	catches_up(k);
	assert_int_equal(k->installs, 2);
	assert_ok(mobileconfig_back(m->db, "test", "wifi", 1, &m->err), &m->err);
	catches_up(k);
	assert_non_null(strstr(k->items[0].payloads, "<string>office</string>"));
	assert_string_equal(rows_now(m, UDID_A), "install installed v3");
}

static void
a_version_that_comes_while_the_device_installs_goes_out_behind_it(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	const char *uuid;

	everyone_gets_wifi(m);
	work(m);
	uuid = phone_idle(k->phone);
	put(m, "wifi", NULL, WIFI("newer"));
	work(m);
	keeper_does(k, uuid);
	assert_string_equal(rows_now(m, UDID_A), "install queued v2");
	keeper_talks(k);
	assert_non_null(strstr(k->items[0].payloads, "newer"));
	assert_string_equal(rows_now(m, UDID_A), "install installed v2");
}

/* What goes out is written from what is true then, and the job has not come to the device. */
static void
a_change_that_is_not_looked_at_yet_goes_out_once(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	const char *uuid;

	set_attribute(m, "p-anna", "department", "Sales");
	put(m, "wifi", NULL, WIFI("%department%"));
	assign(m, "all", "wifi", EVERYONE, NULL);
	work(m);
	put(m, "wifi", NULL, WIFI("%department%-5"));
	keeper_talks(k);
	assert_int_equal(k->installs, 1);
	assert_string_equal(rows_now(m, UDID_A), "install installed v2");
	assert_non_null(strstr(k->items[0].payloads, "Sales-5"));
	catches_up(k);
	assert_int_equal(k->installs, 1);
	/* And what is with the device when a value goes is not sent again without it. */
	put(m, "wifi", NULL, WIFI("%department%-6"));
	work(m);
	uuid = phone_idle(k->phone);
	set_attribute(m, "p-anna", "department", NULL);
	keeper_does(k, uuid);
	assert_string_equal(rows_now(m, UDID_A), "install blocked missing_variable v3");
	catches_up(k);
	assert_int_equal(k->installs, 2);
	assert_string_equal(rows_now(m, UDID_A), "install blocked missing_variable v3");
}

static void
a_missing_value_is_named_and_the_device_gets_it_once_it_is_there(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	json_t *list, *one;

	put(m, "wifi", NULL, WIFI("%department%-%username%"));
	assign(m, "all", "wifi", EVERYONE, NULL);
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "install blocked missing_variable v1");
	assert_ok(desired_of_device(m->db, phone_enrollment(k->phone)->device_id, &list, &m->err), &m->err);
	one = json_array_get(json_object_get(list, "items"), 0);
	assert_string_equal(json_string_value(json_object_get(one, "why")), "department");
	assert_string_equal(json_string_value(json_object_get(one, "keeper")), "admin");
	json_decref(list);
	keeper_talks(k);
	assert_int_equal(k->installs, 0);
	set_attribute(m, "p-anna", "Department", "Sales");
	catches_up(k);
	assert_non_null(strstr(k->items[0].payloads, "Sales-anna"));
	set_attribute(m, "p-anna", "department", "Support");
	catches_up(k);
	assert_non_null(strstr(k->items[0].payloads, "Support-anna"));
	assert_int_equal(k->installs, 2);
	set_attribute(m, "p-anna", "department", NULL);	/* what the device has stays, and it is said */
	catches_up(k);
	assert_int_equal(k->n, 1);
	assert_string_equal(rows_now(m, UDID_A), "install blocked missing_variable v1");
}

static void
what_is_taken_off_or_changed_on_the_device_is_put_back_and_not_in_a_race(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");

	everyone_gets_wifi(m);
	catches_up(k);
	keeper_drops(k, k->items[0].identifier);
	keeper_is_listed(k);
	assert_int_equal(k->installs, 2);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
	snprintf(k->items[0].uuid, sizeof k->items[0].uuid, "00000000-0000-4000-8000-000000000000");
	keeper_is_listed(k);		/* a second time within the day waits a while */
	assert_string_equal(rows_now(m, UDID_A), "install wanted drift_changed v1");
	assert_int_equal(k->installs, 2);
	mdm_at(m, "2026-11-22T12:20:00Z");
	catches_up(k);
	assert_int_equal(k->installs, 3);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
	keeper_is_listed(k);		/* as it was left: nothing is done */
	assert_int_equal(k->installs, 3);
}

static void
who_leaves_the_audience_loses_it_and_nobody_loses_what_is_not_ours(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	char *group;

	assert_ok(group_add(m->db, "test", "Sales", &group, m->ctx, &m->err), &m->err);
	assert_ok(group_put_person(m->db, "test", group, "p-anna", true, &m->err), &m->err);
	put(m, "wifi", NULL, WIFI("office"));
	assign(m, "sales", "wifi", "{\"group\": \"Sales\"}", NULL);
	catches_up(k);
	assert_int_equal(k->n, 1);
	snprintf(k->items[k->n].identifier, sizeof k->items[k->n].identifier, "com.example.by.hand");
	snprintf(k->items[k->n].uuid, sizeof k->items[k->n].uuid, "B");
	k->items[k->n++].managed = false;
	assert_ok(group_put_person(m->db, "test", group, "p-anna", false, &m->err), &m->err);
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "remove queued v1");
	keeper_talks(k);
	assert_string_equal(rows_now(m, UDID_A), "");
	assert_int_equal(k->removals, 1);
	assert_int_equal(k->n, 1);
	assert_string_equal(k->items[0].identifier, "com.example.by.hand");
}

static void
what_goes_before_it_came_leaves_no_trace_and_what_comes_back_stays(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");

	everyone_gets_wifi(m);
	work(m);
	assert_ok(assignment_remove(m->db, "test", "all", &m->err), &m->err);
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "");
	keeper_talks(k);		/* the command that waited is not written any more */
	assert_int_equal(k->installs + k->removals, 0);
	assign(m, "all", "wifi", EVERYONE, NULL);
	catches_up(k);
	assert_ok(assignment_remove(m->db, "test", "all", &m->err), &m->err);
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "remove queued v1");
	assign(m, "all", "wifi", EVERYONE, NULL);
	catches_up(k);
	assert_int_equal(k->removals, 0);
	assert_int_equal(k->n, 1);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
}

static void
a_mobileconfig_that_is_removed_goes_from_the_devices(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");

	everyone_gets_wifi(m);
	catches_up(k);
	assert_ok(mobileconfig_remove(m->db, "test", "wifi", &m->err), &m->err);
	catches_up(k);
	assert_int_equal(k->n, 0);
	assert_string_equal(rows_now(m, UDID_A), "");
}

#define IMPORTED "org.example.imported"

static const char *
put_imported(struct mdm *m, const char *form)
{
	json_t *json = json_loads(form, 0, NULL);
	struct mobileconfig_put p = { .actor = "test", .name = "wifi", .form = json, .identifier = IMPORTED,
				      .base_url = "https://apps.example.com" };
	struct kept_mobileconfig *ret = NULL;
	bool created;

	assert_ok(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err), &m->err);
	json_decref(json);
	assign(m, "all", "wifi", EVERYONE, NULL);
	return ret->id;
}

static void
has_the_new_one(struct mdm *m, struct keeper *k)
{
	catches_up(k);
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
	assert_int_equal(k->n, 1);
	assert_non_null(strstr(k->items[0].payloads, "newer"));
}

static void
an_imported_mobileconfig_that_is_deleted_and_uploaded_again_stays_on_the_devices(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	const char *uuid, *id;

	put_imported(m, WIFI("older"));
	catches_up(k);
	assert_int_equal(k->n, 1);
	/* Before anybody looked. */
	assert_ok(mobileconfig_remove(m->db, "test", "wifi", &m->err), &m->err);
	put_imported(m, WIFI("newer"));
	has_the_new_one(m, k);
	/* When the removal waits for the device. */
	assert_ok(mobileconfig_remove(m->db, "test", "wifi", &m->err), &m->err);
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "remove queued v1");
	put_imported(m, WIFI("newer"));
	has_the_new_one(m, k);
	assert_int_equal(k->removals, 0);
	/* When the device is at it. */
	assert_ok(mobileconfig_remove(m->db, "test", "wifi", &m->err), &m->err);
	work(m);
	uuid = phone_idle(k->phone);
	id = put_imported(m, WIFI("newer"));
	keeper_does(k, uuid);
	assert_int_equal(k->n, 0);
	has_the_new_one(m, k);
	assert_int_equal(k->removals, 1);
	/* Rows of both, from a time when nobody looked: the removal is not written. */
	assert_ok(db_run(m->db, &m->err, "INSERT INTO device_mobileconfig (device_id, mobileconfig_id, identifier, goal, state,"
			 " version, wish, sent, due, changed) SELECT device_id, 'gone', identifier, 'remove', 'wanted', 1, 'w', 'w',"
			 " $1, 0 FROM device_mobileconfig WHERE mobileconfig_id = $2", db_now(), db_text(id)), &m->err);
	has_the_new_one(m, k);
	assert_int_equal(k->removals, 1);
}

static void
what_took_the_place_of_another_goes_with_it_even_when_it_never_came(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");

	put_imported(m, WIFI("older"));
	catches_up(k);
	assert_ok(mobileconfig_remove(m->db, "test", "wifi", &m->err), &m->err);
	put_imported(m, WIFI("%department%"));
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install blocked missing_variable v1");
	assert_int_equal(k->n, 1);
	assert_ok(mobileconfig_remove(m->db, "test", "wifi", &m->err), &m->err);
	catches_up(k);
	assert_int_equal(k->n, 0);
	assert_string_equal(rows_now(m, UDID_A), "");
}

static void
what_is_for_one_person_is_on_no_device_of_another(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *anna = keeper_new(m, UDID_A, "p-anna"), *ben = keeper_new(m, UDID_B, "p-ben");
	struct kept_mobileconfig *mine = put(m, "anna.mobileconfig", "anna", WIFI("hers"));

	work(m);
	keeper_talks(anna);
	keeper_talks(ben);
	assert_int_equal(anna->n, 1);
	assert_int_equal(ben->installs, 0);
	/* Not even when a row says so. */
	assert_ok(db_run(m->db, &m->err, "INSERT INTO device_mobileconfig (device_id, mobileconfig_id, identifier, goal, state,"
			 " version, wish, due, changed) SELECT id, $1, $2, 'install', 'wanted', 1, '', $3, 0 FROM device"
			 " WHERE udid = '" UDID_B "'", db_text(mine->id), db_text(mine->identifier), db_now()), &m->err);
	work(m);
	keeper_talks(ben);
	assert_int_equal(ben->installs, 0);
	assert_string_equal(rows_now(m, UDID_B), "");
	/* Ben takes the phone over: what was hers goes. */
	anna->phone->session = mdm_session(m, "ota", UDID_A, NULL, "p-ben");
	anna->phone->cert = mdm_issue(m, CA_MDM, anna->phone->session, true);
	phone_enrolls(anna->phone);
	keeper_talks(anna);
	assert_int_equal(anna->n, 0);
	assert_string_equal(rows_now(m, UDID_A), "");
}

static void
must_55_and_56_secrets_go_out_encrypted_for_this_device_or_not_at_all(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	struct kept_mobileconfig *kept = put(m, "wifi", NULL, WIFI_SECRET);
	struct queued queued = { .kind = DESIRED_KIND };
	struct enrollment e;
	struct bytes payload;

	assert_int_equal(mdm_number(m, "SELECT count(*) FROM mobileconfig_version WHERE sealed"), 1);
	assign(m, "all", "wifi", EVERYONE, NULL);
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
	assert_null(strstr(k->items[0].outside, "swordfish"));
	assert_non_null(strstr(k->items[0].outside, "<key>IsEncrypted</key><true/>"));
	assert_non_null(strstr(k->items[0].payloads, "swordfish"));
	assert_non_null(strstr(k->items[0].payloads, "<array>"));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command WHERE payload IS NOT NULL AND kind = 'mobileconfig'"), 0);
	/* The identity of an outside CA is not known here. */
	e = *phone_enrollment(k->phone);
	e.identity = "of an outside CA";
	queued.args = json_pack("{s:s, s:s}", "mobileconfig", kept->id, "goal", "install");
	assert_false(mobileconfig_render(m->ctx, the_site, &queued, &e, &payload, &m->err));
	assert_string_equal(m->err.code, "needs_identity");
	json_decref(queued.args);
	assert_string_equal(rows_now(m, UDID_A), "install failed needs_identity v1");
}

/* The device shows its next identity; and goes back to the one before, for it did not hear that we have seen it. */
static void
renews(struct keeper *k)
{
	struct mdm *m = k->phone->mdm;
	const char *session = mdm_session(m, "renewal", k->phone->udid, NULL, NULL);

	assert_ok(db_run(m->db, &m->err, "UPDATE enroll_session SET enrollment_id = $1 WHERE id = $2",
			 db_text(phone_enrollment(k->phone)->id), db_text(session)), &m->err);
	k->phone->cert = mdm_issue(m, CA_MDM, session, true);
	assert_ok(phone_token(k->phone, ""), &m->err);
}

static void
secrets_are_for_the_identity_that_the_device_speaks_with(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	struct certificate *old = k->phone->cert;

	renews(k);
	k->phone->cert = old;
	put(m, "wifi", NULL, WIFI_SECRET);
	assign(m, "all", "wifi", EVERYONE, NULL);
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
	assert_non_null(strstr(k->items[0].payloads, "swordfish"));
	assert_null(strstr(k->items[0].outside, "swordfish"));
}

#define REFUSAL "<key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>4001</integer><key>ErrorDomain</key>" \
	"<string>MCInstallationErrorDomain</string><key>LocalizedDescription</key><string>Das Profil konnte nicht installiert werden." \
	"</string></dict><dict><key>ErrorCode</key><integer>1</integer><key>ErrorDomain</key><string>X</string>" \
	"<key>LocalizedDescription</key><string>Kein WLAN.</string></dict></array>"

static void
a_refusal_is_shown_in_the_devices_words_tried_again_and_given_up(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	int64_t n, now = clock_now();
	char iso[CLOCK_ISO_SIZE];

	everyone_gets_wifi(m);
	k->error = REFUSAL;
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install failed device v1");
	assert_string_equal(mdm_text(m, "SELECT why FROM device_mobileconfig"),
			    "Das Profil konnte nicht installiert werden. / Kein WLAN.");
	work(m);		/* not before its time */
	keeper_talks(k);
	assert_int_equal(k->installs, 1);
	for (int i = 0; i < 2 * DESIRED_ATTEMPTS_MAX; i++) {
		now += DAY_S;
		mdm_at(m, clock_iso(now, iso));
		catches_up(k);
	}
	assert_int_equal(k->installs, DESIRED_ATTEMPTS_MAX);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device_mobileconfig WHERE due IS NOT NULL"), 0);
	k->error = NULL;
	assert_ok(desired_retry(m->db, "anna", put(m, "wifi", NULL, WIFI("office"))->id, NULL, &n, &m->err), &m->err);
	assert_int_equal(n, 1);
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
}

static void
what_a_device_refused_under_one_identity_is_tried_again_under_the_next(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");

	everyone_gets_wifi(m);
	work(m);
	assert_ok(db_run(m->db, &m->err, "UPDATE device_mobileconfig SET attempts = 7"), &m->err);
	k->error = REFUSAL;
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install failed device v1");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device_mobileconfig WHERE due IS NOT NULL"), 0);
	k->error = NULL;
	renews(k);
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
}

static void
a_device_back_from_a_drawer_gets_what_waited_for_it_all_the_time(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	int64_t now = clock_now();
	char iso[CLOCK_ISO_SIZE];

	put(m, "wifi", NULL, WIFI("office"));
	assign(m, "all", "wifi", EVERYONE, NULL);
	work(m);
	for (int i = 0; i < 2 * (DESIRED_ATTEMPTS_MAX + 2); i++) {	/* a month, then an hour, over and over */
		now += i % 2 ? HOUR_S : QUEUE_TTL_S;
		mdm_at(m, clock_iso(now, iso));
		assert_ok(queue_sweep(m->db, 1000, &m->err), &m->err);
		work(m);
	}
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_history h JOIN command c ON c.id = h.command_id WHERE"
				    " h.state = 'expired' AND c.request_type = 'InstallProfile'"), DESIRED_ATTEMPTS_MAX + 2);
	assert_int_equal(mdm_number(m, "SELECT attempts FROM device_mobileconfig"), 0);
	keeper_talks(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
	assert_int_equal(k->installs, 1);
}

static void
what_failed_is_due_no_more_when_the_device_leaves_and_again_when_it_is_back(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna"), *ben = keeper_new(m, UDID_B, "p-ben");

	everyone_gets_wifi(m);
	k->error = ben->error = REFUSAL;
	catches_up(k);
	keeper_talks(ben);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device_mobileconfig WHERE due IS NOT NULL"), 2);
	assert_true(phone_check_out(k->phone));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM device_mobileconfig WHERE due IS NOT NULL"), 1);
	k = keeper_new(m, UDID_A, "p-anna");
	keeper_talks(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
}

static void
a_clock_that_was_ahead_once_does_not_put_off_what_is_due(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");

	everyone_gets_wifi(m);
	k->error = REFUSAL;
	mdm_at(m, "2026-12-20T12:00:00Z");
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install failed device v1");
	k->error = NULL;
	mdm_at(m, "2026-11-22T12:20:00Z");
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
}

static void
is_found_by(struct mdm *m, const char *sql, const struct db_val *vals, const char *index)
{
	struct rows *rows = db_queryv(m->ctx, m->db, mem_printf(m->ctx, "EXPLAIN QUERY PLAN %s", sql), vals);
	bool found = false;

	while (rows_next(rows, &m->err) == ROWS_ROW) {
		const char *plan = rows_text(m->ctx, rows, 3);

		if (strncmp(plan, "SCAN", 4) == 0)
			fail_msg("%s", plan);
		found = found || strstr(plan, index);
	}
	rows_done(rows);
	assert_true(found);
}

static void
a_device_that_answers_does_not_read_what_is_due_of_the_fleet(void **state)
{
	struct mdm *m = open_house(*state);

	is_found_by(m, desired_due_sql, DB_VALS(db_int(0), db_int(200)), "device_mobileconfig_due");
	is_found_by(m, desired_due_device_sql, DB_VALS(db_int(0), db_int(200), db_text("d")), "(device_id=?");
}

static void
what_is_acknowledged_and_not_listed_has_failed(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");

	everyone_gets_wifi(m);
	k->forgetful = true;
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install failed not_listed v1");
	k->forgetful = false;
	mdm_at(m, "2026-11-22T12:20:00Z");
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
}

static void
a_command_that_is_cancelled_or_expires_is_not_the_end_of_it(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	const char *device = phone_enrollment(k->phone)->device_id;
	int64_t n;

	everyone_gets_wifi(m);
	work(m);
	/* all that waited, since the queue was stuck: that is not about this one, however often */
	for (int i = 1; i <= DESIRED_ATTEMPTS_MAX; i++) {
		assert_string_equal(rows_now(m, UDID_A), "install queued v1");
		assert_ok(queue_clear(m->db, "anna", device, &n, &m->err), &m->err);
		assert_string_equal(rows_now(m, UDID_A), "install wanted v1");
		mdm_at(m, mem_printf(m->ctx, "2026-11-22T%d:20:00Z", 12 + i));
		work(m);
	}
	assert_ok(queue_cancel(m->db, "anna", device, mdm_text(m, "SELECT c.uuid FROM command_queue q JOIN command c ON c.id ="
			       " q.command_id WHERE c.kind = 'mobileconfig'"), &m->err), &m->err);
	assert_string_equal(rows_now(m, UDID_A), "install failed cancelled v1");
	mdm_at(m, "2026-11-23T12:20:00Z");
	catches_up(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
}

static bool
tx_now(struct db *tx, void *device_id, struct err *err)
{
	return desired_now(tx, device_id, err);
}

static void
a_device_without_the_right_is_not_sent_it_and_it_is_said(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	void *id = (void *)(uintptr_t)phone_enrollment(k->phone)->device_id;

	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET access_rights = 1"), &m->err);
	everyone_gets_wifi(m);
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "install blocked no_right v1");
	keeper_talks(k);
	assert_int_equal(k->installs, 0);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET access_rights = 8191"), &m->err);
	assert_ok(db_tx(m->db, tx_now, id, &m->err), &m->err);
	keeper_talks(k);
	assert_string_equal(rows_now(m, UDID_A), "install installed v1");
}

static void
what_is_to_go_from_a_device_that_came_back_without_the_right_is_not_sent_and_it_is_said(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");

	everyone_gets_wifi(m);
	catches_up(k);
	assert_ok(db_run(m->db, &m->err, "UPDATE device_mobileconfig SET goal = 'remove', state = 'wanted', due = 1"), &m->err);
	assert_ok(db_run(m->db, &m->err, "DELETE FROM assignment"), &m->err);
	assert_ok(db_run(m->db, &m->err, "UPDATE enrollment SET access_rights = 8191 - 2"), &m->err);
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "remove blocked no_right v1");
	keeper_talks(k);
	assert_int_equal(k->removals, 0);
}

static void
facts_that_a_device_reports_decide_which_assignments_are_for_it(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	const char *uuid;

	put(m, "wifi", NULL, WIFI("office"));
	assign(m, "kiosk", "wifi", EVERYONE, "{\"name\": \"Kiosk *\"}");
	work(m);
	assert_string_equal(rows_now(m, UDID_A), "");
	uuid = mdm_queue(m, k->phone, "DeviceInformation", 0);
	phone_idle(k->phone);
	phone_says_more(k->phone, "Acknowledged", uuid, "<key>QueryResponses</key><dict><key>DeviceName</key><string>KIOSK 7"
			"</string></dict>");
	assert_string_equal(rows_now(m, UDID_A), "install queued v1");
}

static void
a_fleet_gets_one_command_and_no_cause_is_lost_with_the_process(void **state)
{
	struct mdm *m = open_house(*state);
	enum { FLEET = 450 };

	for (int i = 0; i < FLEET; i++) {
		assert_ok(db_run(m->db, &m->err, "INSERT INTO device (id, udid, enrollment_id, created, changed)"
				 " VALUES ($1, $1, $1, 0, 0)", db_text(mem_printf(m->ctx, "d%d", i))), &m->err);
		assert_ok(db_run(m->db, &m->err, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights,"
				 " created) VALUES ($1, $1, '', 'enrolled', $1, 8191, 0)", db_text(mem_printf(m->ctx, "d%d", i))),
			  &m->err);
	}
	everyone_gets_wifi(m);
	/* Here the process may die: what is to be done is in the database. */
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM desired_due"), FLEET);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM job WHERE kind = 'desired'"), 1);
	work(m);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM desired_due"), 0);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), FLEET);
	assert_true(mdm_number(m, "SELECT count(*) FROM command") <= FLEET / DESIRED_CHUNK + 1);
	work(m);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_queue"), FLEET);
}

static void
a_filter_fits_what_it_says_and_nothing_that_was_not_reported(void **state)
{
	const struct filter_facts phone = { "iPhone15,4", "iPhone 15", "Anna's iPhone", "F2LX1234", UDID_A, "18.1.1", "device", 0 };
	const struct filter_facts blank = { "", "", "", "", UDID_A, "", "device", -1 };
	static const struct { const char *filter; bool phone, blank; } cases[] = {
		{ "{}", true, true }, { "{\"product\": \"iPhone*\"}", true, false }, { "{\"product\": \"iPad*\"}", false, false },
		{ "{\"product\": [\"iPad*\", \"IPHONE15,*\"]}", true, false }, { "{\"not\": {\"product\": \"iPad*\"}}", true, false },
		{ "{\"model\": \"iPhone 15\"}", true, false }, { "{\"model\": \"iPhone 1\"}", false, false },
		{ "{\"name\": \"*'s iphone\"}", true, false }, { "{\"serial\": \"*X*34\"}", true, false },
		{ "{\"udid\": \"" UDID_A "\"}", true, true }, { "{\"os\": {\"from\": \"18.1\"}}", true, false },
		{ "{\"os\": {\"from\": \"18.2\"}}", false, false }, { "{\"os\": {\"below\": \"18.1.1\"}}", false, false },
		{ "{\"os\": {\"from\": \"9\", \"below\": \"19\"}}", true, false }, { "{\"supervised\": false}", true, false },
		{ "{\"supervised\": true}", false, false }, { "{\"not\": {\"supervised\": true}}", true, false },
		{ "{\"kind\": \"device\", \"supervised\": false}", true, false }, { "{\"kind\": \"user\"}", false, false },
		{ "{\"not\": [{\"product\": \"iPad*\"}, {\"name\": \"Till*\"}]}", true, false },
		{ "{\"not\": [{\"product\": \"iPad*\"}, {\"name\": \"Anna*\"}]}", false, false },
	};
	static const char *const bad[] = { "[]", "{\"color\": \"red\"}", "{\"product\": []}", "{\"product\": 7}", "{\"os\": \"18\"}",
		"{\"os\": {\"from\": \"eighteen\"}}", "{\"os\": {}}", "{\"supervised\": \"yes\"}", "{\"kind\": \"tv\"}",
		"{\"not\": {\"not\": {\"not\": {\"not\": {}}}}}", "{\"not\": []}", "{\"not\": [7]}", "{\"not\": 7}" };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *filter = json_loads(cases[i].filter, 0, NULL);
		struct err err;

		assert_ok(assignment_filter_check(filter, &err), &err);
		if (assignment_filter_fits(filter, &phone) != cases[i].phone || assignment_filter_fits(filter, &blank) != cases[i].blank)
			fail_msg("%s", cases[i].filter);
		json_decref(filter);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *filter = json_loads(bad[i], 0, NULL);
		struct err err;

		if (assignment_filter_check(filter, &err))
			fail_msg("%s", bad[i]);
		assert_string_equal(err.code, "bad_filter");
		json_decref(filter);
	}
}

static void
a_mobileconfig_keeps_its_names_and_refuses_what_would_break_the_house(void **state)
{
	static const char mdm[] = "{\"name\": \"x\", \"payloads\": [{\"id\": \"m\", \"type\": \"com.apple.mdm\", \"name\": \"m\", \"keys\": {"
		"\"IdentityCertificateUUID\": \"x\", \"Topic\": \"com.apple.mgmt.x\", \"ServerURL\": \"https://x.example.com\"}}]}";
	struct mdm *m = open_house(*state);
	struct kept_mobileconfig *one = put(m, "wifi", NULL, WIFI("a")), *ret;
	json_t *form = json_loads(WIFI("b"), 0, NULL), *enrollment = json_loads(mdm, 0, NULL);
	struct mobileconfig_put p = { .actor = "test", .name = "wifi-2", .form = form, .base_url = "https://apps.example.com" };
	bool created;

	p.identifier = one->identifier;
	assert_false(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err));
	p.identifier = "com.example.apps.mdm";		/* it would take the enrollment's place */
	assert_false(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err));
	assert_string_equal(m->err.code, "bad_mobileconfig");
	mdm_session(m, "ota", UDID_A, NULL, NULL);
	p.identifier = "com.example.mdm";		/* of an enrollment, when the house had another name */
	assert_false(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err));
	assert_string_equal(m->err.code, "identifier_taken");
	p.identifier = "org.example.mine";
	p.form = enrollment;
	assert_false(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err));
	p.form = form;
	assert_ok(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err), &m->err);
	assert_true(created);
	assert_string_equal(ret->identifier, "org.example.mine");
	p.purpose = "own";
	assert_false(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err));
	p = (struct mobileconfig_put){ .actor = "test", .name = "Not A Slug", .form = form, .base_url = "https://apps.example.com" };
	assert_false(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err));
	p = (struct mobileconfig_put){ .actor = "test", .name = "theirs", .person = "nobody", .form = form,
				       .base_url = "https://apps.example.com" };
	assert_false(mobileconfig_put(m->ctx, m->db, m->sealer, &p, &created, &ret, &m->err));
	assert_string_equal(m->err.code, "unknown_person");
	json_decref(form);
	json_decref(enrollment);
}

static void
a_device_that_changed_hands_has_what_its_new_person_has_and_nothing_of_the_one_before(void **state)
{
	struct mdm *m = open_house(*state);
	struct keeper *k = keeper_new(m, UDID_A, "p-anna");
	const char *id = mdm_text(m, "SELECT id FROM device");

	put(m, "annas", NULL, WIFI("of-anna"));
	assign(m, "a", "annas", "{\"person\": \"anna\"}", NULL);
	put(m, "bens", NULL, WIFI("of-ben"));
	assign(m, "b", "bens", "{\"person\": \"ben\"}", NULL);
	catches_up(k);
	assert_int_equal(k->n, 1);
	assert_non_null(strstr(k->items[0].payloads, "of-anna"));
	assert_ok(device_person_set(m->db, "admin", id, "ben", &m->err), &m->err);
	assert_ok(device_person_set(m->db, "admin", id, "ben", &m->err), &m->err);	/* as it is: nothing happens */
	assert_int_equal(mdm_audited(m, "device.person"), 1);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM job WHERE kind = 'managed_app_device'"), 1);
	catches_up(k);
	assert_int_equal(k->n, 1);
	assert_non_null(strstr(k->items[0].payloads, "of-ben"));
	assert_string_equal(phone_enrollment(k->phone)->person_id, "p-ben");	/* whose the web clip's pages are */
	assert_ok(device_person_set(m->db, "admin", id, NULL, &m->err), &m->err);
	catches_up(k);
	assert_int_equal(k->n, 0);
	assert_null(phone_enrollment(k->phone)->person_id);
	assert_false(device_person_set(m->db, "admin", id, "zoe", &m->err));
	assert_int_equal(m->err.kind, ERR_INVALID);
	assert_false(device_person_set(m->db, "admin", "no-such-device", "ben", &m->err));
	assert_int_equal(m->err.kind, ERR_MISSING);
	assert_true(phone_check_out(k->phone));
	assert_false(device_person_set(m->db, "admin", id, "ben", &m->err));
	assert_int_equal(m->err.kind, ERR_CONFLICT);
}

static void
sql(struct mdm *m, const char *text)
{
	assert_ok(db_run(m->db, &m->err, text), &m->err);
}

static void
of_5000_mobileconfigs_that_are_for_others_none_is_read_for_a_device(void **state)
{
	struct mdm *m = open_house(*state);
	struct rows *rows;
	int found = 0;

	sql(m, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO person (id, name, folded, role,"
	       " password, created) SELECT 'x' || i, 'x' || i, 'x' || i, 'member', '', 1 FROM n");
	sql(m, "INSERT INTO mobileconfig (id, name, purpose, identifier, version, person_id, created, changed) SELECT 'm' || id, id, 'device',"
	       " id, 1, id, 1, 1 FROM person");
	/* for everyone; for an audience of anna's, and for one of ben's */
	sql(m, "INSERT INTO mobileconfig (id, name, purpose, identifier, version, created, changed) VALUES ('all', 'all', 'device', 'all', 1, 1, 1),"
	       " ('hers', 'hers', 'device', 'hers', 1, 1, 1), ('his', 'his', 'device', 'his', 1, 1, 1), ('own', 'own', 'own', 'own', 1, 1, 1)");
	sql(m, "INSERT INTO mobileconfig_version (mobileconfig_id, version, title, variables, form, sealed, created_by, created) SELECT id, 1, id,"
	       " '[]', '', FALSE, 'test', 1 FROM mobileconfig");
	sql(m, "INSERT INTO audience (id, tree, hash, created) VALUES ('a', '', 'a', 1), ('b', '', 'b', 1)");
	sql(m, "INSERT INTO audience_person (audience_id, person_id) VALUES ('a', 'p-anna'), ('b', 'p-ben')");
	sql(m, "INSERT INTO assignment (id, mobileconfig_id, audience_id, devices, created) VALUES ('1', 'all', NULL, '', 1), ('2', 'hers', 'a',"
	       " '', 1), ('3', 'his', 'b', '', 1), ('4', 'own', NULL, '', 1)");
	rows = db_query(m->ctx, m->db, desired_wants_sql, db_text("p-anna"));
	for (; rows_next(rows, &m->err) == ROWS_ROW; found++)
		assert_string_equal(rows_text(m->ctx, rows, 0), ((const char *[]){ "all", "hers", "mp-anna", "" })[found]);
	assert_int_equal(found, 3);
	/* nobody's device: what is for everyone */
	rows = db_query(m->ctx, m->db, desired_wants_sql, db_text(NULL));
	assert_true(rows_next(rows, &m->err) == ROWS_ROW);
	assert_string_equal(rows_text(m->ctx, rows, 0), "all");
	assert_true(rows_next(rows, &m->err) == ROWS_END);
	/* each table by what it is looked for; of assignments those for everyone are all wanted */
	rows = db_query(m->ctx, m->db, mem_printf(m->ctx, "EXPLAIN QUERY PLAN %s", desired_wants_sql), db_text(""));
	for (found = 0; rows_next(rows, &m->err) == ROWS_ROW; ) {
		const char *plan = rows_text(m->ctx, rows, 3);

		if (strstr(plan, "SCAN ") && !strstr(plan, "SCAN a USING INDEX assignment_everyone"))
			fail_msg("%s", plan);
		found += strstr(plan, "SEARCH m USING INDEX mobileconfig_person") || strstr(plan, "SEARCH p USING INDEX audience_person_person") ||
			strstr(plan, "SEARCH a USING INDEX assignment_audience");
	}
	assert_int_equal(found, 3);
}

TESTS(of_5000_mobileconfigs_that_are_for_others_none_is_read_for_a_device, what_is_assigned_is_installed_and_only_the_list_says_so,
      a_device_gets_all_of_it_when_it_enrolls_and_again_when_it_enrolls_anew, must_57_a_new_version_keeps_identifiers_and_uuids,
      a_version_that_comes_while_the_device_installs_goes_out_behind_it,
      a_change_that_is_not_looked_at_yet_goes_out_once, a_missing_value_is_named_and_the_device_gets_it_once_it_is_there,
      what_is_taken_off_or_changed_on_the_device_is_put_back_and_not_in_a_race,
      who_leaves_the_audience_loses_it_and_nobody_loses_what_is_not_ours,
      what_goes_before_it_came_leaves_no_trace_and_what_comes_back_stays, a_mobileconfig_that_is_removed_goes_from_the_devices,
      an_imported_mobileconfig_that_is_deleted_and_uploaded_again_stays_on_the_devices,
      what_took_the_place_of_another_goes_with_it_even_when_it_never_came,
      what_is_for_one_person_is_on_no_device_of_another, must_55_and_56_secrets_go_out_encrypted_for_this_device_or_not_at_all,
      secrets_are_for_the_identity_that_the_device_speaks_with, what_a_device_refused_under_one_identity_is_tried_again_under_the_next,
      a_refusal_is_shown_in_the_devices_words_tried_again_and_given_up, what_is_acknowledged_and_not_listed_has_failed,
      a_device_back_from_a_drawer_gets_what_waited_for_it_all_the_time,
      what_failed_is_due_no_more_when_the_device_leaves_and_again_when_it_is_back,
      a_clock_that_was_ahead_once_does_not_put_off_what_is_due, a_device_that_answers_does_not_read_what_is_due_of_the_fleet,
      a_command_that_is_cancelled_or_expires_is_not_the_end_of_it, a_device_without_the_right_is_not_sent_it_and_it_is_said,
      what_is_to_go_from_a_device_that_came_back_without_the_right_is_not_sent_and_it_is_said,
      facts_that_a_device_reports_decide_which_assignments_are_for_it, a_fleet_gets_one_command_and_no_cause_is_lost_with_the_process,
      a_filter_fits_what_it_says_and_nothing_that_was_not_reported, a_mobileconfig_keeps_its_names_and_refuses_what_would_break_the_house,
      a_device_that_changed_hands_has_what_its_new_person_has_and_nothing_of_the_one_before)
