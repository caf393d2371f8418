/*
 * Mobileconfigs on the phone: unwrapped, judged as iOS judges them, and installed whole or not at all.
 * Apple: MDM, SCEP and the payloads of configuration profiles.
 */
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "tests/device/identity.h"
#include "tests/device/message.h"
#include "tests/device/world.h"

#define PAYLOADS_MAX	64
#define RIGHTS_ALL	8191
#define ICON_MAX	400	/* pixels of a web clip's icon */

/* ---- unwrapping ---- */

static struct bytes
verified(TALLOC_CTX *ctx, struct bytes bytes, X509 **signer)
{
	*signer = NULL;
	if (bytes.len > 5 && memcmp(bytes.p, "<?xml", 5) == 0)
		return bytes;
	return message_open(ctx, bytes, signer, NULL, "the mobileconfig");
}

static struct bytes
opened(TALLOC_CTX *ctx, struct handset *h, struct bytes der, const struct identity *own)
{
	if (own)
		return message_decrypt(ctx, der, own->cert, own->key, "the mobileconfig");
	if (!h->cert)
		refuse("the mobileconfig is encrypted, and this phone has no identity");
	return message_decrypt(ctx, der, h->cert, h->key, "the mobileconfig");
}

static void
judge_names(plist_t dict, const char *what)
{
	tree_must_text(dict, "PayloadType", what);
	tree_must_text(dict, "PayloadIdentifier", what);
	if (strlen(tree_must_text(dict, "PayloadUUID", what)) != 36)
		refuse("%s has a PayloadUUID that is none", what);
	if (tree_int(dict, "PayloadVersion", 0) != 1)
		refuse("%s has no PayloadVersion 1", what);
}

static void
judge_secrets(plist_t payload, bool encrypted)
{
	static const char *const secret[] = { "Password", "CertificatePassword", "IncomingPassword", "OutgoingPassword" };

	for (size_t i = 0; !encrypted && i < sizeof secret / sizeof *secret; i++)
		if (plist_dict_get_item(payload, secret[i]))
			refuse("a %s payload brings a %s in the clear", tree_text(payload, "PayloadType"), secret[i]);
}

