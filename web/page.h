#pragma once
/*
 * page - HTML from a small logic-less template over one json_t.
 *
 * The mustache subset: {{name}} and {{a.b}} (always escaped), {{#list}}..{{/list}}, {{^not}}..,
 * {{>part}}, {{.}}, {{! comment}}; no unescaped form, no lambdas, no set delimiters.  An unknown name
 * is an error in tests (page_strict) and empty otherwise.  {{word:key}} is replaced by the words of a
 * language before anything else: each page is compiled once for each language, at start.
 *
 * A handler builds one json_t; reply_page answers it as JSON to a program and as the page to a browser.
 */
#include "web/http.h"
#include "core/buf.h"

struct pages;

/* Compiles every page of the program (or of `dev_dir`, read at each use) for every language. */
bool pages_open(TALLOC_CTX *ctx, const char *dev_dir, struct pages **ret, struct err *err) CHECKED;
bool page_render(struct pages *pages, const char *page, const char *language, json_t *data,
		 struct buf *out, struct err *err) CHECKED;
bool page_render_text(TALLOC_CTX *ctx, const char *text, json_t *data, json_t *parts, struct buf *out,
		      struct err *err) CHECKED;	/* for the specification's cases */
const char *pages_word(struct pages *pages, const char *language, const char *key);	/* NULL: none */
const char *pages_language(const char *accept_language);	/* the best of ours, "en" else */
extern bool page_strict;

/* Takes the reference of `data`.  Adds what every page needs (company, person, csrf, language). */
bool reply_page(struct reply *reply, struct req *req, const char *page, json_t *data, struct err *err);
