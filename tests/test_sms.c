/* SMS: what fits into one, whose number it is, and what the answers of gateways mean. */
#include "tests/check.h"
#include "core/sms.h"
#include "tests/check_far.h"

static void
letters_count_as_the_gsm_alphabet_has_them(void **state)
{
	static const struct {
		const char *text;
		int septets;
	} cases[] = {
		{ "", 0 }, { "Hello", 5 }, { "@£$¥èéùìòÇ\nØø\rÅå", 16 }, { "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ", 15 }, { " !\"#¤%&'()*+,-./", 16 },
		{ "0123456789:;<=>?", 16 }, { "¡ABCDEFGHIJKLMNO", 16 }, { "PQRSTUVWXYZÄÖÑÜ§", 16 },
		{ "¿abcdefghijklmno", 16 }, { "pqrstuvwxyzäöñüà", 16 },
		/* the extension table, two each */
		{ "^", 2 }, { "{", 2 }, { "}", 2 }, { "\\", 2 }, { "[", 2 }, { "~", 2 }, { "]", 2 }, { "|", 2 }, { "€", 2 },
		{ "\f", 2 }, { "10 €", 5 },
		/* what is in neither */
		{ "`", -1 }, { "ç", -1 }, { "á", -1 }, { "ê", -1 }, { "ł", -1 }, { "’", -1 }, { "…", -1 }, { "\t", -1 }, { "\x1b", -1 },
		{ "\x7f", -1 }, { "仓", -1 }, { "😀", -1 }, { "\xc3", -1 }, { "\x82", -1 }, { "\xe2\x82", -1 }, { "α", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (sms_septets(cases[i].text) != cases[i].septets)
			fail_msg("%s: %d", cases[i].text, sms_septets(cases[i].text));
	assert_int_equal(sms_units("仓库"), 2);
	assert_int_equal(sms_units("a😀"), 3);
}

static void
one_message_holds_160_septets_or_70_units(void **state)
{
	char *gsm = mem_printf(*state, "%0160d", 1), *ucs2 = mem_printf(*state, "%067d仓库", 1);

	assert_true(sms_fits(gsm));
	assert_false(sms_fits(mem_printf(*state, "%s.", gsm)));
	assert_true(sms_fits(mem_printf(*state, "%.158s€", gsm)));
	assert_false(sms_fits(mem_printf(*state, "%.159s€", gsm)));
	assert_true(sms_fits(mem_printf(*state, "%s!", ucs2)));
	assert_false(sms_fits(mem_printf(*state, "%s!!", ucs2)));
	assert_true(sms_fits(mem_printf(*state, "%067d😀!", 1)));
	assert_false(sms_fits(mem_printf(*state, "%067d😀!!", 1)));
}

/* 32 characters of host, a token of 160 bits. */
#define LINK "https://apps-for-testers.example.company/i/0123456789abcdefghijklmnopq"

static void
the_apps_name_is_shortened_and_the_link_never(void **state)
{
	static const char *const english[] = { "{app}: a new version is ready for you to test. Install it here: {url}",
					       "A new version is ready. Install: {url}", NULL };
	static const char *const japanese[] = { "{app}の新しいバージョン {url}", "New version: {url}", NULL };
	static const struct {
		const char *const *forms;
		const char *app, *text;
	} cases[] = {
		{ english, "Fieldbook", "Fieldbook: a new version is ready for you to test. Install it here: " LINK },
		{ english, "Fieldbook Inspection Companion for Engineers", "Fieldbook Inspection Companio..: a new version is ready for you to test. "
							     "Install it here: " LINK },
		{ english, "Fieldbook Inspections Company of     Engineers", "Fieldbook Inspections Company..: a new version is ready for you to test. "
							 "Install it here: " LINK },
		{ english, "line\none\tlink: x", "line one link: x: a new version is ready for you to test. "
						 "Install it here: " LINK },
		{ english, "仓库管理", "A new version is ready. Install: " LINK },
		{ japanese, "倉庫", "New version: " LINK },
		{ english, "{url}{app}", "{url}{app}: a new version is ready for you to test. Install it here: " LINK },
	};
	struct err err = { 0 };
	char *text;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_ok(sms_fit(*state, cases[i].forms, cases[i].app, LINK, &text, &err), &err);
		assert_true(sms_fits(text));
		assert_string_equal(text, cases[i].text);
	}
	assert_ok(sms_fit(*state, japanese, "倉庫", "https://a.example/i/0123456789", &text, &err), &err);
	assert_string_equal(text, "倉庫の新しいバージョン https://a.example/i/0123456789");
	assert_ok(sms_fit(*state, (const char *[]){ "{app} 版本已经可以测试了 {url}", NULL }, "x", LINK, &text, &err), &err);
	assert_string_equal(text, LINK);
	assert_false(sms_fit(*state, english, "x", mem_printf(*state, "https://%0160d", 1), &text, &err));
}

/* Whatever the name is, it is one message with the whole link in it. */
static void
no_name_makes_two_messages(void **state)
{
	static const char *const forms[] = { "{app}: try the new version {url}", "{url}", NULL };
	static const char *const letters[] = { "a", "€", "ç", "倉", "😀", "\xc3", " ", "[" };
	struct err err = { 0 };
	char *text;

	for (size_t l = 0; l < sizeof letters / sizeof *letters; l++)
		for (int n = 0; n < 300; n += 7) {
			void *ctx = talloc_new(*state);
			char *name = mem_text(ctx, "");

			for (int i = 0; i < n; i++)
				name = mem_printf(ctx, "%s%s", name, letters[l]);
			assert_ok(sms_fit(ctx, forms, name, LINK, &text, &err), &err);
			assert_true(sms_fits(text));
			assert_non_null(strstr(text, LINK));
			talloc_free(ctx);
		}
}

static void
a_number_has_its_country_and_nothing_but_digits(void **state)
{
	static const struct {
		const char *text, *number;
	} good[] = {
		{ "+491701234567", "+491701234567" }, { "+49 (170) 123-45.67", "+491701234567" }, { " +1 415 555 2671 ", "+14155552671" },
		{ "+44\u00a020\u20117946\u20110000", "+442079460000" }, { "\u202a+491701234567\u202c", "+491701234567" },
		{ "+123456789012345", "+123456789012345" }, { "+2901234", "+2901234" },
	};
	static const char *const bad[] = { "", "+", "0170 1234567", "00491701234567", "491701234567", "+0491701234567", "+49 (0)170 1234567",
					   "+1234567890123456", "+12345", "+49170123456a", "+49+170123456", "+4917012345;rm",
					   "+49170123456\n+49170123457", "tel:+491701234567", "+４９１７０１２３４５" };
	struct err err = { 0 };
	char *number;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_ok(sms_number(*state, good[i].text, &number, &err), &err);
		assert_string_equal(number, good[i].number);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (sms_number(*state, bad[i], &number, &err))
			fail_msg("%s is %s", bad[i], number);
		assert_string_equal(err.code, "bad_number");
	}
}

