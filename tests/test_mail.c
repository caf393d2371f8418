/* Mail: its bytes as other programs read them, and what a server's answers mean. */
#include "tests/check.h"
#include <stdlib.h>
#include "core/bounce.h"
#include "core/mail.h"
#include "core/num.h"
#include "tests/check_far.h"

static const struct mail plain = { .id = "k3j2@apps.example.com", .from = "Apps <apps@example.com>", .to = "anna@example.com",
				   .subject = "New build", .text = "Hello\n", .date = 1795315609 };

static char *
written(TALLOC_CTX *ctx, const struct mail *mail)
{
	struct err err = { 0 };
	struct buf out;

	buf_init(&out, ctx, MAIL_BYTES_MAX);
	assert_ok(mail_write(mail, &out, &err), &err);
	return mem_text(ctx, buf_str(&out));
}

static void
a_plain_message_is_written_to_the_byte(void **state)
{
	assert_string_equal(written(*state, &plain),
		"From: \"Apps\" <apps@example.com>\r\nTo: anna@example.com\r\nSubject: New build\r\n"
		"Date: Sun, 22 Nov 2026 02:46:49 +0000\r\nMessage-ID: <k3j2@apps.example.com>\r\n"
		"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nHello\r\n\r\n");
	/* and again the same */
	assert_string_equal(written(*state, &plain), written(*state, &plain));
}

static void
a_rich_message_has_its_parts_inside_each_other(void **state)
{
	static const char *const order[] = {
		"Reply-To: \"Berg, Anna\" <anna@example.com>\r\n", "List-Unsubscribe: <https://apps.example.com/u/1>\r\n",
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "Content-Type: multipart/alternative; boundary=\"",
		"text/plain", "multipart/related; type=\"text/html\"", "text/html", "<p>=C3=A4</p>", "image/png",
		"Content-ID: <qr>\r\n", "iVBORw==", "--=_pomona_related--\r\n", "--=_pomona_alternative--\r\n",
	};
	struct mail mail = plain;
	const char *at;

	mail.reply_to = "\"Berg, Anna\" <anna@example.com>";
	mail.unsubscribe_url = "https://apps.example.com/u/1";
	mail.html = "<p>ä</p>";
	mail.qr = (struct bytes){ "\x89PNG", 4 };
	at = written(*state, &mail);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		const char *here = strstr(at, order[i]);

		if (!here)
			fail_msg("no %s in %s", order[i], at);
		at = here;
	}
	mail.unsubscribe_url = "http://apps.example.com/u/1";	/* one click is for https alone */
	assert_null(strstr(written(*state, &mail), "One-Click"));
}

/* No line is long, none is 8 bits, none ends alone, and no header is there twice. */
static void
expect_clean(const char *text)
{
	static const char *const once[] = { "From: ", "To: ", "Subject: ", "Date: ", "Message-ID: ", "MIME-Version: " };
	const char *head = strstr(text, "\r\n\r\n");

	assert_non_null(head);
	for (const char *c = text; *c; c++) {
		assert_true((unsigned char)*c < 0x80);
		if (*c == '\n')
			assert_true(c > text && c[-1] == '\r');
		if (*c == '\r')
			assert_true(c[1] == '\n');
	}
	for (const char *line = text; *line; line = strstr(line, "\r\n") + 2)
		assert_true(strcspn(line, "\r") <= 998);
	for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
		int n = 0;

		for (const char *line = text; line < head + 2; line = strstr(line, "\r\n") + 2)
			n += strncmp(line, once[i], strlen(once[i])) == 0;
		if (n != 1)
			fail_msg("%s stands %d times in %s", once[i], n, text);
	}
	for (const char *line = text; line < head; line = strstr(line, "\r\n") + 2)
		if (strncmp(line, "Bcc", 3) == 0 || strncmp(line, "X-Evil", 6) == 0)
			fail_msg("%s", text);
}

