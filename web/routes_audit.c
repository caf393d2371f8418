/*
 * The readers of the audit log: a page and a file for admins, the API, and the job that walks its
 * chain once a day.
 */
#include "core/audit.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/num.h"
#include "core/text.h"
#include "web/rooms.h"

#define AUDIT_PAGE_ROWS		50
#define AUDIT_TEXT_SHOWN	300		/* bytes of a detail on the page; the file has all */
#define AUDIT_CSV_ROWS		100000		/* of one file, and so many bytes: a Link says where it goes on */
#define AUDIT_CSV_BYTES		(64 << 20)
#define AUDIT_CSV_PAGE		500
#define AUDIT_CSV_BUF		((int64_t)AUDIT_CSV_PAGE * 8 * (AUDIT_TEXT_MAX + 100))

/* What can be filtered by; the words of each are act_ and its code with _ for the dot. */
static const char *const acts[] = {
	"sign_in", "sign_in.refused",
	"build.upload", "build.promote", "build.notes", "build.delete", "grant.new", "grant.revoke",
	"link.new", "link.send", "link.revoke", "link.pin_locked",
	"contact.add", "contact.change", "contact.remove",
	"contact_group.add", "contact_group.put", "contact_group.take", "contact_group.remove",
	"device.invite", "device.register", "device.refused", "device.rename", "device.remove", "device.udids",
	"devices.txt",
	"device.command", "device.lock", "device.clear_passcode", "device.erase", "device.lost_mode", "device.locate",
	"invitation.new", "invitation.send", "invitation.revoke", "invitation.decline",
	"enrollment.enrolled", "enrollment.returned", "enrollment.renewed", "enrollment.removed", "enrollment.retired",
	"enrollment.refused", "enrollment.old_identity", "device.deviates", "came_back.taken_in", "came_back.refused",
	"command.cancel", "command.clear", "command.resend",
	"managed_app.ask", "managed_app.remove", "rollout.set", "rollout.step", "rollout.stop",
	"app.configuration", "app.configuration_remove",
	"command.cancel", "command.clear", "command.resend", "command.reveal",
	"devices.txt", "enroll.begin", "enroll.answered", "enroll.issued", "enroll.refused", "enroll.renew",
	"invitation.new", "invitation.send", "invitation.revoke", "invitation.decline",
	"person.add", "person.password", "person.role", "person.email", "person.apps", "person.rename", "person.disable",
	"person.enable", "person.unlock", "person.sign_out", "person.endings", "person.rest", "person.wake",
	"group.add", "group.rename", "group.replaced", "group.put", "group.take", "group.remove",
	"channel.audience", "channel.required", "app.settings", "catalog.featured",
	"category.add", "category.change", "category.remove", "item.add", "item.change", "item.remove",
	"token.new", "token.revoke", "setting", "message.retry", "message.test", "proxy.spoofed",
	"push.csr", "push.import", "push.resume", "calendar.new", "calendar.revoke",
	"push.csr", "push.import", "push.resume",
	"provision.add", "provision.pause", "provision.resume",
	"challenge.new", "challenge.misused", "scep.approve", "scep.refuse",
	"push.csr", "push.import", "push.resume",
	"own.begin", "own.answered", "own.issued", "own.refused", "own.send", "own.plain", "own.works", "own.removed",
	"own.revoke",
	"challenge.new", "challenge.misused", "scep.approve", "scep.refuse",
	"challenge.new", "challenge.misused", "scep.approve", "scep.refuse", "clip.send", "ca.stage", "ca.switch", "enroll.waits", "enroll.approve", "enroll.refuse",
	"ca.make", "ca.renew", "certificate.revoke",
	"mobileconfig.add", "mobileconfig.version", "mobileconfig.back", "mobileconfig.remove", "mobileconfig.retry",
	"assignment.set", "assignment.remove", "person.attributes", "device.person",
};

/* ---- what is asked for ---- */

static const char *
given(struct req *req, const char *name)
{
	const char *text = req_query(req, name);

	return text && *text ? text : NULL;
}

/* A day, or a moment; the end is outside, and a day's own is the next day. */
static bool
moment(struct req *req, const char *name, bool end, int64_t *ret, struct err *err)
{
	const char *text = given(req, name);
	time_t at;

	if (!text)
		return true;
	if (!clock_parse(text, &at, err))
		return err_at(err, "%s", name);
	*ret = at + (end && strlen(text) == strlen("2026-11-22") ? DAY_S : 0);
	return true;
}

static bool
read_filter(struct req *req, struct audit_filter *ret, struct err *err)
{
	struct audit_filter filter = { .actor = given(req, "actor"), .act = given(req, "act"),
				       .object = given(req, "object") };
	const char *after = given(req, "after");

	if (req->person->bundle_id)
		return err_set(err, ERR_DENIED, "a token for one app does not read the audit log");
	if (!moment(req, "from", false, &filter.from, err) || !moment(req, "until", true, &filter.until, err))
		return false;
	if (after && !num_parse(after, 1, INT64_MAX, &filter.before, err))
		return err_at(err, "after");
	*ret = filter;
	return true;
}

