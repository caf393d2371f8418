/*
 * Files of iPhone Configuration Utility, Apple Configurator and other servers.  A signature is taken off and not
 * believed: what the file holds is judged as if somebody had typed it.
 */
#include "mdm/mobileconfig_inner.h"
#include "core/asn1.h"
#include "core/json.h"
#include "core/plist.h"
#include "core/text.h"
#include "core/x509.h"
#include "mdm/apple_plist.h"
#include <ctype.h>
#include <openssl/err.h>
#include <string.h>
#include <strings.h>

#define SIGNER_MAX	500	/* bytes of a subject */
#define CERTS_MAX	16	/* that are looked at for it */
#define STEM_MAX	40	/* of an id, from its type */

/* ---- CMS, RFC 5652 sections 3 and 5.1 ---- */

static const unsigned char oid_signed[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02 };
static const unsigned char oid_enveloped[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03 };
#define OID(x) ((struct bytes){ x, sizeof x })

static bool
no_cms(struct err *err)
{
	return FORM_BAD("it begins like a signed file, and is none that can be read");
}

static bool
encrypted(struct err *err)
{
	return err_code(err, ERR_INVALID, "encrypted", "its payloads are encrypted for the key of one device: it is "
			"wanted as it was before that, or exported without encryption");
}

/* Numbers are compared without the zeros in front, which DER puts there for the sign. */
static struct bytes
magnitude(struct bytes number)
{
	const unsigned char *p = number.p;

	while (number.len > 0 && *p == 0) {
		p++;
		number.len--;
	}
	return (struct bytes){ p, number.len };
}

static bool
same(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static bool
is_certificate(X509 *cert, struct bytes issuer, struct bytes serial)
{
	const ASN1_INTEGER *number = X509_get0_serialNumber(cert);
	const unsigned char *der = NULL;
	size_t len = 0;

	return X509_NAME_get0_der(X509_get_issuer_name(cert), &der, &len) && same(issuer, (struct bytes){ der, len }) &&
	       same(magnitude(serial), magnitude((struct bytes){ ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number) }));
}

/* The signer's certificate is told by its issuer and number; by its key's identifier, the first is taken. */
static const char *
signer_of(TALLOC_CTX *ctx, struct bytes certs, struct bytes signers)
{
	struct bytes list = certs, whole, sid, serial = { 0 }, issuer = { 0 };
	struct asn1 info, element, part;
	const char *found = NULL;

	if (!asn1_next(&signers, &info) || !asn1_next(&info.content, &element) || !asn1_next(&info.content, &element))
		return NULL;
	sid = element.content;
	if (element.tag == ASN1_TAG_SEQUENCE && asn1_take(&sid, ASN1_TAG_SEQUENCE, &part, &issuer) && asn1_next(&sid, &part))
		serial = part.content;
	for (size_t n = 0; n < CERTS_MAX && asn1_take(&list, ASN1_TAG_SEQUENCE, &element, &whole); n++) {
		SCOPED(x509) X509 *cert = NULL;
		struct err err;

		if (!x509_read_der(whole, &cert, &err))
			continue;
		if (!found || is_certificate(cert, issuer, serial))
			found = text_cut(ctx, x509_subject_cn(ctx, cert), SIGNER_MAX);
		if (is_certificate(cert, issuer, serial))
			break;
	}
	ERR_clear_error();
	return found && *found ? found : NULL;
}

static bool
unwrap_signed(TALLOC_CTX *ctx, struct bytes rest, struct bytes *content, const char **signer, struct err *err)
{
	struct asn1 version, digests, inner, type, explicit, octets, certs, signers = { 0 };

	if (!asn1_take(&rest, ASN1_TAG_INTEGER, &version, NULL) || !asn1_take(&rest, ASN1_TAG_SET, &digests, NULL) ||
	    !asn1_take(&rest, ASN1_TAG_SEQUENCE, &inner, NULL) ||
	    !asn1_take(&inner.content, ASN1_TAG_OID, &type, NULL))
		return no_cms(err);
	if (!asn1_take(&inner.content, ASN1_TAG_CONTEXT_0, &explicit, NULL))
		return FORM_BAD("it is a signature without what it signed");
	if (!asn1_next(&explicit.content, &octets) || !asn1_string(ctx, &octets, ASN1_TAG_OCTETS, content))
		return no_cms(err);
	*signer = NULL;
	if (!asn1_take(&rest, ASN1_TAG_CONTEXT_0, &certs, NULL))
		return true;
	while (asn1_next(&rest, &signers))
		;	/* the last one; revocation lists may stand before it */
	*signer = signers.tag == ASN1_TAG_SET ? signer_of(ctx, certs.content, signers.content) : NULL;
	return true;
}

