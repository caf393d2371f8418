#include "web/ical.h"
#include "core/clock.h"
#include <stdio.h>
#include <string.h>

#define LINE_MAX_OCTETS	75	/* RFC 5545 section 3.1, without its end */
#define ICAL_LINE_MAX	8192	/* of one value; more is a bug of the caller's, and cut */

/* Octets of the character that begins here; what is no UTF-8 counts one by one. */
static size_t
width(const char *c)
{
	unsigned char first = (unsigned char)*c;
	size_t n = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4, i = 1;

	while (i < n && ((unsigned char)c[i] & 0xc0) == 0x80)
		i++;
	return i;
}

/* A content line; what goes on in the next begins with a blank. */
static void
put(struct buf *out, const char *line)
{
	size_t at = 0;

	for (const char *c = line; *c;) {
		size_t n = width(c);

		if (at + n > LINE_MAX_OCTETS) {
			buf_text(out, "\r\n ");
			at = 1;
		}
		buf_add(out, c, n);
		at += n;
		c += n;
	}
	buf_text(out, "\r\n");
}

/* RFC 5545 section 3.3.11; control characters have no place in it. */
static void
put_text(struct buf *out, const char *property, const char *text)
{
	struct buf line;

	buf_init(&line, out->ctx, ICAL_LINE_MAX);
	buf_addf(&line, "%s:", property);
	for (; *text; text++) {
		if (*text == '\n')
			buf_text(&line, "\\n");
		else if (strchr("\\;,", *text))
			buf_addf(&line, "\\%c", *text);
		else if ((unsigned char)*text >= ' ' && *text != 0x7f)
			buf_add(&line, text, 1);
	}
	put(out, buf_str(&line));
}

/* A day, "20261203", or a moment, "20261122T120000Z". */
static void
put_time(struct buf *out, const char *property, time_t at, bool moment)
{
	char line[80];
	struct tm tm = { .tm_mday = 1 };

	gmtime_r(&at, &tm);
	snprintf(line, sizeof line, "%s:", property);
	strftime(line + strlen(line), sizeof line - strlen(line), moment ? "%Y%m%dT%H%M%SZ" : "%Y%m%d", &tm);
	put(out, line);
}

void
ical_begin(struct buf *out, const char *name)
{
	put(out, "BEGIN:VCALENDAR");
	put(out, "VERSION:2.0");
	put(out, "PRODID:-//Pomona//What ends//EN");
	put(out, "CALSCALE:GREGORIAN");
	put(out, "METHOD:PUBLISH");
	put_text(out, "NAME", name);	/* RFC 7986; and as older programs read it */
	put_text(out, "X-WR-CALNAME", name);
	put(out, "REFRESH-INTERVAL;VALUE=DURATION:PT12H");
	put(out, "X-PUBLISHED-TTL:PT12H");
}

void
ical_event(struct buf *out, const struct ical_event *e, time_t now)
{
	put(out, "BEGIN:VEVENT");
	put_text(out, "UID", e->uid);
	put_time(out, "DTSTAMP", now, true);
	put_time(out, "DTSTART;VALUE=DATE", e->day, false);
	put_time(out, "DTEND;VALUE=DATE", e->day + DAY_S, false);
	put_text(out, "SUMMARY", e->summary);
	if (*e->description)
		put_text(out, "DESCRIPTION", e->description);
	if (e->url) {
		struct buf line;

		buf_init(&line, out->ctx, ICAL_LINE_MAX);
		buf_addf(&line, "URL:%s", e->url);
		put(out, buf_str(&line));
	}
	put(out, "TRANSP:TRANSPARENT");	/* nobody is busy because of it */
	put(out, "END:VEVENT");
}

void
ical_end(struct buf *out)
{
	put(out, "END:VCALENDAR");
}
