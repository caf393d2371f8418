#include "tests/check_bodies.h"
#include "core/buf.h"
#include "core/json.h"
#include <jansson.h>
#include <plist/plist.h>
#include <stdio.h>
#include <stdlib.h>

#define MARK	"@@here@@"
#define DEEP	200
#define LONG	(100u << 10)
#define HUGE	(1u << 20)
#define CUTS	20

/* ---- what a value turns into ---- */

/* type: 's' text, 'i' integer, 'r' real, 'b' yes or no, 'n' null, 'a' list, 'o' object; 'x': no value at all. */
struct odd {
	const char *what;
	char type;
	const char *json, *xml;		/* NULL: there is no such thing */
};

static const struct odd odds[] = {
	{ "null", 'n', "null", NULL },
	{ "true", 'b', "true", "<true/>" },
	{ "false", 'b', "false", "<false/>" },
	{ "-1", 'i', "-1", "<integer>-1</integer>" },
	{ "0", 'i', "0", "<integer>0</integer>" },
	{ "1.5", 'r', "1.5", "<real>1.5</real>" },
	{ "1e308", 'r', "1e308", "<real>1e308</real>" },
	{ "-1e308", 'r', "-1e308", "<real>-1e308</real>" },
	{ "the largest integer", 'i', "9223372036854775807", "<integer>9223372036854775807</integer>" },
	{ "the least integer", 'i', "-9223372036854775808", "<integer>-9223372036854775808</integer>" },
	{ "more than an integer", 'x', "18446744073709551616", "<integer>18446744073709551616</integer>" },
	{ "no text", 's', "\"\"", "<string></string>" },
	{ "a blank", 's', "\" \"", "<string> </string>" },
	{ "an empty list", 'a', "[]", "<array/>" },
	{ "an empty object", 'o', "{}", "<dict/>" },
	{ "a list of null", 'a', "[null]", "<array><string/></array>" },
	{ "\"1\"", 's', "\"1\"", "<string>1</string>" },
	{ "\"true\"", 's', "\"true\"", "<string>true</string>" },
	{ "\"null\"", 's', "\"null\"", "<string>null</string>" },
	{ "an overlong slash", 'x', "\"a\xc0\xaf\"", "<string>a\xc0\xaf</string>" },
	{ "half of a pair", 'x', "\"a\\ud800\"", "<string>a&#xd800;</string>" },
	{ "half of a pair in UTF-8", 'x', "\"a\xed\xa0\x80\"", "<string>a\xed\xa0\x80</string>" },
	{ "a NUL", 'x', "\"a\\u0000b\"", "<string>a&#0;b</string>" },
	{ "a NUL as it is", 'x', "\"a\001b\"", "<string>a\001b</string>" },	/* see put_nul */
	{ "text that turns round", 's', "\"a\xe2\x80\xae" "b\xe2\x81\xa6" "c\"", "<string>a\xe2\x80\xae" "b\xe2\x81\xa6" "c</string>" },
	{ "an emoji", 's', "\"\xf0\x9f\x98\x80\"", "<string>\xf0\x9f\x98\x80</string>" },
	{ "lines and a formula", 's', "\"=1+1\\r\\nBcc: x@example.com\\r\\n\"", "<string>=1+1&#13;&#10;Bcc: x@example.com</string>" },
	{ "markup", 's', "\"'\\\"><script>alert(1)</script>{{x}}\"", "<string>'\"&gt;&lt;script&gt;{{x}}</string>" },
	{ "a path", 's', "\"../../etc/passwd\"", "<string>../../etc/passwd</string>" },
	{ "percents", 's', "\"%s%n%00%\"", "<string>%s%n%00%</string>" },
	{ "data", 'd', NULL, "<data>AAECAw==</data>" },
	{ "no data", 'd', NULL, "<data></data>" },
	{ "data that is none", 'x', NULL, "<data>!!!!</data>" },
	{ "a date", 'D', NULL, "<date>2999-12-31T23:59:59Z</date>" },
	{ "a date that is none", 'x', NULL, "<date>0000-99-99T99:99:99Z</date>" },
};
#define ODDS	(sizeof odds / sizeof *odds)

static char
type_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:	return 's';
	case JSON_INTEGER:	return 'i';
	case JSON_REAL:		return 'r';
	case JSON_TRUE:
	case JSON_FALSE:	return 'b';
	case JSON_NULL:		return 'n';
	case JSON_ARRAY:	return 'a';
	default:		return json_object_get(v, "$data") ? 'd' : json_object_get(v, "$date") ? 'D' : 'o';
	}
}

