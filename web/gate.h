#pragma once
/*
 * gate - is this request head one that everybody between the client and us reads the same way?
 *
 * libmicrohttpd is generous where an attacker profits: it takes the first of two Content-Length
 * headers, any Transfer-Encoding, names with blanks, folded lines, and values that stop at a NUL.
 * The gate refuses whatever a proxy in front could have read otherwise; the caller closes the
 * connection after every refusal, so nothing behind the head is taken for a request.
 *
 * Pure: no HTTP library, fuzzed as it is.
 */
#include "web/fields.h"

#define GATE_FIELDS_MAX	128	/* header lines */

/* The head as the library shows it, and - when `start` is set - as it lies in memory. */
struct gate_head {
	const char *method, *target, *version;
	const struct field *fields;
	size_t fields_n;
	/*
	 * The library reads in place: method, version, names and values are then slices of
	 * start[0..size), and what lies between them must be the line ends and nothing else.  That
	 * shows a NUL inside a value, a folded line and a bare LF, which it otherwise hides.
	 */
	const char *start;
	size_t size;
};

struct gate_pass {
	const char *path;	/* decoded; begins with '/', or is "*" */
	struct bytes query;	/* as sent, behind the '?'; slice of head.target, escapes are whole */
	int64_t length;		/* Content-Length; -1: none */
	bool chunked;
};

/* Refusals are ERR_MALFORMED, or ERR_LIMIT for a target that is too long. */
bool gate_check(TALLOC_CTX *ctx, const struct gate_head *head, struct gate_pass *ret,
		struct err *err) CHECKED;

/* Cuts blanks behind values, which the library leaves; after gate_check, which must see them. */
void gate_trim(TALLOC_CTX *ctx, struct field *fields, size_t n);

/* The target alone: origin, absolute or asterisk form; `host` (may be NULL) must agree with it. */
bool gate_target(TALLOC_CTX *ctx, const char *target, const char *host, struct gate_pass *ret,
		 struct err *err) CHECKED;