/* ---- gateways ---- */

#define assert_begins(text, with) do { if (strncmp(text, with, strlen(with)) != 0) fail_msg("%s", text); } while (0)

static struct sms_gateway
gateway(TALLOC_CTX *ctx, const char *driver, const struct far *far, const char *path)
{
	return (struct sms_gateway){ .driver = driver, .url = mem_printf(ctx, "http://127.0.0.1:%d%s", far->port, path),
				     .user = "pomona", .password = "s3 cret&", .from = "Apps", .body = "", .content_type = "" };
}

static const struct sms hello = { .to = "+491701234567", .text = "Hä? 5 € & more", .report_url = "https://apps.example.com/hooks/sms/x" };

struct said {
	int status;
	const char *body;
	bool taken;
	enum sending_result result;
	enum sending_step step;
};

static void
expect_all(const struct sms_gateway *g, struct far *far, const struct said *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sending sending;
		struct err err = { 0 };
		bool taken;

		far_says(far, cases[i].status, cases[i].body);
		taken = sms_send(g, &hello, &sending, &err);
		if (taken != cases[i].taken || sending.result != cases[i].result || sending.step != cases[i].step)
			fail_msg("%d %s: %d, result %d at step %d: %s", cases[i].status, cases[i].body, taken, sending.result,
				 sending.step, err.cause);
		if (!taken)
			assert_true(*err.cause);
	}
}

