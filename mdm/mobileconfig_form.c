/*
 * Judging and writing are one walk: what is judged is written into a buffer that nobody reads, so that nothing is
 * taken that could not go out.
 */
#include "mdm/mobileconfig_inner.h"
#include "core/json.h"
#include "core/plist_write.h"
#include "core/uuid.h"
#include "mdm/apple_plist.h"
#include "mdm/mobileconfig.h"
#include <ctype.h>
#include <openssl/crypto.h>
#include <string.h>

#define QUOTED_MAX	100
#define LANGUAGE_MAX	35		/* letters of a tag, RFC 5646 section 4.4.1 */
#define IDENTIFIER_MAX	255

struct writing {
	TALLOC_CTX *ctx;
	const json_t *form;
	const char *identifier;
	bool judged_only;		/* texts may hold variables */
	bool veiled;			/* what stands for a secret is in no form of its own */
};

const json_t *
form_payload(const json_t *form, const char *id)
{
	const json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload)
		if (strcmp(text_of(payload, "id"), id) == 0)
			return payload;
	return NULL;
}

const char *
form_payload_name(TALLOC_CTX *ctx, const json_t *payload)
{
	return mem_printf(ctx, "%.*s (%.*s)", FORM_ID_MAX, text_of(payload, "id"), QUOTED_MAX, text_of(payload, "type"));
}

/* ---- judging what stands around the payloads' own keys ---- */

static bool
only_keys(const json_t *object, const char *const *keys, struct err *err)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)object, name, v) {
		size_t i = 0;

		while (keys[i] && strcmp(keys[i], name) != 0)
			i++;
		if (!keys[i])
			return FORM_BAD("there is no \"%.*s\" here", QUOTED_MAX, name);
	}
	return true;
}

static bool
judge_text(const json_t *object, const char *key, size_t max, struct err *err)
{
	const json_t *v = json_object_get(object, key);

	if (v && !json_is_string(v))
		return FORM_BAD("%s must be a text, and is %s", key, apple_json_type(v));
	return !v || json_string_length(v) <= max ||
	       FORM_BAD("%s has %zu bytes, and may have %zu", key, json_string_length(v), max);
}

static bool
judge_texts(const json_t *object, const char *const *keys, struct err *err)
{
	for (; *keys; keys++)
		if (!judge_text(object, *keys, FORM_TEXT_MAX, err))
			return false;
	return true;
}

static bool
judge_date(const json_t *form, const char *key, struct err *err)
{
	const json_t *v = json_object_get(form, key);
	time_t at;

	if (v && !apple_date(json_string_value(v), &at))
		return FORM_BAD("%s must be a date such as 2026-11-22T08:30:00Z", key);
	return true;
}

/* RFC 5646 section 2.1, loosely; "default" is one too. */
static bool
is_language(const char *tag)
{
	size_t len = strlen(tag);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)tag[i]) && (tag[i] != '-' || i == 0))
			return false;
	return len > 0 && len <= LANGUAGE_MAX;
}

static bool
judge_consent(const json_t *consent, struct err *err)
{
	const char *language;
	json_t *v;

	if (!consent)
		return true;
	if (!json_is_object(consent) || json_object_size(consent) > FORM_CONSENTS_MAX)
		return FORM_BAD("consent must be a dictionary of at most %d languages", FORM_CONSENTS_MAX);
	json_object_foreach((json_t *)consent, language, v)
		if (!is_language(language) || !json_is_string(v))
			return FORM_BAD("consent: \"%.*s\" must be a language such as de, and have a text", QUOTED_MAX,
					language);
	return true;
}

static bool
judge_top(const json_t *form, struct err *err)
{
	static const char *const keys[] = { "name", "description", "organization", "consent", "removal_password",
		"removable", "remove_on", "remove_after_s", "expires", "payloads", "uuid", NULL };
	static const char *const texts[] = { "name", "description", "organization", "removal_password", NULL };
	const json_t *removable = json_object_get(form, "removable"), *after = json_object_get(form, "remove_after_s");

	if (!only_keys(form, keys, err) || !judge_texts(form, texts, err) || !judge_text(form, "uuid", FORM_ID_MAX, err) ||
	    !judge_date(form, "remove_on", err) || !judge_date(form, "expires", err) ||
	    !judge_consent(json_object_get(form, "consent"), err))
		return false;
	if (!*text_of(form, "name"))
		return FORM_BAD("it wants a name");
	if (removable && !json_is_boolean(removable))
		return FORM_BAD("removable must be true or false");
	if (after && (!json_is_number(after) || json_number_value(after) <= 0 || json_number_value(after) > FORM_REMOVE_AFTER_MAX_S))
		return FORM_BAD("remove_after_s must be a number of seconds, at most %lld", (long long)FORM_REMOVE_AFTER_MAX_S);
	return true;
}

