#include "web/routes.h"
#include <stdio.h>
#include "web/server.h"

struct node {
	const char *text;	/* a literal segment; NULL: a :name, or with `rest` a :name* that takes all that is left */
	bool rest;
	size_t len;
	struct node *next, *first;	/* siblings: literals before the name */
	const struct route *rows[OPTIONS + 1];
	unsigned methods;
};

struct routes {
	struct node root;
};

static const char *const method_names[] = {
	[GET] = "GET", [POST] = "POST", [PUT] = "PUT", [PATCH] = "PATCH", [DELETE] = "DELETE",
	[OPTIONS] = "OPTIONS",
};
static const char *const who_names[] = {
	[WHO_ANYONE] = "anyone", [WHO_GRANT] = "grant", [WHO_LINK] = "link", [WHO_DEVICE] = "device",
	[WHO_OPERATOR] = "operator", [WHO_PERSON] = "person", [WHO_PUBLISHER] = "publisher",
	[WHO_ADMIN] = "admin",
};

const char *
routes_method_name(enum method method)
{
	return method_names[method];
}

enum method
routes_method(const char *name)
{
	for (size_t i = GET; i < sizeof method_names / sizeof *method_names; i++)
		if (strcmp(name, method_names[i]) == 0)
			return (enum method)i;
	return strcmp(name, "HEAD") == 0 ? GET : METHOD_NONE;
}

const char *
routes_allow(TALLOC_CTX *ctx, unsigned methods)
{
	char *text = mem_text(ctx, "");

	for (size_t i = GET; i < sizeof method_names / sizeof *method_names; i++)
		if (methods & 1u << i)
			text = mem_printf(ctx, "%s%s%s%s", text, *text ? ", " : "", method_names[i],
					  i == GET ? ", HEAD" : "");
	return text;
}

static struct node *
child(TALLOC_CTX *ctx, struct node *node, const char *text, size_t len)
{
	bool name = *text == ':', rest = name && text[len - 1] == '*';
	struct node **at = &node->first, *made;

	for (; *at; at = &(*at)->next) {
		if (!(*at)->text && !name)
			break;		/* literals come before the name */
		if (name ? !(*at)->text && (*at)->rest == rest : (*at)->len == len && memcmp((*at)->text, text, len) == 0)
			return *at;
	}
	made = mem_new(ctx, struct node);
	made->text = name ? NULL : mem_textn(made, text, len);
	made->len = len;
	made->rest = rest;
	made->next = *at;
	return *at = made;
}

static bool
add(struct routes *routes, const struct route *row, struct err *err)
{
	struct node *node = &routes->root;
	size_t names = 0, depth = 0;

	if (!row->path || *row->path != '/' || !row->handle)
		return err_set(err, ERR_INTERNAL, "a route needs a path and a handler");
	for (const char *p = row->path + 1;; p++) {
		size_t len = strcspn(p, "/");

		names += *p == ':';
		if (++depth > ROUTES_DEPTH_MAX || names > HTTP_PARAM_MAX)
			return err_set(err, ERR_INTERNAL, "route %s is too deep", row->path);
		node = child(routes, node, p, len);
		p += len;
		if (!*p)
			break;
	}
	if (node->rows[row->method])
		return err_set(err, ERR_INTERNAL, "route %s %s stands twice",
			       method_names[row->method], row->path);
	node->rows[row->method] = row;
	node->methods |= 1u << row->method;
	return true;
}

bool
routes_new(TALLOC_CTX *ctx, const struct route *const *tables, struct routes **ret, struct err *err)
{
	struct routes *routes = mem_new(ctx, struct routes);

	for (; *tables; tables++)
		for (const struct route *row = *tables; row->method != METHOD_NONE; row++)
			if (!add(routes, row, err)) {
				talloc_free(routes);
				return false;
			}
	*ret = routes;
	return true;
}

/* Values are collected on the way down and named when the row is known. */
struct walk {
	enum method method;
	const char *values[ROUTES_DEPTH_MAX];
	size_t lens[ROUTES_DEPTH_MAX], n;
	struct route_match *match;
};

static bool
descend(const struct node *node, const char *path, struct walk *walk)
{
	size_t len = strcspn(path, "/");
	size_t n = walk->n;

	for (const struct node *c = node->first; c; c = c->next) {
		if (c->text ? c->len != len || memcmp(c->text, path, len) != 0 : len == 0 && (!c->rest || !*path))
			continue;
		walk->n = n;
		if (!c->text) {
			walk->values[walk->n] = path;
			walk->lens[walk->n++] = c->rest ? strlen(path) : len;
		}
		if (path[len] == '/' && !c->rest) {
			if (descend(c, path + len + 1, walk))
				return true;
			continue;
		}
		walk->match->methods |= c->methods;
		if (c->rows[walk->method]) {
			walk->match->route = c->rows[walk->method];
			return true;
		}
	}
	return false;
}

void
routes_find(const struct routes *routes, TALLOC_CTX *ctx, enum method method, const char *path,
	    struct route_match *ret)
{
	struct walk walk = { .method = method, .match = ret };
	const char *p;

	*ret = (struct route_match){ 0 };
	if (*path != '/' || !descend(&routes->root, path + 1, &walk))
		return;
	p = ret->route->path;
	for (size_t i = 0; i < walk.n; i++) {
		size_t len;

		p = strchr(p, ':') + 1;
		len = strcspn(p, "/*");
		ret->params[ret->params_n++] =
			(struct field){ mem_textn(ctx, p, len),
					mem_textn(ctx, walk.values[i], walk.lens[i]) };
	}
}

void
routes_print(const struct route *const *tables)
{
	for (; *tables; tables++)
		for (const struct route *row = *tables; row->method != METHOD_NONE; row++)
			printf("%-7s %-50s %-9s %-8s %-6s %-15s %s\n", method_names[row->method],
			       row->path, who_names[row->who], row->scope ? row->scope : "-",
			       row->thread == ON_WORKER ? "worker" : "io",
			       row->body_max ? row->body_max : "0", row->what ? row->what : "");
}
