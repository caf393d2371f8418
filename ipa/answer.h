#pragma once
/*
 * answer - what the inspect child writes to its parent, and the parent's suspicious reading of it.
 *
 * Three sections, each after its length in 32 bits, big-endian, and nothing else: JSON (the facts,
 * or {"error":{...}}), the icon of 57 pixels, the icon of 512; an icon may be empty.
 */
#include "core/buf.h"
#include "ipa/inspect.h"

/* The facts, or with inspect NULL the error. */
void answer_write(struct buf *out, const struct inspect *inspect, const struct err *err);

enum answer { ANSWER_FACTS, ANSWER_REFUSED, ANSWER_NONSENSE };

/* *ret is set for facts, *err for a refusal. */
enum answer answer_read(TALLOC_CTX *ctx, struct bytes answer, struct inspect **ret, struct err *err);
