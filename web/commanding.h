#pragma once
/*
 * commanding - commands from handlers: who asks, how long they wait, and the verdicts as JSON.
 */
#include "mdm/command_send.h"
#include "mdm/device_list.h"
#include "web/http.h"

int64_t device_silent_s(struct req *req);

/* To one device: *ret is its verdict, which is an err when nothing waits because of it. */
bool command_one(struct req *req, struct command_wish *wish, const char *device_id, struct command_verdict *ret,
		 struct err *err) CHECKED;
/* To many; verdicts belongs to req. */
bool command_many(struct req *req, struct command_wish *wish, const char *const *device_ids, size_t n,
		  struct command_verdict **verdicts, struct err *err) CHECKED;

/* {device, verdict, uuid, code, text}: code and text null, unless it was refused. */
json_t *command_verdict_json(const struct command_verdict *verdict);
