/* What a browser tells of itself. */
#include "tests/check.h"
#include "web/browser.h"

#define IPHONE	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
#define IPAD	"Mozilla/5.0 (iPad; CPU OS 15_8_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
#define MAC	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "

static void
a_browser_is_read_as_far_as_it_tells(void **state)
{
	static const struct { const char *agent; struct browser is; } agents[] = {
		{ IPHONE "Version/18.1 Mobile/15E148 Safari/604.1", { .iphone = true, .os = "18.1" } },
		{ "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
		  "Version/26.0 Mobile/15E148 Safari/604.1", { .iphone = true, .os = "26.0" } },
		{ IPAD "Version/15.6.4 Mobile/15E148 Safari/604.1", { .ipad = true, .os = "15.8.2" } },
		{ MAC "Version/18.1 Safari/605.1.15", { .mac_safari = true } },	/* a Mac, or an iPad that says so */
		{ IPHONE "Mobile/15E148", { .in_app = true, .iphone = true, .os = "18.1" } },
		{ IPHONE "CriOS/130.0 Mobile/15E148 Safari/604.1", { .in_app = true, .iphone = true, .os = "18.1" } },
		{ IPHONE "Mobile/15E148 MicroMessenger/8.0.49(0x18003137)", { .in_app = true, .iphone = true, .os = "18.1" } },
		{ "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36", { 0 } },
		{ "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", { .in_app = true, .robot = true } },
		{ MAC "Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0", { .in_app = true, .robot = true } },
		{ "Mozilla/5.0 (iPhone; CPU iPhone OS 123456789012345678 like Mac OS X) Safari/1", { .iphone = true } },
		{ MAC "Chrome/130.0.0.0 Safari/605.1.15", { 0 } },
		{ "curl/7.88.1", { 0 } }, { "", { 0 } }, { NULL, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof agents / sizeof *agents; i++) {
		struct browser b;

		browser_read(agents[i].agent, &b);
		assert_int_equal(b.in_app, agents[i].is.in_app);
		assert_int_equal(b.robot, agents[i].is.robot);
		assert_int_equal(b.iphone, agents[i].is.iphone);
		assert_int_equal(b.ipad, agents[i].is.ipad);
		assert_int_equal(b.mac_safari, agents[i].is.mac_safari);
		assert_string_equal(b.os, agents[i].is.os);
	}
}

TESTS(a_browser_is_read_as_far_as_it_tells)
