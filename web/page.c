/*
 * Pages are the templates of web/pages for each language of web/words.  Everything is compiled at
 * start, so a page that cannot be compiled is a program that does not start; but only English is kept, and
 * another language is there when its first reader is: six of them are most of a server's memory at rest.
 *
 * The glyphs of a page: {{>sprite}} holds exactly the symbols of _glyphs.html that the page and its
 * parts refer to by href="#...".
 */
#include "web/page.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "core/embed.h"
#include "core/file.h"
#include "core/json.h"

#define PAGES_DIR	"web/pages/"
#define WORDS_DIR	"web/words/"
#define PAGE_NAME_MAX	40
#define WORD_KEY_MAX	64
#define PART_DEPTH_MAX	8	/* parts inside each other, when looking for glyphs */

bool page_strict;
const char *const page_languages[] = { "en", "de", "fr", "es", "ja", "zh-Hans", NULL };
#define LANGUAGES	(sizeof page_languages / sizeof *page_languages - 1)

struct page {
	const char *name;	/* "app"; "_head" for the part {{>head}} */
	char *text;		/* with its words */
	struct template *template;
	struct template *sprite;	/* of a whole page */
};

/* Everything in one language. */
struct tongue {
	const char *language;
	json_t *words;
	struct page *pages;	/* parts too, by name */
	size_t pages_n;
};

struct pages {
	const char *dev_dir;
	pthread_mutex_t lock;			/* of who opens one more */
	_Atomic(struct tongue *) tongues[LANGUAGES];	/* NULL: nobody has asked for it */
	pages_add *add;
};

/* ---- reading ---- */

/* web/pages/x.html of the program, or of the directory that is being worked in. */
static bool
read_source(TALLOC_CTX *ctx, const char *dev_dir, const char *path, struct bytes *ret, struct err *err)
{
	if (!dev_dir)
		return embed_find(path, ret) || err_set(err, ERR_INTERNAL, "%s is not part of the program", path);
	return file_read(ctx, mem_printf(ctx, "%s/%s", dev_dir, path), TEMPLATE_TEXT_MAX, ret, err);
}

static bool
read_words(struct tongue *tongue, const char *dev_dir, struct err *err)
{
	char *path = mem_printf(tongue, WORDS_DIR "%s.json", tongue->language);
	struct bytes bytes;
	json_error_t why;

	if (!read_source(tongue, dev_dir, path, &bytes, err))
		return false;
	tongue->words = json_hold(tongue, json_loadb(bytes.p, bytes.len, JSON_REJECT_DUPLICATES, &why));
	if (!json_is_object(tongue->words))
		return err_set(err, ERR_INTERNAL, "%s:%d: %s", path, why.line, why.text);
	return true;
}

static const char *
word(const struct tongue *tongue, const char *key)
{
	return json_string_value(json_object_get(tongue->words, key));
}

/* Plain words become page text: markup is escaped, {{names}} stay. */
static void
add_word(struct buf *out, const char *text)
{
	while (*text) {
		const char *open = strstr(text, "{{"), *close = open ? strstr(open, "}}") : NULL;
		size_t plain = close ? (size_t)(open - text) : strlen(text);

		buf_html(out, text, plain);
		text += plain;
		if (close) {
			buf_add(out, text, (size_t)(close + 2 - text));
			text = close + 2;
		}
	}
}

/* {{word:key}} by the words of this language. */
static bool
put_words(const struct tongue *tongue, const char *name, struct bytes text, struct buf *out, struct err *err)
{
	static const char open[] = "{{word:";
	const char *p = text.p, *to = p + text.len, *at;

	while ((at = memmem(p, (size_t)(to - p), open, sizeof open - 1)) != NULL) {
		const char *key = at + sizeof open - 1, *close = memmem(key, (size_t)(to - key), "}}", 2);
		char name_of[WORD_KEY_MAX];
		const char *words;

		if (!close || close - key >= WORD_KEY_MAX)
			return err_set(err, ERR_INTERNAL, "page %s: {{word: is not closed", name);
		memcpy(name_of, key, (size_t)(close - key));
		name_of[close - key] = '\0';
		words = word(tongue, name_of);
		if (!words)
			return err_set(err, ERR_INTERNAL, "page %s: no word \"%s\" in %s", name, name_of,
				       tongue->language);
		buf_add(out, p, (size_t)(at - p));
		add_word(out, words);
		p = close + 2;
	}
	buf_add(out, p, (size_t)(to - p));
	return buf_ok(out, err);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct page *)a)->name, ((const struct page *)b)->name);
}

