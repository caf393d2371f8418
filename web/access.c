#include "web/access.h"
#include "core/log.h"

/* Links and grants in a path are as good as passwords. */
const char *
access_path(TALLOC_CTX *ctx, const char *path)
{
	static const char *const secrets[] = { "/d/", "/i/", "/c/", "/udid/", "/enroll/", "/scep/", "/expiry/" };
	size_t query = strcspn(path, "?");

	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		size_t len = strlen(secrets[i]), token, shown;

		if (strncmp(path, secrets[i], len) != 0)
			continue;
		token = strcspn(path + len, "/?");
		shown = token < ACCESS_TOKEN_SHOWN ? token : ACCESS_TOKEN_SHOWN;
		return mem_printf(ctx, "%.*s%s%.*s", (int)(len + shown), path,
				  shown < token ? "..." : "", (int)(query - len - token),
				  path + len + token);
	}
	return path[query] ? mem_textn(ctx, path, query) : path;
}

void
access_log(struct req *req, const struct access *access)
{
	struct log_kv kvs[9] = {
		KV("method", *access->method ? access->method : "-"),
		KV("path", access_path(req, *req->path ? req->path : req->target)),
		KVI("status", access->status), KVI("bytes", access->bytes), KVI("ms", access->ms),
		KV("address", req->address),
	};
	char text[sizeof access->err->path + sizeof access->err->cause + 2];
	size_t n = 6;

	/* What is ours to mend stands in a line of its own. */
	if (access->err->kind && access->err->kind != ERR_INTERNAL)
		kvs[n++] = KV("err", err_text(access->err, text, sizeof text));
	if (access->cut)
		kvs[n++] = KV("end", "cut");
	kvs[n] = (struct log_kv){ .type = LOG_END };
	log_write(LOG_INFO_, "request", kvs);
}
