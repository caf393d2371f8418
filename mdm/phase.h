#pragma once
/*
 * phase - what every way through the phases of the Profile Service has alike, whatever it leads to: an enrollment
 * (mdm/enroll.h) or a person's own mobileconfig (mdm/own_phase.h).
 * Apple: Profile Service; each request: docs/enrolling.md.
 *
 * 0: what Safari downloads says where to answer, with a challenge.  1: the device answers with its attributes, signed
 * by Apple's certificate of it, and gets a SCEP payload for a passing identity.  3: it answers again, signed by that.
 */
#include "mdm/device_answer.h"
#include "mdm/mobileconfig.h"
#include "mdm/payload.h"
#include "mdm/scep_offer.h"

#define PHASE_UID	"0.9.2342.19200300.100.1.1"

struct phase_subject {
	struct payload_part parts[4];
};

/* O=<organization>, CN=<common name>: what the certificate will say, whatever the request does. */
struct phase_subject phase_subject(TALLOC_CTX *ctx, const char *organization, const char *common_name);
/* And UID=<name> as the most particular part: a proxy that asks for it reads it from the beginning of the name. */
void phase_subject_person(TALLOC_CTX *ctx, struct phase_subject *subject, const char *username);

/* Phase 0.  Nothing is kept, and it is the same each time. */
bool phase_service_write(const struct mobileconfig *m, const char *url, const char *challenge, struct buf *out,
			 struct err *err) CHECKED;

/* A SCEP payload's challenge, in the transaction that hands it out: those of before are void. */
bool phase_offer(TALLOC_CTX *ctx, struct db *tx, const struct scep_servers *servers, const char *token,
		 const struct challenge_wish *wish, struct scep_offer *ret, struct err *err) CHECKED;
struct payload_scep phase_scep(const struct scep_offer *offered, const struct phase_subject *subject);

/* What phase 1 is answered with: that one SCEP payload. */
bool phase_pass_write(TALLOC_CTX *ctx, const struct mobileconfig *m, const struct scep_offer *offered,
		      const struct phase_subject *subject, struct buf *out, struct err *err) CHECKED;

/*
 * Phase 3: signed by this session's passing identity, alive, and on the device that Apple's certificate has proved;
 * else ERR_DENIED "bad_identity".
 */
struct phase_proof {
	const char *session_id, *udid, *serial;		/* as phase 1 left them */
};
bool phase_is_passing(TALLOC_CTX *ctx, struct db *tx, const struct phase_proof *proof, const struct device_answer *answer,
		      struct err *err) CHECKED;
