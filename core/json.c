#include "core/json.h"

static int
let_go(json_t **json)
{
	json_decref(*json);
	return 0;
}

json_t *
json_hold(TALLOC_CTX *ctx, json_t *json)
{
	json_t **held = mem_new(ctx, json_t *);

	*held = json;
	talloc_set_destructor(held, let_go);
	return json;
}
