#pragma once
/*
 * setting - the few things the console's settings page keeps: the company's name, colour and logo.
 */
#include "core/db.h"

#define SETTING_MAX 1024	/* bytes of a value */

/* NULL when it was never set; belongs to ctx. */
bool setting_get(TALLOC_CTX *ctx, struct db *db, const char *key, char **ret, struct err *err) CHECKED;

/* All of them or none; `settings` ends with key NULL. */
struct setting {
	const char *key, *value;
};
bool setting_set(struct db *db, const char *actor, const struct setting *settings, struct err *err) CHECKED;
