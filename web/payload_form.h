#pragma once
/*
 * payload_form - a payload as a form without script, made of Apple's facts (mdm/payload_fact.h): a field for
 * every key, with what it takes, since which iOS it is there and whether it wants a supervised device.
 *
 * In a page:	{{>payload-form}} inside <form method="post" enctype="multipart/form-data">, with what
 *		payload_form_part gave merged into the page's data (its names begin with "payload_").
 * On its way back: payload_form_read makes the payload again.  Secrets and data are not in the page; where nothing
 *		new was given they come back as {"$kept": ...}, and mobileconfig_form_kept puts in what was there.
 *
 * Lists of texts are lines; of anything else they are items, in each other as deep as Apple's schema has it, with a
 * button for one more; where Apple names no keys the admin does.  A button keeps nothing but changes the page: what
 * was typed comes back on it, secrets sealed (payload_form_draft).  JSON is left for a value that no field can show, for
 * what passes the limits of web/payload_kind.h, and for a payload that the facts do not know (foreign).
 */
#include "web/http.h"

#define PAYLOAD_FORM_BODY	"1M"	/* body_max of a route that takes one */
#define PAYLOAD_FORM_NEW_MAX	200	/* bytes of a type's name */

/*
 * `form`: the mobileconfig that the payload is of, for the payloads that its certificates may be; NULL: none.
 * `payload`: {id, type, name, keys ...}, as mobileconfig_form_masked shows it, or as payload_form_read gave it on a
 * page that was refused, or payload_form_draft.  A new one has its type alone.  `focus`: of payload_form_draft; NULL.
 * *ret is the caller's:
 *	{payload_id, payload_type, payload_label, payload_name, payload_new, payload_items[], payload_foreign,
 *	 payload_supervised, payload_by_mdm, payload_since, payload_until}; see web/pages/_payload-form.html.
 * ERR_MISSING: iOS has no such type, and the payload is not foreign.
 */
bool payload_form_part(struct req *req, const json_t *form, const json_t *payload, const char *focus, json_t **ret,
		       struct err *err) CHECKED;

/*
 * The posted fields, whose names begin with `prefix` ("payload" of {{>payload-form}}), as {id, type, name, keys,
 * and what `before` has besides}; the caller's.  `before`: the payload as it was, NULL for a new one: what is
 * no field of the page stays.  It is not judged: mobileconfig_form_judge does that.
 */
bool payload_form_read(struct req *req, const char *prefix, const json_t *before, json_t **payload, struct err *err) CHECKED;

/* Was a button pressed that changes the page alone: one item more, or in another order? */
bool payload_form_acts(struct req *req, const char *prefix);
/*
 * All that was typed, with what the button did, for payload_form_part alone: it may hold what no payload can.  Without a
 * button: the page again, whatever could not be read.  ERR_INVALID: it is no such form.
 */
bool payload_form_draft(struct req *req, const char *prefix, const json_t *before, json_t **payload, const char **focus,
			struct err *err) CHECKED;

/* "Wi-Fi" of com.apple.wifi.managed in the reader's language; the type itself where nobody named it. */
const char *payload_type_label(struct req *req, const char *type);

/* The types by their label, for a choice: [{type, label, supervised, by_mdm, since, until}]; the caller's. */
json_t *payload_types(struct req *req);
