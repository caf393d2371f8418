/*
 * What must be right for an app to be an app refuses the file: the archive, the Info.plists.  What
 * an app can be without - a readable icon, a Mach-O executable, localized names, even a provision -
 * is left out when it is broken, unless it was made to do harm.
 */
#include "ipa/facts.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/plist.h"
#include "ipa/icon.h"
#include "ipa/info.h"
#include "ipa/layout.h"
#include "ipa/macho.h"
#include "ipa/member.h"
#include "ipa/provision_cms.h"
#include "ipa/verdict.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct source {
	TALLOC_CTX *tmp;
	const struct zip *zip;
	const struct layout *layout;
	const struct inspect_opts *opts;
	const struct provision_roots *roots;
	uint64_t *code_left, *files_left;
};

/* May be left out: broken or oversized, but neither hostile nor our own trouble. */
static bool
is_harmless(const struct err *err)
{
	return err->kind == ERR_INVALID && strcmp(err->code, "hostile_zip") != 0 &&
	       strcmp(err->code, "hostile_plist") != 0;
}

static bool
read_info(const struct source *source, const struct layout_bundle *bundle, struct info **ret,
	  struct err *err)
{
	struct bytes bytes;

	return member_read(source->tmp, source->zip, bundle->info, INFO_BYTES_MAX, &bytes, err) &&
	       info_read(source->tmp, bytes, ret, err);
}

static json_t *
base64(TALLOC_CTX *ctx, struct bytes bytes)
{
	struct buf text;

	buf_init(&text, ctx, bytes.len * 2 + 16);
	buf_base64(&text, bytes.p, bytes.len);
	return json_string(buf_str(&text));
}

/* *ret is JSON null when there is none. */
static bool
read_provision(const struct source *source, const struct layout_bundle *bundle,
	       struct provision **provision, json_t **ret, struct err *err)
{
	struct bytes bytes;

	*provision = NULL;
	*ret = NULL;
	if (bundle->provision &&
	    (!member_read(source->tmp, source->zip, bundle->provision, PROVISION_BYTES_MAX, &bytes,
			  err) ||
	     !provision_read(source->tmp, bytes, source->roots, provision, err))) {
		if (!is_harmless(err) || strcmp(err->code, "too_large") == 0)
			return err_at(err, "embedded.mobileprovision");
		*provision = NULL;
	}
	*ret = *provision ? provision_json(*provision, source->opts->udids) : json_null();
	if (*provision && source->opts->files && bytes.len <= *source->files_left) {
		json_object_set_new(*ret, "file", base64(source->tmp, bytes));
		*source->files_left -= bytes.len;
	}
	return true;
}

/* A key of the JSON from a folder's name: "de", "zh-Hans", "pt_BR". */
static bool
is_language(const char *text)
{
	size_t len =
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	return len > 0 && len < 40 && !text[len];
}

static bool
add_names(const struct source *source, json_t *facts, struct err *err)
{
	json_t *names = json_object();

	json_object_set_new(facts, "localized_names", names);
	for (size_t i = 0; i < source->layout->name_count; i++) {
		const struct layout_name *name = &source->layout->names[i];
		struct bytes bytes;
		char *text = NULL;

		if (!is_language(name->language))
			continue;
		if (member_read(source->tmp, source->zip, name->strings, FACTS_STRINGS_MAX, &bytes,
				err))
			text = info_localized_name(source->tmp, bytes);
		else if (!is_harmless(err))
			return false;
		if (text && *text)
			json_object_set_new(names, name->language, json_string(text));
	}
	return true;
}

/* What is beyond FACTS_CODE_MAX together is not looked at: as if it were unsigned. */
static bool
read_binary(const struct source *source, const struct layout_bundle *bundle, const struct info *info, struct macho **ret,
	    struct err *err)
{
	struct member_stream *stream;
	struct zip_member *member = NULL;
	const char *name = info->executable;

	*ret = mem_new(source->tmp, struct macho);	/* of no architecture, unsigned */
	if (!name || !*name)
		return true;
	if (*bundle->path)
		name = mem_printf(source->tmp, "%s/%s", bundle->path, name);
	if (!layout_find(source->tmp, source->zip, source->layout, name, &member, err))
		return false;
	if (!member || member->size > *source->code_left)
		return true;
	*source->code_left -= member->size;
	if (member_stream_open(source->tmp, source->zip, member, &stream, err) &&
	    macho_inspect(source->tmp, member_read_at, stream, member->size, ret, err))
		return true;
	return is_harmless(err);
}

static void
add_binary(json_t *facts, const struct macho *macho)
{
	json_t *architectures = json_array();

	for (size_t i = 0; i < macho->architecture_count; i++)
		json_array_append_new(architectures, json_string(macho->architectures[i]));
	json_object_set_new(facts, "binary",
			    json_pack("{s:o, s:b, s:b}", "architectures", architectures,
				      "encrypted", macho->encrypted, "signed", macho->is_signed));
	/* Builds of this kind have carried the platform of a device in Info.plist. */
	if (macho->simulator &&
	    !strstr(json_string_value(json_object_get(facts, "platform")), "simulator"))
		json_object_set_new(facts, "platform", json_string("iphonesimulator"));
}

