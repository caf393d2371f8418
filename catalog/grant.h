#pragma once
/*
 * grant - who may fetch one build without signing in.
 *
 * iOS fetches manifest, icons and .ipa from a system process that has no cookies, so the token in the
 * path is the only proof.  Three kinds: *tap* (a person tapped Install: manifest 60 minutes, the .ipa
 * 24 hours after that client's first manifest), *device* (MDM: lives as long as the enrollment),
 * *ci* (in an upload's answer: 7 days, 20 installs, revocable).
 *
 * An install is a client that fetched the manifest; iOS fetches it several times.  Of an install that began on
 * a link's page the client is the browser that tapped (catalog/link.h), whatever address the daemon fetches from.
 * Where no page stands before it, as with *ci*, it is the daemon's address (IPv6 by /64) and User-Agent: two
 * phones of one model and iOS behind one address are one install, and a phone that changes its network is two.
 * Unknown, expired, used up and revoked are one and the same ERR_MISSING.
 */
#include "catalog/person.h"

struct install_start;	/* catalog/install.h */

enum grant_kind { GRANT_TAP, GRANT_DEVICE, GRANT_CI };
enum grant_file {
	GRANT_MANIFEST,		/* an install begins */
	GRANT_MANIFEST_HEAD,	/* asked for without fetching it: uses up nothing */
	GRANT_ICON, GRANT_IPA, GRANT_PAGE
};

struct grant_terms {
	enum grant_kind kind;
	int64_t manifest_s, ipa_s;	/* from now; from a client's first manifest */
	int64_t installs_max;		/* 0: no limit */
	const char *token;		/* one that its page can make again; NULL: a random one */
	const struct install_start *install;	/* the install it is for; NULL: none in particular */
};

struct conf;
struct grant_terms grant_terms_ci(const struct conf *conf);	/* of an answer that can be handed on */

struct grant {
	const char *id, *build_id, *app_id, *bundle_id, *name, *version, *build, *minimum_os;
	const char *sha256, *chunk_sha256s, *chunk_md5s, *icon57, *icon512;
	const char *install_id;		/* NULL: it is not for one install */
	const char *ranges;		/* of the .ipa, that the install has got by the last record (ranges.h); NULL with install_id */
	int64_t size, created, manifest_until, installs_max, installs;
};

/* Only for an installable build: ERR_CONFLICT otherwise.  *token is not kept. */
bool grant_new(TALLOC_CTX *ctx, struct db *db, const struct grant_terms *terms, const char *build_id,
	       const char *person_id, char **token, struct err *err) CHECKED;

/* `client`: hash of address and user agent (site_client), for a grant whose install has no phone of its own. */
bool grant_open(TALLOC_CTX *ctx, struct db *db, const char *token, enum grant_file file, const char *client,
		struct grant **ret, struct err *err) CHECKED;

/*
 * For a managed device: as long as the enrollment is, for one app, at an address that stays the same; which build
 * is behind it is said anew.
 */
struct grant_device {
	const char *token, *enrollment_id, *build_id;
	const char *person_id, *install_id;	/* NULL: none */
};
bool grant_for_device(struct db *db, const struct grant_device *wish, struct err *err) CHECKED;

bool grant_list(struct db *db, const char *build_id, json_t **ret, struct err *err) CHECKED;
/* ERR_MISSING also for a grant of an app that they do not see. */
bool grant_revoke(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;
/* Ends what was given by one link, or by the links of one contact; the other is NULL. */
bool grant_end_of_links(struct db *tx, const char *link_id, const char *contact_id, struct err *err) CHECKED;
bool grant_sweep(struct db *db, struct err *err) CHECKED;	/* those that can never be used again */
