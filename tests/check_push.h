#pragma once
/*
 * check_push - enrolled devices, a push certificate and the fake APNs, for tests of mdm/push*.  Who uses it is
 * called test_push*: those programs have the fake.
 */
#include "tests/check_house.h"
#include "core/conf.h"
#include "mdm/push_certificate.h"
#include "mdm/push_due.h"
#include "mdm/pusher.h"
#include "tests/device/apns.h"

#define TOPIC		"com.apple.mgmt.External.11111111-1111-4111-8111-111111111111"
#define OTHER_TOPIC	"com.apple.mgmt.External.22222222-2222-4222-8222-222222222222"
#define TOKEN_SIZE	32

struct push_house {
	struct house h;
	struct db *db;
	struct sealer *sealer;
	const char *apns_dir;
	struct fake *apns;
	struct conf conf;
	struct pusher *pusher;
	int devices;
};

struct push_house *push_house(TALLOC_CTX *ctx);	/* noon of 2026-11-22; the fake serves, the worker does not run */
void push_later(struct push_house *p, int64_t seconds);	/* the clock goes on */

/* An enrolled device; its enrollment's id is "e<n>" with n from 0, its token begins with that number. */
const char *push_device(TALLOC_CTX *ctx, struct push_house *p, const char *topic);
void push_devices(struct push_house *p, int n);	/* of TOPIC */
struct bytes push_token(TALLOC_CTX *ctx, int n);
const char *push_token_hex(TALLOC_CTX *ctx, int n);

void push_import_new(struct push_house *p, const char *topic);	/* a certificate of the fake's, with its key */
void push_start(struct push_house *p);
void push_stop(struct push_house *p);
void push_wants(struct push_house *p, const char *enrollment_id);	/* asks now, and wakes the worker */

int64_t push_number(struct push_house *p, const char *sql);	/* of a query's first column */
const char *push_say(struct push_house *p, const char *line);	/* at the fake's door */
int64_t push_counted(struct push_house *p, const char *name);	/* of the fake's counts; "answers.410" goes deeper */

/* Each waits a minute at most, then ends the test. */
void push_until(struct push_house *p, const char *sql, int64_t is);
const char *push_until_stuck(struct push_house *p);	/* the words for people */

/* Waits until what is counted is so much at least, a minute at most; then ends the test. */
void push_until_counted(struct push_house *p, const char *name, int64_t least);
void push_until_due(struct push_house *p, int64_t rows);	/* until so many rows are left */