/* It becomes a part of identifiers. */
static bool
is_id(const char *id)
{
	size_t len = strlen(id);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)id[i]) && (i == 0 || !strchr("._-", id[i])))
			return false;
	return len > 0 && len <= FORM_ID_MAX && strcmp(id, FORM_REMOVAL_ID) != 0;
}

static bool
judge_payload(const json_t *form, const json_t *payload, size_t i, struct err *err)
{
	static const char *const keys[] = { "id", "type", "name", "keys", "foreign", "identifier", "uuid", NULL };
	const char *id = text_of(payload, "id");
	const json_t *inner = json_object_get(payload, "keys"), *foreign = json_object_get(payload, "foreign");

	if (!json_is_object(payload))
		return FORM_BAD("payloads[%zu] must be a dictionary, and is %s", i, apple_json_type(payload));
	if (!is_id(id))
		return FORM_BAD("payloads[%zu]: id must be 1 to %d letters, digits, dots and dashes", i, FORM_ID_MAX);
	if (form_payload(form, id) != payload)
		return FORM_BAD("payloads[%zu]: there is another \"%s\"", i, id);
	if (!only_keys(payload, keys, err) || !judge_text(payload, "name", FORM_TEXT_MAX, err) ||
	    !judge_text(payload, "type", IDENTIFIER_MAX, err) || !judge_text(payload, "identifier", IDENTIFIER_MAX, err) ||
	    !judge_text(payload, "uuid", FORM_ID_MAX, err))
		return err_at(err, "%s", id);
	if (inner && !json_is_object(inner))
		return FORM_BAD("%s: keys must be a dictionary, and is %s", id, apple_json_type(inner));
	if (foreign && !json_is_boolean(foreign))
		return FORM_BAD("%s: foreign must be true or false", id);
	return *text_of(payload, "type") ? true : FORM_BAD("%s: it wants a type", id);
}

/* One of a kind on a device: two in one mobileconfig are refused by iOS.  What is foreign is its maker's affair. */
static bool
judge_single(const json_t *form, const json_t *payload, struct err *err)
{
	const char *type = text_of(payload, "type");
	const struct apple_fact *fact = payload_fact(type);
	const json_t *other;
	size_t i;

	if (strcmp(type, FORM_REMOVAL_TYPE) == 0)
		return FORM_BAD("the removal password is not a payload here: it stands in removal_password");
	if (!fact || fact->many || json_is_true(json_object_get(payload, "foreign")))
		return true;
	json_array_foreach(json_object_get(form, "payloads"), i, other)
		if (other != payload && strcmp(text_of(other, "type"), type) == 0)
			return FORM_BAD("an iPhone takes one %s alone, and %s is another", type, text_of(other, "id"));
	return true;
}

static bool
judge_around(const json_t *form, struct err *err)
{
	const json_t *payloads = json_object_get(form, "payloads"), *payload;
	size_t i;

	if (!json_is_object(form))
		return FORM_BAD("it must be a dictionary, and is %s", form ? apple_json_type(form) : "nothing");
	if (!judge_top(form, err))
		return false;
	if (payloads && !json_is_array(payloads))
		return FORM_BAD("payloads must be a list, and is %s", apple_json_type(payloads));
	if (json_array_size(payloads) > FORM_PAYLOADS_MAX)
		return FORM_BAD("%zu payloads, and it may have %d", json_array_size(payloads), FORM_PAYLOADS_MAX);
	json_array_foreach(payloads, i, payload) {
		if (!judge_payload(form, payload, i, err))
			return false;
		if (!judge_single(form, payload, err))
			return err_at(err, "%s", text_of(payload, "id"));
	}
	return true;
}

/* ---- writing ---- */

static const char *
payload_identifier(const struct writing *w, const json_t *payload)
{
	const char *own = text_of(payload, "identifier");

	return *own ? own : mem_printf(w->ctx, "%s.%s", w->identifier, text_of(payload, "id"));
}

static const char *
payload_uuid(const struct writing *w, const json_t *payload)
{
	const char *own = text_of(payload, "uuid");
	char made[UUID_SIZE];

	return *own ? own : mem_text(w->ctx, uuid_of_name(payload_identifier(w, payload), made));
}

