#pragma once
/*
 * provision - an Apple provisioning profile (embedded.mobileprovision).
 * Not to be confused with a configuration profile, which is a `mobileconfig` here.
 *
 * The file is CMS SignedData (DER or BER) around an XML plist.  We read it to learn whom a build may
 * be installed on and until when.  The signature is checked against Apple's pinned roots without a
 * time check (an expired signer still proves who made it); what it says is a fact, not a refusal:
 * only a file that is no provision at all fails, with ERR_INVALID.
 *
 * Everything read here comes from an uploaded file: sizes and counts are bounded.
 */
#include <jansson.h>
#include <time.h>
#include "core/x509.h"

#define PROVISION_BYTES_MAX	(2u << 20)
#define PROVISION_DEVICES_MAX	10000
#define PROVISION_CERTS_MAX	200
#define PROVISION_SIGNERS_MAX	4	/* signatures and digests of the CMS */
#define PROVISION_CHAIN_MAX	32	/* certificates that the CMS brings along */
#define PROVISION_TEXT_MAX	256

enum provision_kind { PROVISION_DEVELOPMENT, PROVISION_ADHOC, PROVISION_ENTERPRISE, PROVISION_STORE };
enum provision_signature {
	PROVISION_APPLE,	/* made by Apple's signer of provisions, under a pinned Apple root */
	PROVISION_OTHER,	/* a good signature of somebody else */
	PROVISION_OTHER_TEST,	/* chains to a root given for tests */
	PROVISION_INVALID,	/* the signature does not fit the content */
	PROVISION_UNSIGNED,	/* a bare plist */
};

struct provision_cert {
	char sha1[41];
	const char *subject;
	time_t expires;
};

struct provision {
	enum provision_kind kind;
	enum provision_signature signature;
	const char *uuid, *name, *team_id, *team_name;
	const char *app_id;		/* "A1B2C3D4E5.com.example.*" */
	time_t created, expires;
	const char **udids;		/* empty for PROVISION_ENTERPRISE and PROVISION_STORE: not by device */
	size_t udid_count;
	struct provision_cert *certs;	/* who may have signed the app */
	size_t cert_count;
	json_t *entitlements;		/* belongs to the talloc object */
	const char *platform;		/* first of Platform[], "" when there is none */
};

/* Trust anchors: Apple's pinned roots, and (may be NULL) PEM of roots for tests.  Made once, early. */
struct provision_roots;
bool provision_roots_open(TALLOC_CTX *ctx, struct bytes extra_pem, struct provision_roots **ret,
			  struct err *err) CHECKED;

/* Reads a provision.  *ret and all it points to belong to ctx. */
bool provision_read(TALLOC_CTX *ctx, struct bytes bytes, const struct provision_roots *roots,
		    struct provision **ret, struct err *err) CHECKED;

/* Does its app id (which may end in *) cover this bundle id? */
bool provision_covers(const struct provision *provision, const char *bundle_id);

const char *provision_kind_name(enum provision_kind kind);			/* "adhoc" */
const char *provision_signature_name(enum provision_signature signature);	/* "other:test" */

/* As a part of the facts: `devices` is how many; with `udids` they are listed under that name too. */
json_t *provision_json(const struct provision *provision, bool udids);
