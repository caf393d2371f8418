/* What Apple's facts say is judged and written by mdm/apple_plist.c; here is what they do not say. */
#include "core/plist.h"
#include "core/plist_write.h"
#include "mdm/apple_plist.h"
#include "mdm/command.h"
#include "mdm/command_fact.h"
#include <string.h>

#define NAME_MAX_	200	/* bytes of a name that are quoted */
#define BAD(...) err_code(err, ERR_INVALID, "bad_command", __VA_ARGS__)

/* One manifest over https, or an app of the store: an iPhone answers anything else with error 2604 or 850. */
static bool
check_install(const json_t *params, struct err *err)
{
	const char *url = json_string_value(json_object_get(params, "ManifestURL"));
	int ways = !!json_object_get(params, "iTunesStoreID") + !!json_object_get(params, "Identifier") + !!url;

	if (ways != 1)
		return BAD("one of ManifestURL, iTunesStoreID and Identifier is wanted, not %d", ways);
	if (url && strncmp(url, "https:", 6) != 0)
		return BAD("ManifestURL must begin with https:");
	return true;
}

static bool
is_der(struct bytes data)
{
	return data.len > 0 && *(const unsigned char *)data.p == 0x30;
}

/* Signed ones are CMS and judged by the phone; others must be what Settings would install. */
static bool
check_mobileconfig(TALLOC_CTX *ctx, struct bytes data, struct err *err)
{
	SCOPED(plist) plist_t root = NULL;
	const char *type;
	struct err why;

	if (is_der(data))
		return true;
	if (!plist_open(data, COMMAND_BYTES_MAX, &root, &why))
		return BAD("Payload: no mobileconfig: %s", why.cause);
	type = plist_text_at(ctx, root, "PayloadType");
	if (!type || strcmp(type, "Configuration") != 0 || !plist_text_at(ctx, root, "PayloadIdentifier") ||
	    !plist_text_at(ctx, root, "PayloadUUID"))
		return BAD("Payload: no mobileconfig: it wants a PayloadType of Configuration, PayloadIdentifier and PayloadUUID");
	return true;
}

static bool
check_more(const struct apple_writing *w, const char *request_type, const json_t *params, struct err *err)
{
	if (strcmp(request_type, "InstallApplication") == 0)
		return check_install(params, err);
	if (strcmp(request_type, "InstallProfile") == 0)
		return check_mobileconfig(w->ctx, w->data, err);
	if (strcmp(request_type, "InstallProvisioningProfile") == 0 && !is_der(w->data))
		return BAD("ProvisioningProfile: must be the .mobileprovision file itself, and is no DER");
	return true;
}

static void
begin(struct buf *out, TALLOC_CTX *ctx, const char *request_type, size_t max)
{
	buf_init(out, ctx, max);
	plist_write_begin(out);
	plist_write_dict(out, NULL);
	plist_write_text(out, "RequestType", request_type);
}

static bool
end(struct buf *out, struct bytes *payload, struct err *err)
{
	plist_write_dict_end(out);
	plist_write_end(out);
	*payload = (struct bytes){ out->p, out->len };
	return buf_ok(out, err);
}

bool
command_write(TALLOC_CTX *ctx, const char *request_type, const json_t *params, struct bytes *payload, struct err *err)
{
	const struct apple_fact *fact = command_fact(request_type);
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct buf out;
	struct apple_writing w = { .ctx = scratch, .out = &out, .code = "bad_command", .depth_max = COMMAND_DEPTH_MAX };

	if (!fact)
		return BAD("iOS has no command \"%.*s\"", NAME_MAX_, request_type);
	if (params && !json_is_object(params))
		return BAD("params must be an object, and is %s", apple_json_type(params));
	begin(&out, ctx, request_type, COMMAND_BYTES_MAX);
	if (!apple_write_keys(&w, fact, params, err) || !check_more(&w, request_type, params, err))
		return err_at(err, "%s", request_type);
	return end(&out, payload, err) || err_at(err, "%s", request_type);
}

bool
command_of_data(TALLOC_CTX *ctx, const char *request_type, const char *key, struct bytes data, struct bytes *payload,
		struct err *err)
{
	struct buf out;

	begin(&out, ctx, request_type, COMMAND_FILE_MAX);
	plist_write_data(&out, key, data);
	return end(&out, payload, err);
}

bool
command_of_text(TALLOC_CTX *ctx, const char *request_type, const char *key, const char *text, struct bytes *payload,
		struct err *err)
{
	struct buf out;

	begin(&out, ctx, request_type, COMMAND_FILE_MAX);
	plist_write_text(&out, key, text);
	return end(&out, payload, err);
}
