/* The web clip: what it looks like, its way to devices, what an app is on one of them, and how often is too often. */
#include "tests/check_mdm.h"
#include "catalog/app_device.h"
#include "catalog/family.h"
#include "core/clock.h"
#include "core/secret.h"
#include "ipa/icon.h"
#include "mdm/clip.h"
#include "mdm/payload.h"
#include "mdm/queue_turn.h"
#include "web/clip_visit.h"
#include "web/pace.h"
#include "web/request.h"
#include "web/site.h"
#include <stdlib.h>

#define IDENTIFIER "com.example.apps.clip"

/* ---- icons ---- */

static const unsigned char *
pixel(const struct icon *icon, int x, int y)
{
	return (const unsigned char *)icon->rgba.p + ((size_t)y * (size_t)icon->width + (size_t)x) * 4;
}

static struct icon *
letter(TALLOC_CTX *ctx, const char *name)
{
	struct bytes png;
	struct icon *icon;
	struct err err;

	assert_ok(icon_letter(ctx, name, "#0a58ca", "#ffffff", 180, &png, &err), &err);
	assert_ok(icon_read(ctx, png, &icon, &err), &err);
	assert_int_equal(icon->width, 180);
	assert_int_equal(icon->height, 180);
	return icon;
}

static int
inked(const struct icon *icon)
{
	int n = 0;

	for (int y = 0; y < icon->height; y++)
		for (int x = 0; x < icon->width; x++)
			n += pixel(icon, x, y)[0] > 200;
	return n;
}

static void
every_letter_and_digit_is_drawn_in_ink_and_like_no_other(void **state)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789";
	struct bytes seen[sizeof all] = { 0 };
	struct err err;

	for (size_t i = 0; all[i]; i++) {
		struct icon *icon = letter(*state, (char[2]){ all[i], 0 });

		assert_in_range(inked(icon), 300, 180 * 180 / 3);
		for (int y = 0; y < 180; y++)
			for (int x = 0; x < 180; x++)
				assert_int_equal(pixel(icon, x, y)[3], 255);	/* a home screen shows black there */
		assert_memory_equal(pixel(icon, 0, 0), "\x0a\x58\xca\xff", 4);
		assert_ok(icon_letter(*state, (char[2]){ all[i], 0 }, "#0a58ca", "#ffffff", 60, &seen[i], &err), &err);
		for (size_t k = 0; k < i; k++)
			assert_false(seen[k].len == seen[i].len && memcmp(seen[k].p, seen[i].p, seen[i].len) == 0);
	}
	assert_int_equal(inked(letter(*state, "example")), inked(letter(*state, "Example")));
	assert_in_range(inked(letter(*state, "漢字")), 300, 180 * 180 / 3);	/* the plain mark */
	assert_in_range(inked(letter(*state, "")), 300, 180 * 180 / 3);
	assert_false(icon_letter(*state, "A", "red", "#ffffff", 60, &seen[0], &err));
}

static struct icon
flat(TALLOC_CTX *ctx, int width, int height, unsigned char alpha)
{
	unsigned char *rgba = mem_array(ctx, unsigned char, (size_t)width * (size_t)height * 4);

	for (int i = 0; i < width * height; i++)
		memcpy(rgba + i * 4, (unsigned char[]){ 200, 30, 60, alpha }, 4);
	return (struct icon){ width, height, "png", { rgba, (size_t)width * (size_t)height * 4 } };
}

static struct icon *
at_home(TALLOC_CTX *ctx, struct icon from)
{
	struct bytes png;
	struct icon *icon;
	struct err err;

	assert_ok(icon_home(ctx, &from, PAYLOAD_CLIP_ICON_SIDE, &png, &err), &err);
	assert_ok(icon_read(ctx, png, &icon, &err), &err);
	assert_int_equal(icon->width, PAYLOAD_CLIP_ICON_SIDE);
	assert_int_equal(icon->height, PAYLOAD_CLIP_ICON_SIDE);
	for (size_t i = 3; i < icon->rgba.len; i += 4)
		assert_int_equal(((const unsigned char *)icon->rgba.p)[i], 255);
	return icon;
}

