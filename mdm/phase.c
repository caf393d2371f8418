#include "mdm/phase.h"
#include "core/clock.h"
#include "core/text.h"
#include <string.h>

#define ORGANIZATION_MAX	64	/* characters of O and of CN, X.520 */
#define RETRIES			6	/* while an admin looks at a request */
#define RETRY_S			10

static const char *const attributes[] = {
	"UDID", "VERSION", "PRODUCT", "SERIAL", "DEVICE_NAME", "IMEI", "MEID", NULL
};

struct phase_subject
phase_subject(TALLOC_CTX *ctx, const char *organization, const char *common_name)
{
	struct phase_subject subject = { { { "O", text_cut(ctx, organization, ORGANIZATION_MAX) },
					   { "CN", text_cut(ctx, common_name, ORGANIZATION_MAX) } } };

	if (!*subject.parts[0].value) {
		subject.parts[0] = subject.parts[1];
		subject.parts[1].type = NULL;
	}
	return subject;
}

/* RFC 4519 2.39 userid; SCEP payloads name types that are not CN, O ... by their numbers. */
void
phase_subject_person(TALLOC_CTX *ctx, struct phase_subject *subject, const char *username)
{
	size_t n = 0;

	while (subject->parts[n].type)
		n++;
	subject->parts[n] = (struct payload_part){ PHASE_UID, mem_text(ctx, username) };
}

bool
phase_service_write(const struct mobileconfig *m, const char *url, const char *challenge, struct buf *out,
		    struct err *err)
{
	const struct mobileconfig_service service = { .url = url, .challenge = challenge, .attributes = attributes };

	return mobileconfig_service_write(m, &service, out, err);
}

bool
phase_offer(TALLOC_CTX *ctx, struct db *tx, const struct scep_servers *servers, const char *token,
	    const struct challenge_wish *wish, struct scep_offer *ret, struct err *err)
{
	return challenge_void(tx, wish->session_id, wish->purpose, err) &&
	       scep_offer_new(ctx, tx, servers, token, wish, ret, err);
}

struct payload_scep
phase_scep(const struct scep_offer *offered, const struct phase_subject *subject)
{
	return (struct payload_scep){
		.url = offered->url, .name = *offered->name ? offered->name : NULL, .subject = subject->parts,
		.challenge = *offered->challenge ? offered->challenge : NULL, .ca_sha256 = offered->ca_sha256,
		.retries = RETRIES, .retry_s = RETRY_S,
	};
}

bool
phase_pass_write(TALLOC_CTX *ctx, const struct mobileconfig *m, const struct scep_offer *offered,
		 const struct phase_subject *subject, struct buf *out, struct err *err)
{
	struct payload_scep scep = phase_scep(offered, subject);
	struct payload payload = { PAYLOAD_SCEP, mem_printf(ctx, "%s.identity", m->identifier), m->name,
				   payload_scep_write, &scep, NULL };

	return mobileconfig_write(m, &payload, 1, out, err);
}

static bool
bad_identity(struct err *err, const char *why)
{
	return err_code(err, ERR_DENIED, "bad_identity", "%s", why);
}

bool
phase_is_passing(TALLOC_CTX *ctx, struct db *tx, const struct phase_proof *proof, const struct device_answer *answer,
		 struct err *err)
{
	char sha256[X509_FINGERPRINT_SIZE];
	struct certificate *cert;

	x509_der_sha256(answer->certificate, sha256);
	if (!certificate_find(ctx, tx, sha256, &cert, err))
		return err->kind == ERR_MISSING ? bad_identity(err, "its signer's certificate is not known here") : false;
	if (strcmp(cert->purpose, ca_purpose_name(CA_OTA)) != 0)
		return bad_identity(err, "its signer is not a passing identity");
	if (!cert->session_id || strcmp(cert->session_id, proof->session_id) != 0)
		return bad_identity(err, "its signer is another session's passing identity");
	if (cert->revoked || cert->not_after <= clock_now())
		return bad_identity(err, "its signer's certificate is not good any more");
	if (strcmp(answer->udid, proof->udid) != 0 || strcmp(answer->serial, proof->serial) != 0)
		return bad_identity(err, "it is another device than in phase 1");
	return true;
}
