#include "web/commanding.h"
#include "core/clock.h"
#include "mdm/pusher.h"
#include "web/rooms.h"
#include <string.h>

int64_t
device_silent_s(struct req *req)
{
	return site_conf(req->site)->mdm_silent_days * DAY_S;
}

bool
command_many(struct req *req, struct command_wish *wish, const char *const *device_ids, size_t n,
	     struct command_verdict **verdicts, struct err *err)
{
	*verdicts = mem_array(req, struct command_verdict, n);
	wish->actor = person_actor(req, req->person);
	wish->ttl_s = site_conf(req->site)->mdm_command_days * DAY_S;
	if (!command_send(req, req->site->db, wish, device_ids, n, *verdicts, err))
		return false;
	pusher_wake(req->site->pusher);
	return true;
}

bool
command_one(struct req *req, struct command_wish *wish, const char *device_id, struct command_verdict *ret, struct err *err)
{
	struct command_verdict *verdicts;

	if (!command_many(req, wish, &device_id, 1, &verdicts, err))
		return false;
	*ret = verdicts[0];
	return command_verdict_err(ret, err);
}

json_t *
command_verdict_json(const struct command_verdict *v)
{
	bool refused = strcmp(v->verdict, "refused") == 0;
	char text[520];

	return json_pack("{s:s, s:s, s:s?, s:s?, s:s?}", "device", v->device_id, "verdict", v->verdict, "uuid", v->uuid,
			 "code", refused ? v->err->code : NULL, "text", refused ? err_text(v->err, text, sizeof text) : NULL);
}