/* ---- as JSON, and as a property list ---- */

static void
write_xml(struct buf *out, const json_t *v)
{
	const char *key, *text;
	json_t *item;
	size_t i;

	switch (type_of(v)) {
	case 's':
		text = json_string_value(v);
		buf_text(out, "<string>");
		buf_xml(out, text, strlen(text));
		buf_text(out, "</string>");
		break;
	case 'i':
		buf_addf(out, "<integer>%lld</integer>", (long long)json_integer_value(v));
		break;
	case 'r':
		buf_addf(out, "<real>%g</real>", json_real_value(v));
		break;
	case 'b':
		buf_text(out, json_is_true(v) ? "<true/>" : "<false/>");
		break;
	case 'a':
		buf_text(out, "<array>");
		json_array_foreach(v, i, item)
			write_xml(out, item);
		buf_text(out, "</array>");
		break;
	case 'd':
		buf_addf(out, "<data>%s</data>", text_of(v, "$data"));
		break;
	case 'D':
		buf_addf(out, "<date>%s</date>", text_of(v, "$date"));
		break;
	default:
		buf_text(out, "<dict>");
		json_object_foreach((json_t *)(uintptr_t)v, key, item) {
			buf_text(out, "<key>");
			buf_xml(out, key, strlen(key));
			buf_text(out, "</key>");
			write_xml(out, item);
		}
		buf_text(out, "</dict>");
	}
}

static char *
xml_of(TALLOC_CTX *ctx, const json_t *v, bool document)
{
	struct buf out;

	buf_init(&out, ctx, 4u << 20);
	if (document)
		buf_text(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\""
			 " \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">");
	write_xml(&out, v);
	if (document)
		buf_text(&out, "</plist>\n");
	return mem_text(ctx, buf_str(&out));
}

static char *
json_of(TALLOC_CTX *ctx, const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY), *ret = mem_text(ctx, text);

	free(text);
	return ret;
}

static json_t *
read_good(TALLOC_CTX *ctx, const char *good)
{
	json_error_t why;
	json_t *v = json_loads(good, JSON_DECODE_ANY, &why);

	if (!v)
		fail_msg("%s: %s", good, why.text);
	return json_hold(ctx, v);
}

char *
body_plist(TALLOC_CTX *ctx, const char *good)
{
	return xml_of(ctx, read_good(ctx, good), true);
}

/* ---- one change after the other ---- */

struct walk {
	TALLOC_CTX *ctx;	/* of this change */
	json_t *root;
	bool plist;
	body_take *take;
	void *arg;
};

static void
give(struct walk *w, const char *what, const char *field, bool other_type, bool dropped, struct bytes bytes)
{
	w->take(w->arg, &(struct body){ what, field, other_type, dropped, bytes });
}

/* A byte that cannot stand in a C text. */
static void
put_nul(char *text, size_t len)
{
	char *at = memchr(text, 1, len);

	if (at)
		*at = '\0';
}

/* The same as a binary one, where that can be. */
static void
give_binary(struct walk *w, const struct body *xml)
{
	struct body body = *xml;
	plist_t plist = NULL;
	char *bin = NULL;
	uint32_t len = 0;

	plist_from_xml(xml->bytes.p, (uint32_t)xml->bytes.len, &plist);
	if (!plist)
		return;
	plist_to_bin(plist, &bin, &len);
	plist_free(plist);
	if (!bin)
		return;
	body.bytes = (struct bytes){ bin, len };
	w->take(w->arg, &body);
	free(bin);
}

/* What stands where MARK does becomes `raw`. */
static void
give_with(struct walk *w, const char *what, const char *field, bool other_type, const char *raw)
{
	const char *mark = w->plist ? "<string>" MARK "</string>" : "\"" MARK "\"";
	char *whole = w->plist ? xml_of(w->ctx, w->root, true) : json_of(w->ctx, w->root), *at = strstr(whole, mark), *text;
	struct body body = { what, field, other_type, false, { 0 } };
	size_t len;

	assert_non_null(at);
	text = mem_printf(w->ctx, "%.*s%s%s", (int)(at - whole), whole, raw, at + strlen(mark));
	len = strlen(text);
	put_nul(text, len);
	body.bytes = (struct bytes){ text, len };
	w->take(w->arg, &body);
	if (w->plist && len < 64u << 10)
		give_binary(w, &body);
}

