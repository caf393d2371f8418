#pragma once
/*
 * ical - an iCalendar stream of all-day events (RFC 5545), for calendar programs that subscribe to it.
 *
 * Lines are folded at 75 octets between characters, texts escaped.  Days are UTC's; an event has a UID that stays
 * while the thing is the same, so that a day that moves is moved and not a second one.  No alarm: whoever wants one
 * sets it in their own calendar.
 */
#include "core/buf.h"
#include <time.h>

struct ical_event {
	const char *uid;	/* "push-3f2a@apps.example.com" */
	time_t day;		/* any moment of it */
	const char *summary;
	const char *description;	/* "": none; \n ends a line */
	const char *url;	/* NULL: none */
};

void ical_begin(struct buf *out, const char *name);	/* as the calendar is called */
void ical_event(struct buf *out, const struct ical_event *event, time_t now);
void ical_end(struct buf *out);
