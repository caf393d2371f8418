#include "core/buf.h"
#include "core/json.h"
#include "core/num.h"
#include "core/x509.h"
#include "mdm/mobileconfig_form.h"
#include "web/payload_inner.h"
#include <stdlib.h>
#include <string.h>

#define BAD(...) err_code(err, ERR_INVALID, "bad_mobileconfig", __VA_ARGS__)

const char *
payload_field_text(struct reading *r, const char *name)
{
	const char *text = req_form(r->req, name);

	return text && *text ? text : NULL;
}

const char *
payload_field_mark(struct reading *r, const char *name, const char *mark)
{
	return payload_field_text(r, payload_mark(r->req, name, mark));
}

/* The place of what was there, in this payload; or what was given a moment ago. */
static json_t *
kept(struct reading *r, const struct apple_fact *fact, const char *name)
{
	const char *place = payload_field_mark(r, name, "kept");
	size_t len = strlen(r->id);

	if (!place || payload_field_mark(r, name, "clear") || len == 0 || strncmp(place, r->id, len) != 0 || place[len] != '/')
		return payload_typed_read(r, fact, name);
	return json_pack("{s:s}", "$kept", place);
}

/* What cannot be read: shown again as it was typed. */
static json_t *
as_typed(const char *text)
{
	return json_pack("{s:s}", DRAFT_TYPED, text);
}

static bool
read_json(struct reading *r, const char *name, const char *text, json_t **ret, struct err *err)
{
	json_error_t why;

	*ret = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!*ret && r->act)
		*ret = as_typed(text);
	return *ret ? true : BAD("%.200s: no JSON: line %d: %s", name, why.line, why.text);
}

static json_t *
data_of(struct reading *r, struct bytes data)
{
	struct buf out;

	buf_init(&out, r->req, FORM_BYTES_MAX * 2);
	buf_base64(&out, data.p, data.len);
	return json_pack("{s:s}", "$data", buf_str(&out));
}

static json_t *
read_data(struct reading *r, const struct apple_fact *fact, const char *name)
{
	struct bytes file = req_form_file(r->req, name);
	const char *text = payload_field_mark(r, name, "text");

	if (file.len)
		return data_of(r, file);
	return text ? data_of(r, (struct bytes){ text, strlen(text) }) : kept(r, fact, name);
}

/* Its lines end in CR LF, as browsers send them. */
static const char *
text_of_area(struct reading *r, const char *text)
{
	char *made = mem_text(r->req, text), *to = made;

	for (const char *from = text; *from; from++)
		if (*from != '\r' || from[1] != '\n')
			*to++ = *from;
	*to = '\0';
	return made;
}

/* A number, or the text as it is: the judge says what is wrong with it. */
static json_t *
number_of(const char *text, bool real)
{
	struct err err;
	int64_t n;
	char *end;
	double d;

	if (!real && num_parse(text, INT64_MIN, INT64_MAX, &n, &err))
		return json_integer(n);
	d = strtod(text, &end);
	return real && *text && !*end && d - d == 0 ? json_real(d) : json_string(text);
}

static json_t *
scalar_of(const struct apple_fact *fact, const char *text)
{
	return fact->type == APPLE_STRING ? json_string(text) : number_of(text, fact->type == APPLE_REAL);
}

/* The next line, without the blanks around it; NULL at the end.  Empty ones are left out. */
static const char *
next_line(TALLOC_CTX *ctx, const char **at)
{
	while (**at) {
		const char *from = *at + strspn(*at, " \t\r\n");
		size_t len = strcspn(from, "\r\n");

		*at = from + len;
		while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t'))
			len--;
		if (len > 0)
			return mem_textn(ctx, from, len);
	}
	return NULL;
}

