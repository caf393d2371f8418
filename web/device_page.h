#pragma once
/*
 * device_page - a managed device in people's words: what its page (routes_device_pages.c) and rows show.
 */
#include <jansson.h>
#include "web/device_history.h"

json_t *device_row(struct req *req, const json_t *device);	/* of device_list, for the table */

/*
 * Everything that page `device` shows (docs/pages.md), of device_whole; takes from it what it likes.
 * history: where it goes on and what was opened; whose it is is set here.
 */
bool device_page_data(struct req *req, json_t *device, struct device_history *history, json_t **ret,
		      struct err *err) CHECKED;

const char *device_called(struct req *req, const json_t *device);	/* its name, else its model, else its serial number */
