#pragma once
/*
 * device_history - the commands of a device on its page (docs/pages.md, page `device`): what waits, and what was, with
 * the answers.
 */
#include <jansson.h>
#include "web/http.h"

struct device_history {
	const char *id, *url;		/* of the device, and of its page */
	const char *after;		/* where the history goes on; NULL: at its newest */
	json_t *revealed;		/* the answer of this one was opened; NULL: of none */
	const char *revealed_uuid;
};

/* Adds waiting[], history[] and history_url to the page. */
bool device_history(struct req *req, const struct device_history *history, json_t *page, struct err *err) CHECKED;
