#pragma once
/*
 * routes - which row of the route tables answers a path.
 *
 * Segments match exactly; a literal one wins over a :name; a :name* at the end takes all that is left, slashes too.  The tables are read once, at start, into
 * a tree of segments, and a table that cannot be right (a row twice, too many names) is refused then.
 */
#include "web/fields.h"
#include "web/http.h"

#define ROUTES_DEPTH_MAX 16	/* segments of a path */

struct routes;

struct route_match {
	const struct route *route;	/* NULL: none for this path and method */
	unsigned methods;		/* 1 << method of each that the path has; 0: no such path */
	struct field params[HTTP_PARAM_MAX];
	size_t params_n;
};

/* `tables` ends with NULL, each table with a row of METHOD_NONE. */
bool routes_new(TALLOC_CTX *ctx, const struct route *const *tables, struct routes **ret,
		struct err *err) CHECKED;

/* `path` is decoded; values of :names are copied to ctx. */
void routes_find(const struct routes *routes, TALLOC_CTX *ctx, enum method method, const char *path,
		 struct route_match *ret);

const char *routes_method_name(enum method method);	/* "GET" */
enum method routes_method(const char *name);	/* METHOD_NONE for others; HEAD is GET */
const char *routes_allow(TALLOC_CTX *ctx, unsigned methods);	/* "GET, HEAD, PUT" */