static bool
unwrap(TALLOC_CTX *ctx, struct bytes file, struct bytes *content, const char **signer, struct err *err)
{
	struct asn1 outer, type, explicit, inner;
	struct err why;
	size_t len;

	*signer = NULL;
	*content = file;
	if (file.len == 0 || *(const unsigned char *)file.p != ASN1_TAG_SEQUENCE)
		return true;
	if (!asn1_gate(file, &len, &why) || !asn1_next(&file, &outer) || !asn1_take(&outer.content, ASN1_TAG_OID, &type, NULL))
		return no_cms(err);
	if (asn1_is(&type, OID(oid_enveloped)))
		return encrypted(err);
	if (!asn1_is(&type, OID(oid_signed)) || !asn1_take(&outer.content, ASN1_TAG_CONTEXT_0, &explicit, NULL) ||
	    !asn1_take(&explicit.content, ASN1_TAG_SEQUENCE, &inner, NULL))
		return no_cms(err);
	return unwrap_signed(ctx, inner.content, content, signer, err);
}

/* ---- the envelope ---- */

static void
move_text(json_t *from, const char *key, json_t *to, const char *name)
{
	json_t *v = json_object_get(from, key);

	if (json_is_string(v) && json_string_length(v) > 0)
		json_object_set(to, name, v);
}

static void
move_date(json_t *from, const char *key, json_t *to, const char *name)
{
	json_t *v = json_object_get(json_object_get(from, key), "$date");

	if (v)
		json_object_set(to, name, v);
}

static void
read_top(json_t *root, const char *identifier, json_t *form)
{
	json_t *after = json_object_get(root, "DurationUntilRemoval"), *consent = json_object_get(root, "ConsentText");

	json_object_set_new(form, "name", json_string(identifier));
	move_text(root, "PayloadDisplayName", form, "name");
	move_text(root, "PayloadDescription", form, "description");
	move_text(root, "PayloadOrganization", form, "organization");
	move_text(root, "PayloadUUID", form, "uuid");
	move_date(root, "RemovalDate", form, "remove_on");
	move_date(root, "PayloadExpirationDate", form, "expires");
	if (json_is_true(json_object_get(root, "PayloadRemovalDisallowed")))
		json_object_set_new(form, "removable", json_false());
	if (json_is_number(after) && json_number_value(after) > 0)
		json_object_set(form, "remove_after_s", after);
	if (json_object_size(consent) > 0)
		json_object_set(form, "consent", consent);
}

/* ---- payloads ---- */

/* The word that tells a type: "wifi" of com.apple.wifi.managed, "scep" of com.apple.security.scep, the last of others. */
static const char *
telling_word(const char *type)
{
	const char *dot = strrchr(type, '.');

	if (strncmp(type, "com.apple.security.", 19) == 0)
		return type + 19;
	if (strncmp(type, "com.apple.", 10) == 0)
		return type + 10;
	return dot ? dot + 1 : type;
}

char *
mobileconfig_form_new_id(TALLOC_CTX *ctx, const json_t *form, const char *type)
{
	char *id;
	char stem[STEM_MAX + 1];
	size_t len = 0;

	for (const char *from = telling_word(type); *from && *from != '.' && len < STEM_MAX; from++)
		if (isalnum((unsigned char)*from))
			stem[len++] = (char)tolower((unsigned char)*from);
	stem[len] = '\0';
	for (size_t n = 1; ; n++) {
		id = mem_printf(ctx, "%s-%zu", len ? stem : "payload", n);
		if (!form_payload(form, id))
			return id;
	}
}

/* What the form says in its own words is taken out of the keys; the rest stays as it came. */
static json_t *
read_payload(TALLOC_CTX *ctx, const json_t *form, json_t *keys, const char *type)
{
	static const char *const ours[] = { "PayloadType", "PayloadVersion", "PayloadIdentifier", "PayloadUUID",
					    "PayloadDisplayName" };
	json_t *payload = json_pack("{s:s, s:s, s:b}", "id", mobileconfig_form_new_id(ctx, form, type), "type", type, "foreign", true);

	move_text(keys, "PayloadDisplayName", payload, "name");
	move_text(keys, "PayloadIdentifier", payload, "identifier");
	move_text(keys, "PayloadUUID", payload, "uuid");
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		json_object_del(keys, ours[i]);
	json_object_set(payload, "keys", keys);
	return payload;
}

