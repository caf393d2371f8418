#include "ipa/manifest.h"
#include <string.h>

static void
text(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "<key>%s</key><string>", key);
	buf_xml(out, value, strlen(value));
	buf_text(out, "</string>");
}

static void
asset(struct buf *out, const struct manifest *m, const char *kind, const char *file)
{
	buf_text(out, "<dict>");
	text(out, "kind", kind);
	buf_text(out, "<key>url</key><string>");
	buf_xml(out, m->url, strlen(m->url));
	buf_addf(out, "/%s</string>", file);
}

/* Hashes of the chunks; old iOS reads MD5 alone, newer prefers SHA-256 when both are there. */
static void
hashes(struct buf *out, const char *name, int64_t chunk, const char *list)
{
	if (!*list)
		return;
	buf_addf(out, "<key>%s-size</key><integer>%lld</integer><key>%ss</key><array>", name,
		 (long long)chunk, name);
	for (size_t len; *list; list += len + (list[len] == ' ')) {
		len = strcspn(list, " ");
		buf_text(out, "<string>");
		buf_xml(out, list, len);
		buf_text(out, "</string>");
	}
	buf_text(out, "</array>");
}

bool
manifest_write(const struct manifest *m, struct buf *out, struct err *err)
{
	/* iOS refuses a title of one character. */
	const char *title = m->title && strlen(m->title) > 1 ? m->title : m->bundle_id;

	buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		 "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
		 "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
		 "<plist version=\"1.0\"><dict><key>items</key><array><dict><key>assets</key><array>\n");
	asset(out, m, "software-package", "app.ipa");
	hashes(out, "sha256", m->chunk, m->sha256s);
	hashes(out, "md5", m->chunk, m->md5s);
	buf_text(out, "</dict>\n");
	asset(out, m, "display-image", "57.png");
	buf_text(out, "</dict>\n");
	asset(out, m, "full-size-image", "512.png");
	buf_text(out, "</dict></array>\n<key>metadata</key><dict>");
	text(out, "bundle-identifier", m->bundle_id);
	text(out, "bundle-version", m->build);
	text(out, "kind", "software");
	if (*m->subtitle)
		text(out, "subtitle", m->subtitle);
	text(out, "title", title);
	buf_text(out, "</dict></dict></array></dict></plist>\n");
	return buf_ok(out, err) || err_at(err, "manifest of %s", m->bundle_id);
}

char *
manifest_itms_url(TALLOC_CTX *ctx, const char *url)
{
	struct buf buf;

	buf_init(&buf, ctx, 8192);
	buf_text(&buf, "itms-services://?action=download-manifest&url=");
	buf_url(&buf, url, strlen(url));
	buf_text(&buf, "%2Fmanifest.plist");
	return mem_text(ctx, buf_str(&buf));
}
