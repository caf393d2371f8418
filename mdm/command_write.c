/*
 * Judging and writing are one walk along the facts.  An array's item is told by the only fact below it, or by
 * its Item (Settings); a text with words below it is one of them (DeviceInformation's Queries).
 */
#include "core/clock.h"
#include "core/num.h"
#include "core/plist.h"
#include "core/plist_write.h"
#include "mdm/command.h"
#include "mdm/command_fact.h"
#include <string.h>

#define NAME_MAX_	200	/* bytes of a key that are quoted */

struct writing {
	TALLOC_CTX *ctx;
	struct buf out;
	int depth;
	struct bytes data;	/* the last that was written: what Payload and ProvisioningProfile hold */
};

#define BAD(...) err_code(err, ERR_INVALID, "bad_command", __VA_ARGS__)

static bool value(struct writing *w, const struct command_fact *fact, const char *key, const json_t *v, struct err *err);
static bool any(struct writing *w, const char *key, const json_t *v, struct err *err);

static const char *
type_of(const json_t *v)
{
	static const char *const names[] = { [JSON_OBJECT] = "a dictionary", [JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string", [JSON_INTEGER] = "an integer", [JSON_REAL] = "a real number",
		[JSON_TRUE] = "true", [JSON_FALSE] = "false", [JSON_NULL] = "null" };

	return names[json_typeof(v)];
}

/* "x", or the text of {"$data": "x"}; NULL when it is neither. */
static const char *
marked(const json_t *v, const char *mark)
{
	return json_is_object(v) && json_object_size(v) == 1 ? json_string_value(json_object_get(v, mark)) :
							       json_string_value(v);
}

static bool
write_data(struct writing *w, const char *key, const json_t *v, struct err *err)
{
	const char *text = marked(v, "$data");

	if (!text || !num_unbase64(w->ctx, text, strlen(text), &w->data))
		return BAD("must be data in base64, and is %s", text ? "no base64" : type_of(v));
	plist_write_data(&w->out, key, w->data);
	return true;
}

static bool
write_date(struct writing *w, const char *key, const json_t *v, struct err *err)
{
	const char *text = marked(v, "$date");
	time_t at;

	if (!text || !clock_parse(text, &at, err))
		return BAD("must be a date such as 2026-11-22T08:30:00Z, and is %s", text ? "none" : type_of(v));
	plist_write_time(&w->out, key, at);
	return true;
}

/* ---- where any type may stand ---- */

static bool
any_array(struct writing *w, const char *key, const json_t *v, struct err *err)
{
	const json_t *item;
	size_t i;

	plist_write_array(&w->out, key);
	json_array_foreach(v, i, item)
		if (!any(w, NULL, item, err))
			return err_at(err, "[%zu]", i);
	plist_write_array_end(&w->out);
	return true;
}

static bool
any_dict(struct writing *w, const char *key, const json_t *v, struct err *err)
{
	const json_t *item;
	const char *name;

	if (json_object_size(v) == 1 && json_object_get(v, "$data"))
		return write_data(w, key, v, err);
	if (json_object_size(v) == 1 && json_object_get(v, "$date"))
		return write_date(w, key, v, err);
	plist_write_dict(&w->out, key);
	json_object_foreach((json_t *)v, name, item)
		if (!any(w, name, item, err))
			return err_at(err, "%.*s", NAME_MAX_, name);
	plist_write_dict_end(&w->out);
	return true;
}

static bool
any(struct writing *w, const char *key, const json_t *v, struct err *err)
{
	bool ok = true;

	if (++w->depth > COMMAND_DEPTH_MAX)
		return BAD("deeper than %d", COMMAND_DEPTH_MAX);
	switch (json_typeof(v)) {
	case JSON_OBJECT:	ok = any_dict(w, key, v, err); break;
	case JSON_ARRAY:	ok = any_array(w, key, v, err); break;
	case JSON_STRING:	plist_write_text(&w->out, key, json_string_value(v)); break;
	case JSON_INTEGER:	plist_write_int(&w->out, key, json_integer_value(v)); break;
	case JSON_REAL:		plist_write_real(&w->out, key, json_real_value(v)); break;
	case JSON_NULL:		return BAD("a property list has no null");
	default:		plist_write_bool(&w->out, key, json_is_true(v)); break;
	}
	w->depth--;
	return ok;
}

/* ---- by the facts ---- */

static const struct command_fact *
item_fact(const struct command_fact *array, const json_t *item, struct err *err)
{
	const char *name = json_string_value(json_object_get(item, "Item"));
	const struct command_fact *fact = array->under;

	if (!fact->next)
		return fact;
	if (!json_is_object(item) || !name)
		BAD("must be a dictionary with an Item");
	else if (!(fact = command_fact_under(array, name)))
		BAD("iOS has no Item \"%.*s\"", NAME_MAX_, name);
	return name ? fact : NULL;
}

static bool
write_array(struct writing *w, const struct command_fact *fact, const char *key, const json_t *v, struct err *err)
{
	const struct command_fact *below;
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return BAD("must be an array, and is %s", type_of(v));
	if (!fact->under)
		return any_array(w, key, v, err);
	plist_write_array(&w->out, key);
	json_array_foreach(v, i, item) {
		below = item_fact(fact, item, err);
		if (!below || !value(w, below, NULL, item, err))
			return err_at(err, "[%zu]", i);
	}
	plist_write_array_end(&w->out);
	return true;
}

static bool
write_keys(struct writing *w, const struct command_fact *fact, const json_t *v, struct err *err)
{
	const struct command_fact *below;
	const json_t *item;
	const char *name;

	json_object_foreach((json_t *)v, name, item) {
		below = command_fact_under(fact, name);
		if (!below)
			return BAD("iOS has no key \"%.*s\" here", NAME_MAX_, name);
		if (!value(w, below, name, item, err))
			return err_at(err, "%.*s", NAME_MAX_, name);
	}
	for (below = fact->under; below; below = below->next)
		if (below->required && strcmp(below->name, "*") != 0 && !json_object_get(v, below->name))
			return BAD("the key %s is missing", below->name);
	return true;
}

static bool
write_dict(struct writing *w, const struct command_fact *fact, const char *key, const json_t *v, struct err *err)
{
	if (!json_is_object(v))
		return BAD("must be a dictionary, and is %s", type_of(v));
	if (!fact->under)
		return any_dict(w, key, v, err);
	plist_write_dict(&w->out, key);
	if (!write_keys(w, fact, v, err))
		return false;
	plist_write_dict_end(&w->out);
	return true;
}

static bool
write_text(struct writing *w, const struct command_fact *fact, const char *key, const json_t *v, struct err *err)
{
	const char *text = json_string_value(v);

	if (!text)
		return BAD("must be a string, and is %s", type_of(v));
	if (fact->values && !command_fact_has(fact->values, text))
		return BAD("\"%.*s\" is none of %s", NAME_MAX_, text, fact->values);
	if (fact->under && !command_fact_under(fact, text))
		return BAD("iOS has no \"%.*s\" here", NAME_MAX_, text);
	plist_write_text(&w->out, key, text);
	return true;
}

/* "1|2|3", or "0..23" with one side open. */
static bool
in_values(const char *values, json_int_t n)
{
	const char *dots = values ? strstr(values, "..") : NULL;
	char text[24];

	if (!values)
		return true;
	if (!dots) {
		snprintf(text, sizeof text, "%lld", (long long)n);
		return command_fact_has(values, text);
	}
	return (dots == values || n >= strtoll(values, NULL, 10)) && (!dots[2] || n <= strtoll(dots + 2, NULL, 10));
}

static bool
write_integer(struct writing *w, const struct command_fact *fact, const char *key, const json_t *v, struct err *err)
{
	if (!json_is_integer(v))
		return BAD("must be an integer, and is %s", type_of(v));
	if (!in_values(fact->values, json_integer_value(v)))
		return BAD("%lld is none of %s", (long long)json_integer_value(v), fact->values);
	plist_write_int(&w->out, key, json_integer_value(v));
	return true;
}

static bool
write_simple(struct writing *w, const struct command_fact *fact, const char *key, const json_t *v, struct err *err)
{
	if (fact->type == COMMAND_BOOLEAN) {
		if (!json_is_boolean(v))
			return BAD("must be true or false, and is %s", type_of(v));
		plist_write_bool(&w->out, key, json_is_true(v));
		return true;
	}
	if (!json_is_number(v))
		return BAD("must be a number, and is %s", type_of(v));
	plist_write_real(&w->out, key, json_number_value(v));
	return true;
}

static bool
value(struct writing *w, const struct command_fact *fact, const char *key, const json_t *v, struct err *err)
{
	switch (fact->type) {
	case COMMAND_WORD:
	case COMMAND_STRING:		return write_text(w, fact, key, v, err);
	case COMMAND_INTEGER:		return write_integer(w, fact, key, v, err);
	case COMMAND_DATE:		return write_date(w, key, v, err);
	case COMMAND_DATA:		return write_data(w, key, v, err);
	case COMMAND_ARRAY:		return write_array(w, fact, key, v, err);
	case COMMAND_DICTIONARY:	return write_dict(w, fact, key, v, err);
	case COMMAND_ANY:		return any(w, key, v, err);
	default:			return write_simple(w, fact, key, v, err);
	}
}

/* ---- what the facts do not say ---- */

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
check_more(const struct writing *w, const char *request_type, const json_t *params, struct err *err)
{
	if (strcmp(request_type, "InstallApplication") == 0)
		return check_install(params, err);
	if (strcmp(request_type, "InstallProfile") == 0)
		return check_mobileconfig(w->ctx, w->data, err);
	if (strcmp(request_type, "InstallProvisioningProfile") == 0 && !is_der(w->data))
		return BAD("ProvisioningProfile: must be the .mobileprovision file itself, and is no DER");
	return true;
}

bool
command_write(TALLOC_CTX *ctx, const char *request_type, const json_t *params, struct bytes *payload, struct err *err)
{
	const struct command_fact *fact = command_fact(request_type);
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct writing w = { .ctx = scratch };

	if (!fact)
		return BAD("iOS has no command \"%.*s\"", NAME_MAX_, request_type);
	if (params && !json_is_object(params))
		return BAD("params must be an object, and is %s", type_of(params));
	buf_init(&w.out, ctx, COMMAND_BYTES_MAX);
	plist_write_begin(&w.out);
	plist_write_dict(&w.out, NULL);
	plist_write_text(&w.out, "RequestType", request_type);
	if (!write_keys(&w, fact, params, err) || !check_more(&w, request_type, params, err))
		return err_at(err, "%s", request_type);
	plist_write_dict_end(&w.out);
	plist_write_end(&w.out);
	if (!buf_ok(&w.out, err))
		return err_at(err, "%s", request_type);
	*payload = (struct bytes){ w.out.p, w.out.len };
	return true;
}
