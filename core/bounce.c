#include "core/bounce.h"
#include <string.h>
#include <strings.h>
#include "core/text.h"

#define LINE_MAX_ 2000	/* bytes of a header with its continuations that are looked at */

/* One header line with what is folded below it, as text; *at goes behind it.  False at the end. */
static bool
next_line(struct bytes mail, size_t *at, char line[LINE_MAX_])
{
	const char *p = mail.p;
	size_t n = 0;

	if (*at >= mail.len)
		return false;
	do {
		const char *end = memchr(p + *at, '\n', mail.len - *at);
		size_t len = end ? (size_t)(end - p) - *at : mail.len - *at;

		for (size_t i = 0; i < len && n < LINE_MAX_ - 1; i++) {
			unsigned char c = (unsigned char)p[*at + i];

			if (c != '\r')
				line[n++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
		}
		*at += len + (end != NULL);
	} while (n > 0 && *at < mail.len && (p[*at] == ' ' || p[*at] == '\t'));
	line[n] = '\0';
	return true;
}

static const char *
value_of(const char *line, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(line, name, len) != 0 || line[len] != ':')
		return NULL;
	return line + len + 1 + strspn(line + len + 1, " ");
}

/* "<k3j2@apps.example.com>": what is ours of it. */
static const char *
id_of(TALLOC_CTX *ctx, const char *value)
{
	size_t len = strspn(value + 1, "abcdefghijklmnopqrstuvwxyz0123456789");

	return *value == '<' && len && value[len + 1] == '@' ? mem_textn(ctx, value + 1, len) : NULL;
}

bool
bounce_read(TALLOC_CTX *ctx, struct bytes mail, struct bounce *ret, struct err *err)
{
	char line[LINE_MAX_];
	const char *status = NULL, *code = NULL, *action = NULL, *value;
	bool head = true;
	size_t at = 0;

	*ret = (struct bounce){ 0 };
	while (next_line(mail, &at, line)) {
		if (!*line)
			head = false;	/* the notice's own head is over, and with it its own Message-ID */
		if (head)
			continue;
		if (!action && (value = value_of(line, "Action")))
			action = mem_text(ctx, value);
		else if (!status && (value = value_of(line, "Status")))
			status = mem_text(ctx, value);
		else if (!code && (value = value_of(line, "Diagnostic-Code")))
			code = mem_text(ctx, strncasecmp(value, "smtp;", 5) == 0
					? value + 5 + strspn(value + 5, " ") : value);
		else if (!ret->message && (value = value_of(line, "Message-ID")))
			ret->message = id_of(ctx, value);
	}
	if (!action || !ret->message)
		return err_set(err, ERR_INVALID, "this is no notice of a mail server (RFC 3464) about a mail of ours");
	ret->failed = strncasecmp(action, "failed", 6) == 0;
	ret->why = code && *code ? code : status && *status ? status : "without a reason";
	ret->why = text_valid(ret->why, strlen(ret->why)) ? text_cut(ctx, ret->why, BOUNCE_WHY_MAX)
							  : "without readable words";
	return true;
}
