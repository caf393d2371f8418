#include "check.h"
#include "core/num.h"
#include "core/seal.h"

static const char master[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";

static struct sealer *
sealer_of(TALLOC_CTX *ctx, const char *key)
{
	struct sealer *sealer;
	struct err err;

	assert_ok(sealer_new(ctx, (struct bytes){ key, strlen(key) }, &sealer, &err), &err);
	return sealer;
}

static void
what_was_sealed_comes_out_again(void **state)
{
	struct sealer *sealer = sealer_of(*state, master);
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, 100000 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		unsigned char *plain = mem_size(*state, sizes[i] + 1);
		struct bytes sealed, out;
		struct err err;

		memset(plain, (int)i + 'a', sizes[i]);
		assert_ok(seal(*state, sealer, "thing:1", (struct bytes){ plain, sizes[i] }, &sealed, &err), &err);
		assert_true(sealed.len > sizes[i] && sealed.len <= sizes[i] + SEAL_OVERHEAD);
		assert_ok(unseal(*state, sealer, "thing:1", sealed, &out, &err), &err);
		assert_int_equal(out.len, sizes[i]);
		assert_memory_equal(out.p, plain, sizes[i]);
	}
}

static void
the_same_secret_never_looks_the_same(void **state)
{
	struct sealer *sealer = sealer_of(*state, master);
	struct bytes a, b;
	struct err err;

	assert_ok(seal(*state, sealer, "thing", (struct bytes){ "a secret", 8 }, &a, &err), &err);
	assert_ok(seal(*state, sealer, "thing", (struct bytes){ "a secret", 8 }, &b, &err), &err);
	assert_int_equal(a.len, b.len);
	assert_memory_not_equal((const char *)a.p + 1, (const char *)b.p + 1, 16);
	assert_memory_not_equal((const char *)a.p + 17, (const char *)b.p + 17, a.len - 17);
	assert_null(memmem(a.p, a.len, "a secret", 8));
}

static void
another_key_or_another_name_opens_nothing(void **state)
{
	struct sealer *sealer = sealer_of(*state, master), *other = sealer_of(*state, "another key of enough bytes");
	struct bytes sealed, out = { "untouched", 9 };
	struct err err;

	assert_ok(seal(*state, sealer, "authority:1", (struct bytes){ "key", 3 }, &sealed, &err), &err);
	assert_false(unseal(*state, other, "authority:1", sealed, &out, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_string_equal(err.code, "wrong_key");
	assert_false(unseal(*state, sealer, "authority:2", sealed, &out, &err));
	assert_string_equal(err.code, "wrong_key");
	assert_string_equal(out.p, "untouched");
}

static void
a_changed_or_shortened_seal_opens_nothing(void **state)
{
	struct sealer *sealer = sealer_of(*state, master);
	struct bytes sealed, out;
	unsigned char *copy;
	struct err err;

	assert_ok(seal(*state, sealer, "n", (struct bytes){ "twelve bytes", 12 }, &sealed, &err), &err);
	copy = mem_copy(*state, sealed.p, sealed.len);
	for (size_t i = 0; i < sealed.len; i++) {
		copy[i] ^= 1;
		assert_false(unseal(*state, sealer, "n", (struct bytes){ copy, sealed.len }, &out, &err));
		assert_string_equal(err.code, i ? "wrong_key" : "unknown_seal");
		copy[i] ^= 1;
		assert_false(unseal(*state, sealer, "n", (struct bytes){ copy, i }, &out, &err));
	}
	assert_ok(unseal(*state, sealer, "n", (struct bytes){ copy, sealed.len }, &out, &err), &err);
}

static void
white_space_around_a_master_key_does_not_count(void **state)
{
	struct sealer *a = sealer_of(*state, "sixteen bytes at"), *b = sealer_of(*state, " sixteen bytes at\r\n");
	struct sealer *none;
	struct bytes sealed, out;
	struct err err;

	assert_ok(seal(*state, a, "n", (struct bytes){ "x", 1 }, &sealed, &err), &err);
	assert_ok(unseal(*state, b, "n", sealed, &out, &err), &err);
	assert_false(sealer_new(*state, (struct bytes){ "fifteen bytes..\n", 16 }, &none, &err));
	assert_int_equal(err.kind, ERR_INVALID);
}

/* Made by another program after the words of core/seal.h: what is at rest must open for ever. */
static void
seals_of_version_1_open_for_ever(void **state)
{
	static const char hex[] =
		"01000102030405060708090a0b0c0d0e0ff8aba46302c15996f77b787697b6e455"
		"b6f8c4599a023ba14f9828f2d69537e7ed73c51fedc568b39e36";
	unsigned char sealed[sizeof hex / 2];
	struct bytes out;
	struct err err;

	assert_true(num_unhex(hex, sealed, sizeof sealed));
	assert_ok(unseal(*state, sealer_of(*state, master), "authority:example",
			 (struct bytes){ sealed, sizeof sealed }, &out, &err), &err);
	assert_int_equal(out.len, 26);
	assert_memory_equal(out.p, "what was sealed once, long", 26);
}

TESTS(what_was_sealed_comes_out_again, the_same_secret_never_looks_the_same,
      another_key_or_another_name_opens_nothing, a_changed_or_shortened_seal_opens_nothing,
      white_space_around_a_master_key_does_not_count, seals_of_version_1_open_for_ever)
