#include "web/request.h"
#include "core/json.h"
#include <strings.h>
#include <unistd.h>
#include "core/log.h"
#include "core/num.h"
#include "web/multipart.h"
#include "web/range.h"

#define JSON_TYPE	"application/json"
#define FORM_TYPE	"application/x-www-form-urlencoded"
#define MULTIPART_TYPE	"multipart/form-data"

const char *
req_param(struct req *req, const char *name)
{
	const struct route_match *match = &req->server->match;

	for (size_t i = 0; i < match->params_n; i++)
		if (strcmp(match->params[i].name, name) == 0)
			return match->params[i].value;
	return "";
}

const char *
req_header(struct req *req, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < req->server->headers_n; i++)
		if (strcasecmp(req->server->headers[i].name, name) == 0) {
			if (found)
				return NULL;	/* twice: nobody knows which one is meant */
			found = req->server->headers[i].value;
		}
	return found;
}

bool
req_has_header(struct req *req, const char *name)
{
	for (size_t i = 0; i < req->server->headers_n; i++)
		if (strcasecmp(req->server->headers[i].name, name) == 0)
			return true;
	return false;
}

const char *
req_query(struct req *req, const char *name)
{
	struct server_req *in = req->server;

	if (!in->has_query) {
		struct err err = { 0 };

		/* The gate has seen the escapes; what is left is text that is not UTF-8. */
		if (!fields_read(req, in->query_text, HTTP_QUERY_MAX, &in->query, &err))
			in->query = (struct fields){ 0 };
		in->has_query = true;
	}
	return fields_get(&in->query, name);
}

/*
 * For who is signed in, and wrote it by hand or by program: what is read as if nothing had been asked for gives
 * everything.  Devices and gateways add to their URLs what they like, and are not asked.
 */
bool
req_check_query(struct req *req, struct err *err)
{
	struct server_req *in = req->server;
	const char *limit;
	int64_t n;

	if (!fields_read(req, in->query_text, HTTP_QUERY_MAX, &in->query, err))
		return err_at(err, "query");
	in->has_query = true;
	limit = fields_get(&in->query, "limit");
	return !limit || num_parse(limit, 1, INT64_MAX, &n, err) || err_at(err, "limit");
}

const char *
req_cookie(struct req *req, const char *name)
{
	struct server_req *in = req->server;

	if (!in->has_cookies) {
		for (size_t i = 0; i < in->headers_n; i++)
			if (strcasecmp(in->headers[i].name, "Cookie") == 0)
				fields_add_cookies(req, in->headers[i].value, &in->cookies);
		in->has_cookies = true;
	}
	return fields_get(&in->cookies, name);
}

/* The body is one piece of memory and so is each file in it, but the reader hands out small blocks. */
static bool
form_file(void *arg, const struct multipart_file *file, struct err *err)
{
	struct req *req = arg;
	struct form_file *f = mem_new(req, struct form_file);

	(void)err;
	f->field = mem_text(f, file->field);
	f->name = mem_text(f, file->name);
	f->next = req->server->files;
	req->server->files = f;
	return true;
}

static bool
form_data(void *arg, struct bytes bytes, struct err *err)
{
	struct req *req = arg;
	struct form_file *f = req->server->files;
	char *p = mem_grow(f, (char *)(uintptr_t)f->bytes.p, char, f->bytes.len + bytes.len);

	(void)err;
	memcpy(p + f->bytes.len, bytes.p, bytes.len);
	f->bytes = (struct bytes){ p, f->bytes.len + bytes.len };
	return true;
}

bool
req_read_form(struct req *req, struct err *err)
{
	static const struct multipart_calls calls = { form_file, form_data };
	const char *type = req_header(req, "Content-Type");
	struct multipart *multipart;

	if (req->body.len == 0)
		return true;
	if (fields_type_is(type, FORM_TYPE))
		return fields_read(req, req->body, HTTP_FORM_MAX, &req->server->form, err) ||
		       err_at(err, "form");
	if (!fields_type_is(type, MULTIPART_TYPE))
		return true;
	if (!multipart_new(req, type, &calls, req, &multipart, err) ||
	    !multipart_feed(multipart, req->body, err) || !multipart_end(multipart, err))
		return err_at(err, "form");
	req->server->form = *multipart_fields(multipart);
	return true;
}

struct bytes
req_form_file(struct req *req, const char *name)
{
	for (const struct form_file *f = req->server->files; f; f = f->next)
		if (strcmp(f->field, name) == 0)
			return f->bytes;
	return (struct bytes){ 0 };
}

const char *
req_form_file_name(struct req *req, const char *name)
{
	for (const struct form_file *f = req->server->files; f; f = f->next)
		if (strcmp(f->field, name) == 0)
			return f->name;
	return NULL;
}

struct bytes
req_form_files(struct req *req, const char *name, size_t n)
{
	for (const struct form_file *f = req->server->files; f; f = f->next)
		if (strcmp(f->field, name) == 0 && f->bytes.p && n-- == 0)
			return f->bytes;
	return (struct bytes){ 0 };
}

const char *
req_form(struct req *req, const char *name)
{
	return fields_get(&req->server->form, name);
}