static bool
read_payloads(TALLOC_CTX *ctx, json_t *root, json_t *form, struct err *err)
{
	json_t *list = json_object_get(root, "PayloadContent"), *payloads = json_array(), *keys;
	const char *type;
	size_t i;

	json_object_set_new(form, "payloads", payloads);
	if (!json_is_array(list))
		return FORM_BAD("PayloadContent must be an array, and is %s", list ? apple_json_type(list) : "missing");
	if (json_array_size(list) > FORM_PAYLOADS_MAX)
		return FORM_BAD("%zu payloads, and it may have %d", json_array_size(list), FORM_PAYLOADS_MAX);
	json_array_foreach(list, i, keys) {
		type = text_of(keys, "PayloadType");
		if (!*type)
			return FORM_BAD("PayloadContent: [%zu]: it has no PayloadType", i);
		if (strcmp(type, FORM_REMOVAL_TYPE) == 0)
			move_text(keys, "RemovalPassword", form, "removal_password");
		else
			json_array_append_new(payloads, read_payload(ctx, form, keys, type));
	}
	return true;
}

/* ---- references between payloads, and what passes for ours ---- */

static const json_t *
payload_of_uuid(const json_t *form, const char *uuid)
{
	const json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload)
		if (*uuid && strcasecmp(text_of(payload, "uuid"), uuid) == 0)
			return payload;
	return NULL;
}

/* A text that is another payload's UUID becomes {"$payload": id}; `v` is the caller's to replace. */
static json_t *
reference(const json_t *form, const json_t *self, const char *key, const json_t *v)
{
	const char *text = json_string_value(v);
	const json_t *other = text ? payload_of_uuid(form, text) : NULL;
	struct err err;

	if (!other || other == self || !form_refers(key, text_of(other, "type"), &err))
		return NULL;
	return json_pack("{s:s}", "$payload", text_of(other, "id"));
}

static void
refer(const json_t *form, const json_t *self, const char *key, json_t *v)
{
	const char *name;
	json_t *item, *made;
	void *next;
	size_t i;

	json_array_foreach(v, i, item) {
		if ((made = reference(form, self, key, item)))
			json_array_set_new(v, i, made);
		else
			refer(form, self, key, item);
	}
	json_object_foreach_safe(v, next, name, item) {
		if ((made = reference(form, self, name, item)))
			json_object_set_new(v, name, made);
		else
			refer(form, self, name, item);
	}
}

static void
settle(json_t *form)
{
	json_t *payloads = json_object_get(form, "payloads"), *payload;
	size_t i;

	json_array_foreach(payloads, i, payload)
		refer(form, payload, "", json_object_get(payload, "keys"));
	json_array_foreach(payloads, i, payload)
		if (form_fits(form, payload))
			json_object_del(payload, "foreign");
}

/* ---- all of it ---- */

static bool
read_root(TALLOC_CTX *ctx, json_t *root, json_t *form, const char **identifier, struct err *err)
{
	const char *type = text_of(root, "PayloadType"), *name = text_of(root, "PayloadIdentifier");

	if (strcmp(type, "Configuration") != 0)
		return FORM_BAD("it is no mobileconfig: its PayloadType is %.100s, and must be Configuration",
				*type ? type : "missing");
	if (json_object_get(root, "EncryptedPayloadContent") || json_is_true(json_object_get(root, "IsEncrypted")))
		return encrypted(err);
	if (!*name)
		return FORM_BAD("it has no PayloadIdentifier");
	read_top(root, name, form);
	if (!read_payloads(ctx, root, form, err))
		return false;
	settle(form);
	*identifier = mem_text(ctx, name);
	return mobileconfig_form_judge(form, err);
}

/* What stands for something else in a form has no such meaning in a file. */
static bool
no_marks(const json_t *v, struct err *err)
{
	const json_t *item;
	const char *name;
	size_t i;

	json_array_foreach(v, i, item)
		if (!no_marks(item, err))
			return false;
	json_object_foreach((json_t *)v, name, item)
		if (strcmp(name, "$payload") == 0 || strcmp(name, "$kept") == 0)
			return FORM_BAD("a key of it is called %s", name);
		else if (!no_marks(item, err))
			return false;
	return true;
}

bool
mobileconfig_form_read(TALLOC_CTX *ctx, struct bytes file, json_t **form, const char **identifier, const char **signer,
		       struct err *err)
{
	SCOPED(plist) plist_t plist = NULL;
	json_t *root, *made;
	struct bytes content;
	bool ok;

	if (file.len > FORM_FILE_MAX)
		return err_code(err, ERR_LIMIT, "too_large", "a mobileconfig of %zu bytes, and it may have %u", file.len,
				FORM_FILE_MAX);
	if (!unwrap(ctx, file, &content, signer, err) || !plist_open(content, FORM_FILE_MAX, &plist, err))
		return false;
	root = plist_json_marked(plist);
	if (!root)
		return FORM_BAD("a key of it is called $data or $date");
	made = json_object();
	ok = no_marks(root, err) && read_root(ctx, root, made, identifier, err);
	json_decref(root);
	if (ok)
		*form = made;
	else
		json_decref(made);
	return ok;
}
