/*
 * Resumable uploads: tus 1.0.0 with creation, checksum, expiration and termination
 * (tus.io/protocols/resumable-upload).
 *
 * The bytes are in DIR/uploads/<id>, whose size is the offset, so a crash loses nothing that was
 * written.  While a part with a checksum comes, the row says where the bytes end that are known to be
 * right, so that no crash makes the part count.  A PATCH that completes it puts a job in the table; `GET` shows the answer when it is read.
 */
#include "catalog/channel.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/num.h"
#include "web/rooms.h"
#include "web/upload_files.h"
#include "web/uploads.h"
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#define TUS_VERSION	"1.0.0"
#define TUS_ALGORITHMS	"sha256,sha1,md5"
#define TUS_FIELDS_MAX	32
#define CHECKSUM_MAX	64
#define UNFINISHED_TIMES 8	/* uploads a person may have begun, in times of upload.parallel_max */

/* ---- protocol ---- */

static void
tus_headers(struct reply *reply)
{
	reply_header(reply, "Tus-Resumable", TUS_VERSION);
	reply_header(reply, "Cache-Control", "no-store");
}

/* When it is forgotten; the same at each request, since nothing makes it live longer. */
static void
say_expires(struct reply *reply, const struct upload *upload)
{
	char at[32];

	reply_header(reply, "Upload-Expires", clock_http(upload->expires, at));
}

static bool
check_version(struct req *req, struct err *err)
{
	const char *version = req_header(req, "Tus-Resumable");

	return (version && strcmp(version, TUS_VERSION) == 0) ||
	       err_set(err, ERR_PRECONDITION, "Tus-Resumable: " TUS_VERSION " is what this server speaks");
}

static bool
header_number(struct req *req, const char *name, int64_t *ret, struct err *err)
{
	const char *text = req_header(req, name);

	if (!text)
		return err_set(err, ERR_MALFORMED, "the header %s is missing", name);
	return num_parse(text, 0, INT64_MAX, ret, err) || err_at(err, "%s", name);
}

static bool
options_uploads(struct req *req, struct reply *reply, struct err *err)
{
	(void)err;
	tus_headers(reply);
	reply_header(reply, "Tus-Version", TUS_VERSION);
	reply_header(reply, "Tus-Extension", "creation,checksum,expiration,termination");
	reply_header(reply, "Tus-Checksum-Algorithm", TUS_ALGORITHMS);
	reply_header(reply, "Tus-Max-Size", mem_printf(req, "%lld",
		     (long long)site_conf(req->site)->upload_max_mb * 1000000));
	return reply_empty(reply, 204);
}

/* "filename d29ybGQ=,channel cWE=": keys and base64 values. */
static bool
read_metadata(struct req *req, json_t **ret, struct err *err)
{
	const char *text = req_header(req, "Upload-Metadata");
	json_t *fields = json_object();
	size_t n = 0;

	for (const char *at = text ? text : ""; *at;) {
		size_t len = strcspn(at, ","), key = strcspn(at, " ,");
		struct bytes value = { "", 0 };

		if (key < len && !num_unbase64(req, at + key + 1, len - key - 1, &value))
			goto bad;
		if (key && (++n > TUS_FIELDS_MAX ||
			    json_object_set_new(fields, mem_textn(req, at, key), json_stringn(value.p, value.len)) != 0))
			goto bad;
		at += len;
		at += strspn(at, ", ");
	}
	*ret = fields;
	return true;
bad:
	json_decref(fields);
	return err_set(err, ERR_MALFORMED, "Upload-Metadata is not keys with base64 of UTF-8");
}

/* One at a time: nobody is promised the room that another is being promised. */
static bool
promise(struct req *req, int64_t length, json_t *fields, struct upload **ret, struct err *err)
{
	static pthread_mutex_t promising = PTHREAD_MUTEX_INITIALIZER;
	const struct conf *conf = site_conf(req->site);
	bool ok;

	pthread_mutex_lock(&promising);
	ok = upload_room(req->site, length, err) &&
	     upload_new(req, req->site->db, req->person, length, fields, conf->upload_resume_hours * 3600,
			UNFINISHED_TIMES * conf->upload_parallel_max, ret, err);
	pthread_mutex_unlock(&promising);
	return ok;
}

