#pragma once
/*
 * audience - who sees a channel: everyone, people and groups, combined by any, all and not.
 *
 * What a channel's audience comes to is kept for each person in audience_person, so that the right to
 * see is part of each query.  Whoever changes a cause (a person, a group, an audience) calls the
 * matching refresh in the same transaction.
 */
#include "catalog/person.h"

/* A person is new, or their groups have changed: every channel again, for them. */
bool audience_refresh_person(struct db *tx, const char *person_id, struct err *err) CHECKED;