static void
kannels_answers_are_read(void **state)
{
	static const struct said cases[] = {
		{ 202, "0: Accepted for delivery", true, SENDING_TAKEN, SENDING_ACCEPT },
		{ 202, "3: Queued for later delivery", true, SENDING_TAKEN, SENDING_ACCEPT },
		{ 202, "Sent.", true, SENDING_TAKEN, SENDING_ACCEPT },
		{ 202, "4: Refused", false, SENDING_LATER, SENDING_ACCEPT },
		{ 403, "Authorization failed for sendsms", false, SENDING_DOWN, SENDING_SIGN_IN },
		{ 403, "Not routable. Do not try again.", false, SENDING_NEVER, SENDING_ACCEPT },
		{ 400, "Number(s) has/have been denied by white- and/or black-lists.", false, SENDING_NEVER, SENDING_ACCEPT },
		{ 503, "Temporal failure, try again later.", false, SENDING_DOWN, SENDING_ACCEPT },
		{ 500, "", false, SENDING_LATER, SENDING_ACCEPT },
		{ 404, "", false, SENDING_DOWN, SENDING_ACCEPT },
		{ 301, "", false, SENDING_DOWN, SENDING_ACCEPT },
	};
	struct far *far = far_http(*state, 202, "0: Accepted for delivery");
	struct sms_gateway g = gateway(*state, "kannel", far, "/cgi-bin/sendsms");
	struct sms chinese = { .to = "+491701234567", .text = "仓库" };
	struct sending sending;
	struct err err = { 0 };

	assert_ok(sms_send(&g, &hello, &sending, &err), &err);
	assert_begins(far->asked, "GET /cgi-bin/sendsms?username=pomona&password=s3%20cret%26&from=Apps&to=%2B491701234567"
			    "&charset=UTF-8&coding=0&text=H%C3%A4%3F%205%20%E2%82%AC%20%26%20more&dlr-mask=19&dlr-url="
			    "https%3A%2F%2Fapps.example.com%2Fhooks%2Fsms%2Fx%3Fstatus%3D%25d%26reason%3D%25A HTTP/1.1\r\n");
	assert_string_equal(sending.id, "0: Accepted for delivery");
	assert_ok(sms_send(&g, &chinese, &sending, &err), &err);
	assert_non_null(strstr(far->asked, "&coding=2&text=%E4%BB%93%E5%BA%93 HTTP"));
	expect_all(&g, far, cases, sizeof cases / sizeof *cases);
	far_says(far, 400, "Missing receiver number, rejected");
	assert_ok(sms_try(&g, &sending, &err), &err);
	assert_null(strstr(far->asked, "to="));
	far_says(far, 403, "Authorization failed for sendsms");
	assert_false(sms_try(&g, &sending, &err));
	assert_int_equal(sending.step, SENDING_SIGN_IN);
}

static void
twilios_answers_are_read(void **state)
{
	static const struct said cases[] = {
		{ 201, "{\"sid\": \"SM1\", \"status\": \"queued\", \"error_code\": null}", true, SENDING_TAKEN, SENDING_ACCEPT },
		{ 201, "no JSON", true, SENDING_TAKEN, SENDING_ACCEPT },
		{ 401, "{\"code\": 20003, \"message\": \"Authenticate\", \"status\": 401}", false, SENDING_DOWN, SENDING_SIGN_IN },
		{ 400, "{\"code\": 21211, \"message\": \"Invalid 'To' Phone Number\"}", false, SENDING_NEVER, SENDING_ACCEPT },
		{ 400, "{\"code\": \"x\", \"message\": 7}", false, SENDING_NEVER, SENDING_ACCEPT },
		{ 429, "{\"code\": 20429, \"message\": \"Too Many Requests\"}", false, SENDING_DOWN, SENDING_ACCEPT },
		{ 500, "", false, SENDING_LATER, SENDING_ACCEPT },
		{ 503, "<html>", false, SENDING_DOWN, SENDING_ACCEPT },
	};
	struct far *far = far_http(*state, 201, "{\"sid\": \"SM0123456789abcdef\", \"status\": \"queued\"}");
	struct sms_gateway g = gateway(*state, "twilio", far, "");
	struct sending sending;
	struct err err = { 0 };

	g.user = "AC01";
	assert_ok(sms_send(&g, &hello, &sending, &err), &err);
	assert_begins(far->asked, "POST /2010-04-01/Accounts/AC01/Messages.json HTTP/1.1\r\n");
	assert_non_null(strstr(far->asked, "\r\nAuthorization: Basic QUMwMTpzMyBjcmV0Jg==\r\n"));
	assert_non_null(strstr(far->asked, "\r\n\r\nTo=%2B491701234567&From=Apps&Body=H%C3%A4%3F%205%20%E2%82%AC%20%26%20more"
				"&StatusCallback=https%3A%2F%2Fapps.example.com%2Fhooks%2Fsms%2Fx"));
	assert_string_equal(sending.id, "SM0123456789abcdef");
	expect_all(&g, far, cases, sizeof cases / sizeof *cases);
	far_says(far, 400, "{\"code\": 21610, \"message\": \"Attempt to send to unsubscribed recipient\"}");
	assert_false(sms_send(&g, &hello, &sending, &err));
	assert_string_equal(err.cause, "the gateway answers 400: Attempt to send to unsubscribed recipient (Twilio error 21610)");
	far_says(far, 200, "{\"sid\": \"AC01\", \"status\": \"active\"}");
	assert_ok(sms_try(&g, &sending, &err), &err);
	assert_begins(far->asked, "GET /2010-04-01/Accounts/AC01.json HTTP/1.1\r\n");
	g.from = "";
	assert_false(sms_send(&g, &hello, &sending, &err));
	assert_int_equal(sending.step, SENDING_SETTINGS);
}