static const struct page *
find(const struct tongue *tongue, const char *name)
{
	const struct page key = { .name = name };

	return bsearch(&key, tongue->pages, tongue->pages_n, sizeof key, by_name);
}

static const struct page *
find_part(const struct tongue *tongue, const char *name, size_t len)
{
	char file[PAGE_NAME_MAX];

	if (len + 2 > sizeof file)
		return NULL;
	snprintf(file, sizeof file, "_%.*s", (int)len, name);
	return find(tongue, file);
}

/* One page: its words put in and compiled. */
static bool
read_page(struct tongue *tongue, const char *dev_dir, const char *path, struct err *err)
{
	const char *file = path + strlen(PAGES_DIR), *dot = strrchr(file, '.');
	struct page page = { 0 };
	struct bytes source;
	struct buf text;
	const char *p;

	if (!dot || strcmp(dot, ".html") != 0 || (size_t)(dot - file) >= PAGE_NAME_MAX)
		return err_set(err, ERR_INTERNAL, "%s: a page is called name.html", path);
	page.name = mem_textn(tongue, file, (size_t)(dot - file));
	buf_init(&text, tongue, TEMPLATE_TEXT_MAX);
	if (!read_source(tongue, dev_dir, path, &source, err))
		return false;
	/* A part may stand inside a line: the newline at its end belongs to the file. */
	p = source.p;
	if (*page.name == '_' && source.len && p[source.len - 1] == '\n')
		source.len--;
	if (!put_words(tongue, page.name, source, &text, err) ||
	    !template_compile(tongue, page.name, (struct bytes){ buf_str(&text), text.len }, &page.template, err))
		return false;
	page.text = text.p;
	tongue->pages = mem_grow(tongue, tongue->pages, struct page, tongue->pages_n + 1);
	tongue->pages[tongue->pages_n++] = page;
	return true;
}

/* ---- glyphs ---- */

/* The text of a page and, inside it, of its parts. */
static void
add_reach(const struct tongue *tongue, const struct page *page, struct buf *out, int depth)
{
	if (!page || !page->text || depth == PART_DEPTH_MAX)
		return;
	buf_text(out, page->text);
	for (const char *p = page->text; (p = strstr(p, "{{>")) != NULL;) {
		p += 3;
		add_reach(tongue, find_part(tongue, p, strcspn(p, "}")), out, depth + 1);
	}
}

static bool
make_sprite(struct tongue *tongue, struct page *page, struct err *err)
{
	const struct page *glyphs = find(tongue, "_glyphs");
	struct buf reach, text;
	bool ok;

	buf_init(&reach, tongue, TEMPLATE_TEXT_MAX * PART_DEPTH_MAX);
	buf_init(&text, tongue, TEMPLATE_TEXT_MAX);
	add_reach(tongue, page, &reach, 0);
	for (const char *line = glyphs ? glyphs->text : ""; line && *line;) {
		const char *end = strchrnul(line, '\n'), *id = strstr(line, "id=\"");
		char href[PAGE_NAME_MAX];

		if (id && id < end) {
			id += strlen("id=\"");
			snprintf(href, sizeof href, "href=\"#%.*s\"", (int)strcspn(id, "\""), id);
			if (strstr(buf_str(&reach), href))
				buf_add(&text, line, (size_t)(end - line));
		}
		line = *end ? end + 1 : end;
	}
	talloc_free(reach.p);
	ok = buf_ok(&text, err) && template_compile(tongue, "sprite", (struct bytes){ buf_str(&text), text.len },
						    &page->sprite, err);
	talloc_free(text.p);
	return ok;
}

