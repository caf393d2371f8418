/*
 * One walk over the archive; the first Payload/X.app/ met is the app, a second is a refusal.  What
 * only Info.plist can name, icons and the executable, is found by walks of its own.
 */
#include "ipa/layout.h"
#include <string.h>

#define REFUSE(err, code, ...) err_code(err, ERR_INVALID, code, __VA_ARGS__)

#define PAYLOAD "Payload/"

/* A stretch of a path. */
struct part {
	const char *p;
	size_t len;
};

static bool
ends(struct part part, const char *with)
{
	size_t len = strlen(with);

	return part.len > len && memcmp(part.p + part.len - len, with, len) == 0;
}

static bool
is(struct part part, const char *text)
{
	return part.len == strlen(text) && memcmp(part.p, text, part.len) == 0;
}

/* The part before the next slash, and *path behind it; false when no slash follows. */
static bool
next_folder(const char **path, struct part *folder)
{
	const char *slash = strchr(*path, '/');

	if (!slash)
		return false;
	*folder = (struct part){ *path, (size_t)(slash - *path) };
	*path = slash + 1;
	return true;
}

/* What a file at the top of the archive tells about how it was packed wrongly. */
struct hint {
	char folder[100];	/* Payload lies in it */
	char app[100];		/* lies at the top */
};

static void
take_hint(struct hint *hint, const char *name)
{
	const char *rest = name;
	struct part first;

	if (strncmp(name, "__MACOSX/", 9) == 0 || !next_folder(&rest, &first) ||
	    first.len >= sizeof hint->folder)
		return;
	if (strncmp(rest, PAYLOAD, strlen(PAYLOAD)) == 0 && !*hint->folder)
		memcpy(hint->folder, first.p, first.len);
	if (ends(first, ".app") && !*hint->app)
		memcpy(hint->app, first.p, first.len);
}

/* "Payload/X.app/..." -> its root's length, else 0. */
static size_t
root_len(const char *name)
{
	const char *rest = name;
	struct part folder;

	if (!next_folder(&rest, &folder) || !is(folder, "Payload") ||
	    !next_folder(&rest, &folder) || !ends(folder, ".app"))
		return 0;
	return (size_t)(rest - name);
}

/*
 * Below the app, a bundle of its own: folders that hold bundles, and bundles, in any depth (an old
 * watch app lies in its extension), then the file.  *path_len: how much of `path` names the bundle.
 */
static const char *
inner_file(const char *path, size_t *path_len)
{
	static const char *const holders[] = { "PlugIns", "Extensions", "Watch", "AppClips" };
	const char *rest = path;
	struct part folder;
	bool inside = false;

	while (next_folder(&rest, &folder)) {
		bool holds = false;

		for (size_t i = 0; i < sizeof holders / sizeof *holders; i++)
			holds |= is(folder, holders[i]);
		inside = ends(folder, ".appex") || ends(folder, ".app");
		if (!holds && !inside)
			return NULL;
		*path_len = (size_t)(rest - 1 - path);
	}
	return inside ? rest : NULL;
}

static bool
add_inner(struct layout *layout, const char *path, size_t path_len, const char *file,
	  const struct zip_member *m, struct err *err)
{
	struct layout_bundle *bundle = NULL;

	if (strcmp(file, "Info.plist") != 0 && strcmp(file, "embedded.mobileprovision") != 0)
		return true;
	for (size_t i = 0; i < layout->bundle_count && !bundle; i++)
		if (is((struct part){ path, path_len }, layout->bundles[i].path))
			bundle = &layout->bundles[i];
	if (!bundle) {
		if (layout->bundle_count == LAYOUT_BUNDLES_MAX)
			return REFUSE(err, "too_large", "the app has more than %d extensions",
				      LAYOUT_BUNDLES_MAX);
		bundle = &layout->bundles[layout->bundle_count++];
		bundle->path = mem_textn(layout, path, path_len);
	}
	m = mem_copy(layout, m, sizeof *m);
	if (strcmp(file, "Info.plist") == 0)
		bundle->info = m;
	else
		bundle->provision = m;
	return true;
}

static bool
add_file(struct layout *layout, const struct zip_member *m, struct err *err)
{
	const char *path = m->name + strlen(layout->root), *rest = path, *file;
	struct part folder;
	size_t path_len;

	file = inner_file(path, &path_len);
	if (file)
		return add_inner(layout, path, path_len, file, m, err);
	if (strcmp(path, "Info.plist") == 0) {
		layout->app.info = mem_copy(layout, m, sizeof *m);
	} else if (strcmp(path, "embedded.mobileprovision") == 0) {
		layout->app.provision = mem_copy(layout, m, sizeof *m);
	} else if (strcmp(path, "Assets.car") == 0) {
		layout->has_catalog = true;
	} else if (next_folder(&rest, &folder)) {
		if (strcmp(rest, "InfoPlist.strings") == 0 && ends(folder, ".lproj") &&
		    !is(folder, "Base.lproj") && layout->name_count < LAYOUT_NAMES_MAX)
			layout->names[layout->name_count++] = (struct layout_name){
				mem_textn(layout, folder.p, folder.len - strlen(".lproj")),
				mem_copy(layout, m, sizeof *m) };
	}
	return true;
}

