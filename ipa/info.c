/*
 * Info.plist to facts.  A developer's plist is free to hold a string where Apple documents a
 * dictionary (tvOS does so for the primary icon), so every type is asked for and nothing assumed;
 * only a bundle id is required.
 */
#include "ipa/info.h"
#include "core/buf.h"
#include "core/num.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#define BUNDLE_ID_MAX	155
#define PLATFORM_MAX	32
#define ICON_SIDE_SAID_MAX 1024

/* Controls, and what makes text run backwards or hides inside it; ZWJ stays: emoji need it. */
static bool
is_unwanted(ucs4_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x200b ||
	       c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) || (c >= 0xfdd0 && c <= 0xfdef) ||
	       (c & 0xfffe) == 0xfffe || (c >= 0xe0000 && c <= 0xe0fff);
}

static bool
is_blank(ucs4_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xa0 || c == 0x2028 || c == 0x2029;
}

char *
info_clean(TALLOC_CTX *ctx, const char *text, size_t max)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
	char *clean = mem_size(ctx, max + 1);
	size_t len = 0;
	bool blank = false;

	while (p < end) {
		ucs4_t c = 0;
		int size = u8_mbtoucr(&c, p, (size_t)(end - p));

		if (size < 1 || is_blank(c) || is_unwanted(c)) {
			blank = blank || (size > 0 && is_blank(c));
			p += size < 1 ? 1 : size;
			continue;
		}
		if (len + (size_t)size + (blank && len > 0) > max)
			break;
		if (blank && len > 0)
			clean[len++] = ' ';
		blank = false;
		memcpy(clean + len, p, (size_t)size);
		len += (size_t)size;
		p += size;
	}
	clean[len] = '\0';
	return clean;
}

/* A cleaned text; "" when it is missing or nothing remains. */
static const char *
clean_at(TALLOC_CTX *ctx, plist_t dict, const char *key)
{
	char *text = plist_text_at(ctx, dict, key);

	return text ? info_clean(ctx, text, INFO_TEXT_MAX) : "";
}

/* A name inside the bundle: used as it is, or not at all. */
static const char *
file_name(TALLOC_CTX *ctx, plist_t node)
{
	char *text = plist_text_of(ctx, node);

	if (!text || !*text || strcmp(text, info_clean(ctx, text, INFO_TEXT_MAX)) != 0)
		return "";
	return text;
}

static bool
is_bundle_id(const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len > BUNDLE_ID_MAX || id[0] == '.' || id[len - 1] == '.' || strstr(id, ".."))
		return false;
	for (; *id; id++)
		if (!isalnum((unsigned char)*id) && *id != '-' && *id != '.')
			return false;
	return true;
}

static const char *
app_name(const struct info *info, plist_t plist)
{
	const char *name = clean_at((void *)info, plist, "CFBundleDisplayName"), *dot;

	if (!*name)
		name = clean_at((void *)info, plist, "CFBundleName");
	if (*name)
		return name;
	dot = strrchr(info->bundle_id, '.');
	return dot ? dot + 1 : info->bundle_id;
}

static const char *
platform(TALLOC_CTX *ctx, plist_t plist)
{
	char *text = plist_text_at(ctx, plist, "DTPlatformName");

	if (!text)
		text = plist_text_of(ctx, plist_item_at(plist, "CFBundleSupportedPlatforms", 0));
	if (!text || strlen(text) > PLATFORM_MAX)
		return "";
	for (char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p))
			return "";
		*p = (char)tolower((unsigned char)*p);
	}
	return text;
}

/* UIDeviceFamily: integers, or their texts as Xcode 3 wrote them, in an array or alone. */
static void
read_families(struct info *info, plist_t plist)
{
	plist_t node = plist_at(plist, "UIDeviceFamily");
	size_t count = plist_count_at(plist, "UIDeviceFamily");
	bool alone = node && plist_get_node_type(node) != PLIST_ARRAY;

	if (alone)
		count = 1;
	for (size_t i = 0; i < count && i < INFO_LIST_MAX && info->device_family_count < 8; i++) {
		plist_t item = alone ? node : plist_item_at(plist, "UIDeviceFamily", i);
		const char *text = plist_text_of(info, item);
		struct err ignored = { 0 };
		uint64_t number = 0;
		int64_t family = 0;

		if (item && plist_get_node_type(item) == PLIST_UINT)
			plist_get_uint_val(item, &number);
		if (text && num_parse(text, 1, 99, &family, &ignored))
			number = (uint64_t)family;
		if (number >= 1 && number <= 99)
			info->device_family[info->device_family_count++] = (int)number;
	}
}

/* Schemes by RFC 3986: letters, digits, + - . */
static bool
is_scheme(const char *text)
{
	if (!text || !isalpha((unsigned char)*text) || strlen(text) > INFO_TEXT_MAX)
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("+-.", *text))
			return false;
	return true;
}