const char *
req_form_nth(struct req *req, const char *name, size_t n)
{
	return fields_nth(&req->server->form, name, n);
}

bool
req_json(struct req *req, json_t **ret, struct err *err)
{
	json_error_t why;
	json_t *json;

	json = json_loadb(req->body.len ? req->body.p : "", req->body.len, JSON_REJECT_DUPLICATES,
			  &why);
	if (!json)
		return err_set(err, ERR_MALFORMED, "the body is not JSON: line %d column %d: %s",
			       why.line, why.column, why.text);
	*ret = json_hold(req, json);
	return true;
}

/* ---- reply ---- */

void
reply_clear(struct reply *reply)
{
	if (reply->fd >= 0)
		close(reply->fd);
	*reply = (struct reply){ .req = reply->req, .fd = -1, .follow = reply->follow };	/* who is told of the end */
}

int64_t
reply_length(const struct reply *reply)
{
	if (reply->req->head || reply->status == 304)
		return 0;
	return reply->length ? reply->length : (int64_t)reply->body.len;
}

/* The second reply of one request replaces the first. */
static void
begin(struct reply *reply, int status, const char *type)
{
	if (reply->fd >= 0)
		close(reply->fd);
	reply->fd = -1;
	reply->body = (struct bytes){ 0 };
	reply->status = status;
	if (type)
		reply_header(reply, "Content-Type", type);
}

void
reply_header(struct reply *reply, const char *name, const char *value)
{
	size_t at = reply->headers_n;

	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			log_error("a reply header with a control character was left out",
				  KV("name", name));
			return;
		}
	/* One Content-Type; Set-Cookie and Link may stand several times. */
	if (strcasecmp(name, "Set-Cookie") != 0 && strcasecmp(name, "Link") != 0)
		for (at = 0; at < reply->headers_n; at++)
			if (strcasecmp(reply->headers[at].name, name) == 0)
				break;
	if (at == REPLY_HEADERS_MAX) {
		log_error("a reply has too many headers", KV("name", name));
		return;
	}
	reply->headers[at] =
		(struct field){ mem_text(reply->req, name), mem_text(reply->req, value) };
	if (at == reply->headers_n)
		reply->headers_n++;
}

bool
reply_has(const struct reply *reply, const char *name)
{
	for (size_t i = 0; i < reply->headers_n; i++)
		if (strcasecmp(reply->headers[i].name, name) == 0)
			return true;
	return false;
}

bool
reply_text(struct reply *reply, int status, const char *type, const char *text)
{
	size_t len = strlen(text);

	return reply_bytes(reply, status, type,
			   (struct bytes){ mem_copy(reply->req, text, len), len });
}

bool
reply_bytes(struct reply *reply, int status, const char *type, struct bytes bytes)
{
	begin(reply, status, type);
	reply->body = bytes;
	return true;
}

bool
reply_json(struct reply *reply, int status, json_t *json)
{
	return reply_json_as(reply, status, JSON_TYPE, json);
}

bool
reply_json_as(struct reply *reply, int status, const char *type, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);
	bool done;

	json_decref(json);
	if (!text)	/* json_pack met what is no UTF-8, and gave NULL */
		return false;
	done = reply_text(reply, status, type, text);
	free(text);
	return done;
}

bool
reply_empty(struct reply *reply, int status)
{
	begin(reply, status, NULL);
	return true;
}

bool
reply_see(struct reply *reply, const char *location)
{
	begin(reply, 303, NULL);
	reply_header(reply, "Location", location);
	return true;
}

void
reply_follow(struct reply *reply, struct follow *follow)
{
	reply->follow = follow;
}

bool
reply_file(struct reply *reply, struct req *req, int fd, int64_t size, const char *etag,
	   const char *type, struct reply_range *sent)
{
	enum range range = RANGE_WHOLE;
	int64_t from = 0, length = size;

	/* Range is defined for GET alone (RFC 9110 section 14.2). */
	if (req->method == GET && !req->head)
		range = range_read(req_header(req, "Range"), req_header(req, "If-Range"), etag, size,
				   &from, &length);
	if (range_none_match(req_header(req, "If-None-Match"), etag)) {
		begin(reply, 304, NULL);
		range = RANGE_WHOLE;
		from = 0;
		length = size;
	} else if (range == RANGE_OUTSIDE) {
		begin(reply, 416, NULL);
		reply_header(reply, "Content-Range",
			     mem_printf(req, "bytes */%lld", (long long)size));
	} else {
		begin(reply, range == RANGE_PART ? 206 : 200, type);
	}
	if (range == RANGE_PART)
		reply_header(reply, "Content-Range",
			     mem_printf(req, "bytes %lld-%lld/%lld", (long long)from,
					(long long)(from + length - 1), (long long)size));
	reply_header(reply, "Accept-Ranges", "bytes");
	reply_header(reply, "ETag", etag);
	if (range == RANGE_OUTSIDE) {
		close(fd);
		from = length = 0;
	} else {
		reply->fd = fd;
		reply->from = from;
		reply->length = length;
	}
	if (sent)
		*sent = (struct reply_range){ from, reply->status == 304 || req->head ? 0 : length,
					      size };
	return true;
}
