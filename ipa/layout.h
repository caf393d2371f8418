#pragma once
/*
 * layout - which members of an archive are the app, and which belong to the bundles inside it.
 *
 * The app is the one folder Payload/X.app at the top of the archive.  Watch apps, app clips and
 * extensions lie below it and are told by where they lie, never by the order of the archive.
 * Refusals: no_payload, many_apps, no_info, too_large.
 */
#include "ipa/archive.h"

#define LAYOUT_BUNDLES_MAX	64
#define LAYOUT_NAMES_MAX	100	/* languages */
#define LAYOUT_ICONS_MAX	64

struct layout_bundle {
	const char *path;		/* below the app: "PlugIns/Share.appex"; "" for the app itself */
	const struct zip_member *info, *provision;	/* NULL: has none */
};

struct layout_name {
	const char *language;		/* "de", "zh-Hans" */
	const struct zip_member *strings;
};

struct layout {
	const char *root;		/* "Payload/Demo.app/" */
	struct layout_bundle app;	/* its info is never NULL */
	struct layout_bundle bundles[LAYOUT_BUNDLES_MAX];
	size_t bundle_count;
	struct layout_name names[LAYOUT_NAMES_MAX];
	size_t name_count;
	bool has_catalog;		/* Assets.car */
};

bool layout_read(TALLOC_CTX *ctx, const struct zip *zip, struct layout **ret,
		 struct err *err) CHECKED;

/* The PNG files at the top of the app with these names, iOS's endings (@2x, ~ipad, .png) aside. */
struct layout_icons {
	const struct zip_member *members[LAYOUT_ICONS_MAX];
	size_t count;
};
bool layout_icons(TALLOC_CTX *ctx, const struct zip *zip, const struct layout *layout,
		  const char *const *names, size_t name_count, struct layout_icons *ret,
		  struct err *err) CHECKED;

/* A file below the app by its path there; *ret is NULL when there is none. */
bool layout_find(TALLOC_CTX *ctx, const struct zip *zip, const struct layout *layout,
		 const char *path, struct zip_member **ret, struct err *err) CHECKED;
