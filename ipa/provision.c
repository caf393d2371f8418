#include "ipa/provision.h"
#include "core/clock.h"
#include "core/plist.h"
#include "ipa/info.h"
#include "ipa/provision_cms.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define UDID_MAX 64

static int
release(struct provision *provision)
{
	json_decref(provision->entitlements);
	return 0;
}

static const char *
clean(struct provision *provision, char *text)
{
	return text ? info_clean(provision, text, PROVISION_TEXT_MAX) : "";
}

static const char *
text_at(struct provision *provision, plist_t dict, const char *key)
{
	return clean(provision, plist_text_at(provision, dict, key));
}

static const char *
first_text(struct provision *provision, plist_t dict, const char *key)
{
	return clean(provision, plist_text_of(provision, plist_item_at(dict, key, 0)));
}

/* ProvisionsAllDevices, else listed devices, else the App Store.  An empty list is none. */
static enum provision_kind
kind_of(plist_t plist, plist_t entitlements)
{
	bool all = false, debug = false;

	if (plist_bool_at(plist, "ProvisionsAllDevices", &all) && all)
		return PROVISION_ENTERPRISE;
	if (plist_count_at(plist, "ProvisionedDevices") == 0)
		return PROVISION_STORE;
	plist_bool_at(entitlements, "get-task-allow", &debug);
	return debug ? PROVISION_DEVELOPMENT : PROVISION_ADHOC;
}

static void
read_app_id(struct provision *provision, plist_t entitlements)
{
	provision->app_id = text_at(provision, entitlements, "application-identifier");
	if (!*provision->app_id)	/* macOS */
		provision->app_id = text_at(provision, entitlements, "com.apple.application-identifier");
}

static void
read_team(struct provision *provision, plist_t plist)
{
	provision->team_name = text_at(provision, plist, "TeamName");
	provision->team_id = first_text(provision, plist, "TeamIdentifier");
	if (!*provision->team_id)
		provision->team_id = first_text(provision, plist, "ApplicationIdentifierPrefix");
}

/* 40 hexadecimal digits, or 8-16 since 2018; whoever publishes a provision masks some with '*'. */
static bool
is_udid(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '*')
			return false;
	return len > 0 && len <= UDID_MAX;
}

static bool
read_devices(struct provision *provision, plist_t plist, struct err *err)
{
	size_t count = plist_count_at(plist, "ProvisionedDevices"), kept = 0;

	if (count > PROVISION_DEVICES_MAX)
		return err_set(err, ERR_INVALID, "a provisioning profile of more than %d devices",
			       PROVISION_DEVICES_MAX);
	provision->udids = plist_texts_at(provision, plist, "ProvisionedDevices",
					  PROVISION_DEVICES_MAX, &count);
	for (size_t i = 0; i < count; i++) {
		if (is_udid(provision->udids[i]))
			provision->udids[kept++] = provision->udids[i];
	}
	provision->udids[kept] = NULL;
	provision->udid_count = kept;
	return true;
}

/* What cannot be read as a certificate cannot have signed the app: it is left out. */
static bool
read_certs(struct provision *provision, plist_t plist, struct err *err)
{
	size_t count = plist_count_at(plist, "DeveloperCertificates");

	if (count > PROVISION_CERTS_MAX)
		return err_set(err, ERR_INVALID, "a provisioning profile of more than %d certificates",
			       PROVISION_CERTS_MAX);
	provision->certs = mem_array(provision, struct provision_cert, count + 1);
	for (size_t i = 0; i < count; i++) {
		struct provision_cert *cert = &provision->certs[provision->cert_count];
		plist_t item = plist_item_at(plist, "DeveloperCertificates", i);
		struct bytes der = plist_data_of(provision, item);
		SCOPED(x509) X509 *x509 = NULL;
		char hex[X509_FINGERPRINT_SIZE];
		struct err ignored = { 0 };

		if (der.len == 0 || !x509_read_der(der, &x509, &ignored) ||
		    !x509_expires(x509, &cert->expires))
			continue;
		snprintf(cert->sha1, sizeof cert->sha1, "%s", x509_sha1(x509, hex));
		cert->subject = clean(provision, x509_subject_cn(provision, x509));
		provision->cert_count++;
	}
	return true;
}

