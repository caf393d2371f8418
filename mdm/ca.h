#pragma once
/*
 * ca - the certificate authority: one self-signed RSA-2048 CA, or a root kept apart with an issuing CA and
 * RA certificates under it, or one that the company brings.  RFC 5280, RFC 8894 section 2.1.2.
 *
 * What a certificate says comes from a template (its purpose) and from us, never from a request: of that only
 * the public key counts.  Issuing is cryptography alone and is done before the transaction that keeps the row
 * (mdm/certificate.h); what is not kept was never issued.
 *
 * Private keys are used through mdm/ca_key.h alone, so that they can move into a process of their own or
 * behind PKCS#11.
 *
 * All functions may be called from any thread, none inside a transaction: some look, at most every
 * CA_LOOK_MS, whether `pomona ca` has changed the authority meanwhile.  Where no CA was made yet they say
 * ERR_BUSY "no_ca", and lent pointers are NULL.  What is lent belongs to this thread and lives as long as a
 * request does (mdm/cms_thread.h).
 */
#include "core/db.h"
#include "core/seal.h"
#include "core/x509.h"
#include "mdm/certificate.h"

#define CA_LOOK_MS	5000
#define CA_SKEW_S	600	/* certificates begin that long ago: clocks of phones are slow */
#define CA_TRUSTED_MAX	32	/* outside CAs */

/* Purposes: kind(name, days, what).  A new one is a new row. */
#define CA_PURPOSES(P) \
	P(MDM,    "mdm",    365, "the identity of an enrolled device") \
	P(OTA,    "ota",    1,   "a passing identity during enrollment: proves and decrypts, nothing else") \
	P(CLIENT, "client", 365, "by `pomona challenge new`, for other SCEP clients") \
	P(PERSON, "person", 365, "a person's own, for mail, Wi-Fi and VPN: its SAN says who they are") \
	P(SIGN,   "sign",   365, "signs mobileconfigs (mdm/ca_sign.h): nobody's identity, and nobody can ask for one")

enum ca_purpose {
#define P(id, name, days, what) CA_##id,
	CA_PURPOSES(P)
#undef P
	CA_PURPOSES_N
};

const char *ca_purpose_name(enum ca_purpose purpose);
bool ca_purpose_read(const char *name, enum ca_purpose *ret);	/* of those that somebody may ask for */

struct ca;

/* Also where no CA was made.  ERR_CONFLICT "wrong_key" when the master key is another one.  `db` and `sealer`
 * outlive it. */
bool ca_open(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *base_url, struct ca **ret,
	     struct err *err) CHECKED;
bool ca_reload(struct ca *ca, struct err *err) CHECKED;	/* from the database, at once */
bool ca_ready(struct ca *ca);	/* is there one that issues? */

/* Outside CAs whose device certificates are believed (scep.external_ca_file), in place of those before. */
bool ca_trust(struct ca *ca, struct bytes pem, struct err *err) CHECKED;	/* empty: none */

struct ca_wish {
	EVP_PKEY *key;			/* the public key; RSA of 2048 to 4096 bits, else ERR_INVALID */
	enum ca_purpose purpose;
	const char *subject;		/* RFC 4514: "CN=device 42,O=Example" (mdm/subject.h) */
	const char *session_id;		/* enroll_session or own_session; NULL: none */
	const char *enrollment_id;	/* of the device that it is made for by itself; NULL: none */
	const char *upn, *email;	/* in the SAN of CA_PERSON, which is none without them: ERR_CONFLICT "missing_name" */
	int64_t days;			/* 0: the purpose's */
};

/* Signs, and keeps nothing. */
bool ca_issue(TALLOC_CTX *ctx, struct ca *ca, const struct ca_wish *wish, struct certificate **ret,
	      struct err *err) CHECKED;

/* What SCEP serves: one DER certificate, or certs-only SignedData with the RAs; and whose its replies are. */
bool ca_scep_certs(TALLOC_CTX *ctx, struct ca *ca, struct bytes *der, bool *single, struct err *err) CHECKED;
/*
 * What follows it, for clients that ask (RFC 8894 4.7.1): SignedData by the CA in use over certs-only SignedData.
 * ca_next.c; ERR_MISSING: nothing is staged.
 */
bool ca_scep_next(TALLOC_CTX *ctx, struct ca *ca, struct bytes *der, struct err *err) CHECKED;
bool ca_next_staged(struct ca *ca);

X509 *ca_signer(struct ca *ca);		/* signs CertReps: the CA, or its signing RA; lent; for tests */
X509 *ca_decrypter(struct ca *ca);	/* envelopes are addressed to it */
X509 *ca_cert(struct ca *ca);		/* what issues */

/*
 * Signed for a client by a CA of ours (in use, retired), or by one that is trusted?  Whether a row exists is
 * not asked, nor the time: an identity that ran out still says who its device is.
 */
enum ca_whose { CA_NOBODYS, CA_OURS, CA_TRUSTED };
bool ca_whose(struct ca *ca, X509 *cert, enum ca_whose *ret, struct err *err) CHECKED;

/* Certificates of every CA that identities are believed of, those above them, and outside ones: PEM, for
 * whoever asks devices for a certificate (a TLS listener, a proxy).  "" when there is none. */
bool ca_pem(TALLOC_CTX *ctx, struct ca *ca, char **ret, struct err *err) CHECKED;

/* The CRL of the CA with this key (hex), DER; NULL: of the first CA.  ERR_MISSING. */
bool ca_crl(TALLOC_CTX *ctx, struct ca *ca, const char *key_id, struct bytes *der, struct err *err) CHECKED;