static void
read_schemes(struct info *info, plist_t plist)
{
	size_t types = plist_count_at(plist, "CFBundleURLTypes");

	for (size_t i = 0; i < types && i < INFO_LIST_MAX; i++) {
		plist_t type = plist_item_at(plist, "CFBundleURLTypes", i);
		size_t schemes = plist_count_at(type, "CFBundleURLSchemes");

		for (size_t k = 0; k < schemes && k < INFO_LIST_MAX; k++) {
			char *scheme = plist_text_of(info, plist_item_at(type, "CFBundleURLSchemes", k));

			if (is_scheme(scheme) && info->url_scheme_count < INFO_LIST_MAX)
				info->url_schemes[info->url_scheme_count++] = scheme;
		}
	}
}

static void
add_icon(struct info *info, plist_t node)
{
	const char *name = file_name(info, node);

	for (size_t i = 0; i < info->icon_count; i++)
		if (strcmp(info->icons[i], name) == 0)
			return;
	if (*name && info->icon_count < INFO_LIST_MAX)
		info->icons[info->icon_count++] = name;
}

/* "AppIcon60x60@2x.png" says 120, "Icon-72" 72; a name without a number says 1. */
static long
icon_side(const char *name)
{
	const char *at = strchr(name, '@');
	long side = 1, scale = at ? strtol(at + 1, NULL, 10) : 1;

	for (const char *p = name; *p && p != at; p++)
		if (isdigit((unsigned char)*p)) {
			char *end;
			long number = strtol(p, &end, 10);

			if (number > side && number <= ICON_SIDE_SAID_MAX)
				side = number;
			p = end - 1;
		}
	return side * (scale >= 1 && scale <= 3 ? scale : 1);
}

static int
larger_first(const void *a, const void *b)
{
	long x = icon_side(*(const char *const *)a), y = icon_side(*(const char *const *)b);

	return x == y ? 0 : x > y ? -1 : 1;
}

static void
add_icons(struct info *info, plist_t dict, const char *key)
{
	size_t from = info->icon_count, count = plist_count_at(dict, key);

	for (size_t i = 0; i < count && i < INFO_LIST_MAX; i++)
		add_icon(info, plist_item_at(dict, key, i));
	qsort(info->icons + from, info->icon_count - from, sizeof *info->icons, larger_first);
}

/* iPhone's icons first: they are square in the catalog's sizes and always there. */
static void
read_icons(struct info *info, plist_t plist)
{
	static const char *const sets[] = { "CFBundleIcons", "CFBundleIcons~iphone", "CFBundleIcons~ipad" };
	static const char *const lists[] = { "CFBundleIconFiles", "CFBundleIconFiles~iphone",
					     "CFBundleIconFiles~ipad" };

	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		plist_t set = plist_dict_at(plist, sets[i]);
		plist_t primary = plist_dict_at(set, "CFBundlePrimaryIcon");

		add_icons(info, primary, "CFBundleIconFiles");
		if (plist_text_at(info, primary, "CFBundleIconName") ||
		    plist_text_at(info, set, "CFBundlePrimaryIcon"))
			info->icon_in_catalog = true;
	}
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		add_icons(info, plist, lists[i]);
	add_icon(info, plist_at(plist, "CFBundleIconFile"));
	if (plist_text_at(info, plist, "CFBundleIconName"))
		info->icon_in_catalog = true;
}

bool
info_read(TALLOC_CTX *ctx, struct bytes bytes, struct info **ret, struct err *err)
{
	SCOPED(plist) plist_t plist = NULL;
	struct info *info;

	if (!plist_open(bytes, INFO_BYTES_MAX, &plist, err)) {
		if (strcmp(err->code, "hostile_plist") == 0)
			return err_at(err, "Info.plist");
		return err_code(err, ERR_INVALID, "bad_info", "Info.plist cannot be read: %.200s",
				err->cause);
	}
	info = mem_new(ctx, struct info);
	info->bundle_id = plist_text_at(info, plist, "CFBundleIdentifier");
	if (!info->bundle_id || !is_bundle_id(info->bundle_id)) {
		talloc_free(info);
		return err_code(err, ERR_INVALID, "bad_info",
				"Info.plist has no usable CFBundleIdentifier");
	}
	info->name = app_name(info, plist);
	info->version = clean_at(info, plist, "CFBundleShortVersionString");
	info->build = clean_at(info, plist, "CFBundleVersion");
	info->minimum_os = clean_at(info, plist, "MinimumOSVersion");
	info->package_type = clean_at(info, plist, "CFBundlePackageType");
	info->executable = file_name(info, plist_at(plist, "CFBundleExecutable"));
	info->platform = platform(info, plist);
	read_families(info, plist);
	read_schemes(info, plist);
	read_icons(info, plist);
	*ret = info;
	return true;
}
