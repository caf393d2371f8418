/*
 * One upload, one request: PUT with the file as the body (`curl -T`), or a form with the file in it
 * for browsers without scripts.
 */
#include "catalog/channel.h"
#include "core/count.h"
#include "web/fields.h"
#include "web/multipart.h"
#include "web/uploads.h"
#include <ctype.h>
#include <string.h>

struct incoming {
	struct blob_draft *draft;
	struct multipart *form;
	bool has_file, full;
};

/* "X-Pomona-Git-Commit" for git_commit.  A header's value may be percent-encoded: notes have lines. */
static const char *
header_field(struct req *req, const char *name)
{
	char *header = mem_printf(req, "X-Pomona-%s", name), *text;
	const char *value;
	bool first = true;
	size_t len;

	for (char *c = header + strlen("X-Pomona-"); *c; c++) {
		if (first)
			*c = (char)toupper((unsigned char)*c);
		first = *c == '_';
		if (*c == '_')
			*c = '-';
	}
	value = req_header(req, header);
	if (!value || !strchr(value, '%'))
		return value;
	text = mem_size(req, strlen(value) + 1);
	return fields_unescape(text, value, strlen(value), false, &len) ? text : value;
}

static const char *
field(struct req *req, const char *name)
{
	const char *value = req_query(req, name);

	return value ? value : header_field(req, name);
}

static void
drained(void *req)
{
	req_unpause(req);
}

static bool
begin(struct req *req, struct err *err)
{
	struct incoming *in = mem_new(req, struct incoming);
	const char *channel = field(req, "channel");

	req->sink_state = in;
	if (channel && !channel_name_ok(channel, err))
		return false;
	if (!upload_slot(in, req->site, req->person, err) ||
	    !blob_draft_new(in, req->site->blobs, req->length > 0 ? req->length : 0, &in->draft, err))
		return false;
	blob_draft_on_drained(in->draft, drained, req);
	return true;
}

/* A form proves in one of its fields where it comes from; here it is a header, judged before the body. */
static bool
raw_open(struct req *req, struct err *err)
{
	return session_proof(req, NULL, err) && begin(req, err);
}

static bool
raw_feed(struct req *req, struct bytes bytes, bool *pause, struct err *err)
{
	struct incoming *in = req->sink_state;

	count_add(COUNT_UPLOAD_BYTES, (int64_t)bytes.len);
	return blob_draft_write(in->draft, bytes, pause, err);
}

static void
raw_cut(struct req *req)
{
	struct incoming *in = req->sink_state;

	if (in)
		TALLOC_FREE(in->draft);
}

/* From the form, the query or a header, whichever has it first. */
static const char *
any_field(struct req *req, const struct fields *form, const char *name)
{
	const char *value = form ? fields_get(form, name) : NULL;

	return value && *value ? value : field(req, name);
}

static bool
publish(struct req *req, const struct fields *form, char **id, bool *fresh, struct err *err)
{
	struct incoming *in = req->sink_state;
	struct build_fields fields = {
		.channel = any_field(req, form, "channel"), .changelog = any_field(req, form, "changelog"),
		.branch = any_field(req, form, "branch"), .git_commit = any_field(req, form, "git_commit"),
		.ci_url = any_field(req, form, "ci_url"), .source = any_field(req, form, "source"),
		.custom_fields = any_field(req, form, "custom_fields"), .silent = says_no(any_field(req, form, "notify")),
	};

	return blob_draft_done(in->draft, err) &&
	       upload_publish(req, req->site, in->draft, &fields, req->person, id, fresh, err);
}

/* ---- the same as a form ---- */

static bool
form_file(void *arg, const struct multipart_file *file, struct err *err)
{
	struct incoming *in = arg;

	if (strcmp(file->field, "file") != 0)
		return err_set(err, ERR_INVALID, "the file is to be in the field \"file\", not \"%.40s\"", file->field);
	if (in->has_file)
		return err_set(err, ERR_INVALID, "one file an upload");
	in->has_file = true;
	return true;
}