static void
judge_icon(plist_t payload)
{
	static const unsigned char png[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
	struct bytes icon = tree_data(payload, "Icon");
	const unsigned char *p = icon.p;

	if (!p)
		return;
	if (icon.len < 24 || memcmp(p, png, sizeof png) != 0)
		refuse("the web clip's icon is no PNG");
	if ((p[16] << 24 | p[17] << 16 | p[18] << 8 | p[19]) > ICON_MAX ||
	    (p[20] << 24 | p[21] << 16 | p[22] << 8 | p[23]) > ICON_MAX)
		refuse("the web clip's icon is larger than %d pixels", ICON_MAX);
}

static void
judge_payloads(plist_t payloads, bool encrypted)
{
	uint32_t n = plist_array_get_size(payloads), mdm = 0;

	if (n == 0 || n > PAYLOADS_MAX)
		refuse("the mobileconfig has %u payloads", n);
	for (uint32_t i = 0; i < n; i++) {
		plist_t payload = plist_array_get_item(payloads, i);
		uint32_t first;

		if (plist_get_node_type(payload) != PLIST_DICT)
			refuse("a payload is no dictionary");
		judge_names(payload, "a payload");
		tree_find(payloads, "PayloadUUID", tree_text(payload, "PayloadUUID"), &first);
		if (first != i)
			refuse("two payloads have the same PayloadUUID");
		judge_secrets(payload, encrypted);
		if (strcmp(tree_text(payload, "PayloadType"), "com.apple.webClip.managed") == 0)
			judge_icon(payload);
		mdm += strcmp(tree_text(payload, "PayloadType"), "com.apple.mdm") == 0;
	}
	if (mdm > 1)
		refuse("the mobileconfig has %u MDM payloads", mdm);
}

struct unwrapped
unwrap_mobileconfig(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct bytes bytes, const struct identity *own)
{
	struct unwrapped u = { 0 };
	struct bytes xml = verified(ctx, bytes, &u.signer), sealed;

	keep(world, "profile", bytes);
	u.root = tree_read(ctx, xml, PLIST_DICT, "the mobileconfig");
	judge_names(u.root, "the mobileconfig");
	if (strcmp(tree_text(u.root, "PayloadType"), "Configuration") != 0)
		refuse("the mobileconfig is a %s", tree_text(u.root, "PayloadType"));
	sealed = tree_data(u.root, "EncryptedPayloadContent");
	u.encrypted = sealed.p;
	if (u.encrypted != tree_bool(u.root, "IsEncrypted") || u.encrypted == !!plist_dict_get_item(u.root, "PayloadContent"))
		refuse("the mobileconfig is neither encrypted nor in the clear");
	if (u.encrypted) {
		struct bytes inside = opened(ctx, h, sealed, own);

		keep(world, "payload-array", inside);
		u.payloads = tree_read(ctx, inside, PLIST_ARRAY, "what was encrypted in the mobileconfig");
	} else {
		u.payloads = tree_must(u.root, "PayloadContent", PLIST_ARRAY, "the mobileconfig");
	}
	judge_payloads(u.payloads, u.encrypted);
	return u;
}

/* ---- identities ---- */

/* MUST 49 of docs/conformance.md; one of an outside CA signs, and that is all a phone needs of it. */
static void
judge_leaf(X509 *cert, bool outside)
{
	uint32_t flags = X509_get_extension_flags(cert);

	if (flags & EXFLAG_CA)
		refuse("the certificate is a CA");
	if (!(flags & EXFLAG_KUSAGE) || !(X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) ||
	    (!outside && !(X509_get_key_usage(cert) & KU_KEY_ENCIPHERMENT)))
		refuse("the certificate does not sign and encipher");
	if (!(flags & EXFLAG_XKUSAGE) || !(X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT))
		refuse("the certificate is not for clientAuth");
	if (X509_NAME_entry_count(X509_get_subject_name(cert)) == 0)
		refuse("the certificate has no subject");
}

struct identity
get_identity(TALLOC_CTX *ctx, struct world *world, struct handset *h, plist_t payload)
{
	plist_t content = tree_must(payload, "PayloadContent", PLIST_DICT, "the SCEP payload");
	const char *type = tree_text(content, "Key Type"), *url = tree_text(content, "URL");
	struct http_way there = { 0 };
	struct identity identity;
	struct scep_wish wish = { .payload = content, .get = world->scep_get, .des3 = world->scep_des3, .retries_max = -1,
				  .outside = world->outside_scep && url && strcmp(url, world->outside_scep) == 0 };

	if (type && strcmp(type, "RSA") != 0)
		refuse("the SCEP payload wants a key of type %s", type);
	if (tree_int(content, "Keysize", 1024) != 2048)
		refuse("the SCEP payload wants a key of %ld bits", (long)tree_int(content, "Keysize", 1024));
	wish.conn = http_open(ctx, wish.outside ? &there : &world->way);
	wish.key = identity.key = handset_new_key(ctx, h, &identity.key_number);
	identity.cert = scep_enroll(ctx, &wish);
	judge_leaf(identity.cert, wish.outside);
	return identity;
}

/* ---- the MDM payload ---- */

static void
judge_url(const struct world *world, const char *url, const char *key)
{
	if (strncmp(url, "https://", 8) != 0 && !(world->http && strncmp(url, "http://", 7) == 0))
		refuse("the MDM payload's %s is not https: %s", key, url);
}

static void
judge_mdm(const struct world *world, plist_t mdm)
{
	int64_t rights = tree_int(mdm, "AccessRights", 0);

	judge_url(world, tree_must_text(mdm, "ServerURL", "the MDM payload"), "ServerURL");
	if (tree_text(mdm, "CheckInURL"))
		judge_url(world, tree_text(mdm, "CheckInURL"), "CheckInURL");
	if (strncmp(tree_must_text(mdm, "Topic", "the MDM payload"), "com.apple.mgmt.", 15) != 0)
		refuse("the MDM payload's Topic is %s", tree_text(mdm, "Topic"));
	if (rights <= 0 || rights > RIGHTS_ALL)
		refuse("the MDM payload's AccessRights are %ld", (long)rights);
	if ((rights & 2 && !(rights & 1)) || (rights & 128 && !(rights & 64)))
		refuse("the MDM payload's AccessRights may install what they may not see");
	tree_must_text(mdm, "IdentityCertificateUUID", "the MDM payload");
}

/* An update may not move the device to another server, nor take more rights.  Apple: MDM payload. */
static void
judge_update(plist_t old, plist_t mdm)
{
	static const char *const same[] = { "ServerURL", "CheckInURL", "Topic" };

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		const char *is = tree_text(mdm, same[i]), *was = tree_text(old, same[i]);

		if (strcmp(is ? is : "", was ? was : "") != 0)
			refuse("an update of the MDM payload changes its %s", same[i]);
	}
	if (tree_int(mdm, "AccessRights", 0) & ~tree_int(old, "AccessRights", 0))
		refuse("an update of the MDM payload takes more AccessRights");
}