/*
 * {certificate{sha1,subject,expires}|null, entitlements{}|null}: who signed the executable, and what it asks of a
 * provision.  null: cannot be told.
 */
static json_t *
code_json(TALLOC_CTX *ctx, const struct macho *macho)
{
	json_t *code = json_pack("{s:n, s:n}", "certificate", "entitlements");
	char hex[X509_FINGERPRINT_SIZE], iso[CLOCK_ISO_SIZE];
	SCOPED(plist) plist_t plist = NULL;
	SCOPED(x509) X509 *signer = NULL;
	struct err none;
	time_t expires;

	if (provision_signer(macho->cms, &signer) && x509_expires(signer, &expires))
		json_object_set_new(code, "certificate", json_pack("{s:s, s:s, s:s}", "sha1", x509_sha1(signer, hex), "subject",
			info_clean(ctx, x509_subject_cn(ctx, signer), PROVISION_TEXT_MAX), "expires", clock_iso(expires, iso)));
	if (macho->entitlements.len && plist_open(macho->entitlements, FACTS_ENTITLEMENTS_MAX, &plist, &none) &&
	    plist_get_node_type(plist) == PLIST_DICT)
		json_object_set_new(code, "entitlements", plist_json(plist));
	return code;
}

/* Extensions and watch apps. */
static bool
add_bundles(const struct source *source, json_t *facts, struct err *err)
{
	json_t *list = json_array(), *provision;
	struct provision *read;
	struct macho *macho;
	struct info *info;

	json_object_set_new(facts, "extensions", list);
	for (size_t i = 0; i < source->layout->bundle_count; i++) {
		const struct layout_bundle *bundle = &source->layout->bundles[i];
		char *path = info_clean(source->tmp, bundle->path, INFO_TEXT_MAX);

		if (!bundle->info)
			continue;
		if (!read_info(source, bundle, &info, err) ||
		    !read_binary(source, bundle, info, &macho, err) || !read_provision(source, bundle, &read, &provision, err))
			return err_at(err, "%s", path);
		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "bundle_id", info->bundle_id, "path", path,
						      "provision", provision, "code", code_json(source->tmp, macho)));
	}
	return true;
}

struct candidate {
	const struct zip_member *member;
	int width, height;
};

/* Squares before others, then the larger. */
static int
better_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int square = (y->width == y->height) - (x->width == x->height);

	return square ? square : y->width - x->width;
}

/*
 * Names tell little of size ("AppIcon-160x60@3x" has 180 pixels), so all candidates' headers are
 * read and the largest that can be decoded is taken; *ret is NULL when there is none.
 */
static bool
read_icon(const struct source *source, const struct info *info, struct icon **ret, struct err *err)
{
	static const char *const usual[] = { "Icon",	"Icon-60",	"Icon-72",
					     "Icon-76", "AppIcon60x60", "AppIcon76x76" };
	struct candidate candidates[LAYOUT_ICONS_MAX];
	struct layout_icons icons;
	struct bytes bytes;
	size_t count = 0;

	*ret = NULL;
	if (!layout_icons(source->tmp, source->zip, source->layout,
			  info->icon_count ? info->icons : usual,
			  info->icon_count ? info->icon_count : sizeof usual / sizeof *usual,
			  &icons, err))
		return false;
	for (size_t i = 0; i < icons.count; i++) {
		struct candidate *c = &candidates[count];
		struct member_stream *stream;
		char head[ICON_HEAD_SIZE];
		size_t got;

		c->member = icons.members[i];
		if (!member_stream_open(source->tmp, source->zip, c->member, &stream, err))
			continue;
		if (member_read_at(stream, 0, head, sizeof head, &got, err) &&
		    icon_size((struct bytes){ head, got }, &c->width, &c->height))
			count++;
		talloc_free(stream);
	}
	qsort(candidates, count, sizeof *candidates, better_first);
	for (size_t i = 0; i < count && !*ret; i++) {
		if (member_read(source->tmp, source->zip, candidates[i].member, ICON_BYTES_MAX,
				&bytes, err) &&
		    icon_read(source->tmp, bytes, ret, err))
			break;
		if (!is_harmless(err))
			return false;
	}
	return true;
}

static bool
add_icon(const struct source *source, const struct info *info, struct inspect *inspect,
	 struct err *err)
{
	struct icon *icon;
	const char *source_name;

