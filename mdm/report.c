#include "mdm/report.h"
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX	64
#define UUID_MAX	128

static bool
malformed(struct err *err, const char *why)
{
	return err_code(err, ERR_MALFORMED, "bad_report", "report: %s", why);
}

static int
release(struct report *report)
{
	scoped_plist(&report->plist);
	return 0;
}

/* The whole chain, as it came: the first item is the outermost. */
static const char *
error_of(struct report *r)
{
	plist_t chain = plist_at(r->plist, "ErrorChain");
	json_t *json = chain ? plist_json(chain) : NULL;
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	const char *ret = text && strlen(text) <= REPORT_ERROR_MAX ? mem_text(r, text) : "";

	json_decref(json);
	free(text);
	return ret;
}

static bool
is_bare(plist_t dict)
{
	static const char *const plain[] = { "Status", "CommandUUID", "UDID", "EnrollmentID", "UserID",
					     "EnrollmentUserID", "UserShortName", "UserLongName", "NotOnConsole" };
	uint32_t n = plist_dict_get_size(dict);

	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		n -= plist_at(dict, plain[i]) != NULL;
	return !n;
}

static bool
read_all(struct report *r, struct err *err)
{
	if (plist_get_node_type(r->plist) != PLIST_DICT)
		return malformed(err, "it is no dictionary");
	r->status = plist_text_at(r, r->plist, "Status");
	if (!r->status || !*r->status || strlen(r->status) > STATUS_MAX)
		return malformed(err, "Status is missing, or none that devices have");
	r->uuid = plist_text_at(r, r->plist, "CommandUUID");
	if (strcmp(r->status, "Idle") == 0)
		r->uuid = NULL;
	else if (!r->uuid || strlen(r->uuid) > UUID_MAX)
		r->uuid = "";	/* of nothing that we know */
	r->error = error_of(r);
	r->bare = is_bare(r->plist);
	return checkin_who(r, r->plist, &r->who, err);
}

bool
report_read(TALLOC_CTX *ctx, struct bytes body, struct report **ret, struct err *err)
{
	struct report *r = mem_new(ctx, struct report);

	talloc_set_destructor(r, release);
	r->raw = body;
	if (!plist_open(body, REPORT_MAX, &r->plist, err) || !read_all(r, err)) {
		talloc_free(r);
		return false;
	}
	*ret = r;
	return true;
}

char *
report_uuid_of(TALLOC_CTX *ctx, struct bytes body)
{
	static const char key[] = "<key>CommandUUID</key>", open[] = "<string>";
	const char *p = body.len ? memmem(body.p, body.len, key, strlen(key)) : NULL, *end, *to;

	if (!p)
		return NULL;
	end = (const char *)body.p + body.len;
	for (p += strlen(key); p < end && strchr(" \t\r\n", *p) && *p; p++)
		;
	if ((size_t)(end - p) < strlen(open) || memcmp(p, open, strlen(open)) != 0)
		return NULL;
	p += strlen(open);
	to = memchr(p, '<', (size_t)(end - p));
	return to && to > p && to - p <= UUID_MAX && !memchr(p, '\0', (size_t)(to - p)) ? mem_textn(ctx, p, (size_t)(to - p)) : NULL;
}
