#pragma once
/*
 * check_renewal - a house whose devices hold an app with an extension, com.example.stock, under provisions "old-app" and
 * "old-ext" that end in 40 days; and the rows of which such a house is made.
 */
#include "tests/check_house.h"

struct house stock_house(TALLOC_CTX *ctx);	/* with one device, "d1" */
/* With n of them, "d1" and so on; "new-app" and "new-ext" are there, and planned for all. */
struct house fleet(TALLOC_CTX *ctx, int n);

int64_t days(int n);	/* from now */
void device(struct house *h, const char *id);
void holds(struct house *h, const char *id, const char *app);	/* "1.0 (7)" of it */
void lists(struct house *h, const char *id, const char *uuid);

void provision(struct house *h, const char *uuid, const char *app_id, int ends, const char *udid);	/* udid: ad hoc, for it alone */
void fits(struct house *h, const char *build, const char *path, const char *uuid);
void newer(struct house *h, const char *uuid, const char *app_id, const char *path, int ends);	/* fits com.example.stock there */
/* A bundle of build "1.0 (7)" of `app`, under its own provision. */
void bundle(struct house *h, const char *app, const char *path, const char *own, int ends, int certificate);

void plan(struct house *h, const char *id);
const char *rows_of(TALLOC_CTX *ctx, struct house *h);	/* "install new-app wanted, ..." of all rows */
