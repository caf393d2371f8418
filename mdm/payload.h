#pragma once
/*
 * payload - the payloads of enrollment, each a function for the rows of mdm/mobileconfig.h.
 *
 * developer.apple.com/documentation/devicemanagement: SCEP, MDM, CertificateRoot.
 */
#include "core/buf.h"

/* ---- com.apple.security.scep (payload_scep.c) ---- */

#define PAYLOAD_SCEP		"com.apple.security.scep"
#define PAYLOAD_SUBJECT_MAX	8		/* parts of a subject */

/* One part of a subject: its type as Apple and RFC 4514 both write it ("CN", "O"), and its value. */
struct payload_part {
	const char *type, *value;
};

struct payload_scep {
	const char *url;		/* without a query: the client puts its own in its place */
	const char *name;		/* CA-IDENT; NULL: none */
	const struct payload_part *subject;	/* the outermost first, ends with type NULL */
	const char *challenge;		/* NULL: none */
	struct bytes ca_sha256;		/* of the CA's certificate, 32 bytes; empty: any CA is taken */
	int retries, retry_s;		/* while the answer is PENDING */
};

void payload_scep_write(struct buf *out, const void *scep);

/* The same subject as RFC 4514 writes it, the innermost first: "CN=device 42,O=Example". */
char *payload_subject(TALLOC_CTX *ctx, const struct payload_part *subject);

/* ---- com.apple.mdm (payload_mdm.c) ---- */

#define PAYLOAD_MDM		"com.apple.mdm"

struct payload_mdm {
	const char *identity_uuid;	/* of the payload in the same mobileconfig that brings the identity */
	const char *topic;
	const char *url;		/* "https://apps.example.com": /mdm/command and /mdm/checkin stand under it */
	int64_t access_rights;
};

void payload_mdm_write(struct buf *out, const void *mdm);

/* ---- com.apple.security.root (payload_root.c) ---- */

#define PAYLOAD_ROOT		"com.apple.security.root"

void payload_root_write(struct buf *out, const void *der);	/* a struct bytes */

/* ---- com.apple.webClip.managed (payload_clip.c) ---- */

#define PAYLOAD_CLIP		"com.apple.webClip.managed"
#define PAYLOAD_CLIP_ICON_SIDE	400		/* pixels at most, square; Apple: WebClip */

struct payload_clip {
	const char *url, *label;
	struct bytes icon;		/* PNG */
	bool full_screen, removable;
};

void payload_clip_write(struct buf *out, const void *clip);