static bool
open_tongue(TALLOC_CTX *ctx, const char *dev_dir, const char *language, struct tongue **ret, struct err *err)
{
	struct tongue *tongue = mem_new(ctx, struct tongue);

	tongue->language = language;
	if (!read_words(tongue, dev_dir, err))
		return false;
	for (const struct embed *e = NULL; (e = embed_under(PAGES_DIR, e)) != NULL;)
		if (!read_page(tongue, dev_dir, e->path, err))
			return false;
	qsort(tongue->pages, tongue->pages_n, sizeof *tongue->pages, by_name);
	for (size_t i = 0; i < tongue->pages_n; i++) {
		struct page *page = &tongue->pages[i];

		if (*page->name != '_' && !make_sprite(tongue, page, err))
			return false;
	}
	for (size_t i = 0; i < tongue->pages_n; i++) {	/* the templates have their own */
		talloc_free(tongue->pages[i].text);
		tongue->pages[i].text = NULL;
	}
	*ret = tongue;
	return true;
}

static int
close_pages(struct pages *pages)
{
	pthread_mutex_destroy(&pages->lock);
	return 0;
}

bool
pages_open(TALLOC_CTX *ctx, const char *dev_dir, struct pages **ret, struct err *err)
{
	struct pages *pages = mem_new(ctx, struct pages);
	struct tongue *tongue;

	pages->dev_dir = mem_text(pages, dev_dir);
	pthread_mutex_init(&pages->lock, NULL);
	talloc_set_destructor(pages, close_pages);
	for (size_t i = 0; i < LANGUAGES; i++) {
		if (!open_tongue(pages, dev_dir, page_languages[i], &tongue, err)) {
			talloc_free(pages);
			return false;
		}
		if (i == 0)
			pages->tongues[0] = tongue;
		else
			talloc_free(tongue);
	}
	*ret = pages;
	return true;
}

void
pages_everywhere(struct pages *pages, pages_add *add)
{
	pages->add = add;
}

/* ---- rendering ---- */

/* It could be opened at start; where files are being worked on it may not now, and English is there. */
static const struct tongue *
learn(struct pages *pages, size_t i)
{
	struct tongue *tongue = NULL;
	struct err err;

	pthread_mutex_lock(&pages->lock);
	if (!pages->tongues[i] && open_tongue(pages, pages->dev_dir, page_languages[i], &tongue, &err))
		pages->tongues[i] = tongue;
	pthread_mutex_unlock(&pages->lock);
	return pages->tongues[i] ? pages->tongues[i] : pages->tongues[0];
}

/* One of ours, whatever was asked for. */
static const struct tongue *
speak(struct pages *pages, const char *language)
{
	for (size_t i = 0; language && i < LANGUAGES; i++)
		if (strcmp(page_languages[i], language) == 0)
			return pages->tongues[i] ? pages->tongues[i] : learn(pages, i);
	return pages->tongues[0];
}

const char *
pages_word(struct pages *pages, const char *language, const char *key)
{
	return word(speak(pages, language), key);
}

struct reach {
	const struct tongue *tongue;
	const struct page *page;
};

static const struct template *
page_part(const void *parts, const char *name)
{
	const struct reach *reach = parts;
	const struct page *part;

	if (strcmp(name, "sprite") == 0)
		return reach->page->sprite;
	part = find_part(reach->tongue, name, strlen(name));
	return part ? part->template : NULL;
}

/*
 * What a template may ask wherever it is: {{#page.upload}} and {{language}}.  Made for each answer: kept for each
 * page it would be as large as all pages together.
 */
static json_t *
make_frame(const struct tongue *tongue, const struct page *page)
{
	json_t *names = json_object();

	for (size_t i = 0; i < tongue->pages_n; i++)
		if (*tongue->pages[i].name != '_')
			json_object_set_new_nocheck(names, tongue->pages[i].name, json_boolean(&tongue->pages[i] == page));
	return json_pack("{s:o, s:s}", "page", names, "language", tongue->language);
}

