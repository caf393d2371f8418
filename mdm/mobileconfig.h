#pragma once
/*
 * mobileconfig - what iOS installs from Settings: an envelope and its payloads, as an XML plist.
 *
 * A payload is a row: its type, its names, and the function that writes its own keys; a new kind of
 * payload is one function in a file of its own.  A mobileconfig with the identifier of an installed one
 * replaces it, so identifiers do not change, and the UUIDs are made from them (but where a payload says its
 * own).
 * developer.apple.com/documentation/devicemanagement/toplevel
 */
#include "core/buf.h"

#define MOBILECONFIG_MAX	(256u << 10)	/* bytes of one */
#define MOBILECONFIG_TYPE	"application/x-apple-aspen-config"

struct mobileconfig {
	const char *identifier;		/* "com.example.apps.udid" */
	const char *name, *description, *organization;	/* as Settings shows them; NULL: left out */
	const char *uuid;		/* NULL: made from the identifier */
	void (*write)(struct buf *out, const void *arg);	/* more keys of the envelope; NULL: none */
	const void *arg;
};

struct payload {
	const char *type;		/* "com.apple.security.root" */
	const char *identifier, *name;
	void (*write)(struct buf *out, const void *arg);	/* the keys that only this type has */
	const void *arg;
	const char *uuid;		/* NULL: made from the identifier */
};

bool mobileconfig_write(const struct mobileconfig *m, const struct payload *payloads, size_t n, struct buf *out,
			struct err *err) CHECKED;

/* The same with the payloads enveloped (mdm/cms.h) for the key of this certificate, DER; its names stay open. */
bool mobileconfig_write_for(struct bytes cert_der, const struct mobileconfig *m, const struct payload *payloads,
			    size_t n, struct buf *out, struct err *err) CHECKED;

/* The Profile Service: the device sends the attributes to `url`, signed, with the challenge. */
struct mobileconfig_service {
	const char *url, *challenge;
	const char *const *attributes;	/* ends with NULL */
};

bool mobileconfig_service_write(const struct mobileconfig *m, const struct mobileconfig_service *service,
				struct buf *out, struct err *err) CHECKED;

/* "com.example.apps.udid" of https://apps.example.com:8443 and "udid". */
char *mobileconfig_identifier(TALLOC_CTX *ctx, const char *base_url, const char *what);

