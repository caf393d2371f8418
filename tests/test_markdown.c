/* Release notes: what people write comes out as they meant it, and nothing else ever does. */
#include "tests/check.h"
#include <jansson.h>
#include <time.h>
#include "tests/check_pages.h"
#include "web/markdown.h"

static char *
part(TALLOC_CTX *ctx, const char *name)
{
	struct bytes file = test_file(ctx, mem_printf(ctx, "web/pages/_%s.html", name));

	return mem_textn(ctx, file.p, file.len - 1);
}

/* As the pages show it, on one line. */
static const char *
shown(TALLOC_CTX *ctx, const char *markdown)
{
	struct err err = { 0 };
	struct buf out;
	json_t *blocks, *data, *parts;
	char *end;

	assert_ok(markdown_blocks((struct bytes){ markdown, strlen(markdown) }, &blocks, &err), &err);
	data = json_pack("{s:o}", "notes", blocks);
	parts = json_pack("{s:s, s:s, s:s}", "notes", part(ctx, "notes"), "inline", part(ctx, "inline"), "run",
			  part(ctx, "run"));
	buf_init(&out, ctx, 1 << 22);
	page_strict = true;
	assert_ok(page_render_text(ctx, "{{>notes}}", data, parts, &out, &err), &err);
	page_strict = false;
	json_decref(data);
	json_decref(parts);
	buf_text(&out, "");
	end = out.p;
	for (const char *p = out.p; *p; p++)	/* the template's own line ends say nothing */
		if (*p != '\n')
			*end++ = *p;
	*end = '\0';
	return out.p;
}

#define A	"\" rel=\"nofollow noopener\">"