	if (!read_icon(source, info, &icon, err))
		return err_at(err, "icon");
	for (int i = 0; icon && i < ICON_SIZES; i++)
		if (!icon_png(inspect, icon, icon_sides[i], &inspect->icons[i], err))
			return false;
	source_name = icon						     ? icon->source
		      : info->icon_in_catalog && source->layout->has_catalog ? "car"
									     : "none";
	json_object_set_new(inspect->facts, "icon",
			    json_pack("{s:i, s:i, s:s}", "width", icon ? icon->width : 0, "height",
				      icon ? icon->height : 0, "source", source_name));
	return true;
}

static void
add_info(json_t *facts, const struct info *info)
{
	json_t *families = json_array(), *schemes = json_array();

	for (size_t i = 0; i < info->device_family_count; i++)
		json_array_append_new(families, json_integer(info->device_family[i]));
	for (size_t i = 0; i < info->url_scheme_count; i++)
		json_array_append_new(schemes, json_string(info->url_schemes[i]));
	json_object_set_new(facts, "file", json_null());
	json_object_set_new(facts, "bundle_id", json_string(info->bundle_id));
	json_object_set_new(facts, "name", json_string(info->name));
	json_object_set_new(facts, "localized_names", json_null());
	json_object_set_new(facts, "version", json_string(info->version));
	json_object_set_new(facts, "build", json_string(info->build));
	json_object_set_new(facts, "minimum_os", json_string(info->minimum_os));
	json_object_set_new(facts, "platform", json_string(info->platform));
	json_object_set_new(facts, "device_family", families);
	json_object_set_new(facts, "url_schemes", schemes);
}

static int
release(struct inspect *inspect)
{
	json_decref(inspect->facts);
	return 0;
}

static bool
read_all(const struct source *source, struct inspect *inspect, struct err *err)
{
	struct provision *provision;
	struct macho *macho;
	struct info *info;
	json_t *json;

	if (!read_info(source, &source->layout->app, &info, err))
		return false;
	add_info(inspect->facts, info);
	if (!add_names(source, inspect->facts, err) || !add_icon(source, info, inspect, err) ||
	    !read_provision(source, &source->layout->app, &provision, &json, err))
		return false;
	json_object_set_new(inspect->facts, "provision", json);
	if (!read_binary(source, &source->layout->app, info, &macho, err) || !add_bundles(source, inspect->facts, err))
		return false;
	add_binary(inspect->facts, macho);
	json_object_set_new(inspect->facts, "code", code_json(source->tmp, macho));
	verdict_add(inspect->facts, source->opts->now);
	return true;
}

/* A .mobileprovision that came alone. */
static bool
read_alone(TALLOC_CTX *tmp, int fd, uint64_t size, const struct inspect_opts *opts, const struct provision_roots *roots,
	   struct inspect *inspect, struct err *err)
{
	struct provision *provision;
	struct bytes bytes = { mem_size(tmp, PROVISION_BYTES_MAX), 0 };
	json_t *json;
	ssize_t n;

	if (size > PROVISION_BYTES_MAX)
		return err_code(err, ERR_INVALID, "too_large", "a provisioning profile of %llu bytes; at most %u are read",
				(unsigned long long)size, PROVISION_BYTES_MAX);
	while (bytes.len < size &&
	       (n = pread(fd, (char *)(uintptr_t)bytes.p + bytes.len, size - bytes.len, (off_t)bytes.len)) > 0)
		bytes.len += (size_t)n;
	if (bytes.len < size)
		return err_set(err, ERR_INTERNAL, "the file cannot be read to its end");
	if (!provision_read(tmp, bytes, roots, &provision, err)) {
		if (strcmp(err->code, "hostile_plist") != 0 && err->kind == ERR_INVALID)
			err_code(err, ERR_INVALID, "not_provision", "this is no provisioning profile (.mobileprovision)");
		return false;
	}
	json = provision_json(provision, opts->udids);
	json_object_set_new(json, "file", base64(tmp, bytes));
	json_object_set_new(inspect->facts, "provision", json);
	return true;
}

bool
facts_read(TALLOC_CTX *ctx, int fd, uint64_t size, const struct inspect_opts *opts,
	   const struct provision_roots *roots, struct inspect **ret, struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	struct inspect *inspect = mem_new(tmp, struct inspect);
	uint64_t code_left = FACTS_CODE_MAX, files_left = FACTS_FILES_MAX;
	struct layout *layout;
	struct zip *zip;

	inspect->facts = mem_must(json_object());
	talloc_set_destructor(inspect, release);
	if (opts->alone) {
		if (!read_alone(tmp, fd, size, opts, roots, inspect, err))
			return false;
		*ret = talloc_steal(ctx, inspect);
		return true;
	}
	if (!zip_open(tmp, fd, size, &zip, err) || !layout_read(tmp, zip, &layout, err))
		return false;
	if (!read_all(&(struct source){ tmp, zip, layout, opts, roots, &code_left, &files_left }, inspect, err))
		return false;
	*ret = talloc_steal(ctx, inspect);
	return true;
}