static void
no_value_begins_a_header_of_its_own(void **state)
{
	static const char *const evil[] = { "a\r\nBcc: all@example.com", "a\nX-Evil: 1", "a\rX-Evil: 1", "\r\n\r\nbody", "\n",
					    "=?UTF-8?Q?=0D=0ABcc:_x?=", "ä\r\nBcc: x", "a\r\n Bcc: x", "\xff\xfe", "" };

	for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
		struct mail mail = plain;
		struct err err = { 0 };
		struct buf out;

		mail.subject = evil[i];
		mail.text = evil[i];
		mail.html = evil[i];
		expect_clean(written(*state, &mail));
		mail.from = mem_printf(*state, "%s <apps@example.com>", evil[i]);
		buf_init(&out, *state, MAIL_BYTES_MAX);
		if (mail_write(&mail, &out, &err))
			expect_clean(buf_str(&out));
		mail = plain;
		mail.to = mem_printf(*state, "anna@example.com%s", evil[i]);
		buf_init(&out, *state, MAIL_BYTES_MAX);
		assert_true(!mail_write(&mail, &out, &err) == (*evil[i] != '\0'));
		mail = plain;
		mail.id = mem_printf(*state, "a@b%s", evil[i]);
		mail.unsubscribe_url = mem_printf(*state, "https://a/%s", evil[i]);
		buf_init(&out, *state, MAIL_BYTES_MAX);
		if (mail_write(&mail, &out, &err))
			expect_clean(buf_str(&out));
	}
}

static void
long_and_foreign_words_are_folded_between_characters(void **state)
{
	struct mail mail = plain;
	char *text;

	mail.subject = "Prüfstand: neue Version für das Außendienst-Team, und noch ein paar Wörter";
	mail.from = "Büro für Apps, 倉庫 <apps@example.com>";
	text = written(*state, &mail);
	expect_clean(text);
	for (const char *line = text; (line = strstr(line, "=?UTF-8?B?")) != NULL; line++) {
		size_t len = strcspn(line, " \r");
		struct bytes word;

		assert_true(len <= 75);
		assert_true(num_unbase64(*state, line + 10, len - 12, &word));
		assert_true(((const unsigned char *)word.p)[0] >> 6 != 2);	/* begins with a whole character */
	}
	mail.subject = "a rather long subject in English that does not fit on a single line of its header";
	expect_clean(written(*state, &mail));
	mail.text = mem_printf(*state, "%0500d trailing \nspace\t\n\n.\n..\nFrom here = there\n%s", 7, "ä ");
	text = written(*state, &mail);
	expect_clean(text);
	assert_non_null(strstr(text, "trailing=20\r\nspace=09\r\n\r\n.\r\n..\r\nFrom here =3D there\r\n=C3=A4=20\r\n"));
	for (const char *line = strstr(text, "\r\n\r\n") + 4; *line; line = strstr(line, "\r\n") + 2)
		assert_true(strcspn(line, "\r") <= 76);
}

static void
addresses_are_read_and_what_is_none_is_refused(void **state)
{
	static const struct {
		const char *text, *name, *spec;
	} good[] = {
		{ "anna@example.com", "", "anna@example.com" }, { " <anna@example.com> ", "", "anna@example.com" },
		{ "Anna Berg <anna+x@mail.example.com>", "Anna Berg", "anna+x@mail.example.com" },
		{ "\"Berg, \\\"A\\\"\" <a@b>", "Berg, \"A\"", "a@b" }, { "Bülow <b@xn--bcher-kva.example>", "Bülow", "b@xn--bcher-kva.example" },
		{ "root@localhost", "", "root@localhost" }, { "o'neil=x@example.com", "", "o'neil=x@example.com" },
	};
	static const char *const bad[] = { "", "anna", "@example.com", "anna@", "anna@@example.com", "a b@example.com", "anna@exa mple.com",
		"anna@example.com, paul@example.com", "anna@example.com>", "<anna@example.com", "Anna <anna@example.com> x", "a..b@example.com",
		".a@example.com", "a.@example.com", "\"a b\"@example.com", "anna@[127.0.0.1]", "anna@-example.com", "anna@example..com",
		"anna@example.com.", "ännä@example.com", "anna@bücher.example", "a@b\r\nRCPT TO:<x@y>", "<a@b>SIZE=1", "\xff@example.com",
		"-oQ/tmp@", "anna@example.com BODY=8BITMIME" };
	struct mail_address address;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_ok(mail_address(*state, good[i].text, &address, &err), &err);
		assert_string_equal(address.name, good[i].name);
		assert_string_equal(address.spec, good[i].spec);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (mail_address(*state, bad[i], &address, &err))
			fail_msg("%s", bad[i]);
		assert_string_equal(err.code, "bad_address");
	}
	assert_false(mail_address(*state, mem_printf(*state, "%065d@example.com", 1), &address, &err));
}

/* ---- what comes back ---- */

#define NOTICE(head, status, mail) "From: x@y\r\nMessage-ID: <outer1@mail.example.com>\r\n" head "\r\n\r\nwords\r\n--b\r\n" \
	"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n" status "\r\n--b\r\n\r\n" mail "\r\n--b--\r\n"

