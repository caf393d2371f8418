#pragma once
/*
 * check_ldap - an LDAP server for unit tests that says what a real one cannot be made to say: Active
 * Directory's own answers, pages, referrals, nonsense.
 *
 * It answers on a thread of its own; `answer` gets each request and writes what it likes.
 */
#include <ldap.h>
#include <stdatomic.h>
#include "tests/check.h"

struct fake_ask {
	int fd, id;
	ber_tag_t op;			/* LDAP_REQ_BIND, LDAP_REQ_SEARCH ... */
	const char *dn;			/* of a bind; base of a search */
	const char *password;
	int scope;
	struct bytes raw;		/* the whole request, to look for texts in it */
	void *arg;
};

struct fake_ldap {
	char url[40];
	atomic_int connections, asked;
};

/* Ends with ctx. */
struct fake_ldap *fake_ldap(TALLOC_CTX *ctx, void (*answer)(const struct fake_ask *ask), void *arg);

bool fake_has(const struct fake_ask *ask, const char *text);	/* anywhere in the request */
void fake_result(const struct fake_ask *ask, ber_tag_t op, int code, const char *words);
/* attributes: name, value, name, value ..., NULL; a value beginning with "hex:" is bytes */
void fake_entry(const struct fake_ask *ask, const char *dn, const char *const *attributes);
/* The end of a search that goes on: with the cookie of the next page, "" for none. */
void fake_page(const struct fake_ask *ask, const char *cookie);