static char *
repeated(TALLOC_CTX *ctx, const char *before, const char *inner, const char *after, size_t n)
{
	size_t b = strlen(before), i = strlen(inner), a = strlen(after);
	char *text = mem_size(ctx, n * (b + a) + i + 1), *at = text;

	for (size_t k = 0; k < n; k++, at += b)
		memcpy(at, before, b);
	memcpy(at, inner, i);
	at += i;
	for (size_t k = 0; k < n; k++, at += a)
		memcpy(at, after, a);
	*at = '\0';
	return text;
}

/* Where a value stands: under a key of an object, or in a list. */
struct place {
	json_t *in;
	const char *key;
	size_t i;
	const char *path, *field;
};

static void
put(const struct place *p, json_t *v)
{
	if (p->key)
		json_object_set_new(p->in, p->key, v);
	else
		json_array_set_new(p->in, p->i, v);
}

static void
turn_value(struct walk *w, const struct place *p, json_t *was)
{
	TALLOC_CTX *outer = w->ctx;
	const char *self = w->plist ? xml_of(outer, was, false) : json_of(outer, was), *raw;
	char type = type_of(was);

	put(p, json_string(MARK));
	for (size_t i = 0; i < ODDS; i++) {
		if (!(raw = w->plist ? odds[i].xml : odds[i].json))
			continue;
		w->ctx = talloc_new(outer);
		give_with(w, mem_printf(w->ctx, "%s: %s", p->path, odds[i].what), p->field,
			  odds[i].type != 'x' && odds[i].type != type && !(type == 'r' && odds[i].type == 'i'), raw);
		talloc_free(w->ctx);
	}
	w->ctx = talloc_new(outer);
	raw = w->plist ? repeated(w->ctx, "<array>", self, "</array>", DEEP) : repeated(w->ctx, "[", self, "]", DEEP);
	give_with(w, mem_printf(w->ctx, "%s: deep in lists", p->path), p->field, true, raw);
	raw = w->plist ? repeated(w->ctx, "<dict><key>any</key>", self, "</dict>", DEEP) : repeated(w->ctx, "{\"any\":", self, "}", DEEP);
	give_with(w, mem_printf(w->ctx, "%s: deep in objects", p->path), p->field, true, raw);
	raw = repeated(w->ctx, w->plist ? "<string>" : "\"", repeated(w->ctx, "a", "", "", LONG), w->plist ? "</string>" : "\"", 1);
	give_with(w, mem_printf(w->ctx, "%s: a long text", p->path), p->field, type != 's', raw);
	talloc_free(w->ctx);
	w->ctx = outer;
	put(p, json_incref(was));
}

static void
turn_key(struct walk *w, const struct place *p, json_t *was)
{
	const char *self = w->plist ? xml_of(w->ctx, was, false) : json_of(w->ctx, was), *raw, *text;

	if (p->key) {
		put(p, json_string(MARK));
		raw = mem_printf(w->ctx, w->plist ? "%s<key>%s</key>%s" : "%s,\"%s\":%s", self, p->key, self);
		give_with(w, mem_printf(w->ctx, "%s: twice", p->path), p->field, false, raw);
		raw = w->plist ? mem_printf(w->ctx, "%s<key>nobody knows</key><true/>", self)
			       : mem_printf(w->ctx, "%s,\"nobody knows\":true", self);
		give_with(w, mem_printf(w->ctx, "%s: beside an unknown key", p->path), p->field, false, raw);
		json_object_del(p->in, p->key);
	} else {
		json_incref(was);
		json_array_remove(p->in, p->i);
	}
	text = w->plist ? xml_of(w->ctx, w->root, true) : json_of(w->ctx, w->root);
	give(w, mem_printf(w->ctx, "%s: left out", p->path), p->field, false, true, (struct bytes){ text, strlen(text) });
	if (p->key)
		put(p, json_incref(was));
	else
		json_array_insert_new(p->in, p->i, was);
}

