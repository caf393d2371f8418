#include "web/mail_page.h"
#include "catalog/message.h"
#include "web/look.h"
#include "web/rooms.h"
#include <string.h>

/* The lines of a paragraph: HTML has no other way to end one. */
static json_t *
lines_of(const char *paragraph)
{
	json_t *lines = json_array();

	for (const char *line = paragraph;; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\n");

		json_array_append_new(lines, json_pack("{s:o, s:b}", "line", json_stringn(line, len),
						       "more", line[len] != '\0'));
		if (!line[len])
			return lines;
	}
}

static json_t *
data_of(struct site *site, const struct mail_notice *n, const struct look *look)
{
	json_t *paragraphs = json_array();

	for (int i = 0; n->paragraphs[i] && i < MAIL_PARAGRAPHS_MAX; i++)
		json_array_append_new(paragraphs, json_pack("{s:o}", "lines", lines_of(n->paragraphs[i])));
	return json_pack("{s:{s:s}, s:s, s:o, s:o, s:b, s:s?, s:{s:s, s:s}, s:{s:s, s:s}}", "company",
			 "name", site_name(site),
		"title", n->title, "paragraphs", paragraphs,
		"button", n->button && n->url ? json_pack("{s:s, s:s}", "label", n->button, "url",
							  n->url) : json_null(),
		"qr", n->qr, "footer", n->footer,
		"light", "fill", look->light.accent_fill, "on", look->light.on_accent,
		"dark", "fill", look->dark.accent_fill, "on", look->dark.on_accent);
}

static void
write_text(struct site *site, const struct mail_notice *n, struct buf *out)
{
	buf_addf(out, "%s\n", n->title);
	for (int i = 0; n->paragraphs[i] && i < MAIL_PARAGRAPHS_MAX; i++)
		buf_addf(out, "\n%s\n", n->paragraphs[i]);
	if (n->button && n->url)
		buf_addf(out, "\n%s:\n%s\n", n->button, n->url);
	buf_addf(out, "\n-- \n%s\n", site_name(site));	/* the sign that mail programs know */
	if (n->footer)
		buf_addf(out, "%s\n", n->footer);
}

bool
mail_page(TALLOC_CTX *ctx, struct site *site, const struct mail_notice *notice, char **html,
	  char **text, struct err *err)
{
	struct buf page, plain;
	struct look look;
	json_t *data;
	bool ok;

	if (!look_from(site_accent(site), &look, err))
		return false;
	data = data_of(site, notice, &look);
	if (!data)
		return err_set(err, ERR_INVALID, "the words of a mail are no UTF-8");
	buf_init(&page, ctx, MESSAGE_TEXT_MAX);
	buf_init(&plain, ctx, MESSAGE_TEXT_MAX);
	write_text(site, notice, &plain);
	ok = page_render(site->pages, "mail", notice->language, data, &page, err) &&
		buf_ok(&page, err) && buf_ok(&plain, err);
	json_decref(data);
	*html = page.p;
	*text = plain.p;
	return ok || err_at(err, "mail");
}
