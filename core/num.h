#pragma once
/*
 * num - numbers from text, and text for people from numbers.
 */
#include <stdint.h>
#include "core/mem.h"

/* Decimal digits (with '-' where min < 0) and nothing else; outside min..max is ERR_INVALID. */
bool num_parse(const char *text, int64_t min, int64_t max, int64_t *ret, struct err *err) CHECKED;

/* "48 MB", "1.2 GB", "312 bytes": powers of 1000, as iOS shows sizes. */
char *num_size(TALLOC_CTX *ctx, int64_t bytes);

int num_hex_digit(char c);	/* 0 to 15; -1: none */

/* In lower case, and a NUL: len * 2 + 1 characters.  Returns text. */
char *num_hex(const void *p, size_t len, char *text);
/* Hexadecimal text of exactly len * 2 digits into p; false when it is anything else. */
bool num_unhex(const char *text, void *p, size_t len) CHECKED;

/* Base64 or base64url, padded or not, white space skipped; belongs to ctx; false when malformed. */
bool num_unbase64(TALLOC_CTX *ctx, const char *text, size_t len, struct bytes *ret) CHECKED;

/* Version strings as iOS compares them: numeric parts by dots; "16.4" < "16.10".  <0, 0, >0. */
int num_version_compare(const char *a, const char *b);
/*
 * Of two releases, each a version as people say it and the number of its build: by the versions, since numbers of
 * builds may begin anew with each, and where they are equal, or one is not known (NULL, ""), by the builds.
 */
int num_release_compare(const char *a_version, const char *a_build, const char *b_version, const char *b_build);
