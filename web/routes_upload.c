/*
 * One upload, one request: PUT with the file as the body (`curl -T`), or a form with the file in it
 * for browsers without scripts.
 */
#include "catalog/channel.h"
#include "core/count.h"
#include "web/fields.h"
#include "web/uploads.h"
#include <ctype.h>
#include <string.h>

#define FORM_EXTRA (1 << 20)	/* bytes of a form around its file */

struct incoming {
	struct blob_draft *draft;
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
raw_open(struct req *req, struct err *err)
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

static bool
put_upload(struct req *req, struct reply *reply, struct err *err)
{
	struct incoming *in = req->sink_state;
	struct build_fields fields = {
		.channel = field(req, "channel"), .changelog = field(req, "changelog"),
		.branch = field(req, "branch"), .git_commit = field(req, "git_commit"),
		.ci_url = field(req, "ci_url"), .source = field(req, "source"),
		.custom_fields = field(req, "custom_fields"),
	};
	json_t *answer;
	bool fresh;
	char *id;

	if (!blob_draft_done(in->draft, err) ||
	    !upload_publish(req, req->site, in->draft, &fields, req->person, &id, &fresh, err) ||
	    !upload_answer(req, req->site, id, req->person, &answer, err))
		return false;
	return reply_json(reply, fresh ? 201 : 200, answer);
}

static const struct sink raw_sink = { raw_open, raw_feed, raw_cut };

const struct route upload_routes[] = {
	{ PUT, "/api/v1/upload", WHO_PUBLISHER, "upload.max_mb", ON_WORKER, put_upload, &raw_sink, "upload", "Upload an .ipa as the body" },
	{ 0 }
};