static void
any_gateway_gets_number_and_text_where_the_template_has_them(void **state)
{
	static const struct {
		const char *path, *body, *type, *asked;
	} cases[] = {
		{ "/send?to={to}&m={text}&f={from}", "", "",
		  "GET /send?to=%2B491701234567&m=%22a%22%20%3Cb%3E%20%7Bto%7D%20%5C&f=Apps HTTP/1.1\r\n" },
		{ "/send?to={digits}&m={text}", "", "", "GET /send?to=491701234567&m=" },
		{ "/x", "n={digits}&t={text}", "application/x-www-form-urlencoded", "\r\n\r\nn=491701234567&t=%22a%22%20%3Cb%3E%20%7Bto%7D%20%5C" },
		{ "/x", "{\"to\":[\"{to}\"],\"text\":\"{text}\",\"{x}\":1}", "application/json",
		  "\r\n\r\n{\"to\":[\"+491701234567\"],\"text\":\"\\\"a\\\" <b> {to} \\\\\",\"{x}\":1}" },
		{ "/x", "<sms to='{to}'>{text}</sms>", "text/xml",
		  "\r\n\r\n<sms to='+491701234567'>&quot;a&quot; &lt;b&gt; {to} \\</sms>" },
		{ "/x", "{text}", "text/plain; charset=utf-8", "\r\n\r\n\"a\" <b> {to} \\" },
	};
	static const struct said answers[] = {
		{ 200, "ok 17", true, SENDING_TAKEN, SENDING_ACCEPT }, { 204, "", true, SENDING_TAKEN, SENDING_ACCEPT },
		{ 302, "", false, SENDING_DOWN, SENDING_ACCEPT }, { 400, "bad number", false, SENDING_NEVER, SENDING_ACCEPT },
		{ 401, "", false, SENDING_DOWN, SENDING_SIGN_IN }, { 422, "", false, SENDING_NEVER, SENDING_ACCEPT },
		{ 500, "", false, SENDING_LATER, SENDING_ACCEPT }, { 502, "", false, SENDING_DOWN, SENDING_ACCEPT },
	};
	struct sms sms = { .to = "+491701234567", .text = "\"a\" <b> {to} \\" };
	struct far *far = far_http(*state, 200, "ok 17");
	struct sms_gateway g = gateway(*state, "http", far, "");
	struct sending sending;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		g = gateway(*state, "http", far, cases[i].path);
		g.body = cases[i].body;
		g.content_type = cases[i].type;
		assert_ok(sms_send(&g, &sms, &sending, &err), &err);
		if (!strstr(far->asked, cases[i].asked))
			fail_msg("%s has no %s", far->asked, cases[i].asked);
		assert_string_equal(sending.id, "ok 17");
	}
	g = gateway(*state, "http", far, "/?{to}{text}");
	expect_all(&g, far, answers, sizeof answers / sizeof *answers);
	assert_ok(sms_try(&g, &sending, &err), &err);
	g.url = "http://127.0.0.1:1/?{to}";
	assert_false(sms_send(&g, &sms, &sending, &err));
	assert_string_equal(err.cause, "neither sms.url nor sms.body says where {text} goes");
	/* a number cannot name the host */
	g.url = "http://{digits}.example.com/{text}";
	sms.to = "+127.0.0.1:1/?";
	assert_false(sms_send(&g, &sms, &sending, &err));
	assert_int_equal(sending.step, SENDING_RESOLVE);
}

