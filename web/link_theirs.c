#include "web/link_theirs.h"
#include "web/site.h"
#include <string.h>

bool
link_not_theirs(struct req *req, struct reply *reply, const struct link *link, const char *first, struct err *err)
{
	if (!req->browser || err->kind != ERR_DENIED || strcmp(err->code, "not_recipient") != 0)
		return false;
	return reply_page_status(reply, req, 403, "notlink", json_pack("{s:s, s:s?, s:s}", "app", link->app_name, "from",
		link->from, "next", mem_printf(req, "/%s/%s", first, req_param(req, "token"))), err);
}