static void
turn_all(struct walk *w, json_t *in, const char *path, const char *field)
{
	TALLOC_CTX *outer = w->ctx;
	size_t n = json_is_object(in) ? json_object_size(in) : json_array_size(in);
	const char **keys = mem_array(w->ctx, const char *, n + 1), *key;
	json_t *v;
	size_t i = 0;

	json_object_foreach(in, key, v)
		keys[i++] = mem_text(w->ctx, key);
	for (i = 0; i < n; i++) {
		struct place p = { .in = in, .key = json_is_object(in) ? keys[i] : NULL, .i = i };

		w->ctx = talloc_new(outer);
		p.path = p.key ? mem_printf(w->ctx, "%s%s%s", path, *path ? "." : "", p.key) : mem_printf(w->ctx, "%s[%zu]", path, i);
		p.field = *field ? field : p.key ? p.key : "";
		v = json_incref(p.key ? json_object_get(in, p.key) : json_array_get(in, i));
		turn_value(w, &p, v);
		turn_key(w, &p, v);
		if (type_of(v) == 'o' || type_of(v) == 'a')
			turn_all(w, v, p.path, p.field);
		json_decref(v);
		talloc_free(w->ctx);
	}
	w->ctx = outer;
}

/* ---- the whole ---- */

static void
give_text(struct walk *w, const char *what, const char *text)
{
	give(w, what, "", false, false, (struct bytes){ text, strlen(text) });
}

static void
turn_whole(struct walk *w, const char *text, const char *const *others)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < CUTS; i++)
		give(w, mem_printf(w->ctx, "its first %zu bytes", len * i / CUTS), "", false, false, (struct bytes){ text, len * i / CUTS });
	for (size_t i = 0; others[i]; i++)
		give_text(w, others[i], others[i]);
	give_text(w, "something behind it", mem_printf(w->ctx, "%s}", text));
	give_text(w, "itself behind it", mem_printf(w->ctx, "%s%s", text, text));
	give_text(w, "a mark of byte order before it", mem_printf(w->ctx, "\xef\xbb\xbf%s", text));
	give(w, "a NUL behind it", "", false, false, (struct bytes){ mem_printf(w->ctx, "%s", text), len + 1 });
}

void
bodies_json(const char *good, body_take *take, void *arg)
{
	static const char *const others[] = { "null", "true", "7", "\"x\"", "[]", "[{}]", "{}", "{\"\":\"\"}", "{\"a\":1,\"a\":1}", "{\"\\u0000\":1}",
					      "{'a':1}", "{\"a\":NaN}", " \n", "<a/>", NULL };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct walk w = { ctx, read_good(ctx, good), false, take, arg };

	turn_whole(&w, json_of(ctx, w.root), others);
	give_text(&w, "a million brackets", repeated(ctx, "[", "", "", HUGE));
	give_text(&w, "a million braces", repeated(ctx, "{\"a\":", "", "", HUGE / 5));
	give_text(&w, "a thousand lists", repeated(ctx, "[", "", "]", 1000));
	turn_all(&w, w.root, "", "");
}

void
bodies_plist(const char *good, body_take *take, void *arg)
{
	static const char *const others[] = { "bplist00", "<plist/>", "<plist version=\"1.0\"></plist>", "<plist><dict/></plist>", "<plist><array/></plist>",
		"<plist><string>x</string></plist>", "{}", "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>"
		"<plist><dict><key>UDID</key><string>&b;</string></dict></plist>", NULL };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct walk w = { ctx, read_good(ctx, good), true, take, arg };

	turn_whole(&w, xml_of(ctx, w.root, true), others);
	give_text(&w, "a hundred thousand lists", mem_printf(ctx, "<plist>%s", repeated(ctx, "<array>", "", "", 100000)));
	turn_all(&w, w.root, "", "");
}

/* ---- forms ---- */

#define E200	"%e2%80%ae"
const char *const body_escaped[] = {
	"", "%20", "0", "-1", "1", "1.5", "1e308", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
	"18446744073709551616", "00000000000000000000000000000001", "true", "null", "x", "%25", "'%22%3E%3Cscript%3E%7B%7Bx%7D%7D",
	"a" E200 "b", "%f0%9f%98%80", "%0d%0aX%3a%20y", "=1%2b1", "*", "_", "%5c", "..%5c..", "a%27%20OR%20%271%27=%271", "%7f%01", "a%2fb",
	NULL
};

/* What no decoder takes. */
static const char *const broken[] = { "%", "%4", "%zz", "%00", "a%00b", "%c0%af", "%ed%a0%80", "%ff", "%f4%90%80%80", NULL };