static bool
read_plist(struct provision *provision, plist_t plist, struct err *err)
{
	plist_t entitlements = plist_dict_at(plist, "Entitlements");

	provision->uuid = text_at(provision, plist, "UUID");
	if (!*provision->uuid)
		return err_set(err, ERR_INVALID, "not a provisioning profile: it has no UUID");
	if (!plist_time_at(plist, "ExpirationDate", &provision->expires))
		return err_set(err, ERR_INVALID, "not a provisioning profile: it has no ExpirationDate");
	if (!plist_time_at(plist, "CreationDate", &provision->created))
		provision->created = 0;
	provision->name = text_at(provision, plist, "Name");
	provision->platform = first_text(provision, plist, "Platform");
	provision->kind = kind_of(plist, entitlements);
	provision->entitlements = entitlements ? plist_json(entitlements) : json_object();
	read_app_id(provision, entitlements);
	read_team(provision, plist);
	return read_devices(provision, plist, err) && read_certs(provision, plist, err);
}

bool
provision_read(TALLOC_CTX *ctx, struct bytes bytes, const struct provision_roots *roots,
	       struct provision **ret, struct err *err)
{
	struct provision *provision = mem_new(ctx, struct provision);
	SCOPED(mem) void *scratch = mem_must(talloc_new(NULL));
	SCOPED(plist) plist_t plist = NULL;
	struct bytes content;
	bool ok;

	talloc_set_destructor(provision, release);
	ok = provision_unwrap(scratch, bytes, roots, &content, &provision->signature, err);
	if (ok && !plist_open(content, PROVISION_BYTES_MAX, &plist, err)) {
		ok = false;
		if (strcmp(err->code, "hostile_plist") != 0)
			err_set(err, ERR_INVALID, "not a provisioning profile");
	}
	ok = ok && read_plist(provision, plist, err);
	if (!ok) {
		talloc_free(provision);
		return false;
	}
	*ret = provision;
	return true;
}

bool
provision_covers(const struct provision *provision, const char *bundle_id)
{
	const char *pattern = strchr(provision->app_id, '.');	/* behind the team's prefix */
	size_t len;

	if (!pattern || !*bundle_id)
		return false;
	len = strlen(++pattern);
	if (len == 0 || pattern[len - 1] != '*')
		return strcmp(pattern, bundle_id) == 0;
	return strncmp(pattern, bundle_id, len - 1) == 0 && strlen(bundle_id) >= len;
}

const char *
provision_kind_name(enum provision_kind kind)
{
	static const char *const names[] = {
		[PROVISION_DEVELOPMENT] = "development", [PROVISION_ADHOC] = "adhoc",
		[PROVISION_ENTERPRISE] = "enterprise", [PROVISION_STORE] = "store",
	};

	return names[kind];
}

const char *
provision_signature_name(enum provision_signature signature)
{
	static const char *const names[] = {
		[PROVISION_APPLE] = "apple", [PROVISION_OTHER] = "other",
		[PROVISION_OTHER_TEST] = "other:test", [PROVISION_INVALID] = "invalid",
		[PROVISION_UNSIGNED] = "unsigned",
	};

	return names[signature];
}

static json_t *
certs_json(const struct provision *provision)
{
	json_t *certs = json_array();
	char iso[CLOCK_ISO_SIZE];

	for (size_t i = 0; i < provision->cert_count; i++) {
		const struct provision_cert *cert = &provision->certs[i];

		json_array_append_new(certs, json_pack("{s:s, s:s, s:s}", "sha1", cert->sha1,
						       "subject", cert->subject,
						       "expires", clock_iso(cert->expires, iso)));
	}
	return certs;
}

json_t *
provision_json(const struct provision *provision, bool udids)
{
	char created[CLOCK_ISO_SIZE], expires[CLOCK_ISO_SIZE];
	json_t *json, *list;

	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:s, s:O}",
			 "kind", provision_kind_name(provision->kind), "uuid", provision->uuid,
			 "name", provision->name, "team_id", provision->team_id,
			 "team_name", provision->team_name, "app_id", provision->app_id,
			 "platform", provision->platform,
			 "created", clock_iso(provision->created, created),
			 "expires", clock_iso(provision->expires, expires),
			 "devices", (json_int_t)provision->udid_count,
			 "certificates", certs_json(provision),
			 "signature", provision_signature_name(provision->signature),
			 "entitlements", provision->entitlements);
	mem_must(json);
	if (udids) {
		list = json_array();
		for (size_t i = 0; i < provision->udid_count; i++)
			json_array_append_new(list, json_string(provision->udids[i]));
		json_object_set_new(json, "udids", list);
	}
	return json;
}
