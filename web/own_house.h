#pragma once
/*
 * own_house - what a person's own mobileconfig is made of: which there are for whom, their values, the identity in
 * them, and how they are written.
 *
 * One is made from settings (eas.host): an Exchange account with the person's certificate.  The others are the
 * admins', of the purpose "own".  A payload that refers to {"$payload": "identity"} gets the person's certificate as
 * own.identity says, as a payload of that id, unless the form has one of its own.
 */
#include "mdm/own_phase.h"
#include "web/enroll_house.h"

#define OWN_IDENTITY	"identity"	/* the id of its payload */
#define OWN_TYPE_PKCS12 "com.apple.security.pkcs12"
#define OWN_FROM_SETTINGS "eas"		/* mobileconfig_id of the one made from settings */

struct own_template {
	const char *id, *title;
	const char *identifier;		/* of its own; the person's is behind it */
};
struct own_templates {
	struct own_template *all;
	size_t n;
};

/* Those for this person; their titles in this language. */
bool own_templates(TALLOC_CTX *ctx, struct site *site, const char *language, const char *person_id,
		   struct own_templates *ret, struct err *err) CHECKED;
/* ERR_MISSING: none of them. */
bool own_template(TALLOC_CTX *ctx, struct site *site, const char *language, const char *person_id, const char *id,
		  struct own_template *ret, struct err *err) CHECKED;

/* For whom, and on what; texts "" where they are not known. */
struct own_target {
	const char *person_id;
	const char *udid, *serial, *product, *version, *device_name;
	const char *device_id;		/* a managed one; NULL: none */
	bool plain;			/* there is no identity: what holds a secret is left out */
};

/*
 * Filled in for them; for PKCS#12 the key is made and the certificate signed, so outside of any transaction.
 * A certificate says userPrincipalName (own.upn) and e-mail address, or there is none.  ERR_CONFLICT "missing_variable"
 * names all that is not known, "bad_upn", "bad_email" what no certificate can say, or not of one person; "needs_identity" when nothing would be
 * left of it.
 */
struct own_filled {
	struct own_gift gift;		/* for mdm/own_phase.h */
	json_t *form;			/* ends with ctx */
	struct phase_subject *subject;
	struct bytes p12;
	const char *p12_password;
	bool only_try;
};
bool own_fill(TALLOC_CTX *ctx, struct site *site, const char *language, const struct own_template *template,
	      const struct own_target *target, struct own_filled *ret, struct err *err) CHECKED;

/* The same, but nothing is made: could it be filled in for them? */
bool own_try(TALLOC_CTX *ctx, struct site *site, const char *language, const struct own_template *template,
	     const struct own_target *target, struct err *err) CHECKED;

/* PayloadIdentifier of this person's: the same each time. */
const char *own_identifier(TALLOC_CTX *ctx, const struct own_template *template, const char *person_id);

/* Once it is given (own_issue, own_command): with its identity, enveloped for this certificate unless that is empty. */
bool own_write(TALLOC_CTX *ctx, struct own_filled *filled, struct bytes cert_der, struct buf *out,
	       struct err *err) CHECKED;

/* Is there, or does something refer to, the person's certificate? */
bool own_wants_identity(const json_t *form);

/* ERR_INVALID for a setting of own and eas that means nothing. */
bool own_check_conf(const struct conf *conf, struct err *err) CHECKED;

/* "anna.mobileconfig" */
const char *own_file_name(TALLOC_CTX *ctx, const char *username);

/* The Profile Service's names and the SCEP server, as enrollment has them. */
bool own_house_for(TALLOC_CTX *ctx, struct site *site, const char *language, struct enroll_house *ret,
		   struct err *err) CHECKED;
