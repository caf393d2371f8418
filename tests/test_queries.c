/*
 * What a path and a query must not do, whoever was let in: every route is asked, by an admin, with each part of its
 * path and each field that any route takes made into something else; and those that read a body but want no fields
 * are sent some all the same.  What holds then: check_asker.h.
 */
#include "tests/check_asker.h"
#include "tests/body_rows.h"
#include "tests/matrix_rows.h"
#include <stdio.h>
#include <stdlib.h>
#include "ipa/inspect.h"
#include "web/http.h"

static const char *const methods[] = { "", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

/* Every name that a handler asks for, and one that none does. */
static const char *const names[] = {
	"q", "after", "limit", "state", "about", "act", "actor", "app", "begin", "build", "bundle", "bundle_id", "category", "cause",
	"certificate", "changed", "channel", "commit", "contact", "days", "device", "diff", "disabled", "done", "ends", "from", "group",
	"keep", "link", "message", "mobileconfig", "model", "new_topic", "next", "note", "object", "of", "operation", "os", "person",
	"plain", "provision", "purpose", "reason", "session", "silent", "source", "status", "type", "udids", "until", "version", "week",
	"nobody",
};
#define NAMES	(sizeof names / sizeof *names)

/* What no decoder takes. */
static const char *const broken[] = { "%ff", "%c0%af", "%ed%a0%80", "%00", "%", "%zz", NULL };

/* What stands for a :name: by what the path is about. */
static const struct { const char *path, *name, *thing; } parts[] = {
	{ "/mobileconfigs/", "name", "wifi" }, { "/groups/", "name", "olga" }, { "/groups/", "person", "$person" }, { "/builds/", "id", "$build" },
	{ "came-back/", "id", "$came" }, { "/test-devices/", "id", "$tester" }, { "/payloads/", "id", "wifi" }, { "/assignments/", "id", "sales" },
	{ "/devices/", "id", "$device" }, { "/enroll/sessions/", "id", "$session" }, { "/links/", "id", "$link" },
	{ "/contacts/", "id", "$contact" }, { "/testers/", "id", "$contact" }, { "-groups/", "id", "$testers" },
	{ "/people/", "id", "$person" }, { "/groups/", "id", "$group" }, { "/categories/", "id", "$category" }, { "items/", "id", "$item" },
	{ "/invitations/", "id", "$invitation" }, { "/configurations/", "id", "$configuration" }, { "/own/", "id", "$own" },
	{ "/scep-requests/", "id", "$scep" }, { "", "bundle", "$app" }, { "", "channel", "main" }, { "", "sha256", "$certificate" },
	{ "", "token", "$token" }, { "", "contact", "$contact" }, { "", "uuid", "$device_information" }, { "", "size", "120.png" },
	{ "", "version", "1" }, { "/answers/", "type", "DeviceInformation" }, { "", "type", "com.apple.wifi.managed" },
	{ "", "table", "apps.csv" }, { "", "colour", "0a58ca" },
};

static const char *
good_part(const char *path, const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strstr(path, parts[i].path) && strlen(parts[i].name) == len && strncmp(parts[i].name, name, len) == 0)
			return parts[i].thing;
	return "x";
}

/* The path with its parts; of the odd one this text.  How many there are in *n. */
static const char *
path_of(TALLOC_CTX *ctx, const char *path, int odd, const char *text, int *n)
{
	const char *at = path, *ret = "";

	for (*n = 0; ; ++*n) {
		size_t plain = strcspn(at, ":"), len;

		ret = mem_printf(ctx, "%s%.*s", ret, (int)plain, at);
		if (!at[plain])
			return ret;
		at += plain + 1;
		len = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");
		ret = mem_printf(ctx, "%s%s", ret, *n == odd ? text : good_part(path, at, len));
		at += len + (at[len] == '*');
	}
}

static const struct row *
matrix_row(const struct route *r)
{
	for (size_t i = 0; i < ROWS; i++) {
		size_t len = strlen(methods[r->method]);

		if (strncmp(rows[i].route, methods[r->method], len) == 0 && strcmp(rows[i].route + len + 1, r->path) == 0)
			return &rows[i];
	}
	return NULL;
}