static json_t *
or_nothing(json_t *list)
{
	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *
read_lines(struct reading *r, const struct apple_fact *fact, const char *name)
{
	const char *at = payload_field_text(r, name), *line;
	const char *as = payload_field_mark(r, name, "as");
	json_t *list = json_array(), *alone;

	while (at && (line = next_line(r->req, &at)))
		json_array_append_new(list, scalar_of(fact->under ? fact->under : fact, line));
	if (!fact->list_too || json_array_size(list) != 1 || (as && strcmp(as, "lines") == 0))
		return or_nothing(list);
	alone = json_incref(json_array_get(list, 0));
	json_decref(list);
	return alone;
}

/* "CN=%username%": an RDN of one pair. */
static bool
read_subject(struct reading *r, const char *name, json_t **ret, struct err *err)
{
	const char *at = payload_field_text(r, name), *line, *equals;
	json_t *list = json_array();

	while (at && (line = next_line(r->req, &at))) {
		equals = strchr(line, '=');
		if (!equals || equals == line) {
			json_decref(list);
			if (r->act)
				return (*ret = as_typed(payload_field_text(r, name)));
			return BAD("%.100s: \"%.100s\" is no part of a name such as CN=%%username%%", name, line);
		}
		json_array_append_new(list, json_pack("[[s%, s]]", line, (size_t)(equals - line), equals + 1));
	}
	*ret = or_nothing(list);
	return true;
}

static json_t *
read_words(struct reading *r, const struct apple_fact *fact, const char *name)
{
	const struct apple_fact *one = fact->under;
	json_t *list = json_array();
	const char *text;

	for (size_t n = 0; (text = req_form_nth(r->req, name, n)); n++)
		json_array_append_new(list, one->values ? scalar_of(one, text) : json_pack("{s:s}", "$payload", text));
	return or_nothing(list);
}

static json_t *
text_in(struct reading *r, const char *name, const char *mark)
{
	const char *text = payload_field_text(r, name);

	if (!text)
		return NULL;
	return mark ? json_pack("{s:s}", mark, text) : json_string(text_of_area(r, text));
}

static json_t *
read_yesno(struct reading *r, const char *name)
{
	const char *text = payload_field_text(r, name);

	return !text ? NULL : strcmp(text, "yes") == 0 ? json_true() : strcmp(text, "no") == 0 ? json_false() : json_string(text);
}

static json_t *
read_secret(struct reading *r, const struct apple_fact *fact, const char *name)
{
	json_t *v = text_in(r, name, NULL);

	return v ? v : kept(r, fact, name);
}

bool
payload_read_fact(struct reading *r, const struct apple_fact *fact, const char *name, json_t **ret, struct err *err)
{
	const char *json = payload_field_mark(r, name, "json"), *as = payload_field_mark(r, name, "as"), *text;
	enum payload_kind kind = payload_kind(fact);

	*ret = NULL;
	if (json)
		return read_json(r, name, json, ret, err);
	if (as && strcmp(as, "list") == 0 && fact->type == APPLE_ARRAY && fact->under)
		kind = KIND_LIST;
	switch (kind) {
	case KIND_TEXT:		*ret = text_in(r, name, NULL); break;
	case KIND_SECRET:	*ret = read_secret(r, fact, name); break;
	case KIND_REFERENCE:	*ret = text_in(r, name, "$payload"); break;
	case KIND_DATE:		*ret = text_in(r, name, "$date"); break;
	case KIND_CHOICE:
	case KIND_NUMBER:	*ret = (text = payload_field_text(r, name)) ? scalar_of(fact, text) : NULL; break;
	case KIND_YESNO:	*ret = read_yesno(r, name); break;
	case KIND_DATA:		*ret = read_data(r, fact, name); break;
	case KIND_LINES:	*ret = read_lines(r, fact, name); break;
	case KIND_WORDS:	*ret = read_words(r, fact, name); break;
	case KIND_SUBJECT:	return read_subject(r, name, ret, err);
	case KIND_LIST:		return payload_read_list(r, fact, name, ret, err);
	case KIND_GROUP:	return payload_read_group(r, fact, name, ret, err);
	case KIND_FREE:		return payload_read_free(r, fact, name, ret, err);
	case KIND_ANY:		return payload_read_any(r, fact, name, ret, err);
	case KIND_JSON:		break;
	}
	return true;
}

/* ---- all of it ---- */

/* What the page has no field for: PayloadDescription and its like. */
static void
keep_common(const json_t *before, json_t *keys)
{
	const char *name;
	json_t *v;

	json_object_foreach(json_object_get(before, "keys"), name, v)
		if (payload_common(name) && !json_object_get(keys, name))
			json_object_set(keys, name, v);
}

/* People have certificates as PEM; these two types want DER. */
static void
to_der(struct reading *r, const char *type, json_t *keys)
{
	const char *base64 = text_of(json_object_get(keys, "PayloadContent"), "$data");
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;
	unsigned char *der = NULL;
	struct bytes data;
	struct err err;
	int len;

	if ((strcmp(type, "com.apple.security.root") != 0 && strcmp(type, "com.apple.security.pkcs1") != 0) ||
	    !num_unbase64(r->req, base64, strlen(base64), &data) || data.len < 10 || memcmp(data.p, "-----BEGIN", 10) != 0 ||
	    !x509_read_pem(data, &certs, &err) || (len = i2d_X509(sk_X509_value(certs, 0), &der)) <= 0)
		return;
	json_object_set_new(keys, "PayloadContent", data_of(r, (struct bytes){ der, (size_t)len }));
	OPENSSL_free(der);
}

static bool
read_keys(struct reading *r, const json_t *before, const char *type, const json_t *variant, json_t **ret, struct err *err)
{
	const struct apple_fact *fact = payload_form_fact(type, json_object_get(before, "keys"), variant);
	const char *json = payload_field_mark(r, r->prefix, "json");

	*ret = NULL;
	if (json) {
		if (!read_json(r, r->prefix, json, ret, err))
			return false;
	} else if (!fact) {
		return err_set(err, ERR_MISSING, "iOS has no payload type \"%.*s\"", PAYLOAD_FORM_NEW_MAX, type);
	} else if (payload_kind(fact) == KIND_FREE ? !payload_read_free(r, fact, r->prefix, ret, err)
						 : !payload_read_group(r, fact, r->prefix, ret, err)) {
		return false;
	}
	if (!*ret)
		*ret = json_object();
	to_der(r, type, *ret);
	keep_common(before, *ret);
	return true;
}

/* Of which variant of its type the page was; NULL: it does not say. */
static json_t *
variant_of(struct reading *r)
{
	const char *text = payload_field_mark(r, r->prefix, "variant");
	struct err err;
	int64_t n;

	return text && num_parse(text, 0, PAYLOAD_VARIANTS_MAX, &n, &err) ? json_integer(n) : NULL;
}

static bool
read_payload(struct reading *r, const json_t *before, json_t **payload, struct err *err)
{
	const char *type = before ? text_of(before, "type") : payload_field_mark(r, r->prefix, "type");
	const char *id = before ? r->id : payload_field_mark(r, r->prefix, "id");
	const char *name = payload_field_mark(r, r->prefix, "name");
	json_t *keys, *variant;
	bool ok;

	if (!type || (!id && !r->act))
		return BAD("the form has no %s", type ? "short name" : "type");
	variant = variant_of(r);
	r->type = type;
	ok = read_keys(r, before, type, variant, &keys, err);
	if (ok && r->lost && !r->act) {
		json_decref(keys);
		ok = BAD("%.200s: what was typed is not kept any more, or not for this key: type it again", r->lost);
	}
	if (ok) {
		*payload = before ? json_copy((json_t *)before) : json_pack("{s:s, s:s}", "id", id ? id : "", "type", type);
		json_object_set_new(*payload, "keys", keys);
		if (r->act && variant)
			json_object_set(*payload, DRAFT_VARIANT, variant);
		if (name)
			json_object_set_new(*payload, "name", json_string(name));
		else
			json_object_del(*payload, "name");
	}
	json_decref(variant);
	return ok;
}

bool
payload_form_read(struct req *req, const char *prefix, const json_t *before, json_t **payload, struct err *err)
{
	struct reading r = { .req = req, .prefix = prefix, .id = text_of(before, "id") };

	return read_payload(&r, before, payload, err);
}

bool
payload_form_acts(struct req *req, const char *prefix)
{
	const char *act = req_form(req, payload_mark(req, prefix, "do"));

	return act && *act;
}

bool
payload_form_draft(struct req *req, const char *prefix, const json_t *before, json_t **payload, const char **focus,
		   struct err *err)
{
	const char *act = req_form(req, payload_mark(req, prefix, "do"));
	struct reading r = { .req = req, .prefix = prefix, .id = text_of(before, "id"), .act = act ? act : "" };

	if (!read_payload(&r, before, payload, err))
		return false;
	*focus = r.focus;
	return true;
}
