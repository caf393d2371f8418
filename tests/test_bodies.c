/*
 * What a body must not do, whoever was let in: every route that reads one is sent the one it takes, and then each
 * value of it made into something else (check_bodies.h), by an admin.  What holds then: check_asker.h.
 */
#include "tests/check_asker.h"
#include "tests/body_rows.h"
#include <stdio.h>
#include <stdlib.h>
#include "ipa/inspect.h"

static void
send_body(void *arg, const struct body *body)
{
	struct asker *w = arg;

	if (asker_is_due(w))
		asker_judge(w, body, asker_ask(w, w->row->kind, body->bytes));
}

/* Of what kind it is, and of which file. */
static struct bytes
good_bytes(TALLOC_CTX *ctx, const struct body_row *row, const char *good)
{
	struct bytes bytes = { good, strlen(good) };
	char *text;
	int head;

	if (row->kind == AS_PLIST) {
		bytes.p = body_plist(ctx, good);
		bytes.len = strlen(bytes.p);
	}
	if (*good == '@')
		bytes = test_data(ctx, good + 1);
	if (row->kind != AS_FILE)
		return bytes;
	text = mem_size(ctx, bytes.len + 200);
	head = snprintf(text, 200, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n");
	memcpy(text + head, bytes.p, bytes.len);
	memcpy(text + head + bytes.len, "\r\n--b--\r\n", 10);
	return (struct bytes){ text, (size_t)head + bytes.len + 10 };
}

static void
send_row(struct asker *w, const struct body_row *row)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *good = asker_expand(w, ctx, row->good);
	struct bytes bytes = good_bytes(ctx, row, good);
	int status;

	w->row = row;
	w->method = mem_textn(ctx, row->request, strcspn(row->request, " "));
	w->path = asker_expand(w, ctx, strchr(row->request, ' ') + 1);
	status = asker_ask(w, row->kind, bytes);
	if (row->flags & MAY_FAIL ? status >= 500 : status >= 400 || status < 200)
		asker_wrong(w, &(struct body){ .what = "the good one" }, status, "was to be taken");
	asker_put_back(w);
	switch (row->kind) {
	case AS_JSON:	bodies_json(good, send_body, w); break;
	case AS_FORM:	bodies_form(good, send_body, w); break;
	case AS_PLIST:	bodies_plist(good, send_body, w); break;
	default:	bodies_bytes(bytes, w->seed, send_body, w);
	}
}

static void
send_kind(TALLOC_CTX *ctx, enum body_kind from, enum body_kind to)
{
	struct asker *w = asker_new(ctx);
	const char *only = getenv("POMONA_ROW");

	for (size_t i = 0; i < BODY_ROWS; i++)
		if (body_rows[i].kind >= from && body_rows[i].kind <= to && (!only || strstr(body_rows[i].request, only)))
			send_row(w, &body_rows[i]);
	asker_end(w);
}

static void
forms_of_any_shape_are_taken_whole_or_refused_in_words(void **state)
{
	send_kind(*state, AS_FORM, AS_FORM);
}

static void
a_device_may_say_anything_and_is_answered(void **state)
{
	send_kind(*state, AS_PLIST, AS_PLIST);
}

static void
files_of_any_bytes_are_taken_or_refused_in_words(void **state)
{
	send_kind(*state, AS_BYTES, AS_FILE);
}

static void
json_of_any_shape_is_taken_whole_or_refused_in_words(void **state)
{
	send_kind(*state, AS_JSON, AS_JSON);
}

/* What was taken before these tests were, or was refused when half of it was done. */
static void
what_once_went_through_is_refused_by_name(void **state)
{
	static const struct { const char *request, *body, *says; } once[] = {
		/* its role had been changed when its apps were refused */
		{ "PATCH /api/v1/people/$person", "{\"role\": \"publisher\", \"apps\": [7]}", "apps must be" },
		{ "PATCH /api/v1/people/$person", "{\"disabled\": true, \"apps\": [\"a b\"]}", "no bundle id" },
		/* was good for any device */
		{ "POST /api/v1/challenges", "{\"subject\": \"CN=a\", \"device\": 42}", "device must be a text" },
		/* was one for clients */
		{ "POST /api/v1/challenges", "{\"subject\": \"CN=a\", \"purpose\": true}", "purpose must be a text" },
		/* tried all of them again */
		{ "POST /api/v1/mobileconfigs/wifi/retry", "{\"device\": 7}", "device must be a text" },
		/* were revoked for no reason, or another one */
		{ "POST /api/v1/certificates/$certificate/revoke", "{\"reason\": 1}", "reason must be a text" },
		{ "POST /api/v1/own/$own/revoke", "{\"reason\": [\"keyCompromise\"]}", "reason must be a text" },
		/* got the name that it had asked for */
		{ "POST /api/v1/scep-requests/$scep/approve", "{\"subject\": 1}", "subject must be a text" },
		{ "PUT /api/v1/mobileconfigs/wifi", "{\"name\": \"a\", \"remove_after_s\": 1e308}", "remove_after_s must be" },
		/* took a step */
		{ "POST /admin/apps/$app/wave", "build_id=$build&act=halt", "act: a wave takes a step" },
		/* were as if they were not there, so that more people, or devices, were let in */
		{ "POST /admin/apps/$app/channels/main", "who=some&rule=any-group&name=qa&rule=not-person&name=ines", "there is no rule" },
		{ "POST /admin/mobileconfigs/wifi/assignments", "who=everyone&which=rows&fact=colour&pattern=red", "there is no rule" },
		{ "POST /admin/mobileconfigs/wifi/assignments", "who=everyone&which=rows&supervised=maybe", "supervised is yes or no" },
	};
	struct asker *w = asker_new(*state);

	for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
		struct body_row row = { once[i].request, *once[i].body == '{' ? AS_JSON : AS_FORM, once[i].body };
		const char *text = asker_expand(w, w->ctx, once[i].body);
		struct body body = { text, "", false, false, { text, strlen(text) } };
		int status;

		w->row = &row;
		w->method = mem_textn(w->ctx, row.request, strcspn(row.request, " "));
		w->path = asker_expand(w, w->ctx, strchr(row.request, ' ') + 1);
		status = asker_ask(w, row.kind, body.bytes);
		if (status != 422 || !strstr(buf_str(&w->got), once[i].says))
			asker_wrong(w, &body, status, mem_printf(w->ctx, "does not say \"%s\"", once[i].says));
		asker_judge(w, &body, status);
	}
	asker_end(w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_1(json_of_any_shape_is_taken_whole_or_refused_in_words)
		TEST_1(forms_of_any_shape_are_taken_whole_or_refused_in_words)
		TEST_1(a_device_may_say_anything_and_is_answered)
		TEST_1(files_of_any_bytes_are_taken_or_refused_in_words)
		TEST_1(what_once_went_through_is_refused_by_name)
	};

	/* An upload is read by a child of this same program. */
	if (argc > 2 && strcmp(argv[1], "inspect") == 0 && strcmp(argv[2], "--child") == 0)
		inspect_child_main(argc - 1, argv + 1);
	cmocka_set_test_filter(getenv("POMONA_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
