/*
 * Push: what wakes devices.  The certificate that Apple gives for it, a push to try it, and what Apple answered
 * last.
 */
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "mdm/enrollment_token.h"
#include "mdm/push_certificate.h"
#include "mdm/push_due.h"
#include "mdm/pusher.h"
#include "web/rooms.h"
#include <string.h>
#include <unistd.h>

#define TEST_MS		5000	/* how long a test waits for Apple's answer */
#define TEST_STEP_US	100000

/* ---- the worker and its sweep ---- */

static const struct conf *
conf_of(void *site)
{
	return site_conf(site);
}

struct sweep {
	int64_t before, due;
	const char *after;
};

static bool
tx_next_sweep(struct db *tx, void *arg, struct err *err)
{
	const struct sweep *s = arg;

	return job_add(tx, "push_sweep", json_pack("{s:I, s:s}", "before", (json_int_t)s->before, "after", s->after), s->due,
		       "push_sweep", err);
}

/* Once an hour: of the silent those that are so for a whole number of days since the last time. */
bool
job_push_sweep(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	int64_t before = json_integer_value(json_object_get(job->args, "before")), now = clock_now();
	struct sweep next = { .before = now, .due = now + HOUR_S, .after = "" };
	struct site *site = p;
	char after[64] = "";

	(void)ctx;
	if (!before || before > now)	/* the first one, or the clock was set back */
		before = now - HOUR_S;
	do
		if (!push_sweep(site->db, before, now, after, err))
			return false;
	while (*after);
	return db_tx(site->db, tx_next_sweep, &next, err);
}

bool
push_start(struct site *site, struct err *err)
{
	struct sweep first = { .after = "" };

	return db_tx(site->db, tx_next_sweep, &first, err) &&
	       pusher_start(site, site->db, site->sealer, conf_of, site, &site->pusher, err);
}

/* ---- the page ---- */

struct outcome {
	const char *changed;		/* "imported", "resumed", "taken", "refused", "waiting"; NULL */
	const char *device, *reason;	/* of a test */
	const struct err *refused;
};

static json_t *
certificates_of(struct req *req, const json_t *show)
{
	json_t *list = json_array(), *c, *item;
	size_t i;

	json_array_foreach(json_object_get(show, "certificates"), i, c) {
		time_t at = 0;
		struct err err;

		item = json_deep_copy(c);
		if (clock_parse(text_of(c, "expires"), &at, &err))
			json_object_set_new(item, "days", json_integer((at - clock_now()) / DAY_S));
		json_object_set_new(item, "soon", json_boolean(at - clock_now() < (time_t)PUSH_WARN_DAYS * DAY_S));
		json_object_set_new(item, "expires", page_date_of(req, c, "expires"));
		json_array_append_new(list, item);
	}
	return list;
}

static bool
recent_of(struct req *req, const json_t *shown, json_t *list, struct err *err)
{
	json_t *r;
	size_t i;

	json_array_foreach(json_object_get(shown, "recent"), i, r) {
		json_int_t status = json_integer_value(json_object_get(r, "status"));
		char *device, *name;

		if (!enrollment_device(req, req->site->db, text_of(r, "enrollment_id"), &device, &name, err))
			return false;
		json_array_append_new(list, json_pack("{s:o, s:s, s:o, s:I, s:s, s:b}", "at", page_moment_of(req, r, "at"),
			"name", name, "url", *device ? json_sprintf("/admin/devices/%s", device) : json_null(), "status", status,
			"reason", text_of(r, "reason"), "taken", status == 200));
	}
	return true;
}

static json_t *
wanted_of(struct req *req, const json_t *show)
{
	json_t *list = json_array(), *w;
	size_t i;

	json_array_foreach(json_object_get(show, "wanted"), i, w)
		json_array_append_new(list, json_pack("{s:o}", "created", page_moment_of(req, w, "created")));
	return list;
}

static json_t *
refused_of(struct req *req, const struct err *refused)
{
	char *text;

	if (!refused)
		return json_null();
	text = mem_size(req, sizeof refused->path + sizeof refused->cause + 2);
	return json_pack("{s:s, s:b}", "text", err_text(refused, text, sizeof refused->path + sizeof refused->cause + 2),
			 "topic", strcmp(refused->code, "push_topic") == 0);
}

static bool
page(struct req *req, struct reply *reply, const struct outcome *o, struct err *err)
{
	json_t *show, *shown, *recent = json_array(), *data;
	int64_t due;
	bool ok;

	if (!push_certificate_show(req->site->db, &show, err)) {
		json_decref(recent);
		return false;
	}
	if (!push_count(req->site->db, &due, err)) {
		json_decref(show);
		json_decref(recent);
		return false;
	}
	shown = req->site->pusher ? pusher_show(req->site->pusher) : json_object();
	data = json_pack("{s:O, s:o, s:o, s:s?, s:I, s:o, s:s?, s:s, s:s, s:o}", "state", json_object_get(show, "state"),
			 "certificates", certificates_of(req, show), "wanted", wanted_of(req, show), "stuck",
			 json_string_value(json_object_get(shown, "stuck")), "due", (json_int_t)due, "recent", recent,
			 "changed", o->changed, "device", o->device ? o->device : "", "reason", o->reason ? o->reason : "",
			 "refused", refused_of(req, o->refused));
	ok = recent_of(req, shown, recent, err);
	json_decref(shown);
	json_decref(show);
	if (!ok) {
		json_decref(data);
		return false;
	}
	return reply_page_status(reply, req, o->refused ? err_http_status(o->refused->kind) : 200, "push", data, err);
}

