/* Whose word about the client's address is believed. */
#include "tests/check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include "web/address.h"
#include "web/crowd.h"

static struct address
peer(const char *text)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct address ret;

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		address_of((struct sockaddr *)&v4, sizeof v4, &ret);
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		address_of((struct sockaddr *)&v6, sizeof v6, &ret);
	else
		address_of(NULL, 0, &ret);
	return ret;
}

static void
networks_are_matched_by_their_bits(void **state)
{
	static const struct {
		const char *address;
		bool trusted;
	} cases[] = {
		{ "10.1.2.3", true }, { "11.0.0.0", false }, { "192.0.2.129", true }, { "192.0.2.128", true },
		{ "192.0.2.127", false }, { "::1", true }, { "::2", false }, { "2001:db8:ffff::1", true },
		{ "2001:db9::1", false }, { "::ffff:10.9.9.9", true }, { "unix", true },
	};
	struct addresses *set;
	struct err err = { 0 };

	assert_ok(addresses_read(*state, " 10.0.0.0/8 192.0.2.128/25,::1  2001:db8::/32 unix ", &set, &err), &err);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address address = peer(cases[i].address);

		if (addresses_have(set, &address) != cases[i].trusted)
			fail_msg("%s", cases[i].address);
	}
	assert_ok(addresses_read(*state, NULL, &set, &err), &err);
	assert_false(addresses_have(set, &(struct address){ .local = true }));
}

static void
a_network_that_cannot_be_read_is_named(void **state)
{
	static const char *const cases[] = { "10.0.0.0/33", "::1/129", "10.0.0", "proxy", "10.0.0.0/", "10.0.0.0/-1",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000/128" };
	struct addresses *set;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { 0 };

		assert_false(addresses_read(*state, cases[i], &set, &err));
		assert_non_null(strstr(err.cause, cases[i]));
	}
}

static void
the_client_is_the_rightmost_hop_that_is_not_ours(void **state)
{
	static const struct {
		const char *peer, *one, *two, *client;
	} cases[] = {
		{ "203.0.113.5", "198.51.100.1", NULL, "203.0.113.5" },	/* a stranger's word */
		{ "10.0.0.1", NULL, NULL, "10.0.0.1" },
		{ "10.0.0.1", "198.51.100.1", NULL, "198.51.100.1" },
		{ "10.0.0.1", "1.1.1.1, 198.51.100.1", NULL, "198.51.100.1" },
		{ "10.0.0.1", "1.1.1.1,198.51.100.1 ,\t10.0.0.2", NULL, "198.51.100.1" },
		{ "10.0.0.1", "1.1.1.1", "198.51.100.1, 10.0.0.2", "198.51.100.1" },
		{ "10.0.0.1", "198.51.100.1", "10.0.0.3, 10.0.0.2", "198.51.100.1" },
		{ "10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3" },
		{ "10.0.0.1", "198.51.100.1:4711", NULL, "198.51.100.1" },
		{ "10.0.0.1", "[2001:db8::1]:4711", NULL, "2001:db8::1" },
		{ "10.0.0.1", "2001:db8::1", NULL, "2001:db8::1" },
		{ "10.0.0.1", "198.51.100.1, unknown", NULL, "10.0.0.1" },
		{ "10.0.0.1", "198.51.100.1, , 10.0.0.2", NULL, "10.0.0.2" },
		{ "10.0.0.1", "", NULL, "10.0.0.1" },
		{ "10.0.0.1", ",", NULL, "10.0.0.1" },
		{ "10.0.0.1", "[::1", NULL, "10.0.0.1" },
		{ "unix", "198.51.100.1", NULL, "198.51.100.1" },
		{ "unix", NULL, NULL, "unix" },
	};
	struct addresses *set;
	struct err err = { 0 };
	char text[ADDRESS_TEXT_SIZE];

	assert_ok(addresses_read(*state, "10.0.0.0/24 unix", &set, &err), &err);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct field headers[] = { { "x-forwarded-for", cases[i].one }, { "Host", "a" },
						 { "X-Forwarded-For", cases[i].two } };
		struct address from = peer(cases[i].peer), client;

		address_client(set, &from, headers, cases[i].two ? 3 : 0 + (cases[i].one ? 2 : 0), &client);
		if (strcmp(address_text(&client, text), cases[i].client) != 0)
			fail_msg("%s | %s behind %s gives %s", cases[i].one, cases[i].two, cases[i].peer, text);
	}
}

static void
the_nearest_proxy_says_whether_the_client_speaks_tls(void **state)
{
	const struct field yes = { "X-Forwarded-Proto", "http, https" }, no = { "X-Forwarded-Proto", "https,http" };
	const struct field odd = { "X-Forwarded-Proto", "httpsx" };

	(void)state;
	assert_true(address_forwarded_tls(&yes, 1));
	assert_false(address_forwarded_tls(&no, 1));
	assert_false(address_forwarded_tls(&odd, 1));
	assert_false(address_forwarded_tls(NULL, 0));
}

static void
an_address_has_room_for_so_many_and_ipv6_counts_by_network(void **state)
{
	struct crowd *crowd = crowd_new(*state, 2);
	struct address a = peer("192.0.2.1"), b = peer("192.0.2.2");
	struct address c = peer("2001:db8::1"), d = peer("2001:db8::2"), e = peer("2001:db8:0:1::1");

	crowd_enter(crowd, &a);
	assert_true(crowd_has_room(crowd, &a));
	crowd_enter(crowd, &a);
	assert_false(crowd_has_room(crowd, &a));
	assert_true(crowd_has_room(crowd, &b));
	crowd_leave(crowd, &a);
	assert_true(crowd_has_room(crowd, &a));
	crowd_leave(crowd, &a);
	crowd_enter(crowd, &c);
	crowd_enter(crowd, &d);
	assert_false(crowd_has_room(crowd, &c));
	assert_true(crowd_has_room(crowd, &e));
}

TESTS(networks_are_matched_by_their_bits,
      a_network_that_cannot_be_read_is_named,
      the_client_is_the_rightmost_hop_that_is_not_ours,
      the_nearest_proxy_says_whether_the_client_speaks_tls,
      an_address_has_room_for_so_many_and_ipv6_counts_by_network)