#define FILTER "actor act object from until"	/* its fields in a query */

/* ---- the page ---- */

static const char *
act_name(struct req *req, const char *code)
{
	char *key = mem_printf(req, "act_%.40s", code);

	for (char *c = key; *c; c++)
		if (*c == '.')
			*c = '_';
	return pages_word(req->site->pages, req->language, key);
}

static json_t *
acts_of(struct req *req)
{
	const char *chosen = given(req, "act");
	json_t *list = json_array();
	bool known = !chosen;

	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		bool selected = chosen && strcmp(chosen, acts[i]) == 0;

		known |= selected;
		json_array_append_new(list, json_pack("{s:s, s:s?, s:b}", "code", acts[i], "name",
						      act_name(req, acts[i]), "selected", selected));
	}
	if (!known)
		json_array_append_new(list, json_pack("{s:s, s:n, s:b}", "code", chosen, "name", "selected", 1));
	return list;
}

static json_t *
linked(struct req *req, const char *name, const char *text)
{
	return json_pack("{s:s, s:s}", "text", text, "url", page_url(req, "/admin/audit", FILTER, name, text));
}

/* "anna" of "anna (token abc)": filtering by her shows both. */
static json_t *
actor_of(struct req *req, const char *actor)
{
	const char *token = strstr(actor, " (token ");

	return json_pack("{s:s, s:s}", "text", actor, "url", page_url(req, "/admin/audit", FILTER, "actor",
			 token ? mem_textn(req, actor, (size_t)(token - actor)) : actor));
}

static json_t *
row_of(struct req *req, const json_t *item)
{
	const char *act = text_of(item, "act"), *object = text_of(item, "object"), *detail = text_of(item, "detail");
	const char *shown = text_cut(req, detail, AUDIT_TEXT_SHOWN);
	json_t *row = json_pack("{s:O, s:o, s:o, s:o, s:o}", "id", json_object_get(item, "id"),
		"at", page_moment_of(req, item, "at"), "actor", actor_of(req, text_of(item, "actor")),
		"act", linked(req, "act", act), "object", *object ? linked(req, "object", object) : json_null());
	const char *name = act_name(req, act);

	json_object_set_new(json_object_get(row, "act"), "name", name ? json_string(name) : json_null());
	json_object_set_new(row, "detail", json_string(strlen(shown) < strlen(detail) ?
						       mem_printf(req, "%s…", shown) : shown));
	return row;
}

/* null until it was walked for the first time. */
static bool
check_of(struct req *req, json_t **ret, struct err *err)
{
	struct audit_check check;

	if (!audit_checked(req, req->site->db, &check, err))
		return false;
	*ret = !check.at ? json_null() : json_pack("{s:o, s:I, s:s?, s:I}", "at", page_moment(req->language, check.at),
		"rows", (json_int_t)check.rows, "broken", check.broken, "row", (json_int_t)check.rows + 1);
	return true;
}

static bool
get_audit(struct req *req, struct reply *reply, struct err *err)
{
	static const char *const names[] = { "actor", "object", "from", "until" };
	struct audit_filter filter;
	json_t *list, *item, *rows, *check, *asked, *data;
	size_t i;

	if (!read_filter(req, &filter, err) || !check_of(req, &check, err))
		return false;
	if (!audit_list(req->site->db, &filter, AUDIT_PAGE_ROWS, &list, err)) {
		json_decref(check);
		return false;
	}
	rows = json_array();
	json_array_foreach(json_object_get(list, "items"), i, item)
		json_array_append_new(rows, row_of(req, item));
	asked = json_object();
	for (i = 0; i < sizeof names / sizeof *names; i++)
		json_object_set_new(asked, names[i], json_string(given(req, names[i]) ? given(req, names[i]) : ""));
	data = json_pack("{s:o, s:b, s:o, s:o, s:o, s:s?, s:s?, s:s, s:i}", "filter", asked,
		"filtered", filter.actor || filter.act || filter.object || filter.from || filter.until,
		"acts", acts_of(req), "rows", rows, "check", check,
		"next_url", page_next(req, "/admin/audit", FILTER, list),
		"first_url", filter.before ? page_url(req, "/admin/audit", FILTER, NULL, NULL) : NULL,
		"csv_url", page_url(req, "/admin/audit.csv", FILTER, NULL, NULL), "csv_rows", AUDIT_CSV_ROWS);
	json_decref(list);
	return reply_page(reply, req, "audit", data, err);
}

static bool
api_audit(struct req *req, struct reply *reply, struct err *err)
{
	struct audit_filter filter;
	json_t *list;

	return read_filter(req, &filter, err) &&
	       audit_list(req->site->db, &filter, query_limit(req, AUDIT_PAGE_MAX), &list, err) &&
	       reply_json(reply, 200, list);
}

/* ---- the file ---- */

static const char *const columns[] = { "id", "at", "actor", "act", "object", "detail", "hash" };
#define COLUMNS (sizeof columns / sizeof *columns)