static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	struct outcome o = { .changed = req_query(req, "changed") };

	return page(req, reply, &o, err);
}

/* ---- what is done there ---- */

static bool
want(struct req *req, char **pem, struct err *err)
{
	return push_certificate_want(req, req->site->db, req->site->sealer, person_actor(req, req->person), site_name(req->site), pem, err);
}

static bool
post_csr(struct req *req, struct reply *reply, struct err *err)
{
	struct outcome o = { 0 };
	struct err refused = { 0 };
	char *pem;

	if (!want(req, &pem, &refused)) {
		if (refused.kind == ERR_INTERNAL)
			return (*err = refused, false);
		o.refused = &refused;
		return page(req, reply, &o, err);
	}
	reply_header(reply, "Content-Disposition", "attachment; filename=\"push.csr\"");
	return reply_text(reply, 200, "application/pkcs10", pem);
}

static bool
post_import(struct req *req, struct reply *reply, struct err *err)
{
	const char *password = req_form(req, "password");
	struct push_import import = {
		.file = req_form_file(req, "file"), .key = req_form_file(req, "key"), .password = password && *password ? password : NULL,
		.new_topic = req_form(req, "new_topic") != NULL,
	};
	struct outcome o = { 0 };
	struct err refused = { 0 };
	json_t *show;

	if (push_certificate_import(req->site->db, req->site->sealer, person_actor(req, req->person), &import, &show, &refused)) {
		json_decref(show);
		pusher_wake(req->site->pusher);
		return reply_see(reply, "/admin/push?changed=imported");
	}
	if (refused.kind == ERR_INTERNAL)
		return (*err = refused, false);
	o.refused = &refused;
	return page(req, reply, &o, err);
}

static bool
post_resume(struct req *req, struct reply *reply, struct err *err)
{
	if (!push_certificate_resume(req->site->db, person_actor(req, req->person), err))
		return false;
	pusher_wake(req->site->pusher);
	return reply_see(reply, "/admin/push?changed=resumed");
}

/* ---- to try it ---- */

struct asking {
	const char *enrollment_id;
};

static bool
tx_ask(struct db *tx, void *arg, struct err *err)
{
	const struct asking *a = arg;

	return push_ask(tx, a->enrollment_id, clock_now(), "asked", err);
}

/* The answer to that enrollment since `before`; NULL: none yet. */
static const json_t *
answer_to(const json_t *shown, const char *enrollment_id, const char *before)
{
	json_t *r;
	size_t i;

	json_array_foreach(json_object_get(shown, "recent"), i, r)
		if (strcmp(text_of(r, "enrollment_id"), enrollment_id) == 0 && strcmp(text_of(r, "at"), before) >= 0)
			return r;
	return NULL;
}

/* Asks for a push and waits a little for what Apple says: *answer is that of pusher_show, or NULL. */
static bool
try_it(struct req *req, const char *device, json_t **answer, struct err *err)
{
	const char *before = clock_text(req, clock_now());
	int64_t until = clock_ms() + TEST_MS;
	struct asking a;
	char *id;

	*answer = NULL;
	if (!enrollment_find(req, req->site->db, device, &id, err))
		return false;
	a.enrollment_id = id;
	if (!db_tx(req->site->db, tx_ask, &a, err))
		return false;
	pusher_wake(req->site->pusher);
	while (!*answer && clock_ms() < until) {
		json_t *shown = pusher_show(req->site->pusher);

		*answer = json_deep_copy(answer_to(shown, id, before));
		json_decref(shown);
		if (!*answer)
			usleep(TEST_STEP_US);
	}
	return true;
}

static bool
post_test(struct req *req, struct reply *reply, struct err *err)
{
	struct outcome o = { .device = req_form(req, "device") };
	struct err refused = { 0 };
	json_t *answer = NULL;
	bool ok;

	if (!try_it(req, o.device ? o.device : "", &answer, &refused)) {
		if (refused.kind == ERR_INTERNAL)
			return (*err = refused, false);
		o.refused = &refused;
		return page(req, reply, &o, err);
	}
	o.changed = !answer ? "waiting" : json_integer_value(json_object_get(answer, "status")) == 200 ? "taken" : "refused";
	o.reason = answer ? mem_text(req, text_of(answer, "reason")) : NULL;
	ok = page(req, reply, &o, err);
	json_decref(answer);
	return ok;
}

/* ---- today ---- */

