#pragma once
/*
 * device_facts - what a device reported (mdm/inventory.h) as its page shows it; each is the caller's.
 */
#include <jansson.h>
#include "mdm/fact.h"
#include "web/http.h"

/* Of device_whole: facts[] and more[] {name, label, text or null, code}. */
json_t *device_facts(struct req *req, const json_t *device, enum fact_group which);

/* Of the lists of inventory_show; null is as good as empty. */
json_t *device_apps(struct req *req, const json_t *apps);
json_t *device_apps_card(const json_t *apps);
json_t *device_provisions(struct req *req, const json_t *provisions);
json_t *device_certificates(struct req *req, const json_t *certificates);
json_t *device_mobileconfigs(const json_t *mobileconfigs);
json_t *device_restrictions(struct req *req, const json_t *restrictions);
