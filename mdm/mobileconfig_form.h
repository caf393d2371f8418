#pragma once
/*
 * mobileconfig_form - a mobileconfig as a form: JSON that people fill in, judged by the facts of Apple's schema,
 * completed for one person and device, and written.
 *
 *	{name, description, organization, consent{"default": text, "de": text ...}, removal_password, removable,
 *	 remove_on (ISO 8601), remove_after_s, expires (ISO 8601),
 *	 payloads[{id, type, name, keys{}}]}
 *
 * `id` is short, ours and stable: identifiers and UUIDs of payloads are made from it and from the mobileconfig's
 * identifier, so that the same form given out again is the same to iOS.  Keys are Apple's.  Data stands as
 * {"$data": base64}, a date as {"$date": ISO 8601}, the UUID of another payload of the form as {"$payload": id};
 * in texts, %username% and the like stand for what is known of person and device (%% is a percent sign).
 *
 * What was made elsewhere has more: `uuid` of the form, and `identifier`, `uuid` and foreign: true of a payload,
 * which keep what a phone that has it installed knows it by.  A foreign payload is written as it came, whatever
 * the facts say; they only warn (mobileconfig_form_warnings).
 *
 * The table of payload types, their keys, types and ranges is mdm/payload_facts.tsv, made by
 * mdm/payload_facts.py from Apple's published schema.
 */
#include <jansson.h>
#include "core/buf.h"

#define FORM_BYTES_MAX		(512u << 10)	/* of one, as JSON */
#define FORM_PAYLOADS_MAX	64
#define FORM_DEPTH_MAX		16
#define FORM_ID_MAX		64
#define FORM_REMOVE_AFTER_MAX_S	(3650LL * 86400)	/* of remove_after_s: as long as the console offers */
#define FORM_TEXT_MAX		16384		/* bytes of a name or description */
#define FORM_CONSENTS_MAX	40		/* languages */
#define FORM_VARIABLE_MAX	64		/* letters of a name */
/* Written and plain: enveloped, signed and in a command it is still below COMMAND_BYTES_MAX. */
#define FORM_WRITTEN_MAX	(544u << 10)
#define FORM_FILE_MAX		(1u << 20)	/* of one that was made elsewhere */
#define FORM_OUT_MAX		(768u << 10)	/* room that mobileconfig_form_write wants, enveloped or not */

struct form_target { const char *os_version; int supervised; };	/* NULL, -1: not known */

/* ERR_INVALID "bad_mobileconfig": the path of the key, and what is wrong with it.  A form may hold variables. */
bool mobileconfig_form_judge(const json_t *form, struct err *err) CHECKED;

/* "wifi-1": an id for one more payload of this type, that no other has; form may be NULL. */
char *mobileconfig_form_new_id(TALLOC_CTX *ctx, const json_t *form, const char *type);

/* What this device would not take of it: a list of texts, empty when all is well; the caller's. */
json_t *mobileconfig_form_unfit(const json_t *form, const struct form_target *target);

/* What Apple gave up, and what the facts do not know of foreign payloads: a list of texts; the caller's. */
json_t *mobileconfig_form_warnings(const json_t *form);

/* Is what stands under this key a secret?  fact NULL: nothing is known of it, and its name decides. */
struct apple_fact;
bool form_is_secret(const struct apple_fact *fact, const char *name);
bool form_is_empty(const json_t *v);	/* nothing that could be secret */

/* Does it hold a password, a key, a challenge?  Then it goes out encrypted, or not at all. */
bool mobileconfig_form_secret(const json_t *form);

/*
 * A form as it may be shown: every secret in it is {"$kept": its place}.  And such a form with what its places
 * held before: ERR_INVALID when there is nothing, or when the place was another key's.  Both are the caller's.
 */
json_t *mobileconfig_form_masked(const json_t *form);
bool mobileconfig_form_kept(const json_t *form, const json_t *before, json_t **ret, struct err *err) CHECKED;

/* The mobileconfig as it would go out, to be looked at: XML, dots for every secret; variables may be left in it. */
bool mobileconfig_form_preview(TALLOC_CTX *ctx, const json_t *form, const char *identifier, struct buf *out,
			       struct err *err) CHECKED;

/* Names of the variables in it, once each; the caller's.  %c3% is no variable but part of a URL. */
json_t *mobileconfig_form_variables(const json_t *form);

/*
 * Every variable replaced by value(arg, name), which gives NULL or "" for what is not known: ERR_CONFLICT
 * "missing_variable" names all that are missing.  *ret is the caller's.
 */
typedef const char *form_value(void *arg, const char *name);
bool mobileconfig_form_fill(const json_t *form, form_value *value, void *arg, json_t **ret, struct err *err) CHECKED;

/*
 * The mobileconfig of a filled form, XML, unsigned; its payloads enveloped for the key of this certificate (DER)
 * unless that is empty.  ERR_CONFLICT "needs_identity": it holds a secret, and there is no certificate.
 */
bool mobileconfig_form_write(TALLOC_CTX *ctx, const json_t *form, const char *identifier, struct bytes cert_der,
			     struct buf *out, struct err *err) CHECKED;

/*
 * A .mobileconfig made elsewhere: XML or binary plist, or signed CMS, which is unwrapped (*signer: the subject of
 * the certificate that it names, NULL: nobody; whether that is to be believed is not looked at).
 * ERR_INVALID "encrypted" names one whose payloads are for somebody's key.
 */
bool mobileconfig_form_read(TALLOC_CTX *ctx, struct bytes file, json_t **form, const char **identifier,
			    const char **signer, struct err *err) CHECKED;