static bool
judge(const struct layout *layout, const struct hint *hint, struct err *err)
{
	if (!layout->root && *hint->folder)
		return REFUSE(err, "no_payload",
			      "the folder Payload lies inside \"%s\"; it must be at the top of the "
			      "archive. Zip the folder Payload itself.",
			      hint->folder);
	if (!layout->root && *hint->app)
		return REFUSE(err, "no_payload",
			      "\"%s\" lies at the top of the archive; it must be in a folder named "
			      "Payload. Export an .ipa from Xcode.",
			      hint->app);
	if (!layout->root)
		return REFUSE(err, "no_payload", "the archive has no app: no Payload/*.app");
	if (!layout->app.info)
		return REFUSE(err, "no_info", "%sInfo.plist is missing", layout->root);
	return true;
}

bool
layout_read(TALLOC_CTX *ctx, const struct zip *zip, struct layout **ret, struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	struct layout *layout = mem_new(tmp, struct layout);
	struct zip_walk *walk = zip_walk_new(tmp, zip);
	struct hint hint = { 0 };
	struct zip_member m;
	enum zip_step step;

	layout->app.path = "";
	while ((step = zip_next(walk, &m, err)) == ZIP_MEMBER) {
		size_t len = root_len(m.name);

		if (!len) {
			take_hint(&hint, m.name);
			continue;
		}
		if (!layout->root)
			layout->root = mem_textn(layout, m.name, len);
		if (!is((struct part){ m.name, len }, layout->root))
			return REFUSE(err, "many_apps",
				      "the archive has more than one app in its folder Payload");
		if (m.is_file && !add_file(layout, &m, err))
			return false;
	}
	if (step == ZIP_FAILED || !judge(layout, &hint, err))
		return false;
	*ret = talloc_steal(ctx, layout);
	return true;
}

bool
layout_find(TALLOC_CTX *ctx, const struct zip *zip, const struct layout *layout, const char *path,
	    struct zip_member **ret, struct err *err)
{
	SCOPED(mem) struct zip_walk *walk = zip_walk_new(NULL, zip);
	size_t len = strlen(layout->root);
	struct zip_member m;
	enum zip_step step;

	*ret = NULL;
	while ((step = zip_next(walk, &m, err)) == ZIP_MEMBER)
		if (m.is_file && strncmp(m.name, layout->root, len) == 0 &&
		    strcmp(m.name + len, path) == 0) {
			*ret = mem_copy(ctx, &m, sizeof m);
			return true;
		}
	return step == ZIP_END;
}

/* "AppIcon60x60@2x~ipad.png" is an icon named "AppIcon60x60", "AppIcon60x60@2x" or with its ".png". */
static bool
is_icon(const char *file, const char *name)
{
	static const char *const endings[] = { "@2x", "@3x", "~iphone", "~ipad" };
	size_t len = strlen(name);

	if (strcmp(file, name) == 0)
		return ends((struct part){ file, strlen(file) }, ".png");
	if (ends((struct part){ name, len }, ".png"))
		len -= strlen(".png");
	if (!len || strncmp(file, name, len) != 0)
		return false;
	for (file += len; strcmp(file, ".png") != 0;) {
		size_t i = 0;

		while (i < 4 && strncmp(file, endings[i], strlen(endings[i])) != 0)
			i++;
		if (i == 4)
			return false;
		file += strlen(endings[i]);
	}
	return true;
}

bool
layout_icons(TALLOC_CTX *ctx, const struct zip *zip, const struct layout *layout,
	     const char *const *names, size_t name_count, struct layout_icons *ret, struct err *err)
{
	SCOPED(mem) struct zip_walk *walk = zip_walk_new(NULL, zip);
	size_t len = strlen(layout->root);
	struct zip_member m;
	enum zip_step step = ZIP_END;

	ret->count = 0;
	while (ret->count < LAYOUT_ICONS_MAX && (step = zip_next(walk, &m, err)) == ZIP_MEMBER) {
		bool wanted = false;

		if (!m.is_file || strncmp(m.name, layout->root, len) != 0)
			continue;
		for (size_t i = 0; i < name_count && !wanted; i++)
			wanted = is_icon(m.name + len, names[i]);
		if (wanted)
			ret->members[ret->count++] = mem_copy(ctx, &m, sizeof m);
	}
	return step != ZIP_FAILED;
}
