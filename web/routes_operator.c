/*
 * For operations: alive, ready, counters; and the API's own description, made from the route tables.
 */
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "web/endings.h"
#include "web/rooms.h"
#include "web/routes.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define METRICS_MAX (256u << 10)

static bool
get_healthz(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)err;
	return reply_text(reply, 200, "text/plain; charset=utf-8", "ok\n");
}

/* Ready: the database takes a write, the disk has room.  Each check says what to do when it fails. */
static bool
get_readyz(struct req *req, struct reply *reply, struct err *err)
{
	struct site *site = req->site;
	const struct conf *conf = site_conf(site);
	struct err why = { 0 };
	char text[520];
	int64_t room = 0;
	bool writable = db_writable(site->db, &why), roomy;
	json_t *checks = json_object(), *data;

	json_object_set_new(checks, "database", json_string(writable ? "ok" : err_text(&why, text, sizeof text)));
	roomy = blobs_room(site->blobs, &room, &why) && room > conf->upload_keep_free_mb * 1000000;
	json_object_set_new(checks, "disk", json_string(roomy ? "ok" : mem_printf(req,
		"%lld MB are free, fewer than upload.keep_free_mb = %lld: uploads are refused until there is more",
		(long long)(room / 1000000), (long long)conf->upload_keep_free_mb)));
	json_object_set_new(checks, "schema", json_integer(db_schema_version(site->db)));
	data = json_pack("{s:b, s:o}", "ready", writable && roomy, "checks", checks);
	if (*conf->seams)
		json_object_set_new(data, "warning", json_string(mem_printf(req,
			"settings for tests are in use: %s", conf->seams)));
	(void)err;
	return reply_json(reply, writable && roomy ? 200 : 503, data);
}

static int64_t
resident_bytes(void)
{
	long pages = 0, ignored;
	FILE *file SCOPED(file) = fopen("/proc/self/statm", "re");

	if (!file || fscanf(file, "%ld %ld", &ignored, &pages) != 2)
		return 0;
	return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static bool
get_metrics(struct req *req, struct reply *reply, struct err *err)
{
	struct err why = { 0 };
	struct buf out;

	count_set(COUNT_RSS_BYTES, resident_bytes());
	buf_init(&out, req, METRICS_MAX);
	count_print(&out);
	if (!endings_print(req->site, &out, &why))
		log_err("what ends is not among the metrics", &why);
	buf_text(&out, "# HELP pomona_build_info Version of the program\n# TYPE pomona_build_info gauge\n"
		 "pomona_build_info{version=\"" POMONA_VERSION "\"} 1\n");
	return buf_ok(&out, err) &&
	       reply_text(reply, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&out));
}

/* ---- OpenAPI 3.1, from the tables ---- */

/* OpenAPI writes them small. */
static char *
method_name(TALLOC_CTX *ctx, enum method method)
{
	char *name = mem_text(ctx, routes_method_name(method));

	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return name;
}

/* "/apps/:bundle" as "/apps/{bundle}"; its names go to `params`. */
static char *
api_path(TALLOC_CTX *ctx, const char *path, json_t *params)
{
	struct buf out;

	buf_init(&out, ctx, 1024);
	while (*path) {
		size_t len = strcspn(path + 1, "/") + 1;

		if (path[1] == ':') {
			buf_addf(&out, "/{%.*s}", (int)len - 2, path + 2);
			json_array_append_new(params, json_pack("{s:o, s:s, s:b, s:{s:s}}", "name",
				json_stringn(path + 2, len - 2), "in", "path", "required", 1, "schema", "type", "string"));
		} else {
			buf_add(&out, path, len);
		}
		path += len;
	}
	return mem_text(ctx, buf_str(&out));
}

static json_t *
operation(const struct route *route, json_t *params)
{
	json_t *responses = json_pack("{s:{s:s}, s:{s:s, s:{s:{s:{s:s}}}}}", "2XX", "description", "Done",
		"4XX", "description", "Refused, and why", "content", "application/problem+json", "schema", "$ref",
		"#/components/schemas/Problem");
	const char *scope = route->scope ? route->scope : "session";
	json_t *op = json_pack("{s:s, s:o, s:o}", "summary", route->what, "parameters", params, "responses", responses);

	json_t *security = json_array();

	json_object_set_new(op, "security", security);
	if (route->who == WHO_ANYONE || route->who == WHO_OPERATOR)
		return op;
	for (size_t n; *scope; scope += n + (scope[n] == '|')) {	/* each alone suffices */
		n = strcspn(scope, "|");
		json_array_append_new(security, json_pack("{s:[s%]}", "token", scope, n));
	}
	json_array_append_new(security, json_pack("{s:[]}", "session"));
	return op;
}

static bool
get_openapi(struct req *req, struct reply *reply, struct err *err)
{
	json_t *paths = json_object(), *doc;

	(void)err;
	for (const struct route *const *table = site_routes; *table; table++)
		for (const struct route *route = *table; route->method; route++) {
			json_t *params, *item;
			char *path;

			if (strncmp(route->path, "/api/", 5) != 0)
				continue;
			params = json_array();
			path = api_path(req, route->path, params);
			if (!(item = json_object_get(paths, path))) {
				item = json_object();
				json_object_set_new(paths, path, item);
			}
			json_object_set_new(item, method_name(req, route->method), operation(route, params));
		}
	doc = json_pack("{s:s, s:{s:s, s:s}, s:[{s:s}], s:o, s:{s:{s:{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}}},"
		" s:{s:{s:s, s:s}, s:{s:s, s:s, s:s}}}}",
		"openapi", "3.1.0", "info", "title", "Pomona", "version", POMONA_VERSION,
		"servers", "url", req->site->base_url, "paths", paths, "components",
		"schemas", "Problem", "type", "object", "properties", "title", "type", "string", "status", "type",
		"integer", "detail", "type", "string", "code", "type", "string",
		"securitySchemes", "token", "type", "http", "scheme", "bearer", "session", "type", "apiKey", "in",
		"cookie", "name", session_cookie_name(req->site));
	return reply_json(reply, 200, doc);
}

const struct route operator_routes[] = {
	{ GET, "/healthz",             WHO_ANYONE,   "0", ON_IO,     get_healthz, NULL, NULL, "Alive" },
	{ GET, "/readyz",              WHO_OPERATOR, "0", ON_WORKER, get_readyz,  NULL, NULL, "Database writable, disk, migrations" },
	{ GET, "/metrics",             WHO_OPERATOR, "0", ON_WORKER, get_metrics, NULL, NULL, "Counters, as Prometheus reads them" },
	{ GET, "/api/v1/openapi.json", WHO_ANYONE,   "0", ON_WORKER, get_openapi, NULL, NULL, "This description" },
	{ 0 }
};