static plist_t
new_enrollment(TALLOC_CTX *ctx, struct handset *h, plist_t mdm, const char *identifier)
{
	static const char *const kept[] = { "ServerURL", "CheckInURL", "Topic", "AccessRights", "SignMessage",
					    "CheckOutWhenRemoved" };
	plist_t enrollment = plist_new_dict();
	unsigned char token[48], unlock[64];
	size_t len = h->number % 3 == 0 ? 48 : 32;	/* of a length that nobody may assume */

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		tree_copy(enrollment, kept[i], mdm);
	for (size_t i = 0; i < sizeof token; i += 16)
		memcpy(token + i, identity_uuid(ctx), 16);
	memset(unlock, h->number & 0xff, sizeof unlock);
	tree_put_text(enrollment, "Identifier", identifier);
	tree_put_text(enrollment, "PushMagic", identity_uuid(ctx));
	tree_put_data(enrollment, "Token", (struct bytes){ token, len });
	tree_put_data(enrollment, "UnlockToken", (struct bytes){ unlock, sizeof unlock });
	tree_put_text(enrollment, "State", "staged");
	return enrollment;
}

static const struct identity *
identity_of(plist_t payloads, plist_t mdm, const struct identity *identities)
{
	uint32_t i;

	if (!tree_find(payloads, "PayloadUUID", tree_text(mdm, "IdentityCertificateUUID"), &i) || !identities[i].cert)
		refuse("the MDM payload's IdentityCertificateUUID names no identity of the same mobileconfig");
	return &identities[i];
}

/* A new identity is shown to the server at once, or it is as if nothing had been installed. */
static void
begin_management(TALLOC_CTX *ctx, struct world *world, struct handset *h, plist_t root, plist_t mdm,
		 const struct identity *identity)
{
	plist_t old = handset_enrollment(h), before = old ? plist_copy(old) : NULL;
	bool renewal = old && !handset_is(h, "removed");
	struct attempt a;
	struct bytes der = message_der(ctx, identity->cert);

	if (renewal)
		judge_update(old, mdm);
	else
		tree_put(h->state, "Enrollment", new_enrollment(ctx, h, mdm, tree_text(root, "PayloadIdentifier")));
	if (renewal)
		tree_copy(old, "AccessRights", mdm);
	handset_identify(h, der, identity->key_number);
	handset_save(h);	/* before the server sees it: a phone that dies now has what the server knows */
	if (attempt(&a)) {
		if (!renewal || !world->quiet_renewal)
			check_in(ctx, world, h);
		attempt_end(&a);
		plist_free(before);
		return;
	}
	attempt_end(&a);
	tree_drop(h->state, "Enrollment");
	if (before)
		tree_put(h->state, "Enrollment", before);
	handset_identify_again(h);
	refuse("%s", a.why);
}

