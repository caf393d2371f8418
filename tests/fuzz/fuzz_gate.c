/*
 * The request gate over any bytes, cut apart in place as the HTTP library does; and the route lookup
 * over every path that passes.
 *
 * What passes must be unambiguous: a path from the root that does not climb, one length at most.
 */
#include <assert.h>
#include <stdint.h>
#include <strings.h>
#include "web/gate.h"
#include "web/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
nothing(struct req *req, struct reply *reply, struct err *err)
{
	(void)req, (void)reply, (void)err;
	return false;
}

static const struct route rows[] = {
	{ GET, "/", WHO_ANYONE, "0", ON_IO, nothing },
	{ GET, "/a/:b/c", WHO_ANYONE, "0", ON_IO, nothing },
	{ PUT, "/a/b/:c", WHO_ANYONE, "0", ON_IO, nothing },
	{ 0 }
};
static const struct route *const tables[] = { rows, NULL };

static void
check_pass(TALLOC_CTX *ctx, const struct gate_head *head, const struct gate_pass *pass)
{
	static struct routes *routes;
	struct route_match match;
	struct err err;
	int lengths = 0;

	assert(*pass->path == '/' || strcmp(pass->path, "*") == 0);
	assert(!strstr(pass->path, "/../") && !strstr(pass->path, "/./"));
	assert(!(pass->chunked && pass->length >= 0));
	for (size_t i = 0; i < head->fields_n; i++)
		lengths += strcasecmp(head->fields[i].name, "Content-Length") == 0 ||
			   strcasecmp(head->fields[i].name, "Transfer-Encoding") == 0;
	assert(lengths == (pass->chunked || pass->length >= 0));
	if (!routes)
		assert(routes_new(NULL, tables, &routes, &err));
	routes_find(routes, ctx, GET, pass->path, &match);
	for (size_t i = 0; i < match.params_n; i++)
		assert(*match.params[i].value && !strchr(match.params[i].value, '/'));
}

/* Returns false when the library itself would not take it this far. */
static bool
cut(char *p, char *end, struct gate_head *head, struct field *fields)
{
	char *stop;

	head->method = p;
	stop = memchr(p, ' ', (size_t)(end - p));
	if (!stop)
		return false;
	*stop = '\0';
	head->target = p = stop + 1;
	stop = memchr(p, ' ', (size_t)(end - p));
	if (!stop)
		return false;
	*stop = '\0';
	head->version = p = stop + 1;
	for (;;) {
		char *colon;

		stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop)
			return false;
		*stop = '\0';
		if (stop > p && stop[-1] == '\r')
			stop[-1] = '\0';
		if (p != head->version) {
			if (!*p)
				break;
			colon = strchr(p, ':');
			if (!colon || head->fields_n > GATE_FIELDS_MAX)
				return false;
			*colon++ = '\0';
			fields[head->fields_n++] = (struct field){ p, colon + strspn(colon, " \t") };
		}
		p = stop + 1;
	}
	head->size = (size_t)(stop + 1 - head->start);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	char *text = mem_textn(ctx, "", 0), *target;
	struct field fields[GATE_FIELDS_MAX + 1];
	struct gate_head head = { .fields = fields };
	struct gate_pass pass = { .length = -1 };
	struct err err = { 0 };

	text = mem_size(ctx, size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	target = mem_text(ctx, text);
	if (gate_target(ctx, target, "a", &pass, &err))
		check_pass(ctx, &head, &pass);
	head.start = text;
	if (cut(text, text + size, &head, fields) && gate_check(ctx, &head, &pass, &err))
		check_pass(ctx, &head, &pass);
	talloc_free(ctx);
	return 0;
}
