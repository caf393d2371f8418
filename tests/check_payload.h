#pragma once
/*
 * check_payload - payloads made of Apple's facts: with every key, or at random.
 *
 * A form made here has an identity ("identity") and an authority ("authority") that certificates refer to.
 */
#include <jansson.h>
#include "tests/check.h"
#include "mdm/payload_fact.h"

/* The keys of a payload.  seed NULL: all of them, with one item in each list; else what chance gives. */
json_t *test_payload_keys(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed);

/* A form of this payload alone, and of those that it refers to. */
json_t *test_payload_form(TALLOC_CTX *ctx, const struct apple_fact *fact, unsigned *seed);

/* A form of several payloads at random, that a judge should take; what it has of variables is %username%. */
json_t *test_form_at_random(TALLOC_CTX *ctx, unsigned *seed);

unsigned test_dice(unsigned *seed, unsigned n);	/* 0 to n - 1 */
