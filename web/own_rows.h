#pragma once
/*
 * own_rows - people's own mobileconfigs as pages show them: [{id, person, person_id, title, device, model, managed,
 * device_id|null, state, why, old, changed, certificate|null{serial, url, state, until}}].
 *
 * state: "offered" (nothing came of it yet), "issued" (a certificate, but nobody has seen it used), "installed",
 * "removed", "removed_open" (removed, and its certificate is still good), "revoked".
 */
#include <jansson.h>
#include "web/http.h"

json_t *own_rows(struct req *req, const json_t *items);	/* of own_list; the caller's */