/* The UUID that {"$payload": id} stands for. */
static const char *
refer(void *arg, const char *key, const char *id, struct err *err)
{
	const struct writing *w = arg;
	const json_t *payload = form_payload(w->form, id);

	if (!payload) {
		FORM_BAD("there is no payload \"%.*s\"", FORM_ID_MAX, id);
		return NULL;
	}
	return form_refers(key, text_of(payload, "type"), err) ? payload_uuid(w, payload) : NULL;
}

/* Keys that every payload has are judged by their own facts: *common and *own share the values. */
static bool
split_keys(const json_t *keys, json_t **common, json_t **own, struct err *err)
{
	const struct apple_fact *fact;
	const char *name;
	json_t *v;

	*common = json_object();
	*own = json_object();
	json_object_foreach((json_t *)keys, name, v) {
		fact = payload_common(name);
		if (fact && (fact->required || strcmp(name, "PayloadDisplayName") == 0))
			return FORM_BAD("%s is made here, of the payload's id, type and name", name);
		if (fact && !json_is_string(v))
			return FORM_BAD("%s: must be a string, and is %s", name, apple_json_type(v));
		json_object_set(fact ? *common : *own, name, v);
	}
	return true;
}

static bool
write_by_facts(struct apple_writing *a, const json_t *payload, struct err *err)
{
	const json_t *keys = json_object_get(payload, "keys");
	const struct apple_fact *fact = payload_fact_of(text_of(payload, "type"), keys);
	json_t *common = NULL, *own = NULL;
	bool ok;

	if (!fact)
		return FORM_BAD("iOS has no payload type \"%.*s\"", QUOTED_MAX, text_of(payload, "type"));
	ok = split_keys(keys, &common, &own, err) && apple_write_any_keys(a, common, err) &&
	     apple_write_keys(a, fact, own, err);
	json_decref(common);
	json_decref(own);
	return ok;
}

/* The payload's own keys; by_facts false: as it came. */
static bool
write_keys(const struct writing *w, const json_t *payload, bool by_facts, struct buf *out, struct err *err)
{
	struct apple_writing a = { .ctx = w->ctx, .out = out, .code = "bad_mobileconfig", .depth_max = FORM_DEPTH_MAX,
		.open = w->judged_only ? form_open : NULL, .refer = refer, .arg = (void *)w };

	buf_init(out, w->ctx, FORM_WRITTEN_MAX);
	if (!by_facts)
		return apple_write_any_keys(&a, json_object_get(payload, "keys"), err) && buf_ok(out, err);
	return write_by_facts(&a, payload, err) &&
	       (w->veiled || form_check(w->ctx, w->form, payload, err)) && buf_ok(out, err);
}

static void
add_body(struct buf *out, const void *body)
{
	const struct buf *b = body;

	buf_add(out, b->p, b->len);
}

static void
write_removal(struct buf *out, const void *password)
{
	plist_write_text(out, "RemovalPassword", password);
}

static void
write_date(struct buf *out, const char *key, const char *text)
{
	time_t at;

	if (apple_date(text, &at))
		plist_write_time(out, key, at);
}

/* An iPhone that a watch belongs to would else ask for which of the two this is (iOS 12.2 and later). */
#define TARGET_IPHONE 1

static void
write_top(struct buf *out, const void *arg)
{
	const json_t *form = arg, *consent = json_object_get(form, "consent"), *after = json_object_get(form, "remove_after_s");
	const char *language;
	json_t *text;

	plist_write_int(out, "TargetDeviceType", TARGET_IPHONE);
	if (json_object_size(consent) > 0) {
		plist_write_dict(out, "ConsentText");
		json_object_foreach((json_t *)consent, language, text)
			plist_write_text(out, language, json_string_value(text));
		plist_write_dict_end(out);
	}
	if (*text_of(form, "removal_password"))
		plist_write_bool(out, "HasRemovalPasscode", true);
	if (json_is_false(json_object_get(form, "removable")))
		plist_write_bool(out, "PayloadRemovalDisallowed", true);
	write_date(out, "RemovalDate", text_of(form, "remove_on"));
	if (after)
		plist_write_real(out, "DurationUntilRemoval", json_number_value(after));
	write_date(out, "PayloadExpirationDate", text_of(form, "expires"));
}