static bool
form_data(void *arg, struct bytes bytes, struct err *err)
{
	struct incoming *in = arg;

	return blob_draft_write(in->draft, bytes, &in->full, err);
}

static bool
form_open(struct req *req, struct err *err)
{
	static const struct multipart_calls calls = { form_file, form_data };
	struct incoming *in;

	if (!begin(req, err))
		return false;
	in = req->sink_state;
	return multipart_new(in, req_header(req, "Content-Type"), &calls, in, &in->form, err);
}

static bool
form_feed(struct req *req, struct bytes bytes, bool *pause, struct err *err)
{
	struct incoming *in = req->sink_state;

	count_add(COUNT_UPLOAD_BYTES, (int64_t)bytes.len);
	in->full = false;
	if (!multipart_feed(in->form, bytes, err))
		return false;
	*pause = in->full;
	return true;
}

static bool
publish_form(struct req *req, char **id, bool *fresh, struct err *err)
{
	struct incoming *in = req->sink_state;
	const struct fields *form;

	if (!multipart_end(in->form, err))
		return false;
	form = multipart_fields(in->form);
	if (!session_proof(req, fields_get(form, "csrf"), err))
		return false;
	if (!in->has_file)
		return err_set(err, ERR_INVALID, "the form holds no file");
	return publish(req, form, id, fresh, err);
}

/* ---- as either ---- */

static bool
is_form(struct req *req)
{
	const char *type = req_header(req, "Content-Type");

	return type && strncasecmp(type, "multipart/form-data", strlen("multipart/form-data")) == 0;
}

static bool
put_open(struct req *req, struct err *err)
{
	return is_form(req) ? form_open(req, err) : raw_open(req, err);
}

static bool
put_feed(struct req *req, struct bytes bytes, bool *pause, struct err *err)
{
	struct incoming *in = req->sink_state;

	return in->form ? form_feed(req, bytes, pause, err) : raw_feed(req, bytes, pause, err);
}

static bool
put_upload(struct req *req, struct reply *reply, struct err *err)
{
	struct incoming *in = req->sink_state;
	json_t *answer;
	bool fresh;
	char *id;

	return (in->form ? publish_form(req, &id, &fresh, err) : publish(req, NULL, &id, &fresh, err)) &&
	       upload_answer(req, req->site, id, req->person, &answer, err) &&
	       reply_json(reply, fresh ? 201 : 200, answer);
}

static bool
post_upload(struct req *req, struct reply *reply, struct err *err)
{
	json_t *answer;
	bool fresh;
	char *id;

	return publish_form(req, &id, &fresh, err) &&
	       upload_answer(req, req->site, id, req->person, &answer, err) &&
	       reply_json(reply, fresh ? 201 : 200, answer);
}

/* A browser without scripts: the result is a page, and so is a refusal of the file. */
static bool
post_console_upload(struct req *req, struct reply *reply, struct err *err)
{
	struct err refused = { 0 };
	bool fresh;
	char *id;

	if (publish_form(req, &id, &fresh, &refused))
		return reply_see(reply, mem_printf(req, "/admin/upload?build=%s%s", id, fresh ? "" : "&same=1"));
	if (refused.kind == ERR_INTERNAL || !req->browser) {
		*err = refused;
		return false;
	}
	return upload_page(req, reply, err_http_status(refused.kind), NULL, &refused, err);
}

static const struct sink put_sink = { put_open, put_feed, raw_cut };
static const struct sink form_sink = { form_open, form_feed, raw_cut };

const struct route upload_routes[] = {
	{ PUT, "/api/v1/upload", WHO_PUBLISHER, "upload.max_mb", ON_WORKER, put_upload, &put_sink, "upload", "Upload an .ipa as the body, or a form with the field file" },
	{ POST, "/api/v1/upload", WHO_PUBLISHER, "upload.max_mb", ON_WORKER, post_upload, &form_sink, "upload", "The same as a form with the field file" },
	{ POST, "/admin/upload", WHO_PUBLISHER, "upload.max_mb", ON_WORKER, post_console_upload, &form_sink, NULL, "The same, answered by a page" },
	{ 0 }
};
