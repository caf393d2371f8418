/*
 * A message's bytes.  What is not plain ASCII goes into encoded words in headers and quoted-printable in
 * bodies, so every line is short and 7 bits, and nothing in a value can end a line.
 *
 *	text					text/plain
 *	text and HTML				multipart/alternative
 *	text and HTML with a QR code		multipart/alternative { text, multipart/related { HTML, PNG } }
 */
#include "core/mail.h"
#include <string.h>
#include "core/clock.h"
#include "core/text.h"

#define LINE_MAX_	76	/* of quoted-printable and base64, without its end */
#define WORD_BYTES	45	/* in one encoded word: 60 characters of base64 */
#define PLAIN_MAX	60	/* bytes of a header's value that stand as they are */
#define LOCAL_MAX	64
#define URL_MAX_	900	/* bytes of an address in a header: a line has 998 */
#define NAME_MAX_	200

/* ---- addresses ---- */

static bool
is_local(const char *p, size_t len)
{
	static const char atoms[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.";

	return len > 0 && len <= LOCAL_MAX && strspn(p, atoms) >= len && p[0] != '.' && p[len - 1] != '.' &&
	       !memmem(p, len, "..", 2);
}

static bool
is_domain(const char *p)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

	for (;; p++) {
		size_t len = strspn(p, letters);

		if (len == 0 || len > 63 || p[0] == '-' || p[len - 1] == '-')
			return false;
		p += len;
		if (*p != '.')
			return !*p;
	}
}

static bool
check_spec(const char *spec, struct err *err)
{
	const char *at = strrchr(spec, '@');

	for (const char *c = spec; *c; c++)
		if ((unsigned char)*c >= 0x80)
			return err_code(err, ERR_INVALID, "bad_address",
					"%.100s has letters that not every mail server "
					"takes; write a domain in its xn-- form", spec);
	if (strlen(spec) > MAIL_ADDRESS_MAX || !at || !is_local(spec, (size_t)(at - spec)) ||
	    !is_domain(at + 1))
		return err_code(err, ERR_INVALID, "bad_address", "\"%.100s\" is no mail address such as "
				"anna@example.com", spec);
	return true;
}

static const char *
trim(TALLOC_CTX *ctx, const char *p, size_t len)
{
	while (len && (*p == ' ' || *p == '\t')) {
		p++;
		len--;
	}
	while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	return mem_textn(ctx, p, len);
}

/* "\"Berg, Anna\"" as Berg, Anna */
static const char *
unquote(TALLOC_CTX *ctx, const char *name)
{
	size_t len = strlen(name), n = 0;
	char *plain;

	if (len < 2 || name[0] != '"' || name[len - 1] != '"')
		return name;
	plain = mem_textn(ctx, name + 1, len - 2);
	for (size_t i = 0; plain[i]; i++) {
		if (plain[i] == '\\' && plain[i + 1])
			i++;
		plain[n++] = plain[i];
	}
	plain[n] = '\0';
	return plain;
}

bool
mail_address(TALLOC_CTX *ctx, const char *text, struct mail_address *ret, struct err *err)
{
	const char *open = strrchr(text, '<');
	size_t len = strlen(text);
	struct mail_address address = { "", NULL };

	for (const char *c = text; *c; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f || !text_valid(text, len))
			return err_code(err, ERR_INVALID, "bad_address",
					"a mail address has characters that belong in none");
	if (open) {
		address.name = unquote(ctx, trim(ctx, text, (size_t)(open - text)));
		text = trim(ctx, open + 1, strlen(open + 1));
		len = strlen(text);
		if (!len || text[len - 1] != '>')
			return err_code(err, ERR_INVALID, "bad_address",
					"\"%.100s\" is no mail address", open);
		address.spec = mem_textn(ctx, text, len - 1);
	} else {
		address.spec = trim(ctx, text, len);
	}
	if (!check_spec(address.spec, err))
		return false;
	*ret = address;
	return true;
}

/* ---- headers ---- */

/* One line of at most `max` bytes without control characters. */
static char *
one_line(TALLOC_CTX *ctx, const char *text, size_t max)
{
	char *line = text_cut(ctx, text_valid(text, strlen(text)) ? text : "?", max);

	for (char *c = line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	return line;
}

static bool
is_plain(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c >= 0x80)
			return false;
	return strlen(text) <= PLAIN_MAX && !strstr(text, "=?");
}

/* RFC 2047: whole characters to a word, each on a line of its own. */
static void
add_words(struct buf *out, const char *text)
{
	void *own SCOPED(mem) = talloc_new(NULL);

	for (bool more = false; *text; more = true) {
		const char *word = text_cut(own, text, WORD_BYTES);

		buf_text(out, more ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
		buf_base64(out, word, strlen(word));
		buf_text(out, "?=");
		text += strlen(word);
	}
}

static void
add_text_header(struct buf *out, const char *name, const char *value, size_t max)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	const char *line = one_line(own, value, max);

	buf_addf(out, "%s: ", name);
	if (is_plain(line))
		buf_text(out, line);
	else
		add_words(out, line);
	buf_text(out, "\r\n");
}

