#pragma once
/*
 * manifest - the property list that tells iOS what to install and from where.
 *
 * Apple's schema: github.com/apple/device-management other/manifesturl.yaml.  All URLs are absolute,
 * https, ASCII and without a query; every text is escaped.  bundle-version is CFBundleVersion.
 */
#include "core/buf.h"

#define MANIFEST_BYTES_MAX (4u << 20)

struct manifest {
	const char *bundle_id, *build, *title, *subtitle;
	const char *url;		/* up to and with the grant: https://host/d/<grant> */
	int64_t chunk;			/* bytes a chunk */
	const char *sha256s, *md5s;	/* hex digests separated by spaces; md5s may be "" */
};

bool manifest_write(const struct manifest *manifest, struct buf *out, struct err *err) CHECKED;

/* itms-services://?action=download-manifest&url=<percent-encoded https://host/d/<grant>/manifest.plist> */
char *manifest_itms_url(TALLOC_CTX *ctx, const char *url);
