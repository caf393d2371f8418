#pragma once
/* ending_sources - what the house itself knows of that ends: the functions behind rows of web/endings.c. */
#include "web/endings.h"

typedef bool ending_list(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err);

ending_list ending_push;		/* push certificates, one a topic */
ending_list ending_ca;			/* what issues now */
ending_list ending_ca_above;		/* the CAs above it: a root */
ending_list ending_ca_before;		/* what issued before, while certificates of it are shown */
ending_list ending_ra;			/* what answers SCEP for it */
ending_list ending_trusted_ca;		/* outside CAs whose device certificates are believed */
ending_list ending_tls;			/* the server's own certificate */
ending_list ending_tls_in_front;	/* ending_tls.c: what is shown at server.base_url, where that is another one */
ending_list ending_tls_devices;		/* ending_tls.c: and at mdm.base_url */
ending_list ending_tls_ca;		/* and the CA of a private installation */
ending_list ending_signing;		/* what signs mobileconfigs */
ending_list ending_signing_own;		/* the same of our own CA, where no other is set */
ending_list ending_directory_certificate;	/* what we show the directory */
ending_list ending_identities;		/* ending_identity.c: devices whose identity will not be new by itself, by week */
ending_list ending_own;			/* certificates in people's own mobileconfigs */
ending_list ending_tokens;		/* API tokens */
ending_list ending_rest;		/* people whom nobody looks up, and what is theirs (catalog/people_rest.h) */
typedef bool ending_list_of(TALLOC_CTX *ctx, struct site *site, const char *person_id, time_t until, ending_add *add, void *arg,
			    struct err *err);
ending_list_of ending_own_of, ending_tokens_of, ending_rest_of;	/* those of one person */
ending_list ending_provisions;		/* ending_provision.c: of apps on managed devices */
ending_list ending_signatures;		/* ending_provision.c: of the same, those that have to be signed anew */
ending_list ending_builds;		/* ending_provision.c: what people install, by its embedded provisions */
ending_list ending_distribution;	/* ending_provision.c: certificates that signed builds in use */
ending_list ending_directory_password;	/* of our account there, where the directory tells */

/* Of one of these kinds, the devices that it touches (struct ending_source). */
typedef bool ending_whose(struct site *site, const struct ending *ending, int64_t most, json_t **ret, struct err *err);
ending_whose ending_provision_devices, ending_signature_devices, ending_distribution_devices;	/* ending_provision.c */
ending_whose ending_identity_devices;				/* ending_identity.c */

/* Looks what is shown at the base URLs, for these two; once a day.  Where nobody answers what was seen stays. */
bool ending_look_in_front(struct site *site, struct err *err) CHECKED;

/* Asks the directory, for ending_directory_password; once a day.  A directory that is down changes nothing. */
bool ending_ask_directory(struct site *site, struct err *err) CHECKED;

/* An item of renewal_endings: no wave brings it, for renewal.paused is set and the promise of the last days is not due. */
bool renewal_stands(struct site *site, const json_t *ending);
