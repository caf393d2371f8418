/*
 * What a phone's install daemon fetches: manifest, icons, ipa; and the page behind an upload's link.
 *
 * iOS fetches these from a system process that has no browser session and shows no client
 * certificate, so they are guarded by the grant in the path (WHO_GRANT) and by nothing else:
 * no cookie, no redirect, no query string.
 */
#include "core/count.h"
#include "core/secret.h"
#include "ipa/manifest.h"
#include "web/qr.h"
#include "web/rooms.h"
#include <string.h>

#define QR_SVG_MAX (256u << 10)

static bool
open_grant(struct req *req, enum grant_file file, struct grant **grant, struct err *err)
{
	char client[SECRET_HASH_SIZE];

	return grant_open(req, req->site->db, req_param(req, "grant"), file, site_client(req, client), grant, err);
}

static bool
get_manifest(struct req *req, struct reply *reply, struct err *err)
{
	struct grant *grant;
	struct manifest manifest;
	struct buf out;

	if (!open_grant(req, req->head ? GRANT_MANIFEST_HEAD : GRANT_MANIFEST, &grant, err))
		return false;	/* ERR_MISSING, whatever was wrong with it */
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
	reply_header(reply, "Cache-Control", "private, no-store");
	return reply_bytes(reply, 200, "text/xml; charset=utf-8", (struct bytes){ out.p, out.len });
}

static bool
get_ipa(struct req *req, struct reply *reply, struct err *err)
{
	struct grant *grant;
	struct reply_range range;
	int64_t size;
	int fd;

	if (!open_grant(req, GRANT_IPA, &grant, err) || !blob_open(req->site->blobs, grant->sha256, &fd, &size, err))
		return false;
	reply_header(reply, "Cache-Control", "private, max-age=31536000, immutable");
	if (!reply_file(reply, req, fd, size, site_etag(req, grant->sha256), "application/octet-stream", &range))
		return err_set(err, ERR_INTERNAL, "the file cannot be sent");
	count_add(COUNT_DOWNLOAD_BYTES, req->head ? 0 : range.length);
	return true;
}

static bool
get_icon(struct req *req, struct reply *reply, struct err *err)
{
	bool large = strcmp(req_param(req, "icon"), "512.png") == 0;
	struct grant *grant;
	int64_t size;
	int fd;

	if (!large && strcmp(req_param(req, "icon"), "57.png") != 0)
		return err_set(err, ERR_MISSING, "no such icon");
	if (!open_grant(req, GRANT_ICON, &grant, err) ||
	    !blob_open(req->site->blobs, large ? grant->icon512 : grant->icon57, &fd, &size, err))
		return false;
	return reply_file(reply, req, fd, size, site_etag(req, large ? grant->icon512 : grant->icon57), "image/png",
			  NULL);
}

/* The page a developer's link opens: what it is, and one button. */
static bool
get_page(struct req *req, struct reply *reply, struct err *err)
{
	struct grant *grant;
	const char *token = req_param(req, "grant");
	json_t *build;
	bool ok;

	if (!open_grant(req, GRANT_PAGE, &grant, err) ||
	    !build_show(req->site->db, VIEWER_HOUSE, grant->build_id, true, &build, err))
		return false;
	ok = install_page(req, reply, build, token, grant, mem_printf(req, "%s/i/%s", req->site->base_url, token), err);
	json_decref(build);
	return ok;
}

static bool
get_qr(struct req *req, struct reply *reply, struct err *err)
{
	struct grant *grant;
	struct buf svg;

	buf_init(&svg, req, QR_SVG_MAX);
	if (!open_grant(req, GRANT_PAGE, &grant, err) ||
	    !qr_svg(mem_printf(req, "%s/i/%s", req->site->base_url, req_param(req, "grant")), &svg, err))
		return false;
	return reply_text(reply, 200, "image/svg+xml", buf_str(&svg));
}

const struct route install_routes[] = {
	{ GET, "/d/:grant/manifest.plist", WHO_GRANT, "0", ON_WORKER, get_manifest, NULL, NULL, "What iOS is to install" },
	{ GET, "/d/:grant/app.ipa",        WHO_GRANT, "0", ON_WORKER, get_ipa,      NULL, NULL, "The app, in ranges" },
	{ GET, "/d/:grant/:icon",          WHO_GRANT, "0", ON_WORKER, get_icon,     NULL, NULL, "57.png or 512.png" },
	{ GET, "/i/:grant",                WHO_LINK,  "0", ON_WORKER, get_page,     NULL, NULL, "The page behind an install link" },
	{ GET, "/i/:grant/qr.svg",         WHO_LINK,  "0", ON_WORKER, get_qr,       NULL, NULL, "The link as a QR code" },
	{ 0 }
};
