/*
 * The writer of mails, over any words in every field; the reader of notices of return; and the letters of an SMS.
 *
 * A mail that is written has exactly the headers that it should have, each once and in their order, no byte
 * above 127, no line end but CRLF and no long line.  An SMS that is fitted is one message with its whole link.
 */
#include <assert.h>
#include <string.h>
#include "core/bounce.h"
#include "core/mail.h"
#include "core/sms.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS 8

/* The input cut at its zero bytes. */
static void
cut(TALLOC_CTX *ctx, const uint8_t *p, size_t len, const char *fields[FIELDS])
{
	char *copy = mem_size(ctx, len + 1);
	const char *at = copy, *end = copy + len;

	memcpy(copy, p, len);
	copy[len] = '\0';
	for (int i = 0; i < FIELDS; i++) {
		fields[i] = at < end ? at : "";
		at = at < end ? at + strlen(at) + 1 : at;
	}
}

static void
check_mail(const char *text)
{
	static const char *const names[] = { "From: ", "To: ", "Reply-To: ", "Subject: ", "Date: ", "Message-ID: ", "List-Unsubscribe: ",
		"List-Unsubscribe-Post: ", "Auto-Submitted: ", "X-Auto-Response-Suppress: ", "MIME-Version: ", "Content-Type: ",
		"Content-Transfer-Encoding: " };
	size_t next = 0;
	bool head = true;

	for (const char *line = text; *line;) {
		const char *end = strstr(line, "\r\n");

		assert(end && end - line <= 998);
		for (const char *c = line; c < end; c++)
			assert((unsigned char)*c < 0x80 && *c != '\r' && *c != '\n');
		if (end == line)
			head = false;
		if (head && *line != ' ') {
			while (next < sizeof names / sizeof *names && strncmp(line, names[next], strlen(names[next])) != 0)
				next++;
			assert(next++ < sizeof names / sizeof *names);
		}
		line = end + 2;
	}
	assert(!head && next >= 12);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const char *const forms[] = { "{app}: a new version {url}", "{app} {url}", "{url}", NULL };
	TALLOC_CTX *ctx = talloc_new(NULL);
	const char *f[FIELDS];
	struct mail_address address;
	struct bounce bounce;
	struct err err = { 0 };
	struct mail mail;
	struct buf out;
	char *text;

	cut(ctx, p, len, f);
	mail = (struct mail){ .id = *f[0] ? f[0] : "a@b", .from = *f[1] ? f[1] : "a@b", .to = *f[2] ? f[2] : "a@b", .subject = f[3],
			      .text = f[4], .html = *f[5] ? f[5] : NULL, .reply_to = f[6], .unsubscribe_url = *f[7] ? f[7] : NULL,
			      .qr = { "PNG", *f[5] ? 3 : 0 } };
	buf_init(&out, ctx, MAIL_BYTES_MAX);
	if (mail_write(&mail, &out, &err))
		check_mail(buf_str(&out));
	if (mail_address(ctx, f[0], &address, &err)) {
		assert(strlen(address.spec) <= MAIL_ADDRESS_MAX && strchr(address.spec, '@'));
		assert(!strpbrk(address.spec, "<> \r\n\t,;\""));
	}
	if (bounce_read(ctx, (struct bytes){ p, len }, &bounce, &err))
		assert(*bounce.message && strlen(bounce.why) <= BOUNCE_WHY_MAX);
	if (sms_fit(ctx, forms, f[0], "https://apps.example.com/i/0123456789abcdefghijklmnopq", &text, &err))
		assert(sms_fits(text) && strstr(text, "https://apps.example.com/i/0123456789abcdefghijklmnopq"));
	if (sms_number(ctx, f[0], &text, &err))
		assert(text[0] == '+' && strlen(text) <= SMS_NUMBER_MAX + 1 && strspn(text + 1, "0123456789") == strlen(text) - 1);
	assert(sms_septets(f[0]) <= 2 * (int)strlen(f[0]) && sms_units(f[0]) <= (int)strlen(f[0]));
	talloc_free(ctx);
	return 0;
}
