#pragma once
/*
 * check_story - a data directory with its site and a clock that the test moves, for stories of what ends.
 */
#include "tests/check_house.h"
#include "core/clock.h"
#include "web/site.h"

#define STORY_BEGIN	1798779600	/* 2027-01-01T05:00:00Z: its day 0 */
#define STORY_MAIL	"smtp {\n\turl = \"smtp://127.0.0.1:1\"\n\tfrom = \"apps@example.com\"\n}\n"

struct story {
	TALLOC_CTX *ctx;
	struct house house;
	struct site *site;
	struct db *db;
	const char *file;
};

struct story story_begin(TALLOC_CTX *ctx, const char *more);	/* more: settings */
void story_at(struct story *w, time_t now);
void story_day(struct story *w, int day);	/* five in the morning of it */

static inline time_t
noon_of(int day)
{
	return STORY_BEGIN + (time_t)day * DAY_S + 7 * HOUR_S;
}

#define story_run(w, ...) do { struct err err_; assert_ok(db_run((w)->db, &err_, __VA_ARGS__), &err_); } while (0)
int64_t story_number(struct story *w, const char *sql);
const char *story_text(struct story *w, const char *sql);

struct person *story_human(struct story *w, const char *name, enum role role, const char *email);
/* An enrolled device with this identity; a second time: with another one. */
void story_device(struct story *w, const char *id, const char *identity, time_t ends, time_t seen);