static const char *
optional(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* A row for each payload, and one for the removal password. */
static bool
make_rows(const struct writing *w, struct payload *rows, struct buf *bodies, size_t *n, struct err *err)
{
	const json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(w->form, "payloads"), i, payload) {
		if (!write_keys(w, payload, !json_is_true(json_object_get(payload, "foreign")), &bodies[i], err))
			return err_at(err, "%s", form_payload_name(w->ctx, payload));
		rows[i] = (struct payload){ .type = text_of(payload, "type"), .write = add_body, .arg = &bodies[i],
			.identifier = payload_identifier(w, payload), .uuid = payload_uuid(w, payload),
			.name = optional(payload, "name") };
	}
	*n = i;
	if (*text_of(w->form, "removal_password"))
		rows[(*n)++] = (struct payload){ .type = FORM_REMOVAL_TYPE, .write = write_removal,
			.identifier = mem_printf(w->ctx, "%s." FORM_REMOVAL_ID, w->identifier),
			.arg = text_of(w->form, "removal_password") };
	return true;
}

static bool
write(const struct writing *w, struct bytes cert_der, struct buf *out, struct err *err)
{
	const struct mobileconfig m = { .identifier = w->identifier, .uuid = optional(w->form, "uuid"),
		.name = optional(w->form, "name"), .description = optional(w->form, "description"),
		.organization = optional(w->form, "organization"), .write = write_top, .arg = w->form };
	struct payload *rows = mem_array(w->ctx, struct payload, FORM_PAYLOADS_MAX + 1);
	struct buf *bodies = mem_array(w->ctx, struct buf, FORM_PAYLOADS_MAX);
	size_t n = 0;
	bool ok;

	ok = make_rows(w, rows, bodies, &n, err) &&
	     (cert_der.len ? mobileconfig_write_for(cert_der, &m, rows, n, out, err) :
			     mobileconfig_write(&m, rows, n, out, err));
	for (size_t i = 0; i < FORM_PAYLOADS_MAX; i++)
		if (bodies[i].p)
			OPENSSL_cleanse(bodies[i].p, bodies[i].len);
	return ok;
}

bool
mobileconfig_form_judge(const json_t *form, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct writing w = { .ctx = ctx, .form = form, .identifier = "com.example.judged", .judged_only = true };
	size_t size = json_dumpb(form, NULL, 0, JSON_COMPACT);
	struct buf out;

	if (size > FORM_BYTES_MAX)
		return err_code(err, ERR_LIMIT, "too_large", "a mobileconfig of %zu bytes, and it may have %u", size,
				FORM_BYTES_MAX);
	buf_init(&out, ctx, FORM_WRITTEN_MAX);
	return judge_around(form, err) && write(&w, (struct bytes){ 0 }, &out, err);
}

bool
mobileconfig_form_write(TALLOC_CTX *ctx, const json_t *form, const char *identifier, struct bytes cert_der,
			struct buf *out, struct err *err)
{
	void *scratch SCOPED(mem) = mem_must(talloc_new(ctx));
	struct writing w = { .ctx = scratch, .form = form, .identifier = identifier };

	if (!judge_around(form, err))
		return false;
	if (!cert_der.len && mobileconfig_form_secret(form))
		return err_code(err, ERR_CONFLICT, "needs_identity",
				"it holds a password or a key, and goes out encrypted for a device's identity alone");
	return write(&w, cert_der, out, err);
}

bool
mobileconfig_form_preview(TALLOC_CTX *ctx, const json_t *form, const char *identifier, struct buf *out, struct err *err)
{
	void *scratch SCOPED(mem) = mem_must(talloc_new(ctx));
	json_t *veiled = form_veiled(form);
	struct writing w = { .ctx = scratch, .form = veiled, .identifier = identifier, .judged_only = true, .veiled = true };
	bool ok = judge_around(veiled, err) && write(&w, (struct bytes){ 0 }, out, err);

	json_decref(veiled);
	return ok;
}

/* ---- foreign payloads against the facts ---- */

bool
form_fits(const json_t *form, const json_t *payload)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct writing w = { .ctx = ctx, .form = form, .identifier = "com.example.judged", .judged_only = true };
	struct err err;
	struct buf out;

	return write_keys(&w, payload, true, &out, &err);
}

void
form_warn_foreign(const json_t *form, json_t *texts)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct writing w = { .ctx = ctx, .form = form, .identifier = "com.example.judged", .judged_only = true };
	const json_t *payload;
	char text[512];
	struct buf out;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload) {
		struct err err = { 0 };

		if (!json_is_true(json_object_get(payload, "foreign")) || write_keys(&w, payload, true, &out, &err))
			continue;
		(void)err_at(&err, "%s", form_payload_name(ctx, payload));
		json_array_append_new(texts, json_string(err_text(&err, text, sizeof text)));
	}
}
