/*
 * Stylesheet, script and logo; and what every page is told: the company, the person, the warnings.
 *
 * The stylesheet carries the company's colours, so its address carries a hash of both: it can be kept
 * for a year, and a change of colour is a new address.
 */
#include "catalog/setting.h"
#include "core/embed.h"
#include "core/log.h"
#include "core/secret.h"
#include "web/clip.h"
#include "web/endings.h"
#include "web/look.h"
#include "web/rooms.h"
#include <string.h>
#include <unistd.h>

#define LOOK_CSS_MAX	(256u << 10)
#define HASH_SHOWN	12

/* One state of the look; replaced whole.  Old ones stay with the site: changes are rare and small. */
struct look_cache {
	const char *company, *accent, *logo;	/* logo: blob name, NULL when there is none */
	char hash[HASH_SHOWN + 1];
	struct bytes css;
	struct clip_look clip;
};

static bool
make(struct site *site, struct look_cache **ret, struct err *err)
{
	const struct conf *conf = site_conf(site);
	struct look_cache *look = mem_new(NULL, struct look_cache);
	char *company, *accent, *logo, hash[SECRET_HASH_SIZE];
	struct bytes script;
	struct buf css, all;

	if (!setting_get(look, site->db, "company.name", &company, err) ||
	    !setting_get(look, site->db, "company.accent", &accent, err) ||
	    !setting_get(look, site->db, "company.logo", &logo, err))
		goto failed;
	look->company = company ? company : *conf->company_name ? conf->company_name : "Pomona";
	look->accent = accent ? accent : conf->company_accent;
	look->logo = logo && *logo ? logo : NULL;
	buf_init(&css, look, LOOK_CSS_MAX);
	if (!look_stylesheet(look->accent, &css, err)) {
		err_at(err, "company.accent");
		goto failed;
	}
	look->css = (struct bytes){ css.p, css.len };
	if (!clip_look_make(look, site, look->company, look->accent, look->logo, &look->clip, err))
		goto failed;
	buf_init(&all, look, 2 * LOOK_CSS_MAX);
	buf_add(&all, css.p, css.len);
	if (embed_find("web/assets/app.js", &script))
		buf_add(&all, script.p, script.len);
	buf_text(&all, look->clip.hash);
	snprintf(look->hash, sizeof look->hash, "%.*s", HASH_SHOWN, secret_hash(buf_str(&all), hash));
	*ret = look;
	return true;
failed:
	talloc_free(look);
	return false;
}

bool
look_open(struct site *site, struct err *err)
{
	struct look_cache *look;

	if (!make(site, &look, err))
		return false;
	pthread_mutex_lock(&site->lock);
	site->look = talloc_steal(site, look);
	pthread_mutex_unlock(&site->lock);
	return true;
}

void
look_forget(struct site *site)
{
	struct err err = { 0 };

	if (!look_open(site, &err))
		log_err("the look stays as it was", &err);
}

static const struct look_cache *
look_now(struct site *site)
{
	const struct look_cache *look;

	pthread_mutex_lock(&site->lock);
	look = site->look;
	pthread_mutex_unlock(&site->lock);
	return look;
}

const char *
site_company(struct req *req)
{
	return look_now(req->site)->company;
}

const char *
site_name(struct site *site)
{
	return look_now(site)->company;
}

const char *
site_accent(struct site *site)
{
	return look_now(site)->accent;
}

const char *
site_logo(struct site *site)
{
	return look_now(site)->logo;
}

const struct clip_look *
site_clip(struct site *site)
{
	return &look_now(site)->clip;
}

/* Up to two first letters of a name's words. */
static const char *
initials(TALLOC_CTX *ctx, const char *name)
{
	struct buf out;
	int n = 0;

	buf_init(&out, ctx, 64);
	for (const char *at = name; *at && n < 2;) {
		size_t len = 1;

		at += strspn(at, " .-_");
		while ((at[len] & 0xc0) == 0x80)
			len++;
		if (!*at)
			break;
		if (*at >= 'a' && *at <= 'z')
			buf_add(&out, &(char){ (char)(*at - 'a' + 'A') }, 1);
		else
			buf_add(&out, at, len);
		n++;
		at += strcspn(at, " .-_");
	}
	return buf_str(&out);
}

/* Of whoever has a console; what cannot be counted is none: the page itself says why. */
static int64_t
expiry_count(struct req *req)
{
	const struct person *p = req->person;
	struct err ignored;
	int64_t n;

	return p && !p->scope && p->role >= ROLE_PUBLISHER && endings_count(req->site, p, &n, &ignored) ? n : 0;
}

