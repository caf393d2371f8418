/*
 * The letters of an SMS and its number.  The gateways stand in core/sms_gateway.c.
 */
#include "core/sms.h"
#include <string.h>
#include <unistr.h>
#include "core/buf.h"
#include "core/text.h"

#define FORM_TEXT_MAX	4096	/* bytes of a form with its name and link */
#define NUMBER_MIN	7	/* digits, with the country's */

/* 3GPP TS 23.038 section 6.2.1, what is not ASCII; of ASCII all is there but ` and control characters. */
static const char basic[] = "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";
static const char extension[] = "^{}\\[~]|\f€";

/* The next character and its bytes; an invalid byte is U+FFFD. */
static ucs4_t
next(const char *p, int *len)
{
	ucs4_t c;

	*len = u8_mbtouc(&c, (const uint8_t *)p, strlen(p));
	return c;
}

static bool
has(const char *set, const char *p, int len)
{
	return memmem(set, strlen(set), p, (size_t)len) != NULL;
}

int
sms_septets(const char *text)
{
	int n = 0, len;

	for (; *text; text += len) {
		ucs4_t c = next(text, &len);

		if (c == 0xfffd)	/* a lone byte would be found inside of others */
			return -1;
		if (has(extension, text, len))
			n += 2;
		else if (c < 0x80 ? (c >= ' ' && c != '`' && c != 0x7f) || c == '\n' || c == '\r'
			 : has(basic, text, len))
			n++;
		else
			return -1;
	}
	return n;
}

int
sms_units(const char *text)
{
	int n = 0, len;

	for (; *text; text += len)
		n += next(text, &len) > 0xffff ? 2 : 1;
	return n;
}

bool
sms_fits(const char *text)
{
	int septets = sms_septets(text);

	return septets >= 0 ? septets <= SMS_GSM_MAX : sms_units(text) <= SMS_UCS2_MAX;
}

/* ---- one message ---- */

/* `form` with its places filled; what is put in is not looked at again. */
static char *
fill(TALLOC_CTX *ctx, const char *form, const char *app, const char *url)
{
	struct buf out;

	buf_init(&out, ctx, FORM_TEXT_MAX);
	while (*form) {
		size_t plain = strcspn(form, "{");

		buf_add(&out, form, plain);
		form += plain;
		if (strncmp(form, "{app}", 5) == 0) {
			buf_text(&out, app);
			form += 5;
		} else if (strncmp(form, "{url}", 5) == 0) {
			buf_text(&out, url);
			form += 5;
		} else if (*form) {
			buf_add(&out, form++, 1);
		}
	}
	return out.overflow ? NULL : mem_text(ctx, buf_str(&out));
}

/* On one line: a name is the developer's word, and the message is ours. */
static char *
one_line(TALLOC_CTX *ctx, const char *name)
{
	char *line = text_cut(ctx, name, 400);

	for (char *c = line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	return line;
}

/* The first `n` characters and a sign that there were more; .. is in every alphabet. */
static char *
shorten(TALLOC_CTX *ctx, const char *name, int n)
{
	const char *end = name;
	int len;

	while (n-- > 0 && *end) {
		next(end, &len);
		end += len;
	}
	while (end > name && end[-1] == ' ')
		end--;
	return mem_printf(ctx, "%.*s..", (int)(end - name), name);
}

static char *
fit_form(TALLOC_CTX *ctx, const char *form, const char *app, const char *url)
{
	char *text = fill(ctx, form, app, url);
	int n = (int)u8_mbsnlen((const uint8_t *)app, strlen(app));

	if (text && sms_fits(text))
		return text;
	if (!strstr(form, "{app}"))
		return NULL;
	while (--n >= SMS_NAME_MIN) {
		text = fill(ctx, form, shorten(ctx, app, n), url);
		if (text && sms_fits(text))
			return text;
	}
	return NULL;
}

bool
sms_fit(TALLOC_CTX *ctx, const char *const *forms, const char *app, const char *url, char **ret,
	struct err *err)
{
	void *own SCOPED(mem) = talloc_new(NULL);
	const char *text = NULL;

	app = one_line(own, app);
	for (; !text && *forms; forms++)
		text = fit_form(own, *forms, app, url);
	if (!text && !sms_fits(url))
		return err_set(err, ERR_LIMIT, "the link is longer than one SMS");
	*ret = mem_text(ctx, text ? text : url);
	return true;
}

/* ---- numbers ---- */

/* What people and address books put between the digits. */
static bool
is_between(ucs4_t c)
{
	return (c < 0x80 && c && strchr(" -./()\t", (int)c)) || c == 0xa0 || (c >= 0x2007 && c <= 0x2015) ||
	       (c >= 0x202a && c <= 0x202f) || (c >= 0x2060 && c <= 0x206f);
}

bool
sms_number(TALLOC_CTX *ctx, const char *text, char **ret, struct err *err)
{
	char number[SMS_NUMBER_MAX + 2] = "";
	size_t n = 0;
	int len;

	if (strstr(text, "(0)"))
		return err_code(err, ERR_INVALID, "bad_number", "leave out the (0) of %.40s", text);
	for (const char *p = text; *p; p += len) {
		ucs4_t c = next(p, &len);

		if (is_between(c))
			continue;
		if (n == 0 && c != '+')
			return err_code(err, ERR_INVALID, "bad_number",
					"the number %.40s must begin with + and "
					"the country, such as +49", text);
		if (n > 0 && !(c >= '0' && c <= '9'))
			return err_code(err, ERR_INVALID, "bad_number", "%.40s is no telephone number", text);
		if (n > SMS_NUMBER_MAX)
			return err_code(err, ERR_INVALID, "bad_number", "%.40s has more than %d digits",
					text, SMS_NUMBER_MAX);
		number[n++] = (char)c;
	}
	if (n <= NUMBER_MIN || number[1] == '0')
		return err_code(err, ERR_INVALID, "bad_number",
				"%.40s is no telephone number with its country", text);
	*ret = mem_textn(ctx, number, n);
	return true;
}
