/* The calendar of what ends, read as any program that keeps to RFC 5545 reads it. */
#include "tests/check.h"
#include "core/clock.h"
#include "web/ical.h"

#define BEGIN	1798779600	/* 2027-01-01T05:00:00Z */

/* RFC 5545 sections 3.1 to 3.8, as far as these streams go: what any reader of them relies on. */
struct lines {
	const char *line[4000];
	size_t n;
};

static void
unfold(TALLOC_CTX *ctx, const char *stream, struct lines *ret)
{
	const char *at_line = stream;
	char *whole = mem_text(ctx, "");

	ret->n = 0;
	while (*at_line) {
		const char *end = strstr(at_line, "\r\n");
		size_t len;

		assert_non_null(end);	/* the last line too */
		len = (size_t)(end - at_line);
		assert_true(len <= 75);
		assert_null(memchr(at_line, '\n', len));
		for (size_t i = 0; i < len; i++)
			assert_true((unsigned char)at_line[i] >= ' ' && at_line[i] != 0x7f);
		/* folded between characters */
		assert_true(((unsigned char)at_line[*at_line == ' '] & 0xc0) != 0x80);
		if (*at_line == ' ') {
			assert_true(ret->n > 0);
			whole = mem_printf(ctx, "%s%.*s", ret->line[--ret->n], (int)len - 1, at_line + 1);
		} else {
			whole = mem_textn(ctx, at_line, len);
		}
		assert_true(ret->n < 4000);
		ret->line[ret->n++] = whole;
		at_line = end + 2;
	}
}

static const char *
value(const struct lines *l, size_t from, const char *property)
{
	size_t len = strlen(property);
	const char *found = NULL;

	for (size_t i = from; i < l->n && strcmp(l->line[i], "END:VEVENT") != 0; i++)
		if (strncmp(l->line[i], property, len) == 0 && (l->line[i][len] == ':' || l->line[i][len] == ';')) {
			assert_null(found);	/* once at most */
			found = l->line[i] + len;
		}
	return found;
}

/* A TEXT: every \ stands before \ ; , n N; no bare ; or , */
static char *
plain_text(TALLOC_CTX *ctx, const char *escaped)
{
	struct buf out;

	buf_init(&out, ctx, 100000);
	assert_int_equal(*escaped, ':');
	for (const char *c = escaped + 1; *c; c++) {
		assert_true(*c != ';' && *c != ',');
		if (*c == '\\') {
			c++;
			assert_true(strchr("\\;,nN", *c) && *c);
			buf_add(&out, *c == 'n' || *c == 'N' ? "\n" : c, 1);
		} else {
			buf_add(&out, c, 1);
		}
	}
	return mem_text(ctx, buf_str(&out));
}

static size_t
check_stream(TALLOC_CTX *ctx, const char *stream, struct lines *l)
{
	const char *uids = " ";
	size_t events = 0;

	unfold(ctx, stream, l);
	assert_string_equal(l->line[0], "BEGIN:VCALENDAR");
	assert_string_equal(l->line[1], "VERSION:2.0");
	assert_string_equal(l->line[l->n - 1], "END:VCALENDAR");
	assert_non_null(value(l, 0, "PRODID"));
	for (size_t i = 0; i < l->n; i++) {
		const char *uid, *start, *end;

		assert_int_equal(strncmp(l->line[i], "BEGIN:VALARM", 12) == 0, 0);
		if (strcmp(l->line[i], "BEGIN:VEVENT") != 0)
			continue;
		events++;
		uid = value(l, i + 1, "UID");
		assert_non_null(uid);
		assert_null(strstr(uids, mem_printf(ctx, " %s ", uid)));	/* globally unique */
		uids = mem_printf(ctx, "%s%s ", uids, uid);
		start = value(l, i + 1, "DTSTART");
		end = value(l, i + 1, "DTEND");
		assert_int_equal(strncmp(start, ";VALUE=DATE:", 12), 0);
		assert_int_equal(strncmp(end, ";VALUE=DATE:", 12), 0);
		assert_int_equal(strlen(start), 20);
		assert_true(strcmp(end, start) > 0);
		assert_int_equal(strlen(value(l, i + 1, "DTSTAMP")), 17);
		assert_int_equal(value(l, i + 1, "DTSTAMP")[16], 'Z');
		assert_true(*plain_text(ctx, value(l, i + 1, "SUMMARY")));
	}
	return events;
}

static void
a_calendar_is_what_rfc_5545_says_whatever_stands_in_it(void **state)
{
	const char *summary = "Certificado; \"Größe\", 日本語の非常に長い名前が続く続く続く続く続く続く続く続く続く続く \\ end";
	const char *description = "one\ntwo, three; four\\five\n\001\tsix";
	struct ical_event events[] = {
		{ "push-1@apps.example.com", BEGIN + 58 * DAY_S, summary, description, "https://apps.example.com/admin/push" },	/* the last of February */
		{ "push-2@apps.example.com", BEGIN + 364 * DAY_S, "x", "", NULL },
	};
	struct lines *l = mem_new(*state, struct lines);
	struct buf out;
	struct err err;

	buf_init(&out, *state, 100000);
	ical_begin(&out, "Example, Corp");
	ical_event(&out, &events[0], BEGIN);
	ical_event(&out, &events[1], BEGIN);
	ical_end(&out);
	assert_ok(buf_ok(&out, &err), &err);
	assert_int_equal(check_stream(*state, buf_str(&out), l), 2);
	assert_non_null(strstr(buf_str(&out), "DTSTART;VALUE=DATE:20270228\r\nDTEND;VALUE=DATE:20270301\r\n"));
	assert_non_null(strstr(buf_str(&out), "DTSTART;VALUE=DATE:20271231\r\nDTEND;VALUE=DATE:20280101\r\n"));
	assert_non_null(strstr(buf_str(&out), "DTSTAMP:20270101T050000Z\r\n"));
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->line[i], "BEGIN:VEVENT") == 0) {
			assert_string_equal(plain_text(*state, value(l, i + 1, "SUMMARY")), summary);
			assert_string_equal(plain_text(*state, value(l, i + 1, "DESCRIPTION")), "one\ntwo, three; four\\five\nsix");
			break;
		}
}

TESTS(a_calendar_is_what_rfc_5545_says_whatever_stands_in_it)
