#include "check_ca.h"

struct sealer *
test_sealer(TALLOC_CTX *ctx)
{
	struct sealer *sealer;
	struct err err = { 0 };

	assert_ok(sealer_new(ctx, (struct bytes){ "a master key for tests alone", 28 }, &sealer, &err), &err);
	return sealer;
}

static struct ca *
open_ca(TALLOC_CTX *ctx, struct db *db, bool under_root)
{
	void *tmp SCOPED(mem) = talloc_new(NULL);
	struct ca_make_wish wish = { .name = "Example", .base_url = TEST_CA_URL };
	struct sealer *sealer = test_sealer(ctx);
	struct err err = { 0 };
	struct ca_made made;
	struct ca *ca;

	assert_ok(ca_make_look(db, &wish, &err), &err);
	assert_ok(under_root ? ca_make_under_root(tmp, sealer, &wish, (struct bytes){ 0 }, (struct bytes){ 0 }, &made, &err)
			     : ca_make_single(tmp, sealer, &wish, &made, &err), &err);
	assert_ok(ca_make_keep(db, "cli", "ca.make", &wish, &made, &err), &err);
	assert_ok(ca_open(ctx, db, sealer, TEST_CA_URL, &ca, &err), &err);
	return ca;
}

struct ca *
test_ca(TALLOC_CTX *ctx, struct db *db)
{
	return open_ca(ctx, db, false);
}

struct ca *
test_ca_under_root(TALLOC_CTX *ctx, struct db *db)
{
	return open_ca(ctx, db, true);
}