static bool
render(struct pages *pages, const char *name, const char *language, const json_t *everywhere,
       const json_t *data, struct buf *out, struct err *err)
{
	SCOPED(mem) void *fresh = NULL;
	const struct tongue *tongue = speak(pages, language);
	struct tongue *now;
	struct reach reach;
	const json_t *frames[3];
	json_t *frame;
	bool ok;
	struct template_view view = { .frames = frames, .part = page_part, .parts = &reach,
				      .strict = page_strict };

	if (pages->dev_dir) {
		fresh = talloc_named_const(NULL, 0, "pages being worked on");
		if (!open_tongue(fresh, pages->dev_dir, tongue->language, &now, err))
			return false;
		tongue = now;
	}
	reach = (struct reach){ tongue, find(tongue, name) };
	if (!reach.page || *name == '_')
		return err_set(err, ERR_INTERNAL, "no page %s", name);
	frames[view.frames_n++] = frame = make_frame(tongue, reach.page);
	if (everywhere)
		frames[view.frames_n++] = everywhere;
	frames[view.frames_n++] = data;
	ok = template_render(reach.page->template, &view, out, err);
	json_decref(frame);
	return ok;
}

bool
page_render(struct pages *pages, const char *page, const char *language, json_t *data, struct buf *out,
	    struct err *err)
{
	return render(pages, page, language, NULL, data, out, err);
}

/* The parts of page_render_text: name -> text, compiled when first asked for. */
struct text_parts {
	TALLOC_CTX *ctx;
	json_t *texts;
};

static const struct template *
text_part(const void *parts, const char *name)
{
	const struct text_parts *p = parts;
	const char *text = json_string_value(json_object_get(p->texts, name));
	struct template *template;
	struct err err;

	if (!text || !template_compile(p->ctx, name, (struct bytes){ text, strlen(text) }, &template, &err))
		return NULL;
	return template;
}

bool
page_render_text(TALLOC_CTX *ctx, const char *text, json_t *data, json_t *parts, struct buf *out, struct err *err)
{
	const json_t *const frames[] = { data };
	const struct text_parts texts = { ctx, parts };
	const struct template_view view = { .frames = frames, .frames_n = 1, .part = text_part,
					    .parts = &texts, .strict = page_strict };
	struct template *template;

	return template_compile(ctx, "text", (struct bytes){ text, strlen(text) }, &template, err) &&
	       template_render(template, &view, out, err);
}

/* ---- replies ---- */

/* What every page needs, with the least that makes sense where nobody says more. */
static json_t *
make_everywhere(const struct pages *pages, struct req *req)
{
	json_t *all = json_pack("{s:{s:s, s:n}, s:n, s:s, s:[], s:s, s:s, s:s, s:s, s:s}", "company", "name", "Pomona",
				"logo_url", "person", "csrf", req->session_csrf ? req->session_csrf : "",
				"seams", "path", req->path ? req->path : "/", "version", POMONA_VERSION,
				"assets", "/assets", "home", "/", "manifest_url", "/manifest.webmanifest");

	if (all && pages->add)
		pages->add(req, all);
	return all;
}

bool
reply_page_status(struct reply *reply, struct req *req, int status, const char *page, json_t *data,
		  struct err *err)
{
	struct pages *pages = site_pages(req->site);
	json_t *everywhere;
	struct buf out;
	bool ok;

	if (!req->browser)
		return reply_json(reply, status, data);
	everywhere = make_everywhere(pages, req);
	buf_init(&out, req, PAGE_OUTPUT_MAX);
	ok = render(pages, page, req->language, everywhere, data, &out, err) &&
	     reply_text(reply, status, "text/html; charset=utf-8", buf_str(&out));
	json_decref(everywhere);
	json_decref(data);
	return ok;
}

bool
reply_page(struct reply *reply, struct req *req, const char *page, json_t *data, struct err *err)
{
	return reply_page_status(reply, req, 200, page, data, err);
}
