#pragma once
/*
 * info - an app's Info.plist (XML or binary), and its localized names.
 *
 * Texts are valid UTF-8, without control and bidirectional override characters, cut at INFO_TEXT_MAX.
 * See developer.apple.com/documentation/bundleresources/information-property-list.
 */
#include "core/plist.h"

#define INFO_BYTES_MAX	(1u << 20)
#define INFO_TEXT_MAX	256
#define INFO_LIST_MAX	64

struct info {
	const char *bundle_id;		/* required: letters, digits, '-', '.', at most 155 */
	const char *name;		/* CFBundleDisplayName, else CFBundleName, else the bundle id's last part */
	const char *version;		/* CFBundleShortVersionString; "" when missing */
	const char *build;		/* CFBundleVersion; "" when missing */
	const char *minimum_os;		/* "" when missing */
	const char *platform;		/* DTPlatformName or from CFBundleSupportedPlatforms, lower case; "" */
	const char *executable;
	const char *package_type;	/* CFBundlePackageType */
	int device_family[8];		/* 1 iPhone, 2 iPad, 3 TV, 4 watch, 7 vision */
	size_t device_family_count;
	const char *url_schemes[INFO_LIST_MAX];
	size_t url_scheme_count;
	const char *icons[INFO_LIST_MAX];	/* file names or their beginnings, best guess first */
	size_t icon_count;
	bool icon_in_catalog;		/* a name in Assets.car too, or only */
};

/* ERR_INVALID: code bad_info when it is no Info.plist or lacks a usable bundle id; hostile_plist. */
bool info_read(TALLOC_CTX *ctx, struct bytes bytes, struct info **ret, struct err *err) CHECKED;

/* CFBundleDisplayName or CFBundleName of an InfoPlist.strings (plist, or old "key" = "value"; text in
 * UTF-8 or UTF-16); NULL when there is none. */
char *info_localized_name(TALLOC_CTX *ctx, struct bytes bytes);

/* Text for people from strangers: as described above. */
char *info_clean(TALLOC_CTX *ctx, const char *text, size_t max);
