#pragma once
/*
 * page - HTML for people, from the json_t that a program would get.
 *
 * A page is a template (web/template.h says the syntax) in web/pages, its parts are the files that
 * begin with `_` there, and its words are in web/words, one file a language: {{word:key}} is replaced
 * by the words of a language before anything else, each page is compiled once for each language.  Words are templates themselves ("Needs iOS {{minimum_os}} or later") and plain text: a
 * markup character in them is escaped.  docs/pages.md says what each page wants to be told.
 *
 * A handler builds one json_t; reply_page answers it as JSON to a program and as the page to a
 * browser.  A `struct pages` serves every thread.
 */
#include "web/http.h"
#include "web/template.h"

#define PAGE_OUTPUT_MAX		(2u << 20)	/* bytes of a rendered page */
#define PAGE_ACCEPT_MAX		512		/* bytes of Accept-Language that are looked at */

struct pages;

/* Compiles every page of the program (or of `dev_dir`, read at each use) for every language. */
bool pages_open(TALLOC_CTX *ctx, const char *dev_dir, struct pages **ret, struct err *err) CHECKED;
bool page_render(struct pages *pages, const char *page, const char *language, json_t *data,
		 struct buf *out, struct err *err) CHECKED;
bool page_render_text(TALLOC_CTX *ctx, const char *text, json_t *data, json_t *parts, struct buf *out,
		      struct err *err) CHECKED;	/* for the specification's cases */
extern bool page_strict;	/* for tests: a name nobody set is an error */

/* ---- words ---- */
extern const char *const page_languages[];	/* "en" first, ends with NULL */
const char *pages_language(const char *accept_language);	/* the best of ours, "en" else */
const char *pages_word(struct pages *pages, const char *language, const char *key);	/* NULL: none */

/* The words with their values, as plain text: for the fields of a page, for mail and messages. */
char *page_say(TALLOC_CTX *ctx, struct pages *pages, const char *language, const char *key, json_t *data);

/*
 * Pairs {"iso", "text"} as people of that language write it: "22 November 2026", and with the
 * minute (UTC; a browser with scripts shows its own time): "22 November 2026, 02:46 UTC".
 */
json_t *page_date(const char *language, time_t at);
json_t *page_moment(const char *language, time_t at);
char *page_size(TALLOC_CTX *ctx, const char *language, int64_t bytes);	/* "1.2 GB", "1,2 Go" */

/* ---- pieces that several pages show ---- */

/* {status, code, title, text, next, request_id} of a refusal, in words: what page "error" wants. */
json_t *page_problem(struct pages *pages, const char *language, const struct err *err, const char *request_id);

/* Verdict reasons [{code, level, text}] with a "title" in the reader's language. */
json_t *page_reasons(struct pages *pages, const char *language, const json_t *reasons);

/* An install's events [{at, kind, detail}] (docs/publishing.md) as the steps of a timeline. */
json_t *page_steps(const char *language, const json_t *events);

/* ---- replies ---- */

/*
 * Takes the reference of `data`.  To a browser: the page, with what every page needs added (company,
 * person, csrf, language, path, seams, version, assets); names in `data` win.  Else `data` as JSON.
 */
bool reply_page(struct reply *reply, struct req *req, const char *page, json_t *data, struct err *err);
bool reply_page_status(struct reply *reply, struct req *req, int status, const char *page, json_t *data,
		       struct err *err);

/* Called for every page of a browser, to set company, person, seams and assets of `data`. */
typedef void pages_add(struct req *req, json_t *data);
void pages_everywhere(struct pages *pages, pages_add *add);

struct pages *site_pages(struct site *site);	/* defined by web/site.c */
