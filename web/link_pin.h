#pragma once
/*
 * link_pin - a link's PIN where it was given once: a cookie for the registration pages of that link.
 *
 * Safari loads the mobileconfig itself, so that what shows the PIN must be a cookie.  Its value is made of
 * the link's id and the key of links: nobody has it who did not give the PIN, and nothing is stored.
 */
#include "catalog/link.h"
#include "web/http.h"

/* True as well when the link asks for none. */
bool link_pin_given(struct req *req, const struct link *link);

/* After link_try_pin: for this link's pages at /udid, for as long as the link lives. */
void link_pin_remember(struct req *req, struct reply *reply, const struct link *link, const char *token);
