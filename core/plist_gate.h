#pragma once
/*
 * plist_gate - the two halves of the gate (core/plist.h says what it is for).
 *
 * Each walks the whole file once, in memory that the limits bound, and accepts nothing that it and
 * libplist could read differently.
 */
#include "core/mem.h"

#define PLIST_DICT_MAX		2000		/* keys of a dictionary: libplist compares colliding ones in pairs */
#define PLIST_EXPANDED_MAX	(16u << 20)	/* texts and data of a binary plist, each time they appear */

/* A bound was passed, or a trick was tried. */
#define plist_hostile(err, ...)	err_code((err), ERR_INVALID, "hostile_plist", __VA_ARGS__)
/* Not a property list. */
#define plist_bad(err, ...)	err_code((err), ERR_INVALID, "bad_plist", __VA_ARGS__)

bool plist_gate_binary(struct bytes bytes, struct err *err) CHECKED;
bool plist_gate_xml(struct bytes bytes, struct err *err) CHECKED;	/* without a byte order mark */

/* Is this the content of <integer>, <real> or <date>, and does libplist read it as we do? */
bool plist_word_is(const char *tag, const char *text);