/* Is a row of body_rows for this route?  Its path has no :names but things, each in the place of one. */
static bool
has_bodies(const struct route *r)
{
	for (size_t i = 0; i < BODY_ROWS; i++) {
		const char *have = body_rows[i].request, *want = r->path;
		size_t len = strlen(methods[r->method]);

		if (strncmp(have, methods[r->method], len) != 0 || have[len] != ' ')
			continue;
		have += len + 1;
		while (*want && *have && *have != '?')
			if (*want == ':') {
				want += strcspn(want, "/");
				have += strcspn(have, "/?");
			} else if (*want++ != *have++) {
				break;
			}
		if (!*want && (!*have || *have == '?') && (want == r->path || want[-1] != '/' || have[-1] == '/'))
			return true;
	}
	return false;
}

struct asking {
	struct asker *w;
	struct body_row row;
	const char *what;
};

static void
ask_about(struct asker *w, const struct route *r, const char *path, const char *what)
{
	const struct row *known = matrix_row(r);
	struct body_row row = { r->path, known && known->flags & FORM ? AS_FORM : AS_JSON, "", "*", 0 };
	const char *body = r->method == GET || r->method == DELETE || r->method == OPTIONS || row.kind == AS_FORM ? "" : "{}";

	if (!asker_is_due(w))
		return;
	/* what a token in a path proves is tried, and its tries are counted */
	row.flags = WRITES;
	w->row = &row;
	w->method = methods[r->method];
	w->path = path;
	asker_judge(w, &(struct body){ what, "", false, false, { body, strlen(body) } },
		    asker_ask(w, row.kind, (struct bytes){ body, strlen(body) }));
}

static bool
is_asked(const struct route *r)
{
	const char *only = getenv("POMONA_ROW");

	/* five seconds each; a key each */
	return !strstr(r->path, "/push/") && (!only || strstr(r->path, only));
}

static void
a_part_of_a_path_may_be_any_text(void **state)
{
	struct asker *w = asker_new(*state);

	for (const struct route *const *table = site_routes; *table; table++)
		for (const struct route *r = *table; r->method; r++) {
			int n;

			path_of(*state, r->path, -1, "", &n);
			for (int odd = 0; odd < n && is_asked(r); odd++)
				for (int k = 0; k < 2; k++)
					for (const char *const *text = k ? broken : body_escaped; *text; text++) {
						void *ctx SCOPED(mem) = talloc_new(NULL);
						int unused;

						ask_about(w, r, asker_expand(w, ctx, path_of(ctx, r->path, odd, *text, &unused)), *text);
					}
			for (int odd = 0; odd < n && is_asked(r); odd++) {
				void *ctx SCOPED(mem) = talloc_new(NULL);
				char *text = mem_size(ctx, 10001);
				int unused;

				memset(text, 'a', 10000);
				text[10000] = '\0';
				ask_about(w, r, asker_expand(w, ctx, path_of(ctx, r->path, odd, text, &unused)), "a long text");
			}
		}
	asker_end(w);
}

static void
a_query_may_be_any_text(void **state)
{
	struct asker *w = asker_new(*state);
	size_t turn = 0;

	for (const struct route *const *table = site_routes; *table; table++)
		for (const struct route *r = *table; r->method; r++) {
			for (size_t i = 0; i < NAMES && is_asked(r) && r->method == GET; i++)
				for (int k = 0; k < 2; k++) {
					const char *const *texts = k ? broken : body_escaped, *text;
					void *ctx SCOPED(mem) = talloc_new(NULL);
					size_t n = 0;
					int unused;

					while (texts[n])
						n++;
					text = texts[turn++ % n];
					ask_about(w, r, mem_printf(ctx, "%s?%s=%s", asker_expand(w, ctx, path_of(ctx, r->path, -1, "", &unused)),
								   names[i], text), mem_printf(ctx, "%s=%s", names[i], text));
				}
		}
	asker_end(w);
}