static bool
add_address_header(struct buf *out, const char *name, const char *value, struct err *err)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	struct mail_address address;
	const char *line;

	if (!mail_address(own, value, &address, err))
		return err_at(err, "%s", name);
	buf_addf(out, "%s: ", name);
	line = one_line(own, address.name, NAME_MAX_);
	if (*line && !is_plain(line)) {
		add_words(out, line);
		buf_text(out, "\r\n ");
	} else if (*line) {
		buf_text(out, "\"");
		for (const char *c = line; *c; c++)
			buf_addf(out, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
		buf_text(out, "\" ");
	}
	buf_addf(out, *line ? "<%s>\r\n" : "%s\r\n", address.spec);
	return true;
}

/* What stands between < and >: printable ASCII without either. */
static bool
add_bracketed(struct buf *out, const char *name, const char *value, struct err *err)
{
	for (const char *c = value; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '<' || *c == '>')
			return err_set(err, ERR_INVALID, "%s: a byte that may not stand there", name);
	if (!*value || strlen(value) > URL_MAX_)
		return err_set(err, ERR_INVALID, "%s: empty or too long", name);
	buf_addf(out, "%s: <%s>\r\n", name, value);
	return true;
}

static bool
add_headers(struct buf *out, const struct mail *mail, struct err *err)
{
	char date[32];

	if (!add_address_header(out, "From", mail->from, err) ||
	    !add_address_header(out, "To", mail->to, err) ||
	    (mail->reply_to && *mail->reply_to && !add_address_header(out, "Reply-To", mail->reply_to, err)))
		return false;
	add_text_header(out, "Subject", mail->subject, MAIL_SUBJECT_MAX);
	clock_http(mail->date, date);
	buf_addf(out, "Date: %.*s +0000\r\n", (int)strlen(date) - 4, date);	/* for " GMT" */
	if (!add_bracketed(out, "Message-ID", mail->id, err))
		return false;
	if (mail->unsubscribe_url) {
		if (!add_bracketed(out, "List-Unsubscribe", mail->unsubscribe_url, err))
			return false;
		if (strncmp(mail->unsubscribe_url, "https://", 8) == 0)
			buf_text(out, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
	}
	/* Nobody's holiday notice is to come back. */
	buf_text(out, "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\nMIME-Version: 1.0\r\n");
	return true;
}

/* ---- bodies ---- */

/* RFC 2045 section 6.7; line ends become CRLF, white space at the end of a line is encoded. */
static void
add_quoted(struct buf *out, const char *text)
{
	size_t column = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool end = text[1] == '\n' || text[1] == '\r' || !text[1];
		bool plain = (c > ' ' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !end);

		if (c == '\r')
			continue;
		if (c == '\n') {
			buf_text(out, "\r\n");
			column = 0;
			continue;
		}
		if (column + (plain ? 1 : 3) > LINE_MAX_ - 1) {
			buf_text(out, "=\r\n");
			column = 0;
		}
		buf_addf(out, plain ? "%c" : "=%02X", c);
		column += plain ? 1 : 3;
	}
	buf_text(out, "\r\n");
}

static void
add_text_part(struct buf *out, const char *type, const char *text)
{
	buf_addf(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", type);
	add_quoted(out, text);
}

static void
add_png(struct buf *out, struct bytes png)
{
	const char *p = png.p;

	buf_text(out, "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <qr>\r\n"
		 "Content-Disposition: inline; filename=\"qr.png\"\r\n\r\n");
	for (size_t i = 0; i < png.len; i += LINE_MAX_ / 4 * 3) {
		size_t left = png.len - i;

		buf_base64(out, p + i, left < LINE_MAX_ / 4 * 3 ? left : LINE_MAX_ / 4 * 3);
		buf_text(out, "\r\n");
	}
}

/* "=_" stands in no quoted-printable and no base64, so no part holds a boundary. */
#define ALTERNATIVE	"=_pomona_alternative"
#define RELATED		"=_pomona_related"

static void
add_html_part(struct buf *out, const struct mail *mail)
{
	if (!mail->qr.len) {
		add_text_part(out, "text/html", mail->html);
		return;
	}
	buf_text(out, "Content-Type: multipart/related; type=\"text/html\"; boundary=\"" RELATED "\"\r\n\r\n--" RELATED "\r\n");
	add_text_part(out, "text/html", mail->html);
	buf_text(out, "--" RELATED "\r\n");
	add_png(out, mail->qr);
	buf_text(out, "--" RELATED "--\r\n");
}

bool
mail_write(const struct mail *mail, struct buf *out, struct err *err)
{
	if (!add_headers(out, mail, err))
		return false;
	if (!mail->html) {
		add_text_part(out, "text/plain", mail->text);
		return buf_ok(out, err);
	}
	buf_text(out, "Content-Type: multipart/alternative; boundary=\"" ALTERNATIVE "\"\r\n\r\n--" ALTERNATIVE "\r\n");
	add_text_part(out, "text/plain", mail->text);
	buf_text(out, "--" ALTERNATIVE "\r\n");
	add_html_part(out, mail);
	buf_text(out, "--" ALTERNATIVE "--\r\n");
	return buf_ok(out, err);
}
