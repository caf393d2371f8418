#pragma once
/* fleet_now - devices and installs in numbers as Today shows them, from what is a minute old. */
#include "web/http.h"

/* {devices|null, installs}: what the page wants of them.  Devices are for admins; installs for whoever publishes the app. */
bool fleet_today(struct req *req, json_t *data, struct err *err) CHECKED;