/* Its end is the watch's (web/endings.h). */
static void
todo_of(const json_t *c, json_t *todo)
{
	if (strcmp(text_of(c, "state"), "halted") == 0)
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:s}", "kind", "push_halted", "level", "error", "url",
						      "/admin/push", "why", text_of(c, "halted")));
}

bool
push_todo(struct req *req, json_t *todo, struct err *err)
{
	json_t *show, *c, *shown;
	const char *stuck;
	size_t i;

	if (req->person->role != ROLE_ADMIN)
		return true;
	if (!push_certificate_show(req->site->db, &show, err))
		return false;
	json_array_foreach(json_object_get(show, "certificates"), i, c)
		todo_of(c, todo);
	json_decref(show);
	if (!req->site->pusher)
		return true;
	shown = pusher_show(req->site->pusher);
	if ((stuck = json_string_value(json_object_get(shown, "stuck"))))
		json_array_append_new(todo, json_pack("{s:s, s:s, s:s, s:s}", "kind", "push_stuck", "level", "error", "url",
						      "/admin/push", "why", stuck));
	json_decref(shown);
	return true;
}

/* ---- for programs ---- */

static bool
api_show(struct req *req, struct reply *reply, struct err *err)
{
	json_t *show, *shown;
	int64_t due;

	if (!whole_admin(req, err) || !push_certificate_show(req->site->db, &show, err))
		return false;
	if (!push_count(req->site->db, &due, err)) {
		json_decref(show);
		return false;
	}
	shown = req->site->pusher ? pusher_show(req->site->pusher) : json_object();
	json_object_set_new(show, "due", json_integer(due));
	json_object_update_new(show, shown);
	return reply_json(reply, 200, show);
}

static bool
api_csr(struct req *req, struct reply *reply, struct err *err)
{
	char *pem;

	return whole_admin(req, err) && want(req, &pem, err) &&
	       reply_json(reply, 201, json_pack("{s:s}", "csr", pem));
}

/* PEM with its key where that was made elsewhere; PKCS#12 with a password goes by the console or the command line. */
static bool
api_import(struct req *req, struct reply *reply, struct err *err)
{
	struct push_import import = { .file = req->body, .new_topic = req_query(req, "new_topic") && !says_no(req_query(req, "new_topic")) };
	json_t *show;

	if (!whole_admin(req, err) ||
	    !push_certificate_import(req->site->db, req->site->sealer, person_actor(req, req->person), &import, &show, err))
		return false;
	pusher_wake(req->site->pusher);
	return reply_json(reply, 200, show);
}

static bool
api_resume(struct req *req, struct reply *reply, struct err *err)
{
	if (!whole_admin(req, err) || !push_certificate_resume(req->site->db, person_actor(req, req->person), err))
		return false;
	pusher_wake(req->site->pusher);
	return reply_empty(reply, 204);
}

static bool
api_test(struct req *req, struct reply *reply, struct err *err)
{
	const char *device = NULL;
	json_t *body, *answer;

	if (!whole_admin(req, err) || !req_json(req, &body, err) || !JSON_READ(body, err, { "device", JSON_IS_TEXT, &device, true }))
		return false;
	if (!try_it(req, device, &answer, err))
		return false;
	return reply_json(reply, answer ? 200 : 202, answer ? answer : json_object());
}

const struct route push_routes[] = {
	{ GET,  "/admin/push", WHO_ADMIN, "0", ON_WORKER, get_page, NULL, NULL, "what wakes devices" },
	{ POST, "/admin/push/csr", WHO_ADMIN, "64K", ON_WORKER, post_csr, NULL, NULL, "a key, and the request for its certificate" },
	{ POST, "/admin/push/import", WHO_ADMIN, "600K", ON_WORKER, post_import, NULL, NULL, "take its certificate" },
	{ POST, "/admin/push/resume", WHO_ADMIN, "64K", ON_WORKER, post_resume, NULL, NULL, "try again after Apple refused" },
	{ POST, "/admin/push/test", WHO_ADMIN, "64K", ON_WORKER, post_test, NULL, NULL, "wake one device" },
	{ GET,  "/api/v1/push", WHO_ADMIN, "0", ON_WORKER, api_show, NULL, "admin", "the push certificate, and what Apple answered last" },
	{ POST, "/api/v1/push/requests", WHO_ADMIN, "64K", ON_WORKER, api_csr, NULL, "admin", "a key, and the request for its certificate: {csr}" },
	{ PUT,  "/api/v1/push/certificate", WHO_ADMIN, "300K", ON_WORKER, api_import, NULL, "admin", "take its certificate, PEM or DER; ?new_topic=yes" },
	{ POST, "/api/v1/push/resume", WHO_ADMIN, "64K", ON_WORKER, api_resume, NULL, "admin", "try again after Apple refused" },
	{ POST, "/api/v1/push/test", WHO_ADMIN, "64K", ON_WORKER, api_test, NULL, "admin", "wake one device: {device}" },
	{ 0 }
};