static void
a_notice_of_return_is_read_for_whom_it_is_about(void **state)
{
	static const struct {
		const char *mail, *id, *why;
		bool failed;
	} good[] = {
		{ NOTICE("", "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 gone", "Message-ID: <k3j2@apps.example.com>"),
		  "k3j2", "550 5.1.1 gone", true },
		{ NOTICE("", "Action: FAILED (x)\nStatus: 5.2.2", "subject: x\nmessage-id:   <k3j2@a>"), "k3j2", "5.2.2", true },
		{ NOTICE("", "Action: delayed\r\nStatus: 4.4.1", "Message-ID: <k3j2@a>"), "k3j2", "4.4.1", false },
		{ NOTICE("", "Action: failed\r\nDiagnostic-Code: smtp;\r\n 550 one\r\n\ttwo", "Message-ID:\r\n <k3j2@a>"), "k3j2", "550 one two", true },
		{ NOTICE("", "Action: failed\r\nDiagnostic-Code: x-local; \x01\xff", "Message-ID: <k3j2@a>"), "k3j2", "without readable words", true },
		{ NOTICE("", "Action: failed", "Message-ID: <k3j2@a>"), "k3j2", "without a reason", true },
	};
	static const char *const bad[] = { "", "\n", "Action: failed\nMessage-ID: <k3j2@a>", NOTICE("Action: failed", "", "Message-ID: <k3j2@a>"),
		NOTICE("", "Action: failed", ""), NOTICE("", "Status: 5.1.1", "Message-ID: <k3j2@a>"), NOTICE("", "Action: failed", "Message-ID: k3j2@a"),
		NOTICE("", "Action: failed", "Message-ID: <@a>"), NOTICE("", "Action: failed", "Message-ID: <K3;J2@a>") };
	struct bounce bounce;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_ok(bounce_read(*state, (struct bytes){ good[i].mail, strlen(good[i].mail) }, &bounce, &err), &err);
		assert_string_equal(bounce.message, good[i].id);
		assert_string_equal(bounce.why, good[i].why);
		assert_int_equal(bounce.failed, good[i].failed);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (bounce_read(*state, (struct bytes){ bad[i], strlen(bad[i]) }, &bounce, &err))
			fail_msg("%s", bad[i]);
}

/* ---- what cannot be reached; answers of a real server are in tests/e2e/sending.bats ---- */

static void
a_server_that_cannot_be_used_is_down_and_the_step_is_named(void **state)
{
	struct far *gone = far_text(*state, ""), *busy = far_text(*state, "421 too busy\r\n"), *odd = far_text(*state, "SSH-2.0-x\r\n");
	struct mail_server server = { .tls = "none", .ca_file = "", .user = "", .password = "", .helo = "apps.example.com" };
	struct { const char *url, *tls; enum sending_step step; } cases[] = {
		{ "", "none", SENDING_SETTINGS },
		{ "smtp://127.0.0.1", "maybe", SENDING_SETTINGS },
		{ "https://127.0.0.1", "none", SENDING_RESOLVE },
		{ "smtp://169.254.169.254", "required", SENDING_RESOLVE },
		{ "smtp://10.0.0.1", "none", SENDING_TLS },
		{ mem_printf(*state, "smtp://127.0.0.1:%d", gone->port), "none", SENDING_CONNECT },
		{ mem_printf(*state, "smtp://127.0.0.1:%d", busy->port), "none", SENDING_CONNECT },
		{ mem_printf(*state, "smtp://127.0.0.1:%d", odd->port), "none", SENDING_CONNECT },
		{ mem_printf(*state, "smtps://127.0.0.1:%d", odd->port), "required", SENDING_TLS },
	};

	talloc_free(gone);
	busy->first = odd->first = true;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sending sending;
		struct err err = { 0 };

		server.url = cases[i].url;
		server.tls = cases[i].tls;
		assert_false(mail_send(NULL, &server, "a@example.com", "b@example.com", (struct bytes){ "x", 1 }, &sending, &err));
		if (sending.step != cases[i].step || sending.result != SENDING_DOWN)
			fail_msg("%s: step %d, result %d: %s", cases[i].url, sending.step, sending.result, err.cause);
		assert_false(mail_try(&server, &sending, &err));
		assert_int_equal(sending.step, cases[i].step);
	}
}

TESTS(a_notice_of_return_is_read_for_whom_it_is_about, a_plain_message_is_written_to_the_byte, a_rich_message_has_its_parts_inside_each_other,
      no_value_begins_a_header_of_its_own, long_and_foreign_words_are_folded_between_characters,
      addresses_are_read_and_what_is_none_is_refused, a_server_that_cannot_be_used_is_down_and_the_step_is_named)
