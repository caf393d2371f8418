#pragma once
/*
 * cms_thread - what each thread has of OpenSSL for itself: a library context, and in it the
 * certificates we believe.  cms.c's own.
 */
#include "mdm/cms.h"

bool cms_thread_lib(OSSL_LIB_CTX **ret, struct err *err) CHECKED;

/* Does a chain lead from the signer to one of these, whatever the time?  `certs` are the message's. */
bool cms_trust_vouches(const struct cms_trust *trust, X509 *signer, STACK_OF(X509) *certs, bool *ret,
		       struct err *err) CHECKED;
