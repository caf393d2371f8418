/* Variables: found, and replaced.  Their names are those of mdm/mobileconfig_form.h's callers. */
#include "mdm/mobileconfig_inner.h"
#include "core/text.h"
#include <string.h>

#define NAMES_TOLD_MAX 200	/* bytes of a list of what is missing */

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* "username%...": letters of the name; 0: no variable.  %e4% is a byte of a URL, RFC 3986 section 2.1. */
static size_t
name_len(const char *at)
{
	size_t n = 0;

	if (!is_letter(*at))
		return 0;
	while (is_letter(at[n]) || is_digit(at[n]) || (at[n] && strchr("_.-", at[n])))
		n++;
	if (at[n] != '%' || n > FORM_VARIABLE_MAX || (n == 2 && is_hex(at[0]) && is_hex(at[1])))
		return 0;
	return n;
}

/*
 * The first variable of a text from `at` on: NULL when there is none; else where its name begins, behind the
 * percent sign, and *len letters of it.  %% is stepped over.
 */
static const char *
form_variable(const char *at, size_t *len)
{
	while ((at = strchr(at, '%'))) {
		at++;
		if (*at == '%')
			at++;
		else if ((*len = name_len(at)) > 0)
			return at;
	}
	return NULL;
}

bool
form_open(const char *text)
{
	size_t len;

	return form_variable(text, &len);
}

/* ---- where texts stand that may hold variables ---- */

struct filling {
	TALLOC_CTX *ctx;
	form_value *value;	/* NULL: names are only collected */
	void *arg;
	json_t *names;		/* seen, or missing: a set in the order of texts */
	bool too_long;
};

static json_t *fill(struct filling *f, const json_t *v);

static void
note(struct filling *f, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(f->names, i, item)
		if (strcmp(json_string_value(item), name) == 0)
			return;
	json_array_append_new(f->names, json_string(name));
}

/* Without variables too: %% is one percent sign. */
static json_t *
fill_text(struct filling *f, const char *text)
{
	const char *at = text, *name, *value;
	struct buf out;
	size_t len;
	struct err err;

	buf_init(&out, f->ctx, FORM_BYTES_MAX);
	while (*at) {
		if (*at != '%') {
			len = strcspn(at, "%");
			buf_add(&out, at, len);
			at += len;
		} else if (at[1] == '%') {
			buf_text(&out, "%");
			at += 2;
		} else if ((len = name_len(at + 1)) > 0) {
			name = mem_textn(f->ctx, at + 1, len);
			value = f->value ? f->value(f->arg, name) : NULL;
			if (!value || !*value || !text_valid(value, strlen(value)))
				note(f, name);
			else
				buf_text(&out, value);
			at += len + 2;
		} else {
			buf_text(&out, "%");
			at++;
		}
	}
	f->too_long |= !buf_ok(&out, &err);
	return json_string(buf_str(&out));
}

static json_t *
fill_dict(struct filling *f, const json_t *v)
{
	json_t *made, *item;
	const char *key;

	if (json_object_size(v) == 1 && *json_object_iter_key(json_object_iter((json_t *)v)) == '$')
		return json_incref((json_t *)v);	/* data, a date, a payload's UUID */
	made = json_object();
	json_object_foreach((json_t *)v, key, item)
		json_object_set_new(made, key, fill(f, item));
	return made;
}

static json_t *
fill(struct filling *f, const json_t *v)
{
	json_t *made;
	const json_t *item;
	size_t i;

	if (json_is_string(v))
		return fill_text(f, json_string_value(v));
	if (json_is_object(v))
		return fill_dict(f, v);
	if (!json_is_array(v))
		return json_incref((json_t *)v);
	made = json_array();
	json_array_foreach(v, i, item)
		json_array_append_new(made, fill(f, item));
	return made;
}

/* These keys of an object; what else it has stays. */
static json_t *
fill_only(struct filling *f, const json_t *object, const char *const *keys)
{
	json_t *made = json_copy((json_t *)object), *v;

	for (; *keys; keys++)
		if ((v = json_object_get(object, *keys)))
			json_object_set_new(made, *keys, fill(f, v));
	return made;
}

static json_t *
fill_form(struct filling *f, const json_t *form)
{
	static const char *const of_form[] = { "name", "description", "organization", "consent", "removal_password",
					       NULL };
	static const char *const of_payload[] = { "name", "keys", NULL };
	json_t *made = fill_only(f, form, of_form), *payloads = json_array();
	const json_t *payload;
	size_t i;

	json_array_foreach(json_object_get(form, "payloads"), i, payload)
		json_array_append_new(payloads, fill_only(f, payload, of_payload));
	json_object_set_new(made, "payloads", payloads);
	return made;
}

json_t *
mobileconfig_form_variables(const json_t *form)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct filling f = { .ctx = ctx, .names = json_array() };

	json_decref(fill_form(&f, form));
	return f.names;
}

static bool
missing(TALLOC_CTX *ctx, const json_t *names, struct err *err)
{
	size_t n = json_array_size(names), i, len;
	struct buf list;

	buf_init(&list, ctx, NAMES_TOLD_MAX);
	for (i = 0; i < n; i++) {
		const char *name = json_string_value(json_array_get(names, i));

		len = strlen(name) + 4;
		if (list.len + len > NAMES_TOLD_MAX)
			break;
		buf_addf(&list, "%s%%%s%%", i > 0 ? ", " : "", name);
	}
	if (i < n)
		return err_code(err, ERR_CONFLICT, "missing_variable", "nothing is known for %s and %zu more",
				buf_str(&list), n - i);
	return err_code(err, ERR_CONFLICT, "missing_variable", "nothing is known for %s", buf_str(&list));
}

bool
mobileconfig_form_fill(const json_t *form, form_value *value, void *arg, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct filling f = { .ctx = ctx, .value = value, .arg = arg, .names = json_array() };
	json_t *made = fill_form(&f, form);
	bool ok = json_array_size(f.names) == 0 || missing(ctx, f.names, err);

	if (ok && f.too_long)
		ok = err_code(err, ERR_LIMIT, "too_large", "a text of more than %u bytes", FORM_BYTES_MAX);
	json_decref(f.names);
	if (ok)
		*ret = made;
	else
		json_decref(made);
	return ok;
}