/* Who asks for page -1 or 10 of what? must not get everything. */
static void
a_query_that_says_nothing_sensible_is_refused_and_not_answered_with_everything(void **state)
{
	static const struct { const char *path; int status; const char *says; } once[] = {
		{ "/api/v1/devices?limit=-1", 422, "limit" }, { "/api/v1/devices?limit=0", 422, "limit" }, { "/api/v1/people?limit=ten", 422, "limit" },
		{ "/api/v1/audit?limit=18446744073709551616", 422, "limit" }, { "/api/v1/apps?limit=", 422, "limit" },
		/* was read as if nobody had been named */
		{ "/api/v1/devices?person=%ff", 400, "query" }, { "/api/v1/own?person=a%c0%af", 400, "query" },
		/* was everybody */
		{ "/api/v1/people?source=nobodys", 422, "source" },
		/* was those who are disabled */
		{ "/api/v1/people?disabled=no", 200, "olga" },
		/* was both */
		{ "/api/v1/devices/$device/commands?state=sent", 422, "state" },
		{ "/api/v1/devices?limit=100000", 200, "items" }, { "/api/v1/devices?limit=1", 200, "items" },
	};
	struct asker *w = asker_new(*state);
	struct body_row row = { "", AS_JSON, "", "*", 0 };

	for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
		struct body body = { once[i].says, "", false, false, { 0 } };
		int status;

		w->row = &row;
		w->method = "GET";
		w->path = asker_expand(w, w->ctx, once[i].path);
		status = asker_ask(w, AS_JSON, body.bytes);
		if (status != once[i].status || !strstr(buf_str(&w->got), once[i].says))
			asker_wrong(w, &body, status, "is not what it should be");
		asker_judge(w, &body, status);
	}
	asker_end(w);
}

static void
every_route_that_reads_fields_has_a_body_that_is_turned(void **state)
{
	int missing = 0, without = 0;

	(void)state;
	for (const struct route *const *table = site_routes; *table; table++)
		for (const struct route *r = *table; r->method; r++) {
			const struct row *known = matrix_row(r);

			if (r->method == GET || r->method == DELETE || r->method == OPTIONS || strcmp(r->body_max, "0") == 0 || has_bodies(r))
				continue;
			without++;
			if (known && known->body && strcmp(known->body, "{}") != 0) {
				print_message("%s %s takes %s and has no row in tests/body_rows.h\n", methods[r->method], r->path, known->body);
				missing++;
			}
		}
	print_message("  %d routes read a body of no fields\n", without);
	assert_int_equal(missing, 0);
}

static void
send_body(void *arg, const struct body *body)
{
	struct asker *w = arg;

	if (asker_is_due(w))
		asker_judge(w, body, asker_ask(w, w->row->kind, body->bytes));
}

static void
who_wants_no_fields_may_be_sent_some(void **state)
{
	struct asker *w = asker_new(*state);

	for (const struct route *const *table = site_routes; *table; table++)
		for (const struct route *r = *table; r->method; r++) {
			const struct row *known = matrix_row(r);
			struct body_row row = { r->path, known && known->flags & FORM ? AS_FORM : AS_JSON, "", "*", WRITES };
			void *ctx SCOPED(mem) = talloc_new(NULL);
			int unused;

			if (r->method == GET || r->method == DELETE || r->method == OPTIONS || strcmp(r->body_max, "0") == 0 || has_bodies(r) ||
			    !is_asked(r))
				continue;
			w->row = &row;
			w->method = methods[r->method];
			w->path = asker_expand(w, ctx, path_of(ctx, r->path, -1, "", &unused));
			if (row.kind == AS_FORM)
				bodies_form("a=b", send_body, w);
			else
				bodies_json("{\"a\": 1}", send_body, w);
		}
	asker_end(w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_1(every_route_that_reads_fields_has_a_body_that_is_turned)
		TEST_1(a_query_that_says_nothing_sensible_is_refused_and_not_answered_with_everything)
		TEST_1(a_part_of_a_path_may_be_any_text)
		TEST_1(a_query_may_be_any_text)
		TEST_1(who_wants_no_fields_may_be_sent_some)
	};

	/* An upload is read by a child of this same program. */
	if (argc > 2 && strcmp(argv[1], "inspect") == 0 && strcmp(argv[2], "--child") == 0)
		inspect_child_main(argc - 1, argv + 1);
	cmocka_set_test_filter(getenv("POMONA_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
