#pragma once
/*
 * check_house - a catalog of its own for a test: database, files, a few people, and builds by one call.
 */
#include "tests/check.h"
#include "catalog/build.h"
#include "catalog/channel.h"
#include "core/blob.h"

#define PASSWORD	"a good password"

struct house {
	const char *dir;
	struct db *db;
	struct blobs *blobs;
	struct person *paul, *anna, *mia;	/* publisher, admin, member */
};

struct house house(TALLOC_CTX *ctx);	/* at noon of 2026-11-22 */
void set_now(const struct house *h, const char *iso);
struct person *person(TALLOC_CTX *ctx, struct house *h, const char *name, enum role role);

/* What an upload is, as far as the catalog is concerned. */
struct sent {
	const char *bundle_id, *name, *version, *build, *kind, *expires, *channel;
	const struct person *by;	/* NULL: paul */
};

bool publish(TALLOC_CTX *ctx, struct house *h, struct sent s, char **id, bool *fresh, struct err *err);
char *published(TALLOC_CTX *ctx, struct house *h, struct sent s);
