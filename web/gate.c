#include "web/gate.h"
#include <stdint.h>
#include <strings.h>
#include <unistr.h>
#include "web/http.h"

#define OCSP_PATH "/ocsp/"

/* RFC 9110 section 5.6.2 */
static bool
is_token(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return true;
}

static bool
is_field_value(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool
is_host(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:[]%";

	return text[strspn(text, allowed)] == '\0';
}

static bool
read_length(const char *text, int64_t *ret)
{
	int64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > (INT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (*text - '0');
	}
	*ret = n;
	return true;
}

/*
 * Every byte of the head must be accounted for.  Pointers are compared as numbers, since the library
 * gives a folded line a place of its own.
 */
static bool
lies_whole(const struct gate_head *head, struct err *err)
{
	uintptr_t start = (uintptr_t)head->start, end = start + head->size;
	uintptr_t at = (uintptr_t)head->version + strlen(head->version) + 2;

	if ((uintptr_t)head->method != start || at > end || at <= start ||
	    (uintptr_t)head->version != start + strlen(head->method) + 1 + strlen(head->target) + 1)
		return err_set(err, ERR_MALFORMED,
			       "the request line has blanks or a NUL too many, or no CR LF");
	for (size_t i = 0; i < head->fields_n; i++) {
		uintptr_t name = (uintptr_t)head->fields[i].name,
			  value = (uintptr_t)head->fields[i].value;
		uintptr_t colon = name + strlen(head->fields[i].name);

		if (name != at || value <= colon || value > end)
			return err_set(err, ERR_MALFORMED,
				       "header line %zu is folded, holds a NUL, or the "
				       "line before it does not end with CR LF",
				       i + 1);
		for (const char *p = (const char *)colon + 1; p < (const char *)value; p++)
			if (*p != ' ' && *p != '\t')
				return err_set(err, ERR_MALFORMED, "header line %zu cannot be read",
					       i + 1);
		at = value + strlen(head->fields[i].value) + 2;
	}
	if (at + 2 != end)
		return err_set(err, ERR_MALFORMED,
			       "the head does not end with CR LF CR LF, or holds a NUL");
	return true;
}

static bool
has_dot_segment(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		size_t len;

		p++;
		len = strcspn(p, "/");
		if ((len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
			return true;
	}
	return false;
}

static bool
read_path(TALLOC_CTX *ctx, const char *text, size_t len, const char **ret, struct err *err)
{
	char *path = mem_size(ctx, len + 1);

	/*
	 * A slash that was escaped would be a slash afterwards, and the route another one; but under /ocsp/, which is
	 * one route, it is base64 as RFC 6960 A.1 wants it.
	 */
	for (size_t i = strncmp(text, OCSP_PATH, sizeof OCSP_PATH - 1) == 0 ? len : 0; i + 2 < len; i++)
		if (text[i] == '%' && text[i + 1] == '2' && (text[i + 2] | 0x20) == 'f')
			return err_set(err, ERR_MALFORMED, "the path has an escaped slash");
	if (!fields_unescape(path, text, len, false, &len))
		return err_set(err, ERR_MALFORMED, "the path has a broken escape or a NUL");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
			return err_set(err, ERR_MALFORMED, "the path has a control character");
	if (u8_check((const uint8_t *)path, len))
		return err_set(err, ERR_MALFORMED, "the path is not UTF-8");
	if (has_dot_segment(path))
		return err_set(err, ERR_MALFORMED, "the path has a dot segment");
	*ret = path;
	return true;
}

static bool
check_query(struct bytes query, struct err *err)
{
	const char *p = query.p;
	size_t fields = query.len > 0;

	for (size_t i = 0; i < query.len; i++) {
		if (p[i] == '&')
			fields++;
		if (p[i] != '%')
			continue;
		if (i + 2 >= query.len || !strchr("0123456789abcdefABCDEF", p[i + 1]) ||
		    !strchr("0123456789abcdefABCDEF", p[i + 2]))
			return err_set(err, ERR_MALFORMED, "the query has a broken escape");
		if (p[i + 1] == '0' && p[i + 2] == '0')
			return err_set(err, ERR_MALFORMED, "the query has a NUL");
	}
	if (fields > HTTP_QUERY_MAX)
		return err_set(err, ERR_MALFORMED, "the query has more than %d fields",
			       HTTP_QUERY_MAX);
	return true;
}

bool
gate_target(TALLOC_CTX *ctx, const char *target, const char *host, struct gate_pass *ret,
	    struct err *err)
{
	const char *path = target, *query;
	size_t path_len, scheme = 0;

	if (strnlen(target, HTTP_TARGET_MAX + 1) > HTTP_TARGET_MAX)
		return err_set(err, ERR_LIMIT, "the request target is longer than %d bytes",
			       HTTP_TARGET_MAX);
	for (const char *p = target; *p; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '#')
			return err_set(err, ERR_MALFORMED,
				       "the request target has a control character or #");
	if (strcmp(target, "*") == 0) {
		ret->path = target;
		ret->query = (struct bytes){ target + 1, 0 };
		return true;
	}
	if (strncasecmp(target, "http://", 7) == 0)
		scheme = 7;
	else if (strncasecmp(target, "https://", 8) == 0)
		scheme = 8;
	if (scheme) {	/* absolute form, RFC 9112 section 3.2.2: for us only when both names agree */
		size_t len = strcspn(target + scheme, "/?");

		if (!host || strlen(host) != len || strncasecmp(host, target + scheme, len) != 0)
			return err_set(err, ERR_MALFORMED,
				       "the request target names another host than Host");
		path = target + scheme + len;
	}
	path_len = strcspn(path, "?");
	query = path[path_len] ? path + path_len + 1 : path + path_len;
	ret->query = (struct bytes){ query, strlen(query) };
	if (!check_query(ret->query, err))
		return false;
	if (scheme && path_len == 0) {
		ret->path = "/";
		return true;
	}
	if (*path != '/')
		return err_set(err, ERR_MALFORMED, "the request target does not begin with /");
	return read_path(ctx, path, path_len, &ret->path, err);
}

void
gate_trim(TALLOC_CTX *ctx, struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(fields[i].value), keep = len;

		while (keep &&
		       (fields[i].value[keep - 1] == ' ' || fields[i].value[keep - 1] == '\t'))
			keep--;
		if (keep < len)
			fields[i].value = mem_textn(ctx, fields[i].value, keep);
	}
}

bool
gate_check(TALLOC_CTX *ctx, const struct gate_head *head, struct gate_pass *ret, struct err *err)
{
	const char *host = NULL, *length = NULL, *coding = NULL;
	bool v10 = strcmp(head->version, "HTTP/1.0") == 0;
	struct gate_pass pass = { .length = -1 };

	if (!v10 && strcmp(head->version, "HTTP/1.1") != 0)
		return err_set(err, ERR_MALFORMED, "the HTTP version is not 1.0 or 1.1");
	if (!is_token(head->method))
		return err_set(err, ERR_MALFORMED, "the method cannot be read");
	if (head->fields_n > GATE_FIELDS_MAX)
		return err_set(err, ERR_MALFORMED, "more than %d header lines", GATE_FIELDS_MAX);
	for (size_t i = 0; i < head->fields_n; i++) {
		const struct field *field = &head->fields[i];
		const char **once = NULL;

		if (strcasecmp(field->name, "Host") == 0)
			once = &host;
		else if (strcasecmp(field->name, "Content-Length") == 0)
			once = &length;
		else if (strcasecmp(field->name, "Transfer-Encoding") == 0)
			once = &coding;
		if (!is_token(field->name))
			return err_set(err, ERR_MALFORMED,
				       "header line %zu has a name that is none", i + 1);
		if (!is_field_value(field->value))
			return err_set(err, ERR_MALFORMED, "header %.40s has a control character",
				       field->name);
		if (once && *once)
			return err_set(err, ERR_MALFORMED, "two headers %.40s", field->name);
		if (once)
			*once = field->value;
	}
	if (head->start && !lies_whole(head, err))
		return false;
	if (!host && !v10)
		return err_set(err, ERR_MALFORMED, "no Host header");
	if (host) {
		struct field trimmed = { "Host", host };

		gate_trim(ctx, &trimmed, 1);
		host = trimmed.value;
	}
	if (host && !is_host(host))
		return err_set(err, ERR_MALFORMED, "the Host header cannot be read");
	if (coding && (length || v10))
		return err_set(err, ERR_MALFORMED, "Transfer-Encoding %s",
			       v10 ? "in HTTP/1.0" : "beside Content-Length");
	if (coding && strcasecmp(coding, "chunked") != 0)
		return err_set(err, ERR_MALFORMED, "a Transfer-Encoding other than chunked");
	if (length && !read_length(length, &pass.length))
		return err_set(err, ERR_MALFORMED, "the Content-Length is no number");
	pass.chunked = coding != NULL;
	if (!gate_target(ctx, head->target, host, &pass, err))
		return false;
	*ret = pass;
	return true;
}