static void
add_row(struct buf *out, const json_t *item)
{
	for (size_t c = 0; c < COLUMNS; c++) {
		const json_t *value = json_object_get(item, columns[c]);
		const char *text = json_string_value(value);

		if (c)
			buf_text(out, ",");
		if (json_is_integer(value))
			buf_addf(out, "%lld", (long long)json_integer_value(value));
		else if (text)
			buf_csv(out, text, strlen(text));
	}
	buf_text(out, "\r\n");
}

/* One page after the other, so that no reader holds the database for long; *next: where it would go on. */
static bool
write_csv(struct req *req, struct audit_filter filter, int fd, int64_t *size, const char **next, struct err *err)
{
	const char *head = "id,at,actor,act,object,detail,hash\r\n";
	int64_t rows = 0;

	*next = NULL;
	*size = (int64_t)strlen(head);
	if (!file_put(fd, (struct bytes){ head, strlen(head) }, "a CSV file", err))
		return false;
	do {
		TALLOC_CTX *page SCOPED(mem) = talloc_new(NULL);
		json_t *list, *item;
		struct buf out;
		size_t i;
		bool ok;

		if (!audit_list(req->site->db, &filter, AUDIT_CSV_PAGE, &list, err))
			return false;
		buf_init(&out, page, (size_t)AUDIT_CSV_BUF);
		json_array_foreach(json_object_get(list, "items"), i, item) {
			add_row(&out, item);
			rows++;
		}
		*next = mem_text(req, json_string_value(json_object_get(list, "next")));
		json_decref(list);
		ok = buf_ok(&out, err) && file_put(fd, (struct bytes){ out.p, out.len }, "a CSV file", err);
		*size += (int64_t)out.len;
		if (!ok || (*next && !num_parse(*next, 1, INT64_MAX, &filter.before, err)))
			return false;
	} while (*next && rows < AUDIT_CSV_ROWS && *size < AUDIT_CSV_BYTES);
	return true;
}

static bool
get_audit_csv(struct req *req, struct reply *reply, struct err *err)
{
	char *path = mem_printf(req, "%s/csv-XXXXXX", upload_dir(req, req->site)), day[11];
	struct audit_filter filter;
	const char *next, *url;
	int64_t size;
	int fd;

	if (!read_filter(req, &filter, err))
		return false;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "make %s", path);
	unlink(path);
	if (!write_csv(req, filter, fd, &size, &next, err)) {
		close(fd);
		return false;
	}
	reply_file(reply, req, fd, size, mem_printf(req, "\"%s\"", req->id), "text/csv; charset=utf-8; header=present",
		   NULL);
	reply_header(reply, "Content-Disposition", mem_printf(req, "attachment; filename=\"audit-%s.csv\"",
							      clock_day(clock_now(), day)));
	if (next) {
		url = page_url(req, "/admin/audit.csv", FILTER, "after", next);
		reply_header(reply, "Link", mem_printf(req, "<%s%s>; rel=\"next\"", req->site->base_url, url));
	}
	return true;
}

/* ---- once a day ---- */

struct later {
	time_t at;
};

static bool
tx_later(struct db *tx, void *arg, struct err *err)
{
	struct later *later = arg;

	return job_add(tx, "audit_verify", json_object(), later->at, "audit_verify", err);
}

/* What was written cannot be mended by trying again: it is said, here, on Today and on the page. */
bool
audit_job(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct later tomorrow = { clock_now() + DAY_S };
	struct site *site = p;
	struct audit_check check;

	(void)job;
	if (!audit_check(ctx, site->db, &check, err))
		return false;
	if (check.broken)
		log_error("the audit log is not what was written", KV("broken", check.broken),
			  KVI("rows_right", check.rows));
	else
		log_info("the audit log is whole", KVI("rows", check.rows), KV("newest", check.newest));
	return db_tx(site->db, tx_later, &tomorrow, err);
}

/* At start: today if it was never done, else when it is due. */
bool
audit_begin(struct site *site, struct err *err)
{
	TALLOC_CTX *scratch SCOPED(mem) = talloc_new(NULL);
	struct later later = { 0 };
	struct audit_check check;

	if (!audit_checked(scratch, site->db, &check, err))
		return false;
	if (check.at)
		later.at = check.at + DAY_S;
	return db_tx(site->db, tx_later, &later, err);
}

const struct route audit_routes[] = {
	{ GET, "/admin/audit",     WHO_ADMIN, "0", ON_WORKER, get_audit,     NULL, NULL,    "Who did what: ?actor= &act= &object= &from= &until= &after=" },
	{ GET, "/admin/audit.csv", WHO_ADMIN, "0", ON_WORKER, get_audit_csv, NULL, "admin", "The same as a file" },
	{ GET, "/api/v1/audit",    WHO_ADMIN, "0", ON_WORKER, api_audit,     NULL, "admin", "Who did what, newest first: ?actor= &act= &object= &from= &until= &after= &limit=" },
	{ 0 }
};