static void
who_breaks_off_behind_a_2xx_has_taken_it(void **state)
{
	static const struct { const char *driver, *path, *answer; bool taken; } cases[] = {
		{ "http", "/?{to}&{text}", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok 1", true },
		{ "kannel", "/sendsms", "HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n", true },
		{ "twilio", "", "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"sid", true },
		{ "http", "/?{to}&{text}", "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nno", false },
		{ "http", "/?{to}&{text}", "HTTP/1.1 200", false },
	};
	struct sms sms = { .to = "+491701234567", .text = "Hello" };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct far *far = far_text(*state, cases[i].answer);
		struct sms_gateway g = gateway(*state, cases[i].driver, far, cases[i].path);
		struct sending sending;
		struct err err;

		assert_int_equal(sms_send(&g, &sms, &sending, &err), cases[i].taken);
		assert_int_equal(sending.result == SENDING_TAKEN, cases[i].taken);
		assert_int_equal(far->connections, 1);
	}
}

static void
what_is_wrong_before_any_answer_is_said_with_its_step(void **state)
{
	struct far *gone = far_text(*state, ""), *rude = far_text(*state, "");
	struct sms_gateway g = gateway(*state, "pigeon", gone, "/?{to}{text}");
	struct sending sending;
	struct err err = { 0 };

	assert_false(sms_send(&g, &hello, &sending, &err));
	assert_string_equal(err.cause, "sms.driver is \"pigeon\", not kannel, twilio or http");
	assert_int_equal(sending.step, SENDING_SETTINGS);
	g.driver = "http";
	talloc_free(gone);
	assert_false(sms_send(&g, &hello, &sending, &err));
	assert_int_equal(sending.step, SENDING_CONNECT);
	assert_int_equal(sending.result, SENDING_DOWN);
	g = gateway(*state, "http", rude, "/?{to}{text}");	/* takes the request and says nothing */
	assert_false(sms_send(&g, &hello, &sending, &err));
	assert_int_equal(sending.step, SENDING_ACCEPT);
	assert_int_equal(sending.result, SENDING_LATER);
	g.url = "http://169.254.169.254/?{to}{text}";
	assert_false(sms_send(&g, &hello, &sending, &err));
	assert_string_equal(err.code, "egress_refused");
	assert_int_equal(sending.step, SENDING_RESOLVE);
}

static void
reports_say_delivered_or_not_or_nothing_yet(void **state)
{
	(void)state;
	assert_int_equal(sms_report("1"), SMS_REPORT_DELIVERED);
	assert_int_equal(sms_report("2"), SMS_REPORT_FAILED);
	assert_int_equal(sms_report("16"), SMS_REPORT_FAILED);
	assert_int_equal(sms_report("8"), SMS_REPORT_NONE);
	assert_int_equal(sms_report("4"), SMS_REPORT_NONE);
	assert_int_equal(sms_report("delivered"), SMS_REPORT_DELIVERED);
	assert_int_equal(sms_report("undelivered"), SMS_REPORT_FAILED);
	assert_int_equal(sms_report("failed"), SMS_REPORT_FAILED);
	assert_int_equal(sms_report("sent"), SMS_REPORT_NONE);
	assert_int_equal(sms_report(""), SMS_REPORT_NONE);
	assert_int_equal(sms_report("-1"), SMS_REPORT_NONE);
	assert_int_equal(sms_report("99999999999"), SMS_REPORT_NONE);
}

TESTS(letters_count_as_the_gsm_alphabet_has_them, one_message_holds_160_septets_or_70_units,
      the_apps_name_is_shortened_and_the_link_never, no_name_makes_two_messages,
      a_number_has_its_country_and_nothing_but_digits, kannels_answers_are_read, twilios_answers_are_read,
      any_gateway_gets_number_and_text_where_the_template_has_them, who_breaks_off_behind_a_2xx_has_taken_it,
      what_is_wrong_before_any_answer_is_said_with_its_step,
      reports_say_delivered_or_not_or_nothing_yet)
