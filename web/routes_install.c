/*
 * What a phone's install daemon fetches: manifest, icons, ipa.
 *
 * iOS fetches these from a system process that has no browser session and shows no client
 * certificate, so they are guarded by the grant in the path (WHO_GRANT) and by nothing else:
 * no cookie, no redirect, no query string.
 */
#include "core/count.h"
#include "core/secret.h"
#include "ipa/manifest.h"
#include "web/follow.h"
#include "web/rooms.h"
#include <string.h>

/* Who asks, for as long as the answer takes. */
struct daemon {
	struct grant *grant;
	char client[SECRET_HASH_SIZE];
	const char *agent;
};

static bool
open_grant(struct req *req, enum grant_file file, struct daemon *d, struct err *err)
{
	d->agent = req_header(req, "User-Agent");
	return grant_open(req, req->site->db, req_param(req, "grant"), file, site_client(req, d->client), &d->grant, err);
}

static void
saw(struct req *req, const struct daemon *d, enum install_kind kind)
{
	if (!req->head)
		install_saw(req->site->installs, d->grant, d->client, d->agent, kind);
}

static bool
get_manifest(struct req *req, struct reply *reply, struct err *err)
{
	struct daemon d;
	const struct grant *grant;
	struct manifest manifest;
	struct buf out;

	if (!open_grant(req, req->head ? GRANT_MANIFEST_HEAD : GRANT_MANIFEST, &d, err))
		return false;	/* ERR_MISSING, whatever was wrong with it */
	grant = d.grant;
	manifest = (struct manifest){
		.bundle_id = grant->bundle_id, .build = grant->build, .title = grant->name,
		.subtitle = site_company(req), .chunk = BLOB_CHUNK,
		.url = mem_printf(req, "%s/d/%s", req->site->base_url, req_param(req, "grant")),
		.sha256s = grant->chunk_sha256s, .md5s = grant->chunk_md5s,
	};
	buf_init(&out, req, MANIFEST_BYTES_MAX);
	if (!manifest_write(&manifest, &out, err))
		return false;
	count_add(COUNT_MANIFESTS, 1);
	saw(req, &d, INSTALL_MANIFEST);
	reply_header(reply, "Cache-Control", "private, no-store");
	return reply_bytes(reply, 200, "text/xml; charset=utf-8", (struct bytes){ out.p, out.len });
}

/* An answer with bytes of the .ipa: until it ends, the install's timeline can ask how far it is. */
struct download {
	struct follow follow;	/* first */
	struct install_part *part;
	int64_t length;
};

static int64_t
download_out(void *download)
{
	return follow_out(&((struct download *)download)->follow);
}

static void
download_end(struct follow *follow, bool whole, int64_t sent)
{
	struct download *download = (struct download *)follow;

	install_sent(download->part, whole ? download->length : sent);
}

static void
begin_download(struct req *req, struct reply *reply, const struct daemon *d, const struct reply_range *range)
{
	struct download *download = mem_new(req, struct download);

	follow_init(&download->follow, download_end);
	download->length = range->length;
	download->part = install_sends(req->site->installs, d->grant, d->client, d->agent, range->from, range->length,
				       download_out, download);
	reply_follow(reply, &download->follow);
	count_add(COUNT_DOWNLOAD_BYTES, range->length);
}

static bool
get_ipa(struct req *req, struct reply *reply, struct err *err)
{
	struct daemon d;
	struct reply_range range;
	int64_t size;
	int fd;

	if (!open_grant(req, GRANT_IPA, &d, err) || !blob_open(req->site->blobs, d.grant->sha256, &fd, &size, err))
		return false;
	reply_header(reply, "Cache-Control", "private, max-age=31536000, immutable");
	if (!reply_file(reply, req, fd, size, site_etag(req, d.grant->sha256), "application/octet-stream", &range))
		return err_set(err, ERR_INTERNAL, "the file cannot be sent");
	if (range.length && !req->head)
		begin_download(req, reply, &d, &range);
	return true;
}

static bool
get_icon(struct req *req, struct reply *reply, struct err *err)
{
	bool large = strcmp(req_param(req, "icon"), "512.png") == 0;
	struct daemon d;
	const char *name;
	int64_t size;
	int fd;

	if (!large && strcmp(req_param(req, "icon"), "57.png") != 0)
		return err_set(err, ERR_MISSING, "no such icon");
	if (!open_grant(req, GRANT_ICON, &d, err))
		return false;
	name = large ? d.grant->icon512 : d.grant->icon57;
	if (!blob_open(req->site->blobs, name, &fd, &size, err))
		return false;
	saw(req, &d, INSTALL_ICON);
	return reply_file(reply, req, fd, size, site_etag(req, name), "image/png", NULL);
}

const struct route install_routes[] = {
	{ GET, "/d/:grant/manifest.plist", WHO_GRANT, "0", ON_WORKER, get_manifest, NULL, NULL, "What iOS is to install" },
	{ GET, "/d/:grant/app.ipa",        WHO_GRANT, "0", ON_WORKER, get_ipa,      NULL, NULL, "The app, in ranges" },
	{ GET, "/d/:grant/:icon",          WHO_GRANT, "0", ON_WORKER, get_icon,     NULL, NULL, "57.png or 512.png" },
	{ 0 }
};