void
page_everywhere(struct req *req, json_t *data)
{
	const struct look_cache *look = look_now(req->site);
	const struct person *p = req->person;
	const char *seams = site_conf(req->site)->seams;
	json_t *company = json_pack("{s:s, s:s?}", "name", look->company, "logo_url",
				    look->logo ? mem_printf(req, "/assets/%.12s/logo", look->logo) : NULL);

	json_object_set_new(data, "company", company);
	json_object_set_new(data, "assets", json_string(mem_printf(req, "/assets/%s", look->hash)));
	if (p && !p->scope)
		json_object_set_new(data, "person", json_pack("{s:s, s:s, s:b, s:b}", "name", p->name, "initials",
			initials(req, p->name), "admin", p->role == ROLE_ADMIN, "publisher",
			p->role >= ROLE_PUBLISHER));
	json_object_set_new(data, "expiry_count", json_integer(expiry_count(req)));
	json_object_set_new(data, "manifest_url", json_sprintf("/assets/%s/manifest.webmanifest", look->hash));
	if (*seams) {
		json_t *names = json_array();
		char *text = mem_text(req, seams), *save = NULL;

		for (char *name = strtok_r(text, " ", &save); name; name = strtok_r(NULL, " ", &save))
			json_array_append_new(names, json_string(name));
		json_object_set_new(data, "seams", json_pack("{s:o}", "names", names));
	}
}

json_t *
web_manifest(struct req *req, const char *home)
{
	const struct look_cache *look = look_now(req->site);

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:s}]}", "name", look->clip.label, "short_name",
			 look->clip.label, "start_url", home, "scope", home, "display", "standalone", "background_color", "#ffffff",
			 "theme_color", look->accent, "icons", "src", mem_printf(req, "/assets/%s/touch.png", look->hash), "sizes",
			 mem_printf(req, "%dx%d", CLIP_ICON_SIDE, CLIP_ICON_SIDE), "type", "image/png");
}

static bool
get_asset(struct req *req, struct reply *reply, struct err *err)
{
	static const struct {
		const char *name, *type;
	} files[] = {
		{ "app.js", "text/javascript; charset=utf-8" },
		{ "icon.svg", "image/svg+xml" },
	};
	const struct look_cache *look = look_now(req->site);
	const char *name = req_param(req, "file");
	struct bytes bytes;

	/* An address of before a change still answers, with what is right now, but is not to be kept. */
	if (strcmp(req_param(req, "hash"), look->hash) == 0)
		reply_header(reply, "Cache-Control", "public, max-age=31536000, immutable");
	if (strcmp(name, "pomona.css") == 0)
		return reply_bytes(reply, 200, "text/css; charset=utf-8", look->css);
	if (strcmp(name, "touch.png") == 0)
		return reply_bytes(reply, 200, "image/png", look->clip.icon);
	if (strcmp(name, "manifest.webmanifest") == 0)
		return reply_json_as(reply, 200, "application/manifest+json", web_manifest(req, "/"));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (strcmp(name, files[i].name) == 0 &&
		    embed_find(mem_printf(req, "web/assets/%s", name), &bytes))
			return reply_bytes(reply, 200, files[i].type, bytes);
	return err_set(err, ERR_MISSING, "no such asset");
}

static bool
get_logo(struct req *req, struct reply *reply, struct err *err)
{
	const struct look_cache *look = look_now(req->site);
	char head[16];
	const char *type;
	int64_t size;
	int fd;

	if (!look->logo)
		return err_set(err, ERR_MISSING, "no logo");
	if (!blob_open(req->site->blobs, look->logo, &fd, &size, err))
		return false;
	if (pread(fd, head, sizeof head, 0) != sizeof head ||
	    !look_logo_type((struct bytes){ head, sizeof head }, &type, err)) {
		close(fd);
		return err_set(err, ERR_INTERNAL, "the logo cannot be read");
	}
	reply_header(reply, "Cache-Control", "public, max-age=31536000, immutable");
	return reply_file(reply, req, fd, size, site_etag(req, look->logo), type, NULL);
}

const struct route look_routes[] = {
	{ GET, "/assets/:hash/logo",  WHO_ANYONE, "0", ON_WORKER, get_logo,  NULL, NULL, "The company's logo" },
	{ GET, "/assets/:hash/:file", WHO_ANYONE, "0", ON_IO,     get_asset, NULL, NULL, "Stylesheet, script, icons, manifest" },
	{ 0 }
};
