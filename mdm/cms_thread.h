#pragma once
/*
 * cms_thread - what each thread has of OpenSSL for itself: a library context, and in it what the thread made
 * of things that all share (certificates we believe, keys of the CA).  For mdm/cms*.c, ca*.c and scep*.c.
 */
#include "mdm/cms.h"

#define CMS_THREAD_KEPT	16	/* things of one thread; the one not used for longest makes room */

bool cms_thread_lib(OSSL_LIB_CTX **ret, struct err *err) CHECKED;

/* How a thread makes its own of a shared thing, in its own context, and what it does in the end. */
struct cms_thread_kind {
	bool (*make)(const void *of, OSSL_LIB_CTX *lib, void **ret, struct err *err);
	void (*release)(void *made);
};

uint64_t cms_thread_id(void);	/* for a shared thing; never the same again */

/* This thread's own, made when it is first asked for; lent, until CMS_THREAD_KEPT others were asked for. */
bool cms_thread_own(uint64_t id, const struct cms_thread_kind *kind, const void *of, void **ret,
		    struct err *err) CHECKED;

/* Does a chain lead from the signer to one of these, whatever the time?  `certs` are the message's. */
bool cms_trust_vouches(const struct cms_trust *trust, X509 *signer, STACK_OF(X509) *certs, bool *ret,
		       struct err *err) CHECKED;