/* The field that stands from `at` on, with `text` in its place. */
static void
give_field(struct walk *w, const char *what, const char *good, const char *at, size_t len, const char *name, const char *text)
{
	const char *whole = mem_printf(w->ctx, "%.*s%s%s", (int)(at - good), good, text, at + len);

	give(w, mem_printf(w->ctx, "%s: %s", name, what), name, false, false, (struct bytes){ whole, strlen(whole) });
}

static void
turn_field(struct walk *w, const char *good, const char *at, size_t len)
{
	TALLOC_CTX *outer = w->ctx;
	const char *self = mem_textn(outer, at, len), *name = mem_textn(outer, at, strcspn(self, "="));

	for (int k = 0; k < 2; k++)
		for (const char *const *odd = k ? broken : body_escaped; *odd; odd++) {
			w->ctx = talloc_new(outer);
			give_field(w, *odd, good, at, len, name, mem_printf(w->ctx, "%s=%s", name, *odd));
			talloc_free(w->ctx);
		}
	w->ctx = talloc_new(outer);
	give_field(w, "left out", good, at, len, name, "");
	give_field(w, "twice", good, at, len, name, mem_printf(w->ctx, "%s&%s", self, self));
	give_field(w, "another one first", good, at, len, name, mem_printf(w->ctx, "%s=another&%s", name, self));
	give_field(w, "another one behind it", good, at, len, name, mem_printf(w->ctx, "%s&%s=another", self, name));
	give_field(w, "without a value", good, at, len, name, name);
	give_field(w, "a thousand times", good, at, len, name, repeated(w->ctx, mem_printf(w->ctx, "%s&", self), "x=1", "", 1000));
	give_field(w, "a long text", good, at, len, name, mem_printf(w->ctx, "%s=%s", name, repeated(w->ctx, "a", "", "", LONG)));
	give_field(w, "ten thousand bytes", good, at, len, name, mem_printf(w->ctx, "%s=%s", name, repeated(w->ctx, "a", "", "", 10000)));
	give_field(w, "lines", good, at, len, name, mem_printf(w->ctx, "%s=%s", name, repeated(w->ctx, "a%0d%0a", "", "", 500)));
	talloc_free(w->ctx);
	w->ctx = outer;
}

void
bodies_form(const char *good, body_take *take, void *arg)
{
	static const char *const others[] = { "", "&", "&&&", "=", "=x", "%", "%00", "\xff", "{}", "nobody=knows", NULL };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct walk w = { ctx, NULL, false, take, arg };

	for (size_t i = 0; others[i]; i++)
		give_text(&w, others[i], others[i]);
	give_text(&w, "five thousand fields", repeated(ctx, "a=1&", "", "", 5000));
	give_text(&w, "an unknown field besides", mem_printf(ctx, "%s&nobody=knows", good));
	for (size_t i = 0; i < CUTS && *good; i++)
		give(&w, mem_printf(ctx, "its first %zu bytes", strlen(good) * i / CUTS), "", false, false,
		     (struct bytes){ good, strlen(good) * i / CUTS });
	for (const char *at = good; *at; at += strcspn(at, "&"), at += *at == '&')
		turn_field(&w, good, at, strcspn(at, "&"));
}

/* ---- bytes ---- */

static unsigned
dice(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 8) % n;
}

void
bodies_bytes(struct bytes good, unsigned seed, body_take *take, void *arg)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct walk w = { ctx, NULL, false, take, arg };
	char *text = mem_size(ctx, good.len + 1000);

	for (size_t i = 0; i < CUTS; i++)
		give(&w, mem_printf(ctx, "its first %zu bytes", good.len * i / CUTS), "", false, false, (struct bytes){ good.p, good.len * i / CUTS });
	memset(text, 0, good.len + 1000);
	memcpy(text, good.p, good.len);
	give(&w, "a NUL behind it", "", false, false, (struct bytes){ text, good.len + 1 });
	give(&w, "a thousand NUL behind it", "", false, false, (struct bytes){ text, good.len + 1000 });
	for (int i = 0; good.len && i < 60; i++) {
		memcpy(text, good.p, good.len);
		for (unsigned k = 0, n = 1 + dice(&seed, 4); k < n; k++)
			text[dice(&seed, (unsigned)good.len)] = (char)dice(&seed, 256);
		give(&w, mem_printf(ctx, "turned bytes, %d", i), "", false, false, (struct bytes){ text, good.len });
	}
}