static void
must_58_a_logo_fills_its_square_icon_or_stands_in_the_middle_of_a_white_one(void **state)
{
	struct icon *square = at_home(*state, flat(*state, 64, 64, 255)), *wide = at_home(*state, flat(*state, 300, 100, 255)),
		    *faint = at_home(*state, flat(*state, 64, 64, 0));

	assert_memory_equal(pixel(square, 0, 0), "\xc8\x1e\x3c", 3);
	assert_memory_equal(pixel(wide, 0, 0), "\xff\xff\xff", 3);
	assert_memory_equal(pixel(wide, 200, 200), "\xc8\x1e\x3c", 3);
	assert_memory_equal(pixel(wide, 200, 60), "\xff\xff\xff", 3);
	assert_memory_equal(pixel(faint, 200, 200), "\xff\xff\xff", 3);
}

/* ---- what an app is on a device ---- */

static json_t *
offered(const char *version, const char *build, bool installable)
{
	return json_pack("{s:s, s:s, s:s, s:b}", "version", version, "build", build, "minimum_os", "17.2", "installable", installable);
}

static void
an_app_has_one_state_on_a_device_made_of_what_is_known(void **state)
{
	static const struct {
		const char *version, *build;	/* offered */
		const char *here_version, *here_build;	/* NULL: not there */
		const char *asked, *os, *is, *note;
		bool cannot, installing;
	} rows[] = {
		{ "2.0", "20", NULL, NULL, "", "18.1", "get", "" },
		{ "2.0", "20", NULL, NULL, "", "", "get", "" },			/* what is not known stands in nobody's way */
		{ "2.0", "20", NULL, NULL, "", "17.1", "needs_ios", "" },
		{ "2.0", "20", NULL, NULL, "", "17.2", "get", "" },
		{ "2.0", "20", NULL, NULL, "", "18.1", "not_now", "", .cannot = true },
		{ "2.0", "20", "2.0", "20", "", "18.1", "open", "" },
		{ "2.0", "21", "2.0", "20", "", "18.1", "update", "" },
		{ "2.10", "1", "2.9", "900", "", "18.1", "update", "" },
		{ "1.9", "10", "2.0", "20", "", "18.1", "open", "" },		/* newer than what is offered */
		{ "2.0", "21", "2.0", "20", "", "17.0", "open", "" },		/* too old to be updated, not to be opened */
		{ "2.0", "21", "2.0", "20", "", "18.1", "open", "", .cannot = true },
		{ "2.0", "20", "", "", "", "18.1", "open", "" },
		{ "2.0", "20", NULL, NULL, "wanted", "18.1", "waiting", "" },
		{ "2.0", "20", NULL, NULL, "queued", "18.1", "waiting", "" },
		{ "2.0", "20", NULL, NULL, "sent", "18.1", "waiting", "" },
		{ "2.0", "20", NULL, NULL, "acknowledged", "18.1", "installing", "" },
		{ "2.0", "20", "1.0", "1", "installing", "18.1", "installing", "" },
		{ "2.0", "20", "2.0", "20", "", "18.1", "installing", "", .installing = true },
		{ "2.0", "20", "2.0", "20", "installed", "18.1", "open", "" },
		{ "2.0", "20", NULL, NULL, "installed", "18.1", "get", "" },	/* and taken away by its owner */
		{ "2.0", "20", NULL, NULL, "declined", "18.1", "get", "declined" },
		{ "2.0", "20", "1.0", "1", "failed", "18.1", "update", "failed" },
		{ "2.0", "20", NULL, NULL, "timed_out", "18.1", "get", "timed_out" },
		{ "2.0", "20", "2.0", "20", "timed_out", "18.1", "open", "" },
		{ "2.0", "20", "2.0", "20", "removing", "18.1", "leaving", "" },
		{ "2.0", "20", NULL, NULL, "removed", "18.1", "get", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *app = offered(rows[i].version, rows[i].build, !rows[i].cannot), *asked = json_pack("{s:s}", "state", rows[i].asked);
		json_t *here = rows[i].here_version ? json_pack("{s:s, s:s, s:b}", "installed_version", rows[i].here_version,
								 "installed_build", rows[i].here_build, "installing", rows[i].installing) : NULL;
		const char *is = app_device_state(app, here, *rows[i].asked ? asked : NULL, rows[i].os, "iPhone15,4");

		if (strcmp(is, rows[i].is) != 0)
			fail_msg("row %zu is %s, not %s", i, is, rows[i].is);
		assert_string_equal(app_device_note(is, asked), rows[i].note);
		json_decref(app);
		json_decref(here);
		json_decref(asked);
	}
}

static void
what_is_made_for_the_ipad_alone_is_offered_to_no_iphone_and_an_ipad_takes_what_is_made_for_the_iphone(void **state)
{
	static const struct { const char *facts, *product, *is; } rows[] = {
		{ "{\"device_family\":[2]}", "iPhone15,4", "needs_ipad" }, { "{\"device_family\":[2]}", "iPod9,1", "needs_ipad" },
		{ "{\"device_family\":[2]}", "iPad13,4", "get" }, { "{\"device_family\":[2]}", "", "get" },
		{ "{\"device_family\":[1]}", "iPad13,4", "get" }, { "{\"device_family\":[1]}", "iPhone15,4", "get" },
		{ "{\"device_family\":[1,2]}", "iPhone15,4", "get" }, { "{\"device_family\":[]}", "iPhone15,4", "get" },
		{ "{}", "iPhone15,4", "get" }, { "no JSON", "iPhone15,4", "get" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *app = offered("2.0", "20", true), *facts = json_loads(rows[i].facts, 0, NULL);
		json_t *here = json_pack("{s:s, s:s, s:b}", "installed_version", "1.0", "installed_build", "10", "installing", 0);

		json_object_set_new(app, "ipad_only", json_boolean(family_is_ipads(facts)));
		json_decref(facts);
		if (strcmp(app_device_state(app, NULL, NULL, "18.1", rows[i].product), rows[i].is) != 0)
			fail_msg("row %zu is not %s", i, rows[i].is);
		/* nor is what is there updated by it */
		assert_string_equal(app_device_state(app, here, NULL, "18.1", rows[i].product),
				    strcmp(rows[i].is, "get") == 0 ? "update" : "open");
		json_decref(here);
		json_decref(app);
	}
}

static void
a_page_leads_to_no_scheme_that_means_something_else(void **state)
{
	static const char *const good[] = { "fieldbook", "com.example.app", "x-y+z", "demo2" },
		*const bad[] = { "", "a", "javascript", "JavaScript", "data", "https", "itms-services", "tel", "1demo", "de mo", "demo:",
				 "d\xc3\xa9mo", "demo\"", "-demo" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(app_device_scheme_ok(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (app_device_scheme_ok(bad[i]))
			fail_msg("\"%s\" is taken", bad[i]);
}

/* ---- its way to the device ---- */

static const struct clip_look look_a = { .on = true, .label = "A", .hash = "aaa" }, look_b = { .on = true, .label = "B", .hash = "bbb" },
	look_off = { .on = false, .label = "A", .hash = "aaa" };

struct begins {
	struct enrollment *enrollment;
	const struct clip_look *look;
};

static bool
tx_begin(struct db *tx, void *arg, struct err *err)
{
	const struct begins *b = arg;

	return clip_begin(tx, b->enrollment, b->enrollment->id, b->look, err);
}

static void
later(struct mdm *m, int64_t seconds)
{
	char iso[CLOCK_ISO_SIZE];

	mdm_at(m, clock_iso(clock_now() + seconds, iso));
}

static struct enrollment *
begun(struct mdm *m, struct phone *p, const struct clip_look *look)
{
	struct begins b = { phone_enrollment(p), look };
	struct err err;

	assert_ok(db_tx(m->db, tx_begin, &b, &err), &err);
	return b.enrollment;
}

struct happens {
	struct enrollment *enrollment;
	const char *kind, *what, *why;
	bool answered;
};

static bool
tx_happens(struct db *tx, void *arg, struct err *err)
{
	const struct happens *h = arg;
	const struct queued command = { .kind = h->kind, .request_type = strcmp(h->kind, CLIP_KIND) == 0 ? "InstallProfile" : "RemoveProfile" };

	return h->answered ? clip_answered(tx, &command, h->enrollment, h->what, h->why, err)
			   : clip_ended(tx, &command, h->enrollment, h->what, err);
}

static void
happens(struct mdm *m, struct enrollment *e, const char *kind, const char *what, bool answered)
{
	struct happens h = { e, kind, what, "it said no", answered };
	struct err err;

	assert_ok(db_tx(m->db, tx_happens, &h, &err), &err);
}

static bool
tx_listed(struct db *tx, void *arg, struct err *err)
{
	return clip_listed(tx, ((struct enrollment *)arg)->device_id, IDENTIFIER, err);
}

static void
listed(struct mdm *m, struct enrollment *e, bool there)
{
	struct err err;

	assert_ok(db_run(m->db, &err, "DELETE FROM installed_mobileconfig WHERE device_id = $1", db_text(e->device_id)), &err);
	if (there)
		assert_ok(db_run(m->db, &err, "INSERT INTO installed_mobileconfig (device_id, identifier, at) VALUES ($1, $2, 1)",
				 db_text(e->device_id), db_text(IDENTIFIER)), &err);
	assert_ok(db_tx(m->db, tx_listed, e, &err), &err);
}

static void
handed(struct mdm *m, struct enrollment *e, const struct clip_look *look)
{
	struct err err;

	assert_ok(clip_handed(m->db, e->id, e->id, look, &err), &err);
}

/* As the job does it; how many it did something for. */
static size_t
rounds(struct mdm *m, const struct clip_look *look)
{
	struct clip_round round;
	struct err err;
	size_t n = 0, rounds_n = 0;

	do {
		assert_ok(clip_round(m->ctx, m->db, look, &round, &err), &err);
		for (size_t i = 0; i < round.n; i++)
			round.token_hashes[i] = round.ids[i];
		if (round.n)
			assert_ok(clip_round_queue(m->db, look, &round, &err), &err);
		n += round.n;
		assert_true(++rounds_n < 10);
	} while (round.n);
	return n;
}

static void
is_in(struct mdm *m, struct enrollment *e, const char *state)
{
	struct err err;
	json_t *clip;

	assert_ok(clip_show(m->db, e->device_id, &clip, &err), &err);
	assert_string_equal(json_string_value(json_object_get(clip, "state")), state);
	json_decref(clip);
}

static int64_t
waiting(struct mdm *m, const char *kind)
{
	return mdm_number(m, mem_printf(m->ctx, "SELECT count(*) FROM command_queue q JOIN command c ON c.id = q.command_id"
				     " WHERE c.kind = '%s'", kind));
}

static void
never_waits_any_more(struct mdm *m)
{
	struct err err;

	assert_ok(db_run(m->db, &err, "DELETE FROM command_queue"), &err);
}

static void
acknowledged_is_not_there_until_the_device_lists_it(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct enrollment *e = begun(m, phone_enrolled(m, UDID_A), &look_a);

	is_in(m, e, "wanted");
	assert_int_equal(waiting(m, "clip"), 1);
	assert_int_equal(rounds(m, &look_a), 0);
	listed(m, e, false);		/* a list from before it came */
	is_in(m, e, "wanted");
	handed(m, e, &look_a);
	happens(m, e, CLIP_KIND, "Acknowledged", true);
	is_in(m, e, "sent");
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command WHERE request_type = 'ProfileList'"), 1);
	listed(m, e, true);
	is_in(m, e, "installed");
	assert_int_equal(rounds(m, &look_a), 0);
}

static void
a_change_that_meets_its_command_under_way_is_sent_behind_it(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct enrollment *e = begun(m, phone_enrolled(m, UDID_A), &look_a);

	handed(m, e, &look_a);		/* the device has it, and has not answered yet */
	assert_int_equal(rounds(m, &look_b), 1);
	assert_int_equal(waiting(m, "clip"), 1);
	never_waits_any_more(m);
	happens(m, e, CLIP_KIND, "Acknowledged", true);
	assert_int_equal(rounds(m, &look_b), 1);
	is_in(m, e, "wanted");
	assert_int_equal(waiting(m, "clip"), 1);
	handed(m, e, &look_b);
	never_waits_any_more(m);
	happens(m, e, CLIP_KIND, "Acknowledged", true);
	listed(m, e, true);
	assert_int_equal(rounds(m, &look_b), 0);
	is_in(m, e, "installed");
}

static void
what_a_device_refuses_is_tried_later_each_time_and_not_for_ever(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct enrollment *e = begun(m, phone_enrolled(m, UDID_A), &look_a);
	int64_t last = 0, due;

	for (int i = 1; i < CLIP_ATTEMPTS; i++) {
		never_waits_any_more(m);
		happens(m, e, CLIP_KIND, "Error", true);
		is_in(m, e, "failed");
		assert_int_equal(rounds(m, &look_a), 0);
		due = mdm_number(m, "SELECT due - changed FROM clip");
		assert_true(due > last);
		last = due;
		later(m, due + 1);
		assert_int_equal(rounds(m, &look_a), 1);
		is_in(m, e, "wanted");
	}
	never_waits_any_more(m);
	happens(m, e, CLIP_KIND, "Error", true);
	later(m, 400 * DAY_S);
	assert_int_equal(rounds(m, &look_a), 0);
	assert_int_equal(rounds(m, &look_b), 1);	/* another look begins anew */
}

static void
what_a_clock_that_was_ahead_has_put_off_is_tried_as_soon_as_the_clock_is_right(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct enrollment *e = begun(m, phone_enrolled(m, UDID_A), &look_a);

	for (int i = 1; i < CLIP_ATTEMPTS - 1; i++) {
		never_waits_any_more(m);
		happens(m, e, CLIP_KIND, "Error", true);
		later(m, 10 * DAY_S);
		assert_int_equal(rounds(m, &look_a), 1);
	}
	never_waits_any_more(m);
	happens(m, e, CLIP_KIND, "Error", true);	/* of all of them the longest wait */
	assert_int_equal(rounds(m, &look_a), 0);
	later(m, -40 * DAY_S);
	assert_int_equal(rounds(m, &look_a), 1);
	is_in(m, e, "wanted");
	/* it is to go: asked again, should no list of the device come */
	later(m, 40 * DAY_S);
	handed(m, e, &look_a);
	assert_int_equal(rounds(m, &look_off), 1);
	never_waits_any_more(m);
	happens(m, e, CLIP_KIND_REMOVE, "Acknowledged", true);
	assert_int_equal(rounds(m, &look_off), 0);
	later(m, -40 * DAY_S);
	assert_int_equal(rounds(m, &look_off), 1);
}

static void
a_device_that_slept_its_command_away_gets_another_and_what_an_admin_cancels_stays_cancelled(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct enrollment *e = begun(m, phone_enrolled(m, UDID_A), &look_a);

	for (int i = 0; i < 2 * CLIP_ATTEMPTS; i++) {
		never_waits_any_more(m);
		happens(m, e, CLIP_KIND, "expired", false);
		assert_int_equal(rounds(m, &look_a), 1);
		is_in(m, e, "wanted");
	}
	never_waits_any_more(m);
	happens(m, e, CLIP_KIND, QUEUE_CLEARED, false);	/* with all that waited: that was not about the web clip */
	is_in(m, e, "failed");
	assert_int_equal(rounds(m, &look_a), 0);
	later(m, HOUR_S);
	assert_int_equal(rounds(m, &look_a), 1);
	is_in(m, e, "wanted");
	never_waits_any_more(m);
	happens(m, e, CLIP_KIND, "cancelled", false);
	later(m, DAY_S);
	assert_int_equal(rounds(m, &look_a), 0);
	is_in(m, e, "failed");
}

static void
switched_off_it_goes_from_where_it_ever_came_and_nowhere_else(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct enrollment *has = begun(m, phone_enrolled(m, UDID_A), &look_a), *never = begun(m, phone_enrolled(m, UDID_B), &look_a);

	handed(m, has, &look_a);
	never_waits_any_more(m);
	happens(m, has, CLIP_KIND, "Acknowledged", true);
	listed(m, has, true);
	assert_int_equal(rounds(m, &look_off), 2);
	is_in(m, has, "going");
	is_in(m, never, "gone");
	assert_int_equal(waiting(m, "clip_remove"), 1);
	never_waits_any_more(m);
	happens(m, has, CLIP_KIND_REMOVE, "Acknowledged", true);
	is_in(m, has, "going");
	listed(m, has, false);
	is_in(m, has, "gone");
	assert_int_equal(rounds(m, &look_off), 0);
	assert_int_equal(rounds(m, &look_a), 2);
	is_in(m, has, "wanted");
	is_in(m, never, "wanted");
}

static void
a_fleet_gets_it_in_rounds_each_device_once(void **state)
{
	enum { FLEET = 2 * CLIP_CHUNK + 300 };
	struct mdm *m = mdm_new(*state);
	struct err err;

	assert_ok(db_run(m->db, &err, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < $1)"
		" INSERT INTO device (id, udid, enrollment_id, created, changed) SELECT 'd' || i, 'u' || i, 'e' || i, 1, 1 FROM c",
		db_int(FLEET)), &err);
	assert_ok(db_run(m->db, &err, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created)"
		" SELECT enrollment_id, id, 's', 'enrolled', 'i' || id, CASE WHEN id = 'd7' THEN 1 ELSE 8191 END, 1 FROM device"), &err);
	assert_int_equal(rounds(m, &look_a), FLEET - 1);	/* one may not be given mobileconfigs */
	assert_int_equal(waiting(m, "clip"), FLEET - 1);
	assert_int_equal(rounds(m, &look_a), 0);
}

static void
a_token_opens_its_own_device_while_the_enrollment_lasts(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct begins b = { phone_enrollment(p), &look_a };
	char hash[SECRET_HASH_SIZE];
	struct clip *clip;
	struct err err;

	assert_ok(db_tx(m->db, tx_begin, &b, &err), &err);
	assert_ok(clip_handed(m->db, b.enrollment->id, secret_hash("the token", hash), &look_a, &err), &err);
	assert_ok(clip_open(*state, m->db, "the token", &clip, &err), &err);
	assert_string_equal(clip->device_id, b.enrollment->device_id);
	assert_false(clip_open(*state, m->db, "another", &clip, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(enrollment_retire(m->db, "anna", b.enrollment->device_id, "a test", &err), &err);
	assert_false(clip_open(*state, m->db, "the token", &clip, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

/* The build was deleted a moment ago, or the database is busy: what is over stays over. */
static void
an_app_of_which_it_cannot_be_found_out_is_not_offered(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct clip clip = { .device_id = phone_enrollment(p)->device_id, .os_version = "18.7", .product = "iPhone15,4" };
	struct clip_visit visit = { .clip = &clip, .installs = true, .here = json_array(), .asked = json_object() };
	json_t *app = json_pack("{s:s, s:s, s:b}", "bundle_id", "com.example.demo", "build_id", "deleted", "installable", 0);
	struct req *req = mem_new(*state, struct req);

	req->site = mem_new(req, struct site);
	req->site->db = m->db;
	clip_visit_state(req, &visit, app);
	assert_false(json_is_true(json_object_get(app, "installable")));
	assert_string_not_equal(json_string_value(json_object_get(app, "state")), "install");
	json_decref(app);
	json_decref(visit.here);
	json_decref(visit.asked);
}

/* ---- how often ---- */

static void
too_often_is_refused_until_the_minute_is_over(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct err err;

	for (int i = 0; i < 5; i++)
		assert_ok(pace_take("one", 5, &err), &err);
	assert_false(pace_take("one", 5, &err));
	assert_int_equal(err.kind, ERR_RATE);
	assert_in_range(err.retry_s, 1, PACE_S);
	assert_ok(pace_take("another", 5, &err), &err);
	later(m, PACE_S);
	assert_ok(pace_take("one", 5, &err), &err);
}

TESTS(every_letter_and_digit_is_drawn_in_ink_and_like_no_other,
      must_58_a_logo_fills_its_square_icon_or_stands_in_the_middle_of_a_white_one,
      an_app_has_one_state_on_a_device_made_of_what_is_known,
      what_is_made_for_the_ipad_alone_is_offered_to_no_iphone_and_an_ipad_takes_what_is_made_for_the_iphone,
      a_page_leads_to_no_scheme_that_means_something_else,
      acknowledged_is_not_there_until_the_device_lists_it,
      a_change_that_meets_its_command_under_way_is_sent_behind_it,
      what_a_device_refuses_is_tried_later_each_time_and_not_for_ever,
      what_a_clock_that_was_ahead_has_put_off_is_tried_as_soon_as_the_clock_is_right,
      a_device_that_slept_its_command_away_gets_another_and_what_an_admin_cancels_stays_cancelled,
      switched_off_it_goes_from_where_it_ever_came_and_nowhere_else,
      a_fleet_gets_it_in_rounds_each_device_once,
      a_token_opens_its_own_device_while_the_enrollment_lasts,
      an_app_of_which_it_cannot_be_found_out_is_not_offered,
      too_often_is_refused_until_the_minute_is_over)
