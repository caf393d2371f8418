#pragma once
/*
 * check_house - a catalog of its own for a test: database, files, a few people, and builds by one call.
 */
#include "tests/check.h"
#include "catalog/build.h"
#include "catalog/channel.h"
#include "catalog/link.h"
#include "core/blob.h"

#define PASSWORD	"a good password"

struct house {
	const char *dir;
	struct db *db;
	struct blobs *blobs;
	struct link_key key;
	struct person *paul, *anna, *mia;	/* publisher, admin, member */
	char *build;			/* for a test that is about one; NULL */
};

struct house house(TALLOC_CTX *ctx);	/* at noon of 2026-11-22 */
void set_now(const struct house *h, const char *iso);

/* SQL, which must succeed; and the first column of the first row, which must be there. */
void sql(const struct house *h, const char *text);
int64_t sql_int(const struct house *h, const char *text);
char *sql_text(TALLOC_CTX *ctx, const struct house *h, const char *text);

struct person *person(TALLOC_CTX *ctx, struct house *h, const char *name, enum role role);
struct person *publisher_of(TALLOC_CTX *ctx, struct house *h, const char *name, const char *bundle_id);	/* and of no other app */

/* What an upload is, as far as the catalog is concerned. */
struct sent {
	const char *bundle_id, *name, *version, *build, *kind, *expires, *channel;
	const char *provision;		/* its UUID, and other bytes for another one; NULL: none is told */
	const struct person *by;	/* NULL: paul */
};

bool publish(TALLOC_CTX *ctx, struct house *h, struct sent s, char **id, bool *fresh, struct err *err);
char *published(TALLOC_CTX *ctx, struct house *h, struct sent s);
/* The same of an app with these facts, which are taken. */
bool publish_facts(TALLOC_CTX *ctx, struct house *h, json_t *facts, const char *channel, const struct person *by, char **id,
		   bool *fresh, struct err *err);