static void
what_people_write_is_what_they_see(void **state)
{
	static const struct {
		const char *markdown, *html;
	} cases[] = {
		{ "", "" },
		{ "Fixed a crash.", "<p>Fixed a crash.</p>" },
		{ "Fixed this\nFixed that", "<p>Fixed this<br>Fixed that</p>" },
		{ "one\r\n\r\ntwo", "<p>one</p><p>two</p>" },
		{ "# New\n## Also ##\n#not", "<h3>New</h3><h3>Also</h3><p>#not</p>" },
		{ "# C#", "<h3>C#</h3>" },
		{ "- a\n* b\n+ c", "<ul class=\"bullets\" role=\"list\"><li>a</li><li>b</li><li>c</li></ul>" },
		{ "- a\n  goes on\n\n1. b\n2) c", "<ul class=\"bullets\" role=\"list\"><li>a goes on</li></ul>"
						    "<ol class=\"numbers\"><li>b</li><li>c</li></ol>" },
		{ "1.5 is out", "<p>1.5 is out</p>" },
		{ "> said\n> so", "<blockquote>said<br>so</blockquote>" },
		{ "a\n---\nb", "<p>a</p><p>b</p>" },
		{ "```sh\nx < *y*\n  z\n```\nafter",
		  "<pre tabindex=\"0\"><code>x &lt; *y*  z</code></pre><p>after</p>" },
		{ "**bold** and *soft* and __bold__ and _soft_",
		  "<p><strong>bold</strong> and <em>soft</em> and <strong>bold</strong> and <em>soft</em></p>" },
		{ "snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>" },
		{ "**never closed", "<p>**never closed</p>" },
		{ "**a *b** c*", "<p><strong>a </strong><strong><em>b</em></strong><em> c</em></p>" },
		{ "`a*b*` and ``x`y``", "<p><code>a*b*</code> and <code>x`y</code></p>" },
		{ "`never closed", "<p>`never closed</p>" },
		{ "\\*not\\*", "<p>*not*</p>" },
		{ "[the **book**](https://example.com/a?b=1&c=2)",
		  "<p><a href=\"https://example.com/a?b=1&amp;c=2" A "the <strong>book</strong></a></p>" },
		{ "See https://example.com/x.", "<p>See <a href=\"https://example.com/x" A "https://example.com/x</a>.</p>" },
		{ "<mailto:qa@example.com>", "<p><a href=\"mailto:qa@example.com" A "mailto:qa@example.com</a></p>" },
		{ "(https://example.com/a_b_c)", "<p>(<a href=\"https://example.com/a_b_c" A "https://example.com/a_b_c</a>)</p>" },
		{ "[x](https://example.com/a_(b))", "<p><a href=\"https://example.com/a_(b)" A "x</a></p>" },
		{ "日本語の**太字**です", "<p>日本語の<strong>太字</strong>です</p>" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(shown(*state, cases[i].markdown), cases[i].html);
}

static void
nothing_in_it_is_ever_markup_or_a_dangerous_address(void **state)
{
	static const char *const cases[] = {
		"<script>alert(1)</script>",
		"<img src=x onerror=alert(1)>",
		"[x](javascript:alert(1))",
		"[x](JaVaScRiPt:alert(1))",
		"[x](data:text/html,<script>)",
		"[x](https://example.com\" onclick=\"alert(1))",
		"[x](https://example.com\n onclick=alert(1))",
		"[x](//example.com)",
		"<https://example.com/\"><script>",
		"```\n</code></pre><script>\n```",
		"# <script>",
		"- <script>",
		"![x](file:///etc/passwd)",
		"[x](\x01javascript:alert(1))",
		"{{csrf}} {{>console}}",
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *html = shown(*state, cases[i]);

		assert_null(strstr(html, "<script"));
		assert_null(strstr(html, "<img"));
		for (const char *p = html; (p = strstr(p, "href=\"")) != NULL; p++)
			assert_memory_equal(p, "href=\"https://", 14);
		assert_null(strstr(html, " onclick=\""));
		print_message("  %s\n", html);
	}
	assert_non_null(strstr(shown(*state, "{{csrf}}"), "{{csrf}}"));
}

/* What a hostile text must not do: take long, nest deep or grow large. */
static void
the_worst_text_takes_no_longer_than_any_other(void **state)
{
	static const char *const units[] = { "**a ", "*a **b _c __d ", "[", "[x](", "[x](https://e/", "`", "` ``",
					     "<", "<h", "h(", "https://", "\\", "- ", "> ", "#", "\n\n", "a\n", "~~~\n",
					     "_", "*", "1." };

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		TALLOC_CTX *ctx = talloc_new(*state);
		char *text = mem_size(ctx, MARKDOWN_MAX);
		struct err err = { 0 };
		clock_t from = clock();
		json_t *blocks;

		for (size_t at = 0; at < MARKDOWN_MAX; at++)
			text[at] = units[i][at % strlen(units[i])];
		assert_ok(markdown_blocks((struct bytes){ text, MARKDOWN_MAX }, &blocks, &err), &err);
		assert_true(json_array_size(blocks) <= MARKDOWN_BLOCKS_MAX + 1);
		json_decref(blocks);
		if (clock() - from > 3 * CLOCKS_PER_SEC)
			fail_msg("\"%s\" took %ld ms", units[i], (long)(clock() - from) * 1000 / CLOCKS_PER_SEC);
		talloc_free(ctx);
	}
}

static void
what_is_too_long_or_no_text_is_refused(void **state)
{
	struct err err = { 0 };
	json_t *blocks;
	char *text = mem_size(*state, MARKDOWN_MAX + 1);

	memset(text, 'x', MARKDOWN_MAX + 1);
	assert_false(markdown_blocks((struct bytes){ text, MARKDOWN_MAX + 1 }, &blocks, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_false(markdown_blocks((struct bytes){ "\xff\xfe", 2 }, &blocks, &err));
	assert_int_equal(err.kind, ERR_INVALID);
}

TESTS(what_people_write_is_what_they_see, nothing_in_it_is_ever_markup_or_a_dangerous_address,
      the_worst_text_takes_no_longer_than_any_other, what_is_too_long_or_no_text_is_refused)
