#include "tests/check_asker.h"
#include <stdio.h>
#include <stdlib.h>
#include "core/json.h"

#define SHARE		10	/* one of so many, unless all */
#define SHOWN		200	/* of what is wrong, in full */

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
asker_keep(struct asker *w)
{
	copy(w->kept, w->live);
	w->version = version_of(w);
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

int
asker_send(struct asker *w, const char *method, const char *path, enum body_kind kind, struct bytes body)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct curl_slist *head = curl_slist_append(NULL, kind == AS_FORM || kind == AS_FILE ? "Accept: text/html" : "Accept: application/json");
	long status = 0;
	CURLcode rc;

	head = curl_slist_append(head, mem_printf(ctx, "Content-Type: %s", type_of_body(path, kind)));
	head = curl_slist_append(head, "Expect:");
	head = curl_slist_append(head, "Origin: " ASKER_URL);
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
	return asker_send(w, w->method, w->path, kind, body);
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

void
asker_serve(struct asker *w)
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

/* A job of one that was taken may still be at work; what a refusal itself changes, it changes each time. */
static const char *
changed_by_it(struct asker *w, TALLOC_CTX *ctx, const struct body *body)
{
	const char *changed = changed_tables(w, ctx);

	for (int i = 0; *changed && i < 4; i++) {
		sqlite3_sleep(250);
		asker_put_back(w);
		asker_ask(w, w->row->kind, body->bytes);
		changed = version_of(w) != w->version ? changed_tables(w, ctx) : "";
	}
	return changed;
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
	if (refused && version != w->version && !(w->row->flags & WRITES) && *(changed = changed_by_it(w, ctx, body)))
		asker_wrong(w, body, status, mem_printf(ctx, "has changed%s", changed));
	if (!refused && nonsense)
		asker_wrong(w, body, status, "was taken");
	if (status == 422 && nonsense && !strstr(buf_str(&w->got), body->field))
		asker_wrong(w, body, status, "does not say which field");
	w->taken += !refused;
	if (version_of(w) != w->version)
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

