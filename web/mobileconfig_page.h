#pragma once
/*
 * mobileconfig_page - the data of the console's pages of mobileconfigs; what they hold stands in web/pages/mobileconfig*.html.
 */
#include "catalog/mobileconfig.h"
#include "web/http.h"

/* What came back with a refusal: which part of the page, why, and what was typed. */
struct mobileconfig_refused {
	const char *where;		/* "settings", "assign", "payloads" ... or an assignment's id */
	const char *text;
	const json_t *audience, *devices;	/* of the assignment; NULL: as it is */
	const char *typed;		/* its devices as JSON, or the JSON of "settings"; NULL: as it is */
	const char *typed_audience;	/* its audience as JSON; NULL: as it is */
};

/* All of them; *ret is the caller's, as below. */
bool mobileconfigs_data(struct req *req, json_t **ret, struct err *err) CHECKED;
/* One, with ?diff= (a version) and ?after= (a device) of the request. */
bool mobileconfig_data(struct req *req, const struct kept_mobileconfig *m, const struct mobileconfig_refused *refused,
		       json_t **ret, struct err *err) CHECKED;

/* "wanted", "queued" ... of a device as its pages show it: {title, url, goal, state, why, keeper, ...}. */
json_t *mobileconfig_device_rows(struct req *req, const json_t *items);

