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
 * Lists of texts are lines, lists of dictionaries are groups with an empty one behind them, what is deeper is JSON.
 * A payload that the facts do not know (foreign) is JSON as a whole.
 */
#include "web/http.h"

#define PAYLOAD_FORM_BODY	"1M"	/* body_max of a route that takes one */
#define PAYLOAD_FORM_NEW_MAX	200	/* bytes of a type's name */

/*
 * `form`: the mobileconfig that the payload is of, for the payloads that its certificates may be; NULL: none.
 * `payload`: {id, type, name, keys ...}, as mobileconfig_form_masked shows it, or as payload_form_read gave it on a
 * page that was refused: what was typed there as a secret is asked for again.  A new one has its type alone.
 * *ret is the caller's:
 *	{payload_id, payload_type, payload_label, payload_name, payload_new, payload_items[], payload_foreign,
 *	 payload_supervised, payload_by_mdm, payload_since, payload_until}; see web/pages/_payload-form.html.
 * ERR_MISSING: iOS has no such type, and the payload is not foreign.
 */
bool payload_form_part(struct req *req, const json_t *form, const json_t *payload, json_t **ret, struct err *err) CHECKED;

/*
 * The posted fields, whose names begin with `prefix` ("payload" of {{>payload-form}}), as {id, type, name, keys,
 * and what `before` has besides}; the caller's.  `before`: the payload as it was, NULL for a new one: what is
 * no field of the page stays.  It is not judged: mobileconfig_form_judge does that.
 */
bool payload_form_read(struct req *req, const char *prefix, const json_t *before, json_t **payload, struct err *err) CHECKED;

/* "Wi-Fi" of com.apple.wifi.managed in the reader's language; the type itself where nobody named it. */
const char *payload_type_label(struct req *req, const char *type);

/* The types by their label, for a choice: [{type, label, supervised, by_mdm, since, until}]; the caller's. */
json_t *payload_types(struct req *req);
