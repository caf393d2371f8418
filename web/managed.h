#pragma once
/*
 * managed - managed devices: what the API (routes_managed.c) and the console (routes_device_pages.c) share.
 */
#include "mdm/device_list.h"
#include "web/http.h"

struct device_filter device_filter(struct req *req);	/* of the query */
#define DEVICE_FILTER "q state model os person app silent"	/* its fields there */

/* device_show with the four groups of the inventory; ERR_MISSING. */
bool device_whole(struct req *req, const char *id, json_t **ret, struct err *err) CHECKED;

bool device_list_csv(struct req *req, struct reply *reply, struct err *err);	/* handlers */
bool device_table_csv(struct req *req, struct reply *reply, struct err *err);

/* What Today says of devices that do not answer or cannot be woken. */
bool managed_todo(struct req *req, json_t *todo, struct err *err) CHECKED;
