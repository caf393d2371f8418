/* What the web clip looks like. */
#include "catalog/setting.h"
#include "core/log.h"
#include "core/secret.h"
#include "ipa/icon.h"
#include "web/clip.h"
#include "web/look.h"
#include "web/rooms.h"
#include <string.h>
#include <unistd.h>

#define LABEL_DEFAULT "App Catalog"

static bool
said(TALLOC_CTX *ctx, struct site *site, const char *key, bool from_file, bool *ret, struct err *err)
{
	char *text;

	if (!setting_get(ctx, site->db, key, &text, err))
		return false;
	*ret = text ? strcmp(text, "yes") == 0 : from_file;
	return true;
}

static bool
read_logo(TALLOC_CTX *ctx, struct site *site, const char *name, struct bytes *ret, struct err *err)
{
	int fd SCOPED(fd) = -1;
	int64_t size;
	char *p;

	if (!blob_open(site->blobs, name, &fd, &size, err))
		return false;
	if (size > LOOK_LOGO_MAX)
		return err_set(err, ERR_LIMIT, "a logo of %lld bytes", (long long)size);
	p = mem_size(ctx, (size_t)size);
	for (int64_t at = 0, n; at < size; at += n)
		if ((n = pread(fd, p + at, (size_t)(size - at), at)) <= 0)
			return err_errno(err, "read the logo");
	*ret = (struct bytes){ p, (size_t)size };
	return true;
}

/* Taken is only what can be read here (look_logo_fits); for one of before that a drawn icon stands in. */
static bool
from_logo(TALLOC_CTX *ctx, struct site *site, const char *logo, struct bytes *png)
{
	void *here SCOPED(mem) = mem_must(talloc_new(NULL));
	struct bytes file;
	struct icon *icon;
	struct err err = { 0 };
	int width, height;

	if (!logo || !site->blobs)
		return false;
	if (!read_logo(here, site, logo, &file, &err)) {
		log_err("the logo cannot be made into an icon", &err);
		return false;
	}
	return icon_size(file, &width, &height) && icon_read(here, file, &icon, &err) &&
	       icon_home(ctx, icon, CLIP_ICON_SIDE, png, &err);
}

static void
fingerprint(TALLOC_CTX *ctx, struct site *site, const char *company, struct clip_look *look)
{
	char icon[SECRET_HASH_SIZE], hash[SECRET_HASH_SIZE];
	struct buf hex;

	buf_init(&hex, ctx, 4u << 20);
	buf_hex(&hex, look->icon.p, look->icon.len);
	secret_hash(buf_str(&hex), icon);
	look->hash = mem_text(ctx, secret_hash(mem_printf(ctx, "%s\n%s\n%s\n%d%d\n%s", site->base_url, company, look->label,
							  look->full_screen, look->removable, icon), hash));
}

bool
clip_look_make(TALLOC_CTX *ctx, struct site *site, const char *company, const char *accent, const char *logo,
	       struct clip_look *ret, struct err *err)
{
	const struct conf *conf = site_conf(site);
	struct clip_look look = { 0 };
	struct look colours;
	char *label;

	if (!said(ctx, site, "clip.on", conf->clip_on, &look.on, err) ||
	    !said(ctx, site, "clip.full_screen", conf->clip_full_screen, &look.full_screen, err) ||
	    !said(ctx, site, "clip.removable", conf->clip_removable, &look.removable, err) ||
	    !setting_get(ctx, site->db, "clip.label", &label, err) || !look_from(accent, &colours, err))
		return false;
	look.label = label && *label ? label : *conf->clip_label ? conf->clip_label : LABEL_DEFAULT;
	if (!from_logo(ctx, site, logo, &look.icon) &&
	    !icon_letter(ctx, company, colours.light.accent_fill, colours.light.on_accent, CLIP_ICON_SIDE, &look.icon, err))
		return err_at(err, "the web clip's icon");
	fingerprint(ctx, site, company, &look);
	*ret = look;
	return true;
}

char *
clip_token(TALLOC_CTX *ctx, struct site *site, const char *enrollment_id)
{
	return link_derive(ctx, &site->link_key, mem_printf(ctx, "clip %s", enrollment_id));
}

const char *
clip_url(TALLOC_CTX *ctx, struct site *site, const char *token)
{
	return mem_printf(ctx, "%s/c/%s", site->base_url, token);
}