static bool
post_uploads(struct req *req, struct reply *reply, struct err *err)
{
	struct site *site = req->site;
	const struct conf *conf = site_conf(site);
	int64_t length;
	json_t *fields = NULL;
	const char *channel;
	struct upload *upload;
	bool ok;

	if (!check_version(req, err) || !header_number(req, "Upload-Length", &length, err))
		return false;
	if (length > conf->upload_max_mb * 1000000)
		return err_set(err, ERR_LIMIT, "larger than %lld MB", (long long)conf->upload_max_mb);
	if (!read_metadata(req, &fields, err))
		return false;
	channel = json_string_value(json_object_get(fields, "channel"));
	ok = (!channel || channel_name_ok(channel, err)) && promise(req, length, fields, &upload, err);
	json_decref(fields);
	if (!ok || !upload_file_make(site, upload->id, err))
		return false;
	tus_headers(reply);
	say_expires(reply, upload);
	reply_header(reply, "Location", mem_printf(req, "/api/v1/uploads/%s", upload->id));
	return reply_empty(reply, 201);
}

/*
 * All bytes are here, but nobody said so: the server, or the connection, ended between the last byte
 * and the commit.  A client that finds its offset at the end sends nothing more, so it is told now.
 */
static bool
whole_unnoticed(struct req *req, struct upload *upload, int64_t offset, struct err *err)
{
	void *here SCOPED(mem) = talloc_new(NULL);
	struct err busy;

	if (upload->status != UPLOAD_RECEIVING || offset != upload->length || !upload_enter(here, upload->id, &busy))
		return true;
	if (!upload_file_offset(req->site, upload, &offset, err))	/* again, now that nobody else is at it */
		return false;
	if (offset != upload->length)
		return true;
	if (!upload_whole(req->site->db, upload->id, err))
		return false;
	upload->status = UPLOAD_READING;
	jobs_wake(req->site->jobs);
	return true;
}

/* HEAD asks how far it is; GET also shows the answer once there is one. */
static bool
get_upload(struct req *req, struct reply *reply, struct err *err)
{
	struct upload *upload;
	int64_t offset;
	json_t *answer;

	if (!upload_open(req, req->site->db, req->person, req_param(req, "id"), &upload, err) ||
	    !upload_file_offset(req->site, upload, &offset, err) || !whole_unnoticed(req, upload, offset, err))
		return false;
	tus_headers(reply);
	reply_header(reply, "Upload-Offset", mem_printf(req, "%lld", (long long)offset));
	reply_header(reply, "Upload-Length", mem_printf(req, "%lld", (long long)upload->length));
	say_expires(reply, upload);
	if (req->head)
		return reply_empty(reply, 200);
	if (upload->status < 200)
		return reply_json(reply, 202, json_pack("{s:s, s:I, s:I}", "state",
			upload->status == UPLOAD_READING ? "reading" : "receiving", "offset", (json_int_t)offset,
			"length", (json_int_t)upload->length));
	if (!(answer = json_loads(upload->answer, 0, NULL)))
		return err_set(err, ERR_INTERNAL, "the answer of upload %s cannot be read", upload->id);
	return upload->status < 300 ? reply_json(reply, (int)upload->status, answer)
				    : reply_json_as(reply, (int)upload->status, "application/problem+json", answer);
}

static bool
delete_upload(struct req *req, struct reply *reply, struct err *err)
{
	struct upload *upload;

	if (!check_version(req, err) ||
	    !upload_open(req, req->site->db, req->person, req_param(req, "id"), &upload, err) ||
	    !upload_enter(req, upload->id, err) || !upload_remove(req->site->db, upload->id, err))
		return false;
	unlink(upload_path(req, req->site, upload->id));
	tus_headers(reply);
	return reply_empty(reply, 204);
}

/* ---- PATCH ---- */

struct patch {
	struct upload *upload;
	struct blob_draft *draft;
	const char *path;
	int64_t from, length, room;
	EVP_MD_CTX *md;
	unsigned char expected[CHECKSUM_MAX];
	size_t expected_len;
};

static int
free_md(struct patch *patch)
{
	EVP_MD_CTX_free(patch->md);
	return 0;
}

static bool
read_checksum(struct req *req, struct patch *patch, struct err *err)
{
	const char *text = req_header(req, "Upload-Checksum"), *blank;
	const EVP_MD *md = NULL;
	struct bytes value;

	if (!text)
		return true;
	blank = strchr(text, ' ');
	if (blank)
		md = strncmp(text, "sha256 ", 7) == 0 ? EVP_sha256() : strncmp(text, "sha1 ", 5) == 0 ? EVP_sha1()
		   : strncmp(text, "md5 ", 4) == 0 ? EVP_md5() : NULL;
	if (!md)
		return err_set(err, ERR_MALFORMED, "Upload-Checksum is one of " TUS_ALGORITHMS " and base64");
	if (!num_unbase64(req, blank + 1, strlen(blank + 1), &value) || value.len != (size_t)EVP_MD_get_size(md))
		return err_set(err, ERR_MALFORMED, "Upload-Checksum is not base64 of the right length");
	memcpy(patch->expected, value.p, value.len);
	patch->expected_len = value.len;
	patch->md = mem_must(EVP_MD_CTX_new());
	talloc_set_destructor(patch, free_md);
	return EVP_DigestInit_ex(patch->md, md, NULL) || err_openssl(err, ERR_INTERNAL, "begin a checksum");
}

