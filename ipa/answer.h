#pragma once
/*
 * answer - what the inspect child writes to its parent, and the parent's suspicious reading of it.
 *
 * Sections, each after its length in 32 bits, big-endian, and nothing else: JSON (the facts, or
 * {"error":{...}}), then the icon in each of ICON_SIZES, which may be empty.
 */
#include "core/buf.h"
#include "ipa/inspect.h"

/* The facts, or with inspect NULL the error. */
void answer_write(struct buf *out, const struct inspect *inspect, const struct err *err);

enum answer { ANSWER_FACTS, ANSWER_REFUSED, ANSWER_NONSENSE };

/* *ret is set for facts, *err for a refusal. */
enum answer answer_read(TALLOC_CTX *ctx, struct bytes answer, bool alone, struct inspect **ret, struct err *err);