/* ---- installing ---- */

static void
keep_key(plist_t one, EVP_PKEY *key)
{
	BIO *bio SCOPED(bio) = BIO_new(BIO_s_mem());
	char *pem;
	long len;

	if (!bio || !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		phone_die("write a key");
	len = BIO_get_mem_data(bio, &pem);
	tree_put_data(one, "Key", (struct bytes){ pem, (size_t)len });
}

/* key: of an identity; NULL: none. */
static void
keep_certificate(struct handset *h, const char *owner, X509 *cert, EVP_PKEY *key)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	plist_t one = plist_new_dict();

	tree_put_text(one, "CommonName", x509_subject_cn(ctx, cert));
	tree_put_bool(one, "IsIdentity", key);
	if (key)
		keep_key(one, key);
	tree_put_data(one, "Data", message_der(ctx, cert));
	tree_put_text(one, "Owner", owner);
	plist_array_append_item(tree_at(h->state, "Certificates", PLIST_ARRAY), one);
}

static X509 *
certificate_of(TALLOC_CTX *ctx, plist_t payload)
{
	return message_cert(ctx, tree_data(payload, "PayloadContent"), "a certificate payload");
}

static X509 *
pkcs12_of(TALLOC_CTX *ctx, plist_t payload, EVP_PKEY **ret_key)
{
	struct bytes der = tree_data(payload, "PayloadContent");
	const unsigned char *p = der.p;
	const char *password = tree_text(payload, "Password");
	PKCS12 *p12 = hold(ctx, d2i_PKCS12(NULL, &p, (long)der.len), PKCS12_free, "a PKCS#12 payload is none");
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;

	if (!PKCS12_parse(p12, password ? password : "", &key, &cert, NULL))
		refuse("a PKCS#12 payload does not open with its Password");
	*ret_key = hold(ctx, key, EVP_PKEY_free, "a PKCS#12 payload has no key");
	return hold(ctx, cert, X509_free, "a PKCS#12 payload has no certificate");
}

struct found {
	X509 *certs[PAYLOADS_MAX];		/* of certificate and PKCS#12 payloads */
	EVP_PKEY *keys[PAYLOADS_MAX];		/* of PKCS#12 payloads */
	struct identity identities[PAYLOADS_MAX];
	plist_t mdm;
};

/* Everything that can go wrong, before anything is changed. */
static void
look_through(TALLOC_CTX *ctx, struct world *world, struct handset *h, plist_t payloads, struct found *found)
{
	for (uint32_t i = 0; i < plist_array_get_size(payloads); i++) {
		plist_t payload = plist_array_get_item(payloads, i);
		const char *type = tree_text(payload, "PayloadType");

		if (strcmp(type, "com.apple.security.root") == 0 || strcmp(type, "com.apple.security.pkcs1") == 0)
			found->certs[i] = certificate_of(ctx, payload);
		else if (strcmp(type, "com.apple.security.pkcs12") == 0)
			found->certs[i] = pkcs12_of(ctx, payload, &found->keys[i]);
		else if (strcmp(type, "com.apple.mdm") == 0)
			judge_mdm(world, found->mdm = payload);
	}
	for (uint32_t i = 0; i < plist_array_get_size(payloads); i++) {
		plist_t payload = plist_array_get_item(payloads, i);

		if (strcmp(tree_text(payload, "PayloadType"), "com.apple.security.scep") == 0)
			found->identities[i] = get_identity(ctx, world, h, payload);
	}
}