static void
drained(void *req)
{
	req_unpause(req);
}

/* What an earlier part left behind that was never proved is taken back; from here on only a part with a
 * checksum has something to prove. */
static bool
begin_part(struct req *req, const struct patch *patch, struct err *err)
{
	int64_t proved = patch->md ? patch->from : -1;

	return (patch->upload->proved < 0 || upload_file_cut(patch->path, patch->from, err)) &&
	       (patch->upload->proved == proved || upload_set_proved(req->site->db, patch->upload->id, proved, err));
}

static bool
patch_open(struct req *req, struct err *err)
{
	struct patch *patch = mem_new(req, struct patch);
	const char *type = req_header(req, "Content-Type");
	int64_t offset;

	req->sink_state = patch;
	if (!session_proof(req, NULL, err) || !check_version(req, err) || !header_number(req, "Upload-Offset", &patch->from, err))
		return false;
	if (!type || strcmp(type, "application/offset+octet-stream") != 0)
		return err_set(err, ERR_MEDIA, "the type of a PATCH is application/offset+octet-stream");
	if (!upload_open(patch, req->site->db, req->person, req_param(req, "id"), &patch->upload, err) ||
	    !upload_enter(patch, patch->upload->id, err) || !upload_slot(patch, req->site, req->person, err) ||
	    !upload_file_offset(req->site, patch->upload, &offset, err) || !read_checksum(req, patch, err))
		return false;
	if (patch->upload->status != UPLOAD_RECEIVING)	/* its file may be a build's by now */
		return err_set(err, ERR_CONFLICT, "all bytes of this upload are here; GET shows its answer");
	if (patch->from != offset)
		return err_set(err, ERR_CONFLICT, "Upload-Offset is %lld, but %lld bytes are here",
			       (long long)patch->from, (long long)offset);
	patch->path = upload_path(patch, req->site, patch->upload->id);
	patch->room = patch->upload->length - offset;
	if (req->length > patch->room)
		return err_set(err, ERR_LIMIT, "more than Upload-Length said");
	if (!begin_part(req, patch, err) ||
	    !blob_draft_append(patch, req->site->blobs, patch->path, patch->from,
			       req->length > 0 ? req->length : 0, &patch->draft, err))
		return false;
	blob_draft_on_drained(patch->draft, drained, req);
	return true;
}

static bool
patch_feed(struct req *req, struct bytes bytes, bool *pause, struct err *err)
{
	struct patch *patch = req->sink_state;

	patch->length += (int64_t)bytes.len;
	if (patch->length > patch->room)
		return err_set(err, ERR_LIMIT, "more than Upload-Length said");
	if (patch->md && !EVP_DigestUpdate(patch->md, bytes.p, bytes.len))
		return err_openssl(err, ERR_INTERNAL, "checksum");
	return blob_draft_write(patch->draft, bytes, pause, err);
}

/* What arrived stays; where only the missing rest could have proved it right, it does not count, and the
 * next part takes it back. */
static void
patch_cut(struct req *req)
{
	struct patch *patch = req->sink_state;
	struct err err = { 0 };

	if (!patch || !patch->draft)
		return;
	if (!patch->md && !blob_draft_done(patch->draft, &err))
		log_err("keep what arrived of an upload", &err);
	TALLOC_FREE(patch->draft);
}

static bool
checksum_fits(struct patch *patch)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	return !patch->md || (EVP_DigestFinal_ex(patch->md, digest, &len) && len == patch->expected_len &&
			      memcmp(digest, patch->expected, len) == 0);
}

static bool
patch_upload(struct req *req, struct reply *reply, struct err *err)
{
	struct patch *patch = req->sink_state;
	int64_t offset = patch->from + patch->length;

	if (!blob_draft_done(patch->draft, err))
		return false;
	TALLOC_FREE(patch->draft);
	if (!checksum_fits(patch))	/* they do not count, and the next part takes them back */
		return err_set(err, ERR_CHECKSUM, "the bytes are not what Upload-Checksum says; send them again");
	if (patch->md && !upload_set_proved(req->site->db, patch->upload->id, -1, err))
		return false;
	if (offset == patch->upload->length) {
		if (!upload_whole(req->site->db, patch->upload->id, err))
			return false;
		jobs_wake(req->site->jobs);
	}
	tus_headers(reply);
	say_expires(reply, patch->upload);
	reply_header(reply, "Upload-Offset", mem_printf(req, "%lld", (long long)offset));
	return reply_empty(reply, 204);
}

