#pragma once
/*
 * crowd - how many connections each address has, so that one cannot take them all.
 *
 * IPv6 counts by /64, which is what one customer has.
 */
#include "web/address.h"

struct crowd;

struct crowd *crowd_new(TALLOC_CTX *ctx, int each_max);	/* 0: no limit */
bool crowd_has_room(struct crowd *crowd, const struct address *address);
void crowd_enter(struct crowd *crowd, const struct address *address);
void crowd_leave(struct crowd *crowd, const struct address *address);