/* As ProfileList will show it, and beside that what Restrictions needs. */
static plist_t
installed_item(TALLOC_CTX *ctx, const struct unwrapped *u, bool by_mdm)
{
	static const char *const top[] = { "PayloadUUID", "PayloadIdentifier", "PayloadVersion", "PayloadDisplayName",
					   "PayloadOrganization", "PayloadDescription", "PayloadRemovalDisallowed",
					   "HasRemovalPasscode" };
	static const char *const each[] = { "PayloadType", "PayloadVersion", "PayloadIdentifier", "PayloadUUID",
					    "PayloadDisplayName", "PayloadDescription", "PayloadOrganization" };
	plist_t item = plist_new_dict(), list = tree_put_new(item, "PayloadContent", PLIST_ARRAY);

	for (size_t i = 0; i < sizeof top / sizeof *top; i++)
		tree_copy(item, top[i], u->root);
	tree_put_new(item, "WebClips", PLIST_ARRAY);
	tree_put_bool(item, "IsEncrypted", u->encrypted);
	tree_put_bool(item, "IsManaged", by_mdm);
	if (u->signer) {
		struct bytes der = message_der(ctx, u->signer);

		plist_array_append_item(tree_put_new(item, "SignerCertificates", PLIST_ARRAY), plist_new_data(der.p, der.len));
	}
	for (uint32_t i = 0; i < plist_array_get_size(u->payloads); i++) {
		plist_t payload = plist_array_get_item(u->payloads, i), one = plist_new_dict();

		for (size_t k = 0; k < sizeof each / sizeof *each; k++)
			tree_copy(one, each[k], payload);
		plist_array_append_item(list, one);
		if (strcmp(tree_text(payload, "PayloadType"), "com.apple.applicationaccess") == 0)
			tree_put(item, "Restrictions", plist_copy(payload));
		if (strcmp(tree_text(payload, "PayloadType"), "com.apple.mobiledevice.passwordpolicy") == 0)
			tree_put(item, "Passcode", plist_copy(payload));
		if (strcmp(tree_text(payload, "PayloadType"), "com.apple.webClip.managed") == 0)
			plist_array_append_item(tree_at(item, "WebClips", PLIST_ARRAY), plist_copy(payload));
	}
	return item;
}

void
remove_mobileconfig(struct handset *h, const char *identifier)
{
	plist_t list = tree_at(h->state, "Mobileconfigs", PLIST_ARRAY), certs = tree_at(h->state, "Certificates", PLIST_ARRAY);
	uint32_t i;

	if (tree_find(list, "PayloadIdentifier", identifier, &i))
		plist_array_remove_item(list, i);
	while (tree_find(certs, "Owner", identifier, &i))
		plist_array_remove_item(certs, i);
}

void
install_mobileconfig(TALLOC_CTX *ctx, struct world *world, struct handset *h, const struct unwrapped *u, bool by_mdm)
{
	const char *identifier = tree_text(u->root, "PayloadIdentifier");
	plist_t old = tree_find(tree_at(h->state, "Mobileconfigs", PLIST_ARRAY), "PayloadIdentifier", identifier, NULL);
	struct found *found = mem_new(ctx, struct found);

	if (by_mdm && old && !tree_bool(old, "IsManaged") &&
	    strcmp(identifier, tree_text(handset_enrollment(h), "Identifier")) != 0)
		refuse("MDM replaces only what MDM installed: %s", identifier);
	look_through(ctx, world, h, u->payloads, found);
	if (found->mdm)
		begin_management(ctx, world, h, u->root, found->mdm,
				 identity_of(u->payloads, found->mdm, found->identities));
	remove_mobileconfig(h, identifier);
	for (uint32_t i = 0; i < plist_array_get_size(u->payloads); i++) {
		X509 *cert = found->identities[i].cert ? found->identities[i].cert : found->certs[i];

		if (cert)
			keep_certificate(h, identifier, cert, found->identities[i].cert ? found->identities[i].key : found->keys[i]);
	}
	plist_array_append_item(tree_at(h->state, "Mobileconfigs", PLIST_ARRAY), installed_item(ctx, u, by_mdm && !found->mdm));
}