static const struct sink patch_sink = { patch_open, patch_feed, patch_cut };

/* ---- the job ---- */

static const char *
text_field(const struct upload *upload, const char *name)
{
	return json_string_value(json_object_get(upload->fields, name));
}

/* What the sender is told when they ask. */
static bool
keep_answer(struct db *db, const char *id, int status, json_t *json, struct err *err)
{
	char *answer = json_dumps(json, JSON_COMPACT);
	bool ok = upload_set(db, id, status, answer ? answer : "{}", err);

	json_decref(json);
	free(answer);
	return ok;
}

static bool
publish_whole(struct site *site, TALLOC_CTX *ctx, const struct upload *upload, const struct person *person,
	      char **build, bool *fresh, struct err *err)
{
	struct build_fields fields = {
		.channel = text_field(upload, "channel"), .changelog = text_field(upload, "changelog"),
		.branch = text_field(upload, "branch"), .git_commit = text_field(upload, "git_commit"),
		.ci_url = text_field(upload, "ci_url"), .source = text_field(upload, "source"),
		.custom_fields = text_field(upload, "custom_fields"), .silent = says_no(text_field(upload, "notify")),
	};
	struct blob_draft *draft;

	return (blob_draft_adopt(ctx, site->blobs, upload_path(ctx, site, upload->id), &draft, err) ||
		err_at(err, "resumed upload")) &&
	       upload_publish(ctx, site, draft, &fields, person, build, fresh, err);
}

bool
upload_finish(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	const char *id = json_string_value(json_object_get(job->args, "upload"));
	struct upload *upload;
	struct person *person;
	json_t *answer;
	char *build;
	bool fresh, ok = false;

	if (!id)
		return err_set(err, ERR_INTERNAL, "a job without its upload");
	if (upload_claim(ctx, site->db, id, &upload, &person, err)) {
		if (!person)
			return true;	/* finished before, or deleted */
		ok = publish_whole(site, ctx, upload, person, &build, &fresh, err) &&
		     upload_answer(ctx, site, build, person, &answer, err);
	}
	if (!ok && (err->kind == ERR_INTERNAL || err->kind == ERR_NO_ROOM || err->kind == ERR_BUSY))
		return false;	/* tried again, and after the last time upload_dead; the file is still there */
	ok = ok ? keep_answer(site->db, id, fresh ? 201 : 200, answer, err)
		: keep_answer(site->db, id, err_http_status(err->kind), problem_json(err, job->id), err);
	if (ok)
		unlink(upload_path(ctx, site, id));	/* it has done its part */
	return ok;
}

bool
upload_dead(const struct job *job, struct db *tx, void *site, const struct err *why, struct err *err)
{
	const char *id = json_string_value(json_object_get(job->args, "upload"));
	struct err told = *why;

	(void)site;
	if (told.kind == ERR_INTERNAL)	/* whose words are not for the sender */
		err_code(&told, ERR_INVALID, "upload_failed", "the server gave this file up after %d attempts to read it;"
			 " its log says why", UPLOAD_ATTEMPTS);
	return !id || keep_answer(tx, id, err_http_status(told.kind), problem_json(&told, job->id), err);
}

const struct route tus_routes[] = {
	{ OPTIONS, "/api/v1/uploads",     WHO_ANYONE,    "0", ON_IO,     options_uploads, NULL, NULL, "What tus extensions are spoken" },
	{ POST,    "/api/v1/uploads",     WHO_PUBLISHER, "0", ON_WORKER, post_uploads,    NULL, "upload", "Begin a resumable upload (tus 1.0)" },
	{ GET,     "/api/v1/uploads/:id", WHO_PUBLISHER, "0", ON_WORKER, get_upload,      NULL, "upload", "How far it is (HEAD), and the upload's answer (GET)" },
	{ PATCH,   "/api/v1/uploads/:id", WHO_PUBLISHER, "upload.max_mb", ON_WORKER, patch_upload, &patch_sink, "upload", "The next bytes" },
	{ DELETE,  "/api/v1/uploads/:id", WHO_PUBLISHER, "0", ON_WORKER, delete_upload,   NULL, "upload", "Give it up" },
	{ 0 }
};
