#pragma once
/*
 * endings - one watch over everything that ends: a table of sources, one row a kind.
 *
 * A source lists what it knows of; who is told, when, and that it is once, is the watch's (endings.c).
 */
#include <jansson.h>
#include "web/site.h"

enum ending_for { ENDING_FOR_ADMINS, ENDING_FOR_PUBLISHERS };	/* of the app it is about */

struct ending {
	const char *subject;		/* what ends: a uuid, a fingerprint; another one is another ending */
	const char *name;		/* as people call it: "Canteen", "apps.example.com" */
	const char *bundle_id;		/* the app it is about; NULL: none */
	time_t ends;
	int64_t devices, people;	/* whom it touches; -1: does not apply */
	const char *doing;		/* a word of the page: "renewing", "nothing", ...; what is done about it */
	const char *href;		/* of the page where one does something about it */
};

struct ending_source {
	const char *kind;		/* "provision"; also a word of the page: ending_provision */
	enum ending_for whom;
	/* Calls `add` for each that ends before `until`, and for those that ended within the last 90 days. */
	bool (*list)(TALLOC_CTX *ctx, struct site *site, time_t until,
		     bool (*add)(void *arg, const struct ending *ending), void *arg, struct err *err);
};

extern const struct ending_source ending_sources[];	/* ends with kind NULL */
