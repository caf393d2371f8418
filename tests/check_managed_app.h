#pragma once
/* check_managed_app - a house in which mia's device "d1" has an app by us. */
#include "tests/check_house.h"

#define APP	"com.example.app"

/* It has build 1; the app is kept current, and goes when she leaves the audience "them". */
struct house with_app(TALLOC_CTX *ctx, char **build_id);

/* "state cause build_id why" of its row, planned anew; "": no row. */
const char *planned(TALLOC_CTX *ctx, struct house *h);

int64_t at_any_time(void *arg, const char *hours, const char *zone);	/* what a sweep asks: no hours are kept */
