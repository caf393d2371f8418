/*
 * Declarative management as far as a phone asks by itself: told of it by a command, it fetches tokens, items
 * and declarations, and reports its status.  Apple: Declarative device management.
 */
#include <jansson.h>
#include <string.h>
#include "tests/device/world.h"

#define CHECKIN	"application/x-apple-aspen-mdm-checkin"

static void
free_json(json_t *json)
{
	json_decref(json);
}

void
do_declarative(struct job *job)
{
	struct bytes data = tree_data(job->command, "Data");

	if (data.p)
		keep(job->world, "tokens", data);
	tree_put_bool(job->h->state, "DeclarativeDue", true);
}

/* NULL: not found, and so not to be had any more. */
static json_t *
ask(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct http_conn *conn, const char *endpoint,
    const char *data, const char *schema)
{
	plist_t message = tree_new(ctx);
	const char *url = tree_text(handset_enrollment(h), "CheckInURL");
	struct http_answer answer;
	bool there;

	tree_put_text(message, "MessageType", "DeclarativeManagement");
	tree_put_text(message, "UDID", h->udid);
	tree_put_text(message, "Endpoint", endpoint);
	if (data)
		tree_put_data(message, "Data", (struct bytes){ data, strlen(data) });
	keep(world, "checkin:DeclarativeManagement", tree_xml(ctx, message));
	there = talk(ctx, conn, h, url ? url : tree_text(handset_enrollment(h), "ServerURL"), CHECKIN, message, HTTP_FINE,
		     &answer);
	ledger(world, h, "http declarative/%s %ld", endpoint, there ? answer.status : 0);
	if (there && answer.status == 404)
		return NULL;
	if (!there || answer.status != 200)
		refuse("%s is answered %ld", endpoint, there ? answer.status : 0);
	if (!schema)
		return NULL;
	keep(world, schema, answer.body);
	return hold(ctx, json_loadb(answer.body.p, answer.body.len, JSON_REJECT_DUPLICATES, NULL), free_json,
		    mem_printf(ctx, "%s is no JSON", endpoint));
}

static void
fetch_all(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct http_conn *conn, json_t *items)
{
	static const struct { const char *list, *kind; } kinds[] = {
		{ "Activations", "activation" }, { "Assets", "asset" }, { "Configurations", "configuration" },
		{ "Management", "management" },
	};

	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		json_t *list = json_object_get(json_object_get(items, "Declarations"), kinds[k].list), *item;
		size_t i;

		json_array_foreach(list, i, item) {
			const char *id = json_string_value(json_object_get(item, "Identifier"));
			const char *token = json_string_value(json_object_get(item, "ServerToken"));
			json_t *one = ask(ctx, world, h, conn, mem_printf(ctx, "declaration/%s/%s", kinds[k].kind, id), NULL,
					  "declaration");

			if (one && strcmp(json_string_value(json_object_get(one, "ServerToken")), token) != 0)
				refuse("declaration %s has another ServerToken than its manifest says", id);
		}
	}
}

void
declarative_sync(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct http_conn *conn)
{
	static const char status[] = "{\"StatusItems\":{\"device\":{\"operating-system\":{\"family\":\"iOS\"}}},"
				     "\"Errors\":[]}";
	json_t *tokens = ask(ctx, world, h, conn, "tokens", NULL, "tokens"), *items;
	const char *a, *b;

	if (!tokens)
		refuse("there are no tokens");
	items = ask(ctx, world, h, conn, "declaration-items", NULL, "declaration-items");
	a = json_string_value(json_object_get(json_object_get(tokens, "SyncTokens"), "DeclarationsToken"));
	b = json_string_value(json_object_get(items, "DeclarationsToken"));
	if (!a || !b || strcmp(a, b) != 0)
		refuse("tokens and declaration-items have different DeclarationsTokens");
	fetch_all(ctx, world, h, conn, items);
	ask(ctx, world, h, conn, "status", status, NULL);
	tree_drop(h->state, "DeclarativeDue");
}
