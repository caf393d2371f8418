#pragma once
/*
 * device_answer - what a device says of itself in the Profile Service, and whether a device says it.
 *
 * A property list of attributes, signed (mdm/cms.h) with the certificate that Apple gave the device at
 * its activation; or, in a later phase, with one that we gave it.  Who signed decides which phase of the
 * Profile Service it is.
 * Further refusals: ERR_INVALID "bad_answer" for what a device does not send, and those of core/plist.h.
 */
#include "mdm/cms.h"

#define DEVICE_UDID_SIZE	41	/* 40 digits, or 8 and 16 with a dash, and NUL */
#define DEVICE_ANSWER_MAX	CMS_BYTES_MAX

/* Whom the signature proves it to be from. */
enum device_signer {
	DEVICE_APPLE,		/* a device of Apple's: certificate by Apple iPhone Device CA */
	DEVICE_OTHER_TEST,	/* under apple.extra_device_roots */
	DEVICE_OURS,		/* under a CA of ours, where that was asked for; which certificate is the caller's to judge */
	DEVICE_SIGNERS
};

struct device_answer {
	enum device_signer signer;
	struct bytes certificate;	/* the signer's, DER */
	const char *udid;		/* as device_udid makes it */
	const char *product;		/* "iPhone15,4" */
	const char *version;		/* of iOS, mostly its build: "22B83" */
	const char *name, *serial;	/* "" where it did not say */
	const char *imei, *meid;	/* without blanks; "" where it did not say */
	const char *challenge;		/* "" where there is none */
};

struct device_roots;

/* extra_pem: further roots, for tests; empty: none. */
bool device_roots_open(TALLOC_CTX *ctx, struct bytes extra_pem, struct device_roots **ret, struct err *err) CHECKED;

bool device_answer_read(TALLOC_CTX *ctx, struct bytes der, const struct device_roots *roots,
			struct device_answer **ret, struct err *err) CHECKED;

/* The same, and signers under `ours` are believed too: DEVICE_OURS. */
bool device_answer_read_ours(TALLOC_CTX *ctx, struct bytes der, const struct device_roots *roots,
			     const struct cms_trust *ours, struct device_answer **ret, struct err *err) CHECKED;

/* The one way a UDID is written here, whatever the case it came in; false when it is none. */
bool device_udid(const char *text, char udid[DEVICE_UDID_SIZE]) CHECKED;

const char *device_signer_name(enum device_signer signer);	/* "apple", "other:test", "ours" */
