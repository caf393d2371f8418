#pragma once
/*
 * link_theirs - what somebody reads who signed in and is not the one a link is for (link_is_for): a page that says whom to
 * ask, with status 403, and how to come back as somebody else.
 */
#include "catalog/link.h"
#include "web/http.h"

/* Answers that one refusal to a browser; `first`: "i" or "udid", where it came from.  Any other stays in *err: false. */
bool link_not_theirs(struct req *req, struct reply *reply, const struct link *link, const char *first, struct err *err) CHECKED;
