#include "mdm/proof.h"
#include "core/clock.h"
#include "core/num.h"
#include "mdm/cms.h"
#include "mdm/enroll_session.h"
#include "mdm/enrollment_turn.h"
#include "mdm/identity_renew.h"
#include "mdm/leaving.h"
#include <string.h>

static bool
bad(struct err *err, const char *why)
{
	return err_code(err, ERR_MALFORMED, "bad_identity", "the device's identity: %s", why);
}

bool
proof_by_signature(TALLOC_CTX *ctx, const char *text, struct bytes body, struct proof *ret, struct err *err)
{
	size_t len = strlen(text);
	struct bytes der = { 0 };
	struct cms_detached opened;

	if (len > PROOF_SIGNATURE_MAX)
		return bad(err, "Mdm-Signature is too long");
	if (!num_unbase64(ctx, text, len, &der) || !der.len)
		return bad(err, "Mdm-Signature is no base64");
	if (!cms_open_detached(ctx, der, body, &opened, err)) {
		char why[sizeof err->cause];

		if (err->kind == ERR_INTERNAL)
			return false;
		snprintf(why, sizeof why, "Mdm-Signature: %.200s", err->cause);
		return bad(err, why);
	}
	*ret = (struct proof){ .der = opened.signer, .signed_at = opened.signed_at };
	return true;
}

const char *
proof_session_named(TALLOC_CTX *ctx, X509 *cert)
{
	static const char prefix[] = ENROLL_IDENTITY " ";
	const char *cn = x509_subject_cn(ctx, cert);

	return strncmp(cn, prefix, strlen(prefix)) == 0 && cn[strlen(prefix)] ? cn + strlen(prefix) : NULL;
}

/* Whose is a certificate that no row tells of?  Of an outside CA it may have any name, and binds to nothing then. */
static bool
judge_stranger(struct ca *ca, struct identity *identity, int64_t grace_s, struct err *err)
{
	X509 *cert SCOPED(x509) = NULL;
	enum ca_whose whose = CA_NOBODYS;
	time_t now = clock_now(), late = now - (identity->enrollment ? grace_s : 0), end;

	if (!x509_read_der(identity->proof.der, &cert, err))
		return bad(err, "no X.509 certificate");
	if (!ca_whose(ca, cert, &whose, err))
		return false;
	if (whose == CA_NOBODYS)
		return bad(err, "its certificate is by nobody whom we believe");
	if (X509_cmp_time(X509_get0_notAfter(cert), &late) < 0 || X509_cmp_time(X509_get0_notBefore(cert), &now) > 0)
		return bad(err, "its certificate has run out, or is not valid yet");
	identity->session_id = proof_session_named(identity, cert);
	if (whose == CA_TRUSTED && x509_expires(cert, &end))
		identity->ends = end;
	if (whose == CA_OURS && !identity->session_id)
		return bad(err, "its certificate is for something else");
	identity->known = whose == CA_TRUSTED;
	return true;
}

static bool
judge_own(const struct shown *shown, const struct identity *identity, int64_t grace_s, struct err *err)
{
	if (strcmp(shown->purpose, "mdm") != 0)
		return bad(err, "its certificate is for something else");
	if (shown->revoked)
		return bad(err, "its certificate is revoked");
	if (shown->not_after + (identity->enrollment ? grace_s : 0) < clock_now())
		return bad(err, "its certificate has run out");
	return true;
}

/* The one before its renewal, and the overlap has ended; as the sweep will find it. */
static bool
is_over(const struct enrollment *e, const char *sha256)
{
	return identity_is_past(e, sha256) && e->old_identity_until <= clock_now();
}

bool
proof_judge(TALLOC_CTX *ctx, struct db *db, struct ca *ca, const struct proof *proof, int64_t grace_s,
	    struct identity **ret, struct err *err)
{
	struct identity *identity = mem_new(ctx, struct identity);
	const struct enrollment *e;
	struct shown shown;

	x509_der_sha256(proof->der, identity->sha256);
	identity->proof = *proof;
	if (!enrollment_shown(identity, db, identity->sha256, &shown, err))
		return false;
	e = identity->enrollment = shown.enrollment;
	identity->ours = identity->known = shown.certificate;
	identity->session_id = shown.session_id;
	*ret = identity;
	if (e && strcmp(e->state, "retired") == 0) {	/* on purpose: also when its certificate is no good any more */
		if (!leaving_by(identity, db, e, &identity->leaves, err))
			return false;
		if (identity->leaves)
			return true;
		enrollment_told(db, e);
		return err_code(err, ERR_DENIED, "retired", "device %s was retired", e->device_id);
	}
	if (e && (strcmp(e->state, "replaced") == 0 || is_over(e, identity->sha256))) {
		enrollment_old_shown(db, e, identity->sha256);
		return bad(err, "it was replaced by a newer one of this device");
	}
	if (!shown.certificate)
		return ca && ca_ready(ca) ? judge_stranger(ca, identity, grace_s, err) :
			    err_code(err, ERR_BUSY, "no_ca", "there is no CA here that devices could be known by");
	if (shown.retired)
		return err_code(err, ERR_DENIED, "retired", "the device was retired");
	return judge_own(&shown, identity, grace_s, err);
}
